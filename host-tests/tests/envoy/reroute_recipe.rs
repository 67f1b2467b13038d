//! `envoy/llm-gateway-reroute.yaml`: while a provider's breaker is open, the next one answers.

use std::future::ready;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2;
use hyper::header::{HeaderMap, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use llm_breaker_host_tests::client::{Answer, Call, Client, RawConnection};
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Route};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Received, Simulator};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::scene::{OPEN, Outcome, assert_blocked, assert_reached, value};

const SHIPPED: &str = "llm-gateway-reroute.yaml";
const AZURE: &str = "outbound|443||my-resource.openai.azure.com";
const IN_HOUSE: &str = "outbound|8000||llm.internal";
const ROUTE: &str = "x-llm-route";

struct Gateway {
    openai: Simulator,
    azure: Simulator,
    in_house: Simulator,
    envoy: Envoy,
}

impl Gateway {
    async fn start() -> Outcome<Self> {
        Self::start_as(json!({})).await
    }

    /// With this merge patch over the shipped connection manager.
    async fn start_as(patch: Value) -> Outcome<Self> {
        let (openai, azure) = (Simulator::start().await?, Simulator::start().await?);
        let in_house = Simulator::start().await?;
        let listener = Listener::default().shipped_routes().connection_manager_patch(patch);
        let envoy = Envoy::builder()
            .shipped(SHIPPED)
            .cluster(Cluster::at(OPENAI, openai.address()))
            .cluster(Cluster::at(AZURE, azure.address()))
            .cluster(Cluster::at(IN_HOUSE, in_house.address()))
            .listener(listener)
            .start()
            .await?;
        Ok(Self { openai, azure, in_house, envoy })
    }

    async fn send(&self, call: &Call) -> Answer {
        patiently("an answer", self.envoy.client().send(call)).await.expect("an answer")
    }

    /// Opens the breaker of the provider that answers now.
    async fn open(&self, provider: &Simulator, cluster: &str) {
        for _ in 0..5 {
            provider.queue([Behaviour::status(500)]);
            assert_reached(&self.send(&chat()).await, 500);
        }
        assert_eq!(value(&self.envoy.stats().await, cluster, "state", &[]), OPEN);
    }

    fn calls(&self) -> [usize; 3] {
        [self.openai.calls(), self.azure.calls(), self.in_house.calls()]
    }
}

fn chat() -> Call {
    Call::chat()
        .header("authorization", "Bearer of-the-client")
        .header("x-api-key", "of-the-client")
}

fn header<'a>(call: &'a Received, name: &str) -> Option<&'a str> {
    call.headers.get(name)?.to_str().ok()
}

#[tokio::test]
async fn the_second_provider_answers_with_its_own_key_path_and_host() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.open(&gateway.openai, OPENAI).await;
    let address = gateway.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        assert_reached(&patiently("an answer", client.send(&chat())).await?, 200);
    }
    assert_eq!(gateway.calls(), [5, 2, 0]);
    let first = gateway.openai.received().swap_remove(0);
    assert_eq!(header(&first, "authorization"), Some("Bearer of-the-client"));
    for call in gateway.azure.received() {
        assert_eq!(call.path, "/openai/v1/chat/completions");
        assert_eq!(header(&call, "host"), Some("my-resource.openai.azure.com"));
        assert_eq!(header(&call, "api-key"), Some("AZURE_OPENAI_API_KEY"));
        assert_eq!(call.body, first.body);
        for absent in ["authorization", "x-api-key", ROUTE] {
            assert_eq!(header(&call, absent), None, "{absent}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_third_answers_while_two_are_open_and_then_nobody() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.open(&gateway.openai, OPENAI).await;
    gateway.open(&gateway.azure, AZURE).await;
    assert_reached(&gateway.send(&chat()).await, 200);
    let call = gateway.in_house.received().swap_remove(0);
    let body: Value = serde_json::from_slice(&call.body)?;
    assert_eq!(body["model"], "llama-3.3-70b");
    assert_eq!(header(&call, "content-length"), Some(call.body.len().to_string().as_str()));
    for absent in ["authorization", "x-api-key", "api-key", ROUTE] {
        assert_eq!(header(&call, absent), None, "{absent}");
    }

    gateway.open(&gateway.in_house, IN_HOUSE).await;
    assert_blocked(&gateway.send(&chat()).await);
    assert_eq!(gateway.calls(), [5, 5, 6]);
    Ok(())
}

#[tokio::test]
async fn a_client_cannot_choose_its_provider() -> Outcome {
    let wishes = || chat().header(ROUTE, "azure").header(ROUTE, "in-house");
    let gateway = Gateway::start().await?;
    assert_reached(&gateway.send(&wishes()).await, 200);
    assert_eq!(gateway.calls(), [1, 0, 0]);
    assert_eq!(header(&gateway.openai.received()[0], ROUTE), None);

    // Where the listener does not take the header off, the breaker refuses it.
    let gateway = Gateway::start_as(json!({"early_header_mutation_extensions": null})).await?;
    assert_eq!(gateway.send(&wishes()).await.status, 400);
    assert_eq!(gateway.calls(), [0, 0, 0]);
    Ok(())
}

#[tokio::test]
async fn what_has_no_route_elsewhere_does_not_reach_the_open_provider() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.open(&gateway.openai, OPENAI).await;
    assert_reached(&gateway.send(&chat().path("/v2/chat/completions")).await, 503);
    assert_eq!(gateway.calls(), [5, 0, 0]);
    Ok(())
}

/// More than Envoy buffers, and than the filter reads for a model.
const LARGE_BYTES: usize = 20 << 20;

#[tokio::test]
async fn a_large_upload_goes_the_other_way_whole_or_is_refused() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.open(&gateway.openai, OPENAI).await;
    let upload = chat().body(vec![b' '; LARGE_BYTES]);
    let address = gateway.envoy.address();
    for client in [Client::http1(address), Client::http2(address)] {
        assert_reached(&patiently("an answer", client.send(&upload)).await?, 200);
        assert_eq!(gateway.azure.received().pop().expect("a call").body.len(), LARGE_BYTES);
    }

    // The third would have to be asked for another model, which only a body that is read can say.
    gateway.open(&gateway.azure, AZURE).await;
    for client in [Client::http1(address), Client::http2(address)] {
        assert_blocked(&patiently("an answer", client.send(&upload)).await?);
    }
    assert_eq!(gateway.calls(), [5, 7, 0]);
    Ok(())
}

#[tokio::test]
async fn a_large_upload_of_unknown_length_is_refused_too() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.open(&gateway.openai, OPENAI).await;
    gateway.open(&gateway.azure, AZURE).await;
    let mut connection = RawConnection::open(gateway.envoy.address()).await?;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: upload\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let upload = [head.as_bytes(), b"1400000\r\n", &vec![b' '; LARGE_BYTES], b"\r\n0\r\n\r\n"];
    let _ = patiently("the upload or its end", connection.write(&upload.concat())).await;
    let answer = patiently("an answer", connection.read_to_end()).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("circuit_open"), "{answer}");
    assert_eq!(gateway.calls(), [5, 5, 0]);
    Ok(())
}

#[tokio::test]
async fn a_body_that_ends_in_trailers_is_asked_for_the_other_model_too() -> Outcome {
    let gateway = Gateway::start().await?;
    gateway.open(&gateway.openai, OPENAI).await;
    gateway.open(&gateway.azure, AZURE).await;
    let body = r#"{"model":"o3","messages":[]}"#;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    let ended = Full::<Bytes>::from(body).with_trailers(ready(Some(Ok(trailers))));
    let address = gateway.envoy.address();
    let request = Request::post(format!("http://{address}/v1/chat/completions"))
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(ended)?;
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    let connection = tokio::spawn(connection);
    let answer = patiently("an answer", sender.send_request(request)).await?;
    connection.abort();
    assert_eq!(answer.status(), 200);
    let call = gateway.in_house.received().pop().expect("a call");
    assert_eq!(call.body, body.replace("o3", "llama-3.3-70b"));
    Ok(())
}

/// A cluster of one other, which Envoy names by its own name all the same.
fn aggregate_of(member: &str) -> Value {
    json!({
        "load_assignment": null, "type": null, "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                "clusters": [member],
            },
        },
    })
}

#[tokio::test]
async fn a_target_may_be_an_aggregate() -> Outcome {
    let (openai, member) = (Simulator::start().await?, Simulator::start().await?);
    let way = json!({"kind": "reroute", "header": ROUTE, "value": "any", "cluster": "any"});
    let listener = Listener::default()
        .configuration(&json!({"defaults": {"fallback": [way]}}))
        .route(Route::to("any").header(ROUTE, "any"))
        .route(Route::to(OPENAI));
    let envoy = Envoy::builder()
        .cluster(Cluster::at(OPENAI, openai.address()))
        .cluster(Cluster::at("member", member.address()))
        .cluster(Cluster::at("any", member.address()).patch(aggregate_of("member")))
        .listener(listener)
        .start()
        .await?;
    let in_house = Simulator::start().await?;
    let gateway = Gateway { openai, azure: member, in_house, envoy };
    gateway.open(&gateway.openai, OPENAI).await;
    for _ in 0..5 {
        gateway.azure.queue([Behaviour::status(500)]);
        assert_reached(&gateway.send(&chat()).await, 500);
    }
    assert_blocked(&gateway.send(&chat()).await);
    assert_eq!(gateway.calls(), [5, 5, 0]);
    Ok(())
}
