//! Credentials of the wires in headers.

use ::http::HeaderMap;
use ::http::header::HeaderValue;

use crate::Error;
use crate::hermod::wire::{ApiKey, BasicAuth};
use crate::transport::credential::{
    only_text, read_basic, read_pair, sensitive, write_basic, write_pair,
};

/// The name of the integrator's header; documented.
pub(super) const API_KEY: &str = "x-api-key";

pub(super) fn write_api_key(key: &ApiKey) -> Result<HeaderValue, Error> {
    sensitive(&write_pair(&key.id, &key.key)?)
}

pub(super) fn read_api_key(headers: &HeaderMap) -> Option<ApiKey> {
    let (id, key) = read_pair(only_text(headers, API_KEY)?.trim())?;
    Some(ApiKey::new(id, key))
}

pub(super) fn write_basic_auth(credential: &BasicAuth) -> Result<HeaderValue, Error> {
    write_basic(&credential.user, &credential.password)
}

/// The credential of HTTP Basic among these headers; `None` if there is none, or not exactly one.
#[must_use]
pub fn read_basic_auth(headers: &HeaderMap) -> Option<BasicAuth> {
    read_basic(headers).map(|(user, password)| BasicAuth::new(user, password))
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
