//! What a scenario says.

/// One request, what becomes of it on both sides, and what the recorder does about it.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it shows.
    pub name: &'static str,
    /// Which route it takes.
    pub route: Route,
    /// What the client sends.
    pub request: Request,
    /// What the recorder's plugin configuration lets it do.
    pub plugin: Plugin,
    /// The recorder's `x-recorder` header, or an empty text.
    pub recorder: &'static str,
    /// The recorder's `x-at-tick` header, or an empty text.
    pub at_tick: &'static str,
    /// What the upstream does once it has the request's headers.
    pub upstream: &'static [Step],
    /// What the client does then.
    pub client: Client,
}

/// The recorder's plugin configuration, and its listener's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// As is.
    Plain,
    /// With `allow_on_headers_stop_iteration`, ticks, and a buffer limit of [`BUFFER_LIMIT_BYTES`].
    Holding,
}

/// The most that Envoy keeps of a body for a recorder that holds it.
pub const BUFFER_LIMIT_BYTES: usize = 16_384;

/// A route of the tests' route table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To an upstream that accepts.
    Plain,
    /// The same, with a time-out of the whole answer that strikes soon.
    ShortTimeout,
    /// The same, with a time-out of each attempt that strikes soon.
    ShortAttempts,
    /// The same, with a stream idle time-out that strikes soon.
    ShortIdle,
    /// The same, with a limit of a stream's duration that strikes soon.
    ShortStreams,
    /// To a cluster whose limit of a stream's duration strikes soon.
    ShortLived,
    /// To an upstream that accepts, at a listener whose limit of an upload's duration strikes soon.
    ShortUploads,
    /// To an upstream that accepts, but a filter in front of the recorder replies.
    FaultInFront,
    /// The same, but a filter behind the recorder replies.
    FaultBehind,
    /// The same, with one retry for any 5xx.
    Retried,
    /// The same, and web sockets may be opened.
    Upgradable,
    /// To a port where nobody listens.
    Refused,
    /// To a port where nobody listens, with one retry.
    RefusedRetried,
    /// To a cluster without a host.
    Empty,
    /// To a cluster that takes no request at a time.
    Overflowing,
    /// To a cluster that does not exist.
    UnknownCluster,
    /// Answered by Envoy itself.
    Direct,
    /// None matches.
    None,
}

/// What the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A GET without a body.
    Get,
    /// A HEAD.
    Head,
    /// A POST with a whole body.
    Post,
    /// The headers of a POST and half its body.
    HalfPost,
    /// A POST whose body comes in three pieces, each when the filter has seen the one before.
    Pieces,
    /// The same, with a body whose second piece is too much for the buffer.
    LargePieces,
    /// A POST with a whole chunked body and a trailer.
    PostWithTrailer,
    /// A POST that sets itself a time-out which strikes soon.
    HurriedPost,
    /// A GET that wants a web socket.
    Upgrade,
    /// Something that is no HTTP.
    Garbage,
}

/// What the upstream does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Headers that promise so many bytes.
    Sized(u16, usize),
    /// Headers of a chunked body.
    Chunked(u16),
    /// Headers of an answer that has no body.
    Bodiless(u16),
    /// The whole answer, with the request's body as its own, as soon as that is there.
    Echo,
    /// Bytes of a sized body.
    Bytes(&'static str),
    /// A chunk of a chunked body.
    Chunk(&'static str),
    /// The clean end of a chunked body.
    LastChunk,
    /// The clean end of a chunked body, with a trailer.
    Trailer,
    /// Closes the connection.
    Close,
    /// Says nothing more.
    Hang,
}

/// What the client does after it sent its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Reads to the end.
    Reads,
    /// Leaves at that moment.
    Leaves(Moment),
    /// Reads to the end, with a tick at that moment for which the request had a wish.
    ReadsWithTick(Moment),
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The filter has seen what there is of its body.
    Held,
    /// The upstream has it.
    Unanswered,
    /// The filter has seen what there is of the answer's body and holds it.
    Withheld,
    /// The client has the first bytes of the answer's body.
    MidStream,
    /// It is over.
    Over,
}

impl Client {
    /// When it leaves, when the tick comes, or when it has read all.
    #[must_use]
    pub const fn moment(self) -> Moment {
        match self {
            Self::Reads => Moment::Over,
            Self::Leaves(moment) | Self::ReadsWithTick(moment) => moment,
        }
    }
}

impl Request {
    /// The pieces of a body that comes in such, else none.
    #[must_use]
    pub fn pieces(self) -> Vec<String> {
        match self {
            Self::Pieces => vec!["abc".into(), "def".into(), "ghi".into()],
            Self::LargePieces => vec!["x".repeat(9_000), "x".repeat(9_000), "x".repeat(10)],
            _ => Vec::new(),
        }
    }
}
