//! What may be asked of a breaker, and what it may answer: the same words for the production code
//! and for the rules that it is compared with.

use core::time::Duration;
use llm_breaker::breaker::{Admission, Breaker, Change, Jitter, Order, Permit, StateName};
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::{Mode, Policy};
use llm_breaker::time::Instant;

/// One thing that is asked of a breaker.
#[derive(Debug)]
pub enum Step<'a> {
    /// May a call go out?
    Admit {
        /// What a ramp draws.
        random: f64,
    },
    /// A permit was not used.
    GiveBack(&'a Permit),
    /// A call ended.
    Record {
        /// Its permit, if it got one.
        permit: Option<&'a Permit>,
        /// How it ended.
        outcome: Outcome,
    },
    /// A probe goes well so far.
    JudgeEarly {
        /// Its permit.
        permit: &'a Permit,
        /// How it went.
        outcome: Outcome,
    },
    /// Time passed.
    Tick,
    /// Some call got an answer.
    NoteAnswer,
    /// May a call go out although it was rejected?
    Lend,
    /// How long will it stay open?
    Look,
    /// What an operator says.
    Obey(Order),
}

/// What a breaker answers.
#[derive(Debug, PartialEq)]
pub enum Word {
    /// To [`Step::Admit`], when it last knew of an answer, and the mode in force.
    Admission(Admission, Instant, Mode),
    /// To [`Step::Record`]: the category that was recorded.
    Recorded(Category),
    /// To [`Step::JudgeEarly`]: what is left of the permit.
    FollowUp(Option<Permit>),
    /// To [`Step::Lend`].
    Lent(Option<Permit>),
    /// To [`Step::Look`], and the mode in force.
    Remaining(Duration, Mode),
    /// To all others.
    Done,
}

/// Who asks, under which policy, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// What its clock reads.
    pub now: Instant,
    /// The breaker's jitter.
    pub jitter: Jitter,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The state before.
    pub from: StateName,
    /// The state after.
    pub to: StateName,
    /// Why.
    pub cause: &'static str,
}

impl Step<'_> {
    /// Ask the production code.
    pub fn ask(&self, breaker: &mut Breaker, asker: Asker<'_>) -> (Word, Change) {
        let Asker { policy, now, jitter } = asker;
        match self {
            Self::Admit { random } => {
                let (admission, change) = breaker.admit(policy, now, *random);
                (Word::Admission(admission, breaker.answered_at, breaker.mode(policy, now)), change)
            }
            Self::GiveBack(permit) => (Word::Done, breaker.give_back(permit)),
            Self::Record { permit, outcome } => {
                let recorded = breaker.record(policy, now, *permit, outcome, jitter);
                (Word::Recorded(recorded.category), recorded.change)
            }
            Self::JudgeEarly { permit, outcome } => {
                let (change, left) = breaker.record_early(policy, now, permit, outcome, jitter);
                (Word::FollowUp(left), change)
            }
            Self::Tick => (Word::Done, breaker.tick(policy, now)),
            Self::NoteAnswer => (Word::Done, breaker.note_answer(now)),
            Self::Lend => {
                let (permit, change) = breaker.lend(policy, now);
                (Word::Lent(permit), change)
            }
            Self::Look => {
                let mode = breaker.mode(policy, now);
                (Word::Remaining(breaker.open_remaining(now), mode), Change::Nothing)
            }
            Self::Obey(order) => (Word::Done, breaker.obey(*order, now)),
        }
    }
}
