//! Is what was found better for certain, or is there too little to tell?

use core::cmp::Ordering;

use super::facts::Facts;
use super::price::Prices;
use super::search::Tried;

/// Fewer calls tell nothing.
const LEAST_CALLS: u64 = 200;
/// Fewer failures, all in all or where it is searched, tell nothing about how to notice them.
const LEAST_FAILURES: u64 = 20;

/// What is advised for one cluster.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The cluster.
    pub cluster: String,
    /// What its traffic is like.
    pub facts: Facts,
    /// The policy as it is.
    pub own: Tried,
    /// The best that was found; the policy as it is if none was.
    pub found: Tried,
    /// Whether to take it.
    pub reason: Reason,
    /// Policies among which one may choose, the most careful first.
    pub front: Vec<Tried>,
    /// How many were tried.
    pub tried: usize,
}

/// Why a change is advised, or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// It costs less, by more than chance, and on the time that was held back as well.
    Better,
    /// Nothing that was tried costs less by more than chance.
    NothingBetter,
    /// There are too few calls.
    TooFewCalls,
    /// Too few of them failed.
    TooFewFailures,
    /// What speaks for it happened in one stretch of time alone.
    OneStretch,
    /// The time that was held back had nothing to judge it by: there it costs the same.
    Untested,
    /// It is worse on the time that was held back.
    NotHeldUp,
}

impl Reason {
    /// Why this traffic cannot tell; `None` if it may.
    pub(super) const fn too_little(facts: &Facts) -> Option<Self> {
        match (facts.calls, facts.failed) {
            (..LEAST_CALLS, _) => Some(Self::TooFewCalls),
            (_, ..LEAST_FAILURES) => Some(Self::TooFewFailures),
            _ => None,
        }
    }

    pub(super) fn of(facts: &Facts, own: &Tried, found: &Tried, prices: &Prices) -> Self {
        if let Some(reason) = Self::too_little(facts) {
            return reason;
        }
        let searched = own.bills.searched();
        if searched.failed + searched.spared < LEAST_FAILURES {
            return Self::TooFewFailures;
        }
        let gain = found.bills.gain_over(&own.bills, prices);
        if found.knobs == own.knobs || gain.total <= 0.0 {
            return Self::NothingBetter;
        }
        if gain.stretches < 2 {
            return Self::OneStretch;
        }
        if gain.total <= gain.error {
            return Self::NothingBetter;
        }
        let held_back = |it: &Tried| it.bills.held_back().cost(prices);
        match held_back(found).total_cmp(&held_back(own)) {
            Ordering::Less => Self::Better,
            Ordering::Equal => Self::Untested,
            Ordering::Greater => Self::NotHeldUp,
        }
    }

    /// The same of what cannot be told apart from what is.
    pub(super) const fn not_better(self) -> Self {
        match self {
            Self::Better | Self::Untested | Self::NotHeldUp => Self::NothingBetter,
            other => other,
        }
    }

    /// Whether to change something.
    #[must_use]
    pub const fn is_better(self) -> bool {
        matches!(self, Self::Better)
    }

    /// Whether the log could not tell.
    #[must_use]
    pub const fn is_too_little(self) -> bool {
        matches!(self, Self::TooFewCalls | Self::TooFewFailures | Self::OneStretch | Self::Untested)
    }
}

impl Advice {
    /// The policy that is advised: what was found, or what is.
    #[must_use]
    pub const fn chosen(&self) -> &Tried {
        if self.reason.is_better() { &self.found } else { &self.own }
    }
}
