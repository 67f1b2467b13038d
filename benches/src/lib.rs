//! What the breaker costs, and how that is measured.
//!
//! | where | question |
//! |---|---|
//! | `benches/` | what does each part cost? (criterion, with peers and with doing nothing) |
//! | [`sample`] | what is one breaker's decision, native, for all who time it? |
//! | [`envoy`] | what does the real Envoy's process pay, for us and for others? |
//! | [`spread`] | which number stands for many rounds? |
//! | [`plot`] | how does it look? |
//! | [`page`] | where does it go? |

pub mod envoy;
pub mod page;
pub mod plot;
pub mod sample;
pub mod spread;
