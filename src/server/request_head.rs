//! The argument of gates that use more than one credential.

use std::fmt;
use std::net::IpAddr;

use ::http::request::Parts;

/// The head of a request, for a [`Gate`](crate::Gate) that decides by more than one credential.
///
/// The extensions come from the code that accepted the connection and from layers: for example the
/// certificate of the client, or the claims of a token that a layer has verified. A header that a
/// proxy sets identifies the client only if nobody but the proxy can reach this server.
///
/// ```
/// use keyferry::{Class, Error};
/// use keyferry::server::{Caller, RequestHead};
/// use keyferry::hermod::server::HermodService;
/// # use keyferry::hermod::wire::AnyCommandApi;
///
/// /// Put into the extensions by a layer that has verified a token of single sign-on.
/// #[derive(Clone)]
/// struct Subject(String);
///
/// # fn commands_of(_: &str) -> AnyCommandApi { unimplemented!() }
/// let service = HermodService::builder("").with_commands_by_head(|head: RequestHead| {
///     let subject = head.parts().extensions.get::<Subject>();
///     let subject = subject.ok_or_else(|| Error::new(Class::Unauthorized, "", "no subject"))?;
///     Ok(Caller::new(&subject.0, commands_of(&subject.0)))
/// });
/// # drop(service);
/// ```
#[derive(Clone)]
pub struct RequestHead {
    parts: Parts,
    path: String,
    client: Option<IpAddr>,
}

impl RequestHead {
    pub(super) fn new(parts: Parts, path: &str, client: Option<IpAddr>) -> Self {
        Self { parts, path: path.to_owned(), client }
    }

    /// Method, address, headers and extensions, as they were received.
    /// [`command::read_credential`](crate::hermod::wire::http::command::read_credential) and
    /// similar functions read the credentials in them.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the parts by value.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        self.parts
    }

    /// The path below the base of the wire: `/ping`, `/{bid}/{mid}`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address of the client, if it is known: see [`PeerAddr`](super::PeerAddr) and
    /// [`Proxies`](super::Proxies).
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }
}

/// Shows the method only: headers, path and extensions may hold secrets.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead").field("method", &self.parts.method).finish_non_exhaustive()
    }
}

/// A caller that a gate with a [`RequestHead`] has authenticated, and its handle.
#[derive(Clone)]
pub struct Caller<H> {
    name: String,
    handle: H,
}

impl<H> Caller<H> {
    /// Creates a caller with this name and handle. Requests with the same name are counted
    /// together. The name is logged, so it must not be secret.
    #[must_use]
    pub fn new(name: impl Into<String>, handle: H) -> Self {
        Self { name: name.into(), handle }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn into_parts(self) -> (String, H) {
        (self.name, self.handle)
    }
}

impl<H> fmt::Debug for Caller<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("name", &self.name).finish_non_exhaustive()
    }
}
