//! Clients, upstreams and a host that send or answer what they should not: never a trap, and never
//! harm to traffic.

use llm_breaker_host_tests::host::{Request, Response, Status, Upstream};

use crate::scene::{OPENAI, Scene, TRIP, chat, completion, secs};

const NOT_UTF8: [u8; 4] = [0xff, 0xfe, 0x80, b'x'];

#[test]
fn headers_that_are_no_text() {
    let scene = Scene::by_default();
    let odd = |request: Request| {
        request
            .header("x-envoy-upstream-rq-timeout-ms", NOT_UTF8)
            .header("x-team", NOT_UTF8)
            .header("cookie", [0; 100])
            .header("", "")
    };
    for _ in 0..3 {
        scene.send(odd(chat())).upstream_answers(
            completion()
                .header("retry-after", NOT_UTF8)
                .header("retry-after-ms", NOT_UTF8)
                .header("x-odd", NOT_UTF8)
                .trailer("x-trailer", "\u{0}"),
        );
        scene.send(odd(chat())).upstream(Upstream::Closes);
    }
    assert_eq!((scene.outcomes("success"), scene.outcomes("connection_reset")), (3, 3));
    scene.still_works();
    assert!(!scene.send(odd(chat())).is_forwarded());
}

#[test]
fn a_mark_that_is_no_text_is_a_mark() {
    let scene = Scene::by_default();
    for _ in 0..TRIP * 2 {
        scene.answer(Response::status(500).header("x-llm-breaker", NOT_UTF8));
    }
    assert_eq!(scene.outcomes("local"), 2 * TRIP as u64);
}

#[test]
fn headers_beyond_measure() {
    let scene = Scene::by_default();
    let many = (0..5_000).fold(completion(), |response, n| response.header(&format!("x-{n}"), "v"));
    scene.answer(many);
    scene.answer(completion().header("x-long", vec![b'a'; 4 << 20]));
    scene.send(chat().header("x-long", vec![b'a'; 4 << 20])).upstream_answers(completion());
    assert_eq!(scene.outcomes("success"), 3);
    scene.still_works();
}

#[test]
fn an_answer_without_a_status() {
    let scene = Scene::by_default();
    for _ in 0..3 {
        let call = scene.reach();
        call.response_headers(&Response::without_status().header("retry-after", "5"));
        assert!(call.is_done());
    }
    scene.still_works();
}

#[test]
fn properties_that_are_missing() {
    let scene = Scene::by_default();
    for path in [
        &["response", "flags"][..],
        &["response", "code_details"],
        &["xds", "cluster_metadata", "filter_metadata", "llm_breaker"],
    ] {
        let request = || chat().without_property(path);
        scene.send(request()).upstream_answers(completion());
        scene.send(request()).upstream(Upstream::RefusesConnection);
        scene.send(request()).client_leaves();
        let cut = scene.send(request());
        cut.response_headers(&Response::event_stream());
        cut.upstream(Upstream::Closes);
    }
    scene.still_works();
}

#[test]
fn a_request_whose_cluster_nobody_can_tell_passes() {
    let scene = Scene::opened();
    for request in [
        chat().without_property(&["xds", "cluster_name"]),
        chat().property(&["xds", "cluster_name"], ""),
        chat().property(&["xds", "cluster_name"], NOT_UTF8),
    ] {
        let call = scene.send(request);
        assert!(call.is_forwarded());
        assert_eq!(call.upstream_answers(completion()).status, 200);
    }
    assert_eq!(scene.outcomes("success"), 0);
}

#[test]
fn properties_of_a_strange_form() {
    let scene = Scene::by_default();
    for odd in [&[][..], &[4], &[0; 7], &[0xff; 9], &NOT_UTF8, &[0xff; 8]] {
        let request = || {
            chat()
                .property(&["response", "flags"], odd)
                .property(&["response", "code_details"], odd)
                .property(&["xds", "cluster_metadata", "filter_metadata", "llm_breaker"], odd)
        };
        scene.send(request()).upstream_answers(Response::status(500));
        scene.send(request()).upstream(Upstream::TimesOut);
        scene.send(request()).client_leaves();
    }
    assert_eq!(scene.state(), "closed", "an answer whose origin is unclear counts nothing");
    scene.still_works();
}

const HOST_CALLS: [&str; 13] = [
    "proxy_log",
    "proxy_get_property",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_define_metric",
    "proxy_record_metric",
    "proxy_increment_metric",
    "proxy_get_metric",
    "proxy_get_current_time_nanoseconds",
    "proxy_set_tick_period_milliseconds",
];

const STATUSES: [Status; 8] = [
    Status::NotFound,
    Status::BadArgument,
    Status::SerializationFailure,
    Status::ParseFailure,
    Status::InvalidMemoryAccess,
    Status::Empty,
    Status::CasMismatch,
    Status::InternalFailure,
];

/// Every kind of call once, in every state; whatever the breaker does, each client gets the
/// upstream's answer or the filter's.
fn all_kinds_of_traffic(scene: &Scene) {
    for _ in 0..2 {
        for status in [200, 500, 429, 402, 404] {
            let call = scene.send(chat());
            if call.is_forwarded() {
                let response = Response::status(status).header("retry-after", "1");
                assert_eq!(call.upstream_answers(response).status, status);
            } else {
                assert_eq!(call.answer().header("x-llm-breaker"), Some("open"));
            }
        }
        for upstream in [Upstream::Closes, Upstream::RefusesConnection, Upstream::TimesOut] {
            let call = scene.send(chat());
            if call.is_forwarded() {
                call.upstream(upstream).expect("Envoy's own answer");
            }
        }
        let call = scene.send(chat().unfinished());
        if !call.is_done() {
            call.client_leaves();
        }
        scene.advance(secs(31));
        scene.tick();
    }
}

#[test]
fn host_calls_that_fail_from_the_start_of_traffic() {
    for host_call in HOST_CALLS {
        for status in STATUSES {
            let scene = Scene::by_default();
            scene.fail_always(host_call, status);
            all_kinds_of_traffic(&scene);
            scene.clear_faults();
            scene.still_works();
        }
    }
}

#[test]
fn host_calls_that_fail_from_the_middle_on() {
    for host_call in HOST_CALLS {
        for status in STATUSES {
            for scene in [Scene::opened(), Scene::half_open()] {
                scene.fail_always(host_call, status);
                all_kinds_of_traffic(&scene);
                scene.clear_faults();
                scene.still_works();
            }
        }
    }
}

#[test]
fn a_host_that_refuses_the_filters_answer_gets_the_request() {
    for status in STATUSES {
        let scene = Scene::opened();
        scene.fail_next("proxy_send_local_response", status, 1);
        let call = scene.send(chat());
        assert!(call.is_forwarded(), "{status:?}: else it would hang for ever");
        assert_eq!(call.upstream_answers(completion()).status, 200);
        scene.held_back();
    }
}

#[test]
fn the_wall_clock_may_step() {
    let scene = Scene::by_default();
    scene.fail(TRIP - 1);
    scene.set_wall_clock_ns(0);
    scene.fail(1);
    assert_eq!(scene.retry_after(), 30);
    scene.set_wall_clock_ns(u64::MAX);
    assert_eq!(scene.retry_after(), 30);
    scene.set_wall_clock_ns(scene.wall_clock_ns() / 2);
    scene.pass(secs(30));
    scene.succeed(1);
    assert_eq!(scene.state(), "closed");
}

#[test]
fn every_status_there_is() {
    for status in 100..1000 {
        let scene = Scene::configured(1, "");
        let call = scene.send(Request::post("/v1/chat/completions").cluster(OPENAI));
        call.response_headers(&Response::status(status));
        let calls: u64 = scene
            .metrics()
            .iter()
            .filter(|(name, _)| name.starts_with("llm_circuit_breaker_outcomes_total."))
            .map(|(name, _)| scene.counter(name))
            .sum();
        assert_eq!(calls, 1, "{status}");
    }
}
