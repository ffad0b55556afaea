//! A request that is there to be copied.

use std::fmt;

use super::{PEM_LABEL, PEM_LABELS, Parts, RequestedCertificate, UnsignedRequest};
use crate::crypto::{Algorithm, CryptoError, Curve, KeyKind, Provider, PublicKey, Signer};
use crate::encoding::base64::encode_standard;
use crate::encoding::pem;
use crate::{Class, Error, name};

/// A certificate request that serves as a template: the right subject and attributes, a key and a
/// signature that mean nothing.
///
/// It is read leniently, as real ones are odd: version 0 to 2, any signature by any algorithm, any
/// key, no attributes at all, any subject that others can read. It has to be one DER object all the
/// same. Every byte is kept.
///
/// A subject has strings of any type of ASN.1, whose bytes are characters of that type. Other
/// values are taken where the standard of the attribute has them: a time for dateOfBirth, a BIT
/// STRING for x500UniqueIdentifier, a SEQUENCE for postalAddress and its relatives. For a type that
/// is unknown here SEQUENCE, BIT STRING and OCTET STRING are taken too. Everything else (INTEGER,
/// NULL, a tag that depends on its context) is refused, because many programs cannot read such a
/// name.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::{Curve, KeyKind, Provider, aws_lc_rs::AwsLcRs};
/// use keyferry::csr::{Request, Template};
///
/// let command: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/hermod/provision-command.json"))?;
/// let certreq = command["provCommand"]["profile"]["keygenrequests"][0]["certreq"].as_str().unwrap();
/// let template = Template::from_base64(certreq)?;
///
/// let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let request = Request::from_der(&template.replace_key(&*pair)?, &AwsLcRs)?;
/// assert_eq!(request.subject_der(), template.subject_der());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    der: Vec<u8>,
    parts: Parts,
}

impl Template {
    /// Reads DER.
    ///
    /// # Errors
    /// Class `malformed` if it is not one DER CertificationRequest of version 0 to 2, or has a
    /// string with bytes that its type does not have; `csr`, about `subject` or `attributes`, if a
    /// value there is no string where a string is due; `too-large` above
    /// [`MAX_REQUEST`](super::MAX_REQUEST) bytes.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::from_owned(der.to_vec())
    }

    /// Reads what an integrator writes into Hermod's `certreq`: standard base64 with padding, on
    /// one line or several, or PEM of one request as [`from_pem`](Self::from_pem) reads it. A byte
    /// order mark and white space around the text are left out.
    ///
    /// # Errors
    /// Class `malformed` if it is neither, and as [`from_der`](Self::from_der).
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_owned(pem::read_pasted(text, PEM_LABELS, "certificationRequest")?)
    }

    /// Reads PEM (RFC 7468) of exactly one request, whose label is `CERTIFICATE REQUEST` or
    /// `NEW CERTIFICATE REQUEST`. Text before it, as `openssl req -text` writes it, is left out.
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// use keyferry::{crypto::aws_lc_rs::AwsLcRs, csr::Template};
    ///
    /// let template = Template::for_subject("CN=A", &AwsLcRs)?;
    /// assert!(template.to_pem().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    /// assert_eq!(Template::from_pem(&template.to_pem())?, template);
    /// # }
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    ///
    /// # Errors
    /// Class `malformed` if it is not that, and as [`from_der`](Self::from_der).
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_owned(pem::read_one(text, PEM_LABELS, "certificationRequest")?)
    }

    /// Makes a template for a subject, with a throw-away P-256 key and no attributes. `subject` is
    /// a name in the form of RFC 4514: `CN=A,O=Example`. An empty text is the empty name.
    ///
    /// Exactly the grammar of RFC 4514 is read: no blanks around separators, no quotes, and each of
    /// `"`, `+`, `,`, `;`, `<`, `>`, `\` behind a backslash. So is everything that
    /// [`Certificate::subject`](crate::Certificate::subject) prints. A type is a short name, in any
    /// case, or an object identifier with dots. Values are written as UTF8String; those of
    /// countryName, serialNumber and dnQualifier as PrintableString, and those of domainComponent
    /// and e-mail addresses as IA5String, if they have only characters of it. A value behind `#` is
    /// DER and taken as it is.
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// use keyferry::{crypto::aws_lc_rs::AwsLcRs, csr::Template};
    ///
    /// let template = Template::for_subject("CN=A,O=Example", &AwsLcRs)?;
    /// assert_eq!(Template::from_base64(&template.to_base64())?, template);
    /// # }
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    ///
    /// # Errors
    /// Class `malformed`, about `subject` and with the place in the text, if it is not such a name,
    /// `csr` if a value behind `#` is not one that a name has, `unavailable` if the provider fails.
    pub fn for_subject(subject: &str, provider: &dyn Provider) -> Result<Self, Error> {
        let subject = name::parse(subject)?;
        let failed =
            |_: CryptoError| Error::new(Class::Unavailable, "subjectPKInfo", "the provider failed");
        let key = provider.generate(KeyKind::Ec(Curve::P256)).map_err(failed)?;
        Self::from_owned(
            UnsignedRequest::new(
                &subject,
                key.public_key(),
                Parts::NO_ATTRIBUTES,
                Algorithm::Es256,
            )
            .sign(&key)
            .map_err(failed)?,
        )
    }

    fn from_owned(der: Vec<u8>) -> Result<Self, Error> {
        let parts = Parts::read(&der)?;
        parts.check_inside(&der)?;
        if !matches!(der[parts.version.clone()], [0..=2]) {
            return Err(Error::malformed("version", "not 0, 1 or 2"));
        }
        Ok(Self { der, parts })
    }

    /// The template as it was read.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Standard base64 with padding, on one line: what goes into `certreq`.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_standard(&self.der)
    }

    /// PEM with the label `CERTIFICATE REQUEST`, in lines of 64 characters.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(PEM_LABEL, &self.der)
    }

    /// What it asks to have in the certificate.
    #[must_use]
    pub fn requested(&self) -> RequestedCertificate {
        RequestedCertificate::read(self.subject_der(), self.attributes_der())
    }

    /// The subject, a DER Name.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.der[self.parts.subject.clone()]
    }

    /// `[0] Attributes`, DER; `None` if the template has none, not even an empty set.
    ///
    /// # Security
    /// They may hold a challenge password: not for logs.
    #[must_use]
    pub fn attributes_der(&self) -> Option<&[u8]> {
        self.parts.attributes.clone().map(|place| &self.der[place])
    }

    /// The version, as it stands in its INTEGER.
    pub(crate) fn version(&self) -> &[u8] {
        &self.der[self.parts.version.clone()]
    }

    /// What a request has to hold for these attributes: the same bytes, or the empty set where the
    /// template has none at all.
    pub(crate) fn due_attributes(&self) -> &[u8] {
        self.parts.attributes_or_none(&self.der)
    }

    /// Puts another key in. Subject and attributes keep their bytes; the version is written as 0,
    /// which is the only one there is, and absent attributes as the empty set, without which
    /// PKCS#10 is not complete.
    ///
    /// # Errors
    /// Class `algorithm` if `algorithm` does not fit `key`.
    pub fn with_key(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
    ) -> Result<UnsignedRequest, Error> {
        if !algorithm.fits(key) {
            return Err(Error::new(
                Class::Algorithm,
                "signatureAlgorithm",
                "the algorithm does not fit the key",
            ));
        }
        Ok(UnsignedRequest::new(self.subject_der(), key, self.due_attributes(), algorithm))
    }

    /// Puts the signer's key in and signs with it, by the [default
    /// algorithm](Algorithm::default_for) of its key. Gives a DER CertificationRequest.
    ///
    /// # Errors
    /// What the signer answers.
    pub fn replace_key(&self, signer: &dyn Signer) -> Result<Vec<u8>, CryptoError> {
        let key = signer.public_key();
        UnsignedRequest::new(
            self.subject_der(),
            key,
            self.due_attributes(),
            Algorithm::default_for(key),
        )
        .sign(signer)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("length", &self.der.len()).finish_non_exhaustive()
    }
}
