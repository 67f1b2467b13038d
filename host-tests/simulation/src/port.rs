//! A worker's way to the shared data: the scheduler may stop it at each load and store.

use crate::coverage::{Activity, Between};
use crate::world::World;
use corosensei::Yielder;
use llm_breaker::shared::{Cell, Loaded, Stored, cas_of};
use llm_breaker::time::Instant;
use std::cell::{Cell as Slot, RefCell};
use std::rc::Rc;

/// Where a worker stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has nothing to do.
    Idle,
    /// It is about to load this key.
    Load(Activity, String),
    /// It loaded this key, decided, and is about to store.
    Store(Activity, String),
}

/// What goes wrong on one way through the shared data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// The host does not answer the next load.
    LoadRefused,
    /// The host refuses the next store.
    StoreRefused,
    /// Somebody stores before each of its stores.
    Crowd,
}

/// The shared data, as one worker reaches it.
pub struct Port<'y, Job> {
    yielder: &'y Yielder<Option<Job>, Stop>,
    world: Rc<RefCell<World>>,
    activity: Slot<Activity>,
    trouble: Rc<Slot<Trouble>>,
    /// The cas that the latest load found, and when.
    loaded: RefCell<Option<(Option<u32>, Instant)>>,
    /// The value that it found.
    found: RefCell<Option<Vec<u8>>>,
    /// Whether the latest store came to nothing.
    is_unstored: Slot<bool>,
    conflicts: Slot<u64>,
    refused: Slot<bool>,
}

impl<'y, Job> Port<'y, Job> {
    /// The way of a worker that stops by this yielder, and has this trouble with the host.
    pub fn new(
        yielder: &'y Yielder<Option<Job>, Stop>,
        world: Rc<RefCell<World>>,
        trouble: Rc<Slot<Trouble>>,
    ) -> Self {
        Self {
            yielder,
            world,
            activity: Slot::new(Activity::Look),
            trouble,
            loaded: RefCell::default(),
            found: RefCell::default(),
            is_unstored: Slot::default(),
            conflicts: Slot::default(),
            refused: Slot::default(),
        }
    }

    /// What is done next.
    pub fn begin(&self, activity: Activity) {
        self.activity.set(activity);
        self.conflicts.set(0);
        self.refused.set(false);
        self.is_unstored.set(false);
    }

    /// The conflicts met since it began, and whether the host refused.
    pub fn met(&self) -> (u64, bool) {
        (self.conflicts.get(), self.refused.get())
    }

    /// Whether what was made of a value could not be stored, and others changed the value meanwhile.
    pub fn was_overtaken(&self, key: &str) -> bool {
        let world = self.world.borrow();
        let there = world.memory.load(key).map(|(value, _)| value);
        self.is_unstored.get() && there != self.found.borrow().as_deref()
    }

    fn is_in(&self, trouble: Trouble) -> bool {
        let is = self.trouble.get() == trouble;
        if is && trouble != Trouble::Crowd {
            self.trouble.set(Trouble::None);
        }
        is
    }

    /// What happened since the load.
    fn between(&self, key: &str) -> Between {
        let world = self.world.borrow();
        let Some((before, at)) = *self.loaded.borrow() else { return Between::Quiet };
        let cas = world.memory.load(key).map(|(_, cas)| cas);
        match cas == before {
            false if world.is_damaged(key) => Between::Damage,
            false => Between::Rival,
            true if at < world.now => Between::TimePassed,
            true => Between::Quiet,
        }
    }
}

impl<Job> Cell for Port<'_, Job> {
    fn load(&self, key: &str) -> Loaded {
        self.yielder.suspend(Stop::Load(self.activity.get(), key.to_owned()));
        if self.is_in(Trouble::LoadRefused) {
            self.refused.set(true);
            return Loaded::Unavailable;
        }
        let world = self.world.borrow();
        let found = world.memory.load(key);
        *self.loaded.borrow_mut() = Some((found.map(|(_, cas)| cas), world.now));
        *self.found.borrow_mut() = found.map(|(value, _)| value.to_vec());
        found.map_or(Loaded::Absent, |(value, cas)| Loaded::Found(value.to_vec(), cas))
    }

    fn store(&self, key: &str, value: &[u8], version: Option<u32>) -> Stored {
        let activity = self.activity.get();
        self.is_unstored.set(true);
        self.yielder.suspend(Stop::Store(activity, key.to_owned()));
        if self.is_in(Trouble::StoreRefused) {
            self.world.borrow_mut().pass(activity, Between::Refusal);
            self.refused.set(true);
            return Stored::Unavailable;
        }
        if self.is_in(Trouble::Crowd) {
            self.world.borrow_mut().memory.touch(key);
        }
        let between = self.between(key);
        let mut world = self.world.borrow_mut();
        world.pass(activity, between);
        if world.memory.store(key, value, cas_of(version)) {
            self.is_unstored.set(false);
            return Stored::Done;
        }
        self.conflicts.set(self.conflicts.get() + 1);
        Stored::Conflict
    }
}
