//! Resilience4j's `CircuitBreaker`. Facts: its documentation and `CircuitBreakerConfig`: over the last
//! 100 calls, and not before there were as many, half failed or all took longer than 60 s; open for
//! 60 s; then ten calls may try, and the same shares of these ten decide. Every exception is a failure,
//! also one for a caller's own mistake or a cancelled call. A call that was let through before counts in
//! whatever state it ends in.

use super::{Heard, Rule};
use core::time::Duration;
use llm_breaker::time::Instant;
use std::collections::VecDeque;

const WINDOW: usize = 100;
const TRIALS: usize = 10;
const WAIT: Duration = Duration::from_secs(60);
const SLOW: Duration = Duration::from_secs(60);

/// Its three states.
#[derive(Debug)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { permitted: usize },
}

/// What it knows of one call.
#[derive(Clone, Copy, Debug)]
struct Measured {
    failed: bool,
    slow: bool,
}

/// The breaker.
#[derive(Debug)]
pub struct Resilience4j {
    state: State,
    window: VecDeque<Measured>,
}

impl Default for Resilience4j {
    fn default() -> Self {
        Self { state: State::Closed, window: VecDeque::new() }
    }
}

impl Resilience4j {
    /// Whether so many calls were measured, and if so whether they are too bad.
    fn judges(&self, calls: usize) -> Option<bool> {
        (self.window.len() >= calls).then(|| {
            let failed = self.window.iter().filter(|call| call.failed).count();
            2 * failed >= self.window.len() || self.window.iter().all(|call| call.slow)
        })
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.window.clear();
    }
}

impl Rule for Resilience4j {
    fn admits(&mut self, now: Instant) -> Option<u64> {
        if matches!(self.state, State::Open { until } if until <= now) {
            self.enter(State::HalfOpen { permitted: 0 });
        }
        match &mut self.state {
            State::Closed => Some(0),
            State::Open { .. } => None,
            State::HalfOpen { permitted } => {
                *permitted += 1;
                (*permitted <= TRIALS).then_some(0)
            }
        }
    }

    fn hears(&mut self, heard: &Heard, _generation: u64, now: Instant) -> bool {
        let calls = match self.state {
            State::Closed => WINDOW,
            State::HalfOpen { .. } => TRIALS,
            State::Open { .. } => return false,
        };
        if self.window.len() == calls {
            self.window.pop_front();
        }
        self.window.push_back(Measured { failed: heard.raises(), slow: heard.lasted > SLOW });
        let opens = match self.judges(calls) {
            None => return false,
            Some(too_bad) => too_bad,
        };
        if opens {
            self.enter(State::Open { until: now + WAIT });
        } else if matches!(self.state, State::HalfOpen { .. }) {
            self.enter(State::Closed);
        }
        opens
    }
}
