//! What all VMs of one Envoy process share: shared data, stats, clocks, the log, and the faults
//! that a test injects.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use serde_json::Value;

use super::{metrics::Stats, queues::Queues, shared_data::SharedData, status::Status};

/// One line that the module logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The VM that logged it.
    pub vm: VmName,
    /// How grave the module thinks it is.
    pub level: Level,
    /// The text.
    pub message: String,
}

/// Envoy's log levels, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Level {
    pub(crate) fn of(number: u32) -> Self {
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical]
            .get(number as usize)
            .copied()
            .unwrap_or_else(|| panic!("log level {number} would abort Envoy"))
    }
}

/// Which VM of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VmName {
    /// The throwaway VM in which Envoy tries every configuration first.
    Canary,
    /// The main thread's VM: configured and ticked, never given a request.
    MainThread,
    /// The VM of the worker with this number, counted from 0.
    Worker(usize),
}

impl fmt::Display for VmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canary => f.write_str("canary"),
            Self::MainThread => f.write_str("main thread"),
            Self::Worker(number) => write!(f, "worker {number}"),
        }
    }
}

/// A route that a request header chooses, for `clear_route_cache`.
#[derive(Debug)]
pub(crate) struct HeaderRoute {
    pub(crate) header: String,
    pub(crate) value: String,
    pub(crate) cluster: String,
}

/// How often a host call is to fail.
#[derive(Debug)]
pub(crate) enum Fault {
    Next(VecDeque<Status>),
    Always(Status),
}

type StoreHook = Box<dyn FnMut(&mut SharedData, &str)>;

pub(crate) struct Process {
    pub(crate) shared: SharedData,
    pub(crate) stats: Stats,
    pub(crate) log: Vec<LogLine>,
    pub(crate) monotonic_ns: u64,
    pub(crate) wall_ns: u64,
    /// By so much the monotonic clock moves on whenever the guest looks at it.
    pub(crate) each_look_takes_ns: u64,
    pub(crate) node: Value,
    pub(crate) cluster_metadata: BTreeMap<String, Value>,
    pub(crate) header_routes: Vec<HeaderRoute>,
    /// The clusters that gRPC can be sent to.
    pub(crate) grpc_clusters: BTreeSet<String>,
    pub(crate) queues: Queues,
    /// The properties that access logs show as nested fields.
    pub(crate) declared: BTreeSet<String>,
    pub(crate) headers_stop: HeadersStop,
    /// The most that Envoy keeps of a body for a filter that holds it.
    pub(crate) buffer_limit_bytes: usize,
    pub(crate) faults: BTreeMap<String, Fault>,
    /// How often each of them did.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    pub(crate) before_set: Option<StoreHook>,
    pub(crate) host_calls: BTreeMap<&'static str, u64>,
}

/// What a filter stops that pauses a request at its headers: the plugin configuration's
/// `allow_on_headers_stop_iteration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadersStop {
    /// The body too, which the filter is not shown. Envoy's default.
    All,
    /// Only the headers: the body goes on to the filter.
    Headers,
}

/// Envoy's `per_connection_buffer_limit_bytes` if not said.
const BUFFER_LIMIT_BYTES: usize = 1 << 20;
/// An up-time that no test mistakes for zero: 10 days.
const UPTIME_AT_START_NS: u64 = 10 * 24 * 3600 * 1_000_000_000;
/// 2026-01-01T00:00:00Z.
const WALL_AT_START_NS: u64 = 1_767_225_600 * 1_000_000_000;

impl Default for Process {
    fn default() -> Self {
        Self {
            shared: SharedData::default(),
            stats: Stats::default(),
            log: Vec::new(),
            monotonic_ns: UPTIME_AT_START_NS,
            wall_ns: WALL_AT_START_NS,
            each_look_takes_ns: 0,
            node: serde_json::json!({"id": "node-1", "cluster": "test"}),
            cluster_metadata: BTreeMap::new(),
            header_routes: Vec::new(),
            grpc_clusters: BTreeSet::new(),
            queues: Queues::default(),
            declared: BTreeSet::new(),
            headers_stop: HeadersStop::All,
            buffer_limit_bytes: BUFFER_LIMIT_BYTES,
            faults: BTreeMap::new(),
            refused: BTreeMap::new(),
            before_set: None,
            host_calls: BTreeMap::new(),
        }
    }
}

impl Process {
    /// Counts one host call and says whether the test wants it to fail.
    pub(crate) fn enter(&mut self, call: &'static str) -> Option<Status> {
        *self.host_calls.entry(call).or_default() += 1;
        let status = match self.faults.get_mut(call)? {
            Fault::Always(status) => *status,
            Fault::Next(statuses) => statuses.pop_front()?,
        };
        *self.refused.entry(call).or_default() += 1;
        Some(status)
    }

    /// Stores, after the test had its chance to store first.
    pub(crate) fn set_shared(&mut self, key: &str, value: &[u8], cas: u32) -> Result<(), Status> {
        if let Some(mut hook) = self.before_set.take() {
            hook(&mut self.shared, key);
            self.before_set = Some(hook);
        }
        self.shared.set(key, value, cas)
    }
}
