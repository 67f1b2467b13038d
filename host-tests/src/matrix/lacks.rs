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
pub const LACKS: &[Lack] = &[];

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
