//! The shipped configuration and rules, made faster: what an alert waits for in minutes shall come
//! in seconds.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::place::shipped_folder;

/// How much faster than shipped.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time between two scrapes, and between two looks at the rules.
    pub interval: Duration,
    /// What the `for` of every alert is divided by.
    pub divisor: u32,
}

impl Pace {
    /// Five minutes become one second.
    pub const FOR_TESTS: Self = Self { interval: Duration::from_millis(200), divisor: 300 };
}

/// One of the shipped YAML files, named within their folder.
///
/// # Errors
/// When it cannot be read or is no YAML.
pub fn document(file: &str) -> io::Result<Value> {
    let path = shipped_folder().join(file);
    let because =
        |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| because(&error))?;
    serde_saphyr::from_str(&text).map_err(|error| because(&error))
}

/// Writes the files for a Prometheus that scrapes these targets, and returns its configuration's
/// path.
pub(super) fn write(folder: &Path, targets: &[SocketAddr], pace: Pace) -> io::Result<PathBuf> {
    let mut configuration = document("prometheus.yaml")?;
    let interval = milliseconds(pace.interval);
    configuration["global"] = json!({"scrape_interval": interval, "evaluation_interval": interval});
    let targets: Vec<_> = targets.iter().map(SocketAddr::to_string).collect();
    configuration["scrape_configs"][0]["static_configs"] = json!([{"targets": targets}]);

    let rules = folder.join("rules");
    std::fs::create_dir(&rules)?;
    for entry in std::fs::read_dir(shipped_folder().join("rules"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let mut document = document(&format!("rules/{name}"))?;
        hasten(&mut document, pace.divisor);
        std::fs::write(rules.join(name), document.to_string())?;
    }
    let path = folder.join("prometheus.yaml");
    std::fs::write(&path, configuration.to_string())?;
    Ok(path)
}

fn hasten(rules: &mut Value, divisor: u32) {
    let groups = rules["groups"].as_array_mut().into_iter().flatten();
    for rule in groups.flat_map(|group| group["rules"].as_array_mut().into_iter().flatten()) {
        if let Some(hold) = rule.get_mut("for") {
            *hold = json!(milliseconds(duration(hold.as_str().unwrap_or_default()) / divisor));
        }
    }
}

/// A duration of one unit, as the shipped rules write it.
fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => panic!("not a duration of one unit: {text}"),
    };
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("not a duration: {text}"));
    Duration::from_secs(number * seconds)
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_alert_waits_for_changes() {
        let rule = |hold: Value| json!({"groups": [{"rules": [{"alert": "a", "for": hold}]}]});
        let mut rules = rule(json!("1d"));
        hasten(&mut rules, 300);
        assert_eq!(rules, rule(json!("288000ms")));
        let mut without = json!({"groups": [{"rules": [{"record": "a", "expr": "b"}]}]});
        let same = without.clone();
        hasten(&mut without, 300);
        assert_eq!(without, same);
    }
}
