//! `matrix VERSION=ENVOY…`: the end-to-end suite on each of these Envoys, and the README's table of
//! what came of it.
//!
//! It may be interrupted: what came to its end is not run again until the module is another.
//! `MATRIX_MINUTES` bounds the suite on one Envoy, and `MATRIX_SKIP` leaves out further tests,
//! by parts of their names; then the README is not written.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use llm_breaker_host_tests::matrix::suite::{Candidate, Cut};
use llm_breaker_host_tests::matrix::table::{Row, Surprise, put_into, table};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match matrix(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("matrix: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

async fn matrix(arguments: &[String]) -> Outcome<ExitCode> {
    let candidates = arguments.iter().map(|text| candidate(text)).collect::<Outcome<Vec<_>>>()?;
    if candidates.is_empty() {
        return Err("usage: matrix VERSION=ENVOY…".into());
    }
    let mut rows = Vec::new();
    for candidate in &candidates {
        match row_of(candidate).await? {
            Ok(row) => rows.push(row),
            Err(Cut::Late) => return Err(format!("{}: too slow", candidate.version).into()),
            Err(Cut::Interrupted) => return Err("interrupted; go on with `make matrix`".into()),
        }
    }
    let table = table(&rows);
    print!("\n{table}");
    let is_as_listed = rows.iter().filter(|row| !tell(row)).count() == 0;
    if is_as_listed && skipped().is_empty() {
        let readme = workspace().join("README.md");
        fs::write(&readme, put_into(&fs::read_to_string(&readme)?, &table)?)?;
    }
    Ok(if is_as_listed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn skipped() -> Vec<String> {
    let text = env::var("MATRIX_SKIP").unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn limit() -> Duration {
    let asked = env::var("MATRIX_MINUTES").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(60 * asked.unwrap_or(45))
}

fn candidate(argument: &str) -> Outcome<Candidate> {
    let (version, envoy) = argument.split_once('=').ok_or("an argument is VERSION=ENVOY")?;
    let logs = workspace().join("target/matrix");
    fs::create_dir_all(&logs)?;
    let unwanted = |error: io::Error| format!("{envoy}: {error}");
    Ok(Candidate {
        version: version.parse()?,
        envoy: Path::new(envoy).canonicalize().map_err(unwanted)?,
        log: logs.join(version).with_added_extension("log"),
    })
}

async fn row_of(candidate: &Candidate) -> Outcome<Result<Row, Cut>> {
    let version = candidate.version.clone();
    if let Err(reason) = candidate.loads_wasm(&workspace())? {
        println!("{version}: {reason}");
        return Ok(Ok(Row::WithoutWasm(version)));
    }
    if let Some(verdicts) = candidate.known() {
        println!("{version}: ran before with this module");
        return Ok(Ok(Row::Ran(version, verdicts)));
    }
    println!("{version}: {}", candidate.log.display());
    let began = Instant::now();
    let verdicts = candidate.run(limit(), &skipped()).await?;
    println!("{version}: {:.1} min", began.elapsed().as_secs_f64() / 60.0);
    match verdicts {
        Ok(verdicts) if !verdicts.is_whole() => {
            Err(format!("{version}: the tests did not come to their end").into())
        }
        verdicts => Ok(verdicts.map(|verdicts| Row::Ran(version, verdicts))),
    }
}

/// Says what is not as listed; whether all is.
fn tell(row: &Row) -> bool {
    let surprises = row.surprises();
    for surprise in &surprises {
        let Row::Ran(version, _) = row else { continue };
        match surprise {
            Surprise::Fails(test) => eprintln!("{version}: {test} fails, and no lack explains it"),
            Surprise::Works(lack) => eprintln!("{version}: nothing shows that it lacks {lack}"),
        }
    }
    surprises.is_empty()
}
