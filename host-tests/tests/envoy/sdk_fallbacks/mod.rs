//! What the official SDKs of two languages make of the filter's fallbacks while a breaker is open.

mod calls;
mod completions;
mod errors;
mod published;
mod reroutes;
mod stage;
