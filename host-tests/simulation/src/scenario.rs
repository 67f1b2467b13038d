//! What is drawn from a seed: policies, requests, how their calls end, and what befalls the process.

use crate::memory::Damage;
use crate::truth::Weather;
use core::time::Duration;
use fastrand::Rng;
use llm_breaker::breaker::Order;
use llm_breaker::call::Flags;
use llm_breaker::level::Level;
use llm_breaker::outcome::{Category, Verdict};
use llm_breaker::policy::{Mode, Policy, WindowShape};

/// The cluster that the requests are for.
pub const OPENAI: &str = "openai";
/// Another one that some are sent to instead.
pub const SPARE: &str = "spare";
/// The parts that a run's requests may be told apart by.
const PARTS: [&str; 2] = ["gpt", "other"];

/// What one run is about.
#[derive(Debug)]
pub struct Scenario {
    /// How many workers there are.
    pub workers: usize,
    /// Whether the calls to a cluster are told apart.
    pub has_parts: bool,
    /// The configurations that its workers get in turns; the first comes first and last.
    pub policies: Vec<Policy>,
    /// How many calls a minute the spare takes.
    pub per_minute: u32,
}

/// A request that comes in.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number.
    pub id: u32,
    /// Its breakers, the finer one first.
    pub levels: Vec<(Level, String)>,
    /// What a ramp draws for it.
    pub random: f64,
    /// How its call will go, if it is let through.
    pub fate: Fate,
    /// How long it takes at least from one callback to the next.
    pub wait: Duration,
    /// What is done if it is not.
    pub instead: Instead,
}

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A whole answer, with a wait that it asks for.
    Answer(u16, Option<Duration>),
    /// A stream that ends well.
    Stream,
    /// A stream whose upstream breaks it off.
    CutStream,
    /// No answer but Envoy's.
    Broken(Flags),
    /// The client leaves, before any answer.
    ClientLeaves,
    /// No callback ever comes.
    Hangs,
}

/// What is done with a request that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// An error.
    Error,
    /// It may be the one that goes out all the same.
    LastResort,
    /// The spare gets it.
    Reroute,
    /// The same, but it turns out that it cannot be sent.
    RerouteInVain,
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let first = policy(rng);
        let mut policies = vec![first.clone()];
        policies.extend((1..4).map(|generation| Policy {
            // Only some ask for a reset.
            reset_generation: if rng.bool() { generation } else { 0 },
            ..variant(rng, &first)
        }));
        Self {
            workers: rng.usize(2..=4),
            has_parts: rng.u32(..3) == 0,
            policies,
            per_minute: rng.u32(1..=4),
        }
    }

    /// The names of its breakers.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![OPENAI.to_owned(), SPARE.to_owned()];
        if self.has_parts {
            names.extend(PARTS.map(part_name));
        }
        names
    }

    /// A request whose call goes as the upstream's condition makes it.
    #[must_use]
    pub fn request(&self, rng: &mut Rng, id: u32, weather: Weather) -> Request {
        let levels = if self.has_parts {
            let part = part_name(PARTS[rng.usize(..PARTS.len())]);
            vec![(Level::Part, part), (Level::Provider, OPENAI.to_owned())]
        } else {
            vec![(Level::Sole, OPENAI.to_owned())]
        };
        let instead = match rng.u32(..10) {
            0..4 => Instead::Error,
            4..6 => Instead::LastResort,
            6..9 => Instead::Reroute,
            _ => Instead::RerouteInVain,
        };
        let fate = Fate::draw(rng, weather);
        let wait = match (weather, fate) {
            (Weather::Slow, _) => rng.u64(1_000..2_500),
            (_, Fate::ClientLeaves) => rng.u64(..4_000),
            _ => rng.u64(..100),
        };
        let wait = Duration::from_millis(wait);
        // Rather small, or a ramp would let hardly anything pass.
        Request { id, levels, random: rng.f64().powi(3), fate, wait, instead }
    }
}

fn part_name(part: &str) -> String {
    llm_breaker::key::Key::of_part(OPENAI, part).name()
}

/// Short times, so that a run sees many periods.
fn policy(rng: &mut Rng) -> Policy {
    let mut policy = Policy { window: shape(rng), ..Policy::default() };
    policy.trip.consecutive_failures = [Some(3), Some(5), None][rng.usize(..3)];
    policy.trip.failure_rate = [Some(0.5), Some(0.5), None][rng.usize(..3)];
    if policy.trip.consecutive_failures.is_none() {
        policy.trip.failure_rate = Some(0.5);
    }
    policy.trip.minimum_calls = rng.u32(4..=10);
    policy.trip.slow_rate = rng.bool().then_some(0.5);
    policy.trip.open_on_announced = rng.bool().then_some(secs(6));
    policy.open.base = secs(rng.u64(1..=3));
    policy.open.max = secs(6);
    policy.open.quota = secs(8);
    policy.open.announced_max = secs(20);
    policy.open.reset_after = secs(12);
    policy.half_open.probes = rng.u32(1..=3);
    policy.half_open.successes = [1, 1, 2, 2, 3][rng.usize(..5)];
    policy.half_open.lease = secs(rng.u64(3..=6));
    policy.ramp = [None, Some(secs(6)), Some(secs(25)), Some(secs(25))][rng.usize(..4)];
    policy.slow.total = Some(secs(2));
    policy.limits.total = Some(secs(12));
    policy.limits.first_token = Some(secs(8));
    policy.limits.abandoned = Some(secs(4));
    if rng.u32(..4) == 0 {
        policy.provider_wide = vec![Category::Overloaded, Category::ServerError];
    }
    policy
}

fn shape(rng: &mut Rng) -> WindowShape {
    match rng.u32(..3) {
        0 => WindowShape::Count { calls: rng.u32(10..=20), max_age: secs(15) },
        1 => WindowShape::Time { duration: secs(10), buckets: 10 },
        _ => WindowShape::Time { duration: secs(12), buckets: 3 },
    }
}

/// Another configuration of the same breakers.
fn variant(rng: &mut Rng, policy: &Policy) -> Policy {
    let mut variant = policy.clone();
    match rng.u32(..6) {
        0 => variant.mode = Mode::Disabled,
        1 => variant.mode = Mode::ForcedOpen,
        2 => variant.mode = Mode::Shadow,
        3 => variant.window = shape(rng),
        4 => variant.half_open.probes = rng.u32(1..=3),
        _ => {
            for (category, verdict) in variant.verdicts.iter_mut() {
                if category == Category::ServerError {
                    *verdict = Verdict::Open;
                }
            }
        }
    }
    variant
}

impl Fate {
    fn draw(rng: &mut Rng, weather: Weather) -> Self {
        // Whatever the upstream is like, clients err and leave.
        match rng.u32(..100) {
            0..6 => return Self::Answer(400, None),
            6..20 => return Self::ClientLeaves,
            _ => {}
        }
        match weather {
            Weather::Healthy if rng.u32(..100) == 0 => Self::failure(rng),
            Weather::Slow if rng.u32(..3) > 0 => Self::Answer(200, None),
            Weather::Healthy | Weather::Slow => Self::success(rng),
            // What began well may yet break off.
            _ if rng.u32(..2) == 0 => Self::CutStream,
            Weather::Shaky if rng.u32(..3) > 0 => Self::success(rng),
            Weather::Shaky => Self::failure(rng),
            Weather::Down if rng.u32(..20) == 0 => Self::success(rng),
            Weather::Down => Self::failure(rng),
            Weather::Limited if rng.u32(..4) == 0 => Self::success(rng),
            Weather::Limited => Self::Answer(429, Some(secs(rng.u64(1..30)))),
            Weather::OutOfQuota => Self::Answer(402, None),
        }
    }

    /// A call that goes well.
    pub fn success(rng: &mut Rng) -> Self {
        if rng.u32(..5) > 0 { Self::Stream } else { Self::Answer(200, None) }
    }

    fn failure(rng: &mut Rng) -> Self {
        match rng.u32(..8) {
            0 => Self::Answer(500, None),
            1 => Self::Answer(503, Some(secs(rng.u64(1..30)))),
            2..5 => Self::CutStream,
            5 => Self::Broken(Flags::UPSTREAM_CONNECTION_FAILURE),
            6 => Self::Broken(Flags::UPSTREAM_CONNECTION_TERMINATION),
            _ => Self::Hangs,
        }
    }
}

/// What an operator says.
#[must_use]
pub fn order(rng: &mut Rng) -> Order {
    let lasts = rng.bool().then(|| secs(rng.u64(1..8)));
    match rng.u32(..6) {
        0..2 => Order::Override { mode: Mode::ALL[rng.usize(..4)], lasts },
        2..4 => Order::Release,
        4 => Order::Close { kept: lasts },
        _ => Order::Reset,
    }
}

/// How much time passes by chance.
#[must_use]
pub fn pause(rng: &mut Rng) -> Duration {
    match rng.u32(..20) {
        0..12 => Duration::from_millis(rng.u64(..200)),
        12..18 => Duration::from_millis(rng.u64(200..1_000)),
        18 => secs(rng.u64(1..3)),
        _ => secs(rng.u64(3..9)),
    }
}

/// What is damaged by chance.
#[must_use]
pub fn damage(rng: &mut Rng) -> Damage {
    match rng.u32(..4) {
        0 => Damage::Bit(rng.usize(..100_000)),
        1 => Damage::Cut(rng.usize(..100_000)),
        2 => Damage::Foreign,
        _ => Damage::OtherLayout,
    }
}
