//! How can a call end, and what does that mean for its breaker?

/// How a call ended; the names are those of the stats and of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// A whole answer with a status below 400.
    Success,
    /// A success that exceeded a slow limit.
    Slow,
    /// Too many requests for now.
    RateLimited,
    /// The account's quota or credit is used up.
    QuotaExhausted,
    /// The provider says that it has too much to do.
    Overloaded,
    /// Any other 5xx.
    ServerError,
    /// No answer, or no end of it, in time.
    Timeout,
    /// No connection: refused, TLS, DNS, no healthy host.
    ConnectionFailed,
    /// The upstream closed or reset before it answered.
    ConnectionReset,
    /// The upstream began to answer and did not end properly.
    StreamInterrupted,
    /// A 2xx whose body is not what its protocol promises.
    InvalidResponse,
    /// The provider does not know the caller.
    Authentication,
    /// The provider's policy forbids the request or its answer.
    ContentFiltered,
    /// The request is longer than the model takes.
    ContextLength,
    /// Any other 4xx.
    ClientError,
    /// The client left, or struck its own time-out.
    Cancelled,
    /// No upstream was involved, or another breaker answered.
    Local,
}

/// What a category means for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The upstream works.
    Success,
    /// The upstream failed.
    Failure,
    /// It says nothing about the upstream.
    Ignore,
    /// The upstream failed, and calling it again soon is pointless: open at once.
    Open,
}

impl Verdict {
    /// The name in logs and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Ignore => "ignore",
            Self::Open => "open",
        }
    }
}

impl Category {
    /// Every category, in the order of the documents.
    pub const ALL: [Self; 17] = [
        Self::Success,
        Self::Slow,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Overloaded,
        Self::ServerError,
        Self::Timeout,
        Self::ConnectionFailed,
        Self::ConnectionReset,
        Self::StreamInterrupted,
        Self::InvalidResponse,
        Self::Authentication,
        Self::ContentFiltered,
        Self::ContextLength,
        Self::ClientError,
        Self::Cancelled,
        Self::Local,
    ];

    /// The name in stats, logs and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Slow => "slow",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::ConnectionFailed => "connection_failed",
            Self::ConnectionReset => "connection_reset",
            Self::StreamInterrupted => "stream_interrupted",
            Self::InvalidResponse => "invalid_response",
            Self::Authentication => "authentication",
            Self::ContentFiltered => "content_filtered",
            Self::ContextLength => "context_length",
            Self::ClientError => "client_error",
            Self::Cancelled => "cancelled",
            Self::Local => "local",
        }
    }

    /// What the category means for a breaker whose operator says nothing else.
    #[must_use]
    pub const fn default_verdict(self) -> Verdict {
        match self {
            Self::Success | Self::Slow => Verdict::Success,
            Self::QuotaExhausted => Verdict::Open,
            Self::RateLimited
            | Self::Overloaded
            | Self::ServerError
            | Self::Timeout
            | Self::ConnectionFailed
            | Self::ConnectionReset
            | Self::StreamInterrupted
            | Self::InvalidResponse => Verdict::Failure,
            // The caller's own mistakes never open a breaker for others.
            Self::Authentication
            | Self::ContentFiltered
            | Self::ContextLength
            | Self::ClientError
            | Self::Cancelled
            | Self::Local => Verdict::Ignore,
        }
    }
}

/// The verdict on every category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdicts([Verdict; Category::ALL.len()]);

impl Default for Verdicts {
    fn default() -> Self {
        Self(Category::ALL.map(Category::default_verdict))
    }
}

impl Verdicts {
    /// The verdict on this category.
    #[must_use]
    #[inline]
    pub fn on(&self, category: Category) -> Verdict {
        self.0.get(category as usize).copied().unwrap_or_else(|| category.default_verdict())
    }

    /// Every category and its verdict, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Category, &mut Verdict)> {
        Category::ALL.into_iter().zip(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_has_its_own_place() {
        let mut verdicts = Verdicts::default();
        for category in Category::ALL {
            assert_eq!(verdicts.on(category), category.default_verdict(), "{category:?}");
        }
        for (category, verdict) in verdicts.iter_mut() {
            *verdict = if category == Category::Timeout { Verdict::Open } else { Verdict::Ignore };
        }
        for category in Category::ALL {
            let is_timeout = category == Category::Timeout;
            assert_eq!(verdicts.on(category) == Verdict::Open, is_timeout, "{category:?}");
        }
    }
}
