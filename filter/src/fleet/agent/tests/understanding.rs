//! What does it make of what it reads and hears?

use super::stage::{ANNOUNCED, CLOSED, OBSERVED, Stage, fact, keys, node, record};
use crate::breaker::Hint;
use crate::category::Category;
use crate::fleet::{Effect, News, Says};
use crate::stats::Ignored;
use crate::time::Instant;
use core::time::Duration;

#[test]
fn what_is_heard_as_it_is_written_holds_as_long_as_it_says() {
    let mut stage = Stage::connected();
    stage.written(fact(1, ANNOUNCED, 11, 5));
    let hint = stage.hint().expect("told at once");
    assert_eq!(hint.announced_until, stage.seconds(300));
    assert_eq!(hint.because, Some(Category::QuotaExhausted));
    assert_eq!((hint.revision, hint.opened_at, hint.closed_at), (11, 11, 0));
    stage.written(fact(1, CLOSED, 12, 6));
    let hint = stage.hint().expect("told at once");
    assert_eq!((hint.announced_until, hint.opened_at, hint.closed_at), (Instant::ZERO, 0, 12));
}

#[test]
fn what_is_read_later_holds_no_longer_than_its_lease() {
    let mut stage = Stage::new();
    stage.tick();
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, vec![fact(1, ANNOUNCED, 5, 77)]);
    assert_eq!(stage.hint(), None, "how old it is, is not known yet");
    stage.answer_time_to_live(100);
    assert_eq!(stage.hint().expect("told").announced_until, stage.seconds(100));
}

#[test]
fn what_is_read_with_more_left_than_it_says_holds_as_long_as_it_says() {
    let mut stage = Stage::new();
    stage.tick();
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, vec![fact(1, ANNOUNCED, 5, 77)]);
    stage.answer_time_to_live(3_000);
    assert_eq!(stage.hint().expect("told").announced_until, stage.seconds(300));
}

#[test]
fn what_has_no_lease_or_outlived_it_is_not_believed_when_it_is_read() {
    let mut stage = Stage::new();
    stage.tick();
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, Vec::new());
    stage.answer_page(10, vec![fact(1, ANNOUNCED, 5, 0), fact(2, ANNOUNCED, 6, 77)]);
    stage.answer_time_to_live(-1);
    assert!(stage.hint().is_none_or(|hint| hint.announced_until == Instant::ZERO));
    assert_eq!(stage.ignored(Ignored::Value), 1);
}

#[test]
fn reading_the_same_again_makes_nothing_last_longer() {
    let mut stage = Stage::connected();
    stage.written(fact(1, ANNOUNCED, 11, 5));
    let until = stage.hint().expect("told").announced_until;
    stage.pass(50);
    stage.on(crate::fleet::Event::Closed);
    stage.wake();
    stage.answer_page(11, Vec::new());
    stage.answer_page(11, Vec::new());
    stage.answer_page(11, vec![fact(1, ANNOUNCED, 11, 5)]);
    assert_eq!(stage.calls(), [], "what is known need not be asked about");
    stage.create_watches(11);
    assert_eq!(stage.hint().expect("told again").announced_until, until);
}

#[test]
fn nobody_is_believed_for_longer_than_the_configuration_says() {
    let mut stage = Stage::connected();
    let forever = r#"{"state":"open","basis":"announced","remaining_ms":18446744073709551615}"#;
    stage.written(fact(1, forever, 11, 5));
    assert_eq!(stage.hint().expect("told").announced_until, stage.seconds(3_600));
}

#[test]
fn observations_count_by_domains() {
    let mut stage = Stage::connected();
    stage.written(fact(1, OBSERVED, 11, 5));
    let hint = stage.hint().expect("told");
    assert_eq!(hint.suspected_until, stage.seconds(30));
    assert_eq!(hint.corroborated_until, Instant::ZERO);
    let neighbour = crate::fleet::Node { name: "another".to_owned(), ..node(1) };
    let key = keys().fact("openai", &neighbour);
    stage.written(record(key, OBSERVED, 12, 5));
    assert_eq!(stage.hint().expect("told").corroborated_until, Instant::ZERO, "one witness still");
    stage.written(fact(2, OBSERVED, 13, 5));
    assert_eq!(stage.hint().expect("told").corroborated_until, stage.seconds(30));
    stage.pass(31);
    let hint = stage.hint().expect("told");
    assert_eq!(hint.corroborated_until, Instant::ZERO, "words end by themselves");
}

#[test]
fn a_probe_is_no_witness() {
    let mut stage = Stage::connected();
    let probe = r#"{"state":"open","basis":"probe","reason":"timeout","remaining_ms":60000}"#;
    stage.written(fact(1, probe, 11, 5));
    let hint = stage.hint().expect("told");
    assert_eq!((hint.suspected_until, hint.witnesses), (Instant::ZERO, 0));
    stage.written(fact(2, OBSERVED, 12, 5));
    let hint = stage.hint().expect("told");
    assert_eq!(hint.suspected_until, stage.seconds(30));
    assert_eq!(hint.corroborated_until, Instant::ZERO);
    assert_eq!(hint.wide_until, Instant::ZERO);
    assert_eq!(hint.probed_until, stage.seconds(60));
    stage.written(fact(3, OBSERVED, 13, 5));
    assert_eq!(stage.hint().expect("told").wide_until, stage.seconds(30));
    stage.written(fact(4, probe, 14, 5));
    assert_eq!(stage.hint().expect("told").wide_until, stage.seconds(60), "now it lengthens");
}

#[test]
fn records_that_end_move_nothing() {
    let mut stage = Stage::connected();
    stage.written(fact(1, ANNOUNCED, 11, 5));
    let before = stage.hint();
    stage.effects.clear();
    stage.deleted(keys().fact("openai", &node(1)), 12);
    assert_eq!(stage.hint(), None);
    stage.pass(1);
    let after = stage.hint().expect("told again");
    assert_eq!(before.map(|it| it.announced_until), Some(after.announced_until));
}

#[test]
fn older_words_are_void_after_a_closed_whoever_spoke_it_and_whenever_they_are_read() {
    let mut stage = Stage::connected();
    stage.written(fact(1, CLOSED, 20, 5));
    stage.on(crate::fleet::Event::Closed);
    stage.wake();
    stage.answer_page(20, Vec::new());
    stage.answer_page(20, Vec::new());
    stage.answer_page(20, vec![fact(2, ANNOUNCED, 19, 5), fact(1, CLOSED, 20, 5)]);
    stage.answer_time_to_live(200);
    let hint = stage.hint().expect("told");
    assert_eq!((hint.announced_until, hint.closed_at), (Instant::ZERO, 20));
}

#[test]
fn another_store_begins_another_order_and_ends_no_words() {
    let mut stage = Stage::connected();
    stage.written(fact(1, ANNOUNCED, 11, 5));
    let Hint { announced_until: until, store, .. } = stage.hint().expect("told");
    stage.on(crate::fleet::Event::Closed);
    stage.wake();
    for _ in 0..3 {
        stage.answer_page(2, Vec::new());
    }
    stage.create_watches(2);
    let hint = stage.hint().expect("told again");
    assert_eq!((hint.announced_until, hint.opened_at, hint.revision), (until, 0, 2));
    assert_ne!(hint.store, store, "although it says that it is the same cluster");
    stage.written(fact(1, CLOSED, 3, 5));
    let hint = stage.hint().expect("told");
    assert_eq!((hint.announced_until, hint.closed_at), (Instant::ZERO, 3));
}

#[test]
fn another_store_that_counts_further_is_known_by_its_leases() {
    for (revision, lease) in [(11, 6), (9, 6)] {
        let mut stage = Stage::connected();
        stage.written(fact(1, ANNOUNCED, 11, 5));
        let store = stage.hint().expect("told").store;
        stage.on(crate::fleet::Event::Closed);
        stage.wake();
        stage.answer_page(40, Vec::new());
        stage.answer_page(40, Vec::new());
        stage.answer_page(40, vec![fact(1, OBSERVED, revision, lease)]);
        assert!(!stage.did(&Effect::OpenWatch), "it is read from the beginning again");
        stage.wake();
        stage.answer_page(40, Vec::new());
        stage.answer_page(40, Vec::new());
        stage.answer_page(40, vec![fact(1, OBSERVED, revision, lease)]);
        stage.answer_time_to_live(20);
        let hint = stage.hint().expect("told");
        assert_ne!(hint.store, store);
        assert_eq!(hint.suspected_until, stage.seconds(20), "the new word is heard");
        assert_eq!(hint.opened_at, revision as u64);
    }
}

#[test]
fn what_this_proxy_found_out_voids_what_was_said_before_the_store_has_it() {
    let mut stage = Stage::connected();
    stage.written(fact(1, ANNOUNCED, 11, 5));
    stage.tell(News::Closed { proven: true });
    stage.pass(1);
    assert_eq!(stage.hint().expect("told").announced_until, Instant::ZERO);
}

#[test]
fn its_own_word_from_before_a_restart_counts_and_one_that_it_remembers_does_not() {
    let mut stage = Stage::connected();
    stage.written(fact(0, ANNOUNCED, 11, 5));
    assert_eq!(stage.hint().expect("told").announced_until, stage.seconds(300));
    let mut stage = Stage::connected();
    let (basis, reason) = (Some(crate::fleet::Basis::Announced), Category::QuotaExhausted);
    stage.tell(News::Opened { basis, reason, until: stage.seconds(300) });
    stage.written(fact(0, ANNOUNCED, 11, 5));
    let hint = stage.hint().expect("told");
    assert_eq!((hint.announced_until, hint.wide_until), (Instant::ZERO, stage.seconds(300)));
}

#[test]
fn strangers_are_counted_and_heard_once_they_are_known() {
    let mut stage = Stage::connected();
    stage.known.clear();
    stage.written(fact(1, ANNOUNCED, 11, 5));
    assert_eq!((stage.ignored(Ignored::UnknownBreaker), stage.hint()), (1, None));
    stage.pass(1);
    assert_eq!(stage.hint(), None);
    stage.known = vec!["openai"];
    stage.pass(1);
    assert!(stage.hint().is_some_and(|hint| hint.announced_until > stage.now));
}

#[test]
fn words_of_strangers_make_room_for_those_on_ones_own() {
    let mut stage = Stage::connected();
    for number in 0..5_000 {
        let key = keys().fact(&format!("a-stranger-{number}"), &node(1));
        stage.written(record(key, OBSERVED, 11 + number, 5));
    }
    assert!(stage.ignored(Ignored::OverLimit) > 0);
    stage.written(fact(1, ANNOUNCED, 6_000, 5));
    assert_eq!(stage.hint().expect("told").announced_until, stage.seconds(300));
}

#[test]
fn so_do_those_on_breakers_that_it_could_have_and_has_not() {
    // Together they hold as many words as there may be.
    const LISTED: [&str; 16] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let mut stage = Stage::connected();
    stage.known = [&LISTED[..], &["openai"]].concat();
    stage.listed.clone_from(&stage.known);
    for number in 0..4_096 {
        let key = keys().fact(LISTED[number % 16], &node(number));
        stage.written(record(key, OBSERVED, 11 + number as i64, 5));
    }
    assert_eq!(stage.ignored(Ignored::OverLimit), 0);
    stage.written(fact(1, ANNOUNCED, 6_000, 5));
    assert_eq!(stage.ignored(Ignored::OverLimit), 1, "this one is no better");
    stage.listed = LISTED.into();
    stage.written(fact(1, ANNOUNCED, 6_001, 5));
    assert_eq!(stage.ignored(Ignored::OverLimit), 1);
    assert_eq!(stage.agent.seen_of("openai", stage.now).map(|seen| seen.words.len()), Some(1));
}

#[test]
fn it_can_be_asked_who_said_what() {
    let mut stage = Stage::connected();
    stage.written(fact(1, OBSERVED, 11, 5));
    stage.written(record(keys().turn("openai"), "zone-2/node-2", 12, 6));
    let seen = stage.agent.seen_of("openai", stage.now).expect("something is known");
    assert_eq!(seen.probes, Some(node(2)));
    assert_eq!(seen.words.len(), 1);
    assert_eq!((&seen.words[0].by, seen.words[0].until), (&node(1), stage.seconds(30)));
    assert!(matches!(seen.words[0].says, Says::Open { .. }));
    assert_eq!(stage.agent.seen_of("azure", stage.now), None);
}

#[test]
fn garbage_is_counted_and_changes_nothing() {
    let mut stage = Stage::connected();
    stage.written(fact(1, "garbage", 11, 5));
    stage.written(record("/other/key".to_owned(), OBSERVED, 12, 5));
    stage.written(record(keys().turn("openai"), "nobody", 13, 5));
    stage.written(record(keys().ordered("openai"), "{}", 14, 5));
    assert_eq!((stage.ignored(Ignored::Value), stage.ignored(Ignored::Key)), (3, 1));
    assert_eq!(stage.hint(), None);
    assert!(!stage.effects.iter().any(|it| matches!(it, Effect::Override { .. })));
    stage.now = stage.now + Duration::from_secs(1);
    stage.tick();
    assert_eq!(stage.calls(), []);
}
