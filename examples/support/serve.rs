//! Serves with the crate's own server, with or without TLS.

use keyferry::hermod::server::HermodService;
use keyferry::server::serve::{ConnectionLimits, Server, Undone};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Serves until the drain has begun and the requests in progress have ended, or their time is over.
/// Without `tls` it serves plain http. Returns what was cut short.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: ConnectionLimits,
    service: HermodService,
) -> Undone {
    let config = service.config();
    let (proxies, drain) = (config.proxies.clone(), config.drain.clone());
    let server = Server::new(service).with_limits(limits).with_proxies(proxies).with_drain(drain);
    match tls {
        None => server.serve(listener).await,
        Some(tls) => server.with_handshake(move |stream| tls.accept(stream)).serve(listener).await,
    }
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
