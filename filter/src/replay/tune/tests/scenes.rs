//! Calls whose right thresholds are known.

use core::time::Duration;
use std::sync::Arc;

use crate::outcome::{Category, EndedBy, Outcome};
use crate::replay::tune::ClusterCalls;
use crate::replay::{Call, Ended, Measured, Source};
use crate::time::Instant;

pub(super) const CLUSTER: &str = "outbound|443||api.openai.com";
/// How a call ends, and after how many seconds; of a stream also its first token.
#[derive(Clone, Copy)]
pub(super) enum End {
    Whole(f64),
    Stream(f64),
    Fails(f64),
    /// Nothing comes until the client leaves; it is judged after two minutes.
    Hangs(f64),
}

/// Calls that begin at these seconds and end so.
pub(super) fn scene(calls: impl IntoIterator<Item = (f64, End)>) -> ClusterCalls {
    let source = Source::of("gateway-7");
    let cluster: Arc<str> = CLUSTER.into();
    let calls = calls.into_iter().map(|(at, end)| {
        let admitted = Instant::from_nanos(1_795_000_000_000_000_000) + seconds(at);
        Call::sent(&source, &cluster, admitted, ended(admitted, end))
    });
    ClusterCalls { cluster: CLUSTER.into(), calls: calls.collect() }
}

fn ended(admitted: Instant, end: End) -> Ended {
    let (took, category) = match end {
        End::Whole(took) => (took, Category::Success),
        End::Stream(first_token) => (first_token + 5.0, Category::Success),
        End::Fails(took) => (took, Category::ServerError),
        End::Hangs(took) => (took, Category::Timeout),
    };
    let answered = category == Category::Success;
    let hangs = matches!(end, End::Hangs(_));
    let ended_by = if hangs { EndedBy::Limit } else { EndedBy::Upstream };
    let outcome = Outcome { answered, ended_by, ..Outcome::of(category) };
    let first_token = match end {
        End::Stream(first_token) => Some(seconds(first_token)),
        _ => None,
    };
    let response_headers = answered.then_some(first_token.unwrap_or(seconds(took)));
    let duration = Some(seconds(took));
    let measured = Measured { response_headers, first_token, duration };
    let judged = if hangs { 120.0 } else { took };
    Ended { measured, ..Ended::at(admitted + seconds(judged), outcome) }
}

fn seconds(number: f64) -> Duration {
    Duration::from_secs_f64(number)
}

/// A number from 0 to 1, by its place: the same on every machine.
pub(super) fn chance(seed: u64, place: u64) -> f64 {
    let mut mixed = (seed << 32) ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// For how many seconds something happens, or not.
pub(super) const SLOT: u64 = 600;
/// Three slots are a stretch.
pub(super) const SLOTS: u64 = 36;

/// Four calls a minute for six hours. In some slots three of four fail after 30 s: never five in a
/// row, and never ten in a minute.
pub(super) fn sparse(is_bad: impl Fn(u64) -> bool) -> ClusterCalls {
    scene((0..SLOTS * SLOT / 15).map(|place| {
        let at = place * 15;
        let fails = is_bad(at / SLOT) && place % 4 != 3;
        (at as f64, if fails { End::Fails(30.0) } else { End::Whole(1.0) })
    }))
}

/// A call every four seconds, of which some fail at once, whatever the time.
pub(super) fn noisy(seed: u64, rate: f64) -> ClusterCalls {
    scene((0..1_500).map(|place| {
        let fails = chance(seed, place) < rate;
        ((place * 4) as f64, if fails { End::Fails(0.5) } else { End::Whole(1.0) })
    }))
}

/// A stream every 15 seconds. In one slot of three all hang: they are judged after two minutes, as
/// the default has it, and their clients wait for ten.
pub(super) fn hanging() -> ClusterCalls {
    scene((0..SLOTS * SLOT / 15).map(|place| {
        let second = place * 15;
        let first_token = 1.0 + 4.0 * chance(1, place);
        let hangs = second / SLOT % 3 == 1;
        (second as f64, if hangs { End::Hangs(600.0) } else { End::Stream(first_token) })
    }))
}

/// A stream every 15 seconds. In one slot of three all begin late.
pub(super) fn browned_out() -> ClusterCalls {
    scene((0..SLOTS * SLOT / 15).map(|place| {
        let second = place * 15;
        let is_slow = second / SLOT % 3 == 1;
        let first_token = if is_slow { 12.0 } else { 1.0 + 3.0 * chance(1, place) };
        (second as f64, End::Stream(first_token))
    }))
}
