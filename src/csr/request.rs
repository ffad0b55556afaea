//! A request with a verified signature.

use std::borrow::Cow;
use std::fmt;

use super::{PEM_LABEL, PEM_LABELS, Parts, Template};
use crate::crypto::algorithm_identifier::Identified;
use crate::crypto::{
    Provider, PublicKey, SignatureAlgorithm, VerifyKey, der_to_raw, import_for, verify,
};
use crate::encoding::base64::{decode_standard, decode_standard_exact, encode_standard};
use crate::encoding::pem;
use crate::{Class, Error};

/// A strictly read certificate request (RFC 2986) whose signature by its own key verified.
///
/// This proves nothing else: the names and extensions in it are wishes of its author, and no reason
/// to grant them.
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
    algorithm: SignatureAlgorithm,
}

impl Request {
    /// Reads DER and verifies the signature.
    ///
    /// # Errors
    /// - Class `malformed` if it is not one DER CertificationRequest.
    /// - Class `csr` or `malformed` for a value of the subject or the attributes, as in
    ///   [`Template::from_der`].
    /// - Class `too-large` above [`MAX_REQUEST`](super::MAX_REQUEST) bytes.
    /// - Class `weak-key` and `algorithm` as in [`PublicKey::from_spki_der`].
    /// - Class `csr` if the version is not 0, the attributes are absent, the signature algorithm is
    ///   weak, unknown or does not fit the key (the detail states the cause), or the signature does
    ///   not verify.
    /// - Class `algorithm` if the provider cannot verify that algorithm.
    pub fn from_der(der: &[u8], provider: &dyn Provider) -> Result<Self, Error> {
        let unverified = UnverifiedRequest::from_owned(der.to_vec())?;
        unverified.check_version()?;
        unverified.parts.check_inside(&unverified.der)?;
        let public_key = PublicKey::from_spki_der(&unverified.der[unverified.parts.spki.clone()])?;
        let algorithm = unverified.algorithm(&public_key)?;
        let key = import_for(provider, algorithm, &public_key)
            .map_err(|error| error.of_part("alg", "signatureAlgorithm"))?;
        unverified.verify(algorithm, &*key, public_key)
    }

    /// Reads standard base64 with padding, the form of Hermod's `certreq`, and continues like
    /// [`from_der`](Self::from_der).
    ///
    /// # Errors
    /// Class `malformed` if it is not base64, and as [`from_der`](Self::from_der).
    pub fn from_base64(text: &str, provider: &dyn Provider) -> Result<Self, Error> {
        Self::from_der(&decode_standard(text, "certificationRequest")?, provider)
    }

    /// Reads PEM (RFC 7468) of exactly one request, whose label is `CERTIFICATE REQUEST` or `NEW
    /// CERTIFICATE REQUEST`, and continues like [`from_der`](Self::from_der). Text before it, such
    /// as that of `openssl req -text`, is ignored.
    ///
    /// # Errors
    /// Class `malformed` if it is anything else, and as [`from_der`](Self::from_der).
    pub fn from_pem(text: &str, provider: &dyn Provider) -> Result<Self, Error> {
        Self::from_der(&pem::read_one(text, PEM_LABELS, "certificationRequest")?, provider)
    }

    /// The request exactly as it was read, in DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Standard base64 with padding, on one line.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_standard(&self.der)
    }

    /// PEM with the label `CERTIFICATE REQUEST`, in lines of 64 characters.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(PEM_LABEL, &self.der)
    }

    /// The key to be certified.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The signature algorithm. It can be compared with an [`Algorithm`](crate::crypto::Algorithm)
    /// of JOSE.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
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
    /// They may hold a challenge password: do not log them.
    #[must_use]
    pub fn attributes_der(&self) -> &[u8] {
        self.parts.attributes_or_none(&self.der)
    }

    /// Checks that this is `template` with another key: subject and attributes are the same bytes.
    ///
    /// # Errors
    /// Class `csr`, with the part that differs.
    pub fn matches(&self, template: &Template) -> Result<(), Error> {
        compare(self.subject_der(), self.attributes_der(), template)
    }
}

fn compare(subject: &[u8], attributes: &[u8], template: &Template) -> Result<(), Error> {
    if subject != template.subject_der() {
        return Err(Error::new(Class::Csr, "subject", "not the template's bytes"));
    }
    if attributes != template.due_attributes() {
        return Err(Error::new(Class::Csr, "attributes", "not the template's bytes"));
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

/// A strictly read request whose signature is not verified yet, so that an already imported key can
/// verify it.
///
/// The contents of subject and attributes are not examined, because [`matches`](Self::matches)
/// compares them with those of a template, which were.
pub(crate) struct UnverifiedRequest {
    der: Vec<u8>,
    parts: Parts,
    algorithm: Identified,
}

impl UnverifiedRequest {
    /// Reads base64 on one line. It is inside a signed answer, so no line breaks from pasting are
    /// accepted.
    pub(crate) fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_owned(decode_standard_exact(text, "certificationRequest")?)
    }

    fn from_owned(der: Vec<u8>) -> Result<Self, Error> {
        let parts = Parts::read(&der)?;
        if parts.attributes.is_none() {
            return Err(Error::new(Class::Csr, "attributes", "absent"));
        }
        let algorithm = Identified::read(&der[parts.signature_algorithm.clone()])
            .map_err(refused_by_the_request)?;
        Ok(Self { der, parts, algorithm })
    }

    /// The algorithm of the signature with this key.
    ///
    /// # Errors
    /// Class `csr` if it does not fit the key.
    pub(crate) fn algorithm(&self, key: &PublicKey) -> Result<SignatureAlgorithm, Error> {
        self.algorithm.with(key).map_err(refused_by_the_request)
    }

    /// Refuses every version except 0, the only one of PKCS#10 (RFC 2986 section 4.1).
    pub(crate) fn check_version(&self) -> Result<(), Error> {
        if self.der[self.parts.version.clone()] == [0] {
            Ok(())
        } else {
            Err(Error::new(Class::Csr, "version", "not 0"))
        }
    }

    /// Checks that the version is the template's.
    pub(crate) fn has_version_of(&self, template: &Template) -> bool {
        self.der[self.parts.version.clone()] == *template.version()
    }

    /// Checks that the request is for this key.
    pub(crate) fn is_for(&self, key: &PublicKey) -> bool {
        self.der[self.parts.spki.clone()] == *key.as_spki_der()
    }

    /// Like [`Request::matches`].
    pub(crate) fn matches(&self, template: &Template) -> Result<(), Error> {
        compare(
            &self.der[self.parts.subject.clone()],
            self.parts.attributes_or_none(&self.der),
            template,
        )
    }

    /// Verifies the signature with `key`, which must be `public_key` imported for the result of
    /// [`algorithm`](Self::algorithm).
    pub(crate) fn verify(
        self,
        algorithm: SignatureAlgorithm,
        key: &dyn VerifyKey,
        public_key: PublicKey,
    ) -> Result<Request, Error> {
        let wrong = |error: Error| error.with_class(Class::Csr);
        let signature = &self.der[self.parts.signature.clone()];
        let signature = match algorithm {
            SignatureAlgorithm::Ecdsa { curve, .. } => {
                Cow::Owned(der_to_raw(curve, signature).map_err(wrong)?)
            }
            _ => Cow::Borrowed(signature),
        };
        verify(key, &self.der[self.parts.info.clone()], &signature).map_err(|error| {
            if error.class() == Class::Signature { wrong(error) } else { error }
        })?;
        drop(signature);
        Ok(Request { der: self.der, parts: self.parts, public_key, algorithm })
    }
}

/// An algorithm that the request's own content rules out is a fault of the request. An algorithm
/// that the provider cannot verify keeps class `algorithm`.
fn refused_by_the_request(error: Error) -> Error {
    error.with_class(Class::Csr)
}
