//! The address of a service that a hub calls for an integrator.

use std::fmt;

use ::http::{Request, Uri};

use crate::encoding::percent::is_path_or_query;
use crate::{BaseUrl, Error, Secret};

/// The address of a service that a hub calls for an integrator: a [`BaseUrl`] with an optional
/// query, which is appended to every address below it. A query may be a secret
/// (`https://app.example/api/hook?code=…`): it is never logged, and only methods with `expose` in
/// their names show it.
///
/// ```
/// use keyferry::transport::TargetUrl;
///
/// let url = TargetUrl::parse("https://app.example/api/hook?code=abc")?;
/// assert_eq!(url.base().to_string(), "https://app.example/api/hook");
/// assert_eq!(url.expose_query(), Some("code=abc"));
/// assert!(!format!("{url:?}").contains("abc"));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    base: BaseUrl,
    query: Option<Secret>,
}

impl TargetUrl {
    /// Reads an address. An empty query counts as none.
    ///
    /// # Errors
    /// As [`BaseUrl::parse`], and class `malformed` for a query that RFC 3986 does not allow, and
    /// for a fragment, which is never sent.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        if !is_path_or_query(query, true) {
            return Err(Error::malformed(
                "address",
                "characters or escapes that a query does not have",
            ));
        }
        let query = Some(query).filter(|query| !query.is_empty()).map(Secret::new);
        Ok(Self { base: BaseUrl::parse(base)?, query })
    }

    /// The address without its query.
    #[must_use]
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The text after the question mark as it was given, if there is a query.
    #[must_use]
    pub fn expose_query(&self) -> Option<&str> {
        self.query.as_ref().map(Secret::expose)
    }

    /// Appends the query to a request for an address below the base.
    pub(crate) fn complete<B>(&self, request: &mut Request<B>) -> Result<(), Error> {
        if let Some(query) = &self.query {
            *request.uri_mut() = Uri::try_from(format!("{}?{}", request.uri(), query.expose()))
                .map_err(|_| Error::malformed("address", "not one that HTTP can carry"))?;
        }
        Ok(())
    }
}

/// An address without a query.
impl From<BaseUrl> for TargetUrl {
    fn from(base: BaseUrl) -> Self {
        Self { base, query: None }
    }
}

impl std::str::FromStr for TargetUrl {
    type Err = Error;

    /// # Errors
    /// As [`TargetUrl::parse`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Shows the host only: path and query may be secret.
impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetUrl").field("host", &self.base.host()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_stays_at_the_end_of_every_address() {
        for (text, below) in [
            ("https://app.example/api/hook?code=abc", "https://app.example/api/hook/ping?code=abc"),
            ("https://app.example?a=1&b=/?%20", "https://app.example/ping?a=1&b=/?%20"),
            ("https://app.example/?x", "https://app.example/ping?x"),
            ("https://app.example/hook?", "https://app.example/hook/ping"),
        ] {
            let url = TargetUrl::parse(text).unwrap();
            let mut request = Request::new(());
            *request.uri_mut() = Uri::try_from(url.base().join(&["ping"]).to_string()).unwrap();
            url.complete(&mut request).unwrap();
            assert_eq!(request.uri(), below);
        }
    }

    #[test]
    fn a_query_that_is_none_and_a_fragment_are_refused() {
        for text in [
            "https://app.example/?a b",
            "https://app.example/?a#b",
            "https://app.example/#b",
            "https://app.example/?a=%",
            "https://app.example/?a=%zz",
            "https://app.example/?a={b}",
            "https://app.example/?\u{e4}",
            "https://user:pw@app.example/?a",
            "?a=b",
        ] {
            assert!(TargetUrl::parse(text).is_err(), "{text}");
        }
    }
}
