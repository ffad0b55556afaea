//! Commands: `POST {base}/{command}` and `GET {base}/poll/{commandId}`, with `X-Api-Key:
//! base64(id:key)`.
//!
//! ```
//! use keyferry::hermod::Dialect;
//! use keyferry::hermod::model::{Command, CommandHeader, PingCommand};
//! use keyferry::hermod::wire::{ApiKey, http::command::{self, Call}};
//! use keyferry::{BaseUrl, Secret};
//!
//! let base = BaseUrl::parse("https://hub.example/hermod/rest/command")?;
//! let call = Call::Submit(Command::new(CommandHeader::new(60, 60), PingCommand::new(false)));
//! let request = command::write_call(Dialect::standard(), &base, &ApiKey::new("shop", Secret::new("s3cret")), &call)?;
//! assert_eq!(request.uri(), "https://hub.example/hermod/rest/command/ping");
//!
//! let (head, body) = request.into_parts();
//! assert_eq!(command::read_credential(&head).unwrap().id, "shop");
//! assert_eq!(command::read_call(Dialect::standard(), "/ping", &head, &body)?, call);
//! # Ok::<(), keyferry::Error>(())
//! ```

use ::http::request::Parts;
use ::http::{Request, Response, StatusCode};
use bytes::Bytes;

use super::credential::{API_KEY, read_api_key, write_api_key};
use super::refusal::code_in;
use super::{read_refusal, write_refusal};
use crate::hermod::Dialect;
use crate::hermod::model::{Callback, Command, CommandId, CommandKind, Submitted};
use crate::hermod::wire::ApiKey;
use crate::hermod::wire::reason::UNKNOWN_COMMAND;
use crate::transport::message::{answer_text, read_json, write_request, write_response};
use crate::transport::operation::{
    BodyKind, Effect, Operation, OperationMethod, PathPattern, Route, Segment, route,
};
use crate::{BaseUrl, Class, Error};

/// What an integrator asks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one at a time, and seldom moved")]
pub enum Call {
    /// To take a command.
    Submit(Command),
    /// How far a command is.
    Poll(CommandId),
}

/// What the hub answers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one at a time, and seldom moved")]
pub enum Answer {
    /// The command was taken.
    Submitted(Submitted),
    /// The envelope of the command in its current state.
    State(Callback),
}

/// Writes a call.
///
/// # Errors
/// Class `malformed` for a command that is not known here, and so has no path, or a key that no
/// header can carry.
pub fn write_call(
    dialect: &Dialect,
    base: &BaseUrl,
    key: &ApiKey,
    call: &Call,
) -> Result<Request<Bytes>, Error> {
    let mut request = match call {
        Call::Submit(command) => {
            let kind = command
                .body
                .kind()
                .ok_or_else(|| Error::malformed("", "a command that is not known here"))?;
            let operation = submit(dialect, kind);
            let body = Some(dialect.write_command(command));
            write_request(operation.method.to_method(), operation.path.address(base, &[]), body)?
        }
        Call::Poll(id) => {
            let operation = poll(dialect);
            let address = operation.path.address(base, &[id.as_str()]);
            write_request(operation.method.to_method(), address, None)?
        }
    };
    request.headers_mut().insert(API_KEY, write_api_key(key)?);
    Ok(request)
}

/// The credential of a call; `None` if there is none, not exactly one, or it cannot be read.
#[must_use]
pub fn read_credential(head: &Parts) -> Option<ApiKey> {
    read_api_key(&head.headers)
}

/// Reads a call. `path` is what is left of the path below the base: `/provision`.
///
/// # Errors
/// Class `not-found` for an unknown path, `malformed` for all else that is wrong; a method that the
/// path does not have is answered with 405, a content type other than JSON with 415.
pub fn read_call(dialect: &Dialect, path: &str, head: &Parts, body: &[u8]) -> Result<Call, Error> {
    read_routed(dialect, route(operations(dialect), path, &head.method)?, head, body)
}

/// The same for a request whose operation is known.
pub(crate) fn read_routed(
    dialect: &Dialect,
    route: Route<CommandOperation>,
    head: &Parts,
    body: &[u8],
) -> Result<Call, Error> {
    match route.id {
        CommandOperation::Poll => {
            let id = route.values.into_iter().next().unwrap_or_default();
            Ok(Call::Poll(CommandId::from(id)))
        }
        CommandOperation::Submit(kind) => {
            let command = dialect.read_command(read_json(head, body)?)?;
            if command.body.kind() != Some(kind) {
                return Err(Error::malformed("", "not the command of this address"));
            }
            Ok(Call::Submit(command))
        }
    }
}

/// The calls of this wire.
pub(crate) fn operations(
    dialect: &Dialect,
) -> impl Iterator<Item = Operation<'_, CommandOperation>> {
    let submit = CommandKind::ALL.iter().map(|kind| submit(dialect, *kind));
    submit.chain(std::iter::once(poll(dialect)))
}

/// Which call of this wire it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CommandOperation {
    Submit(CommandKind),
    Poll,
}

fn submit(dialect: &Dialect, kind: CommandKind) -> Operation<'_, CommandOperation> {
    Operation {
        id: CommandOperation::Submit(kind),
        method: OperationMethod::Post,
        path: PathPattern::one(Segment::Word(&dialect.words(kind).path)),
        body: match kind {
            CommandKind::Provision => BodyKind::Large,
            _ => BodyKind::Ordinary,
        },
        effect: Effect::Changes,
        success: StatusCode::OK,
    }
}

fn poll(dialect: &Dialect) -> Operation<'_, CommandOperation> {
    Operation {
        id: CommandOperation::Poll,
        method: OperationMethod::Get,
        path: PathPattern::two(Segment::Word(&dialect.paths.poll), Segment::Parameter),
        body: BodyKind::Empty,
        effect: Effect::Reads,
        success: StatusCode::OK,
    }
}

/// Writes an answer.
#[must_use]
pub fn write_answer(
    dialect: &Dialect,
    answer: &Result<Answer, Error>,
    request_id: &str,
) -> Response<Bytes> {
    match answer {
        Ok(Answer::Submitted(submitted)) => write_response(StatusCode::OK, submitted.to_json()),
        Ok(Answer::State(callback)) => {
            write_response(StatusCode::OK, dialect.write_callback(callback))
        }
        Err(error) => write_refusal(dialect, error, request_id),
    }
}

/// Reads the answer to a call.
///
/// # Errors
/// What the hub refused it with, as [`read_refusal`]; a hub's own word that it has no such command
/// is told by [`is_unknown_command`](crate::hermod::wire::is_unknown_command). Class `malformed` or
/// `too-large` for a success that cannot be read, with the answer as its source.
pub fn read_answer(
    dialect: &Dialect,
    call: &Call,
    response: &Response<Bytes>,
) -> Result<Answer, Error> {
    if !response.status().is_success() {
        let error = read_refusal(response);
        let is_unknown = matches!(call, Call::Poll(_))
            && error.class() == Class::NotFound
            && code_in(response).is_some_and(|code| code == dialect.errors.unknown_command);
        return Err(if is_unknown { error.answered(UNKNOWN_COMMAND) } else { error });
    }
    let answer = answer_text(response).and_then(|text| match call {
        Call::Submit(_) => Submitted::from_json(text).map(Answer::Submitted),
        Call::Poll(_) => dialect.read_callback(text).map(Answer::State),
    });
    answer.map_err(|error| {
        error.with_source(crate::transport::StatusError::new(
            response.status(),
            response.body(),
            None,
        ))
    })
}
