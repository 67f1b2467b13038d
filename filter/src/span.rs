//! How long is a number of units, told in decimals?
//!
//! By whole numbers: to read a floating-point number exactly takes tables of 10 kB.

use core::time::Duration;

/// `number` times a unit of so many nanoseconds, to the nanosecond; [`Duration::MAX`] if that is
/// longer than 584 years. `None` for all but digits, with a point among them or not.
#[must_use]
pub fn times(number: &str, unit: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_plain = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_plain(whole) || !is_plain(fraction) {
        return None;
    }
    let mut digits = whole.bytes().map(|digit| u64::from(digit - b'0'));
    let whole = digits.try_fold(0_u64, |all, digit| all.checked_mul(10)?.checked_add(digit));
    let (mut part, mut place) = (0, unit);
    for digit in fraction.bytes() {
        place /= 10;
        part += place * u64::from(digit - b'0');
    }
    let nanoseconds = whole.and_then(|it| it.checked_mul(unit)?.checked_add(part));
    Some(nanoseconds.map_or(Duration::MAX, Duration::from_nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn decimals_are_read_to_the_nanosecond() {
        for (number, nanoseconds) in [
            ("7", 7_000_000_000),
            ("007.0", 7_000_000_000),
            ("0.5", 500_000_000),
            (".5", 500_000_000),
            ("5.", 5_000_000_000),
            ("34.074824224", 34_074_824_224),
            ("0.9999999999999999", 999_999_999),
        ] {
            assert_eq!(times(number, SECOND), Some(Duration::from_nanos(nanoseconds)), "{number}");
        }
        assert_eq!(times("1.25", 3_600 * SECOND), Some(Duration::from_secs(4_500)));
        assert_eq!(times("1.5", 1), Some(Duration::from_nanos(1)), "a part of a nanosecond");
    }

    #[test]
    fn what_is_no_number_is_none_and_what_is_too_large_the_longest() {
        for text in ["", ".", "-1", "+1", "1e3", "1.2.3", " 1", "1s", "inf", "٧"] {
            assert_eq!(times(text, SECOND), None, "{text:?}");
        }
        for text in ["9".repeat(32), u64::MAX.to_string(), format!("{}.5", u64::MAX / SECOND + 1)] {
            assert_eq!(times(&text, SECOND), Some(Duration::MAX), "{text}");
        }
    }
}
