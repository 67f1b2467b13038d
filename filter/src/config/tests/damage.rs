//! Do damaged bytes ever become a panic, or a policy that breaks a rule?

use prost::Message;
use serde_json::json;

use super::{Config, as_struct, everything};
use crate::policy::{Fallback, FallbackKind, KeyBy, Policy, WindowShape};

#[test]
fn damaged_bytes_are_refused_or_read_but_never_a_panic() {
    let rich = json!({
        "stop_iteration": true,
        "max_breakers": 9,
        "defaults": everything()["defaults"],
        "breakers": [
            {"cluster": "a?*", "window": {"type": "count", "calls": 100, "max_age": "10s"}},
            {"cluster": "b", "open": {"base": "0.25s", "max": "1s"}, "ramp": "5s",
             "fallback": [
                {"kind": "reroute", "header": "x-route", "value": "c", "cluster": "c", "model": "m",
                 "set_headers": {"x-api-key": "second"}, "max_request_bytes": 9},
                {"kind": "error"},
             ]},
        ],
    });
    let seeds = [rich.to_string().into_bytes(), as_struct(&rich).encode_to_vec(), Vec::new()];
    let mut random = Xorshift(0x9E37_79B9_7F4A_7C15);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(3) {
            random.mutate(&mut bytes);
        }
        match Config::parse(&bytes) {
            Ok(config) => {
                taken += 1;
                assert_valid(&config);
            }
            Err(errors) => {
                refused += 1;
                assert!(!errors.is_empty());
                let text = errors.to_string();
                assert!(text.lines().count() <= 51, "{text}");
                assert!(
                    text.lines()
                        .all(|line| line.contains("; allowed: ") || line.starts_with("and ")),
                    "{text}"
                );
            }
        }
    }
    assert!(taken > 100 && refused > 1000, "the mutations test nothing: {taken}, {refused}");
}

fn assert_valid(config: &Config) {
    assert!((1..=16_384).contains(&config.max_breakers));
    for policy in config.breakers.iter().map(|(_, policy)| policy).chain([&config.defaults]) {
        assert!(policy.open.base <= policy.open.max);
        assert!(policy.open.quota <= policy.open.announced_max);
        assert!(policy.open.multiplier >= 1.0);
        assert_fallbacks(policy, config.stop_iteration);
        assert!(policy.key_by != KeyBy::Model || !policy.models.is_empty());
        assert!(policy.slow.gap.zip(policy.limits.gap).is_none_or(|(slow, limit)| slow < limit));
        assert!((1024..=1_048_576).contains(&policy.body_limit));
        if let WindowShape::Count { calls, .. } = policy.window {
            assert!(policy.trip.minimum_calls <= calls);
            assert!(policy.trip.consecutive_failures.is_none_or(|failures| failures <= calls));
        }
    }
}

fn assert_fallbacks(policy: &Policy, stop_iteration: bool) {
    assert!((1..=16).contains(&policy.fallback.len()));
    assert!(stop_iteration || !policy.on_failure);
    for (index, choice) in policy.fallback.iter().enumerate() {
        let always = matches!(choice.fallback.kind(), FallbackKind::Error | FallbackKind::Pass);
        assert!(!always || !choice.when.is_empty() || index + 1 == policy.fallback.len());
        match &choice.fallback {
            Fallback::Completion(_) => assert!(stop_iteration),
            Fallback::Reroute(reroute) => {
                assert!(stop_iteration || reroute.model.is_none());
                assert!(reroute.set_headers.iter().all(|(name, _)| *name != reroute.header));
                assert!(reroute.max_request_bytes != Some(0));
            }
            Fallback::Error(_) | Fallback::Pass | Fallback::LastResort => {}
        }
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        // Digits and punctuation keep a fair share of the documents well-formed.
        const LIKELY: &[u8] = b"0123456789.eE-\"{}[],: \nsabc\x0a\x12\x00\xff";
        let at = self.below(bytes.len() + 1);
        let byte =
            if self.below(4) == 0 { self.next() as u8 } else { LIKELY[self.below(LIKELY.len())] };
        match self.below(4) {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(bytes.len() - self.below(bytes.len() / 8 + 1)),
            _ if at < bytes.len() => bytes[at] = byte,
            _ => bytes.push(byte),
        }
    }
}
