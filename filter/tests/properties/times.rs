//! Durations, dates and resets: any bytes are a wait or none.

use core::time::Duration;
use llm_breaker::call::announced;
use llm_breaker::category::Category;
use llm_breaker::dialect::{Dialect, announced_by_limits};
use proptest::prelude::*;
use std::time::SystemTime;

fn wall_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// What servers put into such headers, and worse.
fn header() -> impl Strategy<Value = Option<Vec<u8>>> {
    let text = prop_oneof![
        "[0-9]{0,40}(\\.[0-9]{0,9})?",
        "([0-9]{1,12}(ms|s|m|h|us|ns|µs)){0,5}",
        "[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}T[0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})?",
        "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    ];
    prop::option::of(prop_oneof![
        text.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..60),
    ])
}

proptest! {
    #[test]
    fn retry_after(milliseconds in header(), seconds in header()) {
        let wait = announced(milliseconds.as_deref(), seconds.as_deref(), wall_clock);
        prop_assert_ne!(wait, Some(Duration::ZERO));
    }

    #[test]
    fn limits_of_all_providers(values in prop::collection::vec(header(), 16)) {
        for dialect in Dialect::ALL {
            // Some value for each name, always the same one.
            let value = |name: &str| values.get(name.len() % values.len())?.as_deref();
            let limited = Category::RateLimited;
            let wait = announced_by_limits(dialect, limited, value, wall_clock);
            prop_assert_ne!(wait, Some(Duration::ZERO));
            let none = announced_by_limits(dialect, Category::ServerError, value, wall_clock);
            prop_assert_eq!(none, None);
        }
    }
}
