//! Lines as Envoy writes them with the format that `envoy/` ships, made from a seed.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

/// When the machine started, in seconds since 1970.
const STARTED: u64 = 1_796_000_000;

/// What is told of each call.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) node: &'static str,
    /// When the machine started, in seconds since 1970.
    pub(crate) started: u64,
    /// Calls a second.
    pub(crate) rate: u64,
    /// Seconds of the machine's clock at which the upstream fails.
    pub(crate) outage: (u64, u64),
    /// Different models.
    pub(crate) models: u64,
    pub(crate) seed: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            node: "gateway-7",
            started: STARTED,
            rate: 1_000,
            outage: (1_100, 1_130),
            models: 1,
            seed: 1,
        }
    }
}

/// Numbers that look random (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}

impl Scene {
    /// The lines of so many calls, in the order of their ends, the first of them at second 1,000 of the
    /// machine's clock.
    pub(crate) fn write(&self, count: u64, to: &mut impl Write) -> io::Result<()> {
        let mut numbers = Numbers(self.seed);
        for index in 0..count {
            self.line(index, &mut numbers, to)?;
        }
        Ok(())
    }

    pub(crate) fn text(&self, count: u64) -> String {
        let mut text = Vec::new();
        self.write(count, &mut text).expect("memory takes it");
        String::from_utf8(text).expect("ASCII")
    }

    fn line(&self, index: u64, numbers: &mut Numbers, to: &mut impl Write) -> io::Result<()> {
        // Each end is some nanoseconds behind its second's share, so that no two are the same.
        let decided = 1_000_000_000_000 + index * (1_000_000_000 / self.rate) + numbers.below(999);
        // One in a hundred takes up to ten minutes.
        let longest = if numbers.below(100) == 0 { 600_000 } else { 20_000 };
        let took_ms = 50 + numbers.below(longest).min(decided / 1_000_000 - 60);
        let admitted = decided - took_ms * 1_000_000;
        let first_token = took_ms as f64 / 3.0;
        let fails = (self.outage.0..self.outage.1).contains(&(decided / 1_000_000_000));
        let (status, category, verdict) =
            if fails { (503, "server_error", "failure") } else { (200, "success", "success") };
        let began = UNIX_EPOCH + Duration::from_secs(self.started) + Duration::from_nanos(admitted);
        let time = humantime::format_rfc3339_millis(began);
        let model = match self.models {
            1 => String::new(),
            models => format!("\"model\":\"model-{}\",", numbers.below(models)),
        };
        let (high, low) = (numbers.below(u64::MAX), numbers.below(u64::MAX));
        writeln!(
            to,
            "{{\"answered_by_breaker\":null,\"attempts\":1,\"bytes_received\":33,\"bytes_sent\":72,\"cluster\":\"outbound|443||api.openai.com\",\"details\":\"via_upstream\",\"duration_ms\":{took_ms},\"flags\":\"-\",\"llm_breaker\":{{\"admission\":\"pass\",\"admitted_ns\":{admitted},\"category\":\"{category}\",\"decided_ns\":{decided},\"ended_by\":\"upstream\",\"epoch\":\"900000000000\",\"first_token_ms\":{first_token:.2},\"key\":\"outbound|443||api.openai.com\",\"mode\":\"shadow\",\"permit\":\"call\",\"policy\":\"7ce68096d12e7f96\",\"slow\":false,\"state\":\"closed\",\"verdict\":\"{verdict}\"}},\"method\":\"POST\",{model}\"node\":\"{}\",\"path\":\"/v1/chat/completions\",\"request_id\":\"{high:016x}-{low:016x}\",\"response_ms\":{},\"status\":{status},\"time\":\"{time}\",\"upstream\":\"162.159.140.245:443\",\"upstream_failure\":null}}",
            self.node,
            took_ms / 2,
        )
    }
}
