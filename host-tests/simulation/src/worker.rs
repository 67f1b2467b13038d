//! One worker: a VM that runs the production code, and stops wherever the scheduler may switch.

use crate::port::{Port, Stop, Trouble};
use crate::scenario::Request;
use crate::shift::Shift;
use crate::vm::Vm;
use crate::world::{Life, World};
use core::time::Duration;
use corosensei::{Coroutine, CoroutineResult};
use llm_breaker::breaker;
use llm_breaker::policy::Policy;
use llm_breaker::time::Instant;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Something that a worker is to do.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub job: Job,
    /// What its clock reads, once for all that it does.
    pub now: Instant,
}

/// What a worker does.
#[derive(Debug)]
pub enum Job {
    /// A request came.
    Request(Request),
    /// The next callback of a call.
    Proceed(u32),
    /// A callback of a call that was settled before.
    LateCallback(u32),
    /// A second passed.
    Tick,
    /// An operator tells a breaker something.
    Obey(String, breaker::Order),
    /// It is given a configuration.
    Configure(Box<Policy>),
}

/// A worker.
pub struct Worker {
    /// Its VM.
    pub vm: Rc<RefCell<Vm>>,
    /// How far behind its clock reads.
    pub behind: Duration,
    /// Where it stopped.
    pub stop: Stop,
    /// What its clock read when it began.
    pub begun: Instant,
    /// For how many of the scheduler's steps it stands still.
    pub held: u32,
    /// What goes wrong with its next load or store.
    pub trouble: Rc<Cell<Trouble>>,
    coroutine: Coroutine<Option<Order>, Stop, ()>,
}

impl Worker {
    /// A worker with nothing to do.
    #[must_use]
    pub fn new(world: &Rc<RefCell<World>>, policy: Policy, behind: Duration) -> Self {
        let now = world.borrow().now;
        let vm = Rc::new(RefCell::new(Vm::new(Policy { in_force_since: now, ..policy })));
        world.borrow_mut().vms.push(Rc::downgrade(&vm));
        let (its_vm, its_world) = (Rc::clone(&vm), Rc::clone(world));
        let trouble = Rc::<Cell<Trouble>>::default();
        let its_trouble = Rc::clone(&trouble);
        let coroutine = Coroutine::new(move |yielder, _| {
            let port = Port::new(yielder, Rc::clone(&its_world), its_trouble);
            loop {
                if let Some(Order { job, now }) = yielder.suspend(Stop::Idle) {
                    let (world, vm, together) = (&its_world, &its_vm, RefCell::default());
                    Shift { port: &port, world, vm, now, together }.work(job);
                }
            }
        });
        let mut worker =
            Self { vm, behind, stop: Stop::Idle, begun: now, held: 0, trouble, coroutine };
        worker.resume(None);
        worker
    }

    /// Whether it has nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.stop == Stop::Idle
    }

    /// Begin something.
    pub fn begin(&mut self, order: Order) {
        self.begun = order.now;
        self.resume(Some(order));
    }

    /// Go on to the next load or store.
    pub fn go_on(&mut self) {
        self.resume(None);
    }

    fn resume(&mut self, order: Option<Order>) {
        match self.coroutine.resume(order) {
            CoroutineResult::Yield(stop) => self.stop = stop,
            CoroutineResult::Return(()) => {}
        }
    }

    /// Its VM crashes, and a fresh one takes its place: what it was about is forgotten.
    pub fn crash(&mut self, world: &Rc<RefCell<World>>) {
        let policy = Policy::clone(&self.vm.borrow().policy());
        let lost = self.vm.borrow().requests();
        let fresh = Self::new(world, policy, self.behind);
        drop(core::mem::replace(self, fresh));
        for request in lost {
            world.borrow_mut().becomes(request, Life::Lost);
        }
    }
}
