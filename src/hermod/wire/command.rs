//! What an integrator asks of the hub.

use std::sync::Arc;

use crate::hermod::model::{Callback, Command, CommandId, Submitted};
use crate::{BoxFuture, Error};

/// What an integrator asks of the hub, as that integrator.
pub trait CommandApi: Send + Sync {
    /// Submits a command. It returns as soon as the hub has stored it, before any device has acted.
    /// It is not to be repeated by itself: a hub may take it for another command.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` for the command, `not-found` if a destination does not
    /// resolve, `unauthorized`, `rate`, `storage`, `unavailable`.
    fn submit(&self, command: Command) -> impl Future<Output = Result<Submitted, Error>> + Send;

    /// The envelope of a command in its current state.
    ///
    /// # Errors
    /// Class `not-found` if it is unknown, or somebody else's; `unauthorized`, `rate`, `storage`,
    /// `unavailable`.
    fn poll(&self, id: &CommandId) -> impl Future<Output = Result<Callback, Error>> + Send;
}

trait Erased: Send + Sync {
    fn submit(&self, command: Command) -> BoxFuture<'_, Result<Submitted, Error>>;
    fn poll<'a>(&'a self, id: &'a CommandId) -> BoxFuture<'a, Result<Callback, Error>>;
}

impl<T: CommandApi> Erased for T {
    fn submit(&self, command: Command) -> BoxFuture<'_, Result<Submitted, Error>> {
        Box::pin(CommandApi::submit(self, command))
    }

    fn poll<'a>(&'a self, id: &'a CommandId) -> BoxFuture<'a, Result<Callback, Error>> {
        Box::pin(CommandApi::poll(self, id))
    }
}

/// Any [`CommandApi`], for storage.
#[derive(Clone)]
pub struct AnyCommandApi(Arc<dyn Erased>);

impl AnyCommandApi {
    /// Erases `api`.
    #[must_use]
    pub fn new(api: impl CommandApi + 'static) -> Self {
        Self(Arc::new(api))
    }
}

impl CommandApi for AnyCommandApi {
    async fn submit(&self, command: Command) -> Result<Submitted, Error> {
        self.0.submit(command).await
    }

    async fn poll(&self, id: &CommandId) -> Result<Callback, Error> {
        self.0.poll(id).await
    }
}

impl std::fmt::Debug for AnyCommandApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyCommandApi")
    }
}
