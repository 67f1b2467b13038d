//! What does the agent do, event by event? A store that is scripted, one answer after the other.

mod bounds;
mod orders;
mod publish;
mod session;
mod stage;
mod turns;
mod understanding;
