//! Does every link lead somewhere? What leads out of the repository is looked at, never fetched.

use std::path::{Component, Path, PathBuf};

use crate::markdown::{anchors, documents, prose};
use crate::repository;

/// What stands between `](` and `)`, and behind `[name]:`.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let named = prose.lines().filter(|line| line.starts_with('['));
    let named = named.filter_map(|line| line.split_once("]: ")).map(|(_, target)| target);
    inline.chain(named).map(|target| target.trim().to_owned()).collect()
}

/// `docs/` and `../envoy` together: `envoy`.
fn joined(document: &str, target: &str) -> Option<PathBuf> {
    let mut path = Path::new(document).parent()?.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => path.pop().then_some(())?,
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}

fn is_address(target: &str) -> bool {
    let rest = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || ".-:".contains(it);
    !host.is_empty() && host.chars().all(is_plain) && !target.contains([' ', '<', '>', '"'])
}

/// Why it leads nowhere.
fn complaint(document: &str, text: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") {
        return (!is_address(target)).then_some("no address");
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let anchored = if file.is_empty() {
        text.to_owned()
    } else {
        let Some(path) =
            joined(document, file).filter(|path| repository::root().join(path).exists())
        else {
            return Some("no such file");
        };
        if anchor.is_empty() || path.extension().is_none_or(|it| it != "md") {
            return None;
        }
        repository::read(&path.to_string_lossy())
    };
    (!anchors(&anchored).iter().any(|it| it == anchor)).then_some("no such heading")
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for (document, text) in documents() {
        for target in targets(&text) {
            count += 1;
            if let Some(why) = complaint(&document, &text, &target) {
                broken.push(format!("{document}: {target}: {why}"));
            }
        }
    }
    assert!(count > 30, "they are written in another way");
    assert_eq!(broken, [] as [String; 0]);
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let text = "# Here\n";
    for (target, is_right) in [
        ("../README.md", true),
        ("../README.md#logs", true),
        ("../README.md#no-such-heading", false),
        ("no-such-file.md", false),
        ("#here", true),
        ("#there", false),
        ("https://example.com/a#b", true),
        ("https://", false),
        ("../../outside.md", false),
    ] {
        assert_eq!(complaint("docs/x.md", text, target).is_none(), is_right, "{target}");
    }
}
