//! Every query that ships (dashboard, rules, runbook) is asked of a real Prometheus that scrapes a
//! real Envoy through every fault: it must answer, with values, and name only stats that exist.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::envoy::{
    Cluster, Envoy, Listener, OPENAI, Route, StartError, built_module,
};
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL};
use llm_breaker_host_tests::prometheus::{AlertState, Pace, Prometheus};
use llm_breaker_host_tests::simulator::Simulator;
use llm_breaker_host_tests::site::{Fault, MODELS, Plan, SPARE, Site, WATCHED};
use serde_json::json;

use crate::Outcome;
use crate::dashboard::{Dashboard, Kind, Query};
use crate::{rules, runbook};

/// How long a fault lasts: several open times, so that probes go out into it.
const FAULT: Duration = Duration::from_millis(1500);

/// Workers need not collide for the rest to be tested.
const CONFLICTS: &str = "llm_circuit_breaker_shared_state_conflicts_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_that_ships_has_an_answer_where_there_is_traffic() -> Outcome {
    let site = Site::start(Plan::FOR_TESTS).await?;
    let crowded = Crowded::start().await?;
    let targets = [site.envoy.admin_address(), crowded.envoy.admin_address()];
    let prometheus = Prometheus::start(&targets, 0, Pace::FOR_TESTS).await?;
    let _callers = site.callers(Duration::from_millis(20));
    let faults = async {
        for fault in Fault::CYCLE.into_iter().cycle() {
            site.suffer(fault);
            tokio::time::sleep(FAULT).await;
        }
    };
    let misfortunes = async {
        loop {
            crowded.call_all_and_damage_one().await.expect("answers of the crowded Envoy");
            tokio::time::sleep(FAULT).await;
        }
    };
    let dashboard = Dashboard::shipped()?;
    let mut queries = dashboard.queries();
    queries.extend(rules::recorded()?);
    queries.extend(runbook::queries()?);
    tokio::select! {
        () = faults => unreachable!("the cycle of faults has no end"),
        () = misfortunes => unreachable!("a loop without an end"),
        judged = async {
            all_answer(&prometheus, &dashboard, &queries).await?;
            all_stats_exist(&prometheus, &queries).await?;
            alerts_fire(&prometheus).await
        } => judged?,
    }
    variables_resolve(&prometheus, &dashboard).await
}

/// Asks again and again until each query had an answer once: a breaker has an open time only while
/// it is open.
async fn all_answer(prometheus: &Prometheus, dashboard: &Dashboard, queries: &[Query]) -> Outcome {
    let mut unanswered: Vec<&Query> = queries.iter().collect();
    let asking = async {
        while !unanswered.is_empty() {
            let mut still = Vec::new();
            for query in unanswered.drain(..) {
                if !answers(prometheus, &dashboard.everything(&query.expression), query).await? {
                    still.push(query);
                }
            }
            unanswered = still;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Outcome::Ok(())
    };
    // Several rounds of all faults.
    match tokio::time::timeout(2 * PATIENCE, asking).await {
        Ok(asked) => asked,
        Err(_) => panic!("without an answer: {unanswered:#?}"),
    }
}

async fn answers(prometheus: &Prometheus, expression: &str, query: &Query) -> Outcome<bool> {
    let answer = match query.kind {
        Kind::Instant => prometheus.query(expression).await,
        Kind::Range => {
            let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
            prometheus.query_range(expression, (now - 60.0, now), 1.0).await
        }
    };
    let answer = answer.map_err(|refused| format!("{}: {refused}\n{expression}", query.place))?;
    Ok(!answer.is_empty())
}

/// What an alert asks for is mostly absent, but has to be understood; and some fire by what goes on.
async fn alerts_fire(prometheus: &Prometheus) -> Outcome {
    for alert in rules::alerts()? {
        let expression = alert["expr"].as_str().expect("an expression");
        prometheus.query(expression).await.map_err(|refused| format!("{alert}: {refused}"))?;
    }
    for name in ["Open", "QuotaExhausted", "WouldBlock", "Overflow", "SharedStateReset"] {
        prometheus.wait_for_alert(&format!("LLMBreaker{name}"), AlertState::Firing).await;
    }
    Ok(())
}

/// Where a query falls back to 0, it has an answer whatever it names: wait until all of that exists.
async fn all_stats_exist(prometheus: &Prometheus, queries: &[Query]) -> Outcome {
    let alerts = rules::alerts()?;
    let expressions = alerts.iter().map(|alert| alert["expr"].as_str().expect("an expression"));
    let expressions = expressions.chain(queries.iter().map(|query| query.expression.as_str()));
    let mut missing: BTreeSet<_> = expressions.flat_map(stats_named_in).collect();
    missing.remove(CONFLICTS);
    let looking = async {
        while !missing.is_empty() {
            for name in prometheus.label_values("__name__", None).await? {
                missing.remove(name.as_str());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Outcome::Ok(())
    };
    match tokio::time::timeout(2 * PATIENCE, looking).await {
        Ok(looked) => looked,
        Err(_) => panic!("nobody tells {missing:?}"),
    }
}

/// The filter's stats, the VM's and those that rules record.
fn stats_named_in(expression: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let is_stat = |name: &&str| {
        let is_whole = !name.ends_with('_') && !name.ends_with(':');
        is_whole && (name.contains("llm_circuit_breaker_") || name.starts_with("envoy_"))
    };
    expression.split(move |character| !is_part(character)).filter(is_stat)
}

async fn variables_resolve(prometheus: &Prometheus, dashboard: &Dashboard) -> Outcome {
    let expected = [
        ("job", vec!["llm-breaker"]),
        ("cluster", vec![OPENAI, SPARE, WATCHED, Crowded::KNOWN]),
        ("model", [&MODELS[..], &["other"]].concat()),
    ];
    for (name, expected) in expected {
        let (selector, label) = dashboard.variable(name);
        let selector = dashboard.everything(&selector);
        let values = prometheus.label_values(&label, Some(&selector)).await?;
        let values: BTreeSet<_> = values.iter().map(String::as_str).collect();
        assert_eq!(values, expected.into_iter().collect(), "{name}");
    }
    // A provider's name and a glob, each as Grafana writes it into a query.
    let query = dashboard.query_of("State");
    let chosen = [("job", "llm-breaker"), ("cluster", OPENAI), ("model", MODELS[1])];
    let series = prometheus.query(&dashboard.with(&query.expression, &chosen)).await?;
    assert_eq!(series.len(), 1, "{series:?}");
    assert_eq!(
        (&*series[0].labels["llm_cluster"], &*series[0].labels["llm_model"]),
        (OPENAI, "o3*")
    );
    Ok(())
}

/// An Envoy with fewer breakers than clusters, whose shared data somebody else writes to.
struct Crowded {
    envoy: Envoy,
    _upstream: Simulator,
}

impl Crowded {
    /// The cluster that has the only breaker.
    const KNOWN: &str = "known";
    const FURTHER: &str = "further";

    async fn start() -> Outcome<Self> {
        let upstream = Simulator::start().await?;
        let vandal = Listener::new("vandal")
            .module(&built_module("vandal"))
            .plugin_patch(json!({"vm_config": {"vm_id": "llm-breaker"}}));
        let listener = Listener::default()
            .route(Route::to(Self::FURTHER).header("x-provider", Self::FURTHER))
            .route(Route::to(Self::KNOWN))
            .configuration(&json!({"max_breakers": 1}));
        let envoy: Result<Envoy, StartError> = Envoy::builder()
            .cluster(Cluster::at(Self::KNOWN, upstream.address()))
            .cluster(Cluster::at(Self::FURTHER, upstream.address()))
            .listener(listener)
            .listener(vandal)
            .start()
            .await;
        Ok(Self { envoy: envoy?, _upstream: upstream })
    }

    async fn call_all_and_damage_one(&self) -> Outcome {
        let known = self.envoy.client().send(&Call::chat()).await?;
        assert_eq!(known.status, 200);
        let further = Call::chat().header("x-provider", Self::FURTHER);
        assert_eq!(self.envoy.client().send(&further).await?.status, 200);
        let record = llm_breaker::shared::breaker_key(Self::KNOWN);
        let damage = Call::get("/").header("x-key", record).header("x-kind", "text");
        let vandal = Client::http1(self.envoy.address_of("vandal"));
        assert_eq!(vandal.send(&damage).await?.text(), "done");
        Ok(())
    }
}
