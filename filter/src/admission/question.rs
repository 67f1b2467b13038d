//! What is asked of one breaker on a call's behalf, and what does it answer? In plain words, so that
//! whoever carries them can compare, count and tell.

use crate::breaker::{Admission, Breaker, Change, Jitter, Permit, Shown};
use crate::outcome::{Category, Outcome};
use crate::policy::{Mode, Policy};
use crate::shared::{Cell, Decided, Ledger};
use crate::time::Instant;
use core::time::Duration;

/// One thing that is asked.
#[derive(Debug)]
pub enum Question<'a> {
    /// May the call go out?
    Admit {
        /// From 0 to below 1: decides while a ramp passes a share.
        random: f64,
        /// What those who only watch said so far.
        watchers: Watchers,
    },
    /// It does not go out: its permit comes back.
    GiveBack(&'a Permit),
    /// May it go out although it was refused?
    Lend,
    /// How long must its caller wait?
    Wait,
    /// Its upstream began to answer.
    NoteAnswer,
    /// It is a probe, and goes well so far.
    JudgeEarly {
        /// Its permit.
        permit: &'a Permit,
        /// How it went.
        outcome: &'a Outcome,
    },
    /// It ended.
    Record {
        /// Its permit, if it got one.
        permit: Option<&'a Permit>,
        /// How it ended.
        outcome: &'a Outcome,
    },
}

/// What those breakers of a call said so far that only watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watchers {
    /// They agree.
    Agree,
    /// One of them would have refused: the call is none for the others, either.
    WouldBlock,
}

/// What a breaker answers.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// To [`Question::Admit`]; and when it last knew of an answer.
    Admission(Admission, Instant),
    /// To the same: it only watches, and another one that does would have refused already.
    Abstains,
    /// To [`Question::Lend`]: a permit if no other such call is out, and how it shows itself.
    Lent(Option<Permit>, Shown),
    /// To [`Question::Wait`].
    Wait(Duration),
    /// To [`Question::JudgeEarly`]: what is left of the permit.
    FollowUp(Option<Permit>),
    /// To [`Question::Record`]: the category that was recorded, for a client's leaving may turn out
    /// to be a time-out.
    Recorded(Category),
    /// To the same: a success that is recorded together with others, within a second.
    Gathered,
    /// To all others.
    Done,
}

/// Under which policy is asked, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The time.
    pub now: Instant,
    /// The breaker's jitter.
    pub jitter: Jitter,
}

impl Question<'_> {
    /// Put it to a breaker's shared record.
    pub fn put_to(&self, ledger: &Ledger, cell: &impl Cell, asker: Asker<'_>) -> Decided<Answer> {
        let Asker { policy, now, .. } = asker;
        match *self {
            Self::Admit { random, watchers } => ledger.ask(cell, policy, now, |breaker| {
                if watchers == Watchers::WouldBlock && breaker.mode(policy, now) == Mode::Shadow {
                    return (Answer::Abstains, Change::Nothing);
                }
                let (admission, change) = breaker.admit(policy, now, random);
                (Answer::Admission(admission, breaker.answered_at), change)
            }),
            Self::Record { permit, outcome } if ledger.gather(policy, now, permit, outcome) => {
                Decided::without_a_look(Answer::Gathered)
            }
            _ => ledger.update(cell, now, |breaker| self.decided_by(breaker, asker)),
        }
    }

    fn decided_by(&self, breaker: &mut Breaker, asker: Asker<'_>) -> (Answer, Change) {
        let Asker { policy, now, jitter } = asker;
        match self {
            // An admission has a way of its own to the record.
            Self::Admit { .. } => (Answer::Done, Change::Nothing),
            Self::GiveBack(permit) => (Answer::Done, breaker.give_back(permit)),
            Self::Lend => {
                let (permit, change) = breaker.lend(policy, now);
                (Answer::Lent(permit, breaker.shown(policy, now)), change)
            }
            Self::Wait => (Answer::Wait(breaker.wait(policy, now)), Change::Nothing),
            Self::NoteAnswer => (Answer::Done, breaker.note_answer(now)),
            Self::JudgeEarly { permit, outcome } => {
                let (change, left) = breaker.record_early(policy, now, permit, outcome, jitter);
                (Answer::FollowUp(left), change)
            }
            Self::Record { permit, outcome } => {
                let recorded = breaker.record(policy, now, *permit, outcome, jitter);
                (Answer::Recorded(recorded.category), recorded.change)
            }
        }
    }

    /// The outcome that was told with it, as it was recorded: what a change of state is explained by.
    #[must_use]
    pub fn told(&self, answer: Option<&Answer>) -> Option<Outcome> {
        match (self, answer) {
            (Self::Record { outcome, .. }, Some(Answer::Recorded(category))) => {
                Some(Outcome { category: *category, ..**outcome })
            }
            (Self::Record { outcome, .. } | Self::JudgeEarly { outcome, .. }, _) => Some(**outcome),
            _ => None,
        }
    }
}
