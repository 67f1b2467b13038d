//! What one proxy learns, the others know: how soon, and who does not.

use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::is_all;
use crate::stage::{CLOSED, Fleet, Member, NAMES, Proxy};
use crate::trial;

const TRIALS: usize = 50;
/// Within which the others are to know, on a machine that has time for them.
const SOON_MILLISECONDS: i64 = 100;

/// How long after the first proxy each of the others had its breaker open.
async fn one_trial(fleet: &Fleet, number: usize, answer: Behaviour) -> Vec<i64> {
    let (first, others) = fleet.proxies[..4].split_first().expect("four proxies");
    let (breaker, status) = (trial::breaker(number), status_of(&answer));
    fleet.provider.queue([answer]);
    assert_eq!(first.send(&trial::call(number)).await.status, status);
    let opened = first.opening(&breaker).await;
    let mut delays = Vec::new();
    for other in others {
        let heard = other.opening(&breaker).await;
        assert_eq!(heard.reason(), "fleet_announced", "{}", heard.event);
        delays.push(heard.after(&opened));
    }
    delays
}

fn status_of(answer: &Behaviour) -> u16 {
    match answer {
        Behaviour::Status { status, .. } => *status,
        other => panic!("no status: {other:?}"),
    }
}

/// Of numbers in order.
fn quantile(sorted: &[i64], share: f64) -> i64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

async fn assert_untouched(proxy: &Proxy) {
    assert_eq!(proxy.sum("failures_total").await, 0.0, "{}", proxy.show().await);
    assert_eq!(proxy.sum("outcomes_total").await, 0.0, "{}", proxy.show().await);
}

/// Announced to one proxy, known to all of its account: the distribution over fifty trials.
async fn announced(what: &str, policy: &Value, answer: Behaviour) -> Outcome {
    let mut members: Vec<_> = NAMES.iter().map(|name| Member::new(name, policy)).collect();
    members.push(Member { scope: "another".to_owned(), ..Member::new("stranger", policy) });
    let fleet = Fleet::of(&members, |envoy, at| trial::prepare(envoy, TRIALS, at)).await?;
    let mut delays = Vec::new();
    for number in 0..TRIALS {
        delays.extend(one_trial(&fleet, number, answer.clone()).await);
    }
    delays.sort_unstable();
    let soon = delays.iter().filter(|delay| **delay <= SOON_MILLISECONDS).count();
    println!(
        "{what} to one proxy of four, {TRIALS} trials: the others are open after {} ms at least, \
         {} ms in the median, {} ms in 90 %, {} ms in 99 %, {} ms at most; {soon} of {} within {SOON_MILLISECONDS} ms",
        delays[0],
        quantile(&delays, 0.5),
        quantile(&delays, 0.9),
        quantile(&delays, 0.99),
        delays[delays.len() - 1],
        delays.len(),
    );
    assert_eq!(fleet.provider.calls(), TRIALS, "only the first proxy's calls");
    for other in &fleet.proxies[1..4] {
        assert_untouched(other).await;
        assert_eq!(other.send(&trial::call(0)).await.breaker(), Some("open"));
    }
    let stranger = &fleet.proxies[4];
    assert_eq!(stranger.send(&trial::call(0)).await.status, 200, "another account");
    assert_eq!(stranger.sum("state").await, CLOSED, "{}", stranger.show().await);
    if is_all() {
        assert_eq!(soon, delays.len(), "{delays:?}");
    } else {
        assert!(quantile(&delays, 0.5) <= SOON_MILLISECONDS, "{delays:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_is_learnt_once() -> Outcome {
    let policy = json!({"open": {"quota": "600s"}});
    announced("a used-up quota", &policy, Behaviour::status(402)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_wait_that_the_provider_announces_is_learnt_once() -> Outcome {
    let policy = json!({"trip": {"open_on_announced": "60s"}});
    let answer = Behaviour::status_with_header(429, "retry-after", "120");
    announced("one 429 with Retry-After: 120", &policy, answer).await
}
