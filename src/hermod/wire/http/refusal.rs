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

/// An answer that is no success as an error, which has the answer as its [source](StatusError::of).
/// Its detail names the status and, if the body has the form of a hub, the code, the message and the
/// id of the request, each on one line and cut to a length; without that form, the id of the request
/// if there is a header with it.
///
/// Its class follows from the status, of a 422 from the code if that is a class; a hub of somebody
/// else's may say anything in the body.
///
/// [`Error::retry_after`] is what `Retry-After` said, at most [`Error::MAX_RETRY_AFTER`]: seconds,
/// or a date in any of the three forms of RFC 9110 section 5.6.7. A date is relative to the
/// answer's own `Date`; where that is missing, to the [`ReceivedAt`] among the extensions of the
/// answer, which the clients take from their clock; without either it is passed over.
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
    let body = text_of(response.body()).ok().and_then(|body| ErrorBody::from_json(body).ok());
    body.is_some_and(|body| body.error.code != dialect.errors.unknown_address)
}

#[cfg(test)]
mod tests {
    use ::http::StatusCode;

    use super::*;
    use crate::transport::StatusError;

    #[test]
    fn every_class_comes_back_from_its_own_answer() {
        for class in Class::ALL {
            let error = Error::new(*class, "member", "at fault");
            let response = write_refusal(Dialect::standard(), &error, "r1");
            let expected = match class {
                // No status of their own.
                Class::TooLarge => Class::Malformed,
                Class::Replay => Class::Conflict,
                // Another's store is not this side's.
                Class::Storage => Class::Unavailable,
                class => *class,
            };
            assert_eq!(read_refusal(&response).class(), expected, "{class}");
            assert!(is_ours(Dialect::standard(), &response));
            assert_eq!(response.headers()["x-request-id"], "r1");
        }
    }

    #[test]
    fn a_fault_in_what_was_signed_is_422_and_a_body_that_is_too_long_413() {
        let part = "provResponse.result.data";
        for class in [Class::Malformed, Class::TooLarge] {
            let error = Error::new(class, part, "").with_http_status(400);
            assert_eq!(error.with_http_status(422).http_status(), 422);
            assert_eq!(Error::new(class, part, "").http_status(), 400);
        }
        assert_eq!(Error::too_large("", "").http_status(), 413);
        assert_eq!(Error::malformed("", "").with_http_status(431).http_status(), 431);
        assert_eq!(Error::malformed("", "").with_http_status(200).http_status(), 400);
    }

    #[test]
    fn a_code_is_chosen_where_the_error_is_made_and_never_by_its_words() {
        let code = |error: Error| {
            let response = write_refusal(Dialect::standard(), &error, "r1");
            let body = std::str::from_utf8(response.body()).unwrap();
            ErrorBody::from_json(body).unwrap().error.code
        };
        for part in ["commandHeader.to", "commandId", "path", ""] {
            assert_eq!(code(Error::new(Class::NotFound, part, "")), "NOT_FOUND", "{part}");
        }
        let missing = |answer| code(Error::new(Class::NotFound, "", "").answered(answer));
        assert_eq!(missing(reason::NO_DESTINATION), "NO_DESTINATION");
        assert_eq!(missing(reason::UNKNOWN_COMMAND), "UNKNOWN_COMMAND");
        assert_eq!(missing(HttpAnswer::Reason(UNKNOWN_ADDRESS)), "UNKNOWN_ADDRESS");
    }

    #[test]
    fn a_422_names_only_a_class_whose_status_is_422() {
        let read = |code: &str| {
            let body = format!(r#"{{"error":{{"code":"{code}","message":"","requestId":""}}}}"#);
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            read_refusal(&response).class()
        };
        assert_eq!(read("KEYID"), Class::KeyId);
        assert_eq!(read("TOO_LARGE"), Class::TooLarge);
        for code in ["UNAUTHORIZED", "STORAGE", "UNAVAILABLE", "RATE", "NOT_FOUND", "NEW"] {
            assert_eq!(read(code), Class::Malformed, "{code}");
        }
    }

    #[test]
    fn what_says_nothing_about_the_request_is_tried_again() {
        for status in [301, 302, 307, 408, 425, 500, 502, 503, 504, 599, 799] {
            let mut response = Response::new(Bytes::from_static(b"<html>"));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let error = read_refusal(&response);
            assert_eq!(error.class(), Class::Unavailable, "{status}");
            assert_eq!(StatusError::of(&error).unwrap().body(), b"<html>");
        }
    }
}
