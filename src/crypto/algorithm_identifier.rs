//! The AlgorithmIdentifier of each signature algorithm: written in one form, read in every form
//! that the standards allow.

use std::borrow::Cow;

use crate::crypto::{Algorithm, DigestAlgorithm, PublicKey, PublicKeyParts, SignatureAlgorithm};
use crate::der::{self, Cursor, Element, Tag};
use crate::{Class, Error};

/// An object identifier under pkcs-1, 1.2.840.113549.1.1.
macro_rules! pkcs1 {
    ($last:literal) => {
        &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, $last]
    };
}

/// An object identifier under ansi-X9-62 signatures, 1.2.840.10045.4.
macro_rules! x962 {
    ($last:literal) => {
        &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, $last]
    };
    ($before:literal, $last:literal) => {
        &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, $before, $last]
    };
}

/// An object identifier under nistAlgorithms, 2.16.840.1.101.3.4.
macro_rules! nist {
    ($before:literal, $last:literal) => {
        [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, $before, $last]
    };
}

macro_rules! pss {
    ($hash:literal, $salt:literal) => {
        &[
            0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30,
            0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x02, $hash, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
            0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
            0x03, 0x04, 0x02, $hash, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, $salt,
        ]
    };
}

macro_rules! rsa {
    ($last:literal) => {
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, $last, 0x05, 0x00]
    };
}

macro_rules! ecdsa {
    ($last:literal) => {
        &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, $last]
    };
}

/// RFC 4055 for RSA, RFC 5758 for ECDSA, RFC 8410 for Ed25519.
pub(crate) const fn identifier(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::Rs256 => rsa!(0x0b),
        Algorithm::Rs384 => rsa!(0x0c),
        Algorithm::Rs512 => rsa!(0x0d),
        Algorithm::Ps256 => pss!(0x01, 0x20),
        Algorithm::Ps384 => pss!(0x02, 0x30),
        Algorithm::Ps512 => pss!(0x03, 0x40),
        Algorithm::Es256 => ecdsa!(0x02),
        Algorithm::Es384 => ecdsa!(0x03),
        Algorithm::Es512 => ecdsa!(0x04),
        Algorithm::EdDsa => &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70],
    }
}

/// The algorithm that an AlgorithmIdentifier states. For ECDSA it does not state the curve, which
/// the key determines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identified {
    RsaPkcs1(DigestAlgorithm),
    RsaPss { digest: DigestAlgorithm, mgf1: DigestAlgorithm, salt_length: usize },
    Ecdsa(DigestAlgorithm),
    Ed25519,
}

const PART: &str = "signatureAlgorithm";

/// id-RSASSA-PSS, pkcs-1.10.
const RSASSA_PSS: &[u8] = pkcs1!(0x0a);
/// id-mgf1, pkcs-1.8.
const MGF1: &[u8] = pkcs1!(0x08);
/// id-Ed25519.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// id-sha1.
const SHA1: &[u8] = &[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// RSASSA-PKCS1-v1_5 (RFC 4055 section 5).
const RSA_PKCS1: [(&[u8], DigestAlgorithm); 3] = [
    (pkcs1!(0x0b), DigestAlgorithm::Sha256),
    (pkcs1!(0x0c), DigestAlgorithm::Sha384),
    (pkcs1!(0x0d), DigestAlgorithm::Sha512),
];
/// ECDSA (RFC 5758 section 3.2).
const ECDSA: [(&[u8], DigestAlgorithm); 3] = [
    (x962!(0x03, 0x02), DigestAlgorithm::Sha256),
    (x962!(0x03, 0x03), DigestAlgorithm::Sha384),
    (x962!(0x03, 0x04), DigestAlgorithm::Sha512),
];

/// Signature algorithms that are recognized and refused: the object identifier and the reason.
const REFUSED: &[(&[u8], &str)] = &[
    (pkcs1!(0x01), "rsaEncryption, which names no digest and is no signature algorithm"),
    (pkcs1!(0x02), "MD2, which is broken"),
    (pkcs1!(0x03), "MD4, which is broken"),
    (pkcs1!(0x04), "MD5, which is broken"),
    (pkcs1!(0x05), "SHA-1, which is broken"),
    (pkcs1!(0x0e), "SHA-224, which is not accepted here"),
    (pkcs1!(0x0f), "SHA-512/224, which is not accepted here"),
    (pkcs1!(0x10), "SHA-512/256, which is not accepted here"),
    (x962!(0x01), "SHA-1, which is broken"),
    (x962!(0x02), "ECDSA with a digest that only the key says, which is not accepted here"),
    (x962!(0x03, 0x01), "SHA-224, which is not accepted here"),
    // 1.2.840.10040.4.3
    (&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03], "DSA with SHA-1, which is broken"),
    // 1.3.14.3.2.3, .15, .29 and .27: the names that OIW assigned.
    (&[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x03], "MD5, which is broken"),
    (&[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x0f], "SHA, which is broken"),
    (&[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1d], "SHA-1, which is broken"),
    (&[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1b], "DSA with SHA-1, which is broken"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x71], "Ed448, which is not accepted here"),
    (&nist!(0x03, 0x01), "DSA with SHA-224, which is not accepted here"),
    (&nist!(0x03, 0x02), "DSA with SHA-256, which is not accepted here"),
    (&nist!(0x03, 0x03), "DSA with SHA-384, which is not accepted here"),
    (&nist!(0x03, 0x04), "DSA with SHA-512, which is not accepted here"),
    (&nist!(0x03, 0x09), "SHA3-224, which is not accepted here"),
    (&nist!(0x03, 0x0a), "SHA3-256, which is not accepted here"),
    (&nist!(0x03, 0x0b), "SHA3-384, which is not accepted here"),
    (&nist!(0x03, 0x0c), "SHA3-512, which is not accepted here"),
    (&nist!(0x03, 0x0d), "SHA3-224, which is not accepted here"),
    (&nist!(0x03, 0x0e), "SHA3-256, which is not accepted here"),
    (&nist!(0x03, 0x0f), "SHA3-384, which is not accepted here"),
    (&nist!(0x03, 0x10), "SHA3-512, which is not accepted here"),
];

fn refuse(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Class::Algorithm, PART, detail)
}

impl Identified {
    /// Reads an AlgorithmIdentifier, DER with its header.
    /// # Errors
    /// Class `malformed` if it is not DER, `algorithm`, with the cause, for an unsupported
    /// algorithm, digest or parameter.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        // Fast path: nearly all identifiers have the form that this module writes.
        if let Some(known) =
            Algorithm::ALL.iter().copied().find(|algorithm| identifier(*algorithm) == bytes)
        {
            return Ok(SignatureAlgorithm::from(known).into());
        }
        let mut outer = Cursor::new(bytes);
        let mut fields = outer.require(Tag::Sequence, PART)?.inside();
        outer.end(PART)?;
        let oid = fields.require(Tag::ObjectIdentifier, PART)?;
        oid.check(PART)?;
        let parameters = (!fields.is_empty()).then(|| fields.next(PART)).transpose()?;
        fields.end(PART)?;
        if let Some(parameters) = &parameters {
            parameters.check(PART)?;
        }
        let named = |table: &[(&[u8], DigestAlgorithm)]| {
            table.iter().find(|(known, _)| *known == oid.bytes).map(|(_, digest)| *digest)
        };
        if let Some(digest) = named(&RSA_PKCS1) {
            // Absent parameters MUST be accepted like NULL (RFC 4055 section 5).
            return match parameters {
                None | Some(Element { tag: Tag::Null, .. }) => Ok(Self::RsaPkcs1(digest)),
                Some(_) => Err(refuse("parameters that are neither NULL nor absent")),
            };
        }
        if let Some(digest) = named(&ECDSA) {
            return match parameters {
                None => Ok(Self::Ecdsa(digest)),
                Some(_) => Err(refuse("ECDSA with parameters, which it does not have (RFC 5758)")),
            };
        }
        match (oid.bytes, parameters) {
            (ED25519, None) => Ok(Self::Ed25519),
            (ED25519, Some(_)) => {
                Err(refuse("Ed25519 with parameters, which it does not have (RFC 8410)"))
            }
            (RSASSA_PSS, Some(parameters)) => read_pss(&parameters),
            (RSASSA_PSS, None) => Err(refuse("RSASSA-PSS without its parameters")),
            (other, _) => Err(refuse(
                REFUSED
                    .iter()
                    .find(|(known, _)| *known == other)
                    .map_or("an object identifier that is unknown here", |(_, reason)| *reason),
            )),
        }
    }

    /// The signature algorithm with this key.
    ///
    /// # Errors
    /// Class `algorithm` if the algorithm does not fit the key.
    pub(crate) fn with(self, key: &PublicKey) -> Result<SignatureAlgorithm, Error> {
        let algorithm = match (self, key.parts()) {
            (Self::RsaPkcs1(digest), _) => SignatureAlgorithm::RsaPkcs1 { digest },
            (Self::RsaPss { digest, mgf1, salt_length }, parts) => {
                let algorithm = SignatureAlgorithm::RsaPss { digest, mgf1, salt_length };
                if matches!(parts, PublicKeyParts::Rsa { .. }) && !algorithm.fits(key) {
                    return Err(refuse("RSASSA-PSS with a salt that the key has no room for"));
                }
                algorithm
            }
            (Self::Ecdsa(digest), PublicKeyParts::Ec { curve, .. }) => {
                SignatureAlgorithm::Ecdsa { curve, digest }
            }
            (Self::Ecdsa(_), _) => return Err(refuse("the algorithm does not fit the key")),
            (Self::Ed25519, _) => SignatureAlgorithm::Ed25519,
        };
        if algorithm.fits(key) {
            Ok(algorithm)
        } else {
            Err(refuse("the algorithm does not fit the key"))
        }
    }
}

impl From<SignatureAlgorithm> for Identified {
    fn from(algorithm: SignatureAlgorithm) -> Self {
        match algorithm {
            SignatureAlgorithm::RsaPkcs1 { digest } => Self::RsaPkcs1(digest),
            SignatureAlgorithm::RsaPss { digest, mgf1, salt_length } => {
                Self::RsaPss { digest, mgf1, salt_length }
            }
            SignatureAlgorithm::Ecdsa { digest, .. } => Self::Ecdsa(digest),
            SignatureAlgorithm::Ed25519 => Self::Ed25519,
        }
    }
}

/// RSASSA-PSS-params (RFC 4055 section 3.1). An absent member has its default: SHA-1, MGF1 with
/// SHA-1, 20 bytes of salt.
fn read_pss(parameters: &Element<'_>) -> Result<Identified, Error> {
    if parameters.tag != Tag::Sequence {
        return Err(refuse("RSASSA-PSS with parameters of another type"));
    }
    let odd = |_| refuse("RSASSA-PSS with parameters that are not those of RFC 4055");
    let mut members = parameters.inside();
    let mut member = |number| -> Result<Option<Cursor<'_>>, Error> {
        if members.peek() != Some(der::context(number)) {
            return Ok(None);
        }
        Ok(Some(members.next(PART)?.inside()))
    };
    let digest = match member(0)? {
        None => {
            return Err(refuse(
                "RSASSA-PSS whose parameters name no digest, which states SHA-1, which is broken",
            ));
        }
        Some(mut inside) => {
            let identifier = inside.require(Tag::Sequence, PART).map_err(odd)?;
            inside.end(PART).map_err(odd)?;
            read_digest(&identifier, PART)?
        }
    };
    let mgf1 = match member(1)? {
        None => {
            return Err(refuse(
                "RSASSA-PSS whose parameters name no mask generation function, which states MGF1 \
                 with SHA-1, which is not accepted here",
            ));
        }
        Some(mut inside) => {
            let mut function = inside.require(Tag::Sequence, PART).map_err(odd)?.inside();
            inside.end(PART).map_err(odd)?;
            let oid = function.require(Tag::ObjectIdentifier, PART).map_err(odd)?;
            if oid.bytes != MGF1 {
                return Err(refuse("RSASSA-PSS with another mask generation function than MGF1"));
            }
            let identifier = function.require(Tag::Sequence, PART).map_err(odd)?;
            function.end(PART).map_err(odd)?;
            read_digest(&identifier, PART)?
        }
    };
    let salt_length = match member(2)? {
        None => 20,
        Some(mut inside) => {
            let number = inside.unsigned(PART).map_err(odd)?;
            inside.end(PART).map_err(odd)?;
            match *number {
                [] => 0,
                [low] => usize::from(low),
                [high, low] => usize::from(u16::from_be_bytes([high, low])),
                _ => {
                    return Err(refuse("RSASSA-PSS with a salt that no key has room for"));
                }
            }
        }
    };
    if let Some(mut inside) = member(3)? {
        let number = inside.unsigned(PART).map_err(odd)?;
        inside.end(PART).map_err(odd)?;
        if number != [1] {
            return Err(refuse("RSASSA-PSS with another trailer field than 1"));
        }
    }
    members.end(PART).map_err(odd)?;
    Ok(Identified::RsaPss { digest, mgf1, salt_length })
}

/// The AlgorithmIdentifier of a digest, whose parameters are NULL or absent (RFC 4055 section 2.1,
/// RFC 5754 section 2).
///
/// # Errors
/// Class `malformed` if it is not DER, `algorithm`, with the cause, for an unsupported digest.
pub(crate) fn read_digest(
    identifier: &Element<'_>,
    part: &'static str,
) -> Result<DigestAlgorithm, Error> {
    let refuse = |detail: &'static str| Error::new(Class::Algorithm, part, detail);
    let mut fields = identifier.inside();
    let oid = fields.require(Tag::ObjectIdentifier, part)?;
    oid.check(part)?;
    if !fields.is_empty() {
        if fields.next(part)?.bytes != [0x05, 0x00] {
            return Err(refuse("a digest with parameters that are neither NULL nor absent"));
        }
        fields.end(part)?;
    }
    let known = DigestAlgorithm::ALL.iter().copied().find(|digest| digest.oid() == oid.bytes);
    known.ok_or_else(|| {
        refuse(match oid.bytes {
            SHA1 => "the digest SHA-1, which is broken",
            // 1.2.840.113549.2.5
            [0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05] => {
                "the digest MD5, which is broken"
            }
            nist!(0x02, 0x04) => "the digest SHA-224, which is not accepted here",
            nist!(0x02, 0x05) => "the digest SHA-512/224, which is not accepted here",
            nist!(0x02, 0x06) => "the digest SHA-512/256, which is not accepted here",
            _ => "a digest that is unknown here",
        })
    })
}
