//! What the breaker costs, and how that is measured.
//!
//! | where | question |
//! |---|---|
//! | `benches/` | what does each part cost? (criterion, with peers and with doing nothing) |
//! | [`sample`] | what is one breaker's decision, native, for all who time it? |
//! | [`many`] | what does one of many breakers cost? |
//! | [`stopwatch`] | how many nanoseconds does a call take? |
//! | [`envoy`] | what does the real Envoy's process pay, for us and for others? |
//! | [`etcd`] | what does one etcd take, of what a fleet asks of it? |
//! | [`spread`] | which number stands for many rounds? |
//! | [`plot`] | how does it look? |
//! | [`page`] | where does it go? |

pub mod envoy;
pub mod etcd;
pub mod many;
pub mod page;
pub mod plot;
pub mod sample;
pub mod spread;
pub mod stopwatch;
