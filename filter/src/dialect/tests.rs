//! Every case of the corpus: is it detected, classified and read as it says?
//!
//! The framings are split by the simplest code that can, and JSON is read by serde_json: what is
//! tested are the tables.

use super::*;
use crate::outcome::{Category, Verdict};
use crate::stream::json::Found;
use core::time::Duration;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

fn corpus() -> Vec<(PathBuf, Json)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut cases = Vec::new();
    for folder in std::fs::read_dir(root).unwrap().map(|it| it.unwrap().path()) {
        if !folder.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            let case = serde_json::from_slice(&std::fs::read(&file).unwrap());
            cases.push((file.clone(), case.unwrap_or_else(|e| panic!("{}: {e}", file.display()))));
        }
    }
    cases
}

fn header<'c>(case: &'c Json, name: &str) -> Option<&'c str> {
    case["headers"][name].as_str()
}

fn detected(case: &Json) -> Detected {
    let sent = &case["request_headers"];
    let request = Request {
        method: case["method"].as_str().unwrap(),
        path: case["path"].as_str().unwrap(),
        content_type: sent["content-type"].as_str(),
        accept: sent["accept"].as_str(),
        anthropic_version: sent["anthropic-version"].is_string(),
        goog: sent["x-goog-api-client"].is_string(),
    };
    Dialect::detect(&request, None)
}

fn chunks(case: &Json) -> Vec<Vec<u8>> {
    let text = case["chunks"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    match case["encoding"].as_str() {
        Some("base64") => text.map(base64).collect(),
        _ => text.map(|it| it.as_bytes().to_vec()).collect(),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|it| DIGITS.iter().position(|digit| *digit == it));
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0, 0);
    for digit in digits {
        bits = bits << 6 | u32::try_from(digit).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}

/// Hands over what stands at the paths, as a scanner would.
fn scan(json: &Json, paths: &[&[&str]], mut found: impl FnMut(usize, Found<'_>)) {
    for (index, path) in paths.iter().enumerate() {
        at(json, path, &mut |json| {
            let number = json.to_string();
            found(
                index,
                match json {
                    Json::Null => Found::Null,
                    Json::Bool(it) => Found::Bool(*it),
                    Json::Number(_) => Found::Number(number.as_bytes()),
                    Json::String(it) => Found::Text { prefix: it.as_bytes(), cut: false },
                    Json::Array(it) => Found::Array { empty: it.is_empty() },
                    Json::Object(it) => Found::Object { empty: it.is_empty() },
                },
            );
        });
    }
}

fn at(json: &Json, path: &[&str], found: &mut dyn FnMut(&Json)) {
    match (path, json) {
        ([], _) => found(json),
        (["*", rest @ ..], Json::Array(elements)) => {
            elements.iter().for_each(|it| at(it, rest, found));
        }
        ([key, rest @ ..], Json::Object(object)) => {
            object.get(*key).into_iter().for_each(|it| at(it, rest, found));
        }
        _ => {}
    }
}

fn facts(body: &Json) -> ErrorFacts {
    let mut facts = ErrorFacts::default();
    let body = body.as_array().and_then(|it| it.first()).unwrap_or(body);
    scan(body, ERROR_PATHS, |index, value| facts.found(index, value));
    facts
}

/// What the status alone says, as `call::classify` has it.
fn by_status(status: u16) -> Category {
    match status {
        401 | 403 => Category::Authentication,
        402 => Category::QuotaExhausted,
        408 | 504 => Category::Timeout,
        429 => Category::RateLimited,
        529 => Category::Overloaded,
        400..=499 => Category::ClientError,
        _ => Category::ServerError,
    }
}

fn of_error(case: &Json, dialect: Dialect, facts: &ErrorFacts) -> Category {
    let status = case["status"].as_u64().unwrap() as u16;
    classify_error(dialect, status, header(case, "x-amzn-errortype"), facts).unwrap_or_else(|| {
        match (status, facts.said_status()) {
            (200, Some(said)) => by_status(said),
            (200, None) => Category::StreamInterrupted,
            _ => by_status(status),
        }
    })
}

/// One event: its name or exception, and its data.
type Event = (Option<(bool, String)>, Vec<u8>);

/// The whole events of a body, each with the index of the chunk that ended it.
fn events(case: &Json) -> Vec<(usize, Event)> {
    let amazon = header(case, "content-type") == Some("application/vnd.amazon.eventstream");
    let (mut rest, mut events) = (Vec::new(), Vec::new());
    for (index, chunk) in chunks(case).into_iter().enumerate() {
        rest.extend(chunk);
        while let Some((event, length)) = if amazon { frame(&rest) } else { sse(&rest) } {
            rest.drain(..length);
            events.push((index, event));
        }
    }
    events
}

fn sse(bytes: &[u8]) -> Option<(Event, usize)> {
    let text = core::str::from_utf8(bytes).ok()?;
    let ends = ["\n\n", "\r\n\r\n"].map(|end| text.find(end).map(|at| at + end.len()));
    let length = ends.into_iter().flatten().min()?;
    let (mut name, mut data) = (None, String::new());
    for line in text[..length].lines() {
        if let Some(it) = line.strip_prefix("event: ") {
            name = Some((false, it.to_owned()));
        } else if let Some(it) = line.strip_prefix("data: ") {
            data.push_str(it);
        }
    }
    Some(((name, data.into_bytes()), length))
}

fn frame(bytes: &[u8]) -> Option<(Event, usize)> {
    let number =
        |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let (length, headers_length) = (number(0)?, number(4)?);
    let payload = bytes.get(12 + headers_length..length.checked_sub(4)?)?;
    let (mut headers, mut name) = (&bytes[12..12 + headers_length], None);
    while let [key_length, rest @ ..] = headers {
        let (key, rest) = rest.split_at(usize::from(*key_length));
        let value_length = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
        let (value, rest) = rest[3..].split_at(value_length);
        headers = rest;
        let value = String::from_utf8(value.to_vec()).unwrap();
        match key {
            b":event-type" => name = Some((false, value)),
            b":exception-type" => name = Some((true, value)),
            _ => {}
        }
    }
    Some(((name, payload.to_vec()), length))
}

/// How a stream ended, and in which chunk its first content came.
fn streamed(case: &Json, dialect: Dialect) -> (Category, Option<usize>) {
    let mut reader = EventReader::new(dialect);
    let (mut first, mut over, mut read) = (None, dialect == Dialect::Generic, false);
    for (chunk, (name, data)) in events(case) {
        read = true;
        let name = match &name {
            Some((true, name)) => EventName::Exception(name),
            Some((false, name)) => EventName::Named(name),
            None => EventName::Absent,
        };
        let mut json = serde_json::from_slice::<Json>(&data).unwrap_or_default();
        if dialect.envelope().is_some()
            && let Some(wrapped) = json["bytes"].as_str()
        {
            json = serde_json::from_slice(&base64(wrapped)).unwrap();
        }
        scan(&json, dialect.event_paths(), |index, value| reader.found(index, value));
        match reader.end_of_event(name, &data) {
            Meaning::Error(facts) => return (of_error(case, dialect, &facts), first),
            Meaning::Content { finished } => {
                first = first.or(Some(chunk));
                over |= finished;
            }
            Meaning::Finish | Meaning::Terminal => over = true,
            Meaning::KeepAlive | Meaning::Preamble => {}
        }
    }
    let ended = match case["ended"].as_str().unwrap() {
        "client_left" => Category::Cancelled,
        "reset" if !over || dialect == Dialect::Generic => Category::StreamInterrupted,
        _ if over || !read => Category::Success,
        _ => Category::StreamInterrupted,
    };
    (ended, first)
}

fn is_stream(case: &Json) -> bool {
    let content_type = header(case, "content-type").unwrap_or_default();
    content_type == "text/event-stream" || content_type.contains("eventstream")
}

fn category_named(name: &str) -> Category {
    Category::ALL.into_iter().find(|it| it.name() == name).unwrap_or_else(|| panic!("{name}"))
}

fn verdict_named(name: &str) -> Verdict {
    match name {
        "success" => Verdict::Success,
        "failure" => Verdict::Failure,
        "ignore" => Verdict::Ignore,
        "open" => Verdict::Open,
        _ => panic!("{name}"),
    }
}

#[test]
fn the_corpus_is_detected_as_it_says() {
    for (file, case) in corpus() {
        let (found, expected) = (detected(&case), &case["expected"]);
        let dialect = Dialect::named(expected["dialect"].as_str().unwrap());
        assert_eq!(Some(found.dialect), dialect, "{}", file.display());
        assert_eq!(json!(found.api.generates()), expected["generation"], "{}", file.display());
        let folder = file.parent().and_then(Path::file_name).and_then(|it| it.to_str());
        assert_eq!(folder, Some(found.dialect.name()), "{}", file.display());
        let verdict = verdict_named(expected["verdict"].as_str().unwrap());
        let category = category_named(expected["category"].as_str().unwrap());
        assert_eq!(category.default_verdict(), verdict, "{}", file.display());
    }
}

#[test]
fn the_corpus_errors_are_classified_as_they_say() {
    let mut classified = 0;
    for (file, case) in corpus() {
        let body = chunks(&case).concat();
        let json = serde_json::from_slice::<Json>(&body).unwrap_or_default();
        let (facts, dialect) = (facts(&json), detected(&case).dialect);
        let compressed = header(&case, "content-encoding").is_some();
        if case["status"].as_u64() < Some(400) || compressed {
            continue;
        }
        let category = of_error(&case, dialect, &facts);
        let expected = &case["expected"];
        assert_eq!(json!(category.name()), expected["category"], "{}", file.display());
        let announced = announced(&case, dialect, category, &facts).map(|it| it.as_secs_f64());
        let same = match (announced, expected["announced_seconds"].as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            (found, expected) => found == expected,
        };
        assert!(same, "{}: {announced:?}", file.display());
        classified += 1;
    }
    assert!(classified >= 60, "{classified}");
}

fn announced(
    case: &Json,
    dialect: Dialect,
    category: Category,
    facts: &ErrorFacts,
) -> Option<Duration> {
    let seconds = header(case, "retry-after").map(|it| Duration::from_secs(it.parse().unwrap()));
    let headers = |name: &str| header(case, name).map(str::as_bytes);
    let date = header(case, "date").unwrap_or("Thu, 01 Jan 1970 00:00:00 GMT");
    let wall_clock = || httpdate::parse_http_date(date).unwrap();
    seconds
        .or_else(|| announced_by_limits(dialect, category, headers, wall_clock))
        .or_else(|| facts.announced())
}

#[test]
fn the_corpus_streams_mean_what_they_say() {
    let mut read = 0;
    for (file, case) in corpus().into_iter().filter(|(_, case)| is_stream(case)) {
        let (category, first) = streamed(&case, detected(&case).dialect);
        let expected = &case["expected"];
        assert_eq!(json!(category.name()), expected["category"], "{}", file.display());
        assert_eq!(json!(first), expected["first_content_chunk"], "{}", file.display());
        read += 1;
    }
    assert!(read >= 60, "{read}");
}

#[test]
fn every_dialect_has_its_share_of_the_corpus() {
    let corpus = corpus();
    for dialect in Dialect::ALL {
        let of = |wanted: fn(&Json) -> bool| {
            let mine = |case: &Json| case["expected"]["dialect"] == dialect.name();
            corpus.iter().filter(|(_, case)| mine(case) && wanted(case)).count()
        };
        let healthy: fn(&Json) -> bool =
            |it| is_stream(it) && it["expected"]["category"] == "success";
        let failing: fn(&Json) -> bool =
            |it| is_stream(it) && it["status"] == 200 && it["expected"]["verdict"] == "failure";
        assert!(of(|_| true) >= 15, "{dialect:?}");
        assert!(of(healthy) >= 5, "{dialect:?}");
        assert!(of(failing) >= 3, "{dialect:?}");
    }
    assert!(corpus.len() >= 120);
}

#[test]
fn the_paths_fit_the_scanner() {
    for dialect in Dialect::ALL {
        assert!(dialect.event_paths().len() <= 32, "{dialect:?}");
        assert!(dialect.event_paths().iter().all(|it| (1..=8).contains(&it.len())));
        assert!(dialect.event_paths().starts_with(ERROR_PATHS));
    }
}

fn post(path: &str) -> Detected {
    let request = Request { method: "POST", path, ..Request::default() };
    Dialect::detect(&request, None)
}

#[test]
fn models_and_streams_are_told_from_paths() {
    let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x";
    let arn_path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse";
    let cases = [
        ("/openai/deployments/my%20gpt/chat/completions?api-version=1", None, Some("my gpt")),
        ("/v1beta/models/gemini-2.5-flash:generateContent", Some(false), Some("gemini-2.5-flash")),
        (
            "/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent?alt=sse",
            Some(true),
            Some("g"),
        ),
        ("/v1beta/models/g%3AstreamGenerateContent", Some(true), Some("g")),
        (arn_path, Some(false), Some(arn)),
        ("/model/a.b-v1:0/converse-stream", Some(true), Some("a.b-v1:0")),
        ("/model/x/invoke-with-response-stream", Some(true), Some("x")),
        ("/v1/messages?beta=true", None, None),
        ("/v1/responses/", None, None),
        ("/v1/embeddings", Some(false), None),
    ];
    for (path, streams, model) in cases {
        let found = post(path);
        assert!(found.api.generates(), "{path}");
        assert_eq!((found.streams, found.model.as_deref()), (streams, model), "{path}");
    }
}

#[test]
fn what_is_asked_for_is_told_from_paths() {
    let vertex = "/v1/projects/p/locations/l/publishers";
    let cases = [
        ("/v1/chat/completions".to_owned(), Api::Chat),
        ("/openai/deployments/d/chat/completions?api-version=1".to_owned(), Api::Chat),
        ("/v1/completions".to_owned(), Api::Completions),
        ("/v1/complete".to_owned(), Api::Completions),
        ("/v1/responses?alt=sse".to_owned(), Api::Responses),
        ("/v1/embeddings".to_owned(), Api::Embeddings),
        ("/v1/messages?beta=true".to_owned(), Api::Messages),
        (format!("{vertex}/anthropic/models/m:streamRawPredict"), Api::Messages),
        (format!("{vertex}/google/models/m:generateContent"), Api::GenerateContent),
        ("/v1beta/models/g:streamGenerateContent?alt=sse".to_owned(), Api::GenerateContent),
        ("/v1beta/models/g:streamGenerateContent?k=v&$alt=sse".to_owned(), Api::GenerateContent),
        ("/v1beta/models/g:streamGenerateContent".to_owned(), Api::GenerateContentArray),
        ("/v1beta/models/g:streamGenerateContent?alt=json".to_owned(), Api::GenerateContentArray),
        ("/v1beta/models/g:streamGenerateContent#?alt=sse".to_owned(), Api::GenerateContentArray),
        ("/v1beta/models/g:embedContent".to_owned(), Api::Embeddings),
        ("/model/m/converse".to_owned(), Api::Converse),
        ("/model/m/converse-stream".to_owned(), Api::Converse),
        ("/model/m/invoke-with-response-stream".to_owned(), Api::Invoke),
        ("/v1/files".to_owned(), Api::Other),
    ];
    for (path, api) in cases {
        assert_eq!(post(&path).api, api, "{path}");
    }
}

#[test]
fn grpc_is_told_as_envoy_does() {
    let of = |content_type: &str| {
        let request = Request { content_type: Some(content_type), ..Request::default() };
        let request = Request { method: "POST", path: "/inference.Model/Infer", ..request };
        Dialect::detect(&request, None).api
    };
    for content_type in ["application/grpc", "application/grpc+proto"] {
        assert_eq!(of(content_type), Api::Grpc, "{content_type}");
    }
    for content_type in
        ["application/grpc-web", "application/grpc;x=y", "application/json", "text/plain"]
    {
        assert_eq!(of(content_type), Api::Other, "{content_type}");
    }
}

#[test]
fn what_does_not_generate_is_not_taken_for_it() {
    let cases = [
        "/v1/responses/resp_1/cancel",
        "/v1/responses/input_tokens",
        "/v1/messages/count_tokens",
        "/v1/messages/batches",
        "/v1/audio/speech",
        "/v1/files",
        "/v1/batches",
        "/v1beta/models/g:countTokens",
        "/v1beta/models/g:batchGenerateContent",
        "/v1beta/models/veo:predictLongRunning",
        "/model/x/count-tokens",
        "/async-invoke",
        "/v1/chat/completions/chatcmpl-1",
        "/surveys/7/responses",
        "/videos/responses",
        "/tasks/completions",
        "/index/embeddings",
        "/",
        "",
        "*",
    ];
    for path in cases {
        assert!(!post(path).api.generates(), "{path}");
    }
    let get = Request { method: "GET", path: "/v1/chat/completions", ..Request::default() };
    assert_eq!(Dialect::detect(&get, None).api, Api::Other);
    let grpc = Request { method: "POST", content_type: Some("application/grpc"), ..get };
    assert_eq!(Dialect::detect(&grpc, None).api, Api::Grpc);
    let deep = "/a".repeat(10_000) + "/chat/completions";
    assert_eq!(post(&deep).api, Api::Other, "absurdly deep");
    for model in ["%ff", "%0a", "%zz", "%4", &"a".repeat(257), &"%41".repeat(257)] {
        assert_eq!(post(&format!("/model/{model}/converse")).model, None, "{model}");
    }
}

#[test]
fn the_operators_word_is_final() {
    let request = Request { method: "POST", path: "/v1/messages", ..Request::default() };
    let found = Dialect::detect(&request, Some(Dialect::OpenAi));
    assert_eq!((found.dialect, found.api), (Dialect::OpenAi, Api::Other));
    let found = Dialect::detect(&request, Some(Dialect::Generic));
    assert_eq!((found.dialect, found.api), (Dialect::Generic, Api::Other));
    let unknown = Request { path: "/x", anthropic_version: true, ..request };
    assert_eq!(Dialect::detect(&unknown, None).dialect, Dialect::Anthropic);
}

#[test]
fn a_message_in_pieces_is_bounded_and_still_says_when_to_come_back() {
    let message = ERROR_PATHS.iter().position(|it| *it == ["error", "message"]).unwrap();
    let text = "Größe überschritten. Please retry in 1m5s.";
    let mut facts = ErrorFacts::default();
    for piece in text.as_bytes().chunks(3) {
        facts.found(message, Found::Piece(piece));
    }
    facts.found(message, Found::Text { prefix: &text.as_bytes()[..5], cut: true });
    assert_eq!(facts.announced(), Some(Duration::from_secs(65)));
    for text in ["Please retry in 34s。", "Please retry in 34sé", "Please retry in 34s µ"] {
        let mut facts = ErrorFacts::default();
        facts.found(message, Found::Text { prefix: text.as_bytes(), cut: false });
        assert_eq!(facts.announced(), Some(Duration::from_secs(34)), "{text}");
    }
    let mut facts = ErrorFacts::default();
    let long = "ä".repeat(facts::MESSAGE_LIMIT);
    facts.found(message, Found::Text { prefix: long.as_bytes(), cut: false });
    facts.found(message, Found::Text { prefix: b"Please retry in 5s", cut: false });
    assert_eq!(facts.announced(), None, "beyond the bound, and not the first");
}
