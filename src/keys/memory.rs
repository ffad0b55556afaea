//! A key store in memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::steps::{self, PendingKeys, State, as_signer, key_store_of_steps};
use super::{
    CertificateInstall, Channel, KeptAnswer, KeyStoreError, MessageId, Pending, Profile,
    Provisioning,
};
use crate::BoxFuture;
use crate::crypto::{KeyKind, Provider, Signer};

/// A key store in memory, for tests and for devices whose keys need not outlive the program.
///
/// The provider generates the keys: RSA of 2048, 3072 and 4096 bits, EC and Ed25519, all of them in
/// the storage `APP`. Private keys are never exported. Their provider wipes them when the store and
/// every [`Signer`] that it returned are dropped. Generating an RSA key takes a while and blocks.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use keyferry::Secret;
/// use keyferry::crypto::{Curve, KeyKind, aws_lc_rs::AwsLcRs};
/// use keyferry::keys::{Channel, KeySpec, KeyStore, MemoryKeyStore};
/// use keyferry::keys::{MessageId, ProfileNames, Provisioning};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryKeyStore::new(Arc::new(AwsLcRs));
/// let message = MessageId::new("https://hub.example/ms/b1", "m1");
/// let id = "3051e9f3-0e4d-436b-a512-2e18d8afe134";
/// let names = ProfileNames::new(id, "userA", "Profile", "Example");
/// let spec = KeySpec::new("signer", "SIG", KeyKind::Ec(Curve::P256));
/// store.begin(Provisioning::new(message.clone(), [0; 32], names, vec![spec])).await?;
/// assert!(store.profiles().await?.is_empty());
///
/// let mailbox = Channel::of_mailbox("https://hub.example/ms/b2", Secret::new("t"));
/// store.record_answer(&message, mailbox, "{}").await?;
/// let profile = store.commit(&message).await?.unwrap();
/// assert_eq!(profile.keys[0].key_id, "signer");
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(run())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryKeyStore {
    provider: Arc<dyn Provider>,
    state: Mutex<State>,
}

impl MemoryKeyStore {
    /// Creates an empty store whose keys this provider generates.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half changed, so a poisoned lock is harmless.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, KeyStoreError> {
        Ok(look(&self.state()))
    }

    fn step<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, KeyStoreError>,
    ) -> Result<T, KeyStoreError> {
        change(&mut self.state())
    }
}

key_store_of_steps!(MemoryKeyStore);

impl fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryKeyStore")
            .field("profiles", &state.profiles.len())
            .field("pending", &state.pending.len())
            .finish_non_exhaustive()
    }
}
