//! What does one etcd take? Watches as proxies have them, each on a connection of its own, and facts as
//! they write them, by the messages that the filter speaks.

mod grpc;
mod load;

pub use load::{Load, Taken, drive};
