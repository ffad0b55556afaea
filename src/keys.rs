//! Where a device keeps its keys, and what it has to remember of what it is doing: the seam
//! [`KeyStore`], a store in memory, and one in a folder.
//!
//! # Power may fail at any point
//!
//! Each call of a store is one step: it is done, durably and as a whole, or it is not done. Between
//! two steps anything may happen. The steps are cut so that what is left over is always one of the
//! states below, and going on from it neither loses a key, nor leaves one that nobody knows of, nor
//! does a command twice:
//!
//! | step | what is there afterwards | how it goes on |
//! |---|---|---|
//! | [`open_activation`](KeyStore::open_activation) | a link with its claim | the same claim opens the same message |
//! | [`begin`](KeyStore::begin) | pending keys, bound to the message and to what it asked for | they are used again, or abandoned if it asks for something else |
//! | [`record_answer`](KeyStore::record_answer) | pending keys with the answer and the mailbox in it | the same bytes are sent again |
//! | [`commit`](KeyStore::commit) | the profile's keys; the link is gone | nothing is left to do |
//! | [`abandon`](KeyStore::abandon) | no keys | |
//! | [`keep_answer`](KeyStore::keep_answer) | an answer that was not sent | the same bytes are sent again |
//! | [`mark_sent`](KeyStore::mark_sent) | an answer that was | it is sent again if the message comes again |
//! | [`install`](KeyStore::install) | all the certificates, or none | it is the same if done twice |
//! | [`retire`](KeyStore::retire) | a profile without keys, which can still answer | its answer is sent, its mailbox given up, then it is removed |
//!
//! # Names
//!
//! Mailbox addresses, message ids and keyids come from outside and are any text of up to 64 KiB,
//! `../../etc/passwd` included. A store compares them and keeps them as data; it never makes a file
//! name or a path of one. [`MessageId::digest`] gives a fixed name where one is needed. Ids of
//! profiles are made here, as UUIDs.

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

/// A device's keys, in profiles, with what has to survive of messages that are being dealt with.
/// See the [module](self) for the rules.
///
/// Every call is durable when its future resolves, and idempotent: the same call again changes
/// nothing. It is shared: `Arc<dyn KeyStore>`.
pub trait KeyStore: Send + Sync {
    /// Whether keys of this kind can be made in this storage; `storage` is a word of the protocol,
    /// such as `APP`.
    fn takes(&self, kind: KeyKind, storage: &str) -> bool;

    /// Keeps an activation before anything is sent to its mailbox. If one is kept for that address
    /// already, nothing changes, and that one is given back: with the claim that was made first.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`]; so for every method.
    fn open_activation(&self, channel: Channel) -> BoxFuture<'_, Result<Channel, KeyStoreError>>;

    /// The activations that are not closed.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn activations(&self) -> BoxFuture<'_, Result<Vec<Channel>, KeyStoreError>>;

    /// Forgets the activation at `address`, and whatever is pending or answered in that mailbox.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn close_activation<'a>(&'a self, address: &'a str)
    -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Makes all the keys of a provisioning, or none. They are pending: no profile's yet. If keys
    /// are pending for that message already, nothing is made, and those are given back, whatever
    /// they were asked for with.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `conflict` if an answer to that message is kept, `keyid`
    /// if a keyid stands there twice; [`KeyStoreError::Crypto`] if a key cannot be made;
    /// [`KeyStoreError::Failed`].
    fn begin(&self, provisioning: Provisioning) -> BoxFuture<'_, Result<Pending, KeyStoreError>>;

    /// Everything that is pending.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn all_pending(&self) -> BoxFuture<'_, Result<Vec<Pending>, KeyStoreError>>;

    /// What is pending for one message.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn pending<'a>(
        &'a self,
        message: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<Pending>, KeyStoreError>>;

    /// A pending key, to sign its own proof with.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn pending_signer<'a>(
        &'a self,
        message: &'a MessageId,
        key_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>>;

    /// Keeps the answer to a provisioning, with the mailbox that is named in it, before it is sent
    /// for the first time. The first answer stays; that one is given back.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `not-found` if nothing is pending for that message,
    /// `conflict` if an answer was kept that is not a sealed one; [`KeyStoreError::Failed`].
    fn record_answer<'a>(
        &'a self,
        message: &'a MessageId,
        mailbox: Channel,
        answer: &'a str,
    ) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>>;

    /// Makes pending keys the profile's, in one step: a new profile, or new keys in place of those
    /// with the same keyids of the profile that has the id. The answer counts as sent, and an
    /// activation of the message's mailbox is closed. `None` if nothing is pending: it was done
    /// before.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `conflict` if no answer was sealed;
    /// [`KeyStoreError::Failed`].
    fn commit<'a>(
        &'a self,
        message: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>>;

    /// Wipes the pending keys of a message, with their answer, if there are any.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn abandon<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Keeps the answer to any other message before it is sent for the first time. The first answer
    /// stays; that one is given back.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn keep_answer<'a>(
        &'a self,
        message: &'a MessageId,
        answer: &'a str,
    ) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>>;

    /// The answer to a message, if one was kept. Answers that were sent are kept for a while; the
    /// newest [`KEPT_ANSWERS`] of a mailbox at least.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn answer<'a>(
        &'a self,
        message: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<KeptAnswer>, KeyStoreError>>;

    /// The answers of a mailbox that were not sent, oldest first; sealed ones included.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn unsent<'a>(
        &'a self,
        mailbox: &'a str,
    ) -> BoxFuture<'a, Result<Vec<KeptAnswer>, KeyStoreError>>;

    /// Notes that the answer to a message arrived, or that it never will.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn mark_sent<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// The profiles, retired ones included, with the public parts of their keys.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn profiles(&self) -> BoxFuture<'_, Result<Vec<Profile>, KeyStoreError>>;

    /// The profile of that id.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn profile<'a>(
        &'a self,
        profile_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>>;

    /// A key of a profile, to sign with.
    ///
    /// # Errors
    /// [`KeyStoreError::Failed`].
    fn signer<'a>(
        &'a self,
        profile_id: &'a str,
        key_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>>;

    /// Installs certificates and sets the states of their keys: all of them, or none. A certificate
    /// that is there stays until then.
    ///
    /// # Errors
    /// [`KeyStoreError::Refused`] of class `not-found` if the profile is not there, `keyid` if it
    /// has no such key or one stands there twice, `proof` if a certificate is for another key than
    /// the one it is installed for; [`KeyStoreError::Failed`].
    fn install<'a>(
        &'a self,
        profile_id: &'a str,
        certificates: Vec<CertificateInstall>,
    ) -> BoxFuture<'a, Result<(), KeyStoreError>>;

    /// Wipes the keys and certificates of a profile, and whatever is pending for it. What is left
    /// can answer and be removed, and nothing else.
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
