//! The certificate contents other than names, keys and times.

use std::time::Duration;

use der::asn1::OctetString;
use der::flagset::FlagSet;
use der::oid::AssociatedOid;
use der::{Decode as _, Encode};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions};

use crate::Certificate;
use crate::issuer::IssuerError;

/// A permitted use of a key: a bit of the key usage extension (RFC 5280, section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyUse {
    /// `digitalSignature`: signing data that is not kept, as in authentication.
    DigitalSignature,
    /// `nonRepudiation`, also called `contentCommitment`: signing documents.
    NonRepudiation,
    /// `keyEncipherment`: RSA keys that decrypt keys.
    KeyEncipherment,
    /// `keyAgreement`: EC keys for key agreement.
    KeyAgreement,
}

/// The issuing rules of a [`LocalCa`](super::LocalCa), independent of the request's contents.
///
/// Every certificate has critical key usage, critical basic constraints that exclude a CA, and the
/// identifiers of both keys.
///
/// ```
/// use std::time::Duration;
/// use keyferry::issuer::{KeyUse, LeafProfile};
///
/// let profile = LeafProfile::new(Duration::from_secs(90 * 24 * 3600))
///     .with_key_uses(&[KeyUse::DigitalSignature]);
/// assert_eq!(profile.validity().as_secs(), 7_776_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafProfile {
    validity: Duration,
    uses: Vec<KeyUse>,
}

impl Default for LeafProfile {
    /// The default: one year of 365 days, `digitalSignature` and `nonRepudiation`.
    fn default() -> Self {
        Self::new(Duration::from_secs(365 * 24 * 3600))
    }
}

impl LeafProfile {
    /// Creates a profile for certificates that are valid for `validity` from now, or until the root
    /// expires if that is earlier, and for both kinds of signatures.
    #[must_use]
    pub fn new(validity: Duration) -> Self {
        Self { validity, uses: vec![KeyUse::DigitalSignature, KeyUse::NonRepudiation] }
    }

    /// Replaces the permitted uses.
    #[must_use]
    pub fn with_key_uses(mut self, uses: &[KeyUse]) -> Self {
        self.uses = uses.to_vec();
        self
    }

    /// The length of the validity period.
    #[must_use]
    pub fn validity(&self) -> Duration {
        self.validity
    }

    fn key_usage(&self) -> KeyUsage {
        let none = FlagSet::<KeyUsages>::default();
        KeyUsage(self.uses.iter().fold(none, |usages, one| {
            usages
                | match one {
                    KeyUse::DigitalSignature => KeyUsages::DigitalSignature,
                    KeyUse::NonRepudiation => KeyUsages::NonRepudiation,
                    KeyUse::KeyEncipherment => KeyUsages::KeyEncipherment,
                    KeyUse::KeyAgreement => KeyUsages::KeyAgreement,
                }
        }))
    }
}

/// The extensions of the authority's own certificate: it signs end-entity certificates and
/// revocation lists, but no other authority.
pub(super) fn of_root(key_id: Vec<u8>) -> Result<Vec<u8>, IssuerError> {
    encode(vec![
        extension(true, &BasicConstraints { ca: true, path_len_constraint: Some(0) })?,
        extension(true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?,
        extension(false, &identifier(key_id)?)?,
    ])
}

impl LeafProfile {
    /// The extensions of a certificate for the key with the first identifier, issued by the
    /// authority whose key has the second.
    pub(super) fn extensions(
        &self,
        key_id: Vec<u8>,
        issuer_key_id: Vec<u8>,
    ) -> Result<Vec<u8>, IssuerError> {
        let authority = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(issuer_key_id).map_err(IssuerError::failed)?),
            ..AuthorityKeyIdentifier::default()
        };
        encode(vec![
            extension(true, &BasicConstraints { ca: false, path_len_constraint: None })?,
            extension(true, &self.key_usage())?,
            extension(false, &identifier(key_id)?)?,
            extension(false, &authority)?,
        ])
    }
}

/// Refuses a certificate whose key may not sign certificates.
pub(super) fn is_authority(certificate: &Certificate) -> Result<bool, IssuerError> {
    let constraints = certificate.extension(BasicConstraints::OID.as_bytes());
    let constraints = constraints.map(BasicConstraints::from_der).transpose();
    Ok(constraints.map_err(IssuerError::refused)?.is_some_and(|constraints| constraints.ca))
}

/// The key identifier that a certificate states, if any.
pub(super) fn stated_key_id(certificate: &Certificate) -> Result<Option<Vec<u8>>, IssuerError> {
    let key_id = certificate.extension(SubjectKeyIdentifier::OID.as_bytes());
    let key_id = key_id.map(SubjectKeyIdentifier::from_der).transpose();
    Ok(key_id.map_err(IssuerError::refused)?.map(|key_id| key_id.0.into_bytes().into_vec()))
}

fn identifier(key_id: Vec<u8>) -> Result<SubjectKeyIdentifier, IssuerError> {
    Ok(SubjectKeyIdentifier(OctetString::new(key_id).map_err(IssuerError::failed)?))
}

fn extension<T: AssociatedOid + Encode>(
    critical: bool,
    value: &T,
) -> Result<Extension, IssuerError> {
    let value = value.to_der().and_then(OctetString::new).map_err(IssuerError::failed)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value: value })
}

fn encode(extensions: Extensions) -> Result<Vec<u8>, IssuerError> {
    extensions.to_der().map_err(IssuerError::failed)
}
