//! What stands in the certificates besides names, keys and times.

use std::time::Duration;

use der::flagset::FlagSet;
use x509_cert::TbsCertificate;
use x509_cert::builder::Result;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// What a key may be used for: a bit of the key usage extension (RFC 5280, section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyUse {
    /// `digitalSignature`: signing what is not kept, as in authentication.
    DigitalSignature,
    /// `nonRepudiation`, also called `contentCommitment`: signing documents.
    NonRepudiation,
    /// `keyEncipherment`: RSA keys that decrypt keys.
    KeyEncipherment,
    /// `keyAgreement`: EC keys that agree on keys.
    KeyAgreement,
}

/// How a [`LocalCa`](super::LocalCa) issues: the authority's choice, whatever a request asks for.
///
/// Every certificate has critical key usage and basic constraints that say it is no authority's,
/// and the identifiers of both keys.
///
/// ```
/// use std::time::Duration;
/// use keyferry::issuer::{KeyUse, LeafProfile};
///
/// let profile = LeafProfile::new(Duration::from_secs(90 * 24 * 3600)).with_key_uses(&[KeyUse::DigitalSignature]);
/// assert_eq!(profile.validity().as_secs(), 7_776_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafProfile {
    validity: Duration,
    uses: Vec<KeyUse>,
}

impl Default for LeafProfile {
    /// One year of 365 days, `digitalSignature` and `nonRepudiation`.
    fn default() -> Self {
        Self::new(Duration::from_secs(365 * 24 * 3600))
    }
}

impl LeafProfile {
    /// Certificates that are valid for `validity` from now, or as long as the root if that ends
    /// earlier; for signatures of both kinds.
    #[must_use]
    pub fn new(validity: Duration) -> Self {
        Self { validity, uses: vec![KeyUse::DigitalSignature, KeyUse::NonRepudiation] }
    }

    /// Certificates for these uses instead.
    #[must_use]
    pub fn with_key_uses(mut self, uses: &[KeyUse]) -> Self {
        self.uses = uses.to_vec();
        self
    }

    /// How long certificates are valid.
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

/// The authority itself.
pub(super) struct Root(pub(super) Name);

impl BuilderProfile for Root {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> Result<Vec<Extension>> {
        let mut extensions = Vec::new();
        let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
        extensions.push(constraints.to_extension(tbs.subject(), &extensions)?);
        extensions.push(
            KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)
                .to_extension(tbs.subject(), &extensions)?,
        );
        extensions
            .push(SubjectKeyIdentifier::try_from(key)?.to_extension(tbs.subject(), &extensions)?);
        Ok(extensions)
    }
}

/// Whoever holds a key that the authority vouches for.
pub(super) struct EndEntity {
    pub(super) issuer: Name,
    /// The identifier in the root's own certificate, if it has one.
    pub(super) issuer_key_id: Option<SubjectKeyIdentifier>,
    pub(super) subject: Name,
    pub(super) profile: LeafProfile,
}

impl BuilderProfile for EndEntity {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> Result<Vec<Extension>> {
        let mut extensions = Vec::new();
        let mut constraints = BasicConstraints { ca: false, path_len_constraint: None }
            .to_extension(tbs.subject(), &extensions)?;
        constraints.critical = true;
        extensions.push(constraints);
        extensions.push(self.profile.key_usage().to_extension(tbs.subject(), &extensions)?);
        extensions
            .push(SubjectKeyIdentifier::try_from(key)?.to_extension(tbs.subject(), &extensions)?);
        let authority = match &self.issuer_key_id {
            Some(key_id) => AuthorityKeyIdentifier {
                key_identifier: Some(key_id.0.clone()),
                ..AuthorityKeyIdentifier::default()
            },
            None => AuthorityKeyIdentifier::try_from(issuer_key)?,
        };
        extensions.push(authority.to_extension(tbs.subject(), &extensions)?);
        Ok(extensions)
    }
}
