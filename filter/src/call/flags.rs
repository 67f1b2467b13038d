//! What does Envoy say about how a stream went? Its response flags, as the legacy 64-bit word that
//! the property `response.flags` holds (bits measured on Envoy 1.40).

/// Envoy's response flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u64);

impl Flags {
    /// No host in the cluster is healthy (UH).
    pub const NO_HEALTHY_UPSTREAM: Self = Self(0x2);
    /// The route's time-out struck (UT).
    pub const UPSTREAM_REQUEST_TIMEOUT: Self = Self(0x4);
    /// The upstream reset the stream (UR).
    pub const UPSTREAM_REMOTE_RESET: Self = Self(0x10);
    /// No connection to the upstream (UF).
    pub const UPSTREAM_CONNECTION_FAILURE: Self = Self(0x20);
    /// The upstream closed the connection (UC).
    pub const UPSTREAM_CONNECTION_TERMINATION: Self = Self(0x40);
    /// Envoy's own circuit breaker (UO).
    pub const UPSTREAM_OVERFLOW: Self = Self(0x80);
    /// No route (NR).
    pub const NO_ROUTE: Self = Self(0x100);
    /// The fault filter answered (FI).
    pub const FAULT_INJECTED: Self = Self(0x400);
    /// A rate-limit filter answered (RL).
    pub const RATE_LIMITED: Self = Self(0x800);
    /// An authorization filter answered (UAEX).
    pub const UNAUTHORIZED: Self = Self(0x1000);
    /// The client closed or reset (DC).
    pub const DOWNSTREAM_DISCONNECT: Self = Self(0x4000);
    /// No byte moved for the stream's idle time-out (SI).
    pub const STREAM_IDLE_TIMEOUT: Self = Self(0x1_0000);
    /// The client broke the protocol (DPE).
    pub const DOWNSTREAM_PROTOCOL_ERROR: Self = Self(0x4_0000);
    /// The upstream stream lasted too long (UMSDR).
    pub const UPSTREAM_MAX_STREAM_DURATION: Self = Self(0x8_0000);
    /// The stream lasted too long (DT).
    pub const DURATION_TIMEOUT: Self = Self(0x40_0000);
    /// The upstream broke the protocol (UPE).
    pub const UPSTREAM_PROTOCOL_ERROR: Self = Self(0x80_0000);
    /// The route names a cluster that does not exist (NC).
    pub const NO_CLUSTER: Self = Self(0x100_0000);
    /// The overload manager answered (OM).
    pub const OVERLOAD_MANAGER: Self = Self(0x200_0000);
    /// The upstream's name does not resolve (DF).
    pub const DNS_RESOLUTION_FAILURE: Self = Self(0x400_0000);
    /// The client reset its HTTP/2 stream (DR).
    pub const DOWNSTREAM_REMOTE_RESET: Self = Self(0x1000_0000);

    /// Whether any of these flags is set.
    #[must_use]
    pub const fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// These flags and those.
    #[must_use]
    pub const fn or(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// Answers that Envoy gave without asking an upstream. Not its overflow (UO): Envoy also sets that
/// where it made an attempt and had no room for another, beside the flag of what the attempt met.
pub(super) const NO_UPSTREAM_ASKED: Flags = Flags::NO_ROUTE
    .or(Flags::NO_CLUSTER)
    .or(Flags::FAULT_INJECTED)
    .or(Flags::RATE_LIMITED)
    .or(Flags::UNAUTHORIZED)
    .or(Flags::OVERLOAD_MANAGER);

/// There was no connection to ask over.
pub(super) const NO_CONNECTION: Flags = Flags::NO_HEALTHY_UPSTREAM
    .or(Flags::UPSTREAM_CONNECTION_FAILURE)
    .or(Flags::DNS_RESOLUTION_FAILURE);

/// A time-out of Envoy's struck.
pub(super) const TIMED_OUT: Flags = Flags::UPSTREAM_REQUEST_TIMEOUT
    .or(Flags::UPSTREAM_MAX_STREAM_DURATION)
    .or(Flags::DURATION_TIMEOUT)
    .or(Flags::STREAM_IDLE_TIMEOUT);

/// The upstream's side of the stream broke.
pub(super) const UPSTREAM_BROKE: Flags = Flags::UPSTREAM_REMOTE_RESET
    .or(Flags::UPSTREAM_CONNECTION_TERMINATION)
    .or(Flags::UPSTREAM_PROTOCOL_ERROR);

/// The client is why the stream ended.
pub(super) const CLIENT_LEFT: Flags = Flags::DOWNSTREAM_DISCONNECT
    .or(Flags::DOWNSTREAM_REMOTE_RESET)
    .or(Flags::DOWNSTREAM_PROTOCOL_ERROR);

/// What Envoy says at the end of a stream, or with an answer of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The response flags.
    pub flags: Flags,
}

impl Ending {
    /// The ending that these flags and code details tell. Envoy 1.40 sets no flag when a route's
    /// `max_stream_duration` strikes, but says so in the details.
    #[must_use]
    pub fn new(flags: Flags, code_details: &[u8]) -> Self {
        match code_details {
            b"max_duration_timeout" => Self { flags: flags.or(Flags::DURATION_TIMEOUT) },
            _ => Self { flags },
        }
    }
}
