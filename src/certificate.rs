//! X.509 certificates, parsed only as far as carrying them requires.

mod remark;
mod validity;

pub use remark::Remark;
use std::fmt;
use std::ops::Range;

pub use self::validity::Validity;
use crate::crypto::{Provider, PublicKey};
use crate::csr::Request;
use crate::der::{self, Cursor, Element, Tag};
use crate::encoding::base64::{decode_standard, encode_standard};
use crate::encoding::pem;
use crate::name::{self, Likeness};
use crate::{Class, Error};

/// Maximum size of a certificate in bytes.
pub const MAX_CERTIFICATE: usize = 64 * 1024;

/// Maximum number of certificates that are read as one chain, including the leaf.
pub const MAX_CHAIN: usize = 16;

const PART: &str = "certificate";

/// The label of RFC 7468 section 5, and the two labels that older programs write.
const PEM_LABELS: &[&str] = &["CERTIFICATE", "X509 CERTIFICATE", "X.509 CERTIFICATE"];

/// A parsed but unverified certificate (RFC 5280): neither its signature nor its dates nor its
/// issuer has been checked.
///
/// It is read by position and kept byte for byte. Only its structure is checked: DER with the
/// fields of a certificate of version 1, 2 or 3. Names may hold strings of any type, extensions may
/// be unknown, and the key may be of any kind. A part that this crate does not understand is
/// carried unchanged; only the accessor for that part fails.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    places: Places,
}

/// Positions of the fields in the DER.
#[derive(Clone, PartialEq, Eq)]
struct Places {
    /// The content of the INTEGER.
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    /// The content of the list of extensions; empty if there is none.
    extensions: Range<usize>,
    validity: Validity,
}

impl Certificate {
    /// Reads DER: one certificate and nothing after it.
    ///
    /// # Errors
    /// Class `malformed` if the input is anything else, `too-large` if it exceeds
    /// [`MAX_CERTIFICATE`] bytes or is nested deeper than 32 levels.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let places = Places::read(der)?;
        Ok(Self { der: der.to_vec(), places })
    }

    fn from_owned(der: Vec<u8>) -> Result<Self, Error> {
        let places = Places::read(&der)?;
        Ok(Self { der, places })
    }

    /// Reads standard base64 with padding, as Hermod's certificate command carries it, on one line
    /// or several, or PEM of one certificate.
    ///
    /// # Errors
    /// Class `malformed` if it is neither, and as [`from_der`](Self::from_der).
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        Self::from_owned(pem::read_pasted(text, PEM_LABELS, PART)?)
    }

    /// Reads PEM (RFC 7468) of one certificate.
    ///
    /// ```
    /// use keyferry::Certificate;
    ///
    /// let der = include_bytes!("../tests/fixtures/cms/certificate.der");
    /// let certificate = Certificate::from_der(der)?;
    /// assert_eq!(Certificate::from_pem(&certificate.to_pem())?, certificate);
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    ///
    /// # Errors
    /// Class `malformed` if the input is anything else, and as [`from_der`](Self::from_der).
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_owned(pem::read_one(text, PEM_LABELS, PART)?)
    }

    /// Reads PEM of one or more certificates and returns them in the order of the text.
    ///
    /// # Errors
    /// Class `malformed` if the input is not PEM or holds anything but certificates, `too-large`
    /// for more than [`MAX_CHAIN`], and as [`from_der`](Self::from_der).
    pub fn chain_from_pem(text: &str) -> Result<Vec<Self>, Error> {
        let blocks = pem::read(text, PART)?;
        if blocks.len() > MAX_CHAIN {
            return Err(too_many());
        }
        let read = blocks.into_iter().map(|block| {
            if PEM_LABELS.contains(&block.label) {
                Self::from_owned(block.der)
            } else {
                Err(Error::malformed(PART, "PEM of another label"))
            }
        });
        read.collect()
    }

    /// Reads the forms that integrators deliver to a device: PEM of one or more certificates, or
    /// base64 of one or more concatenated DER certificates. Their order does not identify the leaf;
    /// the leaf is the certificate whose key was requested.
    ///
    /// # Errors
    /// As [`chain_from_pem`](Self::chain_from_pem).
    pub fn chain_from_text(text: &str) -> Result<Vec<Self>, Error> {
        if pem::is_pem(text) {
            return Self::chain_from_pem(text);
        }
        let der = decode_standard(pem::trimmed(text), PART)?;
        let mut rest = Cursor::new(&der);
        let mut chain = vec![Self::from_der(rest.next(PART)?.bytes)?];
        while !rest.is_empty() {
            if chain.len() == MAX_CHAIN {
                return Err(too_many());
            }
            chain.push(Self::from_der(rest.next(PART)?.bytes)?);
        }
        Ok(chain)
    }

    /// PEM (RFC 7468), in lines of 64 characters.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write("CERTIFICATE", &self.der)
    }

    /// The certificate exactly as it was read, in DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Standard base64 with padding, on one line.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_standard(&self.der)
    }

    /// The subject's public key.
    ///
    /// # Errors
    /// Class `algorithm` if the key has an unsupported type, curve or encoding, otherwise as
    /// [`PublicKey::from_spki_der`].
    pub fn public_key(&self) -> Result<PublicKey, Error> {
        PublicKey::from_spki_der(self.spki_der())
    }

    /// The SubjectPublicKeyInfo in DER, for keys of any type.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.der[self.places.spki.clone()]
    }

    /// The subject in the form of RFC 4514. A value is shown as `#` and its hexadecimal DER if it
    /// is not text or its type has no short name.
    #[must_use]
    pub fn subject(&self) -> String {
        name::to_text(self.subject_der())
    }

    /// The subject: a DER Name, unchanged.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.der[self.places.subject.clone()]
    }

    /// The issuer in the form of RFC 4514, like [`subject`](Self::subject).
    #[must_use]
    pub fn issuer(&self) -> String {
        name::to_text(self.issuer_der())
    }

    /// The issuer: a DER Name, unchanged.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.der[self.places.issuer.clone()]
    }

    /// The serial number: the content of its INTEGER, big-endian, with the leading zero that DER
    /// requires when the highest bit is set.
    #[must_use]
    pub fn serial_number(&self) -> &[u8] {
        &self.der[self.places.serial.clone()]
    }

    /// The validity period. It is not compared with a clock.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.places.validity
    }

    /// SHA-256 of the DER, 32 bytes.
    #[must_use]
    pub fn fingerprint(&self, provider: &dyn Provider) -> [u8; 32] {
        provider.sha256(&self.der)
    }

    /// Checks that the certificate is for this key.
    ///
    /// # Errors
    /// Class `proof` if it is for another key.
    pub fn require_key(&self, key: &PublicKey) -> Result<(), Error> {
        if self.is_for(key) {
            Ok(())
        } else {
            Err(Error::new(
                Class::Proof,
                "certificate.subjectPublicKeyInfo",
                "another key than the one it is for",
            ))
        }
    }

    /// Checks that the certificate is for the key and the subject of this request, and returns the
    /// permitted differences from the request.
    ///
    /// Subjects are compared as RFC 5280 section 7.1 compares names, so an authority may write a
    /// name with other string types, other case or other whitespace.
    ///
    /// # Errors
    /// Class `proof` if it is for another key, `csr` if it has another subject.
    pub fn matches(&self, request: &Request) -> Result<Vec<Remark>, Error> {
        self.require_key(request.public_key())?;
        self.remarks_on(request.subject_der(), "not the request's name")
    }

    /// The part of [`matches`](Self::matches) that compares the subject.
    pub(crate) fn remarks_on(
        &self,
        subject: &[u8],
        detail: &'static str,
    ) -> Result<Vec<Remark>, Error> {
        match name::compare(self.subject_der(), subject) {
            Likeness::Identical => Ok(Vec::new()),
            Likeness::Equal => Ok(vec![Remark::SubjectEncoding]),
            Likeness::Different => Err(Error::new(Class::Csr, "certificate.subject", detail)),
        }
    }

    /// Whether the certificate is for this key. Comparing DER is enough, because a [`PublicKey`]
    /// has exactly one encoding.
    pub(crate) fn is_for(&self, key: &PublicKey) -> bool {
        self.spki_der() == key.as_spki_der()
    }

    /// The value of the first extension whose object identifier has the content `id`: the content
    /// of its OCTET STRING.
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&[u8]> {
        let mut found = None;
        // The shape was checked when the certificate was read.
        each_extension(Cursor::new(&self.der[self.places.extensions.clone()]), |id, value| {
            if id == oid && found.is_none() {
                found = Some(value);
            }
        })
        .ok()?;
        found
    }
}

fn too_many() -> Error {
    Error::too_large(PART, "more than 16 certificates")
}

/// Moves the leaf, the only certificate for this key, out of the list. The rest is its chain, in
/// the original order.
///
/// # Errors
/// Class `proof` if no certificate is for the key, `keyid` if several are.
pub(crate) fn split_chain<C: std::borrow::Borrow<Certificate>>(
    certificates: Vec<C>,
    key: &PublicKey,
) -> Result<(C, Vec<C>), Error> {
    let (mut leaves, chain): (Vec<C>, Vec<C>) =
        certificates.into_iter().partition(|certificate| certificate.borrow().is_for(key));
    match (leaves.pop(), leaves.is_empty()) {
        (Some(leaf), true) => Ok((leaf, chain)),
        (Some(_), false) => {
            Err(Error::new(Class::KeyId, "certificates", "more than one certificate for the key"))
        }
        (None, _) => Err(Error::new(
            Class::Proof,
            "certificate.subjectPublicKeyInfo",
            "another key than the one it is for",
        )),
    }
}

/// Base64 of concatenated DER certificates on one line, the leaf first, so that a receiver that
/// expects one certificate and reads only the first object gets the leaf.
pub(crate) fn to_delivered<C: std::borrow::Borrow<Certificate>>(leaf: &C, chain: &[C]) -> String {
    let all = std::iter::once(leaf).chain(chain);
    let der: Vec<&[u8]> = all.map(|certificate| certificate.borrow().as_der()).collect();
    encode_standard(&der.concat())
}

impl Places {
    /// Reads a Certificate (RFC 5280 section 4.1).
    fn read(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_CERTIFICATE {
            return Err(Error::too_large(PART, "more than 64 KiB"));
        }
        let mut outer = Cursor::new(der);
        let whole = outer.require(Tag::Sequence, PART)?;
        outer.end(PART)?;
        whole.check_structure(PART)?;
        let mut signed = whole.inside();
        let mut fields = signed.require(Tag::Sequence, "tbsCertificate")?.inside();
        algorithm(&signed.require(Tag::Sequence, "signatureAlgorithm")?)?;
        signed.require(Tag::BitString, "signatureValue")?;
        signed.end(PART)?;

        if fields.peek() == Some(der::context(0)) {
            version(&fields.next("version")?)?;
        }
        let serial = fields.require(Tag::Integer, "serialNumber")?.value_range();
        algorithm(&fields.require(Tag::Sequence, "signature")?)?;
        let issuer = fields.require(Tag::Sequence, "issuer")?;
        name::check(&issuer, "issuer")?;
        let validity = Validity::read(&fields.require(Tag::Sequence, "validity")?)?;
        let subject = fields.require(Tag::Sequence, "subject")?;
        name::check(&subject, "subject")?;
        let spki = fields.require(Tag::Sequence, "subjectPublicKeyInfo")?;
        let mut key = spki.inside();
        algorithm(&key.require(Tag::Sequence, "subjectPublicKeyInfo")?)?;
        key.require(Tag::BitString, "subjectPublicKeyInfo")?;
        key.end("subjectPublicKeyInfo")?;
        for (number, part) in [(1, "issuerUniqueID"), (2, "subjectUniqueID")] {
            if fields.peek() == Some(Tag::ContextSpecific { constructed: false, number }) {
                fields.next(part)?.check_bit_string(part)?;
            }
        }
        let extensions = if fields.peek() == Some(der::context(3)) {
            let mut explicit = fields.next("extensions")?.inside();
            let list = explicit.require(Tag::Sequence, "extensions")?;
            explicit.end("extensions")?;
            each_extension(list.inside(), |_, _| ())?;
            list.value_range()
        } else {
            0..0
        };
        fields.end("tbsCertificate")?;
        Ok(Self {
            serial,
            issuer: issuer.range(),
            subject: subject.range(),
            spki: spki.range(),
            extensions,
            validity,
        })
    }
}

/// `[0] EXPLICIT Version`: 0 to 2, for 1 to 3.
fn version(explicit: &Element<'_>) -> Result<(), Error> {
    let mut inside = explicit.inside();
    let version = inside.require(Tag::Integer, "version")?;
    inside.end("version")?;
    match version.value {
        [0..=2] => Ok(()),
        _ => Err(Error::malformed("version", "not 1, 2 or 3").at(version.offset)),
    }
}

/// AlgorithmIdentifier with any algorithm and any parameters.
fn algorithm(identifier: &Element<'_>) -> Result<(), Error> {
    const PART: &str = "algorithmIdentifier";
    let mut fields = identifier.inside();
    fields.require(Tag::ObjectIdentifier, PART)?;
    if !fields.is_empty() {
        fields.next(PART)?;
    }
    fields.end(PART)
}

/// The extensions of a list: for each, the contents of its object identifier and of its OCTET
/// STRING.
fn each_extension<'a>(
    mut list: Cursor<'a>,
    mut each: impl FnMut(&'a [u8], &'a [u8]),
) -> Result<(), Error> {
    const PART: &str = "extensions";
    while !list.is_empty() {
        let mut fields = list.require(Tag::Sequence, PART)?.inside();
        let oid = fields.require(Tag::ObjectIdentifier, PART)?;
        if fields.peek() == Some(Tag::Boolean) {
            fields.next(PART)?;
        }
        let value = fields.require(Tag::OctetString, PART)?;
        fields.end(PART)?;
        each(oid.value, value.value);
    }
    Ok(())
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("public_key", &self.public_key().ok())
            .field("length", &self.der.len())
            .finish_non_exhaustive()
    }
}
