//! Whatever a client or an upstream sends, no VM ends, good requests are served as ever, and the
//! memory stays where it was.

mod attack;
mod http2;
mod odd_upstream;
mod raw;
mod stage;
mod upgrades;

use std::collections::BTreeMap;

use fastrand::Rng;
use tokio::task::JoinSet;

pub(crate) use self::attack::Kind;
pub(crate) use self::stage::Stage;
use crate::Outcome;
use crate::amount::{amount, seed};

/// Attacks at the same time.
const AT_ONCE: usize = 24;
/// One good request to so many attacks.
const GOOD_EVERY: usize = 20;
/// Far more than repeated runs differ by, far less than what so many requests would leave if each
/// left a hundred bytes.
const MARGIN_MIB: f64 = 10.0;

/// How often each kind was answered how; no status is none that was waited for.
type Answers = BTreeMap<(Kind, Option<u16>), usize>;

/// Attacks until so many requests were sent, a good one after every few, which is to be served;
/// returns how many of these there were.
async fn attack(stage: &Stage, rng: &mut Rng, requests: usize) -> Outcome<(Answers, usize)> {
    let (mut answers, mut good) = (Answers::new(), 0);
    let (mut attacking, mut sent) = (JoinSet::new(), 0);
    while sent < requests {
        if attacking.len() == AT_ONCE {
            let done = attacking.join_next().await.ok_or("nothing to wait for")??;
            *answers.entry(done).or_default() += 1;
        }
        let (kind, target) = (Kind::random(rng), stage.target(rng));
        sent += kind.requests();
        attacking.spawn(kind.attack(target, Rng::with_seed(rng.u64(..))));
        if rng.usize(..GOOD_EVERY) == 0 {
            stage.assert_serves(rng).await;
            good += 1;
        }
    }
    for done in attacking.join_all().await {
        *answers.entry(done).or_default() += 1;
    }
    Ok((answers, good))
}

fn print(answers: &Answers) {
    let mut by_kind: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for ((kind, status), count) in answers {
        let status = status.map_or("-".to_owned(), |status| status.to_string());
        by_kind.entry(*kind).or_default().push(format!("{count} × {status}"));
    }
    for (kind, counts) in by_kind {
        println!("  {:<18} {}", format!("{kind:?}"), counts.join(", "));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_ends_a_vm_or_harms_another() -> Outcome {
    let stage = Stage::start().await?;
    let mut rng = Rng::with_seed(seed());
    let requests = amount(4_000, 100_000);
    let idle = stage.idle_connections(50).await?;
    let started = stage.vms().await;
    // All kinds have come several times, and every buffer has been as large as it gets.
    let (_, warm) = attack(&stage, &mut rng, requests / 4).await?;
    let before = (stage.envoy.resident_mib()?, stage.envoy.linear_memories_mib()?);
    let (answers, good) = attack(&stage, &mut rng, requests).await?;
    let after = (stage.envoy.resident_mib()?, stage.envoy.linear_memories_mib()?);
    drop(idle);

    println!(
        "{requests} hostile requests after {} to warm up; good ones served: {}; \
         resident {:.1} → {:.1} MiB, linear memories {:.2} → {:.2} MiB",
        requests / 4,
        warm + good,
        before.0,
        after.0,
        before.1,
        after.1
    );
    print(&answers);
    stage.assert_unharmed(&started).await;
    assert!(after.0 <= before.0 + MARGIN_MIB, "SEED={}", seed());
    assert!(after.1 <= before.1 + 1.0, "SEED={}", seed());
    Ok(())
}
