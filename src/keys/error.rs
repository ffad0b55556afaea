//! Errors of key stores.

use crate::Error;
use crate::crypto::CryptoError;

/// An error of a key store. Nothing was changed, except that after [`Failed`](Self::Failed) the
/// step may have been completed; a repeated call tells.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The request is invalid: for example, a certificate is for another key, or a profile does not
    /// exist.
    #[error("the key store refused")]
    Refused(#[source] Error),
    /// A key could not be generated.
    #[error("the key was not made")]
    Crypto(#[source] CryptoError),
    /// The storage failed.
    #[error("the key store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl KeyStoreError {
    /// Creates a storage failure from its reason: an error or a text.
    pub fn failed(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(reason.into())
    }
}
