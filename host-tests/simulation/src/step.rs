//! What may be asked of a breaker: on a call's behalf, by time, or by an operator. The production code
//! and the rules that it is compared with are asked the same, and answer in the same words.

use llm_breaker::admission::{Answer, Asker, Question};
use llm_breaker::breaker::{Order, StateName};
use llm_breaker::shared::{Cell, Decided, Ledger};

/// One thing that is asked of a breaker.
#[derive(Debug)]
pub enum Step<'a> {
    /// For a call.
    Asked(&'a Question<'a>),
    /// Time passed.
    Tick,
    /// What an operator says.
    Obey(Order),
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
    pub fn put_to(&self, ledger: &Ledger, cell: &impl Cell, asker: Asker<'_>) -> Decided<Answer> {
        let Asker { policy, now, .. } = asker;
        match self {
            Self::Asked(question) => question.put_to(ledger, cell, asker),
            Self::Tick => {
                ledger.update(cell, now, |breaker| (Answer::Done, breaker.tick(policy, now)))
            }
            Self::Obey(order) => {
                ledger.update(cell, now, |breaker| (Answer::Done, breaker.obey(*order, now)))
            }
        }
    }
}
