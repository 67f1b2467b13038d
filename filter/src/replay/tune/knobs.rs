//! What of a policy is searched, and which values are tried?

use core::time::Duration;

use super::facts::Facts;
use super::price::Prices;
use crate::policy::{Policy, WindowShape};
use crate::replay::Spread;

/// The fields of a policy that are searched. How many failures in a row open a breaker and for how
/// long it stays open are left as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knobs {
    /// `window.duration`; `None` for a window by count, which is left as it is.
    pub window: Option<Duration>,
    /// `trip.minimum_calls`.
    pub minimum_calls: u32,
    /// `trip.failure_rate`.
    pub failure_rate: Option<f64>,
    /// `trip.slow_rate`.
    pub slow_rate: Option<f64>,
    /// `slow.first_token`.
    pub slow_first_token: Option<Duration>,
    /// `slow.total`.
    pub slow_total: Option<Duration>,
    /// `limits.first_token`.
    pub first_token: Option<Duration>,
    /// `limits.total`.
    pub total: Option<Duration>,
}

/// A field that is searched, as the configuration names it, and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The object that it stands in.
    pub(super) object: &'static str,
    /// Its name there.
    pub(super) field: &'static str,
    /// As the configuration writes it.
    pub(super) value: String,
}

impl Knobs {
    /// What this policy says.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let window = match policy.window {
            WindowShape::Time { duration, .. } => Some(duration),
            WindowShape::Count { .. } => None,
        };
        Self {
            window,
            minimum_calls: policy.trip.minimum_calls,
            failure_rate: policy.trip.failure_rate,
            slow_rate: policy.trip.slow_rate,
            slow_first_token: policy.slow.first_token,
            slow_total: policy.slow.total,
            first_token: policy.limits.first_token,
            total: policy.limits.total,
        }
    }

    /// The policy with these instead of its own.
    #[must_use]
    pub fn applied_to(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        if let (WindowShape::Time { duration, .. }, Some(window)) =
            (&mut policy.window, self.window)
        {
            *duration = window;
        }
        policy.trip.minimum_calls = match policy.window {
            WindowShape::Count { calls, .. } => self.minimum_calls.min(calls),
            WindowShape::Time { .. } => self.minimum_calls,
        };
        policy.trip.failure_rate = self.failure_rate;
        policy.trip.slow_rate = self.slow_rate;
        policy.slow.first_token = self.slow_first_token;
        policy.slow.total = self.slow_total;
        policy.limits.first_token = self.first_token;
        policy.limits.total = self.total;
        policy
    }

    /// Whether a configuration may say this: what hangs past a limit is a time-out, and never slow.
    pub(super) fn is_consistent(&self) -> bool {
        let pairs = [(self.slow_first_token, self.first_token), (self.slow_total, self.total)];
        pairs
            .into_iter()
            .all(|(slow, limit)| slow.zip(limit).is_none_or(|(slow, limit)| slow < limit))
    }

    /// All of them, in the order of the documents.
    pub(super) fn settings(&self) -> [Setting; 8] {
        let setting = |object, field, value| Setting { object, field, value };
        [
            setting("window", "duration", time(self.window)),
            setting("trip", "failure_rate", rate(self.failure_rate)),
            setting("trip", "slow_rate", rate(self.slow_rate)),
            setting("trip", "minimum_calls", self.minimum_calls.to_string()),
            setting("slow", "first_token", time(self.slow_first_token)),
            setting("slow", "total", time(self.slow_total)),
            setting("limits", "first_token", time(self.first_token)),
            setting("limits", "total", time(self.total)),
        ]
    }

    /// Those in which this differs from another.
    pub(super) fn changed_from(&self, other: &Self) -> Vec<Setting> {
        let pairs = self.settings().into_iter().zip(other.settings());
        pairs.filter(|(mine, other)| mine != other).map(|(mine, _)| mine).collect()
    }
}

fn time(duration: Option<Duration>) -> String {
    duration.map_or("null".into(), |it| format!("{}s", it.as_secs_f64()))
}

fn rate(rate: Option<f64>) -> String {
    rate.map_or("null".into(), |it| it.to_string())
}

/// A group of fields: what is tried instead of what these say.
pub(super) type Group = fn(&Knobs, &Room<'_>) -> Vec<Knobs>;

/// What is tried, one group of fields after the other.
pub(super) const GROUPS: [Group; 3] = [rates, limits, slowness];

/// What values may be tried.
pub(super) struct Room<'r> {
    pub(super) facts: &'r Facts,
    pub(super) prices: &'r Prices,
}

/// Windows, rates and minimum calls, each with each: one makes up for another.
fn rates(from: &Knobs, _room: &Room<'_>) -> Vec<Knobs> {
    let further = [60, 120, 300, 600].map(|seconds| Some(Duration::from_secs(seconds)));
    let windows = match from.window {
        Some(_) => with(from.window, &further),
        None => vec![None],
    };
    let mut all = Vec::new();
    for window in windows {
        for minimum_calls in with(from.minimum_calls, &[3, 5, 10, 20]) {
            for failure_rate in with(from.failure_rate, &[0.25, 0.5, 0.75].map(Some)) {
                all.push(Knobs { window, minimum_calls, failure_rate, ..*from });
            }
        }
    }
    all
}

/// When a call that hangs is taken for one that failed: never near what good calls take.
fn limits(from: &Knobs, room: &Room<'_>) -> Vec<Knobs> {
    let Facts { first_tokens, durations, .. } = room.facts;
    let mut all = Vec::new();
    if room.facts.streams > 0 {
        let tried = with(from.first_token, &beyond(first_tokens));
        all.extend(tried.into_iter().map(|first_token| Knobs { first_token, ..*from }));
    }
    if room.facts.whole_answers > 0 {
        let tried = with(from.total, &beyond(durations));
        all.extend(tried.into_iter().map(|total| Knobs { total, ..*from }));
    }
    all
}

/// Limits that 999 of 1000 good calls keep with half of the time to spare.
fn beyond(good: &Spread) -> Vec<Option<Duration>> {
    let most = good.percentile(99.9).unwrap_or_default().saturating_mul(2);
    let limits = [15, 30, 60, 90, 120, 180, 300].map(Duration::from_secs);
    limits.into_iter().filter(|limit| *limit >= most).map(Some).collect()
}

/// What is slow, and how much of it opens: only where slowness costs something. A rate of few calls
/// is asked in a longer window only.
fn slowness(from: &Knobs, room: &Room<'_>) -> Vec<Knobs> {
    let Some(patience) = room.prices.patience else { return Vec::new() };
    let limits = [patience / 4, patience / 2, patience].map(readable).map(Some);
    let longer = |seconds, minimum_calls| Knobs {
        window: from.window.map(|_| Duration::from_secs(seconds)),
        minimum_calls,
        ..*from
    };
    let mut all = vec![Knobs { slow_rate: None, ..*from }];
    for from in [*from, longer(300, 5), longer(600, 10)] {
        for slow_rate in [0.3, 0.5, 0.8].map(Some) {
            all.extend(limits.map(|limit| match room.facts.streams {
                0 => Knobs { slow_rate, slow_total: limit, ..from },
                _ => Knobs { slow_rate, slow_first_token: limit, ..from },
            }));
        }
    }
    all
}

/// A limit that one can write down, to two digits, and that the configuration takes.
fn readable(limit: Duration) -> Duration {
    const LONGEST: Duration = Duration::from_secs(3_600);
    let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1);
    let unit = 10_u64.pow(milliseconds.ilog10().saturating_sub(1));
    Duration::from_millis(milliseconds.div_ceil(unit).saturating_mul(unit)).min(LONGEST)
}

fn with<T: PartialEq + Copy>(own: T, further: &[T]) -> Vec<T> {
    let mut all = vec![own];
    all.extend(further.iter().filter(|it| **it != own));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_one_that_a_configuration_takes() {
        for (milliseconds, readable_) in
            [(0, 1), (7, 7), (2_500, 2_500), (2_501, 2_600), (9_999, 10_000)]
        {
            assert_eq!(
                readable(Duration::from_millis(milliseconds)),
                Duration::from_millis(readable_)
            );
        }
        assert_eq!(readable(Duration::MAX), Duration::from_secs(3_600));
    }

    #[test]
    fn what_hangs_past_a_limit_is_never_slow() {
        let own = Knobs::of(&Policy::default());
        let with = |slow, limit| Knobs {
            slow_first_token: Some(Duration::from_secs(slow)),
            first_token: Some(Duration::from_secs(limit)),
            ..own
        };
        assert!(own.is_consistent() && with(29, 30).is_consistent());
        assert!(!with(30, 30).is_consistent());
    }

    #[test]
    fn a_window_by_count_keeps_its_shape_and_holds_its_minimum() {
        let window = WindowShape::Count { calls: 8, max_age: Duration::from_secs(600) };
        let base = Policy { window, ..Policy::default() };
        let own = Knobs::of(&base);
        assert_eq!(own.window, None);
        let tuned = Knobs { minimum_calls: 20, ..own }.applied_to(&base);
        assert_eq!((tuned.window, tuned.trip.minimum_calls), (window, 8));
        let changed = Knobs { failure_rate: Some(0.25), ..own }.changed_from(&own);
        let [setting] = &changed[..] else { panic!("{changed:?}") };
        assert_eq!(
            (setting.object, setting.field, &*setting.value),
            ("trip", "failure_rate", "0.25")
        );
    }
}
