//! Errors of the device.

use crate::Error;
use crate::crypto::CryptoError;
use crate::keys::KeyStoreError;

/// An error of the device. No state is lost: the next run continues from the key store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The link or the address was not opened because it is not an activation link or (class
    /// `target-refused`) because the policy does not name its hub.
    #[error("the address was not opened")]
    Link(#[source] Error),
    /// The hub answered with an error or an unusable response.
    #[error("the hub answered with an error")]
    Hub(#[source] Error),
    /// The hub rejected the answer permanently. New keys were removed, and the device tried to send
    /// a refusal instead.
    #[error("the hub refused the answer")]
    Rejected(#[source] Error),
    /// A key store operation failed.
    #[error("the key store operation failed")]
    Keys(#[from] KeyStoreError),
    /// A signature or a random number could not be made.
    #[error("the cryptographic operation failed")]
    Crypto(#[source] CryptoError),
}

impl DeviceError {
    /// Returns whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Hub(error) => error.is_retryable(),
            Self::Keys(KeyStoreError::Failed(_)) | Self::Crypto(CryptoError::Failed) => true,
            _ => false,
        }
    }
}

/// The reason why a command is not carried out: a response code for the integrator, or a local
/// fault that leaves the command open.
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
