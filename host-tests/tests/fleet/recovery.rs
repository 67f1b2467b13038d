//! Probing is shared: one proxy at a time, and nobody waits for ever for one that cannot.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::Outcome;
use crate::journal::Logged;
use crate::stage::{CLOSED, Fleet, Member, Proxy};
use crate::steady::Steady;

/// How long a breaker is open; what lasts for less than 5 s is not published.
const OPEN: Duration = Duration::from_secs(7);
/// How long a probe may take before another may go out.
const LEASE: Duration = Duration::from_secs(4);
/// Who waits for another's probe does so for its lease and up to a quarter more.
const PATIENCE_MAX: Duration = Duration::from_secs(5);
const TURNS: &str = "/llm-breaker/turn/v1/acme/";
/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(5);

fn policy(lease: Duration) -> Value {
    let open = format!("{}s", OPEN.as_secs());
    json!({
        "open": {"base": open, "multiplier": 1, "max": open, "jitter": 0},
        "half_open": {"lease": format!("{}s", lease.as_secs())},
    })
}

/// Their breakers are open since just now, as two of them found out.
async fn all_open(lease: Duration) -> Outcome<Fleet> {
    let fleet = Fleet::start(&policy(lease)).await?;
    fleet.fail_at_once(2, 5).await;
    for proxy in &fleet.proxies {
        proxy.opening(OPENAI).await;
    }
    assert_eq!(fleet.provider.calls(), FAILED);
    Ok(fleet)
}

/// The calls that it took.
const FAILED: usize = 10;

/// Twenty calls a second to each of these.
fn traffic(proxies: &[Proxy]) -> Steady {
    let addresses: Vec<_> = proxies.iter().map(|proxy| proxy.envoy.address()).collect();
    let per_second = 20 * u32::try_from(addresses.len()).expect("a few");
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
                .burst(10, &Call::chat())
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
    // Nobody loses patience meanwhile, however busy the machine is.
    let fleet = all_open(10 * LEASE).await?;
    fleet.provider.behave(Behaviour::Healthy.held());
    let traffic = traffic(&fleet.proxies);
    fleet.provider.wait_for_calls(FAILED + 1).await;
    // The others' own times are over by now, too.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((fleet.provider.calls(), fleet.provider.in_flight()), (FAILED + 1, 1));
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
    let mut fleet = all_open(LEASE).await?;
    // The first probe is never answered; whoever probes after it is.
    fleet.provider.queue([Behaviour::Hang]);
    fleet.provider.behave(Behaviour::Healthy);
    let busy = traffic(&fleet.proxies);
    fleet.provider.wait_for_calls(FAILED + 1).await;
    let since = Instant::now();
    let prober = holder(&fleet).await?;
    fleet.proxies.retain(|proxy| proxy.name != prober);
    assert_eq!(fleet.provider.calls(), FAILED + 1, "the prober died with its call");
    fleet.provider.wait_for_calls(FAILED + 2).await;
    let took = since.elapsed();
    until_all_carry(&fleet.proxies).await;
    busy.stop().await;
    println!(
        "{prober} died while it probed: another probed {took:.1?} after it had; its lease is {LEASE:?}"
    );
    assert!(took >= LEASE / 2, "it was its turn still: {took:?}");
    assert!(took <= PATIENCE_MAX + MARGIN, "{took:?}");
    Ok(())
}

/// Whoever has the turn and nothing to send, the others wait for its lease at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_traffic_keeps_nobody_waiting() -> Outcome {
    let fleet = all_open(LEASE).await?;
    let since = Instant::now();
    fleet.provider.behave(Behaviour::Healthy);
    // Refused once, shortly before its time is over, D asks for the turn; and then it is quiet.
    let quiet = &fleet.proxies[3];
    while quiet.stat("open_remaining_seconds").await > 2.0 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let turns = fleet.etcd.control().watch(TURNS, 1)?;
    assert!(quiet.is_blocked().await);
    turns.wait_for(|event| event.entry.value.ends_with("/d")).await;
    let busy = traffic(&fleet.proxies[..3]);
    fleet.provider.wait_for_calls(FAILED + 1).await;
    let took = since.elapsed();
    until_all_carry(&fleet.proxies[..3]).await;
    quiet.until_state(CLOSED).await;
    busy.stop().await;
    println!(
        "a proxy without traffic had the turn: another probed {took:.1?} after all were open for {OPEN:?}"
    );
    assert!(took <= OPEN + PATIENCE_MAX + MARGIN, "{took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prober_whose_network_is_broken_lets_the_others_try() -> Outcome {
    let mut fleet = Fleet::start(&policy(LEASE)).await?;
    // A's own way to the provider can be cut.
    let mut own_way = Simulator::start().await?;
    let a = Member::new("a", &policy(LEASE)).envoy(own_way.address(), fleet.etcd.address());
    fleet.proxies[0] = Proxy::start("a", a).await?;
    fleet.until_connected(true).await;
    fail_both_ways(&fleet, &own_way).await;
    own_way.refuse().await;
    // A alone has traffic, so A probes first, and fails.
    let busy = traffic(&fleet.proxies[..1]);
    let is_failed_probe =
        |it: &Logged| it.is_transition_of(OPENAI) && it.reason() == "probe_failed";
    fleet.proxies[0].until_logged("A's probe fails", 1, is_failed_probe).await;
    let since = Instant::now();
    let others = traffic(&fleet.proxies[1..]);
    until_all_carry(&fleet.proxies[1..]).await;
    let took = since.elapsed();
    println!(
        "the prober's network is broken: the others carry traffic {took:.1?} after its probe failed"
    );
    assert!(took <= OPEN + PATIENCE_MAX + MARGIN, "{took:?}");
    let failed = fleet.proxies[0].logged(is_failed_probe).len();
    assert_eq!(failed, 1, "after a probe that failed it is another's turn");
    others.stop().await;
    busy.stop().await;
    Ok(())
}

/// A fails by its own way, B by the common one, at the same time.
async fn fail_both_ways(fleet: &Fleet, own_way: &Simulator) {
    let chat = Call::chat();
    for provider in [own_way, &fleet.provider] {
        provider.queue(std::iter::repeat_with(|| Behaviour::status(500).held()).take(5));
    }
    let (a, b) = (fleet.proxies[0].envoy.client(), fleet.proxies[1].envoy.client());
    let calls = async { tokio::join!(a.burst(5, &chat), b.burst(5, &chat)) };
    let release = async {
        own_way.wait_for_calls(5).await;
        fleet.provider.wait_for_calls(5).await;
        // As in `Fleet::fail_at_once`: neither is to hear of the other first.
        fleet.etcd.freeze().await.expect("an etcd");
        own_way.release();
        fleet.provider.release();
    };
    tokio::join!(calls, release);
    fleet.etcd.thaw().await.expect("an etcd");
    for proxy in &fleet.proxies {
        proxy.opening(OPENAI).await;
    }
}
