//! Scenarios: what upstreams, clients, routes and the filter itself can do to a stream.

use super::scenario::{
    Client::{Leaves, Reads},
    Moment::{MidStream, Unanswered},
    Plugin,
    Request::{Garbage, Get, HalfPost, Head, HurriedPost, Post, PostWithTrailer, Upgrade},
    Route, Scenario,
    Step::{self, Bodiless, Bytes, Chunk, Chunked, Close, Hang, LastChunk, Sized, Trailer},
};

/// What all others are changes of: a GET to an upstream that does nothing.
pub(super) const PLAIN: Scenario = Scenario {
    name: "",
    route: Route::Plain,
    request: Get,
    plugin: Plugin::Plain,
    recorder: "",
    at_tick: "",
    upstream: &[],
    client: Reads,
};

pub(super) const OK: &[Step] = &[Sized(200, 2), Bytes("ok")];
pub(super) const ERROR: &[Step] = &[Sized(500, 5), Bytes("error")];

/// Scenarios of what comes and goes by itself.
pub(super) const ALL: &[Scenario] = &[
    Scenario { name: "a plain 200", upstream: OK, ..PLAIN },
    Scenario { name: "a POST answered 200", request: Post, upstream: OK, ..PLAIN },
    Scenario {
        name: "a chunked stream to its end",
        request: Post,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Chunk("data: [DONE]\n\n"), LastChunk],
        ..PLAIN
    },
    Scenario { name: "a 500", request: Post, upstream: ERROR, ..PLAIN },
    Scenario { name: "a 204", upstream: &[Bodiless(204)], ..PLAIN },
    Scenario { name: "a 304", upstream: &[Bodiless(304)], ..PLAIN },
    Scenario { name: "a HEAD", request: Head, upstream: &[Sized(200, 2)], ..PLAIN },
    Scenario {
        name: "an answer with trailers",
        upstream: &[Chunked(200), Chunk("ok"), Trailer],
        ..PLAIN
    },
    Scenario { name: "a request with trailers", request: PostWithTrailer, upstream: OK, ..PLAIN },
    Scenario {
        name: "a web socket, closed by the upstream",
        route: Route::Upgradable,
        request: Upgrade,
        upstream: &[Bodiless(101), Bytes("hello"), Close],
        ..PLAIN
    },
    Scenario { name: "a refused connection", route: Route::Refused, request: Post, ..PLAIN },
    Scenario { name: "a refused connection, retried", route: Route::RefusedRetried, ..PLAIN },
    Scenario { name: "no healthy host", route: Route::Empty, request: Post, ..PLAIN },
    Scenario { name: "an overflow", route: Route::Overflowing, request: Post, ..PLAIN },
    Scenario { name: "an unknown cluster", route: Route::UnknownCluster, ..PLAIN },
    Scenario { name: "no route", route: Route::None, request: Post, ..PLAIN },
    Scenario { name: "a direct response", route: Route::Direct, ..PLAIN },
    Scenario { name: "the upstream closes unanswered", request: Post, upstream: &[Close], ..PLAIN },
    Scenario {
        name: "the upstream closes unanswered, twice",
        route: Route::Retried,
        upstream: &[Close],
        ..PLAIN
    },
    Scenario { name: "a 500, twice", route: Route::Retried, upstream: ERROR, ..PLAIN },
    Scenario {
        name: "no answer within the route's time-out",
        route: Route::ShortTimeout,
        request: Post,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "no answer within the client's own time-out",
        request: HurriedPost,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "a stream that the route's time-out cuts",
        route: Route::ShortTimeout,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
        ..PLAIN
    },
    Scenario {
        name: "no answer within the stream idle time-out",
        route: Route::ShortIdle,
        request: Post,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "a stream that falls silent",
        route: Route::ShortIdle,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
        ..PLAIN
    },
    Scenario {
        name: "no answer within the time-out of one attempt",
        route: Route::ShortAttempts,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "no answer within the longest that the route lets a stream last",
        route: Route::ShortStreams,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "no answer within the longest that the cluster lets a stream last",
        route: Route::ShortLived,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "a stream that lasts too long for the cluster",
        route: Route::ShortLived,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
        ..PLAIN
    },
    Scenario {
        name: "a stream that lasts too long for the route",
        route: Route::ShortStreams,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
        ..PLAIN
    },
    Scenario {
        name: "an upload that stops until the request time-out",
        route: Route::ShortUploads,
        request: HalfPost,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario { name: "a filter in front replies", route: Route::FaultInFront, ..PLAIN },
    Scenario { name: "a filter behind replies", route: Route::FaultBehind, request: Post, ..PLAIN },
    Scenario {
        name: "an upload that stops until the stream idle time-out",
        route: Route::ShortIdle,
        request: HalfPost,
        upstream: &[Hang],
        ..PLAIN
    },
    Scenario {
        name: "a chunked stream, cut",
        request: Post,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Close],
        ..PLAIN
    },
    Scenario {
        name: "a body shorter than its content-length",
        upstream: &[Sized(200, 9), Bytes("short"), Close],
        ..PLAIN
    },
    Scenario {
        name: "the client leaves before the answer",
        request: Post,
        upstream: &[Hang],
        client: Leaves(Unanswered),
        ..PLAIN
    },
    Scenario {
        name: "the client leaves in the middle of the stream",
        request: Post,
        upstream: &[Chunked(200), Chunk("data: 1\n\n"), Hang],
        client: Leaves(MidStream),
        ..PLAIN
    },
    Scenario {
        name: "the client leaves in the middle of its upload",
        request: HalfPost,
        upstream: &[Hang],
        client: Leaves(Unanswered),
        ..PLAIN
    },
    Scenario {
        name: "an answer before the upload's end",
        request: HalfPost,
        upstream: ERROR,
        ..PLAIN
    },
    Scenario { name: "a request that is no HTTP", request: Garbage, ..PLAIN },
    Scenario { name: "the filter replies to a GET", recorder: "reply", ..PLAIN },
    Scenario { name: "the filter replies to a POST", request: Post, recorder: "reply", ..PLAIN },
    Scenario { name: "the filter replies to a HEAD", request: Head, recorder: "reply", ..PLAIN },
    Scenario {
        name: "the filter replaces a 500",
        request: Post,
        recorder: "replace",
        upstream: ERROR,
        ..PLAIN
    },
    Scenario {
        name: "the filter replaces a 500 without a body",
        recorder: "replace",
        upstream: &[Sized(500, 0)],
        ..PLAIN
    },
    Scenario {
        name: "the filter replaces what a refused connection came to",
        route: Route::Refused,
        request: Post,
        recorder: "replace",
        ..PLAIN
    },
    Scenario { name: "the filter crashes", request: Post, recorder: "crash", ..PLAIN },
    Scenario { name: "the filter is back after a crash", upstream: OK, ..PLAIN },
];
