//! Failures of exchanges, and responses that are not successful.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use ::http::StatusCode;
use bytes::Bytes;

use crate::{Class, Error};

/// How an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection was made, so nothing was sent.
    Unreachable,
    /// The server did not prove its identity, or TLS is not available; nothing was sent.
    Tls,
    /// The address must not be called; nothing was sent.
    TargetRefused,
    /// The request is invalid and could not be sent.
    Unsendable,
    /// The time was up.
    Timeout,
    /// The response is longer than allowed.
    AnswerTooLarge,
    /// The connection ended early, or the response is not HTTP.
    Broken,
}

impl TransportErrorKind {
    /// Whether the request may have reached the other side.
    #[must_use]
    pub fn may_have_arrived(self) -> bool {
        matches!(self, Self::Timeout | Self::AnswerTooLarge | Self::Broken)
    }
}

/// No complete response was received.
///
/// ```
/// use keyferry::{Class, Error};
/// use keyferry::transport::{TransportError, TransportErrorKind};
///
/// let error = Error::from(TransportError::new(TransportErrorKind::Unreachable, "connection refused"));
/// assert_eq!(error.class(), Class::Unavailable);
/// assert!(!TransportError::of(&error).unwrap().may_have_arrived());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    kind: TransportErrorKind,
    detail: Cow<'static, str>,
}

impl TransportError {
    /// The maximum length of a detail in characters.
    const DETAIL: usize = 200;

    /// Creates an error. `detail` is for people; it is cut to one line of 200 characters, and must
    /// not contain an address or a header of the request.
    #[must_use]
    pub fn new(kind: TransportErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut detail = detail.into();
        if detail.chars().count() > Self::DETAIL || detail.chars().any(char::is_control) {
            detail = detail
                .chars()
                .map(|character| if character.is_control() { ' ' } else { character })
                .take(Self::DETAIL)
                .collect();
        }
        Self { kind, detail }
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The description by the HTTP library, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the request may have reached the other side. If not, it may be sent again, whatever
    /// it asks for.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        self.kind.may_have_arrived()
    }

    /// The failed exchange that an error came from, if it came from one.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Unreachable => "no connection",
            TransportErrorKind::Tls => "no trusted connection",
            TransportErrorKind::TargetRefused => "an address that must not be called",
            TransportErrorKind::Unsendable => "a request that cannot be sent",
            TransportErrorKind::Timeout => "the time was up",
            TransportErrorKind::AnswerTooLarge => "an answer that is too long",
            TransportErrorKind::Broken => "the connection broke",
        })?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for TransportError {}

/// The class is `target-refused` if the address must not be called, and otherwise `unavailable`: it
/// is not known what the server did, and trying again may help.
impl Error {
    /// Whether a call of a client certainly sent nothing: no connection was made, or there was
    /// nothing that could be sent.
    ///
    /// For [`Enrollment::not_sent`](crate::hermod::integrator::Enrollment::not_sent). `false` means
    /// that the request may have arrived, also for every error that is not a client's.
    #[must_use]
    pub fn was_not_sent(&self) -> bool {
        TransportError::of(self).is_some_and(|error| !error.may_have_arrived())
    }

    /// Whether the hub certainly does not have a command whose submission ended so: it [was not
    /// sent](Self::was_not_sent), or was refused with a 4xx other than 408.
    ///
    /// After anything else (a timeout, a 5xx, a redirect, a success that cannot be read) the hub
    /// may have it: a callback with the command's `externalId` would tell.
    ///
    /// ```
    /// use keyferry::Error;
    /// use keyferry::transport::{TransportError, TransportErrorKind};
    ///
    /// let failed = |kind, detail| Error::from(TransportError::new(kind, detail));
    /// let refused = failed(TransportErrorKind::Unreachable, "connection refused");
    /// assert!(refused.was_not_sent() && refused.was_not_taken());
    /// let broken = failed(TransportErrorKind::Broken, "connection reset");
    /// assert!(!broken.was_not_sent() && !broken.was_not_taken());
    /// ```
    #[must_use]
    pub fn was_not_taken(&self) -> bool {
        let was_refused = StatusError::of(self).is_some_and(|answer| {
            answer.status().is_client_error() && answer.status().as_u16() != 408
        });
        self.was_not_sent() || was_refused
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let class = if error.kind == TransportErrorKind::TargetRefused {
            Class::TargetRefused
        } else {
            Class::Unavailable
        };
        let failed = Self::new(class, "", "the exchange failed");
        match error.kind {
            TransportErrorKind::Unsendable => failed.permanent().with_source(error),
            _ => failed.with_source(error),
        }
    }
}

/// A response that is not successful, as it was received: its status and any body, up to 64 KiB.
/// `Debug` and `Display` do not show the body.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusError {
    status: StatusCode,
    body: Bytes,
    body_bytes: usize,
    retry_after: Option<Duration>,
}

impl StatusError {
    /// The maximum number of bytes of a body that are kept.
    const KEPT: usize = 64 * 1024;

    pub(crate) fn new(status: StatusCode, body: &Bytes, retry_after: Option<Duration>) -> Self {
        Self {
            status,
            body: body.slice(..body.len().min(Self::KEPT)),
            body_bytes: body.len(),
            retry_after,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body: at most its first 64 KiB. It is untrusted.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The length of the whole body in bytes.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// How long `Retry-After` asked to wait, whether in seconds or as a date: at most
    /// [`Error::MAX_RETRY_AFTER`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The answer that an error came from, if it came from one.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered with status {} and {} bytes", self.status.as_u16(), self.body_bytes)
    }
}

impl fmt::Debug for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusError({self})")
    }
}

impl std::error::Error for StatusError {}
