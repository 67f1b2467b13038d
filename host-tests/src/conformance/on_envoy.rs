//! A scenario on the real Envoy.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    layout,
    scenario::{Client, Moment, Scenario, Step},
    trace::{Outcome, Trace, recorded},
    upstream::ScriptedUpstream,
    wire::{parsed, read, written},
};
use crate::{envoy::Envoy, patience::patiently};

/// The Envoy and the upstream with which all scenarios run, one after the other.
pub struct EnvoySide {
    envoy: Envoy,
    upstream: ScriptedUpstream,
}

impl EnvoySide {
    /// Starts an Envoy with one worker that runs the recorder.
    ///
    /// # Panics
    /// When it does not start, as when `make build` was not run.
    pub async fn start() -> Self {
        let upstream = ScriptedUpstream::start().await.expect("a free port");
        let envoy = layout::envoy(&upstream).await;
        let envoy = envoy.start().await.expect("Envoy starts");
        Self { envoy, upstream }
    }

    /// Runs one scenario.
    ///
    /// # Panics
    /// When something does not come that the scenario needs.
    pub async fn run(&self, scenario: &Scenario) -> Trace {
        self.upstream.play(scenario.upstream);
        let before = self.envoy.log().lines().len();
        let mut asked = self.upstream.asked();
        asked.mark_unchanged();
        let mut connection = self.connect(scenario).await;
        connection.write_all(written(scenario).as_bytes()).await.expect("Envoy reads");
        self.upload(&mut connection, scenario, before).await;
        let mut answer = Vec::new();
        match scenario.client.moment() {
            Moment::Held => self.wait_for(before, 1, &["request_body"]).await,
            Moment::Withheld => {
                let ends = usize::from(scenario.upstream.contains(&Step::LastChunk));
                self.wait_for(before, 1 + ends, &["response_body"]).await;
            }
            Moment::Unanswered => {
                patiently("the request upstream", asked.changed()).await.expect("a server");
            }
            Moment::MidStream => {
                answer = patiently("the first event", read(&mut connection, Some("data: 1"))).await;
            }
            Moment::Over => answer = patiently("an answer", read(&mut connection, None)).await,
        }
        if matches!(scenario.client, Client::ReadsWithTick(_)) {
            self.tick(scenario).await;
            answer.extend(patiently("the rest", read(&mut connection, None)).await);
        }
        drop(connection);
        let outcome = match scenario.client {
            Client::Leaves(_) => Outcome::Nothing,
            Client::Reads | Client::ReadsWithTick(_) => parsed(&answer, scenario.request),
        };
        Trace::new(self.lines_after(before, scenario).await, outcome)
    }

    async fn connect(&self, scenario: &Scenario) -> TcpStream {
        TcpStream::connect(self.envoy.address_of(layout::listener_of(scenario)))
            .await
            .expect("a connection")
    }

    /// Sends a body that comes in pieces, until the stream is over.
    async fn upload(&self, connection: &mut TcpStream, scenario: &Scenario, before: usize) {
        let seen = ["request_headers", "request_body", "done"];
        for (sent, piece) in scenario.request.pieces().iter().enumerate() {
            self.wait_for(before, 1 + sent, &seen).await;
            if self.envoy.log().lines()[before..].iter().any(|line| is_recorded(line, &["done"])) {
                return;
            }
            // Envoy may have closed the connection by now.
            drop(connection.write_all(piece.as_bytes()).await);
        }
    }

    /// Has the recorder do at a tick what the scenario's request wished.
    async fn tick(&self, scenario: &Scenario) {
        let mut connection = self.connect(scenario).await;
        let request = "GET / HTTP/1.1\r\nhost: llm.test\r\nx-recorder: now\r\n\r\n";
        connection.write_all(request.as_bytes()).await.expect("Envoy reads");
        patiently("the recorder's word", read(&mut connection, Some("\r\n\r\n"))).await;
    }

    /// Waits for so many of these callbacks, counted from line `before` of the log.
    async fn wait_for(&self, before: usize, count: usize, callbacks: &[&str]) {
        let log = self.envoy.log();
        let lines = log.lines();
        let earlier = lines[..before].iter().filter(|line| is_recorded(line, callbacks)).count();
        let count = earlier + count;
        log.wait_for_count(count, |line| is_recorded(line, callbacks)).await;
    }

    /// The log from line `before` on, once the stream is over.
    async fn lines_after(&self, before: usize, scenario: &Scenario) -> Vec<String> {
        let last = if scenario.recorder == "crash" { "request_headers" } else { "done" };
        self.wait_for(before, 1, &[last]).await;
        if !scenario.at_tick.is_empty() {
            self.wait_for(before, 1, &["tick_over"]).await;
        }
        self.envoy.log().lines().split_off(before)
    }
}

/// Whether the recorder wrote this line at one of these callbacks.
fn is_recorded(line: &str, callbacks: &[&str]) -> bool {
    let line = recorded(line);
    let callback = line.as_ref().and_then(|line| line.split('|').nth(1));
    callback.is_some_and(|callback| callbacks.contains(&callback))
}
