//! Where in a document is the scanner, and which paths lead there?

use super::paths::{MAX_SEGMENTS, NOWHERE, PathSet, Paths, Position, ROOT};

/// As deep as serde_json reads; what providers send has less than 20 levels.
pub(super) const MAX_DEPTH: u8 = 128;

/// Any opening beyond [`MAX_DEPTH`].
pub(super) struct TooDeep;

#[derive(Clone, Debug)]
pub(super) struct Place<'p> {
    paths: Paths<'p>,
    depth: u8,
    /// Whether each open container is an array, the innermost in the lowest bit.
    arrays: u128,
    /// Where the paths are that lead into each open container, the outermost first.
    inside: [Position; MAX_SEGMENTS],
    /// Where those are that lead to the value that comes next.
    here: Position,
}

impl<'p> Place<'p> {
    pub(super) const fn new(paths: Paths<'p>) -> Self {
        Self { paths, depth: 0, arrays: 0, inside: [NOWHERE; MAX_SEGMENTS], here: ROOT }
    }

    /// Before the document again.
    pub(super) const fn restart(&mut self) {
        self.depth = 0;
        self.arrays = 0;
        self.here = ROOT;
    }

    /// The paths whose strings are streamed.
    pub(super) const fn streamed(&self) -> PathSet {
        self.paths.streamed
    }

    pub(super) const fn is_outside(&self) -> bool {
        self.depth == 0
    }

    pub(super) const fn is_in_array(&self) -> bool {
        self.depth > 0 && self.arrays & 1 == 1
    }

    /// The paths that end at the value that comes next.
    pub(super) fn ending_here(&self) -> PathSet {
        self.paths.ending_at(self.here)
    }

    /// The value that came next is a container: now inside it.
    pub(super) fn open(&mut self, array: bool) -> Result<(), TooDeep> {
        if self.depth >= MAX_DEPTH {
            return Err(TooDeep);
        }
        if let Some(slot) = self.inside.get_mut(usize::from(self.depth)) {
            *slot = self.here;
        }
        self.depth = self.depth.saturating_add(1);
        self.arrays = self.arrays << 1 | u128::from(array);
        self.here = NOWHERE;
        Ok(())
    }

    /// Leaves the innermost container.
    pub(super) const fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.arrays >>= 1;
        self.here = NOWHERE;
    }

    /// Whether any path goes on in the innermost container.
    pub(super) fn leads_on(&self) -> bool {
        self.paths.lead_on_from(self.inside())
    }

    /// The next value of an array comes.
    pub(super) fn enter_element(&mut self) {
        self.here = self.paths.at_element(self.inside());
    }

    /// The value of this key comes.
    pub(super) fn enter_key(&mut self, key: &[u8]) {
        self.here = self.paths.at_key(self.inside(), key);
    }

    /// The value of a key comes that no path has.
    pub(super) const fn enter_other_key(&mut self) {
        self.here = NOWHERE;
    }

    fn inside(&self) -> Position {
        let level = usize::from(self.depth).checked_sub(1);
        level.and_then(|level| self.inside.get(level)).copied().unwrap_or(NOWHERE)
    }
}
