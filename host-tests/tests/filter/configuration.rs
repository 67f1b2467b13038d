//! What the configuration's bytes may be, what is refused, and what an update keeps.

use llm_breaker_host_tests::host::{Level, Module, Rejected, Response, Status, World};
use serde_json::{Value, json};

use crate::scene::{
    AZURE, OPENAI, Scene, TRIP, chat, chat_with, completion, defaults, millis, secs, stat,
};

/// `google.protobuf.Struct` on the wire, as native YAML arrives.
mod structs {
    use serde_json::Value;

    pub(super) fn encode(document: &Value) -> Vec<u8> {
        let fields = document.as_object().expect("an object");
        fields
            .iter()
            .flat_map(|(name, value)| {
                let entry = [bytes(1, name.as_bytes()), bytes(2, &encode_value(value))].concat();
                bytes(1, &entry)
            })
            .collect()
    }

    fn encode_value(value: &Value) -> Vec<u8> {
        match value {
            Value::Null => vec![1 << 3, 0],
            Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
            Value::Number(number) => {
                let number = number.as_f64().expect("a number").to_le_bytes();
                [&[2 << 3 | 1][..], &number].concat()
            }
            Value::String(text) => bytes(3, text.as_bytes()),
            Value::Object(_) => bytes(5, &encode(value)),
            Value::Array(list) => {
                let values: Vec<u8> =
                    list.iter().flat_map(|value| bytes(1, &encode_value(value))).collect();
                bytes(6, &values)
            }
        }
    }

    fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
        let mut length = content.len();
        let mut encoded = vec![field << 3 | 2];
        while length >= 0x80 {
            encoded.push(length as u8 | 0x80);
            length >>= 7;
        }
        encoded.push(length as u8);
        [encoded, content.to_vec()].concat()
    }
}

fn refused(configuration: Value) -> Rejected {
    let world = World::running(&Module::built("llm_breaker")).configuration(configuration);
    world.try_start().err().expect("a refusal")
}

#[test]
fn no_configuration_is_the_default_one() {
    for empty in ["", " \n", "{}", r#"{"config_version": 1}"#, r#"{"defaults": {}}"#] {
        let scene = Scene::configured(2, empty);
        scene.fail(TRIP);
        scene.held_back();
    }
}

#[test]
fn native_yaml_says_the_same_as_json() {
    let document = json!({
        "config_version": 1,
        "max_breakers": 2,
        "defaults": {
            "open": {"base": "10s", "jitter": 0},
            "trip": {"consecutive_failures": 2, "failure_rate": null},
            "fallback": [{"kind": "error"}],
        },
        "breakers": [{"cluster": AZURE, "mode": "shadow", "ramp": null}],
    });
    for scene in
        [Scene::configured(2, document.clone()), Scene::configured(2, structs::encode(&document))]
    {
        scene.fail(2);
        assert_eq!(scene.retry_after(), 10);
        for _ in 0..3 {
            scene.send(chat_with(AZURE)).upstream_answers(Response::status(500));
        }
        assert_eq!(scene.counter(&stat(AZURE, "requests_would_block_total", &[])), 1);
        scene.send(chat_with("third"));
        assert_eq!(scene.counter("llm_circuit_breaker_breakers_overflow_total"), 1);
    }
}

fn four_mistakes() -> Value {
    json!({
        "max_breakers": 0,
        "defaults": {"open": {"base": "30"}, "trip": {"failure_rate": 1.5}},
        "breakers": [{"cluster": "openai", "mode": "off"}],
    })
}

#[test]
fn four_mistakes_are_four_messages_that_name_their_paths() {
    let given = [
        ("max_breakers", "0"),
        ("defaults.open.base", r#""30""#),
        ("defaults.trip.failure_rate", "1.5"),
        ("breakers[0].mode", r#""off""#),
    ];
    for log in [
        refused(four_mistakes()).log,
        World::running(&Module::built("llm_breaker"))
            .configuration(structs::encode(&four_mistakes()))
            .try_start()
            .err()
            .expect("a refusal")
            .log,
    ] {
        assert_eq!(log.len(), 4, "{log:?}");
        assert!(log.iter().all(|line| line.level == Level::Error));
        for (path, value) in given {
            let named = |text: &str| text.contains(&format!("{path}: ")) && text.contains(value);
            assert!(log.iter().any(|line| named(&line.message)), "{path} in {log:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_at_all_is_refused_with_one_message() {
    for bytes in ["[]", "nonsense", "{", "null", "\u{0}", r#"{"defaults": {}, "defaults": {}}"#] {
        let world = World::running(&Module::built("llm_breaker")).configuration(bytes);
        let log = world.try_start().err().expect(bytes).log;
        assert_eq!(log.len(), 1, "{bytes}: {log:?}");
    }
}

#[test]
fn a_fleet_is_refused_by_the_module_that_has_none() {
    let log = refused(json!({"fleet": {"cluster": "etcd", "scope": "account"}})).log;
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log.iter().all(|line| line.message.contains("llm_breaker_fleet.wasm")), "{log:?}");
}

/// Every field of a policy that works.
fn whole_policy() -> Value {
    json!({
        "mode": "enforce",
        "provider": "openai",
        "key_by": {"header": "X-Team", "values": ["red", "blue"]},
        "models": ["gpt-4.1*", "o?"],
        "model_header": "x-model",
        "provider_wide": ["rate_limited"],
        "window": {"type": "time", "duration": "30s", "buckets": 5},
        "trip": {"consecutive_failures": 5, "failure_rate": 0.5, "slow_rate": 0.5,
                 "minimum_calls": 10, "open_on_announced": "60s"},
        "open": {"base": "30s", "multiplier": 2, "max": "600s", "jitter": 0,
                 "announced_max": "3600s", "quota": "300s", "reset_after": "600s"},
        "half_open": {"probes": 1, "successes": 1, "lease": "60s"},
        "ramp": "10s",
        "slow": {"response_headers": "5s", "first_token": "20s", "gap": "5s", "total": "60s"},
        "limits": {"first_token": "120s", "gap": "60s", "total": "600s", "abandoned": "30s",
                   "abort": true},
        "verdicts": {"timeout": "open"},
        "matchers": [{
            "status": 403,
            "header": {"name": "x-error", "prefix": "quota"},
            "json": {"path": "errors.*.code", "equals": "over"},
            "category": "quota_exhausted",
        }],
        "body_limit": 65_536,
        "fallback": [
            {"kind": "reroute", "when": ["quota_exhausted", "forced_open"], "header": "x-llm-route",
             "value": "spare", "cluster": "spare", "provider": "openai", "translates": false,
             "path": "/v1/chat/completions", "model": "gpt-4.1-mini",
             "set_headers": {"authorization": "Bearer spare"}, "remove_headers": ["x-api-key"],
             "max_request_bytes": 1_048_576, "max_per_minute": 60},
            {"kind": "completion", "text": "Later.", "json": "{}", "model": "nobody"},
            {"kind": "last_resort"},
            {"kind": "error", "status": 529, "message": "Busy.", "headers": {"x-help": "a page"}},
        ],
        "on_failure": true,
        "hold_max": "1s",
        "append_stream_error": true,
        "debug_headers": true,
        "reset_generation": 7,
    })
}

#[test]
fn every_field_that_works_is_taken_in_every_layer_and_form() {
    let mut breaker = whole_policy();
    breaker["cluster"] = AZURE.into();
    let document = json!({
        "config_version": 1,
        "max_breakers": 16,
        "stop_iteration": true,
        "breakers": [breaker],
        "defaults": whole_policy(),
    });
    for scene in
        [Scene::configured(1, document.clone()), Scene::configured(1, structs::encode(&document))]
    {
        scene.send(chat()).upstream_answers(completion());
        assert!(scene.logged_at(Level::Error).is_empty(), "{:?}", scene.log_lines());
    }
}

#[test]
fn keys_matchers_and_limits_are_refused_by_their_paths_all_at_once() {
    let wrong = json!({
        "stop_iteration": "yes",
        "defaults": {
            "provider": "azure",
            "key_by": {"header": ":path", "values": ["red", "other", "red"]},
            "models": [""],
            "model_header": "x-llm-breaker-model",
            "provider_wide": ["slow"],
            "slow": {"gap": "0s"},
            "limits": {"total": "0.05s", "abort": "true"},
            "body_limit": 0,
            "matchers": [
                {"category": "timeout"},
                {"json": {"path": "error..code", "equals": "x", "prefix": "y"}},
            ],
        },
        "breakers": [{"cluster": "openai", "key_by": "model"}, {"cluster": "azure", "model": []}],
    });
    let paths = [
        "stop_iteration",
        "defaults.provider",
        "defaults.key_by.header",
        "defaults.key_by.values[1]",
        "defaults.key_by.values[2]",
        "defaults.models[0]",
        "defaults.model_header",
        "defaults.provider_wide[0]",
        "defaults.slow.gap",
        "defaults.limits.total",
        "defaults.limits.abort",
        "defaults.body_limit",
        "defaults.matchers[0]",
        "defaults.matchers[1].json.path",
        "defaults.matchers[1].json",
        "defaults.matchers[1].category",
        "breakers[1].model",
    ];
    let log = refused(wrong).log;
    for path in paths {
        let named = log.iter().any(|line| line.message.contains(&format!("{path}: ")));
        assert!(named, "{path} is not in {log:?}");
    }
    assert_eq!(log.len(), paths.len(), "{log:?}");
}

#[test]
fn what_a_key_or_a_limit_makes_pointless_is_refused() {
    let log = refused(json!({
        "defaults": {"slow": {"first_token": "120s"}, "limits": {"total": "60s"}},
        "breakers": [
            {"cluster": "openai", "key_by": "model"},
            {"cluster": "azure", "slow": {"total": "60s"}},
        ],
    }))
    .log;
    assert_eq!(log.len(), 3, "{log:?}");
    for path in ["defaults.slow.first_token", "breakers[0].key_by", "breakers[1].slow.total"] {
        let named = log.iter().any(|line| line.message.contains(&format!("{path}: ")));
        assert!(named, "{path} is not in {log:?}");
    }
}

#[test]
fn fallbacks_that_could_not_be_kept_are_refused_by_their_paths_all_at_once() {
    let route = |cluster: &str| json!({"kind": "reroute", "header": "x-llm-route", "value": "b", "cluster": cluster});
    let mut foreign = route("b");
    foreign["text"] = "Later.".into();
    let mut remodelled = route("c");
    remodelled["model"] = "gpt-4.1-mini".into();
    let log = refused(json!({
        "defaults": {
            "on_failure": true,
            "fallback": [foreign, remodelled, route("b"), {"kind": "pass"}, {"kind": "error"}],
        },
        "breakers": [{"cluster": "openai", "fallback": [{"kind": "completion", "text": "Later."}]}],
    }))
    .log;
    let paths = [
        "defaults.fallback[0].text",
        "defaults.fallback[1].model",
        "defaults.fallback[2].cluster",
        "defaults.fallback[4].kind",
        "defaults.on_failure",
        "breakers[0].fallback[0].kind",
    ];
    for path in paths {
        let named = log.iter().any(|line| line.message.contains(&format!("{path}: ")));
        assert!(named, "{path} is not in {log:?}");
    }
    assert_eq!(log.len(), paths.len(), "{log:?}");
    let option = "allow_on_headers_stop_iteration: true";
    assert_eq!(log.iter().filter(|line| line.message.contains(option)).count(), 3, "{log:?}");
}

#[test]
fn thresholds_that_the_window_can_never_hold_are_refused() {
    let window = json!({"type": "count", "calls": 5});
    let log = refused(json!({"defaults": {"window": window, "trip": {"minimum_calls": 6}}})).log;
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].message.contains("defaults.trip.minimum_calls"), "{log:?}");
}

#[test]
fn a_refused_update_leaves_the_old_one_serving() {
    let scene = Scene::under(json!({"trip": {"consecutive_failures": 3}}));
    scene.fail(2);
    let rejected = scene.reconfigure(four_mistakes()).expect_err("four mistakes");
    assert_eq!(rejected.log.len(), 4);
    scene.pass(secs(2));
    scene.fail(1);
    scene.held_back();
}

#[test]
fn an_update_that_is_refused_takes_nothing_out_of_service() {
    let scene = Scene::opened();
    let forced = json!({"defaults": {"mode": "disabled", "open": {"base": "soon"}}});
    scene.reconfigure(forced).expect_err("a mistake");
    scene.pass(secs(2));
    scene.held_back();
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn an_update_keeps_the_state_and_its_thresholds_apply() {
    let scene = Scene::by_default();
    scene.fail(2);
    scene.reconfigure(defaults(json!({"trip": {"consecutive_failures": 3}}))).expect("good");
    assert_eq!(scene.state(), "closed");
    scene.fail(1);
    assert_eq!(scene.state(), "open");

    let longer = json!({"open": {"base": "100s"}, "half_open": {"successes": 2}});
    scene.reconfigure(defaults(longer)).expect("good");
    assert_eq!(scene.retry_after(), 30, "the running open time is what it was");
    scene.pass(secs(30));
    scene.succeed(1);
    assert_eq!(scene.state(), "half_open");
    scene.fail(1);
    assert_eq!(scene.retry_after(), 200, "the second trip");
    assert_eq!(
        scene.log_lines().len(),
        scene.transitions().len(),
        "no reset: {:?}",
        scene.log_lines()
    );
}

#[test]
fn streams_that_began_under_the_old_one_finish_under_it() {
    let scene = Scene::under(json!({"slow": {"total": "10s"}}));
    let call = scene.reach();
    scene.reconfigure(defaults(json!({}))).expect("good");
    scene.advance(secs(11));
    call.upstream_answers(completion());
    assert_eq!(scene.count("slow_calls_total"), 1);
}

#[test]
fn another_window_restarts_the_window_only() {
    let by_rate = |window: Value| json!({"window": window, "trip": {"consecutive_failures": null}});
    let scene = Scene::under(by_rate(json!({"duration": "60s"})));
    let in_flight: Vec<_> = (0..4).map(|_| scene.reach()).collect();
    scene.fail(2);
    scene.reconfigure(defaults(by_rate(json!({"duration": "30s"})))).expect("good");
    scene.fail(1);
    for call in in_flight {
        call.upstream_answers(Response::status(500));
    }
    scene.fail(4);
    assert_eq!(scene.state(), "closed", "9 of 11 failures: the window began anew");
    scene.fail(1);
    assert_eq!(scene.state(), "open", "the epoch did not, or those in flight had not counted");

    scene.reconfigure(defaults(by_rate(json!({"type": "count", "calls": 10})))).expect("good");
    assert_eq!(scene.retry_after(), 30);
    scene.pass(secs(30));
    scene.fail(1);
    assert_eq!(scene.retry_after(), 60, "nor the count of trips");
    assert_eq!(scene.count("shared_state_resets_total"), 0);
}

#[test]
fn two_listeners_with_different_windows_do_not_wipe_each_other() {
    let by_rate =
        |window: Value| defaults(json!({"window": window, "trip": {"consecutive_failures": null}}));
    let scene = Scene::configured(2, by_rate(json!({"duration": "60s"})));
    let second = scene.listen(by_rate(json!({"type": "count", "calls": 20}))).expect("good");
    for turn in 0..9 {
        let call = scene.worker(turn % 2).listener(turn % 2 * second).request(chat());
        call.upstream_answers(Response::status(500));
        scene.pass(secs(1));
        assert_eq!(scene.state(), "closed");
    }
    scene.worker(0).request(chat()).upstream_answers(Response::status(500));
    assert_eq!(scene.state(), "open", "ten calls of both");
    let other = scene.worker(1).listener(second).request(chat());
    assert!(!other.is_forwarded(), "it is one breaker");
    assert_eq!(scene.transitions().len(), 1);
}

#[test]
fn two_listeners_tick_but_change_and_show_once() {
    let scene = Scene::by_default();
    scene.advance(millis(1));
    let second = scene.listen(defaults(json!({"open": {"base": "60s"}}))).expect("good");
    scene.worker(0).listener(second).request(chat()).upstream_answers(completion());
    scene.fail(TRIP);
    scene.pass(secs(30));
    assert_eq!(scene.changes("open", "half_open"), 1);
    assert_eq!(scene.transitions().len(), 2);
}

#[test]
fn a_long_configuration_is_read_whole() {
    let breakers: Vec<Value> =
        (0..200).map(|n| json!({"cluster": format!("cluster-{n}"), "mode": "shadow"})).collect();
    let mut document = json!({ "breakers": breakers });
    document["breakers"][199]["cluster"] = OPENAI.into();
    let scene = Scene::configured(1, document);
    scene.fail(TRIP + 1);
    assert_eq!(scene.count("requests_would_block_total"), 1);
}

#[test]
fn a_configuration_that_the_host_does_not_give_is_no_empty_one() {
    let scene = Scene::under(json!({"mode": "shadow"}));
    scene.fail_next("proxy_get_buffer_bytes", Status::NotFound, 1);
    let rejected = scene.reconfigure(defaults(json!({"mode": "disabled"}))).expect_err("not given");
    assert!(rejected.log.iter().any(|line| line.message.contains("the host gave 0 of")));
    scene.reconfigure(defaults(json!({"mode": "disabled"}))).expect("given");
}
