//! How long did the upstream ask not to be called? The headers `retry-after-ms` and `retry-after`.

use crate::span;
use core::time::Duration;
use std::time::SystemTime;

/// No number of milliseconds or seconds that makes sense is longer.
const MAX_DIGITS: usize = 32;

/// The announced wait: `retry-after-ms`, a number, before `retry-after`, seconds (fractions too) or
/// an HTTP date. This is the order in which OpenAI's SDK reads them. What makes no sense, lies in
/// the past or is zero announces nothing; too long a wait is capped by the breaker's policy.
#[must_use]
pub fn announced(
    retry_after_ms: Option<&[u8]>,
    retry_after: Option<&[u8]>,
    wall_clock: impl FnOnce() -> SystemTime,
) -> Option<Duration> {
    let milliseconds = retry_after_ms.and_then(|value| number(value, 1_000_000));
    let seconds = || retry_after.and_then(|value| number(value, 1_000_000_000));
    milliseconds
        .or_else(seconds)
        .or_else(|| date(retry_after?)?.duration_since(wall_clock()).ok())
        .filter(|wait| !wait.is_zero())
}

/// A plain decimal number of units of so many nanoseconds; no sign, no exponent, no `inf`.
fn number(value: &[u8], unit: u64) -> Option<Duration> {
    span::times(text(value).filter(|text| text.len() <= MAX_DIGITS)?, unit)
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(text(value)?).ok()
}

fn text(value: &[u8]) -> Option<&str> {
    core::str::from_utf8(value).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    fn wall_clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    fn wait(retry_after_ms: Option<&str>, retry_after: Option<&str>) -> Option<f64> {
        announced(retry_after_ms.map(str::as_bytes), retry_after.map(str::as_bytes), wall_clock)
            .map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn seconds_fractions_milliseconds_and_dates_are_understood() {
        assert_eq!(wait(None, Some("7")), Some(7.0));
        assert_eq!(wait(None, Some(" 1.5 ")), Some(1.5));
        assert_eq!(wait(Some("250"), Some("7")), Some(0.25));
        assert_eq!(wait(None, Some("Sun, 06 Nov 1994 08:50:07 GMT")), Some(30.0));
    }

    #[test]
    fn nonsense_announces_nothing() {
        for value in ["", "soon", "-5", "1e9", "inf", "NaN", "0", "0.0", "1.2.3", "7 s", ".", "٧"]
        {
            assert_eq!(wait(None, Some(value)), None, "{value:?}");
            assert_eq!(wait(Some(value), None), None, "{value:?}");
        }
        assert_eq!(wait(None, Some("Sun, 06 Nov 1994 08:49:07 GMT")), None, "in the past");
        assert_eq!(announced(None, Some(b"\xff\xfe"), wall_clock), None, "not UTF-8");
        assert_eq!(wait(None, Some(&"9".repeat(100_000))), None, "too long");
        assert_eq!(wait(Some("soon"), Some("7")), Some(7.0), "the other header still counts");
    }

    #[test]
    fn an_absurd_number_is_a_long_wait_not_a_panic() {
        assert!(wait(None, Some(&"9".repeat(32))) > Some(1e9));
    }
}
