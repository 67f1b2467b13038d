//! Damages the value of a key in shared data and answers `done`: a request's `x-key` names the key,
//! its `x-kind` the damage. The kind `none` damages nothing and answers with the value.
#![allow(missing_docs, reason = "the SDK's `main!` makes a public function that has none")]

use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel},
};

/// Larger than any record.
const HUGE: usize = 1 << 20;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Vandal));
}}

struct Vandal;

impl Context for Vandal {}

impl RootContext for Vandal {
    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Self))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl HttpContext for Vandal {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let key = self.get_http_request_header("x-key").expect("a key");
        let kind = self.get_http_request_header("x-kind").expect("a kind of damage");
        let (value, _) = hostcalls::get_shared_data(&key).expect("shared data");
        let value = value.unwrap_or_default();
        if kind == "none" {
            self.send_http_response(200, Vec::new(), Some(&value));
            return Action::Pause;
        }
        let damaged = damage(value, &kind);
        // Without a version it overwrites, whoever else is writing.
        hostcalls::set_shared_data(&key, Some(&damaged), None).expect("shared data");
        self.send_http_response(200, Vec::new(), Some(b"done"));
        Action::Pause
    }
}

fn damage(mut value: Vec<u8>, kind: &str) -> Vec<u8> {
    match kind {
        "empty" => Vec::new(),
        "text" => b"garbage".to_vec(),
        "shorter" => {
            value.pop();
            value
        }
        "flipped" => {
            if let Some(last) = value.last_mut() {
                *last ^= 1;
            }
            value
        }
        "huge" => vec![0xFF; HUGE],
        _ => panic!("no kind of damage: {kind}"),
    }
}
