//! The settings that the clients of all protocols have.

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
        /// Sets the retry policy.
        #[must_use]
        pub fn with_retry(mut self, retry: $crate::client::RetryPolicy) -> Self {
            self.settings.retry = retry;
            self
        }

        /// Sets the limits of one exchange.
        #[must_use]
        pub fn with_limits(mut self, limits: $crate::transport::ExchangeLimits) -> Self {
            self.settings.limits = limits;
            self
        }
    };
    (clock) => {
        $crate::client::settings::setters!();

        /// Sets the clock, which also times pauses. The default is
        /// [`SystemClock`](crate::SystemClock), which needs a tokio runtime with time enabled.
        #[must_use]
        pub fn with_clock(mut self, clock: std::sync::Arc<dyn $crate::Clock>) -> Self {
            self.clock = clock;
            self
        }
    };
    (timer) => {
        $crate::client::settings::setters!();

        /// Sets the timer, which also times pauses. The default is
        /// [`SystemTimer`](crate::client::SystemTimer).
        #[must_use]
        pub fn with_timer(mut self, timer: std::sync::Arc<dyn $crate::client::Timer>) -> Self {
            self.timer = timer;
            self
        }
    };
}

pub(crate) use setters;
