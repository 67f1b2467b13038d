//! Callers of all providers and models, who go on whatever comes back.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::WATCHED;
use crate::client::{Call, Client};

/// Some tasks that call; dropping it ends them.
#[derive(Debug)]
pub struct Callers {
    _tasks: JoinSet<()>,
}

impl Callers {
    pub(super) fn start(client: Client, every: Duration) -> Self {
        let models = ["gpt-4.1", "o3-mini", "gpt-5-nano"];
        let mut calls: Vec<Call> = models.iter().map(|model| chat(model, false)).collect();
        calls.extend(models.iter().map(|model| chat(model, true)));
        calls.push(chat("mistral-large", true).header("x-provider", WATCHED));
        let mut tasks = JoinSet::new();
        for call in calls {
            tasks.spawn(go_on(client, call, every));
        }
        Self { _tasks: tasks }
    }
}

async fn go_on(client: Client, call: Call, every: Duration) {
    loop {
        // What becomes of a call is for the stats to tell.
        drop(client.send(&call).await);
        tokio::time::sleep(every).await;
    }
}

fn chat(model: &str, stream: bool) -> Call {
    let messages = [json!({"role": "user", "content": "Say hello."})];
    Call::post_json(
        "/v1/chat/completions",
        &json!({"messages": messages, "stream": stream, "model": model}),
    )
}
