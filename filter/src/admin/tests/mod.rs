//! What does the admin listener answer, on shared data in which breakers have lived?

mod fleet;
mod orders;
mod reads;

use crate::admin::{Clock, Console, Counters, Head, Heard, Obeyed};
use crate::breaker::{Admission, Breaker, Jitter};
use crate::config::{Config, Role, Token};
use crate::fallback::Reply;
use crate::journal;
use crate::key::Key;
use crate::outcome::{Category, Outcome};
use crate::policy::Policy;
use crate::shared::{Explains, History, Ledger, Map, Noted, Profile, register};
use crate::stats::Stat;
use crate::time::Instant;
use core::time::Duration;
use serde_json::Value;
use std::time::SystemTime;

const OPENAI: &str = "outbound|443||api.openai.com";
const OPENAI_PATH: &str = "/api/v1/breakers/outbound%7C443%7C%7Capi.openai.com";
const TOKEN: &str = "correct-horse-battery-staple";
/// 2026-11-28T16:40:00.123Z
const WALL: Duration = Duration::from_millis(1_795_884_000_123);

fn at(seconds: f64) -> Instant {
    Instant::from_nanos(1_000_000_000_000) + Duration::from_secs_f64(seconds)
}

/// What the stats say of every breaker.
struct Blocked;

impl Counters for Blocked {
    fn value(&self, _: &Key, counter: Stat) -> u64 {
        match counter {
            Stat::Blocked => 95,
            Stat::WouldBlock => 7,
            _ => 0,
        }
    }
}

/// A process with breakers, looked at so many seconds after it began.
struct Process {
    data: Map,
    token: Option<Token>,
    reads_bodies: bool,
    now: f64,
}

fn token() -> Option<Token> {
    let document = format!(r#"{{"role": "admin", "admin": {{"token": "{TOKEN}"}}}}"#);
    match Config::parse(document.as_bytes()).expect("a configuration").role {
        Role::Admin { token } => token,
        Role::Traffic => None,
    }
}

impl Process {
    fn new() -> Self {
        Self { data: Map::default(), token: token(), reads_bodies: true, now: 0.0 }
    }

    /// With one breaker, of which a worker left word.
    fn with(name: &str, policy: &Policy) -> Self {
        let process = Self::new();
        process.knows(name, policy);
        process
    }

    fn knows(&self, name: &str, policy: &Policy) {
        let _ = register(&self.data, name, 256);
        Profile::of(policy).leave(&self.data, name);
        self.changes(name, |_| {});
    }

    /// With the breaker of [`OPENAI`], open since second 10 after five failures.
    fn open() -> Self {
        let mut policy = Policy { in_force_since: at(0.0), ..Policy::default() };
        policy.open.jitter = 0.0;
        let mut process = Self::with(OPENAI, &policy);
        process.now = 10.0;
        process.fails(OPENAI, &policy, 5);
        process
    }

    fn changes(&self, name: &str, change: impl FnMut(&mut Breaker)) {
        let mut change = change;
        let _ = Ledger::of(name).update(&self.data, at(self.now), |breaker| {
            change(breaker);
            ((), crate::breaker::Change::Data)
        });
    }

    /// So many calls fail, and the transition is noted as a worker notes it.
    fn fails(&self, name: &str, policy: &Policy, calls: usize) {
        let (now, ledger) = (at(self.now), Ledger::of(name));
        let outcome = Outcome::of(Category::ServerError);
        for _ in 0..calls {
            let admission = ledger.update(&self.data, now, |it| it.admit(policy, now, 0.0)).value;
            let Some(Admission::Pass(permit) | Admission::Probe(permit)) = admission else {
                return;
            };
            let recorded = ledger.update(&self.data, now, |it| {
                let jitter = Jitter::of(name, "node");
                ((), it.record(policy, now, Some(&permit), &outcome, jitter).change)
            });
            if let Some(transition) = recorded.transition {
                let line = journal::transition(&Key::parse(name), &transition, Some(&outcome));
                let explains = Explains::of(&transition);
                let noted = Noted { at: now, explains, text: line.told() };
                History::note(&self.data, name, &noted);
            }
        }
    }

    fn console(&self) -> Console<'_, Map, Blocked> {
        Console {
            token: self.token.as_ref(),
            reads_bodies: self.reads_bodies,
            node: "edge-7",
            clock: Clock { now: at(self.now), wall: SystemTime::UNIX_EPOCH + WALL },
            cell: &self.data,
            counters: &Blocked,
            fleet: None,
        }
    }

    fn get(&self, path: &str) -> Reply {
        match self.console().hear(&head("GET", path, &[]), false) {
            Heard::Answer(reply) => reply,
            other => panic!("not answered: {other:?}"),
        }
    }

    fn breaker(&self) -> Value {
        body(&self.get(OPENAI_PATH))
    }

    /// An order with the token, to the breaker of [`OPENAI`].
    fn post(&self, action: &str, order: &str) -> Obeyed {
        self.send(&format!("{OPENAI_PATH}/{action}"), order, &[])
    }

    fn send(&self, path: &str, order: &str, more: &[(&str, &str)]) -> Obeyed {
        let authorization = format!("Bearer {TOKEN}");
        let own = [("authorization", &*authorization), ("content-type", "application/json")];
        let head = head("POST", path, &[&own[..], more].concat());
        let console = self.console();
        match console.hear(&head, !order.is_empty()) {
            Heard::Answer(reply) => Obeyed { reply, done: None },
            Heard::Order(pending) => console.obey(&pending, b""),
            Heard::AwaitsBody(pending) => console.obey(&pending, order.as_bytes()),
        }
    }
}

fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Head {
    let own = [(":method", method), (":path", path), (":authority", "127.0.0.1:9902")];
    let all = own.iter().chain(more);
    Head::of(all.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn body(reply: &Reply) -> Value {
    assert_eq!(header(reply, "content-type"), Some("application/json"));
    let body = serde_json::from_slice(&reply.body).expect("JSON");
    assert_documented(&body);
    body
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut headers = reply.headers.iter();
    headers.find(|(known, _)| known == name).map(|(_, value)| &**value)
}

/// Every answer is as the schema says.
fn assert_documented(answer: &Value) {
    let schema = include_str!("../../../../docs/admin-api.schema.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(answer).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{answer:#}: {errors:#?}");
}
