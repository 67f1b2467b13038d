//! Probing is shared: one proxy at a time, and nobody waits for ever for one that cannot.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::Outcome;
use crate::stage::{CLOSED, Fleet, Member, NAMES, OPEN, Proxy};
use crate::steady::Steady;

/// How long a breaker is open; what lasts for less than 5 s is not published.
const OPEN_SECONDS: u64 = 6;
/// How long a probe may take before another may go out.
const LEASE: Duration = Duration::from_secs(4);
const TURNS: &str = "/llm-breaker/turn/v1/acme/";
/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(5);

fn policy() -> Value {
    json!({
        "open": {"base": "6s", "multiplier": 1, "max": "6s", "jitter": 0},
        "half_open": {"lease": "4s"},
    })
}

/// Their breakers are open since just now, as two of them found out.
async fn all_open() -> Outcome<Fleet> {
    let fleet = Fleet::start(&policy()).await?;
    fleet.fail_at_once(2, 5).await;
    for proxy in &fleet.proxies {
        proxy.until_state(OPEN).await;
    }
    assert_eq!(fleet.provider.calls(), 10);
    Ok(fleet)
}

/// Fifty calls a second to each of these.
fn traffic(proxies: &[Proxy]) -> Steady {
    let addresses: Vec<_> = proxies.iter().map(|proxy| proxy.envoy.address()).collect();
    let per_second = 50 * u32::try_from(addresses.len()).expect("a few");
    Steady::start(addresses, per_second)
}

/// The name of the proxy whose turn it is.
async fn holder(fleet: &Fleet) -> Outcome<String> {
    let turns = fleet.etcd.control().entries(TURNS).await?;
    assert_eq!(turns.len(), 1, "{turns:?}");
    Ok(turns[0].value.rsplit('/').next().unwrap_or_default().to_owned())
}

async fn until_all_carry(proxies: &[Proxy]) {
    let carried = async {
        for proxy in proxies {
            proxy.until_state(CLOSED).await;
            // Through the ramp, in which some are held back.
            while proxy
                .envoy
                .client()
                .burst(10, &llm_breaker_host_tests::client::Call::chat())
                .await
                .iter()
                .any(|it| it.status != 200)
            {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    };
    patiently("all proxies to carry traffic", carried).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_probe_at_a_time_reaches_the_provider_and_lets_all_back() -> Outcome {
    let fleet = all_open().await?;
    fleet.provider.behave(Behaviour::Healthy.held());
    let traffic = traffic(&fleet.proxies);
    fleet.provider.wait_for_in_flight(1).await;
    // Past the others' own times, and before they may lose patience.
    tokio::time::sleep(LEASE / 2).await;
    assert_eq!((fleet.provider.calls(), fleet.provider.in_flight()), (11, 1));
    let prober = holder(&fleet).await?;
    fleet.provider.behave(Behaviour::Healthy);
    fleet.provider.release();
    until_all_carry(&fleet.proxies).await;
    let samples = traffic.stop().await;
    assert!(samples.iter().all(|it| matches!(it.status, Ok(200 | 503))), "none is lost");
    for proxy in &fleet.proxies {
        let last = proxy.transitions(OPENAI).pop().expect("it closed");
        let expected = if proxy.name == prober { "probes_succeeded" } else { "fleet_closed" };
        assert_eq!((last.event["to"].as_str(), last.reason()), (Some("closed"), expected));
        assert!(last.event["from"] == "open" || last.event["from"] == "half_open");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prober_that_dies_delays_the_others_by_its_lease_at_most() -> Outcome {
    let mut fleet = all_open().await?;
    fleet.provider.behave(Behaviour::Healthy.held());
    let busy = traffic(&fleet.proxies);
    fleet.provider.wait_for_in_flight(1).await;
    let prober = holder(&fleet).await?;
    // Whoever probes from now on is answered; the one that does now dies with its call.
    fleet.provider.behave(Behaviour::Healthy);
    fleet.proxies.retain(|proxy| proxy.name != prober);
    let since = Instant::now();
    until_all_carry(&fleet.proxies).await;
    let took = since.elapsed();
    busy.stop().await;
    println!(
        "the prober was killed: the others carry traffic {took:.1?} later; its lease is {LEASE:?}"
    );
    assert!(took <= LEASE * 2 + MARGIN, "{took:?}");
    Ok(())
}

/// Nobody asks for a turn who has nothing to send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_traffic_keeps_nobody_waiting() -> Outcome {
    let fleet = all_open().await?;
    fleet.provider.behave(Behaviour::Healthy);
    let since = Instant::now();
    let busy = traffic(&fleet.proxies[3..]);
    fleet.provider.wait_for_calls(11).await;
    let took = since.elapsed();
    for proxy in &fleet.proxies {
        proxy.until_state(CLOSED).await;
    }
    busy.stop().await;
    println!(
        "only one of four has traffic: it probed {took:.1?} after all were open for {OPEN_SECONDS} s"
    );
    assert!(took <= Duration::from_secs(OPEN_SECONDS) + MARGIN, "{took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prober_whose_network_is_broken_lets_the_others_try() -> Outcome {
    let mut fleet = Fleet::start(&policy()).await?;
    // A's own way to the provider can be cut.
    let mut own_way = Simulator::start().await?;
    let a = Member::new("a", &policy()).envoy(own_way.address(), fleet.etcd.address());
    fleet.proxies[0] = Proxy::start("a", a).await?;
    fleet.until_connected(true).await;
    fail_both_ways(&fleet, &own_way).await;
    own_way.refuse().await;
    // A alone has traffic, so A probes first, and fails.
    let busy = traffic(&fleet.proxies[..1]);
    let probed = |it: &crate::stage::Transition| it.reason() == "probe_failed";
    let failed = async {
        while !fleet.proxies[0].transitions(OPENAI).iter().any(probed) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("A's probe to fail", failed).await;
    let since = Instant::now();
    let others = traffic(&fleet.proxies[1..]);
    until_all_carry(&fleet.proxies[1..]).await;
    let took = since.elapsed();
    println!(
        "the prober's network is broken: the others carry traffic {took:.1?} after its probe failed"
    );
    assert!(took <= Duration::from_secs(OPEN_SECONDS) + LEASE + MARGIN, "{took:?}");
    others.stop().await;
    busy.stop().await;
    Ok(())
}

/// A fails by its own way, B by the common one, at the same time.
async fn fail_both_ways(fleet: &Fleet, own_way: &Simulator) {
    let chat = llm_breaker_host_tests::client::Call::chat();
    for provider in [own_way, &fleet.provider] {
        provider.queue(std::iter::repeat_with(|| Behaviour::status(500).held()).take(5));
    }
    let (a, b) = (fleet.proxies[0].envoy.client(), fleet.proxies[1].envoy.client());
    let calls = async { tokio::join!(a.burst(5, &chat), b.burst(5, &chat)) };
    let release = async {
        own_way.wait_for_calls(5).await;
        fleet.provider.wait_for_calls(5).await;
        own_way.release();
        fleet.provider.release();
    };
    tokio::join!(calls, release);
    for proxy in &fleet.proxies {
        proxy.until_state(OPEN).await;
    }
    assert_eq!(NAMES.len(), fleet.proxies.len());
}
