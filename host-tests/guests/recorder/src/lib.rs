//! Logs every callback of every stream with what can be seen in it, and does to some what the
//! request wishes.
//!
//! A request's `x-recorder` header says what: `reply` at the request headers, `replace` the answer
//! at the response headers, `store` a count in shared data, `reroute`, make a `callout`, or
//! `crash`; `hold` the request at its headers until its body is whole (`hold 3`: or has so many
//! bytes), `keep` it for good, or `deny` it at a piece of its body (`deny 3`: that makes it so many
//! bytes); and the same to the answer: `delay`, `linger`, `swap`.
//!
//! Its `x-at-tick` header says what the root context does to the stream at a tick, see `rescue`:
//! at the first one after a request that wishes `now`, which itself is not recorded. The
//! configuration says whether there are ticks (`tick`, `tick fast`), or to `refuse` to be
//! configured. One line per callback: `recorder|<callback>|<key>=<value>|…`.
#![allow(missing_docs, reason = "the SDK's `main!` makes a public function that has none")]

mod rescue;
mod wish;

use std::{rc::Rc, time::Duration};

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, Bytes, ContextType, LogLevel, MapType},
};

use rescue::Rescue;
use wish::{OF_REQUEST, OF_RESPONSE, Verdict, Wish};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|context| {
        Box::new(Recorder { context, rescue: Rc::default() })
    });
}}

struct Recorder {
    context: u32,
    rescue: Rc<Rescue>,
}

impl Context for Recorder {}

impl RootContext for Recorder {
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        log::info!("recorder|configure|{}", String::from_utf8_lossy(&configuration));
        match configuration.as_slice() {
            b"tick" => self.set_tick_period(Duration::from_secs(1)),
            b"tick fast" => self.set_tick_period(Duration::from_millis(50)),
            _ => {}
        }
        configuration != b"refuse"
    }

    fn on_tick(&mut self) {
        log::info!("recorder|tick");
        self.rescue.act(self.context);
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { context, wish: Wish::default(), rescue: self.rescue.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    context: u32,
    wish: Wish,
    rescue: Rc<Rescue>,
}

/// One line with what can be seen of the stream that the effective context is.
fn record(callback: &str, details: &str) {
    let text = |path: &[&str]| {
        let value = hostcalls::get_property(path.to_vec()).ok().flatten();
        value.map_or("-".into(), |value| String::from_utf8_lossy(&value).into_owned())
    };
    let number = |path: &[&str]| {
        let value = hostcalls::get_property(path.to_vec()).ok().flatten();
        value.map_or("-".into(), |value| {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(value).for_each(|(to, from)| *to = from);
            format!("{:#x}", u64::from_le_bytes(bytes))
        })
    };
    let present = |path: &[&str]| text(path) != "-";
    log::info!(
        "recorder|{callback}|{details}|cluster={}|flags={}|code_details={}|attempts={}\
         |has_host={}|failure={}|request_map={}|response_map={}|trailer_map={}",
        text(&["xds", "cluster_name"]),
        number(&["response", "flags"]),
        text(&["response", "code_details"]),
        number(&["upstream", "request_attempt_count"]),
        present(&["upstream", "address"]),
        text(&["upstream", "transport_failure_reason"]),
        reach(MapType::HttpRequestHeaders, ":path"),
        reach(MapType::HttpResponseHeaders, ":status"),
        reach(MapType::HttpResponseTrailers, "x-trailer"),
    );
}

/// A body, or its size if that is large.
fn shown(body: Option<Bytes>) -> String {
    let body = body.unwrap_or_default();
    match body.len() {
        0..50 => body.escape_ascii().to_string(),
        length => format!("[{length} bytes]"),
    }
}

impl Stream {
    fn record(&self, callback: &str, details: &str) {
        if !self.wish.is("now") {
            record(callback, details);
        }
    }

    /// Adds one to the number in shared data, unless somebody else stored meanwhile.
    fn count(&self) {
        let (value, cas) = self.get_shared_data("recorder");
        let count = value.map_or(0, |value| String::from_utf8_lossy(&value).parse().unwrap_or(0));
        let stored =
            self.set_shared_data("recorder", Some((count + 1).to_string().as_bytes()), cas);
        log::info!("recorder|stored|{stored:?}");
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
        self.record("done", "");
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let wish = self.get_http_request_header_bytes("x-recorder").unwrap_or_default();
        self.wish = Wish::parse(&String::from_utf8_lossy(&wish));
        if let Some(act) = self.get_http_request_header("x-at-tick") {
            self.rescue.aim(self.context, act);
        }
        self.record("request_headers", &format!("end={end}"));
        match wish.as_slice() {
            b"crash" => panic!("as the request wished"),
            b"store" => self.count(),
            b"reroute" => self.set_http_request_header("x-route", Some("other")),
            b"callout" => {
                let _ = self.dispatch_http_call("x", vec![], None, vec![], Duration::ZERO);
            }
            b"reply" => {
                self.send_http_response(429, vec![("x-from", "recorder")], Some(b"replied"));
                return Action::Pause;
            }
            b"now" => {
                self.rescue.expect();
                self.send_http_response(204, vec![], None);
                return Action::Pause;
            }
            _ if self.wish.is_about(&OF_REQUEST) => return Action::Pause,
            _ => {}
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        let body = shown(self.get_http_request_body(0, 1 << 30));
        self.record("request_body", &format!("end={end}|size={size}|body={body}"));
        match self.wish.judge(&OF_REQUEST, size, end) {
            Verdict::Pass => return Action::Continue,
            Verdict::Wait => {}
            Verdict::Reply => {
                self.send_http_response(429, vec![("x-from", "recorder")], Some(b"denied"));
            }
        }
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, count: usize) -> Action {
        self.record("request_trailers", &format!("count={count}"));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let status = self.get_http_response_header_bytes(":status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        self.record("response_headers", &format!("end={end}|status={status}"));
        if self.wish.is("replace") {
            self.send_http_response(503, vec![("x-from", "recorder")], Some(b"replaced"));
            return Action::Pause;
        }
        if self.wish.is_about(&OF_RESPONSE) { Action::Pause } else { Action::Continue }
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        // How an answer comes in pieces is the network's whim, so only a held one is looked into.
        let held = self.wish.is_about(&OF_RESPONSE).then(|| {
            format!("|size={size}|body={}", shown(self.get_http_response_body(0, 1 << 30)))
        });
        self.record("response_body", &format!("end={end}{}", held.unwrap_or_default()));
        match self.wish.judge(&OF_RESPONSE, size, end) {
            Verdict::Pass => return Action::Continue,
            Verdict::Wait => {}
            Verdict::Reply => {
                self.send_http_response(503, vec![("x-from", "recorder")], Some(b"swapped"));
            }
        }
        Action::Pause
    }

    fn on_http_response_trailers(&mut self, count: usize) -> Action {
        let value = self.get_http_response_trailer("x-trailer").unwrap_or_default();
        self.record("response_trailers", &format!("count={count}|x-trailer={value}"));
        Action::Continue
    }

    fn on_log(&mut self) {
        self.record("log", "");
    }
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_value(
        map: MapType,
        name: *const u8,
        name_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
}

/// What a header map answers now. The SDK's own getter traps where this says `bad_argument`.
fn reach(map: MapType, name: &str) -> &'static str {
    let mut value = std::ptr::null_mut();
    let mut size = 0;
    // SAFETY: the host reads `name` and writes a pointer and a size where told to. The value that
    // it allocates is leaked: a recorder lives for one test.
    let status = unsafe {
        proxy_get_header_map_value(map, name.as_ptr(), name.len(), &mut value, &mut size)
    };
    match status {
        0 => "readable",
        1 => "not_found",
        2 => "bad_argument",
        _ => "broken",
    }
}
