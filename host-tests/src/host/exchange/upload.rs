//! The request's body: what the filter is shown of it, holds and lets go.

use super::{
    super::{
        pairs::Pairs,
        process::HeadersStop,
        stream::{End, Map, Piece, Stage},
        upstream::request_too_large,
    },
    Exchange, Next, non_empty,
};

/// Whether Envoy can keep what it is to keep of a body.
#[derive(PartialEq, Eq)]
enum Room {
    Enough,
    Exceeded,
}

impl Exchange {
    /// More of an upload that was unfinished.
    pub(crate) fn upload_piece(&mut self, piece: Piece) {
        {
            let mut stream = self.stream.borrow_mut();
            assert!(!stream.request.ended, "the upload was whole already");
            stream.request.ended = !matches!(piece, Piece::Data(_, End::No));
            stream.arriving.push_back(piece);
        }
        self.receive_body();
    }

    /// What arrived of the body goes through the filter.
    pub(super) fn receive_body(&mut self) {
        while self.takes_body() {
            let piece = self.stream.borrow_mut().arriving.pop_front();
            match piece {
                Some(Piece::Data(chunk, end)) => self.request_data(chunk, end),
                Some(Piece::Trailers(trailers)) => self.request_trailers(trailers),
                None => return,
            }
        }
    }

    fn takes_body(&self) -> bool {
        let stream = self.stream();
        match stream.stage {
            Stage::Forwarded | Stage::Withheld | Stage::Responding => true,
            Stage::Request => stream.paused && self.headers_stop() == HeadersStop::Headers,
            Stage::Done => false,
        }
    }

    /// A piece of the request's body arrives, or its end. What the filter holds is shown again.
    fn request_data(&mut self, chunk: Vec<u8>, end: End) {
        let room = self.keep(chunk);
        let length = {
            let mut stream = self.stream.borrow_mut();
            stream.upload_ended = end == End::Yes;
            stream.request_body.as_ref().map_or(0, Vec::len) as u32
        };
        let arguments = (self.context, length, u32::from(end == End::Yes));
        let next = self.callback("proxy_on_request_body", arguments);
        if room == Room::Exceeded {
            return self.refuse_upload(next);
        }
        match next {
            Next::Continue => self.let_go(),
            Next::Pause => self.assert_room(length as usize),
            other => self.divert(other),
        }
    }

    /// The request ends with trailers, and without another callback for its body.
    fn request_trailers(&mut self, trailers: Pairs) {
        self.stream.borrow_mut().upload_ended = true;
        match self.trailers_callback("proxy_on_request_trailers", Map::RequestTrailers, trailers) {
            Next::Continue => self.let_go(),
            Next::Pause => panic!("the host does not model a request paused in its trailers"),
            other => self.divert(other),
        }
    }

    /// Envoy adds a piece to what it keeps of the body, and finds out at once whether it can.
    fn keep(&mut self, chunk: Vec<u8>) -> Room {
        let limit = self.buffer_limit_bytes();
        let mut stream = self.stream.borrow_mut();
        let Some(held) = &mut stream.request_body else {
            stream.request_body = Some(chunk);
            return Room::Enough;
        };
        held.extend(chunk);
        if held.len() <= limit {
            return Room::Enough;
        }
        // The filter sees it while it is shown the piece that was too much.
        stream.info.code_details = Some(request_too_large().details.into());
        Room::Exceeded
    }

    /// The client is told that its upload is too large, whatever the filter says. A reply of its
    /// own only takes the code details away.
    fn refuse_upload(&mut self, next: Next) {
        let details = match next {
            Next::Continue | Next::Pause => Some(request_too_large().details.into()),
            Next::Reply(reply) => non_empty(reply.details),
            other => return self.divert(other),
        };
        let ending = request_too_large();
        self.stream.borrow_mut().info.code_details = details;
        self.respond(ending.status, Pairs::new(), ending.body.into_bytes());
    }

    /// What the filter held goes on, the headers first.
    pub(super) fn let_go(&mut self) {
        let was_paused = {
            let mut stream = self.stream.borrow_mut();
            let body = stream.request_body.take().unwrap_or_default();
            stream.forwarded_body.extend(body);
            std::mem::take(&mut stream.paused)
        };
        if was_paused {
            self.route();
        }
    }
}
