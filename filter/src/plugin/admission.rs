//! May this request go out? All of its breakers must agree, each by its own mode, and what one of
//! them gave is given back if another refuses.

use crate::access_log::{self, Way};
use crate::breaker::{Admission, Breaker, Change, Permit, PermitKind, StateName, unit};
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

impl Forwarded {
    /// It does go out: what of it are probes, counts as such. One that is given back unused is none.
    pub(super) fn count_probes(&self) {
        for share in &self.shares {
            if share.permit.as_ref().is_some_and(is_probe) {
                share.entry.stats.count(Stat::HalfOpenRequests);
            }
        }
    }
}

/// A request that is held back.
pub(super) struct Rejected {
    /// The breaker that refused.
    pub(super) by: Rc<Entry>,
    /// Its mode.
    pub(super) mode: Mode,
    /// The longest wait of all its breakers.
    pub(super) retry_after: Duration,
    /// The category of the outcome that opened it.
    pub(super) because: Option<Category>,
    /// The part of its cluster's calls that the request is of.
    pub(super) part: Option<String>,
    /// The breakers that have a say in the request.
    levels: Vec<Share>,
}

impl Rejected {
    /// Let the request through all the same: its outcome is for the stats.
    pub(super) fn without_permits(&self) -> Forwarded {
        let shares = self.levels.iter().map(Share::without_permit).collect();
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

/// What one breaker says in its mode.
struct Said {
    mode: Mode,
    overridden: bool,
    state: Option<StateName>,
    word: Word,
}

enum Word {
    /// Nothing.
    Untracked,
    /// And when it last knew of an answer.
    Forward(Option<Permit>, Instant),
    Reject(Duration, Option<Category>),
}

/// What those who only watch were asked so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watchers {
    Agree,
    /// One of them would have refused: the call is none for the others, either.
    WouldBlock,
}

/// Ask the breakers of a request, the finer one first; what they say is added to `heard`.
pub(super) fn ask(
    levels: &[(Level, Rc<Entry>)],
    policy: &Policy,
    now: Instant,
    heard: &mut Option<Way>,
) -> Answer {
    let mut forwarded = Forwarded { shares: Vec::new(), answered_at: Instant::ZERO };
    let mut watchers = Watchers::Agree;
    let mut unasked = levels;
    while let Some(((level, entry), others)) = unasked.split_first() {
        unasked = others;
        let said = ask_one(entry, policy, watchers, now);
        note(heard, said.for_the_log(entry));
        let Said { mode, word, .. } = said;
        let (permit, answered_at) = match word {
            Word::Untracked => continue,
            Word::Forward(permit, answered_at) => (permit, answered_at),
            Word::Reject(..) if mode == Mode::Shadow => {
                entry.stats.count(Stat::WouldBlock);
                watchers = Watchers::WouldBlock;
                give_back_watched(&mut forwarded.shares, now);
                (None, Instant::ZERO)
            }
            Word::Reject(retry_after, because) => {
                let mut asked: Vec<Share> =
                    forwarded.shares.iter().map(Share::without_permit).collect();
                give_back(forwarded.shares, now);
                let by = Rc::clone(entry);
                asked.push(Share { level: *level, entry: Rc::clone(entry), mode, permit: None });
                return Answer::Reject(Rejected {
                    by,
                    mode,
                    retry_after: longest_wait(retry_after, others, policy, now),
                    because,
                    part: levels.first().and_then(|(_, entry)| entry.key.part.clone()),
                    levels: with_unasked(asked, others, policy),
                });
            }
        };
        if forwarded.shares.is_empty() {
            forwarded.answered_at = answered_at;
        }
        let (level, entry) = (*level, Rc::clone(entry));
        forwarded.shares.push(Share { level, entry, mode, permit });
    }
    if forwarded.shares.is_empty() {
        return Answer::Untracked;
    }
    Answer::Forward(forwarded)
}

/// Where the shared record could not be had, a closed breaker lets the call pass, and any other
/// rejects it.
fn ask_one(entry: &Entry, policy: &Policy, watchers: Watchers, now: Instant) -> Said {
    // What was read last counts, also where it could not be acted on.
    let (mut mode, mut overridden) = (policy.mode, false);
    let decided = entry.ask(policy, now, |breaker| {
        mode = breaker.mode(policy, now);
        overridden = breaker.override_in_force(now).is_some();
        if mode == Mode::Shadow && watchers == Watchers::WouldBlock {
            return (None, Change::Nothing);
        }
        let (admission, change) = breaker.admit(policy, now, unit(now.as_nanos()));
        (Some((admission, breaker.answered_at)), change)
    });
    if let Some(transition) = decided.transition {
        entry.report(&transition, None, now);
    }
    let word = match (decided.value, mode, decided.state) {
        (Some(Some((admission, answered_at))), ..) => word(admission, answered_at),
        (Some(None), ..) => Word::Forward(None, Instant::ZERO),
        (None, Mode::Disabled, _) => Word::Untracked,
        (None, Mode::ForcedOpen, _) => Word::Reject(policy.open.base, None),
        (None, _, None | Some(StateName::Closed)) => Word::Forward(None, now),
        (None, _, Some(StateName::Open | StateName::HalfOpen)) => {
            Word::Reject(Duration::ZERO, None)
        }
    };
    Said { mode, overridden, state: decided.state, word }
}

impl Said {
    fn for_the_log(&self, entry: &Entry) -> access_log::Said {
        use access_log::Admission::{Pass, Probe, Reject, Untracked, WouldBlock};
        let Self { mode, overridden, .. } = *self;
        let (admission, permit) = match &self.word {
            Word::Untracked => (Untracked, None),
            Word::Forward(Some(permit), _) if is_probe(permit) => (Probe, Some(permit)),
            Word::Forward(permit, _) => (Pass, permit.as_ref()),
            Word::Reject(..) if mode == Mode::Shadow => (WouldBlock, None),
            Word::Reject(..) => (Reject, None),
        };
        // As the gauges show it.
        let state = match mode {
            Mode::Enforce | Mode::Shadow => self.state,
            Mode::Disabled => Some(StateName::Closed),
            Mode::ForcedOpen => Some(StateName::Open),
        };
        let permit = permit.map(|permit| (permit.kind, permit.epoch));
        let (key, policy) = (Rc::clone(&entry.key), Some(entry.fingerprint()));
        access_log::Said { key, state, mode, overridden, policy, admission, permit }
    }
}

fn note(heard: &mut Option<Way>, said: access_log::Said) {
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

fn longest_wait(
    wait: Duration,
    others: &[(Level, Rc<Entry>)],
    policy: &Policy,
    now: Instant,
) -> Duration {
    others.iter().fold(wait, |longest, (_, entry)| longest.max(self::wait(entry, policy, now)))
}

/// Those that were not asked any more have a say by the policy's mode, as far as is known.
fn with_unasked(
    mut asked: Vec<Share>,
    others: &[(Level, Rc<Entry>)],
    policy: &Policy,
) -> Vec<Share> {
    asked.extend(others.iter().map(|(level, entry)| Share {
        level: *level,
        entry: Rc::clone(entry),
        mode: policy.mode,
        permit: None,
    }));
    asked
}

/// What one that only watches would have refused uses up no permit of the others that do.
fn give_back_watched(shares: &mut [Share], now: Instant) {
    for share in shares.iter_mut().filter(|share| share.mode == Mode::Shadow) {
        if let Some(permit) = share.permit.take().filter(holds_a_slot) {
            let _ = share.entry.decide(now, |breaker| ((), breaker.give_back(&permit)));
        }
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

/// How long a caller of this breaker must wait at least.
pub(super) fn wait(entry: &Entry, policy: &Policy, now: Instant) -> Duration {
    let look = |breaker: &mut Breaker| (breaker.wait(policy, now), Change::Nothing);
    entry.decide(now, look).value.unwrap_or_default()
}

const fn is_probe(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. })
}

const fn holds_a_slot(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. } | PermitKind::LastResort { .. })
}
