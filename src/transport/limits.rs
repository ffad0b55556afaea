//! Limits on the time of an exchange and the size of a response.

use std::time::Duration;

use ::http::Request;

/// The limits of one exchange. A transport reads them from the extensions of a request; without
/// them it uses the [default](Self::default).
///
/// The clients check the size of a response again, so a closure that ignores the limits harms only
/// itself.
///
/// ```
/// use keyferry::transport::ExchangeLimits;
///
/// let mut request = http::Request::new(bytes::Bytes::new());
/// assert_eq!(ExchangeLimits::of(&request), ExchangeLimits::default());
/// let mut limits = ExchangeLimits::default();
/// limits.answer_bytes = 64;
/// request.extensions_mut().insert(limits);
/// assert_eq!(ExchangeLimits::of(&request).answer_bytes, 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExchangeLimits {
    /// The time from the start to the last byte of the response: 30 seconds.
    pub timeout: Duration,
    /// The maximum size of the response's body in bytes: 6 MiB, more than the longest message.
    pub answer_bytes: usize,
    /// Whether the status alone decides, so that an answer counts without its whole body: `false`.
    ///
    /// If so, the body of a 2xx is not waited for. Of any other answer, what has come of the body
    /// within [`BODY_GRACE`](Self::BODY_GRACE) is given, cut to
    /// [`answer_bytes`](Self::answer_bytes): a body that is too long, ends early or does not come
    /// is no error.
    pub is_body_optional: bool,
}

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self::new(Duration::from_secs(30), 6 * 1024 * 1024)
    }
}

impl ExchangeLimits {
    /// The maximum wait for an optional body: 2 seconds.
    pub const BODY_GRACE: Duration = Duration::from_secs(2);

    /// These limits.
    #[must_use]
    pub const fn new(timeout: Duration, answer_bytes: usize) -> Self {
        Self { timeout, answer_bytes, is_body_optional: false }
    }

    /// The same where the status alone decides.
    #[must_use]
    pub const fn with_optional_body(mut self) -> Self {
        self.is_body_optional = true;
        self
    }

    /// The limits of a request.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        request.extensions().get().copied().unwrap_or_default()
    }
}
