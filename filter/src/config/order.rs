//! What does an operator order? The body of a request to the admin API, as a validated [`Ordered`]
//! or as everything wrong with it.

use core::time::Duration;

use serde_json::{Map, Value};

use super::document::Object;
use super::errors::{Errors, show};
use super::walk::Fields;
use super::{json, ranges};
use crate::breaker::Order;
use crate::policy::Mode;

/// What an operator can do to a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Refuse every call.
    Open,
    /// Close now.
    Close,
    /// Start afresh.
    Reset,
    /// Put another mode in the policy's place, or go by the policy again.
    Mode,
}

impl Action {
    /// Every action, as the API's paths name them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Close, Self::Reset, Self::Mode];

    /// The name in the API, logs and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Mode => "mode",
        }
    }
}

/// Whom an order is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// This process.
    #[default]
    Local,
    /// Every proxy of the fleet.
    Fleet,
}

/// What is ordered, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// What is done.
    pub action: Action,
    /// Whom it is for; the fleet only if it puts a mode in the policies' place, or takes it back.
    pub scope: Scope,
    /// The mode to go by; `None` for the policy's.
    pub mode: Option<Mode>,
    /// For how long, 1 s to 30 d; `None` if until another order.
    pub duration: Option<Duration>,
    /// Who says so, 1 to 128 characters.
    pub user: Option<String>,
    /// Why, 1 to 512 characters.
    pub reason: Option<String>,
}

impl Ordered {
    /// Reads a JSON object; no bytes are an empty one.
    ///
    /// # Errors
    /// Everything wrong with it at once.
    pub fn parse(action: Action, body: &[u8]) -> Result<Self, Errors> {
        let mut errors = Errors::default();
        let scope = Scope::default();
        let mut ordered =
            Self { action, scope, mode: None, duration: None, user: None, reason: None };
        if let Some(document) = document(body, &mut errors) {
            Object::root(&document, &mut errors, |object| ordered.read(object));
        }
        if errors.is_empty() { Ok(ordered) } else { Err(errors) }
    }

    /// What the breaker is told.
    #[must_use]
    pub const fn order(&self) -> Order {
        let lasts = self.duration;
        match (self.action, self.mode) {
            (Action::Close, _) => Order::Close { kept: lasts },
            (Action::Reset, _) => Order::Reset,
            (Action::Open | Action::Mode, Some(mode)) => Order::Override { mode, lasts },
            (Action::Open | Action::Mode, None) => Order::Release,
        }
    }

    fn read(&mut self, object: &mut Object<'_>) {
        object.optional("user", &mut self.user, &ranges::ORDER_USER);
        object.optional("reason", &mut self.reason, &ranges::ORDER_REASON);
        match self.action {
            Action::Open | Action::Mode => {
                object.value("scope", &mut self.scope, &ranges::ORDER_SCOPE);
            }
            Action::Close | Action::Reset => {
                object.out_of_place(&["scope"], "none: only open and mode reach a fleet");
            }
        }
        match self.action {
            Action::Reset => object.out_of_place(&["duration"], "none: a reset has no duration"),
            _ => object.optional("duration", &mut self.duration, &ranges::ORDER_DURATION),
        }
        self.mode = match self.action {
            Action::Open => Some(Mode::ForcedOpen),
            // Kept closed: out of the way for so long.
            Action::Close => self.duration.and(Some(Mode::Disabled)),
            Action::Reset => None,
            Action::Mode => read_mode(object),
        };
        if self.action == Action::Mode && object.says_null("mode") {
            object.out_of_place(&["duration"], "none: what ends an override has no duration");
        }
    }
}

/// `null` ends an override; to leave the mode out says nothing at all.
fn read_mode(object: &mut Object<'_>) -> Option<Mode> {
    if object.says_null("mode") {
        return None;
    }
    object.mandatory("mode", &ranges::MODE)
}

fn document(body: &[u8], errors: &mut Errors) -> Option<Map<String, Value>> {
    const FORM: &str = "a JSON object";
    if body.is_empty() {
        return Some(Map::new());
    }
    match json::read(body) {
        Ok(Value::Object(document)) => Some(document),
        Ok(other) => {
            errors.unreadable(format!("{} is no object", show(&other)), FORM);
            None
        }
        Err(error) => {
            errors.unreadable(format!("no readable JSON: {error}"), FORM);
            None
        }
    }
}
