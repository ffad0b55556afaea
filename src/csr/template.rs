//! A request that serves as a model for other requests.

use std::fmt;

use super::{PEM_LABEL, PEM_LABELS, Parts, RequestedCertificate, UnsignedRequest};
use crate::crypto::{Algorithm, CryptoError, Curve, KeyKind, Provider, PublicKey, Signer};
use crate::encoding::base64::encode_standard;
use crate::encoding::pem;
use crate::{Class, Error, name};

/// A certificate request that serves as a template: its subject and attributes count, its key and
/// signature mean nothing.
///
/// It is read leniently, because real ones are odd: version 0 to 2, any signature by any algorithm,
/// any key, missing attributes, and any subject that other programs can read. It must still be one
/// DER object. Every byte is kept.
///
/// A value in the subject may be a string of any ASN.1 type whose bytes are characters of that
/// type. Other values are accepted where the standard of the attribute has them: a time for
/// dateOfBirth, a BIT STRING for x500UniqueIdentifier, a SEQUENCE for postalAddress and related
/// types. For unknown types, SEQUENCE, BIT STRING and OCTET STRING are accepted too. Everything
/// else (INTEGER, NULL, a context-specific tag) is refused, because many programs cannot read such
/// a name.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::{Curve, KeyKind, Provider, aws_lc_rs::AwsLcRs};
/// use keyferry::csr::{Request, Template};
///
/// let text = include_str!("../../tests/fixtures/hermod/provision-command.json");
/// let command: serde_json::Value = serde_json::from_str(text)?;
/// let request = &command["provCommand"]["profile"]["keygenrequests"][0];
/// let certreq = request["certreq"].as_str().unwrap();
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

    /// Reads the forms of Hermod's `certreq` that integrators write: standard base64 with padding,
    /// on one or more lines, or PEM of one request, like [`from_pem`](Self::from_pem). A byte order
    /// mark and white space around the text are ignored.
    ///
    /// # Errors
    /// Class `malformed` if it is neither, and as [`from_der`](Self::from_der).
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_owned(pem::read_pasted(text, PEM_LABELS, "certificationRequest")?)
    }

    /// Reads PEM (RFC 7468) of exactly one request, whose label is `CERTIFICATE REQUEST` or `NEW
    /// CERTIFICATE REQUEST`. Text before it, such as that of `openssl req -text`, is ignored.
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
    /// Class `malformed` if it is anything else, and as [`from_der`](Self::from_der).
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_owned(pem::read_one(text, PEM_LABELS, "certificationRequest")?)
    }

    /// Makes a template for a subject, with a throw-away P-256 key and no attributes. `subject` is
    /// a name in the form of RFC 4514: `CN=A,O=Example`. An empty text is the empty name.
    ///
    /// The name must follow the grammar of RFC 4514 exactly: no blanks around separators, no
    /// quotes, and each of `"`, `+`, `,`, `;`, `<`, `>`, `\` escaped with a backslash. Everything
    /// that [`Certificate::subject`](crate::Certificate::subject) prints does. A type is a short
    /// name in any case, or an object identifier with dots. Values are written as UTF8String, with
    /// two exceptions if their characters permit: countryName, serialNumber and dnQualifier as
    /// PrintableString, domainComponent and e-mail addresses as IA5String. A value after `#` is DER
    /// and used unchanged.
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
    /// Class `malformed`, about `subject` and with the offset in the text, if it is not such a
    /// name, `csr` if a value after `#` is not permitted in a name, `unavailable` if the provider
    /// fails.
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

    /// The template exactly as it was read, in DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Standard base64 with padding, on one line: the form for `certreq`.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_standard(&self.der)
    }

    /// PEM with the label `CERTIFICATE REQUEST`, in lines of 64 characters.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(PEM_LABEL, &self.der)
    }

    /// The certificate contents that the template asks for.
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
    /// They may hold a challenge password: do not log them.
    #[must_use]
    pub fn attributes_der(&self) -> Option<&[u8]> {
        self.parts.attributes.clone().map(|place| &self.der[place])
    }

    /// The content of the version's INTEGER.
    pub(crate) fn version(&self) -> &[u8] {
        &self.der[self.parts.version.clone()]
    }

    /// The attributes that a request for this template must have: the same bytes, or the empty set
    /// if the template has none.
    pub(crate) fn due_attributes(&self) -> &[u8] {
        self.parts.attributes_or_none(&self.der)
    }

    /// Replaces the key. Subject and attributes keep their bytes. The version is written as 0, the
    /// only one of PKCS#10, and absent attributes as the empty set, which PKCS#10 requires.
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

    /// Replaces the key by the signer's and signs with the [default
    /// algorithm](Algorithm::default_for) of that key. Returns a CertificationRequest in DER.
    ///
    /// # Errors
    /// Those of the signer.
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
