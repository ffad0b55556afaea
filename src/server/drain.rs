//! An end in good order.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::limits::LimitMet;
use crate::{Class, Error};

/// Ends a server in good order. Its clones are the same drain; services that share one share the
/// [limits](super::ServerLimits) on what is under way, too.
///
/// From [`begin`](Self::begin) on, `/ready` answers 503 and so does every new request, with
/// `Retry-After` and `Connection: close`. Long polls end at once with what there is. What was under
/// way is brought to its end; [`drained`](Self::drained) waits for that. Then the connections can
/// be closed, in the way of whatever accepted them:
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
/// axum::serve(listener, axum::Router::new().fallback_service(service)).with_graceful_shutdown(stop).await?;
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
    /// A drain that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins. It cannot be taken back.
    pub fn begin(&self) {
        self.0.begun.send_replace(true);
        self.0.idle.notify_waiters();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.begun.borrow()
    }

    /// Resolves when it has begun.
    pub async fn begun(&self) {
        // The sender is ours, so it is there.
        let _ = self.0.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Resolves when it has begun and nothing is under way any more. The last bytes of the last
    /// answers may still be on their way.
    pub async fn drained(&self) {
        self.begun().await;
        loop {
            let notified = self.0.idle.notified();
            let mut notified = std::pin::pin!(notified);
            // Before it is looked at, so that nothing falls between.
            notified.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Requests that are under way, long polls included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.requests() + self.long_polls()
    }

    /// Requests that are under way, without long polls.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// Long polls that wait.
    #[must_use]
    pub fn long_polls(&self) -> usize {
        self.0.long_polls.load(Ordering::SeqCst)
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// Class `unavailable` if it has begun, or if so many are under way.
    pub(super) fn enter(&self, at_most: usize) -> Result<Flight, Error> {
        let flight = Flight { drain: self.clone(), is_long_poll: false };
        // Counted before it is looked at: who then finds it idle finds all.
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

/// A request that is under way.
pub(super) struct Flight {
    drain: Drain,
    is_long_poll: bool,
}

impl Flight {
    fn count(&self) -> &AtomicUsize {
        if self.is_long_poll { &self.drain.0.long_polls } else { &self.drain.0.requests }
    }

    /// Counts as a long poll from now on.
    ///
    /// # Errors
    /// Class `unavailable` if so many wait.
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
