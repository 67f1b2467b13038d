//! What a client gets of an answer.

use std::fmt;

use super::pairs::Pairs;

/// What the client got so far.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers but the pseudo ones, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body so far.
    pub body: Vec<u8>,
    /// Whether it came to its proper end: false while it runs, and for ever if it was cut.
    pub complete: bool,
}

impl Answer {
    pub(crate) fn starting(head: &Pairs) -> Self {
        let mut answer = Self { status: 0, headers: Vec::new(), body: Vec::new(), complete: false };
        for (name, value) in head {
            if name == b":status" {
                answer.status = parse_status(value);
            } else {
                answer.headers.push((String::from_utf8_lossy(name).into_owned(), value.clone()));
            }
        }
        answer
    }

    /// The first header of this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text, with replacement characters where it is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.complete { "" } else { " (incomplete)" };
        write!(f, "{}{end}", self.status)?;
        for (name, value) in &self.headers {
            write!(f, ", {name}: {}", String::from_utf8_lossy(value))?;
        }
        write!(f, ", {:?}", self.text())
    }
}

pub(crate) fn parse_status(value: &[u8]) -> u16 {
    std::str::from_utf8(value)
        .ok()
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("not a status: {:?}", String::from_utf8_lossy(value)))
}
