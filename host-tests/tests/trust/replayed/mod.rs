//! Does a replay of the access log do what the live breakers did? Two workers, breakers that watch, mixed
//! traffic and all kinds of faults: transition for transition.

mod traffic;
mod transitions;

use std::io::Cursor;
use std::time::Duration;

use llm_breaker::config::Config;
use llm_breaker::replay::log::{Options, Reader, Reading};
use llm_breaker::replay::{Candidate, Findings, Replay};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Route};
use llm_breaker_host_tests::simulator::Simulator;
use serde_json::{Value, json};

use crate::Outcome;
use crate::amount::{amount, seed};
use traffic::{TEAM, Traffic};

/// The cluster whose calls have two breakers each.
const SHARED: &str = "shared";

/// How long there is traffic.
fn duration() -> Duration {
    Duration::from_secs(amount(45, 600))
}

/// Times so short that each fault opens a breaker, and each pause closes it.
fn configuration() -> Value {
    json!({
        "defaults": {
            "mode": "shadow",
            "window": {"type": "time", "duration": "5s", "buckets": 10},
            "trip": {"consecutive_failures": 5, "failure_rate": 0.4, "slow_rate": 0.8, "minimum_calls": 10},
            "open": {"base": "0.5s", "max": "2s", "jitter": 0.5, "quota": "1s", "reset_after": "3s"},
            "limits": {"first_token": "1s", "total": "1.5s"},
            "slow": {"total": "0.25s"},
        },
        "breakers": [{
            "cluster": SHARED,
            "key_by": {"header": TEAM, "values": ["search", "chat"]},
            "ramp": "1s",
            "half_open": {"probes": 2, "successes": 2, "lease": "1s"},
        }],
    })
}

#[tokio::test]
async fn a_replay_does_what_the_live_breakers_did() -> Outcome {
    let mut providers = [Simulator::start().await?, Simulator::start().await?];
    let [one, two] = &providers;
    let route = Route::to(SHARED).header("x-side", SHARED);
    let listener =
        Listener::default().configuration(&configuration()).route(route).route(Route::to(OPENAI));
    let envoy = Envoy::builder()
        .workers(2)
        .cluster(Cluster::at(OPENAI, one.address()))
        .cluster(Cluster::at(SHARED, two.address()))
        .listener(listener)
        .start()
        .await?;
    let sent = Traffic::new(envoy.address(), seed()).run(&mut providers, duration()).await?;
    let log =
        envoy.access_log().wait_for_count(sent, |line| line.contains("\"llm_breaker\":{")).await;
    assert_eq!(log.len(), sent, "each call leaves a line");

    // For whoever looks into a difference with the command.
    let left = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("replayed");
    std::fs::create_dir_all(&left)?;
    std::fs::write(left.join("access.log"), log.join("\n"))?;
    std::fs::write(left.join("envoy.log"), envoy.log().lines().join("\n"))?;
    std::fs::write(left.join("configuration.json"), configuration().to_string())?;

    let (findings, reading) = replay(&log);
    assert_eq!((reading.calls, reading.skipped.total()), (sent as u64, 0), "{}", reading.skipped);
    let live = transitions::live(&envoy.log().lines());
    let replayed = transitions::replayed(&findings);
    println!(
        "{sent} calls, {} transitions of {} breakers",
        live.values().map(Vec::len).sum::<usize>(),
        live.len()
    );
    transitions::assert_same(&live, &replayed);
    Ok(())
}

fn replay(log: &[String]) -> (Findings, Reading) {
    let config = Config::parse(configuration().to_string().as_bytes()).expect("a configuration");
    let mut replay = Replay::new(vec![Candidate { name: "live".into(), config }]);
    let mut reader = Reader::new(Options::default());
    reader.read("access.log", Cursor::new(log.join("\n")), &mut replay);
    let reading = reader.finish(&mut replay);
    (replay.finish(), reading)
}
