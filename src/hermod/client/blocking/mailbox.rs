//! The device's client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::retry_loop::call_blocking;
use crate::client::{SystemTimer, Timer};
use crate::hermod::client::mailbox::MailboxEndpoint;
use crate::hermod::client::settings::{Settings, setters};
use crate::hermod::model::{Listing, Message, ReservedBox};
use crate::hermod::wire::MailboxKey;
use crate::hermod::wire::http::mailbox::{Answer, Call};
use crate::transport::BlockingTransport;
use crate::{BaseUrl, Error};

/// What a device asks of a hub, over HTTP, as the asynchronous
/// [`MailboxClient`](crate::hermod::client::MailboxClient). Every call blocks.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::hermod::client::blocking::MailboxClient;
/// use keyferry::hermod::wire::MailboxKey;
/// use keyferry::{BaseUrl, Secret};
/// use std::time::Duration;
///
/// let hub = |_: Request<Bytes>| Ok(Response::new(Bytes::from(r#"{"messages":[]}"#)));
/// let client = MailboxClient::new(hub, BaseUrl::parse("https://hub.example/ms")?, MailboxKey::of_mailbox("b1", Secret::new("t0ken")));
/// assert!(client.list(Duration::from_secs(50))?.messages.is_empty());
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct MailboxClient {
    transport: Arc<dyn BlockingTransport>,
    timer: Arc<dyn Timer>,
    settings: Settings,
    endpoint: MailboxEndpoint,
}

impl MailboxClient {
    /// A client of the hub whose mailboxes are below `public` (`https://hub.example/ms`).
    #[must_use]
    pub fn new(
        transport: impl BlockingTransport + 'static,
        public: BaseUrl,
        key: MailboxKey,
    ) -> Self {
        let endpoint = MailboxEndpoint { public, key };
        Self {
            transport: Arc::new(transport),
            timer: Arc::new(SystemTimer),
            settings: Settings::default(),
            endpoint,
        }
    }

    setters!(timer);

    /// As [`MailboxApi::list`](crate::hermod::wire::MailboxApi::list).
    ///
    /// # Errors
    /// As there.
    pub fn list(&self, wait: Duration) -> Result<Listing, Error> {
        MailboxEndpoint::listing(self.call(&MailboxEndpoint::list(&self.settings, wait))?)
    }

    /// As [`MailboxApi::fetch`](crate::hermod::wire::MailboxApi::fetch).
    ///
    /// # Errors
    /// As there.
    pub fn fetch(&self, mid: &str) -> Result<Message, Error> {
        MailboxEndpoint::message(self.call(&Call::Fetch { mid: mid.to_owned() })?)
    }

    /// As [`MailboxApi::answer`](crate::hermod::wire::MailboxApi::answer).
    ///
    /// # Errors
    /// As there.
    pub fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.call(&Call::Answer { mid: mid.to_owned(), answer: answer.to_owned() }).map(drop)
    }

    /// As [`MailboxApi::reserve`](crate::hermod::wire::MailboxApi::reserve).
    ///
    /// # Errors
    /// As there.
    pub fn reserve(&self) -> Result<ReservedBox, Error> {
        MailboxEndpoint::reserved(self.call(&Call::Reserve)?)
    }

    /// As [`MailboxApi::remove`](crate::hermod::wire::MailboxApi::remove).
    ///
    /// # Errors
    /// As there.
    pub fn remove(&self) -> Result<(), Error> {
        self.call(&Call::Remove).map(drop)
    }

    fn call(&self, what: &Call) -> Result<Answer, Error> {
        call_blocking(&*self.transport, &*self.timer, &self.settings, &self.endpoint, what)
    }
}

impl fmt::Debug for MailboxClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.debug(f.debug_struct("MailboxClient"))
    }
}
