//! What does the request say about how its answer must be read?

use crate::dialect::{Detected, Dialect};

/// The protocol of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Whose words its errors and events use.
    pub dialect: Dialect,
    /// Whether it makes a model generate: only then is it known how a stream must end.
    pub generation: bool,
}

impl Protocol {
    /// HTTP, and nothing more is known.
    pub const HTTP: Self = Self { dialect: Dialect::Generic, generation: false };

    /// Whether a stream that answers it has an end that can be told from a break.
    #[must_use]
    pub fn has_known_streams(self) -> bool {
        self.generation && self.dialect != Dialect::Generic
    }
}

impl From<&Detected> for Protocol {
    fn from(detected: &Detected) -> Self {
        Self { dialect: detected.dialect, generation: detected.generation }
    }
}
