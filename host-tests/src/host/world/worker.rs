//! One worker thread, where requests come in.

use super::{
    super::{
        call::Call,
        exchange::Exchange,
        message::{EarlierReply, Request},
        process::VmName,
        stream::Stream,
        upstream::malformed_request,
    },
    World,
};

/// One worker thread and the listener by which its requests come in.
#[derive(Clone, Copy)]
pub struct Worker<'w> {
    pub(super) world: &'w World,
    pub(super) number: usize,
    pub(super) listener: usize,
}

impl Worker<'_> {
    /// The same worker, but at the listener that [`World::listen`] gave this number.
    pub fn listener(mut self, listener: usize) -> Self {
        self.listener = listener;
        self
    }

    /// A client sends a request; its headers and what there is of its body go through the filter.
    pub fn request(&self, request: Request) -> Call {
        let call = Call::begin(self.exchange(request));
        self.world.remember(&call);
        call
    }

    /// A client sends something that is no HTTP, and is answered 400: only `on_log` comes, on a
    /// stream that had no request.
    pub fn malformed_request(&self) -> Call {
        let mut exchange = self.exchange(Request::get("/"));
        exchange.forget_request();
        exchange.log_only(&malformed_request());
        Call::of(exchange)
    }

    /// A filter in front of ours replies to the request: only `on_log` comes.
    pub fn request_answered_earlier(&self, request: Request, reply: EarlierReply) -> Call {
        let mut exchange = self.exchange(request);
        exchange.log_only(&reply.into());
        Call::of(exchange)
    }

    fn exchange(&self, request: Request) -> Exchange {
        let vm = self.world.live_vm(VmName::Worker(self.number));
        let now_ns = self.world.monotonic_ns();
        Exchange::new(vm, Stream::new(request, now_ns), self.listener)
    }
}
