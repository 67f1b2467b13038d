//! What does the admin listener answer?

pub mod page;
