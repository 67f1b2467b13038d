//! What a cluster's owner may say about its breaker in the cluster's metadata: only to tighten it.
//!
//! The host reads each field by its own property path below
//! `xds.cluster_metadata.filter_metadata.llm_breaker`; here the bytes are judged. Nothing in them
//! can make a policy invalid or harm traffic: what is not accepted is ignored and reported.

use core::fmt;
use core::time::Duration;

use serde_json::Value;

use super::consistency::calls_held;
use super::errors::join;
use super::ranges;
use super::rules::{Rule, Whole, decimal};
use super::structs::finite;
use super::{duration, errors};
use crate::pairs;
use crate::policy::{Mode, Policy};

/// Names that a map may hold before the rest of it is not looked at.
const MAX_NAMES: usize = 100;

/// A field that metadata may set.
pub struct Field {
    /// Its names from the outside in, as in `["trip", "failure_rate"]`.
    pub path: &'static [&'static str],
    apply: fn(&mut Policy, &[u8]) -> Result<(), String>,
}

impl fmt::Debug for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Field").field(&self.path).finish()
    }
}

/// All fields that metadata may set. Their order is part of what is published in shared data: a new
/// field goes to the end, or the layout gets a new version.
pub const FIELDS: &[Field] = &[
    Field { path: &["mode"], apply: only_shadow },
    Field {
        path: &["trip", "consecutive_failures"],
        apply: |policy, raw| {
            // Set where it was absent, it must not exceed what the window can ever hold.
            let held = calls_held(&policy.window).unwrap_or(u32::MAX);
            let Whole { min, max } = ranges::CONSECUTIVE_FAILURES;
            let rule = Whole { min, max: max.min(held) };
            lower_optional(&mut policy.trip.consecutive_failures, &number(raw), &rule)
        },
    },
    Field {
        path: &["trip", "failure_rate"],
        apply: |policy, raw| {
            lower_optional(&mut policy.trip.failure_rate, &number(raw), &ranges::FAILURE_RATE)
        },
    },
    Field {
        path: &["trip", "slow_rate"],
        apply: |policy, raw| {
            lower_optional(&mut policy.trip.slow_rate, &number(raw), &ranges::SLOW_RATE)
        },
    },
    Field {
        path: &["trip", "minimum_calls"],
        apply: |policy, raw| {
            lower(&mut policy.trip.minimum_calls, &number(raw), &ranges::MINIMUM_CALLS)
        },
    },
    Field {
        path: &["trip", "open_on_announced"],
        apply: |policy, raw| {
            let announced = &mut policy.trip.open_on_announced;
            lower_optional(announced, &text(raw), &ranges::OPEN_ON_ANNOUNCED)
        },
    },
    Field {
        path: &["slow", "response_headers"],
        apply: |policy, raw| {
            let headers = &mut policy.slow.response_headers;
            lower_optional(headers, &text(raw), &ranges::SLOW_RESPONSE_HEADERS)
        },
    },
    Field {
        path: &["slow", "total"],
        apply: |policy, raw| {
            lower_optional(&mut policy.slow.total, &text(raw), &ranges::SLOW_TOTAL)
        },
    },
    Field {
        path: &["limits", "abandoned"],
        apply: |policy, raw| {
            lower_optional(&mut policy.limits.abandoned, &text(raw), &ranges::ABANDONED)
        },
    },
    Field {
        path: &["slow", "first_token"],
        apply: |policy, raw| {
            lower_optional(&mut policy.slow.first_token, &text(raw), &ranges::SLOW_FIRST_TOKEN)
        },
    },
    Field {
        path: &["slow", "gap"],
        apply: |policy, raw| lower_optional(&mut policy.slow.gap, &text(raw), &ranges::SLOW_GAP),
    },
    Field {
        path: &["limits", "first_token"],
        apply: |policy, raw| {
            lower_optional(&mut policy.limits.first_token, &text(raw), &ranges::LIMIT_FIRST_TOKEN)
        },
    },
    Field {
        path: &["limits", "gap"],
        apply: |policy, raw| lower_optional(&mut policy.limits.gap, &text(raw), &ranges::LIMIT_GAP),
    },
    Field {
        path: &["limits", "total"],
        apply: |policy, raw| {
            lower_optional(&mut policy.limits.total, &text(raw), &ranges::LIMIT_TOTAL)
        },
    },
    Field {
        path: &["limits", "abort"],
        apply: |policy, raw| only_true(&mut policy.limits.abort, raw),
    },
];

/// A field of the metadata that changes nothing; its `Display` is one short line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Which one, as in `trip.failure_rate`.
    pub path: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Ignored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.why)
    }
}

/// The policy with what the metadata tightens, and what of the metadata is ignored.
///
/// `read` answers the bytes of the property with these names below the filter's metadata: a
/// number as a little-endian f64 (or as its decimal text), a boolean as one byte (or as its word), a
/// string as itself; `None` if it is absent, no bytes if the host cannot tell it (as with `null`).
/// What restates the policy's own value is neither a change nor ignored.
pub fn tighten(
    policy: &Policy,
    mut read: impl FnMut(&[&str]) -> Option<Vec<u8>>,
) -> (Policy, Vec<Ignored>) {
    let mut tightened = policy.clone();
    let mut ignored = Vec::new();
    for field in FIELDS {
        let Some(raw) = read(field.path) else { continue };
        if let Err(why) = (field.apply)(&mut tightened, &raw) {
            ignored.push(Ignored { path: field.path.join("."), why });
        }
    }
    (tightened, ignored)
}

/// The names in a struct's bytes that mean nothing in this group of fields (`[]` the outermost, or
/// `["trip"]` …), as paths ready to be logged; 100 names of the map are looked at.
///
/// The bytes are proxy-wasm's encoding of a map ([`crate::pairs`]).
#[must_use]
pub fn unknown_names(group: &[&str], map: &[u8]) -> Vec<String> {
    let known = |name: &[u8]| {
        let mut names = FIELDS.iter().filter_map(|field| field.path.strip_prefix(group)?.first());
        names.any(|known| known.as_bytes() == name)
    };
    pairs::decode(map)
        .take(MAX_NAMES)
        .map(|(name, _)| name)
        .filter(|name| !known(name))
        .map(|name| join(&group.join("."), &String::from_utf8_lossy(name)))
        .collect()
}

/// A number, or `null`, which no rule accepts.
///
/// Envoy's YAML loader leaves `0.25` a string. No number that a field allows has eight bytes that
/// are also a decimal number's characters, so text is tried first.
fn number(raw: &[u8]) -> Value {
    if let Some(number) = core::str::from_utf8(raw).ok().and_then(decimal) {
        return finite(number).unwrap_or(Value::Null);
    }
    let number = <[u8; 8]>::try_from(raw).ok().map(f64::from_le_bytes);
    number.and_then(finite).unwrap_or(Value::Null)
}

fn text(raw: &[u8]) -> Value {
    core::str::from_utf8(raw).map_or(Value::Null, Value::from)
}

fn only_shadow(policy: &mut Policy, raw: &[u8]) -> Result<(), String> {
    let Some(mode) = ranges::MODE.read(&text(raw)) else {
        return Err("only \"shadow\" is accepted".into());
    };
    match (policy.mode, mode) {
        (Mode::Enforce | Mode::Disabled, Mode::Shadow) => policy.mode = mode,
        (configured, mode) if configured == mode => {}
        (Mode::ForcedOpen, Mode::Shadow) => {
            return Err("\"shadow\" is not accepted over the configured forced_open".into());
        }
        _ => return Err("only \"shadow\" is accepted".into()),
    }
    Ok(())
}

fn only_true(current: &mut bool, raw: &[u8]) -> Result<(), String> {
    match raw {
        [1] | b"true" => *current = true,
        [0] | b"false" if !*current => {}
        [0] | b"false" => return Err("false is not accepted over the configured true".into()),
        _ => return Err("only true is accepted".into()),
    }
    Ok(())
}

/// A value that an [`Ignored`] names as the document would.
trait Shown: PartialOrd {
    fn shown(&self) -> String;
}

impl Shown for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for f64 {
    fn shown(&self) -> String {
        super::json::write(&finite(*self).unwrap_or_default())
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        duration::show(*self)
    }
}

fn lower<R: Rule<Out: Shown>>(current: &mut R::Out, given: &Value, rule: &R) -> Result<(), String> {
    let read = read(given, rule)?;
    if read > *current {
        return Err(format!("{} is above the configured {}", read.shown(), current.shown()));
    }
    *current = read;
    Ok(())
}

/// As [`lower`], where an absent value is an infinite one.
fn lower_optional<R: Rule<Out: Shown>>(
    current: &mut Option<R::Out>,
    given: &Value,
    rule: &R,
) -> Result<(), String> {
    match current {
        Some(current) => lower(current, given, rule),
        None => {
            *current = Some(read(given, rule)?);
            Ok(())
        }
    }
}

fn read<R: Rule>(given: &Value, rule: &R) -> Result<R::Out, String> {
    rule.read(given).ok_or_else(|| {
        let allowed = rule.allowed();
        match given {
            Value::Null => format!("not of the right type; allowed: {allowed}"),
            given => format!("{} is wrong; allowed: {allowed}", errors::show(given)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Limits, WindowShape};

    fn tightened(policy: &Policy, fields: &[(&[&str], Vec<u8>)]) -> (Policy, Vec<String>) {
        let read = |path: &[&str]| {
            fields.iter().find(|(field, _)| *field == path).map(|(_, raw)| raw.clone())
        };
        let (policy, ignored) = tighten(policy, read);
        (policy, ignored.iter().map(ToString::to_string).collect())
    }

    fn number(value: f64) -> Vec<u8> {
        value.to_le_bytes().into()
    }

    #[test]
    fn without_metadata_a_policy_stays_as_it_is() {
        let policy = Policy::default();
        assert_eq!(tighten(&policy, |_| None), (policy, Vec::new()));
    }

    #[test]
    fn every_field_can_be_tightened() {
        let mut policy = Policy::default();
        policy.trip.slow_rate = Some(0.9);
        let fields: [(&[&str], _); 15] = [
            (&["mode"], b"shadow".to_vec()),
            (&["trip", "consecutive_failures"], number(3.0)),
            (&["trip", "failure_rate"], number(0.25)),
            (&["trip", "slow_rate"], number(0.5)),
            (&["trip", "minimum_calls"], number(4.0)),
            (&["trip", "open_on_announced"], b"5s".to_vec()),
            (&["slow", "response_headers"], b"1.5s".to_vec()),
            (&["slow", "total"], b"60s".to_vec()),
            (&["limits", "abandoned"], b"10s".to_vec()),
            (&["slow", "first_token"], b"0.001s".to_vec()),
            (&["slow", "gap"], b"3600s".to_vec()),
            (&["limits", "first_token"], b"119.9s".to_vec()),
            (&["limits", "gap"], b"0.1s".to_vec()),
            (&["limits", "total"], b"86400s".to_vec()),
            (&["limits", "abort"], vec![1]),
        ];
        // Their places are published: none may move.
        let places: Vec<_> = FIELDS.iter().map(|field| field.path).collect();
        assert_eq!(fields.each_ref().map(|(path, _)| *path), *places);
        let (tight, ignored) = tightened(&policy, &fields);
        assert_eq!(ignored, Vec::<String>::new());
        policy.mode = Mode::Shadow;
        policy.trip.consecutive_failures = Some(3);
        policy.trip.failure_rate = Some(0.25);
        policy.trip.slow_rate = Some(0.5);
        policy.trip.minimum_calls = 4;
        policy.trip.open_on_announced = Some(Duration::from_secs(5));
        policy.slow.response_headers = Some(Duration::from_millis(1500));
        policy.slow.total = Some(Duration::from_secs(60));
        policy.slow.first_token = Some(Duration::from_millis(1));
        policy.slow.gap = Some(Duration::from_secs(3600));
        policy.limits = Limits {
            first_token: Some(Duration::from_millis(119_900)),
            gap: Some(Duration::from_millis(100)),
            total: Some(Duration::from_secs(86_400)),
            abandoned: Some(Duration::from_secs(10)),
            abort: true,
        };
        assert_eq!(tight, policy);
    }

    #[test]
    fn abort_can_be_switched_on_and_not_off() {
        for (configured, raw, expected, warned) in [
            (false, &[1][..], true, ""),
            (false, b"true", true, ""),
            (true, &[1], true, ""),
            (false, &[0], false, ""),
            (false, b"false", false, ""),
            (true, &[0], true, "limits.abort: false is not accepted over the configured true"),
            (true, b"false", true, "limits.abort: false is not accepted over the configured true"),
            (false, b"", false, "limits.abort: only true is accepted"),
            (false, b"yes", false, "limits.abort: only true is accepted"),
            (true, &[2], true, "limits.abort: only true is accepted"),
            (false, &1_f64.to_le_bytes(), false, "limits.abort: only true is accepted"),
        ] {
            let mut policy = Policy::default();
            policy.limits.abort = configured;
            let (policy, ignored) = tightened(&policy, &[(&["limits", "abort"], raw.to_vec())]);
            assert_eq!(policy.limits.abort, expected, "{raw:?} over {configured}");
            assert_eq!(ignored.concat(), warned, "{raw:?} over {configured}");
        }
    }

    #[test]
    fn a_number_may_be_its_decimal_text_of_any_length() {
        for text in ["0.25", "0.250000", "2.5e-1"] {
            let fields = [(&["trip", "failure_rate"][..], text.into())];
            let (tight, ignored) = tightened(&Policy::default(), &fields);
            assert_eq!(tight.trip.failure_rate, Some(0.25), "{text}");
            assert!(ignored.is_empty(), "{ignored:?}");
        }
    }

    #[test]
    fn loosening_is_ignored_and_reported() {
        let policy = Policy::default();
        let (same, ignored) = tightened(
            &policy,
            &[
                (&["trip", "consecutive_failures"], number(6.0)),
                (&["trip", "failure_rate"], number(0.75)),
                (&["limits", "abandoned"], b"31s".to_vec()),
                (&["limits", "first_token"], b"120.5s".to_vec()),
            ],
        );
        assert_eq!(same, policy);
        assert_eq!(
            ignored,
            [
                "trip.consecutive_failures: 6 is above the configured 5",
                "trip.failure_rate: 0.75 is above the configured 0.5",
                "limits.abandoned: 31s is above the configured 30s",
                "limits.first_token: 120.5s is above the configured 120s",
            ]
        );
    }

    #[test]
    fn restating_the_policys_own_value_is_no_reason_to_warn() {
        let policy = Policy::default();
        let fields: [(&[&str], _); 2] =
            [(&["mode"], b"enforce".to_vec()), (&["trip", "failure_rate"], number(0.5))];
        assert_eq!(tightened(&policy, &fields), (policy, Vec::new()));
    }

    #[test]
    fn what_is_no_value_of_the_field_is_ignored_and_reported() {
        let policy = Policy::default();
        for (path, raw) in [
            (&["trip", "failure_rate"][..], number(0.0)),
            (&["trip", "failure_rate"], number(f64::NAN)),
            (&["trip", "failure_rate"], number(-0.1)),
            (&["trip", "failure_rate"], b"1/10".to_vec()),
            (&["trip", "failure_rate"], Vec::new()),
            (&["trip", "consecutive_failures"], number(1.5)),
            (&["trip", "consecutive_failures"], vec![1]),
            (&["trip", "minimum_calls"], number(0.0)),
            (&["slow", "total"], number(5.0)),
            (&["slow", "total"], b"5".to_vec()),
            (&["slow", "total"], vec![0xFF, b's']),
            (&["slow", "gap"], b"0.0009s".to_vec()),
            (&["limits", "gap"], b"0.09s".to_vec()),
            (&["limits", "total"], b"86401s".to_vec()),
            (&["mode"], b"disabled".to_vec()),
            (&["mode"], b"SHADOW".to_vec()),
            (&["mode"], vec![0xFF]),
        ] {
            let (same, ignored) = tightened(&policy, &[(path, raw.clone())]);
            assert_eq!(same, policy, "{path:?} {raw:?}");
            assert_eq!(ignored.len(), 1, "{path:?} {raw:?}");
            assert!(ignored[0].starts_with(&format!("{}: ", path.join("."))), "{ignored:?}");
        }
    }

    #[test]
    fn shadow_is_accepted_over_enforce_and_disabled_only() {
        for (configured, given, expected, warned) in [
            (Mode::Enforce, "shadow", Mode::Shadow, false),
            (Mode::Disabled, "shadow", Mode::Shadow, false),
            (Mode::Shadow, "shadow", Mode::Shadow, false),
            (Mode::ForcedOpen, "shadow", Mode::ForcedOpen, true),
            (Mode::Shadow, "enforce", Mode::Shadow, true),
            (Mode::Disabled, "enforce", Mode::Disabled, true),
            (Mode::Enforce, "forced_open", Mode::Enforce, true),
        ] {
            let policy = Policy { mode: configured, ..Policy::default() };
            let (policy, ignored) = tightened(&policy, &[(&["mode"], given.into())]);
            assert_eq!(policy.mode, expected, "{given} over {configured:?}");
            assert_eq!(ignored.len(), usize::from(warned), "{given} over {configured:?}");
        }
    }

    #[test]
    fn a_threshold_never_exceeds_what_the_window_holds() {
        let window = WindowShape::Count { calls: 10, max_age: Duration::from_secs(60) };
        let mut policy = Policy { window, ..Policy::default() };
        policy.trip.consecutive_failures = None;
        let fields = |failures| [(&["trip", "consecutive_failures"][..], number(failures))];
        let (same, ignored) = tightened(&policy, &fields(11.0));
        assert_eq!(same, policy);
        assert_eq!(
            ignored,
            ["trip.consecutive_failures: 11 is wrong; allowed: a whole number from 1 to 10"]
        );
        let (tight, _) = tightened(&policy, &fields(10.0));
        assert_eq!(tight.trip.consecutive_failures, Some(10));
    }

    fn map(names: &[&str]) -> Vec<u8> {
        let le = |size: usize| (size as u32).to_le_bytes();
        let sizes = names.iter().flat_map(|name| [le(name.len()), le(3)].concat());
        let pairs = names.iter().flat_map(|name| [name.as_bytes(), b"\0abc\0"].concat());
        le(names.len()).into_iter().chain(sizes).chain(pairs).collect()
    }

    #[test]
    fn names_that_mean_nothing_are_listed_by_path() {
        let fallbacks =
            ["fallback", "on_failure", "hold_max", "append_stream_error", "debug_headers"];
        assert_eq!(
            unknown_names(&[], &map(&fallbacks)),
            fallbacks,
            "theirs is the platform's word"
        );
        let top = map(&["mode", "open", "trip", "slow", "limits", "a\nb"]);
        assert_eq!(unknown_names(&[], &top), ["open", r#""a\nb""#]);
        assert_eq!(
            unknown_names(&["trip"], &map(&["failure_rate", "mode"])),
            ["trip.mode"],
            "what is known outside is not known inside"
        );
        assert_eq!(unknown_names(&["slow"], &map(&["total"])), Vec::<String>::new());
        assert_eq!(unknown_names(&[], &map(&[])), Vec::<String>::new());
        let many = vec!["x"; 1000];
        assert_eq!(unknown_names(&[], &map(&many)).len(), MAX_NAMES);
    }

    #[test]
    fn no_damage_to_a_map_is_a_panic() {
        let whole = map(&["one", "two", "three"]);
        for end in 0..whole.len() {
            let found = unknown_names(&[], &whole[..end]);
            assert!(found.iter().zip(["one", "two", "three"]).all(|(a, b)| a == b), "{found:?}");
        }
        for at in 0..28 {
            for byte in [0, 1, 0x7F, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                assert!(unknown_names(&[], &damaged).len() <= MAX_NAMES);
            }
        }
    }
}
