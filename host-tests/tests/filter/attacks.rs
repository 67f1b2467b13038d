//! What a client alone can do never opens the breaker for others.

use llm_breaker_host_tests::host::{Response, Upstream};

use crate::scene::{Scene, chat, completion, millis, secs};

/// Nothing of it counted as the provider's failure, and traffic flows.
fn is_unharmed(scene: &Scene) {
    assert_eq!(scene.count("failures_total"), 0);
    assert_eq!(scene.state(), "closed");
    scene.succeed(1);
}

#[test]
fn wrong_requests_by_the_hundred() {
    let scene = Scene::by_default();
    for status in [400, 401, 403, 404, 405, 409, 413, 415, 422, 451, 499] {
        for _ in 0..100 {
            assert_eq!(scene.answer(Response::status(status)).status, status);
        }
    }
    is_unharmed(&scene);
    assert_eq!(scene.outcomes("client_error"), 900);
    assert_eq!(scene.outcomes("authentication"), 200);
}

#[test]
fn early_cancels() {
    let scene = Scene::by_default();
    for _ in 0..50 {
        let before_headers = scene.reach();
        scene.advance(millis(500));
        before_headers.client_leaves();

        let in_the_middle = scene.reach();
        in_the_middle.response_headers(&Response::event_stream());
        in_the_middle.body_chunk("data: {}\n\n");
        in_the_middle.client_leaves();
    }
    is_unharmed(&scene);
    assert_eq!(scene.outcomes("cancelled"), 100);
}

#[test]
fn time_outs_that_the_client_set_itself() {
    for (header, value, end) in [
        ("x-envoy-upstream-rq-timeout-ms", "1", Upstream::TimesOut),
        ("x-envoy-upstream-rq-per-try-timeout-ms", "1", Upstream::AttemptTimesOut),
        ("x-envoy-expected-rq-timeout-ms", "1", Upstream::TimesOut),
        ("x-envoy-upstream-stream-duration-ms", "1", Upstream::OutlastsCluster),
        ("grpc-timeout", "1m", Upstream::OutlastsRoute),
    ] {
        let scene = Scene::by_default();
        for _ in 0..20 {
            let call = scene.send(chat().header(header, value));
            scene.advance(millis(1));
            call.upstream(end);
        }
        is_unharmed(&scene);
        assert_eq!(scene.outcomes("cancelled"), 20, "{header}");
    }
}

#[test]
fn a_time_out_header_does_not_hide_a_shorter_time_out_of_the_routes() {
    let scene = Scene::by_default();
    for _ in 0..5 {
        let call = scene.send(chat().header("grpc-timeout", "1H"));
        scene.advance(secs(5));
        call.upstream(Upstream::OutlastsRoute);
    }
    assert_eq!(scene.state(), "open");
    assert_eq!(scene.outcomes("timeout"), 5);
}

#[test]
fn a_time_out_header_does_not_hide_the_upstreams_own_failures() {
    let scene = Scene::by_default();
    for status in [500, 504, 429, 503, 529] {
        let call = scene.send(chat().header("x-envoy-upstream-rq-timeout-ms", "60000"));
        call.upstream_answers(Response::status(status));
    }
    assert_eq!(scene.state(), "open");

    let scene = Scene::by_default();
    for _ in 0..5 {
        let call = scene.send(chat().header("x-envoy-upstream-rq-timeout-ms", "60000"));
        call.upstream(Upstream::RefusesConnection);
    }
    assert_eq!(scene.state(), "open");
}

#[test]
fn the_clients_own_time_out_in_the_middle_of_a_stream() {
    let scene = Scene::by_default();
    for _ in 0..20 {
        let call = scene.send(chat().header("x-envoy-upstream-rq-timeout-ms", "100"));
        call.response_headers(&Response::event_stream());
        call.body_chunk("data: {}\n\n");
        scene.advance(millis(100));
        call.upstream(Upstream::TimesOut);
    }
    is_unharmed(&scene);
}

#[test]
fn unfinished_uploads() {
    for end in [Upstream::FallsSilent, Upstream::TimesOut, Upstream::Closes] {
        let scene = Scene::by_default();
        for _ in 0..20 {
            let call = scene.send(chat().unfinished());
            assert!(call.is_forwarded());
            scene.advance(secs(300));
            call.upstream(end);
        }
        is_unharmed(&scene);
        assert_eq!(scene.outcomes("local"), 20, "{end:?}");
    }
}

#[test]
fn an_upload_that_the_listener_gave_up() {
    let scene = Scene::by_default();
    for _ in 0..20 {
        let call = scene.send(chat().unfinished());
        scene.advance(secs(300));
        assert_eq!(call.upload_times_out().status, 408);
    }
    is_unharmed(&scene);
}

#[test]
fn uploads_that_end_with_the_client() {
    let scene = Scene::by_default();
    for _ in 0..20 {
        let call = scene.send(chat().unfinished());
        scene.advance(secs(300));
        call.client_leaves();
    }
    is_unharmed(&scene);
    assert_eq!(scene.outcomes("cancelled"), 20, "the upstream never had a whole request");
}

#[test]
fn a_408_of_the_upstream_for_half_a_request() {
    let scene = Scene::by_default();
    for _ in 0..20 {
        let call = scene.send(chat().unfinished());
        call.upstream_answers(Response::status(408));
    }
    is_unharmed(&scene);
}

#[test]
fn probes_burnt_by_hasty_clients_do_not_keep_it_open() {
    let scene = Scene::half_open();
    for _ in 0..100 {
        scene.reach().client_leaves();
    }
    scene.answer(completion());
    assert_eq!(scene.state(), "closed");
}
