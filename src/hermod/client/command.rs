//! The integrator's client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;

use super::settings::{Settings, setters};
use super::wait;
use crate::client::retry_loop::{self, Endpoint};
use crate::client::retry_policy::Idempotency;
use crate::client::{WaitError, WaitPolicy};
use crate::hermod::Dialect;
use crate::hermod::model::{Callback, Command, CommandId, Submitted};
use crate::hermod::wire::http::command::{self, Answer, Call};
use crate::hermod::wire::{ApiKey, CommandApi};
use crate::transport::Transport;
use crate::{BaseUrl, Class, Clock, Error, SystemClock};

/// What an integrator asks of a hub, over HTTP. Clones share the transport.
///
/// [`submit`](CommandApi::submit) returns as soon as the hub has the command, with a value that can
/// be stored. It never sends a command again that may have arrived: see
/// [`Error::was_not_sent`]. Waiting for the device is a call of its own:
/// [`wait`](Self::wait), with the id alone.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::client::WaitPolicy;
/// use keyferry::hermod::client::CommandClient;
/// use keyferry::hermod::model::{Command, CommandHeader, PingCommand, State};
/// use keyferry::hermod::wire::{ApiKey, CommandApi};
/// use keyferry::{BaseUrl, Secret};
/// use std::time::Duration;
///
/// // A transport; programs take that of the feature `reqwest`, or one of their own.
/// let hub = |request: Request<Bytes>| async move {
///     let state = if request.uri().path() == "/command/ping" { "IN_PROGRESS" } else { "COMPLETED" };
///     let answer = format!(r#"{{"commandId":"688","destinations":[],"commandType":"PING","state":"{state}"}}"#);
///     Ok(Response::new(Bytes::from(answer)))
/// };
/// let client = CommandClient::new(hub, BaseUrl::parse("https://hub.example/command")?, ApiKey::new("shop", Secret::new("s3cret")));
///
/// # async fn run(client: CommandClient) -> Result<(), Box<dyn std::error::Error>> {
/// let submitted = client.submit(Command::new(CommandHeader::new(60, 60), PingCommand::new(false))).await?;
/// let callback = client.wait(&submitted.command_id, &WaitPolicy::new(Duration::from_secs(60))).await?;
/// assert_eq!(callback.state, State::COMPLETED);
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(client)).unwrap();
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct CommandClient {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    endpoint: CommandEndpoint,
}

impl CommandClient {
    /// A client of the hub whose commands are below `base`
    /// (`https://hub.example/hermod/rest/command`).
    #[must_use]
    pub fn new(transport: impl Transport + 'static, base: BaseUrl, key: ApiKey) -> Self {
        let endpoint = CommandEndpoint { base, key };
        Self {
            transport: Arc::new(transport),
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
            endpoint,
        }
    }

    setters!(clock);

    /// Polls until a command has ended: [`wait_for`](super::wait_for) in the client's dialect and
    /// with its clock.
    ///
    /// # Errors
    /// As [`wait_for`](super::wait_for).
    pub async fn wait(
        &self,
        id: &CommandId,
        policy: &WaitPolicy,
    ) -> Result<Callback, WaitError<Callback>> {
        wait::wait_for(self, id, policy, &self.settings.protocol, &*self.clock).await
    }
}

impl CommandApi for CommandClient {
    async fn submit(&self, command: Command) -> Result<Submitted, Error> {
        let call = Call::Submit(command);
        CommandEndpoint::submitted(
            retry_loop::call(&*self.transport, &*self.clock, &self.settings, &self.endpoint, &call)
                .await?,
        )
    }

    async fn poll(&self, id: &CommandId) -> Result<Callback, Error> {
        let call = Call::Poll(id.clone());
        CommandEndpoint::state(
            retry_loop::call(&*self.transport, &*self.clock, &self.settings, &self.endpoint, &call)
                .await?,
        )
    }
}

impl fmt::Debug for CommandClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.debug(f.debug_struct("CommandClient"))
    }
}

/// The integrator's end of the wire.
#[derive(Clone)]
pub(super) struct CommandEndpoint {
    pub(super) base: BaseUrl,
    pub(super) key: ApiKey,
}

impl CommandEndpoint {
    pub(super) fn submitted(answer: Answer) -> Result<Submitted, Error> {
        match answer {
            Answer::Submitted(submitted) => Ok(submitted),
            Answer::State(_) => Err(other_answer()),
        }
    }

    pub(super) fn state(answer: Answer) -> Result<Callback, Error> {
        match answer {
            Answer::State(callback) => Ok(callback),
            Answer::Submitted(_) => Err(other_answer()),
        }
    }

    pub(super) fn debug(&self, mut f: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        f.field("base", &self.base).field("id", &self.key.id).finish_non_exhaustive()
    }
}

impl Endpoint for CommandEndpoint {
    type Protocol = Dialect;
    type Call = Call;
    type Answer = Answer;

    fn idempotency(call: &Call) -> Idempotency {
        match call {
            Call::Submit(_) => Idempotency::NotIdempotent,
            Call::Poll(_) => Idempotency::Idempotent,
        }
    }

    fn write(
        &self,
        settings: &Settings,
        call: &Call,
        _: Duration,
    ) -> Result<Request<Bytes>, Error> {
        command::write_call(&settings.protocol, &self.base, &self.key, call)
    }

    fn read(
        &self,
        settings: &Settings,
        call: &Call,
        response: &Response<Bytes>,
    ) -> Result<Answer, Error> {
        command::read_answer(&settings.protocol, call, response)
    }
}

/// An answer to another call, which reading does not give.
pub(super) fn other_answer() -> Error {
    Error::new(Class::Malformed, "", "the answer to another call")
}
