//! A service on hyper: TLS, a limit on connections, time for each head and for answers that nobody
//! takes, and an end that waits for what is under way.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use keyferry::hermod::server::{Drain, HermodService};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::taken::Taken;

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

/// Serves until the drain has begun and what is under way is done, or its time is over.
pub async fn serve(listener: TcpListener, door: Door, service: HermodService, drain: Drain) {
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(door.most));
    loop {
        let accepted = tokio::select! {
            () = drain.begun() => break,
            accepted = async { (free.clone().acquire_owned().await, listener.accept().await) } => accepted,
        };
        let (Ok(place), Ok((stream, _))) = accepted else {
            // No more files, for one: it passes, or it does not, but not at once.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small answers are not to wait for more.
        let _ = stream.set_nodelay(true);
        let (service, watcher, tls, head_time) =
            (service.clone(), graceful.watcher(), door.tls.clone(), door.head_time);
        tokio::spawn(async move {
            match tls {
                None => connection(stream, service, watcher, head_time).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(head_time, tls.accept(stream)).await {
                        connection(stream, service, watcher, head_time).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(door.drain_time, async {
        drain.drained().await;
        graceful.shutdown().await;
    })
    .await;
}

async fn connection<S>(
    stream: S,
    service: HermodService,
    watcher: hyper_util::server::graceful::Watcher,
    head_time: Duration,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Below TLS would be as good; hyper itself waits as long as the peer likes.
    let stream = Taken::new(stream, head_time);
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(64 * 1024);
    // How a connection ends is its peer's business.
    let _ = watcher
        .watch(server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)))
        .await;
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
