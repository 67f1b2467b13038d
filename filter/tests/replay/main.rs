//! `llm-breaker replay`: what it says of logs that are as they should be, and of all others, how fast it
//! is and how much memory it takes. `TRUST=all` runs all of what is run a share of otherwise.

mod command;
mod exit_codes;
mod hostile;
mod lines;
mod other_formats;
mod stream;
mod told;
