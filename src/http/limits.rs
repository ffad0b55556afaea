//! How long an exchange may take and how much an answer may hold.

use std::time::Duration;

use ::http::Request;

/// The limits of one exchange. A transport finds them among the extensions of a request; without
/// them it takes the [default](Self::default).
///
/// Whoever sends looks at the size of an answer again, so a closure that does not know of them does
/// no harm but to itself.
///
/// ```
/// use keyferry::http::ExchangeLimits;
///
/// let mut request = http::Request::new(bytes::Bytes::new());
/// assert_eq!(ExchangeLimits::of(&request), ExchangeLimits::default());
/// let mut limits = ExchangeLimits::default();
/// limits.answer_octets = 64;
/// request.extensions_mut().insert(limits);
/// assert_eq!(ExchangeLimits::of(&request).answer_octets, 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeLimits {
    /// From the first step to the last octet of the answer: 30 seconds.
    pub timeout: Duration,
    /// Most octets of the answer's body: 6 MiB, more than the longest message there is.
    pub answer_octets: usize,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), answer_octets: 6 * 1024 * 1024 }
    }
}

impl ExchangeLimits {
    /// These limits.
    #[must_use]
    pub const fn new(timeout: Duration, answer_octets: usize) -> Self {
        Self { timeout, answer_octets }
    }

    /// The limits of a request.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        request.extensions().get().copied().unwrap_or_default()
    }
}
