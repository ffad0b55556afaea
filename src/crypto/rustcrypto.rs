//! The pure-Rust provider, based on the RustCrypto libraries and ed25519-dalek.
//!
//! Private RSA operations are blinded, but the advisory RUSTSEC-2023-0071 (a timing side channel)
//! names no fixed version of `rsa` yet. Where an attacker can measure these operations, generate
//! and use RSA keys with another provider or a token. Verification is not affected.

use getrandom::SysRng;
use getrandom::rand_core::TryRng as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::elliptic_curve::Generate as _;
use rsa::pkcs1::RsaPrivateKeyRef;
use rsa::pkcs8::{EncodePrivateKey as _, PrivateKeyInfoRef};
use rsa::signature::hazmat::PrehashVerifier as _;
use rsa::signature::{RandomizedSigner as _, Signer as _, Verifier as _};
use rsa::traits::{PublicKeyParts as _, SignatureScheme};
use rsa::{BoxedUint, Pkcs1v15Sign, PrivateKey as RsaPrivateKey, Pss, PublicKey as RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{
    Algorithm, CryptoError, Curve, DigestAlgorithm, KeyKind, MAX_RSA_BITS, MIN_RSA_BITS,
    PrivateKey, Provider, PublicKey, PublicKeyParts, SignatureAlgorithm, Signer, VerifyKey, pss,
};

/// The pure-Rust provider. It generates RSA keys of any even length from 2048 to 8192 bits.
///
/// EdDSA is verified strictly: a signature whose `R` is a point of small order is refused too.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

impl Provider for RustCrypto {
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        if !algorithm.fits(key) {
            return Err(CryptoError::Mismatch);
        }
        let point = key.as_subject_public_key();
        Ok(match key.parts() {
            PublicKeyParts::Rsa { n, e } => {
                let key = RsaPublicKey::new(
                    BoxedUint::from_be_slice_vartime(n),
                    BoxedUint::from_be_slice_vartime(e),
                );
                Box::new(RsaVerifyKey { algorithm, key: key.map_err(bad_key)? })
            }
            PublicKeyParts::Ec { curve: Curve::P256, .. } => Box::new(Parsed(
                p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_key)?,
            )),
            PublicKeyParts::Ec { curve: Curve::P384, .. } => Box::new(Parsed(
                p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_key)?,
            )),
            PublicKeyParts::Ec { curve: Curve::P521, .. } => Box::new(Parsed(
                p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_key)?,
            )),
            PublicKeyParts::Ed25519 { x } => {
                Box::new(Parsed(ed25519_dalek::VerifyingKey::try_from(x).map_err(bad_key)?))
            }
        })
    }

    fn import_for(
        &self,
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        if !algorithm.fits(key) {
            return Err(CryptoError::Mismatch);
        }
        if let Some(algorithm) = algorithm.to_jose() {
            return self.import(algorithm, key);
        }
        let SignatureAlgorithm::Ecdsa { curve, digest } = algorithm else {
            // `rsa` uses one digest for both message and mask.
            return pss::import(algorithm, key, digest_of);
        };
        let point = key.as_subject_public_key();
        Ok(match curve {
            Curve::P256 => Box::new(Prehashed {
                digest,
                key: p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_key)?,
            }),
            Curve::P384 => Box::new(Prehashed {
                digest,
                key: p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_key)?,
            }),
            Curve::P521 => Box::new(Prehashed {
                digest,
                key: p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_key)?,
            }),
        })
    }

    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
        match kind {
            KeyKind::Rsa { bits }
                if bits % 2 == 0 && (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits.into()) =>
            {
                from_rsa(RsaPrivateKey::new(&mut SysRng, bits.into()).map_err(failed)?)
            }
            KeyKind::Rsa { .. } => Err(CryptoError::Unsupported),
            KeyKind::Ec(Curve::P256) => from_p256(
                p256::ecdsa::SigningKey::try_generate_from_rng(&mut SysRng).map_err(failed)?,
            ),
            KeyKind::Ec(Curve::P384) => from_p384(
                p384::ecdsa::SigningKey::try_generate_from_rng(&mut SysRng).map_err(failed)?,
            ),
            KeyKind::Ec(Curve::P521) => from_p521(
                p521::ecdsa::SigningKey::try_generate_from_rng(&mut SysRng).map_err(failed)?,
            ),
            KeyKind::Ed25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                self.fill_random(&mut *seed)?;
                from_ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
            }
        }
    }

    fn private_key_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        let info = PrivateKeyInfoRef::try_from(pkcs8).map_err(bad_key)?;
        let key = if info.algorithm.oid == rsa::pkcs1::ALGORITHM_OID {
            // The limits are checked before the arithmetic.
            let numbers =
                RsaPrivateKeyRef::try_from(info.private_key.as_bytes()).map_err(bad_key)?;
            PublicKey::rsa(numbers.modulus.as_bytes(), numbers.public_exponent.as_bytes())
                .map_err(bad_key)?;
            from_rsa(info.clone().try_into().map_err(bad_key)?)
        } else if info.algorithm.oid == ED25519 {
            let seed = match info.private_key.as_bytes() {
                [0x04, 0x20, seed @ ..] if info.algorithm.parameters.is_none() => seed,
                _ => return Err(CryptoError::BadKey),
            };
            from_ed25519(ed25519_dalek::SigningKey::try_from(seed).map_err(bad_key)?)
        } else if let Ok(key) = info.clone().try_into() {
            from_p256(key)
        } else if let Ok(key) = info.clone().try_into() {
            from_p384(key)
        } else {
            from_p521(info.clone().try_into().map_err(bad_key)?)
        }?;
        match info.public_key {
            Some(public_key)
                if public_key.as_bytes() != Some(key.public_key().as_subject_public_key()) =>
            {
                Err(CryptoError::BadKey)
            }
            _ => Ok(key),
        }
    }

    fn sha256(&self, message: &[u8]) -> [u8; 32] {
        Sha256::digest(message).into()
    }

    fn sha384(&self, message: &[u8]) -> [u8; 48] {
        Sha384::digest(message).into()
    }

    fn sha512(&self, message: &[u8]) -> [u8; 64] {
        Sha512::digest(message).into()
    }

    fn hmac_sha256(&self, key: &[u8], message: &[u8]) -> Result<[u8; 32], CryptoError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(failed)?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().into())
    }

    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        SysRng.try_fill_bytes(out).map_err(failed)
    }
}

/// id-Ed25519 (RFC 8410).
const ED25519: rsa::pkcs8::ObjectIdentifier =
    rsa::pkcs8::ObjectIdentifier::new_unwrap("1.3.101.112");

/// PKCS#8 of an Ed25519 key up to its seed. The library's own writer adds the public half (version
/// 2), which OpenSSL 3.0 does not read.
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A public key of a library. It is wrapped so that no library's type appears in the list of
/// implementors.
/// implementors.
struct Parsed<K>(K);

/// An EC key that verifies with a digest other than the one of its curve.
struct Prehashed<K> {
    digest: DigestAlgorithm,
    key: K,
}

fn digest_of(algorithm: DigestAlgorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        DigestAlgorithm::Sha256 => Sha256::digest(message).to_vec(),
        DigestAlgorithm::Sha384 => Sha384::digest(message).to_vec(),
        DigestAlgorithm::Sha512 => Sha512::digest(message).to_vec(),
    }
}

struct Pair<K> {
    public_key: PublicKey,
    private_key: K,
}

struct RsaVerifyKey {
    algorithm: Algorithm,
    key: RsaPublicKey,
}

/// An operation on a signature scheme, which is a different type for each algorithm, and its
/// digest.
trait WithScheme {
    type Output;

    fn with(self, scheme: impl SignatureScheme, digest: &[u8])
    -> Result<Self::Output, CryptoError>;
}

fn with_scheme<W: WithScheme>(
    algorithm: Algorithm,
    message: &[u8],
    action: W,
) -> Result<W::Output, CryptoError> {
    match algorithm {
        Algorithm::Rs256 => action.with(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)),
        Algorithm::Rs384 => action.with(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message)),
        Algorithm::Rs512 => action.with(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message)),
        Algorithm::Ps256 => action.with(Pss::<Sha256>::new(), &Sha256::digest(message)),
        Algorithm::Ps384 => action.with(Pss::<Sha384>::new(), &Sha384::digest(message)),
        Algorithm::Ps512 => action.with(Pss::<Sha512>::new(), &Sha512::digest(message)),
        _ => Err(CryptoError::Mismatch),
    }
}

struct Verifying<'a> {
    key: &'a RsaPublicKey,
    signature: &'a [u8],
}

impl WithScheme for Verifying<'_> {
    type Output = ();

    fn with(self, scheme: impl SignatureScheme, digest: &[u8]) -> Result<(), CryptoError> {
        self.key.verify(scheme, digest, self.signature).map_err(bad_signature)
    }
}

impl VerifyKey for RsaVerifyKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        if signature.len() != self.key.size() {
            return Err(CryptoError::BadSignature);
        }
        with_scheme(self.algorithm, message, Verifying { key: &self.key, signature })
    }
}

struct Signing<'a>(&'a RsaPrivateKey);

impl WithScheme for Signing<'_> {
    type Output = Vec<u8>;

    fn with(self, scheme: impl SignatureScheme, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        // Passing a generator makes the library blind the operation.
        scheme.sign(Some(&mut SysRng), self.0, digest).map_err(failed)
    }
}

fn from_rsa(private_key: RsaPrivateKey) -> Result<Box<dyn PrivateKey>, CryptoError> {
    let public_key =
        PublicKey::rsa(&private_key.n_bytes(), &private_key.e_bytes()).map_err(bad_key)?;
    Ok(Box::new(Pair { public_key, private_key }))
}

impl Signer for Pair<RsaPrivateKey> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        with_scheme(algorithm, message, Signing(&self.private_key))
    }
}

impl PrivateKey for Pair<RsaPrivateKey> {
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        Ok(self.private_key.to_pkcs8_der().map_err(failed)?.to_bytes())
    }
}

/// Implements an operation for each curve: the types differ, and no trait covers the shared part.
macro_rules! on_curve {
    ($library:ident, $curve:expr, $from:ident) => {
        impl VerifyKey for Parsed<$library::ecdsa::VerifyingKey> {
            fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
                // The library accepts only `r‖s` of the exact length, neither number zero nor above
                // the order.
                let signature =
                    $library::ecdsa::Signature::from_slice(signature).map_err(bad_signature)?;
                self.0.verify(message, &signature).map_err(bad_signature)
            }
        }

        impl VerifyKey for Prehashed<$library::ecdsa::VerifyingKey> {
            fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
                let signature =
                    $library::ecdsa::Signature::from_slice(signature).map_err(bad_signature)?;
                // The library refuses a digest shorter than half the field. Leading zeros leave the
                // number unchanged (FIPS 186-5 section 6.4.2).
                let mut digest = digest_of(self.digest, message);
                let missing = $curve.coordinate_length().saturating_sub(digest.len());
                digest.splice(..0, std::iter::repeat_n(0, missing));
                self.key.verify_prehash(&digest, &signature).map_err(bad_signature)
            }
        }

        fn $from(
            private_key: $library::ecdsa::SigningKey,
        ) -> Result<Box<dyn PrivateKey>, CryptoError> {
            let point = private_key.verifying_key().to_sec1_point(false);
            let public_key = PublicKey::ec_point($curve, point.as_bytes()).map_err(bad_key)?;
            Ok(Box::new(Pair { public_key, private_key }))
        }

        impl Signer for Pair<$library::ecdsa::SigningKey> {
            fn public_key(&self) -> &PublicKey {
                &self.public_key
            }

            fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
                if !algorithm.fits(&self.public_key) {
                    return Err(CryptoError::Mismatch);
                }
                let signature: $library::ecdsa::Signature =
                    self.private_key.try_sign_with_rng(&mut SysRng, message).map_err(failed)?;
                Ok(signature.to_bytes().to_vec())
            }
        }

        impl PrivateKey for Pair<$library::ecdsa::SigningKey> {
            fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
                Ok(self.private_key.to_pkcs8_der().map_err(failed)?.to_bytes())
            }
        }
    };
}

on_curve!(p256, Curve::P256, from_p256);
on_curve!(p384, Curve::P384, from_p384);
on_curve!(p521, Curve::P521, from_p521);

impl VerifyKey for Parsed<ed25519_dalek::VerifyingKey> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(bad_signature)?;
        self.0.verify_strict(message, &signature).map_err(bad_signature)
    }
}

fn from_ed25519(
    private_key: ed25519_dalek::SigningKey,
) -> Result<Box<dyn PrivateKey>, CryptoError> {
    let public_key = PublicKey::ed25519(private_key.verifying_key().as_bytes()).map_err(bad_key)?;
    Ok(Box::new(Pair { public_key, private_key }))
}

impl Signer for Pair<ed25519_dalek::SigningKey> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if algorithm != Algorithm::EdDsa {
            return Err(CryptoError::Mismatch);
        }
        Ok(self.private_key.try_sign(message).map_err(failed)?.to_bytes().to_vec())
    }
}

impl PrivateKey for Pair<ed25519_dalek::SigningKey> {
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        // The buffer has its final size from the start: growing would leave a copy behind.
        let mut pkcs8 = Zeroizing::new(Vec::with_capacity(ED25519_PKCS8.len() + 32));
        pkcs8.extend_from_slice(&ED25519_PKCS8);
        pkcs8.extend_from_slice(self.private_key.as_bytes());
        Ok(pkcs8)
    }
}

fn bad_key<E>(_: E) -> CryptoError {
    CryptoError::BadKey
}

fn bad_signature<E>(_: E) -> CryptoError {
    CryptoError::BadSignature
}

fn failed<E>(_: E) -> CryptoError {
    CryptoError::Failed
}
