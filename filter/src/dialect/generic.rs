//! Anything else over HTTP: a status, and an error's words where it has some.

use super::Tables;
use super::errors::{Place::Code, Row};
use super::events::{Field, Kind, paths, places, with_errors};
use super::facts::ERROR_FIELDS;
use super::route::{Path, Route};
use crate::category::Category::{ClientError, ServerError};
use crate::stream::json::paths::{Node, Paths, size, tree};

pub(super) const TABLES: Tables = Tables {
    route,
    errors: ERRORS,
    fields: FIELDS,
    paths: PATHS,
    places: PLACES,
    event,
    limits: &[],
};

/// No path is known to generate: what its answer must look like is not known either.
const fn route(_: &Path<'_>) -> Option<Route> {
    None
}

/// Other dialects' words are known everywhere. These are JSON-RPC's, in which MCP's servers answer,
/// in a stream too: jsonrpc.org/specification, 5.1. Over HTTP its errors come under any status, and
/// where that is one of failure it is believed.
const ERRORS: &[Row] = &[
    Row::coarse(Code, "-32700", ClientError),
    Row::coarse(Code, "-32600", ClientError),
    Row::coarse(Code, "-32601", ClientError),
    Row::coarse(Code, "-32602", ClientError),
    Row::coarse(Code, "-32603", ServerError),
];

/// Other than errors, nothing is looked for.
const OWN: &[Field] = &[];

const FIELDS: &[Field] = &with_errors::<{ ERROR_FIELDS.len() + OWN.len() }>(OWN);
const PATHS: &[&[&str]] = &paths::<{ FIELDS.len() }>(FIELDS);
const TREE: &[Node<'_>] = &tree::<{ size(PATHS) }>(PATHS);
const PLACES: Paths<'_> = places(PATHS, TREE);

/// Whatever comes is content; a stream of no known dialect may end as it likes.
fn event(name: &str) -> Kind {
    match name {
        "ping" => Kind::KeepAlive,
        "error" => Kind::Error,
        _ => Kind::Content,
    }
}
