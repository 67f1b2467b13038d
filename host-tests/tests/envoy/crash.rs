//! What a breaker knows survives the crash of a VM.

use llm_breaker_host_tests::client::{Answer, Call, RawConnection};
use llm_breaker_host_tests::envoy::{CrashingModule, Listener};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_reached};

async fn start(consecutive_failures: u32) -> Outcome<(CrashingModule, Scene)> {
    let module = CrashingModule::make()?;
    let configuration = json!({"defaults": {
        "trip": {"consecutive_failures": consecutive_failures},
        "open": {"base": "60s"},
    }});
    let listener = Listener::default().module(module.path()).configuration(&configuration);
    let scene = Scene::start_as(|envoy| envoy.listener(listener)).await?;
    Ok((module, scene))
}

/// How often a VM has crashed.
async fn until_crashes(scene: &Scene, count: usize) {
    let is_crash = |line: &str| line.contains("panicked at");
    scene.envoy.log().wait_for_count(count, is_crash).await;
}

/// A call that crashes nothing.
fn without_body() -> Call {
    Call::get("/v1/models")
}

/// Fails this many calls that have no body.
async fn fail(scene: &Scene, count: usize) {
    for _ in 0..count {
        scene.provider.queue([Behaviour::status(500)]);
        assert_reached(&scene.send(&without_body()).await, 500);
    }
}

#[tokio::test]
async fn the_failures_of_before_still_count() -> Outcome {
    let (_module, scene) = start(5).await?;
    fail(&scene, 4).await;
    scene.provider.behave(Behaviour::Hang);
    assert_reached(&scene.call().await, 503);
    until_crashes(&scene, 1).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);

    scene.provider.behave(Behaviour::status(500));
    // Until it has a fresh VM, a worker answers 503 by itself.
    let one_more = async { while scene.send(&without_body()).await.status != 500 {} };
    patiently("one more failure", one_more).await;
    assert_eq!(scene.now("state", &[]).await, OPEN);
    assert_eq!(scene.transition(1).await["measured"], 5.0);
    Ok(())
}

#[tokio::test]
async fn an_open_breaker_stays_open() -> Outcome {
    let (_module, scene) = start(5).await?;
    // Let in before it opens, and crashing after it.
    let mut crashing = Vec::new();
    for _ in 0..8 {
        let mut connection = RawConnection::open(scene.envoy.address()).await?;
        connection.start_upload(10, 0).await?;
        crashing.push(connection);
    }
    scene.provider.wait_for_calls(8).await;
    fail(&scene, 5).await;
    assert_eq!(scene.now("state", &[]).await, OPEN);
    for connection in &mut crashing {
        connection.write(b"0123456789").await?;
    }
    until_crashes(&scene, 1).await;

    // Until it has a fresh VM, a worker answers 503 by itself.
    let all_blocked = async {
        let is_blocked = |answer: &Answer| answer.breaker() == Some("open");
        while !scene.burst(20, &without_body()).await.iter().all(is_blocked) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("fresh VMs", all_blocked).await;
    assert_eq!((scene.provider.calls(), scene.transitions().len()), (13, 1));
    Ok(())
}
