//! A transport that calls only allowed addresses.

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

/// A transport that checks each address when it connects, so that resolving a name again cannot
/// lead into the internal network. It follows no redirects and uses no proxy. A call to a forbidden
/// address fails with kind [`TargetRefused`](TransportErrorKind::TargetRefused), class
/// `target-refused`, before a byte is sent.
///
/// Only constructors of this crate create one; those with reqwest check everything. If a name has
/// several addresses, forbidden ones are dropped, and the call is refused only if none remain.
/// Nothing is resolved again between the check and the connection.
#[derive(Clone)]
pub struct GuardedTransport {
    policy: TargetPolicy,
    transport: Arc<dyn Transport>,
}

impl GuardedTransport {
    /// Wraps the caller's transport, **which itself has to check the addresses that it connects
    /// to** with [`TargetPolicy::permits`], and must not follow redirects. The wrapper checks only
    /// the text of an address.
    #[must_use]
    pub fn danger_unguarded(policy: TargetPolicy, transport: Arc<dyn Transport>) -> Self {
        Self { policy, transport }
    }

    /// The policy for addresses.
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

/// The fault in the text of an address, if there is one.
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
    // After the host comes a port, or nothing.
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
