//! Which of it must hold of the defaults?

use crate::campaign::Campaign;
use crate::incidents::{KINDS, What};
use crate::measure::Cost;
use crate::profiles::PROFILES;

/// Good calls that are held back while nothing is wrong: less than this share.
pub const GOOD_BLOCKED: f64 = 0.01;
/// Hours with a trip while nothing is wrong: less than this share.
pub const HOURS_WITH_A_TRIP: f64 = 0.01;

/// Our breaker comes first.
const OURS: usize = 0;

/// Whether each incident that can be told must be.
#[must_use]
pub fn must_be_told(what: What) -> bool {
    matches!(what, What::Quota | What::Hangs | What::HangsUnseen) || what == What::Fails(1.0)
}

/// Everything that does not hold.
#[must_use]
pub fn slips(campaign: &Campaign) -> Vec<String> {
    let mut slips = Vec::new();
    for (profile, by_subject) in PROFILES.iter().zip(&campaign.healthy) {
        let healthy = by_subject[OURS];
        let (blocked, hours) = (healthy.share_blocked(), healthy.share_of_hours());
        if blocked >= GOOD_BLOCKED {
            slips.push(format!(
                "{}: {:.2} % of the good calls held back",
                profile.name,
                100.0 * blocked
            ));
        }
        if hours >= HOURS_WITH_A_TRIP {
            slips.push(format!("{}: a trip in {:.2} % of the hours", profile.name, 100.0 * hours));
        }
    }
    for (kind, incidents) in KINDS.iter().zip(&campaign.incidents) {
        if !must_be_told(kind.what.is) {
            continue;
        }
        let can_be_told = incidents.iter().filter(|costs| costs[OURS].can_be_told).count();
        if 2 * can_be_told < incidents.len() {
            slips.push(format!("{}: only {can_be_told} incidents can be told", kind.name));
        }
        let missed =
            |costs: &&Vec<Cost>| costs[OURS].can_be_told && costs[OURS].detected_after.is_none();
        let missed = incidents.iter().filter(missed).count();
        if missed > 0 {
            slips.push(format!("{}: {missed} incidents were not told", kind.name));
        }
    }
    slips
}
