//! Which thresholds suit these calls? Each cluster's calls are run through many policies, what each
//! would have cost is added up, and a change is advised only where it is more than chance.
//!
//! Twelve equal stretches of time: two of three are searched, every third is held back, and says at
//! the end whether what was found holds there as well.

mod advice;
mod document;
mod explain;
mod facts;
mod front;
mod knobs;
mod price;
mod search;
mod stretches;
mod table;
mod traffic;
mod trial;

pub use advice::{Advice, Reason};
pub use document::yaml;
pub use explain::text;
pub use facts::Facts;
pub use knobs::Knobs;
pub use price::{Bill, Prices};
pub use search::{Tried, tune};
pub use traffic::{ClusterCalls, Traffic};

#[cfg(test)]
mod tests;
