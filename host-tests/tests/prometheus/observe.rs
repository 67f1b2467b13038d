//! `make observe` without a terminal: one outage, and nothing that goes on running afterwards.

use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::patience::{PATIENCE, POLL_INTERVAL, patiently};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Outcome;

/// It, on free ports.
fn start() -> Outcome<(Child, Lines<BufReader<ChildStdout>>)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observe"));
    for port in ["LISTENER_PORT", "ADMIN_PORT", "STATUS_PORT", "PROMETHEUS_PORT"] {
        command.env(port, "0");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn()?;
    let output = process.stdout.take().expect("a piped stdout");
    Ok((process, BufReader::new(output).lines()))
}

/// Every address that the lines name.
fn addresses(lines: &[String]) -> Vec<SocketAddr> {
    let text = lines.join("\n");
    let urls = text.split("http://").skip(1);
    let address = |url: &str| url.split(['/', ' ', '\n']).next()?.parse().ok();
    let mut all: Vec<SocketAddr> = urls.filter_map(address).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[tokio::test]
async fn shows_an_alert_that_fires_and_ends_and_leaves_nothing_behind() -> Outcome {
    let (mut process, mut output) = start()?;
    let mut lines = Vec::new();
    let to_its_end = async {
        while let Some(line) = output.next_line().await? {
            lines.push(line);
        }
        process.wait().await
    };
    // It has a bound of its own.
    let status = tokio::time::timeout(4 * PATIENCE, to_its_end).await??;
    assert!(status.success(), "{lines:#?}");
    let count = |what: &str| {
        lines.iter().filter(|line| line.contains("LLMBreakerOpen") && line.contains(what)).count()
    };
    // One for each model that has a breaker, if they open at the same time.
    let (fired, ended) = (count(" fires: "), count(" ends"));
    assert!(fired >= 1 && fired == ended, "{lines:#?}");
    all_gone(&addresses(&lines)).await;
    Ok(())
}

#[tokio::test]
async fn what_it_points_to_is_there_and_ctrl_c_ends_all_of_it() -> Outcome {
    let (mut process, mut output) = start()?;
    let mut lines = Vec::new();
    // By then it listens to Ctrl-C.
    while !lines.iter().any(|line: &String| line.contains(" s  ")) {
        lines.push(patiently("its output", output.next_line()).await?.expect("a fault"));
    }
    let pages: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("  http://")).collect();
    let mut looked_at = 0;
    for page in &pages {
        let (address, path) = page.split_once('/').expect("a path");
        // Beside a data source stands a file.
        let Ok(address) = address.parse() else { continue };
        let answer = Client::http1(address).send(&Call::get(&format!("/{path}"))).await?;
        assert_eq!(answer.status, 200, "{page}");
        looked_at += 1;
    }
    assert_eq!(looked_at, 5, "{pages:?}");
    let pid = process.id().expect("a running process").to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await?.success());
    assert!(patiently("its end", process.wait()).await?.success());
    all_gone(&addresses(&lines)).await;
    Ok(())
}

/// A killed process listens until the kernel has taken it down.
async fn all_gone(addresses: &[SocketAddr]) {
    let named = "callers, Envoy's admin port, the status page, Prometheus";
    assert_eq!(addresses.len(), 4, "{named}: {addresses:?}");
    for address in addresses {
        let gone = async {
            while TcpStream::connect(address).is_ok() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        patiently(&format!("nobody to listen on {address}"), gone).await;
    }
}
