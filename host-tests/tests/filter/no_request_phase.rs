//! Streams that the filter never saw a request of: only `on_log` comes.

use llm_breaker_host_tests::host::EarlierReply;

use crate::scene::{Scene, TRIP, chat, secs};

fn unauthorized() -> EarlierReply {
    EarlierReply { status: 401, flags: 0, details: "ext_authz_denied", body: "no" }
}

#[test]
fn they_leave_no_trace() {
    let scene = Scene::by_default();
    for _ in 0..TRIP * 2 {
        assert_eq!(scene.worker(0).malformed_request().answer().status, 400);
        let call = scene.worker(1).request_answered_earlier(chat(), unauthorized());
        assert_eq!(call.answer().status, 401);
    }
    scene.pass(secs(2));
    assert_eq!(scene.metrics(), []);
    assert_eq!(scene.log_lines(), []);
}

#[test]
fn they_count_nothing_for_a_breaker_that_exists() {
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    let before = scene.metrics();
    for status in [400, 429, 500, 503] {
        let reply = EarlierReply { status, ..unauthorized() };
        scene.worker(0).request_answered_earlier(chat(), reply);
        scene.worker(1).malformed_request();
    }
    assert_eq!(scene.metrics(), before);
    scene.fail(1);
    assert_eq!(scene.state(), "open", "the run was not broken either");
}

#[test]
fn they_take_no_probes_slot() {
    let scene = Scene::half_open();
    scene.worker(0).malformed_request();
    scene.worker(1).request_answered_earlier(chat(), unauthorized());
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
}
