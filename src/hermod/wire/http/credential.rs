//! Credentials in headers. Values that hold one are marked sensitive, so that nothing that follows
//! HTTP's types shows them.

use ::http::HeaderMap;
use ::http::header::{AUTHORIZATION, AsHeaderName, HeaderValue};
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::hermod::wire::{ApiKey, BasicAuth};
use crate::{Error, Secret};

/// The name of the integrator's header; documented.
pub(super) const API_KEY: &str = "x-api-key";

/// The only value of a header; two are none.
pub(super) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { Some(value) }
}

/// The only value of a header as text.
pub(super) fn only_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    only(headers, name)?.to_str().ok()
}

pub(super) fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::malformed("credential", "not one that a header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `base64(name:secret)`.
fn write_pair(name: &str, secret: &Secret) -> Result<Zeroizing<String>, Error> {
    if name.contains(':') {
        return Err(Error::malformed("credential", "a colon before the secret"));
    }
    let pair = Zeroizing::new(format!("{name}:{}", secret.expose()));
    Ok(Zeroizing::new(Base64::encode_string(pair.as_bytes())))
}

/// The other way. Padding may be left out.
fn read_pair(text: &str) -> Option<(String, Secret)> {
    let mut padded = Zeroizing::new(text.trim_end_matches('=').to_owned());
    if text.len() - padded.len() > 2 {
        return None;
    }
    while !padded.len().is_multiple_of(4) {
        padded.push('=');
    }
    let octets = Zeroizing::new(Base64::decode_vec(&padded).ok()?);
    let (name, secret) = std::str::from_utf8(&octets).ok()?.split_once(':')?;
    Some((name.to_owned(), Secret::new(secret)))
}

pub(super) fn write_api_key(key: &ApiKey) -> Result<HeaderValue, Error> {
    sensitive(&write_pair(&key.id, &key.key)?)
}

pub(super) fn read_api_key(headers: &HeaderMap) -> Option<ApiKey> {
    let (id, key) = read_pair(only_text(headers, API_KEY)?.trim())?;
    Some(ApiKey::new(id, key))
}

pub(super) fn write_bearer(token: &Secret) -> Result<HeaderValue, Error> {
    sensitive(&Zeroizing::new(format!("Bearer {}", token.expose())))
}

pub(super) fn read_bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = only_text(headers, AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::new(token))
}

pub(super) fn write_basic_auth(credential: &BasicAuth) -> Result<HeaderValue, Error> {
    sensitive(&Zeroizing::new(format!(
        "Basic {}",
        write_pair(&credential.user, &credential.password)?.as_str()
    )))
}

/// The credential of HTTP Basic among these headers; `None` if there is none, or not exactly one.
#[must_use]
pub fn read_basic_auth(headers: &HeaderMap) -> Option<BasicAuth> {
    let (scheme, pair) = only_text(headers, AUTHORIZATION)?.split_once(' ')?;
    let (user, password) = read_pair(pair.trim())?;
    scheme.eq_ignore_ascii_case("basic").then(|| BasicAuth::new(user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn reads_what_the_standard_shows_and_nothing_that_is_there_twice() {
        // RFC 7617, section 2.
        let basic =
            read_basic_auth(&headers("authorization", &["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]))
                .unwrap();
        assert_eq!((basic.user.as_str(), basic.password.expose()), ("Aladdin", "open sesame"));
        assert_eq!(write_basic_auth(&basic).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(write_basic_auth(&basic).unwrap().is_sensitive());
        assert!(
            read_basic_auth(&headers(
                "authorization",
                &["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic YTpi"]
            ))
            .is_none()
        );
        // The colon that splits is the first.
        let key = read_api_key(&headers("x-api-key", &["YTpiOmM"])).unwrap();
        assert_eq!((key.id.as_str(), key.key.expose()), ("a", "b:c"));
        for bad in ["", "YTpiOmM===", "YWJj", "YTpi\u{7f}", "!!!!", "YTpiOmN="] {
            let Ok(value) = bad.parse() else { continue };
            assert!(
                read_api_key(&HeaderMap::from_iter([("x-api-key".parse().unwrap(), value)]))
                    .is_none(),
                "{bad}"
            );
        }
    }
}
