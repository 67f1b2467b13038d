//! sony/gobreaker. Facts: its documentation (v2): more than five failures in a row open it for 60 s,
//! then one request at a time may try; its success closes, its failure opens. Counts are never cleared
//! by time (`Interval` 0), and whatever error `Execute` returns is a failure: also a caller's own
//! mistake, and a context that was cancelled.

use super::{Heard, Rule};
use core::time::Duration;
use llm_breaker::time::Instant;

const MORE_THAN: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(60);

/// Its three states.
#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { trying: bool },
}

/// The breaker.
#[derive(Debug)]
pub struct Gobreaker {
    state: State,
    /// Each change of state begins one; calls of an earlier one are not heard.
    generation: u64,
}

impl Default for Gobreaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 }, generation: 0 }
    }
}

impl Gobreaker {
    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

impl Rule for Gobreaker {
    fn admits(&mut self, now: Instant) -> Option<u64> {
        if matches!(self.state, State::Open { until } if until <= now) {
            self.enter(State::HalfOpen { trying: false });
        }
        let admits = match &mut self.state {
            State::Closed { .. } => true,
            State::Open { .. } => false,
            State::HalfOpen { trying } => !core::mem::replace(trying, true),
        };
        admits.then_some(self.generation)
    }

    fn hears(&mut self, heard: &Heard, generation: u64, now: Instant) -> bool {
        if generation != self.generation {
            return false;
        }
        let opens = match &mut self.state {
            State::Closed { failures } => {
                *failures = if heard.raises() { *failures + 1 } else { 0 };
                *failures > MORE_THAN
            }
            State::Open { .. } => false,
            State::HalfOpen { .. } => heard.raises(),
        };
        if opens {
            self.enter(State::Open { until: now + TIMEOUT });
        } else if matches!(self.state, State::HalfOpen { .. }) {
            self.enter(State::Closed { failures: 0 });
        }
        opens
    }
}
