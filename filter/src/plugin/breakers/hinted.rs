//! Which breakers may other proxies speak of? Those that there are, and those that the configuration
//! lists, for which a part of the room is kept.

use super::{Breakers, Room};
use crate::fleet::Known;
use crate::key::Key;
use crate::plugin::entry::Entry;
use crate::plugin::host::SharedData;
use crate::policy::{Mode, Policy};
use crate::shared::{self, MAX_NAME_BYTES, Registration};
use std::rc::Rc;

/// So many times more breakers may be there than others could bring here by their names alone.
const SHARE_OF_ROOM: u32 = 4;

impl Breakers {
    /// What must be known of the breaker of this name, if this configuration has a say in it.
    pub(in crate::plugin) fn hinted(&self, name: &str) -> Option<Known> {
        if let Some(entry) = self.known.borrow().get(name) {
            let policy = entry.policy();
            return (!self.leaves_alone(entry)).then(|| known(&policy, true));
        }
        let key = Key::parse(name);
        let is_sound = name.len() <= MAX_NAME_BYTES && key.name() == name;
        if !is_sound || self.room_for_hinted.get() == Room::None || !self.config.names(&key.cluster)
        {
            return None;
        }
        let policy = self.config.policy_for(&key.cluster);
        (policy.mode != Mode::Disabled && key.is_of(policy)).then(|| known(policy, false))
    }

    /// A VM of this process told of this breaker: it may be on the list since the last tick.
    pub(in crate::plugin) fn meet(&self, name: &str) {
        let is_known = self.known.borrow().contains_key(name);
        if !is_known && shared::key_names(&SharedData).iter().any(|listed| listed == name) {
            let _ = self.listed(name);
        }
    }

    /// The breaker of this name, if it is one that [`hinted`](Self::hinted) takes.
    pub(in crate::plugin) fn known_by_name(&self, name: &str) -> Option<Rc<Entry>> {
        self.known.borrow().get(name).filter(|entry| !self.leaves_alone(entry)).cloned()
    }

    /// The same, put on the list if it is not there and fewer are than a quarter of all that may be.
    pub(in crate::plugin) fn register_hinted(&self, name: &str) -> Option<Rc<Entry>> {
        if let Some(entry) = self.known_by_name(name) {
            return Some(entry);
        }
        self.hinted(name)?;
        let room = self.config.max_breakers / SHARE_OF_ROOM;
        match shared::register(&SharedData, name, room) {
            Registration::Registered { .. } => {
                let entry = self.listed(name);
                entry.leave_profile();
                Some(entry)
            }
            Registration::Full => {
                self.room_for_hinted.set(Room::None);
                None
            }
            Registration::Unavailable => None,
        }
    }
}

fn known(policy: &Policy, is_here: bool) -> Known {
    Known { lease: policy.half_open.lease, is_here }
}
