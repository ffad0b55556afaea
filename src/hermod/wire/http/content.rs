//! Content: `POST {base}/getcontent`, with HTTP Basic.

use ::http::header::AUTHORIZATION;
use ::http::request::Parts;
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;

use super::credential::write_basic_auth;
use super::{read_refusal, write_refusal};
use crate::hermod::Dialect;
use crate::hermod::model::{ContentAnswer, ContentRequest};
use crate::hermod::wire::BasicAuth;
use crate::transport::StatusError;
use crate::transport::message::{answer_text, read_json, write_request, write_response};
use crate::transport::operation::{
    BodyKind, Effect, Operation, OperationMethod, PathPattern, Segment, route,
};
use crate::{BaseUrl, Error};

/// Writes the question for a content.
///
/// # Errors
/// Class `malformed` for a credential that no header can carry.
pub fn write_call(
    dialect: &Dialect,
    base: &BaseUrl,
    credential: Option<&BasicAuth>,
    content_id: &str,
) -> Result<Request<Bytes>, Error> {
    let address = base.join(&[&dialect.paths.content]);
    let mut request =
        write_request(Method::POST, address, Some(ContentRequest::new(content_id).to_json()))?;
    if let Some(credential) = credential {
        request.headers_mut().insert(AUTHORIZATION, write_basic_auth(credential)?);
    }
    Ok(request)
}

/// The one call of this wire.
pub(crate) fn operations(dialect: &Dialect) -> impl Iterator<Item = Operation<'_, ()>> {
    std::iter::once(Operation {
        id: (),
        method: OperationMethod::Post,
        path: PathPattern::last(Segment::Word(&dialect.paths.content)),
        body: BodyKind::Ordinary,
        effect: Effect::Reads,
        success: StatusCode::OK,
    })
}

/// Reads the id of the content that is asked for. The last segment of `path` is looked at, whatever
/// stands before it.
///
/// # Errors
/// Class `not-found` for another path, `malformed` for all else that is wrong; a method other than
/// POST is answered with 405, a content type other than JSON with 415.
pub fn read_call(
    dialect: &Dialect,
    path: &str,
    head: &Parts,
    body: &[u8],
) -> Result<String, Error> {
    route(operations(dialect), path, &head.method)?;
    read_routed(head, body)
}

/// The same for a request whose operation is known.
pub(crate) fn read_routed(head: &Parts, body: &[u8]) -> Result<String, Error> {
    Ok(ContentRequest::from_json(read_json(head, body)?)?.content_id)
}

/// Writes an answer.
#[must_use]
pub fn write_answer(
    dialect: &Dialect,
    answer: &Result<ContentAnswer, Error>,
    request_id: &str,
) -> Response<Bytes> {
    match answer {
        Ok(answer) => write_response(StatusCode::OK, answer.to_json()),
        Err(error) => write_refusal(dialect, error, request_id),
    }
}

/// Reads an answer.
///
/// # Errors
/// What it was refused with, as [`read_refusal`]; class `malformed` or `too-large` for a success
/// that cannot be read, with the answer as its source.
pub fn read_answer(response: &Response<Bytes>) -> Result<ContentAnswer, Error> {
    if !response.status().is_success() {
        return Err(read_refusal(response));
    }
    let answer = answer_text(response).and_then(ContentAnswer::from_json);
    answer.map_err(|error| {
        error.with_source(StatusError::new(response.status(), response.body(), None))
    })
}
