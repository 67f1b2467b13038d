//! `make fleet`: what a fleet of proxies that know nothing of each other sends to a provider that is
//! down. Every proxy runs the very breaker that the filter runs, on a clock of its own.

use core::time::Duration;

use llm_breaker::breaker::{Admission, Breaker, Jitter, unit};
use llm_breaker::outcome::{Category, Outcome};
use llm_breaker::policy::Policy;
use llm_breaker::time::Instant;

/// For how long the provider is down, from second 0 on.
const OUTAGE: Duration = Duration::from_secs(1_800);
/// After the outage, until all have noticed.
const AFTER: Duration = Duration::from_secs(700);

/// One proxy: its breaker, and how often its applications call.
struct Proxy {
    breaker: Breaker,
    jitter: Jitter,
    next: Duration,
    between: Duration,
}

/// What the provider saw.
#[derive(Default)]
struct Seen {
    /// Calls during the outage, those that opened the breakers included.
    calls: u64,
    /// Calls in each second, from the tenth on: probes alone.
    probes: Vec<u32>,
    /// When each proxy let traffic back, after the outage's end.
    back: Vec<f64>,
}

fn main() {
    println!(
        "A provider is down for {} s; each proxy calls it twice a second.\n",
        OUTAGE.as_secs()
    );
    println!(
        "| proxies | jitter | calls it gets, in all | for each proxy | by the formula | busiest second (probes) | half are back after | all after |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for proxies in [10_u64, 1_000, 10_000] {
        for jitter in [0.0, 0.1, 0.5] {
            let mut policy = Policy::default();
            policy.open.jitter = jitter;
            let seen = outage(proxies, &policy);
            let busiest = seen.probes.iter().max().copied().unwrap_or(0);
            let back = |share: f64| {
                let last = seen.back.len().saturating_sub(1) as f64;
                seen.back.get((share * last) as usize).copied().unwrap_or(f64::NAN)
            };
            println!(
                "| {proxies} | {jitter} | {} | {:.1} | {} | {busiest} | {:.0} s | {:.0} s |",
                seen.calls,
                seen.calls as f64 / proxies as f64,
                by_formula(&policy),
                back(0.5),
                back(1.0),
            );
        }
    }
}

/// The failures that open a breaker, and one probe at the end of each open time that the outage
/// outlasts, were there no jitter: 5 + |{n : d₁ + … + dₙ < outage}|, dₙ = min(base × 2ⁿ⁻¹, max).
fn by_formula(policy: &Policy) -> u32 {
    let mut open_time = policy.open.base;
    let mut passed = Duration::ZERO;
    let mut calls = policy.trip.consecutive_failures.unwrap_or(0);
    loop {
        passed += open_time;
        if passed >= OUTAGE {
            return calls;
        }
        calls += 1;
        open_time = open_time.mul_f64(policy.open.multiplier).min(policy.open.max);
    }
}

fn outage(proxies: u64, policy: &Policy) -> Seen {
    let mut seen = Seen { probes: vec![0; (OUTAGE + AFTER).as_secs() as usize], ..Seen::default() };
    for number in 0..proxies {
        let between = Duration::from_millis(500);
        let proxy = Proxy {
            breaker: Breaker::new(Instant::ZERO + Duration::from_secs(1_000)),
            jitter: Jitter::of("openai", &format!("node-{number}")),
            // Applications do not call in step.
            next: between.mul_f64(unit(number)),
            between,
        };
        proxy.live_through(policy, &mut seen);
    }
    seen.back.sort_by(f64::total_cmp);
    seen
}

impl Proxy {
    fn live_through(mut self, policy: &Policy, seen: &mut Seen) {
        while self.next < OUTAGE + AFTER {
            let now = Instant::ZERO + Duration::from_secs(1_000) + self.next;
            let (admission, _) = self.breaker.admit(policy, now, 0.0);
            if let Admission::Pass(permit) | Admission::Probe(permit) = admission {
                let is_down = self.next < OUTAGE;
                let category = if is_down { Category::ServerError } else { Category::Success };
                let outcome = Outcome::of(category);
                let _ = self.breaker.record(policy, now, Some(&permit), &outcome, self.jitter);
                if !is_down {
                    return seen.back.push((self.next - OUTAGE).as_secs_f64());
                }
                seen.calls += 1;
                let second = self.next.as_secs() as usize;
                if let Some(probes) = seen.probes.get_mut(second).filter(|_| second >= 10) {
                    *probes += 1;
                }
            }
            self.next += self.between;
        }
    }
}
