//! Do the official SDKs take every answer of the filter's own for one of their provider's, in form
//! and in type? Over no network: `sdk/replies.py` hands it to them.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use llm_breaker::call::Protocol;
use llm_breaker::call::Wants;
use llm_breaker::dialect::{Dialect, Request};
use llm_breaker::fallback::{self, Asked, Reply};
use llm_breaker::policy::{CompletionAnswer, ErrorAnswer};
use llm_breaker_host_tests::patience::patiently;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What a configured text may have in it.
const TEXT: &str = "Sorry, \"busy\" \\ $model\r\n\r\ndata: [DONE]\n\u{1}ü🙂\u{2028}\u{85}.";
const JSON: &str = r#"{"answer":"none"}"#;
const MODEL: &str = "llm-breaker-fallback";
const MESSAGE: &str = "Come \"back\" later.";

/// An SDK's call: its name in `sdk/replies.py`, the paths that it asks for without and with a
/// stream, and how a made completion ends for it.
struct Api {
    name: &'static str,
    whole: &'static str,
    stream: &'static str,
    finish: &'static str,
}

const APIS: [Api; 6] = [
    Api::new("chat", ["/v1/chat/completions"; 2], "stop"),
    Api::new("completions", ["/v1/completions"; 2], "stop"),
    Api::new("responses", ["/v1/responses"; 2], "completed"),
    Api::new("messages", ["/v1/messages"; 2], "end_turn"),
    Api::new(
        "gemini",
        ["/v1beta/models/g:generateContent", "/v1beta/models/g:streamGenerateContent?alt=sse"],
        "STOP",
    ),
    Api::new("converse", ["/model/m/converse", "/model/m/converse-stream"], "end_turn"),
];

impl Api {
    const fn new(
        name: &'static str,
        [whole, stream]: [&'static str; 2],
        finish: &'static str,
    ) -> Self {
        Self { name, whole, stream, finish }
    }

    /// What the filter knows of the request.
    fn asked(&self, streams: bool, wants: Wants) -> Asked {
        let path = if streams { self.stream } else { self.whole };
        let request = Request { method: "POST", path, ..Request::default() };
        let detected = Dialect::detect(&request, None);
        Asked { streams, wants, ..Asked::of(Protocol::of(&detected, "POST")) }
    }
}

/// What an SDK made of a reply.
#[derive(Debug, Deserialize)]
struct Told {
    raised: Option<Raised>,
    text: Option<String>,
    refusal: Option<String>,
    finish: Option<String>,
    model: Option<String>,
    requests: u32,
    faults: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Raised {
    #[serde(rename = "type")]
    kind: String,
    status: Option<u16>,
    message: String,
    code: Option<String>,
}

fn call(api: &Api, streams: bool, reply: &Reply) -> Value {
    let headers = reply.headers.iter();
    let headers: Map<_, _> =
        headers.map(|(name, value)| (name.to_string(), (&**value).into())).collect();
    let body = BASE64_STANDARD.encode(&reply.body);
    let (name, status) = (api.name, reply.status);
    json!({"api": name, "stream": streams, "status": status, "headers": headers, "body": body})
}

/// What the SDKs make of these.
async fn judged(calls: &[Value]) -> Outcome<Vec<Told>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let python = root.join(".venv/bin/python");
    if !python.exists() {
        return Err(format!("{} is missing: `make setup`", python.display()).into());
    }
    let mut process = Command::new(python)
        .args(["-W", "ignore"])
        .arg(root.join("host-tests/sdk/replies.py"))
        // No setting of the machine that runs the tests, and no .pyc files among the sources.
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = process.stdin.take().expect("a piped stdin");
    let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
    let fed = async move { input.write_all(lines.as_bytes()).await };
    let both = async { tokio::join!(fed, process.wait_with_output()) };
    let (fed, output) = patiently("the SDKs' verdicts", both).await;
    fed?;
    let told = String::from_utf8(output?.stdout)?;
    let told = told.lines().map(serde_json::from_str).collect::<Result<Vec<Told>, _>>()?;
    assert_eq!(told.len(), calls.len());
    Ok(told)
}

fn completion(api: &Api, streams: bool, wants: Wants, answer: &CompletionAnswer) -> Option<Value> {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let reply = fallback::completion(answer, &api.asked(streams, wants), created)?;
    Some(call(api, streams, &reply))
}

fn answer() -> CompletionAnswer {
    CompletionAnswer { text: TEXT.to_owned(), json: Some(JSON.to_owned()), model: MODEL.to_owned() }
}

/// Each API, without and with a stream.
fn both() -> impl Iterator<Item = (&'static Api, bool)> {
    APIS.iter().flat_map(|api| [(api, false), (api, true)])
}

#[tokio::test]
async fn a_completion_is_returned_as_any_other() -> Outcome<()> {
    let calls: Option<Vec<_>> = both()
        .flat_map(|(api, streams)| [(api, streams, Wants::Text), (api, streams, Wants::Json)])
        .map(|(api, streams, wants)| completion(api, streams, wants, &answer()))
        .collect();
    let told = judged(&calls.expect("each has one")).await?;
    for ((api, streams), told) in both().zip(told.chunks(2)) {
        for (told, said) in told.iter().zip([TEXT, JSON]) {
            let at = format!("{}, {streams}: {told:?}", api.name);
            assert_eq!((&told.raised, told.faults.as_slice()), (&None, [].as_slice()), "{at}");
            assert_eq!(told.text.as_deref(), Some(said), "{at}");
            assert_eq!(told.finish.as_deref(), Some(api.finish), "{at}");
            assert_eq!(told.model.as_deref(), Some(MODEL), "{at}");
            assert_eq!((told.refusal.as_deref(), told.requests), (None, 1), "{at}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_one_where_there_are_refusals() -> Outcome<()> {
    let calls: Vec<_> = both()
        .filter_map(|(api, streams)| completion(api, streams, Wants::Tool, &answer()))
        .collect();
    assert_eq!(calls.len(), 4, "chat and responses, without and with a stream");
    for told in judged(&calls).await? {
        assert_eq!((&told.raised, told.faults.as_slice()), (&None, [].as_slice()), "{told:?}");
        assert_eq!(told.refusal.as_deref(), Some(TEXT), "{told:?}");
        assert_eq!(told.text.unwrap_or_default(), "");
    }
    Ok(())
}

/// The exceptions of an open breaker, of a time-out and of a refused request; what OpenAI's SDK and
/// Google's call a code, and Amazon's.
fn raised(api: &Api) -> [(&'static str, u16, &'static str); 3] {
    match api.name {
        "messages" => [
            ("OverloadedError", 529, "circuit_open"),
            ("GatewayTimeoutError", 504, "upstream_timeout"),
            ("BadRequestError", 400, "request_refused"),
        ],
        "gemini" => [
            ("ServerError", 503, "UNAVAILABLE"),
            ("ServerError", 504, "DEADLINE_EXCEEDED"),
            ("ClientError", 400, "INVALID_ARGUMENT"),
        ],
        "converse" => [
            ("ServiceUnavailableException", 503, "ServiceUnavailableException"),
            ("ModelTimeoutException", 504, "ModelTimeoutException"),
            ("ValidationException", 400, "ValidationException"),
        ],
        _ => [
            ("InternalServerError", 503, "circuit_open"),
            ("InternalServerError", 504, "upstream_timeout"),
            ("BadRequestError", 400, "request_refused"),
        ],
    }
}

#[tokio::test]
async fn an_error_is_raised_as_the_sdks_own_and_not_tried_again() -> Outcome<()> {
    let open = ErrorAnswer { message: Some(MESSAGE.to_owned()), ..ErrorAnswer::default() };
    let calls: Vec<_> = both()
        .flat_map(|(api, streams)| {
            let asked = api.asked(streams, Wants::Text);
            let replies = [
                fallback::error(&open, &asked, Duration::from_secs(30)),
                fallback::timed_out(&asked),
                fallback::refused(&asked, MESSAGE),
            ];
            replies.map(|reply| call(api, streams, &reply))
        })
        .collect();
    let told = judged(&calls).await?;
    for ((api, _), told) in both().zip(told.chunks(3)) {
        for (told, (kind, status, code)) in told.iter().zip(raised(api)) {
            assert_eq!(told.faults.as_slice(), [""; 0], "{}: {told:?}", api.name);
            let raised = told.raised.as_ref().expect("an exception");
            let found = (raised.kind.as_str(), raised.status, raised.code.as_deref());
            assert_eq!(found, (kind, Some(status), Some(code)), "{raised:?}");
            let timed_out = status == 504;
            assert!(timed_out || raised.message.ends_with(MESSAGE), "{raised:?}");
            // botocore knows no header that would stop it.
            let tries_again = api.name == "converse" && status >= 500;
            assert_eq!(told.requests > 1, tries_again, "{}: {told:?}", api.name);
        }
    }
    Ok(())
}
