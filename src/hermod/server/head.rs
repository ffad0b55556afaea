//! What is looked at before anything else.

use ::http::Version;
use ::http::header::{CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use ::http::request::Parts;

use super::ServerLimits;
use crate::Error;

/// Keeps the limits, and refuses what one server could read as other than another: where a body
/// ends, and whom it is for.
pub(super) fn check_head(head: &Parts, limits: &ServerLimits) -> Result<(), Error> {
    let uri = head.uri.path().len() + head.uri.query().map_or(0, |query| query.len() + 1);
    if uri > limits.uri_octets {
        return Err(Error::too_large("uri", "too long").with_status(414));
    }
    let octets: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head.headers.len() > limits.header_count || octets > limits.header_octets {
        return Err(Error::too_large("headers", "too many, or too long").with_status(431));
    }
    let several = |name| head.headers.get_all(name).iter().nth(1).is_some();
    if several(HOST) {
        return Err(Error::malformed("headers.Host", "more than one"));
    }
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    if chunked && (head.version < Version::HTTP_11 || head.headers.contains_key(CONTENT_LENGTH)) {
        return Err(Error::malformed(
            "headers.Transfer-Encoding",
            "beside Content-Length, or where there is none",
        ));
    }
    check_length(&head.headers)
}

/// A length that is given several times has to be the same each time.
fn check_length(headers: &HeaderMap) -> Result<(), Error> {
    let bad = || Error::malformed("headers.Content-Length", "not one number");
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let text = value.to_str().map_err(|_| bad())?;
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let number = text.parse::<u64>().ok().filter(|_| digits).ok_or_else(bad)?;
        if *length.get_or_insert(number) != number {
            return Err(bad());
        }
    }
    Ok(())
}

/// The length that the head says.
pub(super) fn declared_length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;

    fn status(lines: &[(&str, &str)], version: Version) -> Option<u16> {
        let mut request = Request::builder().uri("/ms/b").version(version);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        check_head(&head, &ServerLimits::default()).err().map(|error| error.status().unwrap_or(400))
    }

    #[test]
    fn refuses_what_two_servers_could_read_differently() {
        let many = vec![("x", "y"); 65];
        let long = "y".repeat(16 * 1024);
        for (lines, expected) in [
            (vec![("content-length", "3"), ("content-length", "3")], None),
            (vec![("content-length", "3"), ("content-length", "4")], Some(400)),
            (vec![("content-length", "3, 3")], Some(400)),
            (vec![("content-length", "+3")], Some(400)),
            (vec![("content-length", "0x3")], Some(400)),
            (vec![("content-length", "")], Some(400)),
            (vec![("content-length", "99999999999999999999999")], Some(400)),
            (vec![("content-length", "3"), ("transfer-encoding", "chunked")], Some(400)),
            (vec![("transfer-encoding", "chunked")], None),
            (vec![("host", "a"), ("host", "a")], Some(400)),
            (many, Some(431)),
            (vec![("x", long.as_str())], Some(431)),
        ] {
            assert_eq!(status(&lines, Version::HTTP_11), expected, "{lines:?}");
        }
        assert_eq!(status(&[("transfer-encoding", "chunked")], Version::HTTP_10), Some(400));
    }
}
