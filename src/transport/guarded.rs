//! A transport that calls only what it may.

#[cfg(feature = "reqwest")]
mod resolver;

use std::fmt;
use std::sync::Arc;

use ::http::{Request, Response, Uri};
use bytes::Bytes;

#[cfg(feature = "reqwest")]
pub(super) use self::resolver::Refused;
use super::{TargetPolicy, Transport, TransportError, TransportErrorKind};
use crate::BoxFuture;

/// A transport that checks each address when it connects, so that a name that is resolved anew
/// cannot lead inside. It follows no redirects and uses no proxy. What must not be called fails
/// with kind [`TargetRefused`](TransportErrorKind::TargetRefused), class `target-refused`, before
/// a byte is sent.
///
/// Only constructors of this crate make one: those with reqwest check all of it. A name may lead to
/// several addresses: those that are refused are left out, the connection is made to one of the
/// others, and there is a refusal if none is left. Between the check and the connection nothing is
/// resolved again.
#[derive(Clone)]
pub struct GuardedTransport {
    policy: TargetPolicy,
    transport: Arc<dyn Transport>,
}

impl GuardedTransport {
    /// Takes a transport of the caller's own, **which has to check the addresses that it connects
    /// to itself**, by [`TargetPolicy::permits`], and to follow no redirects: only how an address
    /// is written is checked here.
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
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        match check(&self.policy, request.uri()) {
            Ok(()) => self.transport.send(request),
            Err(detail) => Box::pin(std::future::ready(Err(TransportError::new(
                TransportErrorKind::TargetRefused,
                detail,
            )))),
        }
    }
}

/// What is wrong with how an address is written, if something is.
fn check(policy: &TargetPolicy, uri: &Uri) -> Result<(), &'static str> {
    let (is_https, default_port) = match uri.scheme_str() {
        Some("https") => (true, 443),
        Some("http") => (false, 80),
        _ => return Err("neither http nor https"),
    };
    let authority = uri.authority().ok_or("no host")?;
    if authority.as_str().contains('@') {
        return Err("a user before the host");
    }
    // What follows the host is a port, or nothing.
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":") => default_port,
        _ => authority.port_u16().ok_or("not a port")?,
    };
    policy.check_parts(is_https, authority.host(), port)
}

impl fmt::Debug for GuardedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedTransport").field("policy", &self.policy).finish_non_exhaustive()
    }
}
