//! After the open time one call at a time tries the provider again, and its outcome decides.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::{Answer, Call, Client};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, Scene, assert_blocked, assert_reached};

const LEASE: Duration = Duration::from_secs(2);

fn short() -> Value {
    json!({"defaults": {"open": {"base": "1s", "jitter": 0}}})
}

fn with_short_lease() -> Value {
    let lease = format!("{}s", LEASE.as_secs());
    json!({"defaults": {"open": {"base": "1s", "jitter": 0}, "half_open": {"lease": lease}}})
}

/// Sends 50 calls at the same moment to a half-open breaker, whose provider lets them hang, and
/// waits until 49 of them are answered.
async fn burst_of_50(scene: &Scene) -> JoinHandle<Vec<Answer>> {
    let before = scene.provider.calls();
    scene.provider.behave(Behaviour::Hang);
    let client = scene.envoy.client();
    let burst = tokio::spawn(async move { client.burst(50, &Call::chat()).await });
    scene.until("requests_blocked_total", &[], 49.0).await;
    scene.provider.wait_for_calls(before + 1).await;
    assert_eq!(scene.provider.calls(), before + 1);
    assert_eq!(scene.now("half_open_requests_total", &[]).await, 1.0);
    burst
}

fn assert_one_of_50_reached(answers: &[Answer], status: u16) {
    let (blocked, reached): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.breaker().is_some());
    assert_eq!((blocked.len(), reached.len()), (49, 1));
    blocked.into_iter().for_each(assert_blocked);
    assert_reached(reached[0], status);
}

#[tokio::test]
async fn one_of_50_calls_probes_and_its_success_closes() -> Outcome {
    let scene = Scene::start(&short()).await?;
    scene.half_open().await;
    let burst = burst_of_50(&scene).await;
    scene.provider.behave(Behaviour::Healthy);
    scene.provider.release();
    assert_one_of_50_reached(&burst.await?, 200);

    scene.until("state", &[], CLOSED).await;
    assert_eq!(scene.provider.calls(), 6);
    let answers = scene.burst(50, &Call::chat()).await;
    answers.iter().for_each(|answer| assert_reached(answer, 200));
    assert_eq!(scene.provider.calls(), 56);
    Ok(())
}

#[tokio::test]
async fn one_of_50_calls_probes_and_its_failure_opens_for_twice_as_long() -> Outcome {
    let mut scene = Scene::start(&short()).await?;
    scene.half_open().await;
    assert_eq!(scene.transition(1).await["open_seconds"], 1.0);
    let burst = burst_of_50(&scene).await;
    let before_it_opened = Instant::now();
    scene.provider.refuse().await;
    assert_one_of_50_reached(&burst.await?, 503);
    assert_eq!(scene.now("state", &[]).await, OPEN);
    scene.provider.accept().await?;
    assert_eq!(scene.transition(3).await["open_seconds"], 2.0);

    scene.transition(4).await;
    assert!(before_it_opened.elapsed() >= Duration::from_secs(2));
    scene.fail(1).await;
    assert_eq!(scene.transition(5).await["open_seconds"], 4.0);
    Ok(())
}

#[tokio::test]
async fn a_probe_that_says_nothing_frees_its_slot_at_once() -> Outcome {
    let scene = Scene::start(&short()).await?;
    scene.half_open().await;
    scene.provider.queue([Behaviour::status(400)]);
    assert_reached(&scene.call().await, 400);

    let clients = [Client::http1(scene.envoy.address()), Client::http2(scene.envoy.address())];
    for (number, client) in (1..).zip(clients) {
        scene.provider.queue([Behaviour::Hang]);
        let probe = scene.call_in_background(client);
        scene.provider.wait_for_in_flight(1).await;
        assert_blocked(&scene.call().await);
        probe.abort();
        scene.until_outcomes("cancelled", number).await;
    }
    assert_eq!(scene.now("state", &[]).await, HALF_OPEN);
    assert_eq!(scene.transitions().len(), 2);

    // The default lease of 60 s cannot have ended; the back-off goes on as if nothing had been.
    scene.fail(1).await;
    assert_eq!(scene.transition(3).await["open_seconds"], 2.0);
    assert_eq!(scene.now("half_open_requests_total", &[]).await, 4.0);
    Ok(())
}

#[tokio::test]
async fn a_probe_whose_answer_never_comes_frees_its_slot_when_its_lease_ends() -> Outcome {
    let scene = Scene::start(&with_short_lease()).await?;
    scene.half_open().await;
    let before_the_lease = Instant::now();
    let probe = scene.held_call(Behaviour::status(500)).await;
    assert_blocked(&scene.call().await);

    let answer = patiently("the next probe", next_probe(&scene)).await;
    assert!(before_the_lease.elapsed() >= LEASE);
    assert_reached(&answer, 200);
    scene.until("state", &[], CLOSED).await;

    // What the first still has to say belongs to an earlier epoch.
    scene.provider.release();
    assert_reached(&probe.await??, 500);
    scene.until_outcomes("server_error", 6).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    assert_eq!(scene.transitions().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_probe_that_succeeds_after_its_lease_still_closes() -> Outcome {
    let scene = Scene::start(&with_short_lease()).await?;
    scene.half_open().await;
    let probe = scene.held_call(Behaviour::Healthy).await;
    // A probe that says nothing, and that could go out at all, shows that the lease has ended.
    scene.provider.queue([Behaviour::status(400)]);
    assert_reached(&patiently("the next probe", next_probe(&scene)).await, 400);
    assert_eq!(scene.now("state", &[]).await, HALF_OPEN);

    scene.provider.release();
    assert_reached(&probe.await??, 200);
    scene.until("state", &[], CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn a_probe_that_fails_after_its_lease_still_opens() -> Outcome {
    let scene = Scene::start(&with_short_lease()).await?;
    scene.half_open().await;
    let probe = scene.held_call(Behaviour::status(500)).await;
    scene.provider.queue([Behaviour::status(400)]);
    assert_reached(&patiently("the next probe", next_probe(&scene)).await, 400);

    scene.provider.release();
    assert_reached(&probe.await??, 500);
    assert_eq!(scene.transition(3).await["open_seconds"], 2.0);
    Ok(())
}

/// Calls until a call is let through.
async fn next_probe(scene: &Scene) -> Answer {
    loop {
        let answer = scene.call().await;
        if answer.breaker().is_none() {
            return answer;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
