//! The status page in a real browser, on the shipped YAML's own listener.

mod appearance;
pub(crate) mod browser;
mod hostile;
mod keyboard;
mod outage;
mod stage;
mod steering;
