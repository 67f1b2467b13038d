//! What an access log shows of a property that the filter declared as a `google.protobuf.Struct`.

use prost::Message;
use prost_types::{Struct, value::Kind};
use serde_json::Value;

use super::status::Status;

const PROTOBUF: i32 = 3;
const STRUCT: &[u8] = b"type.googleapis.com/google.protobuf.Struct";

/// The arguments of Envoy's foreign function `declare_property`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Declaration {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(bool, tag = "2")]
    readonly: bool,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    schema: Vec<u8>,
    #[prost(int32, tag = "5")]
    span: i32,
}

impl Declaration {
    /// # Panics
    /// For a type that this host does not model.
    pub(crate) fn read(arguments: &[u8]) -> Result<Self, Status> {
        let read = Self::decode(arguments).map_err(|_| Status::BadArgument)?;
        let is_struct = read.kind == PROTOBUF && read.schema == STRUCT;
        assert!(is_struct && !read.readonly && read.span == 0, "unmodelled property: {read:?}");
        Ok(read)
    }
}

/// The value that these bytes are, if they are a Struct.
pub(crate) fn shown(bytes: &[u8]) -> Option<Value> {
    Struct::decode(bytes).ok().map(object)
}

fn object(fields: Struct) -> Value {
    fields.fields.into_iter().map(|(name, field)| (name, value(field.kind))).collect()
}

fn value(kind: Option<Kind>) -> Value {
    match kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => flag.into(),
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::StructValue(fields)) => object(fields),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(|it| value(it.kind)).collect(),
    }
}
