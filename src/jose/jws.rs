//! Reading, verifying and building compact JWS.

use std::fmt;
use std::sync::Arc;

use super::{Compact, Decoded, Header, Padding};
use crate::crypto::{
    Algorithm, CryptoError, Provider, PublicKey, Signer, VerifyingKey, import, verify,
};
use crate::encoding::base64::encode_url;
use crate::{Class, Error};

/// A parsed but unverified compact JWS.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, Signer, VerifyingKey};
/// use keyferry::jose::{Header, Jws, UnsignedJws};
///
/// let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let text = UnsignedJws::new(&Header::new(Algorithm::Es256), b"hello").sign(&pair)?;
///
/// let key = VerifyingKey::new(&AwsLcRs, Algorithm::Es256, pair.public_key())?;
/// let verified = Jws::from_compact(&text)?.verify(&key)?;
/// assert_eq!(verified.payload(), b"hello");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The types keep unverified data out of functions that require verified data:
///
/// ```compile_fail
/// fn act_on(_: &keyferry::jose::VerifiedJws) {}
///
/// fn wrong(text: &str) {
///     act_on(&keyferry::jose::Jws::from_compact(text).unwrap());
/// }
/// ```
///
/// ```
/// fn act_on(_: &keyferry::jose::VerifiedJws) {}
///
/// fn right(text: &str, key: &keyferry::crypto::VerifyingKey) {
///     act_on(&keyferry::jose::Jws::from_compact(text).unwrap().verify(key).unwrap());
/// }
/// ```
#[derive(Clone)]
pub struct Jws<'a> {
    content: Arc<Content>,
    signing_input: &'a str,
}

/// The contents of a JWS, shared by all its states.
struct Content {
    header: Header,
    decoded: Decoded,
}

impl<'a> Jws<'a> {
    /// Reads the compact form (RFC 7515 section 7.1): three parts of unpadded base64url, of which
    /// the first is one JSON object.
    ///
    /// # Errors
    /// Class `malformed` for its form, `too-large` above [`MAX_JWS`](super::MAX_JWS) bytes or a
    /// limit of its header, `algorithm` if `alg` is not supported.
    pub fn from_compact(text: &'a str) -> Result<Self, Error> {
        Self::from_compact_with(text, Padding::Refused)
    }

    /// Like `from_compact`, with padding accepted or refused.
    ///
    /// # Errors
    /// As [`from_compact`](Self::from_compact).
    pub fn from_compact_with(text: &'a str, padding: Padding) -> Result<Self, Error> {
        let mut compact = Compact::read(text, padding)?;
        let header = Header::from_json(compact.header()?)?;
        let content = Content { header, decoded: compact.take_decoded() };
        Ok(Self { content: Arc::new(content), signing_input: compact.signing_input })
    }

    /// The unverified header.
    #[must_use]
    pub fn unverified_header(&self) -> &Header {
        &self.content.header
    }

    /// The unverified payload.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        self.content.decoded.payload()
    }

    /// Verifies with a key that the caller chose, over the text as received.
    ///
    /// # Errors
    /// Class `algorithm` if the header names another algorithm than the key is bound to,
    /// `signature` if it does not verify.
    pub fn verify(&self, key: &VerifyingKey) -> Result<VerifiedJws, Error> {
        if self.content.header.algorithm != key.algorithm() {
            return Err(Error::new(
                Class::Algorithm,
                "alg",
                "not the algorithm that the key is bound to",
            ));
        }
        key.verify(self.signing_input.as_bytes(), self.content.decoded.signature())?;
        Ok(VerifiedJws { content: self.content.clone() })
    }

    /// Verifies with the key in the JWS's own header, which shows only that the two are consistent.
    ///
    /// # Security
    /// Anybody can make a key and such a message. Compare [`ConsistentJws::public_key`] with keys
    /// that you know.
    ///
    /// # Errors
    /// Class `algorithm` if the header's algorithm is not in `allowed` or does not fit the key, or
    /// the key says that it is not meant for it; `malformed` if there is no key, `weak-key` if the
    /// provider refuses it, `signature` if it does not verify; and as [`Header::jwk`].
    pub fn verify_embedded(
        &self,
        provider: &dyn Provider,
        allowed: &[Algorithm],
    ) -> Result<ConsistentJws, Error> {
        let header = &self.content.header;
        let algorithm = header.algorithm;
        if !allowed.contains(&algorithm) {
            return Err(Error::new(Class::Algorithm, "alg", "not an algorithm that is allowed"));
        }
        let jwk = header.jwk()?.ok_or_else(|| Error::malformed("header.jwk", "absent"))?;
        jwk.agree(algorithm)?;
        let key = import(provider, algorithm, jwk.public_key())?;
        verify(&*key, self.signing_input.as_bytes(), self.content.decoded.signature())?;
        let public_key = jwk.public_key().clone();
        Ok(ConsistentJws { public_key, content: self.content.clone() })
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws")
            .field("header", &self.content.header)
            .field("payload_length", &self.unverified_payload().len())
            .finish_non_exhaustive()
    }
}

/// A JWS that verified with a key that the caller chose. Only [`Jws::verify`] creates it.
#[derive(Clone)]
pub struct VerifiedJws {
    content: Arc<Content>,
}

impl VerifiedJws {
    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.content.header
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.content.decoded.payload()
    }

    /// The payload, owned.
    #[must_use]
    pub fn into_payload(self) -> Vec<u8> {
        self.payload().to_vec()
    }
}

impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws")
            .field("header", &self.content.header)
            .field("payload_length", &self.payload().len())
            .finish_non_exhaustive()
    }
}

/// A JWS that is consistent with the key in its own header, which says nothing about the key's
/// owner.
///
/// ```compile_fail
/// fn act_on(_: &keyferry::jose::VerifiedJws) {}
///
/// fn wrong(consistent: &keyferry::jose::ConsistentJws) {
///     act_on(consistent);
/// }
/// ```
///
/// ```
/// fn look_at(_: &keyferry::jose::ConsistentJws) {}
///
/// fn right(consistent: &keyferry::jose::ConsistentJws) {
///     look_at(consistent);
/// }
/// ```
#[derive(Clone)]
pub struct ConsistentJws {
    public_key: PublicKey,
    content: Arc<Content>,
}

impl ConsistentJws {
    /// The key from the header.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.content.header
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.content.decoded.payload()
    }
}

impl fmt::Debug for ConsistentJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsistentJws")
            .field("public_key", &self.public_key)
            .field("header", &self.content.header)
            .field("payload_length", &self.payload().len())
            .finish_non_exhaustive()
    }
}

/// A JWS without its signature, which can be signed anywhere.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, Signer, aws_lc_rs::AwsLcRs};
/// use keyferry::jose::{Header, UnsignedJws};
///
/// # let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let unsigned = UnsignedJws::new(&Header::new(Algorithm::Es256), b"hello");
/// // A token or another machine could sign these bytes instead, at any later time.
/// let signature = pair.sign(Algorithm::Es256, unsigned.to_be_signed())?;
/// let text = unsigned.assemble(&signature);
/// assert_eq!(text.split('.').count(), 3);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct UnsignedJws {
    algorithm: Algorithm,
    signing_input: String,
}

impl UnsignedJws {
    /// Creates an unsigned JWS of this header and payload.
    #[must_use]
    pub fn new(header: &Header, payload: &[u8]) -> Self {
        Self::from_members(header.algorithm, header, payload)
    }

    /// Like `new`, for a header that states `algorithm` in its own way.
    pub(crate) fn from_members(
        algorithm: Algorithm,
        header: &impl serde::Serialize,
        payload: &[u8],
    ) -> Self {
        // Headers are maps of texts, so writing them to memory cannot fail.
        let header = serde_json::to_vec(header).unwrap_or_default();
        let engine = base64_simd::URL_SAFE_NO_PAD;
        let room = engine.encoded_length(header.len()) + 1 + engine.encoded_length(payload.len());
        let mut signing_input = String::with_capacity(room);
        engine.encode_append(&header, &mut signing_input);
        signing_input.push('.');
        engine.encode_append(payload, &mut signing_input);
        Self { algorithm, signing_input }
    }

    /// The algorithm that the signature must use.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes to sign: header and payload, encoded, separated by a dot.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The compact JWS. `signature` is raw: `r‖s` for ECDSA. It is not verified.
    #[must_use]
    pub fn assemble(self, signature: &[u8]) -> String {
        let mut text = self.signing_input;
        text.reserve(1 + signature.len() * 4 / 3 + 2);
        text.push('.');
        text.push_str(&encode_url(signature));
        text
    }

    /// Signs and assembles.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(self, signer: &dyn Signer) -> Result<String, CryptoError> {
        let signature = signer.sign(self.algorithm, self.to_be_signed())?;
        Ok(self.assemble(&signature))
    }
}

impl fmt::Debug for UnsignedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedJws")
            .field("algorithm", &self.algorithm)
            .field("length", &self.signing_input.len())
            .finish_non_exhaustive()
    }
}
