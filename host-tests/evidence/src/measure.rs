//! What did a subject make of the calls, and what did that cost?

use crate::call::{Call, Worth};
use crate::incident::Incident;
use crate::incidents::What;
use crate::subject::{Deciding, Fate};
use core::time::Duration;
use llm_breaker::replay::share;
use llm_breaker::time::Instant;

use crate::watched::Seen;
use llm_breaker::category::Verdict;

/// Failures that must fall into one window before anybody could tell.
pub const ENOUGH: usize = 5;
/// Within which they must fail.
const WINDOW: Duration = Duration::from_secs(60);
/// What calls hang for until they are known to.
const HANGS: Duration = Duration::from_secs(120);

/// A healthy time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Healthy {
    /// Calls.
    pub calls: u64,
    /// Those that would succeed.
    pub good: u64,
    /// Those of them that were held back.
    pub good_blocked: u64,
    /// Hours.
    pub hours: u64,
    /// Those in which it began to hold calls back.
    pub hours_with_a_trip: u64,
}

/// One incident.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Whether it could be told: enough calls of it failed within one window, while it lasted.
    pub can_be_told: bool,
    /// Calls that the incident made fail.
    pub failing: u64,
    /// Those of them that were let through, and waited for.
    pub paid: u64,
    /// Good calls, from its beginning on.
    pub good: u64,
    /// Those of them that were held back.
    pub good_blocked: u64,
    /// From its beginning until calls were held back; `None` if they were not while it lasted.
    pub detected_after: Option<Duration>,
    /// From its end until the first call was let through; `None` if none was.
    pub first_after: Option<Duration>,
    /// From its end until no more calls were held back.
    pub recovered_after: Duration,
}

/// Measures a healthy time as it goes by.
#[derive(Debug, Default)]
pub struct HealthyMeter {
    healthy: Healthy,
    first: Option<Instant>,
    last: Instant,
}

impl HealthyMeter {
    /// One more call.
    pub fn note(&mut self, call: &Call, fate: Fate) {
        self.first.get_or_insert(call.at);
        self.last = call.at;
        let is_good = call.worth() == Worth::Good;
        self.healthy.calls += 1;
        self.healthy.good += u64::from(is_good);
        self.healthy.good_blocked += u64::from(is_good && fate == Fate::Blocked);
    }

    /// The whole time.
    #[must_use]
    pub fn finish(self, trips: &[Instant]) -> Healthy {
        let first = self.first.unwrap_or_default();
        let hour = |moment: Instant| moment.since(first).as_secs() / 3_600;
        let mut hours: Vec<u64> = trips.iter().map(|trip| hour(*trip)).collect();
        hours.sort_unstable();
        hours.dedup();
        Healthy {
            hours: hour(self.last) + 1,
            hours_with_a_trip: hours.len() as u64,
            ..self.healthy
        }
    }
}

impl Healthy {
    /// The share of the good calls that were held back.
    #[must_use]
    pub fn share_blocked(&self) -> f64 {
        share(self.good_blocked, self.good)
    }

    /// The share of the hours with a trip.
    #[must_use]
    pub fn share_of_hours(&self) -> f64 {
        share(self.hours_with_a_trip, self.hours)
    }

    /// What two runs of the same profile come to.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            good: self.good + other.good,
            good_blocked: self.good_blocked + other.good_blocked,
            hours: self.hours + other.hours,
            hours_with_a_trip: self.hours_with_a_trip + other.hours_with_a_trip,
        }
    }
}

/// What one incident costs whom it is left to.
#[must_use]
pub fn incident(incident: &Incident, calls: &[(Call, Seen)], mut subject: Deciding) -> Cost {
    let mut cost = Cost::default();
    let (mut first_held, mut first_after, mut last_held) = (None, None, None);
    for (call, seen) in calls {
        let fate = subject.arrives(call, seen);
        let (sent, lasts) = (fate == Fate::Sent, incident.lasts_at(call.at));
        let failing = call.hit && call.worth() == Worth::Failing;
        cost.failing += u64::from(failing);
        cost.paid += u64::from(failing && sent);
        if call.at < incident.begins {
            continue;
        }
        let good = call.worth() == Worth::Good;
        cost.good += u64::from(good);
        cost.good_blocked += u64::from(good && !sent);
        match (sent, lasts) {
            (false, true) => _ = first_held.get_or_insert(call.at),
            (false, false) => last_held = Some(call.at),
            (true, false) => _ = first_after.get_or_insert(call.at),
            (true, true) => {}
        }
    }
    let tripped = subject.trips().into_iter().find(|moment| incident.lasts_at(*moment));
    // Whoever held calls back already when it began had no need to trip.
    let held = tripped.into_iter().chain(first_held).min();
    Cost {
        detected_after: held.map(|moment| moment.since(incident.begins)),
        first_after: first_after.map(|moment| moment.since(incident.ends)),
        recovered_after: last_held.map_or(Duration::ZERO, |moment| moment.since(incident.ends)),
        ..cost
    }
}

/// Whether anybody who looks at the last minute could tell an incident from its failures, as they are
/// recorded when nobody holds a call back. One whose calls hang must outlast their limit by a window.
/// By the promised values, not by those that are judged: worse ones would have less to tell.
#[must_use]
pub fn can_be_told(incident: &Incident, calls: &[(Call, Seen)]) -> bool {
    if incident.what() == What::Hangs && incident.ends < incident.begins + HANGS + WINDOW {
        return false;
    }
    let fails = |seen: &Seen| {
        // Of those who left without a byte all may count, where nobody got one.
        let outcome = match incident.what() {
            What::HangsUnseen => seen.outcome.judged(Instant::ZERO),
            _ => seen.outcome,
        };
        let verdict = outcome.category.default_verdict();
        matches!(verdict, Verdict::Failure | Verdict::Open) && incident.lasts_at(seen.settled)
    };
    let mut failures: Vec<Instant> = calls
        .iter()
        .filter(|(call, seen)| call.hit && fails(seen))
        .map(|(_, seen)| seen.settled)
        .collect();
    failures.sort_unstable();
    failures.windows(ENOUGH).any(|some| some[ENOUGH - 1].since(some[0]) < WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Asks, End};
    use crate::incidents::KINDS;
    use crate::ours::Setting;
    use crate::subject::Subject;
    use crate::traffic::{at, error, failing, seconds};
    use crate::watched::watch;
    use llm_breaker::policy::Policy;

    fn good(second: f64) -> Call {
        let moment = Some(seconds(0.5));
        let (head, first) = (moment, moment);
        let lasts = seconds(2.0);
        Call {
            at: at(second),
            model: 0,
            asks: Asks::Stream,
            head,
            first,
            lasts,
            end: End::Whole,
            hit: false,
        }
    }

    #[test]
    fn an_hour_with_two_trips_is_one_hour() {
        let mut meter = HealthyMeter::default();
        for hour in 0..4 {
            let fate = if hour == 2 { Fate::Blocked } else { Fate::Sent };
            meter.note(&good(3_600.0 * f64::from(hour)), fate);
        }
        let trips = [at(10.0), at(20.0), at(7_300.0)];
        let healthy = meter.finish(&trips);
        let expected =
            Healthy { calls: 4, good: 4, good_blocked: 1, hours: 4, hours_with_a_trip: 2 };
        assert_eq!(healthy, expected);
        assert_eq!((healthy.share_blocked(), healthy.share_of_hours()), (0.25, 0.5));
    }

    /// A total outage, hit by one call each so many seconds.
    fn outage(every: f64) -> (Incident, Vec<(Call, Seen)>) {
        let incident = Incident::of(&KINDS[0], 3);
        let policy = Policy::default();
        let calls = (0..400).map(|number| {
            let call = good(f64::from(number) * every);
            let call = if incident.lasts_at(call.at) {
                Call { hit: true, ..failing(call, error(503), 0.2) }
            } else {
                call
            };
            (call, watch(&call, &policy))
        });
        let calls = calls.collect();
        (incident, calls)
    }

    #[test]
    fn five_failures_within_a_window_can_be_told_and_fewer_cannot() {
        for (every, told) in [(5.0, true), (14.9, true), (15.1, false), (60.0, false)] {
            let (incident, calls) = outage(every);
            assert_eq!(can_be_told(&incident, &calls), told, "{every}");
            let ours = Subject::Ours.begins(&Setting::defaults(), "node");
            let cost = super::incident(&incident, &calls, ours);
            assert_eq!(cost.detected_after.is_some(), told, "{every}: {cost:?}");
        }
    }

    #[test]
    fn costs_are_what_was_let_through_and_what_was_held_back() {
        let (incident, calls) = outage(5.0);
        let ours = Subject::Ours.begins(&Setting::defaults(), "node");
        let cost = super::incident(&incident, &calls, ours);
        let failing = calls.iter().filter(|(call, _)| call.hit).count() as u64;
        assert_eq!(cost.failing, failing);
        assert!(cost.paid >= 5 && cost.paid < failing, "{cost:?}");
        // Five calls at most five seconds apart, from the first one's on.
        assert!(cost.detected_after <= Some(seconds(25.5)), "{cost:?}");
        assert_eq!(cost.first_after.is_some(), cost.good_blocked < cost.good, "{cost:?}");
    }
}
