//! What the official Python SDKs of OpenAI, Anthropic and Google make of the answers that pass, and
//! the filter of the calls that they make.

mod aimock;
mod clients;
mod driver;
mod failures;
mod healthy;
mod limits;
mod recorded;
mod stage;
