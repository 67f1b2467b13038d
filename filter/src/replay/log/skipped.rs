//! Which lines were skipped, and why? All are counted, and the first few of each kind are told by file
//! and line.

use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::fmt;

/// Lines that are told of each kind.
const TOLD: u64 = 3;

/// Characters of what is told of a line at most.
const MAX_WORDS: usize = 160;

/// Why a line tells of no call that can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is longer than any line of an access log.
    TooLong,
    /// It is no JSON object.
    NotJson,
    /// A field holds what it cannot hold.
    Malformed,
    /// A field is missing that a call needs.
    MissingField,
    /// Envoy answered before the filter saw the request.
    NoRecord,
    /// The request ended before its breakers were asked, or was refused for its headers.
    NeverAsked,
    /// Its times contradict each other.
    ImpossibleTimes,
    /// It was read before.
    Duplicate,
    /// It came so late that its place among the others is over.
    TooLate,
    /// The rest of a file could not be read.
    Unreadable,
    /// Not skipped, but told: a proxy's clock began anew.
    ClockBegan,
    /// Not skipped, but told: a proxy was forgotten among too many, and came back.
    ProxyForgotten,
}

impl Reason {
    /// Every reason, in the order of reports.
    pub const ALL: [Self; 12] = [
        Self::TooLong,
        Self::NotJson,
        Self::Malformed,
        Self::MissingField,
        Self::NoRecord,
        Self::NeverAsked,
        Self::ImpossibleTimes,
        Self::Duplicate,
        Self::TooLate,
        Self::Unreadable,
        Self::ClockBegan,
        Self::ProxyForgotten,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotJson => "not_json",
            Self::Malformed => "malformed",
            Self::MissingField => "missing_field",
            Self::NoRecord => "no_record",
            Self::NeverAsked => "never_asked",
            Self::ImpossibleTimes => "impossible_times",
            Self::Duplicate => "duplicate",
            Self::TooLate => "too_late",
            Self::Unreadable => "unreadable",
            Self::ClockBegan => "clock_began",
            Self::ProxyForgotten => "proxy_forgotten",
        }
    }

    /// What a reader of reports must know of it.
    #[must_use]
    pub const fn explained(self) -> &'static str {
        match self {
            Self::TooLong => "longer than 1 MiB",
            Self::NotJson => "not a JSON object",
            Self::Malformed => "a field holds what it cannot hold",
            Self::MissingField => "a field is missing that a call needs",
            Self::NoRecord => "answered by Envoy before the filter saw the request",
            Self::NeverAsked => "ended before its breakers were asked",
            Self::ImpossibleTimes => "times that contradict each other",
            Self::Duplicate => "read before",
            Self::TooLate => "later than --reorder allows, or read before",
            Self::Unreadable => "a file could not be read to its end",
            Self::ClockBegan => "a proxy's clock began anew, or another proxy has the same node id",
            Self::ProxyForgotten => {
                "of more than 4096 proxies, forgotten: its breakers began anew; replay fewer at once"
            }
        }
    }

    /// Whether a line of this kind is left out.
    #[must_use]
    pub const fn is_skipped(self) -> bool {
        !matches!(self, Self::ClockBegan | Self::ProxyForgotten)
    }

    /// Whether it is no defect of a log, but what any log has.
    #[must_use]
    pub const fn is_usual(self) -> bool {
        matches!(self, Self::NoRecord | Self::NeverAsked)
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    /// What it is exactly; empty if the reason says all.
    pub(super) words: String,
}

impl Fault {
    pub(super) fn new(reason: Reason, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::new(reason, "")
    }
}

/// The skipped lines.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    counts: [u64; Reason::ALL.len()],
    told: Vec<String>,
}

impl Skipped {
    pub(super) fn note(&mut self, file: &str, line: u64, fault: &Fault) {
        let Fault { reason, words } = fault;
        let Some(count) = self.counts.get_mut(*reason as usize) else { return };
        *count += 1;
        if *count > TOLD {
            return;
        }
        let mut told = format!("{file}:{line}: {}", reason.explained());
        if !words.is_empty() {
            told.push_str(": ");
            // What a line holds is not repeated: the words name places, fields and nodes.
            told.extend(words.chars().filter(|it| !it.is_control()).take(MAX_WORDS));
        }
        self.told.push(told);
    }

    /// How often this happened.
    #[must_use]
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or_default()
    }

    /// How many lines were left out.
    #[must_use]
    pub fn total(&self) -> u64 {
        Reason::ALL.into_iter().filter(|it| it.is_skipped()).map(|it| self.count(it)).sum()
    }

    /// The first lines of each kind: file, line and what is wrong.
    #[must_use]
    pub fn told(&self) -> &[String] {
        &self.told
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reason in Reason::ALL.into_iter().filter(|it| self.count(*it) > 0) {
            writeln!(f, "{:>12}  {}: {}", self.count(reason), reason.name(), reason.explained())?;
        }
        Ok(())
    }
}

impl Serialize for Skipped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Skipped", Reason::ALL.len() + 1)?;
        for reason in Reason::ALL {
            fields.serialize_field(reason.name(), &self.count(reason))?;
        }
        fields.serialize_field("told", &self.told)?;
        fields.end()
    }
}
