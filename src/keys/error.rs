//! Why a key store did not do something.

use crate::Error;
use crate::crypto::CryptoError;

/// Why a key store did not do something. Nothing was changed; after [`Failed`](Self::Failed) it may
/// have been done, and calling again tells.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// What was asked for is wrong: a certificate for another key, a profile that is not there.
    #[error("the key store refused")]
    Refused(#[source] Error),
    /// A key could not be made.
    #[error("the key was not made")]
    Crypto(#[source] CryptoError),
    /// The storage failed.
    #[error("the key store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl KeyStoreError {
    /// A failure of the storage, with the reason: an error or a text.
    pub fn failed(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(reason.into())
    }
}
