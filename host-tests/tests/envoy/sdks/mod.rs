//! What the official Python SDKs of OpenAI, Anthropic and Google make of the answers that pass, and
//! the filter of the calls that they make.

mod aimock;
mod clients;
pub(crate) mod driver;
mod failures;
mod healthy;
mod limits;
mod recorded;
pub(crate) mod stage;
