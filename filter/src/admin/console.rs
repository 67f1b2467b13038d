//! What becomes of one request to the admin listener? It is answered at once, or its body is an
//! order that is carried out first.

use crate::admin::BODY_LIMIT;
use crate::admin::answers::{self, Refusal};
#[cfg(fleet)]
use crate::admin::fleet::FleetDesk;
use crate::admin::guard;
use crate::admin::head::Head;
use crate::admin::route::Route;
use crate::admin::view::{self, Clock, View};
use crate::breaker::{Shown, Transition};
use crate::config::Token;
#[cfg(fleet)]
use crate::config::order::Scope;
use crate::config::order::{Action, Ordered};
use crate::fallback::Reply;
use crate::journal::{self, Line};
use crate::key::Key;
use crate::shared::{self, Cell, Explains, History, Ledger, Noted, Profile};
use crate::stats::Stat;
use serde_json::{Value, json};

/// Where the stats of all breakers can be read.
pub trait Counters {
    /// The value of this counter of this breaker.
    fn value(&self, breaker: &Key, counter: Stat) -> u64;
}

/// All that an answer depends on but the request.
#[derive(Debug)]
pub struct Console<'a, C, S> {
    /// What a request must bring that changes something.
    pub token: Option<&'a Token>,
    /// Whether a body can be read before the request is answered.
    pub reads_bodies: bool,
    /// The node that this is.
    pub node: &'a str,
    /// Now.
    pub clock: Clock,
    /// The process's shared data.
    pub cell: &'a C,
    /// The process's stats.
    pub counters: &'a S,
    /// The fleet, if the listener's configuration names one.
    #[cfg(fleet)]
    pub fleet: Option<FleetDesk<'a>>,
}

/// What the head of a request led to.
#[derive(Debug)]
pub enum Heard {
    /// This is the answer.
    Answer(Reply),
    /// Its body is an order, and is to be read to its end.
    AwaitsBody(Pending),
    /// It is an order without a body.
    Order(Pending),
}

/// An order that may be given, whose body is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    name: String,
    action: Action,
}

/// What an order led to.
#[derive(Debug)]
pub struct Obeyed {
    /// The answer.
    pub reply: Reply,
    /// What was done, if the order was carried out: to be counted, shown and logged.
    pub done: Option<Done>,
}

/// What an order did.
#[derive(Debug)]
pub struct Done {
    /// To whose breaker.
    pub key: Key,
    /// The line about the bytes that were no breaker and were replaced, if there were such.
    pub reset: Option<Line>,
    /// The line about an override whose time was over already, and that nobody had noticed yet.
    pub expired: Option<Line>,
    /// The line about the order itself.
    pub ordered: Line,
    /// The change of state that it brought about, and the line about that.
    pub transition: Option<(Transition, Line)>,
    /// What callers get from now on.
    pub shown: Shown,
    /// How often others were faster meanwhile.
    pub conflicts: u32,
}

impl Refusal {
    fn obeyed(&self) -> Obeyed {
        Obeyed { reply: self.reply(), done: None }
    }
}

/// The answer to a request for a host that the listener does not know: a browser may have been
/// bidden here by a name that somebody else gave to this address.
#[must_use]
pub fn misdirected() -> Reply {
    Refusal::Misdirected.reply()
}

/// The answer to a body that turned out longer than an order while it was read.
#[must_use]
pub fn too_large() -> Reply {
    Refusal::TooLarge.reply()
}

/// The answer to a body that the host does not give.
#[must_use]
pub fn bodies_unreadable() -> Reply {
    Refusal::BodiesUnreadable.reply()
}

impl<C: Cell, S: Counters> Console<'_, C, S> {
    /// Hear a request of which the head is here; `has_body` says that more follows.
    pub fn hear(&self, head: &Head, has_body: bool) -> Heard {
        match self.heard(head, has_body) {
            Ok(heard) => heard,
            Err(refusal) => Heard::Answer(refusal.reply()),
        }
    }

    fn heard(&self, head: &Head, has_body: bool) -> Result<Heard, Refusal> {
        let answer = match Route::of(head)? {
            Route::Page => answers::page(),
            Route::Health => answers::health(),
            Route::Schema => answers::schema(),
            Route::Breakers => self.all(),
            Route::Breaker(name) => self.one(&name)?,
            Route::Order(name, action) => {
                guard::admit(head, self.token)?;
                let pending = Pending { name, action };
                if !has_body {
                    return Ok(Heard::Order(pending));
                }
                guard::admit_body(head)?;
                if !self.reads_bodies {
                    return Err(Refusal::BodiesUnreadable);
                }
                return Ok(Heard::AwaitsBody(pending));
            }
        };
        Ok(Heard::Answer(answer))
    }

    /// Carry out an order whose body is here. From the moment that this returns, no worker goes by
    /// the mode of before.
    pub fn obey(&self, pending: &Pending, body: &[u8]) -> Obeyed {
        if body.len() > BODY_LIMIT {
            return Refusal::TooLarge.obeyed();
        }
        match Ordered::parse(pending.action, body) {
            Ok(ordered) => self.carry_out(&pending.name, &ordered),
            Err(errors) => Refusal::Invalid(errors).obeyed(),
        }
    }

    fn carry_out(&self, name: &str, ordered: &Ordered) -> Obeyed {
        if !self.knows(name) {
            return Refusal::UnknownBreaker.obeyed();
        }
        #[cfg(fleet)]
        if ordered.scope == Scope::Fleet {
            return self.publish(name, ordered).unwrap_or_else(|refusal| refusal.obeyed());
        }
        let now = self.clock.now;
        let policy = view::policy(Profile::left_for(self.cell, name).as_ref());
        let decided = Ledger::of(name).update(self.cell, now, |breaker| {
            let change = breaker.obey(ordered.order(), now);
            (breaker.shown(&policy, now), change)
        });
        let Some(shown) = decided.value else { return Refusal::Busy.obeyed() };
        let key = Key::parse(name);
        let reset = decided.reset.then(|| journal::shared_state_reset(&key));
        let expired = decided.ended.map(|ended| journal::override_ended(&key, &ended));
        if let Some(line) = &expired {
            self.note(name, line, Explains::Nothing);
        }
        let line = journal::ordered(&key, ordered);
        let explains = if ordered.mode.is_some() { Explains::Override } else { Explains::Nothing };
        self.note(name, &line, explains);
        let transition = decided.transition.map(|transition| {
            let line = journal::transition(&key, &transition, None);
            self.note(name, &line, Explains::of(&transition));
            (transition, line)
        });
        let reply = answers::json_reply(200, &self.breaker(name));
        let conflicts = decided.conflicts;
        let done = Done { key, reset, expired, ordered: line, transition, shown, conflicts };
        Obeyed { reply, done: Some(done) }
    }

    /// Have all proxies told of an order. This one follows it as all do: when it hears of it.
    #[cfg(fleet)]
    fn publish(&self, name: &str, ordered: &Ordered) -> Result<Obeyed, Refusal> {
        let desk = self.fleet.ok_or(Refusal::NoFleet)?;
        desk.publish(self.cell, name, ordered, self.clock)?;
        let key = Key::parse(name);
        let line = journal::ordered(&key, ordered);
        self.note(name, &line, Explains::Nothing);
        let done = Done {
            shown: View::of(self.cell, name, self.clock).shown(),
            key,
            reset: None,
            expired: None,
            ordered: line,
            transition: None,
            conflicts: 0,
        };
        Ok(Obeyed { reply: answers::json_reply(202, &self.breaker(name)), done: Some(done) })
    }

    fn note(&self, name: &str, line: &Line, explains: Explains) {
        let noted = Noted { at: self.clock.now, explains, text: line.told() };
        History::note(self.cell, name, &noted);
    }

    fn all(&self) -> Reply {
        let names = shared::key_names(self.cell);
        let breakers: Vec<Value> = names.iter().map(|name| self.breaker(name)).collect();
        let writes = if self.token.is_some() { "token" } else { "disabled" };
        let body = json!({
            "node": self.node,
            "generated_at": self.clock.at(self.clock.now),
            "writes": writes,
            "breakers": breakers,
        });
        answers::json_reply(200, &body)
    }

    fn one(&self, name: &str) -> Result<Reply, Refusal> {
        if !self.knows(name) {
            return Err(Refusal::UnknownBreaker);
        }
        Ok(answers::json_reply(200, &self.breaker(name)))
    }

    fn knows(&self, name: &str) -> bool {
        shared::key_names(self.cell).iter().any(|known| known == name)
    }

    fn breaker(&self, name: &str) -> Value {
        let view = View::of(self.cell, name, self.clock);
        let [blocked, would_block] =
            [Stat::Blocked, Stat::WouldBlock].map(|stat| self.counters.value(view.key(), stat));
        view.json(blocked, would_block, self.fleet_of(name))
    }

    #[cfg(fleet)]
    fn fleet_of(&self, name: &str) -> Option<Value> {
        self.fleet.map(|desk| desk.json(self.cell, name, self.clock))
    }

    #[cfg(not(fleet))]
    const fn fleet_of(&self, _: &str) -> Option<Value> {
        None
    }
}
