//! What the root context does at a tick to a stream that asked for it.

use std::cell::{Cell, RefCell};

use proxy_wasm::hostcalls;

use crate::record;

/// A stream's wish for a tick, and whether the next tick is the one.
#[derive(Default)]
pub(crate) struct Rescue {
    target: RefCell<Option<(u32, String)>>,
    is_due: Cell<bool>,
}

/// No stream is ever given this number.
const NOBODY: u32 = 1_000_000;

impl Rescue {
    /// The stream wants `act` at a tick: to be answered (`reply`), closed (`close_request`,
    /// `close_response`) or let go (`resume`, `resume_response`).
    pub(crate) fn aim(&self, stream: u32, act: String) {
        self.target.replace(Some((stream, act)));
    }

    /// The next tick is the one.
    pub(crate) fn expect(&self) {
        self.is_due.set(true);
    }

    /// Does what was wished, then goes back to the root context.
    pub(crate) fn act(&self, root: u32) {
        let due = if self.is_due.take() { self.target.take() } else { None };
        let Some((stream, act)) = due else { return };
        let _ = choose("tick_nobody", NOBODY);
        if choose("tick_stream", stream).is_ok() {
            let done = match act.as_str() {
                "reply" => {
                    hostcalls::send_http_response(504, vec![("x-from", "tick")], Some(b"rescued"))
                }
                "close_request" => hostcalls::reset_http_request(),
                "close_response" => hostcalls::reset_http_response(),
                "resume" => hostcalls::resume_http_request(),
                "resume_response" => hostcalls::resume_http_response(),
                unknown => panic!("nobody knows how to {unknown}"),
            };
            record("tick_act", &format!("{act}={done:?}"));
        }
        let _ = choose("tick_over", root);
    }
}

/// Makes this the effective context, and records what is seen of it.
fn choose(moment: &str, context: u32) -> Result<(), proxy_wasm::types::Status> {
    let chosen = hostcalls::set_effective_context(context);
    record(moment, &format!("{chosen:?}"));
    chosen
}
