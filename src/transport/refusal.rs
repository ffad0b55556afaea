//! Writes an error as a response, and reads it back.

use std::time::Duration;

use ::http::header::{DATE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use ::http::{Response, StatusCode};
use bytes::Bytes;

use super::credential::only_text;
use super::message::{coding, text_of, write_response};
use super::protocol::Protocol;
use super::{ReceivedAt, StatusError, parse_date};
use crate::{Class, Error};

/// The default for `Retry-After`.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes an error as a response, with the protocol's body. Its status is [`Error::http_status`];
/// 429 and 503 have `Retry-After`.
pub(crate) fn write_refusal(
    protocol: &dyn Protocol,
    error: &Error,
    request_id: &str,
) -> Response<Bytes> {
    let status = status_of(error);
    let mut response =
        write_response(status, protocol.write_error(status.as_u16(), error, request_id));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let pause = error.retry_after().unwrap_or(PAUSE);
        // Rounded up, because a caller that returns too early is refused again.
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if status == StatusCode::UNAUTHORIZED {
        // HTTP requires a challenge (RFC 9110, 15.5.2); it does not tell the cause.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let (Ok(name), Ok(value)) =
        (HeaderName::try_from(protocol.request_id_header()), HeaderValue::from_str(request_id))
    {
        response.headers_mut().insert(name, value);
    }
    response
}

fn status_of(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Reads a response that is not successful as an error, with the response as its
/// [source](StatusError::of).
///
/// The class follows from the status; that of a 422 from the body, if its code names a class. A
/// response that is not about the request itself is `unavailable`, so that the request is retried:
/// a 5xx, a redirect, 408, 425, and any unknown status.
pub(crate) fn read_refusal(protocol: &dyn Protocol, response: &Response<Bytes>) -> Error {
    let status = response.status();
    let retry_after = retry_after(response);
    let class = match status.as_u16() {
        401 | 403 | 407 => Class::Unauthorized,
        404 => Class::NotFound,
        409 => Class::Conflict,
        410 => Class::Expired,
        413 | 414 | 431 => Class::TooLarge,
        422 => read_class(protocol, response.body()).unwrap_or(Class::Malformed),
        429 => Class::Rate,
        400 | 402 | 405 | 406 | 411 | 412 | 415..=418 | 426 | 428 | 451 => Class::Malformed,
        _ => Class::Unavailable,
    };
    let mut error = Error::new(class, "", words(protocol, response));
    if let Some(pause) = retry_after {
        error = error.with_retry_after(pause);
    }
    error.with_source(StatusError::new(status, response.body(), retry_after))
}

/// A description of a response, for people.
fn words(protocol: &dyn Protocol, response: &Response<Bytes>) -> String {
    let mut words = format!("refused with status {}", response.status().as_u16());
    if let Some(coding) = coding(response.headers()) {
        words.push_str(&format!(", in the coding {coding}"));
    }
    let body = text_of(response.body()).ok();
    let request = match body.and_then(|body| protocol.read_error(body)) {
        Some(said) => {
            words.push_str(&format!(", {}: \"{}\"", line(&said.code), line(&said.message)));
            Some(line(&said.request_id))
        }
        None => only_text(response.headers(), protocol.request_id_header()).map(line),
    };
    if let Some(request) = request.filter(|request| !request.is_empty()) {
        words.push_str(&format!(" (request {request})"));
    }
    words
}

/// Text from outside as one line, of at most 200 characters before escaping.
fn line(text: &str) -> String {
    const MOST: usize = 200;
    let mut line = String::new();
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == MOST => {
                line.push('…');
                break;
            }
            // The text is not placed inside such quotes.
            '\'' => line.push(character),
            character => line.extend(character.escape_debug()),
        }
    }
    line
}

/// The class that the body of a 422 names. A class with another status is ignored, because the two
/// would contradict each other.
fn read_class(protocol: &dyn Protocol, body: &[u8]) -> Option<Class> {
    let class = protocol.read_error(text_of(body).ok()?)?.class?;
    let is_unprocessable = matches!(class, Class::Malformed | Class::TooLarge)
        || Error::new(class, "", "").http_status() == 422;
    is_unprocessable.then_some(class)
}

/// The pause that `Retry-After` asks for, in seconds or as a date: at most
/// [`Error::MAX_RETRY_AFTER`].
///
/// A date is relative to the `Date` of the response, so that no two clocks are compared, and
/// otherwise to the time at which the response was [received](ReceivedAt). A past date gives zero.
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.trim());
    let asked = text(RETRY_AFTER)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with too many digits is a long time too.
        asked.parse().map_or(Error::MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let received = response.extensions().get().map(|ReceivedAt(time)| *time);
        let now = text(DATE).and_then(|date| parse_date(date, received)).or(received)?;
        parse_date(asked, Some(now))?.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(Error::MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
