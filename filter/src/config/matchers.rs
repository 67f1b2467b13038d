//! The list of answers that the operator recognises.

use super::document::Object;
use super::ranges;
use crate::matcher::{HeaderMatch, JsonMatch, Matcher, TextMatch};

/// Reads it; a layer that gives a list replaces the lower layer's as a whole.
pub(super) fn read(layer: &mut Object<'_>, matchers: &mut Vec<Matcher>) {
    if layer.given("matchers").is_some() {
        matchers.clear();
    }
    layer.objects("matchers", &ranges::MATCHERS, |_, entry| matchers.extend(read_one(entry)));
}

fn read_one(entry: &mut Object<'_>) -> Option<Matcher> {
    let (mut status, mut header, mut json) = (None, None, None);
    entry.optional("status", &mut status, &ranges::STATUS);
    entry.object("header", |object| header = read_header(object));
    entry.object("json", |object| json = read_json(object));
    let category = entry.mandatory("category", &ranges::MATCHED_CATEGORY);
    if !["status", "header", "json"].into_iter().any(|name| entry.given(name).is_some()) {
        entry.refuse_all("at least one of status, header, json");
    }
    let status = status.and_then(|status| u16::try_from(status).ok());
    Some(Matcher { status, header, json, category: category? })
}

fn read_header(object: &mut Object<'_>) -> Option<HeaderMatch> {
    let name = object.mandatory("name", &ranges::MATCHED_HEADER);
    let text = read_text(object);
    Some(HeaderMatch { name: name?, text: text? })
}

fn read_json(object: &mut Object<'_>) -> Option<JsonMatch> {
    let path = object.mandatory("path", &ranges::MATCHED_PATH);
    let text = read_text(object);
    Some(JsonMatch { path: path?, text: text? })
}

fn read_text(object: &mut Object<'_>) -> Option<TextMatch> {
    let kinds: [(_, fn(_) -> _); 3] = [
        ("equals", TextMatch::Equals),
        ("contains", TextMatch::Contains),
        ("prefix", TextMatch::Prefix),
    ];
    let (mut given, mut found) = (0, None);
    for (name, kind) in kinds {
        let mut text = None;
        object.optional(name, &mut text, &ranges::MATCHED_TEXT);
        given += usize::from(object.given(name).is_some());
        found = found.or(text.map(kind));
    }
    if given != 1 {
        object.refuse_all("exactly one of equals, contains, prefix");
    }
    found
}
