//! The thumbprint of a key (RFC 7638).

use std::fmt;

use crate::crypto::{Provider, PublicKey, PublicKeyParts};
use crate::encoding::base64::encode_url;

/// SHA-256 over the required members of a JWK in the order and form of RFC 7638 section 3; for
/// Ed25519, of RFC 8037 appendix A.3.
///
/// `Display` is base64url without padding, 43 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of `key`. It does not depend on leading zeros in the form that the key was
    /// read from.
    #[must_use]
    pub fn of(key: &PublicKey, provider: &dyn Provider) -> Self {
        // The members are in the order of their names, without blanks; no value needs an escape.
        let text = match key.parts() {
            PublicKeyParts::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode_url(e), encode_url(n))
            }
            PublicKeyParts::Ec { curve, x, y } => {
                format!(
                    r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                    curve.name(),
                    encode_url(x),
                    encode_url(y)
                )
            }
            PublicKeyParts::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode_url(x))
            }
        };
        Self(provider.sha256(text.as_bytes()))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_url(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}
