//! May this call go out, and what is each of its breakers told of it? All that have a say must
//! agree, each by its own mode, and what one of them gave is given back if another refuses.
//!
//! How a breaker's record is reached, and who hears of what was decided on it, is the [`Worker`]'s
//! business: the plugin, the simulation and a replay run the very same code.

mod question;
mod share;

#[cfg(test)]
mod tests;

pub use question::{Answer, Asker, Question, Watchers};
pub use share::{Share, give_back, judge_early, note_answer, settle};

use crate::breaker::{Admission, Permit, Shown, StateName};
use crate::category::Category;
use crate::level::Level;
use crate::policy::{Mode, Policy};
use crate::shared::Decided;
use crate::time::Instant;
use core::time::Duration;

/// One that decides about calls, beside others that share the breakers with it.
pub trait Worker {
    /// One breaker, as it is known here.
    type Breaker: Clone;

    /// Put a question to a breaker's shared record, and tell whoever must know what that changed.
    fn ask(
        &self,
        breaker: &Self::Breaker,
        question: &Question<'_>,
        policy: &Policy,
        now: Instant,
    ) -> Decided<Answer>;
}

/// A call that wants to go out.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The policy of all its breakers.
    pub policy: &'a Policy,
    /// The time.
    pub now: Instant,
    /// From 0 to below 1: decides while a ramp passes a share.
    pub random: f64,
}

/// What the breakers of a call say together.
#[derive(Debug, PartialEq)]
pub enum Decision<B> {
    /// None of their business.
    Untracked,
    /// Let it through.
    Forward(Forwarded<B>),
    /// Hold it back.
    Reject(Rejected<B>),
}

/// A call that may go out.
#[derive(Debug, PartialEq)]
pub struct Forwarded<B> {
    /// What each breaker gave.
    pub shares: Vec<Share<B>>,
    /// When the first breaker last knew of an answer.
    pub answered_at: Instant,
}

/// A call that is held back.
#[derive(Debug, PartialEq)]
pub struct Rejected<B> {
    /// The breaker that refused.
    pub by: B,
    /// Its mode.
    pub mode: Mode,
    /// The longest wait of all its breakers.
    pub retry_after: Duration,
    /// The category of the outcome that opened it.
    pub because: Option<Category>,
    /// The finest of its breakers, whether it has a say or not.
    pub finest: B,
    /// The breakers that have a say in the call.
    levels: Vec<Share<B>>,
    /// Which of them refused.
    refused: usize,
}

impl<B: Clone> Rejected<B> {
    /// Let the call through all the same: its outcome is for the stats.
    #[must_use]
    pub fn without_permits(&self) -> Forwarded<B> {
        let shares = self.levels.iter().map(Share::without_permit).collect();
        Forwarded { shares, answered_at: Instant::ZERO }
    }

    /// Let it through with what the breaker that refused it lends.
    #[must_use]
    pub fn under_loan(&self, permit: Permit) -> Forwarded<B> {
        let mut forwarded = self.without_permits();
        if let Some(share) = forwarded.shares.get_mut(self.refused) {
            share.permit = Some(permit);
        }
        forwarded
    }
}

/// What one breaker says in its mode.
#[derive(Debug, PartialEq)]
pub struct Said {
    /// The mode in force.
    pub mode: Mode,
    /// Whether that is an operator's override.
    pub overridden: bool,
    /// Its state once it was asked, or the last one seen.
    pub state: Option<StateName>,
    /// What it says; one that only watches says what it would do.
    pub word: Word,
}

/// Whether one breaker lets a call through.
#[derive(Debug, PartialEq)]
pub enum Word {
    /// It has no say.
    Untracked,
    /// It does, and when it last knew of an answer.
    Forward(Option<Permit>, Instant),
    /// It does not: how long its caller must wait, and what opened it.
    Reject(Duration, Option<Category>),
}

/// Ask the breakers of a call, the finer one first; `heard` is told what each says.
#[must_use]
pub fn ask<W: Worker>(
    worker: &W,
    levels: &[(Level, W::Breaker)],
    call: Call<'_>,
    mut heard: impl FnMut(&W::Breaker, &Said),
) -> Decision<W::Breaker> {
    let Call { policy, now, .. } = call;
    let mut forwarded = Forwarded { shares: Vec::new(), answered_at: Instant::ZERO };
    let mut watchers = Watchers::Agree;
    let mut unasked = levels;
    while let Some(((level, breaker), others)) = unasked.split_first() {
        unasked = others;
        let said = ask_one(worker, breaker, call, watchers);
        heard(breaker, &said);
        let Said { mode, word, .. } = said;
        let (permit, answered_at) = match word {
            Word::Untracked => continue,
            Word::Forward(permit, answered_at) => (permit, answered_at),
            Word::Reject(..) if mode == Mode::Shadow => {
                watchers = Watchers::WouldBlock;
                share::give_back_watched(worker, &mut forwarded.shares, policy, now);
                (None, Instant::ZERO)
            }
            Word::Reject(wait, because) => {
                let mut asked: Vec<_> =
                    forwarded.shares.iter().map(Share::without_permit).collect();
                give_back(worker, forwarded.shares, policy, now);
                let refused = asked.len();
                asked.push(Share { level: *level, breaker: breaker.clone(), mode, permit: None });
                return Decision::Reject(Rejected {
                    by: breaker.clone(),
                    mode,
                    retry_after: longest_wait(worker, wait, others, policy, now),
                    because,
                    finest: levels.first().map_or(breaker, |(_, finest)| finest).clone(),
                    levels: with_unasked(asked, others, policy.mode),
                    refused,
                });
            }
        };
        if forwarded.shares.is_empty() {
            forwarded.answered_at = answered_at;
        }
        let (level, breaker) = (*level, breaker.clone());
        forwarded.shares.push(Share { level, breaker, mode, permit });
    }
    if forwarded.shares.is_empty() {
        return Decision::Untracked;
    }
    Decision::Forward(forwarded)
}

/// Where the shared record could not be had, a closed breaker lets the call pass, and any other
/// rejects it. What was read last counts, also where it could not be acted on.
fn ask_one<W: Worker>(
    worker: &W,
    breaker: &W::Breaker,
    call: Call<'_>,
    watchers: Watchers,
) -> Said {
    let Call { policy, now, random } = call;
    let question = Question::Admit { random, watchers };
    let decided = worker.ask(breaker, &question, policy, now);
    let overridden = decided.override_in_force(now).is_some();
    let mode = decided.mode(policy, now);
    let word = match (decided.value, mode, decided.state) {
        (Some(Answer::Admission(admission, answered_at)), ..) => word(admission, answered_at),
        (Some(_), ..) => Word::Forward(None, Instant::ZERO),
        (None, Mode::Disabled, _) => Word::Untracked,
        (None, Mode::ForcedOpen, _) => Word::Reject(policy.open.base, None),
        (None, _, None | Some(StateName::Closed)) => Word::Forward(None, now),
        (None, _, Some(StateName::Open | StateName::HalfOpen)) => {
            Word::Reject(Duration::ZERO, None)
        }
    };
    Said { mode, overridden, state: decided.state, word }
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

fn longest_wait<W: Worker>(
    worker: &W,
    wait: Duration,
    others: &[(Level, W::Breaker)],
    policy: &Policy,
    now: Instant,
) -> Duration {
    let waits = others.iter().map(|(_, breaker)| self::wait(worker, breaker, policy, now));
    waits.fold(wait, Duration::max)
}

/// Those that were not asked any more have a say by the policy's mode, as far as is known.
fn with_unasked<B: Clone>(
    mut asked: Vec<Share<B>>,
    others: &[(Level, B)],
    mode: Mode,
) -> Vec<Share<B>> {
    asked.extend(others.iter().map(|(level, breaker)| Share {
        level: *level,
        breaker: breaker.clone(),
        mode,
        permit: None,
    }));
    asked
}

/// How long a caller of this breaker must wait at least.
#[must_use]
pub fn wait<W: Worker>(
    worker: &W,
    breaker: &W::Breaker,
    policy: &Policy,
    now: Instant,
) -> Duration {
    match worker.ask(breaker, &Question::Wait, policy, now).value {
        Some(Answer::Wait(wait)) => wait,
        _ => Duration::ZERO,
    }
}

/// A permit to call all the same, if no other such call is out; and how the breaker shows itself.
#[must_use]
pub fn lend<W: Worker>(
    worker: &W,
    breaker: &W::Breaker,
    policy: &Policy,
    now: Instant,
) -> Option<(Permit, Shown)> {
    match worker.ask(breaker, &Question::Lend, policy, now).value {
        Some(Answer::Lent(permit, shown)) => permit.map(|permit| (permit, shown)),
        _ => None,
    }
}
