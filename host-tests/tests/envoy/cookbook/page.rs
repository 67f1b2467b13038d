//! What a page of `docs/cookbook/` shows, and whether an Envoy says the same.

use std::path::{Path, PathBuf};

use llm_breaker_host_tests::client::Answer;
use llm_breaker_host_tests::envoy::Envoy;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use serde_json::Value;

use crate::scene::event;

/// How long something takes, and which change it is, differs between a reader's Envoy and a test's.
const DIFFERING: [&str; 5] =
    ["epoch", "open_seconds", "announced_seconds", "measured", "duration_seconds"];

/// The repository's root.
pub(super) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A page's text.
pub(super) struct Page(String);

impl Page {
    /// The page of that name, without its ending.
    pub(super) fn read(name: &str) -> Self {
        let path = workspace().join(format!("docs/cookbook/{name}.md"));
        Self(std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Its code blocks in this language.
    pub(super) fn blocks(&self, language: &str) -> Vec<&str> {
        let opening = format!("\n```{language}\n");
        let rest = self.0.split(opening.as_str()).skip(1);
        rest.filter_map(|it| it.split("\n```").next()).collect()
    }

    /// What the page says that one will see is there: each stat among Envoy's, each line in its log,
    /// and these answers are the ones that it shows, in its order.
    pub(super) async fn assert_seen(&self, envoy: &Envoy, answers: &[&Answer]) {
        let mut answers = answers.iter();
        for line in self.blocks("text").iter().flat_map(|block| shown(block)) {
            match line {
                Shown::Stat(line) => {
                    let what = format!("the stat {line}");
                    patiently(&what, async {
                        while !envoy.stats().await.has_line(line) {
                            tokio::time::sleep(POLL_INTERVAL).await;
                        }
                    })
                    .await;
                }
                Shown::Event(line) => {
                    let wanted = comparable(serde_json::from_str(line).expect(line));
                    let name = wanted["event"].as_str().expect("an event").to_owned();
                    let is_it =
                        |line: &str| event(line, &name).is_some_and(|it| comparable(it) == wanted);
                    envoy.log().wait_for(is_it).await;
                }
                Shown::Answer(lines) => {
                    assert_answer(answers.next().expect("another answer"), &lines);
                }
            }
        }
        assert!(answers.next().is_none(), "the page does not show all answers");
    }
}

/// Something that a page says one will see.
enum Shown<'a> {
    Stat(&'a str),
    Event(&'a str),
    Answer(Vec<&'a str>),
}

fn shown(block: &str) -> Vec<Shown<'_>> {
    if block.starts_with("HTTP/1.1 ") {
        return vec![Shown::Answer(block.lines().collect())];
    }
    // What a command prints is told apart by its indent, and compared by the recipe's own test.
    if block.starts_with("  ") {
        return Vec::new();
    }
    let lines = block.lines().filter(|line| !line.is_empty());
    let of = |line| match line {
        event if str::starts_with(event, "{\"event\"") => Shown::Event(event),
        stat if stat.starts_with("llm_circuit_breaker_") || stat.starts_with("envoy_") => {
            Shown::Stat(stat)
        }
        other => panic!("neither an answer, nor a line of the log, nor a stat: {other}"),
    };
    lines.map(of).collect()
}

fn comparable(mut event: Value) -> Value {
    for field in DIFFERING {
        if let Some(value) = event.get_mut(field) {
            *value = Value::Null;
        }
    }
    event
}

/// The status, each header and the body are as shown, whatever the numbers of seconds.
fn assert_answer(answer: &Answer, shown: &[&str]) {
    let all = || format!("{:?} {:#?} {}", answer.status, answer.headers, answer.text());
    for line in shown {
        let seen = if let Some(status) = line.strip_prefix("HTTP/1.1 ") {
            answer.status.to_string() == *status
        } else if let Some((name, value)) =
            line.split_once(": ").filter(|_| !line.starts_with(BODY))
        {
            answer.header(name).is_some_and(|it| without_numbers(it) == without_numbers(value))
        } else {
            without_numbers(answer.text().trim_end()) == without_numbers(line)
        };
        assert!(seen, "{line}\nis not in the answer {}", all());
    }
}

/// How a shown body begins.
const BODY: char = '{';

fn without_numbers(text: &str) -> String {
    let mut digits = false;
    let keep = |character: &char| {
        let is_digit = character.is_ascii_digit();
        let again = is_digit && digits;
        digits = is_digit;
        !again
    };
    text.chars().filter(keep).map(|it| if it.is_ascii_digit() { '0' } else { it }).collect()
}
