//! A structurally valid public key: SubjectPublicKeyInfo bytes and the positions of the numbers in
//! them.

use std::fmt;
use std::ops::Range;

use super::Provider;
use crate::der::{self, Tag};
use crate::{Class, Error};

/// Minimum length of an RSA modulus in bits.
pub const MIN_RSA_BITS: u32 = 2048;
/// Maximum length of an RSA modulus in bits.
pub const MAX_RSA_BITS: u32 = 8192;

const PART: &str = "subjectPublicKeyInfo";

/// SEQUENCE { rsaEncryption, NULL } (RFC 3279).
const RSA_IDENTIFIER: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// SEQUENCE { id-Ed25519 } (RFC 8410).
const ED25519_IDENTIFIER: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// A curve of FIPS 186, for `EC` keys of RFC 7518.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Curve {
    /// secp256r1; coordinates of 32 bytes.
    P256,
    /// secp384r1; coordinates of 48 bytes.
    P384,
    /// secp521r1; coordinates of 66 bytes.
    P521,
}

impl Curve {
    /// All curves.
    pub const ALL: &'static [Self] = &[Self::P256, Self::P384, Self::P521];

    /// The name in a JWK, for example `P-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The curve with that name; `None` if it is not supported.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|curve| curve.name() == name)
    }

    /// Length of the field in bits: 256, 384, 521.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// Length in bytes of a coordinate and of each half of a signature: 32, 48, 66.
    #[must_use]
    pub const fn coordinate_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// SEQUENCE { id-ecPublicKey, namedCurve } (RFC 5480).
    const fn identifier(self) -> &'static [u8] {
        match self {
            Self::P256 => &[
                0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
            ],
            Self::P384 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                0x81, 0x04, 0x00, 0x22,
            ],
            Self::P521 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                0x81, 0x04, 0x00, 0x23,
            ],
        }
    }
}

/// A public key: RSA of 2048 to 8192 bits with an odd exponent from 3 to 2^32 - 1, EC on a
/// [`Curve`], or Ed25519.
/// Two values are equal exactly if they are the same key, because each key has one encoding here
/// (leading zeros of `n` and `e` are stripped). A [`Provider`](super::Provider) checks on import
/// that an EC point lies on its curve.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    spki: Vec<u8>,
    place: Place,
}

/// Positions of the numbers in the SPKI bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Rsa {
        n: Range<usize>,
        e: Range<usize>,
    },
    /// Both coordinates are at the end.
    Ec(Curve),
    /// The key is at the end.
    Ed25519,
}

/// The numbers of a [`PublicKey`], big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKeyParts<'a> {
    /// RSA; both without leading zeros.
    Rsa {
        /// The modulus, 256 to 1024 bytes.
        n: &'a [u8],
        /// The public exponent, 1 to 4 bytes.
        e: &'a [u8],
    },
    /// A point; both coordinates of exactly [`Curve::coordinate_length`] bytes.
    Ec {
        /// Its curve.
        curve: Curve,
        /// The x coordinate.
        x: &'a [u8],
        /// The y coordinate.
        y: &'a [u8],
    },
    /// An Ed25519 key (RFC 8032).
    Ed25519 {
        /// 32 bytes, as RFC 8032 encodes a point.
        x: &'a [u8],
    },
}

impl PublicKey {
    /// An RSA key from its modulus and exponent, unsigned and big-endian. Leading zeros are
    /// stripped.
    ///
    /// # Errors
    /// Class `weak-key` if the modulus is even, has less than [`MIN_RSA_BITS`] or more than
    /// [`MAX_RSA_BITS`] bits, or if the exponent is even, below 3 or above 2^32 - 1.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, Error> {
        let (n, e) = (strip(n), strip(e));
        let weak = |part, detail| Err(Error::new(Class::WeakKey, part, detail));
        let bits = bits_of(n);
        if bits < MIN_RSA_BITS as usize {
            return weak("n", "the modulus has less than 2048 bits");
        }
        if bits > MAX_RSA_BITS as usize {
            return weak("n", "the modulus has more than 8192 bits");
        }
        if n.last().is_none_or(|last| last & 1 == 0) {
            return weak("n", "the modulus is even");
        }
        if e.len() > 4 {
            return weak("e", "the exponent is above 2^32 - 1");
        }
        if e.last().is_none_or(|last| last & 1 == 0) || e == [1] {
            return weak("e", "the exponent is even or below 3");
        }
        let numbers = der::unsigned_length(n) + der::unsigned_length(e);
        let sequence = der::header_length(numbers) + numbers;
        let bits = der::header_length(sequence + 1) + sequence + 1;
        let whole = RSA_IDENTIFIER.len() + bits;
        let mut spki = Vec::with_capacity(der::header_length(whole) + whole);
        der::write_header(&mut spki, Tag::Sequence, whole);
        spki.extend_from_slice(RSA_IDENTIFIER);
        der::write_header(&mut spki, Tag::BitString, sequence + 1);
        spki.push(0);
        der::write_header(&mut spki, Tag::Sequence, numbers);
        der::write_unsigned(&mut spki, n);
        let n = spki.len() - n.len()..spki.len();
        der::write_unsigned(&mut spki, e);
        let e = spki.len() - e.len()..spki.len();
        Ok(Self { spki, place: Place::Rsa { n, e } })
    }

    /// An EC key from its coordinates, big-endian, each of exactly [`Curve::coordinate_length`]
    /// bytes.
    ///
    /// # Errors
    /// Class `malformed` if a coordinate has another length.
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, Error> {
        let length = curve.coordinate_length();
        for (part, coordinate) in [("x", x), ("y", y)] {
            if coordinate.len() != length {
                return Err(Error::malformed(
                    part,
                    "not of the one length that the curve's coordinates have",
                ));
            }
        }
        let mut spki = with_identifier(curve.identifier(), 1 + 2 * length);
        spki.push(0x04);
        spki.extend_from_slice(x);
        spki.extend_from_slice(y);
        Ok(Self { spki, place: Place::Ec(curve) })
    }

    /// An EC key from its uncompressed point: 4, x, y (SEC 1 section 2.3.3).
    pub(crate) fn ec_point(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        match point {
            [0x04, point @ ..] if point.len() == 2 * curve.coordinate_length() => {
                let (x, y) = point.split_at(curve.coordinate_length());
                Self::ec(curve, x, y)
            }
            _ => Err(Error::malformed(PART, "not an uncompressed point of its curve")),
        }
    }

    /// An Ed25519 key from its 32 bytes.
    ///
    /// Some libraries decode the point on import, others only on verification. Bytes that encode no
    /// point never verify a signature.
    ///
    /// # Errors
    /// Class `malformed` for another length or a y coordinate that is not below the field's prime
    /// (RFC 8032 section 5.1.3), `weak-key` for a point of small order, for which forged signatures
    /// verify.
    pub fn ed25519(x: &[u8]) -> Result<Self, Error> {
        let Ok(point) = <&[u8; 32]>::try_from(x) else {
            return Err(Error::malformed("x", "not 32 bytes"));
        };
        if has_small_order(point) {
            return Err(Error::new(Class::WeakKey, "x", "a point of small order"));
        }
        if !is_below_p(point) {
            return Err(Error::malformed("x", "a coordinate that is not below the prime"));
        }
        let mut spki = with_identifier(ED25519_IDENTIFIER, 32);
        spki.extend_from_slice(x);
        Ok(Self { spki, place: Place::Ed25519 })
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in DER, in the only form that RFC
    /// 3279, 5480 or 8410 allows.
    ///
    /// # Errors
    /// Class `malformed` if it is anything else, `algorithm` for an unsupported algorithm,
    /// parameter, curve or point form; otherwise as [`rsa`](Self::rsa), [`ec`](Self::ec),
    /// [`ed25519`](Self::ed25519).
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, Error> {
        let mut outer = der::Cursor::new(spki);
        let mut fields = outer.require(Tag::Sequence, PART)?.inside();
        outer.end(PART)?;
        let identifier = fields.require(Tag::Sequence, PART)?;
        // Keys of unknown algorithms may be bit strings of any length.
        let whole_bytes = { fields }.bit_string(PART);
        fields.require(Tag::BitString, PART)?;
        fields.end(PART)?;
        let unknown = |detail| Error::new(Class::Algorithm, PART, detail).at(identifier.offset);
        let key = if identifier.bytes == RSA_IDENTIFIER {
            let mut outer = der::Cursor::new(whole_bytes?.value);
            let mut numbers = outer.require(Tag::Sequence, PART)?.inside();
            outer.end(PART)?;
            let (n, e) = (numbers.unsigned(PART)?, numbers.unsigned(PART)?);
            numbers.end(PART)?;
            Self::rsa(n, e)?
        } else if identifier.bytes == ED25519_IDENTIFIER {
            Self::ed25519(whole_bytes?.value)?
        } else if let Some(curve) =
            Curve::ALL.iter().copied().find(|curve| identifier.bytes == curve.identifier())
        {
            let point = whole_bytes?.value;
            let length = curve.coordinate_length();
            // Compressed and hybrid points (SEC 1 section 2.3.3) are other encodings of a point.
            match point {
                [0x02 | 0x03, rest @ ..] if rest.len() == length => {
                    return Err(unknown("a form of point that is not known here"));
                }
                [0x06 | 0x07, rest @ ..] if rest.len() == 2 * length => {
                    return Err(unknown("a form of point that is not known here"));
                }
                _ => Self::ec_point(curve, point)?,
            }
        } else {
            identifier.check(PART)?;
            let mut fields = identifier.inside();
            fields.require(Tag::ObjectIdentifier, PART)?;
            if !fields.is_empty() {
                fields.next(PART)?;
            }
            fields.end(PART)?;
            return Err(unknown("an algorithm, a curve or parameters that are not known here"));
        };
        // The checks above leave only one encoding of a key. Should that ever change, two encodings
        // of one key must still not count as two keys.
        if key.spki != spki {
            return Err(Error::malformed(PART, "not in the one form that DER has for it"));
        }
        Ok(key)
    }

    /// SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn as_spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The numbers.
    #[must_use]
    pub fn parts(&self) -> PublicKeyParts<'_> {
        match &self.place {
            Place::Rsa { n, e } => {
                PublicKeyParts::Rsa { n: &self.spki[n.clone()], e: &self.spki[e.clone()] }
            }
            Place::Ec(curve) => {
                let length = curve.coordinate_length();
                let (x, y) = self.spki[self.spki.len() - 2 * length..].split_at(length);
                PublicKeyParts::Ec { curve: *curve, x, y }
            }
            Place::Ed25519 => PublicKeyParts::Ed25519 { x: &self.spki[self.spki.len() - 32..] },
        }
    }

    /// Length of the modulus in bits, measured on the number itself, or of the curve's field
    /// (Ed25519: 255).
    #[must_use]
    pub fn bits(&self) -> u32 {
        match self.parts() {
            PublicKeyParts::Rsa { n, .. } => bits_of(n).try_into().unwrap_or(u32::MAX),
            PublicKeyParts::Ec { curve, .. } => curve.bits(),
            PublicKeyParts::Ed25519 { .. } => 255,
        }
    }

    /// Whether the holder of one key's private half also holds the other's: the keys have the same
    /// modulus, whatever their exponents, or the same point up to its sign.
    pub(crate) fn is_bound_to(&self, other: &Self) -> bool {
        match (self.parts(), other.parts()) {
            (PublicKeyParts::Rsa { n, .. }, PublicKeyParts::Rsa { n: other, .. }) => n == other,
            (
                PublicKeyParts::Ec { curve, x, .. },
                PublicKeyParts::Ec { curve: other_curve, x: other, .. },
            ) => curve == other_curve && x == other,
            // The sign is the highest bit of the last byte.
            (PublicKeyParts::Ed25519 { x }, PublicKeyParts::Ed25519 { x: other }) => {
                x[..31] == other[..31] && (x[31] ^ other[31]) & 0x7f == 0
            }
            _ => false,
        }
    }

    /// SHA-256 over the part of a key that identifies its private half. Use it to record the keys
    /// that were seen, or to list keys to refuse.
    ///
    /// The hash covers the modulus of an RSA key but not its exponent; the curve and `x` of an EC
    /// key, which a point and its negative share; and an Ed25519 point without its sign. The format
    /// is specific to this crate, and the hash is computed at each call.
    #[must_use]
    pub fn private_half_digest(&self, provider: &dyn Provider) -> [u8; 32] {
        let mut message = Vec::new();
        match self.parts() {
            PublicKeyParts::Rsa { n, .. } => {
                message.extend_from_slice(b"RSA:");
                message.extend_from_slice(n);
            }
            PublicKeyParts::Ec { curve, x, .. } => {
                message.extend_from_slice(curve.name().as_bytes());
                message.push(b':');
                message.extend_from_slice(x);
            }
            PublicKeyParts::Ed25519 { x } => {
                message.extend_from_slice(b"Ed25519:");
                message.extend_from_slice(x);
                // The sign is the highest bit of the last byte.
                if let Some(last) = message.last_mut() {
                    *last &= 0x7f;
                }
            }
        }
        provider.sha256(&message)
    }

    /// The key in the form of libraries that do not read an SPKI: PKCS#1 `RSAPublicKey`, the
    /// uncompressed point, or the 32 bytes.
    #[cfg_attr(
        not(any(feature = "aws-lc-rs", feature = "rustcrypto", feature = "josekit")),
        allow(dead_code)
    )]
    pub(crate) fn as_subject_public_key(&self) -> &[u8] {
        let start = match &self.place {
            // The header of the sequence around the numbers precedes the header of the modulus;
            // both have four bytes at these lengths.
            Place::Rsa { n, .. } => n.start - usize::from(self.spki[n.start] >= 0x80) - 8,
            Place::Ec(curve) => self.spki.len() - 2 * curve.coordinate_length() - 1,
            Place::Ed25519 => self.spki.len() - 32,
        };
        &self.spki[start..]
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Rsa { .. } => write!(f, "PublicKey(RSA, {} bits)", self.bits()),
            Place::Ec(curve) => write!(f, "PublicKey(EC, {})", curve.name()),
            Place::Ed25519 => f.write_str("PublicKey(Ed25519)"),
        }
    }
}

/// An SPKI up to the content of its BIT STRING of `length` bytes.
fn with_identifier(identifier: &[u8], length: usize) -> Vec<u8> {
    let whole = identifier.len() + der::header_length(length + 1) + length + 1;
    let mut spki = Vec::with_capacity(der::header_length(whole) + whole);
    der::write_header(&mut spki, Tag::Sequence, whole);
    spki.extend_from_slice(identifier);
    der::write_header(&mut spki, Tag::BitString, length + 1);
    spki.push(0);
    spki
}

fn strip(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// Length in bits of a number without leading zeros.
fn bits_of(number: &[u8]) -> usize {
    number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize)
}

/// The points whose order divides 8, in every encoding of their y coordinate. The sign bit does not
/// matter.
fn has_small_order(point: &[u8; 32]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *point;
    y[31] &= 0x7f;
    let middle = |byte| y[1..31].iter().all(|other| *other == byte);
    let zero_or_one = y[0] <= 1 && middle(0) && y[31] == 0;
    let around_p = (0xec..=0xee).contains(&y[0]) && middle(0xff) && y[31] == 0x7f;
    zero_or_one || around_p || ORDER_8.contains(&y)
}

/// Whether the y coordinate is below 2^255 - 19: the only encoding that RFC 8032 decodes.
fn is_below_p(point: &[u8; 32]) -> bool {
    point[31] & 0x7f != 0x7f || point[1..31].iter().any(|byte| *byte != 0xff) || point[0] < 0xed
}

#[cfg(test)]
mod tests;
