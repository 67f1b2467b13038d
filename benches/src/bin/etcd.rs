//! `make etcd-figures`: what one etcd on this machine takes, of watches as proxies have them and of facts
//! as they write them.
//!
//! More and more of both, until what is written arrives at the watchers later than proxies are to know.
//! The table goes into docs/scaling.md.

use std::time::Duration;

use llm_breaker_benches::etcd::{Load, Taken, drive};
use llm_breaker_benches::page;
use llm_breaker_host_tests::etcd::Etcd;

const HEAD: &str = "| watches | facts/s | refused | events/s | lease and put, p50 | p99 | arrives after, p50 | p99 | arrived | CPU of etcd | its memory |";
const WATCHES: [usize; 4] = [10, 100, 1_000, 5_000];
const FACTS: [u32; 4] = [1, 10, 100, 1_000];
const LASTS: Duration = Duration::from_secs(5);
/// Later than this a fact is of less use: what is measured beyond it says only that it is too much.
const TOO_LATE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut table =
        vec![HEAD.to_owned(), "|---|---|---|---|---|---|---|---|---|---|---|".to_owned()];
    table.iter().for_each(|line| println!("{line}"));
    for watches in WATCHES {
        for facts in FACTS {
            let etcd = Etcd::start().await?;
            let load = Load { watches, facts, lasts: LASTS };
            let before = usage(&etcd)?;
            let taken = drive(etcd.address(), load).await?;
            let after = usage(&etcd)?;
            let line = row(load, &taken, after.cpu - before.cpu, after.mib);
            println!("{line}");
            table.push(line);
            let is_late = quantile(&taken.arrived, 0.99).is_none_or(|it| it > TOO_LATE);
            if is_late || taken.refused > 0 {
                break;
            }
        }
    }
    page::put_into("docs/scaling.md", "etcd figures", &table.join("\n"))?;
    Ok(())
}

fn row(load: Load, taken: &Taken, cpu: f64, mib: f64) -> String {
    let Load { watches, facts, lasts } = load;
    let shown = |times: &[Duration], share: f64| {
        quantile(times, share).map_or_else(|| "none".to_owned(), |it| format!("{it:.1?}"))
    };
    format!(
        "| {watches} | {facts} | {} | {:.0} | {} | {} | {} | {} | {:.0} % | {cpu:.1} s | {mib:.0} MiB |",
        taken.refused,
        taken.arrived.len() as f64 / lasts.as_secs_f64(),
        shown(&taken.written, 0.5),
        shown(&taken.written, 0.99),
        shown(&taken.arrived, 0.5),
        shown(&taken.arrived, 0.99),
        100.0 * taken.arrived.len() as f64 / taken.expected.max(1) as f64,
    )
}

fn quantile(times: &[Duration], share: f64) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

/// What a process has taken.
struct Usage {
    /// Seconds of CPU.
    cpu: f64,
    mib: f64,
}

/// Ticks of the clock in a second, on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

fn usage(etcd: &Etcd) -> std::io::Result<Usage> {
    let missing = || std::io::Error::other("no such process");
    let pid = etcd.pid().ok_or_else(missing)?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
    let cpu = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS);
    Ok(Usage { cpu: cpu.ok_or_else(missing)?, mib: kib.ok_or_else(missing)? / 1024.0 })
}
