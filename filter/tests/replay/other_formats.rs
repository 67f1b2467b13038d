//! Logs that this project's YAML did not write.

use crate::command::{file, replay, replay_of};
use crate::lines::Scene;

/// Lines of a plain Envoy without the filter, with names of somebody's own.
fn foreign() -> String {
    let line = |second: u32, status: u16, flags: &str| {
        format!(
            "{{\"ts\":{},\"http\":{{\"code\":{status},\"flags\":\"{flags}\"}},\"upstream\":\"openai\",\"seconds\":\"0.2\"}}\n",
            1_800_000_000 + second
        )
    };
    let outage = (0..60).map(|second| match second {
        20..30 => line(second, 503, "UF,URX"),
        30..40 => line(second, 429, "-"),
        _ => line(second, 200, "-"),
    });
    outage.collect()
}

#[test]
fn a_mapping_says_where_the_fields_stand() {
    let fields =
        "time: ts\nstatus: http.code\nflags: http.flags\ncluster: upstream\nduration_s: seconds\n";
    let fields = file("fields.yaml", fields);
    let said = replay_of(foreign().as_bytes(), &["--fields", &fields, "--format", "json", "-"]);
    let told = said.json();
    assert_eq!(told["reading"]["calls"], 60, "{told:#}");
    let categories = &told["findings"]["series"][0]["categories"];
    assert_eq!(categories["connection_failed"], 10);
    assert_eq!(categories["rate_limited"], 10);
    let trip = &told["findings"]["configurations"][0]["breakers"][0]["trips"][0];
    assert_eq!(trip["category"], "connection_failed", "{told:#}");
    assert_eq!(trip["opened_unix_ms"], 1_800_000_024_200_u64);
}

#[test]
fn a_mapping_that_means_nothing_is_refused() {
    let fields = file("wrong-fields.yaml", "colour: red");
    let said = replay_of(b"", &["--fields", &fields, "-"]);
    assert_eq!(said.code, Some(1));
    assert!(said.complaint.contains("wrong-fields.yaml: colour: "), "{}", said.complaint);
}

#[test]
fn packed_and_rotated_files_are_one_log_in_any_order() {
    let text = Scene { rate: 10, ..Scene::default() }.text(3_000);
    let whole = replay_of(text.as_bytes(), &["--format", "json", "-"]).json();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let pack = |lines: &[&str]| {
        let level = flate2::Compression::fast();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), level);
        std::io::Write::write_all(&mut packer, lines.concat().as_bytes()).expect("memory");
        packer.finish().expect("memory")
    };
    // Packed in two members, as `cat a.gz b.gz` makes it.
    let old = [pack(&lines[..500]), pack(&lines[500..1_000])].concat();
    let old = file("access.log.2.gz", old);
    let middle = file("access.log.1", lines[1_000..2_000].concat());
    let new = file("access.log", lines[2_000..].concat());
    let rotated = replay(&["--format", "json", &new, &middle, &old]).json();
    assert_eq!(rotated["reading"], whole["reading"]);
    assert!(rotated == whole, "the findings differ");
}

#[test]
fn what_a_collector_writes_in_front_of_a_line_is_passed_over() {
    let text = Scene::default().text(10);
    let prefixed: String =
        text.lines().map(|line| format!("2026-11-28T17:30:16.347Z stdout F {line}\n")).collect();
    let told = replay_of(prefixed.as_bytes(), &["--format", "json", "-"]).json();
    assert_eq!(told["reading"]["calls"], 10);
}

#[test]
fn calls_that_differ_in_what_is_not_read_are_several() {
    let line = |id: u32| {
        format!(
            "{{\"ts\":{},\"code\":200,\"up\":\"c\",\"s\":\"0.2\",\"id\":\"r{id}\"}}\n",
            1_800_000_000 + id / 10
        )
    };
    let fields = file("ids.yaml", "{time: ts, status: code, cluster: up, duration_s: s}");
    let all: String = (0..100).chain(0..100).map(line).collect();
    let arguments = ["--fields", fields.as_str(), "--format", "json", "-"];
    let told = replay_of(all.as_bytes(), &arguments).json();
    assert_eq!(told["reading"]["calls"], 100, "{told:#}");
    assert_eq!(told["reading"]["skipped"]["duplicate"], 100, "{told:#}");
}

#[test]
fn a_file_that_tells_no_time_stays_where_it_was_given() {
    use llm_breaker::replay::log::{Fields, Input, in_order};
    let timed = |name, second| file(name, format!("{{\"time\":{second}}}\n"));
    let [late, none, early] =
        [timed("late.log", 2_000), file("none.log", "{}\n"), timed("early.log", 1_000)];
    let inputs = [&late, &none, &early].map(|path| Input::File(path.into()));
    let placed = in_order(inputs.to_vec(), &Fields::default()).expect("files");
    assert_eq!(placed.iter().map(Input::name).collect::<Vec<_>>(), [early, none, late]);
}
