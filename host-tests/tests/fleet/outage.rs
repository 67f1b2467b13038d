//! What proxies only observe: it takes independent witnesses, and one broken network is none.

use std::time::Duration;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::OPENAI;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::amount;
use crate::stage::{CLOSED, FACTS, Fleet, Member, NAMES, OPEN, Proxy};

fn policy() -> Value {
    json!({"open": {"base": "60s", "max": "60s"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_witnesses_open_it_for_those_who_saw_nothing() -> Outcome {
    let fleet = Fleet::start(&policy()).await?;
    fleet.provider.behave(Behaviour::status(500));
    fleet.fail_at_once(2, 5).await;
    for proxy in &fleet.proxies[..2] {
        assert_eq!(proxy.opening(OPENAI).await.reason(), "consecutive_failures");
    }
    for proxy in &fleet.proxies[2..] {
        assert_eq!(proxy.opening(OPENAI).await.reason(), "fleet_corroborated");
        assert!(proxy.is_blocked().await);
        assert_eq!(proxy.sum("failures_total").await, 0.0);
    }
    assert_eq!(fleet.provider.calls(), 10, "nobody else paid");
    let facts = fleet.etcd.control().entries(FACTS).await?;
    assert_eq!(facts.len(), 2, "who only heard of it says nothing: {facts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_one_witness_a_first_failure_is_enough() -> Outcome {
    let fleet = Fleet::start(&policy()).await?;
    fleet.provider.behave(Behaviour::status(500));
    let watch = fleet.etcd.control().watch(FACTS, 1)?;
    for _ in 0..5 {
        assert_eq!(fleet.proxies[0].call().await.status, 500);
    }
    assert_eq!(fleet.proxies[0].state().await, OPEN);
    watch.wait_for(|event| event.entry.key.contains("/a/a")).await;
    for proxy in &fleet.proxies[1..] {
        assert_eq!(proxy.state().await, CLOSED, "one opinion opens nothing");
        // Who has not heard yet pays once more, and hears meanwhile.
        proxy.call().await;
        proxy.until_state(OPEN).await;
        assert!(proxy.is_blocked().await);
    }
    assert_eq!(fleet.provider.calls(), 8, "five, and one each");
    let facts = fleet.etcd.control().entries(FACTS).await?;
    assert_eq!(facts.len(), 1, "a lowered threshold is no witness: {facts:?}");
    Ok(())
}

/// As soon as they have heard of one witness, C and D pay once at most, until the second opens it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_traffic_while_two_find_out_pays_once_at_most() -> Outcome {
    let fleet = Fleet::start(&policy()).await?;
    fleet.provider.behave(Behaviour::status(500));
    fleet.fail_at_once(2, 5).await;
    for proxy in &fleet.proxies[2..] {
        proxy.until_it_heard().await;
    }
    for proxy in &fleet.proxies[2..] {
        while !proxy.is_blocked().await {}
        let failures = proxy.sum("failures_total").await;
        println!("{}: {failures} of its own calls failed before its breaker was open", proxy.name);
        assert!(failures <= 1.0, "{}", proxy.show().await);
    }
    assert!(fleet.provider.calls() <= 12, "five of A and of B, and one each of C and D");
    Ok(())
}

/// Thirty sidecars of one bad node are one witness.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_proxies_of_one_domain_are_one_witness() -> Outcome {
    let mut members: Vec<_> = NAMES.iter().map(|name| Member::new(name, &policy())).collect();
    for member in &mut members[..2] {
        member.domain = Some("one bad node".to_owned());
    }
    let fleet = Fleet::of(&members, |envoy, _| envoy).await?;
    fleet.fail_at_once(2, 5).await;
    for proxy in &fleet.proxies[..2] {
        proxy.opening(OPENAI).await;
    }
    let watch = fleet.etcd.control().watch(FACTS, 1)?;
    watch.wait_for(|event| event.entry.key.contains("one%20bad%20node")).await;
    for proxy in &fleet.proxies[2..] {
        for _ in 0..20 {
            assert_eq!(proxy.call().await.status, 200, "{}", proxy.show().await);
        }
        assert!(proxy.transitions(OPENAI).is_empty());
    }
    Ok(())
}

/// Ten minutes of the real thing pass on virtual time elsewhere; here are as many calls as they have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broken_network_cuts_off_nobody_else() -> Outcome {
    // What lasts for less than 5 s is not published.
    let policy = json!({"open": {"base": "6s", "max": "6s"}});
    let mut fleet = Fleet::start(&policy).await?;
    // A's own way to the provider, which nobody answers on.
    let mut unreachable = Simulator::start().await?;
    unreachable.refuse().await;
    let broken = Member::new("a", &policy).envoy(unreachable.address(), fleet.etcd.address());
    fleet.proxies[0] = Proxy::start("a", broken).await?;
    fleet.proxies[0].until_connected(true).await;
    let mut calls_of_others = 0;
    let mut due = tokio::time::interval(Duration::from_millis(10));
    for round in 0..amount(150, 3_000) {
        due.tick().await;
        fleet.proxies[0].call().await;
        for proxy in &fleet.proxies[1..] {
            calls_of_others += 1;
            // Two in a hundred, never the very first that follows what A says.
            let fails = round % 50 == 49;
            fleet.provider.queue(fails.then(|| Behaviour::status(500)));
            let answer = proxy.send(&Call::chat()).await;
            assert_eq!(answer.status, if fails { 500 } else { 200 }, "{}", proxy.show().await);
        }
    }
    let openings =
        fleet.proxies[0].transitions(OPENAI).iter().filter(|it| it.opens(OPENAI)).count();
    assert!(openings >= amount(1, 3), "it probes, and fails");
    for proxy in &fleet.proxies[1..] {
        assert!(proxy.transitions(OPENAI).is_empty(), "{}", proxy.show().await);
    }
    println!(
        "one broken network: {calls_of_others} calls of the others, 2 % of them failing, opened nothing"
    );
    Ok(())
}
