//! RSASSA-PSS with any salt length and MGF1 digest (RFC 8017 sections 8.1.2 and 9.1.2), for
//! libraries that verify only the variants of JOSE.
//!
//! Key, message and signature are all public, so nothing here needs to take constant time.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};

use super::{
    CryptoError, DigestAlgorithm, PublicKey, PublicKeyParts, SignatureAlgorithm, VerifyKey,
};

/// A digest function of a provider.
pub(super) type DigestFn = fn(DigestAlgorithm, &[u8]) -> Vec<u8>;

/// Prepares a key for verifying, with the digests of the provider.
///
/// # Errors
/// [`CryptoError::Mismatch`] if the algorithm is not RSASSA-PSS or does not fit the key.
pub(super) fn import(
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
    digest_fn: DigestFn,
) -> Result<Box<dyn VerifyKey>, CryptoError> {
    match (algorithm, key.parts()) {
        (
            SignatureAlgorithm::RsaPss { digest, mgf1, salt_length },
            PublicKeyParts::Rsa { n, e },
        ) if algorithm.fits(key) => {
            let modulus = Odd::new(BoxedUint::from_be_slice_vartime(n)).into_option();
            Ok(Box::new(PssKey {
                params: BoxedMontyParams::new_vartime(modulus.ok_or(CryptoError::BadKey)?),
                exponent: BoxedUint::from_be_slice_vartime(e),
                // The exponent has at most four bytes.
                exponent_bits: e.len() as u32 * 8,
                bits: key.bits(),
                length: n.len(),
                digest,
                mgf1,
                salt_length,
                digest_fn,
            }))
        }
        _ => Err(CryptoError::Mismatch),
    }
}

struct PssKey {
    params: BoxedMontyParams,
    exponent: BoxedUint,
    /// Length of the exponent in bits, rounded up to whole bytes.
    exponent_bits: u32,
    /// Length of the modulus in bits.
    bits: u32,
    /// Length of the modulus in bytes.
    length: usize,
    digest: DigestAlgorithm,
    mgf1: DigestAlgorithm,
    salt_length: usize,
    digest_fn: DigestFn,
}

impl VerifyKey for PssKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.open(signature)
            .and_then(|encoded| self.is_encoding_of(message, encoded))
            .filter(|same| *same)
            .map(drop)
            .ok_or(CryptoError::BadSignature)
    }
}

impl PssKey {
    /// RSAVP1 and I2OSP: the encoded message in as many bytes as its bits need. `None` if the
    /// signature is not a number below the modulus, or the result is too long.
    fn open(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.length {
            return None;
        }
        let precision = self.params.bits_precision();
        let signature = BoxedUint::from_be_slice(signature, precision).ok()?;
        if signature.cmp_vartime(self.params.modulus().as_ref()).is_ge() {
            return None;
        }
        let encoded = BoxedMontyForm::new(signature, &self.params)
            .pow_bounded_exp(&self.exponent, self.exponent_bits)
            .retrieve()
            .to_be_bytes();
        let length = usize::try_from((self.bits - 1).div_ceil(8)).ok()?;
        let (zeros, encoded) = encoded.split_at_checked(encoded.len().checked_sub(length)?)?;
        zeros.iter().all(|byte| *byte == 0).then(|| encoded.to_vec())
    }

    /// EMSA-PSS-VERIFY. `None` if the encoding does not even have the right structure.
    fn is_encoding_of(&self, message: &[u8], mut encoded: Vec<u8>) -> Option<bool> {
        let hash_length = self.digest.output_length();
        let unused = u32::try_from(encoded.len() * 8).ok()?.checked_sub(self.bits - 1)?;
        if encoded.pop()? != 0xbc {
            return None;
        }
        let mut masked = encoded;
        let hash = masked.split_off(masked.len().checked_sub(hash_length)?);
        let unused_bits = !(0xff_u8.checked_shr(unused)?);
        if masked.first()? & unused_bits != 0 {
            return None;
        }
        let mask = self.mask(&hash, masked.len());
        for (byte, mask) in masked.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        *masked.first_mut()? &= !unused_bits;
        let (padding, salt) =
            masked.split_at_checked(masked.len().checked_sub(self.salt_length)?)?;
        let (one, zeros) = padding.split_last()?;
        if *one != 1 || zeros.iter().any(|byte| *byte != 0) {
            return Some(false);
        }
        let mut block = vec![0; 8];
        block.extend((self.digest_fn)(self.digest, message));
        block.extend_from_slice(salt);
        Some((self.digest_fn)(self.digest, &block) == hash)
    }

    /// MGF1 (RFC 8017 appendix B.2.1).
    fn mask(&self, seed: &[u8], length: usize) -> Vec<u8> {
        let mut mask = Vec::with_capacity(length + self.mgf1.output_length());
        let mut counter = 0_u32;
        while mask.len() < length {
            mask.extend((self.digest_fn)(self.mgf1, &[seed, &counter.to_be_bytes()].concat()));
            counter += 1;
        }
        mask.truncate(length);
        mask
    }
}
