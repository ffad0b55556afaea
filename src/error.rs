//! What is wrong with something that came from outside: one class, the part at fault, and nothing
//! of the input.

use std::borrow::Cow;
use std::fmt;
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
    /// The store, the random generator or the network cannot keep the promise; nothing was
    /// acknowledged.
    Storage = "storage",
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

#[derive(Clone)]
struct Inner {
    class: Class,
    part: Cow<'static, str>,
    detail: Cow<'static, str>,
    offset: Option<usize>,
    retry_after: Option<Duration>,
    status: Option<u16>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
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
            status: None,
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

    /// The same error with the offset of the fault, in octets from the start of the part.
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

    /// The same error with the HTTP status that it is answered with, where that does not follow
    /// from its class.
    #[cfg(any(feature = "http", feature = "hub"))]
    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The HTTP status that was given to this error, if one was.
    #[cfg(feature = "http")]
    pub(crate) fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The same error about a part of `outer`: `outer`, or `outer.part`.
    #[must_use]
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let joint = if self.0.part.is_empty() || self.0.part.starts_with('[') { "" } else { "." };
        self.0.part = Cow::Owned(format!("{outer}{joint}{}", self.0.part));
        self
    }

    /// The same fault under another class: the one that the caller's rule gives it.
    #[must_use]
    pub(crate) fn with_class(mut self, class: Class) -> Self {
        self.0.class = class;
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

    /// After which time trying again may help, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Where, in octets from the start of the text or DER that was read, if that is known.
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
            Some(offset) => write!(f, " (at octet {offset})"),
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
            |error: &Self| (error.0.class, error.0.offset, error.0.retry_after, error.0.status);
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
