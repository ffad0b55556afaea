//! CMS SignedData (RFC 5652) with one signer and signed attributes: as much of it as a signature
//! over one content needs.
//!
//! It is read and written by position, like certificate requests: what was signed is what is
//! verified, byte for byte. The crate `cms` has types for it, but beside `der` 0.8 only as a
//! release candidate, whose exact version a library would have to ask for; they would be written
//! again before they are verified; and every check would be here all the same.
//!
//! A signature is always over signed attributes, never over the content itself. So what a key signs
//! here begins with the tag of a SET (0x31): it is neither a CertificationRequestInfo, which begins
//! with that of a SEQUENCE (0x30), nor the text that a JWS is signed as, which begins with a
//! character of base64url, `e`. Without that rule whoever chooses the content could choose what is
//! signed, too.

mod read;
#[cfg(feature = "device")]
mod write;

pub(crate) use read::SignedData;
#[cfg(feature = "device")]
pub(crate) use write::Unsigned;

use crate::crypto::{Algorithm, DigestAlgorithm, Provider};

/// id-data.
const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// id-signedData.
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-contentType.
const CONTENT_TYPE: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
/// id-messageDigest.
const MESSAGE_DIGEST: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// id-aa-signingCertificateV2 (RFC 5035).
const SIGNING_CERTIFICATE: &[u8] =
    &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
/// id-aa-contentHint (RFC 2634 section 2.9).
const CONTENT_HINTS: &[u8] =
    &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x04];

/// The digest that goes with a signature algorithm; for Ed25519 that of RFC 8419.
const fn digest_algorithm(algorithm: Algorithm) -> DigestAlgorithm {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => DigestAlgorithm::Sha256,
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => DigestAlgorithm::Sha384,
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 | Algorithm::EdDsa => {
            DigestAlgorithm::Sha512
        }
    }
}

fn digest(provider: &dyn Provider, algorithm: DigestAlgorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        DigestAlgorithm::Sha256 => provider.sha256(message).to_vec(),
        DigestAlgorithm::Sha384 => provider.sha384(message).to_vec(),
        DigestAlgorithm::Sha512 => provider.sha512(message).to_vec(),
    }
}
