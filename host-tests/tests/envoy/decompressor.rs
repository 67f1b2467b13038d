//! Envoy's decompressors between the breaker and the provider, as `envoy/llm-egress-decompressor.yaml`
//! has them: what is compressed counts by its content, and nothing is held back.

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending};
use llm_breaker_host_tests::envoy::Builder;
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Encoding, Pause, StreamEnd};
use serde_json::json;

use crate::scene::{Outcome, Scene, assert_blocked, assert_reached};

const ENCODINGS: [Encoding; 3] = [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];
const QUOTA: &str = r#"{"error":{"message":"as told","code":"insufficient_quota"}}"#;

const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";
const FINISH: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const OVERLOADED: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";

async fn scene(mode: &str) -> Outcome<Scene> {
    let configuration = json!({"defaults": {"mode": mode}});
    let shape = |envoy: Builder| {
        envoy.shipped("llm-egress-decompressor.yaml").configuration(&configuration)
    };
    Scene::start_as(shape).await
}

fn chat() -> Call {
    Call::streamed_chat().header("accept-encoding", "gzip, br, zstd")
}

#[track_caller]
fn assert_plain(answer: &Answer, text: &str) {
    assert_eq!(answer.text(), text);
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.ending, Ending::Whole);
}

#[tokio::test]
async fn a_compressed_quota_opens_and_the_client_can_read_it() -> Outcome {
    for encoding in ENCODINGS {
        let scene = scene("enforce").await?;
        let headers = [("content-encoding", encoding.name())];
        scene.provider.queue([Behaviour::answer(429, &headers, encoding.encode(QUOTA))]);
        let received = scene.send(&chat()).await;
        assert_reached(&received, 429);
        assert_plain(&received, QUOTA);
        assert_blocked(&scene.send(&chat()).await);
        let opened = scene.transition(1).await;
        assert_eq!(opened["category"], "quota_exhausted");
        assert!(opened["open_seconds"].as_f64() >= Some(300.0), "{opened}");
        assert_eq!(scene.now("unread_bodies_total", &[("reason", "compressed")]).await, 0.0);
    }
    Ok(())
}

#[tokio::test]
async fn every_event_of_a_compressed_stream_is_passed_on_when_it_comes() -> Outcome {
    let scene = scene("enforce").await?;
    let events: Vec<_> = [&[CONTENT; 50][..], &[FINISH, DONE]].concat();
    let address = scene.envoy.address();
    for encoding in ENCODINGS {
        for client in [Client::http1(address), Client::http2(address)] {
            let (pause, end) = (Pause::Release, StreamEnd::Silent);
            scene.provider.queue([Behaviour::compressed_script(encoding, &events, pause, end)]);
            let mut stream = client.open(&chat()).await?;
            assert_eq!(stream.headers().get("content-encoding"), None);
            for (number, event) in events.iter().enumerate() {
                // The next one leaves the provider only when this one has come.
                scene.provider.release();
                let what = format!("event {number} in {encoding:?}");
                let came = patiently(&what, stream.next_bytes(event.len())).await;
                assert_eq!(came, event.as_bytes());
            }
            let rest = patiently("the end", stream.read_to_end()).await;
            assert_plain(&rest, "");
        }
    }
    scene.until_outcomes("success", 6).await;
    scene.until("time_to_first_token_milliseconds_count", &[], 6.0).await;
    Ok(())
}

#[tokio::test]
async fn a_compressed_stream_that_fails_after_its_200_is_a_failure() -> Outcome {
    let scene = scene("shadow").await?;
    for (number, encoding) in (1..).zip(ENCODINGS) {
        for (events, end, category, ending) in [
            (&[CONTENT, OVERLOADED][..], StreamEnd::Silent, "overloaded", Ending::Whole),
            (&[CONTENT, CONTENT], StreamEnd::Silent, "stream_interrupted", Ending::Whole),
            (&[CONTENT, CONTENT], StreamEnd::Cut, "stream_interrupted", Ending::Cut),
            (&[CONTENT, FINISH, DONE], StreamEnd::Silent, "success", Ending::Whole),
        ] {
            let script = Behaviour::compressed_script(encoding, events, Pause::None, end);
            scene.provider.queue([script]);
            let received = scene.send(&chat()).await;
            assert_eq!((received.text(), received.ending), (events.concat(), ending));
            if category != "stream_interrupted" {
                scene.until_outcomes(category, number).await;
            }
        }
        scene.until_outcomes("stream_interrupted", 2 * number).await;
    }
    Ok(())
}

#[tokio::test]
async fn what_the_client_did_not_ask_for_is_not_asked_of_the_provider() -> Outcome {
    let scene = scene("enforce").await?;
    let body = Encoding::Gzip.encode(r#"{"input": "compressed by the client"}"#);
    let call = Call::chat().header("content-encoding", "gzip").body(body.clone());
    assert_reached(&scene.send(&call).await, 200);
    assert_reached(&scene.send(&chat()).await, 200);
    let received = scene.provider.received();
    assert_eq!(received[0].headers.get("accept-encoding"), None);
    assert_eq!(received[0].headers["content-encoding"], "gzip");
    assert_eq!(received[0].body, body);
    assert_eq!(received[1].headers["accept-encoding"], "gzip, br, zstd");
    Ok(())
}

#[tokio::test]
async fn what_a_client_notices() -> Outcome {
    let scene = scene("shadow").await?;
    let client = Client::http2(scene.envoy.address());
    let blanks = |count| format!("{{\"blanks\": \"{}\"}}", " ".repeat(count));
    for encoding in ENCODINGS {
        let headers = [("content-encoding", encoding.name()), ("etag", "\"of other bytes\"")];
        // Envoy gives up on brotli that compressed so well.
        let text = blanks(if encoding == Encoding::Brotli { 100 } else { 100_000 });
        scene.provider.queue([Behaviour::answer(200, &headers, encoding.encode(&text))]);
        let received = client.send(&chat()).await?;
        assert_plain(&received, &text);
        assert_eq!(received.header("etag"), Some("\"of other bytes\""));
        assert_eq!(received.header("content-length"), None);
        let names: Vec<_> = received.trailers.keys().map(ToString::to_string).collect();
        assert!(names[0].starts_with("x-envoy-decompressor-"), "{names:?}");

        let headers = [("content-encoding", encoding.name()), ("cache-control", "no-transform")];
        scene.provider.queue([Behaviour::answer(429, &headers, encoding.encode(QUOTA))]);
        let received = client.send(&chat()).await?;
        assert_eq!(received.header("content-encoding"), Some(encoding.name()));
        assert_eq!(received.body, encoding.encode(QUOTA));
    }
    // What the decompressors leave alone: gzip is inflated by the breaker, the others are not read.
    scene.until_outcomes("quota_exhausted", 1).await;
    scene.until_outcomes("rate_limited", 2).await;
    Ok(())
}
