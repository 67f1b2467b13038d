//! How large may a module be, and what of it grew?

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wasmparser::{Parser, Payload};

/// So much may come with a change that is worth it anyway, before the budget has to move.
const TOLERANCE: f64 = 0.02;

/// The module's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// All of them.
    pub(crate) module: u64,
    /// The bodies of its functions.
    pub(crate) code: u64,
    /// Texts and tables.
    pub(crate) data: u64,
    /// How many functions there are.
    pub(crate) functions: u64,
}

impl Size {
    /// Of the module in these bytes.
    pub(crate) fn of(module: &[u8]) -> Self {
        let mut size = Self { module: module.len() as u64, code: 0, data: 0, functions: 0 };
        for payload in Parser::new(0).parse_all(module) {
            match payload.expect("a module") {
                Payload::CodeSectionStart { count, size: code, .. } => {
                    (size.functions, size.code) = (count.into(), code.into());
                }
                Payload::DataSection(section) => size.data = section.range().len() as u64,
                _ => {}
            }
        }
        size
    }

    /// The budget of the module of this name.
    pub(crate) fn budgeted(name: &str) -> Self {
        let document = &budgets()[name];
        let number = |name: &str| document[name].as_u64().expect("a number");
        let [module, code, data, functions] = ["module", "code", "data", "functions"].map(number);
        Self { module, code, data, functions }
    }

    /// Make it the budget of the module of this name.
    pub(crate) fn store(&self, name: &str) {
        let Self { module, code, data, functions } = self;
        let mut document = budgets();
        document[name] =
            json!({"module": module, "code": code, "data": data, "functions": functions});
        let text = serde_json::to_string_pretty(&document).expect("a document");
        std::fs::write(file(), text + "\n").expect("the budget can be written");
    }

    /// What grew, if the whole outgrew its budget.
    pub(crate) fn beyond(&self, budget: &Self) -> Option<String> {
        let growth = self.module as f64 / budget.module as f64 - 1.0;
        (growth > TOLERANCE).then(|| {
            format!(
                "the module has {} bytes instead of {} ({:+.1} %): code {}, texts and tables {}, in \
                 {} functions instead of {}",
                self.module,
                budget.module,
                100.0 * growth,
                grown(self.code, budget.code),
                grown(self.data, budget.data),
                self.functions,
                budget.functions,
            )
        })
    }
}

fn budgets() -> Value {
    let text = std::fs::read_to_string(file()).expect("size.json is committed");
    serde_json::from_str(&text).expect("JSON")
}

fn grown(now: u64, before: u64) -> String {
    format!("{now} ({:+})", now as i64 - before as i64)
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/budgets/size.json")
}
