//! What a breaker knows survives the crash of a VM.
//!
//! Nothing is known to crash the filter, so the tests give it a body callback that must: they swap
//! what two of the module's exports lead to, and the SDK panics on a request's body that arrives
//! where only TCP streams are known.

use std::path::PathBuf;

use llm_breaker_host_tests::client::{Answer, Call, RawConnection};
use llm_breaker_host_tests::envoy::{Listener, filter_module};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;
use tempfile::TempDir;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_reached};

/// The filter, but for a crash at every request that has a body.
struct Crashing {
    /// Removes the file when the test is over.
    _directory: TempDir,
    path: PathBuf,
}

impl Crashing {
    fn module() -> Outcome<Self> {
        let mut module = std::fs::read(filter_module())?;
        swap_exports(&mut module, "proxy_on_request_body", "proxy_on_downstream_data");
        let directory = TempDir::with_prefix("llm-breaker-")?;
        let path = directory.path().join("crashing.wasm");
        std::fs::write(&path, module)?;
        Ok(Self { _directory: directory, path })
    }
}

/// Lets each of two exported functions of the same type be called by the other's name.
fn swap_exports(module: &mut [u8], one: &str, other: &str) {
    let (one, other) = (function_index(module, one), function_index(module, other));
    assert_eq!(one.len(), other.len(), "indices of the same encoded length");
    for (left, right) in one.zip(other) {
        module.swap(left, right);
    }
}

/// Where the index of an exported function stands: behind its name's length, its name and a 0 for
/// "function", as a number whose bytes but the last have their highest bit set.
fn function_index(module: &[u8], export: &str) -> std::ops::Range<usize> {
    let length = u8::try_from(export.len()).expect("a short name");
    let entry = [&[length], export.as_bytes(), &[0]].concat();
    let at = module.windows(entry.len()).position(|bytes| bytes == entry).expect("an export");
    let start = at + entry.len();
    let continued = module[start..].iter().take_while(|byte| **byte >= 0x80).count();
    start..start + continued + 1
}

async fn start(consecutive_failures: u32) -> Outcome<(Crashing, Scene)> {
    let module = Crashing::module()?;
    let configuration = json!({"defaults": {
        "trip": {"consecutive_failures": consecutive_failures},
        "open": {"base": "60s"},
    }});
    let listener = Listener::default().module(&module.path).configuration(&configuration);
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
