//! What a client receives is the same with and without the filter: every byte, and when it comes.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::client::{Answer, Call, Client, Ending};
use llm_breaker_host_tests::envoy::Listener;
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Chunk, StreamEnd};
use serde_json::json;

use crate::scene::{Outcome, Scene, assert_reached};

const EVENTS: usize = 2000;
/// Of streams, one through each listener.
const ROUNDS: usize = 61;

/// One Envoy, one provider, and two ways from one to the other.
struct Ways {
    scene: Scene,
    filtered: Client,
    plain: Client,
}

impl Ways {
    async fn start() -> Outcome<Self> {
        let scene = Scene::start_as(|envoy| {
            envoy.listener(Listener::default()).listener(Listener::new("plain").without_plugin())
        })
        .await?;
        let filtered = Client::http1(scene.envoy.address());
        let plain = Client::http1(scene.envoy.address_of("plain"));
        Ok(Self { scene, filtered, plain })
    }
}

/// A completion of 2,000 events, no two of them alike.
fn events() -> Vec<String> {
    let event = |number| {
        let delta = json!({"content": format!("{number}: größer als €{number}")});
        let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
        format!("data: {}\n\n", json!({"object": "chat.completion.chunk", "choices": [choice]}))
    };
    let finish = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let end = [format!("data: {finish}\n\n"), "data: [DONE]\n\n".to_owned()];
    (0..EVENTS - end.len()).map(event).chain(end).collect()
}

/// Sends each event only after the one before it has been received: the client gets the last one
/// only if nothing holds any of them back, or waits for more.
async fn event_by_event(scene: &Scene, client: Client, events: &[String]) -> Outcome<Answer> {
    let chunks = events.iter().map(|event| Chunk::released(event.clone()));
    scene.provider.queue([Behaviour::script(chunks, StreamEnd::Silent)]);
    let mut stream = patiently("the headers", client.open(&Call::streamed_chat())).await?;
    for event in events {
        scene.provider.release();
        let came = patiently(&format!("{event:?}"), stream.next_bytes(event.len())).await;
        assert_eq!(came, event.as_bytes());
    }
    Ok(patiently("the end", stream.read_to_end()).await)
}

#[tokio::test]
async fn no_event_is_held_back() -> Outcome {
    let ways = Ways::start().await?;
    let events = events();
    let filtered = ways.scene.envoy.address();
    let mut rests = Vec::new();
    for client in [Client::http1(filtered), Client::http2(filtered), ways.plain] {
        let rest = event_by_event(&ways.scene, client, &events).await?;
        assert_reached(&rest, 200);
        assert_eq!((rest.ending, rest.text()), (Ending::Whole, String::new()));
        rests.push(rest);
    }
    let names = |rest: &Answer| -> Vec<_> { rest.headers.keys().cloned().collect() };
    assert_eq!(names(&rests[0]), names(&rests[2]));
    ways.scene.until_outcomes("success", 2).await;
    ways.scene.until("time_to_first_token_milliseconds_count", &[], 2.0).await;
    Ok(())
}

/// One stream as fast as it goes: its bytes, and when the first and the last of them came.
async fn timed(client: Client) -> Outcome<(Vec<u8>, Duration, Duration)> {
    let started = Instant::now();
    let mut stream = client.open(&Call::streamed_chat()).await?;
    let mut bytes = stream.next().await.unwrap_or_default().to_vec();
    let first = started.elapsed();
    let rest = stream.read_to_end().await;
    assert_eq!(rest.ending, Ending::Whole);
    bytes.extend_from_slice(&rest.body);
    Ok((bytes, first, started.elapsed()))
}

/// The middle one, in milliseconds.
fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = times.map(|seconds| seconds * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// By a millisecond on a quiet machine. On a busy one, where every hop takes its time, the way through
/// the filter may take twice as long as the one without it; a filter that waited for the end of the
/// stream would take ten times as long.
#[tokio::test]
async fn the_first_byte_is_not_noticeably_later() -> Outcome {
    let ways = Ways::start().await?;
    let events = events();
    let chunks = events.iter().map(|event| Chunk::now(event.clone()));
    ways.scene.provider.behave(Behaviour::script(chunks, StreamEnd::Silent));
    let text = events.concat();
    let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whatever else the machine does meets both alike: they alternate, and in turn go first.
        let (filtered, plain) = if round % 2 == 0 {
            let filtered = patiently("a stream", timed(ways.filtered)).await?;
            (filtered, patiently("a stream", timed(ways.plain)).await?)
        } else {
            let plain = patiently("a stream", timed(ways.plain)).await?;
            (patiently("a stream", timed(ways.filtered)).await?, plain)
        };
        assert!(filtered.0 == text.as_bytes() && plain.0 == text.as_bytes(), "round {round}");
        firsts.push([filtered.1, plain.1].map(|time| time.as_secs_f64()));
        lasts.push([filtered.2, plain.2].map(|time| time.as_secs_f64()));
    }
    let later = |pairs: &[[f64; 2]]| median(pairs.iter().map(|[filtered, plain]| filtered - plain));
    let without = |pairs: &[[f64; 2]]| median(pairs.iter().map(|[_, plain]| *plain));
    println!(
        "{EVENTS} events through the filter, median of {ROUNDS} pairs: the first byte {:+.3} ms \
         on {:.3} ms without it, the last {:+.3} ms on {:.3} ms",
        later(&firsts),
        without(&firsts),
        later(&lasts),
        without(&lasts),
    );
    assert!(later(&firsts) <= without(&firsts).max(1.0), "{} ms", later(&firsts));
    Ok(())
}
