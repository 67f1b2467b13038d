//! May this request go out? Its breakers are asked as this VM reaches them, and what they say is
//! counted and left to the access log.

use crate::access_log::{self, Way};
use crate::admission::{self, Answer, Call, Decision, Question, Said, Share, Word, Worker};
use crate::breaker::{Permit, PermitKind, StateName, unit};
use crate::level::Level;
use crate::plugin::entry::Entry;
use crate::policy::{Mode, Policy};
use crate::shared::Decided;
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use std::rc::Rc;

/// What breakers may say of a request, and what each of them gives.
pub(super) type Forwarded = admission::Forwarded<Rc<Entry>>;
pub(super) type Rejected = admission::Rejected<Rc<Entry>>;
pub(super) type Shares = Vec<Share<Rc<Entry>>>;

/// This VM, which shares its breakers with others.
pub(super) struct Vm;

impl Worker for Vm {
    type Breaker = Rc<Entry>;

    fn ask(
        &self,
        breaker: &Rc<Entry>,
        question: &Question<'_>,
        policy: &Policy,
        now: Instant,
    ) -> Decided<Answer> {
        breaker.ask(question, policy, now)
    }
}

/// Ask the breakers of a request, the finer one first; what they say is added to `heard`.
pub(super) fn ask(
    levels: &[(Level, Rc<Entry>)],
    policy: &Policy,
    now: Instant,
    heard: &mut Option<Way>,
) -> Decision<Rc<Entry>> {
    let call = Call { policy, now, random: unit(now.as_nanos()) };
    admission::ask(&Vm, levels, call, |entry, said| {
        if matches!(said.word, Word::Reject(..)) && said.mode == Mode::Shadow {
            entry.stats.count(Stat::WouldBlock);
        }
        let said = for_the_log(said, entry);
        match heard {
            Some(way) => way.and(said),
            None => *heard = Some(Way::begin(said)),
        }
    })
}

/// A request does go out: what of it are probes, counts as such. One that is given back unused is
/// none.
pub(super) fn count_probes(forwarded: &Forwarded) {
    for share in forwarded.shares.iter().filter(|share| share.is_probe()) {
        share.breaker.stats.count(Stat::HalfOpenRequests);
    }
}

/// How long a caller of this breaker must wait at least.
pub(super) fn wait(entry: &Rc<Entry>, policy: &Policy, now: Instant) -> Duration {
    admission::wait(&Vm, entry, policy, now)
}

fn for_the_log(said: &Said, entry: &Entry) -> access_log::Said {
    use access_log::Admission::{Pass, Probe, Reject, Untracked, WouldBlock};
    let Said { mode, overridden, .. } = *said;
    let (admission, permit) = match &said.word {
        Word::Untracked => (Untracked, None),
        Word::Forward(Some(permit), _) if is_probe(permit) => (Probe, Some(permit)),
        Word::Forward(permit, _) => (Pass, permit.as_ref()),
        Word::Reject(..) if mode == Mode::Shadow => (WouldBlock, None),
        Word::Reject(..) => (Reject, None),
    };
    // As the gauges show it.
    let state = match mode {
        Mode::Enforce | Mode::Shadow => said.state,
        Mode::Disabled => Some(StateName::Closed),
        Mode::ForcedOpen => Some(StateName::Open),
    };
    let permit = permit.map(|permit| (permit.kind, permit.epoch));
    let (key, policy) = (Rc::clone(&entry.key), Some(entry.fingerprint()));
    access_log::Said { key, state, mode, overridden, policy, admission, permit }
}

const fn is_probe(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. })
}
