//! What a server is told, and what its services share.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::http::HeaderName;

use super::callers::Callers;
use super::repeats::Repeats;
use super::{Drain, ServerLimits};
use crate::hermod::Dialect;
use crate::{Clock, SystemClock};

/// What a server is told, a value.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Words, paths and header names that are not documented. A hub and its server have the same.
    pub dialect: Dialect,
    /// Limits.
    pub limits: ServerLimits,
    /// What time it is; the system's clock by default.
    pub clock: Arc<dyn Clock>,
    /// Ends the server in good order; one of its own by default. A clone shares it.
    pub drain: Drain,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            limits: ServerLimits::default(),
            clock: Arc::new(SystemClock),
            drain: Drain::default(),
        }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dialect, limits, drain, .. } = self;
        f.debug_struct("ServerConfig")
            .field("dialect", dialect)
            .field("limits", limits)
            .field("drain", drain)
            .finish_non_exhaustive()
    }
}

/// What the requests of one server have in common.
pub(super) struct Core {
    pub(super) config: ServerConfig,
    pub(super) tenants: Arc<Callers>,
    pub(super) mailboxes: Arc<Callers>,
    pub(super) repeats: Arc<Repeats>,
    /// `None` if the dialect's is none.
    pub(super) request_id: Option<HeaderName>,
    ids: (RandomState, RandomState, AtomicU64),
}

impl Core {
    pub(super) fn new(config: ServerConfig) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Self {
            tenants: Callers::new(limits.tenant_rate, limits.tenant_concurrent, 0, limits.callers),
            mailboxes: Callers::new(
                limits.mailbox_rate,
                limits.mailbox_concurrent,
                limits.mailbox_long_polls,
                limits.callers,
            ),
            repeats: Repeats::new(limits.callbacks),
            request_id: HeaderName::try_from(&*config.dialect.headers.request_id).ok(),
            ids: (RandomState::new(), RandomState::new(), AtomicU64::new(0)),
            config,
        })
    }

    /// The id of a request: 32 hexadecimal digits, unlike every other. It is no secret, so the
    /// keyed hash of the standard library over a count will do.
    pub(super) fn new_request_id(&self) -> String {
        let count = self.ids.2.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{:016x}", self.ids.0.hash_one(count), self.ids.1.hash_one(count))
    }
}
