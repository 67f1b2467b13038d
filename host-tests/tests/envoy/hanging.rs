//! A call that hangs is judged while it hangs, whatever keeps its connection warm; and one that is
//! only silent is left alone.

use std::time::Duration;

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending, NoAnswer};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Chunk, StreamEnd};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached};

const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";
const COMMENT: &str = ": OPENROUTER PROCESSING\n\n";
const MESSAGE_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"claude\",\"stop_reason\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n";
const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/// The first chunk, then the other one every 0.1 s for longer than any limit here, then nothing
/// until it is released.
fn kept_warm(first: &'static str, by: &'static str) -> Behaviour {
    let warmth = (0..40).map(|_| Chunk::after_milliseconds(100, by));
    Behaviour::script([Chunk::now(first)].into_iter().chain(warmth), StreamEnd::Hang)
}

/// Streams that never come to their first token, and whether the client gets at least a head.
fn hanging() -> [(Call, Behaviour, bool); 5] {
    let messages = Call::streamed_chat().path("/v1/messages").header("anthropic-version", "1");
    let gemini = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
    [
        (Call::streamed_chat(), kept_warm(ROLE, COMMENT), true),
        (Call::streamed_chat(), kept_warm(ROLE, ROLE), true),
        (messages, kept_warm(MESSAGE_START, PING), true),
        (Call::streamed_chat(), Behaviour::hang_after(0), true),
        (Call::streamed_chat().path(gemini), Behaviour::Hang, false),
    ]
}

/// A call under way.
type Pending = JoinHandle<Result<Answer, NoAnswer>>;

/// Sends a call in the background, over HTTP/1 and HTTP/2 in turn, and waits until the provider
/// has it.
async fn start(scene: &Scene, call: Call, behaviour: Behaviour) -> Pending {
    let arrived = scene.provider.calls();
    let address = scene.envoy.address();
    let client = if arrived.is_multiple_of(2) { Client::http1 } else { Client::http2 }(address);
    scene.provider.queue([behaviour]);
    let call = tokio::spawn(async move { client.send(&call).await });
    scene.provider.wait_for_calls(arrived + 1).await;
    call
}

async fn answer(call: Pending) -> Outcome<Answer> {
    Ok(patiently("the answer of a call that hung", call).await??)
}

/// What a client is told whose call was ended before anything of an answer had come.
#[track_caller]
fn assert_timed_out(answer: &Answer) {
    let seen = (answer.status.as_u16(), answer.breaker(), answer.ending);
    assert_eq!(seen, (504, Some("fallback"), Ending::Whole), "{}", answer.text());
    // Each dialect has a place of its own for the code.
    assert!(answer.text().contains(r#""upstream_timeout""#), "{}", answer.text());
}

#[tokio::test]
async fn five_streams_that_hang_open_the_breaker_while_they_do() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"limits": {"first_token": "1s"}}})).await?;
    let mut calls = Vec::new();
    for (call, behaviour, _) in hanging() {
        calls.push(start(&scene, call, behaviour).await);
    }
    scene.until("state", &[], OPEN).await;
    assert_eq!(scene.provider.in_flight(), 5);
    let opened = scene.transition(1).await;
    assert_eq!(opened["category"], "timeout");
    assert_blocked(&scene.call().await);
    scene.until_outcomes("timeout", 5).await;

    scene.provider.release();
    for call in calls {
        let answer = answer(call).await?;
        assert_eq!((answer.status.as_u16(), answer.ending), (200, Ending::Whole));
    }
    Ok(())
}

#[tokio::test]
async fn a_call_judged_to_hang_is_no_success_if_it_ends_well_after_all() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"limits": {"first_token": "1s"}}})).await?;
    let call = start(&scene, Call::streamed_chat(), Behaviour::hang_after(0)).await;
    scene.until_outcomes("timeout", 1).await;
    scene.provider.release();
    assert_eq!(answer(call).await?.ending, Ending::Whole);
    assert_reached(&scene.call().await, 200);
    scene.until_outcomes("success", 1).await;
    assert_eq!(scene.now("outcomes_total", &[("category", "timeout")]).await, 1.0);
    assert_eq!(scene.now("successes_total", &[]).await, 1.0);
    Ok(())
}

#[tokio::test]
async fn what_hangs_is_ended_if_the_policy_says_so() -> Outcome {
    let limits = json!({"first_token": "1s", "abort": true});
    let scene = Scene::start(&json!({"defaults": {"limits": limits}})).await?;
    let mut calls = Vec::new();
    for (call, behaviour, has_head) in hanging() {
        calls.push((start(&scene, call, behaviour).await, has_head));
    }
    // Nothing is released: the provider sees its callers go.
    scene.provider.wait_for_in_flight(0).await;
    for (call, has_head) in calls {
        let answer = answer(call).await?;
        if has_head {
            assert_eq!((answer.status.as_u16(), answer.ending), (200, Ending::Cut));
        } else {
            assert_timed_out(&answer);
        }
    }
    assert_eq!(scene.now("state", &[]).await, OPEN);
    scene.until_outcomes("timeout", 5).await;
    assert_eq!(scene.now("outcomes_total", &[("category", "cancelled")]).await, 0.0);
    Ok(())
}

#[tokio::test]
async fn each_limit_ends_what_passes_it() -> Outcome {
    let whole = Call::chat;
    let stream = Call::streamed_chat;
    let streaming =
        || Behaviour::Stream { events: 10_000, interval_milliseconds: 100, end: StreamEnd::Done };
    for (limit, call, behaviour, has_head) in [
        ("gap", stream(), kept_warm(CONTENT, COMMENT), true),
        ("total", stream(), streaming(), true),
        ("total", whole(), Behaviour::Hang, false),
    ] {
        let limits = json!({"first_token": null, limit: "1s", "abort": true});
        let scene = Scene::start(&json!({"defaults": {"limits": limits}})).await?;
        let call = start(&scene, call, behaviour).await;
        let answer = answer(call).await?;
        if has_head {
            assert_eq!((answer.status.as_u16(), answer.ending), (200, Ending::Cut), "{limit}");
            assert!(answer.text().contains(CONTENT) || limit == "total", "{}", answer.text());
        } else {
            assert_timed_out(&answer);
        }
        scene.provider.wait_for_in_flight(0).await;
        scene.until_outcomes("timeout", 1).await;
    }
    Ok(())
}

#[tokio::test]
async fn in_shadow_mode_what_hangs_is_judged_and_left_alone() -> Outcome {
    let limits = json!({"first_token": "1s", "abort": true});
    let defaults = json!({"mode": "shadow", "limits": limits});
    let scene = Scene::start(&json!({"defaults": defaults})).await?;
    let call = start(&scene, Call::streamed_chat(), Behaviour::hang_after(0)).await;
    scene.until_outcomes("timeout", 1).await;
    assert_eq!(scene.provider.in_flight(), 1);
    scene.provider.release();
    assert_eq!(answer(call).await?.ending, Ending::Whole);
    Ok(())
}

/// Longer than Envoy would wait for an answer if the shipped route did not say otherwise.
const THOUGHT: Duration = Duration::from_secs(16);

#[tokio::test]
async fn a_silent_thinker_is_healthy() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    let milliseconds = u64::try_from(THOUGHT.as_millis())?;
    let thought = Chunk::after_milliseconds(milliseconds, CONTENT);
    let stream = Behaviour::script([Chunk::now(ROLE), thought], StreamEnd::Done);
    let stream = start(&scene, Call::streamed_chat(), stream).await;
    let whole = Behaviour::Healthy.after_milliseconds(milliseconds);
    let whole = start(&scene, Call::chat(), whole).await;
    for call in [stream, whole] {
        let answer = answer(call).await?;
        assert_reached(&answer, 200);
        assert_eq!(answer.ending, Ending::Whole);
        assert!(answer.elapsed >= THOUGHT);
    }
    scene.until_outcomes("success", 2).await;
    assert_eq!(scene.now("failures_total", &[]).await, 0.0);
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}
