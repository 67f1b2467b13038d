//! What a scenario came to: the recorder's lines and what the client got, ready to be compared.

use std::fmt;

/// What the recorder saw of one stream, and then what its client got.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Trace(Vec<String>);

impl Trace {
    /// The recorder's lines among `lines`, from `recorder|` on, and what the client got.
    pub fn new(lines: impl IntoIterator<Item = impl AsRef<str>>, outcome: Outcome) -> Self {
        let mut trace: Vec<_> = lines.into_iter().filter_map(|l| recorded(l.as_ref())).collect();
        // How a body is cut into pieces is the network's whim, on either side.
        trace.dedup_by(|next, last| next == last && next.contains("_body|end=false"));
        trace.push(outcome.to_string());
        Self(trace)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

/// The part of a log line that the recorder wrote about a stream.
pub(super) fn recorded(line: &str) -> Option<String> {
    let at = line.find("recorder|")?;
    let line = line[at..].trim_end();
    // Ticks come when they like; what one did to a stream has a line of its own.
    let is_of_stream = line != "recorder|tick" && !line.starts_with("recorder|configure|");
    is_of_stream.then(|| line.to_owned())
}

/// What the client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It left, or was left without an answer.
    Nothing,
    /// It read what there was.
    Answered {
        /// The status.
        status: u16,
        /// The body as far as it came.
        body: String,
        /// Whether it came to its proper end.
        complete: bool,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("client|nothing"),
            Self::Answered { status, body, complete } => {
                write!(f, "client|status={status}|complete={complete}|{body:?}")
            }
        }
    }
}
