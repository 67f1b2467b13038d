//! Workers that share breakers, simulated: production code on virtual time, with every load and
//! store of the shared data interleaved by a seed.
//!
//! | module | question |
//! |---|---|
//! | [`scenario`] | what is drawn from a seed? |
//! | [`run`] | who goes next, and what befalls the process? |
//! | [`prelude`] | where does a part of a run begin? |
//! | [`worker`], [`vm`] | what is one worker, and what does it remember? |
//! | [`shift`] | what does it do, with which production code? |
//! | [`port`], [`memory`] | where does it stop, and what is the shared data? |
//! | [`together`] | do a call's breakers decide and hear together what the rules say? |
//! | [`step`] | what may be asked of a breaker, and what may it answer? |
//! | [`oracle`], [`window`] | what do the rules say, told naively? |
//! | [`world`], [`invariants`] | is every decision what the rules say, and does all hold that must? |
//! | [`recovery`] | does everything close again? |
//! | [`truth`] | did the breakers tell what the upstream was like? |
//! | [`coverage`] | what did the runs come by? |
//! | [`campaign`] | many runs, and the seed of the one that failed |

pub mod campaign;
pub mod coverage;
pub mod invariants;
pub mod memory;
pub mod oracle;
pub mod port;
pub mod prelude;
pub mod recovery;
pub mod run;
pub mod scenario;
pub mod shift;
pub mod step;
pub mod together;
pub mod truth;
pub mod vm;
pub mod window;
pub mod worker;
pub mod world;
