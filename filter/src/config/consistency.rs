//! Rules between the fields of a policy, which hold after layering.

use super::duration::show;
use super::walk::{Contradiction, Fields};
use crate::key::Key;
use crate::policy::{KeyBy, Open, Policy, WindowShape};

/// Where the lower layer of an entry of `breakers` stands in the document.
const LOWER: &str = "defaults";

/// Notes at `layer` what contradicts itself in `policy`, which is `layer` over the one below it.
pub(super) fn check(layer: &mut impl Fields, policy: &Policy) {
    let mut found = open_times(&policy.open);
    found.extend(thresholds(policy));
    found.extend(slow_limits(policy));
    found.extend(models(policy));
    found.extend(parts(policy));
    layer.contradictions(LOWER, &found);
}

/// A fallback for a part that no call is of would never be used.
fn parts(policy: &Policy) -> Option<Contradiction> {
    let mut parts = policy.fallback.iter().flat_map(|choice| &choice.parts);
    let unknown = parts.find(|part| !Key::of_part("", part.as_str()).is_of(policy))?;
    Some(Contradiction {
        between: vec!["fallback", "models", "key_by"],
        allowed: format!(
            "models of a fallback ({unknown}) that models or key_by.values list, or other"
        ),
    })
}

fn open_times(open: &Open) -> Vec<Contradiction> {
    [
        ("open.base", open.base, "open.max", open.max),
        ("open.quota", open.quota, "open.announced_max", open.announced_max),
    ]
    .into_iter()
    .filter(|(_, small, _, large)| small > large)
    .map(|(small_path, small, large_path, large)| Contradiction {
        between: vec![small_path, large_path],
        allowed: format!("{small_path} ({}) at most {large_path} ({})", show(small), show(large)),
    })
    .collect()
}

/// A threshold above what the window can hold would never be reached.
fn thresholds(policy: &Policy) -> Vec<Contradiction> {
    let Some(held) = calls_held(&policy.window) else { return Vec::new() };
    [
        ("trip.minimum_calls", Some(policy.trip.minimum_calls)),
        ("trip.consecutive_failures", policy.trip.consecutive_failures),
    ]
    .into_iter()
    .filter_map(|(path, threshold)| Some((path, threshold.filter(|calls| *calls > held)?)))
    .map(|(path, threshold)| Contradiction {
        // A layer that gives no more than the type of the window has chosen its size, too.
        between: vec![path, "window.calls", "window.type"],
        allowed: format!("{path} ({threshold}) at most window.calls ({held})"),
    })
    .collect()
}

/// A call that hangs past a limit is a time-out and never becomes slow.
fn slow_limits(policy: &Policy) -> Vec<Contradiction> {
    let Policy { slow, limits, .. } = policy;
    [
        ("slow.first_token", slow.first_token, "limits.first_token", limits.first_token),
        ("slow.gap", slow.gap, "limits.gap", limits.gap),
        ("slow.total", slow.total, "limits.total", limits.total),
    ]
    .into_iter()
    .filter_map(|(slow_path, slow, path, limit)| Some((slow_path, slow?, path, limit?)))
    .filter(|(_, slow, _, limit)| slow >= limit)
    .map(|(slow_path, slow, path, limit)| Contradiction {
        between: vec![slow_path, path],
        allowed: format!("{slow_path} ({}) below {path} ({})", show(slow), show(limit)),
    })
    .collect()
}

/// Without models to tell apart, all calls would share the breaker of those not named.
fn models(policy: &Policy) -> Option<Contradiction> {
    let nameless = policy.key_by == KeyBy::Model && policy.models.is_empty();
    nameless.then(|| Contradiction {
        between: vec!["key_by", "models"],
        allowed: "key_by (model) with at least one glob in models".into(),
    })
}

/// How many calls a window can ever hold; `None` if any number.
pub(super) fn calls_held(window: &WindowShape) -> Option<u32> {
    match window {
        WindowShape::Time { .. } => None,
        WindowShape::Count { calls, .. } => Some(*calls),
    }
}
