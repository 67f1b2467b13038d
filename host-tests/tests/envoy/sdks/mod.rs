//! What the official Python SDKs of OpenAI, Anthropic and Google make of the answers that pass, and
//! the filter of the calls that they make.

mod aimock;
mod driver;
mod healthy;
mod recorded;
mod stage;
