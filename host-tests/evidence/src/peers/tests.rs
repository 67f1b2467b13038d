use super::*;
use crate::traffic::{error, seconds};

fn at(second: f64) -> Instant {
    crate::traffic::at(second)
}

fn ended(end: End) -> Heard {
    Heard { end, lasted: seconds(1.0) }
}

/// Let calls through one by one, a second apart, until one opens it; how many it took.
fn opens_after(rule: &mut impl Rule, end: End) -> Option<u32> {
    (0..3_000).find_map(|number| {
        let now = at(0.01 * f64::from(number));
        let generation = rule.admits(now)?;
        rule.hears(&ended(end), generation, now).then_some(number + 1)
    })
}

#[test]
fn each_opens_after_as_many_failures_as_its_documentation_says() {
    assert_eq!(opens_after(&mut OutlierDetection::default(), error(500)), Some(5));
    assert_eq!(opens_after(&mut OutlierDetection::default(), error(429)), None);
    assert_eq!(opens_after(&mut OutlierDetection::default(), End::Cut), None);
    assert_eq!(opens_after(&mut Gobreaker::default(), error(500)), Some(6));
    assert_eq!(opens_after(&mut Gobreaker::default(), End::Left), Some(6));
    assert_eq!(opens_after(&mut Resilience4j::default(), error(500)), Some(100));
    let several = || Cooldown::new(Group::OneOfSeveral);
    assert_eq!(opens_after(&mut several(), error(500)), Some(5));
    assert_eq!(opens_after(&mut several(), error(429)), Some(1));
    assert_eq!(opens_after(&mut Cooldown::new(Group::Alone), error(500)), Some(1_000));
}

#[test]
fn envoy_ejects_for_longer_each_time_and_lets_back_at_a_sweep() {
    let mut rule = OutlierDetection::default();
    assert!(rule.admits(at(0.0)).is_some());
    let fail =
        |rule: &mut OutlierDetection, now| (0..5).any(|_| rule.hears(&ended(error(503)), 0, now));
    assert!(fail(&mut rule, at(1.0)));
    assert!(rule.admits(at(39.9)).is_none());
    assert!(rule.admits(at(40.0)).is_some(), "the first sweep after 30 s");
    assert!(fail(&mut rule, at(41.0)));
    assert!(rule.admits(at(109.9)).is_none());
    assert!(rule.admits(at(110.0)).is_some(), "twice 30 s");
}

#[test]
fn gobreaker_lets_one_try_and_hears_none_of_another_generation() {
    let mut rule = Gobreaker::default();
    let before = rule.admits(at(0.0)).expect("closed");
    assert!((0..6).any(|_| rule.hears(&ended(error(500)), before, at(0.0))));
    assert_eq!(rule.admits(at(59.0)), None);
    let trial = rule.admits(at(60.0)).expect("half-open");
    assert_eq!(rule.admits(at(60.0)), None);
    assert!(!rule.hears(&ended(error(500)), before, at(61.0)));
    assert!(!rule.hears(&ended(End::Whole), trial, at(62.0)));
    assert!(rule.admits(at(62.0)).is_some());
}

#[test]
fn resilience4j_lets_ten_try_and_judges_them_together() {
    let mut rule = Resilience4j::default();
    assert_eq!(opens_after(&mut rule, error(500)), Some(100));
    assert!(rule.admits(at(30.0)).is_none());
    for _ in 0..10 {
        assert!(rule.admits(at(70.0)).is_some());
    }
    assert!(rule.admits(at(70.0)).is_none());
    for number in 0..10 {
        let end = if number < 4 { error(500) } else { End::Whole };
        assert!(!rule.hears(&ended(end), 0, at(71.0)), "{number}");
    }
    assert!(rule.admits(at(71.0)).is_some(), "four of ten are borne");
}

#[test]
fn litellm_rests_for_as_long_as_it_is_told() {
    let mut rule = Cooldown::new(Group::OneOfSeveral);
    assert!(rule.hears(&ended(error(429)), 0, at(0.0)));
    assert!(rule.admits(at(4.9)).is_none());
    assert!(rule.admits(at(5.0)).is_some());
    let retry_after = Some(seconds(20.0));
    assert!(rule.hears(&ended(End::Error { status: 429, retry_after }), 0, at(5.0)));
    assert!(rule.admits(at(24.9)).is_none());
    assert!(rule.admits(at(25.0)).is_some());
}
