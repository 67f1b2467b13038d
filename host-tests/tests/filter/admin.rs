//! The admin listener: what it shows and lets change, and that no client makes it trap.

use llm_breaker_host_tests::host::{Answer, Call, Level, Request, Response, Status};
use serde_json::{Value, json};

use crate::scene::{OPENAI, Scene, TRIP, chat, completion, defaults, millis, secs, stat};

const TOKEN: &str = "correct-horse-battery-staple";
const BREAKERS: &str = "/api/v1/breakers";
const OPENAI_PATH: &str = "/api/v1/breakers/outbound%7C443%7C%7Capi.openai.com";

fn admin(more: Value) -> Value {
    let mut document = json!({"role": "admin", "stop_iteration": true, "admin": {"token": TOKEN}});
    let fields = document.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    document
}

/// A process with a listener for traffic and one for those who look at it.
struct Process {
    scene: Scene,
    listener: usize,
}

impl Process {
    fn running() -> Self {
        Self::with(json!({}), &admin(json!({})))
    }

    /// So many workers, the traffic under this policy, the admin with this document.
    fn with(policy: Value, document: &Value) -> Self {
        let scene = Scene::built(4, |world| {
            world.configuration(defaults(policy)).allow_on_headers_stop_iteration()
        });
        let listener = scene.listen(document.clone()).expect("a good configuration");
        Self { scene, listener }
    }

    /// The breaker has just opened.
    fn open() -> Self {
        let process = Self::running();
        process.scene.fail(TRIP);
        process
    }

    fn send(&self, request: Request) -> Call {
        self.scene.worker(3).listener(self.listener).request(request)
    }

    fn answer(&self, request: Request) -> Answer {
        let call = self.send(request);
        assert!(!call.is_forwarded(), "not answered: {call:?}");
        call.answer()
    }

    fn get(&self, path: &str) -> Answer {
        self.answer(at("GET", path))
    }

    fn breaker(&self) -> Value {
        json(&self.get(OPENAI_PATH))
    }

    /// An order with the token, of which the body comes in one piece.
    fn order(&self, action: &str, body: &Value) -> Answer {
        self.answer(order(action).body(body.to_string()))
    }

    fn ordered(&self, action: &str, body: &Value) -> Value {
        let answer = self.order(action, body);
        assert_eq!(answer.status, 200, "{answer:?}");
        json(&answer)
    }

    fn gauges(&self) -> (u64, u64) {
        ["state", "mode"].map(|name| self.scene.gauge(&stat(OPENAI, name, &[]))).into()
    }
}

/// Where the filter does not answer, the route would.
fn at(method: &str, path: &str) -> Request {
    Request::new(method, path).direct_response(503, "not loaded")
}

fn order(action: &str) -> Request {
    at("POST", &format!("{OPENAI_PATH}/{action}"))
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.text()).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn code(answer: &Answer) -> (u16, Value) {
    (answer.status, json(answer)["error"]["code"].clone())
}

#[test]
fn every_route_answers() {
    let process = Process::open();
    let page = process.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(process.get("/healthz").text(), "ok");
    assert!(json(&process.get("/api/v1/schema"))["$defs"].is_object());
    let list = json(&process.get(BREAKERS));
    assert_eq!((&list["writes"], &list["breakers"][0]["key"]), (&json!("token"), &json!(OPENAI)));
    assert_eq!(list["breakers"][0], process.breaker());
    for (action, body) in [
        ("open", json!({})),
        ("close", json!({})),
        ("reset", json!({})),
        ("mode", json!({"mode": null})),
    ] {
        assert_eq!(process.ordered(action, &body), process.breaker());
    }
    assert_eq!(process.get("/metrics").status, 404);
}

#[test]
fn what_is_open_is_seen_with_since_when_why_and_what_was_blocked() {
    let process = Process::open();
    process.scene.pass(secs(12));
    (0..7).for_each(|_| drop(process.scene.held_back()));
    let seen = process.breaker();
    assert_eq!((&seen["state"], &seen["since_seconds"]), (&json!("open"), &json!(12.0)));
    assert_eq!(
        (&seen["requests_blocked"], &seen["open_remaining_seconds"]),
        (&json!(7), &json!(18.0))
    );
    assert_eq!(seen["reason"]["cause"], "consecutive_failures");
    assert_eq!(
        (&seen["configured_mode"], &seen["callers_get"]),
        (&json!("enforce"), &json!(["error"]))
    );
    assert_eq!(seen["events"][0]["open_seconds"], 30.0);
}

#[test]
fn the_whole_story_is_told_newest_first() {
    let process = Process::open();
    process.scene.pass(secs(30));
    process.scene.succeed(1);
    let seen = process.breaker();
    let ways: Vec<Value> =
        seen["events"].as_array().expect("a list").iter().map(|it| it["to"].clone()).collect();
    assert_eq!(json!(ways), json!(["closed", "half_open", "open"]));
}

#[test]
fn from_its_answer_on_no_worker_sees_the_old_mode() {
    let process = Process::running();
    process.scene.succeed(8);
    for _ in 0..10 {
        process.ordered("open", &json!({}));
        (0..4).for_each(|worker| {
            assert!(
                !process.scene.worker(worker).request(chat()).is_forwarded(),
                "worker {worker}"
            );
        });
        process.ordered("close", &json!({}));
        process.scene.succeed(4);
    }
}

#[test]
fn callers_are_told_how_long_the_override_lasts() {
    let process = Process::running();
    process.scene.succeed(1);
    process.ordered("open", &json!({"duration": "90s"}));
    assert_eq!(process.scene.retry_after(), 90);
    process.scene.pass(secs(60));
    assert_eq!(process.scene.retry_after(), 30);
    process.scene.pass(secs(30));
    process.scene.succeed(4);
    assert_eq!(process.breaker()["override"], json!(null));
    assert_eq!(process.breaker()["events"][0]["action"], "expire");
}

#[test]
fn stats_show_it_at_once_and_transitions_count_once() {
    let process = Process::open();
    process.ordered("mode", &json!({"mode": "shadow"}));
    assert_eq!(process.gauges(), (1, 1));
    process.ordered("close", &json!({}));
    assert_eq!(process.gauges(), (0, 0));
    assert_eq!(process.scene.changes("open", "closed"), 1);
    process.ordered("open", &json!({}));
    assert_eq!(process.gauges(), (1, 3));
    process.scene.pass(secs(3));
    assert_eq!(process.gauges(), (1, 3));
    assert_eq!(
        process.scene.changes("closed", "open"),
        1,
        "the trip; an override is no transition"
    );
}

#[test]
fn each_order_is_one_line_of_the_log_with_who_and_why() {
    let process = Process::open();
    process.ordered(
        "close",
        &json!({"user": "ann", "reason": "fixed\u{2028}\"now\"", "duration": "90s"}),
    );
    let lines = process.scene.events("override");
    assert_eq!(
        json!(lines),
        json!([{"event": "override", "breaker": OPENAI, "action": "close", "mode": "disabled",
                "duration_seconds": 90.0, "user": "ann", "reason": "fixed\u{2028}\"now\""}])
    );
    let warnings = process.scene.logged_at(Level::Warn);
    assert!(warnings.iter().any(|line| line.contains("ann")), "{warnings:?}");
    assert!(process.scene.log_lines().iter().all(|line| !line.message.contains('\u{2028}')));
    assert!(process.scene.log_lines().iter().all(|line| !line.message.contains(TOKEN)));
}

#[test]
fn what_is_refused_changes_nothing_and_is_not_logged() {
    let process = Process::open();
    let (before, lines) = (process.breaker(), process.scene.log_lines().len());
    let open = || at("POST", &format!("{OPENAI_PATH}/open"));
    for (request, expected) in [
        (open(), (401, "unauthorized")),
        (
            open().header("authorization", "Bearer wrong-horse-battery-staple"),
            (401, "unauthorized"),
        ),
        (open().header("authorization", b"Bearer \xff\xfe"), (401, "unauthorized")),
        (order("open").header("origin", "https://evil.example"), (403, "cross_site")),
        (order("open").header("sec-fetch-site", "cross-site"), (403, "cross_site")),
        (
            order("open").header("content-type", "text/plain").body("{}"),
            (415, "unsupported_media_type"),
        ),
        (order("open").body("nonsense"), (400, "invalid")),
        (order("open").body(vec![0xff; 100]), (400, "invalid")),
        (order("mode").body("{}"), (400, "invalid")),
        (order("shut"), (404, "not_found")),
        (at("PUT", BREAKERS), (405, "method_not_allowed")),
    ] {
        let answer = process.answer(request);
        assert_eq!(code(&answer), (expected.0, json!(expected.1)), "{answer:?}");
    }
    assert_eq!(process.breaker(), before);
    assert_eq!(process.scene.log_lines().len(), lines);
}

#[test]
fn without_a_token_in_the_configuration_it_only_shows() {
    let process = Process::with(json!({}), &admin(json!({"admin": null})));
    process.scene.fail(TRIP);
    assert_eq!(json(&process.get(BREAKERS))["writes"], "disabled");
    assert_eq!(code(&process.order("close", &json!({}))), (403, json!("writes_disabled")));
    assert_eq!(process.breaker()["state"], "open");
}

#[test]
fn a_body_may_come_in_pieces_and_end_in_trailers() {
    let process = Process::open();
    let body = r#"{"mode": "shadow", "user": "ann"}"#;
    let call = process.send(order("mode").without_upload());
    assert!(call.is_paused());
    for piece in body.as_bytes().chunks(5) {
        assert!(call.answered().is_none());
        call.upload(piece);
    }
    call.finish_upload("");
    assert_eq!(json(&call.answer())["override"]["user"], "ann");
    let answer = process.answer(order("mode").body(r#"{"mode": null}"#).trailer("x-checksum", "1"));
    assert_eq!(json(&answer)["override"], json!(null));
    let empty = process.send(order("reset").without_upload());
    empty.finish_upload("");
    assert_eq!(empty.answer().status, 200);
}

#[test]
fn a_client_that_leaves_before_its_order_is_whole_orders_nothing() {
    let process = Process::open();
    let before = process.breaker();
    let call = process.send(order("open").without_upload());
    call.upload("{");
    call.client_leaves();
    assert_eq!(process.breaker(), before);
}

#[test]
fn a_megabyte_is_refused_whether_it_is_announced_or_not() {
    let process = Process::open();
    let announced = order("open").header("content-length", "1048576").without_upload();
    assert_eq!(code(&process.answer(announced)), (413, json!("too_large")));
    let call = process.send(order("open").without_upload());
    for _ in 0..64 {
        if call.answered().is_none() {
            call.upload(vec![b' '; 16 * 1024]);
        }
    }
    assert_eq!(code(&call.answer()), (413, json!("too_large")));
    let at_once = order("open").body(vec![b'['; 1 << 20]);
    assert_eq!(code(&process.answer(at_once)), (413, json!("too_large")));
    let exactly = format!("{{{}}}", " ".repeat(16 * 1024 - 2));
    assert_eq!(process.answer(order("open").body(exactly)).status, 200);
    let of_a_get = at("GET", BREAKERS).body(vec![b'x'; 1 << 20]);
    assert_eq!(process.answer(of_a_get).status, 200);
}

#[test]
fn whose_bodies_cannot_be_read_says_what_to_set() {
    let process = Process::with(json!({}), &admin(json!({"stop_iteration": false})));
    process.scene.fail(TRIP);
    let answer = process.order("open", &json!({}));
    assert_eq!(code(&answer), (501, json!("bodies_unreadable")));
    assert!(answer.text().contains("allow_on_headers_stop_iteration: true"));
    assert_eq!(process.answer(order("reset")).status, 200, "no body is needed for that");
}

#[test]
fn no_method_path_or_header_makes_it_trap() {
    let process = Process::open();
    let paths: Vec<Vec<u8>> = [
        &b"/"[..],
        b"",
        b"*",
        b"//",
        b"/%",
        b"/%zz",
        b"/api/v1/breakers/%",
        b"/api/v1/breakers/%00",
        b"/api/v1/breakers/%ff%fe/open",
        b"/\xff\xfe\x00",
        b"/api/v1/breakers/../../etc/passwd",
        b"http://[::1]/api/v1/breakers",
        b"/api/v1/breakers/a/b/c/d/e",
    ]
    .map(<[u8]>::to_vec)
    .into_iter()
    .chain([vec![b'a'; 100_000], [b"/api/v1/breakers/".to_vec(), vec![b'%'; 60_000]].concat()])
    .collect();
    let bad: [&[u8]; 6] = [b"", b"\xff\xfe", b"\0", b"Bearer ", b"null", b"://"];
    for method in
        ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "", "\u{1}", "ÄÖÜ"]
    {
        for path in &paths {
            let request = at(method, "/").path(path);
            let answer = process.answer(request);
            assert!([200, 401, 404, 405].contains(&answer.status), "{method} {path:?}: {answer:?}");
        }
    }
    for name in [
        "authorization",
        "origin",
        "sec-fetch-site",
        "content-type",
        "content-length",
        ":authority",
        "x",
    ] {
        for value in bad {
            for request in [at("GET", BREAKERS), order("reset"), order("reset").body("{}")] {
                let answer = process.answer(request.header(name, value).header(name, value));
                assert!(answer.status < 500, "{name} {value:?}: {answer:?}");
            }
        }
    }
    process.scene.fail(TRIP);
    process.scene.held_back();
}

#[test]
fn a_host_that_fails_its_calls_makes_no_trap_either() {
    for host_call in [
        "proxy_get_header_map_pairs",
        "proxy_get_buffer_bytes",
        "proxy_get_shared_data",
        "proxy_set_shared_data",
        "proxy_define_metric",
        "proxy_get_metric",
        "proxy_record_metric",
        "proxy_increment_metric",
        "proxy_log",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_property",
    ] {
        for status in
            [Status::NotFound, Status::BadArgument, Status::CasMismatch, Status::InternalFailure]
        {
            let process = Process::open();
            process.scene.fail_always(host_call, status);
            for request in
                [at("GET", "/"), at("GET", BREAKERS), order("open").body("{}"), order("reset")]
            {
                process.answer(request);
            }
            process.scene.clear_faults();
            process.ordered("reset", &json!({}));
            process.scene.succeed(1);
        }
    }
}

#[test]
fn a_name_that_no_virtual_host_has_is_told_nothing() {
    let process = Process::open();
    for request in [Request::get(BREAKERS), Request::get("/"), order("open").no_route()] {
        assert_eq!(code(&process.answer(request)), (421, json!("misdirected")));
    }
    assert_eq!(process.breaker()["state"], "open");
}

#[test]
fn its_routes_are_none_on_the_traffic_listeners() {
    let process = Process::running();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", BREAKERS),
        ("POST", "/api/v1/breakers/azure/open"),
    ] {
        let request = Request::new(method, path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .cluster(OPENAI);
        let call = process.scene.send(request);
        assert!(call.is_forwarded(), "{method} {path}");
        assert_eq!(call.upstream_answers(completion()).status, 200);
    }
    process.scene.fail(TRIP);
    let held_back = process.scene.send(Request::get(BREAKERS).cluster(OPENAI)).answer();
    assert_eq!(held_back.header("x-llm-breaker"), Some("open"));
}

#[test]
fn a_name_that_looks_like_markup_is_text() {
    let name = "<img src=x onerror=alert(1)>";
    let process = Process::running();
    process.scene.send(chat().cluster(name)).upstream_answers(Response::status(500));
    let list = process.get(BREAKERS);
    assert_eq!(list.header("content-type"), Some("application/json"));
    assert_eq!(json(&list)["breakers"][0]["cluster"], name);
}

#[test]
fn parts_have_keys_of_their_own() {
    let policy = json!({"key_by": "model", "models": ["gpt-4.1*"], "model_header": "x-model"});
    let process = Process::with(policy, &admin(json!({})));
    let send = || process.scene.send(chat().header("x-model", "gpt-4.1-mini"));
    send().upstream_answers(completion());
    let keys: Vec<Value> = json(&process.get(BREAKERS))["breakers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| json!([it["cluster"], it["model"]]))
        .collect();
    assert_eq!(json!(keys), json!([[OPENAI, null], [OPENAI, "gpt-4.1*"]]));
    let path = format!("{OPENAI_PATH}%1Fgpt-4.1*/open");
    let request = at("POST", &path).header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(json(&process.answer(request))["model"], "gpt-4.1*");
    assert!(!send().is_forwarded());
    process.scene.succeed(4);
}

#[test]
fn configurations_come_and_go_and_vms_crash_beneath_an_override() {
    let process = Process::running();
    process.scene.succeed(4);
    process.ordered("open", &json!({"user": "ann"}));
    for mode in ["shadow", "disabled", "enforce"] {
        process.scene.advance(millis(10));
        process.scene.reconfigure(defaults(json!({ "mode": mode }))).expect("a good configuration");
        process.scene.tick();
        process.scene.held_back();
        let seen = process.breaker();
        assert_eq!(
            (&seen["mode"], &seen["configured_mode"]),
            (&json!("forced_open"), &json!(mode))
        );
        assert_eq!(seen["override"]["user"], "ann");
    }
    process.scene.crash(3);
    process.send(at("GET", "/"));
    assert_eq!(process.breaker()["override"]["user"], "ann");
}

#[test]
fn breakers_of_a_configuration_that_is_disabled_but_for_some_are_the_only_ones() {
    let document = json!({"defaults": {"mode": "disabled"}, "breakers": [{"cluster": OPENAI}]});
    let scene = Scene::configured(4, document);
    let listener = scene.listen(admin(json!({}))).expect("a good configuration");
    let process = Process { scene, listener };
    process.scene.send(chat().cluster("azure")).upstream_answers(Response::status(500));
    process.scene.succeed(1);
    let list = json(&process.get(BREAKERS));
    assert_eq!(list["breakers"].as_array().map(Vec::len), Some(1));
}

#[test]
fn asking_again_and_again_makes_the_memory_grow_no_further() {
    let process = Process::open();
    let look = || {
        for _ in 0..50 {
            process.get(BREAKERS);
            process.order("mode", &json!({"mode": "shadow", "user": "ann"}));
        }
        process.scene.memory_bytes(3)
    };
    let first = look();
    assert_eq!([(); 5].map(|()| look()), [first; 5]);
}
