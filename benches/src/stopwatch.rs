//! How many nanoseconds does a call take, where a table wants one number and no report?

use core::hint::black_box;
use std::time::Instant;

const RUNS: usize = 15;
const CALLS: u32 = 200_000;

/// The best of several runs: a neighbour only ever makes one slower.
pub fn nanoseconds<T>(mut act: impl FnMut() -> T) -> f64 {
    let mut run = || {
        let start = Instant::now();
        (0..CALLS).for_each(|_| drop(black_box(act())));
        start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    (0..RUNS).map(|_| run()).fold(f64::MAX, f64::min)
}
