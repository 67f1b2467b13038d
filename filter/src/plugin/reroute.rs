//! May this request go another way, and how is it sent there?

use crate::call::with_model;
use crate::dialect::{path_with_model, path_without_keys};
use crate::plugin::heads::Part;
use crate::plugin::host::{self, Map, SharedData};
use crate::plugin::request::{Request, WholeBody};
use crate::policy::{KeyBy, Policy, Reroute};
use crate::shared::allowance;
use crate::time::Instant;

/// Whether a way is open to a request.
pub(super) enum Way {
    /// With these changes.
    Open(Changes),
    /// That depends on what its body says.
    NeedsBody,
    /// No.
    Barred,
}

/// What must be changed of a request itself, beside its headers.
#[derive(Default)]
pub(super) struct Changes {
    path: Option<String>,
    body: Option<Vec<u8>>,
}

/// Whether this way leads elsewhere and its target can take the request.
pub(super) fn way(request: &Request, route: &Reroute) -> Way {
    let leads_back = route.cluster == request.cluster.key.cluster;
    let is_spoken = route.translates
        || route.provider.is_none_or(|provider| provider == request.head.protocol.dialect);
    let fits = route
        .max_request_bytes
        .is_none_or(|max| request.size_bytes().is_some_and(|size| size <= max));
    if leads_back || !is_spoken || !fits {
        return Way::Barred;
    }
    let Some(model) = &route.model else { return Way::Open(Changes::default()) };
    if request.head.model.is_some() {
        return match renamed_path(request, model) {
            Some(path) => Way::Open(Changes { path: Some(path), body: None }),
            None => Way::Barred,
        };
    }
    match request.whole_body() {
        WholeBody::Awaited => Way::NeedsBody,
        WholeBody::Unknown => Way::Barred,
        WholeBody::Known(body) => match with_model(&body, model) {
            Some(body) => Way::Open(Changes { path: None, body: Some(body) }),
            None => Way::Barred,
        },
    }
}

fn renamed_path(request: &Request, model: &str) -> Option<String> {
    path_with_model(request.head.protocol.dialect, &own_path()?, model)
}

/// The path that the request came with.
fn own_path() -> Option<String> {
    String::from_utf8(host::header(Map::RequestHeaders, ":path")?).ok()
}

/// The path to ask for, if it is another than the request's own.
fn path(route: &Reroute, changes: &Changes) -> Option<String> {
    if route.path.is_some() {
        return route.path.clone();
    }
    let renamed = changes.path.clone();
    let path = renamed.clone().or_else(own_path)?;
    path_without_keys(&path, &route.remove_headers).or(renamed)
}

/// The part of the target's calls that the request would be of.
pub(super) fn part(request: &Request, route: &Reroute, policy: &Policy) -> Part {
    match &policy.key_by {
        KeyBy::Cluster => Part::Whole,
        KeyBy::Header { name, .. } => Part::OfValue(host::header(Map::RequestHeaders, name)),
        KeyBy::Model => {
            let in_header = || {
                let value = host::header(Map::RequestHeaders, policy.model_header.as_deref()?)?;
                String::from_utf8(value).ok()
            };
            let rewritten = route.model.clone();
            let in_path = || request.head.model.clone();
            let in_body = || request.model().map(str::to_owned);
            Part::OfModel(rewritten.or_else(in_path).or_else(in_header).or_else(in_body))
        }
    }
}

/// Whether the target may be sent one more call this minute; if so it counts as sent.
pub(super) fn is_allowed(route: &Reroute, now: Instant) -> bool {
    route
        .max_per_minute
        .is_none_or(|max| allowance::take(&SharedData, &route.cluster, max, now).is_some())
}

/// Send the request this way; whether the host does.
pub(super) fn take(route: &Reroute, changes: &Changes) -> bool {
    let map = Map::RequestHeaders;
    // First what decides: if the host refuses, nothing has been changed. Any change of a header has
    // the route chosen anew.
    if !host::set_header(map, &route.header, &route.value) {
        return false;
    }
    for name in &route.remove_headers {
        host::remove_header(map, name);
    }
    for (name, value) in &route.set_headers {
        host::set_header(map, name, value);
    }
    if let Some(path) = path(route, changes) {
        host::set_header(map, ":path", &path);
    }
    if let Some(body) = &changes.body {
        replace_body(body);
    }
    true
}

/// A body of another length than was told would spoil the upstream's connection.
fn replace_body(body: &[u8]) {
    const LENGTH: &str = "content-length";
    let map = Map::RequestHeaders;
    let told = host::header(map, LENGTH).and_then(|it| String::from_utf8(it).ok());
    let replaced =
        host::set_header(map, LENGTH, &body.len().to_string()) && host::replace_request_body(body);
    if let Some(told) = told.filter(|_| !replaced) {
        host::set_header(map, LENGTH, &told);
    }
}
