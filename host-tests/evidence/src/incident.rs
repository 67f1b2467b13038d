//! What does one seeded incident do to the calls around it?

use crate::call::{Asks, Call, End};
use crate::chance::Chance;
use crate::incidents::{Kind, MANNERS, Manner, PATIENCE, What};
use crate::known::assumed;
use crate::profiles::{Arrivals, CHAT, Profile};
use crate::traffic::{Traffic, at, error, failing, left, seconds};
use core::time::Duration;
use llm_breaker::time::Instant;

/// Traffic before the incident, so that windows are full and breakers have settled, in seconds.
const BEFORE: f64 = 600.0;
/// And after it: longer than the longest open time, whose probe must also end.
const AFTER: f64 = 1_500.0;

/// One incident, and the traffic that it meets.
#[derive(Clone, Debug)]
pub struct Incident {
    /// When it begins.
    pub begins: Instant,
    /// When it is over.
    pub ends: Instant,
    what: What,
    manner: (Manner, crate::chance::Spread),
    /// When all fails, one after the other.
    down: Vec<(Instant, Instant)>,
    factor: f64,
    base: Profile,
    seed: u64,
}

impl Incident {
    /// The incident of this kind and seed.
    #[must_use]
    pub fn of(kind: &Kind, seed: u64) -> Self {
        let mut chance = Chance::of(seed, kind.name);
        let begins = BEFORE + chance.between(0.0, 60.0);
        let ends = begins + chance.spread(kind.lasts.is).max(1.0);
        let what = kind.what.is;
        let down = periods(what, begins, ends, &mut chance);
        let factor = match what {
            What::Slows(low, high) => chance.between_logs(low, high),
            _ => 1.0,
        };
        let manner = chance.one_of(&MANNERS);
        let base = base(kind, &mut chance);
        Self { begins: at(begins), ends: at(ends), what, manner, down, factor, base, seed }
    }

    /// The calls before it, in it and after it.
    pub fn calls(&self) -> impl Iterator<Item = Call> + '_ {
        let mut chance = Chance::of(self.seed, "hits");
        let over = self.ends + seconds(AFTER);
        Traffic::of(&self.base, self.seed)
            .take_while(move |call| call.at < over)
            .map(move |call| self.strikes(call, &mut chance))
    }

    /// Whether it lasts then.
    #[must_use]
    pub fn lasts_at(&self, moment: Instant) -> bool {
        (self.begins..self.ends).contains(&moment)
    }

    /// What happens in it.
    #[must_use]
    pub const fn what(&self) -> What {
        self.what
    }

    fn strikes(&self, call: Call, chance: &mut Chance) -> Call {
        // What is drawn for a call depends on it alone.
        let (patience, share) = (chance.spread(PATIENCE.is), chance.unit());
        let after = chance.spread(self.manner.1);
        let down_at = |moment| self.down.iter().any(|(from, to)| (*from..*to).contains(&moment));
        if !down_at(call.at) {
            return self.strikes_in_flight(call, patience);
        }
        let hit = match self.what {
            What::Fails(of_all) if share < of_all => self.fails(call, after),
            What::Flaps { .. } => self.fails(call, after),
            What::OneModel if call.model == 0 => self.fails(call, after),
            What::Slows(..) if call.first.is_some() && call.end != End::Cut => {
                self.slows(call, patience)
            }
            What::Hangs | What::HangsUnseen => self.hangs(call, patience),
            What::Cuts(after) if call.is_stream() => {
                let after = chance.spread(after).min(call.lasts.as_secs_f64());
                failing(call, End::Cut, after)
            }
            What::Quota => failing(call, End::QuotaExhausted, 0.15),
            What::Limits(of_all) if share < of_all => {
                let wait = self.ends.since(call.at).as_secs_f64().ceil();
                let retry_after = Some(seconds(wait));
                failing(call, End::Error { status: 429, retry_after }, 0.1)
            }
            _ => return call,
        };
        // Who would have left before that never knew.
        if call.end == End::Left && call.lasts < hit.lasts {
            return Call { head: None, first: None, ..call };
        }
        Call { hit: true, ..hit }
    }

    /// What ends well although it began before, does not if all breaks down meanwhile.
    fn strikes_in_flight(&self, call: Call, patience: f64) -> Call {
        let caught = |(from, _): &&(Instant, Instant)| call.at < *from && *from < call.ends_at();
        let Some((from, _)) = self.down.iter().find(caught) else { return call };
        let then = from.since(call.at);
        let has_begun = call.head.is_some_and(|head| head < then);
        match self.what {
            What::Fails(1.0) | What::Flaps { .. } => {
                let end = if has_begun { End::Cut } else { End::Reset };
                Call { lasts: then, end, hit: true, ..until(call, then) }
            }
            What::Hangs | What::HangsUnseen => {
                let lasts = then + seconds(patience);
                Call { lasts, end: End::Left, hit: true, ..until(call, then) }
            }
            _ => call,
        }
    }

    fn fails(&self, call: Call, after: f64) -> Call {
        match self.manner.0 {
            Manner::Status(status) => failing(call, error(status), after),
            Manner::Refused => failing(call, End::Refused, after),
            Manner::Reset => failing(call, End::Reset, after),
        }
    }

    fn slows(&self, call: Call, patience: f64) -> Call {
        let Some(first) = call.first else { return call };
        let slow = first.mul_f64(self.factor);
        let later = |moment: Duration| moment + slow - first;
        let slowed = Call {
            head: call.head.map(later),
            first: Some(slow),
            lasts: later(call.lasts),
            ..call
        };
        // Who sees an answer grow waits for its end.
        if slow.as_secs_f64() > patience { left(slowed, seconds(patience)) } else { slowed }
    }

    fn hangs(&self, call: Call, patience: f64) -> Call {
        // The head of a stream may come all the same.
        let head = call.head.filter(|_| self.what == What::Hangs && call.is_stream());
        Call { head, first: None, lasts: seconds(patience), end: End::Left, ..call }
    }
}

/// The call as it was seen until then.
fn until(call: Call, then: Duration) -> Call {
    let seen = |moment: Option<Duration>| moment.filter(|moment| *moment < then);
    Call { head: seen(call.head), first: seen(call.first), ..call }
}

fn periods(what: What, begins: f64, ends: f64, chance: &mut Chance) -> Vec<(Instant, Instant)> {
    let What::Flaps { down, up } = what else { return vec![(at(begins), at(ends))] };
    let mut periods = Vec::new();
    let mut now = begins;
    while now < ends {
        let back = (now + chance.spread(down)).min(ends);
        periods.push((at(now), at(back)));
        now = back + chance.spread(up);
    }
    periods
}

/// Chat, with one error in a hundred, at a rate that differs from incident to incident.
fn base(kind: &Kind, chance: &mut Chance) -> Profile {
    let per_second = chance.between_logs(kind.rates.is.low, kind.rates.is.high);
    let asks = match kind.what.is {
        What::Hangs | What::Cuts(_) => Asks::Stream,
        What::HangsUnseen => Asks::StreamInBody,
        _ => chance.one_of(&[Asks::Stream, Asks::StreamInBody, Asks::Whole]),
    };
    Profile {
        arrivals: assumed(Arrivals::Steady { per_second, shape: 1.0 }),
        asks: assumed(asks),
        ..CHAT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Worth;
    use crate::incidents::KINDS;

    fn kind(name: &str) -> Kind {
        *KINDS.iter().find(|kind| kind.name == name).expect(name)
    }

    /// The calls that an incident of this kind is there for, of several seeds.
    fn during(name: &str) -> Vec<(Incident, Vec<Call>)> {
        let incidents = (1..=8).map(|seed| Incident::of(&kind(name), seed));
        incidents
            .map(|incident| {
                let calls = incident.calls().collect();
                (incident, calls)
            })
            .collect()
    }

    #[test]
    fn nothing_ends_well_while_all_is_down_or_hangs() {
        for name in ["outage, total", "hung streams", "hung, not known to stream"] {
            for (incident, calls) in during(name) {
                let ends_well =
                    |call: &&Call| call.worth() == Worth::Good && incident.lasts_at(call.ends_at());
                assert_eq!(calls.iter().find(ends_well), None, "{name}");
                let after = calls.iter().filter(|call| call.at > incident.ends);
                assert!(after.clone().all(|call| !call.hit), "{name}");
                assert!(after.clone().any(|call| call.worth() == Worth::Good), "{name}");
            }
        }
    }

    #[test]
    fn as_many_fail_as_the_kind_says() {
        for (name, share) in
            [("outage, 80 %", 0.8), ("outage, 20 %", 0.2), ("one model of five", 0.2)]
        {
            let hit: Vec<bool> = during(name)
                .into_iter()
                .flat_map(|(incident, calls)| {
                    calls.into_iter().filter(move |call| incident.lasts_at(call.at))
                })
                .map(|call| call.hit)
                .collect();
            let failing = hit.iter().filter(|hit| **hit).count() as f64 / hit.len() as f64;
            assert!((failing - share).abs() < 0.03, "{name}: {failing} of {}", hit.len());
        }
    }

    #[test]
    fn only_one_model_is_down() {
        for (_, calls) in during("one model of five") {
            assert!(calls.iter().all(|call| !call.hit || call.model == 0));
        }
    }

    #[test]
    fn a_429_says_when_its_burst_is_over() {
        for (incident, calls) in during("burst of 429s") {
            for call in calls.iter().filter(|call| call.hit) {
                let End::Error { status: 429, retry_after: Some(wait) } = call.end else {
                    panic!("{call:?}")
                };
                let back = call.at + wait;
                assert!(back >= incident.ends && back < incident.ends + seconds(1.0), "{call:?}");
            }
        }
    }

    #[test]
    fn what_flaps_works_in_between() {
        let ended_well = |(incident, calls): &(Incident, Vec<Call>)| {
            let good = |call: &&Call| call.worth() == Worth::Good && incident.lasts_at(call.at);
            calls.iter().filter(good).count()
        };
        assert!(during("flapping").iter().map(ended_well).sum::<usize>() > 100);
    }

    #[test]
    fn a_slow_answer_is_good_if_its_caller_waits() {
        for (incident, calls) in during("brown-out") {
            for call in calls.iter().filter(|call| call.hit && call.end != End::Left) {
                assert_eq!(call.worth(), Worth::Good, "{call:?}");
                assert!(incident.lasts_at(call.at) && call.first <= Some(call.lasts));
            }
        }
    }
}
