//! How a device is made.

use std::fmt;
use std::sync::Arc;

use super::{Agent, Connector, Consent, DevicePolicy, PinReset};
use crate::Error;
use crate::crypto::{Provider, Signer};
use crate::hermod::Dialect;
use crate::hermod::model::DeviceInfo;
use crate::keys::KeyStore;

/// A device in the making; [`Agent::builder`] begins one.
pub struct AgentBuilder {
    provider: Arc<dyn Provider>,
    keys: Option<Arc<dyn KeyStore>>,
    connector: Option<Arc<dyn Connector>>,
    consent: Option<Arc<dyn Consent>>,
    attestation: Option<Arc<dyn Signer>>,
    policy: Option<DevicePolicy>,
    info: Option<DeviceInfo>,
    pin_reset: Option<Arc<dyn PinReset>>,
    dialect: Dialect,
}

impl AgentBuilder {
    pub(super) fn new(provider: Arc<dyn Provider>) -> Self {
        Self {
            provider,
            keys: None,
            connector: None,
            consent: None,
            attestation: None,
            policy: None,
            info: None,
            pin_reset: None,
            dialect: Dialect::default(),
        }
    }

    /// Makes and keeps the keys there, and whatever the device has to remember. Required.
    #[must_use]
    pub fn with_key_store(mut self, keys: Arc<dyn KeyStore>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Opens mailboxes through this: an HTTP client, or [`InProcessConnector`](super::InProcessConnector) a hub in the
    /// same process. Required.
    #[must_use]
    pub fn with_connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Asks the user through this. Required.
    #[must_use]
    pub fn with_consent(mut self, consent: Arc<dyn Consent>) -> Self {
        self.consent = Some(consent);
        self
    }

    /// Signs the answers to provision commands with this key, and nothing else. Required.
    #[must_use]
    pub fn with_attestation_key(mut self, key: Arc<dyn Signer>) -> Self {
        self.attestation = Some(key);
        self
    }

    /// Opens the hubs and makes the keys that this allows. Required, as a device without it could
    /// open no hub.
    #[must_use]
    pub fn with_policy(mut self, policy: DevicePolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Says this of the device in its answers; without it, the name of the operating system that
    /// the program was compiled for.
    #[must_use]
    pub fn with_info(mut self, info: DeviceInfo) -> Self {
        self.info = Some(info);
        self
    }

    /// Resets the PINs of the device's cards there. Without it, PIN resets are answered with code
    /// 4.
    #[must_use]
    pub fn with_pin_reset(mut self, pin_reset: Arc<dyn PinReset>) -> Self {
        self.pin_reset = Some(pin_reset);
        self
    }

    /// Speaks this dialect in the place of the default one.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The device.
    ///
    /// # Errors
    /// Class `malformed` if something required was not given; the error's part names it:
    /// `key_store`, `connector`, `consent`, `attestation_key` or `policy`.
    pub fn build(self) -> Result<Agent, Error> {
        let absent = |part| move || Error::malformed(part, "not given to the builder");
        Ok(Agent {
            provider: self.provider,
            keys: self.keys.ok_or_else(absent("key_store"))?,
            connector: self.connector.ok_or_else(absent("connector"))?,
            consent: self.consent.ok_or_else(absent("consent"))?,
            attestation: self.attestation.ok_or_else(absent("attestation_key"))?,
            policy: self.policy.ok_or_else(absent("policy"))?,
            info: self.info.unwrap_or_else(|| DeviceInfo::new(std::env::consts::OS)),
            pin_reset: self.pin_reset,
            dialect: self.dialect,
        })
    }
}

impl fmt::Debug for AgentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentBuilder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
