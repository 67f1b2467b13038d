//! `docs/cookbook/maintenance.md`: its orders are carried out as they stand there.

use std::net::SocketAddr;

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{OPENAI, Recipe, STATUS};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::Simulator;
use serde_json::Value;

use super::kitchen::Kitchen;
use super::page::Page;
use crate::scene::{Outcome, assert_blocked};

/// The recipe's.
const TOKEN: &str = "only-for-the-cookbook";

/// What a line such as `order open '{"duration": "3600s"}'` says.
fn orders(block: &str) -> Vec<(&str, Value)> {
    let order = |line| {
        let (action, rest) = str::strip_prefix(line, "order ")?.split_once(" '")?;
        let body = rest.split_once('\'')?.0;
        Some((action, serde_json::from_str(body).expect(body)))
    };
    block.lines().filter_map(order).collect()
}

/// Sends what the page's function `order` does.
async fn order(page: &Page, to: SocketAddr, action: &str, body: &Value) -> Value {
    let between = |from: &str, to: &str| {
        let rest = page.text().split_once(from).expect(from).1;
        rest.split_once(to).expect(to).0.to_owned()
    };
    let path = format!("{}/{action}", between("\"http://127.0.0.1:9902", "/$1\""));
    let token = between("-H \"authorization: ", "\"").replace("$TOKEN", TOKEN);
    let call = Call::post_json(&path, body).header("authorization", token);
    let answer = patiently("an answer", Client::http1(to).send(&call)).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn the_window_opens_by_order_and_ends_by_order_or_by_itself() -> Outcome {
    let provider = Simulator::start().await?;
    let recipe = Recipe::new("maintenance.yaml").provider(OPENAI, provider.address());
    let kitchen = Kitchen::start("maintenance", recipe).await?;
    // A breaker is there with its first call.
    kitchen.reach(1, &Call::chat(), 200).await;
    let status = kitchen.envoy.address_of(STATUS);
    let page = &kitchen.page;
    let blocks = page.blocks("sh");
    let orders: Vec<_> = blocks.iter().flat_map(|block| orders(block)).collect();
    let [(open, window), (end, afterwards)] = orders.as_slice() else { panic!("{orders:?}") };

    let breaker = order(page, status, open, window).await;
    assert_eq!(
        (&breaker["mode"], &breaker["override"]["user"]),
        (&"forced_open".into(), &window["user"])
    );
    let blocked = kitchen.send(&Call::chat()).await;
    assert_blocked(&blocked);
    assert_eq!(provider.calls(), 1);
    kitchen.assert_seen(&[&blocked]).await;

    assert_eq!(order(page, status, end, afterwards).await["mode"], "enforce");
    kitchen.reach(1, &Call::chat(), 200).await;

    // Nobody needs to be there when it is over.
    let mut window = window.clone();
    window["duration"] = "1s".into();
    order(page, status, open, &window).await;
    kitchen.until(OPENAI, "mode", &[], 0.0).await;
    kitchen.reach(1, &Call::chat(), 200).await;
    Ok(())
}
