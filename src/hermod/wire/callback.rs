//! What the hub tells an integrator.

use std::sync::Arc;

#[cfg(any(feature = "http", feature = "hub"))]
use crate::Class;
use crate::hermod::model::Callback;
use crate::{BoxFuture, Error};

/// A callback on its way. The same one may come again, with the same id.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The same on each try: a UUID. A hub that gives none has the receiver make one of command and
    /// state.
    pub id: String,
    /// What is told.
    pub callback: Callback,
}

impl Delivery {
    /// A delivery.
    #[must_use]
    pub fn new(id: impl Into<String>, callback: Callback) -> Self {
        Self { id: id.into(), callback }
    }
}

/// What the hub tells an integrator.
pub trait CallbackApi: Send + Sync {
    /// Takes a callback. Success means that it is stored, or was before.
    ///
    /// # Errors
    /// Class `storage`, `unavailable`, `rate`, `unauthorized` or `not-found`: the hub tries again
    /// later, and not before [`Error::retry_after`] has passed. With any other class it gives up at
    /// once.
    fn deliver(&self, delivery: Delivery) -> impl Future<Output = Result<(), Error>> + Send;

    /// The host that callbacks go to, for the log of the hub.
    fn host(&self) -> Option<&str> {
        None
    }
}

/// Whether a delivery that ended so is tried again. A receiver that is being deployed knows neither
/// address nor credential for a while.
#[cfg(any(feature = "http", feature = "hub"))]
pub(crate) fn is_tried_again(error: &Error) -> bool {
    error.is_retryable() || matches!(error.class(), Class::Unauthorized | Class::NotFound)
}

trait Erased: Send + Sync {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), Error>>;

    fn host(&self) -> Option<&str>;
}

impl<T: CallbackApi> Erased for T {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(CallbackApi::deliver(self, delivery))
    }

    fn host(&self) -> Option<&str> {
        CallbackApi::host(self)
    }
}

/// Any [`CallbackApi`], for storage.
#[derive(Clone)]
pub struct AnyCallbackApi(Arc<dyn Erased>);

impl AnyCallbackApi {
    /// Erases `api`.
    #[must_use]
    pub fn new(api: impl CallbackApi + 'static) -> Self {
        Self(Arc::new(api))
    }
}

impl CallbackApi for AnyCallbackApi {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        self.0.deliver(delivery).await
    }

    fn host(&self) -> Option<&str> {
        self.0.host()
    }
}

impl std::fmt::Debug for AnyCallbackApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyCallbackApi")
    }
}
