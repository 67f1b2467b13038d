//! Which incidents are generated? One table of plain data, each parameter with its source.

use crate::chance::Spread;
use crate::known::{Known, assumed, published};
use core::fmt;

/// Incidents of one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// Its name in tables.
    pub name: &'static str,
    /// What happens in it.
    pub what: Known<What>,
    /// For how long, in seconds.
    pub lasts: Known<Spread>,
    /// How often applications call, from one incident to the next.
    pub rates: Known<Rates>,
}

/// Calls a second, evenly over orders of magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

/// What happens to the calls of an incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// This share fails; of a whole outage also what was in flight when it began.
    Fails(f64),
    /// First contents come so many times later at least, and at most.
    Slows(f64, f64),
    /// Streams begin with a head, or are known by their requests, and then nothing comes; whole
    /// answers do not come, either.
    Hangs,
    /// Nothing comes at all, and nothing but their bodies says that streams were asked for.
    HangsUnseen,
    /// Every answer breaks off after this long, in seconds.
    Cuts(Spread),
    /// The account's quota is used up, and nothing says until when.
    Quota,
    /// All fails and all works in turns, of these lengths in seconds.
    Flaps {
        /// While all fails.
        down: Spread,
        /// While all works.
        up: Spread,
    },
    /// All calls to one model of five fail.
    OneModel,
    /// So many are refused with a 429 that says when it is over.
    Limits(f64),
}

/// The manners in which a provider fails, each in an incident of its own: what its calls end with, and
/// after how long. Assumed.
pub const MANNERS: [(Manner, Spread); 6] = [
    (Manner::Status(500), Spread { median: 0.4, p99: 8.0, at_most: 30.0 }),
    (Manner::Status(503), Spread { median: 0.2, p99: 2.0, at_most: 10.0 }),
    (Manner::Status(529), Spread { median: 0.3, p99: 3.0, at_most: 10.0 }),
    (Manner::Status(504), Spread { median: 30.0, p99: 60.0, at_most: 60.0 }),
    (Manner::Refused, Spread { median: 0.05, p99: 5.0, at_most: 5.0 }),
    (Manner::Reset, Spread { median: 1.0, p99: 20.0, at_most: 60.0 }),
];

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// With this status.
    Status(u16),
    /// Without a connection.
    Refused,
    /// With a connection that breaks before an answer.
    Reset,
}

/// From one call a minute on, where nothing can be told, to five a second.
const RATES: Known<Rates> = assumed(Rates { low: 1.0 / 60.0, high: 5.0 });

/// For how long a caller waits for an answer that does not come.
pub const PATIENCE: Known<Spread> = published(
    Spread { median: 60.0, p99: 600.0, at_most: 600.0 },
    "at most 600 s: the default of OpenAI's and Anthropic's SDKs; the rest is assumed",
);

const HISTORIES: &str = "incidents that providers tell of last for 0.6 to 15 h: OpenAI 2024-12-11 (all APIs, \
    4.4 h), OpenAI 2025-06-10 (a quarter of the calls, 15 h), Google Cloud 2025-06-12 (503s, Vertex AI 7.5 h), \
    Anthropic 2026-06-16 (10 % for 0.6 h, then one model for 1.3 h). These are *assumed* to be shorter: such are \
    harder to tell, and longer ones differ by probes alone";

const LONG: Known<Spread> =
    published(Spread { median: 900.0, p99: 7_200.0, at_most: 14_400.0 }, HISTORIES);

const fn kind(name: &'static str, what: What) -> Kind {
    Kind { name, what: assumed(what), lasts: LONG, rates: RATES }
}

/// All of them.
pub const KINDS: [Kind; 12] = [
    kind("outage, total", What::Fails(1.0)),
    kind("outage, 80 %", What::Fails(0.8)),
    kind("outage, 50 %", What::Fails(0.5)),
    Kind {
        what: published(What::Fails(0.2), "OpenAI 2025-06-10: 75 % availability at the worst"),
        ..kind("outage, 20 %", What::Fails(0.2))
    },
    kind("brown-out", What::Slows(10.0, 60.0)),
    kind("hung streams", What::Hangs),
    kind("hung, not known to stream", What::HangsUnseen),
    kind("cut streams", What::Cuts(Spread { median: 3.0, p99: 30.0, at_most: 60.0 })),
    kind("quota", What::Quota),
    kind(
        "flapping",
        What::Flaps {
            down: Spread { median: 40.0, p99: 300.0, at_most: 600.0 },
            up: Spread { median: 60.0, p99: 600.0, at_most: 900.0 },
        },
    ),
    Kind {
        what: published(What::OneModel, "Anthropic 2026-06-16: one model for 1.3 h"),
        ..kind("one model of five", What::OneModel)
    },
    Kind {
        lasts: assumed(Spread { median: 8.0, p99: 45.0, at_most: 60.0 }),
        // Where little is asked for, nothing is too much.
        rates: assumed(Rates { low: 0.5, high: 20.0 }),
        ..kind("burst of 429s", What::Limits(0.9))
    },
];

impl fmt::Display for Rates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low < 0.1 {
            write!(out, "one in {:.0} s", 1.0 / self.low)?;
        } else {
            write!(out, "{}", self.low)?;
        }
        write!(out, " to {} a second, evenly over orders of magnitude", self.high)
    }
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(1.0) => out.write_str("all calls fail, and what is in flight when it begins"),
            Self::Fails(share) => write!(out, "{:.0} % of the calls fail", 100.0 * share),
            Self::Slows(low, high) => {
                write!(out, "first contents come {low} to {high} times as late")
            }
            Self::Hangs => out.write_str(
                "streams begin or are known by their requests, and nothing comes; nor do whole answers",
            ),
            Self::HangsUnseen => {
                out.write_str("nothing comes at all, and only bodies say that streams are asked for")
            }
            Self::Cuts(after) => write!(out, "all streams break off after: {after}"),
            Self::Quota => out.write_str("429 with `insufficient_quota`, and nothing says until when"),
            Self::Flaps { down, up } => write!(out, "all calls fail for: {down}; all work for: {up}"),
            Self::OneModel => out.write_str("all calls to one of five models fail"),
            Self::Limits(share) => write!(
                out,
                "{:.0} % of the calls get a 429 whose `Retry-After` is what is left of it",
                100.0 * share
            ),
        }
    }
}
