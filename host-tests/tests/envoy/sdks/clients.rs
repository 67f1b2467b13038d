//! Clients that leave their streams, and streams that leave their clients waiting.

use llm_breaker_host_tests::simulator::{Behaviour, Chunk, Simulator, StreamEnd};
use serde_json::json;

use super::stage::{APIS, CUT, Stage};
use crate::scene::{CLOSED, OPEN, Outcome};

/// What an API's stream begins with before it says anything.
fn opening(api: &str) -> &'static str {
    match api {
        "chat" => r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        "responses" => {
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}"
        }
        "messages" => {
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}"
        }
        _ => r#"data: {"usageMetadata":{"promptTokenCount":1}}"#,
    }
}

/// What keeps it warm.
fn ping(api: &str) -> &'static str {
    match api {
        "messages" => "event: ping\ndata: {\"type\":\"ping\"}",
        // Google's SDK does not know comments.
        "gemini" => opening(api),
        _ => ": keep-alive",
    }
}

/// How it goes on and ends.
fn rest(api: &str) -> [&'static str; 2] {
    match api {
        "chat" => [
            r#"data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}"#,
            r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        ],
        "responses" => [
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}",
        ],
        "messages" => [
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{}}",
        ],
        _ => [
            r#"data: {"candidates":[{"content":{"parts":[{"text":"Hello"}]}}]}"#,
            r#"data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#,
        ],
    }
}

/// A stream's event, with the blank line after it.
fn event(text: &str) -> String {
    format!("{text}\n\n")
}

#[tokio::test]
async fn half_of_all_clients_leaving_their_streams_opens_nothing() -> Outcome {
    let upstream = Simulator::start().await?;
    let mut stage = Stage::start(upstream.address(), &json!({})).await?;
    for api in APIS {
        let [content, end] = rest(api).map(event);
        let chunks = [Chunk::now(event(opening(api)) + &content), Chunk::released(end)];
        upstream.behave(Behaviour::script(chunks, StreamEnd::Silent));
        let staying = json!({"api": api, "prompt": "Hello", "stream": true});
        let mut leaving = staying.clone();
        leaving["leave_after"] = json!(2);
        let calls = json!([&staying, &leaving].repeat(10));

        let Stage { envoy, sdks } = &mut stage;
        let labels = [("llm_cluster", api), ("category", "cancelled")];
        let half_have_left = async {
            envoy.wait_for_stat("llm_circuit_breaker_outcomes_total", &labels, |n| n == 10.0).await;
            upstream.wait_for_in_flight(10).await;
            upstream.release();
        };
        let (told, ()) = tokio::join!(sdks.ask_at_once(&calls), half_have_left);
        for (number, told) in told?.into_iter().enumerate() {
            assert_eq!(told.exception(), None, "{api}: {told:?}");
            assert_eq!(told.text, "Hello", "{api}");
            assert_eq!(told.finish.len(), (number + 1) % 2, "{api}: {told:?}");
        }
        stage.until_outcomes(api, "success", 10).await;
        assert_eq!(stage.now(api, "failures_total", &[]).await, 0.0, "{api}");
        assert_eq!(stage.now(api, "state", &[]).await, CLOSED, "{api}");
    }
    Ok(())
}

#[tokio::test]
async fn five_streams_kept_warm_but_silent_open_at_the_limit() -> Outcome {
    let mut upstream = Simulator::start().await?;
    let limits = json!({"defaults": {"limits": {"first_token": "1s"}}});
    let mut stage = Stage::start(upstream.address(), &limits).await?;
    for api in APIS {
        // Warm for a minute, which is how long a test waits for anything.
        let pings = [(); 600].map(|()| Chunk::after_milliseconds(100, event(ping(api))));
        let chunks = [Chunk::now(event(opening(api)))].into_iter().chain(pings);
        upstream.behave(Behaviour::script(chunks, StreamEnd::Hang));
        let call = json!({"api": api, "prompt": "Hello", "stream": true});

        let Stage { envoy, sdks } = &mut stage;
        let labels = [("llm_cluster", api)];
        let opened_while_they_hang = async {
            envoy.wait_for_stat("llm_circuit_breaker_state", &labels, |state| state == OPEN).await;
            assert_eq!(upstream.in_flight(), 5, "{api}");
            upstream.refuse().await;
        };
        let calls = json!(vec![call; 5]);
        let (told, ()) = tokio::join!(sdks.ask_at_once(&calls), opened_while_they_hang);
        for told in told? {
            assert!(told.exception().is_some_and(|it| CUT.contains(&it)), "{api}: {told:?}");
            assert_eq!(told.text, "", "{api}");
        }
        // That it was cut in the end changes nothing: a call has one outcome.
        stage.until_outcomes(api, "timeout", 5).await;
        assert_eq!(stage.now(api, "failures_total", &[]).await, 5.0, "{api}");
        stage.assert_blocked(api).await?;
        upstream.accept().await?;
    }
    Ok(())
}
