//! The reference of the configuration in Markdown, made of the code that reads it.

use core::fmt::Write;

use super::duration;
use super::form::{Characters, Form};
use super::outline::{Field, Kind, Outline, Presence};
use super::schema::described;

/// Tables of all fields: those of the document, those of a policy, and one for each group of them.
#[must_use]
pub fn markdown() -> String {
    let document = Outline::of_document();
    let mut text = String::from("## The document\n\n");
    table(&mut text, "", &document.fields);
    let is_of_policies = |field: &&Field| ["defaults", "breakers"].contains(&field.name);
    for field in document.fields.iter().filter(|field| !is_of_policies(field)) {
        sections(&mut text, field.name, field);
    }
    let defaults = document.fields.iter().find(|field| field.name == "defaults");
    if let Some(Kind::Object(policy)) = defaults.map(|field| &field.kind) {
        text.push_str("\n## A policy\n\nIn `defaults` and in each entry of `breakers`.\n\n");
        table(&mut text, "", &policy.fields);
        for field in &policy.fields {
            sections(&mut text, field.name, field);
        }
    }
    text
}

/// A section for an object or a list of objects, and those for what is inside of it.
fn sections(text: &mut String, path: &str, field: &Field) {
    let (outline, path) = match &field.kind {
        Kind::Object(outline) | Kind::WordOrObject(_, _, outline) => (outline, path.to_owned()),
        Kind::Objects(_, _, outline) => (outline, format!("{path}[]")),
        _ => return,
    };
    let about = described::text(&path).or_else(|| described::text(path.trim_end_matches("[]")));
    push(text, format_args!("\n### `{path}`\n\n{}\n\n", about.unwrap_or_default()));
    table(text, &path, &outline.fields);
    if let Some(variants) = &outline.variants {
        for (word, fields) in &variants.of {
            let shown =
                fields.iter().filter(|field| outline.fields.iter().all(|f| f.name != field.name));
            let fields: Vec<_> = shown.cloned().collect();
            push(text, format_args!("\nWith `{}: {word}`:\n\n", variants.tag));
            table(text, &path, &fields);
        }
    }
    for inner in &outline.fields {
        sections(text, &format!("{path}.{}", inner.name), inner);
    }
}

fn table(text: &mut String, path: &str, fields: &[Field]) {
    text.push_str("| field | default | allowed | |\n|---|---|---|---|\n");
    for field in fields {
        let place =
            if path.is_empty() { field.name.into() } else { format!("{path}.{}", field.name) };
        let about = described::text(&place).unwrap_or_default();
        let (default, allowed) = (default(field, &place), allowed(field));
        push(text, format_args!("| `{}` | {default} | {allowed} | {about} |\n", field.name));
    }
}

fn default(field: &Field, place: &str) -> String {
    match described::default(place).or_else(|| field.default.clone()) {
        _ if field.presence == Presence::Mandatory => "must be given".into(),
        Some(value) => {
            format!("`{}`", value.as_str().map_or_else(|| value.to_string(), Into::into))
        }
        None => String::new(),
    }
}

fn allowed(field: &Field) -> String {
    let allowed = match &field.kind {
        Kind::Value(form, _) => in_words(form),
        Kind::Object(_) => "an object: see below".into(),
        Kind::WordOrObject(form, _, _) => format!("{}, or an object: see below", in_words(form)),
        Kind::Objects(min, max, _) => format!("{min} to {max} objects: see below"),
        Kind::List(min, max, form, _) => format!("{min} to {max} of: {}", in_words(form)),
        Kind::Pairs(max, names, values, _) => format!(
            "at most {max} names and values; a name: {}; a value: {}",
            in_words(names),
            in_words(values)
        ),
    };
    match field.presence {
        Presence::Optional => format!("{allowed}; `null` for none"),
        _ => allowed,
    }
}

fn in_words(form: &Form) -> String {
    match form {
        Form::Whole { min, max } if min == max => format!("{min}"),
        Form::Whole { min, max } => format!("{min} to {max}"),
        Form::Number { min, max, above: true } => format!("above {min} to {max}"),
        Form::Number { min, max, above: false } => format!("{min} to {max}, also a fraction"),
        Form::Span { min, max } => {
            format!("`{}` to `{}`", duration::show(*min), duration::show(*max))
        }
        Form::Flag => "`true`, `false`".into(),
        Form::Words(words) => code(words.iter().copied()),
        Form::Text { max_bytes, of, but } => {
            let made = match of {
                Characters::Any => "",
                Characters::Line => " without control characters",
                Characters::Name => " without control characters, `*` and `?`",
                Characters::KeyPrefix => " of visible ASCII, the last a `/`",
                Characters::RequestPath => " of visible ASCII from a `/` on, no `#`",
            };
            let excluded = if but.is_empty() {
                String::new()
            } else {
                format!(", not {}", code(but.iter().copied()))
            };
            format!("a text of 1 to {max_bytes} bytes{made}{excluded}")
        }
        Form::Header { but, .. } => {
            format!("a header's name, none of {}", code(but.iter().copied()))
        }
        Form::Secret { min, max } => format!("{min} to {max} visible ASCII characters"),
        Form::Path { max_segments, max_bytes } => {
            format!("1 to {max_segments} keys of 1 to {max_bytes} bytes, joined by dots")
        }
    }
}

fn code<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Writing to a text cannot fail.
fn push(text: &mut String, what: core::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}
