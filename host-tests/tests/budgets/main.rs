//! What does a request cost? The instructions of the compiled module and its host calls, which are
//! the same numbers on every machine, against the budgets that are committed in `budgets.json`.
//!
//! A change that makes a path dearer fails here and says what grew, and by how much. One that is
//! worth its price, or makes a path cheaper, moves the budgets: `make bench-check BUDGETS=update`.
//! How large the modules are has budgets of its own, in `size.json`, and what others may do to the VM that
//! speaks for a proxy in `callbacks.json`.

mod budget;
mod callbacks;
mod paths;
mod size;
#[path = "../filter/fleet/store.rs"]
#[allow(dead_code, reason = "part of what it can do is needed here")]
mod store;

use budget::{Budgets, Cost};
use llm_breaker_host_tests::host::path_of;
use paths::PATHS;
use size::Size;

#[test]
fn no_path_of_a_request_grew_dearer() {
    let measured: Vec<(&str, Cost)> = PATHS.iter().map(|path| (path.name, path.cost())).collect();
    budget::print(&measured);
    if budgets_move() {
        return Budgets::of(&measured).store();
    }
    let grown = Budgets::load().exceeded_by(&measured);
    assert!(grown.is_empty(), "dearer than budgeted:\n{}", grown.join("\n"));
}

#[test]
fn the_modules_did_not_grow() {
    for name in ["llm_breaker", "llm_breaker_fleet"] {
        let size = Size::of(&std::fs::read(path_of(name)).expect("it was built"));
        println!("{name}: {size:?}");
        if budgets_move() {
            size.store(name);
            continue;
        }
        if let Some(grown) = size.beyond(&Size::budgeted(name)) {
            panic!(
                "{name}: {grown}; docs/performance.md tells what the modules are made of. What is \
                 worth its room moves the budget: make bench-check BUDGETS=update"
            );
        }
    }
}

#[test]
fn a_module_that_grew_by_a_twentieth_is_noticed() {
    let budget = Size { module: 1_000, code: 800, data: 150, functions: 20 };
    let grown = |by: u64| Size { module: 1_000 + by, code: 800 + by, ..budget }.beyond(&budget);
    assert_eq!(grown(10), None, "within the tolerance");
    let said = grown(50).expect("beyond it");
    assert!(said.contains("+5.0 %") && said.contains("850 (+50)"), "{said}");
}

fn budgets_move() -> bool {
    std::env::var("BUDGETS").is_ok_and(|wish| wish == "update")
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
