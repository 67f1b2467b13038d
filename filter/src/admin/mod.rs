//! What does the admin listener answer? Requests in, answers out, and what an order changed.
//!
//! All that a client sends is hostile until the token was right: it is compared and parsed with
//! bounds, and what of it comes back is JSON.

mod answers;
mod console;
#[cfg(fleet)]
mod fleet;
mod guard;
mod head;
mod packed;
pub mod page;
mod route;
#[cfg(test)]
mod tests;
mod told;
mod view;

pub use console::{
    Console, Counters, Done, Heard, Obeyed, Pending, bodies_unreadable, misdirected, too_large,
};
#[cfg(fleet)]
pub use fleet::FleetDesk;
pub use head::Head;
pub use view::Clock;

/// The longest body of an order in bytes; the longest that makes sense takes a fifth of it.
pub const BODY_LIMIT: usize = 16 * 1024;
