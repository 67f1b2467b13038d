//! What did the runs come by? Every event in every state of a breaker, and all that can happen
//! between a load and its store.

use std::collections::BTreeMap;
use std::fmt;

/// How many of 10,000 runs' events each pair must be at least.
const EACH_IN_10_000_RUNS: u64 = 1_000;

/// The state of a breaker that an event meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// Nothing readable is stored.
    Nothing,
    /// Closed.
    Closed,
    /// Closed, and traffic comes back gradually.
    Ramp,
    /// Open.
    Open,
    /// Open, but its time is over.
    Due,
    /// Half-open, and a probe may go out.
    Room,
    /// Half-open, and no further probe may go out.
    Full,
}

impl Met {
    const ALL: [Self; 7] =
        [Self::Nothing, Self::Closed, Self::Ramp, Self::Open, Self::Due, Self::Room, Self::Full];
}

/// What happens to a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    Admit,
    GiveBack,
    Success,
    SlowSuccess,
    Failure,
    VerdictOpen,
    AnnouncedReset,
    Ignored,
    LeftSlow,
    StaleOutcome,
    OutcomeWithoutPermit,
    LastResortEnds,
    FollowUpFailure,
    FollowUpOther,
    JudgedEarly,
    JudgedEarlyStale,
    Tick,
    NoteAnswer,
    Lend,
    Wait,
    Ordered,
    Reconfigured,
    Damaged,
    CrashedMidUpdate,
}

impl Event {
    const ALL: [Self; 24] = [
        Self::Admit,
        Self::GiveBack,
        Self::Success,
        Self::SlowSuccess,
        Self::Failure,
        Self::VerdictOpen,
        Self::AnnouncedReset,
        Self::Ignored,
        Self::LeftSlow,
        Self::StaleOutcome,
        Self::OutcomeWithoutPermit,
        Self::LastResortEnds,
        Self::FollowUpFailure,
        Self::FollowUpOther,
        Self::JudgedEarly,
        Self::JudgedEarlyStale,
        Self::Tick,
        Self::NoteAnswer,
        Self::Lend,
        Self::Wait,
        Self::Ordered,
        Self::Reconfigured,
        Self::Damaged,
        Self::CrashedMidUpdate,
    ];

    /// The state as far as it matters to this event: what a permit is worth whose call is no
    /// admission any more depends neither on a ramp, nor on free slots, nor on a deadline.
    const fn seen_in(self, met: Met) -> Met {
        match (self, met) {
            (
                Self::GiveBack
                | Self::FollowUpFailure
                | Self::FollowUpOther
                | Self::JudgedEarly
                | Self::JudgedEarlyStale,
                _,
            ) => match met {
                Met::Ramp => Met::Closed,
                Met::Due => Met::Open,
                Met::Full => Met::Room,
                met => met,
            },
            _ => met,
        }
    }

    fn can_meet(self, met: Met) -> bool {
        self.seen_in(met) == met && self.is_allowed_in(met)
    }

    /// Whether the rules allow it in this state at all: only a closed breaker gives calls, and only
    /// a half-open one probes, whose permits count in that epoch alone.
    const fn is_allowed_in(self, met: Met) -> bool {
        match self {
            Self::Success
            | Self::SlowSuccess
            | Self::Failure
            | Self::VerdictOpen
            | Self::AnnouncedReset
            | Self::Ignored
            | Self::LeftSlow
            | Self::FollowUpFailure
            | Self::FollowUpOther => !matches!(met, Met::Nothing | Met::Open | Met::Due),
            Self::JudgedEarly => matches!(met, Met::Room),
            _ => true,
        }
    }
}

/// What a worker does with a shared value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Activity {
    Register,
    Admit,
    GiveBack,
    Record,
    JudgeEarly,
    Tick,
    NoteAnswer,
    Lend,
    TakeAllowance,
    GiveAllowanceBack,
    Obey,
    Look,
}

impl Activity {
    /// Those that store something; a look only stores what was not there.
    const ALL: [Self; 11] = [
        Self::Register,
        Self::Admit,
        Self::GiveBack,
        Self::Record,
        Self::JudgeEarly,
        Self::Tick,
        Self::NoteAnswer,
        Self::Lend,
        Self::TakeAllowance,
        Self::GiveAllowanceBack,
        Self::Obey,
    ];
}

/// What happened between its load and its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Between {
    /// Nothing.
    Quiet,
    /// Only time passed.
    TimePassed,
    /// Another stored.
    Rival,
    /// The value was damaged.
    Damage,
    /// The host refused the store.
    Refusal,
    /// The worker's VM crashed.
    Crash,
}

impl Between {
    const ALL: [Self; 6] =
        [Self::Quiet, Self::TimePassed, Self::Rival, Self::Damage, Self::Refusal, Self::Crash];
}

/// How often each was hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pairs: BTreeMap<(Event, Met), u64>,
    points: BTreeMap<(Activity, Between), u64>,
}

impl Coverage {
    /// An event met a breaker in this state.
    pub fn meet(&mut self, event: Event, met: Met) {
        let met = event.seen_in(met);
        assert!(event.can_meet(met), "{event:?} met {met:?}");
        *self.pairs.entry((event, met)).or_default() += 1;
    }

    /// This happened between load and store.
    pub fn pass(&mut self, activity: Activity, between: Between) {
        *self.points.entry((activity, between)).or_default() += 1;
    }

    /// What other runs came by, too.
    pub fn add(&mut self, other: &Self) {
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_default() += count;
        }
        for (point, count) in &other.points {
            *self.points.entry(*point).or_default() += count;
        }
    }

    /// What was hit less often than it must be in so many runs.
    #[must_use]
    pub fn gaps(&self, runs: u64) -> Vec<String> {
        let least = EACH_IN_10_000_RUNS * runs / 10_000;
        // Few runs scatter more.
        let least = if runs < 10_000 { least / 2 } else { least };
        let pairs = Event::ALL.into_iter().flat_map(|event| {
            Met::ALL
                .into_iter()
                .filter(move |met| event.can_meet(*met))
                .map(move |met| (format!("{event:?} × {met:?}"), self.pair(event, met)))
        });
        let points = Activity::ALL.into_iter().flat_map(|activity| {
            Between::ALL.into_iter().map(move |between| {
                (format!("{activity:?} × {between:?}"), self.point(activity, between))
            })
        });
        pairs
            .chain(points)
            .filter(|(_, count)| *count < least)
            .map(|(name, count)| format!("{name}: {count}, not {least}"))
            .collect()
    }

    fn pair(&self, event: Event, met: Met) -> u64 {
        self.pairs.get(&(event, met)).copied().unwrap_or(0)
    }

    fn point(&self, activity: Activity, between: Between) -> u64 {
        self.points.get(&(activity, between)).copied().unwrap_or(0)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:22}", "event × state")?;
        Met::ALL.iter().try_for_each(|met| write!(out, "{:>12}", format!("{met:?}")))?;
        for event in Event::ALL {
            write!(out, "\n{:22}", format!("{event:?}"))?;
            for met in Met::ALL {
                match event.can_meet(met) {
                    true => write!(out, "{:12}", self.pair(event, met))?,
                    false if event.is_allowed_in(met) => write!(out, "{:>12}", "← ←")?,
                    false => write!(out, "{:>12}", "cannot")?,
                }
            }
        }
        write!(out, "\n\n{:22}", "load … store")?;
        Between::ALL.iter().try_for_each(|it| write!(out, "{:>12}", format!("{it:?}")))?;
        for activity in Activity::ALL {
            write!(out, "\n{:22}", format!("{activity:?}"))?;
            for between in Between::ALL {
                write!(out, "{:12}", self.point(activity, between))?;
            }
        }
        Ok(())
    }
}
