//! Logs whose right answer is known: it is found, and nothing is found where there is nothing.

mod scenes;

use core::time::Duration;
use std::sync::OnceLock;

use super::*;
use crate::config::Config;
use crate::policy::Policy;
use scenes::{End, SLOT, SLOTS, browned_out, hanging, noisy, scene, sparse};

fn advice(calls: &ClusterCalls, prices: &Prices) -> Advice {
    tune(calls, &Policy::default(), prices, |_| {})
}

fn advised(calls: &ClusterCalls) -> Advice {
    advice(calls, &Prices::default())
}

fn is_bad_now_and_then(slot: u64) -> bool {
    slot % 3 == 1
}

/// The advice on an outage that minimum calls hide.
fn hidden() -> &'static Advice {
    static ADVICE: OnceLock<Advice> = OnceLock::new();
    ADVICE.get_or_init(|| advised(&sparse(is_bad_now_and_then)))
}

#[test]
fn an_outage_that_too_high_minimum_calls_hide_is_found() {
    let advice = hidden();
    assert_eq!(advice.reason, Reason::Better, "{}", text(advice, &Prices::default()));
    let Knobs { window, minimum_calls, .. } = advice.chosen().knobs;
    let held = window.expect("by time").as_secs() / 15;
    assert!(u64::from(minimum_calls) <= held, "{minimum_calls} of {held}");
    for bills in [|it: &Tried| it.bills.searched(), |it: &Tried| it.bills.held_back()] {
        let (own, found) = (bills(&advice.own), bills(&advice.found));
        assert_eq!(own.spared, 0, "as it is, it never opens");
        assert!(found.failed * 4 < own.failed, "{found:?} {own:?}");
    }
    let told = text(advice, &Prices::default());
    assert!(told.contains("4 calls in the median minute"), "{told}");
}

#[test]
fn a_lower_limit_is_found_where_calls_hang() {
    let advice = advised(&hanging());
    assert_eq!(advice.reason, Reason::Better, "{}", text(&advice, &Prices::default()));
    let limit = advice.chosen().knobs.first_token.expect("a limit");
    assert!((5..=60).contains(&limit.as_secs()), "{limit:?}");
    assert!(advice.found.bills.held_back().failed < advice.own.bills.held_back().failed);
}

#[test]
fn slowness_opens_only_where_it_costs_something() {
    let calls = browned_out();
    let indifferent = advised(&calls);
    assert_eq!(indifferent.reason, Reason::TooFewFailures);
    let prices = Prices { patience: Some(Duration::from_secs(10)), ..Prices::default() };
    let advice = advice(&calls, &prices);
    assert_eq!(advice.reason, Reason::Better, "{}", text(&advice, &prices));
    let Knobs { slow_rate, slow_first_token, .. } = advice.chosen().knobs;
    let limit = slow_first_token.expect("a limit").as_secs();
    assert!(slow_rate.is_some() && (4..12).contains(&limit), "{:?}", advice.chosen().knobs);
}

#[test]
fn noise_is_not_fitted() {
    for (seed, rate) in [(1, 0.01), (2, 0.05), (3, 0.2)] {
        let advice = advised(&noisy(seed, rate));
        assert!(!advice.reason.is_better(), "{seed}: {}", text(&advice, &Prices::default()));
        assert_eq!(advice.chosen().knobs, advice.own.knobs);
    }
}

#[test]
fn one_incident_is_an_anecdote() {
    let advice = advised(&sparse(|slot| slot == 4));
    assert_eq!(advice.reason, Reason::OneStretch, "{}", text(&advice, &Prices::default()));
    assert!(advice.reason.is_too_little());
    assert!(text(&advice, &Prices::default()).contains("a longer log would tell"));
}

#[test]
fn what_holds_only_where_it_was_searched_is_not_advised() {
    // Where the time is held back, failures are short: what opens by few calls blocks good ones.
    let calls = scene((0..SLOTS * SLOT / 15).map(|place| {
        let second = place * 15;
        let is_held_back = second / SLOT / 3 % 3 == 2;
        let fails = if is_held_back {
            second % SLOT < 45
        } else {
            is_bad_now_and_then(second / SLOT) && place % 4 != 3
        };
        let took = if is_held_back { 1.0 } else { 30.0 };
        (second as f64, if fails { End::Fails(took) } else { End::Whole(1.0) })
    }));
    let advice = advised(&calls);
    assert_eq!(advice.reason, Reason::NotHeldUp, "{}", text(&advice, &Prices::default()));
    assert_eq!(advice.chosen().knobs, advice.own.knobs);
}

#[test]
fn a_log_that_holds_too_little_says_so() {
    let few = scene((0..50).map(|it| (f64::from(it), End::Fails(1.0))));
    assert_eq!(advised(&few).reason, Reason::TooFewCalls);
    let well = scene((0..2_000).map(|it| (f64::from(it), End::Whole(1.0))));
    let advice = advised(&well);
    assert_eq!(advice.reason, Reason::TooFewFailures);
    assert_eq!(advice.tried, 1, "no time is spent on it");
    let nothing = advised(&scene([]));
    assert_eq!(nothing.reason, Reason::TooFewCalls);
    assert!(text(&nothing, &Prices::default()).contains("too few calls"));
}

#[test]
fn the_front_goes_from_careful_to_eager_and_is_the_same_each_time() {
    let prices = Prices::default();
    let one = hidden();
    assert!((2..=8).contains(&one.front.len()), "{:?}", one.front);
    for pair in one.front.windows(2) {
        let [careful, eager] = pair else { continue };
        let [careful, eager] = [careful, eager].map(|it| it.bills.searched());
        assert!(careful.blocked_good < eager.blocked_good);
        assert!(careful.cost_of_failures(&prices) > eager.cost_of_failures(&prices));
    }
    let again = advised(&sparse(is_bad_now_and_then));
    assert_eq!(text(one, &prices), text(&again, &prices));
    assert_eq!(yaml(std::slice::from_ref(one), &prices), yaml(&[again], &prices));
}

fn parsed(yaml: &str) -> Config {
    let document: serde_json::Value = serde_saphyr::from_str(yaml).expect(yaml);
    Config::parse(document.to_string().as_bytes())
        .unwrap_or_else(|errors| panic!("{yaml}: {errors}"))
}

#[test]
fn what_is_written_is_a_configuration_that_says_what_was_found() {
    let prices = Prices { patience: Some(Duration::from_secs(10)), ..Prices::default() };
    let mut odd = sparse(is_bad_now_and_then);
    odd.cluster = "a \"quoted\" *\n# name: {of} a cluster".into();
    let mut few = scene((0..50).map(|it| (f64::from(it), End::Fails(1.0))));
    few.cluster = "sparse".into();
    let mut slow = browned_out();
    slow.cluster = "slow".into();
    let advices = [&odd, &hanging(), &slow, &few].map(|it| advice(it, &prices));
    let written = yaml(&advices, &prices);
    let config = parsed(&written);
    assert_eq!(config.breakers.len(), 3, "{written}");
    for advice in &advices {
        assert_eq!(
            Knobs::of(config.policy_for(&advice.cluster)),
            advice.chosen().knobs,
            "{written}"
        );
    }
    assert!(written.contains("# On the time searched"), "{written}");
    let nothing = yaml(&advices[3..], &prices);
    assert_eq!(parsed(&nothing), Config::default(), "{nothing}");
    assert!(nothing.contains("# sparse: leave it"), "{nothing}");
}

#[test]
fn an_entry_holds_by_itself_whatever_it_began_with() {
    let mut base = Policy::default();
    base.slow.first_token = Some(Duration::from_secs(150));
    base.limits.first_token = Some(Duration::from_secs(300));
    let prices = Prices::default();
    let advice = tune(&sparse(is_bad_now_and_then), &base, &prices, |_| {});
    assert_eq!(advice.reason, Reason::Better);
    let written = yaml(std::slice::from_ref(&advice), &prices);
    let config = parsed(&written);
    assert_eq!(Knobs::of(config.policy_for(&advice.cluster)), advice.chosen().knobs, "{written}");
}

#[test]
fn the_oldest_calls_give_way() {
    let calls = noisy(1, 0.1).calls;
    let mut traffic = Traffic::of_at_most(100);
    calls.iter().cloned().for_each(|call| traffic.add(call));
    assert_eq!(traffic.given_way(), calls.len() as u64 - 100);
    let (clusters, further) = traffic.clusters(8);
    assert_eq!((clusters.len(), further), (1, 0));
    assert_eq!(clusters[0].calls, calls[calls.len() - 100..]);
}

#[test]
fn the_oldest_give_way_whatever_was_read_last() {
    let calls = noisy(1, 0.1).calls;
    let (older, newer) = calls.split_at(calls.len() / 2);
    let mut traffic = Traffic::of_at_most(100);
    newer.iter().chain(older).cloned().for_each(|call| traffic.add(call));
    assert_eq!(traffic.clusters(8).0[0].calls, calls[calls.len() - 100..]);
}
