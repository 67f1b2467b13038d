//! The fields of the document that this version does not act on yet.
//!
//! They are refused, never silently taken, but for `null`, which says what this version does anyway.
//! Whoever makes a field work deletes its name here.

pub(super) const DOCUMENT: &[&str] = &["fleet"];
