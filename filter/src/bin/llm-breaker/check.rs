//! What is wrong with the configurations in a file, or what do they mean?

use std::fmt::Write;
use std::fs;
use std::path::Path;

use llm_breaker::config::Config;
use serde_json::Value;

use crate::effective::{self, Show};
use crate::found::{self, Contents, Found};

/// What there is to say about a file.
#[derive(Default)]
pub(crate) struct Verdict {
    /// What its configurations mean.
    pub(crate) report: String,
    /// What is wrong with them; empty if nothing is.
    pub(crate) complaint: String,
}

/// Judges the file at this path.
pub(crate) fn check(path: &Path, show: &Show) -> Verdict {
    let mut verdict = Verdict::default();
    let file = path.display();
    match fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| found::read(&text))
    {
        Ok(contents) => judge(&contents, &file.to_string(), show, &mut verdict),
        Err(error) => complain(&mut verdict, &file.to_string(), &error),
    }
    verdict
}

fn judge(contents: &Contents, file: &str, show: &Show, verdict: &mut Verdict) {
    if contents.configurations.is_empty() {
        let others = match contents.others.as_slice() {
            [] => String::new(),
            others => format!("; other Wasm plugins: {}", others.join(", ")),
        };
        let none = format!("no plugin in it is named llm-breaker or llm_breaker{others}");
        complain(verdict, file, &none);
    }
    for Found { place, document } in &contents.configurations {
        let place = if place.is_empty() { file.to_owned() } else { format!("{file}: {place}") };
        match Config::parse(document.as_bytes()) {
            Ok(config) => {
                let given = serde_json::from_str(document).unwrap_or(Value::Null);
                let report = effective::report(&config, &given, &contents.clusters, show);
                let _ = write!(verdict.report, "{place}\n\n{report}");
            }
            Err(errors) => {
                for line in errors.to_string().lines() {
                    complain(verdict, &place, line);
                }
            }
        }
    }
}

fn complain(verdict: &mut Verdict, place: &str, what: &str) {
    let _ = writeln!(verdict.complaint, "{place}: {what}");
}
