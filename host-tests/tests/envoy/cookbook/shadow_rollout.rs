//! `docs/cookbook/shadow-rollout.md`: from `shadow` to `enforce` by files, under load.

use std::path::Path;
use std::process::Command;

use llm_breaker::config::Config;
use llm_breaker::replay::log::{Options, Reader};
use llm_breaker::replay::{Candidate, Replay, text};
use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{OPENAI, Recipe};
use llm_breaker_host_tests::load::Load;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};

use serde_json::Value;

use super::kitchen::Kitchen;
use super::page::workspace;
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

/// What a replay of these lines prints, under the configuration that the recipe watches with.
fn replayed(lines: &[String]) -> String {
    let filter = workspace().join("envoy/cookbook/dynamic/filter.yaml");
    let resource: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(filter).expect("a file")).expect("YAML");
    let document = &resource["resources"][0]["typed_config"]["config"]["configuration"]["value"];
    let config = Config::parse(document.to_string().as_bytes()).expect("a configuration");
    let mut replay = Replay::new(vec![Candidate { name: "filter.yaml".into(), config }]);
    let mut reader = Reader::new(Options::default());
    reader.read("access.log", lines.join("\n").as_bytes(), &mut replay);
    let reading = reader.finish(&mut replay);
    text(&replay.finish(), &reading)
}

#[tokio::test]
async fn its_log_tells_what_enforcing_would_have_done() -> Outcome {
    let provider = Simulator::start().await?;
    let kitchen = start(&provider).await?;
    provider.behave(Behaviour::status(500));
    kitchen.reach(8, &Call::chat(), 500).await;
    let is_record = |line: &str| line.contains(r#""admission":"#);
    let lines = kitchen.envoy.access_log().wait_for_count(8, is_record).await;
    let printed = replayed(&lines);
    let blocks = kitchen.page.blocks("text");
    let shown = blocks.iter().find(|block| block.starts_with("  ")).expect("what replay prints");
    assert!(printed.contains(shown.trim_end()), "{printed}");
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
