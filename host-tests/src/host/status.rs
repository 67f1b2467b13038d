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
    /// A pointer outside the guest's memory.
    InvalidMemoryAccess = 6,
    /// An empty queue.
    Empty = 7,
    /// Somebody else stored in between.
    CasMismatch = 8,
    /// The host failed for reasons of its own.
    InternalFailure = 10,
}
