//! One VM: an instance of the module, its contexts, and how callbacks are made.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use wasmtime::{Instance, Store, WasmParams, WasmResults};

use super::{
    module::Module,
    process::{Process, VmName},
    stream::Stream,
    vm_state::{Crash, Deferred, Guest, Root, VmState},
    world::UNAVAILABLE,
};

pub(crate) struct Vm {
    store: Store<VmState>,
    instance: Instance,
    next_context: u32,
    /// A trap ends the VM for all its streams.
    pub(crate) failed: bool,
    spent: BTreeMap<String, Spent>,
}

/// What a callback cost so far; instructions are those of a [metered](Module::metered) module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How often it was called.
    pub calls: u64,
    /// The instructions that these calls executed.
    pub instructions: u64,
    /// Those of the dearest of them.
    pub most: u64,
    /// How long the longest of them took, on this machine and with this host.
    pub longest: Duration,
}

/// The VM trapped in this callback, or had before.
#[derive(Debug)]
pub(crate) struct Failed;

impl Vm {
    pub(crate) fn start(module: &Module, name: VmName, process: &Rc<RefCell<Process>>) -> Self {
        let engine = module.instance.module().engine();
        let mut store = Store::new(engine, VmState::new(name, process.clone()));
        // Refused where nothing is metered.
        let _ = store.set_fuel(u64::MAX);
        let instance =
            module.instance.instantiate(&mut store).expect("a linked module instantiates");
        let memory = instance.get_memory(&mut store, "memory").expect("the module has a memory");
        let allocate = instance
            .get_typed_func(&mut store, "proxy_on_memory_allocate")
            .expect("the module exports proxy_on_memory_allocate");
        store.data_mut().guest = Some(Guest { memory, allocate });
        let mut vm =
            Self { store, instance, next_context: 1, failed: false, spent: BTreeMap::new() };
        let version = vm.instance.get_export(&mut vm.store, "proxy_abi_version_0_2_1");
        assert!(version.is_some(), "the module speaks another ABI than 0.2.1");
        vm.call::<(), ()>("_initialize", 0, ()).expect("_initialize cannot fail");
        vm
    }

    pub(crate) fn state(&mut self) -> &mut VmState {
        self.store.data_mut()
    }

    /// What each callback cost so far.
    pub(crate) const fn spent(&self) -> &BTreeMap<String, Spent> {
        &self.spent
    }

    pub(crate) fn forget_spent(&mut self) {
        self.spent.clear();
    }

    fn note_spent(&mut self, callback: &str, fuel_before: Option<u64>, began: Instant) {
        let longest = began.elapsed();
        let spent = self.spent.entry(callback.to_owned()).or_default();
        spent.calls += 1;
        spent.longest = spent.longest.max(longest);
        let Some(before) = fuel_before else { return };
        let instructions = before - self.store.get_fuel().unwrap_or(before);
        spent.instructions += instructions;
        spent.most = spent.most.max(instructions);
    }

    /// How often each edge of an instrumented module was taken, counted as a byte that wraps.
    pub(crate) fn edges(&mut self) -> Vec<u8> {
        let Some((start, end)) = self.state().edges else { return Vec::new() };
        let memory = self.instance.get_memory(&mut self.store, "memory");
        let bytes = memory.as_ref().map(|memory| memory.data(&self.store)).unwrap_or_default();
        bytes.get(start as usize..end as usize).unwrap_or_default().to_vec()
    }

    /// The size of its memory, in bytes.
    pub(crate) fn memory_bytes(&mut self) -> usize {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Creates a root context under `configuration`; false is the plugin's refusal.
    pub(crate) fn configure(&mut self, listener: usize, configuration: &[u8]) -> Result<u32, ()> {
        let root = self.take_context();
        let entry = Root { listener, retired: false, tick_period_ms: 0 };
        self.state().roots.insert(root, entry);
        let first = root == 1;
        let outcome = self.create_root(root, first, configuration);
        if let Ok(true) = outcome {
            return Ok(root);
        }
        self.state().roots.remove(&root);
        Err(())
    }

    fn create_root(
        &mut self,
        root: u32,
        first: bool,
        configuration: &[u8],
    ) -> Result<bool, Failed> {
        self.call::<_, ()>("proxy_on_context_create", root, (root, 0))?;
        // Envoy starts a VM once, however many configurations it is given.
        if first && self.call::<_, u32>("proxy_on_vm_start", root, (root, 0))? == 0 {
            return Ok(false);
        }
        self.state().configuration = Some(configuration.to_vec());
        let size = configuration.len() as u32;
        let accepted = self.call::<_, u32>("proxy_on_configure", root, (root, size));
        self.state().configuration = None;
        Ok(accepted? != 0)
    }

    /// Gives a stream its context under the current root of `listener`.
    pub(crate) fn create_stream(
        &mut self,
        listener: usize,
        stream: Rc<RefCell<Stream>>,
    ) -> Result<u32, Failed> {
        let root = self.current_root(listener);
        let context = self.take_context();
        self.state().streams.insert(context, (stream, root));
        self.call::<_, ()>("proxy_on_context_create", context, (context, root))?;
        Ok(context)
    }

    fn current_root(&mut self, listener: usize) -> u32 {
        let roots = &self.state().roots;
        let mut serving = roots.iter().filter(|(_, r)| r.listener == listener && !r.retired);
        *serving.next_back().unwrap_or_else(|| panic!("no listener {listener} is serving")).0
    }

    /// Ends the contexts of a stream, and of its root if that waited only for this.
    pub(crate) fn delete_stream(&mut self, context: u32) {
        let _ = self
            .call::<_, u32>("proxy_on_done", context, (context,))
            .and_then(|_| self.call::<_, ()>("proxy_on_delete", context, (context,)));
        if let Some((_, root)) = self.state().streams.remove(&context) {
            self.delete_drained_root(root);
        }
    }

    /// Retires all roots of `listener` but `kept`; those with streams go when these are done.
    pub(crate) fn retire_roots(&mut self, listener: usize, kept: u32) {
        let roots = &mut self.state().roots;
        let old: Vec<u32> = roots
            .iter_mut()
            .filter(|(id, root)| **id != kept && root.listener == listener)
            .map(|(id, root)| {
                root.retired = true;
                *id
            })
            .collect();
        old.into_iter().for_each(|root| self.delete_drained_root(root));
    }

    fn delete_drained_root(&mut self, root: u32) {
        let state = self.state();
        let drained = state.streams.values().all(|(_, of)| *of != root);
        if !drained || !state.roots.get(&root).is_some_and(|root| root.retired) {
            return;
        }
        let _ = self
            .call::<_, u32>("proxy_on_done", root, (root,))
            .and_then(|_| self.call::<_, ()>("proxy_on_delete", root, (root,)));
        self.state().roots.remove(&root);
        self.state().grpc.forget(root);
    }

    /// One callback of `context`.
    ///
    /// # Panics
    /// If the module traps without the test having asked for it.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: &str,
        context: u32,
        arguments: P,
    ) -> Result<R, Failed> {
        if self.failed {
            return Err(Failed);
        }
        let state = self.state();
        (state.current, state.effective, state.next_iteration_stopped) = (context, None, false);
        let function = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, callback)
            .unwrap_or_else(|error| panic!("the module's {callback}: {error}"));
        let fuel = self.store.get_fuel().ok();
        let began = Instant::now();
        let result = function.call(&mut self.store, arguments);
        self.note_spent(callback, fuel, began);
        match (result, &self.state().crash) {
            (Ok(result), None | Some(Crash::In(_) | Crash::ByItself)) => {
                self.tell_of_refused();
                Ok(result)
            }
            (Err(trap), None) => self.explain(callback, &trap),
            _ => {
                self.failed = true;
                Err(Failed)
            }
        }
    }

    /// A message came for this stream or call.
    pub(crate) fn grpc_received(&mut self, root: u32, token: u32, message: &[u8]) {
        self.state().grpc.received = Some(message.to_vec());
        let size = message.len() as u32;
        let _ = self.call::<_, ()>("proxy_on_grpc_receive", root, (root, token, size));
        self.state().grpc.received = None;
    }

    /// This stream or call ended without, or without another, message.
    pub(crate) fn grpc_closed(&mut self, root: u32, token: u32, status: u32) {
        let _ = self.call::<_, ()>("proxy_on_grpc_close", root, (root, token, status));
    }

    /// What was refused while it was opened is told when the guest has returned.
    fn tell_of_refused(&mut self) {
        for (root, token) in std::mem::take(&mut self.state().grpc.refused) {
            if self.state().knows(root) {
                self.grpc_closed(root, token, UNAVAILABLE);
            }
        }
    }

    /// The root contexts that asked for ticks.
    pub(crate) fn ticking_roots(&mut self) -> Vec<u32> {
        let roots = self.state().roots.iter();
        roots.filter(|(_, root)| root.tick_period_ms > 0).map(|(id, _)| *id).collect()
    }

    /// What the last callback put off.
    pub(crate) fn take_deferred(&mut self) -> Vec<(u32, Deferred)> {
        std::mem::take(&mut self.state().deferred)
    }

    fn take_context(&mut self) -> u32 {
        let context = self.next_context;
        self.next_context += 1;
        context
    }

    fn explain(&mut self, callback: &str, trap: &wasmtime::Error) -> ! {
        let state = self.state();
        let process = state.process.borrow();
        let last: Vec<_> = process.log.iter().rev().take(5).map(|line| &line.message).collect();
        panic!(
            "the module trapped in {callback} on {}: {trap:?}\nlast logged: {last:#?}",
            state.name
        )
    }
}
