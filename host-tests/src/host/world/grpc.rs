//! The other side of the module's gRPC streams and calls, and the queues between its VMs.

use std::{cell::RefCell, rc::Rc, time::Duration};

use super::{
    super::{
        grpc::{Is, Opened},
        process::VmName,
        vm::Vm,
    },
    World,
};

/// A gRPC stream that a VM has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStream {
    /// The VM that opened it.
    pub vm: VmName,
    /// The cluster that it goes to.
    pub cluster: String,
    /// The method's path, such as `etcdserverpb.Watch/Watch`.
    pub method: String,
    root: u32,
    token: u32,
}

/// A unary gRPC call that awaits its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// The VM that made it.
    pub vm: VmName,
    /// The cluster that it goes to.
    pub cluster: String,
    /// The method's path, such as `etcdserverpb.KV/Range`.
    pub method: String,
    /// What was sent.
    pub message: Vec<u8>,
    /// After that long it fails with [`DEADLINE_EXCEEDED`]; zero is for ever.
    pub timeout: Duration,
    root: u32,
    token: u32,
}

/// The gRPC status of a call whose time was over.
pub const DEADLINE_EXCEEDED: u32 = 4;
/// The gRPC status of a peer that cannot be reached.
pub const UNAVAILABLE: u32 = 14;

impl World {
    /// All gRPC streams that are open, by VM and in the order of their opening.
    pub fn grpc_streams(&self) -> Vec<GrpcStream> {
        let stream = |vm, token, Opened { root, cluster, method, is }| {
            matches!(is, Is::Stream { .. }).then_some(GrpcStream {
                vm,
                cluster,
                method,
                root,
                token,
            })
        };
        self.all_opened().into_iter().filter_map(|(vm, token, it)| stream(vm, token, it)).collect()
    }

    /// All gRPC calls that await their reply, by VM and in the order of their calling.
    pub fn grpc_calls(&self) -> Vec<GrpcCall> {
        let call = |vm, token, Opened { root, cluster, method, is }| match is {
            Is::Call { message, timeout, .. } => {
                Some(GrpcCall { vm, cluster, method, message, timeout, root, token })
            }
            Is::Stream { .. } => None,
        };
        self.all_opened().into_iter().filter_map(|(vm, token, it)| call(vm, token, it)).collect()
    }

    /// Takes what the module sent on this stream since it was last asked.
    pub fn sent(&self, stream: &GrpcStream) -> Vec<Vec<u8>> {
        let Some(vm) = self.sound_vm(stream.vm) else { return Vec::new() };
        match vm.borrow_mut().state().grpc.opened.get_mut(&stream.token) {
            Some(Opened { is: Is::Stream { sent }, .. }) => std::mem::take(sent),
            _ => Vec::new(),
        }
    }

    /// The other side sends a message; whether the stream was still there to get it.
    pub fn push(&self, stream: &GrpcStream, message: &[u8]) -> bool {
        let Some(vm) = self.having(stream.vm, stream.token) else { return false };
        vm.borrow_mut().grpc_received(stream.root, stream.token, message);
        true
    }

    /// The other side, or the connection, ends the stream with this status.
    ///
    /// # Panics
    /// If the module leaves it to Envoy, which would reset a stream that is gone when the context
    /// ends.
    pub fn close(&self, stream: &GrpcStream, status: u32) {
        let Some(vm) = self.having(stream.vm, stream.token) else { return };
        vm.borrow_mut().grpc_closed(stream.root, stream.token, status);
        let left = self.having(stream.vm, stream.token);
        assert!(left.is_none(), "a closed stream must be cancelled in its callback: {stream:?}");
    }

    /// The other side answers a call.
    pub fn reply(&self, call: &GrpcCall, message: &[u8]) {
        let Some(vm) = self.taken(call) else { return };
        vm.borrow_mut().grpc_received(call.root, call.token, message);
    }

    /// A call fails with this status.
    pub fn fail(&self, call: &GrpcCall, status: u32) {
        let Some(vm) = self.taken(call) else { return };
        vm.borrow_mut().grpc_closed(call.root, call.token, status);
    }

    /// All VMs that have messages in their queues are told, and those that these tell in turn.
    pub fn wake(&self) {
        while let Some(((vm, context), queue)) = self.next_wake() {
            let Some(vm) = self.sound_vm(vm) else { continue };
            let mut vm = vm.borrow_mut();
            // It need not be the context that registered the queue, if its VM was made anew.
            if vm.state().knows(context) {
                let _ = vm.call::<_, ()>("proxy_on_queue_ready", context, (context, queue));
            }
        }
    }

    /// Something else in the process puts a message into every queue between its VMs.
    pub fn enqueue_everywhere(&self, message: &[u8]) {
        self.process.borrow_mut().queues.enqueue_everywhere(message);
    }

    /// How many messages wait in the queues between VMs.
    pub fn queued(&self) -> usize {
        self.process.borrow().queues.waiting()
    }

    pub(super) fn time_out_calls(&self, vm: &Rc<RefCell<Vm>>) {
        let now_ns = self.monotonic_ns();
        let overdue = vm.borrow_mut().state().grpc.overdue(now_ns);
        for token in overdue {
            let mut vm = vm.borrow_mut();
            if let Some(call) = vm.state().grpc.opened.remove(&token) {
                vm.grpc_closed(call.root, token, DEADLINE_EXCEEDED);
            }
        }
    }

    fn next_wake(&self) -> Option<((VmName, u32), u32)> {
        self.process.borrow_mut().queues.next_wake()
    }

    fn all_opened(&self) -> Vec<(VmName, u32, Opened)> {
        let vms = self.vm_slots().filter_map(|(name, _)| Some((name, self.sound_vm(name)?)));
        vms.flat_map(|(name, vm)| {
            let opened = vm.borrow_mut().state().grpc.opened.clone();
            opened.into_iter().map(move |(token, it)| (name, token, it))
        })
        .collect()
    }

    fn sound_vm(&self, name: VmName) -> Option<Rc<RefCell<Vm>>> {
        self.slot(name).borrow().clone().filter(|vm| !vm.borrow().failed)
    }

    fn having(&self, name: VmName, token: u32) -> Option<Rc<RefCell<Vm>>> {
        self.sound_vm(name).filter(|vm| vm.borrow_mut().state().grpc.opened.contains_key(&token))
    }

    fn taken(&self, call: &GrpcCall) -> Option<Rc<RefCell<Vm>>> {
        let vm = self.having(call.vm, call.token)?;
        vm.borrow_mut().state().grpc.opened.remove(&call.token);
        Some(vm)
    }
}
