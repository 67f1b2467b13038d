//! What does this VM do for its fleet? Its breakers leave what they brought about in a mailbox, and one
//! VM of the process empties that and keeps the connection to the store. In a module that was built
//! without the feature `fleet` all this has the same names and does nothing.

#[cfg(not(feature = "fleet"))]
mod absent;
#[cfg(feature = "fleet")]
mod due;
#[cfg(feature = "fleet")]
mod mailbox;
#[cfg(feature = "fleet")]
mod office;
#[cfg(feature = "fleet")]
mod present;
#[cfg(feature = "fleet")]
mod served;
#[cfg(feature = "fleet")]
mod views;

#[cfg(not(feature = "fleet"))]
pub(super) use absent::{Fleet, Mailbox, Voice};
#[cfg(feature = "fleet")]
pub(super) use {
    mailbox::{Mailbox, Voice},
    present::Fleet,
};
