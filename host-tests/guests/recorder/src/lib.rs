//! Logs every callback of every stream with what can be seen in it, and does to some what the
//! request wishes.
//!
//! A request's `x-recorder` header says what: `reply` at the request headers, `replace` the answer
//! at the response headers, `store` a count in shared data, `reroute`, make a `callout`, or
//! `crash`. The configuration says what the root context does: `tick`, or at its tick `rescue` the
//! stream that began last, or `refuse` to be configured. One line per callback:
//! `recorder|<callback>|<key>=<value>|…`.
#![allow(missing_docs, reason = "the SDK's `main!` makes a public function that has none")]

use std::{cell::Cell, time::Duration};

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, Bytes, ContextType, LogLevel, MapType},
};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Recorder::default()));
}}

#[derive(Default)]
struct Recorder {
    rescues: bool,
    newest: Cell<Option<u32>>,
}

impl Context for Recorder {}

impl RootContext for Recorder {
    fn on_configure(&mut self, _size: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        log::info!("recorder|configure|{}", String::from_utf8_lossy(&configuration));
        self.rescues = configuration == b"rescue";
        if self.rescues || configuration == b"tick" {
            self.set_tick_period(Duration::from_secs(1));
        }
        configuration != b"refuse"
    }

    fn on_tick(&mut self) {
        log::info!("recorder|tick");
        if let (true, Some(stream)) = (self.rescues, self.newest.take()) {
            hostcalls::set_effective_context(stream).expect("the stream lives");
            hostcalls::send_http_response(504, vec![], None).expect("it waits for an answer");
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        self.newest.set(Some(context_id));
        Some(Box::new(Stream { wish: None }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream {
    wish: Option<Bytes>,
}

impl Stream {
    fn record(&self, callback: &str, details: &str) {
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
             |has_host={}|failure={}|request_map={}|response_map={}",
            text(&["xds", "cluster_name"]),
            number(&["response", "flags"]),
            text(&["response", "code_details"]),
            number(&["upstream", "request_attempt_count"]),
            present(&["upstream", "address"]),
            text(&["upstream", "transport_failure_reason"]),
            reach(MapType::HttpRequestHeaders, ":path"),
            reach(MapType::HttpResponseHeaders, ":status"),
        );
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
            _ => {}
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, _size: usize, end: bool) -> Action {
        self.record("request_body", &format!("end={end}"));
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
        Action::Continue
    }

    fn on_http_response_body(&mut self, _size: usize, end: bool) -> Action {
        self.record("response_body", &format!("end={end}"));
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, count: usize) -> Action {
        self.record("response_trailers", &format!("count={count}"));
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
