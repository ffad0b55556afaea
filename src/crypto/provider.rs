//! The traits that connect this crate to a cryptography library.

use std::fmt;

use zeroize::Zeroizing;

use super::{Algorithm, KeyKind, PublicKey, SignatureAlgorithm};
use crate::{Class, Error};

/// An error of a provider, a signer or a key. It carries nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The signature is not one of that key over that message.
    #[error("the signature does not verify")]
    BadSignature,
    /// The key is invalid: unreadable, not on its curve, or with a number that the library refuses.
    #[error("the key was refused")]
    BadKey,
    /// The algorithm does not fit the key.
    #[error("the algorithm does not fit the key")]
    Mismatch,
    /// This provider or signer does not support the key length or the algorithm.
    #[error("not supported by this provider or signer")]
    Unsupported,
    /// The library, the token or the random generator failed.
    #[error("the operation failed")]
    Failed,
}

/// A cryptography library, passed in as a value.
///
/// It is also the source of all random values (keys, PSS salts, nonces, tokens). It is meant to be
/// shared: `&dyn Provider`, `Arc<dyn Provider>`.
pub trait Provider: Send + Sync {
    /// Prepares `key` for verifying signatures of `algorithm`.
    ///
    /// # Errors
    /// [`CryptoError::Mismatch`] if the algorithm does not fit this key, [`CryptoError::BadKey`] if
    /// the point is not on its curve or the library refuses the number. Some libraries decode an
    /// Ed25519 point only when they verify: bytes that encode no point are then imported, and every
    /// signature is [`CryptoError::BadSignature`].
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError>;

    /// Prepares `key` for verifying signatures of an algorithm of certificate requests. The default
    /// implementation supports the algorithms that JOSE has too, through [`import`](Self::import).
    ///
    /// # Errors
    /// As [`import`](Self::import), and [`CryptoError::Unsupported`] for an algorithm that the
    /// library does not verify.
    fn import_for(
        &self,
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        if !algorithm.fits(key) {
            return Err(CryptoError::Mismatch);
        }
        match algorithm.to_jose() {
            Some(algorithm) => self.import(algorithm, key),
            None => Err(CryptoError::Unsupported),
        }
    }

    /// Generates a key pair.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for a kind that the library does not generate,
    /// [`CryptoError::Failed`] if it fails.
    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError>;

    /// Reads a private key: PKCS#8 (RFC 5958), unencrypted, DER.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if it is unreadable, outside the limits of [`PublicKey`], or of an
    /// unsupported kind.
    fn private_key_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError>;

    /// SHA-256.
    fn sha256(&self, message: &[u8]) -> [u8; 32];

    /// SHA-384.
    fn sha384(&self, message: &[u8]) -> [u8; 48];

    /// SHA-512.
    fn sha512(&self, message: &[u8]) -> [u8; 64];

    /// HMAC with SHA-256 (RFC 2104), with a key of any length.
    ///
    /// # Errors
    /// [`CryptoError::Failed`] if the library fails.
    fn hmac_sha256(&self, key: &[u8], message: &[u8]) -> Result<[u8; 32], CryptoError>;

    /// Fills `out` with secret random bytes from the library's generator.
    ///
    /// # Errors
    /// [`CryptoError::Failed`] if the generator fails.
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError>;
}

/// Forwards every call, so that a reference or an `Arc` is a provider too.
macro_rules! passed_on {
    ($($owner:ty;)*) => { $(
        impl<P: Provider + ?Sized> Provider for $owner {
            fn import(
                &self,
                algorithm: Algorithm,
                key: &PublicKey,
            ) -> Result<Box<dyn VerifyKey>, CryptoError> {
                (**self).import(algorithm, key)
            }

            fn import_for(
                &self,
                algorithm: SignatureAlgorithm,
                key: &PublicKey,
            ) -> Result<Box<dyn VerifyKey>, CryptoError> {
                (**self).import_for(algorithm, key)
            }

            fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
                (**self).generate(kind)
            }

            fn private_key_from_pkcs8_der(
                &self,
                pkcs8: &[u8],
            ) -> Result<Box<dyn PrivateKey>, CryptoError> {
                (**self).private_key_from_pkcs8_der(pkcs8)
            }

            fn sha256(&self, message: &[u8]) -> [u8; 32] {
                (**self).sha256(message)
            }

            fn sha384(&self, message: &[u8]) -> [u8; 48] {
                (**self).sha384(message)
            }

            fn sha512(&self, message: &[u8]) -> [u8; 64] {
                (**self).sha512(message)
            }

            fn hmac_sha256(&self, key: &[u8], message: &[u8]) -> Result<[u8; 32], CryptoError> {
                (**self).hmac_sha256(key, message)
            }

            fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
                (**self).fill_random(out)
            }
        }
    )* };
}

passed_on! { &P; std::sync::Arc<P>; }

/// A public key that is prepared to verify signatures of one algorithm.
pub trait VerifyKey: Send + Sync {
    /// Verifies that `signature` is this key's over `message`.
    ///
    /// An ECDSA signature is `r‖s` of exactly the curve's length; an RSA signature has exactly as
    /// many bytes as the modulus.
    ///
    /// # Errors
    /// [`CryptoError::BadSignature`] if it does not verify, for any reason; [`CryptoError::Failed`]
    /// if the library failed, which says nothing about the signature.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError>;
}

/// Signs with one key: the interface for keys that live elsewhere.
///
/// Signing blocks until the signature is available. For keys behind a network or a prompt, take the
/// bytes from `to_be_signed` and pass the signature to `assemble` instead.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` (not its digest). An ECDSA signature is `r‖s` of exactly the curve's length.
    ///
    /// # Errors
    /// [`CryptoError::Mismatch`] if the algorithm does not fit this key,
    /// [`CryptoError::Unsupported`] if this signer does not support it, [`CryptoError::Failed`] if
    /// signing failed.
    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A private key in memory, generated or read by a [`Provider`].
pub trait PrivateKey: Signer {
    /// The key as PKCS#8 (RFC 5958), unencrypted, DER; wiped when dropped.
    ///
    /// # Errors
    /// [`CryptoError::Failed`] if the library cannot write it.
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError>;
}

impl<S: Signer + ?Sized> Signer for Box<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        (**self).sign(algorithm, message)
    }
}

impl<S: Signer + ?Sized> Signer for std::sync::Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        (**self).sign(algorithm, message)
    }
}

/// A parsed public key that the caller chose for verifying signatures of one algorithm.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, Signer, VerifyingKey};
///
/// let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let key = VerifyingKey::new(&AwsLcRs, Algorithm::Es256, pair.public_key())?;
/// let signature = pair.sign(Algorithm::Es256, b"message")?;
/// assert!(key.verify(b"message", &signature).is_ok());
/// assert!(key.verify(b"another", &signature).is_err());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VerifyingKey {
    algorithm: Algorithm,
    public_key: PublicKey,
    imported: Box<dyn VerifyKey>,
}

impl VerifyingKey {
    /// Binds `key` to `algorithm` and imports it.
    ///
    /// # Errors
    /// Class `algorithm` if they do not fit each other, `weak-key` if the provider refuses the key
    /// (for example a point that is not on its curve).
    pub fn new(
        provider: &dyn Provider,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Self, Error> {
        Ok(Self { algorithm, imported: import(provider, algorithm, key)?, public_key: key.clone() })
    }

    /// The algorithm that the key is bound to.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The key as prepared by its provider.
    pub(crate) fn as_verify_key(&self) -> &dyn VerifyKey {
        &*self.imported
    }

    /// Verifies that `signature` (`r‖s` for ECDSA) is this key's over `message`.
    ///
    /// # Errors
    /// Class `signature` if it does not verify; `unavailable` if the provider failed.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        verify(&*self.imported, message, signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

/// Imports a key and converts the error to this crate's.
pub(crate) fn import(
    provider: &dyn Provider,
    algorithm: Algorithm,
    key: &PublicKey,
) -> Result<Box<dyn VerifyKey>, Error> {
    if !algorithm.fits(key) {
        return Err(Error::new(Class::Algorithm, "alg", "the algorithm does not fit the key"));
    }
    provider.import(algorithm, key).map_err(not_imported)
}

/// Imports a key for an algorithm of a certificate request and converts the error to this crate's.
pub(crate) fn import_for(
    provider: &dyn Provider,
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
) -> Result<Box<dyn VerifyKey>, Error> {
    if !algorithm.fits(key) {
        return Err(Error::new(Class::Algorithm, "alg", "the algorithm does not fit the key"));
    }
    provider.import_for(algorithm, key).map_err(not_imported)
}

/// Converts an import error: a key that the provider refused is weak; a provider that failed says
/// nothing about the key.
fn not_imported(error: CryptoError) -> Error {
    match error {
        CryptoError::Mismatch => {
            Error::new(Class::Algorithm, "alg", "the algorithm does not fit the key")
        }
        CryptoError::Unsupported => {
            Error::new(Class::Algorithm, "alg", "the provider does not verify this algorithm")
        }
        CryptoError::BadKey | CryptoError::BadSignature => {
            Error::new(Class::WeakKey, "key", "refused on import: degenerate or not on its curve")
        }
        CryptoError::Failed => {
            Error::new(Class::Unavailable, "key", "the provider failed to import the key")
        }
    }
}

/// Verifies and converts the error to this crate's.
pub(crate) fn verify(key: &dyn VerifyKey, message: &[u8], signature: &[u8]) -> Result<(), Error> {
    key.verify(message, signature).map_err(|error| match error {
        CryptoError::Failed => Error::new(
            Class::Unavailable,
            "signature",
            "the provider failed to verify the signature",
        ),
        CryptoError::Unsupported | CryptoError::Mismatch => {
            Error::new(Class::Algorithm, "alg", "the provider does not verify this algorithm")
        }
        CryptoError::BadKey => Error::new(
            Class::WeakKey,
            "key",
            "refused on verification: degenerate or not on its curve",
        ),
        CryptoError::BadSignature => Error::new(Class::Signature, "signature", "does not verify"),
    })
}
