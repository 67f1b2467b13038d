//! Scenarios: what a filter does to a request or an answer that it holds to read its body, and at a
//! tick.

use super::{
    scenario::{
        Client::{Leaves, ReadsWithTick},
        Moment::{Held, MidStream, Over, Unanswered, Withheld},
        Plugin,
        Request::{Get, HalfPost, LargePieces, Pieces, Post, PostWithTrailer},
        Route, Scenario,
        Step::{Chunk, Chunked, Close, Echo, Hang, LastChunk, Trailer},
    },
    scenarios::{ERROR, OK, PLAIN},
};

/// What all others are changes of: a POST that the filter holds until its body is whole.
const HELD: Scenario = Scenario {
    request: Post,
    plugin: Plugin::Holding,
    recorder: "hold",
    upstream: &[Echo],
    ..PLAIN
};

/// A POST that wishes something for a tick while the upstream says nothing.
const TICKED: Scenario =
    Scenario { recorder: "", upstream: &[Hang], client: ReadsWithTick(Unanswered), ..HELD };

/// The same, while the answer is running.
const TICKED_MID_STREAM: Scenario = Scenario {
    upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
    client: ReadsWithTick(MidStream),
    ..TICKED
};

/// The same, while the filter holds the request.
const TICKED_HELD: Scenario = Scenario { recorder: "keep", client: ReadsWithTick(Held), ..TICKED };

/// An answer that the filter holds until it is whole.
const DELAYED: Scenario = Scenario {
    request: Get,
    recorder: "delay",
    upstream: &[Chunked(200), Chunk("data: 1\n\n"), LastChunk],
    ..HELD
};

/// One that never ends.
const LINGERING: Scenario = Scenario {
    recorder: "linger",
    upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
    ..DELAYED
};

/// All of them, in the order in which they are run.
pub(super) const ALL: &[Scenario] = &[
    Scenario { name: "held until its body is whole", ..HELD },
    Scenario { name: "held until its body is whole, in pieces", request: Pieces, ..HELD },
    Scenario { name: "held for its first piece", request: Pieces, recorder: "hold 1", ..HELD },
    Scenario { name: "held for two of three", request: Pieces, recorder: "hold 6", ..HELD },
    Scenario { name: "held until its trailers", request: PostWithTrailer, upstream: OK, ..HELD },
    Scenario { name: "held, then a 500", upstream: ERROR, ..HELD },
    Scenario { name: "held, then refused", route: Route::Refused, ..HELD },
    Scenario {
        name: "held for its first piece, then refused",
        recorder: "hold 1",
        route: Route::Refused,
        ..HELD
    },
    Scenario { name: "held, then no route", route: Route::None, ..HELD },
    Scenario { name: "held, then an unknown cluster", route: Route::UnknownCluster, ..HELD },
    Scenario { name: "held, then no healthy host", route: Route::Empty, ..HELD },
    Scenario { name: "held, then an overflow", route: Route::Overflowing, ..HELD },
    Scenario { name: "held, then a direct response", route: Route::Direct, ..HELD },
    Scenario { name: "held, then another filter's reply", route: Route::FaultBehind, ..HELD },
    Scenario { name: "denied at its first piece", request: Pieces, recorder: "deny", ..HELD },
    Scenario { name: "denied at its second piece", request: Pieces, recorder: "deny 6", ..HELD },
    Scenario { name: "denied at its end", request: Pieces, recorder: "deny 9", ..HELD },
    Scenario { name: "too large to be held", request: LargePieces, ..HELD },
    Scenario {
        name: "too large to be held, and let go too late",
        request: LargePieces,
        recorder: "hold 18000",
        ..HELD
    },
    Scenario {
        name: "too large to be held, and denied too late",
        request: LargePieces,
        recorder: "deny 18000",
        ..HELD
    },
    Scenario {
        name: "let go before it was too large",
        request: LargePieces,
        recorder: "hold 9000",
        ..HELD
    },
    Scenario {
        name: "the client leaves while it is held",
        request: HalfPost,
        client: Leaves(Held),
        ..HELD
    },
    Scenario {
        name: "held until the stream idle time-out",
        route: Route::ShortIdle,
        recorder: "keep",
        upstream: &[Hang],
        ..HELD
    },
    Scenario {
        name: "an upload that stops until the stream idle time-out, held",
        route: Route::ShortIdle,
        request: HalfPost,
        upstream: &[Hang],
        ..HELD
    },
    Scenario { name: "a tick answers", at_tick: "reply", ..TICKED },
    Scenario { name: "a tick answers a GET", request: Get, at_tick: "reply", ..TICKED },
    Scenario { name: "a tick closes the request", at_tick: "close_request", ..TICKED },
    Scenario { name: "a tick closes the response", at_tick: "close_response", ..TICKED },
    Scenario { name: "a tick answers too late", at_tick: "reply", ..TICKED_MID_STREAM },
    Scenario {
        name: "a tick closes the request of a stream",
        at_tick: "close_request",
        ..TICKED_MID_STREAM
    },
    Scenario {
        name: "a tick closes the response of a stream",
        at_tick: "close_response",
        ..TICKED_MID_STREAM
    },
    Scenario { name: "a tick answers a held request", at_tick: "reply", ..TICKED_HELD },
    Scenario {
        name: "a tick answers a held upload",
        request: HalfPost,
        at_tick: "reply",
        ..TICKED_HELD
    },
    Scenario { name: "a tick closes a held request", at_tick: "close_request", ..TICKED_HELD },
    Scenario {
        name: "a tick lets a held request go",
        at_tick: "resume",
        upstream: &[Echo],
        ..TICKED_HELD
    },
    Scenario {
        name: "a tick finds nobody",
        at_tick: "reply",
        upstream: OK,
        client: ReadsWithTick(Over),
        ..TICKED
    },
    Scenario { name: "an answer held until its end", ..DELAYED },
    Scenario { name: "an answer held for its first piece", recorder: "delay 1", ..DELAYED },
    Scenario { name: "a 500, held until its end", upstream: ERROR, ..DELAYED },
    Scenario {
        name: "an answer held until its trailers",
        upstream: &[Chunked(200), Chunk("ok"), Trailer],
        ..DELAYED
    },
    Scenario { name: "a refused connection's answer, held", route: Route::Refused, ..DELAYED },
    Scenario { name: "an answer replaced at its first piece", recorder: "swap", ..DELAYED },
    Scenario { name: "an answer replaced at its end", recorder: "swap 9", ..DELAYED },
    Scenario {
        name: "an answer cut while it is held",
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Close],
        ..LINGERING
    },
    Scenario {
        name: "an answer held until the route's time-out",
        route: Route::ShortTimeout,
        ..LINGERING
    },
    Scenario {
        name: "an answer held until the stream idle time-out",
        route: Route::ShortIdle,
        ..LINGERING
    },
    Scenario {
        name: "the client leaves while the answer is held",
        client: Leaves(Withheld),
        ..LINGERING
    },
    Scenario {
        name: "a tick replaces a held answer",
        at_tick: "reply",
        client: ReadsWithTick(Withheld),
        ..LINGERING
    },
    Scenario {
        name: "a tick closes a held answer",
        at_tick: "close_response",
        client: ReadsWithTick(Withheld),
        ..LINGERING
    },
    Scenario {
        name: "a tick lets a held answer go",
        at_tick: "resume_response",
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), LastChunk, Hang],
        client: ReadsWithTick(Withheld),
        ..LINGERING
    },
    Scenario {
        name: "trailers and no body",
        recorder: "",
        upstream: &[Chunked(200), Trailer],
        ..DELAYED
    },
];
