//! The provider based on aws-lc-rs.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256_SHA384_ASN1,
    ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_FIXED,
    ECDSA_P521_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, ED25519,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair, VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac, rand, rsa};
use zeroize::Zeroizing;

use super::{
    Algorithm, CryptoError, Curve, DigestAlgorithm, KeyKind, PrivateKey, Provider, PublicKey,
    SignatureAlgorithm, Signer, VerifyKey, pss, raw_to_der,
};
use crate::der::{self, Tag};

/// The provider based on aws-lc-rs: the fastest provider in this crate. It generates RSA keys of
/// 2048, 3072, 4096 and 8192 bits only.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLcRs;

impl Provider for AwsLcRs {
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        if !algorithm.fits(key) {
            return Err(CryptoError::Mismatch);
        }
        let parsed = ParsedPublicKey::new(verification(algorithm), key.as_subject_public_key())
            .map_err(|_| CryptoError::BadKey)?;
        Ok(Box::new(Parsed(parsed)))
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
        let parsed = |algorithm: &'static dyn VerificationAlgorithm| {
            ParsedPublicKey::new(algorithm, key.as_subject_public_key())
                .map(Parsed)
                .map_err(|_| CryptoError::BadKey)
        };
        let SignatureAlgorithm::Ecdsa { curve, digest } = algorithm else {
            // The library supports only the RSASSA-PSS variants of JOSE.
            return pss::import(algorithm, key, digest_of);
        };
        // The library verifies these pairs in one signature encoding only: `r‖s` for P-521,
        // otherwise DER.
        use DigestAlgorithm::{Sha256, Sha384, Sha512};
        let of_der = match (curve, digest) {
            (Curve::P256, Sha384) => &ECDSA_P256_SHA384_ASN1,
            (Curve::P256, Sha512) => &ECDSA_P256_SHA512_ASN1,
            (Curve::P384, Sha256) => &ECDSA_P384_SHA256_ASN1,
            (Curve::P384, Sha512) => &ECDSA_P384_SHA512_ASN1,
            (Curve::P521, Sha256) => return Ok(Box::new(parsed(&ECDSA_P521_SHA256_FIXED)?)),
            (Curve::P521, Sha384) => return Ok(Box::new(parsed(&ECDSA_P521_SHA384_FIXED)?)),
            _ => return Err(CryptoError::Unsupported),
        };
        Ok(Box::new(OfDer { key: parsed(of_der)?, length: 2 * curve.coordinate_length() }))
    }

    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
        match kind {
            KeyKind::Rsa { bits } => {
                let size = match bits {
                    2048 => rsa::KeySize::Rsa2048,
                    3072 => rsa::KeySize::Rsa3072,
                    4096 => rsa::KeySize::Rsa4096,
                    8192 => rsa::KeySize::Rsa8192,
                    _ => return Err(CryptoError::Unsupported),
                };
                from_rsa(RsaKeyPair::generate(size).map_err(failed)?)
            }
            KeyKind::Ec(curve) => {
                from_ec(curve, EcdsaKeyPair::generate(signing(curve)).map_err(failed)?)
            }
            KeyKind::Ed25519 => from_ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        }
    }

    fn private_key_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        // The library ignores bytes after an RSA key, so they are refused here.
        let mut outer = der::Cursor::new(pkcs8);
        outer
            .require(Tag::Sequence, "privateKeyInfo")
            .and_then(|_| outer.end("privateKeyInfo"))
            .map_err(|_| CryptoError::BadKey)?;
        if let Ok(pair) = RsaKeyPair::from_pkcs8(pkcs8) {
            return from_rsa(pair);
        }
        for curve in Curve::ALL {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(signing(*curve), pkcs8) {
                return from_ec(*curve, pair);
            }
        }
        from_ed25519(
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| CryptoError::BadKey)?,
        )
    }

    fn sha256(&self, message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, message).as_ref());
        out
    }

    fn sha384(&self, message: &[u8]) -> [u8; 48] {
        let mut out = [0; 48];
        out.copy_from_slice(digest::digest(&digest::SHA384, message).as_ref());
        out
    }

    fn sha512(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(digest::digest(&digest::SHA512, message).as_ref());
        out
    }

    fn hmac_sha256(&self, key: &[u8], message: &[u8]) -> Result<[u8; 32], CryptoError> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
        tag.as_ref().try_into().map_err(|_| CryptoError::Failed)
    }

    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        rand::fill(out).map_err(failed)
    }
}

/// A key that the library has parsed for one algorithm.
struct Parsed(ParsedPublicKey);

impl VerifyKey for Parsed {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.0.verify_sig(message, signature).map_err(|_| CryptoError::BadSignature)
    }
}

/// A key whose signatures the library reads in DER only.
struct OfDer {
    key: Parsed,
    /// The length of `r‖s` in bytes.
    length: usize,
}

impl VerifyKey for OfDer {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        if signature.len() != self.length {
            return Err(CryptoError::BadSignature);
        }
        self.key.verify(message, &raw_to_der(signature))
    }
}

fn digest_of(algorithm: DigestAlgorithm, message: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        DigestAlgorithm::Sha256 => &digest::SHA256,
        DigestAlgorithm::Sha384 => &digest::SHA384,
        DigestAlgorithm::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, message).as_ref().to_vec()
}

struct Pair<K> {
    public_key: PublicKey,
    private_key: K,
}

fn from_rsa(pair: RsaKeyPair) -> Result<Box<dyn PrivateKey>, CryptoError> {
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    let public_key = PublicKey::from_spki_der(spki.as_ref()).map_err(|_| CryptoError::BadKey)?;
    Ok(Box::new(Pair { public_key, private_key: pair }))
}

fn from_ec(curve: Curve, pair: EcdsaKeyPair) -> Result<Box<dyn PrivateKey>, CryptoError> {
    let public_key =
        PublicKey::ec_point(curve, pair.public_key().as_ref()).map_err(|_| CryptoError::BadKey)?;
    Ok(Box::new(Pair { public_key, private_key: pair }))
}

fn from_ed25519(pair: Ed25519KeyPair) -> Result<Box<dyn PrivateKey>, CryptoError> {
    let public_key =
        PublicKey::ed25519(pair.public_key().as_ref()).map_err(|_| CryptoError::BadKey)?;
    Ok(Box::new(Pair { public_key, private_key: pair }))
}

impl Signer for Pair<RsaKeyPair> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let encoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_SHA512,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Ps384 => &RSA_PSS_SHA384,
            Algorithm::Ps512 => &RSA_PSS_SHA512,
            _ => return Err(CryptoError::Mismatch),
        };
        let mut signature = vec![0; self.private_key.public_modulus_len()];
        self.private_key
            .sign(encoding, &rand::SystemRandom::new(), message, &mut signature)
            .map_err(failed)?;
        Ok(signature)
    }
}

impl PrivateKey for Pair<RsaKeyPair> {
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        Ok(Zeroizing::new(self.private_key.as_der().map_err(failed)?.as_ref().to_vec()))
    }
}

impl Signer for Pair<EcdsaKeyPair> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !algorithm.fits(&self.public_key) {
            return Err(CryptoError::Mismatch);
        }
        Ok(self
            .private_key
            .sign(&rand::SystemRandom::new(), message)
            .map_err(failed)?
            .as_ref()
            .to_vec())
    }
}

impl PrivateKey for Pair<EcdsaKeyPair> {
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        Ok(Zeroizing::new(self.private_key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()))
    }
}

impl Signer for Pair<Ed25519KeyPair> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if algorithm != Algorithm::EdDsa {
            return Err(CryptoError::Mismatch);
        }
        Ok(self.private_key.try_sign(message).map_err(failed)?.as_ref().to_vec())
    }
}

impl PrivateKey for Pair<Ed25519KeyPair> {
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        Ok(Zeroizing::new(self.private_key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()))
    }
}

fn failed(_: aws_lc_rs::error::Unspecified) -> CryptoError {
    CryptoError::Failed
}

fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn verification(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDsa => &ED25519,
    }
}
