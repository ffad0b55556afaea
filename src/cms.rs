//! CMS SignedData (RFC 5652) with one signer and signed attributes: the subset that a signature
//! over one content needs.
//!
//! It is read and written by position, like certificate requests, so that the received bytes are
//! verified unchanged. The crate `cms` is not used: it is compatible with `der` 0.8 only as a
//! release candidate, whose exact version a library would have to pin; it encodes its types again
//! before verification; and all the checks would still be needed here.
//!
//! A signature always covers signed attributes, never the content itself. The signed bytes
//! therefore begin with the tag of a SET (0x31). They can be neither a CertificationRequestInfo,
//! which begins with the tag of a SEQUENCE (0x30), nor the signing input of a JWS, which begins
//! with a base64url character, `e`. Without that rule, the author of the content could choose the
//! signed bytes.

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

/// The digest that belongs to a signature algorithm; for Ed25519 the one of RFC 8419.
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
