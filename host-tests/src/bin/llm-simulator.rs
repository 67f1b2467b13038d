//! An LLM provider to point an Envoy at: `llm-simulator [PORT [CONTROL_PORT]]`, on loopback.
//!
//! Its behaviour is set over HTTP on the control port: see
//! [`llm_breaker_host_tests::simulator::control`].

use std::net::{Ipv4Addr, SocketAddr};

use llm_breaker_host_tests::simulator::Simulator;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let provider = loopback(arguments.next(), 10001)?;
    let control = loopback(arguments.next(), 10002)?;
    let because = |address, error| format!("cannot listen on {address}: {error}");
    let simulator =
        Simulator::start_on(provider).await.map_err(|error| because(provider, error))?;
    let (control, serving) =
        simulator.control(control).await.map_err(|error| because(control, error))?;
    println!("serving chat completions on http://{}/v1", simulator.address());
    println!("to make every call fail:");
    println!(
        "  curl -X PUT http://{control}/behaviour -d '{{\"kind\": \"status\", \"status\": 500}}'"
    );
    match serving.await {}
}

fn loopback(port: Option<String>, default: u16) -> Result<SocketAddr, Failure> {
    let port = match port {
        Some(text) => text.parse().map_err(|_| format!("not a port: {text}"))?,
        None => default,
    };
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}
