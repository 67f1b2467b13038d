//! What does one line say? The fields of a JSON object, by the names that the access logs of `envoy/`
//! give them.

use crate::replay::log::skipped::{Fault, Reason};
use core::fmt;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::time::UNIX_EPOCH;

/// Collectors write a time and a stream's name in front of a line; an object begins no later.
const MAX_PREFIX: usize = 256;

/// From this number on, a time is in milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;

/// One line of an access log.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'l> {
    /// When the request began.
    pub(super) time: Option<Time>,
    #[serde(borrow)]
    pub(super) node: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) request_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) cluster: Option<Cow<'l, str>>,
    /// Not in the shipped format, but welcome.
    #[serde(borrow)]
    pub(super) model: Option<Cow<'l, str>>,
    pub(super) status: Option<Number>,
    #[serde(borrow)]
    pub(super) flags: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) details: Option<Cow<'l, str>>,
    pub(super) response_ms: Option<Number>,
    pub(super) first_token_ms: Option<Number>,
    pub(super) duration_ms: Option<Number>,
    /// `None` where there is no such field: a log without the filter.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) llm_breaker: Option<Option<Record<'l>>>,
}

/// What the filter left of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'l> {
    #[serde(borrow)]
    pub(super) admission: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) key: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) model: Option<Cow<'l, str>>,
    pub(super) epoch: Option<Decimal>,
    pub(super) policy: Option<Hexadecimal>,
    pub(super) provider: Option<Provider>,
    #[serde(borrow)]
    pub(super) rerouted: Option<Way<'l>>,
    pub(super) misrouted: bool,
    pub(super) admitted_ns: Option<Number>,
    pub(super) judged_early_ns: Option<Number>,
    pub(super) decided_ns: Option<Number>,
    #[serde(borrow)]
    pub(super) category: Option<Cow<'l, str>>,
    pub(super) slow: bool,
    #[serde(borrow)]
    pub(super) ended_by: Option<Cow<'l, str>>,
    pub(super) announced_ms: Option<Number>,
    pub(super) first_token_ms: Option<Number>,
}

/// What the breakers of a target said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Way<'l> {
    #[serde(borrow)]
    pub(super) key: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) model: Option<Cow<'l, str>>,
    pub(super) epoch: Option<Decimal>,
    pub(super) policy: Option<Hexadecimal>,
    pub(super) provider: Option<Provider>,
}

/// What the cluster's own breaker said, beside the part's.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Provider {
    pub(super) epoch: Option<Decimal>,
}

/// A number, or a text that is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub(super) f64);

/// A point in time: as RFC 3339 has it, or as seconds or milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) unix_ns: u64,
}

/// A whole number as a text in decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal(pub(super) u64);

/// The same in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hexadecimal(pub(super) u64);

impl<'l> Line<'l> {
    /// The line that these bytes are, with what a collector wrote in front of it.
    pub(super) fn parse(bytes: &'l [u8]) -> Result<Self, Fault> {
        serde_json::from_slice(object_in(bytes)?).map_err(|error| fault_of(&error))
    }
}

/// What a parser complains of. Its words about a value may repeat it, and with it whatever a line holds
/// by mistake: of those only the place is told.
pub(super) fn fault_of(error: &serde_json::Error) -> Fault {
    if error.is_data() {
        return Fault::new(Reason::Malformed, format!("column {}", error.column()));
    }
    Fault::new(Reason::NotJson, error.to_string().replace(" at line 1", ""))
}

/// A field that is there, though it may be `null`.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The object that a line ends with.
pub(super) fn object_in(bytes: &[u8]) -> Result<&[u8], Fault> {
    let begin = bytes.iter().take(MAX_PREFIX).position(|byte| *byte == b'{');
    let object = begin.and_then(|begin| bytes.get(begin..));
    object.ok_or_else(|| Fault::from(Reason::NotJson))
}

/// What is read as a number or as a text.
trait Scalar: Sized {
    const EXPECTED: &'static str;

    fn of_number(number: f64) -> Option<Self>;

    fn of_text(text: &str) -> Option<Self>;
}

impl Scalar for Number {
    const EXPECTED: &'static str = "a number from 0 on";

    fn of_number(number: f64) -> Option<Self> {
        (number.is_finite() && number >= 0.0).then_some(Self(number))
    }

    fn of_text(text: &str) -> Option<Self> {
        Self::of_number(text.parse().ok()?)
    }
}

impl Scalar for Time {
    const EXPECTED: &'static str = "a time as RFC 3339 has it, in UTC";

    fn of_number(number: f64) -> Option<Self> {
        let seconds = if number < MILLISECONDS_FROM { number } else { number / 1e3 };
        let Number(seconds) = Number::of_number(seconds)?;
        Some(Self { unix_ns: (seconds * 1e9) as u64 })
    }

    fn of_text(text: &str) -> Option<Self> {
        let time = humantime::parse_rfc3339_weak(text).ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        Some(Self { unix_ns: u64::try_from(since.as_nanos()).ok()? })
    }
}

impl Scalar for Decimal {
    const EXPECTED: &'static str = "a whole number in decimals";

    fn of_number(number: f64) -> Option<Self> {
        Number::of_number(number).map(|Number(number)| Self(number as u64))
    }

    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl Scalar for Hexadecimal {
    const EXPECTED: &'static str = "hexadecimal digits";

    fn of_number(_: f64) -> Option<Self> {
        None
    }

    fn of_text(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

struct Scalars<S>(core::marker::PhantomData<S>);

impl<S: Scalar> Visitor<'_> for Scalars<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(S::EXPECTED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<S, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<S, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<S, E> {
        S::of_number(number).ok_or_else(|| E::custom(format_args!("expected {}", S::EXPECTED)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<S, E> {
        S::of_text(text).ok_or_else(|| E::custom(format_args!("expected {}", S::EXPECTED)))
    }
}

macro_rules! read_as_scalar {
    ($($kind:ty),+) => {$(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Scalars(core::marker::PhantomData::<Self>))
            }
        }
    )+};
}

read_as_scalar!(Number, Time, Decimal, Hexadecimal);
