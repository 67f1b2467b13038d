//! What the operator recognises, told by native YAML and seen on the wire.

use std::collections::BTreeMap;

use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use crate::scene::{CLOSED, OPEN, Outcome, Scene, assert_blocked, assert_reached};

#[tokio::test]
async fn what_no_table_knows_has_the_category_that_the_operator_names() -> Outcome {
    let scene = Scene::start(&json!({"defaults": {"matchers": [
        {"status": 404, "header": {"name": "x-model-state", "prefix": "load"}, "category": "overloaded"},
        {"status": 404, "category": "success"},
        {"json": {"path": "choices.*.finish_reason", "equals": "failed"}, "category": "server_error"},
    ]}})).await?;
    let missing = |state| Behaviour::status_with_header(404, "x-model-state", state);
    scene.provider.queue([missing("loading"), missing("unknown")]);
    assert_reached(&scene.call().await, 404);
    assert_reached(&scene.call().await, 404);
    assert_reached(&scene.call().await, 200);
    scene.until_outcomes("overloaded", 1).await;
    scene.until_outcomes("success", 2).await;
    assert_eq!(scene.now("state", &[]).await, CLOSED);

    let body = json!({"choices": [{"finish_reason": "stop"}, {"finish_reason": "failed"}]});
    let body = body.to_string();
    let failed = Behaviour::Status {
        status: 200,
        headers: BTreeMap::new(),
        body: Some(body.clone().into()),
    };
    scene.provider.behave(failed);
    for answer in scene.calls(5).await {
        assert_reached(&answer, 200);
        assert_eq!(answer.text(), body);
    }
    scene.until("state", &[], OPEN).await;
    assert_blocked(&scene.call().await);
    scene.until_outcomes("server_error", 5).await;
    Ok(())
}
