//! What may a breaker be keyed by?

use serde_json::{Value, json};

use super::{lines, parse, parsed, paths};
use crate::category::Category;
use crate::dialect::Dialect;
use crate::policy::KeyBy;

#[test]
fn every_provider_has_its_name_and_auto_is_none_of_them() {
    let provider = |name| parsed(json!({"defaults": {"provider": name}})).defaults.provider;
    for dialect in Dialect::ALL {
        assert_eq!(provider(dialect.name()), Some(dialect));
    }
    assert_eq!(provider("auto"), None);
}

#[test]
fn a_key_is_a_word_or_a_header_with_its_values() {
    let key = |key: Value| paths(json!({"defaults": {"key_by": key, "models": ["m"]}}));
    for good in [
        json!("cluster"),
        json!("model"),
        json!({"header": "X-Team", "values": ["a", "A", "b c", "*"]}),
    ] {
        assert_eq!(key(good), [""; 0]);
    }
    assert_eq!(
        lines(json!({"defaults": {"key_by": "header"}})),
        [
            "defaults.key_by: \"header\" is wrong; allowed: cluster, model, or an object of header and \
          values"
        ]
    );
    for (wrong, expected) in [
        (json!(["model"]), &["key_by"][..]),
        (json!({}), &["key_by.header", "key_by.values"]),
        (json!({"header": "x-team"}), &["key_by.values"]),
        (json!({"header": "x-team", "values": []}), &["key_by.values"]),
        (json!({"header": "x-team", "values": "a"}), &["key_by.values"]),
        (json!({"header": ":path", "values": ["a"]}), &["key_by.header"]),
        (json!({"header": "x-llm-breaker", "values": ["a"]}), &["key_by.header"]),
        (json!({"header": "x-team", "values": ["a"], "value": "b"}), &["key_by.value"]),
        (
            json!({"header": "x-team", "values": ["a", "other", "", "a", 1, "\n"]}),
            &[
                "key_by.values[1]",
                "key_by.values[2]",
                "key_by.values[3]",
                "key_by.values[4]",
                "key_by.values[5]",
            ],
        ),
    ] {
        let expected: Vec<_> = expected.iter().map(|path| format!("defaults.{path}")).collect();
        assert_eq!(key(wrong.clone()), expected, "{wrong}");
    }
}

#[test]
fn a_name_is_given_once_and_is_not_the_one_of_all_the_rest() {
    assert_eq!(
        lines(json!({"defaults": {"models": ["gpt*", "", "gpt*", "other", "a\u{7}"]}})),
        [
            "defaults.models[1]: \"\" is wrong; allowed: a glob of 1 to 256 bytes without control \
             characters, and not \"other\", which names the breaker of all the rest",
            "defaults.models[2]: \"gpt*\" is wrong; allowed: no repetition of models[0]",
            "defaults.models[3]: \"other\" is wrong; allowed: a glob of 1 to 256 bytes without \
             control characters, and not \"other\", which names the breaker of all the rest",
            "defaults.models[4]: \"a\\u0007\" is wrong; allowed: a glob of 1 to 256 bytes without \
             control characters, and not \"other\", which names the breaker of all the rest",
        ]
    );
}

#[test]
fn lists_of_names_are_bounded() {
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let models = |count| json!({"defaults": {"models": names(count)}});
    assert_eq!(parsed(models(256)).defaults.models.len(), 256);
    assert_eq!(
        parse(&models(257)).unwrap_err().iter().next().unwrap().allowed,
        "a list of 0 to 256 globs"
    );
    let values = |count| json!({"defaults": {"key_by": {"header": "a", "values": names(count)}}});
    let KeyBy::Header { values: all, .. } = parsed(values(256)).defaults.key_by else {
        panic!("a header")
    };
    assert_eq!(all, names(256));
    assert_eq!(paths(values(257)), ["defaults.key_by.values"]);
}

#[test]
fn what_concerns_the_whole_provider_is_any_category_that_is_no_success() {
    let good: Vec<_> = Category::ALL
        .into_iter()
        .filter(|category| !matches!(category, Category::Success | Category::Slow))
        .collect();
    let names: Vec<_> = good.iter().map(|category| category.name()).collect();
    let config = parsed(json!({"defaults": {"provider_wide": names}}));
    assert_eq!(config.defaults.provider_wide, good);
    let wrong = json!(["success", "slow", "tired", "overloaded", "overloaded", 429]);
    assert_eq!(
        paths(json!({"defaults": {"provider_wide": wrong}})),
        [0, 1, 2, 4, 5].map(|index| format!("defaults.provider_wide[{index}]"))
    );
}
