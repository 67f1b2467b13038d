//! What the conformance test cannot compare: several workers, updates, crashes, injected faults.
//! They run the recorder, as its configuration and its requests' `x-recorder` headers wish.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::{Level, Module, Request, Response, Status, Upstream, VmName, World, WorldBuilder};

fn recorder() -> WorldBuilder {
    World::running(&Module::built("recorder"))
}

fn call(wish: &str) -> Request {
    Request::get("/").cluster("upstream").header("x-recorder", wish)
}

/// Which VMs logged a line that begins so.
fn loggers(world: &World, beginning: &str) -> Vec<VmName> {
    let lines = world.log_lines();
    lines.iter().filter(|line| line.message.starts_with(beginning)).map(|line| line.vm).collect()
}

/// The message with which `act` fails the test.
fn failure(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("it must fail the test");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn every_vm_is_configured_and_ticks_but_the_canary() {
    let world = recorder().workers(2).configuration("tick").start();
    let all = [VmName::MainThread, VmName::Worker(0), VmName::Worker(1)];
    let configured: Vec<_> = [VmName::Canary].into_iter().chain(all).collect();
    assert_eq!(loggers(&world, "recorder|configure"), configured);
    world.tick();
    assert_eq!(loggers(&world, "recorder|tick"), all);
}

#[test]
fn a_module_that_asked_for_no_ticks_gets_none() {
    let world = recorder().start();
    world.pass(Duration::from_secs(3));
    assert_eq!(loggers(&world, "recorder|tick"), []);
}

#[test]
fn a_rejected_update_leaves_the_old_configuration_serving() {
    let world = recorder().configuration("tick").start();
    let rejected = world.reconfigure("refuse").expect_err("refused");
    assert_eq!(rejected.log[0].message, "recorder|configure|refuse");
    assert_eq!(rejected.log[0].level, Level::Info);
    world.tick();
    assert_eq!(loggers(&world, "recorder|tick").len(), 2);
    world.worker(0).request(call("")).upstream_answers(Response::status(200));
}

#[test]
fn a_configuration_refused_at_the_start_starts_nothing() {
    assert!(recorder().configuration("refuse").try_start().is_err());
}

#[test]
fn streams_finish_under_the_configuration_that_they_began_with() {
    let world = recorder().configuration("tick").start();
    let old = world.worker(0).request(call(""));
    world.reconfigure("").expect("accepted");
    world.tick();
    let old_root = [VmName::Worker(0)];
    assert_eq!(loggers(&world, "recorder|tick"), old_root, "the old root lives for its stream");
    old.upstream_answers(Response::status(200));
    world.tick();
    assert_eq!(loggers(&world, "recorder|tick"), old_root, "and no longer");
}

#[test]
fn a_second_listener_has_a_configuration_of_its_own_in_the_same_vms() {
    let world = recorder().start();
    let second = world.listen("tick").expect("accepted");
    world.tick();
    assert_eq!(loggers(&world, "recorder|tick").len(), 2);
    let call = world.worker(0).listener(second).request(call("reply"));
    assert_eq!(call.answer().status, 429);
}

#[test]
fn calls_interleave_over_workers() {
    let world = recorder().workers(2).start();
    let calls: Vec<_> = (0..50).map(|number| world.worker(number % 2).request(call(""))).collect();
    for (number, call) in calls.iter().enumerate().rev() {
        let answer = call.upstream_answers(Response::status(200).body(number.to_string()));
        assert_eq!(answer.text(), number.to_string());
    }
}

#[test]
fn all_workers_share_one_map_and_it_survives_a_crash_but_not_the_process() {
    let world = recorder().workers(2).start();
    world.worker(0).request(call("store"));
    world.worker(1).request(call("store"));
    assert_eq!(world.shared_data().load("recorder"), Some((&b"2"[..], 2)));
    world.crash(0);
    assert_eq!(world.worker(0).request(call("store")).answer().status, 503);
    world.worker(0).request(call("store"));
    assert_eq!(world.shared_data().load("recorder").expect("kept").0, b"3");
    world.restart();
    assert_eq!(world.shared_data().keys().count(), 0);
    world.worker(0).request(call("store"));
    assert_eq!(world.shared_data().load("recorder"), Some((&b"1"[..], 1)));
}

#[test]
fn a_crash_takes_the_streams_of_its_worker_along_and_no_others() {
    let world = recorder().workers(2).start();
    let neighbour = world.worker(0).request(call(""));
    let other = world.worker(1).request(call(""));
    world.crash_in(0, "proxy_set_shared_data");
    assert!(world.worker(0).request(call("")).is_forwarded(), "it comes with a store only");
    assert_eq!(world.worker(0).request(call("store")).answer().status, 503);
    assert_eq!(neighbour.upstream_answers(Response::status(200)).status, 503);
    assert_eq!(neighbour.verdict().1.as_deref(), Some("wasm_fail_stream"));
    assert_eq!(other.upstream_answers(Response::status(200)).status, 200);
    assert!(world.worker(0).request(call("")).is_forwarded(), "a fresh VM");
}

#[test]
fn a_trap_that_nobody_asked_for_fails_the_test() {
    let world = recorder().start();
    let failure = failure(|| drop(world.worker(0).request(call("crash"))));
    assert!(failure.contains("trapped in proxy_on_request_headers on worker 0"), "{failure}");
    assert!(failure.contains("as the request wished"), "{failure}");
}

#[test]
fn an_unmodelled_host_call_fails_the_test_with_its_name() {
    let world = recorder().start();
    let failure = failure(|| drop(world.worker(0).request(call("callout"))));
    assert_eq!(failure, "unmodelled host call: env.proxy_http_call");
}

#[test]
fn a_hook_can_store_between_a_load_and_a_store() {
    let world = recorder().start();
    world.shared_data_mut().set("recorder", "5", 0).expect("cas 0 overwrites");
    world.before_set(|shared, key| shared.set(key, "9", 0).expect("cas 0 overwrites"));
    world.worker(0).request(call("store"));
    assert_eq!(world.shared_data().load("recorder").expect("kept").0, b"9");
    assert_eq!(loggers(&world, "recorder|stored|Err(CasMismatch)").len(), 1);
}

#[test]
fn host_calls_fail_as_often_as_the_test_says() {
    let world = recorder().start();
    world.fail_next("proxy_set_shared_data", Status::CasMismatch, 1);
    world.worker(0).request(call("store"));
    world.worker(0).request(call("store"));
    assert_eq!(world.shared_data().load("recorder"), Some((&b"1"[..], 1)));
    assert_eq!(world.host_calls("proxy_set_shared_data"), 2);
}

#[test]
fn the_clocks_move_apart_and_only_by_hand() {
    let world = recorder().start();
    let (monotonic_ns, wall_ns) = (world.monotonic_ns(), world.wall_clock_ns());
    world.worker(0).request(call("")).upstream_answers(Response::status(200));
    assert_eq!((world.monotonic_ns(), world.wall_clock_ns()), (monotonic_ns, wall_ns));
    world.set_wall_clock_ns(7);
    world.advance(Duration::from_nanos(2));
    assert_eq!((world.monotonic_ns(), world.wall_clock_ns()), (monotonic_ns + 2, 9));
}

#[test]
fn a_tick_can_answer_a_call_whose_upstream_hangs() {
    let world = recorder().configuration("tick").start();
    let hanging = world.worker(0).request(call("").header("x-at-tick", "reply"));
    world.tick();
    assert!(!hanging.is_done(), "it is not due yet");
    world.worker(0).request(call("now"));
    world.tick();
    assert_eq!(hanging.answer().status, 504);
    assert!(hanging.is_done());
}

#[test]
fn a_request_header_that_the_filter_sets_can_choose_another_route() {
    let world = recorder().header_route("x-route", "other", "other").start();
    world.clear_log();
    let rerouted = world.worker(0).request(call("reroute"));
    assert_eq!(rerouted.cluster().as_deref(), Some("other"));
    assert_eq!(rerouted.forwarded_header("x-route").as_deref(), Some(&b"other"[..]));
    let line = &world.log_lines()[0].message;
    assert!(line.contains("request_headers") && line.contains("cluster=upstream"), "{line}");
    rerouted.upstream(Upstream::RefusesConnection);
    let line = &world.log_lines()[1].message;
    assert!(line.contains("response_headers") && line.contains("cluster=other"), "{line}");
}

/// HTTP/2 ends a body with its last piece. The conformance test speaks HTTP/1.
#[test]
fn a_held_request_is_shown_its_whole_body_with_every_piece() {
    let world = recorder().allow_on_headers_stop_iteration().start();
    world.clear_log();
    let held = world.worker(0).request(call("hold").without_upload());
    held.upload("abc");
    assert!(held.is_paused() && !held.is_forwarded());
    held.last_upload("def");
    assert!(held.is_forwarded());
    assert_eq!(held.forwarded_body(), b"abcdef");
    let lines = world.log_lines();
    assert!(lines[1].message.starts_with("recorder|request_body|end=false|size=3|body=abc|"));
    assert!(lines[2].message.starts_with("recorder|request_body|end=true|size=6|body=abcdef|"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_request_held_without_the_option_hangs() {
    let world = recorder().start();
    let held = world.worker(0).request(call("hold").body("{}"));
    assert!(held.is_paused());
    assert_eq!(loggers(&world, "recorder|request_body"), []);
}

#[test]
fn a_held_answer_is_shown_whole_with_every_piece() {
    let world = recorder().allow_on_headers_stop_iteration().start();
    let held = world.worker(0).request(call("delay"));
    held.response_headers(&Response::event_stream());
    held.body_chunk("abc");
    world.clear_log();
    held.body_chunk("def");
    assert!(held.answered().is_none());
    held.end();
    assert_eq!(held.answer().text(), "abcdef");
    let lines = world.log_lines();
    assert!(lines[0].message.starts_with("recorder|response_body|end=false|size=6|body=abcdef|"));
    assert!(lines[1].message.starts_with("recorder|response_body|end=true|size=6|body=abcdef|"));
}

#[test]
fn an_answer_that_is_too_large_to_be_held_becomes_a_500() {
    let world = recorder().allow_on_headers_stop_iteration().buffer_limit_bytes(5).start();
    let held = world.worker(0).request(call("delay"));
    held.response_headers(&Response::event_stream());
    held.body_chunk("abc");
    world.clear_log();
    held.body_chunk("def");
    assert_eq!(held.answer().status, 500);
    assert_eq!(held.verdict(), (0, Some("response_payload_too_large".into())));
    assert_eq!(loggers(&world, "recorder|response_body"), [], "it is not shown once more");
}
