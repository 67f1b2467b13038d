//! What does a text that only the admin listener shows say? `build.rs` packs it: so it takes a third
//! of its room in the module, or less.

use crate::stream::inflate::{Format, inflate};

/// A text, deflated.
pub(super) struct Packed {
    pub(super) bytes: &'static [u8],
    /// Of the text in bytes; the text itself does not get into the module.
    pub(super) length: usize,
}

impl Packed {
    /// The text. Always all of it: tests unpack all that there are.
    pub(super) fn unpacked(&self) -> Vec<u8> {
        inflate(Format::Deflate, self.bytes, self.length)
    }
}
