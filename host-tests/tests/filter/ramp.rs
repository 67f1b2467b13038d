//! With a ramp, traffic comes back gradually after a recovery.

use llm_breaker_host_tests::host::{Call, Request};
use serde_json::{Value, json};

use crate::scene::{Scene, TRIP, chat, completion, millis, secs};

fn recovered(policy: Value) -> Scene {
    let scene = Scene::opened_under(policy);
    scene.pass(secs(30));
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
    scene
}

/// How many of 1000 calls, a microsecond apart, pass.
fn passing(scene: &Scene) -> usize {
    let send = |request: Request| -> Call {
        scene.advance(std::time::Duration::from_micros(1));
        scene.send(request)
    };
    let calls: Vec<Call> = (0..1000).map(|_| send(chat())).collect();
    let passed: Vec<_> = calls.into_iter().filter(Call::is_forwarded).collect();
    passed.iter().for_each(|call| drop(call.upstream_answers(completion())));
    passed.len()
}

#[test]
fn the_share_that_passes_grows_to_all() {
    let scene = recovered(json!({"ramp": "100s"}));
    let mut shares = Vec::new();
    for _ in 0..4 {
        shares.push(passing(&scene));
        scene.pass(secs(25));
    }
    let near = |share: usize, expected: usize| share.abs_diff(expected) < 80;
    assert!(near(shares[0], 100) && near(shares[1], 250), "{shares:?}");
    assert!(near(shares[2], 500) && near(shares[3], 750), "{shares:?}");
    assert_eq!(passing(&scene), 1000);
    assert_eq!(scene.transitions().len(), 3, "its end is no transition");
}

#[test]
fn what_is_held_back_is_blocked_for_a_second() {
    let scene = recovered(json!({"ramp": "100s"}));
    let passed = passing(&scene);
    assert_eq!(scene.count("requests_blocked_total"), 1000 - passed as u64);
    let held_back = std::iter::repeat_with(|| {
        scene.advance(millis(1));
        scene.send(chat())
    });
    let held_back = held_back.take(1000).find(|call| !call.is_forwarded()).expect("one of them");
    assert_eq!(held_back.answer().header("retry-after"), Some("1"));
}

#[test]
fn two_failures_in_a_row_open_it_again() {
    let scene = recovered(json!({"ramp": "100s"}));
    let mut failures = 0;
    while failures < 2 {
        assert_eq!(scene.state(), "closed");
        scene.advance(millis(1));
        let call = scene.send(chat());
        if call.is_forwarded() {
            call.upstream_answers(llm_breaker_host_tests::host::Response::status(500));
            failures += 1;
        }
    }
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.retry_after(), 60);
}

#[test]
fn without_one_all_traffic_is_back_at_once() {
    let scene = recovered(json!({}));
    assert_eq!(passing(&scene), 1000);
    scene.fail(TRIP - 1);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn a_breaker_that_never_opened_has_none() {
    let scene = Scene::under(json!({"ramp": "100s"}));
    assert_eq!(passing(&scene), 1000);
}
