//! The page of a sheet: whole, bounded by its sheet, and nothing of it is markup that others wrote.

use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Log, figures};
use crate::config::Config;
use crate::outcome::{Category, Outcome};
use crate::replay::{Call, Candidate, Ended, Measured, Replay, Source};
use crate::time::Instant;

use super::sheet::{Pace, Read, Run, Sheet, Subject, SubjectRun, Timeline, Totals, Trip};
use super::{comparison, page};

const MARKUP: &str = "</code><script>alert(1)</script><img src=http://x onerror='a' \"b\">&amp;";
const COLUMNS: usize = 240;

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + second(1_795_000_000 + seconds)
}

/// A day with an outage of an hour, seen by two configurations.
fn sheet(name: &str) -> Sheet {
    let is_down = |column: &usize| (120..130).contains(column);
    let all = || 0..COLUMNS;
    let calls: Vec<u64> = all().map(|column| 80 + (column * 37 % 41) as u64).collect();
    let failures =
        all().map(|it| if is_down(&it) { 70 } else { u64::from(it % 17 == 0) }).collect();
    let first_tokens = all().map(|it| {
        let slower = if is_down(&it) { 9 } else { 1 };
        (it % 50 != 0).then(|| [400, 1_500, 4_000].map(|it| Duration::from_millis(it * slower)))
    });
    let timeline = Timeline {
        from: at(0),
        step: second(360),
        calls,
        failures,
        first_tokens: first_tokens.collect(),
    };
    let totals = |trips| Totals {
        trips,
        open: second(3_540),
        good: 24_000,
        failing: 740,
        blocked_failing: 680 * trips,
        blocked_good: 3,
        blocked_neither: 1,
        unknown: 0,
        seconds_saved: 20_400.0,
    };
    let run = |trips: u64| SubjectRun {
        totals: totals(trips),
        states: all()
            .map(|it| if is_down(&it) { [0.9, 0.1] } else { [0.0, f64::from(u8::from(it == 130))] })
            .collect(),
        blocked: all().map(|it| if is_down(&it) { [68, 3] } else { [0, 0] }).collect(),
        trips: (0..trips.min(5))
            .map(|it| Trip {
                at: at(43_200 + it * 60),
                why: format!("5 failures in a row ({name})"),
                lasted: Some(second(31)),
            })
            .collect(),
    };
    let fields = |calls: &str| vec![("trip.minimum_calls".into(), calls.into())];
    let bound = |at: i32| Duration::from_millis(100).mul_f64(1.5_f64.powi(at));
    Sheet {
        read: Read {
            sources: vec![name.into()],
            calls: 24_680,
            from: at(0),
            until: at(86_400),
            skipped: vec![(format!("no JSON: {name}"), 12)],
        },
        runs: vec![
            Run { name: name.into(), totals: totals(9), fields: fields("10") },
            Run { name: "proposed.yaml".into(), totals: totals(4), fields: fields(name) },
        ],
        subjects: vec![Subject {
            name: name.into(),
            calls: 24_680,
            failures: 740,
            timeline,
            runs: vec![run(9), run(4)],
        }],
        further: 3,
        paces: vec![Pace {
            name: name.into(),
            what: "first token",
            from: Duration::from_millis(67),
            columns: (0..24)
                .map(|it| (bound(it), 4_000 / (1 + u64::from((it - 6).unsigned_abs().pow(2)))))
                .collect(),
            percentiles: [400, 1_500, 4_000].map(Duration::from_millis),
            limits: vec![
                (format!("limits.first_token {name}"), second(120), 0),
                ("slow.first_token".into(), second(30), 12),
            ],
        }],
    }
}

#[test]
fn what_a_log_holds_never_becomes_markup() {
    let page = page(&sheet(MARKUP));
    for text in ["<script", "<img", "\"b\"", "'a' \""] {
        assert!(!page.contains(text), "{text}");
    }
    assert!(page.contains("&lt;script&gt;"));
    let plain = self::page(&sheet("x"));
    assert_eq!(page.matches('<').count(), plain.matches('<').count(), "the same elements");
    assert_eq!(page.matches("</").count(), plain.matches("</").count());
}

#[test]
fn the_page_asks_for_nothing_and_runs_nothing() {
    let page = page(&sheet("outbound|443||api.openai.com"));
    for foreign in
        [" src=", "href=", "url(", "@import", "<link", "http:", "https:", " style=", " on"]
    {
        let found = page.find(foreign).map(|at| &page[at..(at + 60).min(page.len())]);
        let is_word =
            foreign == " on" && !page.contains(" onerror=") && !page.contains(" onclick=");
        assert!(found.is_none() || is_word, "{found:?}");
    }
    assert!(page.contains("default-src 'none'"));
    // What is not closed would swallow what follows, in SVG.
    assert_eq!(page.matches("<path").count(), page.matches("</path>").count());
    assert!(page.len() < 128 * 1024, "{} bytes", page.len());
}

#[test]
fn the_configurations_stand_side_by_side_as_text_too() {
    let text = comparison::text(&sheet("today").runs);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split("  ").filter(|it| !it.is_empty()).map(str::trim).collect())
        .collect();
    assert_eq!(rows[0], ["today", "proposed.yaml"]);
    assert_eq!(rows[1], ["Trips", "9", "4"]);
    assert!(rows.contains(&vec!["False alarms of all good calls", "0.01 %", "0.01 %"]), "{text}");
}

/// A call each second for an hour, of which those of a minute fail, to so many clusters in turns.
fn replayed(clusters: u64, candidates: &[Candidate]) -> Sheet {
    let source = Source::of("gateway-7");
    let mut replay = Replay::new(candidates.to_vec());
    for place in 0..3_600 {
        let admitted = Instant::from_nanos(1_795_000_000_000_000_000) + second(place);
        let fails = (1_800..1_860).contains(&place);
        let category = if fails { Category::ServerError } else { Category::Success };
        let first_token = (!fails).then(|| Duration::from_millis(400 + place % 100));
        let measured = Measured { first_token, duration: Some(second(1)), response_headers: None };
        let outcome = Outcome { answered: true, ..Outcome::of(category) };
        let ended = Ended { measured, ..Ended::at(admitted + second(1), outcome) };
        let cluster: Arc<str> = format!("cluster-{}", place % clusters).into();
        replay.feed(&Call::sent(&source, &cluster, admitted, ended));
    }
    let log = Log { sources: vec!["a.log".into()], skipped: vec![("no JSON".into(), 3)] };
    Sheet::of(&replay.finish(), candidates, &log)
}

fn candidate(name: &str, document: &str) -> Candidate {
    let config = Config::parse(document.as_bytes()).expect("a configuration");
    Candidate { name: name.into(), config }
}

#[test]
fn what_a_replay_found_stands_in_its_sheet() {
    let candidates = [
        candidate("built-in", ""),
        candidate("eager", r#"{"defaults": {"trip": {"consecutive_failures": 2}}}"#),
    ];
    let sheet = replayed(1, &candidates);
    assert_eq!((sheet.read.calls, sheet.further), (3_600, 0));
    assert_eq!(figures::moment(sheet.read.from), "2026-11-18 11:06:40");
    let [subject] = &sheet.subjects[..] else { panic!("{:?}", sheet.subjects) };
    assert_eq!((subject.calls, subject.failures), (3_600, 60));
    let timeline = &subject.timeline;
    assert_eq!(timeline.calls.iter().sum::<u64>(), 3_600);
    assert_eq!(timeline.failures.iter().sum::<u64>(), 60);
    assert!(timeline.first_tokens.iter().flatten().count() > 100);
    let [built_in, eager] = &subject.runs[..] else { panic!("{:?}", subject.runs) };
    let why = |run: &SubjectRun| run.trips[0].why.clone();
    assert_eq!(why(built_in), "5 failures in a row, the last server error; 1 failed probe");
    assert!(why(eager).starts_with("2 failures in a row, the last server error"));
    assert!(eager.totals.blocked_failing > built_in.totals.blocked_failing);
    for (run, of) in sheet.runs.iter().zip(&subject.runs) {
        assert_eq!(run.totals.blocked(), of.totals.blocked());
        assert_eq!(of.blocked.iter().flatten().sum::<u64>(), of.totals.blocked());
        let open = of.states.iter().filter(|[open, _]| *open > 0.0).count();
        let width = timeline.step.as_secs() as usize;
        assert!(open * width >= 30 && open <= 240 / width, "{open} columns of {width} s");
    }
    assert_eq!(sheet.runs[1].fields, [("defaults.trip.consecutive_failures".into(), "2".into())]);
    assert_eq!(sheet.paces.len(), 2, "first tokens and whole answers");
    assert_eq!(sheet.paces[0].limits[0].0, "limits.first_token");
    assert_eq!(sheet.paces[0].columns.iter().map(|(_, calls)| calls).sum::<u64>(), 3_540);
}

#[test]
fn a_page_is_bounded_whatever_the_number_of_clusters() {
    let sheet = replayed(1_200, &[candidate("built-in", r#"{"max_breakers": 2000}"#)]);
    assert_eq!((sheet.subjects.len(), sheet.further), (16, 1_184));
    assert!(page(&sheet).len() < 512 * 1024);
    let nothing = Sheet::of(&Replay::new(Vec::new()).finish(), &[], &Log::default());
    assert!(page(&nothing).contains("0 calls"));
}
