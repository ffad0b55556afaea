//! A request that verified.

use std::borrow::Cow;
use std::fmt;

use super::signature_algorithm::identified;
use super::{Parts, Template};
use crate::crypto::{Algorithm, Provider, PublicKey, VerifyKey, der_to_raw, import, verify};
use crate::jose::{decode_standard, encode_standard};
use crate::{Class, Error};

/// A certificate request (RFC 2986) in its strict form, whose signature by its own key verified.
///
/// That is all it says: names and extensions in it are what somebody asks for, and no reason to
/// grant them.
///
/// A template is not a request:
///
/// ```compile_fail
/// fn send_to_authority(_: &keyferry::csr::Request) {}
///
/// fn wrong(der: &[u8]) {
///     send_to_authority(&keyferry::csr::Template::from_der(der).unwrap());
/// }
/// ```
///
/// ```
/// fn send_to_authority(_: &keyferry::csr::Request) {}
///
/// fn right(der: &[u8], provider: &dyn keyferry::crypto::Provider) {
///     send_to_authority(&keyferry::csr::Request::from_der(der, provider).unwrap());
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    der: Vec<u8>,
    parts: Parts,
    public_key: PublicKey,
    algorithm: Algorithm,
}

impl Request {
    /// Reads DER and verifies the signature.
    ///
    /// # Errors
    /// Class `malformed` if it is not one DER CertificationRequest, `too-large` above
    /// [`MAX_REQUEST`](super::MAX_REQUEST) octets, `weak-key` as [`PublicKey`] says, and `csr` if
    /// its version is not 0, its attributes are absent, its signature algorithm is weak, unknown or
    /// does not fit its key, or its signature does not verify.
    pub fn from_der(der: &[u8], provider: &dyn Provider) -> Result<Self, Error> {
        let unverified = UnverifiedRequest::from_owned(der.to_vec())?;
        unverified.parts.check_inside(&unverified.der)?;
        let public_key = PublicKey::from_spki_der(&unverified.der[unverified.parts.spki.clone()])?;
        unverified.fits(&public_key)?;
        let key = import(provider, unverified.algorithm, &public_key)?;
        unverified.verify(&*key, public_key)
    }

    /// Reads standard base64 with padding, as Hermod's `certreq` is, and goes on as
    /// [`from_der`](Self::from_der).
    ///
    /// # Errors
    /// Class `malformed` if it is not base64, and as [`from_der`](Self::from_der).
    pub fn from_base64(text: &str, provider: &dyn Provider) -> Result<Self, Error> {
        Self::from_der(&decode_standard(text, "certificationRequest")?, provider)
    }

    /// The request as it was read.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Standard base64 with padding, on one line.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_standard(&self.der)
    }

    /// The key that the certificate is asked for.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The algorithm of the signature.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The subject, a DER Name.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.der[self.parts.subject.clone()]
    }

    /// `[0] Attributes`, DER.
    ///
    /// # Security
    /// They may hold a challenge password: not for logs.
    #[must_use]
    pub fn attributes_der(&self) -> &[u8] {
        self.parts.attributes_or_none(&self.der)
    }

    /// Whether this is `template` with another key: subject and attributes are its octets.
    ///
    /// # Errors
    /// Class `csr`, with the part that differs.
    pub fn matches(&self, template: &Template) -> Result<(), Error> {
        compare(self.subject_der(), self.attributes_der(), template)
    }
}

fn compare(subject: &[u8], attributes: &[u8], template: &Template) -> Result<(), Error> {
    if subject != template.subject_der() {
        return Err(Error::new(Class::Csr, "subject", "not the template's octets"));
    }
    if attributes != template.due_attributes() {
        return Err(Error::new(Class::Csr, "attributes", "not the template's octets"));
    }
    Ok(())
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("public_key", &self.public_key)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A strict request before its signature is looked at, so that a key that is imported already can
/// verify it.
///
/// The inside of subject and attributes is not looked at: [`matches`](Self::matches) compares them
/// with a template's, which was.
pub(crate) struct UnverifiedRequest {
    der: Vec<u8>,
    parts: Parts,
    algorithm: Algorithm,
}

impl UnverifiedRequest {
    pub(crate) fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_owned(decode_standard(text, "certificationRequest")?)
    }

    fn from_owned(der: Vec<u8>) -> Result<Self, Error> {
        let parts = Parts::read(&der)?;
        if der[parts.version.clone()] != [0] {
            return Err(Error::new(Class::Csr, "version", "not 0"));
        }
        if parts.attributes.is_none() {
            return Err(Error::new(Class::Csr, "attributes", "absent"));
        }
        let algorithm = identified(&der[parts.signature_algorithm.clone()]).ok_or_else(|| {
            Error::new(
                Class::Csr,
                "signatureAlgorithm",
                "not an algorithm that is accepted here, or not in its one form",
            )
        })?;
        Ok(Self { der, parts, algorithm })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it is for this key.
    pub(crate) fn is_for(&self, key: &PublicKey) -> bool {
        self.der[self.parts.spki.clone()] == *key.as_spki_der()
    }

    /// As [`Request::matches`].
    pub(crate) fn matches(&self, template: &Template) -> Result<(), Error> {
        compare(
            &self.der[self.parts.subject.clone()],
            self.parts.attributes_or_none(&self.der),
            template,
        )
    }

    /// Whether its algorithm fits its key.
    pub(crate) fn fits(&self, key: &PublicKey) -> Result<(), Error> {
        if self.algorithm.fits(key) {
            Ok(())
        } else {
            Err(Error::new(Class::Csr, "signatureAlgorithm", "the algorithm does not fit the key"))
        }
    }

    /// Verifies with `key`, which is `public_key` imported for [`algorithm`](Self::algorithm),
    /// which fits it.
    pub(crate) fn verify(
        self,
        key: &dyn VerifyKey,
        public_key: PublicKey,
    ) -> Result<Request, Error> {
        let wrong = |error: Error| error.with_class(Class::Csr);
        let signature = &self.der[self.parts.signature.clone()];
        let signature = match self.algorithm.curve() {
            Some(curve) => Cow::Owned(der_to_raw(curve, signature).map_err(wrong)?),
            None => Cow::Borrowed(signature),
        };
        verify(key, &self.der[self.parts.info.clone()], &signature).map_err(wrong)?;
        drop(signature);
        Ok(Request { der: self.der, parts: self.parts, public_key, algorithm: self.algorithm })
    }
}
