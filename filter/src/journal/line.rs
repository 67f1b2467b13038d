//! How is an event written on one line? As JSON, or as logfmt: `name=value` pairs.

use crate::config::LogFormat;
use crate::config::json::write;
use serde_json::Value;

/// The fields of one event, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line(Vec<(&'static str, Value)>);

impl Line {
    /// Add a field.
    pub fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    /// The line, without a line break at its end or anywhere else.
    #[must_use]
    pub fn text(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Json => format!("{{{}}}", self.joined(",", json)),
            LogFormat::Logfmt => self.joined(" ", logfmt),
        }
    }

    /// The same as a JSON object without whose breaker it is about, for where that is known.
    #[must_use]
    pub fn told(&self) -> String {
        let is_whose = |name: &str| ["breaker", "model"].contains(&name);
        let others = self.0.iter().filter(|(name, _)| !is_whose(name)).cloned();
        Self(others.collect()).text(LogFormat::Json)
    }

    fn joined(&self, separator: &str, write: impl Fn(&str, &Value) -> String) -> String {
        let fields: Vec<String> = self.0.iter().map(|(name, value)| write(name, value)).collect();
        fields.join(separator)
    }
}

fn json(name: &str, value: &Value) -> String {
    format!("\"{name}\":{}", one_line(value))
}

fn logfmt(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) if is_bare(text) => format!("{name}={text}"),
        Value::String(_) => format!("{name}={}", one_line(value)),
        Value::Array(_) | Value::Object(_) => {
            format!("{name}={}", one_line(&Value::String(one_line(value))))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => format!("{name}={}", write(value)),
    }
}

/// Whether logfmt's readers take a text for one value as it is.
fn is_bare(text: &str) -> bool {
    let is_special = |it: char| it.is_whitespace() || it.is_control() || "\"'`=\\".contains(it);
    !text.is_empty() && !text.contains(is_special)
}

/// A value as JSON; also without the breaks and control characters that JSON allows in texts.
fn one_line(value: &Value) -> String {
    let text = write(value);
    if !text.contains(is_break) {
        return text;
    }
    let escaped = text.chars().map(|it| match is_break(it) {
        true => format!("\\u{:04x}", u32::from(it)),
        false => it.to_string(),
    });
    escaped.collect()
}

fn is_break(it: char) -> bool {
    it.is_control() || matches!(it, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NAMES: [&str; 9] = [
        "outbound|443||api.openai.com",
        "a b",
        "say \"a=b\"",
        "",
        "back\\slash",
        "line\nbreak\r\ttab",
        "\u{7f}\u{85}\u{2028}",
        "größe",
        "msg=\"x\" level=error",
    ];

    fn line(name: &str) -> Line {
        let mut line = Line::default();
        line.add("event", "transition");
        line.add("breaker", name);
        line.add("epoch", 7_u64);
        line.add("ignored", json!(["x: \"y\" is wrong", "z"]));
        line.add("announced", false);
        line
    }

    #[test]
    fn json_is_one_object_on_one_line_in_the_order_of_its_fields() {
        assert_eq!(
            line("a").text(LogFormat::Json),
            r#"{"event":"transition","breaker":"a","epoch":7,"ignored":["x: \"y\" is wrong","z"],"announced":false}"#
        );
        for name in NAMES {
            let text = line(name).text(LogFormat::Json);
            assert!(!text.contains(is_break), "{text:?}");
            let read: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(read["breaker"], name);
        }
    }

    #[test]
    fn logfmt_quotes_what_would_not_be_one_value() {
        assert_eq!(
            line("outbound|443||api.openai.com").text(LogFormat::Logfmt),
            r#"event=transition breaker=outbound|443||api.openai.com epoch=7 ignored="[\"x: \\\"y\\\" is wrong\",\"z\"]" announced=false"#
        );
        assert!(line("größe").text(LogFormat::Logfmt).contains(" breaker=größe "));
        assert!(line("").text(LogFormat::Logfmt).contains(" breaker=\"\" "));
    }

    #[test]
    fn logfmt_gives_every_name_back() {
        for name in NAMES {
            let text = line(name).text(LogFormat::Logfmt);
            assert!(!text.contains(is_break), "{text:?}");
            let read = read(&text);
            let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["event", "breaker", "epoch", "ignored", "announced"], "{text}");
            assert_eq!(read[1].1, name, "{text}");
        }
    }

    /// Reads logfmt as its readers do: a value ends at a space, or at the quote that ends it.
    fn read(text: &str) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let mut rest = text;
        while let Some((name, after)) = rest.split_once('=') {
            let length = if after.starts_with('"') {
                let mut reader = serde_json::Deserializer::from_str(after).into_iter::<String>();
                reader.next().expect("a text").expect("a whole one");
                reader.byte_offset()
            } else {
                after.find(' ').unwrap_or(after.len())
            };
            let (value, after) = after.split_at(length);
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
            fields.push((name.to_owned(), value));
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        fields
    }
}
