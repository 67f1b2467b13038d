//! What do many calls and incidents come to? Each profile and each incident is a piece of work of its own
//! seed, so that all cores work and nothing depends on how many there are.

use crate::call::Call;
use crate::incident::Incident;
use crate::incidents::KINDS;
use crate::measure::{self, Cost, Healthy, HealthyMeter};
use crate::ours::Setting;
use crate::profiles::{ERRING_CHAT, PROFILES};
use crate::subject::Subject;
use crate::traffic::Traffic;
use crate::watched::{Seen, watch};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// In how many pieces a profile's calls are made.
const PIECES: u64 = 4;

/// How likely a call fails if the one before it did: what the defaults bear is looked for.
pub const STICKING: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.4];

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The first seed.
    pub seed: u64,
    /// Calls of each healthy profile.
    pub calls: u64,
    /// Incidents of each kind.
    pub incidents: u64,
}

/// What all of it came to.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// For each profile, for each subject.
    pub healthy: Vec<[Healthy; Subject::ALL.len()]>,
    /// For each kind, for each incident, for each subject.
    pub incidents: Vec<Vec<[Cost; Subject::ALL.len()]>>,
    /// For each probability of [`STICKING`], our breaker.
    pub sticking: Vec<Healthy>,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Healthy { profile: usize, piece: u64 },
    Sticking { which: usize, piece: u64 },
    Incident { kind: usize, number: u64 },
}

/// Run all of it.
#[must_use]
pub fn run(setting: &Setting, size: Size) -> Campaign {
    let work = pieces(size);
    let empty = Campaign {
        healthy: vec![Default::default(); PROFILES.len()],
        incidents: vec![vec![Default::default(); size.incidents as usize]; KINDS.len()],
        sticking: vec![Healthy::default(); STICKING.len()],
    };
    let (campaign, next) = (Mutex::new(empty), AtomicUsize::new(0));
    let worker = || {
        while let Some(work) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = work.done(setting, size);
            campaign.lock().unwrap_or_else(PoisonError::into_inner).take(done);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    campaign.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The large ones first, so that no core is left with one at the end.
fn pieces(size: Size) -> Vec<Work> {
    let healthy = (0..PROFILES.len())
        .flat_map(|profile| (0..PIECES).map(move |piece| Work::Healthy { profile, piece }));
    let sticking = (0..STICKING.len())
        .flat_map(|which| (0..PIECES).map(move |piece| Work::Sticking { which, piece }));
    let incidents = (0..KINDS.len())
        .flat_map(|kind| (0..size.incidents).map(move |number| Work::Incident { kind, number }));
    healthy.chain(sticking).chain(incidents).collect()
}

enum Done {
    Healthy(usize, [Healthy; Subject::ALL.len()]),
    Sticking(usize, Healthy),
    Incident(usize, u64, Box<[Cost; Subject::ALL.len()]>),
}

impl Work {
    fn done(self, setting: &Setting, size: Size) -> Done {
        match self {
            Self::Healthy { profile, piece } => {
                let traffic = Traffic::of(&PROFILES[profile], piece_seed(size, piece));
                let calls = traffic.take(piece_calls(size));
                Done::Healthy(profile, healthy(calls, Subject::ALL, setting))
            }
            Self::Sticking { which, piece } => {
                let traffic = Traffic::of(&ERRING_CHAT, piece_seed(size, piece));
                let calls = traffic.sticking(STICKING[which]).take(piece_calls(size));
                let [ours] = healthy(calls, [Subject::Ours], setting);
                Done::Sticking(which, ours)
            }
            Self::Incident { kind, number } => {
                let incident = Incident::of(&KINDS[kind], size.seed + number);
                Done::Incident(kind, number, Box::new(costs(&incident, setting)))
            }
        }
    }
}

fn piece_seed(size: Size, piece: u64) -> u64 {
    size.seed + piece
}

fn piece_calls(size: Size) -> usize {
    usize::try_from(size.calls / PIECES).unwrap_or(usize::MAX)
}

fn healthy<const N: usize>(
    calls: impl Iterator<Item = Call>,
    subjects: [Subject; N],
    setting: &Setting,
) -> [Healthy; N] {
    let policy = setting.policy();
    let mut deciding = subjects.map(|subject| {
        (subject.begins(setting, "node"), HealthyMeter::default())
    });
    for call in calls {
        let seen = watch(&call, policy);
        for (subject, meter) in &mut deciding {
            let fate = subject.arrives(&call, &seen);
            meter.note(&call, fate);
        }
    }
    deciding.map(|(subject, meter)| meter.finish(&subject.trips()))
}

/// What this incident costs each of them.
#[must_use]
pub fn costs(incident: &Incident, setting: &Setting) -> [Cost; Subject::ALL.len()] {
    let policy = setting.policy();
    let calls: Vec<(Call, Seen)> =
        incident.calls().map(|call| (call, watch(&call, policy))).collect();
    let can_be_told = measure::can_be_told(incident, &calls, policy);
    Subject::ALL.map(|subject| {
        let cost = measure::incident(incident, &calls, subject.begins(setting, "node"));
        Cost { can_be_told, ..cost }
    })
}

impl Campaign {
    fn take(&mut self, done: Done) {
        match done {
            Done::Healthy(profile, pieces) => {
                for (whole, piece) in self.healthy[profile].iter_mut().zip(pieces) {
                    *whole = whole.and(piece);
                }
            }
            Done::Sticking(which, piece) => self.sticking[which] = self.sticking[which].and(piece),
            Done::Incident(kind, number, costs) => self.incidents[kind][number as usize] = *costs,
        }
    }
}
