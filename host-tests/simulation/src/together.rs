//! Do a call's breakers decide and hear together what the rules say? Told once more, naively, from what
//! each of them was asked and what it answered.

use core::time::Duration;
use llm_breaker::admission::{Answer, Decision, Forwarded, Question, Rejected, Share};
use llm_breaker::breaker::{Admission, Permit, PermitKind, StateName};
use llm_breaker::level::Level;
use llm_breaker::outcome::{Bearing, Category, Outcome};
use llm_breaker::policy::{Mode, Policy};
use llm_breaker::shared::Decided;
use llm_breaker::time::Instant;

/// What the breakers of one call were asked and answered, in this order.
#[derive(Debug, Default)]
pub struct Together {
    admissions: Vec<(String, Mode, Word)>,
    /// The permits that went back.
    back: Vec<(String, Given)>,
    waits: Vec<Duration>,
    /// What was recorded: what it meant to each, and the category that came of it.
    recorded: Vec<(String, Bearing, Category)>,
}

/// A permit, by what tells it from others.
type Given = (PermitKind, u64);

/// What one breaker says of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    NoSay,
    Passes(Option<Given>, Instant),
    Refuses(Duration),
}

const fn given(permit: &Permit) -> Given {
    (permit.kind, permit.epoch)
}

const fn holds_a_slot(given: Given) -> bool {
    matches!(given.0, PermitKind::Probe { .. } | PermitKind::LastResort { .. })
}

impl Together {
    /// One of them was asked this, and answered.
    pub fn heard(
        &mut self,
        name: &str,
        question: &Question<'_>,
        decided: &Decided<Answer>,
        policy: &Policy,
        now: Instant,
    ) {
        let name = name.to_owned();
        match question {
            Question::Admit { .. } => {
                let overridden = decided.overridden.filter(|it| it.until.is_none_or(|at| now < at));
                let mode = overridden.map_or(policy.mode, |it| it.mode);
                self.admissions.push((name, mode, Word::of(decided, mode, policy, now)));
            }
            Question::GiveBack(permit) => self.back.push((name, given(permit))),
            Question::Wait => {
                if let Some(Answer::Wait(wait)) = decided.value {
                    self.waits.push(wait);
                }
            }
            Question::Record { outcome, .. } => {
                let category = match decided.value {
                    Some(Answer::Recorded(category)) => category,
                    _ => outcome.category,
                };
                self.recorded.push((name, outcome.bearing, category));
            }
            Question::Lend | Question::NoteAnswer | Question::JudgeEarly { .. } => {}
        }
    }

    /// All let it through, or none gave anything.
    pub fn must_be(&self, levels: &[(Level, String)], decision: &Decision<String>) {
        let asked = self.admissions.iter().map(|(name, ..)| name);
        let in_order = levels.iter().map(|(_, name)| name).take(self.admissions.len());
        assert!(asked.eq(in_order), "{self:?}: not asked in order");
        let refuses =
            |(_, mode, word): &&_| *mode != Mode::Shadow && matches!(word, Word::Refuses(_));
        match (self.admissions.iter().find(refuses), decision) {
            (Some((name, mode, Word::Refuses(wait))), Decision::Reject(rejected)) => {
                assert_eq!((&rejected.by, rejected.mode), (name, *mode));
                self.must_be_refused(levels, *wait, rejected);
            }
            (None, Decision::Forward(forwarded)) => self.must_be_forwarded(levels, forwarded),
            (None, Decision::Untracked) => {
                assert!(self.admissions.iter().all(|(.., word)| *word == Word::NoSay));
                assert_eq!(self.admissions.len(), levels.len(), "{self:?}: not all were asked");
            }
            _ => panic!("{self:?} became {decision:?}"),
        }
    }

    fn must_be_refused(
        &self,
        levels: &[(Level, String)],
        wait: Duration,
        rejected: &Rejected<String>,
    ) {
        let last = self.admissions.last().map(|(name, ..)| name);
        assert_eq!(last, Some(&rejected.by), "{self:?}: went on after a refusal");
        let longest = self.waits.iter().copied().fold(wait, Duration::max);
        assert_eq!(rejected.retry_after, longest, "{self:?}");
        assert_eq!(self.given_with_slots(), self.back, "something was kept");
        let silent = self.admissions.iter().filter(|(.., word)| *word == Word::NoSay).count();
        let passed = rejected.without_permits().shares;
        assert_eq!(passed.len(), levels.len() - silent, "{self:?}");
        assert!(passed.iter().all(|share| share.permit.is_none()));
    }

    fn must_be_forwarded(&self, levels: &[(Level, String)], forwarded: &Forwarded<String>) {
        assert_eq!(self.admissions.len(), levels.len(), "{self:?}: not all were asked");
        let blocks = |(_, mode, word): &(String, Mode, Word)| {
            *mode == Mode::Shadow && matches!(word, Word::Refuses(_))
        };
        let would_block = self.admissions.iter().any(blocks);
        let with_a_say = self.admissions.iter().filter(|(.., word)| *word != Word::NoSay);
        let expected: Vec<_> = with_a_say
            .map(|(name, mode, word)| match word {
                _ if would_block && *mode == Mode::Shadow => (name, None),
                Word::Passes(given, _) => (name, *given),
                Word::Refuses(_) | Word::NoSay => (name, None),
            })
            .collect();
        let shares = forwarded.shares.iter();
        let shares: Vec<_> =
            shares.map(|it| (&it.breaker, it.permit.as_ref().map(given))).collect();
        assert_eq!(shares, expected, "{self:?}");
        let kept = |(name, its): &(String, Given)| shares.contains(&(name, Some(*its)));
        let mut not_kept = self.given_with_slots();
        not_kept.retain(|it| !kept(it));
        assert_eq!(not_kept, self.back, "what is not kept goes back, and nothing else");
        let first = self.admissions.iter().find(|(.., word)| *word != Word::NoSay);
        let known = match first {
            Some((.., Word::Passes(_, answered_at))) => *answered_at,
            _ => Instant::ZERO,
        };
        assert_eq!(forwarded.answered_at, known, "{self:?}");
    }

    fn given_with_slots(&self) -> Vec<(String, Given)> {
        let given = self.admissions.iter().filter_map(|(name, _, word)| match word {
            Word::Passes(Some(given), _) if holds_a_slot(*given) => Some((name.clone(), *given)),
            _ => None,
        });
        given.collect()
    }

    /// Each of them recorded the outcome once, as what it is to it, and gave up its permit.
    pub fn must_have_heard(
        &self,
        shares: &[Share<String>],
        outcome: &Outcome,
        recorded: &Outcome,
        policy: &Policy,
    ) {
        let first = self.recorded.first().map_or(outcome.category, |(.., category)| *category);
        assert_eq!(*recorded, Outcome { category: first, ..*outcome });
        let names = self.recorded.iter().map(|(name, ..)| name);
        assert!(names.eq(shares.iter().map(|share| &share.breaker)), "{self:?}");
        for (place, (share, (_, bearing, _))) in shares.iter().zip(&self.recorded).enumerate() {
            let category = if place == 0 { outcome.category } else { first };
            let meant = meant_for(share.level, category, outcome.answered, policy);
            assert_eq!(*bearing, meant, "{category:?} to {:?}", share.level);
            assert_eq!(share.permit, None, "a permit may be used once more");
        }
    }
}

impl Word {
    /// What cannot be stored is refused, unless the breaker is closed or not known.
    fn of(decided: &Decided<Answer>, mode: Mode, policy: &Policy, now: Instant) -> Self {
        match (&decided.value, mode, decided.state) {
            (Some(Answer::Admission(admission, answered_at)), ..) => match admission {
                Admission::Untracked => Self::NoSay,
                Admission::Pass(permit) | Admission::Probe(permit) => {
                    Self::Passes(Some(given(permit)), *answered_at)
                }
                Admission::Reject { retry_after, .. } => Self::Refuses(*retry_after),
            },
            (Some(_), ..) => Self::Passes(None, Instant::ZERO),
            (None, Mode::Disabled, _) => Self::NoSay,
            (None, Mode::ForcedOpen, _) => Self::Refuses(policy.open.base),
            (None, _, Some(StateName::Open | StateName::HalfOpen)) => Self::Refuses(Duration::ZERO),
            (None, _, Some(StateName::Closed) | None) => Self::Passes(None, now),
        }
    }
}

/// What concerns the provider is told to its breaker; whatever else it answers shows that it works.
fn meant_for(level: Level, category: Category, answered: bool, policy: &Policy) -> Bearing {
    let is_the_providers = category == Category::ConnectionFailed
        || category == Category::QuotaExhausted
        || policy.provider_wide.contains(&category);
    match (level, is_the_providers) {
        (Level::Sole, _) => Bearing::Direct,
        (Level::Part, false) | (Level::Provider, true) => Bearing::Direct,
        (Level::Part, true) => Bearing::Nothing,
        (Level::Provider, false) if answered => Bearing::Works,
        (Level::Provider, false) => Bearing::Nothing,
    }
}
