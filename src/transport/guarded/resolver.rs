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
    /// let transport = GuardedTransport::reqwest(TargetPolicy::new().danger_with_host("app.internal"))?;
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

    /// A client of the caller's builder: with own roots, say, or a client certificate. Its
    /// redirects, its proxies and its resolver are replaced. Do not tie hosts to addresses in it
    /// (`resolve` and the like), nor give it a connector or a socket of another kind: those are
    /// asked first, and not checked.
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

/// What a name leads to.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Gives a name's addresses without those that must not be called. What it gives is what is
/// connected to.
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

/// A name that leads nowhere but to where nothing may be called.
#[derive(Debug)]
pub(in crate::transport) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to what is inside or special")
    }
}

impl std::error::Error for Refused {}

/// Checks the hosts that reqwest reads as addresses, for which it asks no resolver.
struct Literals {
    policy: TargetPolicy,
    transport: ReqwestTransport,
}

impl Transport for Literals {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        // As reqwest reads it.
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
mod tests {
    use std::net::TcpListener;
    use std::sync::Mutex;

    use super::*;
    use crate::{Class, Error};

    /// A guard whose names lead to these addresses, one list after the other.
    fn guard(policy: TargetPolicy, answers: &[&[SocketAddr]]) -> GuardedTransport {
        GuardedTransport::with_lookup(policy, builder(), lookup(answers)).unwrap()
    }

    fn lookup(answers: &[&[SocketAddr]]) -> Lookup {
        let answers =
            Mutex::new(answers.iter().rev().map(|answer| answer.to_vec()).collect::<Vec<_>>());
        Arc::new(move |_| {
            let answer = answers.lock().unwrap().pop().unwrap();
            Box::pin(async move { Ok(answer) })
        })
    }

    fn builder() -> ClientBuilder {
        // The process's provider of rustls, which reqwest is built without here. It may be there
        // already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        reqwest::Client::builder().tls_certs_only([])
    }

    async fn send(guard: &GuardedTransport, url: &str) -> Result<Response<Bytes>, TransportError> {
        guard.send(Request::builder().uri(url).body(Bytes::new()).unwrap()).await
    }

    /// A socket that nobody may connect to.
    struct Inside(TcpListener);

    impl Inside {
        fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            Self(listener)
        }

        fn address(&self) -> SocketAddr {
            self.0.local_addr().unwrap()
        }

        #[track_caller]
        fn was_left_alone(&self) {
            assert_eq!(self.0.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_when_it_connects() {
        let inside = Inside::new();
        let policy = TargetPolicy::new().danger_with_plain_http();
        let url = format!("http://callback.example:{}/", inside.address().port());
        policy.check(&crate::BaseUrl::parse(&url).unwrap()).unwrap();
        let mapped = "[::ffff:127.0.0.1]:0".parse().unwrap();
        let guard = guard(policy, &[&[inside.address()], &[mapped], &[inside.address(), mapped]]);
        for _ in 0..3 {
            let error = send(&guard, &url).await.unwrap_err();
            assert_eq!(error.kind(), TransportErrorKind::TargetRefused);
            assert!(!error.may_have_arrived());
            assert_eq!(Error::from(error).class(), Class::TargetRefused);
        }
        inside.was_left_alone();
    }

    /// Rebinding: what it led to before is no promise of what it leads to now.
    #[tokio::test]
    async fn a_name_that_led_outside_and_now_leads_inside_is_refused() {
        let inside = Inside::new();
        let outside = addresses(&["93.184.215.14"]);
        let policy = TargetPolicy::new().danger_with_plain_http();
        let lookup = lookup(&[&outside, &[inside.address()]]);
        let resolver = Resolver { policy: policy.clone(), lookup: lookup.clone() };
        let found = resolver
            .resolve("callback.example".parse().unwrap())
            .await
            .unwrap_or_else(|_| panic!("it leads outside"));
        assert_eq!(found.collect::<Vec<_>>(), outside);
        let guard = GuardedTransport::with_lookup(policy, builder(), lookup).unwrap();
        let error = send(&guard, &format!("http://callback.example:{}/", inside.address().port()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::TargetRefused);
        inside.was_left_alone();
    }

    #[tokio::test]
    async fn of_several_addresses_those_inside_are_left_out() {
        let all = addresses(&[
            "10.0.0.1",
            "93.184.215.14",
            "::1",
            "2606:2800:21f::1",
            "169.254.169.254",
            "64:ff9b::a00:1",
        ]);
        let resolver = Resolver { policy: TargetPolicy::new(), lookup: lookup(&[&all]) };
        let found = resolver
            .resolve("callback.example".parse().unwrap())
            .await
            .unwrap_or_else(|_| panic!("some lead outside"));
        assert_eq!(found.collect::<Vec<_>>(), addresses(&["93.184.215.14", "2606:2800:21f::1"]));
    }

    #[tokio::test]
    async fn a_host_that_is_allowed_by_name_may_lead_inside() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            stream
        });
        let policy = TargetPolicy::new().danger_with_plain_http().danger_with_host("app.internal");
        let guard = guard(policy, &[&[address], &[address]]);
        assert_eq!(
            send(&guard, &format!("http://app.internal:{}/", address.port())).await.unwrap().body(),
            "ok"
        );
        let error = send(&guard, &format!("http://app.internal.example:{}/", address.port()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::TargetRefused);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_is_unreachable() {
        let guard = guard(TargetPolicy::new(), &[&[]]);
        assert_eq!(
            send(&guard, "https://callback.example/").await.unwrap_err().kind(),
            TransportErrorKind::Unreachable
        );
    }
}
