//! Which dialect is this request in, what does it ask for, does it stream, and which model does
//! its path name?

use super::{Api, Dialect};

/// No model or deployment has a longer name, decoded, in bytes; Bedrock's ARNs come closest.
pub const MODEL_LIMIT: usize = 256;

/// What of a request tells its dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// `:method`
    pub method: &'a str,
    /// `:path`, with its query.
    pub path: &'a str,
    /// `content-type`
    pub content_type: Option<&'a str>,
    /// `accept`
    pub accept: Option<&'a str>,
    /// Whether `anthropic-version` is there: Anthropic's SDKs always send it.
    pub anthropic_version: bool,
    /// Whether `x-goog-api-key` or `x-goog-api-client` is there.
    pub goog: bool,
}

/// What a request was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// Its dialect; `Generic` if nothing told.
    pub dialect: Dialect,
    /// What it asks for; `Other` if it would generate but is no POST of JSON.
    pub api: Api,
    /// Whether it asks for a stream; `None` if only its body tells.
    pub streams: Option<bool>,
    /// The model (with Azure, the deployment) that the path names.
    pub model: Option<String>,
}

/// What a dialect says about a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) api: Api,
    pub(super) streams: Option<bool>,
    /// Where in the path the model is named, still percent-encoded.
    pub(super) model: Option<usize>,
}

impl Route {
    /// A path of the dialect that does not generate.
    pub(super) const OTHER: Self = Self::to(Api::Other, None);

    pub(super) const fn to(api: Api, streams: Option<bool>) -> Self {
        Self { api, streams, model: None }
    }
}

/// A path's non-empty segments; a `:method` after the last one is apart, and so is the query.
pub(super) struct Path<'a> {
    pub(super) segments: Vec<&'a str>,
    pub(super) method: Option<&'a str>,
    query: &'a str,
}

/// Deeper paths are nobody's; the bound keeps a hostile one cheap.
const MAX_SEGMENTS: usize = 32;

impl<'a> Path<'a> {
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let path = path.split('#').next()?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut segments: Vec<&str> =
            path.split('/').filter(|it| !it.is_empty()).take(MAX_SEGMENTS + 1).collect();
        if segments.len() > MAX_SEGMENTS {
            return None;
        }
        let last = segments.last_mut()?;
        // Google's custom methods; some clients encode the colon. Bedrock's model ids have colons
        // too, but are never last.
        let encoded = || last.rsplit_once("%3A").or_else(|| last.rsplit_once("%3a"));
        // Most have neither, and a search for more than a character is dear.
        let is_encoded = last.as_bytes().contains(&b'%');
        let split = last.rsplit_once(':').or_else(|| if is_encoded { encoded() } else { None });
        let method = split.map(|(name, method)| {
            *last = name;
            method
        });
        Some(Self { segments, method, query })
    }

    /// Whether the path ends in these segments (and no `:method`).
    pub(super) fn ends(&self, tail: &[&str]) -> bool {
        self.method.is_none() && self.segments.ends_with(tail)
    }

    /// Whether the last segment is this one, before any `:method`.
    pub(super) fn ends_in(&self, segment: &str) -> bool {
        self.segments.last() == Some(&segment)
    }

    /// Whether this segment is anywhere in the path.
    pub(super) fn has(&self, segment: &str) -> bool {
        self.segments.contains(&segment)
    }

    /// Whether the query has this parameter, `name=value`, neither of which needs encoding.
    pub(super) fn asks(&self, parameter: &str) -> bool {
        self.query.split('&').any(|it| it == parameter)
    }

    /// The index of the segment after the last one of this name.
    pub(super) fn after(&self, segment: &str) -> Option<usize> {
        let at = self.segments.iter().rposition(|it| *it == segment)? + 1;
        (at < self.segments.len()).then_some(at)
    }
}

pub(super) fn detect(request: &Request<'_>, configured: Option<Dialect>) -> Detected {
    let path = Path::parse(request.path);
    let routed = |dialect: Dialect| Some((dialect, (dialect.tables().route)(path.as_ref()?)?));
    let found = match configured {
        Some(dialect) => routed(dialect),
        None => Dialect::ALL.into_iter().find_map(routed),
    };
    let Some((dialect, route)) = found else {
        let dialect = configured.unwrap_or_else(|| by_headers(request));
        let api = if is_grpc(request.content_type) { Api::Grpc } else { Api::Other };
        return Detected { dialect, api, streams: None, model: None };
    };
    let api = match route.api {
        _ if is_grpc(request.content_type) => Api::Grpc,
        _ if request.method != "POST" || !is_json(request.content_type) => Api::Other,
        api => api,
    };
    let model = route.model.and_then(|at| decoded(path?.segments.get(at)?));
    Detected {
        dialect,
        api,
        streams: route.streams.or_else(|| accepts_stream(request.accept).then_some(true)),
        model,
    }
}

const fn by_headers(request: &Request<'_>) -> Dialect {
    if request.anthropic_version {
        Dialect::Anthropic
    } else if request.goog {
        Dialect::Gemini
    } else {
        Dialect::Generic
    }
}

/// As Envoy tells it: `Grpc::Common::hasGrpcContentType`.
fn is_grpc(content_type: Option<&str>) -> bool {
    let rest = content_type.and_then(|it| it.strip_prefix("application/grpc"));
    // Not gRPC-Web, whose answers Envoy does not turn into trailers.
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}

/// Generation is asked for in JSON; a multipart upload to such a path is something else.
fn is_json(content_type: Option<&str>) -> bool {
    let media_type = content_type.and_then(|it| it.split(';').next()).map(str::trim);
    media_type.is_none_or(|it| {
        let suffix = it.len().checked_sub(5).and_then(|at| it.get(at..));
        it.eq_ignore_ascii_case("application/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    })
}

fn accepts_stream(accept: Option<&str>) -> bool {
    // OpenAI's Python SDK accepts application/json even for a stream: absence says nothing. Whoever
    // accepts both (MCP's clients must) may get either.
    let has = |media_type: &str| accept.is_some_and(|it| it.contains(media_type));
    (has("text/event-stream") || has("application/vnd.amazon.eventstream"))
        && !has("application/json")
        && !has("*/*")
}

/// Percent-decoded, if that is UTF-8 of a sane length.
pub(super) fn decoded(segment: &str) -> Option<String> {
    if segment.len() > 3 * MODEL_LIMIT {
        return None;
    }
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => 16 * hex(bytes.next()?)? + hex(bytes.next()?)?,
            _ => byte,
        });
    }
    let sane = (1..=MODEL_LIMIT).contains(&decoded.len());
    String::from_utf8(decoded).ok().filter(|it| sane && !it.chars().any(char::is_control))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok())
}
