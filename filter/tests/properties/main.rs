//! What holds for any input? Each property is tried on hundreds of inputs that proptest makes up,
//! and a counterexample is shrunk; `PROPTEST_CASES=` says how many.

mod agent;
mod backoff;
mod configuration;
mod fleet;
mod history;
mod records;
mod streams;
mod times;
mod windows;
