//! A transport that calls only what it may.

use std::fmt;
use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;

use super::{TargetPolicy, Transport, TransportError};
use crate::BoxFuture;

/// A transport that checks each address when it connects, so that a name that is resolved anew cannot lead inside. It follows no redirects and uses no proxy.
///
/// Only constructors of this crate make one.
#[derive(Clone)]
pub struct GuardedTransport {
    policy: TargetPolicy,
    transport: Arc<dyn Transport>,
}

impl GuardedTransport {
    /// Takes a transport of the caller's own, **which has to check the addresses that it connects to itself**: only how an address is written is checked
    /// here.
    #[must_use]
    pub fn danger_unguarded(policy: TargetPolicy, transport: Arc<dyn Transport>) -> Self {
        Self { policy, transport }
    }

    /// What may be called.
    #[must_use]
    pub fn policy(&self) -> &TargetPolicy {
        &self.policy
    }
}

impl Transport for GuardedTransport {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.transport.send(request)
    }
}

impl fmt::Debug for GuardedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedTransport").field("policy", &self.policy).finish_non_exhaustive()
    }
}
