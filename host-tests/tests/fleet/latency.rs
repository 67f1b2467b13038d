//! What does a fault of the store cost in latency? The same calls go in turns to proxies with and without
//! a fleet, so that whatever else the machine does meets both; of several rounds the median counts; and by
//! how much the machine alone moves a ratio is told by the rounds in which nothing is wrong.

use std::time::Duration;

use crate::fault::Fault;
use crate::steady::{Sample, quantile};

/// How many times as long a call to the fleet may take, beyond what a machine that is busy makes of it.
const DEARER: f64 = 1.10;
/// The median, and the slowest of a hundred.
const SHARES: [f64; 2] = [0.5, 0.99];

/// One round of a fault.
pub(crate) struct Round {
    pub(crate) fault: Fault,
    calls: usize,
    /// Of each share, with and without a fleet.
    pairs: [Pair; 2],
}

#[derive(Clone, Copy)]
struct Pair {
    fleet: Duration,
    plain: Duration,
}

impl Pair {
    fn ratio(self) -> f64 {
        self.fleet.as_secs_f64() / self.plain.as_secs_f64()
    }
}

impl Round {
    /// Calls to even addresses had a fleet, those to odd ones had none.
    pub(crate) fn of(fault: Fault, samples: &[Sample]) -> Self {
        let side = |odd: usize| samples.iter().filter(move |sample| sample.to % 2 == odd);
        let pair =
            |share| Pair { fleet: quantile(side(0), share), plain: quantile(side(1), share) };
        Self { fault, calls: samples.len(), pairs: SHARES.map(pair) }
    }
}

fn median<T: Copy + PartialOrd>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    values[values.len() / 2]
}

/// The ratio of the worst round in which nothing is wrong, and no less than 1.
fn noise(rounds: &[Round], place: usize) -> f64 {
    let quiet = rounds.iter().filter(|round| round.fault == Fault::Nothing);
    quiet.map(|round| round.pairs[place].ratio()).fold(1.0, f64::max)
}

/// Prints the table, and returns what is dearer than it may be.
pub(crate) fn judge(rounds: &[Round], faults: &[Fault]) -> Vec<String> {
    println!(
        "| store | rounds | calls | p50 with fleet | without | ratio | p99 with fleet | without | ratio | its range |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut dear = Vec::new();
    for fault in faults {
        let of_it: Vec<&Round> = rounds.iter().filter(|round| round.fault == *fault).collect();
        let calls: usize = of_it.iter().map(|round| round.calls).sum();
        print!("| {fault:?} | {} | {calls} |", of_it.len());
        for (place, share) in SHARES.into_iter().enumerate() {
            let pairs = || of_it.iter().map(|round| round.pairs[place]);
            let fleet = median(pairs().map(|pair| pair.fleet));
            let plain = median(pairs().map(|pair| pair.plain));
            let ratio = median(pairs().map(Pair::ratio));
            print!(" {fleet:.2?} | {plain:.2?} | {ratio:.2} |");
            if ratio > DEARER * noise(rounds, place) {
                dear.push(format!("{fault:?}: p{} {ratio:.2}", share * 100.0));
            }
        }
        let ratios = || of_it.iter().map(|round| round.pairs[1].ratio());
        let least = ratios().fold(f64::INFINITY, f64::min);
        let most = ratios().fold(0.0, f64::max);
        println!(" {least:.2} to {most:.2} |");
    }
    dear
}
