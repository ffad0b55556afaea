//! Why a device did not get on.

use crate::Error;
use crate::crypto::CryptoError;
use crate::keys::KeyStoreError;

/// Why a device did not get on. Nothing is lost by it: the next run goes on from where the key
/// store says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The link or the address was not opened: not an activation link, or (class `target-refused`)
    /// not on a hub that the policy names.
    #[error("the address was not opened")]
    Link(#[source] Error),
    /// The hub answered with an error, or with something that cannot be used.
    #[error("the hub answered with an error")]
    Hub(#[source] Error),
    /// The hub does not take the answer that was made, and never will. New keys are removed, and
    /// the hub was told, if it took that.
    #[error("the hub refused the answer")]
    Rejected(#[source] Error),
    /// The key store did not do its part.
    #[error("the key store did not do it")]
    Keys(#[from] KeyStoreError),
    /// A signature or a random number could not be made.
    #[error("the cryptography did not do it")]
    Crypto(#[source] CryptoError),
}

impl DeviceError {
    /// Whether trying the same again later may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Hub(error) => error.is_retryable(),
            Self::Keys(KeyStoreError::Failed(_)) | Self::Crypto(CryptoError::Failed) => true,
            _ => false,
        }
    }
}

/// Why a command is not carried out: a code that the integrator is told, or a fault of ours that
/// leaves it open.
pub(super) enum ActivationError {
    Refuse(i64),
    Fault(DeviceError),
}

impl From<KeyStoreError> for ActivationError {
    fn from(error: KeyStoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<DeviceError> for ActivationError {
    fn from(error: DeviceError) -> Self {
        Self::Fault(error)
    }
}
