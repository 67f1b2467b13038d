//! The stage of all scenarios: a process with the filter in front of one LLM provider, what its
//! clients and its upstream do, and how its stats are called.

use std::{cell::Cell, ops::Deref, time::Duration};

use llm_breaker_host_tests::host::{
    Answer, Call, Configuration, Level, Module, Request, Response, World, WorldBuilder,
};
use serde_json::{Value, json};

/// The provider that most scenarios are about, named as Istio names it.
pub(crate) const OPENAI: &str = "outbound|443||api.openai.com";
/// Another provider.
pub(crate) const AZURE: &str = "azure";

/// Failures in a row that open a breaker by default.
pub(crate) const TRIP: usize = 5;

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A completion that a client asks for.
pub(crate) fn chat() -> Request {
    chat_with(OPENAI)
}

/// A completion that a client asks of the provider behind `cluster`.
pub(crate) fn chat_with(cluster: &str) -> Request {
    Request::post("/v1/chat/completions").cluster(cluster)
}

/// A whole completion.
pub(crate) fn completion() -> Response {
    Response::status(200).body(r#"{"choices": []}"#)
}

/// The raw name of a stat of the breaker of `cluster`, with `labels` beyond the cluster's.
pub(crate) fn stat(cluster: &str, name: &str, labels: &[(&str, &str)]) -> String {
    let label = |(name, value): (&str, &str)| format!("{name}=.={value};.;");
    let labels: String = labels.iter().copied().map(label).collect();
    format!("llm_circuit_breaker_{name}.{}{labels}", label(("llm_cluster", cluster)))
}

/// A configuration whose `defaults` these are. Without jitter, unless they say so, so that open
/// times are exact.
pub(crate) fn defaults(mut policy: Value) -> Value {
    let policy_fields = policy.as_object_mut().expect("a policy is an object");
    let open = policy_fields.entry("open").or_insert_with(|| json!({}));
    open.as_object_mut().expect("open is an object").entry("jitter").or_insert(json!(0));
    json!({ "defaults": policy })
}

/// A running process, two workers if not said otherwise. Requests come to its workers in turns.
pub(crate) struct Scene {
    world: World,
    workers: usize,
    turn: Cell<usize>,
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Scene {
    /// Two workers under this policy.
    pub(crate) fn under(policy: Value) -> Self {
        Self::configured(2, defaults(policy))
    }

    /// Two workers under the default policy, but without jitter.
    pub(crate) fn by_default() -> Self {
        Self::under(json!({}))
    }

    /// So many workers under this configuration.
    pub(crate) fn configured(workers: usize, configuration: impl Into<Configuration>) -> Self {
        Self::built(workers, |world| world.configuration(configuration))
    }

    /// So many workers in a process that has whatever else is wanted.
    pub(crate) fn built(workers: usize, extras: impl FnOnce(WorldBuilder) -> WorldBuilder) -> Self {
        Self::of_module(&Module::built("llm_breaker"), workers, extras)
    }

    /// The same of another build of the filter.
    pub(crate) fn of_module(
        module: &Module,
        workers: usize,
        extras: impl FnOnce(WorldBuilder) -> WorldBuilder,
    ) -> Self {
        let builder = World::running(module).workers(workers);
        Self { world: extras(builder).start(), workers, turn: Cell::new(0) }
    }

    /// The breaker has just opened after as many failures in a row as it takes.
    pub(crate) fn opened() -> Self {
        Self::opened_under(json!({}))
    }

    /// The same under this policy.
    pub(crate) fn opened_under(policy: Value) -> Self {
        let scene = Self::under(policy);
        scene.fail(TRIP);
        assert_eq!(scene.state(), "open");
        scene
    }

    /// The open time has just ended: the next call is a probe.
    pub(crate) fn half_open() -> Self {
        let scene = Self::opened();
        scene.pass(secs(30));
        assert_eq!(scene.state(), "half_open");
        scene
    }

    /// A client sends this request, by the worker whose turn it is.
    pub(crate) fn send(&self, request: Request) -> Call {
        let turn = self.turn.replace(self.turn.get() + 1);
        self.world.worker(turn % self.workers).request(request)
    }

    /// A client sends a call, which reaches the upstream.
    pub(crate) fn reach(&self) -> Call {
        let call = self.send(chat());
        assert!(call.is_forwarded(), "held back: {call:?}");
        call
    }

    /// A call reaches the upstream, which answers so.
    pub(crate) fn answer(&self, response: Response) -> Answer {
        self.reach().upstream_answers(response)
    }

    /// So many calls in turns reach the upstream and are answered with 500.
    pub(crate) fn fail(&self, times: usize) {
        (0..times).for_each(|_| drop(self.answer(Response::status(500))));
    }

    /// So many calls in turns reach the upstream and are answered well.
    pub(crate) fn succeed(&self, times: usize) {
        (0..times).for_each(|_| drop(self.answer(completion())));
    }

    /// Whatever happened, the breaker recovers, and opens when it should.
    pub(crate) fn still_works(&self) {
        self.advance(secs(2 * 3600));
        self.tick();
        self.succeed(1);
        assert_eq!(self.state(), "closed");
        self.fail(TRIP);
        self.held_back();
    }

    /// A client sends a call, which the filter answers in the upstream's stead.
    pub(crate) fn held_back(&self) -> Answer {
        let call = self.send(chat());
        assert!(!call.is_forwarded(), "not held back: {call:?}");
        let answer = call.answer();
        assert_eq!(answer.header("x-llm-breaker"), Some("open"), "{answer:?}");
        assert!(answer.complete && call.is_done());
        answer
    }

    /// The seconds for which the filter asks the client of a held-back call to wait.
    pub(crate) fn retry_after(&self) -> u64 {
        let answer = self.held_back();
        let header = answer.header("retry-after").expect("a Retry-After");
        header.parse().expect("whole seconds")
    }

    /// The breaker's state, as its gauge shows it.
    pub(crate) fn state(&self) -> &'static str {
        self.state_of(OPENAI)
    }

    pub(crate) fn state_of(&self, cluster: &str) -> &'static str {
        match self.gauge(&stat(cluster, "state", &[])) {
            0 => "closed",
            1 => "open",
            2 => "half_open",
            other => panic!("no state has the number {other}"),
        }
    }

    /// A counter of the breaker, such as `requests_blocked_total`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counter(&stat(OPENAI, name, &[]))
    }

    /// How many calls ended with this category.
    pub(crate) fn outcomes(&self, category: &str) -> u64 {
        self.counter(&stat(OPENAI, "outcomes_total", &[("category", category)]))
    }

    /// How often the state changed so.
    pub(crate) fn changes(&self, from: &str, to: &str) -> u64 {
        self.counter(&stat(OPENAI, "state_changes_total", &[("from", from), ("to", to)]))
    }

    /// All changes of state that were logged, in order.
    pub(crate) fn transitions(&self) -> Vec<Value> {
        self.events("transition")
    }

    /// All lines of the log about this event, in order.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        let lines = self.log_lines();
        let parsed = lines.iter().filter_map(|line| serde_json::from_str(&line.message).ok());
        parsed.filter(|line: &Value| line["event"] == event).collect()
    }

    /// What was logged at this level.
    pub(crate) fn logged_at(&self, level: Level) -> Vec<String> {
        let lines = self.log_lines();
        lines.into_iter().filter(|line| line.level == level).map(|line| line.message).collect()
    }
}

/// From which state to which, of every logged transition.
pub(crate) fn ways(transitions: &[Value]) -> Vec<[&str; 2]> {
    transitions
        .iter()
        .map(|line| ["from", "to"].map(|end| line[end].as_str().expect("a state's name")))
        .collect()
}
