//! What do many calls and incidents come to? Each profile and each incident is a piece of work of its own
//! seed, so that all cores work and nothing depends on how many there are.

use crate::bounds::must_be_told;
use crate::call::Call;
use crate::edges::EDGES;
use crate::incident::Incident;
use crate::incidents::KINDS;
use crate::measure::{self, Cost, Healthy, HealthyMeter};
use crate::ours::Setting;
use crate::profiles::PROFILES;
use crate::subject::Subject;
use crate::traffic::{Traffic, at};
use crate::variants::{self, VARIANTS};
use crate::watched::{Seen, watch};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Where our breakers run: it is part of their jitter.
const NODE: &str = "node";

/// In how many pieces a profile's calls are made.
pub const PIECES: u64 = 4;

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The first seed.
    pub seed: u64,
    /// Calls of each healthy profile at least…
    pub calls: u64,
    /// …and hours: where calls are many, a million of them is soon made.
    pub hours: u64,
    /// Incidents of each kind.
    pub incidents: u64,
}

/// What of it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All kinds, and all who decide.
    Everything,
    /// What the bounds are about: our breaker, and the kinds of incidents that it must tell.
    Bounds,
}

/// What all of it came to.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// For each profile, for each subject, ours first.
    pub healthy: Vec<Vec<Healthy>>,
    /// For each kind, for each incident, for each subject; a kind that was not run has none.
    pub incidents: Vec<Vec<Vec<Cost>>>,
    /// For each of [`EDGES`], our breaker.
    pub edges: Vec<Healthy>,
    /// For each of [`VARIANTS`], for each kind, in no order; a kind that it is not tried on has none.
    pub variants: Vec<Vec<Vec<Cost>>>,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Healthy { profile: usize, piece: u64 },
    Edge { which: usize, piece: u64 },
    Incident { kind: usize, number: u64 },
    Variant { which: usize, kind: usize, number: u64 },
}

impl Scope {
    /// Who decides.
    #[must_use]
    pub const fn subjects(self) -> &'static [Subject] {
        match self {
            Self::Everything => &Subject::ALL,
            Self::Bounds => &[Subject::Ours],
        }
    }

    fn has(self, work: &Work) -> bool {
        match (self, work) {
            (Self::Everything, _) | (Self::Bounds, Work::Healthy { .. }) => true,
            (Self::Bounds, Work::Edge { .. } | Work::Variant { .. }) => false,
            (Self::Bounds, Work::Incident { kind, .. }) => must_be_told(KINDS[*kind].what.is),
        }
    }
}

/// Run it.
#[must_use]
pub fn run(setting: &Setting, size: Size, scope: Scope) -> Campaign {
    let mut work = pieces(size);
    work.retain(|work| scope.has(work));
    let subjects = scope.subjects();
    let empty = Campaign {
        healthy: vec![vec![Healthy::default(); subjects.len()]; PROFILES.len()],
        incidents: vec![Vec::new(); KINDS.len()],
        edges: vec![Healthy::default(); EDGES.len()],
        variants: vec![vec![Vec::new(); KINDS.len()]; VARIANTS.len()],
    };
    let (campaign, next) = (Mutex::new(empty), AtomicUsize::new(0));
    let worker = || {
        while let Some(work) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = work.done(setting, size, subjects);
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
    let edges = (0..EDGES.len())
        .flat_map(|which| (0..PIECES).map(move |piece| Work::Edge { which, piece }));
    let incidents = (0..KINDS.len())
        .flat_map(|kind| (0..size.incidents).map(move |number| Work::Incident { kind, number }));
    let numbers = move |which, kind| {
        (0..size.incidents).map(move |number| Work::Variant { which, kind, number })
    };
    let kinds = (0..KINDS.len()).filter(|kind| variants::are_tried_on(&KINDS[*kind]));
    let variants =
        kinds.flat_map(|kind| (0..VARIANTS.len()).flat_map(move |which| numbers(which, kind)));
    healthy.chain(edges).chain(incidents).chain(variants).collect()
}

enum Done {
    Healthy(usize, Vec<Healthy>),
    Edge(usize, Vec<Healthy>),
    Incident(usize, u64, Vec<Cost>),
    Variant(usize, usize, Cost),
}

impl Work {
    fn done(self, setting: &Setting, size: Size, subjects: &[Subject]) -> Done {
        match self {
            Self::Healthy { profile, piece } => {
                let calls = size.piece(Traffic::of(&PROFILES[profile], size.seed + piece));
                Done::Healthy(profile, healthy(calls, subjects, setting))
            }
            Self::Edge { which, piece } => {
                let edge = &EDGES[which];
                let traffic = Traffic::of(&edge.profile, size.seed + piece);
                let calls = size.piece(traffic.sticking(edge.sticks));
                Done::Edge(which, healthy(calls, &[Subject::Ours], &edge.setting()))
            }
            Self::Variant { which, kind, number } => {
                let incident = Incident::of(&KINDS[kind], size.seed + number);
                let cost = costs(&incident, &[Subject::Ours], &VARIANTS[which].setting());
                Done::Variant(which, kind, cost.first().copied().unwrap_or_default())
            }
            Self::Incident { kind, number } => {
                let incident = Incident::of(&KINDS[kind], size.seed + number);
                Done::Incident(kind, number, costs(&incident, subjects, setting))
            }
        }
    }
}

impl Size {
    fn piece(self, traffic: Traffic) -> impl Iterator<Item = Call> {
        let calls = usize::try_from(self.calls / PIECES).unwrap_or(usize::MAX);
        let until = at(self.hours as f64 * 3_600.0 / PIECES as f64);
        let is_of_it = move |(number, call): &(usize, Call)| *number < calls || call.at < until;
        traffic.enumerate().take_while(is_of_it).map(|(_, call)| call)
    }
}

fn healthy(
    calls: impl Iterator<Item = Call>,
    subjects: &[Subject],
    setting: &Setting,
) -> Vec<Healthy> {
    let policy = setting.policy();
    let begin = |subject: &Subject| (subject.begins(setting, NODE), HealthyMeter::default());
    let mut deciding: Vec<_> = subjects.iter().map(begin).collect();
    for call in calls {
        let seen = watch(&call, policy);
        for (subject, meter) in &mut deciding {
            let fate = subject.arrives(&call, &seen);
            meter.note(&call, fate);
        }
    }
    deciding.into_iter().map(|(subject, meter)| meter.finish(&subject.trips())).collect()
}

fn costs(incident: &Incident, subjects: &[Subject], setting: &Setting) -> Vec<Cost> {
    let policy = setting.policy();
    let calls: Vec<(Call, Seen)> =
        incident.calls().map(|call| (call, watch(&call, policy))).collect();
    let can_be_told = measure::can_be_told(incident, &calls);
    let cost = |subject: &Subject| {
        let cost = measure::incident(incident, &calls, subject.begins(setting, NODE));
        Cost { can_be_told, ..cost }
    };
    subjects.iter().map(cost).collect()
}

impl Campaign {
    fn take(&mut self, done: Done) {
        let add = |whole: &mut Healthy, piece: Healthy| *whole = whole.and(piece);
        match done {
            Done::Healthy(profile, pieces) => {
                let wholes = self.healthy[profile].iter_mut();
                wholes.zip(pieces).for_each(|(whole, piece)| add(whole, piece));
            }
            Done::Edge(which, pieces) => {
                pieces.into_iter().for_each(|piece| add(&mut self.edges[which], piece));
            }
            Done::Variant(which, kind, cost) => self.variants[which][kind].push(cost),
            Done::Incident(kind, number, costs) => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                let incidents = &mut self.incidents[kind];
                incidents.resize(incidents.len().max(number + 1), Vec::new());
                incidents[number] = costs;
            }
        }
    }
}
