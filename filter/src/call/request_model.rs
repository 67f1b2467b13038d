//! Which model does a request's body ask for?

use crate::stream::Completeness;
use crate::stream::json::{Found, Scanner};

/// Where all dialects that do not name the model in the path have it. Python's SDKs of OpenAI and
/// Anthropic write it after the messages (openai 3.54.0, anthropic 2.12.0).
const PATHS: &[&[&str]] = &[&["model"]];

/// Reads a body as it arrives until it has named its model, or cannot any more.
#[derive(Debug)]
pub struct RequestModel {
    scanner: Scanner<'static>,
    read_bytes: usize,
    limit_bytes: usize,
    model: Option<String>,
}

impl RequestModel {
    /// A body of which at most so many bytes are read.
    #[must_use]
    pub fn within(limit_bytes: usize) -> Self {
        Self { scanner: Scanner::new(PATHS), read_bytes: 0, limit_bytes, model: None }
    }

    /// How many bytes were read, so that the next are told from those already seen.
    #[must_use]
    pub const fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// Reads the next bytes; whether more could tell more.
    pub fn read(&mut self, bytes: &[u8]) -> bool {
        let left = self.limit_bytes.saturating_sub(self.read_bytes);
        let readable = bytes.get(..left).unwrap_or(bytes);
        self.read_bytes = self.read_bytes.saturating_add(readable.len());
        let model = &mut self.model;
        self.scanner.feed(readable, &mut |_, found| {
            // The first of several counts, and one that is too long to be a model's is none.
            if let (None, Found::Text { prefix, cut: false }) = (&model, found) {
                *model = core::str::from_utf8(prefix).ok().map(str::to_owned);
            }
        });
        let goes_on = matches!(self.scanner.end(), Completeness::Empty | Completeness::Truncated);
        self.model.is_none() && goes_on && self.read_bytes < self.limit_bytes
    }

    /// The model, if it was named.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &[u8] = br#"{"messages":[{"role":"user","model":"no"}],"model":"o3","n":1}"#;

    #[test]
    fn the_model_is_known_as_soon_as_it_is_read() {
        let named_at = CHAT.windows(4).position(|it| it == br#""o3""#).expect("a model") + 4;
        for split in 0..CHAT.len() {
            let mut body = RequestModel::within(1024);
            let (before, after) = CHAT.split_at(split);
            assert_eq!(body.read(before), split < named_at, "{split}");
            assert_eq!(body.model().is_some(), split >= named_at, "{split}");
            body.read(after);
            assert_eq!(body.model(), Some("o3"), "{split}");
        }
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let mut body = RequestModel::within(20);
        assert!(!body.read(CHAT));
        assert_eq!((body.model(), body.read_bytes()), (None, 20));
    }

    #[test]
    fn what_names_no_model_is_not_waited_for() {
        let long = format!(r#"{{"model":"{}","n":1}}"#, "x".repeat(129));
        for (bytes, goes_on) in [
            (&b"{\"n\":1}"[..], false),
            (b"<html>", false),
            (b"", true),
            (b"{\"model\":7}", false),
            (b"{\"model\":\"\xff\"}", false),
            (long.as_bytes(), false),
        ] {
            let mut body = RequestModel::within(1024);
            assert_eq!(body.read(bytes), goes_on, "{bytes:?}");
            assert_eq!(body.model(), None, "{bytes:?}");
        }
    }
}
