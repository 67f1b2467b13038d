//! What are the defaults worth? Calls of generated traffic and incidents, whose true ends are known, are
//! given to the breaker that Envoy runs, and to models of others' rules; what that costs is measured, and
//! held against bounds.
//!
//! | module | question |
//! |---|---|
//! | [`known`] | how is a parameter known? |
//! | [`chance`] | what is drawn by chance, and how? |
//! | [`call`] | what does really become of one call? |
//! | [`profiles`], [`traffic`] | which healthy traffic is there, and which calls does it make? |
//! | [`incidents`], [`incident`] | which incidents are there, and what does one do to the calls? |
//! | [`watched`] | what does the filter record of a call? |
//! | [`subject`], [`ours`], [`peers`] | who decides whether it goes out? |
//! | [`measure`] | what did that cost? |
//! | [`variants`] | what would other values do? |
//! | [`edges`] | where do the bounds end? |
//! | [`campaign`] | what does all of it come to, on all cores? |
//! | [`bounds`] | which of it must hold? |
//! | [`page`] | how is it told? |

pub mod bounds;
pub mod call;
pub mod campaign;
pub mod chance;
pub mod edges;
pub mod incident;
pub mod incidents;
pub mod known;
pub mod measure;
pub mod ours;
pub mod page;
pub mod peers;
pub mod profiles;
pub mod subject;
pub mod traffic;
pub mod variants;
pub mod watched;
