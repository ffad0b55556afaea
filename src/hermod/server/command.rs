//! Commands.

use ::http::request::Parts;
use ::http::{Method, Response};
use bytes::Bytes;

use super::door::Entrance;
use super::exchange::{Exchange, Wire};
use super::service::service;
use super::{Caller, RequestHead};
use crate::error::HttpAnswer;
use crate::hermod::Dialect;
use crate::hermod::wire::http::command::{self, Answer, Call};
use crate::hermod::wire::reason;
use crate::hermod::wire::{AnyCommandApi, ApiKey, CommandApi};
use crate::{Class, Error, Gate};

service! {
    /// Serves a [`CommandApi`]: `POST {base}/{command}` and `GET {base}/poll/{commandId}`, with
    /// `X-Api-Key`.
    ///
    /// Its base path is `/hermod/rest/command`; below another it is found by
    /// [`with_base_path`](Self::with_base_path).
    CommandService(Commands, "/hermod/rest/command")
}

impl CommandService {
    /// Serves what this gate opens to, to whoever has an API key.
    #[must_use]
    pub fn new<G>(gate: G) -> Self
    where
        G: Gate<ApiKey> + 'static,
        G::Handle: CommandApi + 'static,
    {
        Self::of(Commands::new(gate))
    }

    /// Serves what this gate opens to, which is asked with the whole head of a request: single
    /// sign-on, a client's certificate or the identity that a proxy adds opens it without a
    /// credential of this wire. See [`RequestHead`].
    #[must_use]
    pub fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: CommandApi + 'static,
    {
        Self::of(Commands::by_head(gate))
    }
}

pub(super) struct Commands(Entrance<ApiKey, AnyCommandApi>);

impl Commands {
    pub(super) fn new<G>(gate: G) -> Self
    where
        G: Gate<ApiKey> + 'static,
        G::Handle: CommandApi + 'static,
    {
        Self(Entrance::by_credential(gate, AnyCommandApi::new))
    }

    pub(super) fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: CommandApi + 'static,
    {
        Self(Entrance::by_head(gate, AnyCommandApi::new))
    }
}

/// What is not there follows from what was asked, whoever serves the wire.
fn not_found(error: Error, answer: HttpAnswer) -> Error {
    match error.class() {
        Class::NotFound if error.answer().is_none() => error.answered(answer),
        _ => error,
    }
}

impl Wire for Commands {
    type Answer = Answer;
    const NAME: &'static str = "command";
    const CHALLENGE: &'static str = "ApiKey";

    async fn answer(&self, exchange: &mut Exchange, path: &str) -> Result<Answer, Error> {
        let core = exchange.core.clone();
        let (dialect, limits) = (&core.config.dialect, &core.config.limits);
        let read = |head: &Parts| {
            let key = command::read_credential(head)?;
            Some((key.id.clone(), key))
        };
        let (tenant, handle) = exchange.enter(&self.0, path, read, |name| name).await?;
        exchange.note("tenant", &tenant);
        let permit = exchange.permit(&core.tenants, &(Self::NAME, &tenant))?;
        let limit = command::body_limit(
            dialect,
            path,
            &exchange.head.method,
            (limits.provision_octets, limits.body_octets),
        )?;
        let body = exchange.body(limit).await?;
        let call = command::read_call(dialect, path, &exchange.head, &body)?;
        drop(body);
        match call {
            Call::Submit(command) => {
                if let Some(kind) = command.body.kind() {
                    exchange.note("command", &dialect.words(kind).path);
                }
                let submitted = exchange
                    .bring_about(permit, async move {
                        handle
                            .submit(command)
                            .await
                            .map_err(|error| not_found(error, reason::NO_DESTINATION))
                    })
                    .await?;
                exchange.note("command_id", submitted.command_id.as_str());
                exchange.done("command taken");
                Ok(Answer::Submitted(submitted))
            }
            Call::Poll(id) => {
                exchange.note("command", &dialect.paths.poll);
                exchange.note("command_id", id.as_str());
                exchange.forget_head();
                exchange
                    .within(std::time::Duration::ZERO, handle.poll(&id))
                    .await
                    .map(Answer::State)
                    .map_err(|error| not_found(error, reason::UNKNOWN_COMMAND))
            }
        }
    }

    fn write(
        dialect: &Dialect,
        answer: &Result<Answer, Error>,
        request_id: &str,
    ) -> Response<Bytes> {
        command::write_answer(dialect, answer, request_id)
    }

    fn check_address(dialect: &Dialect, path: &str, method: &Method) -> Result<(), Error> {
        command::body_limit(dialect, path, method, (0, 0)).map(drop)
    }
}
