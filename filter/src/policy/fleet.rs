//! How much does a breaker make of what other proxies say of it?

use core::time::Duration;

/// What a breaker makes of the words of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fleet {
    /// From how many failure domains on it opens because others saw failures, 1 to 16.
    pub corroborate: u32,
    /// For how long at most it opens, or stays open, because others say so; 0.1 s to 7 d.
    pub announced_max: Duration,
    /// How long traffic is let back gradually once others say that it works again, 0.1 s to 1 h.
    pub ramp: Duration,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            corroborate: 2,
            announced_max: Duration::from_secs(3600),
            ramp: Duration::from_secs(30),
        }
    }
}
