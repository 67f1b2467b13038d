//! Patterns for decimal numbers within bounds, since a schema can bound no number in a text.

use core::time::Duration;

/// The digits after the point that a duration may have.
const FRACTION_DIGITS: usize = 9;

/// A whole number in quotes, also with a fraction of zeros.
pub(super) fn whole(min: u64, max: u64) -> String {
    format!(r"^\+?0*({})(\.0*)?$", between(min, max))
}

/// A number in quotes.
pub(super) fn number(min: u32, max: u32, above: bool) -> String {
    let (min, max) = (u64::from(min), u64::from(max));
    let largest = format!(r"0*{max}(\.0*)?");
    let smaller = match (min, above) {
        (0, true) => format!(r"0*\.0*[1-9][0-9]*|0*({})(\.[0-9]*)?", between_or_none(1, max)),
        (0, false) => format!(r"0*\.[0-9]+|0*({})(\.[0-9]*)?", between_or_none(0, max)),
        _ => format!(r"0*({})(\.[0-9]*)?", between_or_none(min, max)),
    };
    format!(r"^\+?({smaller}|{largest})$")
}

/// Decimal seconds with a trailing `s`.
pub(super) fn span(min: Duration, max: Duration) -> String {
    let (first, last) = (min.as_secs(), max.as_secs());
    let largest = format!(r"0*{last}(\.0{{1,{FRACTION_DIGITS}}})?");
    let mut all = Vec::new();
    let nanoseconds = format!("{:0FRACTION_DIGITS$}", min.subsec_nanos());
    let fraction = nanoseconds.trim_end_matches('0');
    let whole = if fraction.is_empty() { first } else { first.saturating_add(1) };
    if !fraction.is_empty() {
        all.push(format!(r"0*{first}\.({})", at_least(fraction, FRACTION_DIGITS)));
    }
    all.push(format!(r"0*({})(\.[0-9]{{1,{FRACTION_DIGITS}}})?", between_or_none(whole, last)));
    all.push(largest);
    format!("^({})s$", all.join("|"))
}

/// The whole numbers from `min` to below `max`; a pattern that nothing matches if there are none.
fn between_or_none(min: u64, max: u64) -> String {
    max.checked_sub(1).filter(|last| *last >= min).map_or("(?!)".into(), |last| between(min, last))
}

/// The whole numbers from `min` to `max`, without leading zeros.
fn between(min: u64, max: u64) -> String {
    let mut all = Vec::new();
    let mut first = min;
    while first <= max {
        let digits = first.to_string();
        let last = "9".repeat(digits.len()).parse().unwrap_or(u64::MAX).min(max);
        all.push(same_length(&digits, &last.to_string()));
        match last.checked_add(1) {
            Some(next) => first = next,
            None => break,
        }
    }
    all.join("|")
}

/// The numbers between two of the same number of digits.
fn same_length(min: &str, max: &str) -> String {
    let (Some((low, lower)), Some((high, upper))) = (split(min), split(max)) else {
        return String::new();
    };
    if low == high {
        return format!("{low}{}", group(&same_length(lower, upper)));
    }
    let (mut first, mut last, mut all) = (low, high, Vec::new());
    if !lower.bytes().all(|digit| digit == b'0') {
        all.push(format!("{low}{}", group(&same_length(lower, &"9".repeat(lower.len())))));
        first = low.saturating_add(1);
    }
    if !upper.bytes().all(|digit| digit == b'9') {
        all.push(format!("{high}{}", group(&same_length(&"0".repeat(upper.len()), upper))));
        last = high.saturating_sub(1);
    }
    if first <= last {
        let more = match lower.len() {
            0 => String::new(),
            digits => format!("[0-9]{{{digits}}}"),
        };
        all.push(format!("[{first}-{last}]{more}"));
    }
    all.join("|")
}

/// The fractions of at most `length` digits that are at least this one, which ends in no zero.
fn at_least(fraction: &str, length: usize) -> String {
    let Some((digit, rest)) = split(fraction) else {
        return format!("[0-9]{{0,{length}}}");
    };
    let left = length.saturating_sub(1);
    let equal = format!("{digit}{}", group(&at_least(rest, left)));
    if digit == 9 { equal } else { format!("[{}-9][0-9]{{0,{left}}}|{equal}", digit + 1) }
}

fn group(pattern: &str) -> String {
    if pattern.contains('|') { format!("({pattern})") } else { pattern.into() }
}

fn split(digits: &str) -> Option<(u32, &str)> {
    let digit = digits.chars().next()?.to_digit(10)?;
    digits.get(1..).map(|rest| (digit, rest))
}
