//! Which policies are not worse than another in every way?

use super::price::Prices;
use super::search::Tried;

/// How many are shown at most.
const SHOWN: usize = 8;

/// Those to which none is better both in good calls blocked and in what failures cost, from the most
/// careful on; thinned out evenly where there are many.
pub(super) fn front(tried: &[Tried], prices: &Prices) -> Vec<Tried> {
    let mut sorted: Vec<&Tried> = tried.iter().collect();
    let key = |it: &Tried| {
        let bill = it.bills.searched();
        (bill.blocked_good, bill.cost_of_failures(prices))
    };
    sorted.sort_by(|one, other| {
        let (one, other) = (key(one), key(other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    let mut best = f64::INFINITY;
    sorted.retain(|it| {
        let (_, failures) = key(it);
        let is_better = failures < best - 1e-9;
        best = best.min(failures);
        is_better
    });
    let last = sorted.len().saturating_sub(1);
    let shown = last.min(SHOWN - 1);
    let places = (0..=shown).map(|at| at * last / shown.max(1));
    places.filter_map(|at| sorted.get(at)).map(|it| (*it).clone()).collect()
}
