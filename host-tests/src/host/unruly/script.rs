//! Bytes as choices: any bytes tell what happens next, until there are no more.

/// What is left of a script.
pub(super) struct Script<'s>(&'s [u8]);

impl<'s> Script<'s> {
    pub(super) fn of(bytes: &'s [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<usize> {
        self.byte().map(usize::from)
    }

    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.number()? % from.len())
    }

    /// One time in so many.
    pub(super) fn once_in(&mut self, times: u8) -> Option<bool> {
        Some(self.byte()? % times == 0)
    }

    /// Bytes of the script itself: a number, and so many of them as far as there are. They are few,
    /// as a rule, so that much of a script is left.
    pub(super) fn literal(&mut self) -> Option<&'s [u8]> {
        let size = match self.number()? {
            short @ 0..=239 => short % 24,
            long => long,
        };
        let (literal, rest) = self.0.split_at(size.min(self.0.len()));
        self.0 = rest;
        Some(literal)
    }
}
