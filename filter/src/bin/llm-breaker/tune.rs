//! Which thresholds suit the calls of a log?

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use llm_breaker::config::Config;
use llm_breaker::replay::log::{Reading, Sink};
use llm_breaker::replay::tune::{Advice, ClusterCalls, Prices, Traffic, text, tune, yaml};
use llm_breaker::replay::{Call, Source};

use crate::printing::{complain, print};
use crate::replay::{self, Logs};

/// What is searched for, and by which costs.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    logs: Logs,
    /// A file that check-config takes, with one configuration: what is searched begins with it.
    /// Without one: the built-in policy
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the cluster of this name
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// What it costs to block a call that would have succeeded
    #[arg(long, value_name = "COST", default_value_t = Prices::default().blocked_good, value_parser = price)]
    blocked_good: f64,
    /// What a call costs that goes out and fails
    #[arg(long, value_name = "COST", default_value_t = Prices::default().failed, value_parser = price)]
    failed: f64,
    /// What each second costs that a caller waits for such a call
    #[arg(long, value_name = "COST", default_value_t = Prices::default().second, value_parser = price)]
    second: f64,
    /// An answer that begins later than this counts as failed; without it slow answers cost nothing
    #[arg(long, value_name = "DURATION", value_parser = replay::duration)]
    patience: Option<Duration>,
    /// Only the newest so many calls; each takes some 300 bytes and some time
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000)]
    calls: usize,
    /// Write what is advised into this file, too
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// The busiest clusters are tuned for, so many at most.
const MAX_CLUSTERS: usize = 16;

fn price(text: &str) -> Result<f64, String> {
    let price = text.parse().ok().filter(|it: &f64| (0.0..=1e9).contains(it));
    price.ok_or_else(|| "a number from 0 to 1,000,000,000".into())
}

/// The calls of the clusters that are asked for.
struct Kept<'a> {
    traffic: Traffic,
    cluster: Option<&'a str>,
}

impl Sink for Kept<'_> {
    fn call(&mut self, call: &Call) {
        if self.cluster.is_none_or(|it| *it == *call.cluster) {
            self.traffic.add(call.clone());
        }
    }

    fn source_ended(&mut self, _source: &Source) {}
}

/// Searches, and prints what is advised: 1 if there was nothing to read, or not all could be.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match searched(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            complain(&complaint);
            ExitCode::FAILURE
        }
    }
}

fn searched(arguments: &Arguments) -> Result<(), String> {
    let config = config(arguments)?;
    let traffic = Traffic::of_at_most(arguments.calls.max(1));
    let mut kept = Kept { traffic, cluster: arguments.cluster.as_deref() };
    let reading = arguments.logs.read(&mut kept)?;
    let given_way = kept.traffic.given_way();
    let (clusters, further) = kept.traffic.clusters(MAX_CLUSTERS);
    if clusters.is_empty() {
        return Err("nothing to tune for: no line tells of such a call".into());
    }
    print(&preface(&reading, given_way, further))?;
    let Arguments { blocked_good, failed, second, patience, .. } = *arguments;
    let prices = Prices { blocked_good, failed, second, patience };
    let advices: Result<Vec<_>, String> =
        clusters.iter().map(|it| advice(it, &config, &prices)).collect();
    let document = yaml(&advices?, &prices);
    print(&format!("As configuration:\n\n{document}"))?;
    if let Some(path) = &arguments.write {
        fs::write(path, document).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    replay::unread(&reading).map_or(Ok(()), Err)
}

fn advice(calls: &ClusterCalls, config: &Config, prices: &Prices) -> Result<Advice, String> {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.enable_steady_tick(Duration::from_millis(200));
    let policy = config.policy_for(&calls.cluster);
    let advice = tune(calls, policy, prices, |tried| {
        spinner.set_message(format!("{tried} policies tried"));
    });
    spinner.finish_and_clear();
    print(&text(&advice, prices))?;
    Ok(advice)
}

fn config(arguments: &Arguments) -> Result<Config, String> {
    let files: Vec<_> = arguments.config.iter().cloned().collect();
    let mut candidates = replay::candidates(&files)?;
    match (candidates.pop(), candidates.is_empty()) {
        (Some(candidate), true) => Ok(candidate.config),
        _ => Err("--config: several configurations are in it".into()),
    }
}

fn preface(reading: &Reading, given_way: u64, further: usize) -> String {
    let mut text = format!("{} lines, {} calls\n", reading.lines, reading.calls);
    if reading.skipped.total() > 0 {
        text.push_str(&format!("{} lines skipped\n{}", reading.skipped.total(), reading.skipped));
    }
    if given_way > 0 {
        text.push_str(&format!("{given_way} older calls are left out: --calls\n"));
    }
    if further > 0 {
        text.push_str(&format!("{further} less busy clusters are left out: --cluster names one\n"));
    }
    text.push_str(
        "Of twelve equal stretches of the time two of three are searched; every third is held back.\n\n",
    );
    text
}
