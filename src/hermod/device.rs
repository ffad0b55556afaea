//! The device: an agent that turns messages into key store operations and answers.
//!
//! An [`Agent`] opens activation links, reads the mailboxes of its profiles, asks the user
//! ([`Consent`]), makes keys in a [`KeyStore`], answers, and takes certificates. It does what its
//! own [`DevicePolicy`] allows, and opens only the hubs that this names.
//!
//! All that it has to remember stands in the key store, before anything is sent. So any call may be
//! cut short, by an error, by dropping its future, by the power: an agent that is made anew over
//! the same store goes on with [`Agent::run_once`].
//!
//! # What it answers
//!
//! Codes are those of the [dialect](crate::hermod::dialect::ResponseCodes); only 0 is documented.
//!
//! | code | when |
//! |---|---|
//! | 0 | done |
//! | 1 | the user said no |
//! | 2 | a PIN reset without proof of the card's admin key |
//! | 3 | a certificate for a key that the profile does not have; nothing to sign with: no active key that the filter matches, or, for `pkcs7`, none with a certificate |
//! | 4 | a key type, usage, mechanism, format or storage that is not known here, or a mechanism that no matching key is one for; something to sign that is not exactly one item, a content id, too long, or cannot be shown as what it says it is; a PIN reset without [`PinReset`]; a command that is not known |
//! | 5 | a profile that is not this mailbox's, or not there; a card that is not there |
//! | 6 | a certificate that cannot be read, or is for another key |
//! | 7 | the key store failed, or the card |
//! | 8 | against the policy: key type, length, mechanism, storage, overwriting, a request for the certificate of an authority, a mailbox elsewhere |
//! | 99 | anything else: a command that cannot be read, an answer that the hub did not take |
//!
//! # Which key signs
//!
//! Sign and authenticate are answered with an active key that the command's filter matches and that
//! its mechanism is for; never with one for encryption. A command in the mailbox of a profile is
//! about that profile's keys. One that came by an activation link has no profile: then the device
//! looks through all profiles whose mailbox is at the hub that the link led to, and no others; the
//! filter may name one (`profile.id`). Of several keys that are left, a key of the command's own
//! usage (`SIG`, `AUTH`) goes first, then the order of the key store counts. The user is asked each
//! time, and told the profile and the key ([`Signing`]). A filter that has an operator, a parameter
//! or a value that is not known here, or asks for something that the key does not have, matches
//! nothing, also below `not`.
//!
//! # What it signs
//!
//! The attestation key signs answers to provision commands, and nothing else. A key of a profile
//! signs four things, none of which reads as another:
//!
//! - once, when it is new, its own statement, a JWS whose protected header has a `nonce` and no
//!   `typ`;
//! - then its certificate request, DER that begins with the byte of a SEQUENCE, 0x30;
//! - for `jws`, a JWS whose protected header has the `typ` of its role
//!   ([`SignatureTypes`](crate::hermod::dialect::SignatureTypes)), which the
//!   [proof](crate::hermod::proof) takes for nothing else. What the command wants signed is the
//!   payload and nowhere else;
//! - for `pkcs7`, the signed attributes of a CMS, DER that begins with the byte of a SET, 0x31.
//!   What the command wants signed stands in them as a digest.
//!
//! So nobody who writes a command chooses the beginning of what is signed, and there is no raw
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

/// Most activation links that are kept: anybody can make one, and they stay while the hub cannot be
/// asked.
const MAX_ACTIVATIONS: usize = 64;

/// A device. Its clones share everything.
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
///         Err::<AnyMailboxApi, _>(Error::new(Class::Unavailable, "", "no network in this example"))
///     }))
///     .with_consent(Arc::new(|question: &Question| {
///         if question.user_id == "userA" { Decision::Accept } else { Decision::Refuse }
///     }))
///     .with_attestation_key(attestation)
///     .with_policy(DevicePolicy::new().with_hub("https://hub.example/ms")?)
///     .with_info(DeviceInfo::new("Linux"))
///     .build()?;
///
/// // A hub that the device was not set up for is not even asked.
/// let elsewhere = agent.activate("com.nexusgroup.plugout:///?url=https%3A%2F%2Fevil.example%2Fms%2Fb1&token=t").await;
/// assert!(matches!(elsewhere, Err(DeviceError::Link(error)) if error.class() == Class::TargetRefused));
///
/// // The network is down: the link is kept, and the next run goes on.
/// assert!(agent.activate("com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fb1&token=t").await.is_err());
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
    /// Begins a device. The provider is for random numbers and digests; [`AgentBuilder`] takes the
    /// rest.
    #[must_use]
    pub fn builder(provider: Arc<dyn Provider>) -> AgentBuilder {
        AgentBuilder::new(provider)
    }

    /// The key store, to list profiles and to use their keys.
    #[must_use]
    pub fn key_store(&self) -> &Arc<dyn KeyStore> {
        &self.keys
    }

    /// Opens an activation link (`com.nexusgroup.plugout:///?url=…&token=…`) and does what waits
    /// there: one message, claimed with a fresh secret. The link is kept before the hub is asked;
    /// if this ends in an error, [`run_once`](Self::run_once) goes on. A link into a mailbox of one
    /// of the profiles here means to read that.
    ///
    /// Gives what came of it; nothing if no message was there.
    ///
    /// # Errors
    /// [`DeviceError::Link`] of class `malformed` if it is not such a link or has no token,
    /// `target-refused` if the policy does not name its hub, `conflict` if another link into the
    /// same mailbox is open, `rate` if 64 links are; [`DeviceError::Hub`] of class `conflict` if
    /// another device has claimed the message, `expired` never: that is [`Event::Ended`]; and the
    /// others of [`DeviceError`].
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

    /// Reads the mailbox of a profile and does what waits there, oldest first, waiting up to `wait`
    /// (at most 60 seconds) for something to come. What was answered and not sent goes first.
    ///
    /// # Errors
    /// [`DeviceError::Link`] of class `not-found` if there is no such profile, `target-refused` if
    /// the policy no longer names its hub; the others of [`DeviceError`]. What was done before the
    /// error stands in the key store.
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

    /// Goes on with everything that was cut short, then reads every mailbox once without waiting:
    /// what to call at start, and again and again.
    ///
    /// Gives what happened, one result a message or a mailbox that failed. One that fails does not
    /// keep the others from being served.
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

    /// Deletes a profile from this side: its keys at once, then its mailbox at the hub, then the
    /// rest. If the hub cannot be told now, [`run_once`](Self::run_once) goes on.
    ///
    /// # Errors
    /// As [`poll`](Self::poll). The keys are gone unless it is [`DeviceError::Keys`].
    pub async fn delete_profile(&self, profile_id: &str) -> Result<Vec<Event>, DeviceError> {
        self.keys.retire(profile_id).await?;
        self.poll(profile_id, Duration::ZERO).await
    }

    /// Removes keys that no message and no profile will ever ask for: those of a mailbox that is
    /// neither an activation's nor a profile's.
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
