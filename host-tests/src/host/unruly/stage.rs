//! The module in one VM, and what its host does at its own pleasure.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use serde_json::Value;
use wasmtime::{WasmParams, WasmResults};

use super::{
    super::{
        module::Module,
        process::{Fault, Process, VmName},
        status::Status,
        stream::Stream,
        vm::Vm,
        vm_state::Deferred,
    },
    Cast,
    props::{HOST_CALLS, HOST_CALLS_OF_FLEET, STORE, Setting},
    step::{Damage, Times},
};

/// The one listener.
const LISTENER: usize = 0;

/// Those without which nobody can let go what is held.
const LETS_GO: [&str; 5] = [
    "proxy_set_effective_context",
    "proxy_continue_stream",
    "proxy_close_stream",
    "proxy_send_local_response",
    "proxy_set_tick_period_milliseconds",
];

pub(super) struct Stage {
    pub(super) process: Rc<RefCell<Process>>,
    pub(super) vm: Vm,
    /// What the module is configured for.
    pub(super) setting: Setting,
}

impl Stage {
    pub(super) fn set(module: &Module, setting: Setting) -> Self {
        let process = Rc::new(RefCell::new(Process::default()));
        process.borrow_mut().grpc_clusters.insert(STORE.into());
        let mut vm = Vm::start(module, VmName::Worker(0), &process);
        let document = setting.document().to_string();
        vm.configure(LISTENER, document.as_bytes()).expect("the setting's document is sound");
        Self { process, vm, setting }
    }

    pub(super) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: &str,
        context: u32,
        arguments: P,
    ) -> (R, Vec<(u32, Deferred)>) {
        let returned = self.vm.call(callback, context, arguments).expect("nobody crashed the VM");
        (returned, self.vm.take_deferred())
    }

    pub(super) fn begin(&mut self, stream: &Rc<RefCell<Stream>>) -> u32 {
        self.vm.create_stream(LISTENER, stream.clone()).expect("nobody crashed the VM")
    }

    /// The configuration that follows; whether it is accepted.
    pub(super) fn configure(&mut self, document: &[u8]) -> bool {
        self.vm.state().say = None;
        let Ok(root) = self.vm.configure(LISTENER, document) else { return false };
        self.vm.retire_roots(LISTENER, root);
        true
    }

    pub(super) fn configure_soundly(&mut self, document: &Value) {
        let is_accepted = self.configure(document.to_string().as_bytes());
        assert!(is_accepted, "a sound configuration is refused");
    }

    pub(super) fn pass(&self, time: Duration) {
        let mut process = self.process.borrow_mut();
        let nanoseconds = time.as_nanos() as u64;
        process.monotonic_ns += nanoseconds;
        process.wall_ns = process.wall_ns.saturating_add(nanoseconds);
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.process.borrow().monotonic_ns
    }

    pub(super) fn refuse(&self, call: &str, status: Status, times: Times) {
        let fault = match times {
            Times::Next(times) => Fault::Next(VecDeque::from(vec![status; times])),
            Times::Always => Fault::Always(status),
        };
        self.process.borrow_mut().faults.insert(call.into(), fault);
    }

    pub(super) fn behave(&mut self) {
        self.vm.state().say = None;
        self.process.borrow_mut().faults.clear();
    }

    /// Whether the host did all that the module needs to let go what is held.
    pub(super) fn lets_go(&self) -> bool {
        let process = self.process.borrow();
        LETS_GO.iter().all(|call| !process.refused.contains_key(call))
    }

    /// Whether the host ever refused this call.
    pub(super) fn was_refused(&self, call: &str) -> bool {
        self.process.borrow().refused.contains_key(call)
    }

    /// How often each host call failed.
    pub(super) fn refused(&self, cast: Cast) -> Vec<(&'static str, u64)> {
        let process = self.process.borrow();
        let of_fleet = if cast == Cast::Fleet { &HOST_CALLS_OF_FLEET[..] } else { &[] };
        let is_refused =
            |call: &&&str| cast == Cast::Alone || **call != "proxy_set_effective_context";
        let calls = HOST_CALLS.iter().filter(is_refused).chain(of_fleet);
        calls.map(|call| (*call, process.refused.get(call).copied().unwrap_or(0))).collect()
    }

    pub(super) fn damage(&self, number: usize, damage: &Damage) {
        let shared = &mut self.process.borrow_mut().shared;
        let keys: Vec<String> = shared.keys().map(str::to_owned).collect();
        if keys.is_empty() {
            return;
        }
        let value_of = |number: usize| shared.load(&keys[number % keys.len()]);
        let Some((value, _)) = value_of(number) else { return };
        let mut value = value.to_vec();
        match damage {
            Damage::Flip { at, bits } => {
                let at = at % value.len().max(1);
                value.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits);
            }
            Damage::Truncate(size) => value.truncate(*size),
            Damage::Replace(bytes) => value.clone_from(bytes),
            Damage::Other(other) => {
                value = value_of(*other).map_or(value, |(other, _)| other.to_vec());
            }
        }
        shared.set(&keys[number % keys.len()], value, 0).expect("0 overwrites");
    }
}
