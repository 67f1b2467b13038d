//! What a test can see of the process, and how it disturbs it.

use std::{
    cell::{Ref, RefMut},
    collections::{BTreeMap, VecDeque},
};

use super::{
    super::{
        metrics::Metric,
        process::{Fault, LogLine},
        shared_data::SharedData,
        status::Status,
        vm::Spent,
    },
    World,
};

/// What the module left behind.
impl World {
    /// What the module logged, of all VMs in order.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.process.borrow().log.clone()
    }

    /// Forgets the log so far.
    pub fn clear_log(&self) {
        self.process.borrow_mut().log.clear();
    }

    /// The stat of this raw name, labels included, without the prefix `wasmcustom.`.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        let process = self.process.borrow();
        process.stats.iter().find(|(n, _)| *n == name).map(|(_, metric)| metric.clone())
    }

    /// All stats by their raw names.
    pub fn metrics(&self) -> Vec<(String, Metric)> {
        let process = self.process.borrow();
        process.stats.iter().map(|(name, metric)| (name.to_owned(), metric.clone())).collect()
    }

    /// The value of a counter; 0 if nobody defined it yet, as Envoy's scrapes show it.
    ///
    /// # Panics
    /// If the stat of this name is no counter.
    pub fn counter(&self, name: &str) -> u64 {
        match self.metric(name) {
            None => 0,
            Some(Metric::Counter(value)) => value,
            Some(other) => panic!("{name} is no counter but {other:?}"),
        }
    }

    /// The value of a gauge.
    ///
    /// # Panics
    /// If there is no gauge of this name.
    pub fn gauge(&self, name: &str) -> u64 {
        match self.metric(name) {
            Some(Metric::Gauge(value)) => value,
            other => panic!("{name} is no gauge but {other:?}"),
        }
    }

    /// The samples of a histogram; none if nobody defined it yet.
    ///
    /// # Panics
    /// If the stat of this name is no histogram.
    pub fn samples(&self, name: &str) -> Vec<u64> {
        match self.metric(name) {
            None => Vec::new(),
            Some(Metric::Histogram(samples)) => samples,
            Some(other) => panic!("{name} is no histogram but {other:?}"),
        }
    }

    /// The shared data, to look at.
    pub fn shared_data(&self) -> Ref<'_, SharedData> {
        Ref::map(self.process.borrow(), |process| &process.shared)
    }

    /// The shared data, to write into behind the module's back. Do not hold it across a call.
    pub fn shared_data_mut(&self) -> RefMut<'_, SharedData> {
        RefMut::map(self.process.borrow_mut(), |process| &mut process.shared)
    }

    /// Runs `hook` before each store of the module, with the key that it is about to store: the
    /// place for another worker's store between this one's load and store.
    pub fn before_set(&self, hook: impl FnMut(&mut SharedData, &str) + 'static) {
        self.process.borrow_mut().before_set = Some(Box::new(hook));
    }

    /// Makes the next `times` host calls of this name (`proxy_get_shared_data`) fail.
    pub fn fail_next(&self, host_call: &str, status: Status, times: usize) {
        let statuses = VecDeque::from(vec![status; times]);
        self.process.borrow_mut().faults.insert(host_call.into(), Fault::Next(statuses));
    }

    /// Makes all host calls of this name fail from now on.
    pub fn fail_always(&self, host_call: &str, status: Status) {
        self.process.borrow_mut().faults.insert(host_call.into(), Fault::Always(status));
    }

    /// Ends what [`before_set`](Self::before_set) and the `fail_` methods began.
    pub fn clear_faults(&self) {
        let mut process = self.process.borrow_mut();
        process.faults.clear();
        process.before_set = None;
    }

    /// The memory of this worker's VM, in bytes; 0 before it started. It never shrinks.
    pub fn memory_bytes(&self, worker: usize) -> usize {
        self.workers[worker].borrow().as_ref().map_or(0, |vm| vm.borrow_mut().memory_bytes())
    }

    /// The same of the main thread's VM.
    pub fn main_thread_memory_bytes(&self) -> usize {
        self.main_thread.borrow().as_ref().map_or(0, |vm| vm.borrow_mut().memory_bytes())
    }

    /// What each callback of this worker's VM cost so far; instructions are counted if the module is
    /// [metered](super::super::Module::metered).
    pub fn spent(&self, worker: usize) -> BTreeMap<String, Spent> {
        let vm = self.workers[worker].borrow();
        vm.as_ref().map_or_else(BTreeMap::new, |vm| vm.borrow().spent().clone())
    }

    /// Forgets what callbacks of this worker's VM cost so far.
    pub fn forget_spent(&self, worker: usize) {
        if let Some(vm) = self.workers[worker].borrow().as_ref() {
            vm.borrow_mut().forget_spent();
        }
    }

    /// How often all VMs together made each host call.
    pub fn all_host_calls(&self) -> BTreeMap<&'static str, u64> {
        self.process.borrow().host_calls.clone()
    }

    /// How often all VMs together made this host call.
    pub fn host_calls(&self, name: &str) -> u64 {
        self.process.borrow().host_calls.get(name).copied().unwrap_or(0)
    }
}
