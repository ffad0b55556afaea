//! Commands: the integrator's wire, served.

use std::sync::Arc;
use std::time::SystemTime;

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;

use crate::error::HttpAnswer;
use crate::hermod::Dialect;
use crate::hermod::wire::http::command::{self, Answer, Call, CommandOperation};
use crate::hermod::wire::{AnyCommandApi, ApiKey, CommandApi, reason};
use crate::server::erased_gate::Entrance;
use crate::server::wire::{Admitted, CallNames, CallerName, Handled, Wire};
use crate::transport::operation::{Operation, Route};
use crate::{Class, Error};

pub(super) struct Commands {
    pub(super) dialect: Arc<Dialect>,
    pub(super) entrance: Entrance<ApiKey, AnyCommandApi>,
}

/// A handler's `not-found` without a reason of its own gets the one that follows from the call.
fn not_found(error: Error, answer: HttpAnswer) -> Error {
    match error.class() {
        Class::NotFound if error.answer().is_none() => error.answered(answer),
        _ => error,
    }
}

impl Wire for Commands {
    type Credential = ApiKey;
    type Handle = AnyCommandApi;
    type Operation = CommandOperation;
    type Call = Call;
    type Answer = Answer;

    const NAME: &'static str = "command";
    const CHALLENGE: &'static str = "ApiKey";

    fn entrance(&self) -> &Entrance<ApiKey, AnyCommandApi> {
        &self.entrance
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_, CommandOperation>> {
        command::operations(&self.dialect)
    }

    fn read_credential(&self, _: &str, head: &Parts) -> Option<(CallerName, ApiKey)> {
        let key = command::read_credential(head)?;
        Some((CallerName::Tenant(key.id.clone()), key))
    }

    fn read_call(
        &self,
        route: Route<CommandOperation>,
        head: &Parts,
        body: &Bytes,
        _: SystemTime,
    ) -> Result<Call, Error> {
        command::read_routed(&self.dialect, route, head, body)
    }

    fn names<'a>(&'a self, call: &'a Call) -> CallNames<'a> {
        match call {
            Call::Submit(command) => {
                let words = command.body.kind().map(|kind| self.dialect.words(kind));
                CallNames { command: words.map(|words| &*words.path), ..CallNames::default() }
            }
            Call::Poll(id) => CallNames {
                command: Some(&self.dialect.paths.poll),
                command_id: Some(id.as_str()),
                ..CallNames::default()
            },
        }
    }

    async fn handle(
        self: Arc<Self>,
        admitted: Admitted<AnyCommandApi, Call>,
    ) -> Result<Handled<Answer>, Error> {
        let Admitted { handle, call, .. } = admitted;
        match call {
            Call::Submit(command) => {
                let submitted = handle.submit(command).await;
                let submitted =
                    submitted.map_err(|error| not_found(error, reason::NO_DESTINATION))?;
                let command_id = Some(submitted.command_id.as_str().to_owned());
                let handled = Handled::new(Answer::Submitted(submitted)).done("command taken");
                Ok(Handled { command_id, ..handled })
            }
            Call::Poll(id) => {
                let state = handle.poll(&id).await;
                let state = state.map_err(|error| not_found(error, reason::UNKNOWN_COMMAND))?;
                Ok(Handled::new(Answer::State(state)))
            }
        }
    }

    fn write(&self, answer: &Result<Answer, Error>, request_id: &str) -> Response<Bytes> {
        command::write_answer(&self.dialect, answer, request_id)
    }
}
