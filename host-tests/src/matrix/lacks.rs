//! What older Envoys do not have, and which tests show it.

use super::Version;

/// Something that came with a version.
#[derive(Clone, Copy, Debug)]
pub struct Lack {
    /// The first that has it.
    pub since: &'static str,
    /// What the table says of an Envoy without it.
    pub what: &'static str,
    /// The tests that fail without it, by how their names begin.
    pub tests: &'static [&'static str],
}

/// All of them.
pub const LACKS: &[Lack] = &[
    Lack {
        since: "1.40.0",
        what: "the cluster specifier `priority_group`, so `llm-retry-next-provider.yaml` does not load",
        tests: &["retry_recipe::"],
    },
    Lack {
        since: "1.39.0",
        what: "a match on a header that comes twice: a client that sends two route headers gets what its \
               route says without them, not the breaker's 400",
        tests: &["reroute_recipe::a_client_cannot_choose_its_provider"],
    },
    Lack {
        since: "1.38.0",
        what: "discretion: its answer for a refused connection tells the client why the transport failed",
        tests: &["the_host_and_the_real_envoy_agree_on_every_scenario"],
    },
    Lack {
        since: "1.37.0",
        what: "a cut: a stream that `limits.abort` ends looks whole over HTTP/1.1",
        tests: &["hanging::what_hangs_is_ended_if_the_policy_says_so"],
    },
];

impl Lack {
    /// Whether this version is without it.
    ///
    /// # Panics
    /// When the table above says no version.
    #[must_use]
    pub fn concerns(&self, version: &Version) -> bool {
        *version < self.since.parse().expect("a version")
    }

    /// Whether it is shown by the test of this name.
    #[must_use]
    pub fn shows_in(&self, test: &str) -> bool {
        self.tests.iter().any(|shown| test.starts_with(shown))
    }
}
