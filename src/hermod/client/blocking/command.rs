//! The integrator's client.

use std::fmt;
use std::sync::Arc;

use crate::client::retry_loop::call_blocking;
use crate::client::wait::{PollOutcome, Waiting};
use crate::client::{SystemTimer, Timer};
use crate::client::{WaitError, WaitPolicy};
use crate::hermod::client::command::CommandEndpoint;
use crate::hermod::client::settings::{Settings, setters};
use crate::hermod::client::wait::is_over;
use crate::hermod::model::{Callback, Command, CommandId, Submitted};
use crate::hermod::wire::http::command::Call;
use crate::hermod::wire::{ApiKey, is_unknown_command};
use crate::transport::BlockingTransport;
use crate::{BaseUrl, Error};

/// What an integrator asks of a hub, over HTTP, as the asynchronous
/// [`CommandClient`](crate::hermod::client::CommandClient). Every call blocks.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::hermod::client::blocking::CommandClient;
/// use keyferry::hermod::model::{Command, CommandHeader, PingCommand};
/// use keyferry::hermod::wire::ApiKey;
/// use keyferry::{BaseUrl, Secret};
///
/// // A transport; programs take that of the feature `ureq`, or one of their own.
/// let hub = |request: Request<Bytes>| {
///     assert_eq!(request.headers()["x-api-key"], "c2hvcDpzM2NyZXQ=");
///     Ok(Response::new(Bytes::from(r#"{"commandId":"688","destinations":[],"commandType":"PING","state":"IN_PROGRESS"}"#)))
/// };
/// let client = CommandClient::new(hub, BaseUrl::parse("https://hub.example/command")?, ApiKey::new("shop", Secret::new("s3cret")));
/// let submitted = client.submit(Command::new(CommandHeader::new(60, 60), PingCommand::new(false)))?;
/// assert_eq!(submitted.command_id, "688");
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct CommandClient {
    transport: Arc<dyn BlockingTransport>,
    timer: Arc<dyn Timer>,
    settings: Settings,
    endpoint: CommandEndpoint,
}

impl CommandClient {
    /// A client of the hub whose commands are below `base`
    /// (`https://hub.example/hermod/rest/command`).
    #[must_use]
    pub fn new(transport: impl BlockingTransport + 'static, base: BaseUrl, key: ApiKey) -> Self {
        let endpoint = CommandEndpoint { base, key };
        Self {
            transport: Arc::new(transport),
            timer: Arc::new(SystemTimer),
            settings: Settings::default(),
            endpoint,
        }
    }

    setters!(timer);

    /// As [`CommandApi::submit`](crate::hermod::wire::CommandApi::submit). It never sends a command
    /// again that may have arrived.
    ///
    /// # Errors
    /// As there.
    pub fn submit(&self, command: Command) -> Result<Submitted, Error> {
        CommandEndpoint::submitted(call_blocking(
            &*self.transport,
            &*self.timer,
            &self.settings,
            &self.endpoint,
            &Call::Submit(command),
        )?)
    }

    /// As [`CommandApi::poll`](crate::hermod::wire::CommandApi::poll).
    ///
    /// # Errors
    /// As there.
    pub fn poll(&self, id: &CommandId) -> Result<Callback, Error> {
        self.poll_in(&self.settings, id)
    }

    fn poll_in(&self, settings: &Settings, id: &CommandId) -> Result<Callback, Error> {
        CommandEndpoint::state(call_blocking(
            &*self.transport,
            &*self.timer,
            settings,
            &self.endpoint,
            &Call::Poll(id.clone()),
        )?)
    }

    /// Polls until a command has ended, as [`wait_for`](crate::hermod::client::wait_for).
    ///
    /// # Errors
    /// As there.
    pub fn wait(
        &self,
        id: &CommandId,
        policy: &WaitPolicy,
    ) -> Result<Callback, WaitError<Callback>> {
        let mut waiting = Waiting::begin(policy, self.timer.monotonic());
        loop {
            let mut settings = self.settings.clone();
            let left = waiting.left(self.timer.monotonic());
            settings.limits.timeout = settings.limits.timeout.min(left);
            settings.retry.budget = settings.retry.budget.min(left);
            let polled = self.poll_in(&settings, id);
            let is_over = |state: &Callback| is_over(&self.settings.protocol, state);
            match waiting.polled(polled, is_over, is_unknown_command, self.timer.monotonic()) {
                PollOutcome::End(result) => return result,
                PollOutcome::Pause(until) => self.timer.sleep_until(until),
            }
        }
    }
}

impl fmt::Debug for CommandClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.debug(f.debug_struct("CommandClient"))
    }
}
