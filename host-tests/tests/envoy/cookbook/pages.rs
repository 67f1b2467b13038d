//! What all pages of the cookbook owe their readers.

use std::collections::BTreeSet;

use llm_breaker_host_tests::envoy::Recipe;
use serde_json::{Value, json};

use super::page::{Page, workspace};
use crate::scene::Outcome;

/// In this order, in every recipe.
const PARTS: [&str; 4] =
    ["## The problem", "## The configuration", "## What you will see", "## Pitfalls"];
/// A page that compares and has no recipe of its own.
const NO_RECIPE: [&str; 2] = ["README", "coming-from"];

/// The files of a folder with this ending, without it.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(workspace().join(folder)).expect(folder);
    let names = files.map(|file| file.expect(folder).file_name().to_string_lossy().into_owned());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

fn recipes() -> BTreeSet<String> {
    let all = names("docs/cookbook", ".md");
    all.into_iter().filter(|name| !NO_RECIPE.contains(&name.as_str())).collect()
}

/// The files of `envoy/` that a page links to.
fn linked_files(page: &Page) -> Vec<String> {
    let links = page.text().split("](../../").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| link.ends_with(".yaml")).map(str::to_owned).collect()
}

/// Without what all lines are indented by.
fn dedented(block: &str) -> String {
    let indents = block.lines().filter(|line| !line.is_empty());
    let least = indents.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines: Vec<_> = block.lines().map(|line| line.get(least..).unwrap_or("")).collect();
    lines.join("\n")
}

/// Whether these lines stand in the file, one after the other, indented alike by whatever it is.
fn contains(file: &str, block: &str) -> bool {
    let (lines, wanted): (Vec<_>, Vec<_>) = (file.lines().collect(), block.lines().collect());
    lines.windows(wanted.len()).any(|window| dedented(&window.join("\n")) == dedented(block))
}

#[test]
fn the_index_has_every_page_and_every_recipe_has_its_parts() {
    let index = Page::read("README");
    for name in names("docs/cookbook", ".md").iter().filter(|name| *name != "README") {
        assert!(index.text().contains(&format!("({name}.md)")), "{name} is not in the index");
    }
    for name in recipes() {
        let page = Page::read(&name);
        let places: Vec<_> = PARTS.iter().map(|part| page.text().find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{name}: {places:?}");
        assert!(!page.blocks("yaml").is_empty() && !page.blocks("text").is_empty(), "{name}");
    }
}

#[test]
fn every_yaml_that_a_page_shows_stands_in_a_file_that_it_links_to() -> Outcome {
    for name in names("docs/cookbook", ".md") {
        let page = Page::read(&name);
        let mut files = Vec::new();
        for link in linked_files(&page) {
            files.push(std::fs::read_to_string(workspace().join(&link))?);
        }
        for block in page.blocks("yaml") {
            assert!(files.iter().any(|file| contains(file, block)), "{name} shows\n{block}");
        }
    }
    Ok(())
}

#[test]
fn every_file_is_of_a_page_that_tells_how_to_start_it() {
    for name in names("envoy/cookbook", ".yaml").iter().filter(|name| *name != "base") {
        let page = Page::read(name);
        let file = format!("envoy/cookbook/{name}.yaml");
        assert!(linked_files(&page).contains(&file), "{name}");
        assert!(page.blocks("sh").iter().any(|block| block.contains(&start(&file))), "{name}");
    }
}

fn start(file: &str) -> String {
    format!(".venv/bin/envoy -c envoy/cookbook/base.yaml --config-yaml \"$(cat {file})\"")
}

/// As shipped, but for the place where this machine keeps whom it trusts.
#[tokio::test]
async fn envoy_takes_every_provider_as_it_is_shipped() -> Outcome {
    let authority = workspace().join("host-tests/tests/envoy/cookbook/tls/certificate.pem");
    let authority = authority.canonicalize()?;
    let files = names("envoy/cookbook", ".yaml").into_iter().filter(|name| name != "base");
    let files = files.chain(["dynamic/bootstrap".to_owned()]);
    let recipes: Vec<_> =
        files.map(|name| Recipe::new(&format!("{name}.yaml")).trusting(&authority)).collect();
    let verdict = Recipe::validate_clusters(&recipes).await?;
    assert!(verdict.is_ok, "{}", verdict.output);
    Ok(())
}

fn yaml(file: &str) -> Value {
    let text = std::fs::read_to_string(workspace().join("envoy").join(file)).expect(file);
    serde_saphyr::from_str(&text).expect(file)
}

#[test]
fn the_stats_have_the_labels_and_buckets_of_the_file_that_explains_them() {
    let (base, explained) = (yaml("cookbook/base.yaml"), yaml("llm-egress.yaml"));
    for part in ["stats_config", "stats_flush_interval", "admin"] {
        assert_eq!(base[part], explained[part], "{part}");
    }
}

/// Every route to a cluster that stands in there somewhere.
fn routes<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|it| routes(it, found)),
        Value::Object(fields) => {
            found.extend(fields.get("route").filter(|it| it.is_object()));
            fields.values().for_each(|it| routes(it, found));
        }
        _ => {}
    }
}

#[test]
fn no_recipe_ends_a_healthy_silence_or_a_long_stream() {
    let recipes = names("envoy/cookbook", ".yaml").into_iter().filter(|name| name != "base");
    for name in recipes.chain(["dynamic/listeners".to_owned()]) {
        let file = yaml(&format!("cookbook/{name}.yaml"));
        let mut found = Vec::new();
        routes(&file, &mut found);
        assert!(!found.is_empty(), "{name}");
        for route in found {
            let limits = (&route["timeout"], &route["idle_timeout"]);
            assert_eq!(limits, (&json!("0s"), &json!("600s")), "{name}: {route}");
            for absent in ["max_stream_duration", "retry_policy", "hedge_policy"] {
                assert_eq!(route[absent], Value::Null, "{name}: {absent}");
            }
        }
    }
}
