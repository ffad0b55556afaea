//! Refusals: an error as an answer, and an answer as an error.

use std::borrow::Cow;
use std::time::Duration;

use ::http::header::{DATE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use ::http::{Response, StatusCode};
use bytes::Bytes;

use super::credential::only_text;
use crate::error::HttpAnswer;
use crate::hermod::Dialect;
use crate::hermod::model::ErrorBody;
use crate::transport::message::{coding, text_of, write_response};
use crate::transport::{ReceivedAt, StatusError, parse_date};
use crate::{Class, Error};

/// What a caller is told to wait if nothing better is known.
const PAUSE: Duration = Duration::from_secs(1);

/// An error as an answer: its status and an [`ErrorBody`].
///
/// Its status is [`Error::http_status`]. `rate`, `storage` and `unavailable` say `Retry-After`.
#[must_use]
pub fn write_refusal(dialect: &Dialect, error: &Error, request_id: &str) -> Response<Bytes> {
    let status = status_of(error);
    let message = match error.part() {
        "" => error.detail().to_owned(),
        part => format!("{part}: {}", error.detail()),
    };
    let body = ErrorBody::new(code_of(dialect, status, error), message, request_id);
    let mut response = write_response(status, body.to_json());
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let pause = error.retry_after().unwrap_or(PAUSE);
        // Rounded up: who comes back too early is refused again.
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if status == StatusCode::UNAUTHORIZED {
        // HTTP wants a challenge (RFC 9110, 15.5.2); it says nothing of the cause.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let (Ok(name), Ok(value)) =
        (HeaderName::try_from(&*dialect.headers.request_id), HeaderValue::from_str(request_id))
    {
        response.headers_mut().insert(name, value);
    }
    response
}

fn status_of(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn code_of<'a>(dialect: &'a Dialect, status: StatusCode, error: &Error) -> Cow<'a, str> {
    let codes = &dialect.errors;
    let code = match status.as_u16() {
        401 => &codes.unauthorized,
        404 => match error.answer() {
            Some(HttpAnswer::NoDestination) => &codes.no_destination,
            Some(HttpAnswer::UnknownCommand) => &codes.unknown_command,
            Some(HttpAnswer::UnknownAddress) => &codes.unknown_address,
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
    let status = response.status();
    let retry_after = retry_after(response);
    let class = match status.as_u16() {
        401 | 403 | 407 => Class::Unauthorized,
        404 => Class::NotFound,
        409 => Class::Conflict,
        410 => Class::Expired,
        413 | 414 | 431 => Class::TooLarge,
        422 => read_code(response.body()).unwrap_or(Class::Malformed),
        429 => Class::Rate,
        400 | 402 | 405 | 406 | 411 | 412 | 415..=418 | 426 | 428 | 451 => Class::Malformed,
        _ => Class::Unavailable,
    };
    let mut error = Error::new(class, "", words(response));
    if let Some(pause) = retry_after {
        error = error.with_retry_after(pause);
    }
    error.with_source(StatusError::new(status, response.body(), retry_after))
}

/// What an answer says, for a person.
fn words(response: &Response<Bytes>) -> String {
    let mut words = format!("refused with status {}", response.status().as_u16());
    if let Some(coding) = coding(response.headers()) {
        words.push_str(&format!(", in the coding {coding}"));
    }
    let body = text_of(response.body()).ok();
    let request = match body.and_then(|body| ErrorBody::from_json(body).ok()) {
        Some(ErrorBody { error, .. }) => {
            words.push_str(&format!(", {}: \"{}\"", line(&error.code), line(&error.message)));
            Some(line(&error.request_id))
        }
        None => {
            let name = &*Dialect::standard().headers.request_id;
            only_text(response.headers(), name).map(line)
        }
    };
    if let Some(request) = request.filter(|request| !request.is_empty()) {
        words.push_str(&format!(" (request {request})"));
    }
    words
}

/// Text that came from outside on one line, of at most 200 characters before it is escaped.
fn line(text: &str) -> String {
    const MOST: usize = 200;
    let mut line = String::new();
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == MOST => {
                line.push('…');
                break;
            }
            // Nothing here stands in such quotes.
            '\'' => line.push(character),
            character => line.extend(character.escape_debug()),
        }
    }
    line
}

/// Whether an answer is what a hub of this crate says about what it was asked: its body has the
/// form, and it is not that there is no such address, which says that the request went astray.
pub(super) fn is_ours(dialect: &Dialect, response: &Response<Bytes>) -> bool {
    let body = text_of(response.body()).ok().and_then(|body| ErrorBody::from_json(body).ok());
    body.is_some_and(|body| body.error.code != dialect.errors.unknown_address)
}

/// The class that the code of a 422 names. A class whose own status is another is passed over: that
/// would be two statements.
fn read_code(body: &[u8]) -> Option<Class> {
    let body = ErrorBody::from_json(text_of(body).ok()?).ok()?;
    let is_unprocessable = |class: Class| {
        matches!(class, Class::Malformed | Class::TooLarge)
            || Error::new(class, "", "").http_status() == 422
    };
    let mut classes = Class::ALL.iter().copied().filter(|class| is_unprocessable(*class));
    classes.find(|class| upper_snake(*class) == body.error.code)
}

/// What `Retry-After` asks for, in seconds or as a date: at most [`Error::MAX_RETRY_AFTER`].
///
/// A date is relative to the answer's own `Date`, so that no two clocks are compared, and else to
/// the time that the answer was [received](ReceivedAt) at. A date that has passed is zero.
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.trim());
    let asked = text(RETRY_AFTER)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time too.
        asked.parse().map_or(Error::MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let received = response.extensions().get().map(|ReceivedAt(time)| *time);
        let now = text(DATE).and_then(|date| parse_date(date, received)).or(received)?;
        parse_date(asked, Some(now))?.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(Error::MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(status_of(&error.answered(HttpAnswer::InSigned)).as_u16(), 422);
            assert_eq!(status_of(&Error::new(class, part, "")).as_u16(), 400);
        }
        assert_eq!(status_of(&Error::too_large("", "")).as_u16(), 413);
        assert_eq!(status_of(&Error::malformed("", "").with_http_status(431)).as_u16(), 431);
        assert_eq!(status_of(&Error::malformed("", "").with_http_status(200)).as_u16(), 400);
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
        assert_eq!(missing(HttpAnswer::NoDestination), "NO_DESTINATION");
        assert_eq!(missing(HttpAnswer::UnknownCommand), "UNKNOWN_COMMAND");
        assert_eq!(missing(HttpAnswer::UnknownAddress), "UNKNOWN_ADDRESS");
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

    fn asks(headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut response = Response::builder().status(503);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Bytes::new()).unwrap()
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_never_believed_beyond_a_day() {
        for (text, pause) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("Fri, 31 Dec 1999", None),
        ] {
            let response =
                asks(&[("retry-after", text), ("date", "Sat, 28 Nov 2026 00:00:00 GMT")]);
            assert_eq!(retry_after(&response), pause.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_date_in_retry_after_is_relative_to_the_date_of_the_answer() {
        const NOW: &str = "Sat, 28 Nov 2026 00:00:00 GMT";
        for (now, date, pause) in [
            (NOW, "Sat, 28 Nov 2026 00:00:04 GMT", 4),
            (NOW, "Saturday, 28-Nov-26 00:00:04 GMT", 4),
            (NOW, "Sat Nov 28 00:00:04 2026", 4),
            ("Saturday, 28-Nov-26 00:00:00 GMT", "Sat Nov 28 00:00:04 2026", 4),
            ("Sat Nov 28 00:00:00 2026", "Saturday, 28-Nov-26 00:00:04 GMT", 4),
            // A past date is now, and a far one is a day.
            (NOW, "Fri, 27 Nov 2026 23:59:59 GMT", 0),
            (NOW, "Sunday, 06-Nov-94 08:49:37 GMT", 0),
            (NOW, "Sun, 06 Nov 1904 08:49:37 GMT", 0),
            (NOW, "Mon, 28 Nov 2050 00:00:00 GMT", 86_400),
            // 50 years ahead is the future, 51 the past.
            (NOW, "Saturday, 28-Nov-76 00:00:00 GMT", 86_400),
            (NOW, "Sunday, 28-Nov-77 00:00:00 GMT", 0),
        ] {
            let mut response = asks(&[("retry-after", date), ("date", now)]);
            // The clock of the caller does not count where the answer has a date.
            response.extensions_mut().insert(ReceivedAt(std::time::SystemTime::UNIX_EPOCH));
            assert_eq!(retry_after(&response), Some(Duration::from_secs(pause)), "{date}");
        }
        let mut response = asks(&[("retry-after", "Tue, 14 Nov 2023 22:13:27 GMT"), ("date", "?")]);
        assert_eq!(retry_after(&response), None);
        let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        response.extensions_mut().insert(ReceivedAt(now));
        assert_eq!(retry_after(&response), Some(Duration::from_secs(7)));
    }
}
