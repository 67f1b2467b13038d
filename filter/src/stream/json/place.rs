//! Where in a document is the scanner, and which paths lead there?

/// The paths that are told apart, one bit each; more are never found.
pub const MAX_PATHS: usize = 32;

/// The longest path; longer ones are never found.
pub(super) const MAX_SEGMENTS: usize = 8;

/// As deep as serde_json reads; what providers send has less than 20 levels.
pub(super) const MAX_DEPTH: u8 = 128;

/// The segment for any element of an array.
const ANY_ELEMENT: &str = "*";

/// Some of the paths: bit `i` is the path with index `i`.
pub(super) type PathSet = u32;

/// The set of this one; empty if it is beyond [`MAX_PATHS`].
pub(super) fn only_path(index: usize) -> PathSet {
    u32::try_from(index).ok().and_then(|index| 1_u32.checked_shl(index)).unwrap_or(0)
}

/// Any opening beyond [`MAX_DEPTH`].
pub(super) struct TooDeep;

#[derive(Clone, Debug)]
pub(super) struct Place<'p> {
    paths: &'p [&'p [&'p str]],
    depth: u8,
    /// Whether each open container is an array, the innermost in the lowest bit.
    arrays: u128,
    /// The paths that lead into each open container, the outermost first.
    inside: [PathSet; MAX_SEGMENTS],
    /// The paths that lead to the value that comes next.
    here: PathSet,
}

impl<'p> Place<'p> {
    pub(super) fn new(paths: &'p [&'p [&'p str]]) -> Self {
        let mut place = Self { paths, depth: 0, arrays: 0, inside: [0; MAX_SEGMENTS], here: 0 };
        place.here = place.only(PathSet::MAX, |path| path.len() <= MAX_SEGMENTS);
        place
    }

    /// Before the document again.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.paths);
    }

    pub(super) fn is_outside(&self) -> bool {
        self.depth == 0
    }

    pub(super) fn is_in_array(&self) -> bool {
        self.depth > 0 && self.arrays & 1 == 1
    }

    /// The paths that end at the value that comes next.
    pub(super) fn ending_here(&self) -> PathSet {
        self.only(self.here, |path| path.len() == usize::from(self.depth))
    }

    /// The value that came next is a container: now inside it.
    pub(super) fn open(&mut self, array: bool) -> Result<(), TooDeep> {
        if self.depth >= MAX_DEPTH {
            return Err(TooDeep);
        }
        let level = usize::from(self.depth);
        let inside = self.only(self.here, |path| {
            path.get(level).is_some_and(|segment| (*segment == ANY_ELEMENT) == array)
        });
        if let Some(slot) = self.inside.get_mut(level) {
            *slot = inside;
        }
        self.depth = self.depth.saturating_add(1);
        self.arrays = self.arrays << 1 | u128::from(array);
        self.here = 0;
        Ok(())
    }

    /// Leaves the innermost container.
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.arrays >>= 1;
        self.here = 0;
    }

    /// The paths of which the innermost object may hold the next key.
    pub(super) fn inside(&self) -> PathSet {
        let level = usize::from(self.depth).checked_sub(1);
        level.and_then(|level| self.inside.get(level)).copied().unwrap_or(0)
    }

    /// The next value of an array comes.
    pub(super) fn enter_element(&mut self) {
        self.here = self.inside();
    }

    /// The value of this key comes; `of` holds those paths for which the key was read.
    pub(super) fn enter_key(&mut self, of: PathSet, key: &[u8]) {
        let level = usize::from(self.depth).saturating_sub(1);
        self.here =
            self.only(of, |path| path.get(level).is_some_and(|segment| segment.as_bytes() == key));
    }

    fn only(&self, set: PathSet, keep: impl Fn(&[&str]) -> bool) -> PathSet {
        if set == 0 {
            return 0;
        }
        let mut kept = 0;
        for (index, path) in self.paths.iter().enumerate().take(MAX_PATHS) {
            if set >> index & 1 == 1 && keep(path) {
                kept |= 1 << index;
            }
        }
        kept
    }
}
