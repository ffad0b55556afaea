//! The identity of a hub.

#[cfg(doc)]
use super::Enrollment;
use crate::BaseUrl;
#[cfg(doc)]
use crate::hermod::proof::Expectation;

/// The known properties of the hub that the device talks to, for [`Enrollment::prove_through`].
/// Properties that are not set are not checked.
///
/// ```
/// use keyferry::BaseUrl;
/// use keyferry::hermod::integrator::HubIdentity;
///
/// let public_address = BaseUrl::parse("https://hub.example/hermod/rest/ms")?;
/// let hub = HubIdentity::from_public_address(public_address.clone());
/// assert_eq!(hub, HubIdentity::new().with_fqdn("hub.example").with_mailbox_base(public_address));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubIdentity {
    pub(super) fqdn: Option<String>,
    pub(super) certificate_sha256: Vec<[u8; 32]>,
    pub(super) mailbox_base: Option<BaseUrl>,
}

impl HubIdentity {
    /// Makes an identity without any property.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The hub at a public address, which is the address that mailboxes are below
    /// (`https://hub.example/hermod/rest/ms`): its host is the name that the device signs, and
    /// the profile's mailbox has to be below it.
    ///
    /// If the hub's name differs from that of its public address, its answers contain the name
    /// (`fqdn`); set it with [`with_fqdn`](Self::with_fqdn).
    #[must_use]
    pub fn from_public_address(address: BaseUrl) -> Self {
        Self::new().with_fqdn(address.host()).with_mailbox_base(address)
    }

    /// Its host name, as [`Expectation::with_fqdn`].
    #[must_use]
    pub fn with_fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
        self
    }

    /// SHA-256 of the DER of its TLS certificate, as [`Expectation::with_sch`]. Each call adds a
    /// certificate, and the device has to have seen one of them: while a certificate is being
    /// renewed, give the old one and the new one.
    #[must_use]
    pub fn with_certificate_sha256(mut self, sha256: [u8; 32]) -> Self {
        self.certificate_sha256.push(sha256);
        self
    }

    /// Its public address, as [`Expectation::with_mailbox_base`].
    #[must_use]
    pub fn with_mailbox_base(mut self, base: BaseUrl) -> Self {
        self.mailbox_base = Some(base);
        self
    }
}
