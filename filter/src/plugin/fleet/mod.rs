//! What does this VM do for its fleet? Its breakers leave what they brought about in a mailbox, and one
//! VM of the process empties that and keeps the connection to the store. In a module that was built
//! without the feature `fleet` all this has the same names and does nothing.

#[cfg(not(fleet))]
mod absent;
#[cfg(fleet)]
mod due;
#[cfg(fleet)]
mod mailbox;
#[cfg(fleet)]
mod office;
#[cfg(fleet)]
mod present;
#[cfg(fleet)]
mod served;
#[cfg(fleet)]
mod views;

#[cfg(not(fleet))]
pub(super) use absent::{Fleet, Mailbox, Voice};
#[cfg(fleet)]
pub(super) use {
    mailbox::{Mailbox, Voice},
    present::Fleet,
};
