//! A client that wants the provider cut off for everybody else does not get it.

use llm_breaker_host_tests::client::{Call, RawConnection};
use llm_breaker_host_tests::envoy::{Builder, Listener, OPENAI, Route};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

use crate::scene::{CLOSED, Outcome, Scene, assert_blocked, assert_reached};

/// Envoy obeys this client's time-out headers, as a sidecar of Istio obeys its application's.
fn trusting(envoy: Builder) -> Builder {
    let loopback = json!({"address_prefix": "127.0.0.1", "prefix_len": 32});
    let trust = json!({
        "use_remote_address": true,
        "internal_address_config": {"cidr_ranges": [loopback]},
    });
    let grpc = json!({"route": {"max_stream_duration": {"grpc_timeout_header_max": "10s"}}});
    let listener = Listener::default().connection_manager_patch(trust);
    envoy.listener(listener.route(Route::to(OPENAI).patch(grpc)))
}

async fn assert_nothing_counted(scene: &Scene) {
    assert_eq!(scene.now("state", &[]).await, CLOSED, "{}", scene.show().await);
    assert_eq!(scene.now("failures_total", &[]).await, 0.0, "{}", scene.show().await);
    scene.provider.behave(Behaviour::Healthy);
    assert_reached(&scene.call().await, 200);
    assert!(scene.transitions().is_empty(), "{:?}", scene.transitions());
}

#[tokio::test]
async fn a_clients_own_time_out_opens_nothing() -> Outcome {
    let scene = Scene::start_as(trusting).await?;
    let total = [("x-envoy-upstream-rq-timeout-ms", "100")];
    let stream = [("x-envoy-upstream-stream-duration-ms", "100")];
    let grpc = [("grpc-timeout", "100m")];
    let attempt = [("x-envoy-upstream-rq-per-try-timeout-ms", "100")];
    let attempts = [
        ("x-envoy-upstream-rq-per-try-timeout-ms", "100"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-max-retries", "1"),
    ];
    let mut struck = 0;
    for headers in [&total[..], &stream, &grpc, &attempt, &attempts] {
        let call =
            headers.iter().fold(Call::chat(), |call, (name, value)| call.header(name, value));
        scene.provider.behave(Behaviour::Hang);
        let answers = scene.burst(10, &call).await;
        answers.iter().for_each(|answer| assert_reached(answer, 504));
        struck += 10;
        scene.until_outcomes("cancelled", struck).await;
        assert_eq!(scene.now("failures_total", &[]).await, 0.0, "{headers:?}");
    }
    // While the answer is on its way, only the limits of the whole answer strike.
    scene.provider.behave(Behaviour::hang_after(1));
    for header in [total, stream, grpc] {
        let call = header.iter().fold(Call::chat(), |call, (name, value)| call.header(name, value));
        let answers = scene.burst(10, &call).await;
        answers.iter().for_each(|answer| assert_reached(answer, 200));
        struck += 10;
        scene.until_outcomes("cancelled", struck).await;
    }
    assert_nothing_counted(&scene).await;
    Ok(())
}

#[tokio::test]
async fn an_unfinished_upload_opens_nothing() -> Outcome {
    let limits = json!({"request_timeout": "0.2s"});
    let listener = Listener::default().connection_manager_patch(limits);
    unfinished_uploads(Scene::start_as(|envoy| envoy.listener(listener)).await?).await
}

#[tokio::test]
async fn an_upload_that_pauses_too_long_opens_nothing() -> Outcome {
    let idle = json!({"route": {"idle_timeout": "0.2s"}});
    let route = Route::to(OPENAI).patch(idle);
    unfinished_uploads(Scene::start_as(|envoy| envoy.route(route)).await?).await
}

async fn unfinished_uploads(scene: Scene) -> Outcome {
    let mut uploads = JoinSet::new();
    for _ in 0..20 {
        let mut connection = RawConnection::open(scene.envoy.address()).await?;
        connection.start_upload(100_000, 1_000).await?;
        uploads.spawn(async move { connection.read_to_end().await });
    }
    let answers = patiently("Envoy's answers to half requests", uploads.join_all()).await;
    let is_408 = |answer: &Vec<u8>| answer.starts_with(b"HTTP/1.1 408");
    assert!(answers.iter().all(is_408), "{:?}", String::from_utf8_lossy(&answers[0]));
    scene.until_outcomes("local", 20).await;
    assert_nothing_counted(&scene).await;
    Ok(())
}

#[tokio::test]
async fn uploads_that_are_broken_off_open_nothing() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    for _ in 0..50 {
        let mut connection = RawConnection::open(scene.envoy.address()).await?;
        connection.start_upload(100_000, 1_000).await?;
        drop(connection);
    }
    scene.until_outcomes("cancelled", 50).await;
    assert_nothing_counted(&scene).await;
    Ok(())
}

#[tokio::test]
async fn early_cancels_open_nothing() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    scene.provider.behave(Behaviour::Hang);
    for wave in 1..=4 {
        let calls: Vec<_> =
            (0..25).map(|_| scene.call_in_background(scene.envoy.client())).collect();
        scene.provider.wait_for_calls(25 * wave).await;
        calls.iter().for_each(JoinHandle::abort);
    }
    scene.until_outcomes("cancelled", 100).await;
    assert_nothing_counted(&scene).await;
    Ok(())
}

#[tokio::test]
async fn no_header_of_a_client_changes_a_decision() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    let lies = || {
        Call::chat()
            .header("x-llm-breaker", "open")
            .header("retry-after", "1000")
            .header("x-envoy-original-path", "/")
            .header("x-should-retry", "true")
            .header("x-not-utf-8", b"\xff\xfe")
    };
    for _ in 0..5 {
        assert_reached(&scene.send(&lies()).await, 200);
        scene.provider.queue([Behaviour::status(500)]);
        assert_reached(&scene.send(&lies()).await, 500);
    }
    // Five failures, but never two in a row; with the tenth call they are half of all.
    let opened = scene.transition(1).await;
    assert_eq!((&opened["reason"], &opened["announced"]), (&json!("failure_rate"), &json!(false)));
    assert_blocked(&scene.send(&lies()).await);
    Ok(())
}
