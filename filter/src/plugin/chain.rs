//! What is done in the upstream's place? The first fallback of the list that holds and can.

use crate::access_log::{Admission, Said, Way};
use crate::admission::{Decision, Share, give_back, lend};
use crate::breaker::Shown;
use crate::fallback::{self, Reply};
use crate::key::Key;
use crate::level::Level;
use crate::plugin::admission::{self, Forwarded, Rejected, Vm};
use crate::plugin::entry::Entry;
use crate::plugin::heads::Part;
use crate::plugin::host;
use crate::plugin::request::Request;
use crate::plugin::reroute::{self, Changes};
use crate::policy::{
    Choice, CompletionAnswer, ErrorAnswer, Fallback, FallbackKind, Mode, Policy, Reason, Reroute,
};
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// What was done.
pub(super) enum Instead {
    /// The filter answered.
    Answered,
    /// The request goes on, as a call of its own.
    Sent,
    /// It goes where it was to go, its outcome being for the stats only.
    Pass,
    /// More of the request's body must be known first.
    NeedsBody,
}

/// Do something else with a request that was refused.
pub(super) fn instead(request: &Request, rejected: &Rejected) -> Instead {
    let policy = request.cluster.policy();
    let reason = match rejected.mode {
        Mode::ForcedOpen => Some(Reason::ForcedOpen),
        _ => rejected.because.map(Reason::Category),
    };
    let part = rejected.finest.key.part.as_deref();
    let choices = policy.fallback.iter().filter(|choice| holds(choice, reason, part));
    let choices: Vec<&Fallback> = choices.map(|choice| &choice.fallback).collect();
    let (now, wait) = (host::now(), rejected.retry_after);
    let mut chain = Chain { request, rejected, policy: &policy, choices: &choices, now, wait };
    for choice in &choices {
        if let Some(done) = chain.tried(choice) {
            return done;
        }
    }
    chain.error(&ErrorAnswer::default())
}

/// Whether a choice is meant for this reason and part; where none is known, only one that is meant
/// for all is.
pub(super) fn holds(choice: &Choice, reason: Option<Reason>, part: Option<&str>) -> bool {
    let is_meant = choice.when.is_empty() || reason.is_some_and(|it| choice.when.contains(&it));
    let is_its = || part.is_some_and(|part| choice.parts.iter().any(|it| it == part));
    is_meant && (choice.parts.is_empty() || is_its())
}

struct Chain<'a> {
    request: &'a Request,
    rejected: &'a Rejected,
    policy: &'a Policy,
    /// Those of the list that are meant for this request.
    choices: &'a [&'a Fallback],
    now: Instant,
    /// The shortest of all that refused.
    wait: Duration,
}

impl Chain<'_> {
    /// What a fallback did; `None` if it cannot.
    fn tried(&mut self, fallback: &Fallback) -> Option<Instead> {
        match fallback {
            Fallback::Error(answer) => Some(self.error(answer)),
            Fallback::Completion(answer) => self.completion(answer),
            Fallback::Reroute(route) => self.reroute(route),
            Fallback::Pass => {
                self.count(FallbackKind::Pass);
                Some(Instead::Pass)
            }
            Fallback::LastResort => self.last_resort(),
        }
    }

    fn error(&self, answer: &ErrorAnswer) -> Instead {
        let reply = fallback::error(answer, &self.request.asked(), self.wait);
        // Nobody would resume a request whose answer the host does not take.
        self.answer(FallbackKind::Error, reply).unwrap_or(Instead::Pass)
    }

    fn completion(&self, answer: &CompletionAnswer) -> Option<Instead> {
        let Some(facts) = self.request.facts() else { return Some(Instead::NeedsBody) };
        if !facts.complete {
            return None;
        }
        let asked = self.request.asked();
        let reply = fallback::completion(answer, &asked, host::wall_clock())?;
        self.answer(FallbackKind::Completion, reply)
    }

    fn answer(&self, kind: FallbackKind, mut reply: Reply) -> Option<Instead> {
        if self.policy.debug_headers {
            reply.explain(&self.rejected.by.key.cluster, self.rejected.because);
        }
        self.count(kind);
        self.rejected.by.stats.count(Stat::Blocked);
        host::reply(&reply).then_some(Instead::Answered)
    }

    fn reroute(&mut self, route: &Reroute) -> Option<Instead> {
        let way = match reroute::way(self.request, route) {
            reroute::Way::Open(changes) => changes,
            reroute::Way::NeedsBody => return Some(Instead::NeedsBody),
            reroute::Way::Barred => return None,
        };
        let Some(target) = self.request.breakers.of_target(&route.cluster, self.now) else {
            let said = self.untracked(&route.cluster);
            return self.send(route, &way, said, None, FallbackKind::Reroute);
        };
        let policy = target.policy();
        let part = reroute::part(self.request, route, &policy);
        // The target tells models apart, and only the body names this one.
        if part == Part::OfModel(None) && self.request.facts().is_none() {
            return Some(Instead::NeedsBody);
        }
        let levels = self.request.levels(&target, &part, self.now);
        let mut heard = None;
        let forwarded = match admission::ask(&levels, &policy, self.now, &mut heard) {
            Decision::Untracked => None,
            Decision::Forward(forwarded) => Some(forwarded),
            Decision::Reject(rejected) => {
                self.wait = self.wait.min(rejected.retry_after);
                return None;
            }
        };
        let call = forwarded.map(|forwarded| (forwarded, policy));
        self.send(route, &way, heard, call, FallbackKind::Reroute)
    }

    /// Of a cluster that has no breaker.
    fn untracked(&self, cluster: &str) -> Option<Way> {
        let mode = self.request.breakers.configured(cluster).mode;
        let key = Rc::new(Key::of_cluster(cluster));
        Some(Way::begin(Said::nothing(key, mode, Admission::Untracked)))
    }

    /// One call at a time, to the target whose wait ends first and that lends.
    fn last_resort(&self) -> Option<Instead> {
        let routes = self.choices.iter().filter_map(|choice| match choice {
            Fallback::Reroute(route) => Some(&**route),
            _ => None,
        });
        let mut targets: Vec<Target<'_>> =
            routes.filter_map(|route| Target::of(self.request, route, self.now)).collect();
        targets.push(Target::Own { wait: self.rejected.retry_after });
        while let Some((next, _)) = targets.iter().enumerate().min_by_key(|(_, it)| it.wait()) {
            if let Some(instead) = self.lend(targets.remove(next)) {
                return Some(instead);
            }
        }
        None
    }

    fn lend(&self, target: Target<'_>) -> Option<Instead> {
        let kind = FallbackKind::LastResort;
        match target {
            Target::Own { .. } => {
                let (permit, _) = lend(&Vm, &self.rejected.by, self.policy, self.now)?;
                self.count(kind);
                self.request.trace.note(|record| {
                    if let Some(way) = &mut record.routed {
                        way.lend(&self.rejected.by.key, &permit);
                    }
                });
                let forwarded = self.rejected.under_loan(permit);
                self.request.forward(forwarded, self.request.cluster.policy());
                Some(Instead::Sent)
            }
            Target::Route { route, changes, entry, .. } => {
                let policy = entry.policy();
                let (permit, Shown { state, mode, .. }) = lend(&Vm, &entry, &policy, self.now)?;
                let key = Rc::clone(&entry.key);
                let mut said = Said::nothing(key, mode, Admission::LastResort);
                (said.state, said.policy) = (Some(state), Some(entry.fingerprint()));
                said.gave(&permit);
                let (level, permit) = (Level::Sole, Some(permit));
                let share = Share { level, breaker: entry, mode, permit };
                let forwarded = Forwarded { shares: vec![share], answered_at: Instant::ZERO };
                let way = Some(Way::begin(said));
                self.send(route, &changes, way, Some((forwarded, policy)), kind)
            }
        }
    }

    /// Send the request the other way, as a call of the target's if that is tracked.
    fn send(
        &self,
        route: &Reroute,
        changes: &Changes,
        heard: Option<Way>,
        call: Option<(Forwarded, Rc<Policy>)>,
        kind: FallbackKind,
    ) -> Option<Instead> {
        // A call that the host then does not send stays counted: better too few than too many.
        if !reroute::is_allowed(route, self.now) || !reroute::take(route, changes) {
            if let Some((forwarded, policy)) = call {
                give_back(&Vm, forwarded.shares, &policy, self.now);
            }
            return None;
        }
        self.count(kind);
        self.request.trace.note(|record| record.rerouted = heard);
        if kind != FallbackKind::LastResort {
            self.rejected.by.stats.count(Stat::Blocked);
        }
        if let Some((forwarded, policy)) = call {
            self.request.forward_to(&route.cluster, forwarded, policy);
        }
        Some(Instead::Sent)
    }

    fn count(&self, kind: FallbackKind) {
        self.request.trace.note(|record| record.fallback = Some(kind));
        self.rejected.by.stats.count(Stat::Fallbacks(kind));
    }
}

/// Where a last resort may lead.
enum Target<'a> {
    Own { wait: Duration },
    Route { wait: Duration, route: &'a Reroute, changes: Changes, entry: Rc<Entry> },
}

impl<'a> Target<'a> {
    fn of(request: &Request, route: &'a Reroute, now: Instant) -> Option<Self> {
        let reroute::Way::Open(changes) = reroute::way(request, route) else { return None };
        let entry = request.breakers.of_target(&route.cluster, now)?;
        let wait = admission::wait(&entry, &entry.policy(), now);
        Some(Self::Route { wait, route, changes, entry })
    }

    const fn wait(&self) -> Duration {
        match self {
            Self::Own { wait } | Self::Route { wait, .. } => *wait,
        }
    }
}
