//! Logs every callback of every stream with what can be seen in it, and does to some what the
//! request wishes.
//!
//! A request's `x-recorder` header says what: `reply` at the request headers, `replace` the answer
//! at the response headers, `store` a count in shared data, `reroute`, make a `callout`, or
//! `crash`; `hold` the request at its headers until its body is whole (`hold 3`: or has so many
//! bytes), `keep` it for good, or `deny` it at a piece of its body (`deny 3`: that makes it so many
//! bytes); to `delay`, `linger` with, or `swap` the answer, as `hold`, `keep` and `deny` do with
//! the request. `x-at-tick` says what the root context does to the stream at a tick, which is the first
//! after a request that wishes `now` and is itself not recorded; see `rescue`. The configuration
//! says whether there are ticks (`tick`, `tick fast`), or to `refuse` to be configured. One line
//! per callback: `recorder|<callback>|<key>=<value>|…`.
#![allow(missing_docs, reason = "the SDK's `main!` makes a public function that has none")]

mod rescue;

use std::{rc::Rc, time::Duration};

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, Bytes, ContextType, LogLevel, MapType},
};

use rescue::Rescue;

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
        Some(Box::new(Stream { context, wish: None, rescue: self.rescue.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    context: u32,
    wish: Option<Bytes>,
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
        if self.wish.as_deref() != Some(b"now") {
            record(callback, details);
        }
    }

    /// Whether the wish is `name`, perhaps with a number of bytes, which `length` falls short of.
    fn waits(&self, name: &str, default: usize, length: usize) -> Option<bool> {
        let wish = String::from_utf8_lossy(self.wish.as_deref()?).into_owned();
        let mut words = wish.split(' ');
        let is_meant = words.next() == Some(name);
        let bytes = words.next().and_then(|bytes| bytes.parse().ok()).unwrap_or(default);
        is_meant.then_some(length < bytes)
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
        self.wish = self.get_http_request_header_bytes("x-recorder");
        if let Some(act) = self.get_http_request_header("x-at-tick") {
            self.rescue.aim(self.context, act);
        }
        self.record("request_headers", &format!("end={end}"));
        match self.wish.as_deref() {
            Some(b"crash") => panic!("as the request wished"),
            Some(b"store") => self.count(),
            Some(b"reroute") => self.set_http_request_header("x-route", Some("other")),
            Some(b"callout") => {
                let _ = self.dispatch_http_call("x", vec![], None, vec![], Duration::ZERO);
            }
            Some(b"reply") => {
                self.send_http_response(429, vec![("x-from", "recorder")], Some(b"replied"));
                return Action::Pause;
            }
            Some(b"now") => {
                self.rescue.expect();
                self.send_http_response(204, vec![], None);
                return Action::Pause;
            }
            Some(wish) if [&b"hold"[..], b"keep", b"deny"].iter().any(|w| wish.starts_with(w)) => {
                return Action::Pause;
            }
            _ => {}
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        let body = shown(self.get_http_request_body(0, 1 << 30));
        self.record("request_body", &format!("end={end}|size={size}|body={body}"));
        if self.wish.as_deref() == Some(b"keep") || self.waits("deny", 0, size) == Some(true) {
            return Action::Pause;
        }
        match self.waits("hold", usize::MAX, size) {
            Some(true) if !end => return Action::Pause,
            // What was let go is not held again.
            Some(_) => drop(self.wish.take()),
            None => {}
        }
        if self.waits("deny", 0, size) == Some(false) {
            self.send_http_response(429, vec![("x-from", "recorder")], Some(b"denied"));
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, count: usize) -> Action {
        self.record("request_trailers", &format!("count={count}"));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let status = self.get_http_response_header_bytes(":status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        self.record("response_headers", &format!("end={end}|status={status}"));
        if self.wish.as_deref() == Some(b"replace") {
            self.send_http_response(503, vec![("x-from", "recorder")], Some(b"replaced"));
            return Action::Pause;
        }
        if ["delay", "linger", "swap"].iter().any(|wish| self.waits(wish, 0, 0).is_some()) {
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        let wishes = ["delay", "linger", "swap"];
        let is_held = wishes.iter().any(|wish| self.waits(wish, 0, 0).is_some());
        if is_held {
            let body = shown(self.get_http_response_body(0, 1 << 30));
            self.record("response_body", &format!("end={end}|size={size}|body={body}"));
        } else {
            self.record("response_body", &format!("end={end}"));
        }
        if self.wish.as_deref() == Some(b"linger") || self.waits("swap", 0, size) == Some(true) {
            return Action::Pause;
        }
        match self.waits("delay", usize::MAX, size) {
            Some(true) if !end => return Action::Pause,
            Some(_) => drop(self.wish.take()),
            None => {}
        }
        if self.waits("swap", 0, size) == Some(false) {
            self.send_http_response(503, vec![("x-from", "recorder")], Some(b"swapped"));
            return Action::Pause;
        }
        Action::Continue
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
