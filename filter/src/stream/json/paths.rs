//! Which paths are looked for, and which keys lead there? A tree of their segments, made once, most
//! of them while compiling: a scanner then only walks down it.

/// The paths that are told apart, one bit each; more are never found.
pub const MAX_PATHS: usize = 32;

/// The longest path; longer ones are never found.
pub(super) const MAX_SEGMENTS: usize = 8;

/// The segment for any element of an array.
const ANY_ELEMENT: &str = "*";

/// No tree has more nodes.
const MAX_NODES: usize = MAX_PATHS * MAX_SEGMENTS + 1;

/// Some of the paths: bit `i` is the path with index `i`.
pub(super) type PathSet = u32;

/// The members of a set, the lowest first.
pub(super) fn members(set: PathSet) -> impl Iterator<Item = usize> {
    let mut left = set;
    core::iter::from_fn(move || {
        let lowest = left.trailing_zeros();
        left &= left.checked_sub(1)?;
        Some(lowest as usize)
    })
}

/// One segment of paths that are the same up to it.
#[derive(Clone, Copy, Debug)]
pub struct Node<'p> {
    segment: &'p str,
    /// The paths that end with it.
    ends: PathSet,
    /// Zero, the root's own place, stands for none.
    first_child: u16,
    next_sibling: u16,
}

impl<'p> Node<'p> {
    const fn of(segment: &'p str) -> Self {
        Self { segment, ends: 0, first_child: 0, next_sibling: 0 }
    }
}

/// How many nodes the tree of these paths has.
#[must_use]
pub const fn size(paths: &[&[&str]]) -> usize {
    fill(&mut [const { Node::of("") }; MAX_NODES], paths)
}

/// The tree of these paths, which must have so many nodes.
#[must_use]
pub const fn tree<'p, const SIZE: usize>(paths: &[&'p [&'p str]]) -> [Node<'p>; SIZE] {
    let mut nodes = [Node::of(""); SIZE];
    fill(&mut nodes, paths);
    nodes
}

/// The tree of paths that are not known while compiling.
#[must_use]
pub fn tree_of<'p>(paths: &[&'p [&'p str]]) -> Vec<Node<'p>> {
    let mut nodes = vec![Node::of(""); MAX_NODES];
    let size = fill(&mut nodes, paths);
    nodes.truncate(size);
    nodes
}

/// Plants the paths into nodes that suffice; how many they took.
#[expect(clippy::indexing_slicing, reason = "mostly while compiling; there are enough nodes")]
const fn fill<'p>(nodes: &mut [Node<'p>], paths: &[&'p [&'p str]]) -> usize {
    let mut used = 1;
    let mut index = 0;
    while index < paths.len() && index < MAX_PATHS {
        if paths[index].len() <= MAX_SEGMENTS {
            used = plant(nodes, used, paths[index], 1 << index);
        }
        index += 1;
    }
    used
}

#[expect(clippy::indexing_slicing, reason = "as above")]
const fn plant<'p>(
    nodes: &mut [Node<'p>],
    mut used: usize,
    path: &'p [&'p str],
    it: PathSet,
) -> usize {
    let mut at = 0;
    let mut level = 0;
    while level < path.len() {
        let mut before = 0;
        let mut child = nodes[at].first_child as usize;
        while child != 0 && !are_same(nodes[child].segment, path[level]) {
            before = child;
            child = nodes[child].next_sibling as usize;
        }
        if child == 0 {
            child = used;
            used += 1;
            nodes[child] = Node::of(path[level]);
            match before {
                0 => nodes[at].first_child = child as u16,
                _ => nodes[before].next_sibling = child as u16,
            }
        }
        at = child;
        level += 1;
    }
    nodes[at].ends |= it;
    used
}

#[expect(clippy::indexing_slicing, reason = "as above")]
const fn are_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// What a scanner looks for.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'p> {
    nodes: &'p [Node<'p>],
    /// The paths whose strings are streamed.
    pub(super) streamed: PathSet,
}

/// A node by its index, or [`NOWHERE`].
pub(super) type Position = u16;

/// Where all paths begin.
pub(super) const ROOT: Position = 0;

/// Where no path leads.
pub(super) const NOWHERE: Position = u16::MAX;

impl<'p> Paths<'p> {
    /// Those that this tree is of.
    ///
    /// A path's segments are keys of objects, and `*` for any element of an array; the empty path
    /// is the document itself. At most 32 paths of at most 8 segments are found.
    #[must_use]
    pub const fn of(nodes: &'p [Node<'p>]) -> Self {
        Self { nodes, streamed: 0 }
    }

    /// Also streams the strings at the path with this index, piece by piece.
    #[must_use]
    pub const fn streaming(self, index: usize) -> Self {
        let it = if index < MAX_PATHS { 1 << index } else { 0 };
        Self { streamed: self.streamed | it, ..self }
    }

    /// The paths that end here.
    pub(super) fn ending_at(&self, at: Position) -> PathSet {
        self.node(at).map_or(0, |node| node.ends)
    }

    /// Whether any path goes on from here.
    pub(super) fn lead_on_from(&self, at: Position) -> bool {
        self.node(at).is_some_and(|node| node.first_child != 0)
    }

    /// Where the paths through this key of the object here lead.
    pub(super) fn at_key(&self, at: Position, key: &[u8]) -> Position {
        let is_it = |node: &Node<'_>| node.segment.as_bytes() == key;
        if key == ANY_ELEMENT.as_bytes() { NOWHERE } else { self.child(at, is_it) }
    }

    /// Where the paths through any element of the array here lead.
    pub(super) fn at_element(&self, at: Position) -> Position {
        self.child(at, |node| node.segment == ANY_ELEMENT)
    }

    fn child(&self, at: Position, is_it: impl Fn(&Node<'_>) -> bool) -> Position {
        let mut child = self.node(at).map_or(0, |node| node.first_child);
        while child != 0
            && let Some(node) = self.node(child)
        {
            if is_it(node) {
                return child;
            }
            child = node.next_sibling;
        }
        NOWHERE
    }

    fn node(&self, at: Position) -> Option<&Node<'p>> {
        self.nodes.get(usize::from(at))
    }
}
