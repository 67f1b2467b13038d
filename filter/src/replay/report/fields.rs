//! In which fields do configurations differ?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::config::outline::{Kind, Outline};
use crate::policy::Policy;
use crate::replay::Candidate;

/// Fields that are shown at most.
const MAX_FIELDS: usize = 24;

/// Of each candidate the fields in which not all agree, and what it says of them. Objects are left
/// out: there may be credentials inside.
pub(super) fn differing(candidates: &[Candidate]) -> Vec<Vec<(String, String)>> {
    let all: Vec<BTreeMap<String, String>> = candidates.iter().map(of_candidate).collect();
    let names: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let differ = |name: &&&String| {
        let mut values = all.iter().map(|fields| fields.get(**name));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    let names: Vec<_> = names.iter().filter(differ).take(MAX_FIELDS).collect();
    let said = |fields: &BTreeMap<String, String>| {
        let value = |name: &String| fields.get(name).cloned().unwrap_or("–".into());
        names.iter().map(|name| ((**name).clone(), value(name))).collect()
    };
    all.iter().map(said).collect()
}

fn of_candidate(candidate: &Candidate) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    collect(&mut fields, "defaults", &Outline::of_policy(&candidate.config.defaults));
    for (glob, policy) in &candidate.config.breakers {
        of_policy(&mut fields, &super::gather::clean(glob.as_str()), policy);
    }
    fields
}

fn of_policy(fields: &mut BTreeMap<String, String>, name: &str, policy: &Policy) {
    collect(fields, name, &Outline::of_policy(policy));
}

fn collect(all: &mut BTreeMap<String, String>, path: &str, outline: &Outline) {
    let word_of =
        |tag: &str| outline.fields.iter().find(|field| field.name == tag)?.default.clone();
    let variants = outline.variants.iter().filter_map(|variants| {
        let word = word_of(variants.tag)?;
        variants.of.iter().find(|(known, _)| Some(*known) == word.as_str())
    });
    let further = variants.flat_map(|(_, fields)| fields);
    for field in outline.fields.iter().chain(further) {
        let path = format!("{path}.{}", field.name);
        match &field.kind {
            Kind::Object(inner) => collect(all, &path, inner),
            Kind::Value(..) => {
                let value = field.default.as_ref().map(|it| match it {
                    Value::Null => "none".into(),
                    Value::String(text) => super::gather::clean(text),
                    other => other.to_string(),
                });
                all.insert(path, value.unwrap_or("–".into()));
            }
            _ => {}
        }
    }
}
