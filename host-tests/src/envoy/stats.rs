//! Envoy's stats as Prometheus sees them: names, labels and values.

use std::collections::BTreeMap;
use std::fmt;

/// One answer of the admin port's `/stats/prometheus`.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    text: String,
    samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Stats {
    /// Reads the Prometheus text format; a line that is none is a defect of Envoy or of a label
    /// regex and worth a failing test.
    ///
    /// # Panics
    /// At a line that is neither a comment nor a sample, quoting it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let is_sample = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let parse = |line| Sample::parse(line).unwrap_or_else(|| panic!("not a sample: {line}"));
        let samples = text.lines().filter(is_sample).map(parse).collect();
        Self { text: text.to_owned(), samples }
    }

    /// The value of the sample with this name and exactly these labels, in any order.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let wanted: BTreeMap<_, _> = wanted.collect();
        let found = self.samples.iter().find(|s| s.name == name && s.labels == wanted);
        found.map(|sample| sample.value)
    }

    /// The sum over all samples of this name, whatever their labels; 0 if there is none.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        let named = self.samples.iter().filter(|sample| sample.name == name);
        // The sum of no numbers at all would be the negative zero.
        named.fold(0.0, |sum, sample| sum + sample.value)
    }

    /// Name, labels and value of each sample whose name begins with `prefix`.
    #[must_use]
    pub fn samples(&self, prefix: &str) -> Vec<(&str, &BTreeMap<String, String>, f64)> {
        let wanted = self.samples.iter().filter(|sample| sample.name.starts_with(prefix));
        wanted.map(|sample| (sample.name.as_str(), &sample.labels, sample.value)).collect()
    }

    /// The kind of each metric whose name begins with `prefix`, such as `counter`, by its name.
    #[must_use]
    pub fn kinds(&self, prefix: &str) -> BTreeMap<String, String> {
        let types = self.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let wanted = types.filter(|line| line.starts_with(prefix));
        let named = wanted.filter_map(|line| line.split_once(' '));
        named.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
    }

    /// Whether Envoy printed exactly this line: the one look that also sees a damaged label.
    #[must_use]
    pub fn has_line(&self, line: &str) -> bool {
        self.text.lines().any(|printed| printed == line)
    }

    /// The lines whose name begins with `prefix`, for a failing test to show.
    #[must_use]
    pub fn lines(&self, prefix: &str) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with(prefix)).collect()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let value = value.parse().ok()?;
        let Some((name, labels)) = series.split_once('{') else {
            return Some(Self { name: series.to_owned(), labels: BTreeMap::new(), value });
        };
        Some(Self { name: name.to_owned(), labels: parse_labels(labels)?, value })
    }
}

/// Reads `a="1",b="2"}`, where a value may hold anything, quotes and backslashes escaped.
fn parse_labels(text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    let mut rest = text.strip_suffix('}')?;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = parse_quoted(after)?;
        labels.insert(name.to_owned(), value);
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(labels)
}

fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE a_total counter
a_total{from="closed",llm_cluster="outbound|443||api.openai.com"} 3
a_total{from="open",llm_cluster="with \"quotes\", {braces} and \\"} 4
plain 0.5
wait_bucket{le="+Inf"} 7
"#;

    #[test]
    fn a_value_is_found_by_name_and_exactly_its_labels() {
        let stats = Stats::parse(TEXT);
        let cluster = ("llm_cluster", "outbound|443||api.openai.com");
        assert_eq!(stats.value("a_total", &[cluster, ("from", "closed")]), Some(3.0));
        assert_eq!(stats.value("a_total", &[cluster]), None, "a label is missing");
        assert_eq!(stats.value("a_total", &[cluster, ("from", "open")]), None);
        assert_eq!(stats.value("plain", &[]), Some(0.5));
        assert_eq!(stats.value("wait_bucket", &[("le", "+Inf")]), Some(7.0));
        assert_eq!(stats.sum("a_total"), 7.0);
        assert_eq!(stats.sum("absent"), 0.0);
    }

    #[test]
    fn samples_and_kinds_are_found_by_how_their_names_begin() {
        let stats = Stats::parse(TEXT);
        assert_eq!(stats.samples("a_").len(), 2);
        assert_eq!(stats.samples("plain"), [("plain", &BTreeMap::new(), 0.5)]);
        let kinds = BTreeMap::from([("a_total".to_owned(), "counter".to_owned())]);
        assert_eq!(stats.kinds("a_"), kinds);
        assert_eq!(stats.kinds("b_"), BTreeMap::new());
    }

    #[test]
    fn a_label_may_hold_quotes_commas_and_braces() {
        let labels = [("llm_cluster", r#"with "quotes", {braces} and \"#), ("from", "open")];
        assert_eq!(Stats::parse(TEXT).value("a_total", &labels), Some(4.0));
    }

    #[test]
    fn a_line_is_compared_whole() {
        let stats = Stats::parse(TEXT);
        assert!(stats.has_line("plain 0.5"));
        assert!(!stats.has_line("plain 0"));
        assert_eq!(stats.lines("wait"), [r#"wait_bucket{le="+Inf"} 7"#]);
    }

    #[test]
    #[should_panic(expected = "not a sample: nonsense")]
    fn a_line_that_is_no_sample_is_not_passed_over() {
        let _ = Stats::parse("nonsense");
    }
}
