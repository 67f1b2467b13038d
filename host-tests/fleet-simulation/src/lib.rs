//! What does a fleet do? Proxies that share their breakers through a store, simulated: the breaker and
//! the agent are those that the filter runs, the store is in memory, the time is virtual.

pub mod broken_network;
pub mod etcd;
pub mod outage;
pub mod proxy;
pub mod world;
