//! A transport that answers from a list, a clock that leaps, and both kinds of client behind one
//! face.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use keyferry::client::{RetryPolicy, WaitError, WaitPolicy};
use keyferry::hermod::client::{CommandClient, MailboxClient, blocking};
use keyferry::hermod::model::{
    Callback, Command, CommandHeader, CommandId, Listing, Message, PingCommand, ReservedBox,
    Submitted,
};
use keyferry::hermod::wire::{ApiKey, CommandApi as _, MailboxApi as _, MailboxKey};
use keyferry::transport::{
    BlockingTransport, ExchangeLimits, Transport, TransportError, TransportErrorKind,
};
use keyferry::{BaseUrl, BoxFuture, Clock, Error, ManualClock, Secret};

pub(crate) use crate::support::time::{Leaping, start};

pub(crate) const COMMANDS: &str = "https://hub.example/hermod/rest/command";
pub(crate) use crate::support::parties::PUBLIC;
pub(crate) const SUBMITTED: &str =
    r#"{"commandId":"688","destinations":[],"commandType":"PING","state":"IN_PROGRESS"}"#;
pub(crate) const COMPLETED: &str = r#"{"commandId":"688","destinations":[],"commandType":"PING","state":"COMPLETED","pingResponse":{"code":0}}"#;
pub(crate) const MESSAGE: &str = r#"{"header":{"mid":"m1","location":"https://hub.example/hermod/rest/ms/b1/m1","commandType":"PING","created":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:05:00Z","fqdn":"hub.example"},"pingCommand":{}}"#;
pub(crate) const RESERVED: &str =
    r#"{"bid":"b2","boxurl":"https://hub.example/hermod/rest/ms/b2","token":"t2"}"#;
pub(crate) const ANSWER: &str = r#"{ "responseHeader" : {"inReplyTo":"l","status":200} }"#;

pub(crate) type Exchanged = Result<Response<Bytes>, TransportError>;

pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Exchanged {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

/// A refusal in the form of a hub of this crate.
pub(crate) fn refusal(status: u16) -> Exchanged {
    answer(status, r#"{"error":{"code":"X","message":"no","requestId":"r"}}"#)
}

pub(crate) fn later(status: u16, seconds: u64) -> Exchanged {
    let mut response = refusal(status)?;
    response.headers_mut().insert("retry-after", seconds.into());
    Ok(response)
}

pub(crate) fn failure(kind: TransportErrorKind) -> Exchanged {
    Err(TransportError::new(kind, "as told"))
}

/// What was sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) limits: ExchangeLimits,
    /// When, from the start.
    pub(crate) at: Duration,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// Answers from a list; the last answer is given again and again. Each exchange takes as long as it
/// says, in the clock's time.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Inner>>, ManualClock);

struct Inner {
    answers: VecDeque<(Duration, Exchanged)>,
    seen: Vec<Seen>,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Exchanged>) -> Self {
        Self::slow(answers.into_iter().map(|answer| (Duration::ZERO, answer)))
    }

    pub(crate) fn slow(answers: impl IntoIterator<Item = (Duration, Exchanged)>) -> Self {
        Self(
            Arc::new(Mutex::new(Inner { answers: answers.into_iter().collect(), seen: vec![] })),
            ManualClock::new(start()),
        )
    }

    pub(crate) fn clock(&self) -> ManualClock {
        self.1.clone()
    }

    /// What has passed from the start.
    pub(crate) fn elapsed(&self) -> Duration {
        Clock::now(&self.1).duration_since(start()).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    fn exchange(&self, request: Request<Bytes>) -> Exchanged {
        let mut inner = self.0.lock().unwrap();
        let limits = ExchangeLimits::of(&request);
        let (head, body) = request.into_parts();
        inner.seen.push(Seen {
            method: head.method,
            uri: head.uri.to_string(),
            headers: head.headers,
            body,
            limits,
            at: self.elapsed(),
        });
        let (takes, answer) = if inner.answers.len() > 1 {
            inner.answers.pop_front().unwrap()
        } else {
            inner.answers.front().unwrap().clone()
        };
        self.1.advance(takes.min(limits.timeout));
        answer
    }
}

impl Transport for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Exchanged> {
        Box::pin(async { self.exchange(request) })
    }
}

/// The same, for the other trait.
struct Blocking(Script);

impl BlockingTransport for Blocking {
    fn send(&self, request: Request<Bytes>) -> Exchanged {
        self.0.exchange(request)
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn ping() -> Command {
    Command::new(CommandHeader::new(60, 60), PingCommand::new(false))
}

pub(crate) fn api_key() -> ApiKey {
    ApiKey::new("shop", Secret::new("s3cret"))
}

pub(crate) fn mailbox_key() -> MailboxKey {
    MailboxKey::of_message("b1", Secret::new("t0ken"), Secret::new("c1aim"))
}

pub(crate) fn base(text: &str) -> BaseUrl {
    BaseUrl::parse(text).unwrap()
}

/// Which of the twins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Async,
    Blocking,
}

/// Both clients over one script.
pub(crate) struct Clients {
    pub(crate) kind: Kind,
    pub(crate) script: Script,
    pub(crate) retry: RetryPolicy,
    pub(crate) limits: ExchangeLimits,
}

/// Runs a test with either.
pub(crate) fn both(answers: impl Fn() -> Vec<Exchanged>, test: impl Fn(Clients)) {
    for kind in [Kind::Async, Kind::Blocking] {
        test(Clients::new(kind, Script::new(answers())));
    }
}

macro_rules! either {
    ($self:ident, $client:ident, |$one:ident| $call:expr) => {
        match $self.kind {
            Kind::Async => {
                let $one = $self.$client();
                run($call)
            }
            Kind::Blocking => {
                let $one = $self.blocking().$client();
                $call
            }
        }
    };
}

/// Makes the blocking clients of the same settings.
pub(crate) struct BlockingOf<'a>(&'a Clients);

impl BlockingOf<'_> {
    fn commands(&self) -> blocking::CommandClient {
        let Clients { script, retry, limits, .. } = self.0;
        let client =
            blocking::CommandClient::new(Blocking(script.clone()), base(COMMANDS), api_key());
        client.with_timer(Arc::new(script.clock())).with_retry(*retry).with_limits(*limits)
    }

    fn mailbox(&self) -> blocking::MailboxClient {
        let Clients { script, retry, limits, .. } = self.0;
        let client =
            blocking::MailboxClient::new(Blocking(script.clone()), base(PUBLIC), mailbox_key());
        client.with_timer(Arc::new(script.clock())).with_retry(*retry).with_limits(*limits)
    }
}

impl Clients {
    pub(crate) fn new(kind: Kind, script: Script) -> Self {
        Self { kind, script, retry: RetryPolicy::default(), limits: ExchangeLimits::default() }
    }

    fn blocking(&self) -> BlockingOf<'_> {
        BlockingOf(self)
    }

    pub(crate) fn commands(&self) -> CommandClient {
        let client = CommandClient::new(self.script.clone(), base(COMMANDS), api_key());
        client
            .with_clock(Arc::new(Leaping(self.script.clock())))
            .with_retry(self.retry)
            .with_limits(self.limits)
    }

    pub(crate) fn mailbox(&self) -> MailboxClient {
        let client = MailboxClient::new(self.script.clone(), base(PUBLIC), mailbox_key());
        client
            .with_clock(Arc::new(Leaping(self.script.clock())))
            .with_retry(self.retry)
            .with_limits(self.limits)
    }

    pub(crate) fn submit(&self, command: Command) -> Result<Submitted, Error> {
        either!(self, commands, |client| client.submit(command))
    }

    pub(crate) fn poll(&self, id: &str) -> Result<Callback, Error> {
        let id = CommandId::from(id);
        either!(self, commands, |client| client.poll(&id))
    }

    pub(crate) fn wait(
        &self,
        id: &str,
        policy: &WaitPolicy,
    ) -> Result<Callback, WaitError<Callback>> {
        let id = CommandId::from(id);
        either!(self, commands, |client| client.wait(&id, policy))
    }

    pub(crate) fn list(&self, wait: Duration) -> Result<Listing, Error> {
        either!(self, mailbox, |client| client.list(wait))
    }

    pub(crate) fn fetch(&self, mid: &str) -> Result<Message, Error> {
        either!(self, mailbox, |client| client.fetch(mid))
    }

    pub(crate) fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        either!(self, mailbox, |client| client.answer(mid, answer))
    }

    pub(crate) fn reserve(&self) -> Result<ReservedBox, Error> {
        either!(self, mailbox, |client| client.reserve())
    }

    pub(crate) fn remove(&self) -> Result<(), Error> {
        either!(self, mailbox, |client| client.remove())
    }
}

/// A call, and what answers it well.
pub(crate) type Call = (&'static str, fn(&Clients) -> Result<(), Error>, fn() -> Exchanged);

/// The calls that do no harm when they come twice.
pub(crate) const REPEATABLE: &[Call] = &[
    ("poll", |clients| clients.poll("688").map(drop), || answer(200, COMPLETED)),
    (
        "list",
        |clients| clients.list(Duration::ZERO).map(drop),
        || answer(200, r#"{"messages":[]}"#),
    ),
    ("fetch", |clients| clients.fetch("m1").map(drop), || answer(200, MESSAGE)),
    ("answer", |clients| clients.answer("m1", ANSWER), || answer(200, "{}")),
    ("remove", |clients| clients.remove(), || answer(204, "")),
];

/// Those that would.
pub(crate) const ONCE: &[Call] = &[
    ("submit", |clients| clients.submit(ping()).map(drop), || answer(200, SUBMITTED)),
    ("reserve", |clients| clients.reserve().map(drop), || answer(201, RESERVED)),
];
