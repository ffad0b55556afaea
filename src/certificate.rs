//! Certificates, as far as carrying them needs them to be understood.

use std::fmt;
use std::ops::Range;

use der::Decode as _;

use crate::crypto::{Provider, PublicKey};
use crate::jose::{decode_standard, encode_standard};
use crate::tlv::{self, Tag};
use crate::{Class, Error};

/// Most octets of a certificate.
pub const MAX_CERTIFICATE: usize = 64 * 1024;

/// A certificate (RFC 5280) that can be read. Nobody has verified it: not its signature, not its
/// dates, not its issuer.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: PublicKey,
    subject: String,
    issuer: String,
    places: Places,
}

/// Where fields stand in the DER.
#[derive(Clone, PartialEq, Eq)]
struct Places {
    /// The content of the INTEGER.
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
}

impl Certificate {
    /// Reads DER: one certificate and nothing after it.
    ///
    /// # Errors
    /// Class `malformed` if it is not that, `too-large` above [`MAX_CERTIFICATE`] octets, and as
    /// [`PublicKey::from_spki_der`] for its key.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const PART: &str = "certificate";
        if der.len() > MAX_CERTIFICATE {
            return Err(Error::too_large(PART, "more than 64 KiB"));
        }
        let certificate = x509_cert::Certificate::from_der(der).map_err(|error| {
            let position =
                error.position().and_then(|position| u32::from(position).try_into().ok());
            let error = Error::malformed(PART, "not a DER certificate");
            match position {
                Some(position) => error.at(position),
                None => error,
            }
        })?;
        let tbs = certificate.tbs_certificate();
        let spki = der::Encode::to_der(tbs.subject_public_key_info())
            .map_err(|_| Error::malformed(PART, "a key that cannot be written again"))?;
        Ok(Self {
            public_key: PublicKey::from_spki_der(&spki)?,
            subject: tbs.subject().to_string(),
            issuer: tbs.issuer().to_string(),
            places: places(der)?,
            der: der.to_vec(),
        })
    }

    /// Reads standard base64 with padding, as Hermod's certificate command carries it; blanks and
    /// line breaks are tolerated.
    ///
    /// # Errors
    /// Class `malformed` if it is not base64, and as [`from_der`](Self::from_der).
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_der(&decode_standard(text, "certificate")?)
    }

    /// The certificate as it was read.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Standard base64 with padding, on one line.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_standard(&self.der)
    }

    /// The key that it is for.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The subject in the form of RFC 4514.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The subject, a DER Name, as it stands in the certificate.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.der[self.places.subject.clone()]
    }

    /// The issuer in the form of RFC 4514.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer, a DER Name, as it stands in the certificate.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.der[self.places.issuer.clone()]
    }

    /// The serial number: the content of its INTEGER, big-endian, with the leading zero that DER
    /// gives a number whose highest bit is set.
    #[must_use]
    pub fn serial_number(&self) -> &[u8] {
        &self.der[self.places.serial.clone()]
    }

    /// SHA-256 of the DER, 32 octets.
    #[must_use]
    pub fn fingerprint(&self, provider: &dyn Provider) -> [u8; 32] {
        provider.sha256(&self.der)
    }

    /// Refuses a certificate that is not for this key.
    ///
    /// # Errors
    /// Class `proof`.
    pub fn require_key(&self, key: &PublicKey) -> Result<(), Error> {
        if self.public_key == *key {
            Ok(())
        } else {
            Err(Error::new(
                Class::Proof,
                "certificate.subjectPublicKeyInfo",
                "another key than the one it is for",
            ))
        }
    }
}

/// Where the fields stand: version (which may be absent), serial number, signature algorithm,
/// issuer, validity, subject.
fn places(der: &[u8]) -> Result<Places, Error> {
    const PART: &str = "certificate";
    let whole = tlv::Cursor::new(der).require(Tag::Sequence, PART)?;
    whole.check_structure(PART)?;
    let mut fields = whole.inside().require(Tag::Sequence, PART)?.inside();
    if fields.peek() == Some(tlv::context(0)) {
        fields.next(PART)?;
    }
    let serial = fields.require(Tag::Integer, PART)?.value_range();
    fields.require(Tag::Sequence, PART)?;
    let issuer = fields.require(Tag::Sequence, PART)?.range();
    fields.require(Tag::Sequence, PART)?;
    Ok(Places { serial, issuer, subject: fields.require(Tag::Sequence, PART)?.range() })
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("public_key", &self.public_key)
            .field("length", &self.der.len())
            .finish_non_exhaustive()
    }
}
