//! Who keeps the access log's record of one request? Its stream and whatever becomes of it share it.

use crate::access_log::Record;
use crate::plugin::host;
use std::cell::RefCell;
use std::rc::Rc;

/// The filter state's name: access logs find it under `wasm.llm_breaker`.
const FILTER_STATE: &str = "llm_breaker";

thread_local! {
    /// Where records are written before the host copies them.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The record of one request, if one is kept.
#[derive(Clone, Default)]
pub(super) struct Trace(Option<Rc<RefCell<Record>>>);

impl Trace {
    pub(super) fn begin() -> Self {
        Self(Some(Rc::default()))
    }

    /// Take note of something.
    pub(super) fn note(&self, note: impl FnOnce(&mut Record)) {
        if let Some(record) = &self.0 {
            note(&mut record.borrow_mut());
        }
    }

    /// Leave the record to the access log, in the stream's own `on_log`.
    pub(super) fn write(&self) {
        let Some(record) = &self.0 else { return };
        BYTES.with_borrow_mut(|bytes| {
            bytes.clear();
            record.borrow().write(bytes);
            host::set_property(FILTER_STATE, bytes);
        });
    }
}

/// Have access logs show records as nested fields; whether the host can.
pub(super) fn declare() -> bool {
    host::declare_struct(FILTER_STATE)
}
