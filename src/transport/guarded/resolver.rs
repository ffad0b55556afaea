//! reqwest, with a resolver that leaves out what must not be called.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ::http::{Request, Response};
use ::reqwest::dns::{Addrs, Name, Resolve, Resolving};
use ::reqwest::{ClientBuilder, Url};
use bytes::Bytes;

use super::GuardedTransport;
use crate::BoxFuture;
use crate::transport::reqwest::ours;
use crate::transport::{
    ReqwestTransport, TargetPolicy, Transport, TransportError, TransportErrorKind,
};

impl GuardedTransport {
    /// The client of [`ReqwestTransport::new`], which connects only to what the policy allows.
    ///
    /// ```no_run
    /// use keyferry::transport::{GuardedTransport, TargetPolicy};
    ///
    /// let policy = TargetPolicy::new().danger_with_host("app.internal");
    /// let transport = GuardedTransport::reqwest(policy)?;
    /// # Ok::<(), keyferry::transport::TransportError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReqwestTransport::new`].
    ///
    /// # Panics
    /// As [`ReqwestTransport::new`].
    pub fn reqwest(policy: TargetPolicy) -> Result<Self, TransportError> {
        Self::reqwest_builder(policy, ours())
    }

    /// Builds the client from the caller's builder, for example with other roots or a client
    /// certificate. Redirects, proxies and the resolver are replaced. Do not map hosts to addresses
    /// in the builder (`resolve` and similar), and do not set another connector or socket: they
    /// take precedence and are not checked.
    ///
    /// # Errors
    /// As [`ReqwestTransport::new`].
    ///
    /// # Panics
    /// As [`ReqwestTransport::new`].
    pub fn reqwest_builder(
        policy: TargetPolicy,
        builder: ClientBuilder,
    ) -> Result<Self, TransportError> {
        Self::with_lookup(
            policy,
            builder,
            Arc::new(|name| {
                Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
            }),
        )
    }

    fn with_lookup(
        policy: TargetPolicy,
        builder: ClientBuilder,
        lookup: Lookup,
    ) -> Result<Self, TransportError> {
        let resolver = Resolver { policy: policy.clone(), lookup };
        let builder =
            builder.no_proxy().https_only(!policy.allows_plain_http()).dns_resolver(resolver);
        let transport = ReqwestTransport::from_builder(builder)?;
        Ok(Self { transport: Arc::new(Literals { policy: policy.clone(), transport }), policy })
    }
}

/// Looks up the addresses of a name.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Resolves a name and drops forbidden addresses. reqwest connects to the addresses that it
/// returns.
struct Resolver {
    policy: TargetPolicy,
    lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, name) = (self.policy.clone(), name.as_str().to_owned());
        let found = (self.lookup)(name.clone());
        Box::pin(async move {
            let found = found.await?;
            let allowed: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|address| policy.permits(&name, address.ip()))
                .collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// All addresses of the name are forbidden.
#[derive(Debug)]
pub(in crate::transport) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to what is inside or special")
    }
}

impl std::error::Error for Refused {}

/// Checks the hosts that reqwest reads as addresses, for which it does not ask the resolver.
struct Literals {
    policy: TargetPolicy,
    transport: ReqwestTransport,
}

impl Transport for Literals {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        // The host as reqwest reads it.
        let url = Url::parse(&request.uri().to_string());
        let host = url.as_ref().ok().and_then(Url::host_str).unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if bare.parse::<IpAddr>().is_ok_and(|address| !self.policy.permits(host, address)) {
            let refused = TransportError::new(
                TransportErrorKind::TargetRefused,
                "an address that is inside or special",
            );
            return Box::pin(std::future::ready(Err(refused)));
        }
        self.transport.send(request)
    }
}

#[cfg(test)]
mod tests;
