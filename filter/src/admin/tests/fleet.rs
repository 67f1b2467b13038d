//! What is shown of a fleet, and how an order gets to all of it.

use super::*;
use crate::admin::FleetDesk;
use crate::breaker::FleetOrder;
use crate::fleet::{Author, Basis, Instruction, News, Says, Told};
use crate::policy::Mode;
use crate::shared::{FleetStatus, FleetView, Report};
use serde_json::json;
use std::cell::RefCell;

const FLEET: &str = "0123456789abcdef";

/// A listener whose configuration names a fleet.
struct Member {
    process: Process,
    posted: RefCell<Vec<Told>>,
    takes: bool,
}

impl Member {
    fn new() -> Self {
        Self { process: Process::open(), posted: RefCell::default(), takes: true }
    }

    fn in_touch(self, connected: bool) -> Self {
        let (scope, domain) = ("acme".to_owned(), "eu-1".to_owned());
        let status = FleetStatus { at: at(self.process.now), context: 1, connected, scope, domain };
        status.leave(&self.process.data, FLEET);
        self
    }

    fn with<T>(&self, act: impl FnOnce(&Console<'_, Map, Blocked>) -> T) -> T {
        let post = |told: &Told| {
            self.posted.borrow_mut().push(told.clone());
            self.takes
        };
        let mut console = self.process.console();
        console.fleet = Some(FleetDesk { name: FLEET, post: &post });
        act(&console)
    }

    fn shown(&self) -> Value {
        self.with(|console| match console.hear(&head("GET", OPENAI_PATH, &[]), false) {
            Heard::Answer(reply) => body(&reply)["fleet"].clone(),
            other => panic!("not answered: {other:?}"),
        })
    }

    fn post(&self, action: &str, order: &str) -> Obeyed {
        let authorization = format!("Bearer {TOKEN}");
        let own = [("authorization", &*authorization), ("content-type", "application/json")];
        let head = head("POST", &format!("{OPENAI_PATH}/{action}"), &own);
        self.with(|console| match console.hear(&head, true) {
            Heard::AwaitsBody(pending) => console.obey(&pending, order.as_bytes()),
            other => panic!("refused: {other:?}"),
        })
    }
}

fn told(news: News) -> Told {
    Told { breaker: OPENAI.to_owned(), news }
}

#[test]
fn without_a_fleet_in_the_configuration_there_is_none() {
    let process = Process::open();
    assert_eq!(process.breaker()["fleet"], Value::Null);
    let reply = process.post("open", r#"{"scope": "fleet"}"#).reply;
    assert_eq!((reply.status, &body(&reply)["error"]["code"]), (409, &json!("no_fleet")));
}

#[test]
fn who_said_what_and_who_probes_is_shown_as_long_as_it_holds() {
    let member = Member::new().in_touch(true);
    let report = |node: &str, says: Says, until: f64| Report {
        domain: "eu-1".into(),
        node: node.into(),
        says,
        until: at(until),
    };
    let open = |basis: Basis, reason: Option<Category>| Says::Open { basis, reason };
    let reason = Some(Category::QuotaExhausted);
    let order = FleetOrder { mode: Mode::Shadow, until: None };
    let author = Author::of(Some("ann"), None);
    let view = FleetView {
        reports: vec![
            report("a", open(Basis::Announced, reason), 70.0),
            report("b", Says::Closed, 40.0),
            report("over", open(Basis::Observed, None), 9.0),
        ],
        left_out: 3,
        probes: Some("eu-1/a".into()),
        ordered: Some(Instruction { order, author }),
    };
    view.leave(&member.process.data, OPENAI);
    assert_eq!(
        member.shown(),
        json!({
            "connected": true, "scope": "acme", "domain": "eu-1", "probes": "eu-1/a",
            "override": {"mode": "shadow", "until": null, "user": "ann", "reason": null},
            "reports": [
                {"domain": "eu-1", "node": "a", "state": "open", "basis": "announced",
                    "category": "quota_exhausted", "until": "2026-11-28T16:41:00.123Z",
                    "remaining_seconds": 60.0},
                {"domain": "eu-1", "node": "b", "state": "closed", "basis": null, "category": null,
                    "until": "2026-11-28T16:40:30.123Z", "remaining_seconds": 30.0},
            ],
            "reports_left_out": 3,
        })
    );
}

#[test]
fn of_whom_nothing_was_heard_for_seconds_is_not_in_touch() {
    let mut member = Member::new().in_touch(true);
    member.process.now += 5.0;
    assert_eq!(member.shown()["connected"], false);
    let reply = member.post("open", r#"{"scope": "fleet"}"#).reply;
    assert_eq!((reply.status, &body(&reply)["error"]["code"]), (503, &json!("fleet_unreachable")));
    assert!(member.posted.borrow().is_empty());
}

#[test]
fn an_order_for_all_is_published_and_changes_nothing_here_before_it_is_heard() {
    let member = Member::new().in_touch(true);
    let order = r#"{"scope": "fleet", "duration": "600s", "user": "ann", "reason": "drill"}"#;
    let Obeyed { reply, done } = member.post("open", order);
    assert_eq!(reply.status, 202);
    let seen = body(&reply);
    assert_eq!((&seen["mode"], &seen["override"]), (&json!("enforce"), &Value::Null));
    let noted = &seen["events"][0];
    assert_eq!((&noted["scope"], &noted["user"]), (&json!("fleet"), &json!("ann")));
    assert!(done.is_some_and(|done| done.transition.is_none()));
    assert_eq!(member.post("mode", r#"{"mode": null, "scope": "fleet"}"#).reply.status, 202);
    let lasts = Some(Duration::from_secs(600));
    let author = Author::of(Some("ann"), Some("drill"));
    let ordered = News::Ordered { mode: Mode::ForcedOpen, lasts, author };
    let expected = [ordered, News::Withdrawn].map(told);
    assert_eq!(*member.posted.borrow(), expected);
}

#[test]
fn one_that_the_queue_does_not_take_is_not_said_to_be_done() {
    let member = Member { takes: false, ..Member::new().in_touch(true) };
    let Obeyed { reply, done } = member.post("open", r#"{"scope": "fleet"}"#);
    assert_eq!((reply.status, done.is_none()), (503, true));
    let lost = Member::new().in_touch(false);
    assert_eq!(lost.post("open", r#"{"scope": "fleet"}"#).reply.status, 503);
    assert_eq!(lost.post("open", r#"{"scope": "local"}"#).reply.status, 200, "but here it is");
}
