//! Errors of a key store in a folder.

use crate::Error;
use crate::crypto::CryptoError;

/// An error of opening a [`FileKeyStore`](super::FileKeyStore), or the source of its
/// [`KeyStoreError::Failed`](crate::keys::KeyStoreError::Failed).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileStoreError {
    /// Another store is open in that folder.
    #[error("the folder is in use")]
    InUse,
    /// The path is not a folder of a store. Nothing in it was changed.
    #[error("the folder is not one of a key store: {why}")]
    NotOwn {
        /// What the path is instead, in readable form.
        why: &'static str,
    },
    /// A file cannot be read, is missing, or is inconsistent with the others. Nothing was removed
    /// or changed.
    #[error("{file} is damaged")]
    Damaged {
        /// The name of the file in the folder.
        file: String,
        /// The fault: class `malformed`, `too-large`, or `not-found` for a missing file.
        source: Error,
    },
    /// The new state could not be read again later: it is too large, or a text in it is too long.
    /// Nothing was changed.
    #[error("what is to be remembered cannot be stored")]
    Unstorable(#[source] Error),
    /// The provider cannot export a key that it generated.
    #[error("a private key could not be written out")]
    Key(#[source] CryptoError),
    /// A system call failed.
    #[error("{doing}")]
    Io {
        /// The operation, in readable form.
        doing: &'static str,
        /// The error of the system.
        source: std::io::Error,
    },
}
