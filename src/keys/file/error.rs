//! Why a folder could not be opened, read or written.

use crate::Error;
use crate::crypto::CryptoError;

/// Why a [`FileKeyStore`](super::FileKeyStore) could not be opened, or what is the source of its
/// [`KeyStoreError::Failed`](crate::keys::KeyStoreError::Failed).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileStoreError {
    /// A store is open in that folder.
    #[error("the folder is in use")]
    InUse,
    /// What is there is not a folder of a store's own, and nothing in it was changed.
    #[error("the folder is not one of a key store: {why}")]
    NotOwn {
        /// What it is instead, for a person.
        why: &'static str,
    },
    /// A file cannot be read as what it is, is not there, or does not fit the others. Nothing was
    /// removed or changed.
    #[error("{file} is damaged")]
    Damaged {
        /// The name of the file in the folder.
        file: String,
        /// What is wrong: of class `malformed`, `too-large`, or `not-found` for one that is not
        /// there.
        source: Error,
    },
    /// What has to be remembered could not be read again: too much of it, a text that is too long.
    /// Nothing was changed.
    #[error("what is to be remembered cannot be stored")]
    Unstorable(#[source] Error),
    /// The provider does not write out a key that it made.
    #[error("a private key could not be written out")]
    Key(#[source] CryptoError),
    /// The system failed.
    #[error("{doing}")]
    Io {
        /// What was being done, for a person.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}
