//! One stream in its VM: which callback comes when, what it can reach, and what becomes of the
//! filter's wishes.

mod request;
mod response;
mod upload;

use std::{
    cell::{Ref, RefCell},
    rc::Rc,
};

use super::{
    answer::Answer,
    pairs::Pairs,
    process::HeadersStop,
    stream::{Map, Stage, Stream},
    vm::Vm,
    vm_state::{Deferred, LocalReply},
};

/// One stream in its VM.
pub(crate) struct Exchange {
    vm: Rc<RefCell<Vm>>,
    stream: Rc<RefCell<Stream>>,
    listener: usize,
    context: u32,
}

/// What a callback made of its stream.
enum Next {
    Continue,
    Pause,
    Reply(LocalReply),
    Reset,
    Failed,
}

impl Exchange {
    pub(crate) fn new(vm: Rc<RefCell<Vm>>, stream: Stream, listener: usize) -> Self {
        Self { vm, stream: Rc::new(RefCell::new(stream)), listener, context: 0 }
    }

    pub(crate) fn stream(&self) -> Ref<'_, Stream> {
        self.stream.borrow()
    }

    /// Whether access logs show this property as nested fields.
    pub(crate) fn shows_fields_of(&self, property: &str) -> bool {
        self.vm.borrow_mut().state().process.borrow().declared.contains(property)
    }

    pub(crate) fn is(&self, vm: &Rc<RefCell<Vm>>, context: u32) -> bool {
        Rc::ptr_eq(&self.vm, vm) && self.context == context
    }

    /// What the filter asked for from outside this stream's own callbacks.
    pub(crate) fn apply(&mut self, action: Deferred) {
        let stage = self.stream().stage;
        match action {
            _ if stage == Stage::Done => {}
            Deferred::Reply(reply) => self.divert(Next::Reply(reply)),
            Deferred::ResetStream => self.divert(Next::Reset),
            Deferred::ContinueRequest => self.let_go(),
            Deferred::ContinueResponse => self.let_answer_go(),
        }
    }

    fn create(&mut self) -> bool {
        let stream = self.stream.clone();
        let created = self.vm.borrow_mut().create_stream(self.listener, stream);
        self.context = *created.as_ref().unwrap_or(&0);
        created.is_ok()
    }

    /// Everything that a callback can lead to but going on.
    fn divert(&mut self, next: Next) {
        let stage = self.stream().stage;
        match next {
            Next::Continue | Next::Pause => unreachable!("handled where it was asked for"),
            Next::Reply(reply) if stage == Stage::Responding => {
                // The client has the headers: Envoy can only cut the stream.
                self.stream.borrow_mut().info.code_details = Some(reply.details);
                self.finish();
            }
            Next::Reply(reply) if self.stream().in_response => self.replace(reply),
            Next::Reply(reply) => {
                self.stream.borrow_mut().info.code_details = non_empty(reply.details);
                self.respond(reply.status, reply.headers, reply.body);
            }
            Next::Reset => self.finish(),
            Next::Failed => self.fail(),
        }
    }

    /// `on_log`, then `on_done`, then `on_delete`.
    fn finish(&mut self) {
        let now_ns = self.now_ns();
        {
            let mut stream = self.stream.borrow_mut();
            stream.stage = Stage::Done;
            stream.paused = false;
            (stream.request_body, stream.response_body) = (None, None);
            stream.info.duration_ns = Some(now_ns - stream.info.started_ns);
            stream.logging = true;
        }
        let mut vm = self.vm.borrow_mut();
        let _ = vm.call::<_, ()>("proxy_on_log", self.context, (self.context,));
        self.stream.borrow_mut().logging = false;
        vm.delete_stream(self.context);
        // Replies and resets come too late now; Envoy ignores them.
        vm.take_deferred();
    }

    /// The VM trapped: what is left of its streams is answered 503 or cut, unseen by any filter.
    fn fail(&mut self) {
        let mut stream = self.stream.borrow_mut();
        stream.stage = Stage::Done;
        stream.paused = false;
        if stream.answer.is_none() {
            let mut answer = Answer::starting(&local_headers(503, Pairs::new(), &[]));
            answer.complete = true;
            stream.answer = Some(answer);
            stream.info.code_details = Some("wasm_fail_stream".into());
        }
    }

    fn headers_callback(&mut self, callback: &str, map: Map, end: bool) -> Next {
        let count = self.reach(map);
        let next = self.callback(callback, (self.context, count, u32::from(end)));
        self.leave(map, next)
    }

    fn trailers_callback(&mut self, callback: &str, map: Map, trailers: Pairs) -> Next {
        self.stream.borrow_mut().maps.insert(map, trailers);
        let count = self.reach(map);
        let next = self.callback(callback, (self.context, count));
        self.leave(map, next)
    }

    /// The number of the map's pairs, which can be reached from now on.
    fn reach(&self, map: Map) -> u32 {
        let mut stream = self.stream.borrow_mut();
        stream.reachable.insert(map, true);
        stream.maps[&map].len() as u32
    }

    /// A map is out of reach once its callback said to go on.
    fn leave(&self, map: Map, next: Next) -> Next {
        if let Next::Continue = next {
            self.stream.borrow_mut().reachable.remove(&map);
        }
        next
    }

    fn callback(&self, callback: &str, arguments: impl wasmtime::WasmParams) -> Next {
        let mut vm = self.vm.borrow_mut();
        let Ok(action) = vm.call::<_, u32>(callback, self.context, arguments) else {
            return Next::Failed;
        };
        let mut next = if action == 0 { Next::Continue } else { Next::Pause };
        for (context, action) in vm.take_deferred() {
            assert_eq!(
                context, self.context,
                "the host does not model acts on another stream here"
            );
            next = match (action, next) {
                (Deferred::Reply(_), Next::Reply(_)) => panic!("two replies to one request"),
                (Deferred::Reply(reply), _) => Next::Reply(reply),
                (Deferred::ResetStream, _) => Next::Reset,
                (Deferred::ContinueRequest, Next::Pause) => Next::Continue,
                (Deferred::ContinueRequest, next) => next,
                (Deferred::ContinueResponse, _) => {
                    panic!("the host does not model an answer let go in a callback")
                }
            };
        }
        next
    }

    fn headers_stop(&self) -> HeadersStop {
        self.vm.borrow_mut().state().process.borrow().headers_stop
    }

    /// Envoy reads no more at once than it could keep.
    fn assert_room(&self, length: usize) {
        assert!(length <= self.buffer_limit_bytes(), "the host does not model so large a piece");
    }

    fn buffer_limit_bytes(&self) -> usize {
        self.vm.borrow_mut().state().process.borrow().buffer_limit_bytes
    }

    fn now_ns(&self) -> u64 {
        self.vm.borrow_mut().state().process.borrow().monotonic_ns
    }
}

fn non_empty(details: String) -> Option<String> {
    (!details.is_empty()).then_some(details)
}

/// What Envoy puts around a local reply.
fn local_headers(status: u16, extra: Pairs, body: &[u8]) -> Pairs {
    let mut headers: Pairs = vec![(b":status".to_vec(), status.to_string().into())];
    if !body.is_empty() {
        headers.push((b"content-length".to_vec(), body.len().to_string().into()));
        if !extra.iter().any(|(name, _)| name == b"content-type") {
            headers.push((b"content-type".to_vec(), b"text/plain".to_vec()));
        }
    }
    headers.extend(extra.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)));
    headers
}
