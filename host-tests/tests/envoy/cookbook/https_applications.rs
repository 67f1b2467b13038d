//! `docs/cookbook/https-applications.md`.

use std::path::PathBuf;

use llm_breaker_host_tests::client::{Call, RawConnection};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Recipe};
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use serde_json::json;

use super::kitchen::{Kitchen, last_header};
use super::page::workspace;
use crate::scene::{CLOSED, HALF_OPEN, OPEN, Outcome, assert_blocked};

/// A certificate for api.openai.com that signs itself, for a hundred years.
fn authority() -> PathBuf {
    let file = "host-tests/tests/envoy/cookbook/tls/certificate.pem";
    workspace().join(file).canonicalize().expect(file)
}

/// A provider that speaks TLS: an Envoy in front of a simulated one.
async fn tls_in_front_of(provider: &Simulator) -> Outcome<Envoy> {
    let folder = authority().parent().expect("a folder").to_owned();
    let listener = Listener::new("tls").without_plugin().tls(&folder);
    let cluster = Cluster::at("provider", provider.address());
    Ok(Envoy::builder().workers(1).cluster(cluster).listener(listener).start().await?)
}

async fn start(provider: &Envoy, trusted: PathBuf) -> Outcome<Kitchen> {
    let recipe = Recipe::new("https-applications.yaml")
        .provider(OPENAI, provider.address())
        .provider("bypass", provider.address())
        .trusting(&trusted)
        // Thirty seconds.
        .defaults(&json!({"open": {"base": "1s", "jitter": 0}}));
    Kitchen::start("https-applications", recipe).await
}

#[tokio::test]
async fn plain_http_to_the_sidecar_is_tls_to_the_provider() -> Outcome {
    let behind = Simulator::start().await?;
    let provider = tls_in_front_of(&behind).await?;
    let kitchen = start(&provider, authority()).await?;
    kitchen.reach(2, &Call::chat(), 200).await;
    assert_eq!(last_header(&behind, "host").as_deref(), Some("api.openai.com"));
    assert!(provider.counter("listener.*ssl.handshake").await > 0);

    behind.queue(vec![Behaviour::status(500); 5]);
    kitchen.reach(5, &Call::chat(), 500).await;
    assert_blocked(&kitchen.send(&Call::chat()).await);
    kitchen.until(OPENAI, "state", &[], HALF_OPEN).await;
    kitchen.reach(1, &Call::chat(), 200).await;
    kitchen.until(OPENAI, "state", &[], CLOSED).await;
    Ok(())
}

#[tokio::test]
async fn what_goes_around_it_is_counted_and_an_application_that_is_half_changed_too() -> Outcome {
    let behind = Simulator::start().await?;
    let provider = tls_in_front_of(&behind).await?;
    let kitchen = start(&provider, authority()).await?;
    // How a client's TLS begins: its record's type and version, and a length.
    let hello = [0x16, 3, 1, 0, 1, 0];
    for listener in ["llm_bypass", "llm"] {
        let mut connection = RawConnection::open(kitchen.envoy.address_of(listener)).await?;
        connection.write(&hello).await?;
    }
    kitchen.assert_seen(&[]).await;
    assert_eq!(behind.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_provider_that_cannot_prove_who_it_is_gets_nothing() -> Outcome {
    let behind = Simulator::start().await?;
    let provider = tls_in_front_of(&behind).await?;
    let stranger = workspace().join("host-tests/tests/envoy/cookbook/tls/stranger.pem");
    let kitchen = start(&provider, stranger.canonicalize()?).await?;
    kitchen.reach(5, &Call::chat(), 503).await;
    let failed = [("category", "connection_failed")];
    kitchen.until(OPENAI, "outcomes_total", &failed, 5.0).await;
    assert_eq!((kitchen.state(OPENAI).await, behind.calls()), (OPEN, 0));
    Ok(())
}
