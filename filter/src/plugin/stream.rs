//! One request: which callback does what?

use crate::access_log::{Admission, Said, Way};
use crate::fallback;
use crate::key::Key;
use crate::plugin::breakers::Breakers;
use crate::plugin::heads::{request_head, routed_cluster};
use crate::plugin::host::{self, Map};
use crate::plugin::in_flight::Slot;
use crate::plugin::request::{Decided, Request};
use crate::plugin::response::Response;
use crate::plugin::trace::Trace;
use crate::time::Instant;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// The stream context of one request. Once the request was let through, its call is in its slot; the
/// filter's own answer, which re-enters the callbacks, belongs to no call.
pub(super) struct Stream {
    breakers: Option<Rc<Breakers>>,
    slot: Rc<Slot>,
    /// While it is held until its body says more.
    held: Option<Box<Request>>,
    trace: Trace,
}

impl Stream {
    pub(super) fn new(context: u32, breakers: Option<Rc<Breakers>>) -> Self {
        Self { breakers, slot: Slot::of(context), held: None, trace: Trace::default() }
    }

    fn request_started(&mut self, has_body: bool) -> Action {
        let Some(breakers) = &self.breakers else { return Action::Continue };
        self.trace = breakers.trace();
        let Some(cluster) = routed_cluster() else { return Action::Continue };
        if refuses_route(breakers, &cluster) {
            self.note_unasked(cluster, Admission::Refused);
            return Action::Pause;
        }
        let now = host::now();
        let Some(entry) = breakers.of_cluster(&cluster, now) else {
            self.note_unasked(cluster, Admission::Untracked);
            return Action::Continue;
        };
        let head = request_head(&entry.policy());
        let (slot, breakers) = (Rc::clone(&self.slot), Rc::clone(breakers));
        let trace = self.trace.clone();
        let action =
            self.decide(Request::new(slot, breakers, entry, head, has_body, now, trace), now);
        if !has_body {
            self.request_ended(now);
        }
        action
    }

    /// No breaker was asked.
    fn note_unasked(&self, cluster: String, admission: Admission) {
        let Some(breakers) = &self.breakers else { return };
        self.trace.note(|record| {
            let mode = breakers.configured(&cluster).mode;
            let said = Said::nothing(Rc::new(Key::of_cluster(cluster)), mode, admission);
            record.routed = Some(Way::begin(said));
        });
    }

    fn decide(&mut self, mut request: Request, now: Instant) -> Action {
        match request.decide(now) {
            Decided::Continue => Action::Continue,
            Decided::Answered => Action::Pause,
            Decided::Hold => {
                self.held = Some(Box::new(request));
                Action::Pause
            }
        }
    }

    /// As far as it is held the request's body is all that came of it so far.
    fn request_data(&mut self, size: usize, ended: bool) -> Action {
        let Some(mut request) = self.held.take() else {
            self.slot.with(|call| {
                call.read_request(size, ended);
                if ended {
                    call.exchange.request_ended(host::now());
                }
            });
            return Action::Continue;
        };
        request.read(size, ended);
        let now = host::now();
        let action = self.decide(*request, now);
        if ended {
            self.request_ended(now);
        }
        action
    }

    fn request_trailers(&mut self) -> Action {
        let now = host::now();
        let action = match self.held.take() {
            Some(mut request) => {
                request.read_no_more();
                self.decide(*request, now)
            }
            None => Action::Continue,
        };
        self.request_ended(now);
        action
    }

    fn request_ended(&self, now: Instant) {
        self.slot.with(|call| call.exchange.request_ended(now));
    }

    fn with_response<T>(&self, act: impl FnOnce(Response<'_>) -> T) -> Option<T> {
        let breakers = self.breakers.as_ref()?;
        Some(act(Response { breakers, slot: &self.slot }))
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
        self.with_response(|response| response.broken_off());
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.request_started(!end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.request_data(size, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.request_trailers()
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let action = self.with_response(|response| response.started(end_of_stream));
        action.unwrap_or(Action::Continue)
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let action = self.with_response(|response| response.data(size, end_of_stream));
        action.unwrap_or(Action::Continue)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        let action = self.with_response(|response| response.trailers());
        action.unwrap_or(Action::Continue)
    }

    fn on_log(&mut self) {
        self.with_response(|response| response.broken_off());
        self.trace.write();
    }
}

/// A client that brings a header by which calls are rerouted has chosen its route by it: it is
/// refused, also where the breaker of the cluster that it chose only watches.
fn refuses_route(breakers: &Breakers, cluster: &str) -> bool {
    let mut names = breakers.route_headers().iter();
    let Some(name) = names.find(|name| host::has_header(Map::RequestHeaders, name)) else {
        return false;
    };
    let policy = breakers.configured(cluster);
    let message = format!("The header {name} is not for clients to send.");
    let asked = fallback::Asked::of(request_head(policy).protocol);
    host::reply(&fallback::refused(&asked, &message))
}
