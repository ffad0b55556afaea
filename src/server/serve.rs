//! Accepts connections and serves a service on hyper, so that no peer can take all places.
//!
//! [`Server`] enforces [`ConnectionLimits`] that frameworks leave open: the number of connections
//! in total and from one address, the number of those that have not sent their first request or are
//! idle, the time for the head of a request, and the time that a peer may leave a response unread.
//! You choose the TLS library: any closure can be a [`Handshake`].
//!
//! ```
//! use keyferry::{Class, Error};
//! use keyferry::hermod::server::HermodService;
//! use keyferry::server::serve::Server;
//! use keyferry::hermod::wire::{ApiKey, AnyCommandApi};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let refused = || Error::new(Class::Unauthorized, "", "nobody is let in here");
//! # let nobody = move |_: ApiKey| Err::<AnyCommandApi, _>(refused());
//! let service = HermodService::builder("/hermod/rest").with_commands(nobody).build()?;
//! let drain = service.config().drain.clone();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # drain.begin();
//! // Resolves once `drain.begin()` was called and what was under way is done.
//! let undone = Server::new(service).with_drain(drain).serve(listener).await;
//! assert!(undone.is_nothing());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Which connection is closed when a limit is reached
//!
//! - When one address has reached its number of connections, the oldest of them that has not proved
//!   a credential is closed, or else the one that has been idle for longest. If all of them are
//!   proved and busy, the new one is closed.
//! - When too many have not sent their first request, the oldest of these is closed.
//! - When the total is reached, the oldest that has not proved a credential is closed, or else the
//!   one that has been idle for longest. If all are proved and busy, the new one waits.
//! - When too many are idle, the one that has been idle for longest is closed.
//!
//! A connection has proved a credential once a gate accepted a request on it. IPv6 addresses of one
//! /64 count as one address. Idle connections are closed between two requests.

mod connections;
mod write_timeout;

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower_service::Service;
use tracing::{debug, info, warn};

use self::connections::{Admission, Connections, Place, Wish};
use self::write_timeout::WriteTimeout;
use super::{Drain, PeerAddr, Proxies};
use crate::clock::or_deadline;
use crate::server::on_proof::OnProof;

/// Limits on the number and the time of connections. All of them are this crate's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Connections: 1024.
    pub total: usize,
    /// Connections from one IPv4 address or one /64 of IPv6 addresses: 256. Those of the named
    /// [proxies](Server::with_proxies) are not counted.
    pub per_address: usize,
    /// Connections that have not sent the head of their first request, the TLS handshake included:
    /// 512.
    pub half_open: usize,
    /// Connections that wait for another request: 512.
    pub idle: usize,
    /// The time for the TLS handshake, for the head of each request, and for a connection without a
    /// request: 10 seconds.
    pub head_time: Duration,
    /// The time in which the peer has to read some of a response: 10 seconds.
    pub write_time: Duration,
    /// The time for requests in progress after the drain has begun: 30 seconds.
    pub drain_time: Duration,
    /// Bytes of the buffer of a connection, which has to hold the head of a request: 64 KiB; at
    /// least 8 KiB.
    pub buffer_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 1024,
            per_address: 256,
            half_open: 512,
            idle: 512,
            head_time: Duration::from_secs(10),
            write_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(30),
            buffer_bytes: 64 * 1024,
        }
    }
}

/// Turns a connection into the stream that requests are read from, for example by TLS.
///
/// Any closure implements it. To pass the client's certificate to the service, implement the trait
/// and put the certificate into the extensions, which every request of the connection gets.
///
/// ```
/// # use tokio_rustls::TlsAcceptor;
/// # use keyferry::hermod::server::HermodService;
/// # use keyferry::server::serve::Server;
/// # fn with_tls(acceptor: TlsAcceptor, service: HermodService) {
/// let server = Server::new(service).with_handshake(move |stream| acceptor.accept(stream));
/// # drop(server);
/// # }
/// ```
pub trait Handshake: Send + Sync + 'static {
    /// The type of the stream.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Performs the handshake.
    ///
    /// # Errors
    /// Any error closes the connection.
    fn handshake(
        &self,
        stream: TcpStream,
        extensions: &mut Extensions,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<F, Fut, T> Handshake for F
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<T>> + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = T;

    fn handshake(
        &self,
        stream: TcpStream,
        _: &mut Extensions,
    ) -> impl Future<Output = io::Result<T>> + Send {
        self(stream)
    }
}

/// No handshake: plain HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Handshake for Plain {
    type Stream = TcpStream;

    async fn handshake(&self, stream: TcpStream, _: &mut Extensions) -> io::Result<TcpStream> {
        Ok(stream)
    }
}

/// The work that was not finished when the time of a drain was up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undone {
    /// Requests, without long polls. A handler that changes state may still run to completion.
    pub requests: usize,
    /// Long polls.
    pub long_polls: usize,
    /// Connections.
    pub connections: usize,
}

impl Undone {
    /// Whether all work was finished.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Serves a service over HTTP/1: see [the module](self).
#[derive(Clone)]
pub struct Server<S, H = Plain> {
    service: S,
    handshake: H,
    limits: ConnectionLimits,
    proxies: Proxies,
    drain: Drain,
}

impl<S> Server<S> {
    /// Creates a server for this service, with plain HTTP and the default limits. It takes any
    /// tower service for hyper's requests, including routers.
    #[must_use]
    pub fn new(service: S) -> Self {
        Self {
            service,
            handshake: Plain,
            limits: ConnectionLimits::default(),
            proxies: Proxies::none(),
            drain: Drain::new(),
        }
    }
}

impl<S, H> Server<S, H> {
    /// Sets the handshake.
    #[must_use]
    pub fn with_handshake<T: Handshake>(self, handshake: T) -> Server<S, T> {
        let Self { service, limits, proxies, drain, .. } = self;
        Server { service, handshake, limits, proxies, drain }
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Exempts the addresses of these proxies from the limit on connections from one address,
    /// because a proxy forwards the requests of many clients. Set [`ServerConfig::proxies`] as
    /// well.
    ///
    /// [`ServerConfig::proxies`]: super::ServerConfig::proxies
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Sets the drain that ends the server. It has to be the drain of the service.
    #[must_use]
    pub fn with_drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// Serves until the drain has begun and all requests in progress are finished, or its time is
    /// up.
    pub async fn serve<B>(self, listener: TcpListener) -> Undone
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        H: Handshake,
    {
        let Self { service, handshake, limits, proxies, drain } = self;
        let shared = Arc::new((handshake, limits));
        let limits = &shared.1;
        let connections = Connections::new(limits);
        loop {
            let Some(accepted) = or_deadline(listener.accept(), drain.begun()).await else { break };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // For example, no file descriptors are left. Connections without a valid
                    // credential make room.
                    warn!(error = %error.kind(), "no connection can be accepted");
                    connections.make_room();
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let address = (!proxies.contains(peer.ip())).then(|| peer.ip());
            let admitted = or_deadline(admit(&connections, peer, address), drain.begun()).await;
            let Some(Some((place, wish))) = admitted else { continue };
            // Small responses must not wait for more data.
            let _ = stream.set_nodelay(true);
            let (service, shared) = (service.clone(), shared.clone());
            tokio::spawn(
                async move { connection(stream, peer, service, &shared, place, wish).await },
            );
        }
        // From here on no connection is accepted.
        drop(listener);
        let (requests, long_polls) = (drain.requests(), drain.long_polls());
        info!(requests, long_polls, connections = connections.count(), "ending");
        let _ = timeout(limits.drain_time, async {
            drain.drained().await;
            connections.finish().await;
        })
        .await;
        let undone = Undone {
            requests: drain.requests(),
            long_polls: drain.long_polls(),
            connections: connections.count(),
        };
        if !undone.is_nothing() {
            let Undone { requests, long_polls, connections } = undone;
            warn!(requests, long_polls, connections, "ended with some undone");
        }
        connections.close();
        undone
    }
}

impl<S, H> fmt::Debug for Server<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Returns a place for a connection, or `None` if there is none for it.
async fn admit(
    connections: &Arc<Connections>,
    peer: SocketAddr,
    address: Option<std::net::IpAddr>,
) -> Option<(Place, watch::Receiver<Wish>)> {
    loop {
        let freed = connections.freed();
        let mut freed = pin!(freed);
        // Registered before the check, so that no notification is missed in between.
        freed.as_mut().enable();
        match connections.admit(peer.ip(), address) {
            Admission::Admitted(place, wish) => return Some((place, wish)),
            Admission::Refused => return None,
            Admission::Full => freed.await,
        }
    }
}

async fn connection<S, B, H>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    (handshake, limits): &(H, ConnectionLimits),
    place: Place,
    mut wish: watch::Receiver<Wish>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    H: Handshake,
{
    let mut extensions = Extensions::new();
    let stream = {
        let handshake = timeout(limits.head_time, handshake.handshake(stream, &mut extensions));
        match or_deadline(handshake, changed(&mut wish)).await {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => return debug!(error = %error.kind(), "no handshake"),
            Some(Err(_)) | None => return,
        }
    };
    let place = Arc::new(place);
    let proof = OnProof(Arc::new({
        let place = place.clone();
        move || place.proved()
    }));
    extensions.insert(PeerAddr(peer));
    extensions.insert(proof);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().extend(extensions.clone());
        let (mut service, work) = (service.clone(), place.begin());
        async move {
            match poll_fn(|context| service.poll_ready(context)).await {
                Ok(()) => {}
                Err(never) => match never {},
            }
            let answer = service.call(request).await;
            drop(work);
            answer
        }
    });
    // hyper itself waits without limit for a peer to read a response.
    let stream = TokioIo::new(WriteTimeout::new(stream, limits.write_time));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.head_time);
    server.max_buf_size(limits.buffer_bytes.max(8 * 1024));
    let mut connection = pin!(server.serve_connection(stream, service));
    loop {
        match or_deadline(connection.as_mut(), changed(&mut wish)).await {
            // The peer decides how a connection ends.
            Some(_) => return,
            None => match *wish.borrow() {
                Wish::Stay => {}
                Wish::Finish => connection.as_mut().graceful_shutdown(),
                Wish::Close => return,
            },
        }
    }
}

/// Resolves when the wish changes, and never again once its sender is gone.
async fn changed(wish: &mut watch::Receiver<Wish>) {
    if wish.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
