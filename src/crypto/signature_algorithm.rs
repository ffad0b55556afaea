//! The signature algorithms of certificate requests, a superset of those of JOSE.

use std::fmt;

use super::{Algorithm, Curve, PublicKey, PublicKeyParts};

/// A SHA-2 digest for signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-256; 32 bytes.
    Sha256,
    /// SHA-384; 48 bytes.
    Sha384,
    /// SHA-512; 64 bytes.
    Sha512,
}

impl DigestAlgorithm {
    /// All digests.
    pub const ALL: &'static [Self] = &[Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name, for example `SHA-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The length of a digest in bytes: 32, 48 or 64.
    #[must_use]
    pub const fn output_length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The object identifier, DER with its header.
    pub(crate) const fn oid(self) -> &'static [u8] {
        match self {
            Self::Sha256 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
            Self::Sha384 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
            Self::Sha512 => &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A signature algorithm of X.509 and PKCS#10 (RFC 4055, 5758 and 8410).
///
/// Each [`Algorithm`] of JOSE has an equal value here. The others exist only in certificate
/// requests: ECDSA with a digest other than the one of its curve, and RSASSA-PSS with another MGF1
/// digest or salt length.
///
/// ```
/// use keyferry::crypto::{Algorithm, Curve, DigestAlgorithm, SignatureAlgorithm};
///
/// let digest = DigestAlgorithm::Sha256;
/// assert_eq!(SignatureAlgorithm::Ecdsa { curve: Curve::P256, digest }, Algorithm::Es256);
/// // What `openssl req -new` signs with on P-384: no algorithm of JOSE.
/// assert_eq!(SignatureAlgorithm::Ecdsa { curve: Curve::P384, digest }.to_jose(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1 {
        /// The digest of the message.
        digest: DigestAlgorithm,
    },
    /// RSASSA-PSS.
    RsaPss {
        /// The digest of the message.
        digest: DigestAlgorithm,
        /// The digest of the mask generation function, MGF1.
        mgf1: DigestAlgorithm,
        /// The length of the salt in bytes.
        salt_length: usize,
    },
    /// ECDSA.
    Ecdsa {
        /// The curve of the key.
        curve: Curve,
        /// The digest of the message.
        digest: DigestAlgorithm,
    },
    /// Ed25519.
    Ed25519,
}

impl SignatureAlgorithm {
    /// The equal algorithm of JOSE; `None` if JOSE has none.
    #[must_use]
    pub fn to_jose(self) -> Option<Algorithm> {
        Algorithm::ALL.iter().copied().find(|algorithm| Self::from(*algorithm) == self)
    }

    /// Whether `key` has the type and, for EC, the curve that this algorithm needs, and, for
    /// RSASSA-PSS, is long enough for the digest and the salt.
    #[must_use]
    pub fn fits(self, key: &PublicKey) -> bool {
        match (self, key.parts()) {
            (Self::RsaPkcs1 { .. }, PublicKeyParts::Rsa { .. })
            | (Self::Ed25519, PublicKeyParts::Ed25519 { .. }) => true,
            (Self::RsaPss { digest, salt_length, .. }, PublicKeyParts::Rsa { .. }) => {
                // emLen >= hLen + sLen + 2 (RFC 8017 section 9.1.2).
                let encoded = (key.bits() - 1).div_ceil(8);
                usize::try_from(encoded).is_ok_and(|encoded| {
                    encoded
                        .checked_sub(digest.output_length() + 2)
                        .is_some_and(|room| salt_length <= room)
                })
            }
            (Self::Ecdsa { curve, .. }, PublicKeyParts::Ec { curve: of_key, .. }) => {
                curve == of_key
            }
            _ => false,
        }
    }
}

impl From<Algorithm> for SignatureAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        use DigestAlgorithm::{Sha256, Sha384, Sha512};
        let pss = |digest: DigestAlgorithm| Self::RsaPss {
            digest,
            mgf1: digest,
            salt_length: digest.output_length(),
        };
        match algorithm {
            Algorithm::Rs256 => Self::RsaPkcs1 { digest: Sha256 },
            Algorithm::Rs384 => Self::RsaPkcs1 { digest: Sha384 },
            Algorithm::Rs512 => Self::RsaPkcs1 { digest: Sha512 },
            Algorithm::Ps256 => pss(Sha256),
            Algorithm::Ps384 => pss(Sha384),
            Algorithm::Ps512 => pss(Sha512),
            Algorithm::Es256 => Self::Ecdsa { curve: Curve::P256, digest: Sha256 },
            Algorithm::Es384 => Self::Ecdsa { curve: Curve::P384, digest: Sha384 },
            Algorithm::Es512 => Self::Ecdsa { curve: Curve::P521, digest: Sha512 },
            Algorithm::EdDsa => Self::Ed25519,
        }
    }
}

impl PartialEq<Algorithm> for SignatureAlgorithm {
    fn eq(&self, other: &Algorithm) -> bool {
        *self == Self::from(*other)
    }
}

impl PartialEq<SignatureAlgorithm> for Algorithm {
    fn eq(&self, other: &SignatureAlgorithm) -> bool {
        other == self
    }
}

impl fmt::Display for SignatureAlgorithm {
    /// The name of JOSE if there is one, otherwise all parameters of the algorithm: `ECDSA P-384
    /// SHA-256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(algorithm) = self.to_jose() {
            return fmt::Display::fmt(&algorithm, f);
        }
        match self {
            Self::RsaPkcs1 { digest } => write!(f, "RSASSA-PKCS1-v1_5 {digest}"),
            Self::RsaPss { digest, mgf1, salt_length } => {
                write!(f, "RSASSA-PSS {digest} MGF1 {mgf1} salt {salt_length}")
            }
            Self::Ecdsa { curve, digest } => write!(f, "ECDSA {} {digest}", curve.name()),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}
