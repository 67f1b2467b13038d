//! A configuration is taken as a whole or refused with all that is wrong with it.

use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::scene::{OPEN, Outcome, Scene, assert_blocked};

fn with_four_mistakes() -> Value {
    json!({
        "config_version": 1,
        "max_breakers": 0,
        "breakers": [{"cluster": "a*", "trip": {"failure_rate": 1.5}}],
        "defaults": {"open": {"base": "30"}, "half_open": {"porbes": 2}},
    })
}

const FOUR_PATHS: [&str; 4] = [
    "max_breakers: 0 is wrong; allowed: a whole number from 1 to 16384",
    "breakers[0].trip.failure_rate: ",
    r#"defaults.open.base: "30" is wrong; allowed: a duration such as "30s""#,
    "defaults.half_open.porbes: unknown field, given 2; allowed: probes, successes, lease",
];

fn refusals(output: &str) -> Vec<&str> {
    let marked = |line: &'_ str| line.find("configuration refused: ").is_some();
    output.lines().filter(|line| marked(line)).collect()
}

#[tokio::test]
async fn validation_refuses_four_mistakes_with_four_messages() -> Outcome {
    let document = with_four_mistakes();
    let (native, text) = (
        Listener::default().configuration(&document),
        Listener::default().configuration_text(&document.to_string()),
    );
    for listener in [native, text] {
        let envoy = Envoy::builder().cluster(Cluster::empty(OPENAI)).listener(listener);
        let verdict = envoy.validate().await?;
        assert!(!verdict.is_ok, "{}", verdict.output);
        let refusals = refusals(&verdict.output);
        assert_eq!(refusals.len(), 4, "{}", verdict.output);
        for path in FOUR_PATHS {
            let naming = refusals.iter().filter(|line| line.contains(path)).count();
            assert_eq!(naming, 1, "{path} in {refusals:#?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn validation_takes_what_is_right_and_an_empty_document() -> Outcome {
    let right = json!({"defaults": {"open": {"base": "1s"}}});
    let nothing = Listener::default().plugin_patch(json!({"configuration": null}));
    for listener in [
        Listener::default(),
        Listener::default().configuration(&right),
        Listener::default().configuration_text(&right.to_string()),
        Listener::default().configuration_text(""),
        nothing,
    ] {
        let envoy = Envoy::builder().cluster(Cluster::empty(OPENAI)).listener(listener);
        let verdict = envoy.validate().await?;
        assert!(verdict.is_ok, "{}", verdict.output);
    }
    Ok(())
}

#[tokio::test]
async fn validation_says_what_is_no_json() -> Outcome {
    let listener = Listener::default().configuration_text("{\"defaults\": }");
    let envoy = Envoy::builder().cluster(Cluster::empty(OPENAI)).listener(listener);
    let verdict = envoy.validate().await?;
    assert!(!verdict.is_ok, "{}", verdict.output);
    assert_eq!(refusals(&verdict.output).len(), 1, "{}", verdict.output);
    Ok(())
}

/// Whoever rolls a module back before the configuration must not have to search.
#[tokio::test]
async fn an_unknown_version_of_the_document_is_the_only_refusal() -> Outcome {
    let mut document = with_four_mistakes();
    document["config_version"] = json!(2);
    let listener = Listener::default().configuration(&document);
    let envoy = Envoy::builder().cluster(Cluster::empty(OPENAI)).listener(listener);
    let verdict = envoy.validate().await?;
    let refusals = refusals(&verdict.output);
    assert!(!verdict.is_ok && refusals.len() == 1, "{}", verdict.output);
    let said = "config_version: 2 is wrong; allowed: 1, the only version there is so far";
    assert!(refusals[0].contains(said), "{}", refusals[0]);
    Ok(())
}

/// As docs/envoy.md says.
#[tokio::test]
async fn envoy_does_not_start_with_a_runtime_that_it_was_not_built_with() -> Outcome {
    for policy in ["FAIL_RELOAD", "FAIL_OPEN"] {
        let vm = json!({"runtime": "envoy.wasm.runtime.wamr"});
        let patch = json!({"failure_policy": policy, "vm_config": vm});
        let listener = Listener::default().plugin_patch(patch);
        let envoy = Envoy::builder().cluster(Cluster::empty(OPENAI)).listener(listener);
        let verdict = envoy.validate().await?;
        let says_so = verdict.output.contains("compiled without support for it");
        assert!(!verdict.is_ok && says_so, "{policy}: {}", verdict.output);
    }
    Ok(())
}

#[tokio::test]
async fn envoy_does_not_start_with_mistakes() -> Outcome {
    let refused = Scene::start(&with_four_mistakes()).await.err().expect("a refusal").to_string();
    for path in FOUR_PATHS {
        assert!(refused.contains(path), "{path} is not in\n{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn native_yaml_and_json_text_mean_the_same() -> Outcome {
    let document = json!({
        "breakers": [{"cluster": "outbound|*", "trip": {"consecutive_failures": 2}}],
        "defaults": {"open": {"base": "12s", "jitter": 0.0}, "trip": {"failure_rate": 0.75}},
    });
    for listener in [
        Listener::default().configuration(&document),
        Listener::default().configuration_text(&document.to_string()),
    ] {
        let scene = Scene::start_as(|envoy| envoy.listener(listener)).await?;
        scene.provider.behave(Behaviour::status(500));
        scene.calls(2).await;
        assert_blocked(&scene.call().await);
        assert_eq!(scene.now("state", &[]).await, OPEN);
        assert_eq!(scene.transition(1).await["open_seconds"], 12.0);
    }
    Ok(())
}
