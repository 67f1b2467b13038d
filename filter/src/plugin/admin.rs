//! One request to the admin listener: which callback does what? And what an order that was carried
//! out does to stats and log.

#[cfg(fleet)]
use crate::admin::FleetDesk;
use crate::admin::{
    self, BODY_LIMIT, Clock, Console, Counters, Done, Head, Heard, Obeyed, Pending,
};
use crate::breaker::Transition;
use crate::config::{Config, LogFormat, Role, Token};
use crate::fallback::Reply;
use crate::journal::Line;
use crate::key::Key;
use crate::pairs;
use crate::plugin::fleet::Fleet;
use crate::plugin::host::{self, Level, Map, SharedData};
use crate::plugin::stats::{self, Stats};
use crate::stats::Stat;
use crate::time::Instant;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// The code details of the answers, as access logs show them.
const DETAILS: &str = "llm_breaker_admin";

/// Which of the listener's names a request asked for; there is none if it has not such a name.
const VIRTUAL_HOST: &str = "xds\0virtual_host_name";

/// The admin listener under one configuration.
pub(super) struct Admin {
    token: Option<Token>,
    reads_bodies: bool,
    log_format: LogFormat,
    node: String,
    /// The fleet that the breakers are of, whose connection a VM of the traffic's keeps.
    #[cfg_attr(not(fleet), allow(dead_code, reason = "there is none"))]
    fleet: Fleet,
}

impl Admin {
    /// What this configuration says; `None` if it is one for traffic.
    pub(super) fn of(config: &Config, node: &str) -> Option<Self> {
        let Role::Admin { token } = &config.role else { return None };
        let (reads_bodies, log_format) = (config.stop_iteration, config.log_format);
        let (token, node, fleet) =
            (token.clone(), node.to_owned(), Fleet::of(config, node, 0, Instant::ZERO));
        Some(Self { token, reads_bodies, log_format, node, fleet })
    }

    fn hear(&self, head: &Head, has_body: bool) -> Heard {
        self.with_console(|console| console.hear(head, has_body))
    }

    /// Carry an order out, and answer when all is done: whoever reads the answer finds it so.
    fn obey(&self, pending: &Pending, body: &[u8]) -> Reply {
        let Obeyed { reply, done } = self.with_console(|console| console.obey(pending, body));
        if let Some(done) = done {
            self.tell(&done);
        }
        reply
    }

    fn with_console<T>(&self, act: impl FnOnce(&Console<'_, SharedData, HostCounters>) -> T) -> T {
        #[cfg(fleet)]
        let mailbox = self.fleet.mailbox();
        #[cfg(fleet)]
        let post = |told: &crate::fleet::Told| mailbox.post(told);
        act(&Console {
            token: self.token.as_ref(),
            reads_bodies: self.reads_bodies,
            node: &self.node,
            clock: Clock { now: host::now(), wall: host::wall_clock() },
            cell: &SharedData,
            counters: &HostCounters,
            #[cfg(fleet)]
            fleet: self.fleet.name().map(|name| FleetDesk { name, post: &post }),
        })
    }

    fn tell(&self, done: &Done) {
        let Done { key, reset, expired, ordered, transition, shown, conflicts } = done;
        let stats = Stats::of(key);
        stats.add(Stat::SharedStateConflicts, *conflicts);
        if let Some(line) = reset {
            stats.count(Stat::SharedStateResets);
            self.log(line);
        }
        if let Some(line) = expired {
            self.log(line);
        }
        self.log(ordered);
        if let Some((Transition { from, to, .. }, line)) = transition {
            stats.count(Stat::StateChanges(*from, *to));
            self.log(line);
        }
        stats.show_gauges(shown);
    }

    /// What an operator did is to be found also where less than a warning is not logged.
    fn log(&self, line: &Line) {
        host::log(Level::Warn, &line.text(self.log_format));
    }
}

/// Envoy's own counters.
struct HostCounters;

impl Counters for HostCounters {
    fn value(&self, breaker: &Key, counter: Stat) -> u64 {
        stats::value(breaker, counter)
    }
}

/// The stream context of one request.
pub(super) struct AdminStream {
    admin: Rc<Admin>,
    /// The order whose body is awaited, and how much of that came.
    pending: Option<(Pending, usize)>,
}

impl AdminStream {
    pub(super) const fn new(admin: Rc<Admin>) -> Self {
        Self { admin, pending: None }
    }

    fn obey(&self, pending: &Pending, size: usize) -> Action {
        let body = if size == 0 { Some(Vec::new()) } else { host::request_body(0, size) };
        // A body that the host does not give is not taken for none.
        let reply = match body.filter(|body| body.len() == size) {
            Some(body) => self.admin.obey(pending, &body),
            None => admin::bodies_unreadable(),
        };
        answer(&reply)
    }
}

impl Context for AdminStream {}

impl HttpContext for AdminStream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        if host::property(VIRTUAL_HOST).is_none() {
            return answer(&admin::misdirected());
        }
        let headers = host::headers(Map::RequestHeaders);
        let head = Head::of(pairs::decode(&headers));
        match self.admin.hear(&head, !end_of_stream) {
            Heard::Answer(reply) => answer(&reply),
            Heard::Order(pending) => self.obey(&pending, 0),
            Heard::AwaitsBody(pending) => {
                self.pending = Some((pending, 0));
                Action::Pause
            }
        }
    }

    /// While it is held the body is all that came of it so far.
    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let Some((pending, _)) = self.pending.take() else { return Action::Continue };
        if size > BODY_LIMIT {
            return answer(&admin::too_large());
        }
        if end_of_stream {
            return self.obey(&pending, size);
        }
        self.pending = Some((pending, size));
        Action::Pause
    }

    /// Nothing that an order needs comes in trailers.
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let Some((pending, size)) = self.pending.take() else { return Action::Continue };
        self.obey(&pending, size)
    }
}

/// Nobody would resume a request whose answer the host does not take: it goes on to whatever the
/// listener has behind this filter.
fn answer(reply: &Reply) -> Action {
    if host::reply_as(reply, DETAILS) { Action::Pause } else { Action::Continue }
}
