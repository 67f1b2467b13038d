//! What sharing breakers is worth, and what it costs the store: tables for `docs/scaling.md`.

fn main() {}
