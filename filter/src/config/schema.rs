//! The document's JSON Schema, made of the code that reads it.
//!
//! It judges a document as the parser does, but for what JSON Schema cannot say: relations between
//! values (`open.base` at most `open.max`), lengths in bytes, texts that must be JSON, lists whose
//! entries differ in letter case alone, and numbers in quotes with an exponent.

mod decimals;
pub mod described;

use serde_json::{Map, Value, json};

use super::form::{Characters, Form};
use super::outline::{Field, Kind, Outline, Presence, Together, Variants};

/// Where a policy's fields stand.
const POLICY: &str = "defaults";
const ENTRY: &str = "breakers[]";

/// The schema, in draft 7, which editors know best.
#[must_use]
pub fn json_schema() -> Value {
    let document = Outline::of_document();
    let mut schema = object(&document, "");
    set(&mut schema, "definitions", definitions(&document));
    let about = [
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", "Configuration of llm-breaker"),
        ("description", "What the plugin's configuration in Envoy may hold."),
    ];
    if let Some(schema) = schema.as_object_mut() {
        schema.extend(about.map(|(name, text)| (name.to_owned(), text.into())));
    }
    schema
}

/// The fields of a policy, which stand in `defaults` and in each entry of `breakers`.
fn definitions(document: &Outline) -> Map<String, Value> {
    let defaults = document.fields.iter().find(|field| field.name == POLICY);
    let fields = defaults.and_then(|field| match &field.kind {
        Kind::Object(policy) => Some(&policy.fields),
        _ => None,
    });
    let fields = fields.into_iter().flatten();
    fields.map(|field| (field.name.into(), property(field, field.name))).collect()
}

fn object(outline: &Outline, path: &str) -> Value {
    let Some(variants) = &outline.variants else {
        return closed(outline.fields.iter(), &outline.together, path);
    };
    let of_one = |(word, fields): &(&'static str, Vec<Field>)| {
        let all = outline.fields.iter().chain(fields);
        let mut schema = closed(all, &outline.together, path);
        narrow(&mut schema, variants, word);
        schema
    };
    json!({"anyOf": variants.of.iter().map(of_one).collect::<Vec<_>>()})
}

/// Leaves only one of its words to a field that decides about others, and `null` if it has a default.
fn narrow(schema: &mut Value, variants: &Variants, word: &str) {
    let words =
        schema.get_mut("properties").and_then(|all| all.get_mut(variants.tag)?.get_mut("enum"));
    if let Some(words) = words.and_then(Value::as_array_mut) {
        words.retain(|known| known == word || known.is_null());
    }
}

/// An object without other fields than these.
fn closed<'f>(
    fields: impl Iterator<Item = &'f Field> + Clone,
    together: &[Together],
    path: &str,
) -> Value {
    let names = |names: &[&str]| names.iter().map(|name| given(name)).collect::<Vec<_>>();
    let property = |field: &Field| match path {
        POLICY | ENTRY if field.name != "cluster" => {
            json!({"$ref": format!("#/definitions/{}", field.name)})
        }
        _ => property(field, &join(path, field.name)),
    };
    let named = |field: &Field| (field.name.to_owned(), property(field));
    let properties: Map<_, _> = fields.clone().map(named).collect();
    let required: Vec<_> = fields
        .filter(|field| field.presence == Presence::Mandatory)
        .map(|field| field.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    for rule in together {
        match rule {
            Together::AtLeastOne(all) => set(&mut schema, "anyOf", names(all)),
            Together::ExactlyOne(all) => set(&mut schema, "oneOf", names(all)),
        }
    }
    schema
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

fn given(name: &str) -> Value {
    json!({"required": [name], "properties": {name: {"not": {"type": "null"}}}})
}

fn property(field: &Field, path: &str) -> Value {
    let schema = match &field.kind {
        Kind::Value(form, _) => value(form),
        Kind::Object(outline) => object(outline, path),
        Kind::WordOrObject(form, _, outline) => {
            json!({"anyOf": [value(form), object(outline, path)]})
        }
        Kind::Objects(min, max, of) => {
            let items = object(of, &format!("{path}[]"));
            json!({"type": "array", "minItems": min, "maxItems": max, "items": items})
        }
        Kind::List(min, max, form, _) => json!({
            "type": "array", "minItems": min, "maxItems": max, "uniqueItems": true, "items": value(form),
        }),
        Kind::Pairs(max, names, values, _) => json!({
            "type": "object",
            "maxProperties": max,
            "propertyNames": value(names),
            "additionalProperties": or_null(value(values)),
        }),
    };
    let mut schema = if field.presence == Presence::Mandatory { schema } else { or_null(schema) };
    if let Some(text) = described::text(described::place(path)) {
        set(&mut schema, "description", text);
    }
    if let Some(default) = described::default(described::place(path)).or(field.default.clone()) {
        set(&mut schema, "default", default);
    }
    schema
}

fn set(schema: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert(name.into(), value.into());
    }
}

/// `null` is as good as leaving a field out, or switches it off.
fn or_null(mut schema: Value) -> Value {
    let is_choice = schema.get("type").is_none();
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        if !words.contains(&Value::Null) {
            words.push(Value::Null);
        }
    } else if let Some(schemas) = schema.get_mut("anyOf").filter(|_| is_choice) {
        schemas.as_array_mut().into_iter().for_each(|all| all.push(json!({"type": "null"})));
    } else {
        let other = schema.get("type").cloned();
        set(&mut schema, "type", json!([other, "null"]));
    }
    schema
}

fn value(form: &Form) -> Value {
    match form {
        Form::Whole { min, max } => json!({"anyOf": [
            {"type": "integer", "minimum": min, "maximum": max},
            {"type": "string", "pattern": decimals::whole(*min, *max)},
        ]}),
        Form::Number { min, max, above } => {
            let minimum = if *above { "exclusiveMinimum" } else { "minimum" };
            json!({"anyOf": [
                {"type": "number", minimum: min, "maximum": max},
                {"type": "string", "pattern": decimals::number(*min, *max, *above)},
            ]})
        }
        Form::Span { min, max } => json!({"type": "string", "pattern": decimals::span(*min, *max)}),
        Form::Flag => json!({"type": "boolean"}),
        Form::Words(words) => json!({ "enum": words }),
        Form::Text { max_bytes, of, but } => text(*max_bytes, *of, but),
        Form::Header { max_bytes, but } => header(*max_bytes, but),
        Form::Secret { min, max } => {
            json!({"type": "string", "pattern": format!("^[!-~]{{{min},{max}}}$")})
        }
        Form::Path { max_segments, max_bytes } => {
            let (key, more) = (format!("[^.]{{1,{max_bytes}}}"), max_segments.saturating_sub(1));
            json!({"type": "string", "pattern": format!(r"^{key}(\.{key}){{0,{more}}}$")})
        }
    }
}

fn text(max_bytes: usize, of: Characters, but: &[&str]) -> Value {
    let mut schema = json!({"type": "string", "minLength": 1, "maxLength": max_bytes});
    let pattern = match of {
        Characters::Any => None,
        Characters::Line => Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"),
        Characters::Name => Some(r"^[^*?\u0000-\u001f\u007f-\u009f]*$"),
        Characters::KeyPrefix => Some("^[!-~]*/$"),
        Characters::RequestPath => Some(r#"^/[!-"$-~]*$"#),
    };
    if let Some(pattern) = pattern {
        set(&mut schema, "pattern", pattern);
    }
    if !but.is_empty() {
        set(&mut schema, "not", json!({ "enum": but }));
    }
    schema
}

fn header(max_bytes: usize, but: &[&str]) -> Value {
    let in_any_case = |name: &str| -> String {
        name.chars()
            .map(|c| match c {
                'a'..='z' => format!("[{}{c}]", c.to_ascii_uppercase()),
                other => other.to_string(),
            })
            .collect()
    };
    let excluded: Vec<_> = but
        .iter()
        .map(|name| match name.strip_suffix('*') {
            Some(beginning) => in_any_case(beginning),
            None => format!("{}$", in_any_case(name)),
        })
        .collect();
    json!({
        "type": "string",
        "pattern": format!("^[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{max_bytes}}}$"),
        "not": {"type": "string", "pattern": format!("^({})", excluded.join("|"))},
    })
}
