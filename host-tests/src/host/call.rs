//! One call: how a request goes through the filter, and how the test plays upstream and client.

use std::{cell::RefCell, rc::Rc};

use serde_json::Value;

use super::{
    access_log,
    answer::Answer,
    exchange::Exchange,
    message::Response,
    stream::{End, Map, Piece, Stage},
    upstream::{Ending, Upstream, flags, slow_upload},
};

/// A handle on one call. Calls of one world can be begun and finished in any order.
#[derive(Clone)]
pub struct Call {
    pub(crate) exchange: Rc<RefCell<Exchange>>,
}

impl Call {
    pub(crate) fn begin(mut exchange: Exchange) -> Self {
        exchange.begin();
        Self::of(exchange)
    }

    pub(crate) fn of(exchange: Exchange) -> Self {
        Self { exchange: Rc::new(RefCell::new(exchange)) }
    }

    /// What the client got so far: nothing before the answer's headers reached it.
    pub fn answered(&self) -> Option<Answer> {
        self.exchange.borrow().stream().answer.clone()
    }

    /// What the client got so far.
    ///
    /// # Panics
    /// If it got nothing yet.
    pub fn answer(&self) -> Answer {
        self.answered().unwrap_or_else(|| panic!("the client got no answer; {self:?}"))
    }

    /// Whether the request's headers were sent to an upstream, now or earlier.
    pub fn is_forwarded(&self) -> bool {
        self.exchange.borrow().stream().info.sent_ns.is_some()
    }

    /// The request's body as far as the filter let it go.
    pub fn forwarded_body(&self) -> Vec<u8> {
        self.exchange.borrow().stream().forwarded_body.clone()
    }

    /// Whether the filter paused the request at its headers and has not let it go since.
    pub fn is_paused(&self) -> bool {
        self.exchange.borrow().stream().paused
    }

    /// Whether the stream was logged and deleted.
    pub fn is_done(&self) -> bool {
        self.exchange.borrow().stream().stage == Stage::Done
    }

    /// The cluster that the router chose.
    pub fn cluster(&self) -> Option<String> {
        self.exchange.borrow().stream().info.cluster.clone()
    }

    /// The request's headers as the upstream gets them.
    pub fn forwarded_header(&self, name: &str) -> Option<Vec<u8>> {
        let exchange = self.exchange.borrow();
        let stream = exchange.stream();
        let headers = &stream.maps[&Map::RequestHeaders];
        headers.iter().find(|(n, _)| n == name.as_bytes()).map(|(_, value)| value.clone())
    }

    /// What the filter set by `set_property` under `name`, as an access log prints it.
    pub fn filter_state(&self, name: &str) -> Option<Vec<u8>> {
        self.exchange.borrow().stream().info.filter_state.get(name.as_bytes()).cloned()
    }

    /// The same as nested fields, if the filter declared it so.
    pub fn access_log(&self, name: &str) -> Option<Value> {
        let exchange = self.exchange.borrow();
        let is_declared = exchange.shows_fields_of(name);
        let state = exchange.stream().info.filter_state.get(name.as_bytes())?.clone();
        is_declared.then(|| access_log::shown(&state))?
    }

    /// Envoy's flags and code details, final once the call is done.
    pub fn verdict(&self) -> (u64, Option<String>) {
        let exchange = self.exchange.borrow();
        let stream = exchange.stream();
        (stream.info.flags, stream.info.code_details.clone())
    }

    /// The client sends a piece of an unfinished upload.
    pub fn upload(&self, chunk: impl AsRef<[u8]>) {
        self.exchange.borrow_mut().upload_piece(Piece::Data(chunk.as_ref().into(), End::No));
    }

    /// The rest of an unfinished upload, and its end, which over HTTP/1 is a piece of its own.
    pub fn finish_upload(&self, rest: impl AsRef<[u8]>) {
        if !rest.as_ref().is_empty() {
            self.upload(rest);
        }
        self.last_upload([]);
    }

    /// The last piece of an unfinished upload and its end in one, as HTTP/2 can.
    pub fn last_upload(&self, chunk: impl AsRef<[u8]>) {
        self.exchange.borrow_mut().upload_piece(Piece::Data(chunk.as_ref().into(), End::Yes));
    }

    /// The client stops in the middle of its upload until the listener's `request_timeout` strikes.
    pub fn upload_times_out(&self) -> Answer {
        self.exchange.borrow_mut().give_up_upload(&slow_upload());
        self.answer()
    }

    /// The upstream answers, from the headers to the end. What is left of it when the filter
    /// replaced or cut the answer finds no reader.
    pub fn upstream_answers(&self, response: Response) -> Answer {
        self.response_headers(&response);
        for chunk in response.chunks {
            if !self.is_done() {
                self.body_chunk(chunk);
            }
        }
        if !self.is_done() && response.trailers.is_empty() {
            self.end();
        } else if !self.is_done() {
            self.exchange.borrow_mut().response_trailers(response.trailers);
        }
        self.answer()
    }

    /// The upstream begins its answer: headers only, whose body follows unless `response` has
    /// none.
    pub fn response_headers(&self, response: &Response) {
        let end = !response.has_body;
        self.exchange.borrow_mut().upstream_headers(response.headers.clone(), end);
    }

    /// The upstream sends a piece of a body.
    pub fn body_chunk(&self, chunk: impl AsRef<[u8]>) {
        self.exchange.borrow_mut().response_data(chunk.as_ref().into(), false);
    }

    /// The upstream ends its body cleanly.
    pub fn end(&self) {
        self.exchange.borrow_mut().response_data(Vec::new(), true);
    }

    /// The upstream sends the last piece of a body and its end in one, as HTTP/2 can.
    pub fn last_chunk(&self, chunk: impl AsRef<[u8]>) {
        self.exchange.borrow_mut().response_data(chunk.as_ref().into(), true);
    }

    /// The upstream ends its body with trailers.
    pub fn trailers(&self, trailers: &[(&str, &str)]) {
        let bytes =
            |(name, value): &(&str, &str)| (name.to_ascii_lowercase().into(), (*value).into());
        self.exchange.borrow_mut().response_trailers(trailers.iter().map(bytes).collect());
    }

    /// The upstream misbehaves. Returns what the client got, which is nothing if it was cut before
    /// the answer's headers.
    pub fn upstream(&self, behaviour: Upstream) -> Option<Answer> {
        self.exchange.borrow_mut().upstream_fails(behaviour);
        self.answered()
    }

    /// The client hangs up.
    pub fn client_leaves(&self) {
        let details = "downstream_remote_disconnect";
        let ending = Ending::without_reply(flags::DOWNSTREAM_DISCONNECTED, details);
        self.exchange.borrow_mut().reset(&ending);
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exchange = self.exchange.borrow();
        let stream = exchange.stream();
        f.debug_struct("Call")
            .field("stage", &stream.stage)
            .field("cluster", &stream.info.cluster)
            .field("flags", &stream.info.flags)
            .field("code_details", &stream.info.code_details)
            .field("answer", &stream.answer)
            .finish()
    }
}
