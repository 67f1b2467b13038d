//! The list of answers that the operator recognises.

use super::ranges;
use super::walk::Fields;
use crate::matcher::{HeaderMatch, JsonMatch, Matcher, TextMatch};

/// Reads it; a layer that gives a list replaces the lower layer's as a whole.
pub(super) fn read(layer: &mut impl Fields, matchers: &mut Vec<Matcher>) {
    if layer.given("matchers").is_some() {
        matchers.clear();
    }
    layer.objects("matchers", &ranges::MATCHERS, |_, entry| matchers.extend(read_one(entry)));
}

fn read_one(entry: &mut impl Fields) -> Option<Matcher> {
    let (mut status, mut header, mut json) = (None, None, None);
    entry.optional("status", &mut status, &ranges::STATUS);
    entry.object("header", |object| header = read_header(object));
    entry.object("json", |object| json = read_json(object));
    let category = entry.mandatory("category", &ranges::MATCHED_CATEGORY);
    entry.at_least_one(&["status", "header", "json"]);
    let status = status.and_then(|status| u16::try_from(status).ok());
    Some(Matcher { status, header, json, category: category? })
}

fn read_header(object: &mut impl Fields) -> Option<HeaderMatch> {
    let name = object.mandatory("name", &ranges::MATCHED_HEADER);
    let text = read_text(object);
    Some(HeaderMatch { name: name?, text: text? })
}

fn read_json(object: &mut impl Fields) -> Option<JsonMatch> {
    let path = object.mandatory("path", &ranges::MATCHED_PATH);
    let text = read_text(object);
    Some(JsonMatch { path: path?, text: text? })
}

fn read_text(object: &mut impl Fields) -> Option<TextMatch> {
    let kinds: [(_, fn(_) -> _); 3] = [
        ("equals", TextMatch::Equals),
        ("contains", TextMatch::Contains),
        ("prefix", TextMatch::Prefix),
    ];
    let mut found = None;
    for (name, kind) in kinds {
        let mut text = None;
        object.optional(name, &mut text, &ranges::MATCHED_TEXT);
        found = found.or(text.map(kind));
    }
    object.exactly_one(&["equals", "contains", "prefix"]);
    found
}
