//! Credentials in headers. Values that hold one are marked sensitive, so that the types of HTTP do
//! not show them.

use ::http::HeaderMap;
use ::http::header::{AUTHORIZATION, AsHeaderName, HeaderValue};
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::{Error, Secret};

/// The value of a header that occurs exactly once.
pub(crate) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { Some(value) }
}

/// The value of a header that occurs exactly once, as text.
pub(crate) fn only_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    only(headers, name)?.to_str().ok()
}

pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::malformed("credential", "not one that a header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Writes `base64(name:secret)`.
pub(crate) fn write_pair(name: &str, secret: &Secret) -> Result<Zeroizing<String>, Error> {
    if name.contains(':') {
        return Err(Error::malformed("credential", "a colon before the secret"));
    }
    let pair = Zeroizing::new(format!("{name}:{}", secret.expose()));
    Ok(Zeroizing::new(Base64::encode_string(pair.as_bytes())))
}

/// Reads `base64(name:secret)`; padding may be missing.
pub(crate) fn read_pair(text: &str) -> Option<(String, Secret)> {
    let mut padded = Zeroizing::new(text.trim_end_matches('=').to_owned());
    if text.len() - padded.len() > 2 {
        return None;
    }
    while !padded.len().is_multiple_of(4) {
        padded.push('=');
    }
    let bytes = Zeroizing::new(Base64::decode_vec(&padded).ok()?);
    let (name, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((name.to_owned(), Secret::new(secret)))
}

pub(crate) fn write_bearer(token: &Secret) -> Result<HeaderValue, Error> {
    sensitive(&Zeroizing::new(format!("Bearer {}", token.expose())))
}

pub(crate) fn read_bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = only_text(headers, AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::new(token))
}

/// Writes `Basic` with a user and a password (RFC 7617).
pub(crate) fn write_basic(user: &str, password: &Secret) -> Result<HeaderValue, Error> {
    sensitive(&Zeroizing::new(format!("Basic {}", write_pair(user, password)?.as_str())))
}

/// Reads user and password of HTTP Basic; `None` unless there is exactly one pair.
pub(crate) fn read_basic(headers: &HeaderMap) -> Option<(String, Secret)> {
    let (scheme, pair) = only_text(headers, AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| read_pair(pair.trim()))?
}
