//! The corpus's answers, as the SDKs ask for them and our own upstream gives them.

use llm_breaker_host_tests::simulator::{Behaviour, Chunk, StreamEnd};
use serde_json::{Value, json};

use super::stage::cluster_of;
use crate::bodies::{corpus, headers};
use crate::scene::Outcome;

/// A stream of events of the corpus, in answer to a path that one of the SDKs calls.
pub(super) struct Recorded {
    /// Dialect and name.
    pub(super) name: String,
    /// The call that is answered so.
    pub(super) call: Value,
    /// The name of the call's cluster.
    pub(super) cluster: &'static str,
    /// What the filter is to make of it.
    pub(super) category: String,
    /// What the breaker is to make of that.
    pub(super) verdict: String,
    case: Value,
}

/// All of them in order, but those that the client breaks off.
pub(super) fn recorded_streams() -> Outcome<Vec<Recorded>> {
    let streams = corpus()?.into_iter().filter_map(|(path, case)| {
        let is_event_stream = headers(&case["headers"])
            .get("content-type")
            .is_some_and(|media_type| media_type.starts_with("text/event-stream"));
        if !is_event_stream || !case["encoding"].is_null() || case["ended"] == "client_left" {
            return None;
        }
        let call = call(&case)?;
        let expected = |what| case["expected"][what].as_str().map(str::to_owned);
        Some(Recorded {
            name: format!("{}/{}", expected("dialect")?, path.file_stem()?.to_string_lossy()),
            cluster: cluster_of(&call),
            call,
            category: expected("category")?,
            verdict: expected("verdict")?,
            case,
        })
    });
    Ok(streams.collect())
}

/// The SDK's call with the case's path, if one of them has such a path.
fn call(case: &Value) -> Option<Value> {
    const OPENAI: [(&str, &str); 3] = [
        ("/chat/completions", "chat"),
        ("/completions", "completions"),
        ("/responses", "responses"),
    ];
    let path = case["path"].as_str()?;
    let call = |api| json!({"api": api, "prompt": "Hello", "stream": true});
    match case["expected"]["dialect"].as_str()? {
        "openai" => OPENAI.iter().find_map(|(tail, api)| {
            let mut call = call(*api);
            call["base"] = path.strip_suffix(tail)?.into();
            Some(call)
        }),
        "anthropic" if path == "/v1/messages" => Some(call("messages")),
        "gemini" if path.starts_with("/v1beta/") => Some(call("gemini")),
        _ => None,
    }
}

impl Recorded {
    /// As the case has it.
    pub(super) fn behaviour(&self) -> Behaviour {
        self.with_line_ends("\n")
    }

    /// With other ends of lines than the case has.
    pub(super) fn with_line_ends(&self, line_end: &str) -> Behaviour {
        let chunks = self.case["chunks"].as_array().expect("chunks").iter();
        let chunks = chunks.map(|chunk| {
            let text = chunk.as_str().expect("text").replace("\r\n", "\n");
            Chunk::now(text.replace('\n', line_end))
        });
        let end = if self.case["ended"] == "reset" { StreamEnd::Cut } else { StreamEnd::Silent };
        Behaviour::script(chunks, end)
    }
}
