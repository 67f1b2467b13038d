//! What stands at a path, and who is told?

use super::paths::{PathSet, members};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A string, unescaped. It is told at its end, or as soon as it is longer than the prefix.
    Text {
        /// Its first bytes, at most 128; no character is cut if they are UTF-8.
        prefix: &'a [u8],
        /// Whether it has more.
        cut: bool,
    },
    /// The next bytes, unescaped, of a string that is streamed; [`Found::Text`] follows at its end.
    Piece(&'a [u8]),
    /// A number as it is written, at most its first 128 bytes.
    Number(&'a [u8]),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An array, told when it is known whether it has an element.
    Array {
        /// Whether it has none.
        empty: bool,
    },
    /// An object, told when it is known whether it has a key.
    Object {
        /// Whether it has none.
        empty: bool,
    },
}

impl Found<'_> {
    /// Whether nothing is said: `null`, `""`, `[]` or `{}`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text { prefix, cut } => prefix.is_empty() && !cut,
            Self::Null => true,
            Self::Array { empty } | Self::Object { empty } => *empty,
            Self::Piece(_) | Self::Number(_) | Self::Bool(_) => false,
        }
    }
}

/// Who is told what was found: the path's index, and what stands there.
pub(super) type Sink<'s> = dyn FnMut(usize, Found<'_>) + 's;

/// Tells each of these paths.
pub(super) fn tell(paths: PathSet, what: Found<'_>, found: &mut Sink<'_>) {
    members(paths).for_each(|index| found(index, what));
}
