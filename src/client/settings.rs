//! What the clients of every protocol have in common.

use std::sync::Arc;

use super::RetryPolicy;
use crate::transport::ExchangeLimits;

pub(crate) struct Settings<P> {
    pub(crate) protocol: Arc<P>,
    pub(crate) retry: RetryPolicy,
    pub(crate) limits: ExchangeLimits,
}

impl<P: Default> Default for Settings<P> {
    fn default() -> Self {
        let (retry, limits) = Default::default();
        Self { protocol: Arc::default(), retry, limits }
    }
}

impl<P> Clone for Settings<P> {
    fn clone(&self) -> Self {
        Self { protocol: self.protocol.clone(), retry: self.retry, limits: self.limits }
    }
}

/// The setters of a client with a member `settings`.
macro_rules! setters {
    () => {
        /// The same with another policy of trying again.
        #[must_use]
        pub fn with_retry(mut self, retry: $crate::client::RetryPolicy) -> Self {
            self.settings.retry = retry;
            self
        }

        /// The same with other limits of one exchange.
        #[must_use]
        pub fn with_limits(mut self, limits: $crate::transport::ExchangeLimits) -> Self {
            self.settings.limits = limits;
            self
        }
    };
    (clock) => {
        $crate::client::settings::setters!();

        /// The same with another clock, which pauses are waited for on. Without one it is the
        /// [`SystemClock`](crate::SystemClock), which needs a tokio runtime whose time is on.
        #[must_use]
        pub fn with_clock(mut self, clock: std::sync::Arc<dyn $crate::Clock>) -> Self {
            self.clock = clock;
            self
        }
    };
    (timer) => {
        $crate::client::settings::setters!();

        /// The same with another timer, which pauses are waited for on. Without one it is the
        /// [`SystemTimer`](crate::client::SystemTimer).
        #[must_use]
        pub fn with_timer(mut self, timer: std::sync::Arc<dyn $crate::client::Timer>) -> Self {
            self.timer = timer;
            self
        }
    };
}

pub(crate) use setters;
