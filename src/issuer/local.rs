//! A small certificate authority: a root that signs end-entity certificates.

mod profile;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::der::Encode as _;
use ::der::asn1::{GeneralizedTime, UtcTime};

pub use self::profile::{KeyUse, LeafProfile};
use super::{Issuance, Issuer, IssuerError};
use crate::crypto::algorithm_identifier::identifier;
use crate::crypto::{Algorithm, Provider, PublicKey, Signer, raw_to_der};
use crate::csr::Request;
use crate::der::{self, Cursor, Tag, element};
use crate::name::{self, Likeness};
use crate::{BoxFuture, Certificate, Class, Clock, Error};

/// A small certificate authority (RFC 5280) for tests and closed systems: one self-signed root,
/// which signs end-entity certificates directly.
///
/// It keeps no record of issued certificates and revokes none.
///
/// # Security
/// It copies only the key and the subject of a request, byte for byte. Key usage and basic
/// constraints come from its [`LeafProfile`], the validity from its clock, and the serial number is
/// random. Attributes of the request, including requested extensions, are ignored, because a
/// request is no reason to grant them. The caller must have checked the subject.
///
/// See [`issue`](super::issue) for an example.
pub struct LocalCa {
    certificate: Certificate,
    /// The identifier of its key for the certificates that it issues.
    key_id: Vec<u8>,
    expires_at: SystemTime,
    /// The certificates that accompany each issued certificate.
    chain: Vec<Certificate>,
    signer: Arc<dyn Signer>,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    leaf: LeafProfile,
}

impl LocalCa {
    /// Creates a root: `name` in the form of RFC 4514 (`CN=Example root,O=Example`), signed by
    /// `signer`, valid from five minutes ago until `validity_period` from now. `signer` is a key of
    /// any provider or token; it signs with the [default algorithm](Algorithm::default_for) of its
    /// key.
    ///
    /// # Errors
    /// [`IssuerError::Refused`] if `name` is not a name or the validity extends beyond the year
    /// 9999, [`IssuerError::Failed`] if the signer or the random generator fails.
    pub fn new_root(
        name: &str,
        signer: Arc<dyn Signer>,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
        validity_period: Duration,
    ) -> Result<Self, IssuerError> {
        let name = crate::name::parse(name).map_err(IssuerError::refused)?;
        let now = clock.now();
        let contents = Contents {
            issuer: &name,
            subject: &name,
            validity: validity(earlier(now), later(now, validity_period)?)?,
            key: signer.public_key(),
            extensions: profile::of_root(key_id(signer.public_key(), &*provider)?)?,
        };
        let certificate = contents.sign(&*signer, &*provider)?;
        Self::from_root(certificate, signer, provider, clock)
    }

    /// Uses an existing authority, a root or one below it: its certificate and its key.
    ///
    /// # Errors
    /// [`IssuerError::Refused`] if the certificate is not for that key (class `proof`), or is not a
    /// CA certificate (class `malformed`).
    pub fn from_root(
        certificate: Certificate,
        signer: Arc<dyn Signer>,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IssuerError> {
        certificate.require_key(signer.public_key()).map_err(IssuerError::refused)?;
        if !profile::is_authority(&certificate)? {
            return Err(IssuerError::refused(Error::new(
                Class::Malformed,
                "certificate.basicConstraints",
                "not an authority's",
            )));
        }
        // Verifiers compare the key identifier that the certificate itself states.
        let key_id = match profile::stated_key_id(&certificate)? {
            Some(stated) => stated,
            None => key_id(signer.public_key(), &*provider)?,
        };
        let expires_at = certificate.validity().not_after().ok_or_else(|| {
            IssuerError::refused("the root ends at a time that the clock cannot say")
        })?;
        let is_root = name::compare(certificate.issuer_der(), certificate.subject_der())
            != Likeness::Different;
        Ok(Self {
            key_id,
            expires_at,
            chain: if is_root { Vec::new() } else { vec![certificate.clone()] },
            certificate,
            signer,
            provider,
            clock,
            leaf: LeafProfile::default(),
        })
    }

    /// Issues with this profile instead of the default one.
    #[must_use]
    pub fn with_profile(mut self, profile: LeafProfile) -> Self {
        self.leaf = profile;
        self
    }

    /// Adds certificates that accompany each issued certificate: those above an authority that is
    /// not a root, its issuer's first. The authority's own certificate is always included unless it
    /// is a root, because everyone who trusts a root has it.
    #[must_use]
    pub fn with_chain(mut self, above: Vec<Certificate>) -> Self {
        self.chain.extend(above);
        self
    }

    /// The root's certificate, which verifiers must trust.
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
        let key = request.public_key();
        let extensions =
            self.leaf.extensions(key_id(key, &*self.provider)?, self.key_id.clone())?;
        let contents = Contents {
            issuer: self.certificate.subject_der(),
            subject: request.subject_der(),
            validity: validity(earlier(now), not_after)?,
            key,
            extensions,
        };
        contents.sign(&*self.signer, &*self.provider)
    }
}

impl Issuer for LocalCa {
    fn issue_unchecked<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Issuance, IssuerError>> {
        Box::pin(async move {
            Ok(Issuance::new(self.issue_now(request)?).with_chain(self.chain.clone()))
        })
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

/// How far the start of the validity is backdated, for clocks that are slow.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// Length of a serial number in bytes: 127 random bits and the zero bit that keeps it positive.
const SERIAL_LENGTH: usize = 16;

/// Length of a key identifier in bytes.
const KEY_ID_LENGTH: usize = 20;

fn earlier(now: SystemTime) -> SystemTime {
    now.checked_sub(BACKDATED).filter(|time| *time >= SystemTime::UNIX_EPOCH).unwrap_or(now)
}

fn later(now: SystemTime, by: Duration) -> Result<SystemTime, IssuerError> {
    now.checked_add(by).ok_or_else(|| IssuerError::refused("a validity that no clock can say"))
}

/// A Validity in DER: UTCTime through the year 2049 and GeneralizedTime from 2050 on, as required
/// by RFC 5280 section 4.1.2.5.
fn validity(not_before: SystemTime, not_after: SystemTime) -> Result<Vec<u8>, IssuerError> {
    let time = |time| match UtcTime::from_system_time(time) {
        Ok(short) => short.to_der(),
        Err(_) => GeneralizedTime::from_system_time(time).and_then(|long| long.to_der()),
    };
    let (from, to) = (time(not_before), time(not_after));
    let (from, to) = (from.map_err(IssuerError::refused)?, to.map_err(IssuerError::refused)?);
    Ok(element(Tag::Sequence, &[&from, &to]))
}

/// A key identifier: the first 160 bits of SHA-256 of the key bits (RFC 7093 section 2).
fn key_id(key: &PublicKey, provider: &dyn Provider) -> Result<Vec<u8>, IssuerError> {
    const PART: &str = "subjectPublicKeyInfo";
    let read = || -> Result<Vec<u8>, Error> {
        let mut fields = Cursor::new(key.as_spki_der()).require(Tag::Sequence, PART)?.inside();
        fields.require(Tag::Sequence, PART)?;
        let digest = provider.sha256(fields.bit_string(PART)?.value);
        Ok(digest.into_iter().take(KEY_ID_LENGTH).collect())
    };
    read().map_err(IssuerError::failed)
}

/// The contents of one certificate. Names and keys are in DER, so that any content of a request can
/// be certified.
struct Contents<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    /// DER.
    validity: Vec<u8>,
    key: &'a PublicKey,
    /// Extensions, DER.
    extensions: Vec<u8>,
}

impl Contents<'_> {
    /// Writes the certificate (RFC 5280 section 4.1), signs it, and reads it again.
    fn sign(
        &self,
        signer: &dyn Signer,
        provider: &dyn Provider,
    ) -> Result<Certificate, IssuerError> {
        let mut serial = [0; SERIAL_LENGTH];
        provider.fill_random(&mut serial).map_err(IssuerError::failed)?;
        // The number is positive and never zero, because a one follows the sign bit.
        serial[0] = serial[0] & 0x7f | 0x40;
        let algorithm = Algorithm::default_for(signer.public_key());

        let to_be_signed = element(
            Tag::Sequence,
            &[
                // Version 3.
                &element(der::context(0), &[&element(Tag::Integer, &[&[2]])]),
                &element(Tag::Integer, &[&serial]),
                identifier(algorithm),
                self.issuer,
                &self.validity,
                self.subject,
                self.key.as_spki_der(),
                &element(der::context(3), &[&self.extensions]),
            ],
        );
        let mut signature = signer.sign(algorithm, &to_be_signed).map_err(IssuerError::failed)?;
        if algorithm.curve().is_some() {
            signature = raw_to_der(&signature);
        }
        let certificate = element(
            Tag::Sequence,
            &[
                &to_be_signed,
                identifier(algorithm),
                // The last byte has no unused bits.
                &element(Tag::BitString, &[&[0], &signature]),
            ],
        );
        Certificate::from_der(&certificate).map_err(IssuerError::Certificate)
    }
}
