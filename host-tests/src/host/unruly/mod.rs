//! A host that keeps no order: any callback of any stream at any time, any status from any host
//! call, any bytes in heads, bodies, properties and shared data. Bytes tell what happens, so that a
//! fuzzer can look for what harms the module, and a test can repeat it.
//!
//! Whatever the order, the module never traps, pauses nothing that nobody would let go again, and
//! is as good as new afterwards.

mod callbacks;
mod fleet;
mod play;
mod player;
mod props;
mod script;
mod stage;
mod step;
mod store;

use std::collections::BTreeMap;

pub use self::{props::Setting, step::Callback};
use super::module::Module;

/// What happened in a play.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// How often each callback came.
    pub callbacks: BTreeMap<Callback, u64>,
    /// What the module was configured for, at the beginning or later.
    pub settings: BTreeMap<Setting, u64>,
    /// Requests that were paused until their bodies came.
    pub held_requests: u64,
    /// Of these, those that were let go.
    pub released_requests: u64,
    /// Requests that the module answered.
    pub answered_requests: u64,
    /// Answers that were paused until it was known what they are.
    pub held_answers: u64,
    /// Of these, those that were let go.
    pub released_answers: u64,
    /// Answers that the module replaced.
    pub replaced_answers: u64,
    /// Answers that a tick let go, replaced or cut.
    pub ended_by_ticks: u64,
    /// How often each of a fleet's callbacks came.
    pub of_fleet: BTreeMap<&'static str, u64>,
    /// How often the whole store was read.
    pub in_touch: u64,
    /// How often each host call failed.
    pub refused: BTreeMap<&'static str, u64>,
    /// How often each edge of the module was taken, if it is instrumented.
    pub edges: Vec<u8>,
}

impl Played {
    /// What happened in another play, too.
    pub fn add(&mut self, other: &Self) {
        for (callback, count) in &other.callbacks {
            *self.callbacks.entry(*callback).or_default() += count;
        }
        for (setting, count) in &other.settings {
            *self.settings.entry(*setting).or_default() += count;
        }
        for (call, count) in &other.refused {
            *self.refused.entry(call).or_default() += count;
        }
        self.held_requests += other.held_requests;
        self.released_requests += other.released_requests;
        self.answered_requests += other.answered_requests;
        self.held_answers += other.held_answers;
        self.released_answers += other.released_answers;
        self.replaced_answers += other.replaced_answers;
        self.ended_by_ticks += other.ended_by_ticks;
        for (callback, count) in &other.of_fleet {
            *self.of_fleet.entry(callback).or_default() += count;
        }
        self.in_touch += other.in_touch;
    }
}

/// Play what these bytes say with the module.
///
/// # Panics
/// If the module traps, leaves something paused for good, or is not usable afterwards.
pub fn play(module: &Module, script: &[u8]) -> Played {
    play::play(module, Cast::Alone, script)
}

/// The same with a fleet, whose store says what these bytes say, and whose other VMs tell it anything.
///
/// # Panics
/// As [`play`]; and if a stream that its other side closed is left to a host that would follow a pointer
/// to it.
pub fn play_in_a_fleet(module: &Module, script: &[u8]) -> Played {
    play::play(module, Cast::Fleet, script)
}

/// Who has a part in a play.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// Clients, upstreams and the host.
    Alone,
    /// A store and other VMs, too.
    Fleet,
}
