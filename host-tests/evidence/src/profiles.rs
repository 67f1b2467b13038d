//! Which healthy traffic is generated? One table of plain data, each parameter with its source.

use crate::call::Asks;
use crate::chance::Spread;
use crate::known::{Known, assumed, published, required};
use core::fmt;

/// Traffic of one kind to a provider that works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Its name in tables.
    pub name: &'static str,
    /// When calls arrive.
    pub arrivals: Known<Arrivals>,
    /// How they want their answers.
    pub asks: Known<Asks>,
    /// From a call to the first content of its answer.
    pub first: Known<Spread>,
    /// From there to the answer's end.
    pub rest: Known<Spread>,
    /// The calls that stall at first, and for how long.
    pub stalls: Known<Option<(f64, Spread)>>,
    /// The share of the calls that their callers end, at any moment of their lives.
    pub cancelled: Known<f64>,
    /// The share of the calls that fail although the provider works.
    pub errors: Known<f64>,
    /// The share of the calls that are mistakes of their callers.
    pub mistakes: Known<f64>,
}

/// When calls arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// All the time.
    Steady {
        /// How many a second at the mean.
        per_second: f64,
        /// How regularly; 1 is a Poisson process, and less comes in bursts.
        shape: f64,
    },
    /// In jobs that begin at regular intervals.
    Jobs {
        /// How many a second at the mean, while one runs.
        per_second: f64,
        /// For how long one runs, in seconds.
        lasting: f64,
        /// How long from one's beginning to the next one's, in seconds.
        every: f64,
    },
}

const REASONING_P99: &str =
    "the p99, of a reasoning model over about 10^6 calls; the median is assumed";
const STALLED: &str = "the median, of the same; how many, and the spread, is assumed";
const CHAT_SPREAD: &str =
    "GPT-4o, 24 hours of pings (modelstats.ai); no maximum is assumed below 60 s";
const BURSTS: &str = "the distribution, a Gamma one, of Azure OpenAI's traffic (BurstGPT, arXiv 2401.17644); \
    rate and shape are assumed";

const CHAT_FIRST: Known<Spread> =
    published(Spread { median: 0.639, p99: 4.517, at_most: 60.0 }, CHAT_SPREAD);
const CHAT_REST: Known<Spread> = assumed(Spread { median: 6.0, p99: 40.0, at_most: 300.0 });
/// People who talk, and the ordinary share of errors.
pub const CHAT: Profile = Profile {
    name: "chat, 1 % errors",
    arrivals: published(Arrivals::Steady { per_second: 2.0, shape: 0.5 }, BURSTS),
    asks: assumed(Asks::StreamInBody),
    first: CHAT_FIRST,
    rest: CHAT_REST,
    stalls: assumed(None),
    cancelled: assumed(0.05),
    errors: required(0.01),
    mistakes: assumed(0.01),
};

/// Chat with as many errors as must be borne.
pub const ERRING_CHAT: Profile =
    Profile { name: "chat, 2 % errors", errors: required(0.02), ..CHAT };

/// Models that think before they speak.
pub const REASONING: Profile = Profile {
    name: "reasoning",
    arrivals: published(Arrivals::Steady { per_second: 0.5, shape: 0.5 }, BURSTS),
    asks: assumed(Asks::Stream),
    first: published(Spread { median: 8.0, p99: 94.0, at_most: 600.0 }, REASONING_P99),
    rest: assumed(Spread { median: 20.0, p99: 180.0, at_most: 600.0 }),
    stalls: published(Some((0.01, Spread { median: 123.0, p99: 400.0, at_most: 600.0 })), STALLED),
    cancelled: assumed(0.05),
    errors: required(0.005),
    mistakes: assumed(0.01),
};

/// One agent by itself: when it leaves, hardly ever somebody else got an answer meanwhile.
const LONE_AGENT: Profile = Profile {
    name: "one agent that reasons and cancels half",
    arrivals: published(Arrivals::Steady { per_second: 0.05, shape: 0.3 }, BURSTS),
    cancelled: required(0.5),
    ..REASONING
};

const AGENTS: Profile = Profile {
    name: "agents that cancel half",
    arrivals: published(Arrivals::Steady { per_second: 0.2, shape: 0.3 }, BURSTS),
    asks: assumed(Asks::StreamInBody),
    first: assumed(Spread { median: 5.0, p99: 60.0, at_most: 600.0 }),
    rest: assumed(Spread { median: 30.0, p99: 240.0, at_most: 900.0 }),
    stalls: assumed(None),
    cancelled: required(0.5),
    errors: required(0.01),
    mistakes: assumed(0.02),
};

/// Jobs whose whole answers are long in coming.
pub const BATCH: Profile = Profile {
    name: "batch",
    arrivals: assumed(Arrivals::Jobs { per_second: 10.0, lasting: 600.0, every: 3_600.0 }),
    asks: assumed(Asks::Whole),
    first: assumed(Spread { median: 40.0, p99: 400.0, at_most: 900.0 }),
    rest: assumed(Spread { median: 0.1, p99: 1.0, at_most: 5.0 }),
    stalls: assumed(None),
    cancelled: assumed(0.0),
    errors: required(0.01),
    mistakes: assumed(0.01),
};

const SPARSE: Profile = Profile {
    name: "sparse",
    arrivals: required(Arrivals::Steady { per_second: 1.0 / 300.0, shape: 1.0 }),
    ..CHAT
};

/// All of them.
pub const PROFILES: [Profile; 8] = [
    REASONING,
    LONE_AGENT,
    AGENTS,
    Profile { name: "chat, 0.5 % errors", errors: required(0.005), ..CHAT },
    CHAT,
    ERRING_CHAT,
    BATCH,
    SPARSE,
];

impl fmt::Display for Arrivals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Steady { per_second, shape } if per_second < 0.1 => {
                write!(out, "one in {:.0} s, shape {shape}", 1.0 / per_second)
            }
            Self::Steady { per_second, shape } => {
                write!(out, "{per_second} a second, shape {shape}")
            }
            Self::Jobs { per_second, lasting, every } => {
                write!(out, "{per_second} a second for {lasting:.0} s, each {every:.0} s")
            }
        }
    }
}
