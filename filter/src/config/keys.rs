//! What shares one breaker: the fields of a policy that make a breaker's key.

use serde_json::{Value, json};

use super::form::Form;
use super::ranges;
use super::rules::Rule;
use super::walk::Fields;
use crate::glob::Glob;
use crate::policy::{KeyBy, Policy};

/// Reads them; each is one value, which replaces the lower layer's as a whole.
pub(super) fn read(layer: &mut impl Fields, policy: &mut Policy) {
    read_key_by(layer, &mut policy.key_by);
    if let Some(models) = layer.list("models", &ranges::MODELS, &ranges::MODEL) {
        policy.models = models.into_iter().map(Glob::new).collect();
    }
    layer.optional("model_header", &mut policy.model_header, &ranges::MODEL_HEADER);
    let categories = &ranges::PROVIDER_WIDE_CATEGORY;
    if let Some(wide) = layer.list("provider_wide", &ranges::PROVIDER_WIDE, categories) {
        policy.provider_wide = wide;
    }
}

fn read_key_by(layer: &mut impl Fields, key_by: &mut KeyBy) {
    layer.word_or_object("key_by", key_by, &Word, |object| {
        let name = object.mandatory("header", &ranges::KEY_HEADER);
        let values = object.mandatory_list("values", &ranges::KEY_VALUES, &ranges::KEY_VALUE);
        Some(KeyBy::Header { name: name?, values: values? })
    });
}

/// A key that takes no more than a word to name.
struct Word;

impl Rule for Word {
    type Out = KeyBy;

    fn read(&self, value: &Value) -> Option<KeyBy> {
        match value.as_str()? {
            "cluster" => Some(KeyBy::Cluster),
            "model" => Some(KeyBy::Model),
            _ => None,
        }
    }

    fn allowed(&self) -> String {
        "cluster, model, or an object of header and values".into()
    }

    fn form(&self) -> Form {
        Form::Words(vec!["cluster", "model"])
    }

    fn show(&self, out: &KeyBy) -> Value {
        match out {
            KeyBy::Cluster => "cluster".into(),
            KeyBy::Model => "model".into(),
            KeyBy::Header { name, values } => json!({"header": name, "values": values}),
        }
    }
}
