//! What does each breaker of a call hear of it, once it was let through? That it began to be answered,
//! that it goes well, how it ended, or that it never went out.

use crate::admission::{Answer, Question, Worker};
use crate::breaker::{Permit, PermitKind};
use crate::level::Level;
use crate::outcome::{ANSWER_RESOLUTION, Outcome};
use crate::policy::{Mode, Policy};
use crate::time::Instant;

/// One breaker's share in a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Share<B> {
    /// Which of the call's breakers it is.
    pub level: Level,
    /// The breaker.
    pub breaker: B,
    /// Its mode when the call was let through.
    pub mode: Mode,
    /// What it gave; without one the outcome is for the stats only.
    pub permit: Option<Permit>,
}

impl<B: Clone> Share<B> {
    /// The same for a call whose outcome is for the stats only.
    #[must_use]
    pub fn without_permit(&self) -> Self {
        Self { level: self.level, breaker: self.breaker.clone(), mode: self.mode, permit: None }
    }
}

impl<B> Share<B> {
    /// Whether its call probes.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        matches!(self.permit, Some(Permit { kind: PermitKind::Probe { .. }, .. }))
    }
}

/// The upstream of a call began to answer it: tell the others, unless they know from `answered_at`
/// on. What is known from now on.
#[must_use]
pub fn note_answer<W: Worker>(
    worker: &W,
    shares: &[Share<W::Breaker>],
    answered_at: Instant,
    policy: &Policy,
    now: Instant,
) -> Instant {
    match shares.first() {
        Some(share) if now.since(answered_at) >= ANSWER_RESOLUTION => {
            let _ = worker.ask(&share.breaker, &Question::NoteAnswer, policy, now);
            now
        }
        _ => answered_at,
    }
}

/// A probe whose answer began well is good: others need not wait minutes for its end. Each share
/// that probes keeps what is left of its permit.
pub fn judge_early<W: Worker>(
    worker: &W,
    shares: &mut [Share<W::Breaker>],
    outcome: &Outcome,
    policy: &Policy,
    now: Instant,
) {
    for share in shares.iter_mut().filter(|share| share.is_probe()) {
        let Some(permit) = share.permit.take() else { continue };
        let heard = share.level.hears(outcome, policy);
        let question = Question::JudgeEarly { permit: &permit, outcome: &heard };
        share.permit = match worker.ask(&share.breaker, &question, policy, now).value {
            Some(Answer::FollowUp(left)) => left,
            _ => None,
        };
    }
}

/// A call ended: its permits are used up. The outcome as the first breaker recorded it, which the
/// others hear, too: a client's leaving may turn out to be a time-out.
pub fn settle<W: Worker>(
    worker: &W,
    shares: &mut [Share<W::Breaker>],
    outcome: &Outcome,
    policy: &Policy,
    now: Instant,
) -> Outcome {
    let mut recorded = *outcome;
    for (place, share) in shares.iter_mut().enumerate() {
        let (permit, heard) = (share.permit.take(), share.level.hears(&recorded, policy));
        let question = Question::Record { permit: permit.as_ref(), outcome: &heard };
        let answer = worker.ask(&share.breaker, &question, policy, now).value;
        if let (0, Some(Answer::Recorded(category))) = (place, answer) {
            recorded.category = category;
        }
    }
    recorded
}

/// A call does not go out after all.
pub fn give_back<W: Worker>(
    worker: &W,
    shares: Vec<Share<W::Breaker>>,
    policy: &Policy,
    now: Instant,
) {
    for Share { breaker, permit, .. } in shares {
        give_permit_back(worker, &breaker, permit, policy, now);
    }
}

/// What one that only watches would have refused uses up no permit of the others that do.
pub(super) fn give_back_watched<W: Worker>(
    worker: &W,
    shares: &mut [Share<W::Breaker>],
    policy: &Policy,
    now: Instant,
) {
    for share in shares.iter_mut().filter(|share| share.mode == Mode::Shadow) {
        give_permit_back(worker, &share.breaker, share.permit.take(), policy, now);
    }
}

fn give_permit_back<W: Worker>(
    worker: &W,
    breaker: &W::Breaker,
    permit: Option<Permit>,
    policy: &Policy,
    now: Instant,
) {
    if let Some(permit) = permit.filter(holds_a_slot) {
        let _ = worker.ask(breaker, &Question::GiveBack(&permit), policy, now);
    }
}

const fn holds_a_slot(permit: &Permit) -> bool {
    matches!(permit.kind, PermitKind::Probe { .. } | PermitKind::LastResort { .. })
}
