//! What passed every check.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Report;
use super::signed::{self, KeyPayload};
use crate::crypto::{Algorithm, Provider, PublicKey};
use crate::csr::Request;
use crate::hermod::model::DeviceInfo;
use crate::jose::{Decoded, Jwk, Thumbprint};

/// The attestation key was one of those that were pinned.
#[derive(Clone, Copy, Debug)]
pub enum Attested {}

/// The answer is consistent with the key that it brought along. Anybody can make such a key.
#[derive(Clone, Copy, Debug)]
pub enum Consistent {}

/// An answer that passed every check that was asked for, owned. `T` is [`Attested`] or
/// [`Consistent`].
///
/// Only a [`Verifier`](super::Verifier) makes one. What it names was signed; whether keys live in
/// hardware it cannot say.
///
/// A function that wants an attested answer does not take the other:
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
/// Nor is there a way to make one up:
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

    /// The name of the host that the device says it talked to.
    #[must_use]
    pub fn fqdn(&self) -> Option<&str> {
        self.parts.fqdn.as_deref()
    }

    /// What the device says of itself.
    #[must_use]
    pub fn device(&self) -> &DeviceInfo {
        &self.parts.device
    }

    /// The key that the answer verified with: a pinned one, or one that only the answer knows.
    #[must_use]
    pub fn attestation_key(&self) -> &PublicKey {
        &self.parts.attestation_key
    }

    /// The keys, in the order of the command.
    #[must_use]
    pub fn keys(&self) -> &[VerifiedKey] {
        &self.parts.keys
    }

    /// The key of that keyid.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&VerifiedKey> {
        self.parts.keys.iter().find(|key| key.key_id() == key_id)
    }

    /// The protected header, JSON in UTF-8, as it was signed: with the members that are not known
    /// here.
    #[must_use]
    pub fn signed_header(&self) -> &[u8] {
        self.parts.content.header()
    }

    /// The payload, JSON in UTF-8, as it was signed: with the members that are not known here.
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
    /// Of all keys asked for, and which of them this one's is.
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

    /// The key as JSON, with the members of the signed object that are not known here; without its
    /// state and request. It is read again at each call.
    #[must_use]
    pub fn to_jwk(&self) -> Jwk {
        let mut jwk = Jwk::new(self.public_key.clone());
        // It was read as this before, so it can be read again.
        if let Ok(payload) = signed::payload::<KeyPayload<'_>>(self.content.payload()) {
            jwk.algorithm = Some(payload.alg.0.into_owned());
            jwk.usage = Some(payload.usage.0.into_owned());
            jwk.key_ops = payload.key_ops.map(|ops| ops.iter().map(String::from).collect());
            jwk.key_id = Some(payload.kid.0.into_owned());
            jwk.extra = payload.extra.to_owned_members();
        }
        jwk
    }

    /// The object that the key signed with itself, JSON in UTF-8.
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

    /// Where the device says that it keeps the key, in a word of the command's `storageprios`;
    /// `None` if it does not say. No document shows the member; ours is that of the
    /// [`Dialect`](crate::hermod::Dialect).
    ///
    /// # Security
    /// A claim of the device, signed by the key itself and attested with the answer. Nothing proves
    /// it: a device that makes its attestation key itself can claim what it likes.
    #[must_use]
    pub fn claimed_storage(&self) -> Option<&str> {
        self.claimed_storage.as_deref()
    }

    /// Which of the offered priorities the key meets: its place in the command, from 0.
    #[must_use]
    pub fn priority(&self) -> usize {
        self.priority
    }

    /// The certificate request, if a template was sent: the template with this key, signed by it.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }
}

impl fmt::Debug for VerifiedKey {
    /// Shows no text that came with the answer; the keyid is the command's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedKey")
            .field("key_id", &self.key_id())
            .field("public_key", self.public_key())
            .field("mechanism", &self.mechanism)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}
