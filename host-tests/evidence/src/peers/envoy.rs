//! Envoy's outlier detection. Facts: its API reference for 1.40 (`config.cluster.v3.OutlierDetection`).
//! Five answers of 5xx in a row eject an endpoint for 30 s times how often it was ejected, 300 s at most;
//! a sweep each 10 s lets it back. With one endpoint behind a provider's name, success rates (five
//! hosts at least) are silent, and the defaults `max_ejection_percent: 10` and a panic threshold of 50 %
//! would never refuse a call: they are taken as 100 % and 0, as whoever wants a breaker must set them.

use super::{Heard, Rule};
use core::time::Duration;
use llm_breaker::time::Instant;

const CONSECUTIVE_5XX: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(10);
const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
const MAX_EJECTION_TIME: Duration = Duration::from_secs(300);

/// The only endpoint, as it detects outliers.
#[derive(Debug, Default)]
pub struct OutlierDetection {
    in_a_row: u32,
    ejected_at: Option<Instant>,
    /// Counts down with each sweep that finds it in service.
    ejections: u32,
    next_sweep: Instant,
}

impl OutlierDetection {
    fn sweep_until(&mut self, now: Instant) {
        if self.next_sweep == Instant::ZERO {
            self.next_sweep = now + INTERVAL;
        }
        while self.next_sweep <= now {
            let sweep = self.next_sweep;
            match self.ejected_at {
                Some(at) if sweep.since(at) >= self.ejection_time() => self.ejected_at = None,
                Some(_) => {}
                None if self.ejections == 0 => {
                    // Nothing else changes: the sweeps until then need not be made one by one.
                    let idle = now.since(sweep).as_nanos() / INTERVAL.as_nanos();
                    self.next_sweep = sweep + INTERVAL * u32::try_from(idle).unwrap_or(u32::MAX);
                }
                None => self.ejections -= 1,
            }
            self.next_sweep = self.next_sweep + INTERVAL;
        }
    }

    fn ejection_time(&self) -> Duration {
        (BASE_EJECTION_TIME * self.ejections).min(MAX_EJECTION_TIME)
    }
}

impl Rule for OutlierDetection {
    fn admits(&mut self, now: Instant) -> Option<u64> {
        self.sweep_until(now);
        self.ejected_at.is_none().then_some(0)
    }

    fn hears(&mut self, heard: &Heard, _generation: u64, now: Instant) -> bool {
        self.sweep_until(now);
        match heard.error() {
            Some(500..) => self.in_a_row += 1,
            // A caller that left tells nothing.
            None if heard.end == crate::call::End::Left => {}
            _ => self.in_a_row = 0,
        }
        if self.in_a_row < CONSECUTIVE_5XX || self.ejected_at.is_some() {
            return false;
        }
        self.in_a_row = 0;
        self.ejections += 1;
        self.ejected_at = Some(now);
        true
    }
}
