//! The device's client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;

use super::command::other_answer;
use super::settings::{Settings, setters};
use crate::client::retry_loop::{self, Endpoint};
use crate::client::retry_policy::Idempotency;
use crate::hermod::Dialect;
use crate::hermod::model::{Listing, Message, ReservedBox};
use crate::hermod::wire::http::mailbox::{self, Answer, Call};
use crate::hermod::wire::{MailboxApi, MailboxKey};
use crate::transport::Transport;
use crate::{BaseUrl, Class, Clock, Error, SystemClock};

/// What a device asks of a hub, over HTTP, with the credential of one mailbox or one message.
/// Clones share the transport.
///
/// What does not come from the hub itself (a failed exchange, a proxy's or a portal's answer) is of
/// class `unavailable` or `rate`: nothing is known, and no key is to be given up for it.
///
/// A repeat of [`remove`](MailboxApi::remove) may find the mailbox gone: class `unauthorized`.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::hermod::client::MailboxClient;
/// use keyferry::hermod::wire::{MailboxApi, MailboxKey};
/// use keyferry::transport::ExchangeLimits;
/// use keyferry::{BaseUrl, Secret};
/// use std::time::Duration;
///
/// let hub = |request: Request<Bytes>| async move {
///     assert_eq!(request.uri(), "https://hub.example/ms/b1?wait=50");
///     // A long poll has its time on top of that of other exchanges.
///     assert_eq!(ExchangeLimits::of(&request).timeout, Duration::from_secs(30 + 50));
///     Ok(Response::new(Bytes::from(r#"{"messages":[]}"#)))
/// };
/// let client = MailboxClient::new(hub, BaseUrl::parse("https://hub.example/ms")?, MailboxKey::of_mailbox("b1", Secret::new("t0ken")));
/// # async fn run(client: MailboxClient) -> Result<(), keyferry::Error> {
/// assert!(client.list(Duration::from_secs(50)).await?.messages.is_empty());
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(client))?;
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct MailboxClient {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    endpoint: MailboxEndpoint,
}

impl MailboxClient {
    /// A client of the hub whose mailboxes are below `public` (`https://hub.example/ms`).
    #[must_use]
    pub fn new(transport: impl Transport + 'static, public: BaseUrl, key: MailboxKey) -> Self {
        Self::with_settings(
            Arc::new(transport),
            Arc::new(SystemClock),
            Settings::default(),
            MailboxEndpoint { public, key },
        )
    }

    pub(in crate::hermod) fn with_settings(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        endpoint: MailboxEndpoint,
    ) -> Self {
        Self { transport, clock, settings, endpoint }
    }

    setters!(clock);

    async fn call(&self, call: Call) -> Result<Answer, Error> {
        retry_loop::call(&*self.transport, &*self.clock, &self.settings, &self.endpoint, &call)
            .await
    }
}

impl MailboxApi for MailboxClient {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        MailboxEndpoint::listing(self.call(MailboxEndpoint::list(&self.settings, wait)).await?)
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        MailboxEndpoint::message(self.call(Call::Fetch { mid: mid.to_owned() }).await?)
    }

    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.call(Call::Answer { mid: mid.to_owned(), answer: answer.to_owned() }).await.map(drop)
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        MailboxEndpoint::reserved(self.call(Call::Reserve).await?)
    }

    async fn remove(&self) -> Result<(), Error> {
        self.call(Call::Remove).await.map(drop)
    }
}

impl fmt::Debug for MailboxClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.debug(f.debug_struct("MailboxClient"))
    }
}

/// The device's end of the wire.
#[derive(Clone)]
pub(in crate::hermod) struct MailboxEndpoint {
    pub(in crate::hermod) public: BaseUrl,
    pub(in crate::hermod) key: MailboxKey,
}

impl MailboxEndpoint {
    /// No longer than a hub waits.
    pub(super) fn list(settings: &Settings, wait: Duration) -> Call {
        Call::List { wait: wait.min(Duration::from_secs(settings.protocol.limits.max_wait_secs)) }
    }

    pub(super) fn listing(answer: Answer) -> Result<Listing, Error> {
        if let Answer::Listing(listing) = answer { Ok(listing) } else { Err(other_answer()) }
    }

    pub(super) fn message(answer: Answer) -> Result<Message, Error> {
        if let Answer::Message(message) = answer { Ok(message) } else { Err(other_answer()) }
    }

    pub(super) fn reserved(answer: Answer) -> Result<ReservedBox, Error> {
        if let Answer::Reserved(reserved) = answer { Ok(reserved) } else { Err(other_answer()) }
    }

    pub(super) fn debug(&self, mut f: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        f.field("public", &self.public).field("bid", &self.key.bid).finish_non_exhaustive()
    }
}

impl Endpoint for MailboxEndpoint {
    type Protocol = Dialect;
    type Call = Call;
    type Answer = Answer;

    fn idempotency(call: &Call) -> Idempotency {
        match call {
            // Each reserves another mailbox, and there are few.
            Call::Reserve => Idempotency::NotIdempotent,
            Call::List { .. } | Call::Fetch { .. } | Call::Answer { .. } | Call::Remove => {
                Idempotency::Idempotent
            }
        }
    }

    fn wait(call: &Call) -> Duration {
        match call {
            Call::List { wait } => *wait,
            _ => Duration::ZERO,
        }
    }

    fn write(
        &self,
        settings: &Settings,
        call: &Call,
        wait: Duration,
    ) -> Result<Request<Bytes>, Error> {
        let write =
            |call: &Call| mailbox::write_call(&settings.protocol, &self.public, &self.key, call);
        match call {
            Call::List { .. } => write(&Call::List { wait }),
            // Failing to write the request says nothing about the answer, so do not report it as a
            // refused answer.
            Call::Answer { .. } => {
                write(call).map_err(|error| error.with_class(Class::Unavailable))
            }
            call => write(call),
        }
    }

    fn read(
        &self,
        settings: &Settings,
        call: &Call,
        response: &Response<Bytes>,
    ) -> Result<Answer, Error> {
        mailbox::read_answer(&settings.protocol, call, response)
    }
}
