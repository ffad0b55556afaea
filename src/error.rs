//! Errors about external input: a class, the faulty part, and nothing of the input.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

macro_rules! classes {
    ($( $(#[$doc:meta])* $name:ident = $text:literal, )*) => {
        /// The reason for an error: one stable, machine-readable word.
        ///
        /// The words are fixed. [`Class::as_str`] and `Display` return them, programs print them,
        /// and HTTP responses carry them in upper snake case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Class { $( $(#[$doc])* $name, )* }

        impl Class {
            /// Every class, in the order of the table in the crate's documentation.
            pub const ALL: &'static [Self] = &[$( Self::$name, )*];

            /// The word in lower case with hyphens, for example `too-large`.
            ///
            /// ```
            /// assert_eq!(keyferry::Class::NotAsRequested.as_str(), "not-as-requested");
            /// ```
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }
        }
    };
}

classes! {
    /// The input is not in the exact form: invalid JSON, base64url or DER, or a member that is
    /// duplicate, of the wrong type, or required and absent.
    Malformed = "malformed",
    /// A size, count or depth exceeds its limit.
    TooLarge = "too-large",
    /// The caller did not allow the algorithm, it is not supported (`none`, symmetric ones), or it
    /// does not fit its key.
    Algorithm = "algorithm",
    /// A key is too short or too long, has an invalid exponent, or does not lie on its curve.
    WeakKey = "weak-key",
    /// A key that must be public has a private member.
    PrivateKey = "private-key",
    /// A signature does not verify.
    Signature = "signature",
    /// A key does not prove itself, proves itself twice, or is the attestation key.
    Proof = "proof",
    /// The nonce is missing or not the expected one.
    Nonce = "nonce",
    /// The nonce or the answer was already used.
    Replay = "replay",
    /// The set of keyids is not the requested one: one is unknown, missing or duplicate.
    KeyId = "keyid",
    /// The type, length, mechanism, usage or state of a key is not the requested one.
    NotAsRequested = "not-as-requested",
    /// The key, subject, attributes or signature of a certificate request is wrong.
    Csr = "csr",
    /// The attestation key is not pinned.
    Attestation = "attestation",
    /// The host name, certificate hash or mailbox address does not match the channel.
    Channel = "channel",
    /// The user or profile is not the requested one.
    User = "user",
    /// The API key or token is missing or wrong.
    Unauthorized = "unauthorized",
    /// The object does not exist or belongs to another caller.
    NotFound = "not-found",
    /// The same identifier was used again with other content.
    Conflict = "conflict",
    /// The lifespan has passed.
    Expired = "expired",
    /// There were too many requests.
    Rate = "rate",
    /// The target address is forbidden.
    TargetRefused = "target-refused",
    /// The store failed; nothing was acknowledged.
    Storage = "storage",
    /// Something other than the store failed, and the outcome may be unknown: an exchange failed, a
    /// server is shutting down, overloaded or late, or a provider of cryptography, random numbers
    /// or content failed.
    Unavailable = "unavailable",
}

impl FromStr for Class {
    type Err = Error;

    /// Reads the exact word.
    ///
    /// # Errors
    /// Class `malformed`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut classes = Self::ALL.iter().copied();
        classes
            .find(|class| class.as_str() == text)
            .ok_or_else(|| Error::malformed("class", "not the word of a class"))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error about external input: its [`Class`], the faulty part, the fault and, for text and DER,
/// its position.
///
/// It never repeats the input, so it can be logged unchanged.
///
/// ```
/// use keyferry::{Class, crypto::PublicKey};
///
/// let error = PublicKey::from_spki_der(&[0x30, 0x00]).unwrap_err();
/// assert_eq!(error.class(), Class::Malformed);
/// assert_eq!(error.part(), "subjectPublicKeyInfo");
/// ```
///
/// An error of a client may have a [source](std::error::Error::source): the response of the other
/// side, or the failure of the exchange. Equality ignores the source.
#[derive(Clone)]
pub struct Error(Box<Inner>);

/// Details of the HTTP response that do not follow from the error's class. They are set where the
/// error is created, because only that code knows them.
// The compiled-in roles determine which of these are constructed.
#[cfg_attr(not(all(feature = "hub", feature = "server")), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpAnswer {
    /// This status.
    Status(u16),
    /// The status of the class, for a reason that has its own code in the protocol: one of the
    /// protocol's constants.
    #[cfg(any(feature = "http", feature = "hub"))]
    Reason(&'static str),
}

#[derive(Clone)]
struct Inner {
    class: Class,
    part: Cow<'static, str>,
    detail: Cow<'static, str>,
    offset: Option<usize>,
    retry_after: Option<Duration>,
    answer: Option<HttpAnswer>,
    /// Whether a retry is certain to fail in the same way, whatever the class.
    is_permanent: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// The longest accepted `Retry-After`: one day. Clients, and the hub's outbox for receivers of
    /// callbacks, reduce longer pauses to it.
    pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// Creates an error of `class` about `part`: a path of member names as on the wire, or the name
    /// of a DER field.
    ///
    /// `detail` is one lower-case phrase. Neither may contain external text.
    #[must_use]
    pub fn new(
        class: Class,
        part: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Inner {
            class,
            part: part.into(),
            detail: detail.into(),
            offset: None,
            retry_after: None,
            answer: None,
            is_permanent: false,
            source: None,
        }))
    }

    pub(crate) fn malformed(
        part: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Class::Malformed, part, detail)
    }

    pub(crate) fn too_large(
        part: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Class::TooLarge, part, detail)
    }

    /// Adds the offset of the fault, in bytes from the start of the part.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Adds the time after which a retry may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }

    /// Adds the source.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Sets the HTTP status of a server's response, where it does not follow from the class. Values
    /// outside 400 to 599 are ignored.
    ///
    /// Use it to implement a wire trait: a server of this crate responds with this status.
    ///
    /// ```
    /// use keyferry::{Class, Error};
    ///
    /// let error = Error::new(Class::Unavailable, "upstream", "did not answer in time");
    /// assert_eq!(error.http_status(), 503);
    /// assert_eq!(error.with_http_status(504).http_status(), 504);
    /// ```
    #[must_use]
    pub fn with_http_status(self, status: u16) -> Self {
        if matches!(status, 400..=599) { self.answered(HttpAnswer::Status(status)) } else { self }
    }

    /// Adds details of the HTTP response.
    #[must_use]
    pub(crate) fn answered(mut self, answer: HttpAnswer) -> Self {
        self.0.answer = Some(answer);
        self
    }

    /// Marks the error as permanent: a retry is certain to fail in the same way.
    #[cfg(feature = "http")]
    #[must_use]
    pub(crate) fn permanent(mut self) -> Self {
        self.0.is_permanent = true;
        self
    }

    /// The details of the HTTP response that were set when the error was created.
    #[cfg(any(feature = "http", feature = "hub"))]
    pub(crate) fn answer(&self) -> Option<HttpAnswer> {
        self.0.answer
    }

    /// Moves the part into `outer`: it becomes `outer`, or `outer.part`.
    #[must_use]
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let joint = if self.0.part.is_empty() || self.0.part.starts_with('[') { "" } else { "." };
        self.0.part = Cow::Owned(format!("{outer}{joint}{}", self.0.part));
        self
    }

    /// Replaces the part `from` by `to`, for objects that have several names on the wire.
    #[must_use]
    pub(crate) fn of_part(mut self, from: &str, to: &'static str) -> Self {
        if self.0.part == from {
            self.0.part = Cow::Borrowed(to);
        }
        self
    }

    /// Replaces the detail.
    #[cfg(feature = "client")]
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Replaces the class by the one that the caller's rule requires. The HTTP status then follows
    /// from that class.
    #[must_use]
    pub(crate) fn with_class(mut self, class: Class) -> Self {
        self.0.class = class;
        self.0.answer = None;
        self
    }

    /// The class, on which programs base their decisions.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The faulty part: a path (`provCommand.profile.keygenrequests[0].keyid`) or a field's name.
    /// Empty for the whole input.
    #[must_use]
    pub fn part(&self) -> &str {
        &self.0.part
    }

    /// The fault in readable form.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Whether a later retry of the same request may succeed.
    ///
    /// | class | |
    /// |---|---|
    /// | `storage`, `unavailable`, `rate` | yes: the cause is temporary |
    /// | `unavailable`, because the request [could not be sent as it is][unsendable] | no |
    /// | all others | no: the result would be the same |
    ///
    /// The result does not say whether the request was carried out, so an operation that must not
    /// happen twice needs
    /// side asked for is in [`retry_after`](Self::retry_after).
    ///
    /// ```
    /// use keyferry::{Class, Error};
    ///
    /// assert!(Error::new(Class::Rate, "", "too many requests").is_retryable());
    /// assert!(!Error::new(Class::Conflict, "", "another answer is stored").is_retryable());
    /// ```
    ///
    #[cfg_attr(
        feature = "http",
        doc = "[unsendable]: crate::transport::TransportErrorKind::Unsendable"
    )]
    #[cfg_attr(not(feature = "http"), doc = "[unsendable]: Self::is_retryable")]
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !self.0.is_permanent
            && matches!(self.0.class, Class::Storage | Class::Unavailable | Class::Rate)
    }

    /// The HTTP status with which a server of this crate responds to this error: the status of its
    /// class in the [table](crate#errors), unless [another one](Self::with_http_status) was set.
    ///
    /// Class `too-large` is 413 for the whole input (its [part](Self::part) is empty), and 400 for
    /// a part, a count or the nesting. A fault in signed data of a device is always 422.
    ///
    /// An error of a client has a status too: the one with which a server would forward it. The
    /// response of the other side is in the [source](std::error::Error::source).
    ///
    /// ```
    /// use keyferry::{Class, Error};
    ///
    /// assert_eq!(Error::new(Class::Expired, "mid", "the message has ended").http_status(), 410);
    /// ```
    #[must_use]
    pub fn http_status(&self) -> u16 {
        if let Some(HttpAnswer::Status(status)) = self.0.answer {
            return status;
        }
        match self.0.class {
            Class::TooLarge if self.0.part.is_empty() => 413,
            Class::Malformed | Class::TooLarge => 400,
            Class::Unauthorized => 401,
            Class::NotFound => 404,
            Class::Conflict | Class::Replay => 409,
            Class::Expired => 410,
            Class::Rate => 429,
            Class::Storage | Class::Unavailable => 503,
            Class::Algorithm
            | Class::WeakKey
            | Class::PrivateKey
            | Class::Signature
            | Class::Proof
            | Class::Nonce
            | Class::KeyId
            | Class::NotAsRequested
            | Class::Csr
            | Class::Attestation
            | Class::Channel
            | Class::User
            | Class::TargetRefused => 422,
        }
    }

    /// The time after which a retry may succeed, if known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The offset of the fault in bytes from the start of the text or DER, if known.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.class)?;
        if !self.0.part.is_empty() {
            write!(f, "{}: ", self.0.part)?;
        }
        f.write_str(&self.0.detail)?;
        match self.0.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}")?;
        // None of this crate's sources shows external input.
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        f.write_str(")")
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let facts =
            |error: &Self| (error.0.class, error.0.offset, error.0.retry_after, error.0.answer);
        facts(self) == facts(other)
            && self.0.part == other.0.part
            && self.0.detail == other.0.detail
    }
}

impl Eq for Error {}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documentation_gives_every_class_its_status() {
        let rows: Vec<(&str, &str)> = include_str!("lib.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split_once("` | "))
            .filter_map(|(class, rest)| {
                Some((class, rest.strip_suffix(" |")?.rsplit_once(" | ")?.1))
            })
            .collect();
        assert_eq!(rows.len(), Class::ALL.len());
        for (class, (word, statuses)) in Class::ALL.iter().zip(rows) {
            assert_eq!(class.as_str(), word);
            let (whole, part) = (Error::new(*class, "", ""), Error::new(*class, "to", ""));
            if *class == Class::TooLarge {
                assert_eq!(statuses, "413, 431, 400");
                assert_eq!((whole.http_status(), part.http_status()), (413, 400));
            } else {
                assert_eq!(whole.http_status().to_string(), statuses, "{class}");
                assert_eq!(part.http_status(), whole.http_status(), "{class}");
            }
        }
    }

    #[test]
    fn what_passes_is_retryable_and_nothing_else() {
        for class in Class::ALL {
            let passes = matches!(class, Class::Storage | Class::Unavailable | Class::Rate);
            assert_eq!(Error::new(*class, "", "").is_retryable(), passes, "{class}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_failed_exchange_is_unavailable_and_says_what_is_certain() {
        use crate::transport::{TransportError, TransportErrorKind as Kind};

        for (kind, class, is_retryable, was_not_sent) in [
            (Kind::Unreachable, Class::Unavailable, true, true),
            (Kind::Tls, Class::Unavailable, true, true),
            (Kind::TargetRefused, Class::TargetRefused, false, true),
            (Kind::Unsendable, Class::Unavailable, false, true),
            (Kind::Timeout, Class::Unavailable, true, false),
            (Kind::AnswerTooLarge, Class::Unavailable, true, false),
            (Kind::Broken, Class::Unavailable, true, false),
        ] {
            let error = Error::from(TransportError::new(kind, ""));
            assert_eq!((error.class(), error.is_retryable()), (class, is_retryable), "{kind:?}");
            assert_eq!(error.was_not_sent(), was_not_sent, "{kind:?}");
            assert_eq!(error.was_not_taken(), was_not_sent, "{kind:?}");
            assert_eq!(error.http_status(), if is_retryable { 503 } else { error.http_status() });
        }
        assert!(!Error::new(Class::Unavailable, "", "").was_not_sent());
    }
}
