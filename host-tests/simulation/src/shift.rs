//! What a worker does from one callback to the next: the production code, called as the plugin
//! calls it.

use crate::coverage::{Activity, Event};
use crate::port::Port;
use crate::scenario::{Fate, Instead, Request, SPARE};
use crate::step::{Asker, Step, Word};
use crate::truth::Weather;
use crate::vm::{Call, Share, Stage, Vm};
use crate::worker::{Job, Order};
use crate::world::{Life, World};
use llm_breaker::breaker::{Admission, Jitter, Permit, PermitKind, StateName};
use llm_breaker::call::{
    AskedFor, ClientTimeouts, Ending, Exchange, Flags, MediaType, Protocol, ResponseHead, Source,
    Streams,
};
use llm_breaker::dialect::{Api, Dialect};
use llm_breaker::level::Level;
use llm_breaker::outcome::{ANSWER_RESOLUTION, Outcome, Verdict};
use llm_breaker::policy::{Mode, Policy};
use llm_breaker::shared::{Registration, allowance, key_names, register};
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
}

/// What one breaker says.
enum Said {
    Untracked,
    Forward(Option<Permit>, Instant),
    /// It only watches, and would have refused.
    WouldBlock,
    Reject,
}

/// What the breakers of a request say.
enum Answer {
    Untracked,
    Forward { shares: Vec<Share>, answered_at: Instant },
    Reject { by: String },
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
        match self.ask(&request.levels, &policy, request.random) {
            Answer::Untracked => Life::Passed,
            Answer::Forward { shares, answered_at } => {
                self.forward(request, shares, &policy, answered_at)
            }
            Answer::Reject { by } => self.do_instead(request, &by, &policy),
        }
    }

    fn do_instead(&self, request: &Request, by: &str, policy: &Rc<Policy>) -> Life {
        match request.instead {
            Instead::Error => Life::Answered,
            Instead::LastResort => match self.lend(by, policy) {
                Some(permit) => {
                    let mut shares = without_permits(request);
                    if let Some(its) = shares.iter_mut().find(|share| share.name == by) {
                        its.permit = Some(permit);
                    }
                    self.forward(request, shares, policy, Instant::ZERO)
                }
                None => Life::Answered,
            },
            Instead::Reroute | Instead::RerouteInVain => self.reroute(request, policy),
        }
    }

    fn reroute(&self, request: &Request, policy: &Rc<Policy>) -> Life {
        let levels = [(Level::Sole, SPARE.to_owned())];
        if !self.register(SPARE) {
            return Life::Answered;
        }
        match self.ask(&levels, policy, request.random) {
            Answer::Forward { shares, answered_at } if self.send_to_spare(request) => {
                self.forward(request, shares, policy, answered_at)
            }
            Answer::Forward { shares, .. } => {
                self.give_back(shares, policy);
                Life::Answered
            }
            Answer::Untracked | Answer::Reject { .. } => Life::Answered,
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
        shares: Vec<Share>,
        policy: &Rc<Policy>,
        answered_at: Instant,
    ) -> Life {
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
        self.note_answer(call);
        call.stage = Stage::Head;
        let head =
            ResponseHead { announced, media_type, ..ResponseHead::new(status, Source::Upstream) };
        call.exchange.response_started(&head, &call.policy, self.now)
    }

    fn content(&self, call: &mut Call) -> Option<Outcome> {
        call.stage = Stage::Content;
        let seen = call.exchange.response_data(CONTENT, &call.policy, self.now);
        if seen.outcome.is_none() && seen.first_content_after.is_some() {
            self.judge_early(call);
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

    fn note_answer(&self, call: &mut Call) {
        if self.now.since(call.answered_at) >= ANSWER_RESOLUTION
            && let Some(share) = call.shares.first()
        {
            call.answered_at = self.now;
            self.decide(Activity::NoteAnswer, &share.name, &call.policy, &Step::NoteAnswer);
        }
    }

    fn judge_early(&self, call: &mut Call) {
        let is_probe = |permit: &mut Permit| matches!(permit.kind, PermitKind::Probe { .. });
        for share in &mut call.shares {
            if let Some(permit) = share.permit.take_if(is_probe) {
                let outcome = call.exchange.success_so_far(&call.policy, self.now);
                let outcome = share.level.hears(&outcome, &call.policy);
                let step = Step::JudgeEarly { permit: &permit, outcome };
                share.permit =
                    match self.decide(Activity::JudgeEarly, &share.name, &call.policy, &step).0 {
                        Some(Word::FollowUp(left)) => left,
                        _ => None,
                    };
            }
        }
    }

    /// Use the permits up.
    fn settle(&self, request: u32, call: Call, outcome: &Outcome) {
        let mut outcome = *outcome;
        for share in call.shares {
            let heard = share.level.hears(&outcome, &call.policy);
            let ledger = self.vm.borrow_mut().ledger(&share.name);
            if ledger.gather(&call.policy, self.now, share.permit.as_ref(), &heard) {
                self.world.borrow_mut().truth.verdict.gathered += 1;
                continue;
            }
            let step = Step::Record { permit: share.permit.as_ref(), outcome: heard };
            if let (Some(Word::Recorded(category)), _) =
                self.decide(Activity::Record, &share.name, &call.policy, &step)
            {
                outcome.category = category;
            }
            let is_call = share.permit.is_some_and(|permit| permit.kind == PermitKind::Call);
            if is_call && call.policy.verdicts.on(outcome.category) == Verdict::Failure {
                self.world.borrow_mut().truth.failed();
            }
        }
        let mut world = self.world.borrow_mut();
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

    /// Ask the breakers of a request, as the plugin's `admission` does.
    fn ask(&self, levels: &[(Level, String)], policy: &Policy, random: f64) -> Answer {
        let (mut shares, mut first_answer) = (Vec::<Share>::new(), None);
        let mut would_block = false;
        let mut unasked = levels;
        while let Some(((level, name), others)) = unasked.split_first() {
            unasked = others;
            let permit = match self.ask_one(name, policy, would_block, random) {
                Said::Untracked => continue,
                Said::Forward(permit, answered_at) => {
                    first_answer.get_or_insert(answered_at);
                    permit
                }
                Said::WouldBlock => {
                    would_block = true;
                    let watched = core::mem::take(&mut shares);
                    shares = watched.iter().map(Share::without_permit).collect();
                    self.give_back(watched, policy);
                    None
                }
                Said::Reject => {
                    self.give_back(shares, policy);
                    for (_, other) in others {
                        self.decide(Activity::Look, other, policy, &Step::Look);
                    }
                    return Answer::Reject { by: name.clone() };
                }
            };
            shares.push(Share { level: *level, name: name.clone(), permit });
        }
        match shares.is_empty() {
            true => Answer::Untracked,
            false => Answer::Forward { shares, answered_at: first_answer.unwrap_or(Instant::ZERO) },
        }
    }

    fn ask_one(&self, name: &str, policy: &Policy, would_block: bool, random: f64) -> Said {
        if would_block
            && let (Some(Word::Remaining(_, Mode::Shadow)), _) =
                self.decide(Activity::Look, name, policy, &Step::Look)
        {
            return Said::Forward(None, Instant::ZERO);
        }
        match self.decide(Activity::Admit, name, policy, &Step::Admit { random }) {
            (Some(Word::Admission(admission, answered_at, mode)), _) => match admission {
                Admission::Untracked => Said::Untracked,
                Admission::Pass(permit) | Admission::Probe(permit) => {
                    Said::Forward(Some(permit), answered_at)
                }
                Admission::Reject { .. } if mode == Mode::Shadow => Said::WouldBlock,
                Admission::Reject { .. } => Said::Reject,
            },
            (_, None | Some(StateName::Closed)) => Said::Forward(None, self.now),
            (_, Some(StateName::Open | StateName::HalfOpen)) => Said::Reject,
        }
    }

    fn give_back(&self, shares: Vec<Share>, policy: &Policy) {
        for Share { name, permit, .. } in shares {
            let holds = |it: &Permit| {
                matches!(it.kind, PermitKind::Probe { .. } | PermitKind::LastResort { .. })
            };
            if let Some(permit) = permit.filter(holds) {
                self.decide(Activity::GiveBack, &name, policy, &Step::GiveBack(&permit));
            }
        }
    }

    fn lend(&self, name: &str, policy: &Policy) -> Option<Permit> {
        match self.decide(Activity::Lend, name, policy, &Step::Lend).0 {
            Some(Word::Lent(permit)) => permit,
            _ => None,
        }
    }

    /// Decide on the shared record; what was decided, and the state then.
    fn decide(
        &self,
        activity: Activity,
        name: &str,
        policy: &Policy,
        step: &Step<'_>,
    ) -> (Option<Word>, Option<StateName>) {
        let asker = Asker { policy, now: self.now, jitter: Jitter::of(name, "node") };
        self.port.begin(activity);
        let ledger = self.vm.borrow_mut().ledger(name);
        let gathered = ledger.gathered();
        let decided = match step {
            Step::Admit { .. } => {
                ledger.ask(self.port, policy, self.now, |breaker| step.ask(breaker, asker))
            }
            _ => ledger.update(self.port, self.now, |breaker| step.ask(breaker, asker)),
        };
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
        world.judge(name, merged, step, asker, &decided);
        (decided.value, decided.state)
    }
}

fn without_permits(request: &Request) -> Vec<Share> {
    let share =
        |(level, name): &(Level, String)| Share { level: *level, name: name.clone(), permit: None };
    request.levels.iter().map(share).collect()
}
