//! Which calls does a profile make? In order of their arrival, whatever becomes of them: callers do
//! not wait for one another.

use crate::call::{Asks, Call, End};
use crate::chance::{Chance, Spread};
use crate::profiles::{Arrivals, Profile};
use core::time::Duration;
use llm_breaker::time::Instant;

/// Background errors, as ends and how often of a hundred: assumed.
const ERRORS: [(f64, End); 5] = [
    (50.0, error(500)),
    (25.0, error(503)),
    (10.0, End::Reset),
    (10.0, End::Cut),
    (5.0, End::Refused),
];

/// How long a provider takes to say that it failed: assumed.
const ERROR_AFTER: Spread = Spread { median: 0.4, p99: 8.0, at_most: 30.0 };

/// How long a provider takes to refuse a call that is wrong: assumed.
const MISTAKE_AFTER: Spread = Spread { median: 0.15, p99: 1.0, at_most: 5.0 };

/// How many models the calls are spread over.
pub const MODELS: u8 = 5;

/// The calls of a profile, without end.
#[derive(Clone, Debug)]
pub struct Traffic {
    profile: Profile,
    chance: Chance,
    /// In seconds.
    now: f64,
    /// How much likelier a call fails if the one before it did.
    sticks: f64,
    failed: bool,
}

/// An error of this status that announces nothing.
pub const fn error(status: u16) -> End {
    End::Error { status, retry_after: None }
}

/// So many seconds.
#[must_use]
pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// When that many seconds have passed, the clock having begun well above zero, as clocks do.
#[must_use]
pub fn at(second: f64) -> Instant {
    Instant::from_nanos(1_000_000_000_000) + seconds(second)
}

impl Traffic {
    /// The calls of this profile and seed.
    #[must_use]
    pub fn of(profile: &Profile, seed: u64) -> Self {
        let chance = Chance::of(seed, profile.name);
        Self { profile: *profile, chance, now: 0.0, sticks: 0.0, failed: false }
    }

    /// The same, but that a call fails with this probability if the one before it did.
    #[must_use]
    pub fn sticking(self, sticks: f64) -> Self {
        Self { sticks, ..self }
    }

    fn arrival(&mut self) -> f64 {
        self.now += match self.profile.arrivals.is {
            Arrivals::Steady { per_second, shape } => self.chance.renewal(1.0 / per_second, shape),
            Arrivals::Jobs { per_second, lasting, every } => {
                let next = self.now + self.chance.memoryless(1.0 / per_second);
                let since_job = next % every;
                if since_job > lasting {
                    every - since_job + next - self.now
                } else {
                    next - self.now
                }
            }
        };
        self.now
    }

    fn call(&mut self) -> Call {
        let at = at(self.arrival());
        let model = self.chance.one_of(&[0, 1, 2, 3, 4]);
        let asks = self.profile.asks.is;
        let healthy = self.healthy(at, model, asks);
        let share = if self.failed {
            self.sticks.max(self.share_of_errors())
        } else {
            self.share_of_errors()
        };
        self.failed = self.chance.is(share);
        if self.failed {
            let end = self.background_error();
            return failing(healthy, end, self.chance.spread(ERROR_AFTER));
        }
        if self.chance.is(self.profile.mistakes.is) {
            return failing(healthy, error(400), self.chance.spread(MISTAKE_AFTER));
        }
        if self.chance.is(self.profile.cancelled.is) {
            let moment = self.chance.unit();
            return left(healthy, healthy.lasts.mul_f64(moment));
        }
        healthy
    }

    fn share_of_errors(&self) -> f64 {
        // So that errors that come in a row are no more of them.
        let errors = self.profile.errors.is;
        if self.sticks > errors { errors * (1.0 - self.sticks) / (1.0 - errors) } else { errors }
    }

    fn healthy(&mut self, at: Instant, model: u8, asks: Asks) -> Call {
        let profile = self.profile;
        let first = match profile.stalls.is {
            Some((share, spread)) if self.chance.is(share) => self.chance.spread(spread),
            _ => self.chance.spread(profile.first.is),
        };
        let rest = self.chance.spread(profile.rest.is);
        let lasts = seconds(first + rest);
        // A stream's head comes with its first content, that of a whole answer with its end.
        let begins = if asks == Asks::Whole { lasts } else { seconds(first) };
        let (head, first) = (Some(begins), Some(begins));
        Call { at, model, asks, head, first, lasts, end: End::Whole, hit: false }
    }

    fn background_error(&mut self) -> End {
        let mut left = self.chance.between(0.0, ERRORS.iter().map(|(share, _)| share).sum());
        for (share, end) in ERRORS {
            if left < share {
                return end;
            }
            left -= share;
        }
        error(500)
    }
}

/// A call that fails so many seconds after its arrival, or, if its answer breaks off, so many after it
/// began.
#[must_use]
pub fn failing(call: Call, end: End, after: f64) -> Call {
    let after = seconds(after);
    match end {
        End::Cut => {
            let begun = call.head.unwrap_or_default();
            Call { lasts: begun + after, end, ..call }
        }
        End::Error { .. } | End::QuotaExhausted => {
            Call { head: Some(after), first: None, lasts: after, end, ..call }
        }
        _ => Call { head: None, first: None, lasts: after, end, ..call },
    }
}

/// A call whose caller leaves so long after its arrival, unless it ended before.
#[must_use]
pub fn left(call: Call, after: Duration) -> Call {
    if after >= call.lasts {
        return call;
    }
    let seen = |moment: Option<Duration>| moment.filter(|moment| *moment < after);
    Call { head: seen(call.head), first: seen(call.first), lasts: after, end: End::Left, ..call }
}

impl Iterator for Traffic {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        Some(self.call())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Worth;
    use crate::profiles::{BATCH, ERRING_CHAT, PROFILES, REASONING};

    fn share(calls: &[Call], is: impl Fn(&Call) -> bool) -> f64 {
        calls.iter().filter(|call| is(call)).count() as f64 / calls.len() as f64
    }

    #[test]
    fn a_profiles_calls_are_what_its_parameters_say() {
        for profile in PROFILES {
            let calls: Vec<Call> = Traffic::of(&profile, 1).take(50_000).collect();
            assert!(calls.is_sorted_by_key(|call| call.at), "{}", profile.name);
            let failing = share(&calls, |call| call.worth() == Worth::Failing);
            let errors = profile.errors.is;
            assert!((0.7 * errors..1.3 * errors).contains(&failing), "{}: {failing}", profile.name);
            let leaving = share(&calls, |call| call.end == End::Left);
            assert!((leaving - profile.cancelled.is).abs() < 0.02, "{}: {leaving}", profile.name);
        }
    }

    #[test]
    fn reasoning_models_keep_callers_waiting_as_published() {
        let calls = Traffic::of(&REASONING, 1).take(100_000);
        let mut firsts: Vec<Duration> = calls.filter_map(|call| call.first).collect();
        firsts.sort();
        let p99 = firsts[firsts.len() * 99 / 100].as_secs_f64();
        // The stalled ones are on top of it.
        assert!((85.0..135.0).contains(&p99), "{p99}");
    }

    #[test]
    fn errors_that_come_in_a_row_are_no_more_of_them() {
        for sticks in [0.0, 0.1, 0.5] {
            let calls: Vec<Call> =
                Traffic::of(&ERRING_CHAT, 1).sticking(sticks).take(200_000).collect();
            let failing = share(&calls, |call| call.worth() == Worth::Failing);
            assert!((0.017..0.023).contains(&failing), "{sticks}: {failing}");
        }
    }

    #[test]
    fn a_job_runs_when_it_should_and_nothing_comes_between() {
        assert!(
            Traffic::of(&BATCH, 1)
                .take(20_000)
                .all(|call| { (call.at.since(at(0.0)).as_secs_f64() % 3_600.0) < 600.5 })
        );
    }
}
