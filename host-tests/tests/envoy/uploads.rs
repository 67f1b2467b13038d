//! A large upload that is refused still gets the whole typed answer, whenever its client reads.

use bytes::Bytes;
use llm_breaker_host_tests::client::{Call, Client, Ending, RawConnection};
use llm_breaker_host_tests::envoy::Listener;
use llm_breaker_host_tests::patience::patiently;
use serde_json::{Value, json};

use crate::scene::{Outcome, Scene, assert_blocked, assert_reached};

/// More than Envoy buffers of a request, and more than a machine's sockets do.
const SIZES_BYTES: [usize; 2] = [5 << 20, 20 << 20];

fn refuses() -> Value {
    json!({"defaults": {"mode": "forced_open"}})
}

async fn refusing() -> Outcome<Scene> {
    Scene::start(&refuses()).await
}

fn upload(size_bytes: usize) -> Call {
    Call::chat().body(vec![b' '; size_bytes])
}

/// The head of such an upload, with further header lines.
fn head(size_bytes: usize, more: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: upload\r\ncontent-type: application/json\r\n\
         content-length: {size_bytes}\r\n{more}\r\n"
    )
}

#[track_caller]
fn assert_typed_error(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (_, answer) = text.split_once("HTTP/1.1 503 ").unwrap_or_else(|| panic!("got {text:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    assert!(head.contains("x-llm-breaker: open"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("a whole body");
    assert_eq!(body["error"]["code"], "circuit_open");
}

#[tokio::test]
async fn a_client_that_reads_while_it_sends() -> Outcome {
    // A client that a busy machine keeps waiting may not read within the 0.1 s of what is shipped.
    let lingering = json!({"delayed_close_timeout": "10s"});
    let listener =
        Listener::default().connection_manager_patch(lingering).configuration(&refuses());
    let scene = Scene::start_as(|envoy| envoy.listener(listener)).await?;
    let address = scene.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        for size_bytes in SIZES_BYTES {
            let answer = patiently("an answer", client.send(&upload(size_bytes))).await?;
            assert_blocked(&answer);
            assert_eq!(answer.json()["error"]["code"], "circuit_open");
            assert_eq!(answer.ending, Ending::Whole);
        }
    }
    assert_eq!(scene.provider.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_sends_all_it_can_before_it_reads() -> Outcome {
    let scene = refusing().await?;
    for size_bytes in SIZES_BYTES {
        let mut connection = RawConnection::open(scene.envoy.address()).await?;
        connection.write(head(size_bytes, "").as_bytes()).await?;
        // Envoy closes before it has read all, which the client notices while it writes.
        let body = vec![b' '; size_bytes];
        let _ = patiently("the upload or its end", connection.write(&body)).await;
        assert_typed_error(&patiently("an answer", connection.read_to_end()).await);
    }
    assert_eq!(scene.provider.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_asks_first_whether_it_may_send() -> Outcome {
    let scene = refusing().await?;
    for size_bytes in SIZES_BYTES {
        let mut connection = RawConnection::open(scene.envoy.address()).await?;
        let head = head(size_bytes, "expect: 100-continue\r\n");
        connection.write(head.as_bytes()).await?;
        assert_typed_error(&patiently("an answer", connection.read_to_end()).await);
    }
    assert_eq!(scene.provider.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn what_is_let_through_arrives_whole() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    let address = scene.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        for size_bytes in SIZES_BYTES {
            let answer = patiently("an answer", client.send(&upload(size_bytes))).await?;
            assert_reached(&answer, 200);
            let arrived = scene.provider.received().pop().expect("a call").body;
            assert_eq!(arrived, Bytes::from(vec![b' '; size_bytes]), "{} bytes", arrived.len());
        }
    }
    Ok(())
}
