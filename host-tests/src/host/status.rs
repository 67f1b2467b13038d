//! What a host call answers: the status codes of the proxy-wasm ABI.

/// The result of a host call, numbered as in `proxy_wasm_common.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// The call did what it was asked to.
    Ok = 0,
    /// No such key, property, header, buffer or metric.
    NotFound = 1,
    /// The arguments make no sense now, such as a header map outside its phase.
    BadArgument = 2,
    /// A value could not be turned into bytes.
    SerializationFailure = 3,
    /// Bytes could not be turned into a value.
    ParseFailure = 4,
    /// An expression that is none.
    BadExpression = 5,
    /// A pointer outside the guest's memory.
    InvalidMemoryAccess = 6,
    /// An empty queue.
    Empty = 7,
    /// Somebody else stored in between.
    CasMismatch = 8,
    /// A value of another kind than was asked for.
    ResultMismatch = 9,
    /// The host failed for reasons of its own.
    InternalFailure = 10,
    /// A connection that is gone.
    BrokenConnection = 11,
    /// A call that this host does not know.
    Unimplemented = 12,
}

impl Status {
    /// All but success.
    pub const ERRORS: [Self; 12] = [
        Self::NotFound,
        Self::BadArgument,
        Self::SerializationFailure,
        Self::ParseFailure,
        Self::BadExpression,
        Self::InvalidMemoryAccess,
        Self::Empty,
        Self::CasMismatch,
        Self::ResultMismatch,
        Self::InternalFailure,
        Self::BrokenConnection,
        Self::Unimplemented,
    ];
}
