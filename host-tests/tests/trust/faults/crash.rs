//! A VM that crashes ends the streams that it has, and no other; what breakers know stays.

use llm_breaker_host_tests::client::{Answer, Call, Ending, OpenAnswer};
use llm_breaker_host_tests::envoy::{CrashingModule, Listener};
use llm_breaker_host_tests::patience::{POLL_INTERVAL, patiently};
use llm_breaker_host_tests::simulator::Behaviour;
use serde_json::json;
use tokio::task::JoinSet;

use super::{DEAD, Scene, configuration, sided, without_body};
use crate::Outcome;
use crate::amount::amount;

const STREAMS: usize = 60;

async fn scene(module: &CrashingModule, workers: u32) -> Outcome<Scene> {
    let listener = Listener::default()
        .module(module.path())
        .configuration(&configuration(5))
        // So that every worker has its share of the streams.
        .patch(json!({"connection_balance_config": {"exact_balance": {}}}));
    Scene::start(|envoy| envoy.workers(workers).listener(sided(listener, &[DEAD]))).await
}

/// Streams that have begun and wait for their end.
async fn open(scene: &Scene) -> Vec<OpenAnswer> {
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS {
        let client = scene.envoy.client();
        opening.spawn(async move {
            let mut stream = client.open(&without_body()).await.expect("a stream");
            assert!(stream.next().await.is_some());
            stream
        });
    }
    patiently("all streams", opening.join_all()).await
}

/// Connections by worker.
async fn connections(scene: &Scene, workers: u32) -> Vec<u64> {
    let mut counts = Vec::new();
    for worker in 0..workers {
        // By the port that was asked for: any.
        let name = format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_active");
        counts.push(scene.envoy.counter(&name).await);
    }
    counts
}

async fn until_crashes(scene: &Scene, count: usize) {
    scene.envoy.log().wait_for_count(count, |line| line.contains("panicked at")).await;
}

/// One crash among streams in flight; how many it ended, and how many each worker had.
async fn crash(scene: &Scene, workers: u32, number: usize) -> Outcome<(usize, Vec<u64>)> {
    scene.provider.behave(Behaviour::hang_after(1));
    let streams = open(scene).await;
    let on_workers = connections(scene, workers).await;
    let crashing = scene.envoy.client();
    let crashing = tokio::spawn(async move { crashing.send(&Call::chat()).await });
    until_crashes(scene, number).await;
    let answer = patiently("the crashing call's answer", crashing).await??;
    assert_eq!(answer.status, 503);
    scene.provider.behave(Behaviour::Healthy);
    scene.provider.release();
    let mut ending = JoinSet::new();
    for stream in streams {
        ending.spawn(stream.read_to_end());
    }
    let answers = patiently("the streams' ends", ending.join_all()).await;
    let is_whole = |answer: &&Answer| {
        answer.ending == Ending::Whole && answer.text().ends_with("data: [DONE]\n\n")
    };
    let whole = answers.iter().filter(is_whole).count();
    assert!(
        answers.iter().filter(|it| it.ending == Ending::Whole).count() == whole,
        "half an answer"
    );
    Ok((STREAMS - whole, on_workers))
}

async fn crashes(workers: u32) -> Outcome {
    let module = CrashingModule::make()?;
    let scene = scene(&module, workers).await?;
    for number in 1..=amount(2, 6) {
        let (lost, on_workers) = crash(&scene, workers, number).await?;
        println!(
            "{workers} workers, crash {number}: {lost} of {STREAMS} streams lost; by worker {on_workers:?}"
        );
        // No more than one worker had, whichever it was: nothing that another had.
        assert!(on_workers.iter().any(|&count| lost as u64 <= count), "{lost} of {on_workers:?}");
        until_served(&scene).await;
        scene.assert_lost_nothing().await;
    }
    Ok(())
}

/// Until it has a fresh VM, a worker answers 503 by itself.
async fn until_served(scene: &Scene) {
    let served = async {
        let is_served = |answer: &Answer| answer.status == 200;
        while !scene.envoy.client().burst(20, &without_body()).await.iter().all(is_served) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    patiently("fresh VMs", served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_ends_the_streams_of_its_worker_and_no_other() -> Outcome {
    for workers in amount(&[2][..], &[1, 2, 4]) {
        crashes(*workers).await?;
    }
    Ok(())
}
