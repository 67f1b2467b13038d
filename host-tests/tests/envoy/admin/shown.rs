//! What is to be seen, as long as it happens.

use hyper::Method;
use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Listener, OPENAI, Route};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use super::stage::{BREAKERS, LISTENER, OPENAI_PATH, Stage, documented, status_listener};
use crate::scene::{Outcome, value};

#[tokio::test]
async fn every_route_answers_and_head_as_get_but_without_a_body() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.scene.open().await;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/healthz", "text/plain; charset=utf-8"),
        ("/api/v1/schema", "application/schema+json"),
        (BREAKERS, "application/json"),
        (OPENAI_PATH, "application/json"),
    ] {
        let answer = stage.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, Some(media_type))
        );
        for (name, expected) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            let values: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(values, [expected], "{path}: {name}");
        }
        assert!(answer.header("content-security-policy").is_some_and(|it| it.contains("'none'")));
        let head = stage.send(&Call::new(Method::HEAD, path)).await;
        assert_eq!((head.status, head.body.len()), (answer.status, 0), "{path}");
        assert_eq!(head.header("content-type"), Some(media_type));
    }
    let page = stage.get("/").await;
    assert!(page.text().ends_with("</html>\n"), "whole");
    assert_eq!(stage.get("/healthz").await.text(), "ok");
    Ok(())
}

#[tokio::test]
async fn an_outage_is_seen_from_its_beginning_to_its_end() -> Outcome {
    let open = json!({"defaults": {"open": {"base": "2s", "jitter": 0}}});
    let stage = Stage::set(&open).await?;
    assert_eq!(documented(&stage.get(BREAKERS).await)["breakers"], json!([]));
    stage.scene.open().await;
    stage.scene.burst(9, &Call::chat()).await;
    let seen = stage.breaker().await;
    assert_eq!((&seen["state"], &seen["trips"]), (&json!("open"), &json!(1)));
    assert_eq!(seen["reason"]["cause"], "consecutive_failures");
    assert_eq!(seen["reason"]["category"], "server_error");
    assert_eq!(
        (&seen["configured_mode"], &seen["callers_get"]),
        (&json!("enforce"), &json!(["error"]))
    );
    let remaining = seen["open_remaining_seconds"].as_f64().expect("a number");
    assert!(remaining > 0.0 && remaining <= 2.0, "{remaining}");
    let stats = stage.scene.envoy.stats().await;
    assert_eq!(value(&stats, OPENAI, "requests_blocked_total", &[]), 9.0);
    assert_eq!(seen["requests_blocked"], 9);
    stage.scene.until("state", &[], crate::scene::HALF_OPEN).await;
    stage.scene.call().await;
    let seen = stage.breaker().await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("closed"), &json!(null)));
    let ways: Vec<&Value> =
        seen["events"].as_array().expect("a list").iter().map(|it| &it["to"]).collect();
    assert_eq!(json!(ways), json!(["closed", "half_open", "open"]));
    Ok(())
}

#[tokio::test]
async fn times_are_those_of_the_wall_clock() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    let before = std::time::SystemTime::now();
    stage.scene.open().await;
    let seen = stage.breaker().await;
    let after = std::time::SystemTime::now();
    let since = humantime::parse_rfc3339(seen["since"].as_str().expect("a time"))?;
    // It is told in milliseconds.
    assert!(since + std::time::Duration::from_millis(1) >= before && since <= after, "{seen:#}");
    Ok(())
}

#[tokio::test]
async fn callers_fallbacks_and_other_clusters_are_told_by_name() -> Outcome {
    let name = "<img src=x onerror=alert(1)>";
    let spare = Simulator::start().await?;
    spare.behave(Behaviour::status(500));
    let fallback = json!([
        {"kind": "reroute", "header": "x-llm-route", "value": "spare", "cluster": "spare"},
        {"kind": "error"},
    ]);
    let configuration = json!({"defaults": {"fallback": fallback}});
    let stage = Stage::set_as(&configuration, status_listener(), |envoy| {
        envoy
            .cluster(Cluster::at(name, spare.address()))
            .route(Route::to(name).header("x-other", "1"))
            .route(Route::to(OPENAI))
    })
    .await?;
    stage.scene.send(&Call::chat().header("x-other", "1")).await;
    let answer = stage.get(BREAKERS).await;
    let seen = &documented(&answer)["breakers"][0];
    assert_eq!((&seen["key"], &seen["cluster"]), (&json!(name), &json!(name)));
    assert_eq!(seen["callers_get"], json!(["reroute spare", "error"]));
    assert_eq!(seen["window"]["failures"], 1);
    Ok(())
}

#[tokio::test]
async fn a_listener_in_a_vm_of_its_own_sees_the_same() -> Outcome {
    let other_vm = json!({"vm_config": {"configuration": {
        "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "another VM",
    }}});
    let status = status_listener().plugin_patch(other_vm);
    let stage = Stage::set_as(&json!({}), status, |envoy| envoy).await?;
    stage.scene.open().await;
    stage.scene.burst(3, &Call::chat()).await;
    let seen = stage.breaker().await;
    assert_eq!((&seen["state"], &seen["requests_blocked"]), (&json!("open"), &json!(3)));
    assert_eq!(seen["configured_mode"], "enforce");
    assert_eq!(stage.ordered("close", &json!({})).await["state"], "closed");
    assert_eq!(stage.scene.call().await.status.as_u16(), 200);
    stage.scene.until("state_changes_total", &[("from", "open"), ("to", "closed")], 1.0).await;
    Ok(())
}

#[tokio::test]
async fn as_shipped_it_shows_and_lets_nobody_change_anything() -> Outcome {
    let shipped = Listener::new(LISTENER).shipped_routes();
    let stage = Stage::set_as(&json!({}), shipped, |envoy| envoy).await?;
    stage.scene.open().await;
    assert_eq!(documented(&stage.get(BREAKERS).await)["writes"], "disabled");
    let order = super::stage::order("close", &json!({}));
    assert_eq!(super::stage::code(&stage.send(&order).await), (403, json!("writes_disabled")));
    assert_eq!(stage.breaker().await["state"], "open");
    Ok(())
}
