//! What becomes no HTTP passes untouched: WebSockets, as realtime APIs speak them, tunnels of
//! CONNECT, and interim answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use fastrand::Rng;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, Route};
use llm_breaker_host_tests::patience::patiently;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::amount::seed;
use crate::everything::{everything, listener};

const ROUNDS: usize = 100;

/// Answers every connection with `greeting` once a head has come, or at once if there is none to
/// come, and then says back whatever it hears.
async fn echo(greeting: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { drop(say_back(stream, greeting).await) });
        }
    });
    Ok(address)
}

async fn say_back(mut stream: TcpStream, greeting: &str) -> io::Result<u64> {
    if !greeting.is_empty() {
        read_head(&mut stream).await?;
        stream.write_all(greeting.as_bytes()).await?;
    }
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Both configurations, so patched.
fn listeners(change: impl Fn(Listener) -> Listener) -> [(&'static str, Listener); 2] {
    [
        ("defaults", change(Listener::default())),
        ("everything", change(listener(&everything("enforce")))),
    ]
}

/// Opens a tunnel, and sends random bytes both ways through it.
async fn assert_tunnel(envoy: &Envoy, request: &str, expected: &str) -> Outcome {
    let mut stream = TcpStream::connect(envoy.address()).await?;
    stream.write_all(request.as_bytes()).await?;
    let head = patiently("the tunnel", read_head(&mut stream)).await?;
    assert!(head.starts_with(expected), "{head}");
    let mut rng = Rng::with_seed(seed());
    for _ in 0..ROUNDS {
        let mut sent = vec![0; rng.usize(1..20_000)];
        rng.fill(&mut sent);
        let mut came = vec![0; sent.len()];
        stream.write_all(&sent).await?;
        patiently("the same bytes back", stream.read_exact(&mut came)).await?;
        assert!(sent == came);
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_passes_untouched() -> Outcome {
    let greeting =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
    let request = "GET /v1/realtime?model=gpt-4.1 HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
    let upgrades = json!({"upgrade_configs": [{"upgrade_type": "websocket"}]});
    for (name, listener) in
        listeners(|listener| listener.connection_manager_patch(upgrades.clone()))
    {
        let cluster = Cluster::at(OPENAI, echo(greeting).await?);
        let envoy = Envoy::builder().cluster(cluster).listener(listener).start().await?;
        assert_tunnel(&envoy, request, "HTTP/1.1 101 ").await?;
        let labels = [("llm_cluster", OPENAI), ("category", "success")];
        let model = [("llm_cluster", OPENAI), ("llm_model", "other"), ("category", "success")];
        let labels = if name == "defaults" { &labels[..] } else { &model[..] };
        envoy
            .wait_for_stat("llm_circuit_breaker_outcomes_total", labels, |value| value == 1.0)
            .await;
    }
    Ok(())
}

#[tokio::test]
async fn a_tunnel_of_connect_passes_untouched() -> Outcome {
    let tunnels = json!({"upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]});
    let route = Route::to(OPENAI).patch(json!({
        "match": {"prefix": null, "connect_matcher": {}},
        "route": {"upgrade_configs": tunnels["upgrade_configs"], "host_rewrite_literal": null},
    }));
    let shape = |listener: Listener| {
        let allowed = json!({"upgrade_configs": [{"upgrade_type": "CONNECT"}]});
        listener.route(route.clone()).connection_manager_patch(allowed)
    };
    for (_, listener) in listeners(shape) {
        let cluster = Cluster::at(OPENAI, echo("").await?);
        let envoy = Envoy::builder().cluster(cluster).listener(listener).start().await?;
        assert_tunnel(&envoy, "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", "HTTP/1.1 200 ")
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn interim_answers_are_those_that_come_without_the_filter() -> Outcome {
    let greeting = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let request =
        "GET /v1/models HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    let interim =
        |listener: Listener| listener.connection_manager_patch(json!({"proxy_100_continue": true}));
    let plain = [("plain", interim(Listener::default().without_plugin()))];
    let mut answers = Vec::new();
    for (_, listener) in plain.into_iter().chain(listeners(interim)) {
        let cluster = Cluster::at(OPENAI, echo(greeting).await?);
        let envoy = Envoy::builder().cluster(cluster).listener(listener).start().await?;
        let mut stream = TcpStream::connect(envoy.address()).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        patiently("the answer", stream.read_to_end(&mut answer)).await?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let varies = |line: &&str| {
            line.starts_with("date:") || line.starts_with("x-envoy-upstream-service-time:")
        };
        answers.push(text.lines().filter(|line| !varies(line)).collect::<Vec<_>>().join("\n"));
    }
    assert!(answers[0].contains("HTTP/1.1 200 OK"), "{}", answers[0]);
    assert_eq!((&answers[1], &answers[2]), (&answers[0], &answers[0]));
    println!("interim answers through Envoy: {:?}", answers[0]);
    Ok(())
}
