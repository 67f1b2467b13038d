//! A day and a half of two providers, as Envoy's access log tells it: one that is busy, down for a
//! while, half down and slow later; and one with few calls and bad hours.

use fastrand::Rng;
use serde_json::json;

pub(crate) const BUSY: &str = "outbound|443||api.openai.com";
pub(crate) const SPARSE: &str = "outbound|443||api.anthropic.com";

const HOURS: f64 = 36.0;
/// When the machine started, in seconds since 1970.
const STARTED: f64 = 1_796_000_000.0;

/// How a call went.
struct Went {
    took: f64,
    first_token: Option<f64>,
    category: &'static str,
    status: u16,
}

/// The log's lines in the order in which they were written. `sparse` is the second provider's name.
pub(crate) fn log(sparse: &str) -> String {
    let mut rng = Rng::with_seed(7);
    let mut lines = Vec::new();
    let mut second = 1_000.0;
    while hour(second) < HOURS {
        let rate = 0.35 + 0.25 * (hour(second) * core::f64::consts::TAU / 24.0).sin();
        second += exponential(&mut rng, rate);
        lines.push(line(&mut rng, BUSY, second, busy));
    }
    second = 1_000.0;
    while hour(second) < HOURS {
        second += exponential(&mut rng, 1.0 / 25.0);
        lines.push(line(&mut rng, sparse, second, few));
    }
    lines.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

fn hour(second: f64) -> f64 {
    (second - 1_000.0) / 3_600.0
}

fn busy(rng: &mut Rng, hour: f64) -> Went {
    match hour {
        9.0..9.6 => fails(rng, "server_error", 503),
        20.0..21.2 if rng.f64() < 0.55 => fails(rng, "overloaded", 529),
        29.0..30.0 => answers(rng, 9.0, 1.5),
        _ if rng.f64() < 0.006 => fails(rng, "server_error", 500),
        _ => answers(rng, 0.75, 2.0),
    }
}

fn few(rng: &mut Rng, hour: f64) -> Went {
    let is_bad =
        [3.0, 8.0, 14.0, 19.0, 27.0, 33.0].iter().any(|from| (*from..from + 1.0).contains(&hour));
    if is_bad && rng.f64() < 0.7 { fails(rng, "overloaded", 529) } else { answers(rng, 1.2, 1.8) }
}

fn fails(rng: &mut Rng, category: &'static str, status: u16) -> Went {
    Went { took: 5.0 + 25.0 * rng.f64(), first_token: None, category, status }
}

/// With a first token of this median, and most within this factor of it, twice.
fn answers(rng: &mut Rng, median: f64, factor: f64) -> Went {
    let first_token = median * factor.powf(bell(rng));
    let took = first_token + 5.0 * 1.8_f64.powf(bell(rng));
    Went { took, first_token: Some(first_token), category: "success", status: 200 }
}

fn exponential(rng: &mut Rng, rate: f64) -> f64 {
    -(1.0 - rng.f64()).ln() / rate
}

/// About normal, with a deviation of one.
fn bell(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
}

fn line(
    rng: &mut Rng,
    cluster: &str,
    second: f64,
    how: fn(&mut Rng, f64) -> Went,
) -> (f64, String) {
    let Went { took, first_token, category, status } = how(rng, hour(second));
    let began = std::time::Duration::from_secs_f64(STARTED + second);
    let nanos = |second: f64| (second * 1e9) as u64;
    let verdict = if status < 400 { "success" } else { "failure" };
    let mut said = json!({
        "admission": "pass", "admitted_ns": nanos(second), "category": category,
        "decided_ns": nanos(second + took), "ended_by": "upstream", "epoch": "900000000000",
        "key": cluster, "mode": "shadow", "permit": "call", "policy": "7ce68096d12e7f96",
        "slow": false, "state": "closed", "verdict": verdict,
    });
    if let Some(first_token) = first_token {
        said["first_token_ms"] = json!((first_token * 1e5).round() / 100.0);
    }
    let line = json!({
        "cluster": cluster, "duration_ms": (took * 1e3) as u64, "llm_breaker": said,
        "method": "POST", "node": "gateway-7", "path": "/v1/chat/completions",
        "request_id": format!("{:032x}", rng.u128(..)), "status": status,
        "response_ms": (first_token.unwrap_or(took) * 1e3) as u64,
        "time": humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + began).to_string(),
    });
    (second + took, line.to_string())
}
