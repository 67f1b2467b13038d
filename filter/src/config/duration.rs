//! Durations as Envoy writes them: decimal seconds with a trailing `s`, as in `30s` or `0.5s`.

use core::time::Duration;

/// The digits after the point that a `google.protobuf.Duration` can hold.
const FRACTION_DIGITS: usize = 9;

/// Reads `30s` or `0.5s`; no sign, no exponent, no other unit, at most nine fractional digits.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, fraction) = number.split_once('.').map_or((number, "0"), |parts| parts);
    if !is_digits(seconds) || !is_digits(fraction) || fraction.len() > FRACTION_DIGITS {
        return None;
    }
    let nanoseconds = format!("{fraction:0<FRACTION_DIGITS$}");
    Some(Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok()?))
}

/// The inverse of [`parse`], without trailing zeros.
pub(super) fn show(duration: Duration) -> String {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    if nanoseconds == 0 {
        return format!("{seconds}s");
    }
    let fraction = format!("{nanoseconds:0FRACTION_DIGITS$}");
    format!("{seconds}.{}s", fraction.trim_end_matches('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_seconds_are_read_and_written_back() {
        for (text, nanoseconds) in [
            ("30s", 30_000_000_000),
            ("0s", 0),
            ("0.5s", 500_000_000),
            ("1.000000001s", 1_000_000_001),
            ("3600s", 3_600_000_000_000),
        ] {
            let duration = parse(text);
            assert_eq!(duration, Some(Duration::from_nanos(nanoseconds)), "{text}");
            assert_eq!(duration.map(show).as_deref(), Some(text));
        }
        assert_eq!(parse("007.50s"), Some(Duration::from_millis(7500)));
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in [
            "",
            "s",
            "30",
            "30 s",
            " 30s",
            "30s ",
            "30ms",
            "1m",
            "1h",
            "-1s",
            "+1s",
            "1e3s",
            ".5s",
            "5.s",
            ".s",
            "1.2.3s",
            "0.0000000001s",
            "١s",
            "99999999999999999999s",
            "NaNs",
            "infs",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
