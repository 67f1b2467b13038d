//! What would other thresholds have done with the calls of a log?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use llm_breaker::config::{Config, Role, metadata};
use llm_breaker::glob::Glob;
use llm_breaker::policy::KeyBy;
use llm_breaker::replay::log::{Fields, Input, Options, Reader, Reading, Reason, Sink, in_order};
use llm_breaker::replay::report::{self, figures, sheet::Sheet};
use llm_breaker::replay::{Candidate, Findings, Replay, text};
use serde_json::json;

use crate::effective;
use crate::found::{self, Contents, Found};
use crate::printing::{complain, print};
use crate::progress::Progress;

/// A file could not be read, there is nothing to replay, or too little of it to hold it to a bound.
const UNREADABLE: u8 = 1;

/// A bound was passed that the caller set.
const TOO_MUCH: u8 = 2;

/// Lines that may be unusable, as a share of all, in a log that is held to a bound.
const MAX_UNUSABLE: f64 = 0.01;

/// Clusters that are warned of at most.
const MAX_WARNED: usize = 5;

/// Which logs are read, and how.
#[derive(Args)]
pub(crate) struct Logs {
    /// Access logs: a JSON object a line, packed by gzip or not; `-` is the standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Where the fields of logs in another format stand: `name: path` lines, YAML or JSON
    #[arg(long, value_name = "FILE")]
    fields: Option<PathBuf>,
    /// How much later than calls that began after it a call may stand in the log
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    reorder: Duration,
}

/// What is replayed, and how.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    logs: Logs,
    /// A file that check-config takes; repeat it to compare several. Without one: the built-in policy
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail (2) if a configuration would have blocked a larger share of the good calls, e.g. 0.5%
    #[arg(long, value_name = "SHARE")]
    max_false_alarms: Option<Share>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Html,
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy)]
struct Share(f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let share = match text.strip_suffix('%') {
            Some(percent) => number(percent).map(|it| it / 100.0),
            None => number(text),
        };
        let share = share.filter(|it| (0.0..=1.0).contains(it)).map(Self);
        share.ok_or_else(|| "a percentage such as 0.5%, or a share from 0 to 1".into())
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// Replays, prints, and says whether that is well.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match replayed(arguments) {
        Ok((findings, reading)) => {
            let passes = passes(arguments, &findings);
            let gaps = gaps(arguments, &findings, &reading);
            gaps.iter().for_each(|gap| complain(gap));
            match (gaps.is_empty(), passes) {
                (false, _) => UNREADABLE.into(),
                (true, false) => TOO_MUCH.into(),
                (true, true) => ExitCode::SUCCESS,
            }
        }
        Err(complaint) => {
            complain(&complaint);
            UNREADABLE.into()
        }
    }
}

fn replayed(arguments: &Arguments) -> Result<(Findings, Reading), String> {
    let candidates = candidates(&arguments.config)?;
    let mut replay = Replay::new(candidates.clone());
    let reading = arguments.logs.read(&mut replay)?;
    let findings = replay.finish();
    print(&match arguments.format {
        Format::Text => text(&findings, &reading) + &side_by_side(&findings, &candidates),
        Format::Json => format!("{}\n", json!({ "reading": reading, "findings": findings })),
        Format::Html => page(&findings, &candidates, &arguments.logs, &reading),
    })?;
    if reading.calls == 0 {
        return Err("nothing to replay: no line tells of a call".into());
    }
    candidates.iter().for_each(|it| warn_of_missing_models(it, &findings));
    Ok((findings, reading))
}

/// What was asked for finer than the log tells is replayed as if all were one.
fn warn_of_missing_models(candidate: &Candidate, findings: &Findings) {
    let named =
        |cluster: &str| findings.series.iter().any(|it| it.cluster == cluster && it.part.is_some());
    let is_finer = |cluster: &str| candidate.config.policy_for(cluster).key_by != KeyBy::Cluster;
    let unnamed = findings.series.iter().map(|it| it.cluster.as_str());
    let unnamed = unnamed.filter(|cluster| is_finer(cluster) && !named(cluster));
    for cluster in unnamed.take(MAX_WARNED) {
        complain(&format!(
            "{}: {} has key_by, but no line of it names a model: its calls are replayed as one part's",
            report::clean(&candidate.name),
            report::clean(cluster)
        ));
    }
}

/// The configurations as columns, if there are several.
fn side_by_side(findings: &Findings, candidates: &[Candidate]) -> String {
    if candidates.len() < 2 {
        return String::new();
    }
    let sheet = Sheet::of(findings, candidates, &report::Log::default());
    format!("\nside by side\n{}", report::text(&sheet.runs))
}

fn page(findings: &Findings, candidates: &[Candidate], logs: &Logs, reading: &Reading) -> String {
    let sources = logs.logs.iter().map(|path| path.display().to_string()).collect();
    let count = |reason: &Reason| (reason.explained().to_owned(), reading.skipped.count(*reason));
    let skipped = Reason::ALL.iter().filter(|it| it.is_skipped()).map(count);
    let skipped = skipped.filter(|(_, lines)| *lines > 0).collect();
    report::page(&Sheet::of(findings, candidates, &report::Log { sources, skipped }))
}

impl Logs {
    /// Every call of theirs goes into `sink`.
    pub(crate) fn read(&self, sink: &mut impl Sink) -> Result<Reading, String> {
        let fields = match &self.fields {
            Some(path) => in_file(path, Fields::parse(&read(path)?))?,
            None => Fields::default(),
        };
        let inputs = in_order(self.logs.iter().map(|path| input(path)).collect(), &fields)?;
        let mut reader = Reader::new(Options { fields, reorder: self.reorder });
        let progress = Progress::of(&inputs);
        for input in &inputs {
            let opened = input.open(progress.watch());
            let text = opened.map_err(|error| format!("{}: {error}", input.name()))?;
            reader.read(&input.name(), text, sink);
        }
        let reading = reader.finish(sink);
        progress.end();
        Ok(reading)
    }
}

/// What a log's figures do not speak of, and that it was not asked to leave out.
fn gaps(arguments: &Arguments, findings: &Findings, reading: &Reading) -> Vec<String> {
    let mut gaps: Vec<String> = unread(reading).into_iter().collect();
    if arguments.max_false_alarms.is_none() {
        return gaps;
    }
    let is_lost = |it: &Reason| it.is_skipped() && !it.is_usual() && *it != Reason::Duplicate;
    let lost: u64 =
        Reason::ALL.iter().filter(|it| is_lost(it)).map(|it| reading.skipped.count(*it)).sum();
    if lost as f64 > reading.lines as f64 * MAX_UNUSABLE {
        gaps.push(format!(
            "{lost} of {} lines could not be used: too many to hold to a bound",
            reading.lines
        ));
    }
    let forgotten = reading.skipped.count(Reason::ProxyForgotten);
    if forgotten > 0 {
        gaps.push(format!("proxies were forgotten {forgotten} times: replay fewer at once"));
    }
    let without = findings.configurations.iter().filter(|it| it.beyond_max_breakers > 0);
    gaps.extend(
        without.map(|it| format!("{}: {} calls had no breaker", it.name, it.beyond_max_breakers)),
    );
    gaps
}

/// Which files broke off, if some did.
pub(crate) fn unread(reading: &Reading) -> Option<String> {
    let count = reading.skipped.count(Reason::Unreadable);
    (count > 0).then(|| format!("{} could not be read to the end", figures::counted(count, "file")))
}

fn passes(arguments: &Arguments, findings: &Findings) -> bool {
    let Some(Share(limit)) = arguments.max_false_alarms else { return true };
    let mut passes = true;
    for it in &findings.configurations {
        let share = it.tally.false_alarm_share();
        if share > limit {
            let percent = [share, limit].map(|it| it * 100.0);
            let [share, limit] = percent;
            complain(&format!(
                "{}: {share:.3} % of the good calls would have been blocked, more than {limit} %",
                it.name
            ));
            passes = false;
        }
    }
    passes
}

fn input(path: &Path) -> Input {
    if path.as_os_str() == "-" { Input::Standard } else { Input::File(path.to_owned()) }
}

/// The configurations in these files, or the built-in one.
pub(crate) fn candidates(files: &[PathBuf]) -> Result<Vec<Candidate>, String> {
    if files.is_empty() {
        return Ok(vec![Candidate { name: "built-in".into(), config: Config::default() }]);
    }
    let mut candidates = Vec::new();
    for file in files {
        let contents = in_file(file, found::read(&read(file)?))?;
        let before = candidates.len();
        for Found { place, document } in &contents.configurations {
            let name = match place.as_str() {
                "" => file.display().to_string(),
                place => format!("{}: {place}", file.display()),
            };
            let config = Config::parse(document.as_bytes());
            let config = config.map_err(|errors| format!("{name}: {errors}"))?;
            // One that only shows breakers has no say in calls.
            if config.role == Role::Traffic {
                candidates.push(Candidate { name, config: with_metadata(config, &contents) });
            }
        }
        if candidates.len() == before {
            return Err(format!("{}: no configuration of llm-breaker's in it", file.display()));
        }
    }
    Ok(candidates)
}

/// What the metadata of the file's clusters changes comes before all entries.
fn with_metadata(mut config: Config, contents: &Contents) -> Config {
    let told = contents.clusters.iter().filter(|cluster| !cluster.metadata.is_null());
    let tightened: Vec<_> = told
        .map(|cluster| {
            let property = |path: &[&str]| effective::property(&cluster.metadata, path);
            let (policy, _) = metadata::tighten(config.policy_for(&cluster.name), property);
            (Glob::new(&cluster.name), policy)
        })
        .collect();
    config.breakers.splice(0..0, tightened);
    config
}

fn read(path: &Path) -> Result<String, String> {
    in_file(path, fs::read_to_string(path).map_err(|error| error.to_string()))
}

fn in_file<T>(path: &Path, result: Result<T, String>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}
