//! What do nearly all calls need? To pass a closed breaker, and to count as a success.

use crate::breaker::thresholds::Thresholds;
use crate::breaker::{Admission, Before, Breaker, Permit, PermitKind, State};
use crate::outcome::Counted;
use crate::policy::Policy;
use crate::time::Instant;

impl Breaker {
    /// Whether calls simply pass: it is closed, not in a ramp, and nobody has put anything in its way.
    /// So it is for nearly all calls, which pay for nothing else.
    #[inline]
    pub(super) fn flows(&self, policy: &Policy, now: Instant) -> bool {
        let is_closed = match self.state {
            State::Closed { after: Before::Nothing, .. } => true,
            State::Closed { after: Before::HalfOpen | Before::Fleet, .. } => {
                self.ramp(policy, now).is_none()
            }
            State::Open { .. } | State::HalfOpen { .. } => false,
        };
        is_closed && self.goes_by_its_state(policy)
    }

    /// Whether neither the mode nor anything that was missed comes first.
    #[inline]
    pub(super) fn goes_by_its_state(&self, policy: &Policy) -> bool {
        policy.mode.is_active() && !self.has_missed(policy)
    }

    #[inline]
    pub(super) fn is_its_call(&self, permit: Option<&Permit>) -> bool {
        permit.is_some_and(|it| it.epoch == self.epoch && it.kind == PermitKind::Call)
    }

    #[inline]
    pub(super) const fn pass(&self) -> Admission {
        Admission::Pass(Permit { epoch: self.epoch, kind: PermitKind::Call })
    }

    /// A success of a closed breaker.
    #[inline]
    pub(super) fn count_success(&mut self, policy: &Policy, now: Instant) {
        self.run.clear();
        self.refute(now);
        match self.windows.only(policy.window) {
            Some(window) => {
                window.record(Counted::Success, None, now);
                window.touch(now);
            }
            None => {
                self.reserve(policy);
                self.windows.record(policy.window, Counted::Success, None, now);
            }
        }
    }

    /// The record has room for what this policy remembers, from its first outcome on.
    pub(super) fn reserve(&mut self, policy: &Policy) {
        let probes = policy.half_open.probes as usize;
        self.run.reserve(Thresholds::longest_run(policy).max(probes));
    }
}
