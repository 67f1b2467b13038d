//! What one side of an exchange has received.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// Headers or trailers.
pub type Fields = Vec<(String, Vec<u8>)>;

/// Something that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Request line or status, and headers.
    Head(String, Fields),
    /// Bytes of the body; how the network cut them is not told.
    Body(Vec<u8>),
    /// Trailers.
    Trailers(Fields),
    /// The end, as the protocol wants it.
    End,
    /// Another end, or none at all.
    Broken,
}

/// All that arrived, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace(pub Vec<Event>);

/// Both sides of one exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What the upstream received.
    pub upstream: Trace,
    /// What the client received.
    pub client: Trace,
    /// Where the script says who waits for whom: what arrived in which order at either.
    pub order: Vec<(&'static str, &'static str)>,
}

impl Trace {
    pub(super) fn push(&mut self, event: Event) {
        match (self.0.last_mut(), event) {
            (Some(Event::Body(before)), Event::Body(more)) => before.extend(more),
            (_, event) => self.0.push(event),
        }
    }

    /// The same without the headers and trailers of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let keep = |fields: &Fields| {
            fields.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect()
        };
        let strip = |event: &Event| match event {
            Event::Head(line, fields) => Event::Head(line.clone(), keep(fields)),
            Event::Trailers(fields) => Event::Trailers(keep(fields)),
            other => other.clone(),
        };
        Self(self.0.iter().map(strip).collect())
    }

    /// How it ended.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.last() == Some(&Event::End)
    }
}

impl Record {
    /// The same without the headers and trailers of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        Self {
            upstream: self.upstream.without(names),
            client: self.client.without(names),
            order: self.order.clone(),
        }
    }
}

pub(super) fn fields(map: &HeaderMap) -> Fields {
    map.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

/// The map of these fields; what HTTP cannot say is left out.
pub(super) fn map(fields: &Fields) -> HeaderMap {
    let parse = |(name, value): &(String, Vec<u8>)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().filter_map(parse) {
        map.append(name, value);
    }
    map
}
