//! Storage for a device's keys and the progress of its messages: the trait [`KeyStore`], a store in
//! memory, and a store in a folder.
//!
//! # Power may fail at any point
//!
//! Each call of a store is one step, which is completed durably and as a whole, or not at all. A
//! crash may happen between any two steps. Each of the states below can be continued from without
//! losing a key, leaving an unknown key behind, or executing a command twice:
//!
//! | step | state afterwards | continuation |
//! |---|---|---|
//! | [`open_activation`](KeyStore::open_activation) | a link with its claim | the same claim opens the same message |
//! | [`begin`](KeyStore::begin) | pending keys, bound to the message and its content | they are used again, or abandoned if the content differs |
//! | [`record_answer`](KeyStore::record_answer) | pending keys with the answer and its mailbox | the same bytes are sent again |
//! | [`commit`](KeyStore::commit) | the profile's keys; the link is removed | nothing is left to do |
//! | [`abandon`](KeyStore::abandon) | no keys | |
//! | [`keep_answer`](KeyStore::keep_answer) | an unsent answer | the same bytes are sent again |
//! | [`mark_sent`](KeyStore::mark_sent) | a sent answer | it is sent again if the message is repeated |
//! | [`install`](KeyStore::install) | all the certificates, or none | a repetition has the same result |
//! | [`retire`](KeyStore::retire) | a profile without keys, which can still answer | its answer is sent, its mailbox is deleted, then it is removed |
//!
//! # Names
//!
//! Mailbox addresses, message ids and keyids are external input: any text of up to 64 KiB,
//! including `../../etc/passwd`. A store must only compare them and keep them as data, and never
//! derive a file name or path from one. [`MessageId::digest`] returns a fixed-size name where one
//! is needed. Profile ids are UUIDs that the device generates.

mod error;
mod file;
mod memory;
mod steps;
mod stored;

use std::sync::Arc;

pub use error::KeyStoreError;
pub use file::{FileKeyStore, FileStoreError};
pub use memory::MemoryKeyStore;
pub use steps::KEPT_ANSWERS;
pub use stored::{
    CertificateInstall, Channel, KeptAnswer, KeySpec, MessageId, Pending, Profile, ProfileNames,
    Provisioning, StoredKey,
};

use crate::BoxFuture;
use crate::crypto::{KeyKind, Signer};

/// Stores a device's keys in profiles, and the progress of the messages that it processes. See the
/// [module](self) for the rules.
///
/// Every call is durable when its future resolves, and idempotent: a repeated call changes nothing.
/// A store is meant to be shared: `Arc<dyn KeyStore>`.
pub trait KeyStore: Send + Sync {
    /// Whether keys of this kind can be generated in this storage. `storage` is a word of the
    /// protocol, such as `APP`.
    fn takes(&self, kind: KeyKind, storage: &str) -> bool;

    /// Stores an activation before anything is sent to its mailbox. If one is already stored for
    /// that address, it is returned unchanged, with its original claim.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`], like every method.
    fn open_activation(&self, channel: Channel) -> BoxFuture<'_, Result<Channel, KeyStoreError>>;

    /// The activations that are not closed.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn activations(&self) -> BoxFuture<'_, Result<Vec<Channel>, KeyStoreError>>;

    /// Removes the activation at `address`, with the pending keys and the answers of that mailbox.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn close_activation<'a>(&'a self, address: &'a str)
    -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Generates all the keys of a provisioning, or none. They are pending: they do not belong to a
    /// profile yet. If keys are already pending for that message, those are returned and none are
    /// generated, even if the content of the message differs.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `conflict` if that message is already answered, `keyid`
    /// if a keyid occurs twice; [`KeyStoreError::Crypto`] if a key cannot be generated;
    /// [`KeyStoreError::Failed`].
    fn begin(&self, provisioning: Provisioning) -> BoxFuture<'_, Result<Pending, KeyStoreError>>;

    /// All pending keys.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn all_pending(&self) -> BoxFuture<'_, Result<Vec<Pending>, KeyStoreError>>;

    /// The pending keys of one message.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn pending<'a>(
        &'a self,
        message: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<Pending>, KeyStoreError>>;

    /// A pending key, for signing its own proof.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn pending_signer<'a>(
        &'a self,
        message: &'a MessageId,
        key_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>>;

    /// Records the answer to a provisioning, with the mailbox that it names, before it is sent for
    /// the first time. If an answer is already recorded, it is returned unchanged.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `not-found` if nothing is pending for that message,
    /// `conflict` if an answer of [`keep_answer`](Self::keep_answer) is stored;
    /// [`KeyStoreError::Failed`].
    fn record_answer<'a>(
        &'a self,
        message: &'a MessageId,
        mailbox: Channel,
        answer: &'a str,
    ) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>>;

    /// Moves pending keys into their profile in one step. This creates a profile, or replaces the
    /// keys with the same keyids in the profile with that id. The answer counts as sent, and an
    /// activation of the message's mailbox is closed. Returns `None` if nothing is pending, because
    /// the step was completed before.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `conflict` if no answer was recorded;
    /// [`KeyStoreError::Failed`].
    fn commit<'a>(
        &'a self,
        message: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>>;

    /// Deletes the pending keys of a message and their answer, if there are any.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn abandon<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Stores the answer to any other kind of message before it is sent for the first time. If an
    /// answer is already stored, it is returned unchanged.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn keep_answer<'a>(
        &'a self,
        message: &'a MessageId,
        answer: &'a str,
    ) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>>;

    /// The stored answer to a message, if any. Sent answers are kept for a while, at least the
    /// newest [`KEPT_ANSWERS`] of a mailbox.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn answer<'a>(
        &'a self,
        message: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<KeptAnswer>, KeyStoreError>>;

    /// The unsent answers of a mailbox, oldest first, including those of provisionings.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn unsent<'a>(
        &'a self,
        mailbox: &'a str,
    ) -> BoxFuture<'a, Result<Vec<KeptAnswer>, KeyStoreError>>;

    /// Records that the answer to a message was delivered, or never will be.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn mark_sent<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// All profiles, including retired ones, with the public parts of their keys.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn profiles(&self) -> BoxFuture<'_, Result<Vec<Profile>, KeyStoreError>>;

    /// The profile with that id.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn profile<'a>(
        &'a self,
        profile_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>>;

    /// A key of a profile, for signing.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn signer<'a>(
        &'a self,
        profile_id: &'a str,
        key_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>>;

    /// Installs certificates and sets the states of their keys: all of them, or none. An existing
    /// certificate stays in place until then.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `not-found` if the profile does not exist, `keyid` if it
    /// has no such key or one occurs twice, `proof` if a certificate is for another key than the
    /// one it is installed for; [`KeyStoreError::Failed`].
    fn install<'a>(
        &'a self,
        profile_id: &'a str,
        certificates: Vec<CertificateInstall>,
    ) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Deletes the keys and certificates of a profile, and its pending keys. The profile can then
    /// only answer and be removed.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn retire<'a>(&'a self, profile_id: &'a str) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Removes a profile with its keys, and the answers of its mailbox.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn remove_profile<'a>(
        &'a self,
        profile_id: &'a str,
    ) -> BoxFuture<'a, Result<(), KeyStoreError>>;
}
