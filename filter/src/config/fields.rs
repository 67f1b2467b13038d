//! The fields of a policy: one layer of the document read over the layer below it.

use core::mem::discriminant;

use super::rules::Flag;
use super::walk::Fields;
use super::{consistency, fallbacks, keys, matchers, ranges};
use crate::policy::{HalfOpen, Limits, Open, Policy, Slow, Trip, WindowShape};

/// Reads all fields of a policy; `policy` holds the lower layer's values before, all after. Whether
/// the document says `stop_iteration` decides what of them can be kept.
pub(super) fn read(layer: &mut impl Fields, policy: &mut Policy, stop_iteration: bool) {
    layer.value("mode", &mut policy.mode, &ranges::MODE);
    let generation = &mut policy.reset_generation;
    layer.value("reset_generation", generation, &ranges::RESET_GENERATION);
    layer.value("provider", &mut policy.provider, &ranges::PROVIDER);
    keys::read(layer, policy);
    layer.object("window", |object| read_window(object, &mut policy.window));
    layer.object("trip", |object| read_trip(object, &mut policy.trip));
    layer.object("open", |object| read_open(object, &mut policy.open));
    layer.object("half_open", |object| read_half_open(object, &mut policy.half_open));
    layer.optional("ramp", &mut policy.ramp, &ranges::RAMP);
    layer.object("slow", |object| read_slow(object, &mut policy.slow));
    layer.object("limits", |object| read_limits(object, &mut policy.limits));
    layer.object("verdicts", |object| {
        for (category, verdict) in policy.verdicts.iter_mut() {
            object.value(category.name(), verdict, &ranges::VERDICT);
        }
    });
    matchers::read(layer, &mut policy.matchers);
    layer.value("body_limit", &mut policy.body_limit, &ranges::BODY_LIMIT);
    fallbacks::read(layer, policy, stop_iteration);
    consistency::check(layer, policy);
}

fn read_window(object: &mut impl Fields, window: &mut WindowShape) {
    let lower = Some(*window);
    object.variants("type", lower, &ranges::WINDOW_TYPE, |object, shape| {
        let Some(shape) = shape else { return object.forgive_unknown() };
        // A shape of another type has nothing in common with the one below and starts from built-in.
        if discriminant(&shape) != discriminant(window) {
            *window = shape;
        }
        read_shape(object, window);
    });
}

fn read_shape(object: &mut impl Fields, window: &mut WindowShape) {
    match window {
        WindowShape::Time { duration, buckets } => {
            object.value("duration", duration, &ranges::WINDOW_DURATION);
            object.value("buckets", buckets, &ranges::WINDOW_BUCKETS);
            object.out_of_place(&["calls", "max_age"], "only in a window of type count");
        }
        WindowShape::Count { calls, max_age } => {
            object.value("calls", calls, &ranges::WINDOW_CALLS);
            object.value("max_age", max_age, &ranges::WINDOW_MAX_AGE);
            object.out_of_place(&["duration", "buckets"], "only in a window of type time");
        }
    }
}

fn read_trip(object: &mut impl Fields, trip: &mut Trip) {
    let failures = &mut trip.consecutive_failures;
    object.optional("consecutive_failures", failures, &ranges::CONSECUTIVE_FAILURES);
    object.optional("failure_rate", &mut trip.failure_rate, &ranges::FAILURE_RATE);
    object.optional("slow_rate", &mut trip.slow_rate, &ranges::SLOW_RATE);
    object.value("minimum_calls", &mut trip.minimum_calls, &ranges::MINIMUM_CALLS);
    object.optional("open_on_announced", &mut trip.open_on_announced, &ranges::OPEN_ON_ANNOUNCED);
}

fn read_open(object: &mut impl Fields, open: &mut Open) {
    object.value("base", &mut open.base, &ranges::OPEN_BASE);
    object.value("multiplier", &mut open.multiplier, &ranges::OPEN_MULTIPLIER);
    object.value("max", &mut open.max, &ranges::OPEN_MAX);
    object.value("jitter", &mut open.jitter, &ranges::OPEN_JITTER);
    object.value("announced_max", &mut open.announced_max, &ranges::OPEN_ANNOUNCED_MAX);
    object.value("quota", &mut open.quota, &ranges::OPEN_QUOTA);
    object.value("reset_after", &mut open.reset_after, &ranges::OPEN_RESET_AFTER);
}

fn read_half_open(object: &mut impl Fields, half_open: &mut HalfOpen) {
    object.value("probes", &mut half_open.probes, &ranges::PROBES);
    object.value("successes", &mut half_open.successes, &ranges::SUCCESSES);
    object.value("lease", &mut half_open.lease, &ranges::LEASE);
}

fn read_slow(object: &mut impl Fields, slow: &mut Slow) {
    let headers = &mut slow.response_headers;
    object.optional("response_headers", headers, &ranges::SLOW_RESPONSE_HEADERS);
    object.optional("first_token", &mut slow.first_token, &ranges::SLOW_FIRST_TOKEN);
    object.optional("gap", &mut slow.gap, &ranges::SLOW_GAP);
    object.optional("total", &mut slow.total, &ranges::SLOW_TOTAL);
}

fn read_limits(object: &mut impl Fields, limits: &mut Limits) {
    object.optional("first_token", &mut limits.first_token, &ranges::LIMIT_FIRST_TOKEN);
    object.optional("gap", &mut limits.gap, &ranges::LIMIT_GAP);
    object.optional("total", &mut limits.total, &ranges::LIMIT_TOTAL);
    object.optional("abandoned", &mut limits.abandoned, &ranges::ABANDONED);
    object.value("abort", &mut limits.abort, &Flag);
}
