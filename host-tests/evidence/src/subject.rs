//! Who decides whether a call goes out: our breaker, or a model of somebody else's rule. All see the
//! same calls.

use crate::call::Call;
use crate::ours::{Breakers, Setting};
use crate::peers::{Cooldown, Gobreaker, Group, Heard, OutlierDetection, Resilience4j, Rule};
use crate::watched::Seen;
use llm_breaker::time::Instant;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Whether a call went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did.
    Sent,
    /// It was held back.
    Blocked,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// This breaker, with one record for all calls.
    Ours,
    /// This breaker, with one for each model as well.
    OursByModel,
    /// Envoy's outlier detection.
    OutlierDetection,
    /// LiteLLM's cooldown of one deployment of several.
    Cooldown,
    /// LiteLLM's cooldown of the only deployment.
    CooldownAlone,
    /// Resilience4j.
    Resilience4j,
    /// gobreaker.
    Gobreaker,
}

/// One of them at work.
pub enum Deciding {
    /// Our breaker.
    Ours(Box<Breakers>),
    /// Somebody else's rule.
    Peer(Peer),
}

impl Subject {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Ours,
        Self::OursByModel,
        Self::OutlierDetection,
        Self::Cooldown,
        Self::CooldownAlone,
        Self::Resilience4j,
        Self::Gobreaker,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "**this breaker**",
            Self::OursByModel => "**the same, `key_by: model`**",
            Self::OutlierDetection => "Envoy outlier detection",
            Self::Cooldown => "LiteLLM, one of several",
            Self::CooldownAlone => "LiteLLM, the only one",
            Self::Resilience4j => "Resilience4j",
            Self::Gobreaker => "gobreaker",
        }
    }

    /// One that has seen nothing yet; `node` is where ours runs.
    #[must_use]
    pub fn begins(self, setting: &Setting, node: &str) -> Deciding {
        let rule: Box<dyn Rule> = match self {
            Self::Ours => return Deciding::ours(setting, node),
            Self::OursByModel => return Deciding::ours(&setting.by_model(), node),
            Self::OutlierDetection => Box::<OutlierDetection>::default(),
            Self::Cooldown => Box::new(Cooldown::new(Group::OneOfSeveral)),
            Self::CooldownAlone => Box::new(Cooldown::new(Group::Alone)),
            Self::Resilience4j => Box::<Resilience4j>::default(),
            Self::Gobreaker => Box::<Gobreaker>::default(),
        };
        Deciding::Peer(Peer { rule, in_flight: BinaryHeap::new(), trips: Vec::new() })
    }
}

impl Deciding {
    fn ours(setting: &Setting, node: &str) -> Self {
        Self::Ours(Box::new(Breakers::new(setting, node)))
    }

    /// A call arrives, none of them earlier than the one before, and what the filter would record of it.
    pub fn arrives(&mut self, call: &Call, seen: &Seen) -> Fate {
        match self {
            Self::Ours(breakers) => breakers.arrives(call, seen),
            Self::Peer(peer) => peer.arrives(call),
        }
    }

    /// When it began to hold calls back.
    #[must_use]
    pub fn trips(self) -> Vec<Instant> {
        match self {
            Self::Ours(breakers) => breakers.trips(),
            Self::Peer(peer) => peer.trips,
        }
    }
}

/// A call that went out and has not ended; the first to end is the least.
#[derive(Debug)]
struct InFlight {
    ends_at: Instant,
    heard: Heard,
    generation: u64,
}

impl PartialEq for InFlight {
    fn eq(&self, other: &Self) -> bool {
        self.ends_at == other.ends_at
    }
}

impl Eq for InFlight {}

impl PartialOrd for InFlight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InFlight {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ends_at.cmp(&other.ends_at)
    }
}

/// A rule of somebody else's, which hears of each call when it ends.
pub struct Peer {
    rule: Box<dyn Rule>,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    trips: Vec<Instant>,
}

impl Peer {
    fn hear_until(&mut self, now: Instant) {
        while let Some(next) = self.in_flight.peek_mut()
            && next.0.ends_at <= now
        {
            let Reverse(InFlight { ends_at, heard, generation }) = PeekMut::pop(next);
            if self.rule.hears(&heard, generation, ends_at) {
                self.trips.push(ends_at);
            }
        }
    }

    fn arrives(&mut self, call: &Call) -> Fate {
        self.hear_until(call.at);
        let Some(generation) = self.rule.admits(call.at) else { return Fate::Blocked };
        let (ends_at, heard) = (call.ends_at(), Heard::of(call));
        self.in_flight.push(Reverse(InFlight { ends_at, heard, generation }));
        Fate::Sent
    }
}
