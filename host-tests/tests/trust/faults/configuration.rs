//! New configurations under load: filters by ECDS, listeners by LDS, whose old ones drain.

use std::time::Duration;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Listener, ResourceFile, Update};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;

use super::{DEAD, Scene, assert_each_counted_once, configuration, sided};
use crate::Outcome;
use crate::amount::amount;
use crate::load::{Load, Results};

const EVERY: Duration = Duration::from_secs(1);
/// Longer than any call here takes.
const DRAIN: Duration = Duration::from_secs(10);
/// Calls in flight at any time.
const IN_FLIGHT: usize = 500;
const CALL_MILLISECONDS: u64 = 1_500;
/// Of a thousand updates, each of which could leave a plugin, a listener or a VM behind.
const MARGIN_MIB: f64 = 16.0;

/// The configuration of that number: no two in a row are the same.
fn listener(number: u32) -> Listener {
    sided(Listener::default().configuration(&configuration(5 + number % 2)), &[DEAD])
}

/// How configurations reach Envoy.
enum Push {
    Listener,
    Filter(ResourceFile),
}

impl Push {
    async fn start(self, drain: Duration) -> Outcome<(Self, Scene)> {
        let listener = match &self {
            Self::Listener => listener(0),
            Self::Filter(file) => {
                let plain = Listener::default().without_plugin().filter_before(file.filter());
                sided(plain, &[DEAD])
            }
        };
        let shape = |envoy: llm_breaker_host_tests::envoy::Builder| {
            envoy.updatable().drain(drain).listener(listener)
        };
        Ok((self, Scene::start(shape).await?))
    }

    fn filter() -> Outcome<Self> {
        let mut file = ResourceFile::new()?;
        file.put_filter(&listener(0))?;
        Ok(Self::Filter(file))
    }

    /// Pushes the configuration of that number, and waits until Envoy has taken it.
    async fn push(&mut self, scene: &mut Scene, number: u32) -> Outcome {
        match self {
            Self::Listener => {
                assert_eq!(scene.envoy.update(listener(number)).await?, Update::Applied);
            }
            Self::Filter(file) => {
                let before = reloads(scene).await;
                file.put_filter(&listener(number))?;
                let taken = async {
                    while reloads(scene).await == before {
                        tokio::time::sleep(POLL_INTERVAL).await;
                    }
                };
                patiently("a filter update", taken).await;
            }
        }
        Ok(())
    }
}

async fn reloads(scene: &Scene) -> u64 {
    let name = "extension_config_discovery.http_filter.llm_breaker.config_reload";
    scene.envoy.counter(name).await
}

/// Hundreds of calls in flight, and a push every second.
async fn under_load(push: Push) -> Outcome<Results> {
    let (mut push, mut scene) = push.start(DRAIN).await?;
    scene.provider.behave(Behaviour::Healthy.after_milliseconds(CALL_MILLISECONDS));
    let load = Load::start(scene.envoy.address(), &[Call::chat(), Call::get("/")], IN_FLIGHT);
    scene.provider.wait_for_calls(IN_FLIGHT).await;
    let mut due = tokio::time::interval(EVERY);
    for number in 1..=amount(3, 30) {
        due.tick().await;
        push.push(&mut scene, number).await?;
        scene.assert_remembers().await;
    }
    let results = load.stop().await;
    let others = 4 + amount(3, 30);
    assert_each_counted_once(&scene.envoy, &results, others).await;
    scene.assert_lost_nothing().await;
    Ok(results)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_pushed_every_second_cost_no_call() -> Outcome {
    let results = under_load(Push::filter()?).await?;
    println!("ECDS every second, {IN_FLIGHT} in flight: {results}");
    results.assert_all_whole();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_pushed_every_second_cost_no_call() -> Outcome {
    let results = under_load(Push::Listener).await?;
    println!("LDS every second, {IN_FLIGHT} in flight: {results}");
    results.assert_all_whole();
    Ok(())
}

/// As many pushes as Envoy takes, one after the other, with some calls on the way.
async fn many(push: Push, what: &str) -> Outcome {
    let (mut push, mut scene) = push.start(DRAIN / 2).await?;
    let pushes = amount(40, 1_000);
    let load = Load::start(scene.envoy.address(), &[Call::chat(), Call::streamed_chat()], 2);
    let mut readings = Vec::new();
    for number in 1..=pushes {
        push.push(&mut scene, number).await?;
        if number % (pushes / 4) == 0 {
            readings.push((scene.envoy.resident_mib()?, scene.envoy.linear_memories_mib()?));
        }
    }
    let results = load.stop().await;
    println!(
        "{pushes} pushes by {what}: resident and linear memory in MiB {readings:.1?}; {results}"
    );
    results.assert_all_whole();
    scene.assert_lost_nothing().await;
    let (first, last) = (readings[0], readings[3]);
    assert!(last.0 <= first.0 + MARGIN_MIB && last.1 <= first.1 + 1.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_filters_leave_the_memory_where_it_was() -> Outcome {
    many(Push::filter()?, "ECDS").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_listeners_leave_the_memory_where_it_was() -> Outcome {
    many(Push::Listener, "LDS").await
}
