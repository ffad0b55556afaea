//! A small certificate authority: one root that signs end-entity certificates.

mod profile;
mod signing;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use der::{Decode as _, Encode as _};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::ext::pkix::{BasicConstraints, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use self::profile::{EndEntity, Root};
pub use self::profile::{KeyUse, LeafProfile};
use self::signing::Adapter;
use super::{Issuer, IssuerError};
use crate::crypto::{Algorithm, Provider, PublicKey, Signer};
use crate::csr::Request;
use crate::{BoxFuture, Certificate, Class, Clock, Error};

/// A small certificate authority (RFC 5280) for tests and closed systems: one self-signed root,
/// which signs end-entity certificates directly.
///
/// It keeps no list of what it issued and revokes nothing.
///
/// # Security
/// Of a request it takes the key and the subject, octet for octet, and nothing else: key usage and
/// basic constraints are those of its [`LeafProfile`], the validity comes from its clock, the
/// serial number is random. Attributes of the request (wanted extensions among them) are not looked
/// at, as nothing in a request is a reason to grant it. Whether the subject is right is for the
/// caller to have checked.
///
/// See [`issue`](super::issue) for an example.
pub struct LocalCa {
    certificate: Certificate,
    name: Name,
    key_id: Option<SubjectKeyIdentifier>,
    expires_at: SystemTime,
    signer: Arc<dyn Signer>,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    leaf: LeafProfile,
}

impl LocalCa {
    /// Makes a root: `name` in the form of RFC 4514 (`CN=Example root,O=Example`), signed by
    /// `signer`, valid from five minutes ago for `validity` from now. `signer` is a key of any
    /// provider or token; it signs with the [default algorithm](Algorithm::default_for) of its key.
    ///
    /// # Errors
    /// [`IssuerError::Refused`] if `name` is not a name or the validity reaches beyond the year
    /// 9999, [`IssuerError::Failed`] if signer or random generator fail.
    pub fn new_root(
        name: &str,
        signer: Arc<dyn Signer>,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
        validity: Duration,
    ) -> Result<Self, IssuerError> {
        let name = crate::name::parse(name).map_err(IssuerError::refused)?;
        let name = Name::from_der(&name).map_err(IssuerError::refused)?;
        let now = clock.now();
        let validity = validity_of(earlier(now), later(now, validity)?)?;
        let certificate = sign(Root(name), validity, signer.public_key(), &*signer, &*provider)?;
        Self::from_root(certificate, signer, provider, clock)
    }

    /// Goes on with a root that exists: its certificate and its key.
    ///
    /// # Errors
    /// [`IssuerError::Refused`] if the certificate is not for that key (class `proof`), or is not
    /// one of an authority (class `malformed`).
    pub fn from_root(
        certificate: Certificate,
        signer: Arc<dyn Signer>,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IssuerError> {
        certificate.require_key(signer.public_key()).map_err(IssuerError::refused)?;
        let read =
            x509_cert::Certificate::from_der(certificate.as_der()).map_err(IssuerError::refused)?;
        let tbs = read.tbs_certificate();
        let constraints = tbs.get_extension::<BasicConstraints>().map_err(IssuerError::refused)?;
        if !constraints.is_some_and(|(_, constraints)| constraints.ca) {
            return Err(IssuerError::refused(Error::new(
                Class::Malformed,
                "certificate.basicConstraints",
                "not an authority's",
            )));
        }
        let key_id = tbs
            .get_extension::<SubjectKeyIdentifier>()
            .map_err(IssuerError::refused)?
            .map(|(_, key_id)| key_id);
        Ok(Self {
            name: tbs.subject().clone(),
            key_id,
            expires_at: tbs.validity().not_after.to_system_time(),
            certificate,
            signer,
            provider,
            clock,
            leaf: LeafProfile::default(),
        })
    }

    /// Issues by this profile instead of the default one.
    #[must_use]
    pub fn with_profile(mut self, profile: LeafProfile) -> Self {
        self.leaf = profile;
        self
    }

    /// The root's certificate, for those who are to trust it.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn issue_now(&self, request: &Request) -> Result<Certificate, IssuerError> {
        let now = self.clock.now();
        if now >= self.expires_at {
            return Err(IssuerError::failed("the root has expired"));
        }
        let not_after = later(now, self.leaf.validity())?.min(self.expires_at);
        let subject = Name::from_der(request.subject_der()).map_err(|_| odd_subject())?;
        // What the builder writes has to be what was asked for; a name that it would write in
        // another way is refused.
        if subject.to_der().map_err(IssuerError::failed)? != request.subject_der() {
            return Err(odd_subject());
        }
        let entity = EndEntity {
            issuer: self.name.clone(),
            issuer_key_id: self.key_id.clone(),
            subject,
            profile: self.leaf.clone(),
        };
        sign(
            entity,
            validity_of(earlier(now), not_after)?,
            request.public_key(),
            &*self.signer,
            &*self.provider,
        )
    }
}

impl Issuer for LocalCa {
    fn issue_unchecked<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Certificate, IssuerError>> {
        Box::pin(async move { self.issue_now(request) })
    }
}

impl fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCa")
            .field("certificate", &self.certificate)
            .field("leaf", &self.leaf)
            .finish_non_exhaustive()
    }
}

/// How far certificates reach back, for clocks that are behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// Octets of a serial number: 127 random bits and the zero that keeps it positive.
const SERIAL_OCTETS: usize = 16;

fn earlier(now: SystemTime) -> SystemTime {
    now.checked_sub(BACKDATED).filter(|time| *time >= SystemTime::UNIX_EPOCH).unwrap_or(now)
}

fn later(now: SystemTime, by: Duration) -> Result<SystemTime, IssuerError> {
    now.checked_add(by).ok_or_else(|| IssuerError::refused("a validity that no clock can say"))
}

fn validity_of(not_before: SystemTime, not_after: SystemTime) -> Result<Validity, IssuerError> {
    let time = |time| Time::try_from(time).map_err(IssuerError::refused);
    Ok(Validity::new(time(not_before)?, time(not_after)?))
}

fn odd_subject() -> IssuerError {
    IssuerError::refused(Error::new(
        Class::Csr,
        "subject",
        "not a name that can be written octet for octet",
    ))
}

/// One certificate: the builder's octets, the signer's signature, and the whole read again.
fn sign(
    profile: impl BuilderProfile,
    validity: Validity,
    key: &PublicKey,
    signer: &dyn Signer,
    provider: &dyn Provider,
) -> Result<Certificate, IssuerError> {
    let mut serial = [0; SERIAL_OCTETS];
    provider.fill_random(&mut serial).map_err(IssuerError::failed)?;
    // Positive, and never zero: a one follows the sign.
    serial[0] = serial[0] & 0x7f | 0x40;
    let serial = SerialNumber::new(&serial).map_err(IssuerError::failed)?;
    let spki =
        SubjectPublicKeyInfoOwned::from_der(key.as_spki_der()).map_err(IssuerError::failed)?;
    let algorithm = Algorithm::default_for(signer.public_key());
    let adapter = Adapter { public_key: signer.public_key(), algorithm };
    let mut builder =
        CertificateBuilder::new(profile, serial, validity, spki).map_err(IssuerError::failed)?;
    let to_be_signed = builder.finalize(&adapter).map_err(IssuerError::failed)?;
    let signature = signer.sign(algorithm, &to_be_signed).map_err(IssuerError::failed)?;
    let certificate =
        builder.assemble(adapter.bit_string(&signature)?, &adapter).map_err(IssuerError::failed)?;
    Certificate::from_der(&certificate.to_der().map_err(IssuerError::failed)?)
        .map_err(IssuerError::Certificate)
}
