//! What the pipeline needs of a wire, and the values that pass between the two.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;

use super::erased_gate::Entrance;
use crate::transport::operation::{Operation, Route};
use crate::transport::protocol::Protocol;
use crate::{Error, Secret};

/// One wire, as it is served. The [pipeline](super::exchange) authenticates a request and bounds it,
/// and gives what it has admitted to [`handle`](Self::handle).
pub(crate) trait Wire: Send + Sync + 'static {
    type Protocol: Protocol;
    type Credential: Send + 'static;
    type Handle: Clone + Send + Sync + 'static;
    /// Which operation of the table it is.
    type Operation: Send;
    type Call: Clone + Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Its name in the log.
    const NAME: &'static str;
    /// What `WWW-Authenticate` of a 401 says.
    const CHALLENGE: &'static str;

    fn protocol(&self) -> &Self::Protocol;

    fn entrance(&self) -> &Entrance<Self::Credential, Self::Handle>;

    /// The table of its calls.
    fn operations(&self) -> impl Iterator<Item = Operation<'_, Self::Operation>>;

    /// The credential in the head of a request to `path`, which is below the base; `None` if there
    /// is none, and without one nobody is admitted.
    fn read_credential(&self, path: &str, head: &Parts) -> Option<(CallerName, Self::Credential)>;

    /// The name of a caller that a gate by the whole head has given.
    fn caller_name(name: String) -> CallerName {
        CallerName::Tenant(name)
    }

    /// Reads a call. What the body alone can prove, such as a signature, is checked here.
    fn read_call(
        &self,
        route: Route<Self::Operation>,
        head: &Parts,
        body: &Bytes,
        now: SystemTime,
    ) -> Result<Self::Call, Error>;

    /// What the log says of a call.
    fn names<'a>(&'a self, call: &'a Self::Call) -> CallNames<'a>;

    /// How long a call that waits is to wait.
    fn wait(_: &Self::Call) -> Duration {
        Duration::ZERO
    }

    /// A call that waits as one that does not, for a server that is shutting down.
    fn without_wait(call: Self::Call) -> Self::Call {
        call
    }

    /// Does what was asked for.
    fn handle(
        self: Arc<Self>,
        admitted: Admitted<Self::Handle, Self::Call>,
    ) -> impl Future<Output = Result<Handled<Self::Answer>, Error>> + Send + 'static;

    /// Writes the answer.
    fn write(&self, answer: &Result<Self::Answer, Error>, request_id: &str) -> Response<Bytes>;
}

/// Who a request comes from, as rates are counted and as the log says it.
pub(crate) enum CallerName {
    /// A party with a name that may be logged.
    Tenant(String),
    /// A party that gave no name.
    Anonymous,
    /// A party that is told by its token.
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

/// A request that was authenticated and bounded.
pub(crate) struct Admitted<H, C> {
    /// Acts for the caller.
    pub(crate) handle: H,
    /// The caller's name, if it has one.
    pub(crate) tenant: Option<String>,
    pub(crate) call: C,
    /// Whether only the head of the answer is wanted, and nothing may change.
    pub(crate) is_head: bool,
}

/// What the log says of a call.
#[derive(Default)]
pub(crate) struct CallNames<'a> {
    pub(crate) command: Option<&'a str>,
    pub(crate) command_id: Option<&'a str>,
    pub(crate) delivery_id: Option<&'a str>,
}

/// A request that was handled.
pub(crate) struct Handled<A> {
    pub(crate) answer: A,
    /// What was done, for the log, if it changed something.
    pub(crate) done: Option<&'static str>,
    /// The id of the command that was made, for the log.
    pub(crate) command_id: Option<String>,
    /// Whether the answer to a `HEAD` is as long as that to a `GET` would be.
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
