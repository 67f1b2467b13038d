//! The breaker that Envoy runs, replayed over generated calls: in `enforce`, so that what it holds back
//! never happens.

use crate::call::Call;
use crate::subject::Fate;
use crate::traffic::MODELS;
use crate::watched::Seen;
use llm_breaker::config::Config;
use llm_breaker::policy::Policy;
use llm_breaker::replay::{self, Candidate, Ended, Measured, Replay, Source};
use llm_breaker::time::Instant;
use std::sync::Arc;

const CLUSTER: &str = "provider";

/// A configuration under evidence.
#[derive(Clone, Debug)]
pub struct Setting {
    config: Config,
    fingerprint: u64,
}

impl Setting {
    /// What this document says beside the defaults.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(document: &str) -> Result<Self, String> {
        let config = Config::parse(document.as_bytes()).map_err(|errors| errors.to_string())?;
        let fingerprint = config.policy_for(CLUSTER).fingerprint();
        Ok(Self { config, fingerprint })
    }

    /// The defaults with these fields of a policy, which stand in this source.
    ///
    /// # Panics
    /// If they are none.
    #[must_use]
    pub fn with(policy: &str) -> Self {
        let document = format!(r#"{{"defaults": {policy}}}"#);
        Self::of(&document).unwrap_or_else(|errors| panic!("{document}: {errors}"))
    }

    /// Nothing is configured.
    #[must_use]
    pub fn defaults() -> Self {
        let config = Config::default();
        let fingerprint = config.policy_for(CLUSTER).fingerprint();
        Self { config, fingerprint }
    }

    /// The same, with a breaker for each model.
    #[must_use]
    pub fn by_model(&self) -> Self {
        use llm_breaker::glob::Glob;
        use llm_breaker::policy::KeyBy;
        let models = (0..MODELS).map(|model| Glob::new(model_name(model))).collect();
        let defaults = Policy { key_by: KeyBy::Model, models, ..self.config.defaults.clone() };
        let fingerprint = defaults.fingerprint();
        Self { config: Config { defaults, ..self.config.clone() }, fingerprint }
    }

    /// The policy of the calls.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.config.policy_for(CLUSTER)
    }
}

/// Our breaker.
pub struct Breakers {
    replay: Replay,
    source: Arc<Source>,
    cluster: Arc<str>,
    models: Vec<Arc<str>>,
    fingerprint: u64,
    blocked: u64,
}

impl Breakers {
    /// One that has seen nothing, on the node of this name.
    #[must_use]
    pub fn new(setting: &Setting, node: &str) -> Self {
        let candidate = Candidate { name: String::new(), config: setting.config.clone() };
        Self {
            replay: Replay::new(vec![candidate]),
            source: Source::of(node),
            cluster: CLUSTER.into(),
            models: (0..MODELS).map(|model| model_name(model).into()).collect(),
            fingerprint: setting.fingerprint,
            blocked: 0,
        }
    }

    /// A call arrives, and what would be recorded of it.
    pub fn arrives(&mut self, call: &Call, seen: &Seen) -> Fate {
        let waited = |moment: Option<Instant>| moment.map(|moment| moment.since(call.at));
        let measured = Measured {
            response_headers: waited(seen.answered),
            first_token: waited(seen.first).filter(|_| call.is_stream()),
            duration: Some(call.lasts),
        };
        let policy = Some(self.fingerprint);
        let ended = Ended { measured, policy, ..Ended::at(seen.settled, seen.outcome) };
        let told = replay::Call::sent(&self.source, &self.cluster, call.at, ended);
        let part = self.models.get(usize::from(call.model)).cloned();
        self.replay.feed(&replay::Call { part, ..told });
        let before = self.blocked;
        self.blocked = self.replay.so_far().map(|it| it.tally.blocked.total()).sum();
        if self.blocked > before { Fate::Blocked } else { Fate::Sent }
    }

    /// When it began to hold calls back, in order.
    #[must_use]
    pub fn trips(&self) -> Vec<Instant> {
        let breakers = self.replay.so_far().flat_map(|it| &it.breakers);
        let mut trips: Vec<Instant> =
            breakers.flat_map(|it| it.trips.iter().map(|trip| trip.opened_at)).collect();
        trips.sort_unstable();
        trips
    }
}

fn model_name(model: u8) -> String {
    format!("model-{model}")
}
