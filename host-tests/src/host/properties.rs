//! Envoy's attributes: which exist in which phase, and their encodings.

use serde_json::Value;

use super::{message::Route, pairs, process::Process, status::Status, stream::Stream};

/// The bytes of the property at `path` (its parts joined by zero bytes), as Envoy's
/// `serializeValue` writes them.
///
/// # Panics
/// For an attribute that this host does not model: better no test than a false one.
pub(crate) fn read(
    process: &Process,
    stream: Option<&Stream>,
    path: &[u8],
) -> Result<Vec<u8>, Status> {
    if let Some(value) = stream.and_then(|stream| stream.info.overrides.get(path)) {
        return value.clone().ok_or(Status::NotFound);
    }
    let text = String::from_utf8_lossy(path).into_owned();
    let parts: Vec<&str> = text.split('\0').collect();
    match parts[..] {
        ["plugin_root_id" | "plugin_name" | "plugin_vm_id"] => Ok(Vec::new()),
        ["node", ref inner @ ..] | ["xds", "node", ref inner @ ..] => {
            encoded(walk(&process.node, inner)?)
        }
        ["cluster_name" | "route_name" | "cluster_metadata" | "route_metadata", ..] => {
            Err(Status::NotFound)
        }
        ["xds", "cluster_metadata", ref inner @ ..] => {
            let cluster = stream.and_then(|stream| stream.info.cluster.as_ref());
            let metadata = cluster.and_then(|cluster| process.cluster_metadata.get(cluster));
            encoded(walk(metadata.ok_or(Status::NotFound)?, inner)?)
        }
        ["xds" | "request" | "response" | "upstream" | "connection" | "metadata", ..] => {
            stream.and_then(|stream| of_stream(stream, &parts)).ok_or(Status::NotFound)
        }
        _ => stream
            .and_then(|stream| stream.info.filter_state.get(path).cloned())
            .ok_or(Status::NotFound),
    }
}

fn of_stream(stream: &Stream, parts: &[&str]) -> Option<Vec<u8>> {
    let info = &stream.info;
    let text = |value: &Option<String>| value.clone().map(String::into_bytes);
    match parts {
        ["xds", "cluster_name"] => text(&info.cluster),
        // Of the route that matched; there is only this one virtual host.
        ["xds", "virtual_host_name"] => {
            (!matches!(stream.request.route, Route::NotFound)).then(|| b"llm".to_vec())
        }
        ["xds", "route_metadata", ..] => None,
        ["response", "flags"] => Some(info.flags.to_le_bytes().to_vec()),
        ["response", "code_details"] => text(&info.code_details),
        ["response", "backend_latency"] => {
            info.duration_ns?;
            nanoseconds(info.first_byte_ns?.saturating_sub(info.sent_ns?))
        }
        ["request", "duration"] => nanoseconds(info.duration_ns?),
        ["upstream", "address"] => text(&info.upstream_address),
        ["upstream", "transport_failure_reason"] => text(&info.transport_failure),
        ["upstream", "request_attempt_count"] => {
            Some(u64::from(info.attempts).to_le_bytes().to_vec())
        }
        _ => panic!("the host does not model the property {parts:?}; see Request::property"),
    }
}

/// Durations are signed nanoseconds.
fn nanoseconds(duration_ns: u64) -> Option<Vec<u8>> {
    Some((duration_ns as i64).to_le_bytes().to_vec())
}

fn walk<'v>(value: &'v Value, path: &[&str]) -> Result<&'v Value, Status> {
    path.iter()
        .try_fold(value, |value, part| match value {
            Value::Object(map) => map.get(*part),
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        })
        .ok_or(Status::NotFound)
}

/// Envoy's encoding of a `google.protobuf.Value`: all numbers are doubles, a list is a map from
/// its elements to nothing, and a null, also deep inside, cannot be encoded at all.
fn encoded(value: &Value) -> Result<Vec<u8>, Status> {
    Ok(match value {
        Value::Null => return Err(Status::SerializationFailure),
        Value::Bool(value) => vec![u8::from(*value)],
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).to_le_bytes().to_vec(),
        Value::String(text) => text.clone().into_bytes(),
        Value::Object(map) => {
            let fields = map.iter().map(|(k, v)| Ok((k.clone().into_bytes(), encoded(v)?)));
            pairs::encode(&fields.collect::<Result<Vec<_>, _>>()?)
        }
        Value::Array(list) => {
            let elements = list.iter().map(|element| Ok((encoded(element)?, Vec::new())));
            pairs::encode(&elements.collect::<Result<Vec<_>, _>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_encoded_as_envoy_does() {
        let metadata = json!({"filter_metadata": {"ns": {"n": 0.5, "s": "text", "b": true}}});
        let at = |path: &[&str]| walk(&metadata, path).and_then(encoded);
        assert_eq!(at(&["filter_metadata", "ns", "n"]), Ok(0.5f64.to_le_bytes().to_vec()));
        assert_eq!(at(&["filter_metadata", "ns", "s"]), Ok(b"text".to_vec()));
        assert_eq!(at(&["filter_metadata", "ns", "b"]), Ok(vec![1]));
        assert_eq!(at(&["filter_metadata", "ns", "absent"]), Err(Status::NotFound));
        let fields = pairs::decode(&at(&["filter_metadata", "ns"]).unwrap());
        assert_eq!(fields.len(), 3);
    }
}
