//! Whether documents are what the providers have published, by the types that the SDKs ship.

use llm_breaker_host_tests::client::Answer;
use serde_json::{Value, json};

use crate::scene::Outcome;
use crate::sdks::driver::Sdks;

/// Each of the documents has the type that the API's SDK has for `what`: an answer, an event or an
/// error. The SDKs themselves are lenient: what a document lacks they leave out.
pub(super) async fn assert_published(
    sdks: &mut Sdks,
    api: &str,
    what: &str,
    documents: Vec<Value>,
) -> Outcome {
    assert!(!documents.is_empty(), "{api} {what}");
    let check = |document: &Value| json!({"api": "published", "type": format!("{api} {what}"), "document": document});
    let wrong = json!({"of no type": 1});
    let told = sdks.ask(&check(&wrong)).await?;
    assert!(told.raised.is_some(), "{api} {what}: {wrong} passes");
    for document in documents {
        let told = sdks.ask(&check(&document)).await?;
        assert_eq!(told.exception(), None, "{api} {what}: {document}: {told:?}");
    }
    Ok(())
}

/// The documents in a stream of server-sent events.
pub(super) fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}")))
        .collect()
}
