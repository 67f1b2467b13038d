//! One HTTP stream as the host sees it: its maps and which of them can be reached now, its body,
//! its properties, and what its client got.

use std::collections::{BTreeMap, VecDeque};

use super::{
    answer::Answer,
    message::{ClusterState, Request, Route},
    pairs::Pairs,
    status::Status,
};

/// The header maps of the ABI that a stream has, numbered as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
}

impl Map {
    pub(crate) fn of(number: u32) -> Option<Self> {
        [Self::RequestHeaders, Self::RequestTrailers, Self::ResponseHeaders, Self::ResponseTrailers]
            .get(number as usize)
            .copied()
    }
}

/// How far the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request is in the filter, which may have paused it.
    Request,
    /// The request's headers went to the upstream; nothing came back yet.
    Forwarded,
    /// The filter holds the answer at its headers: the client has nothing of it.
    Withheld,
    /// The answer's headers were passed on.
    Responding,
    /// Logged and gone.
    Done,
}

/// What Envoy's stream info knows, and the filter can ask for as properties.
#[derive(Debug, Default)]
pub(crate) struct Info {
    pub(crate) cluster: Option<String>,
    pub(crate) flags: u64,
    pub(crate) code_details: Option<String>,
    pub(crate) upstream_address: Option<String>,
    pub(crate) transport_failure: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) started_ns: u64,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) sent_ns: Option<u64>,
    pub(crate) first_byte_ns: Option<u64>,
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) overrides: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// What of a request follows its headers.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some of the body, and whether the request ends with it.
    Data(Vec<u8>, End),
    /// The request's end.
    Trailers(Pairs),
}

/// Whether a piece of a body is its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    No,
    Yes,
}

pub(crate) struct Stream {
    pub(crate) request: Request,
    pub(crate) stage: Stage,
    pub(crate) info: Info,
    pub(crate) maps: BTreeMap<Map, Pairs>,
    /// Envoy's map pointers: set for a callback, and cleared when it returns Continue.
    pub(crate) reachable: BTreeMap<Map, bool>,
    pub(crate) logging: bool,
    /// What the client sent and the filter did not see yet.
    pub(crate) arriving: VecDeque<Piece>,
    /// What a callback is shown of the request's body, and what the filter held of it before.
    pub(crate) request_body: Option<Vec<u8>>,
    /// What the filter let go of the request's body.
    pub(crate) forwarded_body: Vec<u8>,
    /// The same of the answer's body.
    pub(crate) response_body: Option<Vec<u8>>,
    pub(crate) response_ended: bool,
    pub(crate) route_cleared: bool,
    /// The request waits at its headers for the filter.
    pub(crate) paused: bool,
    pub(crate) in_response: bool,
    pub(crate) upload_ended: bool,
    pub(crate) answer: Option<Answer>,
}

impl Stream {
    pub(crate) fn new(request: Request, now_ns: u64) -> Self {
        let mut info = Info { started_ns: now_ns, ..Info::default() };
        if let Route::Cluster { name, state } = &request.route {
            info.cluster = (*state != ClusterState::Unknown).then(|| name.clone());
        }
        info.overrides = request.properties.iter().cloned().collect();
        let maps = BTreeMap::from([(Map::RequestHeaders, request.headers.clone())]);
        Self {
            arriving: arriving(&request),
            upload_ended: !request.has_body(),
            request,
            stage: Stage::Request,
            info,
            maps,
            reachable: BTreeMap::new(),
            logging: false,
            request_body: None,
            forwarded_body: Vec::new(),
            response_body: None,
            response_ended: false,
            route_cleared: false,
            paused: false,
            in_response: false,
            answer: None,
        }
    }

    /// Envoy's `getConstMap`: what can be read now. While logging all that exist, else only those
    /// of the running phase.
    pub(crate) fn readable(&self, map: Map) -> Option<&Pairs> {
        let visible = if self.logging { map != Map::RequestTrailers } else { self.reaches(map) };
        visible.then(|| self.maps.get(&map)).flatten()
    }

    /// Envoy's `getMap`: what can be changed now, which nothing can while logging.
    pub(crate) fn writable(&mut self, map: Map) -> Result<&mut Pairs, Status> {
        if !self.reaches(map) {
            return Err(Status::BadArgument);
        }
        if map == Map::RequestHeaders {
            // With this ABI, Envoy chooses the route anew after any change of a request header.
            self.route_cleared = true;
        }
        self.maps.get_mut(&map).ok_or(Status::BadArgument)
    }

    /// The first value of a header, as `getHeaderMapValue` gives it.
    pub(crate) fn header(&self, map: Map, name: &[u8]) -> Result<&[u8], Status> {
        let absent = if self.logging { Status::NotFound } else { Status::BadArgument };
        let name = name.to_ascii_lowercase();
        self.readable(map)
            .ok_or(absent)?
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_slice())
            .ok_or(Status::NotFound)
    }

    pub(crate) fn is_head_request(&self) -> bool {
        self.maps[&Map::RequestHeaders].iter().any(|(n, v)| n == b":method" && v == b"HEAD")
    }

    fn reaches(&self, map: Map) -> bool {
        self.reachable.get(&map).copied().unwrap_or(false)
    }
}

/// What is there of a body. Its end is a piece of its own, as over HTTP/1.
fn arriving(request: &Request) -> VecDeque<Piece> {
    let chunks = request.chunks.iter().map(|chunk| Piece::Data(chunk.clone(), End::No));
    let end = match (request.has_body() && request.ended, request.trailers.is_empty()) {
        (false, _) => None,
        (true, true) => Some(Piece::Data(Vec::new(), End::Yes)),
        (true, false) => Some(Piece::Trailers(request.trailers.clone())),
    };
    chunks.chain(end).collect()
}
