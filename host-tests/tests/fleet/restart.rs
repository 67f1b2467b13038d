//! A proxy that starts in the middle of an outage knows of it, and for no longer than it lasts.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;

use crate::Outcome;
use crate::amount::{amount, is_all};
use crate::stage::{Fleet, OPEN, Proxy};

/// Within which it is to know, on a machine that has time for it.
const SOON: Duration = Duration::from_secs(1);
/// Seconds are what leases are counted in.
const GRAIN: f64 = 2.0;

/// How long after it was ready it blocked its first call.
async fn until_it_knows(proxy: &Proxy, ready: Instant) -> Duration {
    let known = async {
        while !proxy.is_blocked().await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("a restarted proxy to know", known).await;
    ready.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_proxy_knows_within_a_second_and_for_no_longer_than_it_lasts() -> Outcome {
    let quota = amount(20, 60);
    let policy = json!({"open": {"base": "1s", "quota": format!("{quota}s"), "jitter": 0}});
    let mut fleet = Fleet::start(&policy).await?;
    fleet.provider.queue([Behaviour::status(402)]);
    let opened = Instant::now();
    assert_eq!(fleet.proxies[0].call().await.status, 402);
    for proxy in &fleet.proxies {
        proxy.until_state(OPEN).await;
    }
    // In the middle of what was announced.
    tokio::time::sleep(Duration::from_secs(quota / 3)).await;
    // One that was told by its provider, and one that was told by the other.
    for place in 0..2 {
        let stopped = fleet.proxies.remove(place);
        let restarted = stopped.restart().await?;
        let took = until_it_knows(&restarted, Instant::now()).await;
        let left = quota as f64 - opened.elapsed().as_secs_f64();
        restarted.until_state(OPEN).await;
        let shown = restarted.stat("open_remaining_seconds").await;
        println!(
            "{} was restarted: it knows {took:.2?} after it is ready; {shown} s, of {left:.1} s that are left",
            restarted.name
        );
        assert!(!is_all() || took <= SOON, "{took:?}");
        assert!(shown > 0.0 && shown <= left + GRAIN, "{shown} of {left}");
        fleet.proxies.insert(place, restarted);
    }
    // And then it is over for all of them.
    let over = Duration::from_secs(quota) + Duration::from_secs_f64(GRAIN);
    tokio::time::sleep(over.saturating_sub(opened.elapsed())).await;
    for proxy in &fleet.proxies {
        let passes = async {
            while proxy.call().await.status != 200 {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("a call to pass", passes).await;
        assert!(proxy.transitions(OPENAI).iter().filter(|it| it.opens(OPENAI)).count() <= 1);
    }
    println!("all carry traffic {:.1?} after the quota of {quota} s was used up", opened.elapsed());
    Ok(())
}
