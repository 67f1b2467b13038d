//! `llm-breaker`: what an operator asks about a configuration, without an Envoy.

mod check;
mod effective;
mod found;
mod opens;
mod printing;
mod progress;
mod replay;
mod tune;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use llm_breaker::config::{reference, schema};

use crate::printing::{complain, print};

/// Checks and explains configurations of llm-breaker, the circuit breaker for LLM upstreams.
#[derive(Parser)]
#[command(name = "llm-breaker", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says what is wrong with a configuration, or which policy each cluster gets from it
    CheckConfig {
        /// A configuration as JSON or YAML, or what holds some: Envoy's bootstrap or a resource file,
        /// Istio's WasmPlugin or EnvoyFilter, Envoy Gateway's EnvoyExtensionPolicy
        file: PathBuf,
        /// Only the policy of the cluster of this name
        #[arg(long)]
        cluster: Option<String>,
        /// Only the fields that differ from the built-in policy
        #[arg(long)]
        changed: bool,
    },
    /// Replays access logs: what would these configurations have done? 0: well, 1: nothing could be
    /// replayed, or not all of it, 2: a bound was passed that an option sets
    Replay(replay::Arguments),
    /// Searches the thresholds that suit the calls of access logs, by what mistakes cost
    Tune(tune::Arguments),
    /// Prints the JSON Schema of the configuration
    Schema,
    /// Prints the reference of the configuration in Markdown
    Reference,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_wrong = error.use_stderr();
            // Where nobody reads it, nothing can be done.
            let _ = error.print();
            return if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::CheckConfig { file, cluster, changed } => {
            let show = effective::Show { cluster, only_changed: changed };
            let verdict = check::check(&file, &show);
            let printed = printed(&verdict.report);
            if verdict.complaint.is_empty() {
                return printed;
            }
            complain(&verdict.complaint);
            ExitCode::FAILURE
        }
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::Schema => printed(&format!("{:#}\n", schema::json_schema())),
        Command::Reference => printed(&reference::markdown()),
    }
}

fn printed(text: &str) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            complain(&complaint);
            ExitCode::FAILURE
        }
    }
}
