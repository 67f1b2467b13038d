//! What is done in an upstream's place: the list of fallbacks, and when and how it is used.

use serde_json::Value;

use super::ranges;
use super::rules::Flag;
use super::texts::HeaderName;
use super::walk::Fields;
use crate::policy::{
    COMPLETION_MODEL, CREDENTIALS, Choice, CompletionAnswer, ErrorAnswer, Fallback,
    FallbackKind as Kind, Policy, Reroute,
};

/// Which kinds have which fields.
const FIELDS: &[(&str, &[Kind])] = &[
    ("status", &[Kind::Error]),
    ("message", &[Kind::Error]),
    ("headers", &[Kind::Error]),
    ("text", &[Kind::Completion]),
    ("json", &[Kind::Completion]),
    ("model", &[Kind::Completion, Kind::Reroute]),
    ("header", &[Kind::Reroute]),
    ("value", &[Kind::Reroute]),
    ("cluster", &[Kind::Reroute]),
    ("provider", &[Kind::Reroute]),
    ("translates", &[Kind::Reroute]),
    ("path", &[Kind::Reroute]),
    ("set_headers", &[Kind::Reroute]),
    ("remove_headers", &[Kind::Reroute]),
    ("max_request_bytes", &[Kind::Reroute]),
    ("max_per_minute", &[Kind::Reroute]),
];

/// What a field takes that reads a request's body or holds an answer.
const STOP_ITERATION: &str = "only with stop_iteration: true at the top of this document, which \
                              says that Envoy's configuration of this plugin has \
                              allow_on_headers_stop_iteration: true";

/// Reads it all; the list is one value, which replaces the lower layer's as a whole.
pub(super) fn read(layer: &mut impl Fields, policy: &mut Policy, stop_iteration: bool) {
    let mut list = List::default();
    layer.objects("fallback", &ranges::FALLBACKS, |index, entry| {
        let choice = read_choice(entry, stop_iteration);
        list.add(index, entry, choice);
    });
    if !list.choices.is_empty() {
        policy.fallback = list.choices;
    }
    layer.value("on_failure", &mut policy.on_failure, &Flag);
    if !stop_iteration && layer.given("on_failure") == Some(&Value::Bool(true)) {
        layer.refuse("on_failure", &format!("false; true {STOP_ITERATION}"));
    }
    layer.value("hold_max", &mut policy.hold_max, &ranges::HOLD_MAX);
    layer.value("append_stream_error", &mut policy.append_stream_error, &Flag);
    layer.value("debug_headers", &mut policy.debug_headers, &Flag);
}

/// A list while it is read, and what its entries may not have together.
#[derive(Default)]
struct List {
    choices: Vec<Choice>,
    /// The first entry that leaves nothing to those behind it.
    last: Option<usize>,
    /// Where the reroutes lead, each with its entry.
    targets: Vec<(String, usize)>,
}

impl List {
    fn add(&mut self, index: usize, entry: &mut impl Fields, choice: Option<Choice>) {
        if let Some(last) = self.last {
            let allowed = format!("no entry behind fallback[{last}], which always answers");
            entry.refuse("kind", &allowed);
        }
        let Some(choice) = choice else { return };
        // A condition that is wrong was not meant to be none.
        let unconditional = entry.given("when").is_none() && entry.given("models").is_none();
        match &choice.fallback {
            Fallback::Error(_) | Fallback::Pass if unconditional => {
                self.last = self.last.or(Some(index));
            }
            Fallback::Reroute(reroute) => self.add_target(index, entry, &reroute.cluster),
            _ => {}
        }
        self.choices.push(choice);
    }

    fn add_target(&mut self, index: usize, entry: &mut impl Fields, cluster: &str) {
        match self.targets.iter().find(|(known, _)| known == cluster) {
            Some((_, first)) => {
                let allowed = format!("a cluster that fallback[{first}] does not lead to already");
                entry.refuse("cluster", &allowed);
            }
            None => self.targets.push((cluster.to_owned(), index)),
        }
    }
}

fn read_choice(entry: &mut impl Fields, stop_iteration: bool) -> Option<Choice> {
    let mut choice = None;
    entry.variants("kind", None, &ranges::FALLBACK_KIND, |entry, kind| {
        choice = read_kind(entry, kind, stop_iteration);
    });
    choice
}

fn read_kind(entry: &mut impl Fields, kind: Option<Kind>, stop_iteration: bool) -> Option<Choice> {
    let when = entry.list("when", &ranges::WHEN, &ranges::REASON).unwrap_or_default();
    let parts = entry.list("models", &ranges::PARTS, &ranges::PART).unwrap_or_default();
    refuse_fields_of_others(entry, kind);
    let fallback = match kind? {
        Kind::Error => Some(Fallback::Error(read_error(entry))),
        Kind::Completion => {
            if !stop_iteration {
                entry.refuse("kind", &format!("completion {STOP_ITERATION}"));
            }
            read_completion(entry).map(Fallback::Completion)
        }
        Kind::Reroute => {
            if !stop_iteration {
                entry.refuse("model", &format!("null; another model {STOP_ITERATION}"));
            }
            read_reroute(entry).map(|reroute| Fallback::Reroute(Box::new(reroute)))
        }
        Kind::Pass => Some(Fallback::Pass),
        Kind::LastResort => Some(Fallback::LastResort),
    };
    Some(Choice { when, parts, fallback: fallback? })
}

/// Without a kind, each field may be in its place.
fn refuse_fields_of_others(entry: &mut impl Fields, kind: Option<Kind>) {
    for (field, kinds) in FIELDS {
        match kind {
            None => entry.known(field),
            Some(kind) if kinds.contains(&kind) => {}
            Some(_) => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                let allowed = format!("only in a fallback of kind {}", names.join(" or "));
                entry.out_of_place(&[field], &allowed);
            }
        }
    }
}

fn read_error(entry: &mut impl Fields) -> ErrorAnswer {
    let (mut status, mut message) = (None, None);
    entry.optional("status", &mut status, &ranges::ERROR_STATUS);
    entry.optional("message", &mut message, &ranges::ERROR_MESSAGE);
    ErrorAnswer {
        status: status.and_then(|status| u16::try_from(status).ok()),
        message,
        headers: read_headers(entry, "headers", &ranges::ERROR_HEADER),
    }
}

fn read_completion(entry: &mut impl Fields) -> Option<CompletionAnswer> {
    let text = entry.mandatory("text", &ranges::COMPLETION_TEXT);
    let (mut json, mut model) = (None, COMPLETION_MODEL.to_owned());
    entry.optional("json", &mut json, &ranges::COMPLETION_JSON);
    entry.value("model", &mut model, &ranges::COMPLETION_MODEL);
    Some(CompletionAnswer { text: text?, json, model })
}

fn read_reroute(entry: &mut impl Fields) -> Option<Reroute> {
    let header = entry.mandatory("header", &ranges::ROUTE_HEADER);
    let value = entry.mandatory("value", &ranges::HEADER_VALUE);
    let cluster = entry.mandatory("cluster", &ranges::TARGET);
    let (mut provider, mut translates) = (None, false);
    entry.value("provider", &mut provider, &ranges::PROVIDER);
    entry.value("translates", &mut translates, &Flag);
    let (mut path, mut model) = (None, None);
    entry.optional("path", &mut path, &ranges::TARGET_PATH);
    entry.optional("model", &mut model, &ranges::TARGET_MODEL);
    let set_headers = read_headers(entry, "set_headers", &ranges::REQUEST_HEADER);
    let remove_headers = entry
        .list("remove_headers", &ranges::REMOVED_HEADERS, &ranges::REQUEST_HEADER)
        .unwrap_or_else(|| CREDENTIALS.map(String::from).to_vec());
    let (mut max_request_bytes, mut max_per_minute) = (None, None);
    entry.optional("max_request_bytes", &mut max_request_bytes, &ranges::MAX_REQUEST_BYTES);
    entry.optional("max_per_minute", &mut max_per_minute, &ranges::MAX_PER_MINUTE);
    let reroute = Reroute {
        header: header?,
        value: value?,
        cluster: cluster?,
        provider,
        translates,
        path,
        model,
        set_headers,
        remove_headers,
        max_request_bytes: max_request_bytes.map(u64::from),
        max_per_minute,
    };
    refuse_contradictions(entry, &reroute);
    Some(reroute)
}

fn refuse_contradictions(entry: &mut impl Fields, reroute: &Reroute) {
    let Reroute { header, set_headers, remove_headers, .. } = reroute;
    if set_headers.iter().map(|(name, _)| name).chain(remove_headers).any(|name| name == header) {
        entry.refuse("header", "a header that set_headers and remove_headers leave alone");
    }
    if reroute.translates {
        // A model's name means nothing in a dialect that is yet to be translated.
        entry.refuse("model", "null with translates: true, where who translates names the model");
    }
}

fn read_headers(
    entry: &mut impl Fields,
    field: &'static str,
    names: &HeaderName,
) -> Vec<(String, String)> {
    entry.pairs(field, ranges::MAX_HEADERS, names, &ranges::HEADER_VALUE).unwrap_or_default()
}
