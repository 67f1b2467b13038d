//! The same request for another model, where its path names the model.

use super::Dialect;
use super::route::Path;

/// The path, with its query, that asks this dialect for `model` in place of the one that it names;
/// `None` if it names none.
#[must_use]
pub fn path_with_model(dialect: Dialect, path: &str, model: &str) -> Option<String> {
    let parsed = Path::parse(path)?;
    let index = (dialect.tables().route)(&parsed)?.model?;
    // Google's `:method` stays behind the name; only the last segment has one.
    let is_last = index.saturating_add(1) == parsed.segments.len();
    let method = parsed.method.filter(|_| is_last).unwrap_or_default();
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (segments, rest) = path.split_at_checked(end)?;
    let mut seen = 0;
    let renamed: Vec<String> = segments
        .split('/')
        .map(|segment| {
            let is_the_models = !segment.is_empty() && seen == index;
            seen += usize::from(!segment.is_empty());
            if is_the_models { renamed_segment(segment, model, method) } else { segment.to_owned() }
        })
        .collect();
    Some(renamed.join("/") + rest)
}

fn renamed_segment(segment: &str, model: &str, method: &str) -> String {
    let before = segment.strip_suffix(method).filter(|_| !method.is_empty()).unwrap_or_default();
    let colon = [":", "%3A", "%3a"].into_iter().find(|colon| before.ends_with(colon));
    format!("{}{}{method}", percent_encoded(model), colon.unwrap_or_default())
}

/// Everything but what RFC 3986 leaves unreserved.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Anthropic, Bedrock, Gemini, OpenAi};

    #[test]
    fn only_the_models_name_changes() {
        for (dialect, path, expected) in [
            (
                Gemini,
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
                Some("/v1beta/models/gemini%2Fnew:streamGenerateContent?alt=sse"),
            ),
            (
                Gemini,
                "//v1beta/models/gemini-2.5-pro%3AgenerateContent",
                Some("//v1beta/models/gemini%2Fnew%3AgenerateContent"),
            ),
            (
                OpenAi,
                "/openai/deployments/gpt-4.1/chat/completions?api-version=1",
                Some("/openai/deployments/gemini%2Fnew/chat/completions?api-version=1"),
            ),
            (
                Bedrock,
                "/model/anthropic.claude%3A0/converse-stream",
                Some("/model/gemini%2Fnew/converse-stream"),
            ),
            (Bedrock, "/model/anthropic.claude:0/converse", Some("/model/gemini%2Fnew/converse")),
            (OpenAi, "/v1/chat/completions", None),
            (Anthropic, "/v1/messages", None),
            (Gemini, "/", None),
            (Gemini, "", None),
        ] {
            let renamed = path_with_model(dialect, path, "gemini/new");
            assert_eq!(renamed.as_deref(), expected, "{path}");
        }
    }
}
