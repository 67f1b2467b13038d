//! How long until a limit resets, as the providers' own rate-limit headers say?

use super::Dialect;
use crate::category::Category;
use crate::span;
use core::time::Duration;
use std::time::SystemTime;

/// Longer values are none.
const MAX_LENGTH: usize = 40;

/// The two headers of one limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// How much is left; 0 is exhausted.
    pub(super) remaining: &'static str,
    /// When it is full again.
    pub(super) reset: &'static str,
}

/// The wait that the providers' rate-limit headers announce: the longest of the exhausted limits
/// if any is exhausted, else the longest of all. To be asked after `retry-after-ms` and
/// `retry-after`; what makes no sense or lies in the past announces nothing.
///
/// These headers are on every answer, so they announce something only with a category that is
/// about limits: a 500 beside "full again in 6 minutes" says nothing.
#[must_use]
pub fn announced_by_limits<'h>(
    dialect: Dialect,
    category: Category,
    header: impl Fn(&str) -> Option<&'h [u8]>,
    wall_clock: impl Fn() -> SystemTime,
) -> Option<Duration> {
    if !matches!(category, Category::RateLimited | Category::QuotaExhausted) {
        return None;
    }
    let text = |name: &str| core::str::from_utf8(header(name)?).ok().map(str::trim);
    dialect.and_others().find_map(|dialect| {
        let waits = dialect.tables().limits.iter().filter_map(|limit| {
            let wait = wait(text(limit.reset)?, &wall_clock)?;
            let exhausted = text(limit.remaining).is_some_and(is_zero);
            Some((exhausted, wait))
        });
        // An exhausted limit is the larger, then the longer wait.
        waits.max().map(|(_, wait)| wait)
    })
}

fn is_zero(remaining: &str) -> bool {
    !remaining.is_empty() && remaining.bytes().all(|digit| digit == b'0')
}

fn wait(reset: &str, wall_clock: &impl Fn() -> SystemTime) -> Option<Duration> {
    let until = || rfc3339(reset)?.duration_since(wall_clock()).ok();
    go_duration(reset).or_else(until).filter(|wait| !wait.is_zero())
}

/// A duration as Go writes it: `6m0s`, `20ms`, `10h17m5.7s`. No sign, no bare number.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    if text.is_empty() || text.len() > MAX_LENGTH {
        return None;
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let (unit, length) = unit(after)?;
        total = total.checked_add(span::times(number, unit)?)?;
        rest = after.get(length..)?;
    }
    Some(total).filter(|it| *it < Duration::MAX)
}

/// A unit in nanoseconds, and its length in bytes.
fn unit(text: &str) -> Option<(u64, usize)> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1_000_000),
        ("us", 1_000),
        ("µs", 1_000),
        ("ns", 1),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
    ];
    let found = UNITS.into_iter().find(|(name, _)| text.starts_with(name));
    found.map(|(name, nanoseconds)| (nanoseconds, name.len()))
}

/// A point in time as `2025-08-21T12:40:59Z`, with fractions and offsets too.
fn rfc3339(text: &str) -> Option<SystemTime> {
    if text.len() > MAX_LENGTH || !text.is_ascii() {
        return None;
    }
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, offset) = time.split_at_checked(zone)?;
    let (clock, _fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = u64::try_from(seconds - offset_seconds(offset)?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn offset_seconds(offset: &str) -> Option<i64> {
    let sign = match offset.get(..1)? {
        "Z" | "z" => return (offset.len() == 1).then_some(0),
        "-" => -1,
        _ => 1,
    };
    let [hours, minutes] = numbers(offset.get(1..)?, ':')?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for number in &mut numbers {
        let part = parts.next()?;
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit());
        *number = part.parse().ok().filter(|_| digits)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970-01-01 in the Gregorian calendar. Years begin in March, so that a leap day is
/// the last of its year.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_understood_and_nothing_else() {
        let cases = [
            ("1s", 1.0),
            ("6m0s", 360.0),
            ("20ms", 0.02),
            ("10h17m5.7s", 37_025.7),
            ("2m59.56s", 179.56),
            ("5µs", 0.000_005),
            (".5s", 0.5),
            ("1.h", 3_600.0),
            ("0.1234567891s", 0.123_456_789),
        ];
        for (text, seconds) in cases {
            let read = go_duration(text).map(|it| it.as_secs_f64());
            assert!(read.is_some_and(|it| (it - seconds).abs() < 1e-9), "{text}: {read:?}");
        }
        for text in ["", "7", "s", "-1s", "1e3s", "1 s", "1d", ".s", "1..2s", "soon", "NaNs"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
        assert_eq!(go_duration(&"9".repeat(39)), None, "no unit");
        assert_eq!(go_duration(&format!("{}h", "9".repeat(39))), None, "absurd");
    }

    #[test]
    fn points_in_time_are_understood_and_nothing_else() {
        let seconds = |text: &str| {
            let since = rfc3339(text)?.duration_since(SystemTime::UNIX_EPOCH);
            since.ok().map(|it| it.as_secs())
        };
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(seconds("2025-08-21T12:40:59Z"), Some(1_755_780_059));
        assert_eq!(seconds("2025-08-21T14:40:59.5+02:00"), Some(1_755_780_059));
        assert_eq!(seconds("2026-01-01T00:00:00Z"), Some(1_767_225_600));
        for text in [
            "",
            "T",
            "2025-08-21",
            "2025-13-01T00:00:00Z",
            "2025-08-21T25:00:00Z",
            "2025-08-21T12:40:59",
            "1755780059",
            "-2025-08-21T12:40:59Z",
            "2025-08-21T12:40:59Zulu",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    fn announced(dialect: Dialect, category: Category, headers: &[(&str, &str)]) -> Option<f64> {
        let header = |name: &str| {
            headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes())
        };
        let noon = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_755_780_059);
        announced_by_limits(dialect, category, header, noon).map(|wait| wait.as_secs_f64())
    }

    const OPENAI: [(&str, &str); 4] = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-remaining-tokens", "17"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];

    #[test]
    fn the_exhausted_limit_counts_else_the_longest() {
        let limited = Category::RateLimited;
        assert_eq!(announced(Dialect::OpenAi, limited, &OPENAI), Some(1.0));
        assert_eq!(announced(Dialect::OpenAi, limited, &OPENAI[1..]), Some(360.0));
        let anthropic = [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2025-08-21T12:41:09Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "2025-08-21T12:42:59Z"),
            ("anthropic-ratelimit-tokens-reset", "2025-08-21T13:40:59Z"),
        ];
        assert_eq!(announced(Dialect::Anthropic, limited, &anthropic), Some(120.0));
        assert_eq!(announced(Dialect::Anthropic, limited, &OPENAI), Some(1.0), "a gateway's");
    }

    #[test]
    fn nonsense_and_answers_that_are_about_no_limit_announce_nothing() {
        assert_eq!(announced(Dialect::OpenAi, Category::ServerError, &OPENAI), None);
        let limited = Category::RateLimited;
        for reset in ["", "0s", "-1s", "7", "2025-08-21T12:40:58Z", "soon"] {
            let headers = [("x-ratelimit-reset-tokens", reset)];
            assert_eq!(announced(Dialect::OpenAi, limited, &headers), None, "{reset}");
        }
    }
}
