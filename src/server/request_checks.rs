//! The checks that come before everything else.

use ::http::Version;
use ::http::header::{CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use ::http::request::Parts;

use super::ServerLimits;
use super::limits::LimitMet;
use crate::Error;

/// Enforces the limits, and refuses a head that two servers could read differently: where the body
/// ends, and which host is meant.
pub(crate) fn check_head(head: &Parts, limits: &ServerLimits) -> Result<(), Error> {
    let uri = head.uri.path().len() + head.uri.query().map_or(0, |query| query.len() + 1);
    if uri > limits.uri_bytes {
        return Err(Error::too_large("uri", "too long")
            .with_http_status(414)
            .with_source(LimitMet::new("uri_bytes", limits.uri_bytes)));
    }
    let bytes: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let met = if head.headers.len() > limits.header_count {
        Some(LimitMet::new("header_count", limits.header_count))
    } else if bytes > limits.header_bytes {
        Some(LimitMet::new("header_bytes", limits.header_bytes))
    } else {
        None
    };
    if let Some(met) = met {
        let error = Error::too_large("headers", "too many, or too long");
        return Err(error.with_http_status(431).with_source(met));
    }
    let several = |name| head.headers.get_all(name).iter().nth(1).is_some();
    if several(HOST) {
        return Err(Error::malformed("headers.Host", "more than one"));
    }
    match head.headers.get(HOST) {
        Some(host) if !is_host(host.as_bytes()) => {
            return Err(Error::malformed("headers.Host", "not a host"));
        }
        // RFC 9112, 3.2 requires it even if the target itself names a host. HTTP/1.0 has no such
        // header, and HTTP/2 states the host in another way.
        None if head.version == Version::HTTP_11 => {
            return Err(Error::malformed("headers.Host", "none"));
        }
        _ => {}
    }
    if head.headers.contains_key(TRANSFER_ENCODING) {
        check_coding(head)?;
    }
    check_length(&head.headers)
}

/// Refuses every transfer coding except a single `chunked` (RFC 9112, 6.1 and 6.3).
fn check_coding(head: &Parts) -> Result<(), Error> {
    const PART: &str = "headers.Transfer-Encoding";
    if head.version != Version::HTTP_11 || head.headers.contains_key(CONTENT_LENGTH) {
        return Err(Error::malformed(PART, "beside Content-Length, or where there is none"));
    }
    let lines = head.headers.get_all(TRANSFER_ENCODING).iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    // Empty elements of a list are ignored (RFC 9110, 5.6.1.2).
    let codings: Vec<&[u8]> =
        codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty()).collect();
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings.split_last() {
        // The end of the body cannot be determined.
        Some((last, before)) if is_chunked(last) && !before.iter().any(is_chunked) => {
            if before.is_empty() {
                return Ok(());
            }
            Err(Error::malformed(PART, "a coding that is not known").with_http_status(501))
        }
        _ => Err(Error::malformed(PART, "not chunked once, at the end")),
    }
}

/// Checks for `uri-host [":" port]` (RFC 9110, 7.2). The grammar allows an empty host; addresses in
/// responses come from the configuration.
fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let (host, port) = match value.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((literal, rest)) => {
                if !is_ip_literal(literal) {
                    return false;
                }
                ("", rest)
            }
            None => return false,
        },
        None => value.split_at(value.find(':').unwrap_or(value.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.bytes().all(|digit| digit.is_ascii_digit()),
        None => port.is_empty(),
    };
    port && is_reg_name(host)
}

/// Checks the content of brackets: an IPv6 address, or one of a later version (RFC 3986, 3.2.2).
fn is_ip_literal(text: &str) -> bool {
    if let Some(future) = text.strip_prefix(['v', 'V']) {
        return future.split_once('.').is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|digit| digit.is_ascii_hexdigit())
                && !address.is_empty()
                && address.bytes().all(|byte| byte == b':' || is_name_byte(byte))
        });
    }
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Checks for a name with escapes, or an IPv4 address, which has the same form.
fn is_reg_name(text: &str) -> bool {
    let mut pieces = text.split('%');
    let is_name = |text: &str| text.bytes().all(is_name_byte);
    pieces.next().is_none_or(is_name)
        && pieces.all(|piece| {
            piece.split_at_checked(2).is_some_and(|(digits, rest)| {
                digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && is_name(rest)
            })
        })
}

/// `unreserved` and `sub-delims` of RFC 3986.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Checks that a length that is given several times is the same each time.
fn check_length(headers: &HeaderMap) -> Result<(), Error> {
    let bad = || Error::malformed("headers.Content-Length", "not one number");
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let text = value.to_str().map_err(|_| bad())?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u64>().ok().filter(|_| digits).ok_or_else(bad)?;
        if *length.get_or_insert(number) != number {
            return Err(bad());
        }
    }
    Ok(())
}

/// The value of `Content-Length`.
pub(crate) fn declared_length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
