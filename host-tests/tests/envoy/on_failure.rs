//! With `on_failure` and `append_stream_error`: what the client of a call gets that itself failed.

use std::collections::BTreeMap;

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending, RawConnection};
use llm_breaker_host_tests::envoy::{Builder, Cluster, Listener, OPENAI};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Chunk, Encoding, Simulator, StreamEnd};
use serde_json::{Value, json};

use crate::scene::{Outcome, Scene, assert_reached};

const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";
const ERROR: &str = "data: {\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"!\"}}\n\n";
const COMMENT: &str = ": warming up\n\n";
const QUOTA: &str = r#"{"error":{"message":"!","code":"insufficient_quota"}}"#;
const STREAM: (&str, &str) = ("content-type", "text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Under a policy that has this, too, and never opens.
fn shaped(envoy: Builder, more: &Value) -> Builder {
    let never = json!({"consecutive_failures": null, "failure_rate": null});
    let mut policy = json!({"trip": never, "verdicts": {"quota_exhausted": "failure"}});
    let fields = policy.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    let configuration = json!({"stop_iteration": true, "defaults": policy});
    let listener = Listener::default().configuration(&configuration);
    envoy.listener(listener.allow_on_headers_stop_iteration())
}

async fn scene(more: Value) -> Outcome<Scene> {
    Scene::start_as(|envoy| shaped(envoy, &more)).await
}

async fn replacing() -> Outcome<Scene> {
    scene(json!({"on_failure": true, "hold_max": "30s"})).await
}

#[track_caller]
fn assert_replaced(answer: &Answer) {
    let told = (answer.status.as_u16(), answer.breaker(), answer.ending);
    assert_eq!(told, (503, Some("fallback"), Ending::Whole), "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], "upstream_failed");
}

#[tokio::test]
async fn what_failed_is_replaced_before_anything_was_sent() -> Outcome {
    let scene = replacing().await?;
    let gzip = Encoding::Gzip.encode(QUOTA);
    let failures = [
        Behaviour::status(500),
        Behaviour::Close,
        Behaviour::answer(500, &[JSON, ("content-length", "0")], ""),
        Behaviour::answer(429, &[JSON], QUOTA),
        Behaviour::answer(429, &[JSON, ("content-encoding", "gzip")], gzip),
        // Longer than Envoy's buffer.
        Behaviour::answer(429, &[JSON], format!("{QUOTA}{}", " ".repeat(3 << 20))),
        Behaviour::answer(200, &[STREAM], [COMMENT, ERROR].concat()),
        Behaviour::script([Chunk::now(COMMENT), Chunk::now(ERROR)], StreamEnd::Silent),
        // It ends, or is cut, before it began.
        Behaviour::answer(200, &[STREAM], COMMENT),
        Behaviour::script([Chunk::now(COMMENT)], StreamEnd::Silent),
    ];
    let count = failures.len();
    for behaviour in failures {
        for client in [Client::http1, Client::http2].map(|new| new(scene.envoy.address())) {
            scene.provider.queue([behaviour.clone()]);
            let answer = patiently("an answer", client.send(&Call::streamed_chat())).await?;
            assert_replaced(&answer);
        }
    }
    let all = f64::from(u32::try_from(2 * count)?);
    scene.until("failures_total", &[], all).await;
    assert_eq!(scene.now("fallbacks_total", &[("kind", "error")]).await, all);
    Ok(())
}

#[tokio::test]
async fn what_passes_passes_whole() -> Outcome {
    let scene = replacing().await?;
    let bodies = [
        Behaviour::answer(401, &[JSON], QUOTA.replace("insufficient_quota", "no")),
        Behaviour::answer(400, &[JSON], format!("{{\"error\":{{}}}}{}", " ".repeat(3 << 20))),
        Behaviour::answer(204, &[], ""),
        Behaviour::answer(304, &[], ""),
        Behaviour::script([CONTENT, ERROR].map(Chunk::now), StreamEnd::Silent),
        Behaviour::script([COMMENT, CONTENT].map(Chunk::now), StreamEnd::Done),
    ];
    for behaviour in bodies {
        for client in [Client::http1, Client::http2].map(|new| new(scene.envoy.address())) {
            scene.provider.queue([behaviour.clone()]);
            let answer = patiently("an answer", client.send(&Call::streamed_chat())).await?;
            assert_eq!((answer.breaker(), answer.ending), (None, Ending::Whole), "{behaviour:?}");
        }
    }
    let head = Call::new(hyper::Method::HEAD, "/v1/models");
    for status in [200, 404, 500] {
        scene.provider.queue([Behaviour::status(status)]);
        scene.send(&head).await;
    }
    Ok(())
}

#[tokio::test]
async fn trailers_end_what_is_held() -> Outcome {
    let provider = Simulator::start().await?;
    let policy = json!({"on_failure": true, "hold_max": "30s"});
    let cluster = Cluster::at(OPENAI, provider.address()).http2();
    let envoy = shaped(llm_breaker_host_tests::envoy::Envoy::builder().cluster(cluster), &policy);
    let envoy = envoy.start().await?;
    let pairs = |(name, value): (&str, &str)| BTreeMap::from([(name.into(), value.into())]);
    provider.behave(Behaviour::Trailers { headers: pairs(STREAM), trailers: pairs(("x-a", "b")) });
    for client in [Client::http1, Client::http2].map(|new| new(envoy.address())) {
        let answer = patiently("an answer", client.send(&Call::streamed_chat())).await?;
        assert_replaced(&answer);
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_upstream_is_not_waited_for_longer_than_said() -> Outcome {
    let scene = scene(json!({"on_failure": true, "hold_max": "0.2s"})).await?;
    scene.provider.behave(Behaviour::script(
        [Chunk::now(COMMENT), Chunk::released(CONTENT)],
        StreamEnd::Done,
    ));
    for client in [Client::http1, Client::http2].map(|new| new(scene.envoy.address())) {
        let mut open = patiently("headers", client.open(&Call::streamed_chat())).await?;
        assert_eq!(open.status(), 200);
        scene.provider.release();
        while patiently("a chunk", open.next()).await.is_some() {}
    }
    scene.until_outcomes("success", 2).await;
    Ok(())
}

#[tokio::test]
async fn a_stream_without_its_end_gets_one_that_says_so() -> Outcome {
    let scene = scene(json!({"append_stream_error": true})).await?;
    let length = CONTENT.len().to_string();
    let streams = [
        Behaviour::script([Chunk::now(CONTENT)], StreamEnd::Silent),
        Behaviour::answer(200, &[STREAM], CONTENT),
        Behaviour::answer(200, &[STREAM, ("content-length", &length)], CONTENT),
    ];
    for behaviour in streams {
        for client in [Client::http1, Client::http2].map(|new| new(scene.envoy.address())) {
            scene.provider.queue([behaviour.clone()]);
            let answer = patiently("an answer", client.send(&Call::streamed_chat())).await?;
            assert_reached(&answer, 200);
            assert_eq!(answer.ending, Ending::Whole, "{behaviour:?} {answer:?}");
            let text = answer.text();
            assert!(text.starts_with(CONTENT), "{text}");
            assert!(text.contains("stream_interrupted"), "{behaviour:?}: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_behind_an_answer_of_a_length_that_was_told() -> Outcome {
    let scene = scene(json!({"append_stream_error": true})).await?;
    let length = CONTENT.len().to_string();
    scene.provider.behave(Behaviour::answer(200, &[STREAM, ("content-length", &length)], CONTENT));
    let mut connection = RawConnection::open(scene.envoy.address()).await?;
    let request = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                   content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    connection.write(request.as_bytes()).await?;
    let bytes = patiently("an answer", connection.read_to_end()).await;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    if let Some((_, told)) = head.split_once("content-length: ") {
        let told: usize = told.split("\r\n").next().expect("a line").parse()?;
        assert_eq!(told, body.len(), "{text}");
    }
    Ok(())
}
