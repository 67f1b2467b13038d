//! What can happen to a store, and how a test does it.

use std::time::{Duration, Instant};

use llm_breaker_host_tests::etcd::Etcd;

use crate::Outcome;
use crate::amount::{amount, is_all};
use crate::stage::{FACTS, Fleet};

/// Within which a store that answers no more is to be noticed.
const NOTICED: Duration = Duration::from_secs(5);
/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(10);
const ANOTHERS: &str = "/another/application/";
const FOREIGN: &str = "foreign/domain/";

/// What is done to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    Stopped,
    Frozen,
    Wiped,
    Restarted,
    Compacted,
    Garbage,
    ForeignKeys,
}

/// In this order, since what one leaves behind the next ones meet, until the store is wiped.
pub(crate) const FAULTS: [Fault; 8] = [
    Fault::Nothing,
    Fault::Stopped,
    Fault::Frozen,
    Fault::Restarted,
    Fault::Compacted,
    Fault::Garbage,
    Fault::ForeignKeys,
    Fault::Wiped,
];

/// Keys and values that no proxy would write.
pub(crate) const GARBAGE: [(&str, &str); 12] = [
    ("/llm-breaker/v1/acme/", "{}"),
    ("/llm-breaker/v1/acme/x", "{\"state\":\"open\"}"),
    ("/llm-breaker/v1/acme/x/y/z/too/long", "{\"state\":\"open\"}"),
    ("/llm-breaker/v1/acme/%zz/y/z", "{\"state\":\"open\"}"),
    ("/llm-breaker/v1/acme/provider-0/evil/1", "not JSON"),
    (
        "/llm-breaker/v1/acme/provider-0/evil/2",
        "{\"state\":\"open\",\"basis\":\"announced\",\"remaining_ms\":-1}",
    ),
    (
        "/llm-breaker/v1/acme/provider-0/evil/3",
        "{\"state\":\"open\",\"basis\":\"announced\",\"remaining_ms\":1e400}",
    ),
    ("/llm-breaker/v1/acme/provider-0/evil/4", "{\"state\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    ("/llm-breaker/v1/acme/provider-0/evil/5", "{\"state\":\"ajar\"}"),
    ("/llm-breaker/turn/v1/acme/provider-0/x", "nobody"),
    ("/llm-breaker/override/v1/acme/provider-0", "{\"mode\":\"everything\"}"),
    ("/llm-breaker/override/v1/acme/nobody", "{\"mode\":\"forced_open\",\"remaining_ms\":600000}"),
];

impl Fault {
    /// Whether the proxies are without a store meanwhile.
    pub(crate) const fn is_absence(self) -> bool {
        matches!(self, Self::Stopped | Self::Frozen | Self::Wiped)
    }

    /// Does it.
    pub(crate) async fn begin(self, etcd: &mut Etcd) -> Outcome {
        match self {
            Self::Nothing => {}
            Self::Stopped | Self::Restarted => etcd.stop().await?,
            Self::Frozen => etcd.freeze().await?,
            Self::Wiped => etcd.wipe().await?,
            Self::Compacted => etcd.control().compact().await?,
            Self::Garbage => {
                for (key, value) in GARBAGE {
                    etcd.control().put(key, value).await?;
                }
                let long = format!("{FACTS}provider-0/evil/long-");
                etcd.fill(&long, 1, &"x".repeat(100_000)).await?;
            }
            Self::ForeignKeys => {
                // Half of them look like those of breakers that nobody here has.
                let value = r#"{"state":"open","basis":"observed","remaining_ms":60000}"#;
                let half = amount(10_000, 100_000) / 2;
                etcd.fill(ANOTHERS, half, value).await?;
                etcd.fill(&format!("{FACTS}{FOREIGN}"), half, value).await?;
            }
        }
        Ok(())
    }

    /// Ends it, as far as it does not stay.
    pub(crate) async fn end(self, etcd: &mut Etcd) -> Outcome {
        match self {
            Self::Stopped | Self::Wiped | Self::Restarted => etcd.start_again().await?,
            Self::Frozen => etcd.thaw().await?,
            Self::Nothing | Self::Compacted | Self::Garbage | Self::ForeignKeys => {}
        }
        Ok(())
    }
}

/// Every proxy knows that it has no store.
pub(crate) async fn until_noticed(fault: Fault, fleet: &Fleet) {
    let since = Instant::now();
    let mut took = Vec::new();
    for proxy in &fleet.proxies {
        proxy.until_connected(false).await;
        took.push(since.elapsed());
    }
    println!("{fault:?}: the proxies know after {took:.2?} that there is no store");
    let limit = if is_all() { NOTICED } else { NOTICED + MARGIN };
    for (proxy, took) in fleet.proxies.iter().zip(took) {
        assert!(took <= limit, "{}: {took:?}\n{}", proxy.name, proxy.show().await);
    }
}
