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

/// The members of a set, the lowest first.
pub(super) fn members(set: PathSet) -> impl Iterator<Item = usize> {
    let mut left = set;
    core::iter::from_fn(move || {
        let lowest = left.trailing_zeros();
        left &= left.checked_sub(1)?;
        Some(lowest as usize)
    })
}

/// Any opening beyond [`MAX_DEPTH`].
pub(super) struct TooDeep;

#[derive(Clone, Debug)]
pub(super) struct Place<'p> {
    paths: &'p [&'p [&'p str]],
    /// The paths with so many segments. An event has a dozen values, and each asks for this and the
    /// next two: what never changes is found out once.
    of_length: [PathSet; MAX_SEGMENTS + 1],
    /// The paths that have a segment at each level, and those of them whose segment there is any
    /// element of an array.
    reaching: [PathSet; MAX_SEGMENTS],
    through_arrays: [PathSet; MAX_SEGMENTS],
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
        let mut place = Self {
            paths,
            of_length: [0; MAX_SEGMENTS + 1],
            reaching: [0; MAX_SEGMENTS],
            through_arrays: [0; MAX_SEGMENTS],
            depth: 0,
            arrays: 0,
            inside: [0; MAX_SEGMENTS],
            here: 0,
        };
        paths.iter().enumerate().for_each(|(index, path)| place.know(only_path(index), path));
        place.restart();
        place
    }

    fn know(&mut self, it: PathSet, path: &[&str]) {
        // A longer one is never found.
        let Some(of_its_length) = self.of_length.get_mut(path.len()) else { return };
        *of_its_length |= it;
        let levels = self.reaching.iter_mut().zip(&mut self.through_arrays);
        for ((reaching, through_arrays), segment) in levels.zip(path) {
            *reaching |= it;
            if *segment == ANY_ELEMENT {
                *through_arrays |= it;
            }
        }
    }

    /// Before the document again.
    pub(super) fn restart(&mut self) {
        self.depth = 0;
        self.arrays = 0;
        // Those of allowed lengths.
        self.here = self.of_length.iter().fold(0, |all, set| all | set);
    }

    pub(super) fn is_outside(&self) -> bool {
        self.depth == 0
    }

    pub(super) fn is_in_array(&self) -> bool {
        self.depth > 0 && self.arrays & 1 == 1
    }

    /// The paths that end at the value that comes next.
    pub(super) fn ending_here(&self) -> PathSet {
        self.here & self.of_length.get(usize::from(self.depth)).copied().unwrap_or(0)
    }

    /// The value that came next is a container: now inside it.
    pub(super) fn open(&mut self, array: bool) -> Result<(), TooDeep> {
        if self.depth >= MAX_DEPTH {
            return Err(TooDeep);
        }
        let level = usize::from(self.depth);
        let reaching = self.reaching.get(level).copied().unwrap_or(0);
        let through_arrays = self.through_arrays.get(level).copied().unwrap_or(0);
        let fitting = if array { through_arrays } else { reaching & !through_arrays };
        if let Some(slot) = self.inside.get_mut(level) {
            *slot = self.here & fitting;
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
        let leads_on = |index: &usize| {
            let path = self.paths.get(*index);
            path.and_then(|path| path.get(level)).is_some_and(|segment| segment.as_bytes() == key)
        };
        self.here = members(of).filter(leads_on).fold(0, |set, index| set | only_path(index));
    }
}
