//! Criterion benchmarks live in `benches/`; the crate itself is empty.
