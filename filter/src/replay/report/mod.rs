//! How is a replay told to people? As one page for a browser, and as text.

mod comparison;
mod fields;
pub mod figures;
mod gather;
mod grid;
mod paces;
mod pacing;
mod page;
mod plot;
pub mod sheet;
mod timelines;
mod words;

pub use comparison::{aligned, text};
pub use gather::{Log, clean};
pub use page::page;

#[cfg(test)]
mod tests;
