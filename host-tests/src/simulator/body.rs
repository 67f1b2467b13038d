//! The bytes of an answer, as a test or a person with a terminal writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Any bytes. As JSON: a string for text, or `{"base64": "H4sI…"}` for what is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    pub(super) fn bytes(self) -> Bytes {
        self.0
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Form {
    Text(String),
    Binary { base64: String },
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match str::from_utf8(&self.0) {
            Ok(text) => Form::Text(text.to_owned()),
            Err(_) => Form::Binary { base64: STANDARD.encode(&self.0) },
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self::from(text)),
            Form::Binary { base64 } => {
                STANDARD.decode(base64).map(Self::from).map_err(serde::de::Error::custom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn its_json_is_text_or_base64() {
        for (body, form) in [
            (Body::from("data: €\n\n"), json!("data: €\n\n")),
            (Body::from(vec![0x1f, 0x8b, 0xff]), json!({"base64": "H4v/"})),
        ] {
            assert_eq!(to_value(&body).expect("JSON"), form);
            assert_eq!(from_value::<Body>(form).expect("a body"), body);
        }
        for nonsense in [json!(7), json!({"base64": "?"}), json!({"base64": "", "text": ""})] {
            assert!(from_value::<Body>(nonsense.clone()).is_err(), "{nonsense}");
        }
    }
}
