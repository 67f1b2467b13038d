//! Which breakers are asked about a call? One, or two; none that there is no room for.

use crate::config::Config;
use crate::key::{self, Key};
use crate::level::Level;
use crate::policy::{KeyBy, Mode, Policy};
use crate::replay::call::Call;
use crate::replay::desk::Entry;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Clusters and parts whose breakers are kept in mind; others are looked up again.
const MAX_KNOWN: usize = 1 << 16;

/// Who is told of a new breaker; what comes back is the number by which it is told of, or `None` if there
/// is no room for more.
pub(super) type Met<'a> = dyn FnMut(&Key) -> Option<usize> + 'a;

/// The breakers of one process.
#[derive(Default)]
pub(super) struct Roster {
    entries: Vec<Rc<Entry>>,
    by_name: HashMap<String, Rc<Entry>>,
    clusters: HashMap<Arc<str>, Rc<Cluster>>,
    asked: HashMap<Part, Rc<Asked>>,
}

/// A cluster, and a part of its calls as the log tells it.
type Part = (Arc<str>, Option<Arc<str>>);

/// What a configuration says of a cluster.
pub(super) struct Cluster {
    pub(super) policy: Rc<Policy>,
    pub(super) fingerprint: u64,
    is_named: bool,
}

/// Who is asked about the calls of a cluster's part.
pub(super) struct Asked {
    pub(super) cluster: Rc<Cluster>,
    /// The finer one first; none where calls pass by.
    pub(super) levels: Vec<(Level, Rc<Entry>)>,
    pub(super) is_beyond_room: bool,
}

impl Roster {
    /// The breaker at this place.
    pub(super) fn entry(&self, place: usize) -> Option<&Rc<Entry>> {
        self.entries.get(place)
    }

    /// All of them.
    pub(super) fn entries(&self) -> &[Rc<Entry>] {
        &self.entries
    }

    /// The breakers of a call; one that is new is told to `met`, which gives it its number if it has any.
    pub(super) fn asked(&mut self, call: &Call, config: &Config, met: &mut Met<'_>) -> Rc<Asked> {
        let key = (Arc::clone(&call.cluster), call.part.clone());
        if let Some(known) = self.asked.get(&key) {
            return Rc::clone(known);
        }
        let cluster = self.cluster(&call.cluster, config);
        let asked = Rc::new(self.levels(call, cluster, config, met));
        if self.asked.len() < MAX_KNOWN {
            self.asked.insert(key, Rc::clone(&asked));
        }
        asked
    }

    fn cluster(&mut self, name: &Arc<str>, config: &Config) -> Rc<Cluster> {
        if let Some(known) = self.clusters.get(name) {
            return Rc::clone(known);
        }
        let policy = Rc::new(config.policy_for(name).clone());
        let (fingerprint, is_named) = (policy.fingerprint(), config.names(name));
        let cluster = Rc::new(Cluster { policy, fingerprint, is_named });
        if self.clusters.len() < MAX_KNOWN {
            self.clusters.insert(Arc::clone(name), Rc::clone(&cluster));
        }
        cluster
    }

    fn levels(
        &mut self,
        call: &Call,
        cluster: Rc<Cluster>,
        config: &Config,
        met: &mut Met<'_>,
    ) -> Asked {
        let policy = Rc::clone(&cluster.policy);
        let mut asked = Asked { cluster, levels: Vec::new(), is_beyond_room: false };
        // Such a cluster has no breaker live, either.
        if policy.mode == Mode::Disabled && !asked.cluster.is_named {
            return asked;
        }
        let name = &*call.cluster;
        let part = part_of(&policy, call.part.as_deref()).map(|part| Key::of_part(name, part));
        let level = if part.is_some() { Level::Provider } else { Level::Sole };
        let whole = self.breaker(&Key::of_cluster(name), &policy, call, config, met);
        // Without the cluster's breaker its calls pass by.
        asked.is_beyond_room = whole.is_none();
        let Some(whole) = whole else { return asked };
        if let Some(key) = part {
            let finer = self.breaker(&key, &policy, call, config, met);
            asked.is_beyond_room = finer.is_none();
            asked.levels.extend(finer.map(|entry| (Level::Part, entry)));
        }
        asked.levels.push((level, whole));
        asked
    }

    fn breaker(
        &mut self,
        key: &Key,
        policy: &Rc<Policy>,
        call: &Call,
        config: &Config,
        met: &mut Met<'_>,
    ) -> Option<Rc<Entry>> {
        let name = key.name();
        if let Some(known) = self.by_name.get(&name) {
            return Some(Rc::clone(known));
        }
        let place = self.entries.len();
        if place >= config.max_breakers as usize {
            return None;
        }
        let number = met(key)?;
        let entry = Rc::new(Entry::new(&name, &call.source.node, place, number, policy));
        self.entries.push(Rc::clone(&entry));
        self.by_name.insert(name, Rc::clone(&entry));
        Some(entry)
    }
}

/// The part that a call is of under a policy; `None` if the policy does not tell calls apart.
fn part_of<'p>(policy: &'p Policy, told: Option<&str>) -> Option<&'p str> {
    match &policy.key_by {
        KeyBy::Cluster => None,
        KeyBy::Model => {
            // A log that was kept by parts names the pattern, not the model.
            let pattern = policy.models.iter().find(|glob| Some(glob.as_str()) == told);
            Some(match pattern {
                Some(pattern) => pattern.as_str(),
                None if told == Some(key::OTHER) => key::OTHER,
                None => key::part_of_model(&policy.models, told),
            })
        }
        KeyBy::Header { values, .. } => Some(key::part_of_value(values, told.map(str::as_bytes))),
    }
}
