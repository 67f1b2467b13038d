use super::*;
use crate::breaker::{Before, Breaker, Jitter, Leases, Order, PermitKind, State};
use crate::outcome::{ANSWER_RESOLUTION, Outcome};
use crate::shared::{Cell, Ledger, Loaded, Map, breaker_key, decode, encode};

const NOW: Instant = Instant::from_nanos(50_000_000_000);
const MODEL: &str = "openai/gpt";
const PROVIDER: &str = "openai";
const LEVELS: [(Level, &str); 2] = [(Level::Part, MODEL), (Level::Provider, PROVIDER)];

const SECOND: Duration = Duration::from_secs(1);

/// A worker whose shared data is a map.
#[derive(Default)]
struct Desk {
    map: Map,
}

impl Worker for Desk {
    type Breaker = &'static str;

    fn ask(
        &self,
        breaker: &&'static str,
        question: &Question<'_>,
        policy: &Policy,
        now: Instant,
    ) -> Decided<Answer> {
        let asker = Asker { policy, now, jitter: Jitter::of(breaker, "node") };
        question.put_to(&Ledger::of(breaker), &self.map, asker)
    }
}

impl Desk {
    fn with(states: [(&str, State); 2]) -> Self {
        let desk = Self::default();
        for (name, state) in states {
            desk.put(name, &Breaker { state, ..Breaker::new(NOW) });
        }
        desk
    }

    fn put(&self, name: &str, breaker: &Breaker) {
        self.map.put(&breaker_key(name), &encode(breaker));
    }

    fn stored(&self, name: &str) -> Breaker {
        match self.map.load(&breaker_key(name)) {
            Loaded::Found(bytes, _) => decode(&bytes).expect("ours"),
            other => panic!("{other:?}"),
        }
    }

    fn probes_out(&self, name: &str) -> usize {
        match self.stored(name).state {
            State::HalfOpen { leases, .. } => leases.deadlines().len(),
            _ => 0,
        }
    }

    fn decide(&self, policy: &Policy) -> (Decision<&'static str>, Vec<Said>) {
        let mut heard = Vec::new();
        let call = Call { policy, now: NOW, random: 0.0 };
        let decision = ask(self, &LEVELS, call, |_, said| {
            heard.push(Said { word: copy(&said.word), ..*said });
        });
        (decision, heard)
    }

    fn forward(&self, policy: &Policy) -> Forwarded<&'static str> {
        match self.decide(policy).0 {
            Decision::Forward(forwarded) => forwarded,
            other => panic!("{other:?}"),
        }
    }

    fn reject(&self, policy: &Policy) -> Rejected<&'static str> {
        match self.decide(policy).0 {
            Decision::Reject(rejected) => rejected,
            other => panic!("{other:?}"),
        }
    }
}

fn copy(word: &Word) -> Word {
    match word {
        Word::Untracked => Word::Untracked,
        Word::Forward(permit, at) => {
            let permit = permit.as_ref();
            Word::Forward(permit.map(|it| Permit { epoch: it.epoch, kind: it.kind }), *at)
        }
        Word::Reject(wait, because) => Word::Reject(*wait, *because),
    }
}

const CLOSED: State = State::Closed { since: NOW, after: Before::Nothing };

fn open_for(seconds: u64) -> State {
    State::Open { since: NOW, until: NOW + Duration::from_secs(seconds) }
}

fn half_open() -> State {
    State::HalfOpen { since: NOW, successes: 0, leases: Leases::default() }
}

fn shadow() -> Policy {
    Policy { mode: Mode::Shadow, ..Policy::default() }
}

fn is_permitted(share: &Share<&str>) -> bool {
    share.permit.is_some()
}

#[test]
fn both_breakers_give_their_permits_or_none_does() {
    let policy = Policy::default();
    let forwarded = Desk::with([(MODEL, half_open()), (PROVIDER, CLOSED)]).forward(&policy);
    assert_eq!(forwarded.shares.iter().map(Share::is_probe).collect::<Vec<_>>(), [true, false]);
    assert!(forwarded.shares.iter().all(is_permitted));

    let desk = Desk::with([(MODEL, half_open()), (PROVIDER, open_for(9))]);
    let rejected = desk.reject(&policy);
    assert_eq!((rejected.by, rejected.finest, rejected.mode), (PROVIDER, MODEL, Mode::Enforce));
    assert_eq!(desk.probes_out(MODEL), 0, "the probe's slot is free again");
}

#[test]
fn a_refusal_names_the_longest_wait_of_all() {
    let policy = Policy::default();
    for (model, provider, by) in [(3, 9, MODEL), (9, 3, MODEL)] {
        let desk = Desk::with([(MODEL, open_for(model)), (PROVIDER, open_for(provider))]);
        let rejected = desk.reject(&policy);
        assert_eq!((rejected.by, rejected.retry_after), (by, 9 * SECOND));
    }
}

#[test]
fn what_was_refused_may_pass_without_permits_or_under_the_loan_of_whoever_refused() {
    let policy = Policy::default();
    for (model, provider, place) in [(open_for(9), CLOSED, 0), (CLOSED, open_for(9), 1)] {
        let desk = Desk::with([(MODEL, model), (PROVIDER, provider)]);
        let rejected = desk.reject(&policy);
        let passed = rejected.without_permits();
        assert_eq!(passed.shares.len(), 2);
        assert!(!passed.shares.iter().any(is_permitted));
        let (permit, _) = lend(&desk, &rejected.by, &policy, NOW).expect("nobody has it");
        assert_eq!(lend(&desk, &rejected.by, &policy, NOW), None, "one at a time");
        let mut shares = rejected.under_loan(permit).shares;
        assert_eq!(shares.iter().position(is_permitted), Some(place));
        give_back(&desk, core::mem::take(&mut shares), &policy, NOW);
        assert!(lend(&desk, &rejected.by, &policy, NOW).is_some(), "it came back");
    }
}

#[test]
fn those_who_only_watch_refuse_together() {
    let desk = Desk::with([(MODEL, half_open()), (PROVIDER, open_for(9))]);
    let (decision, heard) = desk.decide(&shadow());
    let Decision::Forward(forwarded) = decision else { panic!("{decision:?}") };
    assert!(!forwarded.shares.iter().any(is_permitted));
    assert_eq!(desk.probes_out(MODEL), 0, "what the first gave came back");
    assert!(matches!(heard[0].word, Word::Forward(Some(_), _)));
    assert!(matches!(heard[1].word, Word::Reject(..)), "it says what it would do");

    let desk = Desk::with([(MODEL, open_for(9)), (PROVIDER, half_open())]);
    let (_, heard) = desk.decide(&shadow());
    assert_eq!(heard[1].word, Word::Forward(None, Instant::ZERO), "the other one abstains");
    assert_eq!(desk.probes_out(PROVIDER), 0);
}

#[test]
fn one_that_enforces_takes_no_notice_of_one_that_watches() {
    let desk = Desk::with([(MODEL, open_for(9)), (PROVIDER, half_open())]);
    let mut watched = desk.stored(MODEL);
    let _ = watched.obey(Order::Override { mode: Mode::Shadow, lasts: None }, NOW);
    desk.put(MODEL, &watched);
    let (decision, heard) = desk.decide(&Policy::default());
    let Decision::Forward(forwarded) = decision else { panic!("{decision:?}") };
    assert_eq!(forwarded.shares.iter().map(is_permitted).collect::<Vec<_>>(), [false, true]);
    assert_eq!(heard.iter().map(|said| said.overridden).collect::<Vec<_>>(), [true, false]);
    assert_eq!(
        forwarded.shares.iter().map(|it| it.mode).collect::<Vec<_>>(),
        [Mode::Shadow, Mode::Enforce]
    );
}

#[test]
fn one_that_enforces_keeps_its_permit_when_another_would_have_refused() {
    let desk = Desk::with([(MODEL, half_open()), (PROVIDER, open_for(9))]);
    let mut watched = desk.stored(PROVIDER);
    let _ = watched.obey(Order::Override { mode: Mode::Shadow, lasts: None }, NOW);
    desk.put(PROVIDER, &watched);
    let forwarded = desk.forward(&Policy::default());
    assert_eq!(forwarded.shares.iter().map(is_permitted).collect::<Vec<_>>(), [true, false]);
    assert_eq!(desk.probes_out(MODEL), 1);
}

#[test]
fn those_without_a_say_have_no_share() {
    let desk = Desk::with([(MODEL, open_for(9)), (PROVIDER, half_open())]);
    let disabled = Policy { mode: Mode::Disabled, ..Policy::default() };
    assert_eq!(desk.decide(&disabled).0, Decision::Untracked);
    let mut freed = desk.stored(MODEL);
    let _ = freed.obey(Order::Override { mode: Mode::Disabled, lasts: None }, NOW);
    desk.put(MODEL, &freed);
    let forwarded = desk.forward(&Policy::default());
    assert_eq!(forwarded.shares.iter().map(|it| it.breaker).collect::<Vec<_>>(), [PROVIDER]);
}

#[test]
fn the_first_breaker_with_a_say_tells_when_it_knew_of_an_answer() {
    let desk = Desk::default();
    for (name, seconds) in [(MODEL, 3), (PROVIDER, 7)] {
        let answered_at = Instant::ZERO + seconds * SECOND;
        desk.put(name, &Breaker { answered_at, ..Breaker::new(NOW) });
    }
    assert_eq!(desk.forward(&Policy::default()).answered_at, Instant::ZERO + 3 * SECOND);
}

#[test]
fn where_nothing_can_be_stored_the_mode_and_the_state_seen_last_decide() {
    let crowd = |state: State, order: Option<Order>| {
        let desk = Desk::default();
        let mut breaker = Breaker { state, ..Breaker::new(NOW) };
        if let Some(order) = order {
            let _ = breaker.obey(order, NOW);
        }
        desk.put(MODEL, &breaker);
        desk.map.rivals.borrow_mut().extend(vec![encode(&breaker); 100]);
        let call = Call { policy: &Policy::default(), now: NOW, random: 0.0 };
        ask_one(&desk, &MODEL, call, Watchers::Agree)
    };
    let due = State::Open { since: Instant::ZERO, until: NOW };
    let said = crowd(due, None);
    assert_eq!(
        (said.word, said.state),
        (Word::Reject(Duration::ZERO, None), Some(StateName::Open))
    );
    let ended = Order::Override { mode: Mode::Shadow, lasts: Some(Duration::ZERO) };
    let said = crowd(CLOSED, Some(ended));
    assert_eq!(said.word, Word::Forward(None, NOW));
    assert_eq!((said.mode, said.overridden), (Mode::Enforce, false));
    let shadow = Order::Override { mode: Mode::Shadow, lasts: None };
    let said = crowd(due, Some(shadow));
    assert_eq!((said.mode, said.overridden), (Mode::Shadow, true));
}

/// A worker that reaches no record.
#[derive(Default)]
struct Nobody {
    asked: core::cell::Cell<u32>,
}

impl Worker for Nobody {
    type Breaker = &'static str;

    fn ask(&self, _: &&'static str, _: &Question<'_>, _: &Policy, _: Instant) -> Decided<Answer> {
        self.asked.set(self.asked.get() + 1);
        Decided { value: None, ..Decided::without_a_look(Answer::Done) }
    }
}

#[test]
fn nobody_is_asked_to_take_back_what_holds_no_slot() {
    let (nobody, policy) = (Nobody::default(), Policy::default());
    for (kind, asked) in [(PermitKind::Call, 0), (PermitKind::Probe { lease: NOW }, 1)] {
        let permit = Some(Permit { epoch: 1, kind });
        let share = Share { level: Level::Sole, breaker: MODEL, mode: Mode::Enforce, permit };
        give_back(&nobody, vec![share], &policy, NOW);
        assert_eq!(nobody.asked.get(), asked, "{kind:?}");
    }
}

#[test]
fn the_mode_decides_where_no_record_can_be_had() {
    let word = |mode| {
        let policy = Policy { mode, ..Policy::default() };
        let call = Call { policy: &policy, now: NOW, random: 0.0 };
        ask_one(&Nobody::default(), &MODEL, call, Watchers::Agree).word
    };
    assert_eq!(word(Mode::Enforce), Word::Forward(None, NOW));
    assert_eq!(word(Mode::Disabled), Word::Untracked);
    assert_eq!(word(Mode::ForcedOpen), Word::Reject(Policy::default().open.base, None));
    assert_eq!(wait(&Nobody::default(), &MODEL, &Policy::default(), NOW), Duration::ZERO);
}

#[test]
fn each_breaker_records_what_concerns_it_and_the_permits_are_used_up() {
    let policy = Policy::default();
    let desk = Desk::with([(MODEL, CLOSED), (PROVIDER, CLOSED)]);
    let mut shares = desk.forward(&policy).shares;
    let failure = Outcome { answered: true, ..Outcome::of(Category::ServerError) };
    assert_eq!(settle(&desk, &mut shares, &failure, &policy, NOW), failure);
    assert!(!shares.iter().any(is_permitted));
    let total = |name| desk.stored(name).windows.total(policy.window);
    assert_eq!((total(MODEL).calls, total(MODEL).failures), (1, 1));
    assert_eq!((total(PROVIDER).calls, total(PROVIDER).failures), (1, 0), "the provider works");
}

#[test]
fn what_the_first_breaker_makes_of_a_clients_leaving_holds_for_all() {
    let policy = Policy::default();
    let desk = Desk::with([(MODEL, CLOSED), (PROVIDER, CLOSED)]);
    let mut shares = desk.forward(&policy).shares;
    let left = Outcome { unanswered_since: Some(NOW), ..Outcome::of(Category::Cancelled) };
    let recorded = settle(&desk, &mut shares, &left, &policy, NOW);
    assert_eq!(recorded.category, Category::Timeout);
    assert_eq!(desk.stored(MODEL).windows.total(policy.window).failures, 1);
}

#[test]
fn a_probe_that_goes_well_leaves_a_permit_for_what_may_follow() {
    let policy = Policy::default();
    let desk = Desk::with([(MODEL, half_open()), (PROVIDER, CLOSED)]);
    let mut shares = desk.forward(&policy).shares;
    let success = Outcome { answered: true, ..Outcome::of(Category::Success) };
    judge_early(&desk, &mut shares, &success, &policy, NOW);
    assert_eq!(desk.stored(MODEL).state.name(), StateName::Closed);
    let kinds = shares.iter().map(|it| it.permit.as_ref().map(|permit| permit.kind));
    assert_eq!(kinds.collect::<Vec<_>>(), [Some(PermitKind::FollowUp), Some(PermitKind::Call)]);
}

#[test]
fn successes_of_a_healthy_breaker_are_gathered() {
    let (map, ledger, policy) = (Map::default(), Ledger::of(MODEL), Policy::default());
    let asker = Asker { policy: &policy, now: NOW, jitter: Jitter::of(MODEL, "node") };
    let succeed = || {
        let admit = Question::Admit { random: 0.0, watchers: Watchers::Agree };
        let permit = match admit.put_to(&ledger, &map, asker).value {
            Some(Answer::Admission(Admission::Pass(permit), _)) => permit,
            other => panic!("{other:?}"),
        };
        let success = Outcome::of(Category::Success);
        let record = Question::Record { permit: Some(&permit), outcome: &success };
        record.put_to(&ledger, &map, asker).value
    };
    for _ in 0..policy.trip.minimum_calls {
        assert_eq!(succeed(), Some(Answer::Recorded(Category::Success)));
    }
    assert_eq!(succeed(), Some(Answer::Gathered));
    assert_eq!(ledger.gathered().map(|it| it.successes), Some(1));
}

#[test]
fn an_answer_is_noted_by_the_first_breaker_once_a_second() {
    let policy = Policy::default();
    let desk = Desk::with([(MODEL, CLOSED), (PROVIDER, CLOSED)]);
    let shares = desk.forward(&policy).shares;
    let note = |known, now| note_answer(&desk, &shares, known, &policy, now);
    assert_eq!(note(NOW, NOW + ANSWER_RESOLUTION / 2), NOW);
    assert_eq!(desk.stored(MODEL).answered_at, Instant::ZERO);
    let later = NOW + ANSWER_RESOLUTION;
    assert_eq!(note(NOW, later), later);
    assert_eq!(desk.stored(MODEL).answered_at, later);
    assert_eq!(desk.stored(PROVIDER).answered_at, Instant::ZERO);
}

#[test]
fn a_change_of_state_is_explained_by_the_outcome_as_it_was_recorded() {
    let outcome = Outcome::of(Category::Cancelled);
    let record = Question::Record { permit: None, outcome: &outcome };
    let told = |question: &Question<'_>, answer| question.told(answer).map(|it| it.category);
    let recorded = Answer::Recorded(Category::Timeout);
    assert_eq!(told(&record, Some(&recorded)), Some(Category::Timeout));
    assert_eq!(told(&record, None), Some(Category::Cancelled));
    assert_eq!(told(&Question::Lend, Some(&Answer::Done)), None);
}
