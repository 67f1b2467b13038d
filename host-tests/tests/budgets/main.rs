//! What does a request cost? The instructions of the compiled module and its host calls, which are
//! the same numbers on every machine, against the budgets that are committed in `budgets.json`.
//!
//! A change that makes a path dearer fails here and says what grew, and by how much. One that is
//! worth its price, or makes a path cheaper, moves the budgets: `make bench-check BUDGETS=update`.

mod budget;
mod paths;

use budget::{Budgets, Cost};
use paths::PATHS;

#[test]
fn no_path_of_a_request_grew_dearer() {
    let measured: Vec<(&str, Cost)> = PATHS.iter().map(|path| (path.name, path.cost())).collect();
    budget::print(&measured);
    if std::env::var("BUDGETS").is_ok_and(|wish| wish == "update") {
        return Budgets::of(&measured).store();
    }
    let grown = Budgets::load().exceeded_by(&measured);
    assert!(grown.is_empty(), "dearer than budgeted:\n{}", grown.join("\n"));
}

#[test]
fn a_hot_path_that_is_30_percent_dearer_is_noticed() {
    let cost = Cost { instructions: 1_000.0, host_calls: 10.0, ..Cost::default() };
    let budgets = Budgets::of(&[("path", cost.clone())]);
    let dearer = |instructions| {
        let cost = Cost { instructions, ..cost.clone() };
        budgets.exceeded_by(&[("path", cost)])
    };
    assert!(dearer(1_040.0).is_empty(), "within the tolerance");
    assert!(dearer(1_300.0)[0].contains("30 %"), "{:?}", dearer(1_300.0));
    let chatty = Cost { host_calls: 11.0, ..cost.clone() };
    assert_eq!(budgets.exceeded_by(&[("path", chatty)]).len(), 1, "one host call more");
    assert_eq!(budgets.exceeded_by(&[("new", cost.clone())]).len(), 1, "a path without a budget");
}
