//! A request without its signature.

use std::fmt;

use crate::crypto::algorithm_identifier::identifier;
use crate::crypto::{Algorithm, CryptoError, PublicKey, Signer, raw_to_der};
use crate::der::{self, Tag};

/// A certificate request without its signature, which can be signed anywhere.
#[derive(Clone)]
pub struct UnsignedRequest {
    info: Vec<u8>,
    algorithm: Algorithm,
}

impl UnsignedRequest {
    pub(super) fn new(
        subject: &[u8],
        key: &PublicKey,
        attributes: &[u8],
        algorithm: Algorithm,
    ) -> Self {
        const VERSION_0: &[u8] = &[0x02, 0x01, 0x00];
        let parts = [VERSION_0, subject, key.as_spki_der(), attributes];
        let length = parts.iter().map(|part| part.len()).sum();
        let mut info = Vec::with_capacity(der::header_length(length) + length);
        der::write_header(&mut info, Tag::Sequence, length);
        parts.iter().for_each(|part| info.extend_from_slice(part));
        Self { info, algorithm }
    }

    /// The algorithm that the signature must use.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes to sign: CertificationRequestInfo in DER.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.info
    }

    /// Returns the CertificationRequest in DER. `signature` is raw, `r‖s` for ECDSA, and is
    /// converted to the encoding of PKCS#10. It is not verified.
    #[must_use]
    pub fn assemble(self, signature: &[u8]) -> Vec<u8> {
        let converted;
        let signature = if self.algorithm.curve().is_some() {
            converted = raw_to_der(signature);
            &converted
        } else {
            signature
        };
        let identifier = identifier(self.algorithm);
        let bits = signature.len() + 1;
        let length = self.info.len() + identifier.len() + der::header_length(bits) + bits;
        let mut out = Vec::with_capacity(der::header_length(length) + length);
        der::write_header(&mut out, Tag::Sequence, length);
        out.extend_from_slice(&self.info);
        out.extend_from_slice(identifier);
        der::write_header(&mut out, Tag::BitString, bits);
        out.push(0);
        out.extend_from_slice(signature);
        out
    }

    /// Signs and assembles.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(self, signer: &dyn Signer) -> Result<Vec<u8>, CryptoError> {
        let signature = signer.sign(self.algorithm, &self.info)?;
        Ok(self.assemble(&signature))
    }
}

impl fmt::Debug for UnsignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedRequest")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
