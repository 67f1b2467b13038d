//! How are counts, shares, spans and moments written for people?

use core::time::Duration;
use std::time::SystemTime;

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted: `1 call`, `2 calls`.
#[must_use]
pub fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A share of a whole in per cent, with as many digits as tell something; of nothing it is a dash.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]
    match whole {
        0 => "–".into(),
        _ => percent(part as f64 / whole as f64),
    }
}

/// `0.25` as `25 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent {
        0.0 | 10.0.. => 0,
        1.0..10.0 => 1,
        _ => 2,
    };
    if percent > 0.0 && percent < 0.005 {
        return "< 0.01 %".into();
    }
    let text = format!("{percent:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A duration in its largest unit that it has two of: `340 ms`, `94 s`, `12 min`, `3.4 h`, `5 d`.
#[must_use]
pub fn span(duration: Duration) -> String {
    seconds(duration.as_secs_f64())
}

/// A number of seconds, as [`span`] writes it.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    let (number, unit) = match seconds.abs() {
        ..0.000_000_5 => (0.0, "s"),
        ..1.0 => (seconds * 1e3, "ms"),
        ..120.0 => (seconds, "s"),
        ..7_200.0 => (seconds / 60.0, "min"),
        ..172_800.0 => (seconds / 3_600.0, "h"),
        _ => (seconds / 86_400.0, "d"),
    };
    let digits = usize::from(number.abs() < 10.0);
    let text = format!("{number:.digits$}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// A moment to the second, in UTC: `2026-11-28 17:30:16`.
#[must_use]
pub fn moment(at: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(in_range(at)).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// What RFC 3339 can tell ends with the year 9999, and a log may say anything.
fn in_range(at: SystemTime) -> SystemTime {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since.min(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!((counted(1, "call"), counted(0, "call")), ("1 call".into(), "0 calls".into()));
    }

    #[test]
    fn shares_have_the_digits_that_tell_something() {
        for (part, whole, text) in [
            (0, 0, "–"),
            (0, 9, "0 %"),
            (1, 1, "100 %"),
            (1, 4, "25 %"),
            (1, 75, "1.3 %"),
            (1, 50, "2 %"),
            (1, 1_000, "0.1 %"),
            (1, 1_000_000, "< 0.01 %"),
        ] {
            assert_eq!(share(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn spans_have_a_unit_that_suits_them() {
        for (seconds_, text) in [
            (0.0, "0 s"),
            (0.34, "340 ms"),
            (1.25, "1.2 s"),
            (94.0, "94 s"),
            (720.0, "12 min"),
            (12_240.0, "3.4 h"),
            (432_000.0, "5 d"),
        ] {
            assert_eq!(seconds(seconds_), text);
        }
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_told_as_the_nearest() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(moment(at(1_795_887_016)), "2026-11-28 17:30:16");
        assert_eq!(moment(at(u64::from(u32::MAX) * 1_000)), "9999-12-31 23:59:59");
        assert_eq!(moment(SystemTime::UNIX_EPOCH - Duration::from_secs(9)), "1970-01-01 00:00:00");
    }
}
