//! Does every shell block run? In an empty folder with the shipped YAML, against an Envoy whose breaker
//! is open; what needs a cluster or a registry says so in its first line.

use std::process::Stdio;

use llm_breaker_host_tests::client::Call;
use llm_breaker_host_tests::envoy::{Cluster, Envoy, Listener, OPENAI, STATUS};
use llm_breaker_host_tests::patience::patiently;
use llm_breaker_host_tests::simulator::{Behaviour, Simulator};
use tempfile::TempDir;
use tokio::process::Command;

use crate::makefile::{called, targets};
use crate::markdown::{Block, blocks};
use crate::repository;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TOKEN: &str = "correct-horse-battery-staple";

/// How a block is shown to be right.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Make's targets, which other tests and the release run.
    Made,
    /// Commands that are run here.
    Run,
    /// Its first line says that it needs what no test has.
    Elsewhere,
}

fn kind_of(block: &Block) -> Kind {
    let mut lines = block.text.lines().map(str::trim).filter(|line| !line.is_empty());
    if block.text.starts_with("# needs ") {
        return Kind::Elsewhere;
    }
    // An Envoy that stays in the foreground is started by other tests, of the same file.
    let made =
        ["#", "make ", ".venv/bin/envoy -c envoy/llm-", ".venv/bin/envoy -c envoy/cookbook/"];
    let is_made = |line: &str| made.iter().any(|begin| line.starts_with(begin));
    if lines.all(is_made) { Kind::Made } else { Kind::Run }
}

fn shell_blocks() -> impl Iterator<Item = Block> {
    blocks().into_iter().filter(|block| block.language == "sh")
}

#[test]
fn every_target_that_a_block_makes_is_there() {
    let targets = targets();
    for block in shell_blocks() {
        for target in block.text.lines().flat_map(called) {
            assert!(targets.contains(&target), "{}: make {target}", block.place);
        }
    }
}

/// What the blocks find: an Envoy on the ports that they say, its log, and the files.
struct Stage {
    envoy: Envoy,
    _provider: Simulator,
    folder: TempDir,
}

impl Stage {
    async fn set() -> Outcome<Self> {
        let provider = Simulator::start().await?;
        let envoy = Envoy::builder()
            .cluster(Cluster::at(OPENAI, provider.address()))
            .listener(Listener::default())
            .listener(Listener::status_page(Some(TOKEN)))
            .start()
            .await?;
        for _ in 0..5 {
            provider.queue([Behaviour::status(500)]);
            envoy.client().send(&Call::chat()).await?;
        }
        envoy.log().wait_for(|line| line.contains(r#""to":"open""#)).await;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("envoy.log"), envoy.log().lines().join("\n"))?;
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(repository::root().join("envoy")).arg(folder.path());
        assert!(copy.status().await?.success());
        Ok(Self { envoy, _provider: provider, folder })
    }

    /// What it printed, or what it complained about.
    async fn run(&self, text: &str) -> Outcome<Result<String, String>> {
        let address =
            |port: &str, to: std::net::SocketAddr| (format!("127.0.0.1:{port}"), to.to_string());
        let addresses = [
            address("9901", self.envoy.admin_address()),
            address("9902", self.envoy.address_of(STATUS)),
            address("10000", self.envoy.address()),
        ];
        let script =
            addresses.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &script]).env("TOKEN", TOKEN);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        let output = patiently("a block of commands", command.output()).await?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (printed, complaint) = (said(&output.stdout), said(&output.stderr));
        Ok(if output.status.success() { Ok(printed) } else { Err(complaint) })
    }
}

#[tokio::test]
async fn every_block_of_commands_runs() -> Outcome {
    let stage = Stage::set().await?;
    let mut ran = 0;
    for block in shell_blocks().filter(|block| kind_of(block) == Kind::Run) {
        let printed = stage.run(&block.text).await?;
        let printed = printed.map_err(|complaint| format!("{}: {complaint}", block.place))?;
        // What the admin API refuses, it refuses with this.
        assert!(!printed.contains(r#""error":"#), "{}: {printed}", block.place);
        ran += 1;
    }
    assert!(ran >= 3, "{ran}: they are written in another way");
    Ok(())
}

#[tokio::test]
async fn a_command_that_fails_and_an_order_that_is_refused_are_noticed() -> Outcome {
    let stage = Stage::set().await?;
    assert!(stage.run("grep nothing envoy.log | cat").await?.is_err());
    let order = "curl -sS -X POST http://127.0.0.1:9902/api/v1/breakers/nobody/open";
    let refused = stage.run(order).await?.map_err(|complaint| complaint.clone())?;
    assert!(refused.contains(r#""error":"#), "{refused}");
    let block =
        |text: &str| Block { place: String::new(), language: String::new(), text: text.to_owned() };
    assert_eq!(kind_of(&block("# needs a cluster\nkubectl get pods\n")), Kind::Elsewhere);
    assert_eq!(kind_of(&block("make image  # so\n# and so\nmake test\n")), Kind::Made);
    assert_eq!(kind_of(&block("make image\ncurl x\n")), Kind::Run);
    Ok(())
}
