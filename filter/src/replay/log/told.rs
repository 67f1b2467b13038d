//! Which calls does a line tell of? One; or two, where a breaker sent the request elsewhere: that which
//! it held back, and that which went out.

use crate::call::{Flags, category_by_log};
use crate::category::Category;
use crate::outcome::{EndedBy, Outcome};
use crate::replay::call::{Ended, Epochs, Fate, Measured};
use crate::replay::log::line::{Decimal, Hexadecimal, Line, Number, Provider, Record, Way};
use crate::replay::log::skipped::{Fault, Reason};
use crate::time::Instant;
use core::time::Duration;

/// No call lasts longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A call, before it is known whose clock its times are read from.
#[derive(Debug)]
pub(super) struct Told<'l> {
    pub(super) cluster: &'l str,
    pub(super) part: Option<&'l str>,
    pub(super) epochs: Epochs,
    pub(super) fate: Fate,
}

/// No call is judged after its request ended; both clocks are rounded, and a busy proxy is late.
const ROUNDED: Duration = Duration::from_secs(2);

/// What a line tells.
#[derive(Debug)]
pub(super) struct Tells<'l> {
    pub(super) admitted: Instant,
    /// Whether its clock is the proxy's monotonic one, and not that on the wall.
    pub(super) is_monotonic: bool,
    pub(super) calls: [Option<Told<'l>>; 2],
}

impl Told<'_> {
    /// When it was judged, if it went out.
    pub(super) const fn settled(&self) -> Option<Instant> {
        match &self.fate {
            Fate::Sent(ended) => Some(ended.settled),
            Fate::Blocked => None,
        }
    }
}

impl<'l> Line<'l> {
    /// How long the request took altogether.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration_ms.map(span)
    }

    /// When the request began.
    pub(super) fn begins_unix_ns(&self) -> Option<u64> {
        self.time.map(|time| time.unix_ns)
    }

    /// The calls that it tells of.
    pub(super) fn tells(&'l self) -> Result<Tells<'l>, Fault> {
        match &self.llm_breaker {
            Some(Some(record)) => self.by_record(record),
            Some(None) => Err(Reason::NoRecord.into()),
            None => self.by_itself(),
        }
    }

    fn by_record(&'l self, record: &'l Record<'l>) -> Result<Tells<'l>, Fault> {
        let admission =
            record.admission.as_deref().ok_or_else(|| missing("llm_breaker.admission"))?;
        if matches!(admission, "undecided" | "refused") {
            return Err(Reason::NeverAsked.into());
        }
        let Some(key) = record.key.as_deref() else {
            return Err(Reason::NeverAsked.into());
        };
        let admitted =
            instant(record.admitted_ns.ok_or_else(|| missing("llm_breaker.admitted_ns"))?);
        let epochs = epochs(record.model.is_some(), record.epoch, record.provider);
        let part = record.model.as_deref().or(self.model.as_deref());
        let routed = |fate| Told { cluster: key, part, epochs, fate };
        let ended = match (&record.category, admission) {
            (Some(_), _) => Some(self.ended(record, admitted)?),
            // It was let through, and by whom it was watched if by anybody, the record does not tell.
            (None, "untracked") => Some(self.ended_by_itself(admitted)?),
            (None, "reject") => None,
            (None, _) => return Err(missing("llm_breaker.category")),
        };
        let calls = match (ended, &record.rerouted) {
            (None, _) => [Some(routed(Fate::Blocked)), None],
            // What did not get to its target says nothing about it.
            (Some(_), Some(_)) if record.misrouted => [Some(routed(Fate::Blocked)), None],
            (Some(ended), Some(way)) => [Some(routed(Fate::Blocked)), Some(elsewhere(way, ended)?)],
            (Some(ended), None) => [Some(routed(Fate::Sent(ended))), None],
        };
        Ok(Tells { admitted, is_monotonic: true, calls })
    }

    /// By what Envoy alone knows, as any access log of its tells.
    fn by_itself(&'l self) -> Result<Tells<'l>, Fault> {
        let time = self.time.ok_or_else(|| missing("time"))?;
        let cluster = self.cluster.as_deref().ok_or_else(|| missing("cluster"))?;
        let admitted = Instant::from_nanos(time.unix_ns);
        let fate = Fate::Sent(self.ended_by_itself(admitted)?);
        let part = self.model.as_deref();
        let told = Told { cluster, part, epochs: Epochs::default(), fate };
        Ok(Tells { admitted, is_monotonic: false, calls: [Some(told), None] })
    }

    fn ended(&self, record: &Record<'_>, admitted: Instant) -> Result<Ended, Fault> {
        let settled = instant(record.decided_ns.ok_or_else(|| missing("llm_breaker.decided_ns"))?);
        let judged_early = record.judged_early_ns.map(instant);
        let longest = self.duration().map_or(LONGEST, |it| it.saturating_add(ROUNDED));
        let is_possible = admitted <= settled
            && settled.since(admitted) <= LONGEST.min(longest)
            && judged_early.is_none_or(|early| admitted <= early && early <= settled);
        if !is_possible {
            return Err(Reason::ImpossibleTimes.into());
        }
        let category = named(&Category::ALL, Category::name, record.category.as_deref())
            .ok_or_else(|| unknown("llm_breaker.category"))?;
        let by = [EndedBy::Upstream, EndedBy::Envoy, EndedBy::Client, EndedBy::Limit];
        let ended_by = named(&by, EndedBy::name, record.ended_by.as_deref())
            .ok_or_else(|| unknown("llm_breaker.ended_by"))?;
        let measured = Measured { first_token: record.first_token_ms.map(span), ..self.measured() };
        let outcome = Outcome {
            slow: record.slow,
            announced: record.announced_ms.map(span),
            ended_by,
            answered: is_answered(category, measured.response_headers, settled.since(admitted)),
            ..Outcome::of(category)
        };
        let policy = fingerprint(record.policy);
        Ok(Ended { settled, outcome, judged_early, measured, policy })
    }

    fn ended_by_itself(&self, admitted: Instant) -> Result<Ended, Fault> {
        let duration = self.duration().ok_or_else(|| missing("duration_ms"))?;
        let Number(status) = self.status.ok_or_else(|| missing("status"))?;
        let flags = self.flags.as_deref().unwrap_or_default();
        let details = self.details.as_deref().unwrap_or_default();
        if duration > LONGEST {
            return Err(Reason::ImpossibleTimes.into());
        }
        let measured = self.measured();
        let category = category_by_log(status as u16, Flags::of_names(flags), details);
        let answered = is_answered(category, measured.response_headers, duration);
        let outcome = Outcome { answered, ..Outcome::of(category) };
        Ok(Ended { measured, ..Ended::at(admitted + duration, outcome) })
    }

    fn measured(&self) -> Measured {
        Measured {
            response_headers: self.response_ms.map(span),
            first_token: self.first_token_ms.map(span),
            duration: self.duration(),
        }
    }
}

/// A call that was sent to another cluster than it was routed to.
fn elsewhere<'l>(way: &'l Way<'l>, ended: Ended) -> Result<Told<'l>, Fault> {
    Ok(Told {
        cluster: way.key.as_deref().ok_or_else(|| missing("llm_breaker.rerouted.key"))?,
        part: way.model.as_deref(),
        epochs: epochs(way.model.is_some(), way.epoch, way.provider),
        fate: Fate::Sent(Ended { policy: fingerprint(way.policy), ..ended }),
    })
}

/// Whether the upstream itself had begun to answer when the call was judged.
fn is_answered(category: Category, headers: Option<Duration>, judged_after: Duration) -> bool {
    match category {
        Category::Local | Category::ConnectionFailed | Category::ConnectionReset => false,
        Category::Timeout | Category::Cancelled => headers.is_some_and(|it| it <= judged_after),
        _ => true,
    }
}

fn epochs(is_of_part: bool, own: Option<Decimal>, provider: Option<Provider>) -> Epochs {
    let number = |epoch: Option<Decimal>| epoch.map(|Decimal(epoch)| epoch);
    if is_of_part {
        let cluster = number(provider.and_then(|it| it.epoch));
        Epochs { part: number(own), cluster }
    } else {
        Epochs { part: None, cluster: number(own) }
    }
}

fn fingerprint(policy: Option<Hexadecimal>) -> Option<u64> {
    policy.map(|Hexadecimal(policy)| policy)
}

fn instant(Number(nanoseconds): Number) -> Instant {
    Instant::from_nanos(nanoseconds as u64)
}

fn span(Number(milliseconds): Number) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or(Duration::MAX)
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, told: Option<&str>) -> Option<T> {
    all.iter().copied().find(|it| told == Some(name(*it)))
}

fn missing(field: &str) -> Fault {
    Fault::new(Reason::MissingField, field)
}

fn unknown(field: &str) -> Fault {
    Fault::new(Reason::Malformed, format!("{field}: not one of the words that it can be"))
}
