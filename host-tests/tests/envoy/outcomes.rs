//! What each way of a call's ending counts as, and that it is known as early as it can be.

use llm_breaker_host_tests::client::{Call, Client, OpenAnswer};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Route};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator, StreamEnd};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached, event, value};

#[tokio::test]
async fn each_failure_has_its_category() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"mode": "shadow"}})).await?;
    for (behaviour, status, category) in [
        (Behaviour::status(500), 500, "server_error"),
        (Behaviour::status(503), 503, "server_error"),
        (Behaviour::status(529), 529, "overloaded"),
        (Behaviour::status(429), 429, "rate_limited"),
        (Behaviour::status(402), 402, "quota_exhausted"),
        (Behaviour::status(408), 408, "timeout"),
        (Behaviour::status(504), 504, "timeout"),
        (Behaviour::Close, 503, "connection_reset"),
        (Behaviour::cut_after(2), 200, "stream_interrupted"),
        (Behaviour::ShortBody, 200, "stream_interrupted"),
    ] {
        let label = [("category", category)];
        let before = scene.now("outcomes_total", &label).await;
        scene.provider.queue([behaviour]);
        assert_reached(&scene.call().await, status);
        scene.until("outcomes_total", &label, before + 1.0).await;
    }
    scene.until("failures_total", &[], 10.0).await;
    Ok(())
}

#[tokio::test]
async fn a_provider_without_an_address_is_a_failed_connection() -> Outcome {
    for discovery in ["STRICT_DNS", "LOGICAL_DNS"] {
        let cluster = Cluster::unresolvable(OPENAI, discovery);
        let envoy = Envoy::builder().cluster(cluster).start().await?;
        for _ in 0..5 {
            assert_reached(&envoy.client().send(&Call::chat()).await?, 503);
        }
        assert_blocked(&envoy.client().send(&Call::chat()).await?);
        let opened = envoy.log().wait_for(|line| event(line, "transition").is_some()).await;
        assert!(opened.contains("connection_failed"), "{discovery}: {opened}");
    }
    Ok(())
}

#[tokio::test]
async fn an_exhausted_quota_opens_at_once_and_for_long() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"open": {"base": "1s"}}})).await?;
    scene.provider.queue([Behaviour::status(402)]);
    assert_reached(&scene.call().await, 402);
    assert_blocked(&scene.call().await);
    let opened = scene.transition(1).await;
    assert_eq!((&opened["reason"], &opened["open_seconds"]), (&json!("verdict"), &json!(300.0)));
    Ok(())
}

#[tokio::test]
async fn a_retried_call_is_one_outcome_by_its_last_attempt() -> Outcome {
    let retry = json!({"route": {"retry_policy": {"retry_on": "5xx", "num_retries": 1}}});
    let route = Route::to(OPENAI).patch(retry);
    let scene = Scene::start_as(|envoy| envoy.route(route)).await?;
    for _ in 0..4 {
        scene.provider.queue([Behaviour::status(500), Behaviour::status(500)]);
        assert_reached(&scene.call().await, 500);
    }
    scene.provider.queue([Behaviour::status(500), Behaviour::Healthy]);
    assert_reached(&scene.call().await, 200);
    scene.until_outcomes("success", 1).await;
    assert_eq!(scene.now("failures_total", &[]).await, 4.0);
    assert_eq!((scene.provider.calls(), scene.now("state", &[]).await), (10, CLOSED));

    scene.provider.behave(Behaviour::Close);
    scene.calls(5).await.iter().for_each(|answer| assert_reached(answer, 503));
    assert_eq!((scene.provider.calls(), scene.now("state", &[]).await), (20, OPEN));
    Ok(())
}

#[tokio::test]
async fn a_failure_counts_also_when_envoy_had_no_room_for_its_retry() -> Outcome {
    let retry = json!({"route": {"retry_policy": {"retry_on": "5xx", "num_retries": 1}}});
    let no_retries = json!({"circuit_breakers": {"thresholds": [{"max_retries": 0}]}});
    let mut provider = Simulator::start().await?;
    let envoy = Envoy::builder()
        .cluster(Cluster::at(OPENAI, provider.address()).patch(no_retries))
        .configuration(&json!({"defaults": {"mode": "shadow"}}))
        .route(Route::to(OPENAI).patch(retry));
    provider.behave(Behaviour::Close);
    let envoy = envoy.start().await?;
    assert_reached(&envoy.client().send(&Call::chat()).await?, 503);
    provider.refuse().await;
    assert_reached(&envoy.client().send(&Call::chat()).await?, 503);
    for category in ["connection_reset", "connection_failed"] {
        let labels = [("llm_cluster", OPENAI), ("category", category)];
        envoy.wait_for_stat("llm_circuit_breaker_outcomes_total", &labels, |n| n == 1.0).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_status_counts_before_its_body_has_come() -> Outcome {
    let provider = TcpListener::bind("127.0.0.1:0").await?;
    let cluster = Cluster::at(OPENAI, provider.local_addr()?);
    let envoy = Envoy::builder().cluster(cluster).start().await?;
    let serving = tokio::spawn(answer_with_heads_only(provider));
    let mut unfinished: Vec<OpenAnswer> = Vec::new();
    for _ in 0..5 {
        let answer = envoy.client().open(&Call::chat()).await?;
        assert_eq!(answer.status(), 500);
        unfinished.push(answer);
    }
    assert_blocked(&envoy.client().send(&Call::chat()).await?);
    serving.abort();
    Ok(())
}

/// Answers every connection's first request with a 500 whose body never comes.
async fn answer_with_heads_only(provider: TcpListener) {
    let mut open = Vec::new();
    while let Ok((mut connection, _)) = provider.accept().await {
        let mut request = [0; 4096];
        let _ = connection.read(&mut request).await;
        let head = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 100\r\n\r\n";
        let _ = connection.write_all(head).await;
        open.push(connection);
    }
}

#[tokio::test]
async fn a_stream_counts_when_it_has_ended_and_only_then() -> Outcome {
    let scene = Scene::start(&json!({})).await?;
    scene.provider.behave(Behaviour::hang_after(1));
    let mut stream = scene.envoy.client().open(&Call::streamed_chat()).await?;
    assert!(stream.next().await.is_some());
    assert_eq!(scene.now("successes_total", &[]).await, 0.0);
    scene.provider.release();
    assert_eq!(stream.read_to_end().await.status, 200);
    scene.until_outcomes("success", 1).await;

    let (events, end) = (1, StreamEnd::Cut);
    scene.provider.behave(Behaviour::Stream { events, interval_milliseconds: 0, end });
    for number in 1..=5 {
        assert_reached(&scene.call().await, 200);
        scene.until_outcomes("stream_interrupted", number).await;
    }
    assert_blocked(&scene.call().await);
    Ok(())
}

#[tokio::test]
async fn what_no_upstream_answered_counts_for_nobody() -> Outcome {
    let abort = json!({
        "name": "envoy.filters.http.fault",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
            "abort": {"http_status": 503, "percentage": {"numerator": 100}},
            "headers": [{"name": "x-abort", "string_match": {"exact": "yes"}}],
        },
    });
    let listener = Listener::default()
        .filter_after(abort)
        .route(Route::direct_response(500, "by the route").prefix("/direct"))
        .route(Route::to("no-such-cluster").header("x-nowhere", "yes").patch(json!({
            "route": {"cluster": null, "cluster_header": "x-cluster"},
        })))
        .route(Route::to(OPENAI));
    let scene = Scene::start_as(|envoy| envoy.listener(listener)).await?;
    for (call, status) in [
        (Call::chat().path("/direct"), 500),
        (Call::chat().header("x-nowhere", "yes").header("x-cluster", "unknown"), 503),
        (Call::chat().header("x-abort", "yes"), 503),
    ] {
        for _ in 0..10 {
            assert_reached(&scene.send(&call).await, status);
        }
    }
    assert_eq!((scene.provider.calls(), scene.now("state", &[]).await), (0, CLOSED));
    scene.until_outcomes("local", 10).await;
    assert_eq!(scene.envoy.stats().await.sum("llm_circuit_breaker_outcomes_total"), 10.0);
    Ok(())
}

#[tokio::test]
async fn envoys_own_overflow_counts_for_nobody() -> Outcome {
    let limits = json!({"circuit_breakers": {"thresholds": [{"max_requests": 1}]}});
    let provider = Simulator::start().await?;
    let cluster = Cluster::at(OPENAI, provider.address()).patch(limits);
    let scene = Scene { envoy: Envoy::builder().cluster(cluster).start().await?, provider };
    let held = scene.held_call(Behaviour::Healthy).await;
    for _ in 0..20 {
        assert_reached(&scene.call().await, 503);
    }
    scene.until_outcomes("local", 20).await;
    scene.provider.release();
    assert_reached(&held.await??, 200);
    assert_eq!(scene.now("state", &[]).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn what_another_breaker_further_on_answers_counts_for_nobody() -> Outcome {
    let further = Scene::start(&json!({})).await?;
    further.open().await;
    let cluster = Cluster::at(OPENAI, further.envoy.address());
    let nearer = Envoy::builder().cluster(cluster).start().await?;
    for _ in 0..20 {
        let answer = Client::http1(nearer.address()).send(&Call::chat()).await?;
        assert_blocked(&answer);
    }
    let labels = [("llm_cluster", OPENAI), ("category", "local")];
    nearer.wait_for_stat("llm_circuit_breaker_outcomes_total", &labels, |n| n == 20.0).await;
    let stats = nearer.stats().await;
    assert_eq!(value(&stats, OPENAI, "state", &[]), CLOSED);
    assert_eq!(value(&stats, OPENAI, "requests_blocked_total", &[]), 0.0);
    Ok(())
}
