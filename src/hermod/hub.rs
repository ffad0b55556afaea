//! The hub accepts commands from integrators, keeps them in mailboxes for devices, and returns the
//! answers.
//!
//! A [`Hub`] is a [`Gate`](crate::Gate) for both sides: for an [`ApiKey`](super::wire::ApiKey) it
//! opens to an [`Integrator`], which is a [`CommandApi`](super::wire::CommandApi); for a
//! [`MailboxKey`](super::wire::MailboxKey) to a [`Mailbox`], which is a
//! [`MailboxApi`](super::wire::MailboxApi). Any server of those wires can serve a hub. The hub does
//! no I/O itself: a [`Store`] keeps its state, each integrator's
//! [`AnyCallbackApi`](super::wire::AnyCallbackApi) sends callbacks, a [`Clock`] gives the time and
//! a [`Provider`] the randomness.
//!
//! Poll [`Hub::run`]: it enforces deadlines and sends callbacks. [`Hub::step`] runs one turn of it.
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] {
//! use std::{sync::Arc, time::Duration};
//! use keyferry::{Error, Gate, Secret, crypto::aws_lc_rs::AwsLcRs};
//! use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
//! use keyferry::hermod::model::{
//!     Activation, Answer, Command, CommandHeader, PingCommand, PingResponse, Response, State,
//! };
//! use keyferry::hermod::wire::{ApiKey, CommandApi, MailboxApi, MailboxKey};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let key = Secret::new("5f0c…");
//! let config = HubConfig::new("https://hub.example/ms", "hub.example")?
//!     .with_integrator(IntegratorConfig::new("shop").with_key(Digest::of(&AwsLcRs, &key)));
//! let hub = Hub::builder(Arc::new(AwsLcRs), config).build()?;
//!
//! // The integrator asks for a temporary mailbox and shows the link.
//! let integrator = hub.open(ApiKey::new("shop", key)).await?;
//! let command = Command::new(CommandHeader::new(300, 300), PingCommand::new(false));
//! let submitted = integrator.submit(command).await?;
//! let Activation::Plugout(link) = submitted.destinations[0].activation()? else { unreachable!() };
//!
//! // The device opens it: the link's token, and a claim of its own (32 random bytes as base64url).
//! let claim = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
//! let key = MailboxKey::of_message(link.bid().unwrap(), link.token.clone(), claim);
//! let mailbox = hub.open(key).await?;
//! let listed = mailbox.list(Duration::ZERO).await?.messages.remove(0);
//! let message = mailbox.fetch(&listed.mid).await?;
//! let answer = Answer::new(message.header.location, Response::Ping(PingResponse::new(0)));
//! mailbox.answer(&listed.mid, &answer.to_json()).await?;
//!
//! assert_eq!(integrator.poll(&submitted.command_id).await?.state, State::COMPLETED);
//! # Ok::<(), Error>(())
//! # }).unwrap();
//! # }
//! # Ok::<(), keyferry::Error>(())
//! ```
//!
//! # Guarantees
//!
//! - **`Ok` means stored.** Each change is one step of the store, which runs to completion even if
//!   the caller disconnects.
//! - **Callers are isolated.** An integrator's command is `not-found` for every other integrator;
//!   mailboxes belong to a group; a token that does not open an object gets `unauthorized` or
//!   `not-found`, and no further information.
//! - **An answer counts once.** Repeating the same bytes succeeds; a different answer is a
//!   `conflict`.
//! - **A command ends once**, at its first accepted success, when every device has refused, or at
//!   the earlier of `lifespan` and `timeout`. (Delete is the exception: it ends when every mailbox
//!   has answered.)
//! - **Callbacks arrive at least once**, with a stable id, and are never dropped silently: see
//!   [`Hub::failed_deliveries`].
//! - **Keys, tokens and claims** are stored as digests. Activation tokens, which polls and
//!   callbacks repeat, are stored masked as well: see [`HubBuilder::with_seal_key`].
//! - **All resources are limited**: see [`HubLimits`].
//! - **No device sees the id of a content**: the hub fetches each content from the integrator's
//!   [`AnyContentApi`](super::wire::AnyContentApi) before it stores the command, or refuses the
//!   command.
//!
//! The vendor does not document how devices talk to a hub; the wire of this crate is described at
//! [`MailboxApi`](super::wire::MailboxApi) and [`Mailbox`].

mod answer;
#[cfg(feature = "client")]
mod api_user;
mod builder;
mod check;
mod config;
mod content;
mod digest;
mod gate;
mod ids;
mod in_flight;
mod integrator;
mod mailbox;
mod outbox;
mod run;
mod seal;
mod store;
mod submit;
mod time;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

#[cfg(feature = "client")]
pub use api_user::integrator_config;
pub use builder::HubBuilder;
pub use config::{CallbackPolicy, HubConfig, HubLimits, IntegratorConfig};
pub use digest::Digest;
pub use integrator::Integrator;
pub use mailbox::Mailbox;
pub use store::{
    AcceptAnswer, AfterAnswer, Claim, Claimed, CommandRecord, CommandState, Completion,
    DeliveryOutcome, DeliveryRecord, DeliveryState, MailboxRecord, MailboxState, MemoryStore,
    MessageRecord, MessageState, NewCommand, Quota, Registration, Reserve, Store, StoredJson,
    TakeDeliveries, TokenRecord, Topic, Unfinished,
};
pub use time::UnixMillis;

use crate::crypto::Provider;
use crate::{Class, Clock, Error};
use seal::Seal;

/// A hub. Its clones are the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    provider: Arc<dyn Provider>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    config: HubConfig,
    integrators: RwLock<Integrators>,
    seal: Seal,
    listeners: mailbox::Listeners,
    active: outbox::ActiveDeliveries,
}

type Integrators = HashMap<String, Arc<IntegratorConfig>>;

impl Hub {
    /// Begins a hub: what it is made of has defaults, in [`HubBuilder`].
    #[must_use]
    pub fn builder(provider: Arc<dyn Provider>, config: HubConfig) -> HubBuilder {
        HubBuilder::new(provider, config)
    }

    /// The configuration. Its integrators are those that the hub was made with.
    #[must_use]
    pub fn config(&self) -> &HubConfig {
        &self.0.config
    }

    /// An integrator's handle without its key, for use within the process.
    ///
    /// # Errors
    /// Class `not-found` if it is not configured.
    pub fn integrator(&self, id: &str) -> Result<Integrator, Error> {
        let config = self
            .0
            .integrator(id)
            .ok_or_else(|| Error::new(Class::NotFound, "integrator", "not configured"))?;
        Ok(Integrator::new(self.0.clone(), &config))
    }

    /// Replaces the integrators: to rotate a key, add the new digest, change the callers, take the
    /// old digest away. Handles that were opened before stay open. Commands of an integrator that
    /// is gone are kept; their callbacks are retried until they are given up.
    ///
    /// # Errors
    /// Class `malformed` as for [`HubBuilder::build`]; nothing has changed then.
    pub fn set_integrators(&self, integrators: Vec<IntegratorConfig>) -> Result<(), Error> {
        let integrators = config::index(integrators)?;
        *self.0.integrators.write().unwrap_or_else(PoisonError::into_inner) = integrators;
        Ok(())
    }
}

impl Inner {
    fn now(&self) -> UnixMillis {
        self.clock.now().into()
    }

    fn integrator(&self, id: &str) -> Option<Arc<IntegratorConfig>> {
        self.integrators.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn box_url(&self, bid: &str) -> String {
        format!("{}/{bid}", self.config.public_url)
    }

    fn location(&self, message: &MessageRecord) -> String {
        format!("{}/{}/{}", self.config.public_url, message.bid, message.mid)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// The one answer to every credential that does not fit.
fn unauthorized() -> Error {
    Error::new(Class::Unauthorized, "", "no credential, or one that does not fit")
}
