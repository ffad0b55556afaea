//! The builder of a device.

use std::fmt;
use std::sync::Arc;

use super::{Agent, Connector, Consent, DevicePolicy, PinReset};
use crate::Error;
use crate::crypto::{Provider, Signer};
use crate::hermod::Dialect;
use crate::hermod::model::DeviceInfo;
use crate::keys::KeyStore;

/// A builder for an [`Agent`]; [`Agent::builder`] creates it.
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

    /// Sets the store for keys and device state. Required.
    #[must_use]
    pub fn with_key_store(mut self, keys: Arc<dyn KeyStore>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets the connector that opens mailboxes: an HTTP client, or
    /// [`InProcessConnector`](super::InProcessConnector) for a hub in the same process. Required.
    #[must_use]
    pub fn with_connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Sets how the user is asked. Required.
    #[must_use]
    pub fn with_consent(mut self, consent: Arc<dyn Consent>) -> Self {
        self.consent = Some(consent);
        self
    }

    /// Sets the attestation key, which signs only answers to provision commands. Required.
    #[must_use]
    pub fn with_attestation_key(mut self, key: Arc<dyn Signer>) -> Self {
        self.attestation = Some(key);
        self
    }

    /// Sets the policy for hubs and keys. Required, because a device without it could contact no
    /// hub.
    #[must_use]
    pub fn with_policy(mut self, policy: DevicePolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Sets the description of the device in its answers. The default is the name of the operating
    /// system that the program was compiled for.
    #[must_use]
    pub fn with_info(mut self, info: DeviceInfo) -> Self {
        self.info = Some(info);
        self
    }

    /// Sets the driver that resets the PINs of cards. Without it, PIN resets are answered with code
    /// 4.
    #[must_use]
    pub fn with_pin_reset(mut self, pin_reset: Arc<dyn PinReset>) -> Self {
        self.pin_reset = Some(pin_reset);
        self
    }

    /// Sets the dialect; the default is [`Dialect::default`].
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Builds the device.
    ///
    /// # Errors
    /// Class `malformed` if a required value is missing; the error's part names it: `key_store`,
    /// `connector`, `consent`, `attestation_key` or `policy`.
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
