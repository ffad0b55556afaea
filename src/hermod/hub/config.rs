//! The configuration of a hub.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Digest, Integrators};
use crate::Error;
use crate::hermod::Dialect;
use crate::hermod::wire::{AnyCallbackApi, AnyContentApi};
use crate::jose::Padding;
use crate::transport::base_url::BaseUrl;

/// The configuration of a hub.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// The address under which devices reach the mailboxes, without a trailing slash:
    /// `https://hub.example/hermod/rest/ms`. Links are built from it, never from a request.
    pub public_url: String,
    /// The host name of this hub as integrators and devices see it; devices sign it. All hubs on
    /// one store share it, because a device may fetch from one hub and answer to another.
    pub fqdn: String,
    /// The integrators that the hub knows.
    pub integrators: Vec<IntegratorConfig>,
    /// The words and numbers that the protocol does not document.
    pub dialect: Dialect,
    /// The limits that the hub enforces.
    pub limits: HubLimits,
    /// The retry policy for callbacks.
    pub callbacks: CallbackPolicy,
    pub(super) verify_answers: bool,
    /// Whether `=` at the end of the parts of a JWS is tolerated, as apps of earlier years write
    /// it. Refused by default.
    pub padding: Padding,
}

impl HubConfig {
    /// Creates a configuration without integrators and with defaults for everything else.
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
    /// The hub registers a device's mailbox although the answer proves nothing. The integrator has
    /// to verify the answer in either case.
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
    /// The id: the part of the API key before the colon. It is unique in the hub and has no colon.
    pub id: String,
    /// The digests of the integrator's keys. Two can be valid at a time, so that keys can be
    /// rotated without a gap; an integrator used only within the process needs none.
    pub keys: Vec<Digest>,
    /// The group whose users and mailboxes the integrator shares. `None` gives it a group for
    /// itself.
    pub group: Option<String>,
    /// The receiver of callbacks. With `None`, the integrator has to poll.
    pub callback: Option<AnyCallbackApi>,
    /// The provider of the contents that commands name. With `None`, such commands are refused.
    pub content: Option<AnyContentApi>,
}

impl IntegratorConfig {
    /// Creates an integrator without key, group, callback and contents.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), keys: Vec::new(), group: None, callback: None, content: None }
    }

    /// Adds the digest of a key. At most two keys are valid at a time.
    #[must_use]
    pub fn with_key(mut self, digest: Digest) -> Self {
        self.keys.push(digest);
        self
    }

    /// Puts the integrator into a group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the receiver of callbacks.
    #[must_use]
    pub fn with_callback(mut self, callback: AnyCallbackApi) -> Self {
        self.callback = Some(callback);
        self
    }

    /// Sets the provider of contents.
    #[must_use]
    pub fn with_content(mut self, content: AnyContentApi) -> Self {
        self.content = Some(content);
        self
    }

    /// The name of the group in the store. The private group of an integrator never equals a named
    /// group.
    pub(super) fn group_key(&self) -> String {
        self.group
            .as_ref()
            .map_or_else(|| format!("integrator:{}", self.id), |group| format!("group:{group}"))
    }
}

/// The maximum number of keys of one integrator.
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

/// Limits of a hub. All of them are this crate's choice; those of the protocol itself are in
/// [`dialect::Limits`](crate::hermod::dialect::Limits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubLimits {
    /// Commands in progress of one integrator: 10,000. Above: `rate`.
    pub commands_in_progress: u32,
    /// Commands of one integrator that are kept, those that have ended included: 100,000. Above:
    /// `rate`.
    pub commands_kept: u32,
    /// Undelivered callbacks of one integrator: 10,000. Above, its next command is refused: `rate`.
    /// No callback is dropped.
    pub outbox: u32,
    /// Bytes of stored commands and answers of one integrator, including an estimate for their
    /// messages: 256 MiB. Above, commands and answers are refused: `rate`.
    pub stored_bytes: u64,
    /// Open messages in one permanent mailbox: 256, at most 1024. Above: `rate`.
    pub mailbox_messages: u32,
    /// Permanent mailboxes of one user in one group: 64. Above, a provision answer is refused:
    /// `rate`.
    pub mailboxes_per_user: u32,
    /// Permanent mailboxes of one group, over all its users: 1,000,000. They are kept until they
    /// are removed. Above, a provision answer is refused: `rate`.
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

/// How callbacks are retried.
///
/// After a failure, the hub pauses for [`first_delay`](Self::first_delay) and a random time on top.
/// The limit of that time begins at the same delay, doubles with each failure and ends at
/// [`max_delay`](Self::max_delay). If the receiver asks for a longer pause by `Retry-After`, that
/// takes the place of the delay, up to [`Error::MAX_RETRY_AFTER`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackPolicy {
    /// The number of attempts before a callback is given up: 5.
    pub attempts: u32,
    /// The shortest pause, and the first limit of the random time on top: 30 seconds.
    pub first_delay: Duration,
    /// The largest limit of the random time: 1 hour.
    pub max_delay: Duration,
    /// The maximum duration of one attempt: 30 seconds.
    pub timeout: Duration,
    /// The maximum number of concurrent attempts: 64.
    pub in_flight: u32,
    /// The approximate number of concurrent attempts for one integrator: 8. It keeps an integrator
    /// that does not answer from taking all of them.
    pub per_integrator: u32,
}

impl CallbackPolicy {
    /// The numbers of the dialect, and defaults for the limits that it does not contain.
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
