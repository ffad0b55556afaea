//! The address of the client, also behind proxies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ::http::HeaderMap;
use ::http::header::{FORWARDED, HeaderName};

use crate::Error;

/// The address of the other end of a connection, in the [extensions](::http::Request::extensions)
/// of each request that came over it.
///
/// `serve::Server` adds it. With another framework, add it yourself: without it the address of a
/// client is unknown, so it is neither limited nor logged. In axum:
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::{Next, from_fn};
/// use keyferry::server::PeerAddr;
///
/// async fn with_address(
///     ConnectInfo(peer): ConnectInfo<SocketAddr>,
///     mut request: Request,
///     next: Next,
/// ) -> axum::response::Response {
///     request.extensions_mut().insert(PeerAddr(peer));
///     next.run(request).await
/// }
/// # let app: axum::Router = axum::Router::new();
/// let app = app.layer(from_fn(with_address)).into_make_service_with_connect_info::<SocketAddr>();
/// # drop(app);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// The proxies that are trusted to report the address of a client, and the header that they write;
/// none by default.
///
/// Only the part of a header that the named proxies wrote is trusted: it is read from its end, and
/// the first address that is not such a proxy is the client's. If a proxy writes `unknown` or an
/// obfuscated name, the address of the proxy is used.
///
/// Choose the header that the proxies write: most of them pass the other one on as the client sent
/// it.
///
/// ```
/// use keyferry::server::{Proxies, ServerConfig};
///
/// let mut config = ServerConfig::default();
/// config.proxies = Proxies::x_forwarded_for(["10.0.0.0/8", "2001:db8::1"])?;
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    header: Header,
    networks: Arc<[Network]>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Header {
    #[default]
    Forwarded,
    XForwardedFor,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxies {
    /// No proxies: the address of a client is that of the connection.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Proxies with these addresses or networks (`10.0.0.0/8`), which write `Forwarded` (RFC 7239).
    ///
    /// # Errors
    /// Class `malformed` for a text that is neither an address nor a network.
    pub fn forwarded<T: AsRef<str>>(networks: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        Self::new(Header::Forwarded, networks)
    }

    /// Proxies with these addresses or networks (`10.0.0.0/8`), which write `X-Forwarded-For`.
    ///
    /// # Errors
    /// Class `malformed` for a text that is neither an address nor a network.
    pub fn x_forwarded_for<T: AsRef<str>>(
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        Self::new(Header::XForwardedFor, networks)
    }

    fn new<T: AsRef<str>>(
        header: Header,
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        let bad = || Error::malformed("proxies", "neither an address nor a network");
        let networks = networks.into_iter().map(|text| Network::parse(text.as_ref()));
        let networks = networks.collect::<Option<_>>().ok_or_else(bad)?;
        Ok(Self { header, networks })
    }

    /// Whether this is the address of a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(address))
    }

    /// The address of the client of a request with these headers that came from `peer`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            return client;
        }
        let name = match self.header {
            Header::Forwarded => FORWARDED,
            Header::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        };
        // Each proxy appends, so the last element is from the nearest one.
        let lines: Vec<&[u8]> =
            headers.get_all(name).iter().map(::http::HeaderValue::as_bytes).collect();
        for element in lines.into_iter().rev().flat_map(elements_from_the_end) {
            let node = match self.header {
                Header::Forwarded => forwarded_for(element),
                Header::XForwardedFor => node_address(element),
            };
            let Some(address) = node else { return client };
            client = address;
            if !self.contains(client) {
                return client;
            }
        }
        client
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|one| format!("{}/{}", one.address, one.bits));
        f.debug_list().entries(networks).finish()
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let equal = |ours: u128, theirs: u128, width: u32| {
            let past = width.saturating_sub(self.bits);
            ours.checked_shr(past).unwrap_or(0) == theirs.checked_shr(past).unwrap_or(0)
        };
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                equal(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => equal(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }
}

/// The elements of a list, last first, without surrounding white space. The list is read from its
/// end so that a quotation mark that a client left open reaches no further than the client's own
/// part.
fn elements_from_the_end(line: &[u8]) -> Vec<&[u8]> {
    let (mut elements, mut end, mut quoted) = (Vec::new(), line.len(), false);
    for (at, byte) in line.iter().enumerate().rev() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                elements.push(line.get(at + 1..end).unwrap_or_default());
                end = at;
            }
            _ => {}
        }
    }
    elements.push(line.get(..end).unwrap_or_default());
    let elements = elements.into_iter().map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty()).collect()
}

/// The address of `for` in an element of `Forwarded`, which consists of pairs of a token and a
/// token or quoted string, each name at most once.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut address = None;
    for pair in element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
        if pair.is_empty() {
            continue;
        }
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
        if !name.eq_ignore_ascii_case(b"for") {
            continue;
        }
        let value = match value.strip_prefix(b"\"") {
            // No address contains a backslash, so escapes need not be undone.
            Some(quoted) => quoted.strip_suffix(b"\"")?,
            None => value,
        };
        if address.replace(node_address(value)?).is_some() {
            return None;
        }
    }
    address
}

/// An address with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, and `2001:db8::1` as some
/// proxies write it.
fn node_address(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let is_port = |text: &str| match text.strip_prefix('_') {
        Some(name) => !name.is_empty(),
        None => !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()),
    };
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let fits = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        let address = address.parse::<Ipv6Addr>().ok().filter(|_| fits)?;
        return Some(IpAddr::V6(address).to_canonical());
    }
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = node.split_once(':')?;
    address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(IpAddr::V4)
}

/// The unit of limits by address: an IPv4 address, or the /64 of an IPv6 address, which usually
/// belongs to one customer of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AddressKey(u128);

impl AddressKey {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() >> 64 << 64),
        }
    }
}

#[cfg(test)]
mod tests;
