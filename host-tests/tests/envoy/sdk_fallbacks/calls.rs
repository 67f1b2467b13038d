//! The calls that applications make by their SDKs.

use serde_json::{Value, json};

use crate::sdks::driver::Language;

/// What both languages have: plain and streamed calls, and OpenAI's and Anthropic's helpers.
const APIS: [&str; 4] = ["chat", "responses", "messages", "gemini"];
const HELPERS: [(&str, &str); 5] = [
    ("chat", "stream"),
    ("chat", "parse"),
    ("responses", "stream"),
    ("responses", "parse"),
    ("messages", "stream"),
];

/// What is tested in Python alone: Bedrock, LangChain, and further helpers.
const PYTHON_APIS: [&str; 2] = ["converse", "langchain"];
const PYTHON_HELPERS: [(&str, &str); 3] =
    [("messages", "parse"), ("gemini", "parse"), ("langchain", "parse")];

/// The plain calls of all APIs, without a stream and with one.
pub(super) fn plain(language: Language) -> Vec<Value> {
    let further = if language == Language::Python { &PYTHON_APIS[..] } else { &[] };
    let apis = APIS.iter().chain(further);
    let call = |api: &&str, stream| json!({"api": api, "prompt": "Hello", "stream": stream});
    apis.flat_map(|api| [call(api, false), call(api, true)]).collect()
}

/// The calls by the SDKs' helpers.
pub(super) fn by_helpers(language: Language) -> Vec<Value> {
    let further = if language == Language::Python { &PYTHON_HELPERS[..] } else { &[] };
    let helpers = HELPERS.iter().chain(further);
    let call = |(api, helper): &(_, _)| json!({"api": api, "prompt": "Hello", "helper": helper});
    helpers.map(call).collect()
}

/// All of these.
pub(super) fn all(language: Language) -> Vec<Value> {
    [plain(language), by_helpers(language)].concat()
}

/// The API of a call; LangChain asks for a chat.
pub(super) fn api(call: &Value) -> &str {
    match call["api"].as_str() {
        Some("langchain") => "chat",
        api => api.expect("a name"),
    }
}
