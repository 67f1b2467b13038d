//! What each field is for, in one sentence or two, for the schema and the reference.

use serde_json::{Value, json};

/// The fields of a policy are described once, though `defaults` and each entry of `breakers` have them.
#[must_use]
pub fn place(path: &str) -> &str {
    let layers = ["defaults.", "breakers[]."];
    layers.iter().find_map(|layer| path.strip_prefix(layer)).unwrap_or(path)
}

/// What the field at this place is for.
#[must_use]
pub fn text(place: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == place).map(|(_, text)| *text)
}

/// The default of what is replaced as a whole.
#[must_use]
pub fn default(place: &str) -> Option<Value> {
    match place {
        "breakers" | "models" | "provider_wide" | "matchers" => Some(json!([])),
        "fallback" => Some(json!([{"kind": "error"}])),
        "fallback[].remove_headers" => Some(json!(crate::policy::CREDENTIALS)),
        "fallback[].headers" | "fallback[].set_headers" => Some(json!({})),
        _ => None,
    }
}

/// Every place that is described.
pub(in crate::config) const TEXTS: &[(&str, &str)] = &[
    ("config_version", "The version of this document; another is refused with this one error."),
    (
        "role",
        "What this plugin is for: `traffic`, or with `admin` the status page and its API, on a listener of their own.",
    ),
    (
        "max_breakers",
        "How many breakers may exist in the process, each part of `key_by` being one; what comes after them passes unwatched and is counted.",
    ),
    (
        "stop_iteration",
        "Say `true` where Envoy's configuration of this plugin has `allow_on_headers_stop_iteration: true`: requests may then wait for their body, and answers be held.",
    ),
    (
        "log_format",
        "How the filter's log lines are written: one JSON object, or `name=value` pairs.",
    ),
    (
        "access_log",
        "Whether each request leaves a record to its access log, as nested fields of the filter state `wasm.llm_breaker`.",
    ),
    ("admin", "With `role: admin`: whom the status page and its API let change something."),
    (
        "admin.token",
        "What a request must bring as `authorization: Bearer …` to change something; without one nothing can be changed.",
    ),
    (
        "fleet",
        "Where proxies tell each other what they learnt; only the module `llm_breaker_fleet.wasm` takes it, and it is experimental.",
    ),
    ("fleet.cluster", "The cluster by which Envoy reaches etcd: HTTP/2, with keep-alive."),
    (
        "fleet.scope",
        "Whose account the upstreams are called with: what is said under another scope is not heard.",
    ),
    ("fleet.prefix", "What all keys in etcd begin with."),
    (
        "fleet.corroborate",
        "From how many failure domains on that see an upstream fail the breaker opens here, too; below that a first failure opens it, until one of its own calls succeeds.",
    ),
    (
        "fleet.domain",
        "What counts as one witness, such as a node or a zone; `null` for the id of Envoy's node.",
    ),
    (
        "fleet.announced_max",
        "For how long at most a breaker opens, or stays open, because other proxies say so.",
    ),
    (
        "fleet.ramp",
        "Over how long traffic comes back gradually where another proxy found that the upstream works again, in place of `ramp`.",
    ),
    ("fleet.reconnect_max", "The longest pause between two attempts to reach etcd."),
    (
        "breakers",
        "Policies by the name of the cluster; the first entry that matches counts, over `defaults`.",
    ),
    ("defaults", "The policy of clusters that no entry matches, and what the entries start from."),
    (
        "cluster",
        "The clusters that the entry is for: `*` is any run of characters, `?` any one, over the whole name.",
    ),
    (
        "mode",
        "`enforce` acts, `shadow` decides, counts and logs but blocks nothing, `disabled` stays out of the way, `forced_open` rejects every call.",
    ),
    (
        "provider",
        "What the upstream speaks; with `auto` each request tells by its path and headers.",
    ),
    (
        "key_by",
        "What shares one breaker: all calls to the cluster, those to the same model, or those with the same value of a request header.",
    ),
    (
        "key_by.header",
        "The header that tells the calls apart; whoever names it must set or strip it at the edge.",
    ),
    (
        "key_by.values",
        "The values that have a breaker of their own; all others share one, `other`.",
    ),
    (
        "models",
        "With `key_by: model`: globs of models; each has one breaker, named as it is written, the first that matches counts, and all other models share one, `other`.",
    ),
    (
        "model_header",
        "A request header that names the model where the path does not; set or strip it at the edge.",
    ),
    (
        "provider_wide",
        "With a key finer than the cluster: categories that concern the whole provider, beside `connection_failed` and `quota_exhausted`.",
    ),
    (
        "window",
        "Which past calls the rates look at; an object of another `type` starts from that type's built-in values.",
    ),
    ("window.type", "`time`: the calls of the last `duration`; `count`: the last `calls` calls."),
    ("window.duration", "For how long a call counts."),
    ("window.buckets", "In how many steps calls leave the window."),
    ("window.calls", "How many calls count."),
    ("window.max_age", "After so long without a call all are forgotten."),
    ("trip", "When a closed breaker opens: whichever is reached first."),
    ("trip.consecutive_failures", "Failures in a row that open it."),
    ("trip.failure_rate", "The share of failures in the window that opens it."),
    ("trip.slow_rate", "The share of slow calls in the window that opens it."),
    ("trip.minimum_calls", "How many calls the window must hold before a rate counts."),
    ("trip.open_on_announced", "One failure that announces so long a wait opens it."),
    ("open", "How long a breaker stays open."),
    ("open.base", "The first open time."),
    ("open.multiplier", "What each further trip in a row multiplies it by."),
    ("open.max", "The longest open time, before jitter."),
    (
        "open.jitter",
        "The share by which an open time may be lengthened at random, so that proxies do not probe in step.",
    ),
    ("open.announced_max", "The longest wait that is believed of an upstream's announcement."),
    ("open.quota", "How long at least an exhausted quota keeps it open."),
    ("open.reset_after", "Closed for so long without a trip, the next trip is the first again."),
    ("half_open", "How an open breaker tries its upstream again."),
    ("half_open.probes", "Probes in flight at most, over all workers."),
    ("half_open.successes", "Successful probes that close the breaker."),
    ("half_open.lease", "After so long a probe no longer holds its slot."),
    ("ramp", "Over how long traffic comes back gradually after a half-open period."),
    ("slow", "Above which a success counts as slow."),
    ("slow.response_headers", "Until the response headers."),
    ("slow.first_token", "Of a stream, until its first content."),
    ("slow.gap", "Of a stream, between two events with content."),
    ("slow.total", "Until the end of the answer."),
    (
        "limits",
        "Above which a call has timed out; judged while it hangs, from the moment when the request was sent.",
    ),
    ("limits.first_token", "Of a stream, until its first content."),
    ("limits.gap", "Of a stream, between two events with content."),
    ("limits.total", "Until the end of the answer."),
    (
        "limits.abandoned",
        "A client that left after so long without a byte counts as a time-out, if nobody else got one meanwhile.",
    ),
    ("limits.abort", "Whether a call that passes one of the first three is also ended."),
    (
        "verdicts",
        "What a category of outcome means for the breaker, in place of its own meaning; `open` opens at once.",
    ),
    (
        "matchers",
        "Answers that the operator recognises; the first whose conditions all hold decides, before any table.",
    ),
    ("matchers[].status", "The answer's status."),
    ("matchers[].header", "One of its headers, and exactly one of `equals`, `contains`, `prefix`."),
    ("matchers[].header.name", "The header's name."),
    ("matchers[].header.equals", "What its value is."),
    ("matchers[].header.contains", "What its value has in it."),
    ("matchers[].header.prefix", "What its value begins with."),
    (
        "matchers[].json",
        "A value in the beginning of its JSON body, and exactly one of `equals`, `contains`, `prefix`.",
    ),
    ("matchers[].json.path", "Keys from the outside in, `*` for any element of an array."),
    ("matchers[].json.equals", "What the value is."),
    ("matchers[].json.contains", "What the value has in it."),
    ("matchers[].json.prefix", "What the value begins with."),
    ("matchers[].category", "What the answer then is."),
    (
        "body_limit",
        "Bytes of a request's body that may be read for its model or for what was asked; no more than the listener's `per_connection_buffer_limit_bytes`.",
    ),
    (
        "fallback",
        "What is done in the upstream's place, tried in order; behind the last stands a plain `error`.",
    ),
    (
        "fallback[].kind",
        "`error` answers with a typed error, `completion` with a made answer, `reroute` sends the call to another cluster, `pass` lets it through, `last_resort` lets one call at a time through.",
    ),
    (
        "fallback[].when",
        "The reasons it is meant for: categories of the outcome that opened the breaker, or `forced_open`; none named are all.",
    ),
    (
        "fallback[].models",
        "The models, or values of `key_by`'s header, that it is meant for: as the policy lists them, or `other`; none named are all.",
    ),
    ("fallback[].status", "The status, in place of the one that the dialect's SDKs type best."),
    ("fallback[].message", "The message, in place of the built-in one."),
    ("fallback[].headers", "Further headers of the answer."),
    ("fallback[].text", "What the model is made to say."),
    ("fallback[].json", "What is said instead to a request that asks for JSON."),
    (
        "fallback[].model",
        "`completion`: the model that is said to have answered, `llm-breaker-fallback` unless named; `reroute`: the model to ask the target for, within one dialect.",
    ),
    (
        "fallback[].header",
        "The request header by which a route is chosen; a client that sends it is refused.",
    ),
    ("fallback[].value", "Its value."),
    ("fallback[].cluster", "The cluster that this route leads to; its own breaker is asked first."),
    (
        "fallback[].provider",
        "What the target speaks: a request in another dialect passes the entry over.",
    ),
    (
        "fallback[].translates",
        "Whether something on the way translates requests of other dialects.",
    ),
    ("fallback[].path", "The path to ask the target for."),
    ("fallback[].set_headers", "Request headers to set after those below are removed."),
    ("fallback[].remove_headers", "Request headers that do not go to the target."),
    (
        "fallback[].max_request_bytes",
        "The longest request it takes; one of unknown length is too long.",
    ),
    ("fallback[].max_per_minute", "How many calls in a minute are sent to it, by all workers."),
    (
        "on_failure",
        "Whether a call that itself fails before anything was sent to its client gets a fallback, too.",
    ),
    ("hold_max", "With `on_failure`: for how long an answer may be held until it is known."),
    (
        "append_stream_error",
        "Whether a stream of events that ended without its end gets an error event appended.",
    ),
    ("debug_headers", "Whether answers say whose breaker refused, why, and who served."),
    (
        "reset_generation",
        "A breaker that knows only lower numbers starts afresh, once: so a push resets a fleet.",
    ),
];
