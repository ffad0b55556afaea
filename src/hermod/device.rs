//! The device role: an agent that turns messages into key store operations and answers.
//!
//! An [`Agent`] opens activation links, reads the mailboxes of its profiles, asks the user
//! ([`Consent`]), makes keys in a [`KeyStore`], answers, and installs certificates. It only does
//! what its [`DevicePolicy`] allows and only contacts the hubs that the policy names.
//!
//! The agent writes its state to the key store before it sends anything. Any call may therefore be
//! interrupted by an error, a dropped future or a power failure: a new agent on the same store
//! continues with [`Agent::run_once`].
//!
//! # Response codes
//!
//! The codes are set by the [dialect](crate::hermod::dialect::ResponseCodes); only 0 is documented.
//!
//! | code | when |
//! |---|---|
//! | 0 | done |
//! | 1 | the user refused |
//! | 2 | a PIN reset without proof of the card's admin key |
//! | 3 | a certificate for a key that the profile does not have; no active key that the filter matches, or none with a certificate for `pkcs7` |
//! | 4 | an unknown key type, usage, mechanism, format or storage; a mechanism that no matching key supports; data to sign that is not exactly one item, is a content id, is too long, or cannot be shown as its stated type; a PIN reset without [`PinReset`]; an unknown command |
//! | 5 | a profile that does not exist or does not belong to this mailbox; a missing card |
//! | 6 | a certificate that cannot be read, or is for another key |
//! | 7 | the key store or the card failed |
//! | 8 | the policy forbids the key type, length, mechanism, storage, overwriting, a request for a CA certificate, or a mailbox at another hub |
//! | 99 | any other error: a command that cannot be parsed, an answer that the hub rejected |
//!
//! # Which key signs
//!
//! The device answers sign and authenticate commands with an active key that matches the command's
//! filter and supports its mechanism, never with an encryption key.
//! - A command in the mailbox of a profile uses that profile's keys.
//! - A command that came by an activation link has no profile. The device then searches only the
//!   profiles whose mailbox is at the hub of the link; the filter may name one (`profile.id`).
//! - If several keys match, a key of the command's usage (`SIG`, `AUTH`) is preferred; after that,
//!   the order of the key store decides.
//! - The user is asked each time and sees the profile and the key ([`Signing`]).
//! - A filter with an unknown operator, parameter or value, or about a property that the key does
//!   not have, matches nothing, also below `not`.
//!
//! # What it signs
//!
//! The attestation key signs only answers to provision commands. A key of a profile signs four
//! kinds of object, none of which can be mistaken for another:
//!
//! - once, when it is new, its own statement, a JWS whose protected header has a `nonce` and no
//!   `typ`;
//! - then its certificate request, DER that begins with the byte of a SEQUENCE, 0x30;
//! - for `jws`, a JWS whose protected header has the `typ` of its role
//!   ([`SignatureTypes`](crate::hermod::dialect::SignatureTypes)), which the
//!   [proof](crate::hermod::proof) takes for nothing else. The data of the command is the payload
//!   and appears nowhere else;
//! - for `pkcs7`, the signed attributes of a CMS, DER that begins with the byte of a SET, 0x31.
//!   They contain the data of the command only as a digest.
//!
//! A command's author therefore cannot control the prefix of the signed bytes, and there is no raw
//! signature.

mod answering;
mod builder;
mod connector;
mod consent;
mod delivery;
mod error;
mod event;
mod filter;
#[cfg(feature = "client")]
mod http_connector;
mod mailbox;
mod pin_reset;
mod plan;
mod policy;
mod provision;
mod question_text;
mod sign;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::AgentBuilder;
pub use connector::{CertificateSeen, Connection, Connector, InProcessConnector};
pub use consent::{Action, Consent, Decision, Question, QuestionKey, Shown, ShownContent, Signing};
use error::ActivationError;
pub use error::DeviceError;
pub use event::Event;
#[cfg(feature = "client")]
pub use http_connector::HttpConnector;
use mailbox::OpenMailbox;
pub use pin_reset::{PinNonce, PinReset, PinResetRefusal};
pub use policy::DevicePolicy;
use zeroize::Zeroizing;

use crate::crypto::{Provider, Signer};
use crate::encoding::base64::encode_url;
use crate::hermod::Dialect;
use crate::hermod::model::{Activation, DeviceInfo};
use crate::keys::{Channel, KeyStore};
use crate::transport::base_url::is_same;
use crate::{Class, Error, Secret};

/// The maximum number of stored activation links. Anybody can make a link, and links stay stored
/// while the hub is unreachable.
const MAX_ACTIVATIONS: usize = 64;

/// A device. Clones share their state.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use keyferry::crypto::{Curve, KeyKind, Provider, Signer, aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::device::{Agent, Decision, DeviceError, DevicePolicy, Question};
/// use keyferry::hermod::model::DeviceInfo;
/// use keyferry::hermod::wire::{AnyMailboxApi, MailboxKey};
/// use keyferry::keys::MemoryKeyStore;
/// use keyferry::{Class, Error};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Arc::new(AwsLcRs);
/// let attestation: Arc<dyn Signer> = Arc::new(provider.generate(KeyKind::Ec(Curve::P256))?);
/// let agent = Agent::builder(provider.clone())
///     .with_key_store(Arc::new(MemoryKeyStore::new(provider)))
///     // An HTTP client, or `InProcessConnector(hub)` for a hub in the same process.
///     .with_connector(Arc::new(|_: &str, _: MailboxKey| {
///         let error = Error::new(Class::Unavailable, "", "no network in this example");
///         Err::<AnyMailboxApi, _>(error)
///     }))
///     .with_consent(Arc::new(|question: &Question| {
///         if question.user_id == "userA" { Decision::Accept } else { Decision::Refuse }
///     }))
///     .with_attestation_key(attestation)
///     .with_policy(DevicePolicy::new().with_hub("https://hub.example/ms")?)
///     .with_info(DeviceInfo::new("Linux"))
///     .build()?;
///
/// // The policy refuses other hubs before anything is sent.
/// let link = "com.nexusgroup.plugout:///?url=https%3A%2F%2Fevil.example%2Fms%2Fb1&token=t";
/// let elsewhere = agent.activate(link).await;
/// assert!(matches!(
///     elsewhere,
///     Err(DeviceError::Link(error)) if error.class() == Class::TargetRefused
/// ));
///
/// // The network is down: the link is stored, and the next run continues.
/// let link = "com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fb1&token=t";
/// assert!(agent.activate(link).await.is_err());
/// assert_eq!(agent.key_store().activations().await?.len(), 1);
/// let events = agent.run_once().await;
/// assert!(events[0].as_ref().is_err_and(DeviceError::is_retryable));
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(run())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Agent {
    provider: Arc<dyn Provider>,
    keys: Arc<dyn KeyStore>,
    connector: Arc<dyn Connector>,
    consent: Arc<dyn Consent>,
    attestation: Arc<dyn Signer>,
    policy: DevicePolicy,
    info: DeviceInfo,
    pin_reset: Option<Arc<dyn PinReset>>,
    dialect: Dialect,
}

impl Agent {
    /// Starts to build a device. The provider supplies random numbers and digests; [`AgentBuilder`]
    /// takes the rest.
    #[must_use]
    pub fn builder(provider: Arc<dyn Provider>) -> AgentBuilder {
        AgentBuilder::new(provider)
    }

    /// The key store, to list profiles and to use their keys.
    #[must_use]
    pub fn key_store(&self) -> &Arc<dyn KeyStore> {
        &self.keys
    }

    /// Opens an activation link (`com.nexusgroup.plugout:///?url=…&token=…`) and handles its one
    /// message, which it claims with a fresh secret. The link is stored before the hub is
    /// contacted; after an error, [`run_once`](Self::run_once) continues. A link to the mailbox of
    /// an existing profile polls that mailbox.
    ///
    /// Returns the events; none if there was no message.
    ///
    /// # Errors
    /// - [`DeviceError::Link`] of class `malformed` if it is not such a link or has no token,
    ///   `target-refused` if the policy does not name its hub, `conflict` if another link to the
    ///   same mailbox is open, `rate` if 64 links are open;
    /// - [`DeviceError::Hub`] of class `conflict` if another device has claimed the message. Class
    ///   `expired` is reported as [`Event::Ended`] instead;
    /// - the other variants of [`DeviceError`].
    pub async fn activate(&self, uri: &str) -> Result<Vec<Event>, DeviceError> {
        let Activation::Plugout(link) = Activation::parse(uri).map_err(DeviceError::Link)? else {
            return Err(DeviceError::Link(Error::new(
                Class::Malformed,
                "uri",
                "not a link with a mailbox and a token",
            )));
        };
        self.policy.check_address(&link.url).map_err(DeviceError::Link)?;
        if let Some(profile) = self
            .keys
            .profiles()
            .await?
            .into_iter()
            .find(|profile| is_same(&profile.channel.address, &link.url))
        {
            return self.poll(&profile.names.id, Duration::ZERO).await;
        }
        let kept = self.keys.activations().await?;
        if kept.len() >= MAX_ACTIVATIONS && kept.iter().all(|channel| channel.address != link.url) {
            return Err(DeviceError::Link(Error::new(
                Class::Rate,
                "uri",
                "too many links are open",
            )));
        }
        let mut claim = Zeroizing::new(vec![0; self.dialect.limits.claim_bytes]);
        self.provider.fill_random(&mut claim).map_err(DeviceError::Crypto)?;
        let claim = Secret::new(encode_url(&claim));
        let channel = self
            .keys
            .open_activation(Channel::of_message(link.url, link.token.clone(), claim))
            .await?;
        if channel.token != link.token {
            return Err(DeviceError::Link(Error::new(
                Class::Conflict,
                "uri.token",
                "another link into the same mailbox is open",
            )));
        }
        self.resume(&channel).await.into_iter().collect()
    }

    /// Handles the messages in the mailbox of a profile, oldest first, and waits up to `wait` (at
    /// most 60 seconds) for one to arrive. Answers that were stored but not sent are sent first.
    ///
    /// # Errors
    /// [`DeviceError::Link`] of class `not-found` if there is no such profile, `target-refused` if
    /// the policy no longer names its hub; the other variants of [`DeviceError`]. The key store
    /// keeps the results from before the error.
    pub async fn poll(&self, profile_id: &str, wait: Duration) -> Result<Vec<Event>, DeviceError> {
        let Some(profile) = self.keys.profile(profile_id).await? else {
            return Err(DeviceError::Link(Error::new(
                Class::NotFound,
                "profileid",
                "no such profile",
            )));
        };
        self.serve(profile, wait).await.into_iter().collect()
    }

    /// Continues everything that was interrupted, then reads every mailbox once without waiting.
    /// Call it at start and then periodically.
    ///
    /// Returns one result for each message and for each mailbox that failed. A failure does not
    /// keep the other mailboxes from being served.
    pub async fn run_once(&self) -> Vec<Result<Event, DeviceError>> {
        let mut events = Vec::new();
        match self.keys.activations().await {
            Ok(activations) => {
                for channel in activations {
                    events.extend(self.resume(&channel).await);
                }
            }
            Err(error) => events.push(Err(error.into())),
        }
        if let Err(error) = self.sweep().await {
            events.push(Err(error));
        }
        match self.keys.profiles().await {
            Ok(profiles) => {
                for profile in profiles {
                    events.extend(self.serve(profile, Duration::ZERO).await);
                }
            }
            Err(error) => events.push(Err(error.into())),
        }
        events
    }

    /// Deletes a profile: its keys at once, then its mailbox at the hub, then the rest. If the hub
    /// cannot be reached now, [`run_once`](Self::run_once) continues.
    ///
    /// # Errors
    /// As [`poll`](Self::poll). The keys are deleted unless the error is [`DeviceError::Keys`].
    pub async fn delete_profile(&self, profile_id: &str) -> Result<Vec<Event>, DeviceError> {
        self.keys.retire(profile_id).await?;
        self.poll(profile_id, Duration::ZERO).await
    }

    /// Removes pending keys whose mailbox belongs neither to an activation nor to a profile, since
    /// nothing will ever use them.
    async fn sweep(&self) -> Result<(), DeviceError> {
        for pending in self.keys.all_pending().await? {
            let mailbox = &pending.message.mailbox;
            let known =
                self.keys.activations().await?.iter().any(|channel| channel.address == *mailbox)
                    || self
                        .keys
                        .profiles()
                        .await?
                        .iter()
                        .any(|profile| profile.channel.address == *mailbox);
            if !known {
                self.keys.abandon(&pending.message).await?;
            }
        }
        Ok(())
    }

    /// Opens a mailbox, if the policy names its hub.
    async fn open(&self, channel: &Channel) -> Result<OpenMailbox, DeviceError> {
        self.policy.check_address(&channel.address).map_err(DeviceError::Link)?;
        OpenMailbox::open(&*self.connector, channel).await
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("attestation", self.attestation.public_key())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
