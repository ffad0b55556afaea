//! What is wrong with something that came from outside: one class, the part at fault, and nothing
//! of the input.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

macro_rules! classes {
    ($( $(#[$doc:meta])* $name:ident = $text:literal, )*) => {
        /// Why something was refused: one stable, machine-readable word an error.
        ///
        /// The words are fixed. They are what [`Class::as_str`] and `Display` give, what the
        /// programs print, and, in upper snake case, what an HTTP answer carries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Class { $( $(#[$doc])* $name, )* }

        impl Class {
            /// Every class, in the order of the table in the crate's documentation.
            pub const ALL: &'static [Self] = &[$( Self::$name, )*];

            /// The word, lower case with hyphens: `too-large`.
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
    /// Not the exact form: bad JSON, base64url or DER, a member twice, of the wrong type, or
    /// required and absent.
    Malformed = "malformed",
    /// Over a limit on size, count or depth.
    TooLarge = "too-large",
    /// An algorithm that the caller did not allow, that does not exist here (`none`, symmetric
    /// ones), or that does not fit its key.
    Algorithm = "algorithm",
    /// A key that is too short or too long, has a bad exponent, or does not lie on its curve.
    WeakKey = "weak-key",
    /// A private member stands where only a public key is due.
    PrivateKey = "private-key",
    /// A signature does not verify.
    Signature = "signature",
    /// A key does not prove itself, proves itself twice, or is the attestation key.
    Proof = "proof",
    /// The nonce is missing or not the one asked for.
    Nonce = "nonce",
    /// A nonce or an answer that was counted already.
    Replay = "replay",
    /// The set of keyids is not the one asked for: unknown, missing or doubled.
    KeyId = "keyid",
    /// Type, length, mechanism, usage or state of a key is not as asked for.
    NotAsRequested = "not-as-requested",
    /// A certificate request is wrong in its key, subject, attributes or signature.
    Csr = "csr",
    /// The attestation key is not one of those that were pinned.
    Attestation = "attestation",
    /// Host name, certificate hash or mailbox address is not the channel's.
    Channel = "channel",
    /// User or profile is not the one asked for.
    User = "user",
    /// No API key or token, or one that does not fit.
    Unauthorized = "unauthorized",
    /// Unknown, or somebody else's.
    NotFound = "not-found",
    /// The same thing again with other content.
    Conflict = "conflict",
    /// Past its lifespan.
    Expired = "expired",
    /// Too many, too fast.
    Rate = "rate",
    /// An address that must not be called.
    TargetRefused = "target-refused",
    /// The store cannot keep the promise; nothing was acknowledged.
    Storage = "storage",
    /// Something other than the store did not do its part, and nothing is known of the rest: an
    /// exchange failed, a server is shutting down, busy or late, a provider of cryptography, of
    /// random numbers or of contents failed.
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

/// A refusal of something that came from outside: its [`Class`], the part at fault, what is wrong
/// with it and, for text and DER, where.
///
/// It never repeats the input, so it can be logged as it is.
///
/// ```
/// use keyferry::{Class, crypto::PublicKey};
///
/// let error = PublicKey::from_spki_der(&[0x30, 0x00]).unwrap_err();
/// assert_eq!(error.class(), Class::Malformed);
/// assert_eq!(error.part(), "subjectPublicKeyInfo");
/// ```
///
/// An error of a client may have a [source](std::error::Error::source): what the other side
/// answered, or how the exchange failed. Two errors are equal if all but their sources is.
#[derive(Clone)]
pub struct Error(Box<Inner>);

/// What the HTTP answer to an error says where that does not follow from the error's class. It is
/// set where the error is made, which is the only place that knows.
// Which of these are made depends on the roles that are compiled in.
#[cfg_attr(not(all(feature = "hub", feature = "server")), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpAnswer {
    /// This status.
    Status(u16),
    /// The status of the class, for a reason that the protocol has a code of its own for: one of the
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
    /// Whether trying again certainly fails in the same way, whatever the class.
    is_permanent: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// The longest pause that a `Retry-After` of the other side is believed: one day. Clients cut
    /// what they read to it, and the hub's outbox what a receiver of callbacks asks for.
    pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// An error of `class` about `part`: the name of a member, as a path of the names the wire
    /// uses, or of a DER field.
    ///
    /// `detail` is one lower-case phrase. Neither may hold text that came from outside.
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

    /// The same error with the offset of the fault, in bytes from the start of the part.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// The same error with the time after which trying again may help.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.0.retry_after = Some(pause);
        self
    }

    /// The same error with what it came from.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The same error with the HTTP status that a server answers for it, where that does not
    /// follow from its class: 400 to 599. Another number changes nothing.
    ///
    /// For those who implement a wire themselves: a server of this crate answers with this status.
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

    /// The same error with what its HTTP answer says.
    #[must_use]
    pub(crate) fn answered(mut self, answer: HttpAnswer) -> Self {
        self.0.answer = Some(answer);
        self
    }

    /// The same error, which trying again certainly meets again.
    #[cfg(feature = "http")]
    #[must_use]
    pub(crate) fn permanent(mut self) -> Self {
        self.0.is_permanent = true;
        self
    }

    /// What was said about the HTTP answer when the error was made.
    #[cfg(any(feature = "http", feature = "hub"))]
    pub(crate) fn answer(&self) -> Option<HttpAnswer> {
        self.0.answer
    }

    /// The same error about a part of `outer`: `outer`, or `outer.part`.
    #[must_use]
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let joint = if self.0.part.is_empty() || self.0.part.starts_with('[') { "" } else { "." };
        self.0.part = Cow::Owned(format!("{outer}{joint}{}", self.0.part));
        self
    }

    /// The same error about `to` where it is about `from`: one thing has several names on the wire.
    #[must_use]
    pub(crate) fn of_part(mut self, from: &str, to: &'static str) -> Self {
        if self.0.part == from {
            self.0.part = Cow::Borrowed(to);
        }
        self
    }

    /// The same fault in other words.
    #[cfg(feature = "client")]
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// The same fault under another class: the one that the caller's rule gives it. Its HTTP
    /// status follows from that class.
    #[must_use]
    pub(crate) fn with_class(mut self, class: Class) -> Self {
        self.0.class = class;
        self.0.answer = None;
        self
    }

    /// The class: what a program decides on.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The part at fault, as a path (`provCommand.profile.keygenrequests[0].keyid`) or a field's
    /// name. May be empty: the whole input.
    #[must_use]
    pub fn part(&self) -> &str {
        &self.0.part
    }

    /// What is wrong, for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Whether trying the same again later may help.
    ///
    /// | class | |
    /// |---|---|
    /// | `storage`, `unavailable`, `rate` | yes: the state behind it passes |
    /// | `unavailable`, because the request [could not be sent as it is][unsendable] | no |
    /// | every other | no: the same gets the same answer |
    ///
    /// It says nothing about whether the request was carried out, so what must not be done twice
    /// needs `was_not_sent` or `was_not_taken` (feature `http`) as well. A pause that the other
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

    /// The HTTP status that a server of this crate answers for this error: that of its class in
    /// the [table](crate#errors), unless [another](Self::with_http_status) was given to it.
    ///
    /// Class `too-large` is 413 if it is about the whole input (its [part](Self::part) is empty),
    /// and 400 if it is about a part, a count or the nesting. A fault in what a device signed is
    /// 422, whatever its class.
    ///
    /// An error of a client has a status too: the one that a server would pass it on with. What
    /// the other side answered is in the [source](std::error::Error::source).
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

    /// After which time trying again may help, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Where, in bytes from the start of the text or DER that was read, if that is known.
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
        // No source of ours shows anything that came from outside.
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
