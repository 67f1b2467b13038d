//! The response's half: answers of upstreams and of Envoy through the filter to the client.

use super::{
    super::{
        answer::{Answer, parse_status},
        pairs::Pairs,
        process::HeadersStop,
        stream::{Map, Stage},
        upstream::{Ending, Progress, Upstream, flags, response_too_large, upstream_ending},
        vm_state::LocalReply,
    },
    Exchange, Next, local_headers, non_empty,
};

impl Exchange {
    /// The upstream's headers arrive.
    pub(crate) fn upstream_headers(&mut self, headers: Pairs, end: bool) {
        assert_eq!(
            self.stream().stage,
            Stage::Forwarded,
            "no upstream was asked: {:?}",
            self.stream().info
        );
        let now_ns = self.now_ns();
        {
            let info = &mut self.stream.borrow_mut().info;
            info.first_byte_ns = Some(now_ns);
            info.code_details = Some("via_upstream".into());
        }
        let was_retried = self.stream().request.retries > 0;
        let status = headers.iter().find(|(name, _)| name == b":status");
        if was_retried && status.is_some_and(|(_, status)| parse_status(status) >= 500) {
            self.stream.borrow_mut().info.flags |= flags::UPSTREAM_RETRY_LIMIT_EXCEEDED;
        }
        self.encode_headers(headers, end);
    }

    /// A piece of the answer's body arrives.
    pub(crate) fn response_data(&mut self, chunk: Vec<u8>, end: bool) {
        assert!(
            matches!(self.stream().stage, Stage::Withheld | Stage::Responding),
            "no answer is running: {:?}",
            self.stream().info
        );
        let (is_held, length) = {
            let mut stream = self.stream.borrow_mut();
            stream.response_ended = end;
            let is_held = stream.response_body.is_some();
            let body = stream.response_body.get_or_insert_default();
            body.extend(chunk);
            (is_held, body.len())
        };
        // Unlike a request's, an answer that is too large is not shown once more.
        if is_held && length > self.buffer_limit_bytes() {
            return self.give_up_answer(&response_too_large());
        }
        let arguments = (self.context, length as u32, u32::from(end));
        match self.callback("proxy_on_response_body", arguments) {
            Next::Continue => self.let_answer_go(),
            Next::Pause => self.assert_room(length),
            other => self.divert(other),
        }
    }

    /// What the filter held of the answer goes to the client.
    pub(super) fn let_answer_go(&mut self) {
        if self.stream().stage == Stage::Withheld {
            self.start_answer();
        }
        let ended = {
            let mut stream = self.stream.borrow_mut();
            let passed = stream.response_body.take().unwrap_or_default();
            if let Some(answer) = &mut stream.answer {
                answer.body.extend(passed);
            }
            stream.response_ended
        };
        if ended {
            self.finish_whole();
        }
    }

    fn start_answer(&mut self) {
        let mut stream = self.stream.borrow_mut();
        stream.stage = Stage::Responding;
        stream.answer = Some(Answer::starting(&stream.maps[&Map::ResponseHeaders]));
    }

    /// An answer that the filter holds gives way to a reply of Envoy, which passes no filter.
    fn give_up_answer(&mut self, ending: &Ending) {
        assert_eq!(self.stream().stage, Stage::Withheld, "the host does not model this");
        self.note(ending);
        self.replace(LocalReply {
            status: ending.status,
            headers: Pairs::new(),
            body: ending.body.clone().into(),
            details: ending.details.into(),
        });
    }

    /// The answer ends with trailers.
    pub(crate) fn response_trailers(&mut self, trailers: Pairs) {
        match self.trailers_callback("proxy_on_response_trailers", Map::ResponseTrailers, trailers)
        {
            Next::Continue => {
                self.stream.borrow_mut().response_ended = true;
                self.let_answer_go();
            }
            Next::Pause => panic!("the host does not model an answer held in its trailers"),
            other => self.divert(other),
        }
    }

    /// The upstream fails: a local reply through the filter if nothing came yet, else a cut.
    pub(crate) fn upstream_fails(&mut self, behaviour: Upstream) {
        let stage = self.stream().stage;
        let was_retried = self.stream().request.retries > 0 && stage == Stage::Forwarded;
        let ending = upstream_ending(
            behaviour,
            Progress {
                answer_started: matches!(stage, Stage::Withheld | Stage::Responding),
                upload_ended: self.stream().upload_ended,
                is_upgrade: self.stream().request.is_upgrade(),
                was_retried,
            },
        );
        if was_retried && behaviour.is_retried() {
            self.stream.borrow_mut().info.flags |= flags::UPSTREAM_RETRY_LIMIT_EXCEEDED;
        }
        match stage {
            Stage::Forwarded => self.reply_locally(&ending),
            // The idle time-out also runs while the filter holds the request.
            Stage::Request if behaviour == Upstream::FallsSilent => self.reply_locally(&ending),
            Stage::Withheld => self.give_up_answer(&ending),
            Stage::Responding => self.reset(&ending),
            Stage::Request | Stage::Done => panic!("no upstream is there to fail: {stage:?}"),
        }
    }

    /// The stream ends at once, without any response callback.
    pub(crate) fn reset(&mut self, ending: &Ending) {
        assert_ne!(self.stream().stage, Stage::Done, "the call is over already");
        self.note(ending);
        self.finish();
    }

    pub(super) fn reply_locally(&mut self, ending: &Ending) {
        self.note(ending);
        self.respond(ending.status, Pairs::new(), ending.body.clone().into_bytes());
    }

    /// A local reply re-enters the filter's response callbacks like an upstream's answer.
    pub(super) fn respond(&mut self, status: u16, headers: Pairs, body: Vec<u8>) {
        let end = body.is_empty() || self.stream().is_head_request();
        self.encode_headers(local_headers(status, headers, &body), end);
        if !end && matches!(self.stream().stage, Stage::Withheld | Stage::Responding) {
            self.response_data(body, true);
        }
    }

    /// A reply in place of an answer that the filter was just shown passes no filter again.
    pub(super) fn replace(&mut self, reply: LocalReply) {
        let head = local_headers(reply.status, reply.headers, &reply.body);
        {
            let mut stream = self.stream.borrow_mut();
            let mut answer = Answer::starting(&head);
            if !stream.is_head_request() {
                answer.body = reply.body;
            }
            stream.answer = Some(answer);
            stream.info.code_details = non_empty(reply.details);
            stream.maps.insert(Map::ResponseHeaders, head);
        }
        self.finish_whole();
    }

    fn encode_headers(&mut self, headers: Pairs, end: bool) {
        {
            let mut stream = self.stream.borrow_mut();
            (stream.in_response, stream.response_ended) = (true, end);
            stream.maps.insert(Map::ResponseHeaders, headers);
        }
        match self.headers_callback("proxy_on_response_headers", Map::ResponseHeaders, end) {
            Next::Continue => {
                self.start_answer();
                if end {
                    self.finish_whole();
                }
            }
            Next::Pause if self.headers_stop() == HeadersStop::All => {
                panic!("the host does not model an answer held at its headers for good")
            }
            Next::Pause => self.stream.borrow_mut().stage = Stage::Withheld,
            other => self.divert(other),
        }
    }

    fn finish_whole(&mut self) {
        if let Some(answer) = &mut self.stream.borrow_mut().answer {
            answer.complete = true;
        }
        self.finish();
    }

    pub(super) fn note(&self, ending: &Ending) {
        let info = &mut self.stream.borrow_mut().info;
        info.flags |= ending.flags;
        info.code_details = Some(ending.details.into());
        info.transport_failure = ending.transport_failure.map(Into::into);
    }
}
