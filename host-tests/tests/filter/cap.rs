//! How many breakers there may be, and of what names.

use llm_breaker_host_tests::host::Response;
use serde_json::json;

use crate::scene::{Scene, TRIP, chat_with, completion, defaults, secs, stat};

const OVERFLOW: &str = "llm_circuit_breaker_breakers_overflow_total";

fn with_at_most(breakers: u32) -> Scene {
    let mut configuration = defaults(json!({}));
    configuration["max_breakers"] = json!(breakers);
    Scene::configured(2, configuration)
}

#[test]
fn the_number_of_breakers_is_capped() {
    let scene = with_at_most(2);
    for cluster in ["first", "second", "third", "fourth"] {
        for _ in 0..TRIP + 5 {
            let call = scene.send(chat_with(cluster));
            if call.is_forwarded() {
                call.upstream_answers(Response::status(500));
            }
        }
    }
    assert_eq!((scene.state_of("first"), scene.state_of("second")), ("open", "open"));
    assert!(scene.send(chat_with("third")).is_forwarded(), "it has no breaker, and passes");
    assert_eq!(scene.counter(OVERFLOW), 21);
    assert_eq!(scene.metric(&stat("third", "state", &[])), None);
    assert!(
        scene.shared_data().keys().all(|key| !key.contains("third") && !key.contains("fourth"))
    );
}

#[test]
fn random_cluster_names_can_grow_neither_memory_nor_stats() {
    let scene = with_at_most(3);
    let sizes = || (scene.shared_data().keys().count(), scene.metrics().len());
    (0..10)
        .for_each(|n| drop(scene.send(chat_with(&format!("n{n}"))).upstream_answers(completion())));
    let before = sizes();
    for n in 0..3_000 {
        let call = scene.send(chat_with(&format!("random-{n}")));
        call.upstream_answers(completion());
    }
    scene.pass(secs(2));
    assert_eq!(sizes(), before);
}

#[test]
fn odd_cluster_names_have_breakers_and_huge_ones_none() {
    let scene = Scene::by_default();
    for cluster in ["a\nb", "ü€😀", "a;.;to=.=b", "\"quoted\\\"", " ", &"x".repeat(512)] {
        for _ in 0..TRIP {
            scene.send(chat_with(cluster)).upstream_answers(Response::status(500));
        }
        assert!(!scene.send(chat_with(cluster)).is_forwarded(), "{cluster:?}");
    }
    assert_eq!(scene.counter(OVERFLOW), 0);
    assert!(scene.log_lines().iter().all(|line| !line.message.contains('\n')));
    let huge = "x".repeat(100_000);
    for _ in 0..TRIP * 2 {
        let call = scene.send(chat_with(&huge));
        assert!(call.is_forwarded());
        call.upstream_answers(Response::status(500));
    }
    assert_eq!(scene.counter(OVERFLOW), 2 * TRIP as u64);
}
