//! What does one broken network do to the others? One proxy's calls all fail, two see a few errors as
//! one always does, and all others none.

use core::time::Duration;

use llm_breaker::category::Category;
use llm_breaker::outcome::Outcome;
use llm_breaker::policy::{self, Policy};
use llm_breaker::time::Instant;

use crate::outage::START;
use crate::proxy::Proxy;
use crate::world::{Provider, World};

/// Where the network is broken, and who sees background errors.
const BROKEN: usize = 0;
const UNLUCKY: [usize; 2] = [2, 3];

/// Their share.
const BACKGROUND: f64 = 0.02;

/// How long it is watched.
const LASTS: Duration = Duration::from_secs(600);

struct Network {
    breaks_at: Instant,
}

impl Provider for Network {
    fn answer(
        &mut self,
        proxy: usize,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> (Outcome, Duration) {
        let fails = UNLUCKY.contains(&proxy) && random.f64() < BACKGROUND;
        let category = match proxy {
            BROKEN if now >= self.breaks_at => Category::ConnectionFailed,
            _ if fails => Category::ServerError,
            _ => Category::Success,
        };
        (Outcome::of(category), Duration::from_millis(50))
    }
}

/// Four proxies for ten minutes, whose one network breaks so long after they started: which of them
/// opened?
#[must_use]
pub fn who_opens(corroborate: u32, before: Duration, seed: u64) -> Vec<usize> {
    let proxies = (0..4).map(|number| {
        let merge = policy::Fleet { corroborate, ..policy::Fleet::default() };
        let policy = Policy { fleet: Some(merge), ..Policy::default() };
        let (name, domain) = (format!("node-{number}"), format!("zone-{number}"));
        Proxy::new(&name, &domain, Some("account"), policy, START)
    });
    let network = Network { breaks_at: START + before };
    let mut world = World::new(proxies.collect(), network, seed, START);
    world.run_for(before + LASTS);
    let opened = world.proxies.iter().enumerate().filter(|(_, it)| it.opened().next().is_some());
    opened.map(|(number, _)| number).collect()
}
