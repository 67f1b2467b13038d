//! Was a request like this one seen lately? Applications ask for the same few things over and over,
//! and to find out what costs more than to remember it.

use super::{Detected, Dialect, Request};

/// So many are remembered.
const HEADS: usize = 8;

/// A longer head is not, in bytes: a client may send what it likes.
const MAX_BYTES: usize = 512;

/// What was found of the latest requests.
#[derive(Debug, Default)]
pub struct Lately {
    heads: Vec<Head>,
    /// The one that is forgotten next.
    oldest: usize,
}

/// All that tells what a request is, and what it is.
#[derive(Debug)]
struct Head {
    method: String,
    path: String,
    content_type: Option<String>,
    accept: Option<String>,
    anthropic_version: bool,
    goog: bool,
    configured: Option<Dialect>,
    detected: Detected,
}

impl Lately {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { heads: Vec::new(), oldest: 0 }
    }

    /// What [`Dialect::detect`] finds.
    pub fn detect(&mut self, request: &Request<'_>, configured: Option<Dialect>) -> Detected {
        let known = self.heads.iter().find(|head| head.is(request, configured));
        if let Some(head) = known {
            return head.detected.clone();
        }
        let detected = Dialect::detect(request, configured);
        if size_bytes(request) <= MAX_BYTES {
            self.remember(Head::of(request, configured, detected.clone()));
        }
        detected
    }

    fn remember(&mut self, head: Head) {
        if self.heads.len() < HEADS {
            self.heads.push(head);
        } else if let Some(oldest) = self.heads.get_mut(self.oldest) {
            *oldest = head;
            self.oldest = (self.oldest + 1) % HEADS;
        }
    }
}

impl Head {
    fn of(request: &Request<'_>, configured: Option<Dialect>, detected: Detected) -> Self {
        Self {
            method: request.method.to_owned(),
            path: request.path.to_owned(),
            content_type: request.content_type.map(str::to_owned),
            accept: request.accept.map(str::to_owned),
            anthropic_version: request.anthropic_version,
            goog: request.goog,
            configured,
            detected,
        }
    }

    fn is(&self, request: &Request<'_>, configured: Option<Dialect>) -> bool {
        self.path == request.path
            && self.method == request.method
            && self.content_type.as_deref() == request.content_type
            && self.accept.as_deref() == request.accept
            && self.anthropic_version == request.anthropic_version
            && self.goog == request.goog
            && self.configured == configured
    }
}

fn size_bytes(request: &Request<'_>) -> usize {
    let texts = [Some(request.method), Some(request.path), request.content_type, request.accept];
    texts.into_iter().flatten().map(str::len).fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests that differ in one thing, each from all others.
    fn requests() -> Vec<(Request<'static>, Option<Dialect>)> {
        let chat = Request {
            method: "POST",
            path: "/v1/chat/completions",
            content_type: Some("application/json"),
            accept: Some("application/json"),
            ..Request::default()
        };
        let unknown = Request { path: "/x", ..chat };
        vec![
            (chat, None),
            (chat, Some(Dialect::Generic)),
            (Request { method: "GET", ..chat }, None),
            (Request { path: "/v1/messages", ..chat }, None),
            (Request { path: "/model/a/converse", ..chat }, None),
            (Request { content_type: None, ..chat }, None),
            (Request { content_type: Some("text/plain"), ..chat }, None),
            (Request { accept: Some("text/event-stream"), ..chat }, None),
            (unknown, None),
            (Request { anthropic_version: true, ..unknown }, None),
            (Request { goog: true, ..unknown }, None),
        ]
    }

    #[test]
    fn what_is_remembered_is_what_would_be_found() {
        let mut lately = Lately::new();
        for _ in 0..3 {
            for (request, configured) in requests() {
                let expected = Dialect::detect(&request, configured);
                // Also when it was found a moment ago.
                for _ in 0..2 {
                    assert_eq!(lately.detect(&request, configured), expected, "{request:?}");
                }
            }
        }
    }

    #[test]
    fn little_is_remembered() {
        let mut lately = Lately::new();
        for number in 0..100 {
            let path = format!("/v1/models/{number}");
            let _ = lately.detect(&Request { path: &path, ..Request::default() }, None);
        }
        assert_eq!(lately.heads.len(), HEADS);
        let mut lately = Lately::new();
        let path = "/x".repeat(MAX_BYTES);
        let _ = lately.detect(&Request { path: &path, ..Request::default() }, None);
        assert!(lately.heads.is_empty());
    }
}
