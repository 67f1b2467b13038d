//! A stream counts by its events: how it ends after its 200, and when it shows that it works.

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending, OpenAnswer};
use llm_breaker_host_tests::envoy::{Listener, OPENAI};
use llm_breaker_host_tests::simulator::{Behaviour, StreamEnd};
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_reached};

const CONTENT: &str =
    r#"data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
const FINISH: &str = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":9,"total_tokens":14}}"#;
const DONE: &str = "data: [DONE]";

const fn stream(events: usize, end: StreamEnd) -> Behaviour {
    Behaviour::Stream { events, interval_milliseconds: 0, end }
}

/// Exactly these events, a blank line after each, and a clean end.
fn events(events: &[&str]) -> Behaviour {
    let body: String = events.iter().map(|event| format!("{event}\n\n")).collect();
    Behaviour::answer(200, &[("content-type", "text/event-stream")], body)
}

#[tokio::test]
async fn no_healthy_stream_is_a_failure() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    let lengths = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144];
    let mut healthy: Vec<_> = lengths.map(|length| stream(length, StreamEnd::Done)).into();
    healthy.extend([
        events(&[CONTENT, FINISH]),
        events(&[CONTENT, DONE]),
        events(&[DONE]),
        events(&[CONTENT, FINISH, USAGE, DONE]),
        events(&[": still thinking", ": still thinking", CONTENT, FINISH, DONE]),
        events(&[&format!("id: 7\nevent: chunk\n{CONTENT}"), FINISH, DONE]),
        events(&[&CONTENT.replace(":{\"content\"", ":\ndata: {\"content\""), FINISH, DONE]),
        events(&[
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"No.\"}}]}",
            FINISH,
            DONE,
        ]),
    ]);
    let address = scene.envoy.address();
    for (number, behaviour) in (1..).zip(healthy) {
        for client in [Client::http1(address), Client::http2(address)] {
            scene.provider.queue([behaviour.clone()]);
            let answer = client.send(&Call::streamed_chat()).await?;
            assert_reached(&answer, 200);
            assert_eq!(answer.ending, Ending::Whole);
        }
        scene.until_outcomes("success", 2 * number).await;
    }
    assert_eq!(scene.now("successes_total", &[]).await, 40.0);
    assert_eq!(scene.now("failures_total", &[]).await, 0.0);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_fails_after_its_200_is_a_failure() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    let limited = r#"data: {"error":{"message":"!","code":"rate_limit_exceeded"}}"#;
    let unknown = r#"data: {"error":{"message":"!","code":"never heard of"}}"#;
    let overloaded =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}";
    for (number, (behaviour, category, ending)) in (1..).zip([
        (stream(0, StreamEnd::Cut), "stream_interrupted", Ending::Cut),
        (stream(5, StreamEnd::Cut), "stream_interrupted", Ending::Cut),
        (stream(0, StreamEnd::Silent), "stream_interrupted", Ending::Whole),
        (stream(5, StreamEnd::Silent), "stream_interrupted", Ending::Whole),
        (events(&[CONTENT, limited]), "rate_limited", Ending::Whole),
        (events(&[CONTENT, limited, DONE]), "rate_limited", Ending::Whole),
        (events(&[CONTENT, overloaded]), "overloaded", Ending::Whole),
        (events(&[CONTENT, unknown, DONE]), "stream_interrupted", Ending::Whole),
    ]) {
        let label = [("category", category)];
        let before = scene.now("outcomes_total", &label).await;
        scene.provider.queue([behaviour]);
        let answer = scene.send(&Call::streamed_chat()).await;
        assert_reached(&answer, 200);
        assert_eq!(answer.ending, ending);
        scene.until("outcomes_total", &label, before + 1.0).await;
        scene.until("failures_total", &[], f64::from(number)).await;
    }
    assert_eq!(scene.now("successes_total", &[]).await, 0.0);
    Ok(())
}

/// Opens the breaker, waits for its end, and starts a stream whose first event has come.
async fn streaming_probe(scene: &Scene) -> Outcome<OpenAnswer> {
    scene.half_open().await;
    scene.provider.behave(Behaviour::hang_after(1));
    let mut probe = scene.envoy.client().open(&Call::streamed_chat()).await?;
    assert!(probe.next().await.is_some());
    Ok(probe)
}

#[tokio::test]
async fn a_streaming_probe_closes_while_its_stream_goes_on() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "0.5s"}}})).await?;
    let probe = streaming_probe(&scene).await?;
    scene.until("state", &[], CLOSED).await;
    assert_eq!(scene.provider.in_flight(), 1);
    assert_eq!(scene.now("successes_total", &[]).await, 0.0, "it is counted at its end");
    scene.provider.release();
    assert_eq!(probe.read_to_end().await.ending, Ending::Whole);
    scene.until_outcomes("success", 1).await;
    assert_eq!(scene.transitions().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_streaming_probe_that_is_cut_later_is_one_failure_of_the_closed_breaker() -> Outcome {
    let mut scene = Scene::start(&json!({"defaults": {"open": {"base": "0.5s"}}})).await?;
    let probe = streaming_probe(&scene).await?;
    scene.until("state", &[], CLOSED).await;
    scene.provider.refuse().await;
    assert_eq!(probe.read_to_end().await.ending, Ending::Cut);
    scene.until_outcomes("stream_interrupted", 1).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);

    // A call on a pooled connection that is not yet seen to be closed would be reset.
    let cluster = [("envoy_cluster_name", OPENAI)];
    scene.envoy.wait_for_stat("envoy_cluster_upstream_cx_active", &cluster, |n| n == 0.0).await;
    scene.provider.accept().await?;
    scene.fail(3).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED, "the fifth in a row opens");
    scene.fail(1).await;
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!(scene.transition(4).await["measured"], 5.0);
    Ok(())
}

#[tokio::test]
async fn half_of_all_clients_leaving_their_streams_opens_nothing() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    scene.provider.behave(Behaviour::hang_after(1));
    let address = scene.envoy.address();
    let mut staying = Vec::new();
    let mut leaving = Vec::new();
    for client in [Client::http1(address), Client::http2(address)].repeat(20) {
        let mut stream = client.open(&Call::streamed_chat()).await?;
        assert!(stream.next().await.is_some());
        if staying.len() > leaving.len() { &mut leaving } else { &mut staying }.push(stream);
    }
    scene.provider.wait_for_in_flight(40).await;
    drop(leaving);
    scene.until_outcomes("cancelled", 20).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    scene.provider.wait_for_in_flight(20).await;
    scene.provider.release();
    for stream in staying {
        assert_eq!(stream.read_to_end().await.ending, Ending::Whole);
    }
    scene.until_outcomes("success", 20).await;
    assert_eq!(scene.now("failures_total", &[]).await, 0.0);
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn a_stream_passes_unchanged_and_its_first_token_is_timed() -> Outcome {
    let scene = Scene::start_as(|envoy| {
        envoy.listener(Listener::default()).listener(Listener::new("plain").without_plugin())
    })
    .await?;
    scene.provider.behave(stream(300, StreamEnd::Done));
    let filtered = scene.send(&Call::streamed_chat()).await;
    scene.until("time_to_first_token_milliseconds_count", &[], 1.0).await;
    let plain = Client::http1(scene.envoy.address_of("plain"));
    let plain = plain.send(&Call::streamed_chat()).await?;
    assert_eq!((filtered.ending, plain.ending), (Ending::Whole, Ending::Whole));
    assert_eq!(plain.text().matches("data: ").count(), 302);
    assert!(filtered.body == plain.body, "{}", filtered.text());
    let names = |answer: &Answer| -> Vec<_> { answer.headers.keys().cloned().collect() };
    assert_eq!(names(&filtered), names(&plain));
    scene.until_outcomes("success", 1).await;
    assert_eq!(scene.now("time_to_first_token_milliseconds_count", &[]).await, 1.0);
    Ok(())
}
