//! What do all scenarios share? Proxies in domains of their own, and a provider whose answers are set
//! for each of them.

use core::time::Duration;

use llm_breaker::breaker::StateName;
use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::{self, Policy};
use llm_breaker::time::Instant;
use llm_breaker_fleet_simulation::proxy::Proxy;
use llm_breaker_fleet_simulation::world::{Provider, World};

pub(crate) const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// The scope of all that are in the fleet.
pub(crate) const SCOPE: &str = "account";

/// What each proxy's calls come to: the share of them that fails, and how.
#[derive(Clone, Debug)]
pub(crate) struct Fates {
    pub(crate) all: Fate,
    pub(crate) of: Vec<(usize, Fate)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) share: f64,
    pub(crate) outcome: Outcome,
    pub(crate) lasts: Duration,
}

impl Fate {
    pub(crate) fn works() -> Self {
        Self::fails(0.0, Category::ServerError)
    }

    pub(crate) fn fails(share: f64, category: Category) -> Self {
        Self { share, outcome: Outcome::of(category), lasts: Duration::from_millis(50) }
    }
}

impl Fates {
    pub(crate) fn all(all: Fate) -> Self {
        Self { all, of: Vec::new() }
    }
}

impl Provider for Fates {
    fn answer(
        &mut self,
        proxy: usize,
        _now: Instant,
        random: &mut fastrand::Rng,
    ) -> (Outcome, Duration) {
        let its = self.of.iter().find(|(of, _)| *of == proxy).map_or(&self.all, |(_, fate)| fate);
        let fails = random.f64() < its.share;
        let outcome = if fails { its.outcome } else { Outcome::of(Category::Success) };
        (outcome, its.lasts)
    }
}

pub(crate) type Stage = World<Fates>;

pub(crate) fn policy(corroborate: u32) -> Policy {
    let fleet = policy::Fleet { corroborate, ..policy::Fleet::default() };
    Policy { fleet: Some(fleet), ..Policy::default() }
}

pub(crate) fn proxy(number: usize, policy: Policy) -> Proxy {
    let (name, domain) = (format!("node-{number}"), format!("zone-{number}"));
    Proxy::new(&name, &domain, Some(SCOPE), policy, START)
}

/// So many proxies with four calls a second each, connected, and a provider that works.
pub(crate) fn stage(proxies: usize, corroborate: u32, seed: u64) -> Stage {
    let proxies = (0..proxies).map(|number| proxy(number, policy(corroborate))).collect();
    let mut stage = World::new(proxies, Fates::all(Fate::works()), seed, START);
    stage.run_for(Duration::from_secs(5));
    assert!(stage.proxies.iter().all(|it| it.is_connected), "all hear the store");
    stage
}

pub(crate) fn states(stage: &Stage) -> Vec<StateName> {
    stage.proxies.iter().map(|it| it.breaker.state.name()).collect()
}

pub(crate) fn all_are(stage: &Stage, state: StateName) -> bool {
    stage.proxies.iter().all(|it| it.breaker.state.name() == state)
}
