//! Logs that are not as they should be: what is wrong is told by file and line, counted, and left out.

use serde_json::Value;

use crate::command::{file, replay, replay_of};
use crate::lines::Scene;
use crate::stream::amount;

fn told(text: &str) -> Value {
    replay_of(text.as_bytes(), &["--format", "json", "-"]).json()
}

fn lines(count: u64) -> Vec<String> {
    let scene = Scene { rate: 10, ..Scene::default() };
    scene.text(count).split_inclusive('\n').map(str::to_owned).collect()
}

fn assert_says(told: &Value, words: &str) {
    let all = told["reading"]["skipped"]["told"].as_array().expect("a list");
    let says = all.iter().any(|it| it.as_str().is_some_and(|it| it.contains(words)));
    assert!(says, "{words} is not in {all:#?}");
}

/// All that a configuration would have done is the same.
fn assert_same(one: &Value, other: &Value) {
    let of = |told: &Value| {
        let it = &told["findings"]["configurations"][0];
        let trips = it["breakers"][0]["trips"].as_array().cloned().unwrap_or_default();
        let trips: Vec<_> = trips.iter().map(|it| it["open_seconds"].clone()).collect();
        (it["tally"].clone(), it["turns"].clone(), trips)
    };
    assert_eq!(of(one), of(other));
}

#[test]
fn broken_lines_are_told_by_number_and_left_out() {
    let mut lines = lines(20);
    lines[3] = "[2026-11-28 17:30:16] starting\n".into();
    lines[5] = lines[5].get(..300).map(|it| format!("{it}\n")).expect("longer");
    lines[7] = lines[7].replace("\"slow\":false", "\"slow\":\"no\"");
    lines[9] = lines[9]
        .replace("\"server_error\"", "\"x\"")
        .replace("\"success\",\"dec", "\"bad luck\",\"dec");
    lines[11] = "\n".into();
    lines[13] = format!("{{\"x\": \"{}\n", "x".repeat(3 << 20));
    let mut bytes = lines.concat().into_bytes();
    bytes.extend(b"{\"node\": \"\xff\xfe\"}\n\0\0\0");
    let told = replay_of(&bytes, &["--format", "json", "-"]).json();
    let skipped = &told["reading"]["skipped"];
    assert_eq!(told["reading"]["lines"], 22, "{told:#}");
    assert_eq!(told["reading"]["calls"], 14, "{skipped:#}");
    assert_eq!(skipped["not_json"], 4, "{skipped:#}");
    assert_eq!(skipped["malformed"], 2, "{skipped:#}");
    assert_eq!(skipped["too_long"], 1, "{skipped:#}");
    for words in [
        "stdin:4: not a JSON object",
        "stdin:6: not a JSON",
        "stdin:8: ",
        "llm_breaker.category",
        "stdin:14: longer than",
    ] {
        assert_says(&told, words);
    }
}

#[test]
fn each_kind_is_told_a_few_times_and_counted_to_the_end() {
    let told = told(
        &"nonsense\n".repeat(5_000).chars().chain(lines(1).concat().chars()).collect::<String>(),
    );
    assert_eq!(told["reading"]["skipped"]["not_json"], 5_000);
    assert_eq!(told["reading"]["skipped"]["told"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_missing_field_is_named() {
    for (field, name) in [
        ("\"admitted_ns\":", "llm_breaker.admitted_ns"),
        ("\"decided_ns\":", "llm_breaker.decided_ns"),
        ("\"category\":", "llm_breaker.category"),
        ("\"admission\":", "llm_breaker.admission"),
    ] {
        let mut lines = lines(5);
        lines[2] = lines[2].replace(field, "\"another\":");
        let told = told(&lines.concat());
        assert_eq!(told["reading"]["skipped"]["missing_field"], 1, "{told:#}");
        assert_says(&told, &format!("stdin:3: a field is missing that a call needs: {name}"));
    }
    let no_record = lines(1).concat().replace("\"llm_breaker\":{", "\"llm_breaker\":null,\"x\":{");
    let told = told(&(lines(5).concat() + &no_record));
    assert_eq!(told["reading"]["skipped"]["no_record"], 1);
}

#[test]
fn a_line_that_was_read_before_counts_once() {
    let all = lines(1_000);
    let doubled: String = all.iter().flat_map(|line| [line.as_str(), line.as_str()]).collect();
    let (once, twice) = (told(&all.concat()), told(&doubled));
    assert_eq!(twice["reading"]["skipped"]["duplicate"], 1_000);
    assert_says(&twice, "stdin:");
    assert_same(&twice, &once);
    // The same file given twice.
    let path = file("twice.log", all.concat());
    let same = replay(&["--format", "json", &path, &path]).json();
    assert_eq!(same["reading"]["skipped"]["duplicate"], 1_000, "{:#}", same["reading"]);
    assert_same(&same, &once);
}

#[test]
fn lines_in_any_order_within_the_bound_make_no_difference() {
    let mut lines = lines(2_000);
    let sorted = told(&lines.concat());
    for chunk in lines.chunks_mut(500) {
        chunk.reverse();
    }
    let mixed = told(&lines.concat());
    assert_same(&mixed, &sorted);
    let strict =
        replay_of(lines.concat().as_bytes(), &["--format", "json", "--reorder", "5s", "-"]);
    let strict = strict.json();
    assert!(
        strict["reading"]["skipped"]["too_late"].as_u64() > Some(100),
        "{:#}",
        strict["reading"]
    );
    assert_says(&strict, "later than --reorder allows");
}

#[test]
fn a_clock_that_begins_anew_is_another_process() {
    let before = Scene { rate: 10, ..Scene::default() };
    // The machine starts again, and its clock shows less than before.
    let after = Scene { started: before.started + 4_000, seed: 2, ..before.clone() };
    let other = Scene { started: before.started + 77, seed: 3, ..before.clone() };
    let one = told(&before.text(3_000));
    let text = before.text(3_000) + &after.text(3_000);
    let again = told(&text);
    assert_eq!(again["reading"]["skipped"]["clock_began"], 1);
    assert_says(&again, "stdin:3001: a proxy's clock began anew");
    assert_eq!(again["reading"]["calls"], 6_000);
    let trips = |told: &Value| told["findings"]["configurations"][0]["trips"].as_u64();
    assert_eq!((trips(&one), trips(&again)), (Some(1), Some(2)));
    // Two of one name that run side by side.
    let (one, other) = (before.text(3_000), other.text(3_000));
    let mixed: String =
        one.lines().zip(other.lines()).map(|(a, b)| format!("{a}\n{b}\n")).collect();
    let mixed = told(&mixed);
    assert_eq!((mixed["reading"]["calls"].as_u64(), trips(&mixed)), (Some(6_000), Some(2)));
}

#[test]
fn impossible_times_are_left_out() {
    let mut lines = lines(5);
    lines[1] = lines[1].replace("\"decided_ns\":", "\"decided_ns\":1,\"x\":");
    lines[2] = lines[2].replace("\"decided_ns\":", "\"decided_ns\":1e300,\"x\":");
    let told = told(&lines.concat());
    assert_eq!(told["reading"]["skipped"]["impossible_times"], 2, "{told:#}");
}

#[test]
fn a_packed_file_that_breaks_off_is_read_as_far_as_it_goes() {
    let text = lines(3_000).concat();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, text.as_bytes()).expect("memory");
    let packed = packer.finish().expect("memory");
    let path = file("cut.log.gz", &packed[..packed.len() / 2]);
    let said = replay(&["--format", "json", &path]);
    assert_eq!(said.code, Some(1));
    assert!(said.complaint.contains("1 file could not be read to the end"), "{}", said.complaint);
    let told: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(told["reading"]["skipped"]["unreadable"], 1);
    assert!(told["reading"]["calls"].as_u64() > Some(500), "{:#}", told["reading"]);
    assert_says(&told, "could not be read to its end");
}

#[test]
fn no_damage_to_a_log_does_more_than_cost_its_lines() {
    let text = lines(300).concat();
    let mut seed = 1_u64;
    for _ in 0..amount(10, 300) {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..100 {
            // A generator of Knuth's.
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let place = (seed >> 33) as usize % bytes.len();
            match seed % 4 {
                0 => bytes[place] = (seed >> 24) as u8,
                1 => bytes[place] = b"{}[]\",:0e-9\n"[(seed >> 24) as usize % 12],
                2 => drop(bytes.drain(place..(place + 40).min(bytes.len()))),
                _ => {
                    let piece: Vec<u8> = bytes.iter().skip(place).take(60).copied().collect();
                    bytes.splice(place..place, piece);
                }
            }
        }
        let said = replay_of(&bytes, &["--format", "json", "-"]);
        let told = said.json();
        let (lines, calls) = (&told["reading"]["lines"], &told["reading"]["calls"]);
        assert!(calls.as_u64() <= lines.as_u64() && calls.as_u64() > Some(100), "{lines} {calls}");
    }
}

#[test]
fn more_proxies_than_a_small_fleet_has_keep_their_breakers() {
    // 300 proxies that take turns, of each of which every call fails.
    let text: String = (0..20).flat_map(|round| (0..300).map(move |node| (round, node))).map(|(round, node)| {
        let admitted = 1_000_000_000_000_u64 + round * 1_000_000_000 + node;
        let decided = admitted + 100_000_000;
        format!("{{\"node\":\"node{node}\",\"request_id\":\"{node}-{round}\",\"duration_ms\":100,\"status\":503,\"llm_breaker\":{{\"admission\":\"pass\",\"key\":\"c\",\"admitted_ns\":{admitted},\"decided_ns\":{decided},\"category\":\"server_error\",\"ended_by\":\"upstream\"}}}}\n")
    }).collect();
    let told = told(&text);
    let configuration = &told["findings"]["configurations"][0];
    assert_eq!(configuration["trips"], 300, "{:#}", told["reading"]);
    assert_eq!(told["reading"]["skipped"]["proxy_forgotten"], 0);
}

#[test]
fn what_a_field_holds_by_mistake_is_not_printed() {
    let secret = "my secret prompt";
    let mut lines = lines(5);
    lines[1] = lines[1].replace("\"slow\":false", &format!("\"slow\":\"{secret}\""));
    lines[2] = format!("{{\"llm_breaker\":\"{secret}\"}}\n");
    lines[3] =
        lines[3].replace("\"duration_ms\":", &format!("\"duration_ms\":\"{secret}\",\"x\":"));
    lines[4] = format!("{{\"status\":200,\"time\":\"{secret}\"}}\n");
    let fields = file("secret-fields.yaml", "{model: labels.model}");
    for arguments in [vec!["-"], vec!["--fields", fields.as_str(), "-"]] {
        let said = replay_of(lines.concat().as_bytes(), &arguments);
        let all = said.out + &said.complaint;
        assert!(all.contains("4  malformed") && all.contains("stdin:2: "), "{all}");
        assert!(!all.contains("secret") && !all.contains("prompt"), "{all}");
    }
}

#[test]
fn names_in_a_log_are_no_commands_to_a_terminal() {
    let red = "\\u001b[31mRED\\u202e";
    let all: String = lines(3_000)
        .into_iter()
        .map(|line| {
            let line = line.replace("\"key\":\"outbound", &format!("\"key\":\"{red}"));
            line.replace("gateway-7", red)
        })
        .collect();
    let model = file("red.yaml", "defaults: {key_by: model, models: [\"*\"]}");
    let all = all.replace("\"method\"", &format!("\"model\":\"{red}\",\"method\""));
    let said = replay_of(all.as_bytes(), &["--config", &model, "-"]);
    assert!(said.out.contains("\\u{1b}[31mRED") && said.out.contains(" trips of "), "{}", said.out);
    let all = said.out + &said.complaint;
    let wild = all.chars().find(|it| (it.is_control() && *it != '\n') || *it == '\u{202e}');
    assert_eq!(wild, None, "{all:?}");
}
