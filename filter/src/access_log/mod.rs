//! What does the access log say of one request? A record is filled in as the request goes on, and
//! written once, at its end. Nothing in it is a client's text: names are those that Envoy and the
//! configuration gave.

mod fields;

use crate::breaker::{Permit, PermitKind, StateName};
use crate::category::{Category, Verdict};
use crate::key::Key;
use crate::outcome::{EndedBy, Outcome};
use crate::policy::{FallbackKind, Mode};
use crate::time::Instant;
use core::time::Duration;
use fields::Fields;
use std::rc::Rc;

/// One request.
#[derive(Debug, Default)]
pub struct Record {
    /// What became of it where it was routed to; `None` if it was routed nowhere.
    pub routed: Option<Way>,
    /// The same where it was sent instead.
    pub rerouted: Option<Way>,
    /// Whether it was to be sent elsewhere and no route led there.
    pub misrouted: bool,
    /// When its breakers were asked.
    pub admitted_at: Option<Instant>,
    /// What was done in the upstream's place.
    pub fallback: Option<FallbackKind>,
    /// Of a stream: how long its first content took from the request's last byte.
    pub first_token: Option<Duration>,
    /// When a probe was judged before its end.
    pub judged_early_at: Option<Instant>,
    /// How the call ended; `None` if it was none.
    pub ending: Option<Ending>,
}

/// What the breakers of one cluster said.
#[derive(Debug)]
pub struct Way {
    /// All together.
    pub admission: Admission,
    said: Said,
    provider: Option<Said>,
}

/// What one breaker said.
#[derive(Debug)]
pub struct Said {
    /// The breaker.
    pub key: Rc<Key>,
    /// Its state once it had been asked, as the gauges show it; `None` if it has none.
    pub state: Option<StateName>,
    /// The mode in force.
    pub mode: Mode,
    /// Whether that is an operator's override.
    pub overridden: bool,
    /// Its policy's fingerprint, if it was asked.
    pub policy: Option<u64>,
    /// What it said.
    pub admission: Admission,
    /// The kind and the epoch of the permit that it gave.
    pub permit: Option<(PermitKind, u64)>,
}

/// Whether a request was let through. Where several breakers were asked, the last in this order is
/// what they said together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// There is no breaker, or it has no say.
    Untracked,
    /// Through a closed breaker.
    Pass,
    /// Through a half-open one.
    Probe,
    /// Let through by a breaker that only watches and would have rejected it.
    WouldBlock,
    /// Rejected.
    Reject,
    /// Rejected, and let through all the same under a last resort's lease.
    LastResort,
    /// It ended while it was held until its body said more.
    Undecided,
    /// It came with a header by which requests are rerouted.
    Refused,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// When that was recorded.
    pub decided_at: Instant,
    /// The category that was recorded.
    pub category: Category,
    /// What that means to the breaker.
    pub verdict: Verdict,
    /// Whether a slow limit was exceeded.
    pub slow: bool,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The wait that the answer announced.
    pub announced: Option<Duration>,
}

impl Ending {
    /// The ending that this outcome is.
    #[must_use]
    pub const fn of(outcome: &Outcome, verdict: Verdict, decided_at: Instant) -> Self {
        let Outcome { category, slow, announced, ended_by, .. } = *outcome;
        Self { decided_at, category, verdict, slow, ended_by, announced }
    }
}

impl Admission {
    const fn name(self) -> &'static str {
        match self {
            Self::Untracked => "untracked",
            Self::Pass => "pass",
            Self::Probe => "probe",
            Self::WouldBlock => "would_block",
            Self::Reject => "reject",
            Self::LastResort => "last_resort",
            Self::Undecided => "undecided",
            Self::Refused => "refused",
        }
    }
}

impl Said {
    /// Of a cluster whose breaker was not asked.
    #[must_use]
    pub const fn nothing(key: Rc<Key>, mode: Mode, admission: Admission) -> Self {
        Self { key, state: None, mode, overridden: false, policy: None, admission, permit: None }
    }

    /// It gave this permit.
    pub fn gave(&mut self, permit: &Permit) {
        self.permit = Some((permit.kind, permit.epoch));
    }
}

impl Way {
    /// What the first breaker said, the finest.
    #[must_use]
    pub const fn begin(said: Said) -> Self {
        Self { admission: said.admission, said, provider: None }
    }

    /// What the provider's breaker said beside it. If it refuses, or watches and would refuse, the
    /// permit that the first one gave (and that watches, too) was given back.
    pub fn and(&mut self, said: Said) {
        let watches = self.said.mode == Mode::Shadow;
        if said.admission == Admission::Reject || said.admission == Admission::WouldBlock && watches
        {
            self.said.permit = None;
        }
        self.admission = self.admission.max(said.admission);
        self.provider = Some(said);
    }

    /// The breaker that refused lent the request a way through.
    pub fn lend(&mut self, by: &Rc<Key>, permit: &Permit) {
        self.admission = Admission::LastResort;
        let all = [Some(&mut self.said), self.provider.as_mut()].into_iter().flatten();
        if let Some(said) = all.into_iter().find(|said| Rc::ptr_eq(&said.key, by)) {
            said.gave(permit);
        }
    }

    fn write(&self, fields: &mut Fields<'_>) {
        fields.text("key", &self.said.key.cluster);
        if let Some(part) = &self.said.key.part {
            fields.text("model", part);
        }
        fields.text("admission", self.admission.name());
        self.said.write(fields);
        if let Some(said) = &self.provider {
            fields.object("provider", |fields| {
                fields.text("admission", said.admission.name());
                said.write(fields);
            });
        }
    }
}

impl Said {
    fn write(&self, fields: &mut Fields<'_>) {
        if let Some(state) = self.state {
            fields.text("state", state.as_str());
        }
        fields.text("mode", self.mode.name());
        if self.overridden {
            fields.flag("overridden", true);
        }
        if let Some(policy) = self.policy {
            fields.hexadecimal("policy", policy);
        }
        if let Some((kind, epoch)) = self.permit {
            fields.text("permit", kind.name());
            // A number of JSON is exact only up to 2^53.
            fields.decimal("epoch", epoch);
        }
    }
}

impl Record {
    /// The record as the wire bytes of a `google.protobuf.Struct`, behind what is in `bytes`.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let fields = &mut Fields::behind(bytes);
        match &self.routed {
            Some(way) => way.write(fields),
            None => fields.text("admission", Admission::Untracked.name()),
        }
        if let Some(way) = &self.rerouted {
            fields.object("rerouted", |fields| way.write(fields));
        }
        if self.misrouted {
            fields.flag("misrouted", true);
        }
        if let Some(kind) = self.fallback {
            fields.text("fallback", kind.name());
        }
        if let Some(waited) = self.first_token {
            fields.number("first_token_ms", milliseconds(waited));
        }
        fields.instant("admitted_ns", self.admitted_at);
        fields.instant("judged_early_ns", self.judged_early_at);
        if let Some(ending) = &self.ending {
            ending.write(fields);
        }
    }
}

impl Ending {
    fn write(&self, fields: &mut Fields<'_>) {
        fields.instant("decided_ns", Some(self.decided_at));
        fields.text("category", self.category.name());
        fields.text("verdict", self.verdict.name());
        fields.flag("slow", self.slow);
        fields.text("ended_by", self.ended_by.name());
        if let Some(announced) = self.announced {
            fields.number("announced_ms", milliseconds(announced));
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    // Microseconds are as exact as anybody needs, and shorter.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(mode: Mode, admission: Admission) -> Said {
        let mut said = Said::nothing(Rc::new(Key::of_cluster("a")), mode, admission);
        said.gave(&Permit { epoch: 1, kind: PermitKind::Call });
        said
    }

    fn way(first: Said, provider: Said) -> Way {
        let mut way = Way::begin(first);
        way.and(provider);
        way
    }

    #[test]
    fn whoever_has_more_to_say_against_it_decides() {
        use Admission::{Pass, Probe, Reject, Untracked, WouldBlock};
        for (first, provider, all) in [
            (Pass, Pass, Pass),
            (Pass, Probe, Probe),
            (Probe, Pass, Probe),
            (Untracked, Pass, Pass),
            (WouldBlock, Pass, WouldBlock),
            (Probe, Reject, Reject),
            (WouldBlock, Reject, Reject),
        ] {
            let said = |admission| said(Mode::Enforce, admission);
            assert_eq!(way(said(first), said(provider)).admission, all, "{first:?} {provider:?}");
        }
    }

    #[test]
    fn a_permit_that_was_given_back_is_not_told() {
        use Admission::{Pass, Reject, WouldBlock};
        for (mode, provider, is_told) in [
            (Mode::Enforce, Pass, true),
            (Mode::Enforce, Reject, false),
            (Mode::Enforce, WouldBlock, true),
            (Mode::Shadow, WouldBlock, false),
        ] {
            let way = way(said(mode, Pass), said(Mode::Shadow, provider));
            assert_eq!(way.said.permit.is_some(), is_told, "{mode:?} {provider:?}");
        }
    }

    #[test]
    fn a_loan_is_told_of_whoever_lent() {
        let lent = Permit { epoch: 7, kind: PermitKind::LastResort { lease: Instant::ZERO } };
        let mut way =
            way(said(Mode::Enforce, Admission::Pass), said(Mode::Enforce, Admission::Reject));
        let by = way.provider.as_ref().map(|said| Rc::clone(&said.key)).expect("a provider");
        way.lend(&by, &lent);
        assert_eq!((way.admission, way.said.permit), (Admission::LastResort, None));
        assert_eq!(way.provider.and_then(|said| said.permit), Some((lent.kind, 7)));
    }
}
