//! What a single text may be that names something or is compared with something.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::form::{Characters, Form};
use super::rules::Rule;
use crate::glob::Glob;

/// The names of this filter's own headers.
const OWN_HEADERS: &str = "x-llm-breaker*";
/// The name of the breaker that everything shares which the configuration does not name.
const SHARED: &str = "other";

/// A pattern for names.
pub(super) struct Pattern {
    pub(super) max_bytes: usize,
}

impl Rule for Pattern {
    type Out = Glob;

    fn read(&self, value: &Value) -> Option<Glob> {
        let text = value.as_str()?;
        (1..=self.max_bytes).contains(&text.len()).then(|| Glob::new(text))
    }

    fn allowed(&self) -> String {
        format!("a glob of 1 to {} bytes, `*` and `?` over the whole name", self.max_bytes)
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::Any, but: &[] }
    }

    fn show(&self, out: &Glob) -> Value {
        out.as_str().into()
    }
}

/// A text.
pub(super) struct Text {
    pub(super) max_bytes: usize,
}

impl Rule for Text {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        (1..=self.max_bytes).contains(&text.len()).then(|| text.into())
    }

    fn allowed(&self) -> String {
        format!("a text of 1 to {} bytes", self.max_bytes)
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::Any, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// A text on one line, such as a header's value.
pub(super) struct Line {
    pub(super) max_bytes: usize,
}

impl Rule for Line {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let text = Text { max_bytes: self.max_bytes }.read(value)?;
        (!text.contains(char::is_control)).then_some(text)
    }

    fn allowed(&self) -> String {
        format!("a text of 1 to {} bytes without control characters", self.max_bytes)
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::Line, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// What a person writes, on one line.
pub(super) struct Words {
    pub(super) max: usize,
}

impl Rule for Words {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        let fits = (1..=self.max).contains(&text.chars().take(self.max + 1).count());
        (fits && !text.contains(char::is_control)).then(|| text.to_owned())
    }

    fn allowed(&self) -> String {
        format!("a text of 1 to {} characters without control characters", self.max)
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max.saturating_mul(4), of: Characters::Line, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// The name of one cluster.
pub(super) struct ClusterName {
    pub(super) max_bytes: usize,
}

impl Rule for ClusterName {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let name = Line { max_bytes: self.max_bytes }.read(value)?;
        (!name.contains(['*', '?'])).then_some(name)
    }

    fn allowed(&self) -> String {
        format!(
            "the name of one cluster, 1 to {} bytes without control characters, no glob",
            self.max_bytes
        )
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::Name, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// What the keys of a store begin with.
pub(super) struct KeyPrefix {
    pub(super) max_bytes: usize,
}

impl Rule for KeyPrefix {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let prefix = Text { max_bytes: self.max_bytes }.read(value)?;
        let is_visible = prefix.bytes().all(|byte| byte.is_ascii_graphic());
        (is_visible && prefix.ends_with('/')).then_some(prefix)
    }

    fn allowed(&self) -> String {
        format!(
            "a prefix such as \"/llm-breaker/\", 1 to {} visible ASCII characters, the last a /",
            self.max_bytes
        )
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::KeyPrefix, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// A path with or without a query, as it stands in a request line.
pub(super) struct RequestPath {
    pub(super) max_bytes: usize,
}

impl Rule for RequestPath {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let path = Text { max_bytes: self.max_bytes }.read(value)?;
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        (path.starts_with('/') && plain).then_some(path)
    }

    fn allowed(&self) -> String {
        format!(
            "a path such as \"/v1/chat/completions\", 1 to {} visible ASCII characters, no #",
            self.max_bytes
        )
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::RequestPath, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// A text that is itself a JSON document.
pub(super) struct JsonText {
    pub(super) max_bytes: usize,
}

impl Rule for JsonText {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let text = Text { max_bytes: self.max_bytes }.read(value)?;
        serde_json::from_str::<IgnoredAny>(&text).is_ok().then_some(text)
    }

    fn allowed(&self) -> String {
        format!("a text of 1 to {} bytes that is a JSON document", self.max_bytes)
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::Any, but: &[] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// A text that names a breaker, and so stands in stats and in the log.
pub(super) struct KeyName {
    /// What it is, with its article.
    pub(super) kind: &'static str,
    pub(super) max_bytes: usize,
}

impl Rule for KeyName {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let text = Text { max_bytes: self.max_bytes }.read(value)?;
        (text != SHARED && !text.contains(char::is_control)).then_some(text)
    }

    fn allowed(&self) -> String {
        let Self { kind, max_bytes } = self;
        format!(
            "{kind} of 1 to {max_bytes} bytes without control characters, and not \"{SHARED}\", \
             which names the breaker of all the rest"
        )
    }

    fn form(&self) -> Form {
        Form::Text { max_bytes: self.max_bytes, of: Characters::Line, but: &[SHARED] }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// The name of an HTTP header, which is read in lower case.
pub(super) struct HeaderName {
    /// Lists of names in lower case that it may not be, beside this filter's own; with a `*` at
    /// their end for all that begin so.
    pub(super) but: &'static [&'static [&'static str]],
}

impl HeaderName {
    const MAX_BYTES: usize = 128;

    fn excludes(&self, name: &str) -> bool {
        self.excluded().any(|excluded| match excluded.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == excluded,
        })
    }

    fn excluded(&self) -> impl Iterator<Item = &'static str> {
        [OWN_HEADERS].into_iter().chain(self.but.iter().copied().flatten().copied())
    }
}

impl Rule for HeaderName {
    type Out = String;

    fn read(&self, value: &Value) -> Option<String> {
        let name = value.as_str()?.to_ascii_lowercase();
        let valid = (1..=Self::MAX_BYTES).contains(&name.len()) && name.bytes().all(is_token);
        (valid && !self.excludes(&name)).then_some(name)
    }

    fn allowed(&self) -> String {
        format!(
            "the name of an HTTP header, 1 to {} bytes, no pseudo-header such as :path and none of \
             {}",
            Self::MAX_BYTES,
            self.excluded().collect::<Vec<_>>().join(", ")
        )
    }

    fn form(&self) -> Form {
        Form::Header { max_bytes: Self::MAX_BYTES, but: self.excluded().collect() }
    }

    fn show(&self, out: &String) -> Value {
        out.as_str().into()
    }
}

/// A `tchar` of RFC 9110, section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// A place in a JSON document, its keys from the outside in.
pub(super) struct JsonPath {
    pub(super) max_segments: usize,
    pub(super) max_bytes: usize,
}

impl Rule for JsonPath {
    type Out = Vec<String>;

    fn read(&self, value: &Value) -> Option<Vec<String>> {
        let path: Vec<_> = value.as_str()?.split('.').map(String::from).collect();
        let fits = |segment: &String| (1..=self.max_bytes).contains(&segment.len());
        (path.len() <= self.max_segments && path.iter().all(fits)).then_some(path)
    }

    fn allowed(&self) -> String {
        let Self { max_segments, max_bytes } = self;
        format!(
            "a path such as \"error.code\", 1 to {max_segments} keys of 1 to {max_bytes} bytes, `*` \
             for any element of an array"
        )
    }

    fn form(&self) -> Form {
        Form::Path { max_segments: self.max_segments, max_bytes: self.max_bytes }
    }

    fn show(&self, out: &Vec<String>) -> Value {
        out.join(".").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_header_is_a_token_in_lower_case_and_none_of_the_filters_own() {
        let longest = "x".repeat(128);
        for name in ["x-team", "a", "0", "!#$%&'*+-.^_`|~", "x-llm", "x-llm-break", &longest] {
            assert_eq!(HeaderName { but: &[] }.read(&json!(name)).as_deref(), Some(name));
        }
        assert_eq!(HeaderName { but: &[] }.read(&json!("X-Team")).as_deref(), Some("x-team"));
        let too_long = "x".repeat(129);
        for name in [
            "",
            ":path",
            "x team",
            "x-team ",
            "x:y",
            "x\n",
            "ü",
            "(x)",
            "\"x\"",
            "x,y",
            "x/y",
            "x-llm-breaker",
            "x-llm-breaker-token",
            "X-LLM-Breaker",
            &too_long,
        ] {
            assert_eq!(HeaderName { but: &[] }.read(&json!(name)), None, "{name:?}");
        }
        assert_eq!(HeaderName { but: &[] }.read(&json!(7)), None);
    }

    #[test]
    fn a_header_may_be_excluded_by_its_name_or_its_beginning() {
        let rule = HeaderName { but: &[&["host"], &["x-envoy-*", "te"]] };
        for name in ["host", "HOST", "te", "x-envoy-", "X-Envoy-Retry-On", "x-llm-breaker"] {
            assert_eq!(rule.read(&json!(name)), None, "{name}");
        }
        for name in ["hosts", "ghost", "tea", "x-envoy", "y-x-envoy-a"] {
            assert_eq!(rule.read(&json!(name)).as_deref(), Some(name));
        }
        assert!(rule.allowed().ends_with("none of x-llm-breaker*, host, x-envoy-*, te"));
    }

    #[test]
    fn a_json_path_has_a_few_keys_none_of_them_empty() {
        let rule = JsonPath { max_segments: 3, max_bytes: 4 };
        for (text, keys) in
            [("code", &["code"][..]), ("a.*.c", &["a", "*", "c"]), ("@t/p.x y", &["@t/p", "x y"])]
        {
            assert_eq!(rule.read(&json!(text)).expect(text), keys);
        }
        for text in ["", ".", "a.", ".a", "a..b", "a.b.c.d", "codes"] {
            assert_eq!(rule.read(&json!(text)), None, "{text:?}");
        }
    }

    #[test]
    fn a_breakers_name_fits_a_log_line_and_is_not_that_of_all_the_rest() {
        let rule = KeyName { kind: "a text", max_bytes: 6 };
        for text in ["a", "others", "Other", "*", "ü b"] {
            assert_eq!(rule.read(&json!(text)).as_deref(), Some(text));
        }
        for text in ["", "other", "seven77", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(rule.read(&json!(text)), None, "{text:?}");
        }
    }
}
