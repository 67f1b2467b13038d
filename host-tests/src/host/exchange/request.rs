//! The request's half: through the filter to the router, and what the router makes of it.

use super::{
    super::{
        answer::Answer,
        message::{ClusterState, Route},
        pairs::Pairs,
        stream::{Map, Stage},
        upstream::{Ending, cluster_ending, no_route},
    },
    Exchange, Next, local_headers,
};

impl Exchange {
    /// The request's headers arrive, and what came with them of its body.
    pub(crate) fn begin(&mut self) {
        if !self.create() {
            return self.fail();
        }
        let end = !self.stream().request.has_body();
        match self.headers_callback("proxy_on_request_headers", Map::RequestHeaders, end) {
            Next::Continue => self.route(),
            Next::Pause => {
                self.stream.borrow_mut().paused = true;
                self.receive_body();
            }
            other => self.divert(other),
        }
    }

    /// Envoy answered before this filter saw the request, and perhaps before there was one: only
    /// `on_log` comes.
    pub(crate) fn log_only(&mut self, ending: &Ending) {
        self.note(ending);
        let head = local_headers(ending.status, Pairs::new(), ending.body.as_bytes());
        {
            let mut stream = self.stream.borrow_mut();
            let mut answer = Answer::starting(&head);
            (answer.body, answer.complete) = (ending.body.clone().into(), true);
            stream.answer = Some(answer);
            stream.maps.insert(Map::ResponseHeaders, head);
        }
        if self.create() { self.finish() } else { self.fail() }
    }

    /// The codec found no request in what came.
    pub(crate) fn forget_request(&mut self) {
        self.stream.borrow_mut().maps.clear();
    }

    /// Envoy gives up on the client's upload.
    pub(crate) fn give_up_upload(&mut self, ending: &Ending) {
        assert!(!self.stream().upload_ended, "the upload is whole");
        self.reply_locally(ending);
    }

    /// What comes behind this filter: a reply of another one, of the router, or the upstream gets the request.
    pub(super) fn route(&mut self) {
        let other_filter = self.stream.borrow_mut().request.other_filter.take();
        if let Some(reply) = other_filter {
            return self.reply_locally(&reply.into());
        }
        self.choose_route();
        let route = self.stream().request.route.clone();
        match route {
            Route::NotFound => self.reply_locally(&no_route()),
            Route::DirectResponse { status, body } => {
                self.stream.borrow_mut().info.code_details = Some("direct_response".into());
                self.respond(status, Pairs::new(), body.into_bytes());
            }
            Route::Cluster { state, .. } => self.route_to(state),
        }
    }

    fn route_to(&mut self, state: ClusterState) {
        if state != ClusterState::Unknown {
            let attempts = 1 + self.stream().request.retries;
            self.stream.borrow_mut().info.attempts = attempts;
        }
        if matches!(state, ClusterState::Usable | ClusterState::Overflowing) {
            // Envoy learns of an overflow only when it has sent on what came of the request.
            self.forward(state);
        }
        if let Some(ending) = cluster_ending(state)
            && self.stream().stage != Stage::Done
        {
            self.reply_locally(&ending);
        }
    }

    fn choose_route(&mut self) {
        let mut stream = self.stream.borrow_mut();
        if !std::mem::take(&mut stream.route_cleared) {
            return;
        }
        let process = self.vm.borrow_mut().state().process.clone();
        let process = process.borrow();
        let chosen = process.header_routes.iter().find(|route| {
            let headers = &stream.maps[&Map::RequestHeaders];
            headers.iter().any(|(n, v)| n == route.header.as_bytes() && v == route.value.as_bytes())
        });
        if let Some(route) = chosen {
            stream.info.cluster = Some(route.cluster.clone());
            let name = route.cluster.clone();
            stream.request.route = Route::Cluster { name, state: ClusterState::Usable };
        }
    }

    /// A host is picked; from here on attempts count.
    fn forward(&mut self, state: ClusterState) {
        let now_ns = self.now_ns();
        {
            let mut stream = self.stream.borrow_mut();
            stream.stage = Stage::Forwarded;
            stream.info.upstream_address = Some("127.0.0.1:8000".into());
            stream.info.sent_ns = (state == ClusterState::Usable).then_some(now_ns);
        }
        self.receive_body();
    }
}
