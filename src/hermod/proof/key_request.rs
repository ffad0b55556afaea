//! The keys that a provision command requests, and the proof of possession of one key. Device and
//! integrator share this module.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::signed::MAX_KEYS;
use crate::crypto::{Algorithm, CryptoError, Curve, KeyKind, PublicKey, PublicKeyParts, Signer};
use crate::csr::{Template, UnsignedRequest};
use crate::encoding::base64::encode_standard;
use crate::hermod::Dialect;
use crate::hermod::model::{KeyGenRequest, KeyType, KeyTypePrio, ProvisionCommand};
use crate::jose::{UnsignedJws, write_key};
use crate::{Class, Error};

/// The parsed content of a provision command: the names, the nonce, and the requested keys with
/// their templates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRequest {
    /// The nonce, chosen by the integrator.
    pub nonce: String,
    /// The user the profile is for.
    pub user_id: String,
    /// The name of the profile.
    pub name: String,
    /// The issuer shown with the profile.
    pub server_name: String,
    /// The id of the profile, where the command names one that exists.
    pub profile_id: Option<String>,
    /// The keys, in the order of the command.
    pub keys: Vec<RequestedKey>,
}

impl KeyRequest {
    /// Reads a command in the default [`Dialect`].
    ///
    /// # Errors
    /// The path of the error names the member.
    /// - Class `malformed` if the command has no key, a duplicate keyid, an empty nonce or keyid,
    ///   or an invalid template.
    /// - Class `too-large` if it has more than 16 keys or a template that is too large.
    ///
    /// Unknown key types, lengths and mechanisms are not an error; no key meets them.
    pub fn from_command(command: &ProvisionCommand) -> Result<Self, Error> {
        Self::from_command_in(command, &Dialect::default())
    }

    /// Reads a command in the dialect given.
    ///
    /// # Errors
    /// As [`from_command`](Self::from_command).
    pub fn from_command_in(command: &ProvisionCommand, dialect: &Dialect) -> Result<Self, Error> {
        let requests = &command.profile.key_gen_requests;
        if command.nonce.is_empty() {
            return Err(Error::malformed("provCommand.nonce", "empty"));
        }
        if requests.is_empty() {
            return Err(Error::malformed("provCommand.profile.keygenrequests", "empty"));
        }
        if requests.len() > MAX_KEYS {
            return Err(Error::too_large(
                "provCommand.profile.keygenrequests",
                "more than 16 keys",
            ));
        }
        let mut keys: Vec<RequestedKey> = Vec::with_capacity(requests.len());
        for (index, request) in requests.iter().enumerate() {
            let path = format!("provCommand.profile.keygenrequests[{index}]");
            if request.key_id.is_empty() {
                return Err(Error::malformed("keyid", "empty").within(&path));
            }
            if keys.iter().any(|key| key.key_id == request.key_id) {
                return Err(Error::malformed("keyid", "asked for twice").within(&path));
            }
            keys.push(
                RequestedKey::from_request(request, dialect)
                    .map_err(|error| error.within("certreq").within(&path))?,
            );
        }
        Ok(Self {
            nonce: command.nonce.clone(),
            user_id: command.user_id.clone(),
            name: command.profile.name.clone(),
            server_name: command.profile.server_name.clone(),
            profile_id: command.profile.id.clone(),
            keys,
        })
    }
}

/// One key that a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestedKey {
    /// The name of the key in the profile, which becomes its `kid`.
    pub key_id: String,
    /// The usage: `SIG`, or a word that is not documented.
    pub usage: String,
    /// The state: `ACTIVE`, or a word that is not documented.
    pub state: String,
    /// The key types in order of preference. An unknown type is `None`, so that each index is the
    /// same as in the command.
    pub priorities: Vec<Option<Priority>>,
    /// The storages in order of preference: `APP`, or words that are not documented.
    pub storages: Vec<String>,
    /// The template, if the command requests a certificate request.
    pub template: Option<Template>,
    /// The member in which the device says where it keeps the key.
    pub(super) storage_member: Cow<'static, str>,
}

/// One key type that the command offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Priority {
    /// Type and length.
    pub kind: KeyKind,
    /// The algorithm of the proof of possession.
    pub mechanism: Algorithm,
}

impl Priority {
    fn read(wire: &KeyTypePrio, dialect: &Dialect) -> Option<Self> {
        let mechanism: Algorithm = wire.response_mechanism.as_str().parse().ok()?;
        let kind = if wire.key_type == KeyType::RSA {
            KeyKind::Rsa { bits: wire.key_length.bits()?.try_into().ok()? }
        } else if wire.key_type == dialect.ec_key_type {
            let lengths = [
                (&dialect.p256_key_length, Curve::P256),
                (&dialect.p384_key_length, Curve::P384),
                (&dialect.p521_key_length, Curve::P521),
            ];
            KeyKind::Ec(lengths.into_iter().find(|(length, _)| **length == wire.key_length)?.1)
        } else if wire.key_type == dialect.okp_key_type
            && wire.key_length == dialect.ed25519_key_length
        {
            KeyKind::Ed25519
        } else {
            return None;
        };
        Some(Self { kind, mechanism })
    }

    /// Returns whether a key with this mechanism has the requested type, exact length and
    /// mechanism.
    #[must_use]
    pub fn is_met_by(&self, key: &PublicKey, mechanism: Algorithm) -> bool {
        let kind = match (self.kind, key.parts()) {
            (KeyKind::Rsa { bits }, PublicKeyParts::Rsa { .. }) => key.bits() == u32::from(bits),
            (KeyKind::Ec(asked), PublicKeyParts::Ec { curve, .. }) => asked == curve,
            (KeyKind::Ed25519, PublicKeyParts::Ed25519 { .. }) => true,
            _ => false,
        };
        kind && mechanism == self.mechanism && mechanism.fits(key)
    }

    /// Returns whether a key with this mechanism meets the priority except that it is longer. Only
    /// an RSA key can be longer.
    #[must_use]
    pub fn is_exceeded_by(&self, key: &PublicKey, mechanism: Algorithm) -> bool {
        let longer = match (self.kind, key.parts()) {
            (KeyKind::Rsa { bits }, PublicKeyParts::Rsa { .. }) => key.bits() > u32::from(bits),
            _ => false,
        };
        longer && mechanism == self.mechanism && mechanism.fits(key)
    }
}

/// The priority that a device chooses for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// The zero-based index of the priority in the command.
    pub index: usize,
    /// The priority.
    pub priority: Priority,
}

impl RequestedKey {
    fn from_request(request: &KeyGenRequest, dialect: &Dialect) -> Result<Self, Error> {
        Ok(Self {
            key_id: request.key_id.clone(),
            usage: request.usage.to_string(),
            state: request.key_state.to_string(),
            priorities: request
                .key_type_prios
                .iter()
                .map(|priority| Priority::read(priority, dialect))
                .collect(),
            storages: request.storage_prios.iter().map(ToString::to_string).collect(),
            template: request.template().map(Template::from_base64).transpose()?,
            storage_member: dialect.storage_member.clone(),
        })
    }

    /// Returns the first known priority that the device `takes`.
    ///
    /// # Errors
    /// Class `not-as-requested` if the device takes none.
    pub fn choose(&self, mut takes: impl FnMut(&Priority) -> bool) -> Result<Choice, Error> {
        let known = self
            .priorities
            .iter()
            .enumerate()
            .filter_map(|(index, priority)| Some(Choice { index, priority: (*priority)? }));
        known.into_iter().find(|choice| takes(&choice.priority)).ok_or_else(|| {
            Error::new(
                Class::NotAsRequested,
                "keytypeprios",
                "none of the types of key is one that is taken here",
            )
        })
    }

    /// Returns the zero-based index of the first priority that a key with this mechanism
    /// [meets](Priority::is_met_by).
    #[must_use]
    pub fn met_by(&self, key: &PublicKey, mechanism: Algorithm) -> Option<usize> {
        self.first(|priority| priority.is_met_by(key, mechanism))
    }

    /// Returns the index of the first priority that a key with this mechanism
    /// [exceeds](Priority::is_exceeded_by).
    #[must_use]
    pub fn exceeded_by(&self, key: &PublicKey, mechanism: Algorithm) -> Option<usize> {
        self.first(|priority| priority.is_exceeded_by(key, mechanism))
    }

    fn first(&self, fits: impl Fn(&Priority) -> bool) -> Option<usize> {
        self.priorities.iter().position(|priority| priority.as_ref().is_some_and(&fits))
    }

    /// Returns the certificate request for the new key without its signature, or `None` if the
    /// command does not request one.
    ///
    /// # Errors
    /// Class `algorithm` if `mechanism` does not fit `key`.
    pub fn unsigned_request(
        &self,
        key: &PublicKey,
        mechanism: Algorithm,
    ) -> Result<Option<UnsignedRequest>, Error> {
        self.template.as_ref().map(|template| template.with_key(key, mechanism)).transpose()
    }

    /// Returns the proof of possession of the new key without its signature.
    ///
    /// - `request` is the signed certificate request in DER, if the command requests one.
    /// - `storage` is the storage in which the device keeps the key, one of
    ///   [`storages`](Self::storages); `None` makes no claim. No document shows this member; its
    ///   name is set by the [`Dialect`](crate::hermod::Dialect).
    #[must_use]
    pub fn unsigned_key(
        &self,
        nonce: &str,
        key: &PublicKey,
        mechanism: Algorithm,
        request: Option<&[u8]>,
        storage: Option<&str>,
    ) -> UnsignedJws {
        let header = KeyHeader { mechanism, nonce, key_id: &self.key_id };
        let payload = KeyPayload {
            asked: self,
            key,
            mechanism,
            certreq: request.map(encode_standard),
            storage,
        };
        // Serializing string maps to memory cannot fail.
        let payload = serde_json::to_vec(&payload).unwrap_or_default();
        UnsignedJws::from_members(mechanism, &header, &payload)
    }

    /// Makes the proof of possession with the new key: it signs the certificate request, if the
    /// command requests one, and the key's own statement. Returns one element of `signedkeys`, a
    /// compact JWS. `storage` is as in [`unsigned_key`](Self::unsigned_key).
    ///
    /// # Errors
    /// [`CryptoError::Mismatch`] if `mechanism` does not fit the key, or the error of the signer.
    pub fn sign(
        &self,
        nonce: &str,
        mechanism: Algorithm,
        storage: Option<&str>,
        signer: &dyn Signer,
    ) -> Result<String, CryptoError> {
        let key = signer.public_key();
        let request = self.unsigned_request(key, mechanism).map_err(|_| CryptoError::Mismatch)?;
        let request = request.map(|request| request.sign(signer)).transpose()?;
        self.unsigned_key(nonce, key, mechanism, request.as_deref(), storage).sign(signer)
    }
}

impl fmt::Display for Priority {
    /// Writes type, length and mechanism: `RSA 2048 RS256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            KeyKind::Rsa { bits } => write!(f, "RSA {bits} {}", self.mechanism),
            KeyKind::Ec(curve) => write!(f, "EC {} {}", curve.name(), self.mechanism),
            KeyKind::Ed25519 => write!(f, "Ed25519 {}", self.mechanism),
        }
    }
}

struct KeyHeader<'a> {
    mechanism: Algorithm,
    nonce: &'a str,
    key_id: &'a str,
}

impl Serialize for KeyHeader<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("alg", self.mechanism.name())?;
        map.serialize_entry("nonce", self.nonce)?;
        map.serialize_entry("kid", self.key_id)?;
        map.end()
    }
}

struct KeyPayload<'a> {
    asked: &'a RequestedKey,
    key: &'a PublicKey,
    mechanism: Algorithm,
    certreq: Option<String>,
    storage: Option<&'a str>,
}

impl Serialize for KeyPayload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write_key(&mut map, self.key)?;
        if let PublicKeyParts::Rsa { n, .. } = self.key.parts() {
            map.serialize_entry("n#len", &(n.len() * 8).to_string())?;
        }
        map.serialize_entry("alg", self.mechanism.name())?;
        map.serialize_entry("use", &self.asked.usage)?;
        map.serialize_entry("kid", &self.asked.key_id)?;
        map.serialize_entry("keystate", &self.asked.state)?;
        if let Some(certreq) = &self.certreq {
            map.serialize_entry("certreq", certreq)?;
        }
        if let Some(storage) = self.storage {
            map.serialize_entry(&*self.asked.storage_member, storage)?;
        }
        map.end()
    }
}
