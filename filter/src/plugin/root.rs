//! One configuration in one VM: takes it in, ticks, and gives every request its stream.

use crate::breaker::Shown;
use crate::config::Config;
use crate::journal;
use crate::plugin::admin::{Admin, AdminStream};
use crate::plugin::breakers::Breakers;
use crate::plugin::entry::Entry;
use crate::plugin::fleet::Fleet;
use crate::plugin::host::{self, Level};
use crate::plugin::stream::Stream;
use crate::plugin::trace;
use crate::plugin::watchdog;
use crate::time::Instant;
use core::time::Duration;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use std::cell::Cell;
use std::rc::Rc;

/// Time-driven changes and gauges are at most this late.
const TICK: Duration = Duration::from_secs(1);

/// Gauges are set again when the state moved meanwhile, that often at most.
const MAX_LOOKS: usize = 3;

/// The root context of one configuration.
pub(super) struct Root {
    #[cfg_attr(not(fleet), allow(dead_code, reason = "only a fleet asks"))]
    context: u32,
    serves: Serves,
    fleet: Fleet,
    /// A VM is not told which thread it is on, but only workers get requests.
    duty: Cell<Duty>,
}

/// Whom the requests of this configuration are for.
#[derive(Default)]
enum Serves {
    /// Nobody: there is no configuration yet.
    #[default]
    Nobody,
    /// Upstreams.
    Traffic(Rc<Breakers>),
    /// Those who look at the breakers.
    Admin(Rc<Admin>),
}

/// Who refreshes the gauges: not a VM that serves requests.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Duty {
    #[default]
    RefreshGauges,
    ServeRequests,
}

thread_local! {
    /// While a listener drains, its configuration and the next both tick in this VM: the youngest
    /// refreshes the gauges.
    static YOUNGEST: Cell<Instant> = const { Cell::new(Instant::ZERO) };
}

impl Root {
    /// The root context with this number, of no configuration yet.
    pub(super) fn new(context: u32) -> Self {
        let (serves, fleet, duty) = (Serves::Nobody, Fleet::none(), Cell::default());
        Self { context, serves, fleet, duty }
    }
}

impl Context for Root {
    fn on_done(&mut self) -> bool {
        if let Serves::Traffic(breakers) = &self.serves {
            if YOUNGEST.get() == breakers.in_force_since {
                YOUNGEST.set(Instant::ZERO);
            }
            self.fleet.leave(breakers);
        }
        true
    }

    #[cfg(fleet)]
    fn on_grpc_stream_message(&mut self, token: u32, size: usize) {
        self.fleet.stream_message(token, size);
    }

    #[cfg(fleet)]
    fn on_grpc_stream_close(&mut self, token: u32, _: u32) {
        self.fleet.stream_closed(token);
    }

    #[cfg(fleet)]
    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        self.fleet.replied(token, status, size);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let Some(mut config) = configuration(size) else { return false };
        // A host that cannot show them would show bytes that mean nothing to anybody.
        config.access_log = config.access_log && trace::declare();
        let now = host::now();
        let node = node_id();
        if let Some(admin) = Admin::of(&config, &node) {
            self.serves = Serves::Admin(Rc::new(admin));
            return true;
        }
        self.fleet = Fleet::of(&config, &node, self.context, now);
        let breakers = Breakers::new(config, now, node, self.fleet.mailbox());
        suspend_those_out_of_service(&breakers, now);
        self.serves = Serves::Traffic(Rc::new(breakers));
        host::set_tick_period(self.fleet.first_tick(TICK));
        true
    }

    fn on_tick(&mut self) {
        let Serves::Traffic(breakers) = &self.serves else { return };
        let now = host::now();
        if self.fleet.is_due(now) {
            self.look_after(breakers, now);
        }
        self.fleet.tick(breakers, now);
    }

    #[cfg(fleet)]
    fn on_queue_ready(&mut self, queue: u32) {
        self.fleet.queue_ready(queue);
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        self.duty.set(Duty::ServeRequests);
        let breakers = match &self.serves {
            Serves::Admin(admin) => return Some(Box::new(AdminStream::new(Rc::clone(admin)))),
            Serves::Traffic(breakers) => {
                self.fleet.stream_begins(context);
                Some(Rc::clone(breakers))
            }
            Serves::Nobody => None,
        };
        Some(Box::new(Stream::new(context, breakers)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Root {
    /// The usual work of a tick.
    fn look_after(&self, breakers: &Breakers, now: Instant) {
        watchdog::look_after(breakers, now);
        YOUNGEST.set(YOUNGEST.get().max(breakers.in_force_since));
        let is_youngest = YOUNGEST.get() == breakers.in_force_since;
        for entry in breakers.all(now) {
            entry.leave_profile();
            let look = tick(&entry, now);
            if self.duty.get() == Duty::RefreshGauges && is_youngest {
                show(&entry, now, look);
            }
        }
    }
}

/// The configuration, of which the host said the size; what is wrong with it is in the log.
fn configuration(size: usize) -> Option<Config> {
    let refuse = |error: &str| host::log(Level::Error, &journal::configuration_refused(error));
    let document = host::plugin_configuration().unwrap_or_default();
    // What cannot be had is no empty one, by which every cluster would be watched.
    if document.len() != size {
        refuse(&journal::not_given(size, document.len()));
        return None;
    }
    match Config::parse(&document) {
        Ok(config) => Some(config),
        Err(errors) => {
            errors.to_string().lines().for_each(refuse);
            None
        }
    }
}

/// The node's id, which Envoy has under `xds`, and did not tell under `node` (1.40).
fn node_id() -> String {
    let paths = ["xds\0node\0id", "node\0id"];
    let id = paths.into_iter().find_map(|path| host::property(path).filter(|id| !id.is_empty()));
    String::from_utf8_lossy(&id.unwrap_or_default()).into_owned()
}

fn tick(entry: &Entry, now: Instant) -> Option<Shown> {
    let policy = entry.policy();
    let decided = entry.decide(now, |breaker| {
        let change = breaker.tick(&policy, now);
        (breaker.shown(&policy, now), change)
    });
    if let Some(transition) = decided.transition {
        entry.report(&transition, None, now);
    }
    decided.value
}

/// Set the gauges; again if a worker's transition came in between, whose gauge this overwrote.
fn show(entry: &Entry, now: Instant, look: Option<Shown>) {
    let mut shown = look;
    for _ in 0..MAX_LOOKS {
        let Some(it) = &shown else { return };
        entry.stats.show_gauges(it);
        let again = tick(entry, now);
        if again == shown {
            return;
        }
        shown = again;
    }
}

/// Breakers that this configuration takes out of service are marked at once, so that even a change
/// there and back between two ticks starts them afresh. Nothing else happens here: a configuration
/// is also tried in a VM of its own, before it is known whether it will be used.
fn suspend_those_out_of_service(breakers: &Breakers, now: Instant) {
    for entry in breakers.all(now) {
        let policy = entry.policy();
        if !policy.mode.is_active() {
            let _ = entry.decide(now, |breaker| ((), breaker.step_aside(&policy)));
        }
    }
}
