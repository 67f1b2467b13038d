//! One call, from its request to its one outcome: what was observed, and what it means.

mod announced;
mod answer;
mod body;
mod classify;
mod client_timeouts;
mod document;
mod error_body;
mod event_body;
mod events;
mod exchange;
mod flags;
mod grpc;
mod head;
#[cfg(feature = "tools")]
mod logged;
mod matched_body;
mod pace;
mod protocol;
mod renamed_model;
mod request_body;
mod whole_body;

pub use announced::announced;
pub use body::Unread;
pub use client_timeouts::ClientTimeouts;
pub use exchange::{Exchange, Seen};
pub use flags::{Ending, Flags};
pub use grpc::GrpcStatus;
pub use head::{Coding, MediaType, ResponseHead, Source, error_type};
#[cfg(feature = "tools")]
pub use logged::category_by_log;
pub use pace::Waits;
pub use protocol::{AskedFor, Protocol, Streams};
pub use renamed_model::with_model;
pub use request_body::{Facts, RequestBody, Wants};
