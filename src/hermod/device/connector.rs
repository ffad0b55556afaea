//! Connectors, which open a mailbox by its address and credential.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::hermod::wire::{AnyMailboxApi, MailboxApi, MailboxKey};
use crate::{BoxFuture, Error, Gate};

/// An open mailbox.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// The mailbox.
    pub mailbox: AnyMailboxApi,
    /// The hub's TLS certificate; the device signs its digest (`sch`).
    pub certificate: CertificateSeen,
}

impl Connection {
    /// A connection without TLS.
    #[must_use]
    pub fn new(mailbox: AnyMailboxApi) -> Self {
        Self { mailbox, certificate: CertificateSeen::new() }
    }

    /// Makes a connection over TLS with the SHA-256 of the DER of the certificate that was seen.
    #[must_use]
    pub fn with_certificate_sha256(self, sha256: [u8; 32]) -> Self {
        self.certificate.set_sha256(sha256);
        self
    }

    /// Makes a connection over TLS whose certificate is recorded later.
    #[must_use]
    pub fn with_certificate(mut self, certificate: CertificateSeen) -> Self {
        self.certificate = certificate;
        self
    }
}

/// The TLS certificate that a hub presented last; empty before the first exchange and without TLS.
/// Clones share their value.
///
/// ```
/// use keyferry::hermod::device::CertificateSeen;
///
/// let seen = CertificateSeen::new();
/// let shared = seen.clone();
/// assert_eq!(seen.sha256(), None);
/// shared.set_sha256([7; 32]);
/// assert_eq!(seen.sha256(), Some([7; 32]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CertificateSeen(Arc<Mutex<Option<[u8; 32]>>>);

impl CertificateSeen {
    /// Makes an empty value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// SHA-256 of the DER of the leaf certificate.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the certificate that was seen.
    pub fn set_sha256(&self, sha256: [u8; 32]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sha256);
    }
}

/// Opens mailboxes: over HTTP, or in a hub in the same process ([`InProcessConnector`]).
///
/// The agent checks the address against its policy before it calls the connector. The connector
/// must authenticate the host by TLS before it sends the credential or anything else.
///
/// Any closure `Fn(&str, MailboxKey) -> Result<AnyMailboxApi, Error>` implements this trait.
pub trait Connector: Send + Sync {
    /// Opens a mailbox: `public` is the hub's address without the mailbox,
    /// `https://hub.example/ms`; `key` names the mailbox and opens it.
    ///
    /// # Errors
    /// The errors of [`MailboxApi`]: class `unauthorized`, `storage`, `unavailable`, …
    fn connect<'a>(
        &'a self,
        public: &'a str,
        key: MailboxKey,
    ) -> BoxFuture<'a, Result<Connection, Error>>;
}

impl<F> Connector for F
where
    F: Fn(&str, MailboxKey) -> Result<AnyMailboxApi, Error> + Send + Sync,
{
    fn connect<'a>(
        &'a self,
        public: &'a str,
        key: MailboxKey,
    ) -> BoxFuture<'a, Result<Connection, Error>> {
        let connected = self(public, key).map(Connection::new);
        Box::pin(std::future::ready(connected))
    }
}

/// Opens the mailboxes of one hub in the same process through its [`Gate`] for mailbox keys. The
/// address is ignored.
#[derive(Clone)]
pub struct InProcessConnector<G>(pub G);

impl<G> Connector for InProcessConnector<G>
where
    G: Gate<MailboxKey>,
    G::Handle: MailboxApi + 'static,
{
    fn connect<'a>(
        &'a self,
        _: &'a str,
        key: MailboxKey,
    ) -> BoxFuture<'a, Result<Connection, Error>> {
        Box::pin(async move { Ok(Connection::new(AnyMailboxApi::new(self.0.open(key).await?))) })
    }
}

impl<G> fmt::Debug for InProcessConnector<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcessConnector")
    }
}
