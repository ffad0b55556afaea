//! Verification of user signatures: the answers to sign and authenticate commands are checked
//! against the command and the known keys.

use std::fmt;

use super::VerifiedKey;
use super::to_sign::{Form, Role, ToSign, is_type};
use crate::cms::SignedData;
use crate::crypto::{Algorithm, Provider, PublicKey, VerifyingKey};
use crate::encoding::base64::{decode_standard, encode_standard, encode_url};
use crate::hermod::Dialect;
use crate::hermod::model::{
    AuthenticateCommand, CommandKind, DataFormat, Item, ItemContentType, SUCCESS, SignCommand,
    SignMechanism, SignParams, SignResponse,
};
use crate::jose::Jws;
use crate::{Certificate, Class, Error};

/// The minimum size in bytes of the data that an authenticate command has signed. Less cannot hold
/// a nonce.
const MIN_NONCE: usize = 16;

/// The command that a signature must answer.
///
/// An authenticate command only proves presence if it is fresh: its `tbs` must hold a nonce of at
/// least 16 bytes that the integrator has never used before.
/// [`fresh_authentication`](Self::fresh_authentication) makes such a command.
///
/// # Security
/// An expectation can be used for any number of answers, so the caller has to detect replays: a hub
/// accepts one answer per command, and a callback receiver must drop duplicates.
#[derive(Clone)]
pub struct SignatureExpectation {
    role: Role,
    form: Form,
    format: DataFormat,
    algorithm: Algorithm,
    content: Vec<u8>,
    typ: String,
    hint: String,
}

impl SignatureExpectation {
    /// Makes an expectation from a sign command as it was sent, in the default [`Dialect`].
    ///
    /// If the command names a content by its id, put the content into it first, as the hub does.
    ///
    /// # Errors
    /// The path of the error names the member. A device refuses all of these commands.
    /// - `not-as-requested` for an unknown format, a number of `tbs` items other than one, a
    ///   content id, or an encoding other than base64;
    /// - `algorithm` for an unknown mechanism;
    /// - `malformed` for invalid base64;
    /// - `too-large` above [`MAX_TBS_JWS`](super::MAX_TBS_JWS) or
    ///   [`MAX_TBS_PKCS7`](super::MAX_TBS_PKCS7) bytes.
    pub fn for_sign(command: &SignCommand) -> Result<Self, Error> {
        Self::for_sign_in(command, Dialect::standard())
    }

    /// Does the same in the given dialect.
    ///
    /// # Errors
    /// As [`for_sign`](Self::for_sign).
    pub fn for_sign_in(command: &SignCommand, dialect: &Dialect) -> Result<Self, Error> {
        Self::new(Role::Sign, &command.params, dialect)
    }

    /// Makes an expectation from an authenticate command as it was sent, in the default
    /// [`Dialect`].
    ///
    /// # Errors
    /// As [`for_sign`](Self::for_sign); class `nonce` if the `tbs` item has fewer than 16 bytes.
    pub fn for_authenticate(command: &AuthenticateCommand) -> Result<Self, Error> {
        Self::for_authenticate_in(command, Dialect::standard())
    }

    /// Does the same in the given dialect.
    ///
    /// # Errors
    /// As [`for_authenticate`](Self::for_authenticate).
    pub fn for_authenticate_in(
        command: &AuthenticateCommand,
        dialect: &Dialect,
    ) -> Result<Self, Error> {
        let expectation = Self::new(Role::Authenticate, &command.params, dialect)?;
        if expectation.content.len() < MIN_NONCE {
            return Err(Error::new(
                Class::Nonce,
                "authCommand.params.tbs[0].data",
                "fewer than 16 bytes, which hold no nonce",
            ));
        }
        Ok(expectation)
    }

    /// Makes a new authenticate command with its expectation. The signed data is
    /// `hermod-authenticate:` followed by 32 random bytes in base64url; the user does not see it.
    /// Add descriptions and a filter as needed, and store the command until the answer arrives.
    ///
    /// # Errors
    /// Class `unavailable` if the random generator fails; `not-as-requested` for an unknown format;
    /// `algorithm` for an unknown mechanism.
    pub fn fresh_authentication(
        provider: &dyn Provider,
        format: DataFormat,
        mechanism: SignMechanism,
    ) -> Result<(AuthenticateCommand, Self), Error> {
        Self::fresh_authentication_in(provider, format, mechanism, Dialect::standard())
    }

    /// Does the same in the given dialect.
    ///
    /// # Errors
    /// As [`fresh_authentication`](Self::fresh_authentication).
    pub fn fresh_authentication_in(
        provider: &dyn Provider,
        format: DataFormat,
        mechanism: SignMechanism,
        dialect: &Dialect,
    ) -> Result<(AuthenticateCommand, Self), Error> {
        let mut nonce = [0; 32];
        provider
            .fill_random(&mut nonce)
            .map_err(|_| Error::new(Class::Unavailable, "tbs", "the random generator failed"))?;
        let content = format!("hermod-authenticate:{}", encode_url(&nonce));
        let mut tbs =
            Item::base64("tbs", ItemContentType::TEXT, encode_standard(content.as_bytes()));
        tbs.visible = Some(false);
        let command = AuthenticateCommand::new(SignParams::new(vec![tbs], format, mechanism));
        let expectation = Self::for_authenticate_in(&command, dialect)?;
        Ok((command, expectation))
    }

    fn new(role: Role, params: &SignParams, dialect: &Dialect) -> Result<Self, Error> {
        let ToSign { form, algorithm, content } = ToSign::read(params, dialect)
            .map_err(|error| error.within("params").within(role.member(dialect)))?;
        let (typ, hint) = (role.typ(dialect).clone().into_owned(), role.hint(dialect).to_owned());
        Ok(Self { role, form, format: params.format.clone(), algorithm, content, typ, hint })
    }

    /// The bytes to be signed.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The algorithm that the command's mechanism means.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for SignatureExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureExpectation")
            .field("command", &self.role.kind())
            .field("algorithm", &self.algorithm)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// A key of the user that the integrator knows because the device proved it or because it has the
/// key's certificate.
#[derive(Clone, Debug)]
pub struct KnownKey {
    public_key: PublicKey,
    key_id: Option<String>,
    certificate: Option<Certificate>,
}

impl KnownKey {
    /// Makes a known key without a name or certificate.
    #[must_use]
    pub fn new(public_key: PublicKey) -> Self {
        Self { public_key, key_id: None, certificate: None }
    }

    /// Makes a known key from a certificate. A CMS then has to name this certificate.
    ///
    /// # Security
    /// The certificate is not validated. The caller must have checked its validity and its subject.
    ///
    /// # Errors
    /// As [`Certificate::public_key`].
    pub fn of_certificate(certificate: Certificate) -> Result<Self, Error> {
        Ok(Self {
            public_key: certificate.public_key()?,
            key_id: None,
            certificate: Some(certificate),
        })
    }

    /// Adds the key's name in the profile. A JWS then has to name this key.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }
}

/// Makes a known key, with its name, from a proven one.
impl From<&VerifiedKey> for KnownKey {
    fn from(key: &VerifiedKey) -> Self {
        Self::new(key.public_key().clone()).with_key_id(key.key_id())
    }
}

/// A verified signature: a known key signed the command's content in the command's role.
///
/// Only [`verify_signature`] creates this value:
///
/// ```compile_fail
/// let signature: keyferry::hermod::proof::VerifiedSignature = serde_json::from_str("{}").unwrap();
/// ```
///
/// ```
/// fn act_on(signature: &keyferry::hermod::proof::VerifiedSignature) -> &[u8] {
///     signature.content()
/// }
/// ```
#[derive(Clone)]
pub struct VerifiedSignature {
    expectation: SignatureExpectation,
    known: KnownKey,
}

impl VerifiedSignature {
    /// The command that it answers: [`CommandKind::Sign`] or [`CommandKind::Authenticate`].
    #[must_use]
    pub fn kind(&self) -> CommandKind {
        self.expectation.role.kind()
    }

    /// The signed data: the bytes of the command's `tbs` item.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.expectation.content
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.expectation.algorithm
    }

    /// The key that signed.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.known.public_key
    }

    /// The name of the key in the profile, if it was known.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.known.key_id.as_deref()
    }

    /// The certificate of the key, if it was known.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.known.certificate.as_ref()
    }
}

impl fmt::Debug for VerifiedSignature {
    /// Omits the signed data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSignature")
            .field("expectation", &self.expectation)
            .field("public_key", &self.known.public_key)
            .finish_non_exhaustive()
    }
}

/// Verifies the answer to a sign or an authenticate command: one of the `known` keys must have
/// signed the command's data in the command's role.
///
/// A user with several devices has several keys; the result names the one that signed.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, Signer, aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::model::{DataFormat, SignMechanism, SignResponse};
/// use keyferry::hermod::proof::{KnownKey, SignatureExpectation, verify_signature};
/// use keyferry::jose::{Header, UnsignedJws};
///
/// let (command, expectation) = SignatureExpectation::fresh_authentication(&AwsLcRs, DataFormat::JWS, "CKM_ECDSA_SHA256".into())?;
///
/// // The device.
/// let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let mut header = Header::new(Algorithm::Es256);
/// (header.key_id, header.typ) = (Some("login".into()), Some("hermod-auth+jws".into()));
/// let jws = UnsignedJws::new(&header, expectation.content()).sign(&*pair)?;
///
/// let known = KnownKey::new(pair.public_key().clone()).with_key_id("login");
/// let verified = verify_signature(&AwsLcRs, &expectation, &SignResponse::success(DataFormat::JWS, jws), &[known])?;
/// assert_eq!(verified.key_id(), Some("login"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first of these conditions that applies, in this order:
/// - `not-as-requested`: the answer is a refusal (its code is not 0) or has another format than the
///   command's;
/// - `malformed`, `too-large`: the answer has no result, or the result is not valid in its format;
///   a CMS has no or several signers, no signed attributes, or a content type other than id-data;
/// - `algorithm`: the mechanism is not the command's, or no known key supports it; `weak-key` if
///   the provider refuses a key;
/// - `signature`: none of the known keys made the signature; the digest in a CMS is not that of its
///   content or, if detached, of the command's content;
/// - `not-as-requested`: the `typ` of a JWS or the content hint of a CMS is not that of the
///   command's role; the content is not the command's;
/// - `keyid`: a JWS names another key, or a CMS another certificate, than that of the known key
///   that made the signature.
pub fn verify_signature(
    provider: &dyn Provider,
    expected: &SignatureExpectation,
    response: &SignResponse,
    known: &[KnownKey],
) -> Result<VerifiedSignature, Error> {
    if response.code != SUCCESS {
        return Err(Error::new(Class::NotAsRequested, "code", "a refusal, no signature"));
    }
    let result = response.result.as_ref().ok_or_else(|| Error::malformed("result", "absent"))?;
    if result.content_type != expected.format {
        return Err(Error::new(
            Class::NotAsRequested,
            "result.contenttype",
            "not the format of the command",
        ));
    }
    let known = match expected.form {
        Form::Jws => verify_jws(provider, expected, &result.data, known)?,
        Form::Cms => {
            verify_cms(provider, expected, &decode_standard(&result.data, "result.data")?, known)?
        }
    };
    Ok(VerifiedSignature { expectation: expected.clone(), known: known.clone() })
}

fn verify_jws<'k>(
    provider: &dyn Provider,
    expected: &SignatureExpectation,
    text: &str,
    known: &'k [KnownKey],
) -> Result<&'k KnownKey, Error> {
    let jws = Jws::from_compact(text)?;
    let algorithm = jws.unverified_header().algorithm;
    let (verified, makers) = find(provider, expected, algorithm, known, |key| jws.verify(key))?;
    let header = verified.header();
    if !header.typ.as_deref().is_some_and(|typ| is_type(typ, &expected.typ)) {
        return Err(Error::new(
            Class::NotAsRequested,
            "header.typ",
            "not that of an answer to this command",
        ));
    }
    same_content(expected, verified.payload(), "payload")?;
    let named = |known: &KnownKey| known.key_id.is_none() || known.key_id == header.key_id;
    makers.into_iter().find(|known| named(known)).ok_or_else(|| {
        Error::new(Class::KeyId, "header.kid", "not the name of the key that signed")
    })
}

fn verify_cms<'k>(
    provider: &dyn Provider,
    expected: &SignatureExpectation,
    der: &[u8],
    known: &'k [KnownKey],
) -> Result<&'k KnownKey, Error> {
    let signed = SignedData::read(der)?;
    let ((), makers) = find(provider, expected, signed.algorithm, known, |key| {
        signed.verify(key.as_verify_key())
    })?;
    signed.is_about(provider, signed.content.unwrap_or(&expected.content))?;
    if signed.hint.is_some_and(|hint| hint != expected.hint) {
        return Err(Error::new(
            Class::NotAsRequested,
            "signedAttrs.contentHint",
            "not that of an answer to this command",
        ));
    }
    if let Some(content) = signed.content {
        same_content(expected, content, "encapContentInfo")?;
    }
    let mut refused =
        Error::new(Class::KeyId, "sid", "another certificate than the one that is known");
    for known in makers {
        match known
            .certificate
            .as_ref()
            .map_or(Ok(()), |certificate| signed.names(provider, certificate))
        {
            Ok(()) => return Ok(known),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Returns the known keys with which an object verifies, and the results.
fn find<'k, T>(
    provider: &dyn Provider,
    expected: &SignatureExpectation,
    algorithm: Algorithm,
    known: &'k [KnownKey],
    verify: impl Fn(&VerifyingKey) -> Result<T, Error>,
) -> Result<(T, Vec<&'k KnownKey>), Error> {
    if algorithm != expected.algorithm {
        return Err(Error::new(Class::Algorithm, "alg", "not the mechanism of the command"));
    }
    let mut refused = Error::new(Class::Algorithm, "alg", "no known key is one for it");
    let (mut found, mut makers) = (None, Vec::new());
    for known in known.iter().filter(|known| algorithm.fits(&known.public_key)) {
        match VerifyingKey::new(provider, algorithm, &known.public_key).and_then(|key| verify(&key))
        {
            Ok(verified) => {
                found = Some(verified);
                makers.push(known);
            }
            Err(error) => refused = error,
        }
    }
    found.map(|found| (found, makers)).ok_or(refused)
}

fn same_content(
    expected: &SignatureExpectation,
    content: &[u8],
    part: &'static str,
) -> Result<(), Error> {
    if content == expected.content {
        Ok(())
    } else {
        Err(Error::new(Class::NotAsRequested, part, "not what the command says is to be signed"))
    }
}
