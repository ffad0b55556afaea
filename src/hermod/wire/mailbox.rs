//! What a device asks of the hub.

use std::sync::Arc;
use std::time::Duration;

use crate::hermod::model::{Listing, Message, ReservedBox};
use crate::{BoxFuture, Error};

/// What a device asks of the hub, with the credential of one mailbox or of one message in it.
///
/// The protocol between device and hub is not documented; this one is ours.
pub trait MailboxApi: Send + Sync {
    /// The messages that wait, oldest first. Waits up to `wait` (at most 60 seconds) for one if
    /// there is none.
    ///
    /// # Errors
    /// Class `unauthorized`, `expired` if the message of the credential has ended, `conflict` if
    /// somebody else claimed it, `storage`, `unavailable`.
    fn list(&self, wait: Duration) -> impl Future<Output = Result<Listing, Error>> + Send;

    /// One message.
    ///
    /// # Errors
    /// As [`list`](Self::list); class `expired` if it ended or was answered.
    fn fetch(&self, mid: &str) -> impl Future<Output = Result<Message, Error>> + Send;

    /// What [`list`](Self::list) would give now, for a `HEAD`: it claims nothing and changes
    /// nothing. `None`, unless it is overridden, if that cannot be told without a change.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn peek_list(&self) -> impl Future<Output = Result<Option<Listing>, Error>> + Send {
        async { Ok(None) }
    }

    /// What [`fetch`](Self::fetch) would give, for a `HEAD`: it claims nothing and changes nothing.
    /// `None`, unless it is overridden, if that cannot be told without a change.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    fn peek(&self, mid: &str) -> impl Future<Output = Result<Option<Message>, Error>> + Send {
        let _ = mid;
        async { Ok(None) }
    }

    /// Answers a message. `answer` is the JSON of an [`Answer`](crate::hermod::model::Answer), kept
    /// and sent again byte by byte: the same one again succeeds again.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` for its form, those of [`proof`](crate::hermod::proof) if
    /// it does not prove itself, `conflict` if another answer is stored, `expired`, `unauthorized`,
    /// `storage`, `unavailable`.
    fn answer(&self, mid: &str, answer: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Reserves a mailbox of its own for the profile that is being provisioned.
    ///
    /// # Errors
    /// Class `unauthorized` unless the credential is that of a provision command's message,
    /// `expired`, `rate` after 8, `storage`, `unavailable`.
    fn reserve(&self) -> impl Future<Output = Result<ReservedBox, Error>> + Send;

    /// Gives the mailbox up, with all that is in it.
    ///
    /// # Errors
    /// Class `unauthorized` unless the credential is the mailbox's own, `storage`, `unavailable`.
    fn remove(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

trait Erased: Send + Sync {
    fn list(&self, wait: Duration) -> BoxFuture<'_, Result<Listing, Error>>;
    fn fetch<'a>(&'a self, mid: &'a str) -> BoxFuture<'a, Result<Message, Error>>;
    fn peek_list(&self) -> BoxFuture<'_, Result<Option<Listing>, Error>>;
    fn peek<'a>(&'a self, mid: &'a str) -> BoxFuture<'a, Result<Option<Message>, Error>>;
    fn answer<'a>(&'a self, mid: &'a str, answer: &'a str) -> BoxFuture<'a, Result<(), Error>>;
    fn reserve(&self) -> BoxFuture<'_, Result<ReservedBox, Error>>;
    fn remove(&self) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: MailboxApi> Erased for T {
    fn list(&self, wait: Duration) -> BoxFuture<'_, Result<Listing, Error>> {
        Box::pin(MailboxApi::list(self, wait))
    }

    fn fetch<'a>(&'a self, mid: &'a str) -> BoxFuture<'a, Result<Message, Error>> {
        Box::pin(MailboxApi::fetch(self, mid))
    }

    fn peek_list(&self) -> BoxFuture<'_, Result<Option<Listing>, Error>> {
        Box::pin(MailboxApi::peek_list(self))
    }

    fn peek<'a>(&'a self, mid: &'a str) -> BoxFuture<'a, Result<Option<Message>, Error>> {
        Box::pin(MailboxApi::peek(self, mid))
    }

    fn answer<'a>(&'a self, mid: &'a str, answer: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(MailboxApi::answer(self, mid, answer))
    }

    fn reserve(&self) -> BoxFuture<'_, Result<ReservedBox, Error>> {
        Box::pin(MailboxApi::reserve(self))
    }

    fn remove(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(MailboxApi::remove(self))
    }
}

/// Any [`MailboxApi`], for storage.
#[derive(Clone)]
pub struct AnyMailboxApi(Arc<dyn Erased>);

impl AnyMailboxApi {
    /// Erases `api`.
    #[must_use]
    pub fn new(api: impl MailboxApi + 'static) -> Self {
        Self(Arc::new(api))
    }
}

impl MailboxApi for AnyMailboxApi {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        self.0.list(wait).await
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        self.0.fetch(mid).await
    }

    async fn peek_list(&self) -> Result<Option<Listing>, Error> {
        self.0.peek_list().await
    }

    async fn peek(&self, mid: &str) -> Result<Option<Message>, Error> {
        self.0.peek(mid).await
    }

    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.0.answer(mid, answer).await
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        self.0.reserve().await
    }

    async fn remove(&self) -> Result<(), Error> {
        self.0.remove().await
    }
}

impl std::fmt::Debug for AnyMailboxApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyMailboxApi")
    }
}
