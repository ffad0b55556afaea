//! The common parts of requests and responses: JSON bodies, methods, paths.

use ::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use ::http::{Method, Request, Response, StatusCode, Uri, request::Parts};
use bytes::Bytes;

use super::media_type;
use crate::encoding::percent::decode;
use crate::error::HttpAnswer;
use crate::json::without_mark;
use crate::{Class, Error};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request with a JSON body, or without one.
pub(crate) fn write_request(
    method: Method,
    address: impl ToString,
    body: Option<String>,
) -> Result<Request<Bytes>, Error> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = Uri::try_from(address.to_string())
        .map_err(|_| Error::malformed("address", "not one that HTTP can carry"))?;
    *request.method_mut() = method;
    // Without it, a server may use any content coding (RFC 9110 section 12.5.3).
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(body) = body {
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        *request.body_mut() = Bytes::from(body);
    }
    Ok(request)
}

/// An answer with a JSON body.
pub(crate) fn write_response(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// An answer without a body.
pub(crate) fn write_empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The segments of a path below a base, unescaped: `/b1/m1` is two. A slash at the end is passed
/// over.
///
/// # Errors
/// Class `malformed` for bad escapes, empty segments and dot segments.
pub(crate) fn split_path(path: &str) -> Result<Vec<String>, Error> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let segments = path.split('/').map(|segment| match decode(segment, 0) {
        Ok(text) if !text.is_empty() && !matches!(text.as_str(), "." | "..") => Ok(text),
        _ => Err(Error::malformed("path", "a segment that is none")),
    });
    segments.collect()
}

/// The last two segments of a path, unescaped, whatever stands before them; empty where there is
/// none or it cannot be read. A slash at the end is passed over.
pub(crate) fn last_segments(path: &str) -> (String, String) {
    let mut segments = path.strip_suffix('/').unwrap_or(path).rsplit('/');
    let mut next = || decode(segments.next().unwrap_or_default(), 0).unwrap_or_default();
    let last = next();
    (next(), last)
}

/// The reason of a 404 for an unknown address.
pub(crate) const UNKNOWN_ADDRESS: &str = "unknown address";

/// Refuses an unknown address. Its code
/// [differs](crate::hermod::dialect::ErrorCodes::unknown_address) from that of an object that is
/// not found.
pub(crate) fn no_such_address() -> Error {
    Error::new(Class::NotFound, "path", "no such address")
        .answered(HttpAnswer::Reason(UNKNOWN_ADDRESS))
}

/// Refuses a method that the address does not have.
pub(crate) fn method_not_allowed() -> Error {
    Error::malformed("method", "not one of this address").with_http_status(405)
}

/// The body of a request as text, if its header says that it is JSON without a coding.
pub(crate) fn read_json<'a>(head: &Parts, body: &'a [u8]) -> Result<&'a str, Error> {
    if head.headers.contains_key(CONTENT_ENCODING) || !is_json(&head.headers) {
        return Err(Error::malformed("Content-Type", "not application/json without a coding")
            .with_http_status(415));
    }
    text_of(body)
}

/// The body of a response as text, if it has no content coding.
///
/// # Errors
/// Class `malformed`. If there is a coding, the error names it.
pub(crate) fn answer_text(response: &Response<Bytes>) -> Result<&str, Error> {
    match coding(response.headers()) {
        Some(coding) => Err(Error::malformed(
            "Content-Encoding",
            format!("the answer is in the coding {coding}, and only identity was asked for"),
        )),
        None => text_of(response.body()),
    }
}

/// The coding of a response, in printable characters; `None` if the body has none.
pub(crate) fn coding(headers: &HeaderMap) -> Option<String> {
    let content = headers.get_all(CONTENT_ENCODING).iter();
    // The HTTP library decodes `chunked` and no other transfer coding.
    let transfer = headers.get_all(TRANSFER_ENCODING).iter();
    let codings = content.chain(transfer).flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let coding = codings.map(<[u8]>::trim_ascii).find(|coding| {
        let plain: [&[u8]; 3] = [b"", b"identity", b"chunked"];
        !plain.iter().any(|plain| coding.eq_ignore_ascii_case(plain))
    })?;
    let name = coding.iter().take(32).map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'+' => {
            char::from(byte.to_ascii_lowercase())
        }
        _ => '?',
    });
    Some(name.collect())
}

/// A body as text, without a leading byte order mark (RFC 8259 section 8.1).
pub(crate) fn text_of(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body)
        .map(without_mark)
        .map_err(|error| Error::malformed("", "not UTF-8").at(error.valid_up_to()))
}

/// Whether there is one content type, and it is `application/json` with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    media_type::is_json(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_before_it_is_unescaped() {
        assert_eq!(split_path("/a%2Fb/c/").unwrap(), ["a/b", "c"]);
        assert_eq!(split_path("").unwrap(), [""; 0]);
        for bad in ["/a//b", "//a", "/%", "/%zz", "/..", "/a/%2e%2E", "/%ff"] {
            assert_eq!(split_path(bad).unwrap_err().class(), Class::Malformed, "{bad}");
        }
    }
}
