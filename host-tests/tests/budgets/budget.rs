//! What may a path cost, and does it cost more?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Instructions may grow by that much before it counts: a compiler orders them a little otherwise
/// when code near them changes. Host calls may not grow at all.
const TOLERANCE: f64 = 0.05;

/// What one request, or one event of a stream, costs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    /// Instructions of the module, those of its allocator included.
    pub(crate) instructions: f64,
    /// Calls into the host, memory allocations for their answers not counted.
    pub(crate) host_calls: f64,
    /// What of the instructions each callback executed.
    pub(crate) callbacks: BTreeMap<String, f64>,
    /// Which host calls.
    pub(crate) calls: BTreeMap<&'static str, f64>,
}

/// The budgets of all paths.
#[derive(Debug)]
pub(crate) struct Budgets(BTreeMap<String, Budget>);

#[derive(Debug)]
struct Budget {
    instructions: f64,
    host_calls: f64,
}

impl Budgets {
    /// As much as is measured now.
    pub(crate) fn of(measured: &[(&str, Cost)]) -> Self {
        let budget = |(name, cost): &(&str, Cost)| {
            let (instructions, host_calls) = (cost.instructions, cost.host_calls);
            ((*name).to_owned(), Budget { instructions, host_calls })
        };
        Self(measured.iter().map(budget).collect())
    }

    pub(crate) fn load() -> Self {
        let text = std::fs::read_to_string(file()).expect("budgets.json is committed");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let paths = document.as_object().expect("an object of paths");
        let number = |budget: &Value, name: &str| budget[name].as_f64().expect("a number");
        let budget = |(name, it): (&String, &Value)| {
            let (instructions, host_calls) = (number(it, "instructions"), number(it, "host_calls"));
            (name.clone(), Budget { instructions, host_calls })
        };
        Self(paths.iter().map(budget).collect())
    }

    pub(crate) fn store(&self) {
        let rounded = |number: f64| (number * 10.0).round() / 10.0;
        let budgets = self.0.iter().map(|(name, budget)| {
            let host_calls = rounded(budget.host_calls);
            (
                name.clone(),
                json!({"instructions": budget.instructions.round(), "host_calls": host_calls}),
            )
        });
        let document = Value::Object(budgets.collect());
        let text = serde_json::to_string_pretty(&document).expect("a document");
        std::fs::write(file(), text + "\n").expect("the budgets can be written");
    }

    /// A sentence for each path that costs more than its budget.
    pub(crate) fn exceeded_by(&self, measured: &[(&str, Cost)]) -> Vec<String> {
        measured.iter().filter_map(|(name, cost)| self.complaint(name, cost)).collect()
    }

    fn complaint(&self, name: &str, cost: &Cost) -> Option<String> {
        let Some(budget) = self.0.get(name) else {
            return Some(format!("{name}: it has no budget"));
        };
        let growth = cost.instructions / budget.instructions.max(1.0) - 1.0;
        let calls = cost.host_calls - budget.host_calls;
        // The budgets are kept to a tenth.
        (growth > TOLERANCE || calls > 0.06).then(|| {
            format!(
                "{name}: {:.0} instructions instead of {:.0} ({:+.0} %), {:.1} host calls instead of \
                 {:.1}; by callback {:.0?}; host calls {:.1?}",
                cost.instructions,
                budget.instructions,
                100.0 * growth,
                cost.host_calls,
                budget.host_calls,
                cost.callbacks,
                cost.calls,
            )
        })
    }
}

/// A table of what was measured.
pub(crate) fn print(measured: &[(&str, Cost)]) {
    for (name, cost) in measured {
        println!(
            "{name}: {:.0} instructions, {:.1} host calls",
            cost.instructions, cost.host_calls
        );
        for (callback, instructions) in &cost.callbacks {
            println!("    {instructions:9.1} {callback}");
        }
        for (call, times) in &cost.calls {
            println!("    {times:9.2} x {call}");
        }
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/budgets/budgets.json")
}
