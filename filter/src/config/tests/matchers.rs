//! What may a matcher recognise?

use serde_json::{Value, json};

use super::{lines, parsed, paths};
use crate::category::Category;

fn wrong(matchers: Value) -> Vec<String> {
    paths(json!({"defaults": {"matchers": matchers}}))
}

#[test]
fn a_matcher_looks_at_something_and_says_what_it_is() {
    assert_eq!(
        lines(json!({"defaults": {"matchers": [
            {"category": "timeout"},
            {"status": 403},
            {"status": 600, "category": "slow"},
            {"status": null, "header": null, "json": null, "category": null},
        ]}})),
        [
            "defaults.matchers[0]: {\"category\": …} is wrong; allowed: at least one of \
             status, header, json",
            "defaults.matchers[1].category: missing; allowed: one of success, rate_limited, \
             quota_exhausted, overloaded, server_error, timeout, connection_failed, \
             connection_reset, stream_interrupted, invalid_response, authentication, \
             content_filtered, context_length, client_error, cancelled, local",
            "defaults.matchers[2].status: 600 is wrong; allowed: a whole number from 100 to 599",
            "defaults.matchers[2].category: \"slow\" is wrong; allowed: one of success, \
             rate_limited, quota_exhausted, overloaded, server_error, timeout, connection_failed, \
             connection_reset, stream_interrupted, invalid_response, authentication, \
             content_filtered, context_length, client_error, cancelled, local",
            "defaults.matchers[3].category: missing; allowed: one of success, rate_limited, \
             quota_exhausted, overloaded, server_error, timeout, connection_failed, \
             connection_reset, stream_interrupted, invalid_response, authentication, \
             content_filtered, context_length, client_error, cancelled, local",
            "defaults.matchers[3]: {\"category\": …, \"header\": …, \"json\": …, \"status\": …} is \
             wrong; allowed: at least one of status, header, json",
        ]
    );
    for category in Category::ALL.into_iter().filter(|category| *category != Category::Slow) {
        let matchers = json!([{"status": 418, "category": category.name()}]);
        let read = parsed(json!({"defaults": {"matchers": matchers}})).defaults.matchers;
        assert_eq!(read[0].category, category);
    }
}

#[test]
fn a_text_is_compared_in_exactly_one_way() {
    assert_eq!(
        lines(json!({"defaults": {"matchers": [
            {"header": {"name": "x-error"}, "category": "timeout"},
            {"json": {"path": "code", "equals": "a", "prefix": "b"}, "category": "timeout"},
        ]}})),
        [
            "defaults.matchers[0].header: {\"name\": …} is wrong; allowed: exactly one of \
             equals, contains, prefix",
            "defaults.matchers[1].json: {\"equals\": …, \"path\": …, \"prefix\": …} is wrong; \
             allowed: exactly one of equals, contains, prefix",
        ]
    );
    let (longest, longer) = ("x".repeat(128), "x".repeat(129));
    let text = |text: Value| {
        wrong(json!([{"header": {"name": "a", "contains": text}, "category": "local"}]))
    };
    assert_eq!(text(json!(longest)), [""; 0]);
    for no_text in [json!(""), json!(longer), json!(429)] {
        assert_eq!(text(no_text), ["defaults.matchers[0].header.contains"]);
    }
}

#[test]
fn every_mistake_of_every_matcher_is_named() {
    assert_eq!(
        wrong(json!([
            {"header": {"name": ":status", "equals": "1"}, "category": "timeout"},
            {"header": {"equals": "1"}, "category": "timeout"},
            {"json": {"path": "a..b", "equals": "1"}, "category": "timeout"},
            {"json": {"path": "1.2.3.4.5.6.7.8.9", "equals": "1"}, "category": "timeout"},
            {"json": {"path": "x".repeat(129), "equals": "1"}, "category": "timeout"},
            {"json": {"equals": "1", "regex": ".*"}, "category": "tired"},
            {"header": "x-error", "stauts": 403, "category": "timeout"},
            7,
        ])),
        [
            "defaults.matchers[0].header.name",
            "defaults.matchers[1].header.name",
            "defaults.matchers[2].json.path",
            "defaults.matchers[3].json.path",
            "defaults.matchers[4].json.path",
            "defaults.matchers[5].json.path",
            "defaults.matchers[5].json.regex",
            "defaults.matchers[5].category",
            "defaults.matchers[6].header",
            "defaults.matchers[6].stauts",
            "defaults.matchers[7]",
        ]
    );
    let many = |count: usize| json!(vec![json!({"status": 403, "category": "timeout"}); count]);
    assert_eq!(wrong(many(64)), [""; 0]);
    assert_eq!(wrong(many(65)), ["defaults.matchers"]);
}
