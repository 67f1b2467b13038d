//! One breaker's decision, native, with time as an argument: what is timed wherever it is timed.

use core::hint::black_box;
use core::time::Duration;

use llm_breaker::breaker::{Admission, Breaker, Jitter, Permit, PermitKind};
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::{Policy, WindowShape};
use llm_breaker::shared::{decode_into, encode, encode_into};
use llm_breaker::time::Instant;

/// When it begins.
pub const START: Instant = Instant::from_nanos(1_000_000_000);
/// The time from one call to the next.
pub const BETWEEN_CALLS: Duration = Duration::from_micros(10);

/// A breaker, and what its decisions depend on.
#[derive(Debug)]
pub struct Sample {
    breaker: Breaker,
    policy: Policy,
    jitter: Jitter,
    now: Instant,
    /// Its record, as shared data has it.
    record: Vec<u8>,
}

impl Sample {
    /// A closed one under the default policy.
    #[must_use]
    pub fn closed() -> Self {
        Self::under(Policy::default())
    }

    /// A closed one under the default policy, but for this window.
    #[must_use]
    pub fn with_window(window: WindowShape) -> Self {
        Self::under(Policy { window, ..Policy::default() })
    }

    fn under(policy: Policy) -> Self {
        let breaker = Breaker::new(START);
        let jitter = Jitter::of("openai", "node");
        let mut sample = Self { breaker, policy, jitter, now: START, record: Vec::new() };
        sample.call(&Outcome::of(Category::Success));
        sample.record = encode(&sample.breaker);
        sample
    }

    /// One that an outcome has opened.
    #[must_use]
    pub fn open() -> Self {
        let mut sample = Self::closed();
        sample.call(&Outcome::of(Category::QuotaExhausted));
        sample.record = encode(&sample.breaker);
        sample
    }

    /// Time passes without a call.
    pub fn idle(&mut self, gap: Duration) {
        self.now = self.now + gap;
    }

    /// A call is admitted and recorded.
    pub fn call(&mut self, outcome: &Outcome) {
        self.now = self.now + BETWEEN_CALLS;
        let admitted = self.breaker.admit(&self.policy, self.now, 0.0);
        if let (Admission::Pass(permit), _) = &admitted {
            let permit = Some(permit);
            black_box(self.breaker.record(&self.policy, self.now, permit, outcome, self.jitter));
        }
    }

    /// A call is asked for.
    pub fn admit(&mut self) -> bool {
        let (admission, _) = self.breaker.admit(&self.policy, self.now, 0.0);
        black_box(matches!(admission, Admission::Pass(_)))
    }

    /// What production does at a request: the record's bytes, the decision.
    pub fn admit_from_bytes(&mut self) -> bool {
        self.now = self.now + BETWEEN_CALLS;
        if decode_into(&self.record, &mut self.breaker).is_none() {
            return false;
        }
        self.admit()
    }

    /// What production does at an outcome: the record's bytes, the outcome, the new bytes.
    pub fn record_in_bytes(&mut self, outcome: &Outcome) {
        let mut record = core::mem::take(&mut self.record);
        self.record_in(&mut record, outcome);
        self.record = record;
    }

    /// The same in the record of another breaker under the same policy.
    pub fn record_in(&mut self, record: &mut Vec<u8>, outcome: &Outcome) {
        self.now = self.now + BETWEEN_CALLS;
        if decode_into(record, &mut self.breaker).is_none() {
            return;
        }
        let permit = Permit { epoch: self.breaker.epoch, kind: PermitKind::Call };
        let permit = Some(&permit);
        black_box(self.breaker.record(&self.policy, self.now, permit, outcome, self.jitter));
        encode_into(&self.breaker, record);
    }

    /// Its record.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.record
    }
}
