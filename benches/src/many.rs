//! What does one of many breakers cost? One breaker in memory and the records of all, as a VM has
//! them.

use llm_breaker::outcome::Outcome;

use crate::sample::Sample;

/// Records of healthy breakers under one policy.
pub struct Many {
    sample: Sample,
    records: Vec<Vec<u8>>,
    /// The latest of the numbers that choose.
    random: usize,
}

impl Many {
    /// So many, one at least.
    #[must_use]
    pub fn of(count: usize) -> Self {
        let sample = Sample::closed();
        let records = vec![sample.record().to_vec(); count.max(1)];
        Self { sample, records, random: 1 }
    }

    /// Always in the same record.
    pub fn record_in_one(&mut self, outcome: &Outcome) {
        self.sample.record_in(&mut self.records[0], outcome);
    }

    /// In a random one: a linear congruential generator costs nothing that would be measured.
    pub fn record_in_any(&mut self, outcome: &Outcome) {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = (self.random >> 33) % self.records.len();
        self.sample.record_in(&mut self.records[place], outcome);
    }
}
