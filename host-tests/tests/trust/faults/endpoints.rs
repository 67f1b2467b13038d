//! Endpoints that come and go under one cluster's name: it is one breaker all the time.

use std::time::Duration;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Listener, OPENAI, ResourceFile};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Simulator;

use super::names::Names;
use super::{DEAD, Scene, assert_each_counted_once, configuration, sided};
use crate::Outcome;
use crate::amount::amount;
use crate::load::Load;

const CALLERS: usize = 12;

fn listener() -> Listener {
    sided(Listener::default().configuration(&configuration(5)), &[DEAD])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_churn_cost_no_call() -> Outcome {
    let (left, right) = (Simulator::start().await?, Simulator::start().await?);
    let (one, other) = (left.address(), right.address());
    let mut file = ResourceFile::new()?;
    file.put_endpoints(OPENAI, &[one])?;
    let churning = Cluster::at(OPENAI, one).patch(file.endpoints());
    let scene = Scene::start(|envoy| envoy.replace_cluster(churning).listener(listener())).await?;
    let calls = [Call::chat(), Call::streamed_chat()];
    let load = Load::start(scene.envoy.address(), &calls, CALLERS);
    let sets = [vec![other], vec![one, other], vec![one]];
    let updates = format!("cluster.{}.update_success", OPENAI);
    for number in 0..amount(12, 200) {
        let before = scene.envoy.counter(&escaped(&updates)).await;
        file.put_endpoints(OPENAI, &sets[number % sets.len()])?;
        let taken = async {
            while scene.envoy.counter(&escaped(&updates)).await == before {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently("new endpoints", taken).await;
        load.more(CALLERS).await;
    }
    let results = load.stop().await;
    println!("endpoints churning: {results}; {} and {} reached", left.calls(), right.calls());
    results.assert_all_whole();
    assert!(left.calls() > 0 && right.calls() > 0);
    assert_eq!(results.whole.keys().collect::<Vec<_>>(), [&200]);
    assert_each_counted_once(&scene.envoy, &results, 4).await;
    scene.assert_lost_nothing().await;
    Ok(())
}

/// As a regular expression.
fn escaped(name: &str) -> String {
    name.replace('|', "%5C%7C")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_moves_and_goes_away_costs_no_call() -> Outcome {
    // One port on both addresses: the name has either of them, both, or none.
    let everywhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let provider = Simulator::start_on(everywhere).await?;
    let names = Names::start().await?;
    names.say(&[[127, 0, 0, 1]]);
    let cluster = Cluster::resolved_by(OPENAI, names.address(), provider.address().port());
    let scene = Scene::start(|envoy| envoy.replace_cluster(cluster).listener(listener())).await?;
    scene.until_healed().await;
    let load = Load::start(scene.envoy.address(), &[Call::chat(), Call::streamed_chat()], CALLERS);
    let sets: [&[[u8; 4]]; 4] =
        [&[[127, 0, 0, 2]], &[[127, 0, 0, 1], [127, 0, 0, 2]], &[], &[[127, 0, 0, 1]]];
    for number in 0..amount(8, 80) {
        names.say(sets[number % sets.len()]);
        names.asked_again().await;
        load.more(CALLERS).await;
    }
    names.say(&[[127, 0, 0, 1]]);
    let results = load.stop().await;
    println!("a name moving and going away: {results}; {} questions", names.questions());
    results.assert_all_whole();
    tokio::time::sleep(Duration::from_millis(100)).await;
    scene.until_healed().await;
    scene.assert_lost_nothing().await;
    Ok(())
}
