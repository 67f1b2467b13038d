//! How does the admin listener say it? Every answer with the headers that keep it where it belongs.

use crate::admin::packed::Packed;
use crate::admin::page;
use crate::config::{ConfigError, Errors};
use crate::fallback::Reply;
use serde_json::{Map, Value, json};

/// No cache keeps it, no browser takes it for something else, and no link leads from it with its
/// address.
const ALWAYS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// What is no page runs nothing and is shown in nothing.
const BARE: &str = "default-src 'none'; frame-ancestors 'none'";

/// What the answers look like.
const SCHEMA: Packed = Packed {
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/admin-api.schema.deflate")),
    length: include_bytes!("../../../docs/admin-api.schema.json").len(),
};

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    UnknownBreaker,
    Method {
        allow: &'static str,
    },
    WritesDisabled,
    CrossSite,
    Unauthorized,
    MediaType,
    TooLarge,
    Misdirected,
    BodiesUnreadable,
    Invalid(Errors),
    #[cfg(fleet)]
    NoFleet,
    #[cfg(fleet)]
    FleetUnreachable,
    Busy,
}

impl Refusal {
    const fn status(&self) -> u32 {
        match self {
            Self::Invalid(_) => 400,
            Self::Unauthorized => 401,
            Self::WritesDisabled | Self::CrossSite => 403,
            Self::NotFound | Self::UnknownBreaker => 404,
            Self::Method { .. } => 405,
            Self::TooLarge => 413,
            #[cfg(fleet)]
            Self::NoFleet => 409,
            Self::MediaType => 415,
            Self::Misdirected => 421,
            Self::BodiesUnreadable => 501,
            #[cfg(fleet)]
            Self::FleetUnreachable => 503,
            Self::Busy => 503,
        }
    }

    /// The stable name.
    const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::UnknownBreaker => "unknown_breaker",
            Self::Method { .. } => "method_not_allowed",
            Self::WritesDisabled => "writes_disabled",
            Self::CrossSite => "cross_site",
            Self::Unauthorized => "unauthorized",
            Self::MediaType => "unsupported_media_type",
            Self::TooLarge => "too_large",
            Self::Misdirected => "misdirected",
            Self::BodiesUnreadable => "bodies_unreadable",
            Self::Invalid(_) => "invalid",
            #[cfg(fleet)]
            Self::NoFleet => "no_fleet",
            #[cfg(fleet)]
            Self::FleetUnreachable => "fleet_unreachable",
            Self::Busy => "busy",
        }
    }

    const fn message(&self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here: see docs/admin-api.md.",
            Self::UnknownBreaker => {
                "There is no breaker of this name: a breaker appears with its first call."
            }
            Self::Method { .. } => "This method is not for this resource.",
            Self::WritesDisabled => {
                "No token is configured (admin.token), so nothing can be changed here."
            }
            Self::CrossSite => "Another site's page sent this.",
            Self::Unauthorized => "The token is missing or wrong: authorization: Bearer <token>.",
            Self::MediaType => "A body must say that it is application/json.",
            Self::TooLarge => "The body is longer than 16384 bytes.",
            Self::Misdirected => {
                "No virtual host of this listener has the host that was asked for."
            }
            Self::BodiesUnreadable => {
                "Bodies cannot be read: set allow_on_headers_stop_iteration: true in Envoy's \
                 configuration of this plugin and stop_iteration: true in the plugin's own."
            }
            Self::Invalid(_) => "The order is not valid.",
            #[cfg(fleet)]
            Self::NoFleet => "The configuration of this listener names no fleet.",
            #[cfg(fleet)]
            Self::FleetUnreachable => {
                "No VM of this process is in touch with the fleet's store; nothing was changed."
            }
            Self::Busy => {
                "Too many others changed this breaker at the same time; nothing was changed. Try again."
            }
        }
    }

    pub(super) fn reply(&self) -> Reply {
        let mut error = Map::new();
        error.insert("code".into(), self.code().into());
        error.insert("message".into(), self.message().into());
        if let Self::Invalid(errors) = self {
            error.insert("details".into(), errors.iter().map(detail).collect());
        }
        let mut reply = json_reply(self.status(), &json!({ "error": error }));
        match self {
            Self::Method { allow } => reply.headers.push(("allow".into(), (*allow).into())),
            Self::Unauthorized => {
                reply.headers.push(("www-authenticate".into(), "Bearer".into()));
            }
            _ => {}
        }
        reply
    }
}

fn detail(error: &ConfigError) -> Value {
    let ConfigError { path, problem, given, allowed } = error;
    json!({"path": path, "problem": problem, "value": given, "allowed": allowed})
}

pub(super) fn page() -> Reply {
    let html = "text/html; charset=utf-8";
    reply(200, html, page::CONTENT_SECURITY_POLICY, page::html())
}

pub(super) fn health() -> Reply {
    reply(200, "text/plain; charset=utf-8", BARE, b"ok".to_vec())
}

pub(super) fn schema() -> Reply {
    reply(200, "application/schema+json", BARE, SCHEMA.unpacked())
}

pub(super) fn json_reply(status: u32, body: &Value) -> Reply {
    reply(status, "application/json", BARE, crate::config::json::write(body).into_bytes())
}

fn reply(status: u32, media_type: &str, policy: &str, body: Vec<u8>) -> Reply {
    let own = [("content-type", media_type), ("content-security-policy", policy)];
    let headers = own.into_iter().chain(ALWAYS);
    let headers =
        headers.map(|(name, value)| (name.to_owned().into(), value.to_owned().into())).collect();
    Reply { status, headers, body, grpc_status: None }
}
