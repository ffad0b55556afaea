//! Graceful shutdown.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::limits::LimitMet;
use crate::{Class, Error};

/// Shuts a server down gracefully. Clones are the same drain; services that share one also share
/// the [limits](super::ServerLimits) on concurrent requests.
///
/// From [`begin`](Self::begin) on, `/ready` and every new request get 503, with `Retry-After` and
/// `Connection: close`. Long polls end at once with their current result. Requests in progress are
/// finished; [`drained`](Self::drained) waits for them. Then the code that accepted the connections
/// can close them:
///
/// ```
/// use keyferry::server::{Drain, ServerConfig};
/// use keyferry::hermod::server::HermodService;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut config = ServerConfig::default();
/// let drain = config.drain.clone();
/// let service = HermodService::builder("/hermod/rest").with_config(config).build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let asked_to_stop = async {};
/// let stop = {
///     let drain = drain.clone();
///     async move {
///         asked_to_stop.await; // a signal, for example
///         // A load balancer may want some time here to see that `/ready` is gone.
///         drain.begin();
///         drain.drained().await;
///     }
/// };
/// // Of hyper alone: `hyper_util::server::graceful::GracefulShutdown::shutdown`, after `drained`.
/// let router = axum::Router::new().fallback_service(service);
/// axum::serve(listener, router).with_graceful_shutdown(stop).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Drain(Arc<Inner>);

struct Inner {
    begun: watch::Sender<bool>,
    requests: AtomicUsize,
    long_polls: AtomicUsize,
    idle: Notify,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            begun: watch::Sender::new(false),
            requests: AtomicUsize::new(0),
            long_polls: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }
}

impl Drain {
    /// Creates a drain that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown. It cannot be undone.
    pub fn begin(&self) {
        self.0.begun.send_replace(true);
        self.0.idle.notify_waiters();
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.begun.borrow()
    }

    /// Resolves when the drain has begun.
    pub async fn begun(&self) {
        // The sender is part of this value, so it still exists.
        let _ = self.0.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Resolves when the drain has begun and no request is in progress. The last bytes of the last
    /// responses may still be in transit.
    pub async fn drained(&self) {
        self.begun().await;
        loop {
            let notified = self.0.idle.notified();
            let mut notified = std::pin::pin!(notified);
            // Registered before the check, so that no notification is missed in between.
            notified.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// The number of requests in progress, including long polls.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.requests() + self.long_polls()
    }

    /// The number of requests in progress, without long polls.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// The number of waiting long polls.
    #[must_use]
    pub fn long_polls(&self) -> usize {
        self.0.long_polls.load(Ordering::SeqCst)
    }

    /// Counts a request as in progress.
    ///
    /// # Errors
    /// Class `unavailable` if the drain has begun, or `at_most` requests are in progress.
    pub(super) fn enter(&self, at_most: usize) -> Result<Flight, Error> {
        let flight = Flight { drain: self.clone(), is_long_poll: false };
        // The request is counted before the check, so that a drain that begins afterwards sees it.
        let before = self.0.requests.fetch_add(1, Ordering::SeqCst);
        if self.has_begun() {
            return Err(unavailable("the server is shutting down", 5));
        }
        if before >= at_most {
            Err(unavailable("too many requests at a time", 1)
                .with_source(LimitMet::new("concurrent", at_most)))
        } else {
            Ok(flight)
        }
    }
}

fn unavailable(detail: &'static str, secs: u64) -> Error {
    Error::new(Class::Unavailable, "", detail).with_retry_after(Duration::from_secs(secs))
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("has_begun", &self.has_begun())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}

/// A request in progress; dropping it ends the count.
pub(super) struct Flight {
    drain: Drain,
    is_long_poll: bool,
}

impl Flight {
    fn count(&self) -> &AtomicUsize {
        if self.is_long_poll { &self.drain.0.long_polls } else { &self.drain.0.requests }
    }

    /// Counts the request as a long poll from now on.
    ///
    /// # Errors
    /// Class `unavailable` if `at_most` long polls are waiting.
    pub(super) fn wait(&mut self, at_most: usize) -> Result<(), Error> {
        if self.drain.0.long_polls.fetch_add(1, Ordering::SeqCst) >= at_most {
            self.drain.0.long_polls.fetch_sub(1, Ordering::SeqCst);
            return Err(unavailable("too many long polls", 5)
                .with_source(LimitMet::new("long_polls", at_most)));
        }
        self.drain.0.requests.fetch_sub(1, Ordering::SeqCst);
        self.is_long_poll = true;
        Ok(())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.count().fetch_sub(1, Ordering::SeqCst);
        if self.drain.in_flight() == 0 {
            self.drain.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ready(future: impl Future<Output = ()>) -> bool {
        std::pin::pin!(future)
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
            .is_ready()
    }

    #[test]
    fn nothing_is_drained_before_it_has_begun_and_the_last_is_gone() {
        let drain = Drain::new();
        assert!(!is_ready(drain.drained()));
        let (mut one, two) = (drain.enter(2).unwrap(), drain.enter(2).unwrap());
        assert!(drain.enter(2).is_err());
        one.wait(1).unwrap();
        let mut three = drain.enter(2).unwrap();
        assert!(three.wait(1).is_err());
        assert_eq!(drain.in_flight(), 3);
        drain.begin();
        assert!(is_ready(drain.begun()));
        assert!(drain.enter(100).is_err());
        drop((one, three));
        assert!(!is_ready(drain.drained()));
        drop(two);
        assert!(is_ready(drain.drained()));
    }
}
