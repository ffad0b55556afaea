//! The interface between the pipeline and a wire.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;

use super::erased_gate::Entrance;
use crate::transport::operation::{Operation, Route};
use crate::{Error, Secret};

/// One wire as a server sees it. The [pipeline](super::exchange) authenticates a request, enforces
/// its limits, and passes the admitted request to [`handle`](Self::handle).
pub(crate) trait Wire: Send + Sync + 'static {
    type Credential: Send + 'static;
    type Handle: Clone + Send + Sync + 'static;
    /// Identifies an operation of the table.
    type Operation: Send;
    type Call: Clone + Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Its name in the log.
    const NAME: &'static str;
    /// The value of `WWW-Authenticate` in a 401.
    const CHALLENGE: &'static str;

    fn entrance(&self) -> &Entrance<Self::Credential, Self::Handle>;

    /// The table of its operations.
    fn operations(&self) -> impl Iterator<Item = Operation<'_, Self::Operation>>;

    /// Reads the credential in the head of a request to `path`, which is relative to the base. With
    /// `None`, the request is refused.
    fn read_credential(&self, path: &str, head: &Parts) -> Option<(CallerName, Self::Credential)>;

    /// The caller for a name that a gate with the whole head has returned.
    fn caller_name(name: String) -> CallerName {
        CallerName::Tenant(name)
    }

    /// Parses a call, and checks proofs that cover the body, such as a signature.
    fn read_call(
        &self,
        route: Route<Self::Operation>,
        head: &Parts,
        body: &Bytes,
        now: SystemTime,
    ) -> Result<Self::Call, Error>;

    /// The ids in a call for the log.
    fn names<'a>(&'a self, call: &'a Self::Call) -> CallNames<'a>;

    /// How long the call may wait for an event.
    fn wait(_: &Self::Call) -> Duration {
        Duration::ZERO
    }

    /// The same call without its wait, for a server that is shutting down.
    fn without_wait(call: Self::Call) -> Self::Call {
        call
    }

    /// Performs the call.
    fn handle(
        self: Arc<Self>,
        admitted: Admitted<Self::Handle, Self::Call>,
    ) -> impl Future<Output = Result<Handled<Self::Answer>, Error>> + Send + 'static;

    /// Writes the response.
    fn write(&self, answer: &Result<Self::Answer, Error>, request_id: &str) -> Response<Bytes>;
}

/// The identity of a caller, for rates and the log.
pub(crate) enum CallerName {
    /// A party with a name that may be logged.
    Tenant(String),
    /// A party that gave no name.
    Anonymous,
    /// A party that is identified by its token.
    Token(Secret),
}

impl CallerName {
    pub(crate) fn into_tenant(self) -> Option<String> {
        match self {
            Self::Tenant(name) => Some(name),
            Self::Anonymous | Self::Token(_) => None,
        }
    }
}

/// A request that was authenticated and is within its limits.
pub(crate) struct Admitted<H, C> {
    /// The handle that acts for the caller.
    pub(crate) handle: H,
    /// The caller's name, if it has one.
    pub(crate) tenant: Option<String>,
    pub(crate) call: C,
    /// Whether only the head of the response is needed and nothing may change.
    pub(crate) is_head: bool,
}

/// The ids in a call for the log.
#[derive(Default)]
pub(crate) struct CallNames<'a> {
    pub(crate) command: Option<&'a str>,
    pub(crate) command_id: Option<&'a str>,
    pub(crate) delivery_id: Option<&'a str>,
}

/// The result of a call.
pub(crate) struct Handled<A> {
    pub(crate) answer: A,
    /// A description for the log, if the call changed something.
    pub(crate) done: Option<&'static str>,
    /// The id of a new command, for the log.
    pub(crate) command_id: Option<String>,
    /// Whether the response to a `HEAD` has the length of the response to a `GET`.
    pub(crate) is_length_known: bool,
}

impl<A> Handled<A> {
    pub(crate) fn new(answer: A) -> Self {
        Self { answer, done: None, command_id: None, is_length_known: true }
    }

    pub(crate) fn done(self, what: &'static str) -> Self {
        Self { done: Some(what), ..self }
    }
}
