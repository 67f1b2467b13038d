//! What a value that a rule takes looks like: as data, for who describes the document.

use core::time::Duration;

/// The form of a value; every number may also stand in quotes.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A whole number within bounds.
    Whole {
        /// The smallest.
        min: u64,
        /// The largest, which JSON's numbers hold exactly.
        max: u64,
    },
    /// A number within bounds.
    Number {
        /// The smallest, a whole number.
        min: u32,
        /// The largest, a whole number.
        max: u32,
        /// Whether the smallest itself is too small.
        above: bool,
    },
    /// Decimal seconds with a trailing `s`, within bounds.
    Span {
        /// The shortest: 1 ms, 0.1 s, or whole seconds.
        min: Duration,
        /// The longest, whole seconds.
        max: Duration,
    },
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Words(Vec<&'static str>),
    /// A text.
    Text {
        /// Its longest, in bytes.
        max_bytes: usize,
        /// What it is made of.
        of: Characters,
        /// What it may not be.
        but: &'static [&'static str],
    },
    /// The name of an HTTP header in whatever case.
    Header {
        /// Its longest, in bytes.
        max_bytes: usize,
        /// Names that it may not be, in lower case; with a `*` at their end, all that begin so.
        but: Vec<&'static str>,
    },
    /// Visible ASCII characters that are shown nowhere.
    Secret {
        /// How many at least.
        min: usize,
        /// How many at most.
        max: usize,
    },
    /// Keys of a JSON document, joined by dots.
    Path {
        /// How many at most.
        max_segments: usize,
        /// How long each at most.
        max_bytes: usize,
    },
}

/// What a text may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Anything.
    Any,
    /// No control characters.
    Line,
    /// Neither control characters nor `*` and `?`.
    Name,
    /// Visible ASCII characters, the last of them a `/`.
    KeyPrefix,
    /// A `/`, then visible ASCII characters but `#`.
    RequestPath,
}
