//! Verified answers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Report;
use super::signed::{self, KeyPayload};
use crate::crypto::{Algorithm, Provider, PublicKey};
use crate::csr::Request;
use crate::hermod::model::DeviceInfo;
use crate::jose::{Decoded, Jwk, Thumbprint};

/// The attestation key was one of the pinned keys.
#[derive(Clone, Copy, Debug)]
pub enum Attested {}

/// The answer is consistent with the attestation key in its header. Anybody can make such a key.
#[derive(Clone, Copy, Debug)]
pub enum Consistent {}

/// An owned answer that passed every requested check. `T` is [`Attested`] or [`Consistent`].
///
/// Only a [`Verifier`](super::Verifier) creates this value. Its contents were signed, but they do
/// not prove that keys live in hardware.
///
/// A function that requires an attested answer does not accept a consistent one:
///
/// ```compile_fail
/// use keyferry::hermod::proof::{Attested, Consistent, Verified};
///
/// fn issue_for(_: &Verified<Attested>) {}
///
/// fn wrong(answer: &Verified<Consistent>) {
///     issue_for(answer);
/// }
/// ```
///
/// ```
/// use keyferry::hermod::proof::{Attested, Verified};
///
/// fn issue_for(_: &Verified<Attested>) {}
///
/// fn right(answer: &Verified<Attested>) {
///     issue_for(answer);
/// }
/// ```
///
/// It cannot be deserialized:
///
/// ```compile_fail
/// let answer: keyferry::hermod::proof::Verified<keyferry::hermod::proof::Attested> = serde_json::from_str("{}").unwrap();
/// ```
pub struct Verified<T> {
    pub(super) parts: Parts,
    pub(super) report: Report,
    pub(super) trust: PhantomData<fn() -> T>,
}

#[derive(Clone)]
pub(super) struct Parts {
    pub(super) profile_id: String,
    pub(super) user_id: String,
    pub(super) name: String,
    pub(super) server_name: String,
    pub(super) mailbox: String,
    pub(super) fqdn: Option<String>,
    pub(super) device: DeviceInfo,
    pub(super) attestation_key: PublicKey,
    pub(super) keys: Vec<VerifiedKey>,
    pub(super) content: Decoded,
}

impl<T> Verified<T> {
    /// The id of the profile on the device; later `profileid` and `pid`.
    #[must_use]
    pub fn profile_id(&self) -> &str {
        &self.parts.profile_id
    }

    /// The user, as the command named it.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.parts.user_id
    }

    /// The name of the profile, as the command gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The issuer shown with the profile, as the command gave it.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.parts.server_name
    }

    /// The address of the profile's own mailbox (`boxurl`).
    #[must_use]
    pub fn mailbox(&self) -> &str {
        &self.parts.mailbox
    }

    /// The host name that the device claims to have talked to.
    #[must_use]
    pub fn fqdn(&self) -> Option<&str> {
        self.parts.fqdn.as_deref()
    }

    /// The device's description of itself.
    #[must_use]
    pub fn device(&self) -> &DeviceInfo {
        &self.parts.device
    }

    /// The attestation key that the answer verified with: a pinned one, or only known from the
    /// answer.
    #[must_use]
    pub fn attestation_key(&self) -> &PublicKey {
        &self.parts.attestation_key
    }

    /// The keys, in the order of the command.
    #[must_use]
    pub fn keys(&self) -> &[VerifiedKey] {
        &self.parts.keys
    }

    /// The key with that keyid.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&VerifiedKey> {
        self.parts.keys.iter().find(|key| key.key_id() == key_id)
    }

    /// The protected header as it was signed, including unknown members: JSON in UTF-8.
    #[must_use]
    pub fn signed_header(&self) -> &[u8] {
        self.parts.content.header()
    }

    /// The payload as it was signed, including unknown members: JSON in UTF-8.
    #[must_use]
    pub fn signed_payload(&self) -> &[u8] {
        self.parts.content.payload()
    }

    /// Every check with its outcome.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone(), report: self.report.clone(), trust: PhantomData }
    }
}

impl<T> fmt::Debug for Verified<T> {
    /// Shows no text that came with the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("attestation_key", &self.parts.attestation_key)
            .field("keys", &self.parts.keys)
            .finish_non_exhaustive()
    }
}

/// One key of a verified answer.
#[derive(Clone)]
pub struct VerifiedKey {
    /// The keyids of all requested keys, and the index of this key's.
    pub(super) key_ids: (Arc<[String]>, usize),
    pub(super) public_key: PublicKey,
    pub(super) mechanism: Algorithm,
    pub(super) state: String,
    pub(super) claimed_storage: Option<String>,
    pub(super) priority: usize,
    pub(super) request: Option<Request>,
    pub(super) content: Decoded,
}

impl VerifiedKey {
    /// The keyid.
    #[must_use]
    pub fn key_id(&self) -> &str {
        let (key_ids, index) = &self.key_ids;
        key_ids.get(*index).map_or("", String::as_str)
    }

    /// The key; [`PublicKey::as_spki_der`] gives its SubjectPublicKeyInfo.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The key as a JWK with the unknown members of the signed object, but without its state and
    /// request. Each call parses it again.
    #[must_use]
    pub fn to_jwk(&self) -> Jwk {
        let mut jwk = Jwk::new(self.public_key.clone());
        // The verifier parsed the same bytes, so this cannot fail.
        if let Ok(payload) = signed::payload::<KeyPayload<'_>>(self.content.payload()) {
            jwk.algorithm = Some(payload.alg.0.into_owned());
            jwk.usage = Some(payload.usage.0.into_owned());
            jwk.key_ops = payload.key_ops.map(|ops| ops.iter().map(String::from).collect());
            jwk.key_id = Some(payload.kid.0.into_owned());
            jwk.extra = payload.extra.to_owned_members();
        }
        jwk
    }

    /// The payload that the key signed itself: JSON in UTF-8.
    #[must_use]
    pub fn signed_payload(&self) -> &[u8] {
        self.content.payload()
    }

    /// The thumbprint (RFC 7638), computed at each call.
    #[must_use]
    pub fn thumbprint(&self, provider: &dyn Provider) -> Thumbprint {
        Thumbprint::of(&self.public_key, provider)
    }

    /// The algorithm of the proof of possession.
    #[must_use]
    pub fn mechanism(&self) -> Algorithm {
        self.mechanism
    }

    /// The state, as the device wrote it.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The storage in which the device claims to keep the key, in a word of the command's
    /// `storageprios`; `None` without a claim. No document shows this member; its name is set by
    /// the [`Dialect`](crate::hermod::Dialect).
    ///
    /// # Security
    /// This is an unproven claim of the device, signed by the key itself and attested with the
    /// answer. A device that generated its own attestation key can claim anything.
    #[must_use]
    pub fn claimed_storage(&self) -> Option<&str> {
        self.claimed_storage.as_deref()
    }

    /// The zero-based index of the offered priority that the key meets.
    #[must_use]
    pub fn priority(&self) -> usize {
        self.priority
    }

    /// The certificate request, if a template was sent: the template with this key, signed by this
    /// key.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }
}

impl fmt::Debug for VerifiedKey {
    /// Omits text from the answer; the keyid comes from the command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedKey")
            .field("key_id", &self.key_id())
            .field("public_key", self.public_key())
            .field("mechanism", &self.mechanism)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
