//! An Envoy that is drained ends what it has begun.

use std::time::Duration;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::Listener;
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use tokio::task::JoinSet;

use super::{DEAD, Scene, configuration, sided};
use crate::Outcome;
use crate::load::Load;

const STREAMS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_flight_end_and_new_ones_are_served_until_it_closes() -> Outcome {
    let listener = sided(Listener::default().configuration(&configuration(5)), &[DEAD]);
    let drain = Duration::from_secs(4);
    let scene = Scene::start(|envoy| envoy.drain(drain).listener(listener)).await?;
    scene.provider.behave(Behaviour::hang_after(1));
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        let client = scene.envoy.client();
        streams.spawn(async move {
            let mut stream = client.open(&Call::streamed_chat()).await.expect("a stream");
            assert!(stream.next().await.is_some());
            stream.read_to_end().await
        });
    }
    scene.provider.wait_for_in_flight(STREAMS).await;
    scene.provider.behave(Behaviour::Healthy);
    let load = Load::start(scene.envoy.address(), &[Call::chat()], 8);
    let drained =
        scene.envoy.admin(&Call::new(hyper::Method::POST, "/drain_listeners?graceful")).await;
    assert_eq!(drained.status, 200);
    load.more(100).await;
    let results = load.stop().await;
    scene.provider.release();
    let answers = patiently("the streams' ends", streams.join_all()).await;
    let whole = answers.iter().filter(|answer| answer.text().ends_with("data: [DONE]\n\n")).count();
    println!("drained: {whole} of {STREAMS} streams whole; meanwhile {results}");
    results.assert_all_whole();
    assert_eq!(whole, STREAMS);
    let closed = async {
        while scene.envoy.client().send(&Call::chat()).await.is_ok() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("the listener to close", closed).await;
    Ok(())
}
