//! A call that is keyed more finely than by its cluster has two breakers: what does each of them
//! hear of its outcome?

use crate::category::Category;
use crate::outcome::{Bearing, Outcome};
use crate::policy::Policy;

/// Which of a call's breakers one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The only one.
    Sole,
    /// That of a part of the cluster's calls.
    Part,
    /// That of the whole cluster, beside a part's: it tells whether the provider can be reached and
    /// serves this account at all.
    Provider,
}

impl Level {
    /// The outcome as a breaker of this level records it: what concerns the whole provider goes to
    /// the provider's, and there any other answer shows that the provider works.
    #[must_use]
    pub fn hears(self, outcome: &Outcome, policy: &Policy) -> Outcome {
        let bearing = match (self, is_provider_wide(outcome.category, policy)) {
            (Self::Sole, _) | (Self::Part, false) | (Self::Provider, true) => Bearing::Direct,
            (Self::Provider, false) if outcome.answered => Bearing::Works,
            (Self::Part, true) | (Self::Provider, false) => Bearing::Nothing,
        };
        Outcome { bearing, ..*outcome }
    }
}

fn is_provider_wide(category: Category, policy: &Policy) -> bool {
    matches!(category, Category::ConnectionFailed | Category::QuotaExhausted)
        || policy.provider_wide.contains(&category)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(level: Level, category: Category, answered: bool) -> Bearing {
        let policy = Policy { provider_wide: vec![Category::Overloaded], ..Policy::default() };
        level.hears(&Outcome { answered, ..Outcome::of(category) }, &policy).bearing
    }

    #[test]
    fn each_level_hears_what_concerns_it() {
        use Bearing::{Direct, Nothing, Works};
        for (category, answered, part, provider) in [
            (Category::ConnectionFailed, false, Nothing, Direct),
            (Category::QuotaExhausted, true, Nothing, Direct),
            (Category::Overloaded, true, Nothing, Direct),
            (Category::RateLimited, true, Direct, Works),
            (Category::ServerError, true, Direct, Works),
            (Category::ClientError, true, Direct, Works),
            (Category::Success, true, Direct, Works),
            (Category::Timeout, false, Direct, Nothing),
            (Category::Timeout, true, Direct, Works),
            (Category::ConnectionReset, false, Direct, Nothing),
            (Category::Cancelled, false, Direct, Nothing),
            (Category::Local, false, Direct, Nothing),
        ] {
            assert_eq!(hears(Level::Part, category, answered), part, "{category:?}");
            assert_eq!(hears(Level::Provider, category, answered), provider, "{category:?}");
            assert_eq!(hears(Level::Sole, category, answered), Direct, "{category:?}");
        }
    }
}
