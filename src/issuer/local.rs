//! A small certificate authority: one root that signs end-entity certificates.

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
/// It keeps no list of what it issued and revokes nothing.
///
/// # Security
/// Of a request it takes the key and the subject, byte for byte, and nothing else: key usage and
/// basic constraints are those of its [`LeafProfile`], the validity comes from its clock, the
/// serial number is random. Attributes of the request (wanted extensions among them) are not looked
/// at, as nothing in a request is a reason to grant it. Whether the subject is right is for the
/// caller to have checked.
///
/// See [`issue`](super::issue) for an example.
pub struct LocalCa {
    certificate: Certificate,
    /// The identifier of its key in the certificates that it issues.
    key_id: Vec<u8>,
    expires_at: SystemTime,
    /// What is given with each certificate.
    chain: Vec<Certificate>,
    signer: Arc<dyn Signer>,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    leaf: LeafProfile,
}

impl LocalCa {
    /// Makes a root: `name` in the form of RFC 4514 (`CN=Example root,O=Example`), signed by
    /// `signer`, valid from five minutes ago for `validity_period` from now. `signer` is a key of any
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

    /// Continues with an authority that exists, a root or one below it: its certificate and its key.
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
        if !profile::is_authority(&certificate)? {
            return Err(IssuerError::refused(Error::new(
                Class::Malformed,
                "certificate.basicConstraints",
                "not an authority's",
            )));
        }
        // What it states of its own key is what verifiers compare.
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

    /// Issues by this profile instead of the default one.
    #[must_use]
    pub fn with_profile(mut self, profile: LeafProfile) -> Self {
        self.leaf = profile;
        self
    }

    /// Gives these certificates as well with each certificate: those above an authority that is not
    /// a root, that of its issuer first. The certificate of such an authority is given in any case;
    /// that of a root never is, as who trusts it has it.
    #[must_use]
    pub fn with_chain(mut self, above: Vec<Certificate>) -> Self {
        self.chain.extend(above);
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

/// How far certificates reach back, for clocks that are behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// Bytes of a serial number: 127 random bits and the zero that keeps it positive.
const SERIAL_LENGTH: usize = 16;

/// Bytes of the identifier of a key.
const KEY_ID_LENGTH: usize = 20;

fn earlier(now: SystemTime) -> SystemTime {
    now.checked_sub(BACKDATED).filter(|time| *time >= SystemTime::UNIX_EPOCH).unwrap_or(now)
}

fn later(now: SystemTime, by: Duration) -> Result<SystemTime, IssuerError> {
    now.checked_add(by).ok_or_else(|| IssuerError::refused("a validity that no clock can say"))
}

/// A Validity, DER: UTCTime through the year 2049 and GeneralizedTime from 2050 on, as RFC 5280
/// section 4.1.2.5 demands.
fn validity(not_before: SystemTime, not_after: SystemTime) -> Result<Vec<u8>, IssuerError> {
    let time = |time| match UtcTime::from_system_time(time) {
        Ok(short) => short.to_der(),
        Err(_) => GeneralizedTime::from_system_time(time).and_then(|long| long.to_der()),
    };
    let (from, to) = (time(not_before), time(not_after));
    let (from, to) = (from.map_err(IssuerError::refused)?, to.map_err(IssuerError::refused)?);
    Ok(element(Tag::Sequence, &[&from, &to]))
}

/// The identifier of a key: the first 160 bits of SHA-256 of its bits (RFC 7093 section 2).
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

/// What one certificate says. Names and keys are carried by their DER, so that whatever stands in
/// a request can be issued for.
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
        // Positive, and never zero: a one follows the sign.
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
                // No bit of the last byte is unused.
                &element(Tag::BitString, &[&[0], &signature]),
            ],
        );
        Certificate::from_der(&certificate).map_err(IssuerError::Certificate)
    }
}
