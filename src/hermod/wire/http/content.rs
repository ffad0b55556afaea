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
use crate::transport::message::{
    answer_text, last_segments, method_not_allowed, no_such_address, read_json, write_request,
    write_response,
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

/// Whether a call at this address may come.
///
/// # Errors
/// Class `not-found` for another path, `malformed` with status 405 for a method other than POST.
pub fn check_address(dialect: &Dialect, path: &str, method: &Method) -> Result<(), Error> {
    if last_segments(path).1 != dialect.paths.content {
        return Err(no_such_address());
    }
    if *method == Method::POST { Ok(()) } else { Err(method_not_allowed()) }
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
    check_address(dialect, path, &head.method)?;
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
