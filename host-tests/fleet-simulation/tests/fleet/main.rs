//! What does a fleet do when its provider, its store, or one of its networks fails?

mod recovery;
mod scale;
mod spread;
mod stage;
mod store;
