//! What is answered in an upstream's place?

use core::time::Duration;
use serde_json::json;

/// The header that marks every answer of this filter, and by which the next breaker on the way
/// knows that no upstream gave it.
pub const MARK: &str = "x-llm-breaker";

/// An answer of the filter's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u32,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A typed error, as the OpenAI SDKs understand it. It says when to come back and nothing about
/// hosts, thresholds or other tenants.
#[must_use]
pub fn error(retry_after: Duration) -> Reply {
    let seconds = whole_seconds(retry_after);
    let body = json!({
        "error": {
            "message": format!(
                "The model provider is currently unavailable. Please try again in {seconds} s."
            ),
            "type": "service_unavailable_error",
            "param": null,
            "code": "circuit_open",
        }
    });
    Reply {
        status: 503,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            (MARK, "open".to_owned()),
            ("retry-after", seconds.to_string()),
            // Else the SDKs of OpenAI and Anthropic try a 503 twice more, at once.
            ("x-should-retry", "false".to_owned()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// The error of a call whose upstream kept its client waiting for too long.
#[must_use]
pub fn timed_out() -> Reply {
    let body = json!({
        "error": {
            "message": "The model provider did not answer in time.",
            "type": "timeout_error",
            "param": null,
            "code": "upstream_timeout",
        }
    });
    Reply {
        status: 504,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            (MARK, "fallback".to_owned()),
            ("retry-after", "1".to_owned()),
            ("x-should-retry", "false".to_owned()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// Whole seconds, at least one, and never fewer than really left.
fn whole_seconds(wait: Duration) -> u64 {
    let started = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(started).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(milliseconds: u64) -> String {
        let reply = error(Duration::from_millis(milliseconds));
        let header = reply.headers.into_iter().find(|(name, _)| *name == "retry-after");
        header.map(|(_, value)| value).unwrap_or_default()
    }

    #[test]
    fn retry_after_is_whole_seconds_and_never_too_early() {
        assert_eq!(retry_after(0), "1");
        assert_eq!(retry_after(1), "1");
        assert_eq!(retry_after(1_000), "1");
        assert_eq!(retry_after(1_001), "2");
        assert_eq!(retry_after(29_500), "30");
    }

    #[test]
    fn the_body_carries_a_stable_code() {
        let reply = error(Duration::from_secs(3));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(body["error"]["code"], "circuit_open");
    }
}
