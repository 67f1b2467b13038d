//! What a host call can reach: the contexts of its VM, and through them streams and the process.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use wasmtime::{Caller, Memory, TypedFunc};

use super::{
    grpc::Grpc,
    metrics::MetricIds,
    pairs::Pairs,
    process::{Process, VmName},
    status::Status,
    stream::Stream,
};

/// What a filter asked for and Envoy does only after the callback returned.
#[derive(Debug)]
pub(crate) enum Deferred {
    Reply(LocalReply),
    ResetStream,
    ContinueRequest,
    ContinueResponse,
}

/// The arguments of `send_http_response`.
#[derive(Debug)]
pub(crate) struct LocalReply {
    pub(crate) status: u16,
    pub(crate) headers: Pairs,
    pub(crate) body: Vec<u8>,
    pub(crate) details: String,
}

/// Where the test lets the VM trap.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    Now,
    In(String),
    ByItself,
}

/// A root context: one plugin configuration in one VM.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) listener: usize,
    pub(crate) retired: bool,
    pub(crate) tick_period_ms: u32,
}

/// Where values go into the guest's memory.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) memory: Memory,
    pub(crate) allocate: TypedFunc<u32, u32>,
}

pub(crate) struct VmState {
    pub(crate) name: VmName,
    pub(crate) process: Rc<RefCell<Process>>,
    pub(crate) guest: Option<Guest>,
    pub(crate) roots: BTreeMap<u32, Root>,
    /// Each live stream and its root context.
    pub(crate) streams: BTreeMap<u32, (Rc<RefCell<Stream>>, u32)>,
    pub(crate) current: u32,
    pub(crate) effective: Option<u32>,
    pub(crate) configuration: Option<Vec<u8>>,
    pub(crate) metric_ids: MetricIds,
    pub(crate) grpc: Grpc,
    pub(crate) next_iteration_stopped: bool,
    pub(crate) deferred: Vec<(u32, Deferred)>,
    pub(crate) crash: Option<Crash>,
    /// What the guest is given in place of the next value that it asks for.
    pub(crate) say: Option<Vec<u8>>,
    /// Where the guest's counters of taken edges begin and end, if it is instrumented.
    pub(crate) edges: Option<(u32, u32)>,
}

impl VmState {
    pub(crate) fn new(name: VmName, process: Rc<RefCell<Process>>) -> Self {
        Self {
            name,
            process,
            guest: None,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            current: 0,
            effective: None,
            configuration: None,
            metric_ids: MetricIds::default(),
            grpc: Grpc::default(),
            next_iteration_stopped: false,
            deferred: Vec::new(),
            crash: None,
            say: None,
            edges: None,
        }
    }

    /// The running context, or the one that the guest chose in its stead, while that one lives.
    pub(crate) fn context(&self) -> u32 {
        self.effective.filter(|id| self.knows(*id)).unwrap_or(self.current)
    }

    pub(crate) fn knows(&self, context: u32) -> bool {
        self.roots.contains_key(&context) || self.streams.contains_key(&context)
    }

    /// The root context of the running one, or that itself.
    pub(crate) fn root(&self) -> u32 {
        let context = self.context();
        self.streams.get(&context).map_or(context, |(_, root)| *root)
    }

    pub(crate) fn stream(&self) -> Option<Rc<RefCell<Stream>>> {
        self.streams.get(&self.context()).map(|(stream, _)| stream.clone())
    }
}

/// The bytes of the guest's memory that an argument points to.
pub(crate) fn bytes(
    caller: &Caller<'_, VmState>,
    start: u32,
    length: u32,
) -> Result<Vec<u8>, Status> {
    let memory = guest(caller).memory.data(caller);
    let end = (start as usize).checked_add(length as usize).ok_or(Status::InvalidMemoryAccess)?;
    memory.get(start as usize..end).map(<[u8]>::to_vec).ok_or(Status::InvalidMemoryAccess)
}

/// The same as text, as keys, names and log lines are here, though Envoy would take any bytes.
pub(crate) fn text(
    caller: &Caller<'_, VmState>,
    start: u32,
    length: u32,
) -> Result<String, Status> {
    Ok(String::from_utf8_lossy(&bytes(caller, start, length)?).into_owned())
}

/// Copies a value to a place that the guest allocates, and tells where it is.
pub(crate) fn give(
    caller: &mut Caller<'_, VmState>,
    value: &[u8],
    start_at: u32,
    length_at: u32,
) -> Result<(), Status> {
    let guest = guest(caller);
    let instead = caller.data_mut().say.take();
    let value = instead.as_deref().unwrap_or(value);
    let mut start = 0;
    if !value.is_empty() {
        let allocated = guest.allocate.call(&mut *caller, value.len() as u32);
        start = allocated.unwrap_or_else(|trap| panic!("the guest's allocator trapped: {trap:?}"));
        put(caller, start, value)?;
    }
    put(caller, start_at, &start.to_le_bytes())?;
    put(caller, length_at, &(value.len() as u32).to_le_bytes())
}

/// Writes into the guest's memory.
pub(crate) fn put(caller: &mut Caller<'_, VmState>, at: u32, value: &[u8]) -> Result<(), Status> {
    let memory = guest(caller).memory;
    memory.write(caller, at as usize, value).map_err(|_| Status::InvalidMemoryAccess)
}

fn guest(caller: &Caller<'_, VmState>) -> Guest {
    caller.data().guest.clone().expect("host calls come from an instantiated guest")
}
