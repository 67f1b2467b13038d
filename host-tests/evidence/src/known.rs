//! How is a parameter known? Published somewhere, required, or assumed.

/// Where a parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody published it.
    Published(&'static str),
    /// It is what a breaker for LLMs must bear, whoever has seen it.
    Required,
    /// None of these: it is our guess, and says so.
    Assumed,
}

/// A parameter and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known<T> {
    /// The parameter.
    pub is: T,
    /// Where it comes from.
    pub from: Source,
}

/// What somebody published.
pub const fn published<T: Copy>(is: T, from: &'static str) -> Known<T> {
    Known { is, from: Source::Published(from) }
}

/// What must be borne.
pub const fn required<T: Copy>(is: T) -> Known<T> {
    Known { is, from: Source::Required }
}

/// Our guess.
pub const fn assumed<T: Copy>(is: T) -> Known<T> {
    Known { is, from: Source::Assumed }
}
