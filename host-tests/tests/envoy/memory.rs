//! Many streams and long ones take no more memory of the real Envoy with the filter than without.
//!
//! What the module itself takes is measured to the byte on the other host; here it is the whole
//! process, whose allocators round and keep what they have, hence the margins.

use llm_breaker_host_tests::client::{Call, Client, Ending, OpenAnswer};
use llm_breaker_host_tests::envoy::Listener;
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Chunk, StreamEnd};
use serde_json::json;
use tokio::task::JoinSet;

use crate::scene::{Outcome, Scene};

/// Far more than repeated runs differ by, far less than a stream that is kept.
const MARGIN_MIB: f64 = 8.0;
const STREAMS: usize = 1000;

/// An Envoy with one worker whose first listener has the filter or has it not.
async fn scene(is_filtered: bool) -> Outcome<Scene> {
    let plain = || Listener::new("plain").without_plugin();
    Scene::start_as(|envoy| {
        envoy.workers(1).listener(if is_filtered { Listener::default() } else { plain() })
    })
    .await
}

/// Opens streams at once, each with its first event received.
async fn open(client: Client, count: usize) -> Vec<OpenAnswer> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        opening.spawn(async move {
            let mut stream = client.open(&Call::streamed_chat()).await.expect("a stream");
            assert!(stream.next().await.is_some());
            stream
        });
    }
    patiently("all streams", opening.join_all()).await
}

/// By how much a thousand live streams let the process grow, in MiB.
async fn growth_by_streams(is_filtered: bool) -> Outcome<f64> {
    let scene = scene(is_filtered).await?;
    scene.provider.behave(Behaviour::hang_after(1));
    let warm = open(scene.envoy.client(), 10).await;
    let before = scene.envoy.resident_mib()?;
    let streams = open(scene.envoy.client(), STREAMS).await;
    scene.provider.wait_for_in_flight(STREAMS + 10).await;
    let growth = scene.envoy.resident_mib()? - before;
    scene.provider.release();
    for stream in warm.into_iter().chain(streams) {
        assert_eq!(patiently("an end", stream.read_to_end()).await.ending, Ending::Whole);
    }
    if is_filtered {
        scene.until_outcomes("success", STREAMS + 10).await;
    }
    Ok(growth)
}

#[tokio::test]
async fn a_thousand_live_streams_take_little_more_than_without_the_filter() -> Outcome {
    let (plain, filtered) = (growth_by_streams(false).await?, growth_by_streams(true).await?);
    println!(
        "{STREAMS} live streams let Envoy grow by {filtered:.1} MiB with the filter, by \
         {plain:.1} MiB without"
    );
    assert!(filtered <= plain + 4.0 + MARGIN_MIB);
    Ok(())
}

#[tokio::test]
async fn a_stream_of_50_mb_leaves_the_memory_where_it_was() -> Outcome {
    let scene = scene(true).await?;
    let event = format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {"content": "Hello, world"}}]})
    );
    let piece = event.repeat((1 << 20) / event.len());
    let stream = |pieces| {
        let chunks = (0..pieces).map(|_| Chunk::now(piece.clone()));
        Behaviour::script(chunks, StreamEnd::Done)
    };
    let mut readings = Vec::new();
    for pieces in [4, 50] {
        scene.provider.queue([stream(pieces)]);
        let mut stream = scene.envoy.client().open(&Call::streamed_chat()).await?;
        let mut bytes = 0;
        while let Some(came) = patiently("more", stream.next()).await {
            bytes += came.len();
        }
        assert!(bytes > pieces * piece.len());
        readings.push(scene.envoy.resident_mib()?);
    }
    let (before, after) = (readings[0], readings[1]);
    println!("Envoy has {before:.1} MiB before a stream of 50 MB and {after:.1} MiB after it");
    assert!(after <= before + MARGIN_MIB);
    scene.until_outcomes("success", 2).await;
    Ok(())
}
