//! Do schema and parser give the same verdict, and is every field described?

use jsonschema::Validator;

use super::*;
use crate::config::form::Form;
use crate::config::outline::{Field, Kind, Outline};
use crate::config::schema::{described, json_schema};

fn validator() -> Validator {
    jsonschema::draft7::new(&json_schema()).expect("a schema in draft 7")
}

/// What JSON Schema cannot say, by the words of the parser's error.
const RELATIONS: [&str; 10] = [
    "only with role: admin",
    "only with role: traffic",
    "at most open.max",
    "at most open.announced_max",
    "at most window.calls",
    "with at least one glob in models",
    "that models or key_by.values list",
    "below limits.",
    "that is a JSON document",
    "a header that set_headers and remove_headers leave alone",
];

/// Whether both take the document, or how they differ without a reason that is known.
fn verdict(validator: &Validator, document: &Value) -> Result<bool, String> {
    let parsed = parse(document);
    let refusal = validator.iter_errors(document).next();
    let known = |error: &ConfigError| RELATIONS.iter().any(|it| error.allowed.contains(it));
    match (parsed, refusal) {
        (Ok(_), None) => Ok(true),
        (Err(_), Some(_)) => Ok(false),
        (Err(errors), None) if errors.iter().all(known) => Ok(false),
        (Ok(_), Some(refusal)) => Err(format!("only the schema refuses {document}: {refusal}")),
        (Err(errors), None) => Err(format!("only the parser refuses {document}: {errors}")),
    }
}

/// Values of every type, and some near to what fields take.
fn pool() -> Vec<Value> {
    let mut pool = vec![json!(null), json!(true), json!(false), json!([]), json!({}), json!([1])];
    pool.extend([json!({"x": 1}), json!([null]), json!([[]]), json!(["a", "a"]), json!(-1)]);
    pool.extend([json!(u64::MAX), json!(1e300), json!(5.0), json!(0.5), json!(1.5), json!(0.0)]);
    let texts = [
        "",
        " ",
        "a",
        "a*",
        "other",
        "x-team",
        "X-LLM-Breaker",
        "x y",
        ":path",
        "a\nb",
        "/v1?a=b",
        "v1",
        "/a#b",
        "a.b",
        "a..b",
        "true",
        "off",
        "30s",
        "30",
        "30 s",
        "1m",
        "-1s",
        ".5s",
        "5.s",
        "0.0000000001s",
        "007.50s",
        "inf",
        "nan",
        "0x1",
        "5.",
        ".5",
        "0.0",
        "1.0",
        "00.5",
        "--1",
        "5s5",
        "error",
        "kind",
        "host",
        "Content-Length",
        "grpc-x",
        "text/plain",
        "{}",
        "1,5",
    ];
    pool.extend(texts.map(Value::from));
    pool.extend([128, 129, 256, 257, 512, 513, 1024, 1025, 16_385].map(|n| "x".repeat(n).into()));
    pool
}

/// Values on, just inside and just outside of the bounds.
fn at_bounds(form: &Form) -> Vec<Value> {
    let quoted = |value: &Value| [value.clone(), value.to_string().into()];
    match form {
        Form::Whole { min, max } => {
            let (min, max) = (*min as i64, *max as i64);
            let near = [min - 1, min, min + 1, (min + max) / 2, max - 1, max, max + 1, max * 10];
            let fractions = [min as f64 + 0.5, max as f64 + 0.5].map(Value::from);
            near.map(Value::from).iter().chain(&fractions).flat_map(quoted).collect()
        }
        Form::Number { min, max, .. } => {
            let (min, max) = (f64::from(*min), f64::from(*max));
            let near = [min - 0.01, min, min + 0.001, max - 0.001, max, max + 0.001, max * 10.0];
            near.map(Value::from).iter().flat_map(quoted).collect()
        }
        Form::Span { min, max } => {
            let tick = Duration::from_nanos(1);
            let near = [*min - tick, *min, *min + tick, *max - tick, *max, *max + tick, *max * 10];
            let more =
                [min.mul_f64(1.5), (*min + *max) / 3, Duration::from_secs(max.as_secs() / 2)];
            near.into_iter().chain(more).map(|span| duration::show(span).into()).collect()
        }
        Form::Words(words) => words.iter().map(|word| (*word).into()).collect(),
        _ => Vec::new(),
    }
}

/// The values to try for a field, and documents of an object with one of its fields.
fn tries(field: &Field) -> Vec<Value> {
    let mut all = pool();
    match &field.kind {
        Kind::Value(form, _) => all.extend(at_bounds(form)),
        Kind::Object(outline) => all.extend(objects(outline)),
        Kind::WordOrObject(form, _, outline) => {
            all.extend(at_bounds(form));
            all.extend(objects(outline));
        }
        Kind::Objects(_, max, outline) => {
            let entries = objects(outline);
            all.extend(entries.iter().map(|entry| json!([entry])));
            all.push(json!(vec![json!({}); *max + 1]));
        }
        Kind::List(_, max, form, _) => {
            let values = pool().into_iter().chain(at_bounds(form));
            all.extend(values.map(|value| json!([value])));
            all.push((0..=*max).map(|index| format!("x{index}")).collect());
        }
        Kind::Pairs(max, ..) => {
            all.extend(pool().into_iter().map(|value| json!({"x-name": value})));
            let texts = pool().into_iter().filter_map(|name| name.as_str().map(String::from));
            all.extend(texts.map(|name| json!({name: "x"})));
            let many = (0..=*max).map(|index| (format!("x{index}"), json!("x")));
            all.push(Value::Object(many.collect()));
        }
    }
    all
}

/// Objects with each of the fields in turn, beside what must be given.
fn objects(outline: &Outline) -> Vec<Value> {
    let Some(variants) = &outline.variants else {
        return with_each(&outline.fields, &Map::new());
    };
    let of_one = |(word, fields): &(&'static str, Vec<Field>)| {
        let all: Vec<_> = outline.fields.iter().chain(fields).cloned().collect();
        let tag = [(variants.tag.to_owned(), json!(word))].into_iter().collect();
        with_each(&all, &tag)
    };
    let without_tag = with_each(&outline.fields, &Map::new());
    variants.of.iter().flat_map(of_one).chain(without_tag).collect()
}

fn with_each(fields: &[Field], tag: &Map<String, Value>) -> Vec<Value> {
    let mut right = tag.clone();
    right.extend(fields.iter().filter_map(|field| Some((field.name.into(), mandatory(field)?))));
    right.extend(tag.clone());
    let mut all = vec![Value::Object(tag.clone()), Value::Object(right.clone())];
    for field in fields {
        for value in tries(field) {
            let mut object = right.clone();
            object.insert(field.name.into(), value);
            all.push(Value::Object(object));
        }
        // Without it, and with one that is not known.
        all.push(right.iter().filter(|(name, _)| *name != field.name).map(own).collect());
        all.push(right.iter().map(own).chain([(format!("{}s", field.name), json!(1))]).collect());
    }
    all
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// A right value of a field that must be given.
fn mandatory(field: &Field) -> Option<Value> {
    match (field.name, &field.kind) {
        _ if field.presence != crate::config::outline::Presence::Mandatory => None,
        (_, Kind::List(..)) => Some(json!(["a"])),
        (_, Kind::Value(Form::Words(words), _)) => Some(words[0].into()),
        _ => Some(json!("a")),
    }
}

#[test]
fn parser_and_schema_agree_on_every_field_with_values_of_every_kind() {
    let validator = validator();
    let document = Outline::of_document();
    let (mut taken, mut refused, mut differences) = (0, 0, Vec::new());
    for field in &document.fields {
        let mut field = field.clone();
        // All the other fields of an entry are tried in `defaults`, and are the same there.
        if let Kind::Objects(_, _, entry) = &mut field.kind {
            entry.fields.retain(|field| ["cluster", "mode", "window"].contains(&field.name));
        }
        for value in tries(&field) {
            let mut document = json!({"stop_iteration": true});
            document[field.name] = value;
            match verdict(&validator, &document) {
                Ok(true) => taken += 1,
                Ok(false) => refused += 1,
                Err(difference) => differences.push(difference),
            }
        }
    }
    assert!(differences.is_empty(), "{}: {:#?}", differences.len(), differences.first());
    assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
}

#[test]
fn the_schema_takes_whole_documents_and_its_defaults_are_the_built_in_ones() {
    let validator = validator();
    for document in [serde_json::from_str(DOCUMENT).unwrap(), everything(), json!({})] {
        assert_eq!(verdict(&validator, &document), Ok(true));
    }
    let defaults = |outline: &Outline| -> Map<String, Value> {
        let given = outline.fields.iter();
        given.filter_map(|field| Some((field.name.into(), field.default.clone()?))).collect()
    };
    let outline = Outline::of_document();
    let mut document = Value::Object(defaults(&outline));
    let policy = outline.fields.iter().find(|field| field.name == "defaults").unwrap();
    let Kind::Object(policy) = &policy.kind else { panic!("{policy:?}") };
    document["defaults"] = Value::Object(defaults(policy));
    for field in &policy.fields {
        if let Kind::Object(inner) = &field.kind {
            document["defaults"][field.name] = Value::Object(defaults(inner));
        }
        if let Some(default) = described::default(field.name) {
            document["defaults"][field.name] = default;
        }
    }
    assert_eq!(verdict(&validator, &document), Ok(true));
    assert_eq!(parsed(document), Config::default());
}

#[test]
fn every_field_is_described_and_nothing_else_is() {
    let mut places = Vec::new();
    places_of(&mut places, "", &Outline::of_document());
    let described: Vec<_> = described::TEXTS.iter().map(|(place, _)| *place).collect();
    for place in &places {
        let verdict = place.starts_with("verdicts.");
        assert!(verdict || described.contains(&place.as_str()), "{place} is not described");
    }
    for place in described {
        assert!(places.iter().any(|known| known == place), "there is no {place}");
    }
}

fn places_of(places: &mut Vec<String>, path: &str, outline: &Outline) {
    let further = outline.variants.iter().flat_map(|variants| variants.of.iter());
    for field in outline.fields.iter().chain(further.flat_map(|(_, fields)| fields)) {
        let path =
            if path.is_empty() { field.name.into() } else { format!("{path}.{}", field.name) };
        places.push(described::place(&path).to_owned());
        match &field.kind {
            Kind::Object(inner) | Kind::WordOrObject(_, _, inner) => {
                places_of(places, &path, inner)
            }
            Kind::Objects(_, _, inner) => places_of(places, &format!("{path}[]"), inner),
            _ => {}
        }
    }
}

/// `make reference` writes both.
#[test]
fn what_is_published_of_them_is_current() {
    let file = |name: &str| {
        let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let schema = format!("{:#}\n", json_schema());
    assert!(file("configuration.schema.json") == schema, "run `make reference`");
    let page = file("configuration.md");
    let reference = page.split_once("<!-- made by `make reference` -->\n\n");
    let reference = reference.map(|(_, reference)| reference);
    assert!(reference == Some(&crate::config::reference::markdown()), "run `make reference`");
}
