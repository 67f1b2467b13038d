//! Is every block what its language says, and does the filter take every configuration that is shown?

use std::collections::BTreeSet;

use llm_breaker::config::Config;
use serde_json::{Map, Value, json};

use crate::markdown::{Block, blocks};
use crate::repository;

/// What a block may be; `text` is for what programs print.
const LANGUAGES: [&str; 8] = ["json", "mermaid", "promql", "rust", "sh", "text", "toml", "yaml"];

fn of(language: &str) -> Vec<Block> {
    let found: Vec<_> = blocks().into_iter().filter(|block| block.language == language).collect();
    assert!(!found.is_empty(), "no {language}");
    found
}

/// The fields of a document and of a policy, by the schema that is made of the parser.
fn fields() -> [BTreeSet<String>; 2] {
    let schema: Value =
        serde_json::from_str(&repository::read("docs/configuration.schema.json")).expect("JSON");
    let names = |object: &Value| -> BTreeSet<String> {
        object["properties"].as_object().expect("properties").keys().cloned().collect()
    };
    let mut defaults = &schema["properties"]["defaults"];
    while let Some(place) = defaults["$ref"].as_str() {
        defaults = schema.pointer(place.trim_start_matches('#')).expect("a definition");
    }
    [names(&schema), names(defaults)]
}

/// The configuration that a block shows: whole, as Envoy wraps it, or a part of a policy.
fn configuration(shown: &Value, [document, policy]: &[BTreeSet<String>; 2]) -> Option<Value> {
    let shown = shown.as_object()?;
    if let Some(wrapped) = shown.get("configuration") {
        return Some(wrapped["value"].clone());
    }
    let all_in = |names: &BTreeSet<String>| shown.keys().all(|key| names.contains(key));
    if all_in(document) {
        return Some(json!(shown));
    }
    // Parts of both stand side by side where a document says only what it is about.
    let is_known = |key: &String| document.contains(key) || policy.contains(key);
    shown.keys().all(is_known).then(|| {
        let (whole, part): (Map<_, _>, Map<_, _>) =
            shown.clone().into_iter().partition(|(key, _)| document.contains(key));
        let mut whole = whole;
        whole.insert("defaults".into(), json!(part));
        json!(whole)
    })
}

#[test]
fn every_block_says_its_language() {
    let unknown = |block: &Block| !LANGUAGES.contains(&block.language.as_str());
    let unknown: Vec<_> = blocks().into_iter().filter(unknown).map(|block| block.place).collect();
    assert_eq!(unknown, [] as [String; 0], "none of {LANGUAGES:?}");
}

#[test]
fn the_filter_takes_every_configuration_that_is_shown() {
    let fields = fields();
    let schema: Value =
        serde_json::from_str(&repository::read("docs/configuration.schema.json")).expect("JSON");
    let schema = jsonschema::options().build(&schema).expect("a schema");
    let (mut judged, mut wrong) = (0, Vec::new());
    for Block { place, text, .. } in of("yaml") {
        let shown: Vec<Value> = match serde_saphyr::from_multiple(&text) {
            Ok(shown) => shown,
            Err(error) => {
                wrong.push(format!("{place}: {error}"));
                continue;
            }
        };
        for configuration in shown.iter().filter_map(|shown| configuration(shown, &fields)) {
            judged += 1;
            if let Err(errors) = Config::parse(configuration.to_string().as_bytes()) {
                wrong.push(format!("{place}: {errors}"));
            }
            if let Err(error) = schema.validate(&configuration) {
                wrong.push(format!("{place}: the schema says {error}"));
            }
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
    assert!(judged >= 5, "{judged}: they are written in another way");
}

#[test]
fn json_is_json() {
    for Block { place, text, .. } in of("json") {
        let is_document = serde_json::from_str::<Value>(&text).is_ok();
        let mut lines = text.lines();
        let is_right = is_document
            || lines.all(|line| serde_json::from_str::<Value>(line).is_ok_and(|it| it.is_object()));
        assert!(is_right, "{place}");
    }
}

#[test]
fn what_is_not_a_configuration_is_not_taken_for_one() {
    let fields = fields();
    for (shown, is_taken) in [
        (json!({"defaults": {}}), true),
        (json!({"configuration": {"@type": "…", "value": {"breakers": []}}}), true),
        (json!({"matchers": [], "stop_iteration": true}), true),
        (json!({"route": {"timeout": "0s"}}), false),
        (json!({"apiVersion": "v1", "kind": "Service"}), false),
        (json!([]), false),
    ] {
        assert_eq!(configuration(&shown, &fields).is_some(), is_taken, "{shown}");
    }
}
