//! The builder of a hub.

use std::sync::{Arc, RwLock};

use zeroize::Zeroizing;

use super::mailbox::Listeners;
use super::outbox::ActiveDeliveries;
use super::seal::Seal;
use super::{Hub, HubConfig, Inner, MemoryStore, Store, config};
use crate::crypto::Provider;
use crate::{Clock, Error, SystemClock};

/// Builds a [`Hub`]; [`Hub::builder`] creates one.
pub struct HubBuilder {
    provider: Arc<dyn Provider>,
    config: HubConfig,
    store: Option<Arc<dyn Store>>,
    clock: Option<Arc<dyn Clock>>,
    seal_key: Option<Zeroizing<[u8; 32]>>,
}

impl HubBuilder {
    pub(super) fn new(provider: Arc<dyn Provider>, config: HubConfig) -> Self {
        Self { provider, config, store: None, clock: None, seal_key: None }
    }

    /// Sets the store. The default is a [`MemoryStore`].
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets the clock. The default is [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the key with which activation tokens are masked in the store: 32 random bytes, the same
    /// for every hub on one store and after each restart. By default the hub generates a key, which
    /// is right for a store in memory.
    ///
    /// If the key changes, polls and callbacks contain activation URIs with an empty token. Nothing
    /// else depends on the key: tokens that devices hold keep working.
    #[must_use]
    pub fn with_seal_key(mut self, key: Zeroizing<[u8; 32]>) -> Self {
        self.seal_key = Some(key);
        self
    }

    /// Builds the hub.
    ///
    /// # Errors
    /// Class `malformed` if the configuration cannot be used: an address or host name as for
    /// [`HubConfig::new`], an integrator's id that is empty, has a colon or is there twice, more
    /// than two keys; `unavailable` if the random generator fails.
    pub fn build(self) -> Result<Hub, Error> {
        let Self { provider, mut config, store, clock, seal_key } = self;
        config.public_url.truncate(config.public_url.trim_end_matches('/').len());
        config.check()?;
        let integrators = config::index(config.integrators.clone())?;
        let seal = match seal_key {
            Some(key) => Seal::new(key),
            None => Seal::generate(&*provider)?,
        };
        Ok(Hub(Arc::new(Inner {
            store: store.unwrap_or_else(|| Arc::new(MemoryStore::default())),
            clock: clock.unwrap_or_else(|| Arc::new(SystemClock)),
            integrators: RwLock::new(integrators),
            listeners: Listeners::default(),
            active: ActiveDeliveries::default(),
            provider,
            config,
            seal,
        })))
    }
}

impl std::fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
