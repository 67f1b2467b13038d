//! Patterns for decimal numbers within bounds, since a schema can bound no number in a text.

use core::time::Duration;

/// The digits after the point that a duration may have.
const FRACTION_DIGITS: usize = 9;

/// A whole number in quotes, also with a fraction of zeros.
pub(super) fn whole(min: u32, max: u32) -> String {
    format!(r"^\+?0*({})(\.0*)?$", between(min, max))
}

/// A number in quotes.
pub(super) fn number(min: u32, max: u32, above: bool) -> String {
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
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    let (first, last) = (seconds(min), seconds(max));
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
fn between_or_none(min: u32, max: u32) -> String {
    max.checked_sub(1).filter(|last| *last >= min).map_or("(?!)".into(), |last| between(min, last))
}

/// The whole numbers from `min` to `max`, without leading zeros.
fn between(min: u32, max: u32) -> String {
    let mut all = Vec::new();
    let mut first = min;
    while first <= max {
        let digits = first.to_string();
        let last = "9".repeat(digits.len()).parse().unwrap_or(u32::MAX).min(max);
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
        return format!("{low}({})", same_length(lower, upper));
    }
    let rest = lower.len();
    let mut all = vec![
        format!("{low}({})", same_length(lower, &"9".repeat(rest))),
        format!("{high}({})", same_length(&"0".repeat(rest), upper)),
    ];
    if high - low > 1 {
        all.push(format!("[{}-{}][0-9]{{{rest}}}", low + 1, high - 1));
    }
    format!("({})", all.join("|"))
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
    format!("({pattern})")
}

fn split(digits: &str) -> Option<(u32, &str)> {
    let digit = digits.chars().next()?.to_digit(10)?;
    digits.get(1..).map(|rest| (digit, rest))
}
