//! What does the real Envoy's process pay? Several Envoys side by side, one for each variant, take
//! the same load in turns; each pays with CPU time, which neighbours on the machine disturb less
//! than throughput.

mod load;
mod process;
mod rounds;
mod stage;

pub use load::{Answer, Load, Measured};
pub use process::{cpu, memory_bytes};
pub use rounds::{Costs, interleaved, microseconds_over};
pub use stage::{Stage, Variant};

/// What went wrong, in words.
pub type Failure = Box<dyn std::error::Error>;
