//! What shares one breaker: the fields of a policy that make a breaker's key.

use serde_json::Value;

use super::document::Object;
use super::ranges;
use super::rules::Rule;
use crate::glob::Glob;
use crate::policy::{KeyBy, Policy};

/// Reads them; each is one value, which replaces the lower layer's as a whole.
pub(super) fn read(layer: &mut Object<'_>, policy: &mut Policy) {
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

fn read_key_by(layer: &mut Object<'_>, key_by: &mut KeyBy) {
    if !layer.given("key_by").is_some_and(Value::is_object) {
        layer.value("key_by", key_by, &Word);
        return;
    }
    layer.object("key_by", |object| {
        let name = object.mandatory("header", &ranges::KEY_HEADER);
        let values = object.mandatory_list("values", &ranges::KEY_VALUES, &ranges::KEY_VALUE);
        if let (Some(name), Some(values)) = (name, values) {
            *key_by = KeyBy::Header { name, values };
        }
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
}
