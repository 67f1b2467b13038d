//! A proxy that starts in the middle of an outage knows of it, and for no longer than it lasts.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::is_all;
use crate::stage::{FACTS, Fleet, Member, NAMES, Proxy};
use crate::trial;

/// For how long the provider says that the quota is used up.
const QUOTA: Duration = Duration::from_hours(1);
/// Within which a proxy is to know, on a machine that has time for it.
const SOON: Duration = Duration::from_secs(1);
/// Seconds are what leases are counted in.
const GRAIN: Duration = Duration::from_secs(2);
/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(10);

fn policy() -> Value {
    json!({"open": {"base": "1s", "quota": format!("{}s", QUOTA.as_secs()), "jitter": 0}})
}

/// How long after it was ready it blocked its first call.
async fn until_it_knows(proxy: &Proxy, ready: Instant, call: &Call) -> Duration {
    let known = async {
        while proxy.send(call).await.breaker() != Some("open") {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("a restarted proxy to know", known).await;
    ready.elapsed()
}

/// Another process in the place of that proxy, which is to know at once; and when it was ready.
async fn restarted(fleet: &mut Fleet, place: usize, call: &Call) -> Outcome<Instant> {
    let proxy = fleet.proxies.remove(place).restart().await?;
    let ready = Instant::now();
    let took = until_it_knows(&proxy, ready, call).await;
    println!("{} was restarted: it knows {took:.2?} after it is ready", proxy.name);
    assert!(took <= if is_all() { SOON } else { SOON + MARGIN }, "{took:?}");
    fleet.proxies.insert(place, proxy);
    Ok(ready)
}

/// Of a breaker, for how long it shows itself open.
async fn remaining(proxy: &Proxy, breaker: &str) -> Duration {
    let shown = async {
        loop {
            let seconds = proxy.stat_of(breaker, "open_remaining_seconds").await;
            if seconds > 0.0 {
                return Duration::from_secs_f64(seconds);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("an open breaker", shown).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_proxy_knows_within_a_second_what_is_open() -> Outcome {
    let mut fleet = Fleet::start(&policy()).await?;
    fleet.provider.queue([Behaviour::status(402)]);
    let opened = Instant::now();
    assert_eq!(fleet.proxies[0].call().await.status, 402);
    for proxy in &fleet.proxies {
        proxy.opening(OPENAI).await;
    }
    // One that was told by its provider, and one that was told by the other.
    for place in 0..2 {
        restarted(&mut fleet, place, &Call::chat()).await?;
        let shown = remaining(&fleet.proxies[place], OPENAI).await;
        let left = QUOTA - opened.elapsed();
        println!("{shown:?} are shown, of {left:.1?} that are left");
        assert!(shown <= left + GRAIN && shown + MARGIN >= left, "{shown:?} of {left:?}");
    }
    Ok(())
}

/// In the middle of the hour of a quota: what was said then says a whole hour, and its lease ends with
/// it.
async fn as_told_before(fleet: &Fleet, trial: usize, left: Duration) -> Outcome<Instant> {
    let said = json!({
        "state": "open", "basis": "announced", "reason": "quota_exhausted",
        "remaining_ms": u64::try_from(QUOTA.as_millis())?,
    });
    let key = format!("{FACTS}{}/elsewhere/elsewhere", trial::breaker(trial));
    let seconds = u32::try_from(left.as_secs())?;
    let since = Instant::now();
    fleet.etcd.control().put_for(&key, &said.to_string(), seconds).await?;
    Ok(since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_proxy_believes_it_for_no_longer_than_it_lasts() -> Outcome {
    const HALF: Duration = Duration::from_mins(30);
    const SHORT: Duration = Duration::from_secs(10);
    let members: Vec<_> = NAMES[..2].iter().map(|name| Member::new(name, &policy())).collect();
    let mut fleet = Fleet::of(&members, |envoy, at| trial::prepare(envoy, 2, at)).await?;
    let half = as_told_before(&fleet, 0, HALF).await?;
    let short = as_told_before(&fleet, 1, SHORT).await?;
    restarted(&mut fleet, 0, &trial::call(0)).await?;
    let [late, early] = &fleet.proxies[..] else { panic!("two") };
    let shown = remaining(late, &trial::breaker(0)).await;
    let left = HALF - half.elapsed();
    println!("half an hour later: {shown:?} are shown, of {left:.1?} that are left");
    assert!(shown <= left + GRAIN && shown + MARGIN >= left, "{shown:?} of {left:?}");
    // And when it is over, it is.
    let passes = async {
        while late.send(&trial::call(1)).await.status != 200 {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("a call to pass", passes).await;
    let took = short.elapsed();
    println!("what lasted for {SHORT:?} more held for {took:.1?}");
    assert!(took <= SHORT + GRAIN + MARGIN, "{took:?}");
    // Who was there when it was said takes it at its word.
    let blocked = early.send(&trial::call(1)).await;
    assert_eq!(blocked.breaker(), Some("open"));
    Ok(())
}
