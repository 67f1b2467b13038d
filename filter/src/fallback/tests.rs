//! Do our own readers take every answer for what it is meant to be?

use super::*;
use crate::call::{ClientTimeouts, Coding, Exchange, MediaType, ResponseHead, Source, error_type};
use crate::call::{Streams, announced};
use crate::dialect::{ERROR_PLACES, ErrorFacts, Request, classify_error};
use crate::outcome::Category;
use crate::policy::Policy;
use crate::stream::json::Scanner;
use crate::time::Instant;
use serde_json::{Value as Json, json};

/// What needs escaping in JSON, and what looks like one of our own places.
const TEXT: &str = "Sorry, \"busy\" \\ $model\r\n\r\ndata: [DONE]\n\u{1}ü🙂\u{2028}";
const JSON: &str = r#"{"answer":null,"why":"$text"}"#;
const MODEL: &str = "llm-breaker-fallback";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn answer() -> CompletionAnswer {
    CompletionAnswer { text: TEXT.to_owned(), json: Some(JSON.to_owned()), model: MODEL.to_owned() }
}

const PATHS: [&str; 14] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/files",
    "/v1/messages",
    "/v1/complete",
    "/v1beta/models/g:generateContent",
    "/v1beta/models/g:streamGenerateContent?alt=sse",
    "/v1beta/models/g:streamGenerateContent",
    "/model/m/converse",
    "/model/m/converse-stream",
    "/model/m/invoke",
    "/anything",
];

/// A request to this path; one whose body says so streams as well.
fn asked(path: &str, streams: bool) -> (Protocol, Asked) {
    let request = Request { method: "POST", path, ..Request::default() };
    let detected = Dialect::detect(&request, None);
    let mut protocol = Protocol::of(&detected, "POST");
    if streams && protocol.asked_for == AskedFor::Unsaid {
        protocol.asked_for = AskedFor::Stream;
    }
    (protocol, Asked::of(protocol))
}

fn everything_asked() -> impl Iterator<Item = (Protocol, Asked)> {
    PATHS.into_iter().flat_map(|path| [false, true].map(|streams| asked(path, streams)))
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut values = reply.headers.iter().filter(|(it, _)| it == name);
    let value = values.next().map(|(_, value)| &**value);
    assert_eq!(values.next(), None, "{name} comes twice");
    value
}

fn json_of(reply: &Reply) -> Json {
    assert_eq!(header(reply, "content-type"), Some("application/json"));
    serde_json::from_slice(&reply.body).unwrap()
}

fn grpc() -> Asked {
    Asked { api: Api::Grpc, dialect: Dialect::Generic, streams: false, wants: Wants::Text }
}

/// What a breaker in front of this one, which did not know our mark, would make of a reply, and
/// whether it saw content.
fn judged(reply: &Reply, protocol: Protocol) -> (Category, bool) {
    let (policy, at) = (Policy::default(), Instant::from_nanos(1));
    let value = |name| header(reply, name).map(str::as_bytes);
    let mut head = ResponseHead::new(u16::try_from(reply.status).unwrap(), Source::Upstream);
    head.media_type = MediaType::of(value("content-type"));
    head.coding = Coding::of(None);
    head.announced = announced(value("retry-after-ms"), value("retry-after"), now);
    head.error_type = value("x-amzn-errortype").and_then(error_type);
    let mut exchange = Exchange::begin(at, ClientTimeouts::default(), protocol);
    exchange.request_ended(at);
    let mut outcome = exchange.response_started(&head, &policy, at);
    let mut has_content = false;
    for byte in &reply.body {
        if outcome.is_none() {
            let seen = exchange.response_data(&[*byte], &policy, at);
            has_content |= seen.first_content_after.is_some();
            outcome = seen.outcome;
        }
    }
    let outcome = outcome.or_else(|| exchange.response_ended(&policy, at)).unwrap();
    (outcome.category, has_content)
}

#[test]
fn completions_are_successes_with_content() {
    let mut streams = 0;
    for (protocol, asked) in everything_asked() {
        let Some(reply) = completion(&answer(), &asked, now()) else { continue };
        let (category, has_content) = judged(&reply, protocol);
        assert_eq!(category, Category::Success, "{asked:?}");
        assert_eq!((reply.status, header(&reply, MARK)), (200, Some("fallback")), "{asked:?}");
        if asked.streams && protocol.streams == Streams::OfGeneration {
            assert!(has_content, "{asked:?}");
            streams += 1;
        }
    }
    assert!(streams >= 8, "{streams}");
}

#[test]
fn only_what_has_a_text_is_completed() {
    let completed = |path| completion(&answer(), &asked(path, false).1, now()).is_some();
    let not: Vec<_> = PATHS.into_iter().filter(|path| !completed(path)).collect();
    let others = ["/v1/embeddings", "/v1/files", "/v1/complete", "/model/m/invoke", "/anything"];
    assert_eq!(not, others);
    assert_eq!(completion(&answer(), &grpc(), now()), None);
}

/// Where the text stands in the JSON of a completion.
fn said<'j>(body: &'j Json, path: &str) -> &'j Json {
    body.pointer(path).unwrap_or_else(|| panic!("no {path} in {body}"))
}

const TEXTS: [(&str, &str); 6] = [
    ("/v1/chat/completions", "/choices/0/message/content"),
    ("/v1/completions", "/choices/0/text"),
    ("/v1/responses", "/output/0/content/0/text"),
    ("/v1/messages", "/content/0/text"),
    ("/v1beta/models/g:generateContent", "/candidates/0/content/parts/0/text"),
    ("/model/m/converse", "/output/message/content/0/text"),
];

#[test]
fn the_text_arrives_as_configured() {
    for (path, place) in TEXTS {
        let reply = completion(&answer(), &asked(path, false).1, now()).unwrap();
        let body = json_of(&reply);
        assert_eq!(said(&body, place), TEXT, "{path}");
        assert!(body.to_string().contains(MODEL), "{path}");
    }
    let chat = json_of(&completion(&answer(), &asked(PATHS[0], false).1, now()).unwrap());
    assert_eq!((&chat["created"], &chat["model"]), (&json!(1_800_000_000), &json!(MODEL)));
}

#[test]
fn a_request_for_json_gets_the_configured_json() {
    for (path, place) in TEXTS {
        let asked = Asked { wants: Wants::Json, ..asked(path, false).1 };
        let body = json_of(&completion(&answer(), &asked, now()).unwrap());
        assert_eq!(said(&body, place), JSON, "{path}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_where_the_api_can() {
    let without = CompletionAnswer { json: None, ..answer() };
    for streams in [false, true] {
        let cases = [(Wants::Json, &without), (Wants::Tool, &answer())];
        for (wants, answer) in cases {
            let refusing: Vec<_> = TEXTS
                .into_iter()
                .map(|(path, _)| (path, Asked { wants, ..asked(path, streams).1 }))
                .filter_map(|(path, asked)| Some((path, completion(answer, &asked, now())?)))
                .collect();
            let paths: Vec<_> = refusing.iter().map(|(path, _)| *path).collect();
            assert_eq!(paths, ["/v1/chat/completions", "/v1/responses"], "{wants:?}");
            for (path, reply) in refusing {
                assert_eq!(judged(&reply, asked(path, streams).0).0, Category::Success, "{path}");
                assert!(String::from_utf8(reply.body).unwrap().contains(r#""refusal":"Sorry,"#));
            }
        }
    }
}

fn classified(reply: &Reply, dialect: Dialect) -> Option<Category> {
    let mut facts = ErrorFacts::default();
    Scanner::new(ERROR_PLACES).feed(&reply.body, &mut |index, found| facts.found(index, found));
    let status = u16::try_from(reply.status).unwrap();
    classify_error(dialect, status, header(reply, "x-amzn-errortype"), &facts)
}

#[test]
fn errors_say_that_the_provider_is_overloaded() {
    for (protocol, asked) in everything_asked() {
        let reply = error(&ErrorAnswer::default(), &asked, Duration::from_millis(29_001));
        assert_eq!(judged(&reply, protocol).0, Category::Overloaded, "{asked:?}");
        let is_object = asked.api != Api::GenerateContentArray;
        if is_object {
            let dialect = asked.dialect;
            assert_eq!(classified(&reply, dialect), Some(Category::Overloaded), "{asked:?}");
        }
        assert_eq!(json_of(&reply).is_object(), is_object);
        let body = String::from_utf8(reply.body.clone()).unwrap();
        assert!(body.contains(r#""circuit_open""#), "{body}");
        assert!(body.contains("again in 30 s."), "{body}");
        let headers = [MARK, "retry-after", "retry-after-ms", "x-should-retry"];
        let values = headers.map(|name| header(&reply, name).unwrap());
        assert_eq!(values, ["open", "30", "29001", "false"]);
    }
}

#[test]
fn every_dialect_has_its_own_status_and_words() {
    let of = |path| error(&ErrorAnswer::default(), &asked(path, false).1, Duration::ZERO);
    let (openai, anthropic) = (of("/v1/chat/completions"), of("/v1/messages"));
    let (gemini, bedrock) = (of("/v1beta/models/g:generateContent"), of("/model/m/converse"));
    assert_eq!([&openai, &anthropic, &gemini, &bedrock].map(|it| it.status), [503, 529, 503, 503]);
    assert_eq!(json_of(&openai)["error"]["code"], "circuit_open");
    assert_eq!(json_of(&openai)["error"]["param"], Json::Null);
    assert_eq!(json_of(&anthropic)["error"]["details"]["error_code"], "circuit_open");
    let gemini = &json_of(&gemini)["error"];
    assert_eq!((&gemini["code"], &gemini["status"]), (&json!(503), &json!("UNAVAILABLE")));
    assert_eq!(gemini["details"][0]["reason"], "CIRCUIT_OPEN");
    assert_eq!(gemini["details"][1]["retryDelay"], "1s");
    let exception = "ServiceUnavailableException";
    assert_eq!(header(&bedrock, "x-amzn-errortype"), Some(exception));
    assert_eq!(json_of(&bedrock)["__type"], exception);
}

#[test]
fn an_operator_chooses_status_message_and_headers_but_not_ours() {
    let headers = ["x-team", "retry-after", "content-type", "content-length", ":status", MARK];
    let headers = headers.map(|name| (name.to_owned(), "mine".to_owned())).to_vec();
    let message = Some("Weg \"ist\" es.".to_owned());
    let answer = ErrorAnswer { status: Some(429), message, headers };
    for (protocol, asked) in everything_asked() {
        let reply = error(&answer, &asked, Duration::from_secs(7));
        assert_eq!(reply.status, 429);
        assert_eq!(judged(&reply, protocol).0, Category::RateLimited, "{asked:?}");
        let mine = reply.headers.iter().filter(|(_, value)| value == "mine");
        assert_eq!(mine.map(|(name, _)| &**name).collect::<Vec<_>>(), ["x-team"]);
        assert!(json_of(&reply).to_string().contains(r#""Weg \"ist\" es.""#));
    }
}

#[test]
fn a_timeout_and_a_refusal_are_what_they_say() {
    for (protocol, asked) in everything_asked() {
        let reply = timed_out(&asked);
        assert_eq!(reply.status, 504);
        assert_eq!(header(&reply, MARK), Some("fallback"));
        assert_eq!(judged(&reply, protocol).0, Category::Timeout, "{asked:?}");
        let reply = refused(&asked, "Not with this header.");
        assert_eq!((reply.status, header(&reply, "retry-after")), (400, None));
        assert_eq!(judged(&reply, protocol).0, Category::ClientError, "{asked:?}");
        assert!(json_of(&reply).to_string().contains("Not with this header."));
    }
}

#[test]
fn grpc_gets_a_status_and_a_message() {
    let configured = ErrorAnswer { status: Some(500), ..ErrorAnswer::default() };
    let reply = error(&configured, &grpc(), Duration::from_secs(3));
    assert_eq!((reply.status, reply.grpc_status), (500, Some(14)));
    let message = "The model provider is currently unavailable. Please try again in 3 s.";
    assert_eq!(String::from_utf8(reply.body.clone()).unwrap(), message);
    assert_eq!(header(&reply, "content-type"), None);
    assert_eq!(header(&reply, "retry-after"), Some("3"));
    assert_eq!(timed_out(&grpc()).grpc_status, Some(4));
    assert_eq!(refused(&grpc(), "No.").grpc_status, Some(3));
}

#[test]
fn nobody_is_told_to_come_back_too_early() {
    let of = |milliseconds| {
        let wait = Duration::from_millis(milliseconds);
        let reply = error(&ErrorAnswer::default(), &asked(PATHS[0], false).1, wait);
        ["retry-after", "retry-after-ms"].map(|name| header(&reply, name).unwrap().to_owned())
    };
    assert_eq!(of(0), ["1", "1"]);
    assert_eq!(of(1_000), ["1", "1000"]);
    assert_eq!(of(1_001), ["2", "1001"]);
    assert_eq!(of(29_500), ["30", "29500"]);
}

#[test]
fn no_place_is_left_empty() {
    let plain = CompletionAnswer { text: "Busy.".to_owned(), json: None, ..answer() };
    for (_, asked) in everything_asked() {
        for wants in [Wants::Text, Wants::Json] {
            let replies = [
                completion(&plain, &Asked { wants, ..asked }, now()),
                Some(error(&ErrorAnswer::default(), &asked, Duration::ZERO)),
                Some(refused(&asked, "No.")),
            ];
            for reply in replies.into_iter().flatten() {
                assert!(!reply.body.contains(&b'$'), "{asked:?}");
            }
        }
    }
}
