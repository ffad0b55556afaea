//! Building of the attested answer by the device.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::KeyRequest;
use crate::crypto::{Algorithm, CryptoError, PublicKey, Signer};
use crate::encoding::base64::encode_standard;
use crate::hermod::model::DeviceInfo;
use crate::jose::{Jwk, UnsignedJws};

/// An answer to a provision command without the signature of the attestation key.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, Signer, aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::model::{Command, DeviceInfo};
/// use keyferry::hermod::proof::{KeyRequest, Expectation, UnsignedAnswer, Verifier};
///
/// let command = Command::from_json(include_str!("../../../tests/fixtures/hermod/provision-command.json"))?;
/// let asked = KeyRequest::from_command(command.provision().unwrap())?;
///
/// // The device: a key of the type that it chooses among those offered, and its own attestation key.
/// let choice = asked.keys[0].choose(|_| true)?;
/// let pair = AwsLcRs.generate(choice.priority.kind)?;
/// let attestation = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let (key, mechanism) = (&asked.keys[0], choice.priority.mechanism);
/// let signed_key = key.sign(&asked.nonce, mechanism, Some("APP"), &*pair)?;
/// let answer = UnsignedAnswer::new(&asked, "3051e9f3-0e4d-436b-a512-2e18d8afe134", "https://hub.example/ms/1", DeviceInfo::new("Linux"))
///     .with_fqdn("hub.example")
///     .with_signed_keys([signed_key])
///     .sign(&*attestation)?;
///
/// // The integrator.
/// let expectation = Expectation::from_command(command.provision().unwrap())?.with_fqdn("hub.example");
/// let verified = Verifier::pinned(AwsLcRs, [attestation.public_key()])?.verify(&expectation, &answer)?;
/// assert_eq!(verified.keys()[0].public_key(), pair.public_key());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct UnsignedAnswer {
    nonce: String,
    fqdn: Option<String>,
    sch: Option<[u8; 32]>,
    profile: Profile,
    device: DeviceInfo,
}

#[derive(Clone)]
struct Profile {
    id: String,
    user_id: String,
    name: String,
    server_name: String,
    mailbox: String,
    signed_keys: Vec<String>,
}

impl UnsignedAnswer {
    /// Starts an answer to `asked` with the id of the new profile (a UUID), the address of its
    /// mailbox, and the description of the device.
    #[must_use]
    pub fn new(
        asked: &KeyRequest,
        profile_id: impl Into<String>,
        mailbox: impl Into<String>,
        device: DeviceInfo,
    ) -> Self {
        let profile = Profile {
            id: profile_id.into(),
            user_id: asked.user_id.clone(),
            name: asked.name.clone(),
            server_name: asked.server_name.clone(),
            mailbox: mailbox.into(),
            signed_keys: Vec::new(),
        };
        Self {
            nonce: asked.nonce.clone(),
            fqdn: None,
            sch: None,
            profile,
            device: device.completed(),
        }
    }

    /// Names the host of the hub that the device talks to.
    #[must_use]
    pub fn with_fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
        self
    }

    /// Names the TLS certificate that the device saw: SHA-256 of the DER of the leaf certificate.
    #[must_use]
    pub fn with_sch(mut self, sha256: [u8; 32]) -> Self {
        self.sch = Some(sha256);
        self
    }

    /// Adds the proofs of possession that [`RequestedKey::sign`](super::RequestedKey::sign) makes.
    #[must_use]
    pub fn with_signed_keys(mut self, signed_keys: impl IntoIterator<Item = String>) -> Self {
        self.profile.signed_keys.extend(signed_keys);
        self
    }

    /// Returns the JWS that the attestation key has to sign.
    #[must_use]
    pub fn to_jws(&self, attestation_key: &PublicKey, algorithm: Algorithm) -> UnsignedJws {
        let header = Header { answer: self, attestation_key, algorithm };
        // Serializing string maps to memory cannot fail.
        let payload = serde_json::to_vec(&Payload(self)).unwrap_or_default();
        UnsignedJws::from_members(algorithm, &header, &payload)
    }

    /// Signs the answer with the [default algorithm](Algorithm::default_for) of the attestation
    /// key. Returns the value of `result.data`.
    ///
    /// # Errors
    /// The error of the signer.
    pub fn sign(&self, attestation: &dyn Signer) -> Result<String, CryptoError> {
        let key = attestation.public_key();
        self.to_jws(key, Algorithm::default_for(key)).sign(attestation)
    }
}

/// Omits the keys: a certificate request in one may have a challenge password.
impl fmt::Debug for UnsignedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Profile { id, mailbox, signed_keys, .. } = &self.profile;
        let mut f = f.debug_struct("UnsignedAnswer");
        f.field("profile_id", id)
            .field("mailbox", mailbox)
            .field("signed_keys", &signed_keys.len())
            .finish_non_exhaustive()
    }
}

struct Header<'a> {
    answer: &'a UnsignedAnswer,
    attestation_key: &'a PublicKey,
    algorithm: Algorithm,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut jwk = Jwk::new(self.attestation_key.clone());
        jwk.algorithm = Some(self.algorithm.name().to_owned());
        jwk.usage = Some(String::from("sig"));
        jwk.key_id = Some(String::from("attestation"));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("alg", self.algorithm.name())?;
        if let Some(fqdn) = &self.answer.fqdn {
            map.serialize_entry("fqdn", fqdn)?;
        }
        if let Some(sch) = &self.answer.sch {
            map.serialize_entry("sch", &encode_standard(sch))?;
        }
        map.serialize_entry("jwk", &jwk)?;
        map.serialize_entry("nonce", &self.answer.nonce)?;
        map.end()
    }
}

struct Payload<'a>(&'a UnsignedAnswer);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("deviceinfo", &self.0.device)?;
        map.serialize_entry("profile", &self.0.profile)?;
        map.end()
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("signedkeys", &self.signed_keys)?;
        map.serialize_entry("servername", &self.server_name)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("userid", &self.user_id)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("boxurl", &self.mailbox)?;
        map.end()
    }
}
