//! How long a test waits for what must happen before it gives up and says what it waited for.

use std::future::Future;
use std::time::Duration;

/// Far longer than anything here takes, so that a busy machine fails no test.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The time between two looks at something that can only be polled, such as Envoy's admin port.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits for `event`.
///
/// # Panics
/// After [`PATIENCE`], naming `what` did not happen.
pub async fn patiently<T>(what: &str, event: impl Future<Output = T>) -> T {
    let patient = tokio::time::timeout(PATIENCE, event).await;
    patient.unwrap_or_else(|_| panic!("waited {} s in vain for {what}", PATIENCE.as_secs()))
}
