//! What does it keep and do at most, whatever others write?

use super::stage::{CLOSED, OBSERVED, Stage, fact};
use crate::stats::Ignored;

/// As many words on one breaker as are kept.
const KEPT: usize = 256;

/// So many words are said of it, each later than the one before.
fn with_words(count: usize) -> Stage {
    let mut stage = Stage::connected();
    for number in 0..count {
        stage.written(fact(number, OBSERVED, 100 + number as i64, 5));
    }
    stage
}

fn said(stage: &Stage) -> usize {
    stage.agent.seen_of("openai", stage.now).map_or(0, |seen| seen.words.len())
}

#[test]
fn of_the_words_on_one_breaker_the_latest_are_kept() {
    let stage = with_words(KEPT + 44);
    assert_eq!((said(&stage), stage.ignored(Ignored::OverLimit)), (KEPT, 0));
    let seen = stage.agent.seen_of("openai", stage.now).expect("much is said");
    assert!(seen.words.iter().all(|word| word.by.name != "node-7"), "the first are gone");
}

#[test]
fn that_it_works_again_is_heard_however_much_else_is_said() {
    let mut stage = with_words(KEPT);
    stage.written(fact(KEPT + 1, CLOSED, 1_000, 5));
    assert_eq!(said(&stage), 1);
    assert_eq!(stage.hint().expect("told").closed_at, 1_000);
}

#[test]
fn a_word_that_is_older_than_all_that_are_kept_is_left_aside() {
    let mut stage = with_words(KEPT);
    stage.written(fact(KEPT + 1, OBSERVED, 50, 5));
    assert_eq!((said(&stage), stage.ignored(Ignored::OverLimit)), (KEPT, 1));
}
