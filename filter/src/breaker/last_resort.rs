//! May one call go out although everything is open? One at a time, under a lease, so that a chain
//! of which every breaker is open is not an outage of the breakers' making.

use crate::breaker::{Breaker, Change, Permit, PermitKind};
use crate::policy::Policy;
use crate::time::Instant;

impl Breaker {
    /// Lend a call that was rejected a way through, unless another one holds it or the mode decides
    /// alone. The outcome moves nothing, whatever the state has become by now: it is no probe.
    pub fn lend(&mut self, policy: &Policy, now: Instant) -> (Option<Permit>, Change) {
        let caught_up = self.catch_up(policy, now);
        let is_taken = self.last_resort.is_some_and(|lease| now < lease);
        if is_taken || self.overruled(policy, now).is_some() {
            return (None, caught_up);
        }
        let lease = now + policy.half_open.lease;
        self.last_resort = Some(lease);
        let permit = Permit { epoch: self.epoch, kind: PermitKind::LastResort { lease } };
        (Some(permit), caught_up.and(Change::Data))
    }

    /// The call with this permit ended, or never went out: what it borrowed is free again, also in
    /// another epoch. A lease is told by its deadline: one that is lent later ends later.
    pub(super) fn end_last_resort(&mut self, permit: &Permit) -> Change {
        match permit.kind {
            PermitKind::LastResort { lease } => self.drop_last_resort(|held| held == lease),
            PermitKind::Call | PermitKind::Probe { .. } | PermitKind::FollowUp => Change::Nothing,
        }
    }

    /// Drop a lease that ended by itself.
    pub(super) fn expire_last_resort(&mut self, now: Instant) -> Change {
        self.drop_last_resort(|held| held <= now)
    }

    fn drop_last_resort(&mut self, drops: impl FnOnce(Instant) -> bool) -> Change {
        Change::data_if(self.last_resort.take_if(|held| drops(*held)).is_some())
    }
}
