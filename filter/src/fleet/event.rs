//! What happens to the agent, and what does it want done? Plain data.

use crate::breaker::Hint;
use crate::fleet::etcd::Method;
use crate::fleet::news::Told;
use crate::fleet::ordered::Instruction;
use crate::stats::{Direction, FleetEvent, Ignored};
use crate::time::Instant;
use core::time::Duration;

/// What is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The account: hints never cross it.
    pub scope: String,
    /// What every key begins with; ends in a slash.
    pub prefix: String,
    /// What this proxy shares its troubles with.
    pub domain: String,
    /// This proxy's name.
    pub node: String,
    /// From how many domains on an observation counts, 1 to 16.
    pub corroborate: u32,
    /// For how long at most others are believed.
    pub announced_max: Duration,
    /// The longest wait before the store is tried again.
    pub reconnect_max: Duration,
}

/// What this proxy's configuration says of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How long a probe may take, by its policy.
    pub lease: Duration,
    /// Whether this proxy has it already, and not only a configuration that would. How many of those
    /// there are is for others to choose, where it lists clusters by patterns.
    pub is_here: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Time passed: comes once a second, and when the agent asked for it.
    Tick,
    /// A worker told something.
    Told(Told),
    /// A message came on the stream that was opened last.
    Message(&'a [u8]),
    /// That stream ended, could not be opened, or brought a message that is too long.
    Closed,
    /// A call was answered.
    Reply {
        /// Which.
        call: u32,
        /// The answer, or the gRPC status in its place.
        result: Result<&'a [u8], u32>,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Open a stream of watches. There is no other.
    OpenWatch,
    /// Send this on it.
    Send(Vec<u8>),
    /// Close it; nothing that still comes on it counts.
    CloseWatch,
    /// Call the store.
    Call {
        /// The number that its reply is to bear.
        call: u32,
        /// What is called.
        method: Method,
        /// With what.
        message: Vec<u8>,
    },
    /// What others say of a breaker, as a level: hearing it again changes nothing.
    Hear {
        /// The breaker's name in shared data.
        breaker: String,
        /// What they say.
        hint: Hint,
    },
    /// Leave probing to whose turn it is, for so long; with zero, to nobody.
    AwaitTurn {
        /// The breaker's name in shared data.
        breaker: String,
        /// How long after its own time it goes alone.
        patience: Duration,
    },
    /// It is this proxy's turn to probe until then; with [`Instant::ZERO`] no longer.
    TakeTurn {
        /// The breaker's name in shared data.
        breaker: String,
        /// The end of the turn.
        until: Instant,
    },
    /// What an operator ordered for the fleet, as a level likewise.
    Override {
        /// The breaker's name in shared data.
        breaker: String,
        /// `None`: it was withdrawn.
        ordered: Option<Instruction>,
    },
    /// Whether what others say is known as it comes.
    Connected(bool),
    /// Something to be counted.
    Count {
        /// About which breaker of this proxy's, if it is about one.
        breaker: Option<String>,
        /// What.
        what: Counted,
        /// How often.
        by: u64,
    },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Something went to others, or came from them.
    Event(Direction, FleetEvent),
    /// Something in the store was left aside.
    Ignored(Ignored),
}
