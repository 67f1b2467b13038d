//! One breaker by the rules, told naively: whole lists instead of rings and running totals, one
//! place instead of shared bytes, no races. What the workers decide together must be what it says.

mod modes;
mod outcomes;

use crate::step::{Moved, Step};
use crate::window::Window;
use core::time::Duration;
use llm_breaker::admission::{Answer, Asker, Question, Watchers};
use llm_breaker::breaker::{Admission, Gathered, Override, Permit, PermitKind, Shown, StateName};
use llm_breaker::outcome::{ANSWER_RESOLUTION, Category};
use llm_breaker::policy::{Mode, Policy, WindowShape};
use llm_breaker::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// One breaker.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// Counts transitions.
    pub epoch: u64,
    /// The state.
    pub phase: Phase,
    /// How the call ended that opened it.
    pub opened_by: Option<Category>,
    /// How often in a row it opened.
    pub trips: u32,
    /// When an answer was last seen to begin.
    pub answered_at: Instant,
    /// Until when the last resort is lent.
    pub last_resort: Option<Instant>,
    /// When the latest policy that took it out of service came into force, and whether that lasts.
    pub suspended: (Instant, bool),
    /// The mode that an operator put in the policy's place.
    pub overridden: Option<Override>,
    /// The highest generation that a policy had.
    pub generation: u64,
    /// The times of the failures in a row, oldest first.
    pub run: Vec<Instant>,
    /// The calls, as each shape of window in use sees them.
    pub windows: Vec<Window>,
}

/// Closed, open or half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the breaker's state")]
pub enum Phase {
    /// Calls flow.
    Closed { since: Instant, recovered: bool },
    /// Calls are shed.
    Open { since: Instant, until: Instant },
    /// Probes try.
    HalfOpen { since: Instant, successes: u32, leases: Vec<Instant> },
}

impl Phase {
    /// The state's name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Closed { .. } => StateName::Closed,
            Self::Open { .. } => StateName::Open,
            Self::HalfOpen { .. } => StateName::HalfOpen,
        }
    }
}

impl Oracle {
    /// One that has seen nothing.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            epoch: now.as_nanos(),
            phase: Phase::Closed { since: now, recovered: false },
            opened_by: None,
            trips: 0,
            answered_at: Instant::ZERO,
            last_resort: None,
            suspended: (Instant::ZERO, false),
            overridden: None,
            generation: 0,
            run: Vec::new(),
            windows: Vec::new(),
        }
    }

    /// What it answers, and how its state changed.
    pub fn ask(&mut self, step: &Step<'_>, asker: Asker<'_>) -> (Answer, Option<Moved>) {
        let Asker { policy, now, .. } = asker;
        match step {
            Step::Asked(question) => self.answer(question, asker),
            Step::Tick => (Answer::Done, self.tick(policy, now)),
            Step::Obey(order) => (Answer::Done, self.obey(*order, now)),
        }
    }

    fn answer(&mut self, question: &Question<'_>, asker: Asker<'_>) -> (Answer, Option<Moved>) {
        let Asker { policy, now, .. } = asker;
        match question {
            Question::Admit { watchers: Watchers::WouldBlock, .. }
                if self.mode(policy, now) == Mode::Shadow =>
            {
                (Answer::Abstains, None)
            }
            Question::Admit { random, .. } => {
                let (admission, moved) = self.admit(policy, now, *random);
                (Answer::Admission(admission, self.answered_at), moved)
            }
            Question::GiveBack(permit) => {
                self.free(permit);
                (Answer::Done, None)
            }
            Question::Record { permit, outcome } => {
                let (category, moved) = self.record(*permit, outcome, asker);
                (Answer::Recorded(category), moved)
            }
            Question::JudgeEarly { permit, outcome } => {
                let (left, moved) = self.judge_early(permit, outcome, asker);
                (Answer::FollowUp(left), moved)
            }
            Question::NoteAnswer => {
                if now.since(self.answered_at) >= ANSWER_RESOLUTION {
                    self.answered_at = now;
                }
                (Answer::Done, None)
            }
            Question::Lend => {
                let (permit, moved) = self.lend(policy, now);
                (Answer::Lent(permit, self.shown(policy, now)), moved)
            }
            Question::Wait => (Answer::Wait(self.wait(policy, now)), None),
        }
    }

    /// How long a caller must wait at least.
    #[must_use]
    pub fn wait(&self, policy: &Policy, now: Instant) -> Duration {
        match self.mode(policy, now) {
            Mode::Enforce => self.remaining(now),
            Mode::ForcedOpen => self.forced_open_for(policy, now),
            Mode::Shadow | Mode::Disabled => Duration::ZERO,
        }
    }

    fn forced_open_for(&self, policy: &Policy, now: Instant) -> Duration {
        let left = self.overridden.and_then(|it| it.until).map(|until| until.since(now));
        left.filter(|left| !left.is_zero()).unwrap_or(policy.open.base)
    }

    fn shown(&self, policy: &Policy, now: Instant) -> Shown {
        let mode = self.mode(policy, now);
        let until = self.overridden.and_then(|it| it.until);
        let (state, open_remaining) = match mode {
            Mode::Disabled => (StateName::Closed, Duration::ZERO),
            Mode::ForcedOpen => {
                (StateName::Open, until.map_or(Duration::ZERO, |until| until.since(now)))
            }
            Mode::Enforce | Mode::Shadow => (self.phase.name(), self.remaining(now)),
        };
        Shown { state, mode, open_remaining }
    }

    /// A worker writes the successes that it gathered.
    pub fn merge(&mut self, gathered: &Gathered) {
        if gathered.epoch != self.epoch {
            return;
        }
        self.run.retain(|failure| *failure > gathered.latest_at);
        let Gathered { successes, window: shape, latest_at, .. } = *gathered;
        for window in self.used_by(shape, latest_at) {
            window.record_successes(successes, latest_at);
        }
    }

    /// How long it will stay open.
    #[must_use]
    pub const fn remaining(&self, now: Instant) -> Duration {
        match self.phase {
            Phase::Open { until, .. } => until.since(now),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => Duration::ZERO,
        }
    }

    /// How long it lets calls back gradually from now on, of how long in all.
    #[must_use]
    pub fn ramp(&self, policy: &Policy, now: Instant) -> Option<f64> {
        match self.phase {
            Phase::Closed { since, recovered: true } => {
                let ramp = policy.ramp.filter(|ramp| now.since(since) < *ramp)?;
                Some((now.since(since).as_secs_f64() / ramp.as_secs_f64()).max(0.1))
            }
            _ => None,
        }
    }

    /// The probes whose leases have not ended.
    #[must_use]
    pub fn probes_out(&self, now: Instant) -> usize {
        match &self.phase {
            Phase::HalfOpen { leases, .. } => leases.iter().filter(|it| now < **it).count(),
            _ => 0,
        }
    }

    /// When time alone changes something.
    pub fn deadlines(&self) -> Vec<Instant> {
        let mut deadlines = match &self.phase {
            Phase::Open { until, .. } => vec![*until],
            Phase::HalfOpen { leases, .. } => leases.clone(),
            Phase::Closed { .. } => Vec::new(),
        };
        deadlines.extend(self.last_resort);
        deadlines
    }

    fn admit(&mut self, policy: &Policy, now: Instant, random: f64) -> (Admission, Option<Moved>) {
        let mut moved = self.catch_up(policy, now);
        match self.mode(policy, now) {
            Mode::Enforce | Mode::Shadow => {}
            Mode::Disabled => return (Admission::Untracked, moved),
            Mode::ForcedOpen => {
                let retry_after = self.forced_open_for(policy, now);
                return (Admission::Reject { retry_after, because: None }, moved);
            }
        }
        if let Phase::Open { until, .. } = self.phase {
            if now < until {
                return (self.reject(until.since(now)), moved);
            }
            moved = Some(self.half_open(now));
        }
        let ramp = self.ramp(policy, now);
        let (epoch, rejection) = (self.epoch, self.reject(SECOND));
        let admission = match &mut self.phase {
            Phase::HalfOpen { leases, .. } => {
                let out = leases.iter().filter(|lease| now < **lease).count();
                if out < policy.half_open.probes as usize {
                    leases.retain(|lease| now < *lease);
                    let lease = now + policy.half_open.lease;
                    leases.push(lease);
                    Admission::Probe(Permit { epoch, kind: PermitKind::Probe { lease } })
                } else {
                    rejection
                }
            }
            _ if ramp.is_some_and(|share| random >= share) => rejection,
            _ => Admission::Pass(Permit { epoch, kind: PermitKind::Call }),
        };
        (admission, moved)
    }

    const fn reject(&self, retry_after: Duration) -> Admission {
        Admission::Reject { retry_after, because: self.opened_by }
    }

    fn free(&mut self, permit: &Permit) {
        match (permit.kind, &mut self.phase) {
            (PermitKind::LastResort { lease }, _) if self.last_resort == Some(lease) => {
                self.last_resort = None;
            }
            (PermitKind::Probe { lease }, Phase::HalfOpen { leases, .. })
                if permit.epoch == self.epoch =>
            {
                if let Some(its) = leases.iter().position(|held| *held == lease) {
                    leases.remove(its);
                }
            }
            _ => {}
        }
    }

    fn lend(&mut self, policy: &Policy, now: Instant) -> (Option<Permit>, Option<Moved>) {
        let moved = self.catch_up(policy, now);
        if !self.mode(policy, now).is_active() {
            return (None, moved);
        }
        if self.last_resort.is_some_and(|lease| now < lease) {
            return (None, moved);
        }
        let lease = now + policy.half_open.lease;
        self.last_resort = Some(lease);
        let kind = PermitKind::LastResort { lease };
        (Some(Permit { epoch: self.epoch, kind }), moved)
    }

    fn tick(&mut self, policy: &Policy, now: Instant) -> Option<Moved> {
        let moved = self.catch_up(policy, now);
        self.last_resort = self.last_resort.filter(|lease| now < *lease);
        if !self.mode(policy, now).is_active() {
            if self.overridden.is_none() {
                self.suspend(policy);
            }
            return moved;
        }
        match &mut self.phase {
            Phase::Open { until, .. } if now >= *until => Some(self.half_open(now)),
            Phase::HalfOpen { leases, .. } => {
                leases.retain(|lease| now < *lease);
                moved
            }
            _ => moved,
        }
    }

    fn half_open(&mut self, now: Instant) -> Moved {
        let half_open = Phase::HalfOpen { since: now, successes: 0, leases: Vec::new() };
        self.enter(half_open, "open_time_ended")
    }

    fn enter(&mut self, phase: Phase, cause: &'static str) -> Moved {
        let moved = Moved { from: self.phase.name(), to: phase.name(), cause };
        self.phase = phase;
        if self.phase.name() == StateName::Closed {
            self.opened_by = None;
        }
        self.new_epoch();
        moved
    }

    fn new_epoch(&mut self) {
        self.epoch += 1;
        self.run.clear();
        self.windows.iter_mut().for_each(Window::clear);
    }

    /// The window of this shape.
    #[must_use]
    pub fn window(&self, shape: WindowShape) -> Option<&Window> {
        self.windows.iter().find(|window| window.shape == shape)
    }
}
