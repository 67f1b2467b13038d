//! `docs/cookbook/shadow-rollout.md`: from `shadow` to `enforce` by files, under load.

use std::path::Path;
use std::process::Command;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::load::Load;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};

use super::kitchen::Kitchen;
use crate::scene::{CLOSED, OPEN, Outcome, assert_blocked};

const FILTER: &str = "extension_config_discovery.http_filter.llm_breaker";
const CALLERS: usize = 20;

/// Runs what the page tells to type, where Envoy runs.
fn carry_out(block: &str, directory: &Path) {
    let output = Command::new("sh").args(["-ec", block]).current_dir(directory).output();
    let output = output.expect("a shell");
    assert!(output.status.success(), "{block}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until one of Envoy's own counters has moved beyond this.
async fn moved(kitchen: &Kitchen, counter: &str, before: u64) {
    patiently(counter, async {
        while kitchen.envoy.counter(counter).await <= before {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
    .await;
}

async fn start(provider: &Simulator) -> Outcome<Kitchen> {
    let recipe = Recipe::new("dynamic/bootstrap.yaml")
        .provider(OPENAI, provider.address())
        .discovers("llm_egress");
    Kitchen::start("shadow-rollout", recipe).await
}

/// The page's blocks that change a file.
fn changes(kitchen: &Kitchen) -> Vec<String> {
    let blocks = kitchen.page.blocks("sh").into_iter().filter(|it| it.contains("mv "));
    blocks.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enforcing_costs_no_call_and_what_was_learnt_stays() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider).await?;
    let [to_enforce, back, listener] = changes(&kitchen).try_into().expect("three changes");
    let directory = kitchen.envoy.directory();

    let load =
        Load::start(kitchen.envoy.address(), &[Call::chat(), Call::streamed_chat()], CALLERS);
    load.more(CALLERS).await;
    for (block, counter) in [
        (&to_enforce, format!("{FILTER}.config_reload")),
        (&back, format!("{FILTER}.config_reload")),
        (&listener, "listener_manager.listener_modified".to_owned()),
        (&to_enforce, format!("{FILTER}.config_reload")),
    ] {
        let before = kitchen.envoy.counter(&counter).await;
        carry_out(block, directory);
        moved(&kitchen, &counter, before).await;
        load.more(2 * CALLERS).await;
    }
    let results = load.stop().await;
    results.assert_all_whole();
    assert_eq!(results.whole.keys().collect::<Vec<_>>(), [&200]);
    kitchen.until(OPENAI, "mode", &[], 0.0).await;
    assert_eq!(kitchen.state(OPENAI).await, CLOSED);
    Ok(())
}

#[tokio::test]
async fn in_shadow_it_tells_what_it_would_do_and_then_does_it() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider).await?;
    provider.behave(Behaviour::status(500));
    kitchen.reach(8, &Call::chat(), 500).await;
    kitchen.assert_seen(&[]).await;

    carry_out(&changes(&kitchen)[0], kitchen.envoy.directory());
    kitchen.until(OPENAI, "mode", &[], 0.0).await;
    assert_eq!(kitchen.state(OPENAI).await, OPEN, "what it learnt in shadow");
    assert_blocked(&kitchen.send(&Call::chat()).await);
    assert_eq!(provider.calls(), 8);
    Ok(())
}

#[tokio::test]
async fn a_mistake_is_refused_and_the_old_configuration_goes_on() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider).await?;
    kitchen.reach(1, &Call::chat(), 200).await;
    let mistake = changes(&kitchen)[0].replace("mode: enforce", "mode: enforced");
    carry_out(&mistake, kitchen.envoy.directory());
    let says = |line: &str| line.contains("breakers[0].mode: \"enforced\"");
    kitchen.envoy.log().wait_for(says).await;
    kitchen.reach(3, &Call::chat(), 200).await;
    kitchen.until(OPENAI, "mode", &[], 1.0).await;
    Ok(())
}
