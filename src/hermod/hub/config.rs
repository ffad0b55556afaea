//! What a hub is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Digest, Integrators};
use crate::Error;
use crate::hermod::Dialect;
use crate::hermod::wire::{AnyCallbackApi, AnyContentApi};
use crate::jose::Padding;
use crate::transport::base_url::BaseUrl;

/// The configuration of a hub, a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// The address under which devices reach the mailboxes, without a slash at its end:
    /// `https://hub.example/hermod/rest/ms`. Links are made from it, never from what a request
    /// says.
    pub public_url: String,
    /// The name of this host as integrators and devices are told it; devices sign it. The same for
    /// all hubs on one store, as a device may fetch from one and answer to another.
    pub fqdn: String,
    /// The integrators.
    pub integrators: Vec<IntegratorConfig>,
    /// Words and numbers that are not documented.
    pub dialect: Dialect,
    /// Limits.
    pub limits: HubLimits,
    /// How callbacks are tried.
    pub callbacks: CallbackPolicy,
    pub(super) verify_answers: bool,
    /// Whether `=` at the end of the parts of a JWS is tolerated, as apps of earlier years write
    /// it. Refused by default.
    pub padding: Padding,
}

impl HubConfig {
    /// A configuration without integrators, with the defaults for all else.
    ///
    /// # Errors
    /// Class `malformed` if `public_url` is not an absolute address without query, fragment and
    /// user that ends in `/ms`, or `fqdn` is empty, not printable ASCII, or an address.
    pub fn new(public_url: impl Into<String>, fqdn: impl Into<String>) -> Result<Self, Error> {
        let (mut public_url, fqdn) = (public_url.into(), fqdn.into());
        public_url.truncate(public_url.trim_end_matches('/').len());
        let dialect = Dialect::default();
        let config = Self {
            public_url,
            fqdn,
            integrators: Vec::new(),
            limits: HubLimits::default(),
            callbacks: CallbackPolicy::new(&dialect),
            dialect,
            verify_answers: true,
            padding: Padding::Refused,
        };
        config.check()?;
        Ok(config)
    }

    /// Adds an integrator.
    #[must_use]
    pub fn with_integrator(mut self, integrator: IntegratorConfig) -> Self {
        self.integrators.push(integrator);
        self
    }

    /// Accepts provision answers that are not consistent with their command.
    ///
    /// By default the hub accepts a provision answer only if it passes every check of
    /// [`proof`](crate::hermod::proof) except the pin and the certificate hash, with
    /// [`fqdn`](Self::fqdn) as the host name.
    ///
    /// # Security
    /// A device's mailbox is registered although its answer proves nothing. The integrator has to
    /// verify the answer in either case.
    #[must_use]
    pub fn danger_without_verification(mut self) -> Self {
        self.verify_answers = false;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        BaseUrl::parse(&self.public_url).map_err(|error| error.within("public_url"))?;
        if !self.public_url.ends_with("/ms") {
            return Err(Error::malformed("public_url", "does not end in /ms"));
        }
        if self.fqdn.is_empty()
            || !self.fqdn.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
        {
            return Err(Error::malformed("fqdn", "not a host name"));
        }
        Ok(())
    }
}

/// One integrator.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IntegratorConfig {
    /// Its id: the part of its API key before the colon, unique in the hub, without a colon.
    pub id: String,
    /// The digests of its keys: two at a time, so that keys can be changed without a gap; none for
    /// one that is used within the process only.
    pub keys: Vec<Digest>,
    /// The group whose users and mailboxes it shares; `None`: it has its own.
    pub group: Option<String>,
    /// Who gets its callbacks; `None`: nobody, it polls.
    pub callback: Option<AnyCallbackApi>,
    /// Who has the contents that its commands name; `None`: nobody, and such a command is refused.
    pub content: Option<AnyContentApi>,
}

impl IntegratorConfig {
    /// An integrator without key, group, callback and contents.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), keys: Vec::new(), group: None, callback: None, content: None }
    }

    /// Adds a key, by its digest. At most two are valid at a time.
    #[must_use]
    pub fn with_key(mut self, digest: Digest) -> Self {
        self.keys.push(digest);
        self
    }

    /// Puts it into a group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sends its callbacks there.
    #[must_use]
    pub fn with_callback(mut self, callback: AnyCallbackApi) -> Self {
        self.callback = Some(callback);
        self
    }

    /// Takes its contents from there.
    #[must_use]
    pub fn with_content(mut self, content: AnyContentApi) -> Self {
        self.content = Some(content);
        self
    }

    /// The name of its group in the store. A group of its own can never be that of another.
    pub(super) fn group_key(&self) -> String {
        self.group
            .as_ref()
            .map_or_else(|| format!("integrator:{}", self.id), |group| format!("group:{group}"))
    }
}

/// Most keys of one integrator.
const MAX_KEYS: usize = 2;

pub(super) fn index(integrators: Vec<IntegratorConfig>) -> Result<Integrators, Error> {
    let mut index = HashMap::with_capacity(integrators.len());
    for integrator in integrators {
        if integrator.id.is_empty() || integrator.id.contains(':') {
            return Err(Error::malformed("integrators.id", "empty, or with a colon"));
        }
        if integrator.keys.len() > MAX_KEYS {
            return Err(Error::malformed("integrators.keys", "more than two"));
        }
        if index.insert(integrator.id.clone(), Arc::new(integrator)).is_some() {
            return Err(Error::malformed("integrators.id", "twice"));
        }
    }
    Ok(index)
}

/// Limits of a hub, all ours. Those of the protocol itself stand in
/// [`dialect::Limits`](crate::hermod::dialect::Limits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubLimits {
    /// Commands in progress of one integrator: 10,000. Above: `rate`.
    pub commands_in_progress: u32,
    /// Commands of one integrator that are kept, those that have ended included: 100,000. Above:
    /// `rate`.
    pub commands_kept: u32,
    /// Callbacks of one integrator that are not delivered: 10,000. Above, its next command is
    /// refused: `rate`. No callback is dropped.
    pub outbox: u32,
    /// Bytes of commands and answers of one integrator that are stored, with about what their
    /// messages take: 256 MiB. Above, commands and answers are refused: `rate`.
    pub stored_bytes: u64,
    /// Open messages in one permanent mailbox: 256, at most 1024. Above: `rate`.
    pub mailbox_messages: u32,
    /// Permanent mailboxes of one user in one group: 64. Above, a provision answer is refused:
    /// `rate`.
    pub mailboxes_per_user: u32,
    /// Permanent mailboxes of one group, of all its users: 1,000,000. They are kept until they are
    /// removed. Above, as for those of a user.
    pub mailboxes_per_group: u32,
    /// Mailboxes that one command goes to: 256, at most 1024. Above: `too-large`.
    pub destinations: usize,
    /// Bytes of a command other than provision: 1 MiB. Above: `too-large`.
    pub command_bytes: usize,
    /// Bytes of a provision command, which may hold pictures: 4 MiB. Above: `too-large`.
    pub provision_bytes: usize,
    /// Bytes of an answer: 1 MiB. Above: `too-large`.
    pub answer_bytes: usize,
    /// Long polls of one mailbox at a time, in this process: 8. Above: `rate`.
    pub long_polls: u32,
    /// How long a command can be polled after it has ended: 7 days; at least as long as its tokens
    /// are known.
    pub retention: Duration,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            commands_in_progress: 10_000,
            commands_kept: 100_000,
            outbox: 10_000,
            stored_bytes: 256 * 1024 * 1024,
            mailbox_messages: 256,
            mailboxes_per_user: 64,
            mailboxes_per_group: 1_000_000,
            destinations: 256,
            command_bytes: 1024 * 1024,
            provision_bytes: 4 * 1024 * 1024,
            answer_bytes: 1024 * 1024,
            long_polls: 8,
            retention: Duration::from_secs(7 * 86_400),
        }
    }
}

/// How callbacks are tried.
///
/// After a failure, the hub pauses for [`first_delay`](Self::first_delay) and a random time on top.
/// The limit of that time begins at the same delay, doubles with each failure and ends at
/// [`max_delay`](Self::max_delay). If the receiver asks for a longer pause by `Retry-After`, that
/// takes the place of the delay, up to [`Error::MAX_RETRY_AFTER`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackPolicy {
    /// How often a callback is tried before it is given up: 5.
    pub attempts: u32,
    /// The shortest pause, and the first limit of the random time on top: 30 seconds.
    pub first_delay: Duration,
    /// The largest limit of the random time: 1 hour.
    pub max_delay: Duration,
    /// How long one try may take: 30 seconds.
    pub timeout: Duration,
    /// How many are tried at a time: 64.
    pub in_flight: u32,
    /// How many of one integrator, about: 8. One that does not answer cannot take all.
    pub per_integrator: u32,
}

impl CallbackPolicy {
    /// The numbers of the dialect, and the defaults for those that it has not.
    #[must_use]
    pub fn new(dialect: &Dialect) -> Self {
        Self {
            attempts: dialect.limits.callback_attempts,
            first_delay: Duration::from_secs(dialect.limits.callback_retry_delay_secs),
            max_delay: Duration::from_secs(3600),
            timeout: Duration::from_secs(30),
            in_flight: 64,
            per_integrator: 8,
        }
    }
}

impl Default for CallbackPolicy {
    fn default() -> Self {
        Self::new(Dialect::standard())
    }
}
