//! Whatever the split of its bytes: what a document tells, and how it is judged.

use super::super::Completeness::{self, Empty, Malformed, TooDeep, Truncated, Whole};
use super::super::splits;
use super::paths::tree_of;
use super::*;
use serde_json::{Value, json};

/// What was told of one path, with its bytes owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Text(String, bool),
    Number(String),
    Bool(bool),
    Null,
    Array { empty: bool },
    Object { empty: bool },
}

fn owned(found: Found<'_>) -> Told {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match found {
        Found::Text { prefix, cut } => Told::Text(text(prefix), cut),
        Found::Piece(_) => panic!("no path of this scanner is streamed"),
        Found::Number(number) => Told::Number(text(number)),
        Found::Bool(value) => Told::Bool(value),
        Found::Null => Told::Null,
        Found::Array { empty } => Told::Array { empty },
        Found::Object { empty } => Told::Object { empty },
    }
}

fn text(of: &str) -> Told {
    Told::Text(of.to_owned(), false)
}

fn scan_chunks(paths: &[&[&str]], chunks: &[&[u8]]) -> (Vec<(usize, Told)>, Completeness) {
    let tree = tree_of(paths);
    let mut scanner = Scanner::new(Paths::of(&tree));
    let mut told = Vec::new();
    for chunk in chunks {
        scanner.feed(chunk, &mut |path, found| told.push((path, owned(found))));
    }
    (told, scanner.end())
}

/// What is told, which no split may change.
fn scan(paths: &[&[&str]], document: &[u8]) -> (Vec<(usize, Told)>, Completeness) {
    let whole = scan_chunks(paths, &[document]);
    for chunks in splits::of(document) {
        assert_eq!(scan_chunks(paths, &chunks), whole, "{chunks:?}");
    }
    whole
}

fn end(document: &str) -> Completeness {
    scan(&[], document.as_bytes()).1
}

const PATHS: &[&[&str]] = &[
    &["error"],
    &["error", "code"],
    &["choices"],
    &["choices", "*", "delta", "content"],
    &["choices", "*", "finish_reason"],
    &["usage", "total_tokens"],
];

#[test]
fn a_chunk_of_a_completion_tells_its_content_and_finish_reason() {
    let chunk = r#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"Grüße"},
        "finish_reason":null},{"index":1,"delta":{},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"total_tokens":15}}"#;
    let (told, end) = scan(PATHS, chunk.as_bytes());
    let expected = [
        (2, Told::Array { empty: false }),
        (3, text("Grüße")),
        (4, Told::Null),
        (4, text("stop")),
        (5, Told::Number("15".to_owned())),
    ];
    assert_eq!((told.as_slice(), end), (&expected[..], Whole));
}

#[test]
fn an_error_tells_that_it_is_there_before_its_code() {
    let (told, _) = scan(PATHS, br#"{"error": {"message": "a", "code": "rate_limit_exceeded"}}"#);
    assert_eq!(told, [(0, Told::Object { empty: false }), (1, text("rate_limit_exceeded"))]);
    assert_eq!(scan(PATHS, br#"{"error":{ }}"#).0, [(0, Told::Object { empty: true })]);
    assert_eq!(scan(PATHS, br#"{"error":null}"#).0, [(0, Told::Null)]);
    assert_eq!(scan(PATHS, br#"{"error":"down"}"#).0, [(0, text("down"))]);
}

#[test]
fn the_same_key_at_another_place_is_not_found() {
    let elsewhere = r#"{"x":{"error":1,"choices":[{"finish_reason":"stop"}]},
        "choices":{"*":{"finish_reason":"stop"},"finish_reason":"stop"},
        "code":1,"errors":1,"erro":1,"error ":1,"":1}"#;
    let (told, end) = scan(PATHS, elsewhere.as_bytes());
    assert_eq!((told, end), (vec![(2, Told::Object { empty: false })], Whole));
}

#[test]
fn keys_are_compared_unescaped() {
    let (told, _) = scan(PATHS, br#"{"\u0065rror":{"c\u006Fde":1},"choices\n":[]}"#);
    assert_eq!(told, [(0, Told::Object { empty: false }), (1, Told::Number("1".to_owned()))]);
}

#[test]
fn the_document_itself_and_nested_arrays_have_paths_too() {
    let paths: &[&[&str]] = &[&[], &["*", "*"], &["*"]];
    let (told, _) = scan(paths, b"[[true, -1.5e+3 ], [], {\"*\":0}]");
    let expected = [
        (0, Told::Array { empty: false }),
        (2, Told::Array { empty: false }),
        (1, Told::Bool(true)),
        (1, Told::Number("-1.5e+3".to_owned())),
        (2, Told::Array { empty: true }),
        (2, Told::Object { empty: false }),
    ];
    assert_eq!(told, expected);
}

#[test]
fn two_paths_to_one_place_are_both_told() {
    let paths: &[&[&str]] = &[&["a"], &["b"], &["a"]];
    assert_eq!(scan(paths, b"{\"a\":1}").0.iter().map(|told| told.0).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn escapes_and_surrogate_pairs_become_their_characters() {
    let string = |escaped: &str| scan(&[&[]], format!("\"{escaped}\"").as_bytes()).0;
    assert_eq!(string(r#"\"\\\/\b\f\n\r\t"#), [(0, text("\"\\/\u{8}\u{c}\n\r\t"))]);
    assert_eq!(string(r"\u00e9\u20AC\ud83d\uDE00!"), [(0, text("é€😀!"))]);
}

#[test]
fn halves_of_surrogate_pairs_become_replacement_characters() {
    let string = |escaped: &str| scan(&[&[]], format!("\"{escaped}\"").as_bytes()).0;
    assert_eq!(string(r"\ud83d"), [(0, text("\u{fffd}"))]);
    assert_eq!(string(r"\ud83dx"), [(0, text("\u{fffd}x"))]);
    assert_eq!(string(r"\ud83d\n"), [(0, text("\u{fffd}\n"))]);
    assert_eq!(string(r"\ude00\ud83d\ud83d\ude00"), [(0, text("\u{fffd}\u{fffd}😀"))]);
    assert_eq!(string(r"\ud83d\u0041"), [(0, text("\u{fffd}A"))]);
}

#[test]
fn a_long_string_is_told_cut_once_and_early() {
    let long = format!("{{\"error\":\"{}é", "x".repeat(127));
    let (told, end) = scan(PATHS, long.as_bytes());
    assert_eq!((told, end), (vec![(0, Told::Text("x".repeat(127), true))], Truncated));
    let ended = format!("{long}yyy\", \"choices\": []}}");
    assert_eq!(scan(PATHS, ended.as_bytes()).0.len(), 2);
    let fitting = "y".repeat(128);
    assert_eq!(scan(&[&[]], format!("\"{fitting}\"").as_bytes()).0, [(0, text(&fitting))]);
}

#[test]
fn a_key_longer_than_the_prefix_is_none_of_the_paths() {
    let key = "k".repeat(128);
    let paths: &[&[&str]] = &[&[&key]];
    assert_eq!(scan(paths, format!("{{\"{key}\":1}}").as_bytes()).0.len(), 1);
    assert_eq!(scan(paths, format!("{{\"{key}k\":1}}").as_bytes()).0.len(), 0);
}

#[test]
fn a_streamed_string_is_told_in_pieces_and_then_at_its_end() {
    let content = "é".repeat(500);
    let document = format!("{{\"a\":\"{content}\\n\",\"b\":\"{content}\"}}");
    for chunks in splits::of(document.as_bytes()) {
        let tree = tree_of(&[&["a"], &["b"]]);
        let mut scanner = Scanner::new(Paths::of(&tree).streaming(0));
        let (mut pieces, mut told) = (Vec::new(), Vec::new());
        for chunk in chunks {
            scanner.feed(chunk, &mut |path, found| match found {
                Found::Piece(piece) => {
                    assert_eq!((path, told.len()), (0, 0));
                    pieces.extend_from_slice(piece);
                }
                found => told.push((path, owned(found))),
            });
        }
        assert_eq!(String::from_utf8(pieces).unwrap(), format!("{content}\n"));
        let cut = Told::Text("é".repeat(64), true);
        assert_eq!(told, [(0, cut.clone()), (1, cut)]);
    }
}

#[test]
fn the_end_tells_a_cut_document_from_a_whole_one() {
    assert_eq!(end(""), Empty);
    assert_eq!(end(" \r\n\t"), Empty);
    let document = "\u{feff} {\"a\":[1,-0.5e1,\"\\u00e9\\n\",true,null,{}],\"b\":{\"c\":[]}}";
    assert_eq!(end(document), Whole);
    assert_eq!(end(&format!("{document} \n")), Whole);
    for length in 5..document.len() {
        assert_eq!(end(&document[..length]), Truncated, "{}", &document[..length]);
    }
    assert_eq!(end("12"), Whole);
    assert_eq!(end("12."), Truncated);
}

#[test]
fn what_is_no_json_is_malformed() {
    let wrong = [
        "<html>",
        "{]",
        "[}",
        "[1 2]",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{,}",
        "[,]",
        "{} {}",
        "{}x",
        "]",
        "1 2",
        "01",
        "1.x",
        "+1",
        "-x",
        "--1",
        "1e+x",
        "nulL",
        "True",
        "trues",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "data: {}",
        "\u{feff}\u{feff}{}",
        "{1:2}",
        "[:]",
        "{\"a\"::1}",
        "'a'",
    ];
    for document in wrong {
        assert_eq!(end(document), Malformed, "{document}");
    }
}

#[test]
fn what_python_writes_for_floats_is_taken() {
    let (told, end) = scan(&[&["*"]], b"[NaN, Infinity, -Infinity]");
    let number = |text: &str| (0, Told::Number(text.to_owned()));
    assert_eq!((told.as_slice(), end), (&["NaN", "Infinity", "-Infinity"].map(number)[..], Whole));
}

#[test]
fn nesting_beyond_the_bound_is_neither_whole_nor_malformed() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(scan(PATHS, nested(128).as_bytes()).1, Whole);
    assert_eq!(scan(PATHS, nested(129).as_bytes()).1, TooDeep);
}

#[test]
fn paths_beyond_the_bounds_are_not_found() {
    let long: &[&str] = &["*"; 9];
    assert_eq!(scan(&[long, &["*"; 8]], b"[[[[[[[[[1]]]]]]]]]").0.len(), 1);
    let many = vec![&["a"][..]; 40];
    assert_eq!(scan(&many, b"{\"a\":1}").0.len(), 32);
    let _ = Paths::of(&[]).streaming(32).streaming(usize::MAX);
}

#[test]
fn a_restarted_scanner_knows_nothing_of_the_document_before() {
    let tree = tree_of(PATHS);
    let mut scanner = Scanner::new(Paths::of(&tree));
    for before in ["{\"error\":[{\"code\":\"\\ud83d", "x", "{}", "{\"error\":nul", "\u{feff}["] {
        scanner.feed(before.as_bytes(), &mut |_, _| {});
        scanner.restart();
        assert_eq!(scanner.end(), Empty);
        let mut told = Vec::new();
        scanner.feed(b"{\"error\":{\"code\":\"a\"}}", &mut |_, found| told.push(owned(found)));
        assert_eq!(told, [Told::Object { empty: false }, text("a")]);
        assert_eq!(scanner.end(), Whole);
        scanner.restart();
    }
}

#[test]
fn only_what_says_nothing_is_empty() {
    let empty = |document: &str| {
        let mut empty = None;
        Scanner::new(Paths::of(&tree_of(&[&["*"]])))
            .feed(document.as_bytes(), &mut |_, found| empty = Some(found.is_empty()));
        empty.unwrap()
    };
    for document in ["[null]", "[\"\"]", "[[]]", "[{}]"] {
        assert!(empty(document), "{document}");
    }
    for document in ["[0]", "[false]", "[\"a\"]", "[[0]]", "[{\"a\":0}]"] {
        assert!(!empty(document), "{document}");
    }
}

/// What serde_json's value has at the paths, in the order of the document.
fn expected(paths: &[&[&str]], value: &Value, place: &mut Vec<String>) -> Vec<(usize, Told)> {
    let told = match value {
        Value::Null => Told::Null,
        Value::Bool(value) => Told::Bool(*value),
        Value::Number(number) => Told::Number(number.to_string()),
        Value::String(value) => text(value),
        Value::Array(elements) => Told::Array { empty: elements.is_empty() },
        Value::Object(fields) => Told::Object { empty: fields.is_empty() },
    };
    let here =
        |path: &[&str]| path.len() == place.len() && path.iter().zip(&*place).all(|(a, b)| a == b);
    let paths_here = paths.iter().enumerate().filter(|(_, path)| here(path));
    let mut all: Vec<_> = paths_here.map(|(index, _)| (index, told.clone())).collect();
    let mut inside = |segment: &str, value: &Value| {
        place.push(segment.to_owned());
        all.extend(expected(paths, value, place));
        place.pop();
    };
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| inside("*", element)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| inside(key, value)),
        _ => {}
    }
    all
}

fn random_value(random: &mut splits::Random, depth: usize) -> Value {
    let keys = ["error", "code", "choices", "delta", "content", "é\n", ""];
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => json!(random.below(1_000_000)),
        3 => json!(-0.5 * random.below(99) as f64 - 0.25),
        4 => json!(format!("{}\u{1f600}\u{1}\"", random.pick(&keys))),
        5 | 6 => (0..random.below(4)).map(|_| random_value(random, depth - 1)).collect(),
        _ => Value::Object(
            (0..random.below(4))
                .map(|_| (random.pick(&keys).to_owned(), random_value(random, depth - 1)))
                .collect(),
        ),
    }
}

#[test]
fn random_documents_tell_what_serde_json_reads() {
    let paths: &[&[&str]] = &[
        &[],
        &["error"],
        &["error", "code"],
        &["choices", "*"],
        &["choices", "*", "delta"],
        &["*"],
        &["*", "content"],
        &["é\n", "", "error"],
        &["content", "*", "*"],
    ];
    let mut random = splits::Random(3);
    let mut found = 0;
    for _ in 0..5_000 {
        let value = random_value(&mut random, 5);
        let document =
            if random.below(2) == 0 { format!("{value}") } else { format!("{value:#} ") };
        let chunks: Vec<&[u8]> = document.as_bytes().chunks(1 + random.below(9)).collect();
        let (told, end) = scan_chunks(paths, &chunks);
        let mut expected = expected(paths, &value, &mut Vec::new());
        if value.is_number() && document.ends_with(|last| last != ' ') {
            expected.clear();
        }
        assert_eq!((told, end), (expected.clone(), Whole), "{document}");
        found += expected.len();
    }
    assert!(found > 5_000, "the documents test nothing: {found}");
}

#[test]
fn damaged_documents_are_judged_as_serde_json_judges_them() {
    let mut random = splits::Random(5);
    let (mut whole, mut wrong) = (0, 0);
    for _ in 0..50_000 {
        let mut bytes = random_value(&mut random, 3).to_string().into_bytes();
        for _ in 0..=random.below(3) {
            random.damage(&mut bytes);
        }
        // Whether strings are UTF-8 is not judged, and half a surrogate pair is no error.
        let Ok(document) = str::from_utf8(&bytes) else { continue };
        if document.to_ascii_lowercase().contains("\\ud") {
            continue;
        }
        let chunks: Vec<&[u8]> = bytes.chunks(1 + random.below(9)).collect();
        let (_, end) = scan_chunks(&[], &chunks);
        match serde_json::from_str::<Value>(document) {
            Ok(_) => {
                whole += 1;
                assert_eq!(end, Whole, "{document}");
            }
            Err(error) if error.to_string().starts_with("number out of range") => {}
            // Of a wrong escape that is cut, serde_json says no more than that it is cut.
            Err(error) if error.is_eof() && !document.contains("\\u") => {
                wrong += 1;
                assert!(matches!(end, Empty | Truncated), "{end:?} {error} {document}");
            }
            Err(error) => {
                wrong += 1;
                assert!(end != Whole, "{end:?} {error} {document}");
            }
        }
    }
    assert!(whole > 5_000 && wrong > 5_000, "the damage tests nothing: {whole}, {wrong}");
}

#[test]
fn random_bytes_do_not_panic() {
    let mut random = splits::Random(13);
    for _ in 0..5_000 {
        let length = random.below(100);
        let mut bytes = random.bytes(length);
        bytes.splice(0..0, *b"{\"error\":\"");
        scan_chunks(PATHS, &[&bytes]);
    }
}

#[test]
fn a_scanner_stays_small() {
    assert!(size_of::<Scanner<'_>>() <= 512, "{}", size_of::<Scanner<'_>>());
}
