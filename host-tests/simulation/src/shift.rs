//! What a worker does from one callback to the next: the production code, called as the plugin
//! calls it.

use crate::coverage::{Activity, Event};
use crate::port::Port;
use crate::scenario::{Fate, Instead, Request, SPARE};
use crate::step::Step;
use crate::together::Together;
use crate::truth::Weather;
use crate::vm::{Call, Stage, Vm};
use crate::worker::{Job, Order};
use crate::world::{Life, World};
use llm_breaker::admission::{
    self, Answer, Asker, Decision, Forwarded, Question, Rejected, Share, Worker, give_back,
    judge_early, lend, note_answer, settle,
};
use llm_breaker::breaker::{Jitter, PermitKind};
use llm_breaker::call::{
    AskedFor, ClientTimeouts, Ending, Exchange, Flags, MediaType, Protocol, ResponseHead, Source,
    Streams,
};
use llm_breaker::dialect::{Api, Dialect};
use llm_breaker::level::Level;
use llm_breaker::outcome::{Outcome, Verdict};
use llm_breaker::policy::Policy;
use llm_breaker::shared::{Decided, Registration, allowance, breaker_key, key_names, register};
use llm_breaker::time::Instant;
use std::cell::RefCell;
use std::rc::Rc;

/// More breakers than any run has.
const MAX_BREAKERS: u32 = 8;

const CONTENT: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const END: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";

/// One worker at work.
pub struct Shift<'a> {
    /// Its way to the shared data.
    pub port: &'a Port<'a, Order>,
    /// Who judges it.
    pub world: &'a Rc<RefCell<World>>,
    /// What it remembers.
    pub vm: &'a Rc<RefCell<Vm>>,
    /// What its clock reads.
    pub now: Instant,
    /// What the breakers of the call at hand said.
    pub together: RefCell<Together>,
}

/// A worker asks its questions by its own way to the shared data, and is judged for what it decided.
impl Worker for Shift<'_> {
    type Breaker = String;

    fn ask(
        &self,
        breaker: &String,
        question: &Question<'_>,
        policy: &Policy,
        _: Instant,
    ) -> Decided<Answer> {
        let activity = match question {
            Question::Admit { .. } => Activity::Admit,
            Question::GiveBack(_) => Activity::GiveBack,
            Question::Lend => Activity::Lend,
            Question::Wait => Activity::Look,
            Question::NoteAnswer => Activity::NoteAnswer,
            Question::JudgeEarly { .. } => Activity::JudgeEarly,
            Question::Record { .. } => Activity::Record,
        };
        let decided = self.decide(activity, breaker, policy, &Step::Asked(question));
        self.together.borrow_mut().heard(breaker, question, &decided, policy, self.now);
        decided
    }
}

impl Shift<'_> {
    /// Do it.
    pub fn work(&self, job: Job) {
        match job {
            Job::Request(request) => self.request(&request),
            Job::Proceed(request) => self.proceed(request),
            Job::LateCallback(request) => {
                assert!(self.vm.borrow_mut().take(request).is_none(), "settled, and yet here");
            }
            Job::Tick => self.tick(),
            Job::Obey(name, order) => {
                let policy = self.vm.borrow().policy();
                self.decide(Activity::Obey, &name, &policy, &Step::Obey(order));
            }
            Job::Configure(policy) => self.configure(*policy),
        }
    }

    fn request(&self, request: &Request) {
        self.world.borrow_mut().becomes(request.id, Life::Asked);
        self.vm.borrow_mut().deciding = Some(request.id);
        let life = self.decide_on(request);
        self.vm.borrow_mut().deciding = None;
        let mut world = self.world.borrow_mut();
        world.becomes(request.id, life);
        world.told.blocked += u64::from(life == Life::Answered);
    }

    fn decide_on(&self, request: &Request) -> Life {
        let policy = self.vm.borrow().policy();
        if !request.levels.iter().all(|(_, name)| self.register(name)) {
            return Life::Passed;
        }
        match self.admitted(&request.levels, &policy, request.random) {
            Decision::Untracked => Life::Passed,
            Decision::Forward(forwarded) => self.forward(request, forwarded, &policy),
            Decision::Reject(rejected) => self.do_instead(request, &rejected, &policy),
        }
    }

    fn do_instead(
        &self,
        request: &Request,
        rejected: &Rejected<String>,
        policy: &Rc<Policy>,
    ) -> Life {
        match request.instead {
            Instead::Error => Life::Answered,
            Instead::LastResort => match lend(self, &rejected.by, policy, self.now) {
                Some((permit, _)) => self.forward(request, rejected.under_loan(permit), policy),
                None => Life::Answered,
            },
            Instead::Reroute | Instead::RerouteInVain => self.reroute(request, policy),
        }
    }

    /// What its breakers say together, which must be what each of them said.
    fn admitted(
        &self,
        levels: &[(Level, String)],
        policy: &Policy,
        random: f64,
    ) -> Decision<String> {
        self.together.replace(Together::default());
        let call = admission::Call { policy, now: self.now, random };
        let decision = admission::ask(self, levels, call, |_, _| {});
        self.together.borrow().must_be(levels, &decision);
        decision
    }

    fn reroute(&self, request: &Request, policy: &Rc<Policy>) -> Life {
        let levels = [(Level::Sole, SPARE.to_owned())];
        if !self.register(SPARE) {
            return Life::Answered;
        }
        match self.admitted(&levels, policy, request.random) {
            Decision::Forward(forwarded) if self.send_to_spare(request) => {
                self.forward(request, forwarded, policy)
            }
            Decision::Forward(Forwarded { shares, .. }) => {
                give_back(self, shares, policy, self.now);
                Life::Answered
            }
            Decision::Untracked | Decision::Reject(_) => Life::Answered,
        }
    }

    /// Whether it may be sent, and is.
    fn send_to_spare(&self, request: &Request) -> bool {
        let per_minute = self.world.borrow().per_minute;
        self.port.begin(Activity::TakeAllowance);
        let Some(ticket) = allowance::take(self.port, SPARE, per_minute, self.now) else {
            return false;
        };
        if request.instead == Instead::RerouteInVain {
            self.port.begin(Activity::GiveAllowanceBack);
            allowance::give_back(self.port, SPARE, ticket, self.now);
            return false;
        }
        self.world.borrow_mut().send_to_spare(self.now);
        true
    }

    fn forward(
        &self,
        request: &Request,
        forwarded: Forwarded<String>,
        policy: &Rc<Policy>,
    ) -> Life {
        let Forwarded { shares, answered_at } = forwarded;
        let protocol = match request.fate {
            Fate::Stream | Fate::CutStream => Protocol {
                dialect: Dialect::OpenAi,
                api: Api::Chat,
                streams: Streams::OfGeneration,
                asked_for: AskedFor::Stream,
            },
            _ => Protocol::HTTP,
        };
        let mut exchange = Exchange::begin(self.now, ClientTimeouts::default(), protocol);
        exchange.request_ended(self.now);
        let (policy, fate, stage) = (Rc::clone(policy), request.fate, Stage::Sent);
        let (wait, next_at) = (request.wait, self.now + request.wait);
        let call = Call { shares, policy, exchange, fate, stage, wait, next_at, answered_at };
        self.vm.borrow_mut().begin(request.id, call);
        Life::Forwarded
    }

    /// The next callback of a call.
    fn proceed(&self, request: u32) {
        let taken = self.vm.borrow_mut().take(request);
        let Some(mut call) = taken else { return };
        self.vm.borrow_mut().deciding = Some(request);
        match self.callback(&mut call) {
            Some(outcome) => self.settle(request, call, &outcome),
            None => {
                call.next_at = self.now + call.wait;
                self.vm.borrow_mut().begin(request, call);
            }
        }
        self.vm.borrow_mut().deciding = None;
    }

    fn callback(&self, call: &mut Call) -> Option<Outcome> {
        let policy = Rc::clone(&call.policy);
        let flags = match (call.fate, call.stage) {
            (Fate::Answer(status, announced), Stage::Sent) => {
                return self.head(call, status, announced, MediaType::Absent);
            }
            (Fate::Stream | Fate::CutStream, Stage::Sent) => {
                return self.head(call, 200, None, MediaType::EventStream);
            }
            (Fate::Stream | Fate::CutStream, Stage::Head) => return self.content(call),
            (Fate::Stream, Stage::Content) => {
                let seen = call.exchange.response_data(END, &policy, self.now);
                return seen.outcome.or_else(|| call.exchange.response_ended(&policy, self.now));
            }
            (Fate::Answer(..), _) => return call.exchange.response_ended(&policy, self.now),
            (Fate::CutStream, Stage::Content) => Flags::UPSTREAM_REMOTE_RESET,
            (Fate::Broken(flags), _) => flags,
            (Fate::ClientLeaves, _) => Flags::DOWNSTREAM_DISCONNECT,
            (Fate::Hangs, _) => return None,
        };
        Some(call.exchange.broken_off(Ending { flags }, &policy, self.now))
    }

    fn head(
        &self,
        call: &mut Call,
        status: u16,
        announced: Option<core::time::Duration>,
        media_type: MediaType,
    ) -> Option<Outcome> {
        let Call { shares, policy, answered_at, .. } = &mut *call;
        *answered_at = note_answer(self, shares, *answered_at, policy, self.now);
        call.stage = Stage::Head;
        let head =
            ResponseHead { announced, media_type, ..ResponseHead::new(status, Source::Upstream) };
        call.exchange.response_started(&head, &call.policy, self.now)
    }

    fn content(&self, call: &mut Call) -> Option<Outcome> {
        call.stage = Stage::Content;
        let seen = call.exchange.response_data(CONTENT, &call.policy, self.now);
        if seen.outcome.is_none() && seen.first_content_after.is_some() {
            let outcome = call.exchange.success_so_far(&call.policy, self.now);
            judge_early(self, &mut call.shares, &outcome, &call.policy, self.now);
            self.may_break_off(call);
        }
        seen.outcome
    }

    /// An upstream in trouble breaks off what began well.
    fn may_break_off(&self, call: &mut Call) {
        if self.world.borrow().truth.weather != Weather::Healthy {
            call.fate = Fate::CutStream;
        }
    }

    /// Use the permits up.
    fn settle(&self, request: u32, mut call: Call, outcome: &Outcome) {
        let Call { shares, policy, .. } = &mut call;
        let is_call = |it: &&Share<String>| {
            it.permit.as_ref().is_some_and(|permit| permit.kind == PermitKind::Call)
        };
        let calls = shares.iter().filter(is_call).count();
        self.together.replace(Together::default());
        let recorded = settle(self, shares, outcome, policy, self.now);
        self.together.borrow().must_have_heard(shares, outcome, &recorded, policy);
        let mut world = self.world.borrow_mut();
        if policy.verdicts.on(recorded.category) == Verdict::Failure {
            (0..calls).for_each(|_| world.truth.failed());
        }
        world.told.settled += 1;
        world.becomes(request, Life::Settled);
    }

    fn tick(&self) {
        let overdue = self.vm.borrow().overdue(self.now);
        for request in overdue {
            let taken = self.vm.borrow_mut().take(request);
            let Some(call) = taken else { continue };
            self.vm.borrow_mut().deciding = Some(request);
            if let Some(outcome) = call.exchange.overdue(&call.policy, self.now) {
                self.settle(request, call, &outcome);
            }
            self.vm.borrow_mut().deciding = None;
        }
        let policy = self.vm.borrow().policy();
        for name in self.listed() {
            self.decide(Activity::Tick, &name, &policy, &Step::Tick);
        }
    }

    /// Breakers that the configuration takes out of service are marked at once.
    fn configure(&self, policy: Policy) {
        let policy = Policy { in_force_since: self.now, ..policy };
        self.vm.borrow_mut().configure(policy.clone());
        let names = self.listed();
        for name in names {
            self.world.borrow_mut().befall(&name, Event::Reconfigured, &policy);
            if !policy.mode.is_active() {
                self.decide(Activity::Tick, &name, &policy, &Step::Tick);
            }
        }
    }

    /// The process's breakers; whoever knows one that the list has lost puts it back.
    fn listed(&self) -> Vec<String> {
        self.port.begin(Activity::Look);
        let names = key_names(self.port);
        let known = self.vm.borrow().known.clone();
        for missing in known.iter().filter(|name| !names.contains(name)) {
            self.port.begin(Activity::Register);
            let _ = register(self.port, missing, MAX_BREAKERS);
        }
        names
    }

    fn register(&self, name: &str) -> bool {
        if self.vm.borrow().known.contains(name) {
            return true;
        }
        self.port.begin(Activity::Register);
        match register(self.port, name, MAX_BREAKERS) {
            Registration::Registered { .. } => self.vm.borrow_mut().known.insert(name.to_owned()),
            Registration::Unavailable => false,
            Registration::Full => panic!("the list is full, and never had that many"),
        }
    }

    /// Decide on the shared record, and be judged for it.
    fn decide(
        &self,
        activity: Activity,
        name: &str,
        policy: &Policy,
        step: &Step<'_>,
    ) -> Decided<Answer> {
        let asker = Asker { policy, now: self.now, jitter: Jitter::of(name, "node") };
        self.port.begin(activity);
        let ledger = self.vm.borrow_mut().ledger(name);
        let gathered = ledger.gathered();
        let decided = step.put_to(&ledger, self.port, asker);
        if decided.value == Some(Answer::Gathered) {
            self.world.borrow_mut().truth.verdict.gathered += 1;
            return decided;
        }
        let merged = gathered.filter(|_| ledger.gathered().is_none());
        let (conflicts, refused) = self.port.met();
        let mut world = self.world.borrow_mut();
        world.happened.conflicts += conflicts;
        world.told.conflicts += u64::from(decided.conflicts);
        world.told.resets += u64::from(decided.reset);
        if let Some(transition) = decided.transition {
            world.told.moved(transition.from, transition.to);
        }
        let gave_up = conflicts > 3 || refused;
        assert!(decided.value.is_some() || gave_up, "{step:?} was not decided");
        drop(world);
        // An admission holds although its merging could not be stored. Where others changed meanwhile
        // what it was decided on, there is nothing left to compare it with.
        if decided.value.is_none() || !self.port.was_overtaken(&breaker_key(name)) {
            self.world.borrow_mut().judge(name, merged, step, asker, &decided);
        }
        decided
    }
}
