//! How does a text with places to fill in become JSON, or events of JSON?
//!
//! The bodies are constant but for a few values. Written out they can be read, and take less of the
//! module than the code that would build them. Line breaks, and the indentation after them, are
//! there for their readers alone.

/// What to fill in: a place's name, of small letters, and JSON.
pub(super) type Places<'a> = &'a [(&'a str, &'a str)];

/// The template with its places, `$name`, filled in. What is filled in is not looked into,
/// and an unknown place stays as it is.
pub(super) fn fill(template: &str, places: Places<'_>) -> String {
    let mut filled = String::with_capacity(template.len());
    for line in template.lines() {
        let mut parts = line.trim_start().split('$');
        filled.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let rest = part.trim_start_matches(|it: char| it.is_ascii_lowercase() || it == '_');
            let name = part.strip_suffix(rest);
            let value = places.iter().find(|(place, _)| Some(*place) == name);
            let (value, rest) = value.map_or(("$", part), |(_, value)| (*value, rest));
            filled.push_str(value);
            filled.push_str(rest);
        }
    }
    filled
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// A server-sent event without a name.
pub(super) fn event(json: &str) -> String {
    format!("data: {json}\n\n")
}

/// A server-sent event whose JSON, an object, says its name as `type` once more; `rest` are its
/// other members, each after a comma.
pub(super) fn named_event(name: &str, rest: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n")
}
