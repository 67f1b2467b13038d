//! Do two policies judge and decide alike? If their fingerprints are the same.

use crate::policy::{Open, Policy, Trip};
use core::hash::{Hash, Hasher};
use xxhash_rust::xxh64::Xxh64;

impl Policy {
    /// A hash of everything that decides how calls are judged and when a breaker opens and closes;
    /// the same on every machine and for the whole of a version of this module. The mode is not
    /// part of it, and neither is what callers get in the upstream's place.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let Self { provider, key_by, models, model_header, provider_wide, .. } = self;
        let Self { window, trip, open, half_open, ramp, slow, limits, verdicts, .. } = self;
        let mut hasher = SameEverywhere(Xxh64::new(0));
        (provider, key_by, models, model_header, provider_wide).hash(&mut hasher);
        (window, trip, open, half_open, ramp, slow, limits, verdicts).hash(&mut hasher);
        self.matchers.hash(&mut hasher);
        // Without a fleet it is what it was before there were any.
        if let Some(fleet) = &self.fleet {
            fleet.hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl Hash for Trip {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { consecutive_failures, failure_rate, slow_rate, minimum_calls, .. } = self;
        let rates = [failure_rate, slow_rate].map(|rate| rate.map(f64::to_bits));
        (consecutive_failures, rates, minimum_calls, self.open_on_announced).hash(state);
    }
}

impl Hash for Open {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { base, multiplier, max, jitter, announced_max, quota, reset_after } = self;
        (base, multiplier.to_bits(), max, jitter.to_bits()).hash(state);
        (announced_max, quota, reset_after).hash(state);
    }
}

/// A hasher to which numbers are the same on a machine of 32 bits and one of 64.
struct SameEverywhere(Xxh64);

impl Hasher for SameEverywhere {
    fn finish(&self) -> u64 {
        self.0.digest()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::category::{Category, Verdict};
    use crate::dialect::Dialect;
    use crate::glob::Glob;
    use crate::matcher::{Matcher, TextMatch};
    use crate::policy::{Fleet, KeyBy, Mode, WindowShape};
    use core::time::Duration;

    fn changed(change: impl FnOnce(&mut Policy)) -> u64 {
        let mut policy = Policy::default();
        change(&mut policy);
        policy.fingerprint()
    }

    #[test]
    fn the_default_policy_has_the_same_everywhere() {
        // The access log's test on the Wasm build knows the same number.
        assert_eq!(Policy::default().fingerprint(), 0x7ce6_8096_d12e_7f96);
    }

    #[test]
    fn whatever_decides_is_part_of_it() {
        let second = Some(Duration::from_secs(1));
        let header = KeyBy::Header { name: "x-team".into(), values: vec!["a".into()] };
        let matcher = |text: &str| Matcher {
            status: Some(403),
            header: None,
            json: Some(crate::matcher::JsonMatch {
                path: vec!["error".into()],
                text: TextMatch::Equals(text.into()),
            }),
            category: Category::QuotaExhausted,
        };
        let all = [
            changed(|_| {}),
            changed(|it| it.provider = Some(Dialect::OpenAi)),
            changed(|it| it.key_by = KeyBy::Model),
            changed(|it| it.key_by = header),
            changed(|it| it.models = vec![Glob::new("a"), Glob::new("b")]),
            changed(|it| it.models = vec![Glob::new("ab")]),
            changed(|it| it.model_header = Some("x".into())),
            changed(|it| it.provider_wide = vec![Category::Timeout]),
            changed(|it| it.window = WindowShape::Count { calls: 1, max_age: Duration::ZERO }),
            changed(|it| it.trip.consecutive_failures = Some(6)),
            changed(|it| it.trip.consecutive_failures = None),
            changed(|it| it.trip.failure_rate = Some(0.25)),
            changed(|it| (it.trip.failure_rate, it.trip.slow_rate) = (None, Some(0.5))),
            changed(|it| it.trip.minimum_calls = 11),
            changed(|it| it.trip.open_on_announced = second),
            changed(|it| it.open.base = Duration::from_secs(31)),
            changed(|it| it.open.multiplier = 3.0),
            changed(|it| it.open.max = Duration::from_secs(601)),
            changed(|it| it.open.jitter = 0.0),
            changed(|it| it.open.announced_max = Duration::from_secs(1)),
            changed(|it| it.open.quota = Duration::from_secs(1)),
            changed(|it| it.open.reset_after = Duration::from_secs(1)),
            changed(|it| it.half_open.probes = 2),
            changed(|it| it.half_open.successes = 2),
            changed(|it| it.half_open.lease = Duration::from_secs(1)),
            changed(|it| it.ramp = second),
            changed(|it| it.slow.first_token = second),
            changed(|it| it.slow.total = second),
            changed(|it| it.limits.first_token = second),
            changed(|it| it.limits.total = second),
            changed(|it| {
                let verdicts = it.verdicts.iter_mut();
                verdicts.for_each(|(_, verdict)| *verdict = Verdict::Ignore);
            }),
            changed(|it| it.matchers = vec![matcher("a")]),
            changed(|it| it.matchers = vec![matcher("b")]),
            changed(|it| it.fleet = Some(Fleet::default())),
            changed(|it| it.fleet = Some(Fleet { corroborate: 3, ..Fleet::default() })),
        ];
        let mut distinct = all.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len(), "{all:x?}");
    }

    #[test]
    fn what_decides_nothing_is_not() {
        let same = changed(|_| {});
        assert_eq!(changed(|it| it.mode = Mode::Shadow), same);
        assert_eq!(changed(|it| it.fallback.clear()), same);
        assert_eq!(changed(|it| it.debug_headers = true), same);
    }
}
