//! A share of `make evidence`, in each run of the tests: the defaults keep their bounds, and wrong ones
//! would not.

use llm_breaker_evidence::campaign::{Campaign, Scope, Size, run};
use llm_breaker_evidence::ours::Setting;
use llm_breaker_evidence::{bounds, page};

const SHARE: Size = Size { seed: 1, calls: 4_000, hours: 0, incidents: 12 };

#[test]
fn the_defaults_keep_their_bounds() {
    let slips = bounds::slips(&run(&Setting::defaults(), SHARE, Scope::Bounds));
    assert!(slips.is_empty(), "{slips:#?}");
}

#[test]
fn wrong_defaults_slip() {
    for (document, expected) in [
        // What a fixed limit makes of models that think.
        (r#"{"defaults": {"limits": {"first_token": "15s"}}}"#, "reasoning: a trip"),
        (r#"{"defaults": {"limits": {"first_token": null}}}"#, "hung streams: only 0"),
        (
            r#"{"defaults": {"limits": {"abandoned": "0.1s"}, "verdicts": {"cancelled": "failure"}}}"#,
            "cancel half: a trip",
        ),
        (r#"{"defaults": {"trip": {"consecutive_failures": 2}}}"#, "chat, 2 % errors: a trip"),
        (r#"{"defaults": {"trip": {"failure_rate": 0.02}}}"#, "chat, 2 % errors: a trip"),
        (
            r#"{"defaults": {"trip": {"consecutive_failures": 50, "minimum_calls": 100}}}"#,
            "outage, total: ",
        ),
        (r#"{"defaults": {"verdicts": {"quota_exhausted": "ignore"}}}"#, "quota: "),
        (r#"{"defaults": {"verdicts": {"connection_failed": "ignore"}}}"#, "outage, total: "),
        (r#"{"defaults": {"window": {"duration": "5s"}}}"#, "outage, total: "),
    ] {
        let setting = Setting::of(document).expect(document);
        let slips = bounds::slips(&run(&setting, Size { incidents: 6, ..SHARE }, Scope::Bounds));
        assert!(slips.iter().any(|slip| slip.contains(expected)), "{document}: {slips:#?}");
    }
}

#[test]
fn a_seed_gives_the_same_evidence_however_many_cores_there_are() {
    let size = Size { seed: 9, calls: 800, hours: 0, incidents: 1 };
    let told = |campaign: Campaign| page::tables(&campaign, size);
    let [one, other] = [(); 2].map(|()| told(run(&Setting::defaults(), size, Scope::Everything)));
    assert_eq!(one, other);
    let next = run(&Setting::defaults(), Size { seed: 10, ..size }, Scope::Everything);
    assert_ne!(page::tables(&next, size), one);
}

/// What is generated may not change without the page that explains it: `make evidence`.
#[test]
fn the_page_lists_the_parameters_that_are_in_force() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence.md");
    let text = std::fs::read_to_string(path).expect(path);
    let mut found = 0;
    for (name, table) in page::tables(&Campaign::default(), SHARE) {
        if ["traffic", "kinds"].contains(&name) {
            assert!(text.contains(table.trim_end()), "{name} is out of date");
            found += 1;
        }
    }
    assert_eq!(found, 2);
}
