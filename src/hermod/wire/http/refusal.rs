//! The hub's refusals: how Hermod's dialect words an error, and reads one.

use std::borrow::Cow;

use ::http::Response;
use bytes::Bytes;

use crate::error::HttpAnswer;
use crate::hermod::Dialect;
use crate::hermod::model::ErrorBody;
use crate::hermod::wire::reason;
use crate::transport::message::{UNKNOWN_ADDRESS, text_of};
use crate::transport::protocol::{ErrorWords, Protocol};
use crate::transport::refusal;
use crate::{Class, Error};

/// An error as an answer: its status and an [`ErrorBody`].
///
/// Its status is [`Error::http_status`]. `rate`, `storage` and `unavailable` say `Retry-After`.
#[must_use]
pub fn write_refusal(dialect: &Dialect, error: &Error, request_id: &str) -> Response<Bytes> {
    refusal::write_refusal(dialect, error, request_id)
}

/// An answer that is no success as an error, which has the answer as its
/// [source](crate::transport::StatusError::of). Its detail names the status and, if the body has
/// the form of a hub, the code, the message and the id of the request, each on one line and cut to
/// a length; without that form, the id of the request if there is a header with it.
///
/// Its class follows from the status, of a 422 from the code if that is a class; a hub of somebody
/// else's may say anything in the body.
///
/// [`Error::retry_after`] is what `Retry-After` said, at most [`Error::MAX_RETRY_AFTER`]: seconds,
/// or a date in any of the three forms of RFC 9110 section 5.6.7. A date is relative to the
/// answer's own `Date`; where that is missing, to the [`ReceivedAt`](crate::transport::ReceivedAt)
/// among the extensions of the answer, which the clients take from their clock; without either it
/// is passed over.
///
/// What says nothing about the request is `unavailable`, so that it is tried again: a 5xx, a
/// redirect, 408, 425, and any status that is unknown here.
#[must_use]
pub fn read_refusal(response: &Response<Bytes>) -> Error {
    refusal::read_refusal(Dialect::standard(), response)
}

impl Protocol for Dialect {
    fn request_id_header(&self) -> &str {
        &self.headers.request_id
    }

    fn write_error(&self, status: u16, error: &Error, request_id: &str) -> String {
        let message = match error.part() {
            "" => error.detail().to_owned(),
            part => format!("{part}: {}", error.detail()),
        };
        ErrorBody::new(code_of(self, status, error), message, request_id).to_json()
    }

    fn read_error(&self, body: &str) -> Option<ErrorWords> {
        let detail = ErrorBody::from_json(body).ok()?.error;
        let mut classes = Class::ALL.iter().copied();
        let class = classes.find(|class| upper_snake(*class) == detail.code);
        let (code, message, request_id) = (detail.code, detail.message, detail.request_id);
        Some(ErrorWords { code, message, request_id, class })
    }
}

fn code_of<'a>(dialect: &'a Dialect, status: u16, error: &Error) -> Cow<'a, str> {
    let codes = &dialect.errors;
    let code = match status {
        401 => &codes.unauthorized,
        404 => match error.answer() {
            Some(reason::NO_DESTINATION) => &codes.no_destination,
            Some(reason::UNKNOWN_COMMAND) => &codes.unknown_command,
            Some(HttpAnswer::Reason(UNKNOWN_ADDRESS)) => &codes.unknown_address,
            _ => &codes.not_found,
        },
        405 => &codes.method_not_allowed,
        408 => &codes.timeout,
        409 => &codes.conflict,
        410 => &codes.gone,
        413 | 414 => &codes.too_large,
        415 => &codes.unsupported_media_type,
        422 => return Cow::Owned(upper_snake(error.class())),
        429 => &codes.rate_limited,
        431 => &codes.headers_too_large,
        501 => &codes.not_implemented,
        502 => &codes.content_provider,
        503 => &codes.unavailable,
        _ => &codes.invalid_request,
    };
    Cow::Borrowed(code)
}

fn upper_snake(class: Class) -> String {
    class.as_str().to_ascii_uppercase().replace('-', "_")
}

/// Whether an answer is what a hub of this crate says about what it was asked: its body has the
/// form, and it is not that there is no such address, which says that the request went astray.
pub(super) fn is_ours(dialect: &Dialect, response: &Response<Bytes>) -> bool {
    code_in(response).is_some_and(|code| code != dialect.errors.unknown_address)
}

/// The code of an answer that has the form of a hub's refusal.
pub(super) fn code_in(response: &Response<Bytes>) -> Option<String> {
    ErrorBody::from_json(text_of(response.body()).ok()?).ok().map(|body| body.error.code)
}

#[cfg(test)]
mod tests;
