//! What may a list of fallbacks say?

use serde_json::{Value, json};

use super::{lines, parsed, paths};
use crate::category::Category;
use crate::dialect::Dialect;
use crate::policy::{
    CREDENTIALS, Choice, CompletionAnswer, ErrorAnswer, Fallback, Reason, Reroute,
};

/// A document whose policy has these fallbacks, and in which all can be kept.
fn document(fallback: Value) -> Value {
    json!({"stop_iteration": true, "defaults": {"fallback": fallback}})
}

/// The only entry of a list.
fn read(entry: Value) -> Choice {
    let mut list = parsed(document(json!([entry]))).defaults.fallback;
    assert_eq!(list.len(), 1);
    list.remove(0)
}

/// The paths below the only entry of a list, of what is wrong with it.
fn wrong(entry: Value) -> Vec<String> {
    let paths = paths(document(json!([entry])));
    let below = |path: String| Some(path.strip_prefix("defaults.fallback[0].")?.to_owned());
    paths.into_iter().map(|path| below(path.clone()).unwrap_or(path)).collect()
}

/// A reroute with these fields over the mandatory ones.
fn reroute(fields: Value) -> Value {
    let mut entry =
        json!({"kind": "reroute", "header": "x-llm-route", "value": "azure", "cluster": "azure"});
    let fields = fields.as_object().expect("an object").clone();
    entry.as_object_mut().expect("an object").extend(fields);
    entry
}

#[test]
fn what_is_not_said_is_left_to_the_dialect_or_has_its_default() {
    for entry in [
        json!({"kind": "error"}),
        json!({"kind": "error", "when": null, "status": null, "message": null, "headers": null,
               "text": null, "cluster": null}),
        json!({"kind": "error", "headers": {}}),
        json!({"kind": "error", "headers": {"x-help": null}}),
    ] {
        let fallback = Fallback::Error(ErrorAnswer::default());
        assert_eq!(read(entry), Choice { when: Vec::new(), parts: Vec::new(), fallback });
    }
    let (text, model) = ("Later.".into(), "llm-breaker-fallback".into());
    assert_eq!(
        read(json!({"kind": "completion", "text": "Later."})).fallback,
        Fallback::Completion(CompletionAnswer { text, json: None, model })
    );
    assert_eq!(
        read(reroute(json!({"remove_headers": null, "provider": null}))).fallback,
        Fallback::Reroute(Box::new(Reroute {
            header: "x-llm-route".into(),
            value: "azure".into(),
            cluster: "azure".into(),
            provider: None,
            translates: false,
            path: None,
            model: None,
            set_headers: Vec::new(),
            remove_headers: CREDENTIALS.map(String::from).to_vec(),
            max_request_bytes: None,
            max_per_minute: None,
        }))
    );
}

#[test]
fn a_reroute_says_all_about_its_target() {
    let fields = json!({
        "when": ["quota_exhausted"],
        "header": "X-LLM-Route",
        "provider": "openai",
        "path": "/openai/v1/chat/completions?api-version=2025-01-01",
        "model": "gpt-4.1-mini",
        "set_headers": {"Authorization": "Bearer second", "x-team": "red"},
        "remove_headers": ["Authorization", "cookie"],
        "max_request_bytes": 1_073_741_824,
        "max_per_minute": 600,
    });
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        read(reroute(fields)),
        Choice {
            when: vec![Reason::Category(Category::QuotaExhausted)],
            parts: Vec::new(),
            fallback: Fallback::Reroute(Box::new(Reroute {
                header: "x-llm-route".into(),
                value: "azure".into(),
                cluster: "azure".into(),
                provider: Some(Dialect::OpenAi),
                translates: false,
                path: Some("/openai/v1/chat/completions?api-version=2025-01-01".into()),
                model: Some("gpt-4.1-mini".into()),
                set_headers: vec![pair("authorization", "Bearer second"), pair("x-team", "red")],
                remove_headers: vec!["authorization".into(), "cookie".into()],
                max_request_bytes: Some(1 << 30),
                max_per_minute: Some(600),
            })),
        }
    );
    let Fallback::Reroute(kept) = read(reroute(json!({"remove_headers": []}))).fallback else {
        panic!("no reroute")
    };
    assert_eq!(kept.remove_headers, Vec::<String>::new(), "no list is not an empty list");
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn headers(count: usize) -> Value {
    let headers = (0..count).map(|index| (format!("x-{index}"), json!("y")));
    Value::Object(headers.collect())
}

/// Each field takes every value of the first list and none of the second.
fn assert_bounds(entry: impl Fn(&str, &Value) -> Value, fields: &[(&str, Value, Value)]) {
    for (field, inside, outside) in fields {
        for value in inside.as_array().expect("a list") {
            assert_eq!(wrong(entry(field, value)), Vec::<String>::new(), "{field}: {value}");
        }
        for value in outside.as_array().expect("a list") {
            assert_eq!(wrong(entry(field, value)), [*field], "{value}");
        }
    }
}

#[test]
fn the_fields_of_an_error_have_bounds() {
    let error = |field: &str, value: &Value| json!({"kind": "error", field: value});
    let cases = [
        ("status", json!([400, 599]), json!([399, 600, "x"])),
        ("message", json!(["x", text(1024)]), json!(["", text(1025), 7])),
        ("headers", json!([headers(16)]), json!([headers(17), ["x-a"], "x-a: b"])),
    ];
    assert_bounds(error, &cases);
    for (value, fits) in [(text(1024), true), (text(1025), false), ("a\nb".into(), false)] {
        let found = wrong(json!({"kind": "error", "headers": {"x-help": value}}));
        assert_eq!(found.is_empty(), fits, "{found:?}");
    }
}

#[test]
fn the_fields_of_a_completion_have_bounds() {
    let completion = |field: &str, value: &Value| {
        let mut entry = json!({"kind": "completion", "text": "x"});
        entry[field] = value.clone();
        entry
    };
    let string = |bytes: usize| json!(text(bytes - 2)).to_string();
    let cases = [
        ("text", json!([text(16_384)]), json!(["", text(16_385), {}])),
        (
            "json",
            json!(["{}", "[1]", string(16_384)]),
            json!(["", "{", "{} {}", {}, string(16_385)]),
        ),
        ("model", json!([text(128)]), json!(["", text(129), "a\nb"])),
    ];
    assert_bounds(completion, &cases);
}

#[test]
fn the_fields_of_a_reroute_have_bounds() {
    let target = |field: &str, value: &Value| reroute(json!({ field: value }));
    let names = |count: usize| -> Value { (0..count).map(|index| format!("x-{index}")).collect() };
    let path = |bytes: usize| format!("/{}", text(bytes - 1));
    let cluster = json!([text(512), "outbound|443||api.openai.com"]);
    let no_paths = ["", "v1", "/a b", "/a#b", "/ü", "/a\n", "http://a/", &path(1025)];
    let cases = [
        ("value", json!([text(1024)]), json!(["", text(1025), "a\r\nb", 1])),
        ("cluster", cluster, json!(["", text(513), "a*", "a?", "a\tb"])),
        ("provider", json!(["generic", "bedrock", "auto"]), json!(["azure", 1])),
        ("translates", json!([true, false]), json!(["true", 1])),
        ("path", json!(["/", path(1024)]), json!(no_paths)),
        ("model", json!([text(256)]), json!(["", text(257), "a\u{0}"])),
        ("set_headers", json!([headers(16)]), json!([headers(17), []])),
        ("remove_headers", json!([names(32), []]), json!([names(33), {}])),
        ("max_request_bytes", json!([1, 1 << 30]), json!([0, (1 << 30) + 1, "1 MiB"])),
        ("max_per_minute", json!([1, 1_000_000]), json!([0, 1_000_001, 0.5])),
    ];
    assert_bounds(target, &cases);
}

#[test]
fn mandatory_fields_are_asked_for_all_at_once() {
    assert_eq!(wrong(json!({"kind": "completion"})), ["text"]);
    assert_eq!(wrong(json!({"kind": "reroute"})), ["header", "value", "cluster"]);
}

#[test]
fn a_field_of_another_kind_says_to_which_it_belongs() {
    let list = json!([
        {"kind": "last_resort", "when": ["timeout"], "model": "x"},
        {"kind": "completion", "text": "x", "cluster": "azure", "status": 503},
        {"kind": "error", "text": "x", "txt": "x"},
    ]);
    assert_eq!(
        lines(document(list)),
        [
            "defaults.fallback[0].model: \"x\" is wrong; allowed: only in a fallback of kind \
             completion or reroute",
            "defaults.fallback[1].status: 503 is wrong; allowed: only in a fallback of kind error",
            "defaults.fallback[1].cluster: \"azure\" is wrong; allowed: only in a fallback of kind \
             reroute",
            "defaults.fallback[2].text: \"x\" is wrong; allowed: only in a fallback of kind \
             completion",
            "defaults.fallback[2].txt: unknown field, given \"x\"; allowed: kind, when, models, \
             status, message, headers",
        ]
    );
    // Without a kind, each field may be in its place.
    assert_eq!(wrong(json!({"status": 1, "cluster": 1, "clusters": 1})), ["kind", "clusters"]);
    assert_eq!(wrong(json!({"kind": "retry", "text": 1})), ["kind"]);
}

#[test]
fn a_reason_is_a_category_or_forced_open_and_named_once() {
    for reason in ["forced_open", "slow", "quota_exhausted", "local"] {
        assert_eq!(wrong(json!({"kind": "pass", "when": [reason]})), Vec::<String>::new());
    }
    for (when, path) in [
        (json!([]), "when"),
        (json!("timeout"), "when"),
        (json!(["success"]), "when[0]"),
        (json!(["timeout", "open"]), "when[1]"),
        (json!(["timeout", "timeout"]), "when[1]"),
    ] {
        assert_eq!(wrong(json!({"kind": "pass", "when": when})), [path]);
    }
}

#[test]
fn a_header_that_is_not_the_operators_to_choose_is_refused() {
    for name in [
        "x-llm-breaker",
        "X-LLM-Breaker-By",
        "content-length",
        "Content-Type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "grpc-status",
        ":status",
        "a b",
        "",
    ] {
        let found = lines(document(json!([{"kind": "error", "headers": {name: "x"}}])));
        assert_eq!(found.len(), 1, "{found:?}");
        let shown = Value::from(name);
        assert!(found[0].contains(&format!("{shown} is wrong; allowed: the name of")), "{found:?}");
    }
    for name in ["x-help", "content-language", "retry", "date"] {
        assert_eq!(wrong(json!({"kind": "error", "headers": {name: "x"}})), Vec::<String>::new());
    }
    for name in [
        "host",
        ":path",
        ":authority",
        "content-type",
        "accept",
        "accept-encoding",
        "user-agent",
        "x-envoy-original-path",
        "x-forwarded-for",
        "x-request-id",
        "x-llm-breaker-route",
        // Those are removed unless the list says otherwise.
        "authorization",
        "x-api-key",
    ] {
        assert_eq!(wrong(reroute(json!({"header": name}))), ["header"], "{name}");
    }
    for name in ["host", "connection", "content-length", "x-llm-breaker", ":method"] {
        assert_eq!(wrong(reroute(json!({"remove_headers": [name]}))), ["remove_headers[0]"]);
        assert_eq!(wrong(reroute(json!({"set_headers": {name: "x"}}))).len(), 1, "{name}");
    }
}

#[test]
fn a_name_is_given_once_in_whatever_case() {
    let headers = json!({"X-A": "1", "x-a": "2"});
    assert_eq!(wrong(json!({"kind": "error", "headers": headers})), ["headers.x-a"]);
    assert_eq!(wrong(reroute(json!({"remove_headers": ["a", "A"]}))), ["remove_headers[1]"]);
}

#[test]
fn the_route_header_is_neither_set_nor_removed() {
    for fields in [
        json!({"set_headers": {"X-LLM-Route": "elsewhere"}}),
        json!({"remove_headers": ["x-llm-route"]}),
    ] {
        assert_eq!(wrong(reroute(fields)), ["header"]);
    }
}

#[test]
fn a_credential_is_never_shown() {
    let secret = "sk-proj-4711";
    for entry in [
        reroute(json!({"set_headers": {"api-key": format!("{secret}\n")}})),
        reroute(json!({"set_headers": {"api-key": secret, "x-llm-route": secret}})),
        reroute(json!({"set_headers": [{"api-key": secret}]})),
        reroute(json!({"set_header": {"api-key": secret}})),
        json!({"kind": "error", "set_headers": {"api-key": secret}}),
        json!([secret]),
    ] {
        let text = lines(document(json!([entry]))).join("\n");
        assert!(!text.contains(secret), "{text}");
    }
    let text = lines(document(vec![reroute(json!({"value": secret})); 17].into())).join("\n");
    assert!(!text.contains(secret), "{text}");
}

#[test]
fn nothing_stands_behind_what_always_answers() {
    for first in [json!({"kind": "error", "status": 529}), json!({"kind": "pass"})] {
        let list = json!([first, {"kind": "last_resort"}, {"kind": "error"}]);
        assert_eq!(
            lines(document(list)),
            [
                "defaults.fallback[1].kind: \"last_resort\" is wrong; allowed: no entry behind \
                 fallback[0], which always answers",
                "defaults.fallback[2].kind: \"error\" is wrong; allowed: no entry behind \
                 fallback[0], which always answers",
            ]
        );
    }
    parsed(document(json!([
        {"kind": "pass", "when": ["slow"]},
        {"kind": "error", "when": ["forced_open"]},
        {"kind": "completion", "text": "Later."},
        {"kind": "last_resort"},
        {"kind": "error"},
    ])));
    // Whose reasons are wrong did not mean all of them.
    let list = json!([{"kind": "pass", "when": ["tired"]}, {"kind": "error"}]);
    assert_eq!(paths(document(list)), ["defaults.fallback[0].when[0]"]);
}

#[test]
fn a_list_leads_to_each_cluster_once() {
    let (b, c) = (reroute(json!({"cluster": "b"})), reroute(json!({"cluster": "c"})));
    assert_eq!(
        lines(document(json!([b, c, b]))),
        ["defaults.fallback[2].cluster: \"b\" is wrong; allowed: a cluster that fallback[0] does \
          not lead to already"]
    );
    // What `defaults` and an entry say are two lists.
    parsed(json!({
        "defaults": {"fallback": [b]},
        "breakers": [{"cluster": "a", "fallback": [c, b]}, {"cluster": "b", "fallback": [b]}],
    }));
}

#[test]
fn another_model_is_asked_for_in_the_same_dialect_only() {
    let both = reroute(json!({"model": "x", "provider": "openai", "translates": true}));
    assert_eq!(wrong(both), ["model"]);
    let neither = reroute(json!({"provider": "openai", "translates": true}));
    assert_eq!(wrong(neither), Vec::<String>::new());
}

#[test]
fn what_holds_a_request_or_an_answer_needs_stop_iteration() {
    let completion = json!({"kind": "completion", "text": "x"});
    let document = |stop_iteration: Value| {
        json!({
            "stop_iteration": stop_iteration,
            "defaults": {
                "on_failure": true,
                "fallback": [reroute(json!({})), reroute(json!({"cluster": "b", "model": "x"}))],
            },
            "breakers": [
                {"cluster": "a", "fallback": [{"kind": "last_resort"}, completion]},
                {"cluster": "b", "on_failure": false, "hold_max": "9s"},
                {"cluster": "c"},
            ],
        })
    };
    let needs = "only with stop_iteration: true at the top of this document, which says that \
                 Envoy's configuration of this plugin has allow_on_headers_stop_iteration: true";
    for absent in [json!(false), json!(null)] {
        assert_eq!(
            lines(document(absent)),
            [
                format!(
                    "defaults.fallback[1].model: \"x\" is wrong; allowed: null; another model {needs}"
                ),
                format!("defaults.on_failure: true is wrong; allowed: false; true {needs}"),
                format!(
                    "breakers[0].fallback[1].kind: \"completion\" is wrong; allowed: completion \
                     {needs}"
                ),
            ]
        );
    }
    assert_eq!(paths(document(json!("yes"))), ["stop_iteration"]);
    parsed(document(json!(true)));
}

#[test]
fn an_answer_is_held_for_a_tenth_of_a_second_to_half_a_minute() {
    for (span, fits) in [("0.1s", true), ("30s", true), ("0.09s", false), ("30.1s", false)] {
        let found = paths(json!({"defaults": {"hold_max": span}}));
        assert_eq!(found.is_empty(), fits, "{span}: {found:?}");
    }
    for field in ["on_failure", "append_stream_error", "debug_headers"] {
        assert_eq!(paths(json!({"defaults": {field: "true"}})), [format!("defaults.{field}")]);
    }
}

#[test]
fn a_fallback_can_be_for_models_that_are_listed() {
    let document = |models: Value, part: &str| {
        let fallback = json!([{"kind": "error", "models": [part]}]);
        json!({"defaults": {"key_by": "model", "models": models, "fallback": fallback}})
    };
    for part in ["o*", "other"] {
        let config = parsed(document(json!(["o*"]), part));
        assert_eq!(config.defaults.fallback[0].parts, [part]);
    }
    for (document, path) in [
        (document(json!(["o*"]), "o3"), "defaults.fallback"),
        (json!({"defaults": {"fallback": [{"kind": "error", "models": ["other"]}]}}), {
            "defaults.fallback"
        }),
        (document(json!(["o*"]), ""), "defaults.fallback[0].models[0]"),
    ] {
        assert_eq!(paths(document), [path]);
    }
}
