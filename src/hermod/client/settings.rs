//! What the clients have in common.

use std::sync::Arc;

use super::RetryPolicy;
use crate::hermod::Dialect;
use crate::transport::ExchangeLimits;

#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) dialect: Arc<Dialect>,
    pub(super) retry: RetryPolicy,
    pub(super) limits: ExchangeLimits,
}

/// The setters of a type with a member `settings`.
macro_rules! setters {
    () => {
        /// The same in another dialect.
        #[must_use]
        pub fn with_dialect(
            mut self,
            dialect: impl Into<std::sync::Arc<$crate::hermod::Dialect>>,
        ) -> Self {
            self.settings.dialect = dialect.into();
            self
        }

        /// The same with another policy of trying again.
        #[must_use]
        pub fn with_retry(mut self, retry: $crate::hermod::client::RetryPolicy) -> Self {
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
        $crate::hermod::client::settings::setters!();

        /// The same with another clock, which pauses are waited for on. Without one it is the
        /// [`SystemClock`](crate::SystemClock), which needs a tokio runtime whose time is on.
        #[must_use]
        pub fn with_clock(mut self, clock: std::sync::Arc<dyn $crate::Clock>) -> Self {
            self.clock = clock;
            self
        }
    };
}

pub(super) use setters;
