//! Where do proxies tell each other what they learnt, and what is made of it?

use core::time::Duration;

use super::ranges;
use super::walk::Fields;
use crate::policy;

/// What a document says of its fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// The cluster by which Envoy reaches etcd, 1 to 125 bytes.
    pub cluster: String,
    /// Whose account it is that the upstreams are called with, 1 to 128 bytes: nothing that is said
    /// under another scope is heard.
    pub scope: String,
    /// What all keys begin with, 1 to 256 visible ASCII characters, the last of them a `/`.
    pub prefix: String,
    /// What counts as one witness, 1 to 128 bytes; `None` for the node's id.
    pub domain: Option<String>,
    /// The longest pause between two attempts to reach etcd, 0.1 s to 1 h.
    pub reconnect_max: Duration,
    /// What every policy makes of what is heard.
    pub merge: policy::Fleet,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            cluster: String::new(),
            scope: String::new(),
            prefix: "/llm-breaker/".to_owned(),
            domain: None,
            reconnect_max: Duration::from_secs(30),
            merge: policy::Fleet::default(),
        }
    }
}

/// Whether this build of the module can reach a store.
pub(super) const CONNECTS: bool = cfg!(fleet);

/// Reads the fleet, if the document names one.
pub(super) fn read(object: &mut impl Fields, fleet: &mut Option<Fleet>) {
    if !CONNECTS {
        object.refuse("fleet", "null: this module has no fleet, load llm_breaker_fleet.wasm");
        return;
    }
    object.object("fleet", |object| *fleet = read_fields(object));
}

/// `None` if something that must be given is not, or is wrong.
fn read_fields(object: &mut impl Fields) -> Option<Fleet> {
    let mut fleet = Fleet::default();
    let cluster = object.mandatory("cluster", &ranges::FLEET_CLUSTER);
    let scope = object.mandatory("scope", &ranges::SCOPE);
    object.value("prefix", &mut fleet.prefix, &ranges::KEY_PREFIX);
    object.value("corroborate", &mut fleet.merge.corroborate, &ranges::CORROBORATE);
    object.optional("domain", &mut fleet.domain, &ranges::DOMAIN);
    let announced_max = &mut fleet.merge.announced_max;
    object.value("announced_max", announced_max, &ranges::OPEN_ANNOUNCED_MAX);
    object.value("ramp", &mut fleet.merge.ramp, &ranges::RAMP);
    object.value("reconnect_max", &mut fleet.reconnect_max, &ranges::RECONNECT_MAX);
    Some(Fleet { cluster: cluster?, scope: scope?, ..fleet })
}
