//! What does an operator recognise in an answer that no table knows? A closed form, no expressions.

use crate::category::Category;

/// One recognised answer: all that is given must hold, and something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The answer's status, 100 to 599.
    pub status: Option<u16>,
    /// One of its headers.
    pub header: Option<HeaderMatch>,
    /// A value in the JSON of its body.
    pub json: Option<JsonMatch>,
    /// What the answer then is.
    pub category: Category,
}

/// A header of an answer, and what its value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// Its name, in lower case.
    pub name: String,
    /// What one of its values must be.
    pub text: TextMatch,
}

/// A place in a JSON document, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonMatch {
    /// The keys from the outside in, 1 to 8, `*` for any element of an array.
    pub path: Vec<String>,
    /// What a text there, or a number or boolean as JSON writes it, must be.
    pub text: TextMatch,
}

/// What a text must be; 1 to 128 bytes are compared, as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// This.
    Equals(String),
    /// Something that has this in it.
    Contains(String),
    /// Something that begins so.
    Prefix(String),
}
