//! Why did a breaker open? In words.

use super::figures::percent;
use crate::breaker::Cause;

/// The words.
pub(super) fn cause(cause: &Cause) -> String {
    let measured = cause.measured().unwrap_or_default();
    let limit =
        |rate: Option<f64>| rate.map(|it| format!(" (limit {})", percent(it))).unwrap_or_default();
    match cause.name() {
        "consecutive_failures" => format!("{measured} failures in a row"),
        "failure_rate" => {
            format!("{} of calls failed{}", percent(measured), limit(cause.threshold()))
        }
        "slow_rate" => {
            format!("{} of calls were slow{}", percent(measured), limit(cause.threshold()))
        }
        "verdict" => "one call was enough".into(),
        "announced_reset" => "the provider announced a wait".into(),
        other => other.replace('_', " "),
    }
}
