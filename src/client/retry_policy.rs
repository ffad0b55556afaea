//! When a request is sent again.

use std::time::Duration;

use super::backoff::Backoff;
use crate::Error;
use crate::transport::{StatusError, TransportError, TransportErrorKind};

/// How often and how long a call is tried. The documentation of each client says which calls are
/// retried.
///
/// ```
/// use std::time::Duration;
/// use keyferry::client::RetryPolicy;
///
/// let mut patient = RetryPolicy::default();
/// patient.budget = Duration::from_secs(300);
/// patient.attempts = 10;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first: 4. Zero counts as one.
    pub attempts: u32,
    /// The longest first pause: half a second. The limit doubles with each failure, and each pause
    /// is drawn evenly between zero and its limit, so that clients that failed together do not
    /// return together.
    pub first_pause: Duration,
    /// The longest pause, unless the other side asks for a longer one: 10 seconds.
    pub max_pause: Duration,
    /// The time for all attempts: 60 seconds. No attempt begins later, and each attempt has only
    /// what is left. The first attempt always has its whole time; the wait of a long poll is added.
    pub budget: Duration,
}

impl RetryPolicy {
    /// The default.
    pub const DEFAULT: Self = Self {
        attempts: 4,
        first_pause: Duration::from_millis(500),
        max_pause: Duration::from_secs(10),
        budget: Duration::from_secs(60),
    };
    /// One attempt.
    pub const NEVER: Self = Self { attempts: 1, ..Self::DEFAULT };

    pub(super) fn backoff(&self) -> Backoff {
        Backoff { first: self.first_pause, max: self.max_pause }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Whether the same call twice has the same effect as once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// A repeat would have a second effect: the call is retried only if nothing of it was sent.
    NotIdempotent,
    /// A repeat has no further effect: the call is retried after every failure that may pass.
    Idempotent,
}

impl Idempotency {
    pub(super) fn allows(self, error: &Error) -> bool {
        match self {
            Self::NotIdempotent => TransportError::of(error)
                .is_some_and(|failure| failure.kind() == TransportErrorKind::Unreachable),
            Self::Idempotent => may_pass(error),
        }
    }
}

/// Whether the same request may succeed a little later.
pub(crate) fn may_pass(error: &Error) -> bool {
    if let Some(failure) = TransportError::of(error) {
        return matches!(
            failure.kind(),
            TransportErrorKind::Unreachable
                | TransportErrorKind::Timeout
                | TransportErrorKind::Broken
        );
    }
    let redirected = StatusError::of(error).is_some_and(|answer| answer.status().is_redirection());
    error.is_retryable() && !redirected
}
