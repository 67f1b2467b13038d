//! What does a request's body ask for: which model, as a stream or not, and what but text?

use crate::stream::Completeness;
use crate::stream::json::paths::{Node, Paths, size, tree};
use crate::stream::json::{Found, Scanner};

/// What a request asks for, as far as its body says it and was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model, 128 bytes at most.
    pub model: Option<String>,
    /// Whether the body asks for a stream; where the path says so, bodies do not.
    pub streams: bool,
    /// What the answer has to be.
    pub wants: Wants,
    /// Whether the body is one whole JSON document, and all of it was read.
    pub complete: bool,
}

impl Facts {
    /// Nothing is known.
    pub const NONE: Self =
        Self { model: None, streams: false, wants: Wants::Text, complete: false };
}

/// What an answer has to be, so that the application can use it; the more demanding come later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// Whatever the model says.
    #[default]
    Text,
    /// A JSON document.
    Json,
    /// A call of a tool.
    Tool,
}

/// Reads a body as it arrives, until it has told what must be known or cannot any more.
#[derive(Clone, Debug)]
pub struct RequestBody {
    scanner: Scanner<'static>,
    read_bytes: usize,
    limit_bytes: usize,
    facts: Facts,
}

impl RequestBody {
    /// A body of which at most so many bytes are read.
    #[must_use]
    pub fn within(limit_bytes: usize) -> Self {
        let facts = Facts::default();
        Self { scanner: Scanner::new(PLACES), read_bytes: 0, limit_bytes, facts }
    }

    /// How many bytes were read, so that the next are told from those already seen.
    #[must_use]
    pub const fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// How many more bytes are read at most.
    #[must_use]
    pub const fn left_bytes(&self) -> usize {
        self.limit_bytes.saturating_sub(self.read_bytes)
    }

    /// Reads the next bytes; whether more could tell more.
    pub fn read(&mut self, bytes: &[u8]) -> bool {
        let readable = bytes.get(..self.left_bytes()).unwrap_or(bytes);
        self.read_bytes = self.read_bytes.saturating_add(readable.len());
        let facts = &mut self.facts;
        self.scanner.feed(readable, &mut |index, found| facts.found(index, found));
        let end = self.scanner.end();
        self.facts.complete = end == Completeness::Whole;
        let goes_on = matches!(end, Completeness::Empty | Completeness::Truncated);
        goes_on && self.read_bytes < self.limit_bytes
    }

    /// What it asks for.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl Facts {
    fn found(&mut self, index: usize, found: Found<'_>) {
        let Some(field) = FIELDS.get(index) else { return };
        let text = match found {
            Found::Text { prefix, cut: false } => core::str::from_utf8(prefix).ok(),
            _ => None,
        };
        match field.role {
            // The first of several counts, and one that is too long to be a model's is none.
            Role::Model if self.model.is_none() => self.model = text.map(str::to_owned),
            Role::Stream => self.streams = found == Found::Bool(true),
            Role::OneOf(words, wants) if text.is_some_and(|text| words.contains(&text)) => {
                self.want(wants);
            }
            Role::NoneOf(words, wants) if text.is_some_and(|text| !words.contains(&text)) => {
                self.want(wants);
            }
            Role::Given(wants) if found != Found::Null => self.want(wants),
            Role::Model | Role::OneOf(..) | Role::NoneOf(..) | Role::Given(_) => {}
        }
    }

    fn want(&mut self, wants: Wants) {
        self.wants = self.wants.max(wants);
    }
}

/// What stands at a path.
struct Field {
    path: &'static [&'static str],
    role: Role,
}

/// What a value tells.
#[derive(Clone, Copy)]
enum Role {
    Model,
    Stream,
    /// The answer has to be this if the value is one of these words.
    OneOf(&'static [&'static str], Wants),
    /// The answer has to be this if the value is another word.
    NoneOf(&'static [&'static str], Wants),
    /// The answer has to be this if there is a value.
    Given(Wants),
}

const JSON: Role = Role::OneOf(&["json_object", "json_schema"], Wants::Json);
const REQUIRED: Role = Role::OneOf(&["required"], Wants::Tool);

/// All dialects that do not name the model in the path have it, and `stream`, at the top; Python's
/// SDKs of OpenAI and Anthropic write both after the messages. The rest, with the dialects whose it
/// is, as the SDKs send it: openai 3.54.0, anthropic 2.12.0, google-genai 3.4.0, botocore 1.44.5.
/// No two of them mean different things by one path, so that no body needs to be of one dialect.
const FIELDS: &[Field] = &[
    Field { path: &["model"], role: Role::Model },
    Field { path: &["stream"], role: Role::Stream },
    // OpenAI: chat, responses.
    Field { path: &["response_format", "type"], role: JSON },
    Field { path: &["text", "format", "type"], role: JSON },
    // Anthropic; the second as its beta had it.
    Field { path: &["output_config", "format", "type"], role: JSON },
    Field { path: &["output_format", "type"], role: JSON },
    // Bedrock's converse.
    Field { path: &["outputConfig", "textFormat", "type"], role: JSON },
    // Gemini.
    Field {
        path: &["generationConfig", "responseMimeType"],
        role: Role::OneOf(&["application/json"], Wants::Json),
    },
    Field { path: &["generationConfig", "responseSchema"], role: Role::Given(Wants::Json) },
    Field { path: &["generationConfig", "responseJsonSchema"], role: Role::Given(Wants::Json) },
    // OpenAI: a word, or an object that names a tool or some of which one must be called.
    Field { path: &["tool_choice"], role: REQUIRED },
    Field { path: &["tool_choice", "mode"], role: REQUIRED },
    Field { path: &["tool_choice", "allowed_tools", "mode"], role: REQUIRED },
    Field { path: &["function_call", "name"], role: Role::Given(Wants::Tool) },
    // Also Anthropic: `any` or `tool`.
    Field {
        path: &["tool_choice", "type"],
        role: Role::NoneOf(&["auto", "none", "allowed_tools"], Wants::Tool),
    },
    // Gemini.
    Field {
        path: &["toolConfig", "functionCallingConfig", "mode"],
        role: Role::OneOf(&["ANY"], Wants::Tool),
    },
    // Bedrock's converse.
    Field { path: &["toolConfig", "toolChoice", "any"], role: Role::Given(Wants::Tool) },
    Field { path: &["toolConfig", "toolChoice", "tool"], role: Role::Given(Wants::Tool) },
];

const PATHS: &[&[&str]] = &paths::<{ FIELDS.len() }>(FIELDS);
const TREE: &[Node<'_>] = &tree::<{ size(PATHS) }>(PATHS);
const PLACES: Paths<'_> = Paths::of(TREE);

#[expect(clippy::indexing_slicing, reason = "only called while compiling")]
const fn paths<const N: usize>(fields: &[Field]) -> [&'static [&'static str]; N] {
    let mut paths: [&[&str]; N] = [&[]; N];
    let mut index = 0;
    while index < N {
        paths[index] = fields[index].path;
        index += 1;
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::json::paths::MAX_PATHS;
    use crate::stream::splits;
    use serde_json::{Value, json};

    const CHAT: &[u8] = br#"{"messages":[{"role":"user","model":"no"}],"model":"o3","n":1}"#;

    fn read_all(chunks: &[&[u8]]) -> Facts {
        let mut body = RequestBody::within(1024);
        for chunk in chunks {
            body.read(chunk);
        }
        body.facts
    }

    /// What a body asks for, which no split may change.
    fn facts(body: &str) -> Facts {
        let whole = read_all(&[body.as_bytes()]);
        for chunks in splits::of(body.as_bytes()) {
            assert_eq!(read_all(&chunks), whole, "{chunks:?}");
        }
        whole
    }

    fn wants(body: Value) -> Wants {
        facts(&body.to_string()).wants
    }

    #[test]
    fn the_model_is_known_as_soon_as_it_is_read_and_the_whole_document_is_read_on() {
        let named_at = CHAT.windows(4).position(|it| it == br#""o3""#).expect("a model") + 4;
        for split in 0..CHAT.len() {
            let mut body = RequestBody::within(1024);
            let (before, after) = CHAT.split_at(split);
            assert!(body.read(before), "{split}");
            assert_eq!(body.facts().model.is_some(), split >= named_at, "{split}");
            assert!(!body.facts().complete, "{split}");
            assert!(!body.read(after), "{split}");
            assert_eq!(body.facts().model.as_deref(), Some("o3"), "{split}");
            assert!(body.facts().complete, "{split}");
        }
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let mut body = RequestBody::within(20);
        assert!(!body.read(CHAT));
        assert_eq!((body.read_bytes(), body.left_bytes()), (20, 0));
        assert_eq!(*body.facts(), Facts::NONE);
        let mut body = RequestBody::within(CHAT.len());
        assert!(!body.read(CHAT));
        assert!(body.facts().complete, "one that just fits");
    }

    #[test]
    fn what_names_no_model_is_not_waited_for() {
        let long = format!(r#"{{"model":"{}","n":1}}"#, "x".repeat(129));
        for (bytes, goes_on) in [
            (&b"{\"n\":1}"[..], false),
            (b"<html>", false),
            (b"", true),
            (b"{\"model\":7}", false),
            (b"{\"model\":\"\xff\"}", false),
            (long.as_bytes(), false),
        ] {
            let mut body = RequestBody::within(1024);
            assert_eq!(body.read(bytes), goes_on, "{bytes:?}");
            assert_eq!(body.facts().model, None, "{bytes:?}");
        }
    }

    #[test]
    fn only_one_whole_document_is_complete() {
        for (body, complete) in [
            ("{}", true),
            (" {\"a\": [1, 2]}\r\n", true),
            ("{\"model\": \"o3\"", false),
            ("{\"model\": \"o3\",}", false),
            ("{} {}", false),
            ("", false),
            ("model=o3", false),
        ] {
            assert_eq!(facts(body).complete, complete, "{body}");
        }
    }

    #[test]
    fn it_streams_if_it_says_so_at_the_top() {
        for (body, streams) in [
            (r#"{"model":"o3","stream":true}"#, true),
            (r#"{"stream":false}"#, false),
            (r#"{"stream":"true"}"#, false),
            (r#"{"messages":[{"stream":true}],"options":{"stream":true}}"#, false),
            (r#"{"str\u0065am":true}"#, true),
            // As parsers read it.
            (r#"{"stream":true,"stream":false}"#, false),
        ] {
            assert_eq!(facts(body).streams, streams, "{body}");
        }
    }

    #[test]
    fn each_dialects_way_to_ask_for_json_is_known() {
        for body in [
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": {"json_schema": {"schema": {}}, "type": "json_schema"}}),
            json!({"text": {"format": {"type": "json_schema", "name": "a", "schema": {}}}}),
            json!({"text": {"format": {"type": "json_object"}}}),
            json!({"output_config": {"format": {"schema": {}, "type": "json_schema"}}}),
            json!({"output_format": {"schema": {}, "type": "json_schema"}}),
            json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {}}}}),
            json!({"generationConfig": {"responseMimeType": "application/json"}}),
            json!({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}),
            json!({"generationConfig": {"responseJsonSchema": {"type": "object"}}}),
        ] {
            assert_eq!(wants(body.clone()), Wants::Json, "{body}");
        }
    }

    #[test]
    fn each_dialects_way_to_force_a_tool_is_known() {
        let function = json!({"name": "look_up"});
        for body in [
            json!({"tool_choice": "required"}),
            json!({"tool_choice": {"type": "function", "function": function}}),
            json!({"tool_choice": {"type": "function", "name": "look_up"}}),
            json!({"tool_choice": {"type": "custom", "custom": function}}),
            json!({"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": []}}),
            json!({"tool_choice": {"type": "allowed_tools",
                                   "allowed_tools": {"mode": "required", "tools": []}}}),
            json!({"function_call": function}),
            json!({"tool_choice": {"type": "any"}}),
            json!({"tool_choice": {"type": "tool", "name": "look_up"}}),
            json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
            json!({"toolConfig": {"toolChoice": {"any": {}}}}),
            json!({"toolConfig": {"toolChoice": {"tool": function}}}),
        ] {
            assert_eq!(wants(body.clone()), Wants::Tool, "{body}");
        }
    }

    #[test]
    fn everything_else_wants_text() {
        for body in [
            json!({"response_format": {"type": "text"}, "text": {"format": {"type": "text"}}}),
            json!({"response_format": null, "tool_choice": null}),
            json!({"tools": [{"type": "function", "function": {"name": "look_up"}}]}),
            json!({"tool_choice": "auto", "function_call": "auto"}),
            json!({"tool_choice": "none"}),
            json!({"tool_choice": {"type": "auto"}}),
            json!({"tool_choice": {"type": "none"}}),
            json!({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}),
            json!({"output_config": {"effort": "low"}}),
            json!({"generationConfig": {"responseMimeType": "text/plain",
                                        "responseSchema": null}}),
            json!({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}),
            json!({"toolConfig": {"toolChoice": {"auto": {}}}}),
            json!({"messages": [{"tool_choice": "required",
                                 "response_format": {"type": "json_object"}}]}),
        ] {
            assert_eq!(wants(body.clone()), Wants::Text, "{body}");
        }
    }

    #[test]
    fn a_forced_tool_is_more_than_json_in_any_order() {
        let format = r#""response_format":{"type":"json_object"}"#;
        let tool = r#""tool_choice":"required""#;
        for body in [format!("{{{format},{tool}}}"), format!("{{{tool},{format}}}")] {
            assert_eq!(facts(&body).wants, Wants::Tool, "{body}");
        }
    }

    #[test]
    fn a_scanner_finds_all_paths() {
        assert!(FIELDS.len() <= MAX_PATHS);
        assert!(PATHS.iter().all(|path| path.len() <= 8));
    }
}
