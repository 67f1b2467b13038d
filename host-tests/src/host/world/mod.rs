//! One Envoy process in the hands of a test.

mod builder;
mod grpc;
mod observe;
mod vms;
mod worker;

use std::{cell::RefCell, rc::Rc, time::Duration};

pub use self::{
    builder::{Configuration, Rejected, WorldBuilder},
    grpc::{DEADLINE_EXCEEDED, GrpcCall, GrpcStream, UNAVAILABLE},
    worker::Worker,
};
use super::{
    exchange::Exchange,
    module::Module,
    process::{Process, VmName},
    vm::Vm,
    vm_state::Crash,
};

type VmSlot = RefCell<Option<Rc<RefCell<Vm>>>>;

/// One Envoy process. See the [module](super) for an example.
pub struct World {
    module: Module,
    process: Rc<RefCell<Process>>,
    main_thread: VmSlot,
    workers: Vec<VmSlot>,
    /// The configuration that each listener serves with.
    listeners: RefCell<Vec<Configuration>>,
    /// Those that may be running.
    calls: RefCell<Vec<Rc<RefCell<Exchange>>>>,
}

impl World {
    /// A process that is to run this module.
    pub fn running(module: &Module) -> WorldBuilder {
        let (module, process) = (module.clone(), Process::default());
        WorldBuilder { module, workers: 1, configuration: Configuration::default(), process }
    }

    /// The worker with this number, counted from 0.
    pub fn worker(&self, number: usize) -> Worker<'_> {
        Worker { world: self, number, listener: 0 }
    }

    /// All workers.
    pub fn workers(&self) -> impl Iterator<Item = Worker<'_>> {
        (0..self.workers.len()).map(|number| self.worker(number))
    }

    /// Adds a listener whose filter has a configuration of its own, in the same VMs. Returns its
    /// number; the first listener, which the world starts with, is 0.
    pub fn listen(&self, configuration: impl Into<Configuration>) -> Result<usize, Rejected> {
        let configuration = configuration.into();
        self.try_out(&configuration)?;
        let listener = self.listeners.borrow().len();
        self.listeners.borrow_mut().push(configuration);
        self.configure(listener);
        Ok(listener)
    }

    /// Updates the configuration of the first listener. Streams that began under the old one
    /// finish under it; rejected, the old one goes on serving.
    pub fn reconfigure(&self, configuration: impl Into<Configuration>) -> Result<(), Rejected> {
        let configuration = configuration.into();
        self.try_out(&configuration)?;
        self.listeners.borrow_mut()[0] = configuration;
        self.configure(0);
        Ok(())
    }

    /// Ends the process and starts a new one with the same configurations: calls are cut, shared
    /// data, stats and log are lost, and the monotonic clock starts anew.
    pub fn restart(&self) {
        let old = self.process.take();
        *self.process.borrow_mut() = Process {
            wall_ns: old.wall_ns,
            node: old.node,
            cluster_metadata: old.cluster_metadata,
            header_routes: old.header_routes,
            grpc_clusters: old.grpc_clusters,
            headers_stop: old.headers_stop,
            buffer_limit_bytes: old.buffer_limit_bytes,
            ..Process::default()
        };
        self.calls.borrow_mut().clear();
        self.vm_slots().for_each(|(_, slot)| *slot.borrow_mut() = None);
        (0..self.listeners.borrow().len()).for_each(|listener| self.configure(listener));
    }

    /// Makes the worker's VM trap in its next callback. As with `FAIL_RELOAD`, the request that
    /// hits it is answered 503 and the next one meets a fresh VM.
    pub fn crash(&self, worker: usize) {
        self.arm(worker, Crash::Now);
    }

    /// Makes the worker's VM trap where it next makes this host call (`proxy_set_shared_data`).
    pub fn crash_in(&self, worker: usize, host_call: &str) {
        self.arm(worker, Crash::In(host_call.into()));
    }

    /// Lets the module itself trap once on this worker, which otherwise fails the test.
    pub fn expect_trap(&self, worker: usize) {
        self.arm(worker, Crash::ByItself);
    }

    fn arm(&self, worker: usize, crash: Crash) {
        self.live_vm(VmName::Worker(worker)).borrow_mut().state().crash = Some(crash);
    }

    /// One tick on every VM whose module asked for ticks, the main thread's included.
    pub fn tick(&self) {
        self.tick_on(VmName::MainThread);
        (0..self.workers.len()).for_each(|worker| self.tick_on(VmName::Worker(worker)));
    }

    /// One tick on one VM.
    pub fn tick_on(&self, name: VmName) {
        let Some(vm) = self.slot(name).borrow().clone() else { return };
        self.time_out_calls(&vm);
        let roots: Vec<u32> = vm.borrow_mut().ticking_roots();
        for root in roots {
            let _ = vm.borrow_mut().call::<_, ()>("proxy_on_tick", root, (root,));
            let deferred = vm.borrow_mut().take_deferred();
            for (context, action) in deferred {
                self.exchange(&vm, context).borrow_mut().apply(action);
            }
        }
    }

    /// Moves both clocks on, without ticks; see [`pass`](Self::pass).
    pub fn advance(&self, duration: Duration) {
        let mut process = self.process.borrow_mut();
        process.monotonic_ns += duration.as_nanos() as u64;
        process.wall_ns += duration.as_nanos() as u64;
    }

    /// Moves both clocks on second by second, with a tick after each, and what the VMs tell each other
    /// by queues.
    pub fn pass(&self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(1));
            self.advance(step);
            self.tick();
            self.wake();
            left -= step;
        }
    }

    /// From now on the monotonic clock moves on by so much whenever the module looks at it: time passes
    /// within a callback, too.
    pub fn each_look_at_the_clock_takes(&self, duration: Duration) {
        self.process.borrow_mut().each_look_takes_ns = duration.as_nanos() as u64;
    }

    /// Sets the wall clock, to nanoseconds since 1970, and leaves the monotonic one alone.
    pub fn set_wall_clock_ns(&self, now_ns: u64) {
        self.process.borrow_mut().wall_ns = now_ns;
    }

    /// The wall clock, in nanoseconds since 1970.
    pub fn wall_clock_ns(&self) -> u64 {
        self.process.borrow().wall_ns
    }

    /// The monotonic clock, in nanoseconds.
    pub fn monotonic_ns(&self) -> u64 {
        self.process.borrow().monotonic_ns
    }
}
