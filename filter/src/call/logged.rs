//! Which category does a line of an access log tell of a call that no breaker judged? From its status
//! and from what Envoy says of it: nothing of its body is known.

use crate::call::classify::{self, Request};
use crate::call::flags::{Ending, Flags};
use crate::outcome::Category;

/// The details of an answer that the upstream gave itself.
const VIA_UPSTREAM: &str = "via_upstream";

/// The names of the flags in access logs.
const NAMES: [(&str, Flags); 20] = [
    ("UH", Flags::NO_HEALTHY_UPSTREAM),
    ("UT", Flags::UPSTREAM_REQUEST_TIMEOUT),
    ("UR", Flags::UPSTREAM_REMOTE_RESET),
    ("UF", Flags::UPSTREAM_CONNECTION_FAILURE),
    ("UC", Flags::UPSTREAM_CONNECTION_TERMINATION),
    ("UO", Flags::UPSTREAM_OVERFLOW),
    ("NR", Flags::NO_ROUTE),
    ("FI", Flags::FAULT_INJECTED),
    ("RL", Flags::RATE_LIMITED),
    ("UAEX", Flags::UNAUTHORIZED),
    ("DC", Flags::DOWNSTREAM_DISCONNECT),
    ("SI", Flags::STREAM_IDLE_TIMEOUT),
    ("DPE", Flags::DOWNSTREAM_PROTOCOL_ERROR),
    ("UMSDR", Flags::UPSTREAM_MAX_STREAM_DURATION),
    ("DT", Flags::DURATION_TIMEOUT),
    ("UPE", Flags::UPSTREAM_PROTOCOL_ERROR),
    ("NC", Flags::NO_CLUSTER),
    ("OM", Flags::OVERLOAD_MANAGER),
    ("DF", Flags::DNS_RESOLUTION_FAILURE),
    ("DR", Flags::DOWNSTREAM_REMOTE_RESET),
];

impl Flags {
    /// The flags that an access log names, parted by commas; others say nothing here.
    #[must_use]
    pub fn of_names(names: &str) -> Self {
        let flag =
            |name: &str| NAMES.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag);
        names.split(',').filter_map(flag).fold(Self::default(), Self::or)
    }
}

/// The category of a call by its status, Envoy's flags and its code details, empty if those are not known.
#[must_use]
pub fn category_by_log(status: u16, flags: Flags, details: &str) -> Category {
    let Ending { flags } = Ending::new(flags, details.as_bytes());
    let is_upstreams = if details.is_empty() { flags.0 == 0 } else { details == VIA_UPSTREAM };
    if !is_upstreams {
        let broke_off = (200..300).contains(&status);
        return if broke_off {
            classify::of_broken_end(flags)
        } else {
            classify::of_envoys_answer(flags, Request::Complete)
        };
    }
    match classify::of_status(status, Request::Complete) {
        Some(category) => category,
        None if flags.0 == 0 => Category::Success,
        None => classify::of_broken_end(flags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_a_category_by_status_flags_and_details() {
        for (status, flags, details, category) in [
            (200, "-", "via_upstream", Category::Success),
            (200, "-", "", Category::Success),
            (200, "UC", "via_upstream", Category::StreamInterrupted),
            (200, "DC", "downstream_remote_disconnect", Category::Cancelled),
            (429, "-", "via_upstream", Category::RateLimited),
            (503, "URX", "via_upstream", Category::ServerError),
            (
                503,
                "UF,URX",
                "upstream_reset_before_response_started{…}",
                Category::ConnectionFailed,
            ),
            (503, "UH", "", Category::ConnectionFailed),
            (504, "UT", "response_timeout", Category::Timeout),
            (503, "-", "direct_response", Category::Local),
            (404, "NR", "route_not_found", Category::Local),
            (0, "DC", "downstream_remote_disconnect", Category::Cancelled),
            (408, "-", "max_duration_timeout", Category::Timeout),
        ] {
            let told = category_by_log(status, Flags::of_names(flags), details);
            assert_eq!(told, category, "{status} {flags} {details}");
        }
    }
}
