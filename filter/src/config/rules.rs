//! What a single value may be: reading it, writing it, saying and describing what would be right are
//! one rule.

use core::time::Duration;

use serde_json::Value;

use super::duration;
use super::form::Form;
use super::json;
use super::structs::finite;
use crate::category::Category;
use crate::policy::Reason;

/// Reads one kind of value.
pub(super) trait Rule {
    /// What is read.
    type Out;

    /// The value, if it is allowed.
    fn read(&self, value: &Value) -> Option<Self::Out>;

    /// What is allowed, in words that complete "allowed: …".
    fn allowed(&self) -> String;

    /// What is allowed, as data.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "only tools describe documents"))]
    fn form(&self) -> Form;

    /// The value as a document has it.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "only tools write documents"))]
    fn show(&self, out: &Self::Out) -> Value;
}

/// A number, also one in quotes: Envoy's YAML loader makes a number in a Struct only of what fits
/// an i32 and leaves `0.5` a string.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| decimal(value.as_str()?))
}

/// A decimal number as YAML has it: JSON's, but a sign, zeros and a point may stand where they say
/// nothing. Read by the reader of JSON, so that a number is the same with quotes as without, and the
/// module has no tables for a second one.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let end = number.find(['e', 'E']).unwrap_or(number.len());
    let (digits, exponent) = number.split_at_checked(end)?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_plain = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    // The reader of JSON would take blanks behind it.
    let is_exponent = |it: u8| it.is_ascii_digit() || matches!(it, b'e' | b'E' | b'+' | b'-');
    if whole.len() + fraction.len() == 0
        || !is_plain(whole)
        || !is_plain(fraction)
        || !exponent.bytes().all(is_exponent)
    {
        return None;
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let text = format!("{sign}{whole}{point}{fraction}{exponent}");
    json::read(text.as_bytes()).ok()?.as_f64()
}

/// A whole number; `5.0` is one too, as a Struct knows no other numbers.
pub(super) struct Whole {
    pub(super) min: u32,
    pub(super) max: u32,
}

impl Rule for Whole {
    type Out = u32;

    fn read(&self, value: &Value) -> Option<u32> {
        let number = number(value)?;
        let allowed = f64::from(self.min)..=f64::from(self.max);
        // The cast is exact: a whole number between two of type u32.
        (number.fract() == 0.0 && allowed.contains(&number)).then_some(number as u32)
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }

    fn form(&self) -> Form {
        Form::Whole { min: self.min.into(), max: self.max.into() }
    }

    fn show(&self, out: &u32) -> Value {
        (*out).into()
    }
}

/// A whole number that an f64, and so a Struct, holds exactly.
pub(super) struct Exact;

impl Exact {
    const MAX: u64 = (1 << 53) - 1;
}

impl Rule for Exact {
    type Out = u64;

    fn read(&self, value: &Value) -> Option<u64> {
        let number = number(value)?;
        let allowed = 0.0..=Self::MAX as f64;
        // The cast is exact: a whole number that an f64 holds.
        (number.fract() == 0.0 && allowed.contains(&number)).then_some(number as u64)
    }

    fn allowed(&self) -> String {
        format!("a whole number from 0 to {}", Self::MAX)
    }

    fn form(&self) -> Form {
        Form::Whole { min: 0, max: Self::MAX }
    }

    fn show(&self, out: &u64) -> Value {
        (*out).into()
    }
}

/// A number within bounds.
pub(super) struct Number {
    pub(super) min: u32,
    pub(super) max: u32,
}

impl Rule for Number {
    type Out = f64;

    fn read(&self, value: &Value) -> Option<f64> {
        let allowed = f64::from(self.min)..=f64::from(self.max);
        number(value).filter(|number| allowed.contains(number))
    }

    fn allowed(&self) -> String {
        format!("a number from {} to {}", self.min, self.max)
    }

    fn form(&self) -> Form {
        Form::Number { min: self.min, max: self.max, above: false }
    }

    fn show(&self, out: &f64) -> Value {
        finite(*out).unwrap_or_default()
    }
}

/// A share that means something: zero would be reached by nothing at all.
pub(super) struct Rate;

impl Rule for Rate {
    type Out = f64;

    fn read(&self, value: &Value) -> Option<f64> {
        number(value).filter(|rate| *rate > 0.0 && *rate <= 1.0)
    }

    fn allowed(&self) -> String {
        "a number above 0 and up to 1".into()
    }

    fn form(&self) -> Form {
        Form::Number { min: 0, max: 1, above: true }
    }

    fn show(&self, out: &f64) -> Value {
        finite(*out).unwrap_or_default()
    }
}

/// A duration within bounds.
pub(super) struct Span {
    pub(super) min: Duration,
    pub(super) max: Duration,
}

impl Rule for Span {
    type Out = Duration;

    fn read(&self, value: &Value) -> Option<Duration> {
        let span = duration::parse(value.as_str()?)?;
        (self.min..=self.max).contains(&span).then_some(span)
    }

    fn allowed(&self) -> String {
        let (min, max) = (duration::show(self.min), duration::show(self.max));
        format!("a duration such as \"30s\" or \"0.5s\", {min} to {max}")
    }

    fn form(&self) -> Form {
        Form::Span { min: self.min, max: self.max }
    }

    fn show(&self, out: &Duration) -> Value {
        duration::show(*out).into()
    }
}

/// Yes or no; as a word in quotes it is more likely a mistake, such as `"no"`.
pub(super) struct Flag;

impl Rule for Flag {
    type Out = bool;

    fn read(&self, value: &Value) -> Option<bool> {
        value.as_bool()
    }

    fn allowed(&self) -> String {
        "true or false".into()
    }

    fn form(&self) -> Form {
        Form::Flag
    }

    fn show(&self, out: &bool) -> Value {
        (*out).into()
    }
}

/// One of some words.
pub(super) struct OneOf<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Rule for OneOf<T> {
    type Out = T;

    fn read(&self, value: &Value) -> Option<T> {
        let word = value.as_str()?;
        self.0.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning)
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    }

    fn form(&self) -> Form {
        Form::Words(self.0.iter().map(|(name, _)| *name).collect())
    }

    fn show(&self, out: &T) -> Value {
        self.0.iter().find(|(_, meaning)| meaning == out).map(|(name, _)| *name).into()
    }
}

/// A category, but for some that make no sense here.
pub(super) struct AnyBut(pub(super) &'static [Category]);

impl AnyBut {
    fn all(&self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(|category| !self.0.contains(category))
    }
}

impl Rule for AnyBut {
    type Out = Category;

    fn read(&self, value: &Value) -> Option<Category> {
        let name = value.as_str()?;
        self.all().find(|category| category.name() == name)
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = self.all().map(Category::name).collect();
        format!("one of {}", names.join(", "))
    }

    fn form(&self) -> Form {
        Form::Words(self.all().map(Category::name).collect())
    }

    fn show(&self, out: &Category) -> Value {
        out.name().into()
    }
}

/// Why a call gets a fallback: a category, but for some that make no sense here, or the mode.
pub(super) struct ReasonBut(pub(super) &'static [Category]);

impl ReasonBut {
    const FORCED_OPEN: &str = "forced_open";
}

impl Rule for ReasonBut {
    type Out = Reason;

    fn read(&self, value: &Value) -> Option<Reason> {
        if value == Self::FORCED_OPEN {
            return Some(Reason::ForcedOpen);
        }
        AnyBut(self.0).read(value).map(Reason::Category)
    }

    fn allowed(&self) -> String {
        format!("{}, {}", AnyBut(self.0).allowed(), Self::FORCED_OPEN)
    }

    fn form(&self) -> Form {
        let categories = AnyBut(self.0);
        let names = categories.all().map(Category::name);
        Form::Words(names.chain([Self::FORCED_OPEN]).collect())
    }

    fn show(&self, out: &Reason) -> Value {
        match out {
            Reason::Category(category) => category.name().into(),
            Reason::ForcedOpen => Self::FORCED_OPEN.into(),
        }
    }
}

/// The number of entries of a list.
pub(super) struct Entries {
    pub(super) min: usize,
    pub(super) max: usize,
    /// What they are.
    pub(super) of: &'static str,
}

impl Entries {
    /// The list, if it is one of a length that is allowed.
    pub(super) fn read<'a>(&self, value: &'a Value) -> Option<&'a [Value]> {
        value
            .as_array()
            .map(Vec::as_slice)
            .filter(|list| (self.min..=self.max).contains(&list.len()))
    }

    /// What is allowed, in words that complete "allowed: …".
    pub(super) fn allowed(&self) -> String {
        format!("a list of {} to {} {}", self.min, self.max, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_belong_to_what_is_allowed() {
        let whole = Whole { min: 1, max: 10 };
        for (value, expected) in [
            (json!(1), Some(1)),
            (json!(10), Some(10)),
            (json!(5.0), Some(5)),
            (json!(0), None),
            (json!(11), None),
            (json!(1.5), None),
            (json!(-1), None),
            (json!(u64::MAX), None),
            (json!("5"), Some(5)),
            (json!("5s"), None),
            (json!(""), None),
            (json!([5]), None),
            (json!(true), None),
        ] {
            assert_eq!(whole.read(&value), expected, "{value}");
        }
        let number = Number { min: 1, max: 10 };
        assert_eq!(number.read(&json!(1)), Some(1.0));
        assert_eq!(number.read(&json!(10)), Some(10.0));
        assert_eq!(number.read(&json!(0.999)), None);
        assert_eq!(number.read(&json!(10.001)), None);
        let span = Span { min: Duration::from_millis(100), max: Duration::from_secs(2) };
        assert_eq!(span.read(&json!("0.1s")), Some(Duration::from_millis(100)));
        assert_eq!(span.read(&json!("2s")), Some(Duration::from_secs(2)));
        assert_eq!(span.read(&json!("0.099999999s")), None);
        assert_eq!(span.read(&json!("2.000000001s")), None);
        assert_eq!(span.read(&json!(1)), None);
        assert_eq!(span.allowed(), "a duration such as \"30s\" or \"0.5s\", 0.1s to 2s");
    }

    #[test]
    fn an_exact_number_is_whole_and_no_greater_than_an_f64_tells_apart() {
        for (value, expected) in [
            (json!(0), Some(0)),
            (json!("3"), Some(3)),
            (json!(9_007_199_254_740_991_u64), Some(Exact::MAX)),
            (json!("9007199254740991"), Some(Exact::MAX)),
            (json!(9_007_199_254_740_992_u64), None),
            (json!(u64::MAX), None),
            (json!(1.5), None),
            (json!(-1), None),
            (json!(false), None),
        ] {
            assert_eq!(Exact.read(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_flag_is_a_boolean_and_nothing_that_looks_like_one() {
        assert_eq!(Flag.read(&json!(true)), Some(true));
        assert_eq!(Flag.read(&json!(false)), Some(false));
        for value in [json!("true"), json!("no"), json!(1), json!(0), json!([true])] {
            assert_eq!(Flag.read(&value), None, "{value}");
        }
    }

    #[test]
    fn a_rate_is_above_zero_and_at_most_one() {
        assert_eq!(Rate.read(&json!(0)), None);
        assert_eq!(Rate.read(&json!(0.0001)), Some(0.0001));
        assert_eq!(Rate.read(&json!(1)), Some(1.0));
        assert_eq!(Rate.read(&json!(1.0001)), None);
        for text in ["0.5", "+0.5", ".5", "00.50", "5e-1", "0.05E+1"] {
            assert_eq!(Rate.read(&json!(text)), Some(0.5), "{text}");
        }
        for text in
            ["", ".", "inf", "nan", "1e400", "0.5s", " 0.5", "50%", "0,5", "--1", "+-1", "e-1"]
        {
            assert_eq!(Rate.read(&json!(text)), None, "{text:?}");
        }
    }
}
