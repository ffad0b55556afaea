//! A service on the crate's own server, with TLS, and an end that waits for what is under way.

use std::time::Duration;

use keyferry::hermod::server::serve::{ConnectionLimits, Server};
use keyferry::hermod::server::{Drain, HermodService};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How connections are accepted.
pub struct Door {
    /// `None`: plain http.
    pub tls: Option<TlsAcceptor>,
    /// Connections at a time; further ones wait.
    pub most: usize,
    /// For the TLS handshake, for each head, for a connection without a request, and for the peer
    /// to take some of an answer.
    pub head_time: Duration,
    /// For what is under way when the end has come.
    pub drain_time: Duration,
}

/// Serves until the drain has begun and what is under way is done, or its time is over. One address
/// gets a quarter of the places; half of them can be taken by what has sent no request yet, and half
/// by what is idle.
pub async fn serve(listener: TcpListener, door: Door, service: HermodService, drain: Drain) {
    let mut limits = ConnectionLimits::default();
    limits.total = door.most;
    limits.per_address = (door.most / 4).max(16);
    (limits.half_open, limits.idle) = ((door.most / 2).max(16), (door.most / 2).max(16));
    (limits.head_time, limits.write_time) = (door.head_time, door.head_time);
    limits.drain_time = door.drain_time;
    let server = Server::new(service).with_limits(limits).with_drain(drain);
    match door.tls {
        None => server.serve(listener).await,
        Some(tls) => server.with_handshake(move |stream| tls.accept(stream)).serve(listener).await,
    };
}

/// Resolves when the program is told to stop.
pub async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
