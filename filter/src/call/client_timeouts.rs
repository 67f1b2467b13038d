//! Did a time-out strike that the client itself asked for? Then it says nothing about the upstream.

use crate::call::flags::Flags;
use core::time::Duration;

/// Envoy's timers and ours are not read at the same moment.
const TOLERANCE: Duration = Duration::from_millis(50);

/// The time-outs that the client asked Envoy for by header, by the flag that they strike with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTimeouts {
    request: Option<Duration>,
    stream: Option<Duration>,
    grpc: Option<Duration>,
}

impl ClientTimeouts {
    /// Note a request header, if it is one that sets a time-out. What Envoy would not understand
    /// sets none.
    pub fn note(&mut self, name: &[u8], value: &[u8]) {
        let (timeout, duration) = match name {
            b"x-envoy-upstream-rq-timeout-ms"
            | b"x-envoy-upstream-rq-per-try-timeout-ms"
            | b"x-envoy-expected-rq-timeout-ms" => (&mut self.request, milliseconds(value)),
            b"x-envoy-upstream-stream-duration-ms" => (&mut self.stream, milliseconds(value)),
            // Where the route allows for it, also from outside and without gRPC.
            b"grpc-timeout" => (&mut self.grpc, grpc(value)),
            _ => return,
        };
        // Of several, the one that strikes first.
        *timeout = [*timeout, duration].into_iter().flatten().min();
    }

    /// Whether the upstream that says that its time is over can mean the client's `grpc-timeout`,
    /// which it was sent.
    pub(super) fn reached_upstream(self, waited: Duration) -> bool {
        self.grpc.is_some_and(|timeout| has_passed(timeout, waited))
    }

    /// Whether one of them can be what struck with these flags after that long.
    pub(super) fn struck(self, flags: Flags, waited: Duration) -> bool {
        [
            (self.request, Flags::UPSTREAM_REQUEST_TIMEOUT),
            (self.stream, Flags::UPSTREAM_MAX_STREAM_DURATION),
            (self.grpc, Flags::DURATION_TIMEOUT),
        ]
        .into_iter()
        .any(|(timeout, flag)| {
            flags.any(flag) && timeout.is_some_and(|timeout| has_passed(timeout, waited))
        })
    }
}

fn has_passed(timeout: Duration, waited: Duration) -> bool {
    waited.saturating_add(TOLERANCE) >= timeout
}

fn milliseconds(value: &[u8]) -> Option<Duration> {
    whole(value).map(Duration::from_millis)
}

/// At most eight digits and a unit, as gRPC writes it.
fn grpc(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let number = whole(digits)?;
    Some(match unit {
        b'H' => Duration::from_secs(number.saturating_mul(3600)),
        b'M' => Duration::from_secs(number.saturating_mul(60)),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

fn whole(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(name: &str, value: &str, flags: Flags, waited_milliseconds: u64) -> bool {
        let mut timeouts = ClientTimeouts::default();
        timeouts.note(name.as_bytes(), value.as_bytes());
        timeouts.struck(flags, Duration::from_millis(waited_milliseconds))
    }

    #[test]
    fn a_time_out_that_was_not_yet_due_is_another_ones() {
        let header = "x-envoy-upstream-rq-timeout-ms";
        assert!(struck(header, "200", Flags::UPSTREAM_REQUEST_TIMEOUT, 200));
        assert!(struck(header, "200", Flags::UPSTREAM_REQUEST_TIMEOUT, 170), "clocks differ");
        assert!(!struck(header, "60000", Flags::UPSTREAM_REQUEST_TIMEOUT, 15_000), "the route's");
        assert!(!struck(header, "200", Flags::STREAM_IDLE_TIMEOUT, 300_000), "another timer");
    }

    #[test]
    fn grpc_units_are_understood() {
        for (value, milliseconds) in
            [("1H", 3_600_000), ("2M", 120_000), ("3S", 3_000), ("4m", 4), ("5u", 0), ("6n", 0)]
        {
            assert!(struck("grpc-timeout", value, Flags::DURATION_TIMEOUT, milliseconds));
            if milliseconds > 50 {
                assert!(!struck("grpc-timeout", value, Flags::DURATION_TIMEOUT, milliseconds - 51));
            }
        }
    }

    #[test]
    fn of_several_the_shortest_counts() {
        let mut timeouts = ClientTimeouts::default();
        timeouts.note(b"x-envoy-upstream-rq-timeout-ms", b"60000");
        timeouts.note(b"x-envoy-upstream-rq-per-try-timeout-ms", b"100");
        assert!(timeouts.struck(Flags::UPSTREAM_REQUEST_TIMEOUT, Duration::from_millis(100)));
    }

    #[test]
    fn nonsense_sets_no_time_out() {
        for value in ["", "soon", "-1", "1.5", "99999999999999999999", "\u{7f}"] {
            assert!(!struck("grpc-timeout", value, Flags::DURATION_TIMEOUT, u64::MAX), "{value}");
            let header = "x-envoy-upstream-rq-timeout-ms";
            assert!(!struck(header, value, Flags::UPSTREAM_REQUEST_TIMEOUT, u64::MAX), "{value}");
        }
        assert!(!struck("grpc-timeout", "5x", Flags::DURATION_TIMEOUT, u64::MAX));
    }
}
