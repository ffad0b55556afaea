//! A mailbox that differs from the one behind it in one call.

use std::sync::Arc;
use std::time::Duration;

use keyferry::hermod::device::{Connection, Connector};
use keyferry::hermod::model::{Listing, Message, ReservedBox};
use keyferry::hermod::wire::{AnyMailboxApi, MailboxApi, MailboxKey};
use keyferry::{BoxFuture, Error};

type Fetched = Arc<dyn Fn(Message) -> Message + Send + Sync>;
type Answered = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Connects to what is behind it, and changes what its mailboxes do.
#[derive(Clone)]
pub struct Altered {
    behind: Arc<dyn Connector>,
    fetched: Option<Fetched>,
    answered: Option<Answered>,
}

impl Altered {
    pub fn new(behind: impl Connector + 'static) -> Self {
        Self { behind: Arc::new(behind), fetched: None, answered: None }
    }

    /// Changes each message before the device reads it.
    pub fn with_fetched(
        mut self,
        change: impl Fn(Message) -> Message + Send + Sync + 'static,
    ) -> Self {
        self.fetched = Some(Arc::new(change));
        self
    }

    /// Runs this once an answer has arrived, before the device learns so.
    pub fn with_answered(
        mut self,
        work: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.answered = Some(Arc::new(work));
        self
    }
}

impl Connector for Altered {
    fn connect<'a>(
        &'a self,
        public: &'a str,
        key: MailboxKey,
    ) -> BoxFuture<'a, Result<Connection, Error>> {
        Box::pin(async move {
            let api = self.behind.connect(public, key).await?.mailbox;
            Ok(Connection::new(AnyMailboxApi::new(Mailbox { api, altered: self.clone() })))
        })
    }
}

struct Mailbox {
    api: AnyMailboxApi,
    altered: Altered,
}

impl MailboxApi for Mailbox {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        self.api.list(wait).await
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        let message = self.api.fetch(mid).await?;
        Ok(match &self.altered.fetched {
            Some(change) => change(message),
            None => message,
        })
    }

    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.api.answer(mid, answer).await?;
        if let Some(work) = &self.altered.answered {
            work().await;
        }
        Ok(())
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        self.api.reserve().await
    }

    async fn remove(&self) -> Result<(), Error> {
        self.api.remove().await
    }
}
