//! The status page's listener in the real Envoy, as shipped: what it shows, what it lets change, and
//! what it refuses.

mod hostile;
mod orders;
mod shown;
mod stage;
