//! One breaker by the rules, told naively: whole lists instead of rings and running totals, one
//! place instead of shared bytes, no races. What the workers decide together must be what it says.

use crate::step::{Moved, Step};
use crate::window::{Window, span};
use core::time::Duration;
use llm_breaker::admission::{Answer, Asker, Question, Watchers};
use llm_breaker::breaker::{
    Admission, Gathered, Order, Override, Permit, PermitKind, Shown, StateName,
};
use llm_breaker::outcome::{ANSWER_RESOLUTION, Category, Counted, Outcome, Verdict};
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

    fn suspend(&mut self, policy: &Policy) {
        let (since, lasts) = self.suspended;
        if since >= policy.in_force_since {
            return;
        }
        self.suspended = (policy.in_force_since, true);
        if !lasts {
            self.leave_service();
        }
    }

    fn leave_service(&mut self) {
        self.new_epoch();
        if let Phase::HalfOpen { leases, .. } = &mut self.phase {
            leases.clear();
        }
    }

    /// The mode in force.
    #[must_use]
    pub fn mode(&self, policy: &Policy, now: Instant) -> Mode {
        let holds = |it: &&Override| it.until.is_none_or(|until| now < until);
        self.overridden.as_ref().filter(holds).map_or(policy.mode, |it| it.mode)
    }

    fn obey(&mut self, order: Order, now: Instant) -> Option<Moved> {
        match order {
            Order::Override { mode, lasts } => self.overrule(mode, lasts, now),
            Order::Release => self.release(now),
            Order::Close { kept } => {
                let released = self.release(now);
                let closed = self.close("operator", now);
                if kept.is_some() {
                    self.overrule(Mode::Disabled, kept, now);
                }
                closed.or(released)
            }
            Order::Reset => {
                let released = self.release(now);
                self.start_afresh("operator", now).or(released)
            }
        }
    }

    fn overrule(&mut self, mode: Mode, lasts: Option<Duration>, now: Instant) -> Option<Moved> {
        let expired = self.expire(now);
        let was_active = self.overridden.map_or(!self.suspended.1, |it| it.mode.is_active());
        self.overridden = Some(Override { mode, since: now, until: lasts.map(|it| now + it) });
        if was_active && !mode.is_active() {
            self.leave_service();
        }
        let afresh = !was_active && mode.is_active();
        let moved = afresh.then(|| self.start_afresh("mode_changed", now)).flatten();
        moved.or(expired)
    }

    /// An override that took the breaker out of service ends: all begins anew.
    fn release(&mut self, now: Instant) -> Option<Moved> {
        let ended = self.overridden.take()?;
        if ended.mode.is_active() { None } else { self.start_afresh("mode_changed", now) }
    }

    fn expire(&mut self, now: Instant) -> Option<Moved> {
        let until = self.overridden?.until?;
        if now < until { None } else { self.release(now) }
    }

    /// What comes before anything else.
    fn catch_up(&mut self, policy: &Policy, now: Instant) -> Option<Moved> {
        let expired = self.expire(now);
        let mut reset = None;
        if policy.reset_generation > self.generation {
            self.generation = policy.reset_generation;
            reset = self.start_afresh("reset_generation", now);
        }
        let active = self.mode(policy, now).is_active();
        let lifted = if active { self.lift(policy, now) } else { None };
        expired.or(reset).or(lifted)
    }

    fn start_afresh(&mut self, cause: &'static str, now: Instant) -> Option<Moved> {
        self.trips = 0;
        self.close(cause, now)
    }

    fn close(&mut self, cause: &'static str, now: Instant) -> Option<Moved> {
        let was_closed = self.phase.name() == StateName::Closed;
        let moved = self.enter(Phase::Closed { since: now, recovered: false }, cause);
        (!was_closed).then_some(moved)
    }

    fn lift(&mut self, policy: &Policy, now: Instant) -> Option<Moved> {
        let (since, lasts) = self.suspended;
        if !lasts || policy.in_force_since <= since {
            return None;
        }
        self.suspended.1 = false;
        // Under an operator's mode it was in service all the time.
        if self.overridden.is_some() { None } else { self.start_afresh("mode_changed", now) }
    }

    fn judge_early(
        &mut self,
        permit: &Permit,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> (Option<Permit>, Option<Moved>) {
        let lifted = self.catch_up(asker.policy, asker.now);
        if !self.mode(asker.policy, asker.now).is_active() {
            return (None, lifted);
        }
        let counts = permit.epoch == self.epoch;
        let (_, moved) = self.record(Some(permit), outcome, asker);
        let works = counts && self.phase.name() != StateName::Open;
        let left = Permit { epoch: self.epoch, kind: PermitKind::FollowUp };
        (works.then_some(left), moved.or(lifted))
    }

    fn record(
        &mut self,
        permit: Option<&Permit>,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> (Category, Option<Moved>) {
        let Asker { policy, now, .. } = asker;
        let mut outcome = *outcome;
        if let Some(since) = outcome.unanswered_since
            && self.answered_at + SECOND <= since
        {
            outcome.category = Category::Timeout;
        }
        let category = outcome.category;
        let kind = permit.map(|permit| permit.kind);
        if let (Some(permit), Some(PermitKind::LastResort { .. })) = (permit, kind) {
            self.free(permit);
        }
        let lifted = self.catch_up(policy, now);
        let mode = self.mode(policy, now);
        if !mode.is_active() {
            return (category, lifted);
        }
        let is_current = permit.is_some_and(|permit| permit.epoch == self.epoch);
        let moved = match kind {
            Some(kind) if is_current && !matches!(kind, PermitKind::LastResort { .. }) => {
                self.settle(permit, kind, &outcome, asker)
            }
            None if mode == Mode::Shadow => None,
            _ => {
                self.lengthen(&outcome, policy, now);
                None
            }
        };
        (category, moved.or(lifted))
    }

    fn lengthen(&mut self, outcome: &Outcome, policy: &Policy, now: Instant) {
        if let Phase::Open { until, .. } = &mut self.phase
            && now < *until
            && let Some(announced) = announced_until(outcome, policy, now)
        {
            *until = announced.max(*until);
        }
    }

    fn settle(
        &mut self,
        permit: Option<&Permit>,
        kind: PermitKind,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> Option<Moved> {
        if let Some(permit) = permit {
            self.free(permit);
        }
        let verdict = outcome.verdict(asker.policy);
        let fails = matches!(verdict, Verdict::Failure | Verdict::Open);
        if kind == PermitKind::FollowUp && !fails {
            return None;
        }
        match self.phase {
            Phase::Closed { .. } => self.settle_call(verdict, outcome, asker),
            Phase::HalfOpen { .. } => self.settle_probe(verdict, outcome, asker),
            Phase::Open { .. } => None,
        }
    }

    fn settle_call(
        &mut self,
        verdict: Verdict,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> Option<Moved> {
        let Asker { policy, now, .. } = asker;
        let slow = outcome.is_slow();
        let counted = match verdict {
            Verdict::Failure | Verdict::Open => Counted::Failure,
            Verdict::Success if slow => Counted::SlowSuccess,
            Verdict::Success => Counted::Success,
            Verdict::Ignore if slow && outcome.category == Category::Cancelled => {
                Counted::CancelledSlow
            }
            Verdict::Ignore => return None,
        };
        match verdict {
            Verdict::Failure | Verdict::Open => self.run.push(now),
            Verdict::Success => self.run.clear(),
            Verdict::Ignore => {}
        }
        self.count(counted, announced_until(outcome, policy, now), policy.window, now);
        let cause = self.cause(counted, verdict, outcome, policy, now)?;
        Some(self.open(cause, outcome, asker))
    }

    /// Why it opens, if it does.
    fn cause(
        &self,
        counted: Counted,
        verdict: Verdict,
        outcome: &Outcome,
        policy: &Policy,
        now: Instant,
    ) -> Option<&'static str> {
        let trip = &policy.trip;
        let in_ramp = self.ramp(policy, now).is_some();
        let consecutive = match trip.consecutive_failures {
            it if in_ramp => Some(it.unwrap_or(u32::MAX).min(2)),
            it => it,
        };
        let minimum = if in_ramp { trip.minimum_calls.min(5) } else { trip.minimum_calls };
        let total = self.window(policy.window)?.total();
        let share = |part: u32, whole: u32, minimum: u32, limit: Option<f64>| {
            whole >= minimum.max(1)
                && limit.is_some_and(|limit| f64::from(part) / f64::from(whole) >= limit)
        };
        let failed = share(total.failures, total.calls, minimum, trip.failure_rate);
        let slowed = share(
            total.slow + total.cancelled_slow,
            total.calls + total.cancelled_slow,
            trip.minimum_calls,
            trip.slow_rate,
        );
        let is_failure = counted == Counted::Failure;
        let far = trip.open_on_announced.is_some_and(|far| outcome.announced >= Some(far));
        let in_a_row = self.failures_in_a_row(policy.window, now);
        match counted {
            Counted::Success => None,
            _ if verdict == Verdict::Open => Some("verdict"),
            _ if is_failure && far => Some("announced_reset"),
            _ if is_failure && consecutive.is_some_and(|it| in_a_row >= it as usize) => {
                Some("consecutive_failures")
            }
            Counted::Failure | Counted::SlowSuccess if failed => Some("failure_rate"),
            _ if slowed => Some("slow_rate"),
            _ => None,
        }
    }

    fn settle_probe(
        &mut self,
        verdict: Verdict,
        outcome: &Outcome,
        asker: Asker<'_>,
    ) -> Option<Moved> {
        let too_slow = outcome.is_slow() && asker.policy.trip.slow_rate.is_some();
        if verdict == Verdict::Ignore {
            return None;
        }
        if verdict != Verdict::Success || too_slow {
            return Some(self.open("probe_failed", outcome, asker));
        }
        if let Phase::HalfOpen { successes, .. } = &mut self.phase {
            *successes += 1;
            if *successes < asker.policy.half_open.successes {
                return None;
            }
        }
        let closed = Phase::Closed { since: asker.now, recovered: true };
        Some(self.enter(closed, "probes_succeeded"))
    }

    fn open(&mut self, cause: &'static str, outcome: &Outcome, asker: Asker<'_>) -> Moved {
        let Asker { policy, now, jitter } = asker;
        if let Phase::Closed { since, .. } = self.phase
            && now.since(since) >= policy.open.reset_after
        {
            self.trips = 0;
        }
        self.trips += 1;
        self.opened_by = Some(outcome.category);
        let grown = (1..self.trips).fold(policy.open.base.as_secs_f64(), |open_time, _| {
            (open_time * policy.open.multiplier).min(policy.open.max.as_secs_f64())
        });
        let capped = grown.min(policy.open.max.as_secs_f64());
        let lengthened = capped * (1.0 + policy.open.jitter * jitter.unit(self.epoch + 1));
        let in_window = self.window(policy.window).map_or(Instant::ZERO, Window::announced_until);
        let announced = in_window
            .max(announced_until(outcome, policy, now).unwrap_or(Instant::ZERO))
            .since(now)
            .min(policy.open.announced_max);
        let until = now + announced.max(Duration::from_secs_f64(lengthened));
        self.enter(Phase::Open { since: now, until }, cause)
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

    fn count(
        &mut self,
        counted: Counted,
        announced: Option<Instant>,
        shape: WindowShape,
        now: Instant,
    ) {
        for window in self.used_by(shape, now) {
            window.record(counted, announced, now);
        }
    }

    /// All windows, once a policy of this shape records.
    fn used_by(&mut self, shape: WindowShape, now: Instant) -> &mut [Window] {
        self.windows.retain(|it| it.shape == shape || now.since(it.used_at) < span(it.shape));
        if self.window(shape).is_none() {
            self.windows.push(Window::new(shape, now));
        }
        let its = self.windows.iter_mut().filter(|it| it.shape == shape);
        its.for_each(|window| window.used_at = window.used_at.max(now));
        &mut self.windows
    }

    /// The window of this shape.
    #[must_use]
    pub fn window(&self, shape: WindowShape) -> Option<&Window> {
        self.windows.iter().find(|window| window.shape == shape)
    }

    /// The failures in a row that are inside the window.
    fn failures_in_a_row(&self, shape: WindowShape, now: Instant) -> usize {
        let newest_first = self.run.iter().rev();
        match shape {
            WindowShape::Time { duration, .. } => {
                newest_first.take_while(|it| now.since(**it) < duration).count()
            }
            WindowShape::Count { max_age, .. } => {
                let later = core::iter::once(&now).chain(self.run.iter().rev());
                let gaps = newest_first.zip(later).map(|(it, later)| later.since(*it));
                gaps.take_while(|gap| *gap < max_age).count()
            }
        }
    }
}

fn announced_until(outcome: &Outcome, policy: &Policy, now: Instant) -> Option<Instant> {
    if !matches!(outcome.verdict(policy), Verdict::Failure | Verdict::Open) {
        return None;
    }
    let quota = (outcome.category == Category::QuotaExhausted).then_some(policy.open.quota);
    let announced = outcome.announced.max(quota)?;
    Some(now + announced.min(policy.open.announced_max))
}
