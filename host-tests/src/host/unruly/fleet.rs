//! The steps of a fleet's store and of the process's other VMs.

use super::{
    super::{grpc::Is, metrics::Metric},
    play::Play,
    step::{OfFleet, Said, Written},
    store,
};

const DEADLINE_EXCEEDED: u32 = 4;

/// A stream or call that is open: of which root context, its token and its method.
type Open = (u32, u32, String);

impl Play {
    pub(super) fn step_of_fleet(&mut self, step: OfFleet) {
        match step {
            OfFleet::Reply(number, said) => {
                let Some((root, token, method)) = self.take_call(number) else { return };
                let message = said.bytes(|written| store::reply(&method, written));
                self.receive(root, token, &message);
            }
            OfFleet::Fail(number, status) => {
                let Some((root, token, _)) = self.take_call(number) else { return };
                self.end(root, token, status);
            }
            OfFleet::Push(number, said) => {
                let Some((root, token, _)) = self.opened(number, false) else { return };
                self.receive(root, token, &said.bytes(store::watched));
            }
            OfFleet::Close(number, status) => {
                let Some((root, token, _)) = self.opened(number, false) else { return };
                self.end(root, token, status);
                let is_left = self.stage.vm.state().grpc.opened.contains_key(&token);
                let could_not = self.stage.was_refused("proxy_grpc_cancel");
                assert!(!is_left || could_not, "a closed stream is not cancelled in its callback");
                self.stage.vm.state().grpc.opened.remove(&token);
            }
            OfFleet::Stray(token, status) => {
                let Some(root) = self.stage.vm.ticking_roots().first().copied() else { return };
                if !self.stage.vm.state().grpc.opened.contains_key(&token) {
                    self.receive(root, token, b"");
                    self.end(root, token, status);
                }
            }
            OfFleet::Enqueue(message) => {
                self.stage.process.borrow_mut().queues.enqueue_everywhere(&message);
            }
            OfFleet::Wake => self.wake(),
            OfFleet::Refuse(call, status, times) => self.stage.refuse(call, status, times),
        }
        self.note_touch();
    }

    /// The calls whose time is over fail.
    pub(super) fn time_out_calls(&mut self) {
        let now_ns = self.stage.now_ns();
        for token in self.stage.vm.state().grpc.overdue(now_ns) {
            if let Some(call) = self.stage.vm.state().grpc.opened.remove(&token) {
                self.end(call.root, token, DEADLINE_EXCEEDED);
            }
        }
    }

    fn wake(&mut self) {
        // Each message wakes once, so this ends.
        loop {
            let next = self.stage.process.borrow_mut().queues.next_wake();
            let Some(((_, context), queue)) = next else { return };
            if self.stage.vm.state().knows(context) {
                self.count("proxy_on_queue_ready");
                let ((), deferred) =
                    self.stage.call("proxy_on_queue_ready", context, (context, queue));
                assert!(deferred.is_empty(), "the queue asks for {deferred:?}");
            }
        }
    }

    fn take_call(&mut self, number: usize) -> Option<Open> {
        let call = self.opened(number, true)?;
        self.stage.vm.state().grpc.opened.remove(&call.1);
        Some(call)
    }

    fn opened(&mut self, number: usize, is_call: bool) -> Option<Open> {
        let opened = &self.stage.vm.state().grpc.opened;
        let is_one = |is: &Is| matches!(is, Is::Call { .. }) == is_call;
        let mut all = opened.iter().filter(|(_, it)| is_one(&it.is));
        let count = all.clone().count().max(1);
        let (token, it) = all.nth(number % count)?;
        Some((it.root, *token, it.method.clone()))
    }

    fn receive(&mut self, root: u32, token: u32, message: &[u8]) {
        self.count("proxy_on_grpc_receive");
        self.stage.vm.grpc_received(root, token, message);
        self.assert_nothing_deferred();
    }

    fn end(&mut self, root: u32, token: u32, status: u32) {
        self.count("proxy_on_grpc_close");
        self.stage.vm.grpc_closed(root, token, status);
        self.assert_nothing_deferred();
    }

    fn assert_nothing_deferred(&mut self) {
        let deferred = self.stage.vm.take_deferred();
        assert!(deferred.is_empty(), "the store asks for {deferred:?}");
    }

    fn count(&mut self, callback: &'static str) {
        *self.played.of_fleet.entry(callback).or_default() += 1;
    }

    /// Whether the store was read to its end by now.
    fn note_touch(&mut self) {
        let process = self.stage.process.borrow();
        let is_in_touch = process.stats.iter().any(|(name, metric)| {
            name.ends_with("_fleet_connected") && *metric == Metric::Gauge(1)
        });
        self.played.in_touch += u64::from(is_in_touch);
    }
}

impl Said {
    fn bytes(self, sound: impl FnOnce(&Written) -> Vec<u8>) -> Vec<u8> {
        match self {
            Self::Sound(written) => sound(&written),
            Self::Anything(bytes) => bytes,
        }
    }
}
