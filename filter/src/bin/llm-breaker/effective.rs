//! Which policy does each cluster get after layering, and which layer says what of it?

use std::fmt::Write;

use llm_breaker::config::outline::{Field, Kind, Outline};
use llm_breaker::config::schema::described;
use llm_breaker::config::{Config, metadata};
use llm_breaker::policy::Policy;
use serde_json::Value;

use crate::found::Cluster;
use crate::opens;

/// What of it is asked for.
#[derive(Default)]
pub(crate) struct Show {
    /// The cluster of this name alone.
    pub(crate) cluster: Option<String>,
    /// The fields alone that differ from the built-in policy.
    pub(crate) only_changed: bool,
}

/// One value of a policy.
struct Row {
    field: String,
    value: String,
    from: String,
}

/// The layers of a policy as they were given, the uppermost first, each with its name.
type Layers<'v> = Vec<(String, &'v Value)>;

/// One block for each entry, one for all other clusters, and one for each cluster whose metadata
/// says something; or one for the cluster that is asked for.
pub(crate) fn report(config: &Config, given: &Value, clusters: &[Cluster], show: &Show) -> String {
    let mut text = String::new();
    if let Some(name) = &show.cluster {
        let known = clusters.iter().find(|cluster| cluster.name == *name);
        let nothing = Cluster { name: name.clone(), metadata: Value::Null };
        of_cluster(&mut text, config, given, known.unwrap_or(&nothing), show);
        return text;
    }
    for (index, (glob, policy)) in config.breakers.iter().enumerate() {
        let title = format!("{} (breakers[{index}])", glob.as_str());
        block(&mut text, &title, policy, &layers(given, Some(index)), show);
    }
    let rest = if config.breakers.is_empty() { "every cluster" } else { "every other cluster" };
    block(&mut text, &format!("{rest} (defaults)"), &config.defaults, &layers(given, None), show);
    for cluster in clusters.iter().filter(|cluster| !cluster.metadata.is_null()) {
        of_cluster(&mut text, config, given, cluster, show);
    }
    assigned(&mut text, config, clusters);
    text
}

fn of_cluster(text: &mut String, config: &Config, given: &Value, cluster: &Cluster, show: &Show) {
    let policy = config.policy_for(&cluster.name);
    let (policy, ignored) = metadata::tighten(policy, |path| property(&cluster.metadata, path));
    let index = index_of(config, &cluster.name);
    let mut layers = layers(given, index);
    if !cluster.metadata.is_null() {
        layers.insert(0, ("its metadata".into(), &cluster.metadata));
    }
    block(text, &format!("{} ({})", cluster.name, layer_name(index)), &policy, &layers, show);
    for one in ignored {
        let _ = writeln!(text, "  ignored of its metadata: {one}\n");
    }
}

/// Which of the file's own clusters gets which policy.
fn assigned(text: &mut String, config: &Config, clusters: &[Cluster]) {
    for cluster in clusters {
        let layer = layer_name(index_of(config, &cluster.name));
        let _ = writeln!(text, "the cluster {} gets {layer}", cluster.name);
    }
    if !clusters.is_empty() {
        text.push('\n');
    }
}

fn index_of(config: &Config, cluster: &str) -> Option<usize> {
    config.breakers.iter().position(|(glob, _)| glob.matches(cluster))
}

fn layer_name(index: Option<usize>) -> String {
    index.map_or("defaults".into(), |index| format!("breakers[{index}]"))
}

fn layers(given: &Value, index: Option<usize>) -> Layers<'_> {
    let entry = index.and_then(|index| given.get("breakers")?.get(index));
    let entry = entry.map(|entry| (layer_name(index), entry));
    let defaults = given.get("defaults").map(|defaults| (layer_name(None), defaults));
    entry.into_iter().chain(defaults).collect()
}

fn block(text: &mut String, title: &str, policy: &Policy, layers: &Layers<'_>, show: &Show) {
    let _ = writeln!(text, "{title}\n  {}", opens::sentence(policy));
    let mut rows = Vec::new();
    collect(&mut rows, "", &Outline::of_policy(policy), layers);
    // The built-in verdicts are 17 lines that every document of this project has.
    let is_shown = |row: &Row| !show.only_changed && !row.field.starts_with("verdicts.");
    rows.retain(|row| row.from != BUILT_IN || is_shown(row));
    if !rows.is_empty() {
        text.push('\n');
    }
    let width = |of: fn(&Row) -> &String| rows.iter().map(|row| of(row).chars().count()).max();
    let field = width(|row| &row.field).unwrap_or_default();
    let value = width(|row| &row.value).unwrap_or_default().min(MAX_WIDTH);
    for row in &rows {
        let _ = writeln!(text, "  {:field$}  {:value$}  {}", row.field, row.value, row.from);
    }
    text.push('\n');
}

const BUILT_IN: &str = "built in";
/// A longer value pushes only its own row's end to the right.
const MAX_WIDTH: usize = 40;

fn collect(rows: &mut Vec<Row>, path: &str, outline: &Outline, layers: &Layers<'_>) {
    let in_force = outline.variants.iter().flat_map(|variants| {
        let tag = outline.fields.iter().find(|field| field.name == variants.tag);
        let word = tag.and_then(|tag| tag.default.as_ref()?.as_str());
        variants
            .of
            .iter()
            .filter(move |(known, _)| Some(*known) == word)
            .flat_map(|(_, fields)| fields)
    });
    for field in outline.fields.iter().chain(in_force) {
        let path =
            if path.is_empty() { field.name.into() } else { format!("{path}.{}", field.name) };
        match &field.kind {
            Kind::Object(inner) => collect(rows, &path, inner, layers),
            _ => rows.extend(row(path, field, layers)),
        }
    }
}

/// The value in force; a list or a map is what the uppermost layer gives that gives it at all.
fn row(path: String, field: &Field, layers: &Layers<'_>) -> Option<Row> {
    let giving = layers.iter().find_map(|(name, layer)| {
        let given = lookup(layer, &path)?;
        let counts = !given.is_null() || matches!(field.default, Some(Value::Null));
        counts.then_some((name.clone(), given))
    });
    let value = field.default.clone();
    let value = value.or_else(|| giving.as_ref().map(|(_, given)| (*given).clone()));
    let value = value.or_else(|| described::default(&path))?;
    let from = giving.map_or(BUILT_IN.into(), |(name, _)| name);
    let value = shown(&value);
    Some(Row { field: path, value, from })
}

/// Of objects no more than what they are: there may be credentials inside.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "none".into(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            match ["kind", "category", "header"].map(|name| fields.get(name)) {
                [Some(kind), ..] | [None, Some(kind), _] | [None, None, Some(kind)] => shown(kind),
                _ => "given".into(),
            }
        }
        other => other.to_string(),
    }
}

fn lookup<'v>(layer: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(layer, |value, name| value.get(name))
}

/// What Envoy makes of a value of metadata for a filter.
pub(crate) fn property(metadata: &Value, path: &[&str]) -> Option<Vec<u8>> {
    let value = path.iter().try_fold(metadata, |value, name| value.get(name))?;
    Some(match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).to_le_bytes().to_vec(),
        Value::Bool(flag) => vec![u8::from(*flag)],
        Value::String(text) => text.clone().into_bytes(),
        _ => Vec::new(),
    })
}
