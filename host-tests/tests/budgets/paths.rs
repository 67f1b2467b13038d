//! Which ways of a request are measured?

use std::collections::BTreeMap;
use std::time::Duration;

use llm_breaker_host_tests::host::{Call, Module, Request, Response, World};
use serde_json::{Value, json};

use crate::budget::Cost;

const CLUSTER: &str = "outbound|443||api.openai.com";
/// Calls before those that are measured: what is done once is done by then.
const WARM_UP: u32 = 30;
const ROUNDS: u32 = 100;
const EVENTS: u32 = 50;
/// Between two calls: a hundred a second, so that the window turns and an answer is noted as rarely
/// as under real load.
const BETWEEN: Duration = Duration::from_millis(10);

/// One way, and what is measured of it.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    module: &'static str,
    configuration: fn() -> Value,
    before: fn(&World),
    /// One round.
    round: fn(&World),
    of_which: Option<Parts>,
}

/// What is measured is one of the equal parts of a round.
#[derive(Clone, Copy)]
struct Parts {
    /// The same round without any.
    without: fn(&World),
    parts: u32,
}

const NOTHING_BEFORE: fn(&World) = |_| ();

pub(crate) const PATHS: [Path; 11] = [
    Path { name: "a filter that does nothing, whole answer", module: "idle", ..WHOLE },
    WHOLE,
    Path { name: "whole answer, all features", configuration: all_features, ..WHOLE },
    Path { name: "whole answer, shadow", configuration: shadow, ..WHOLE },
    Path { name: "an answer that is not read", round: unread, ..WHOLE },
    Path { name: "whole answer with a long text", round: long, ..WHOLE },
    Path { name: "an error with a body", round: failed, ..WHOLE },
    Path { name: "refused", before: open, round: refused, ..WHOLE },
    Path { name: "refused in shadow", configuration: shadow, before: open, ..WHOLE },
    Path {
        name: "one event of a stream",
        round: streamed,
        of_which: Some(Parts { without: streamed_without_events, parts: EVENTS }),
        ..WHOLE
    },
    Path { name: "a tick", before: whole, round: tick, ..WHOLE },
];

const WHOLE: Path = Path {
    name: "whole answer",
    module: "llm_breaker",
    configuration: empty,
    before: NOTHING_BEFORE,
    round: whole,
    of_which: None,
};

impl Path {
    pub(crate) fn cost(&self) -> Cost {
        let all = self.cost_of(self.round);
        match self.of_which {
            None => all,
            Some(Parts { without, parts }) => {
                difference(&all, &self.cost_of(without), f64::from(parts))
            }
        }
    }

    fn cost_of(&self, round: fn(&World)) -> Cost {
        let module = Module::metered(self.module);
        let world = World::running(&module).configuration((self.configuration)()).start();
        (self.before)(&world);
        let run = |rounds: u32| {
            for _ in 0..rounds {
                world.advance(BETWEEN);
                round(&world);
            }
        };
        run(WARM_UP);
        let before = spent(&world);
        run(ROUNDS);
        difference(&spent(&world), &before, f64::from(ROUNDS))
    }
}

fn spent(world: &World) -> Cost {
    let spent = world.spent(0);
    let callbacks: BTreeMap<String, f64> =
        spent.iter().map(|(name, it)| (name.clone(), it.instructions as f64)).collect();
    let calls: BTreeMap<_, _> =
        world.all_host_calls().into_iter().map(|(name, times)| (name, times as f64)).collect();
    Cost {
        instructions: callbacks.values().sum(),
        host_calls: calls.values().sum(),
        callbacks,
        calls,
    }
}

fn difference(all: &Cost, less: &Cost, parts: f64) -> Cost {
    let callback = |name: &String| less.callbacks.get(name).copied().unwrap_or(0.0);
    let call = |name: &str| less.calls.get(name).copied().unwrap_or(0.0);
    let callbacks = all.callbacks.iter().map(|(k, v)| (k.clone(), (v - callback(k)) / parts));
    let calls = all.calls.iter().map(|(k, v)| (*k, (v - call(k)) / parts));
    Cost {
        instructions: (all.instructions - less.instructions) / parts,
        host_calls: (all.host_calls - less.host_calls) / parts,
        callbacks: callbacks.filter(|(_, instructions)| *instructions > 0.0).collect(),
        calls: calls.filter(|(_, times)| *times > 0.0).collect(),
    }
}

fn empty() -> Value {
    json!({})
}

fn shadow() -> Value {
    json!({"defaults": {"mode": "shadow"}})
}

/// Whatever costs something when nothing happens.
fn all_features() -> Value {
    json!({"stop_iteration": true, "defaults": {
        "key_by": "model",
        "models": ["gpt-4.1*", "o?"],
        "model_header": "x-model",
        "trip": {"slow_rate": 0.5},
        "slow": {"response_headers": "10s", "first_token": "5s", "gap": "5s", "total": "60s"},
        "limits": {"gap": "30s", "total": "600s", "abort": true},
        "matchers": [{"status": 403, "json": {"path": "error.code", "equals": "no_quota"}, "category": "quota_exhausted"}],
        "fallback": [{"kind": "completion", "text": "Later."}, {"kind": "error"}],
        "on_failure": true,
        "append_stream_error": true,
        "debug_headers": true,
    }})
}

fn chat() -> Request {
    Request::post("/v1/chat/completions")
        .cluster(CLUSTER)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("authorization", "Bearer sk-0123456789abcdef")
        .header("user-agent", "OpenAI/Python 2.0.0")
        .header("x-model", "gpt-4.1-mini")
        .header("x-stainless-timeout", "600")
        .body(r#"{"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}"#)
}

fn sent(world: &World) -> Call {
    world.worker(0).request(chat())
}

fn whole(world: &World) {
    completed(world, "Hello, world");
}

/// 4 KB of it.
fn long(world: &World) {
    completed(world, &"Hello, world, and all who live there! ".repeat(110));
}

fn completed(world: &World, content: &str) {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"});
    let completion = json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]});
    let response = Response::status(200).header("content-type", "application/json");
    let answer = sent(world).upstream_answers(response.body(completion.to_string()));
    assert_eq!(answer.status, 200);
}

/// Of a list nothing is asked but that it comes.
fn unread(world: &World) {
    let list = Request::get("/v1/models").cluster(CLUSTER).header("accept", "application/json");
    let response = Response::status(200).header("content-type", "application/json");
    let answer = world.worker(0).request(list).upstream_answers(response.body(r#"{"data": []}"#));
    assert_eq!(answer.status, 200);
}

/// One failure among successes, so that the breaker stays closed.
fn failed(world: &World) {
    let error = json!({"error": {"message": "The server had an error", "type": "server_error", "code": null}});
    let response = Response::status(500).header("content-type", "application/json");
    let answer = sent(world).upstream_answers(response.body(error.to_string()));
    assert_ne!(answer.status, 200);
    (0..3).for_each(|_| whole(world));
}

fn open(world: &World) {
    let quota = json!({"error": {"message": "Quota", "type": "insufficient_quota", "code": "insufficient_quota"}});
    let response = Response::status(429).header("content-type", "application/json");
    sent(world).upstream_answers(response.body(quota.to_string()));
}

fn refused(world: &World) {
    let call = sent(world);
    assert!(!call.is_forwarded());
}

fn streamed(world: &World) {
    stream(world, EVENTS);
}

fn streamed_without_events(world: &World) {
    stream(world, 0);
}

fn stream(world: &World, events: u32) {
    let call = sent(world);
    call.response_headers(&Response::event_stream());
    let event = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let event = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-4.1-mini-2025-04-14", "choices": [choice]});
        format!("data: {event}\n\n")
    };
    call.body_chunk(event(json!({"role": "assistant", "content": "Hello"}), Value::Null));
    for _ in 0..events {
        call.body_chunk(event(json!({"content": " world"}), Value::Null));
    }
    call.body_chunk(event(json!({}), json!("stop")));
    call.body_chunk("data: [DONE]\n\n");
    call.end();
}

fn tick(world: &World) {
    world.tick();
}
