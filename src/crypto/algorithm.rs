//! The supported signature algorithms and kinds of keys.

use std::fmt;
use std::str::FromStr;

use super::{Curve, PublicKey, PublicKeyParts};
use crate::{Class, Error};

/// A signature algorithm of RFC 7518 section 3.1 or RFC 8037. `none` and the symmetric algorithms
/// are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, salt of 32 bytes.
    Ps256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt of 48 bytes.
    Ps384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512, salt of 64 bytes.
    Ps512,
    /// ECDSA on P-256 with SHA-256; a signature is `r‖s`, 64 bytes.
    Es256,
    /// ECDSA on P-384 with SHA-384; a signature is `r‖s`, 96 bytes.
    Es384,
    /// ECDSA on P-521 with SHA-512; a signature is `r‖s`, 132 bytes.
    Es512,
    /// Ed25519 (RFC 8037); the name on the wire is `EdDSA`.
    EdDsa,
}

impl Algorithm {
    /// All algorithms: the list to allow if nothing is known about the peer.
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The name on the wire, for example `RS256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The default algorithm to sign with for a key: RS256 for RSA, the curve's algorithm for EC,
    /// EdDSA for Ed25519.
    #[must_use]
    pub fn default_for(key: &PublicKey) -> Self {
        match key.parts() {
            PublicKeyParts::Rsa { .. } => Self::Rs256,
            PublicKeyParts::Ec { curve, .. } => Self::on_curve(curve),
            PublicKeyParts::Ed25519 { .. } => Self::EdDsa,
        }
    }

    /// The default algorithm to sign with for a kind of key.
    #[must_use]
    pub const fn default_of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Rsa { .. } => Self::Rs256,
            KeyKind::Ec(curve) => Self::on_curve(curve),
            KeyKind::Ed25519 => Self::EdDsa,
        }
    }

    /// The ECDSA algorithm of a curve.
    #[must_use]
    pub const fn on_curve(curve: Curve) -> Self {
        match curve {
            Curve::P256 => Self::Es256,
            Curve::P384 => Self::Es384,
            Curve::P521 => Self::Es512,
        }
    }

    /// The curve of an ECDSA algorithm; `None` for the others.
    #[must_use]
    pub const fn curve(self) -> Option<Curve> {
        match self {
            Self::Es256 => Some(Curve::P256),
            Self::Es384 => Some(Curve::P384),
            Self::Es512 => Some(Curve::P521),
            _ => None,
        }
    }

    /// Whether this is one of the six RSA algorithms.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512
        )
    }

    /// Whether `key` has the type and, for EC, the curve that this algorithm needs.
    #[must_use]
    pub fn fits(self, key: &PublicKey) -> bool {
        match key.parts() {
            PublicKeyParts::Rsa { .. } => self.is_rsa(),
            PublicKeyParts::Ec { curve, .. } => self.curve() == Some(curve),
            PublicKeyParts::Ed25519 { .. } => self == Self::EdDsa,
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Reads the exact name. Anything else, including `none` and `HS256`, is an error of class
    /// `algorithm`.
    fn from_str(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => {
                return Err(Error::new(
                    Class::Algorithm,
                    "alg",
                    "not a signature algorithm with a public key that is known here",
                ));
            }
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind of key to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA with a modulus of `bits` bits and the exponent 65537. Every provider generates 2048,
    /// 3072 and 4096; keys of at most 8192 bits can be read.
    Rsa {
        /// Length of the modulus in bits.
        bits: u16,
    },
    /// EC on this curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
}
