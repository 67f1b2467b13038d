//! Who may say what: certificates, users and roles as `envoy/fleet/` has them.

use std::process::Stdio;

use llm_breaker_host_tests::envoy::{Cluster, OPENAI};
use llm_breaker_host_tests::etcd::{Certificates, Control, Etcd, etcdctl, shipped_folder};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Outcome;
use crate::stage::{CLOSED, Member, OPEN, Proxy, SCOPE, STORE};

const FACT: &str = "/llm-breaker/v1/acme/openai/gateway-1/gateway-1";

fn policy() -> Value {
    json!({"open": {"quota": "600s"}})
}

/// Runs the shipped script that makes users and roles, with these variables, for these proxies.
async fn make_users(etcd: &Etcd, variables: &[(&str, &str)], proxies: &[&str]) -> Outcome {
    let mut script = Command::new("sh");
    script.arg(shipped_folder().join("users.sh")).args(proxies);
    script.envs(etcd.control().environment()).env("ETCDCTL", etcdctl()?).env("SCOPE", SCOPE);
    script.envs(variables.iter().copied()).stdin(Stdio::null());
    let output = patiently("users.sh", script.output()).await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The shipped cluster, with the certificate of that name.
fn store(etcd: &Etcd, certificates: &Certificates, name: &str) -> Cluster {
    let file = |name: &str| json!({"filename": certificates.folder().join(name)});
    let certificate = json!({
        "certificate_chain": file(&format!("{name}.pem")),
        "private_key": file(&format!("{name}.key")),
    });
    let context = json!({
        "tls_certificates": [certificate],
        "validation_context": {"trusted_ca": file("ca.pem")},
    });
    let patch = json!({"transport_socket": {"typed_config": {"common_tls_context": context}}});
    Cluster::at_with_tls(STORE, etcd.address()).patch(patch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_certificates_proxies_know_of_each_other_and_strangers_of_nothing() -> Outcome {
    let names = ["gateway-1", "gateway-2", "stranger"];
    let certificates = Certificates::make(&names)?;
    let etcd = Etcd::start_with(Some(&certificates), &[]).await?;
    make_users(&etcd, &[], &names[..2]).await?;
    let provider = Simulator::start().await?;
    let mut proxies = Vec::new();
    for name in names {
        let store = store(&etcd, &certificates, name);
        let envoy = Member::new(name, &policy()).envoy_by(store, provider.address());
        proxies.push(Proxy::start(name, envoy).await?);
    }
    let [first, second, stranger] = &proxies[..] else { panic!("three") };
    first.until_connected(true).await;
    second.until_connected(true).await;
    provider.queue([Behaviour::status(402)]);
    assert_eq!(first.call().await.status, 402);
    second.until_state(OPEN).await;
    assert!(second.is_blocked().await);
    // The stranger's certificate is right, but nobody has given it a role: it goes on alone.
    assert_eq!(stranger.call().await.status, 200);
    assert_eq!(stranger.state().await, CLOSED);
    stranger.until_connected(false).await;
    provider.queue([Behaviour::status(402)]);
    assert_eq!(stranger.call().await.status, 402);
    assert!(stranger.is_blocked().await);
    let facts = etcd.control().entries("/llm-breaker/").await?;
    assert!(facts.iter().all(|fact| !fact.key.contains("stranger")), "{facts:?}");
    assert!(stranger.transitions(OPENAI).len() == 1);
    Ok(())
}

async fn may(who: &Control, key: &str) -> Outcome<bool> {
    match who.put(key, "{}").await {
        Ok(()) => Ok(true),
        Err(error) if error.to_string().contains("permission denied") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_may_write_facts_and_turns_of_its_scope_and_nothing_else() -> Outcome {
    let certificates = Certificates::make(&["gateway-1", "gateway-2", "operator"])?;
    let etcd = Etcd::start_with(Some(&certificates), &[]).await?;
    make_users(&etcd, &[], &["gateway-1"]).await?;
    let own = [("FACTS", "own"), ("BREAKERS", "openai azure"), ("DOMAIN", "zone-b")];
    make_users(&etcd, &own, &["gateway-2"]).await?;
    let root = etcd.control();
    root.run(&["user", "add", "--no-password", "operator"]).await?;
    root.run(&["user", "grant-role", "operator", "acme-operator"]).await?;

    let (one, two) = (root.clone().as_user("gateway-1"), root.clone().as_user("gateway-2"));
    let operator = root.clone().as_user("operator");
    for (who, key, expected) in [
        (&one, FACT, true),
        (&one, "/llm-breaker/turn/v1/acme/openai", true),
        (&one, "/llm-breaker/override/v1/acme/openai", false),
        (&one, "/llm-breaker/v1/another/openai/gateway-1/gateway-1", false),
        (&one, "/llm-breaker/v1/acme-2/openai/gateway-1/gateway-1", false),
        (&one, "/elsewhere", false),
        (&two, "/llm-breaker/v1/acme/openai/zone-b/gateway-2", true),
        (&two, "/llm-breaker/v1/acme/azure/zone-b/gateway-2", true),
        (&two, FACT, false),
        (&two, "/llm-breaker/v1/acme/bedrock/zone-b/gateway-2", false),
        (&operator, "/llm-breaker/override/v1/acme/openai", true),
        (&operator, FACT, false),
    ] {
        assert_eq!(may(who, key).await?, expected, "{who:?} {key}");
    }
    for prefix in ["v1/acme/", "turn/v1/acme/", "override/v1/acme/"] {
        for who in [&one, &two] {
            who.entries(&format!("/llm-breaker/{prefix}")).await?;
        }
    }
    assert!(one.entries("/llm-breaker/").await.is_err(), "more than its scope");
    Ok(())
}
