//! The provider based on the system's OpenSSL, through josekit's raw signers and verifiers.
//!
//! josekit signs and verifies. Keys are generated, read and written with OpenSSL directly, because
//! josekit leaves copies of private keys unwiped and its DER reader allocates by declared lengths.
//! It only ever sees bytes that this crate or OpenSSL wrote.

use std::sync::OnceLock;

use ::josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use ::josekit::jws::alg::eddsa::EddsaJwsAlgorithm;
use ::josekit::jws::alg::rsassa::RsassaJwsAlgorithm;
use ::josekit::jws::alg::rsassa_pss::RsassaPssJwsAlgorithm;
use ::josekit::jws::{JwsSigner, JwsVerifier};
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::RsaPssSaltlen;
use zeroize::Zeroizing;

use super::{
    Algorithm, CryptoError, Curve, DigestAlgorithm, KeyKind, MAX_RSA_BITS, MIN_RSA_BITS,
    PrivateKey, Provider, PublicKey, PublicKeyParts, SignatureAlgorithm, Signer, VerifyKey,
    raw_to_der,
};
use crate::Error;
use crate::der::{self, Tag};

/// The provider based on josekit and the system's OpenSSL (tested with 3.0). It generates RSA keys
/// of any even length from 2048 to 8192 bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Josekit;

impl Provider for Josekit {
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        if !algorithm.fits(key) {
            return Err(CryptoError::Mismatch);
        }
        let verifier = verifier(algorithm, key.as_spki_der()).map_err(|_| CryptoError::BadKey)?;
        Ok(Box::new(Verifier { algorithm, length: signature_length(key), verifier }))
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
        let length = signature_length(key);
        // josekit has only the algorithms of JOSE; the others use OpenSSL directly.
        let key = PKey::public_key_from_der(key.as_spki_der()).map_err(|_| CryptoError::BadKey)?;
        Ok(Box::new(OpenSslVerifier { algorithm, length, key }))
    }

    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
        from_openssl(match kind {
            // OpenSSL would round an odd length down.
            KeyKind::Rsa { bits }
                if bits % 2 == 0 && (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits.into()) =>
            {
                PKey::from_rsa(Rsa::generate(bits.into()).map_err(failed)?).map_err(failed)?
            }
            KeyKind::Rsa { .. } => return Err(CryptoError::Unsupported),
            KeyKind::Ec(curve) => {
                let mut group = EcGroup::from_curve_name(nid(curve)).map_err(failed)?;
                group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
                PKey::from_ec_key(EcKey::generate(&group).map_err(failed)?).map_err(failed)?
            }
            KeyKind::Ed25519 => PKey::generate_ed25519().map_err(failed)?,
        })
    }

    fn private_key_from_pkcs8_der(&self, pkcs8: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        let Pkcs8 { first_version, public_key } =
            Pkcs8::read(pkcs8).map_err(|_| CryptoError::BadKey)?;
        let private_key =
            PKey::private_key_from_pkcs8(&first_version).map_err(|_| CryptoError::BadKey)?;
        let key = from_openssl(private_key.clone())?;
        if public_key.is_some_and(|stated| stated != key.public_key().as_subject_public_key()) {
            return Err(CryptoError::BadKey);
        }
        check(&private_key)?;
        Ok(key)
    }

    fn sha256(&self, message: &[u8]) -> [u8; 32] {
        openssl::sha::sha256(message)
    }

    fn sha384(&self, message: &[u8]) -> [u8; 48] {
        openssl::sha::sha384(message)
    }

    fn sha512(&self, message: &[u8]) -> [u8; 64] {
        openssl::sha::sha512(message)
    }

    fn hmac_sha256(&self, key: &[u8], message: &[u8]) -> Result<[u8; 32], CryptoError> {
        // OpenSSL refuses an empty key. HMAC pads short keys with zeros, so this is equivalent.
        let key = PKey::hmac(if key.is_empty() { &[0] } else { key }).map_err(failed)?;
        let tag = openssl::sign::Signer::new(MessageDigest::sha256(), &key)
            .and_then(|mut signer| signer.sign_oneshot_to_vec(message));
        tag.map_err(failed)?.try_into().map_err(|_| CryptoError::Failed)
    }

    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        openssl::rand::rand_priv_bytes(out).map_err(failed)
    }
}

struct Verifier {
    algorithm: Algorithm,
    length: usize,
    verifier: Box<dyn JwsVerifier>,
}

impl VerifyKey for Verifier {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // josekit does not check the length of an RSA or EdDSA signature, and writes the number
        // zero as an empty INTEGER. Both are checked here instead of relying on OpenSSL.
        if signature.len() != self.length {
            return Err(CryptoError::BadSignature);
        }
        if let Some(curve) = self.algorithm.curve() {
            let (r, s) = signature.split_at(curve.coordinate_length());
            if [r, s].iter().any(|number| number.iter().all(|byte| *byte == 0)) {
                return Err(CryptoError::BadSignature);
            }
        }
        self.verifier.verify(message, signature).map_err(|_| CryptoError::BadSignature)
    }
}

/// A key with an algorithm that JOSE does not have.
struct OpenSslVerifier {
    algorithm: SignatureAlgorithm,
    /// The length of a signature in bytes.
    length: usize,
    key: PKey<Public>,
}

impl OpenSslVerifier {
    fn verifies(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, openssl::error::ErrorStack> {
        let verifier = |digest| openssl::sign::Verifier::new(message_digest(digest), &self.key);
        match self.algorithm {
            SignatureAlgorithm::Ecdsa { digest, .. } => {
                verifier(digest)?.verify_oneshot(&raw_to_der(signature), message)
            }
            SignatureAlgorithm::RsaPss { digest, mgf1, salt_length } => {
                let mut verifier = verifier(digest)?;
                verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                verifier.set_rsa_mgf1_md(message_digest(mgf1))?;
                // The number fits the key, so it is small.
                let salt_length = i32::try_from(salt_length).unwrap_or(i32::MAX);
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_length))?;
                verifier.verify_oneshot(signature, message)
            }
            SignatureAlgorithm::RsaPkcs1 { .. } | SignatureAlgorithm::Ed25519 => Ok(false),
        }
    }
}

impl VerifyKey for OpenSslVerifier {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // OpenSSL reports an unreadable signature as an error, the same way as a failure.
        match self.verifies(message, signature) {
            Ok(true) if signature.len() == self.length => Ok(()),
            _ => Err(CryptoError::BadSignature),
        }
    }
}

fn message_digest(digest: DigestAlgorithm) -> MessageDigest {
    match digest {
        DigestAlgorithm::Sha256 => MessageDigest::sha256(),
        DigestAlgorithm::Sha384 => MessageDigest::sha384(),
        DigestAlgorithm::Sha512 => MessageDigest::sha512(),
    }
}

struct Pair {
    public_key: PublicKey,
    private_key: PKey<Private>,
    /// One entry for each algorithm, in the order of [`Algorithm::ALL`], created at first use.
    signers: [OnceLock<Box<dyn JwsSigner>>; Algorithm::ALL.len()],
}

fn from_openssl(private_key: PKey<Private>) -> Result<Box<dyn PrivateKey>, CryptoError> {
    let spki = private_key.public_key_to_der().map_err(|_| CryptoError::BadKey)?;
    let public_key = PublicKey::from_spki_der(&spki).map_err(|_| CryptoError::BadKey)?;
    Ok(Box::new(Pair { public_key, private_key, signers: Default::default() }))
}

/// Checks that the numbers of a private key belong together, because OpenSSL reads them unchecked.
/// An Ed25519 key has only one number.
fn check(key: &PKey<Private>) -> Result<(), CryptoError> {
    let sound = match key.id() {
        Id::RSA => key.rsa().and_then(|key| key.check_key()),
        Id::EC => key.ec_key().and_then(|key| key.check_key()).map(|()| true),
        _ => Ok(true),
    };
    if sound.is_ok_and(|sound| sound) { Ok(()) } else { Err(CryptoError::BadKey) }
}

impl Pair {
    fn signer(&self, algorithm: Algorithm) -> Result<&dyn JwsSigner, CryptoError> {
        let place = Algorithm::ALL.iter().zip(&self.signers).find(|(of, _)| **of == algorithm);
        let (_, place) = place.ok_or(CryptoError::Unsupported)?;
        if let Some(signer) = place.get() {
            return Ok(&**signer);
        }
        let signer = signer(algorithm, &self.private_key)?;
        Ok(&**place.get_or_init(|| signer))
    }
}

impl Signer for Pair {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !algorithm.fits(&self.public_key) {
            return Err(CryptoError::Mismatch);
        }
        let signature = self.signer(algorithm)?.sign(message).map_err(failed)?;
        if signature.len() == signature_length(&self.public_key) {
            Ok(signature)
        } else {
            Err(CryptoError::Failed)
        }
    }
}

impl PrivateKey for Pair {
    fn expose_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        Ok(Zeroizing::new(self.private_key.private_key_to_pkcs8().map_err(failed)?))
    }
}

/// A PKCS#8 key in the form that OpenSSL 3.0 reads: version 1 of the structure, without attributes
/// and public key.
struct Pkcs8<'a> {
    first_version: Zeroizing<Vec<u8>>,
    /// The public half that version 2 may state.
    public_key: Option<&'a [u8]>,
}

impl<'a> Pkcs8<'a> {
    /// Reads `OneAsymmetricKey` (RFC 5958 section 2).
    fn read(pkcs8: &'a [u8]) -> Result<Self, Error> {
        const PART: &str = "privateKeyInfo";
        let mut outer = der::Cursor::new(pkcs8);
        let mut fields = outer.require(Tag::Sequence, PART)?.inside();
        outer.end(PART)?;
        let version = fields.unsigned(PART)?;
        let algorithm = fields.require(Tag::Sequence, PART)?;
        let private_key = fields.require(Tag::OctetString, PART)?;
        if fields.peek() == Some(der::context(0)) {
            fields.next(PART)?;
        }
        let public_key = match version {
            [] => None,
            [1] if fields.is_empty() => None,
            [1] => {
                let public_key =
                    fields.require(Tag::ContextSpecific { constructed: false, number: 1 }, PART)?;
                Some(
                    public_key
                        .value
                        .strip_prefix(&[0])
                        .ok_or_else(|| Error::malformed(PART, "not a bit string of whole bytes"))?,
                )
            }
            _ => return Err(Error::malformed(PART, "a version that is unknown here")),
        };
        fields.end(PART)?;
        Ok(Self { first_version: private_key_info(algorithm.bytes, private_key.value), public_key })
    }
}

/// Writes PrivateKeyInfo (RFC 5208) into a buffer of its final size, because growing would leave a
/// copy behind.
fn private_key_info(algorithm: &[u8], private_key: &[u8]) -> Zeroizing<Vec<u8>> {
    const VERSION: &[u8] = &[0x02, 0x01, 0x00];
    let length =
        VERSION.len() + algorithm.len() + der::header_length(private_key.len()) + private_key.len();
    let mut out = Zeroizing::new(Vec::with_capacity(der::header_length(length) + length));
    der::write_header(&mut out, Tag::Sequence, length);
    out.extend_from_slice(VERSION);
    out.extend_from_slice(algorithm);
    der::write_header(&mut out, Tag::OctetString, private_key.len());
    out.extend_from_slice(private_key);
    out
}

/// AlgorithmIdentifier of RSASSA-PSS (RFC 4055 section 3.1) in the form that josekit writes: one
/// hash for both purposes, SHA-256 (1), SHA-384 (2) or SHA-512 (3), and a salt of the digest's
/// length.
const fn pss_identifier(hash: u8, salt: u8) -> [u8; 63] {
    [
        0x30, 0x3d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30,
        0x30, // id-RSASSA-PSS
        0xa0, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
        hash, // hashAlgorithm
        0xa1, 0x1a, 0x30, 0x18, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
        0x08, // maskGenAlgorithm: MGF1 with
        0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
        hash, // the same hash
        0xa2, 0x03, 0x02, 0x01, salt, // saltLength
    ]
}

fn verifier(
    algorithm: Algorithm,
    spki: &[u8],
) -> Result<Box<dyn JwsVerifier>, ::josekit::JoseError> {
    // A PSS verifier accepts an SPKI of rsaEncryption unchanged, and binds the hash, the hash of
    // MGF1 and the salt length to those of the algorithm.
    Ok(match algorithm {
        Algorithm::Rs256 => Box::new(RsassaJwsAlgorithm::Rs256.verifier_from_der(spki)?),
        Algorithm::Rs384 => Box::new(RsassaJwsAlgorithm::Rs384.verifier_from_der(spki)?),
        Algorithm::Rs512 => Box::new(RsassaJwsAlgorithm::Rs512.verifier_from_der(spki)?),
        Algorithm::Ps256 => Box::new(RsassaPssJwsAlgorithm::Ps256.verifier_from_der(spki)?),
        Algorithm::Ps384 => Box::new(RsassaPssJwsAlgorithm::Ps384.verifier_from_der(spki)?),
        Algorithm::Ps512 => Box::new(RsassaPssJwsAlgorithm::Ps512.verifier_from_der(spki)?),
        Algorithm::Es256 => Box::new(EcdsaJwsAlgorithm::Es256.verifier_from_der(spki)?),
        Algorithm::Es384 => Box::new(EcdsaJwsAlgorithm::Es384.verifier_from_der(spki)?),
        Algorithm::Es512 => Box::new(EcdsaJwsAlgorithm::Es512.verifier_from_der(spki)?),
        Algorithm::EdDsa => Box::new(EddsaJwsAlgorithm::Eddsa.verifier_from_der(spki)?),
    })
}

fn signer(algorithm: Algorithm, key: &PKey<Private>) -> Result<Box<dyn JwsSigner>, CryptoError> {
    let pkcs8 = Zeroizing::new(key.private_key_to_pkcs8().map_err(failed)?);
    // From a key of rsaEncryption, josekit would make these bytes itself and leave them in memory.
    let pss = |hash, salt| {
        let pkcs1 =
            Zeroizing::new(key.rsa().and_then(|rsa| rsa.private_key_to_der()).map_err(failed)?);
        Ok(private_key_info(&pss_identifier(hash, salt), &pkcs1))
    };
    Ok(match algorithm {
        Algorithm::Rs256 => {
            Box::new(RsassaJwsAlgorithm::Rs256.signer_from_der(&*pkcs8).map_err(failed)?)
        }
        Algorithm::Rs384 => {
            Box::new(RsassaJwsAlgorithm::Rs384.signer_from_der(&*pkcs8).map_err(failed)?)
        }
        Algorithm::Rs512 => {
            Box::new(RsassaJwsAlgorithm::Rs512.signer_from_der(&*pkcs8).map_err(failed)?)
        }
        Algorithm::Ps256 => {
            Box::new(RsassaPssJwsAlgorithm::Ps256.signer_from_der(&*pss(1, 32)?).map_err(failed)?)
        }
        Algorithm::Ps384 => {
            Box::new(RsassaPssJwsAlgorithm::Ps384.signer_from_der(&*pss(2, 48)?).map_err(failed)?)
        }
        Algorithm::Ps512 => {
            Box::new(RsassaPssJwsAlgorithm::Ps512.signer_from_der(&*pss(3, 64)?).map_err(failed)?)
        }
        Algorithm::Es256 => {
            Box::new(EcdsaJwsAlgorithm::Es256.signer_from_der(&*pkcs8).map_err(failed)?)
        }
        Algorithm::Es384 => {
            Box::new(EcdsaJwsAlgorithm::Es384.signer_from_der(&*pkcs8).map_err(failed)?)
        }
        Algorithm::Es512 => {
            Box::new(EcdsaJwsAlgorithm::Es512.signer_from_der(&*pkcs8).map_err(failed)?)
        }
        Algorithm::EdDsa => {
            Box::new(EddsaJwsAlgorithm::Eddsa.signer_from_der(&*pkcs8).map_err(failed)?)
        }
    })
}

/// The length of every signature of this key in bytes.
fn signature_length(key: &PublicKey) -> usize {
    match key.parts() {
        PublicKeyParts::Rsa { n, .. } => n.len(),
        PublicKeyParts::Ec { curve, .. } => 2 * curve.coordinate_length(),
        PublicKeyParts::Ed25519 { .. } => 64,
    }
}

fn nid(curve: Curve) -> Nid {
    match curve {
        Curve::P256 => Nid::X9_62_PRIME256V1,
        Curve::P384 => Nid::SECP384R1,
        Curve::P521 => Nid::SECP521R1,
    }
}

fn failed<E>(_: E) -> CryptoError {
    CryptoError::Failed
}
