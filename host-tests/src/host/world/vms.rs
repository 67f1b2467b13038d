//! How the process keeps its VMs: who is configured when, and what replaces a VM that failed.

use std::{cell::RefCell, rc::Rc};

use super::{
    super::{call::Call, exchange::Exchange, process::VmName, stream::Stage, vm::Vm},
    Configuration, Rejected, VmSlot, World,
};

impl World {
    /// Envoy tries a configuration in a throwaway VM of the main thread before anything else.
    pub(super) fn try_out(&self, configuration: &Configuration) -> Result<(), Rejected> {
        let before = self.process.borrow().log.len();
        let mut canary = Vm::start(&self.module, VmName::Canary, &self.process);
        let outcome = canary.configure(0, &configuration.0);
        let log = self.process.borrow().log[before..].to_vec();
        outcome.map(drop).map_err(|()| Rejected { log })
    }

    pub(super) fn configure(&self, listener: usize) {
        for (name, slot) in self.vm_slots() {
            let vm = slot.borrow().clone();
            match vm.filter(|vm| !vm.borrow().failed) {
                None => drop(self.live_vm(name)),
                Some(vm) => self.configure_vm(&vm, listener),
            }
        }
    }

    fn configure_vm(&self, vm: &Rc<RefCell<Vm>>, listener: usize) {
        let configuration = self.listeners.borrow()[listener].clone();
        let mut vm = vm.borrow_mut();
        let root = vm.configure(listener, &configuration.0);
        let root = root.expect("the canary accepted what another VM refuses");
        vm.retire_roots(listener, root);
    }

    /// The VM of this name, made anew if it failed.
    pub(super) fn live_vm(&self, name: VmName) -> Rc<RefCell<Vm>> {
        let slot = self.slot(name);
        if let Some(vm) = slot.borrow().clone()
            && !vm.borrow().failed
        {
            return vm;
        }
        let vm = Rc::new(RefCell::new(Vm::start(&self.module, name, &self.process)));
        *slot.borrow_mut() = Some(vm.clone());
        let listeners = self.listeners.borrow().len();
        (0..listeners).for_each(|listener| self.configure_vm(&vm, listener));
        vm
    }

    pub(super) fn slot(&self, name: VmName) -> &VmSlot {
        match name {
            VmName::Worker(number) => &self.workers[number],
            VmName::MainThread => &self.main_thread,
            VmName::Canary => panic!("the canary is gone once it has spoken"),
        }
    }

    pub(super) fn vm_slots(&self) -> impl Iterator<Item = (VmName, &VmSlot)> {
        let workers = self.workers.iter().enumerate();
        std::iter::once((VmName::MainThread, &self.main_thread))
            .chain(workers.map(|(number, slot)| (VmName::Worker(number), slot)))
    }

    pub(super) fn remember(&self, call: &Call) {
        let mut calls = self.calls.borrow_mut();
        calls.retain(|exchange| exchange.borrow().stream().stage != Stage::Done);
        calls.push(call.exchange.clone());
    }

    pub(super) fn exchange(&self, vm: &Rc<RefCell<Vm>>, context: u32) -> Rc<RefCell<Exchange>> {
        let calls = self.calls.borrow();
        let mut matching = calls.iter().filter(|exchange| exchange.borrow().is(vm, context));
        matching.next().unwrap_or_else(|| panic!("context {context} is no stream")).clone()
    }
}
