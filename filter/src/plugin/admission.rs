//! May this request go out? All of its breakers must agree, and what one of them gave is given back
//! if another refuses.

use crate::access_log::{Admission as Heard, Said, Way};
use crate::breaker::{self, Admission, Permit, PermitKind, StateName, unit};
use crate::category::Category;
use crate::level::Level;
use crate::plugin::call::Share;
use crate::plugin::entry::Entry;
use crate::policy::{Mode, Policy};
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// What the breakers of a request say.
pub(super) enum Answer {
    /// None of their business.
    Untracked,
    /// Let it through.
    Forward(Forwarded),
    /// Hold it back.
    Reject(Rejected),
}

/// A request that may go out.
pub(super) struct Forwarded {
    /// What each breaker gave.
    pub(super) shares: Vec<Share>,
    /// When the first breaker last knew of an answer.
    pub(super) answered_at: Instant,
}

/// A request that is held back.
pub(super) struct Rejected {
    /// The breaker that refused.
    pub(super) by: Rc<Entry>,
    /// The longest wait of all its breakers.
    pub(super) retry_after: Duration,
    /// The category of the outcome that opened it.
    pub(super) because: Option<Category>,
    levels: Vec<(Level, Rc<Entry>)>,
}

impl Rejected {
    /// The part of its cluster's calls that the request is of.
    pub(super) fn part(&self) -> Option<&str> {
        self.levels.first()?.1.key.part.as_deref()
    }

    /// Let the request through all the same: its outcome is for the stats.
    pub(super) fn without_permits(&self) -> Forwarded {
        let share = |(level, entry): &(Level, Rc<Entry>)| Share {
            level: *level,
            entry: Rc::clone(entry),
            permit: None,
        };
        let shares = self.levels.iter().map(share).collect();
        Forwarded { shares, answered_at: Instant::ZERO }
    }

    /// Let it through with what the breaker that refused it lends.
    pub(super) fn under_loan(&self, permit: Permit) -> Forwarded {
        let mut forwarded = self.without_permits();
        let its = |share: &&mut Share| Rc::ptr_eq(&share.entry, &self.by);
        if let Some(share) = forwarded.shares.iter_mut().find(its) {
            share.permit = Some(permit);
        }
        forwarded
    }
}

/// What one breaker says, and when it last knew of an answer.
enum Word {
    Untracked,
    Forward(Option<Permit>, Instant),
    Reject(Duration, Option<Category>),
}

/// Ask the breakers of a request, the finer one first; all that they said is added to `heard`.
pub(super) fn ask(
    levels: Vec<(Level, Rc<Entry>)>,
    policy: &Policy,
    now: Instant,
    heard: &mut Option<Way>,
) -> Answer {
    let mut forwarded = Forwarded { shares: Vec::new(), answered_at: Instant::ZERO };
    let mut asked = levels.iter();
    while let Some((level, entry)) = asked.next() {
        let (word, state) = ask_one(entry, policy, now);
        note(heard, said(entry, policy.mode, state, &word));
        match word {
            Word::Untracked => return Answer::Untracked,
            Word::Forward(permit, answered_at) => {
                if forwarded.shares.is_empty() {
                    forwarded.answered_at = answered_at;
                }
                let (level, entry) = (*level, Rc::clone(entry));
                forwarded.shares.push(Share { level, entry, permit });
            }
            Word::Reject(retry_after, because) => {
                give_back(forwarded.shares, now);
                let others = asked.map(|(_, entry)| open_remaining(entry, now));
                let retry_after = others.fold(retry_after, Duration::max);
                let by = Rc::clone(entry);
                return Answer::Reject(Rejected { by, retry_after, because, levels });
            }
        }
    }
    for share in &forwarded.shares {
        if share.permit.as_ref().is_some_and(is_probe) {
            share.entry.stats.count(Stat::HalfOpenRequests);
        }
    }
    Answer::Forward(forwarded)
}

/// Where the shared record could not be had, a closed breaker lets the call pass, and any other
/// rejects it.
fn ask_one(entry: &Entry, policy: &Policy, now: Instant) -> (Word, Option<StateName>) {
    if let Some(admission) = breaker::overruled(policy) {
        return (word(admission, Instant::ZERO), None);
    }
    let decided = entry.decide(now, |breaker| {
        let (admission, change) = breaker.admit(policy, now, unit(now.as_nanos()));
        ((admission, breaker.answered_at), change)
    });
    if let Some(transition) = decided.transition {
        entry.report(&transition, None);
    }
    let word = match (decided.value, decided.state) {
        (Some((admission, answered_at)), _) => word(admission, answered_at),
        (None, None | Some(StateName::Closed)) => Word::Forward(None, now),
        (None, Some(StateName::Open | StateName::HalfOpen)) => Word::Reject(Duration::ZERO, None),
    };
    (word, decided.state)
}

/// What a breaker said, for the access log.
fn said(entry: &Entry, mode: Mode, state: Option<StateName>, word: &Word) -> Said {
    let (admission, permit) = match word {
        Word::Untracked => (Heard::Untracked, None),
        Word::Forward(Some(permit), _) if is_probe(permit) => (Heard::Probe, Some(permit)),
        Word::Forward(permit, _) => (Heard::Pass, permit.as_ref()),
        Word::Reject(..) if mode == Mode::Shadow => (Heard::WouldBlock, None),
        Word::Reject(..) => (Heard::Reject, None),
    };
    let state = match mode {
        Mode::Enforce | Mode::Shadow => state,
        Mode::Disabled => Some(StateName::Closed),
        Mode::ForcedOpen => Some(StateName::Open),
    };
    let permit = permit.map(|permit| (permit.kind, permit.epoch));
    let (key, policy) = (Rc::clone(&entry.key), Some(entry.fingerprint()));
    Said { key, state, mode, overridden: false, policy, admission, permit }
}

fn note(heard: &mut Option<Way>, said: Said) {
    match heard {
        Some(way) => way.and(said),
        None => *heard = Some(Way::begin(said)),
    }
}

fn word(admission: Admission, answered_at: Instant) -> Word {
    match admission {
        Admission::Untracked => Word::Untracked,
        Admission::Pass(permit) | Admission::Probe(permit) => {
            Word::Forward(Some(permit), answered_at)
        }
        Admission::Reject { retry_after, because } => Word::Reject(retry_after, because),
    }
}

/// A request does not go out after all.
pub(super) fn give_back(shares: Vec<Share>, now: Instant) {
    for Share { entry, permit, .. } in shares {
        if let Some(permit) = permit.filter(holds_a_slot) {
            let _ = entry.decide(now, |breaker| ((), breaker.give_back(&permit)));
        }
    }
}

/// How long a breaker will stay open.
pub(super) fn open_remaining(entry: &Entry, now: Instant) -> Duration {
    let look =
        |breaker: &mut breaker::Breaker| (breaker.open_remaining(now), breaker::Change::Nothing);
    entry.decide(now, look).value.unwrap_or_default()
}

const fn is_probe(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. })
}

const fn holds_a_slot(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. } | PermitKind::LastResort { .. })
}
