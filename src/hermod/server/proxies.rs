//! Where a request comes from, also through proxies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ::http::HeaderMap;
use ::http::header::{FORWARDED, HeaderName};

use crate::Error;

/// The address of the other end of a connection, in the
/// [extensions](::http::Request::extensions) of each request that came over it.
///
/// `serve::Server` puts it there. In another framework, do so yourself: without it the address of a
/// client is not known, so that nothing is limited by it and no log line has it. In axum:
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::{Next, from_fn};
/// use keyferry::hermod::server::PeerAddr;
///
/// async fn with_address(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> axum::response::Response {
///     request.extensions_mut().insert(PeerAddr(peer));
///     next.run(request).await
/// }
/// # let app: axum::Router = axum::Router::new();
/// let app = app.layer(from_fn(with_address)).into_make_service_with_connect_info::<SocketAddr>();
/// # drop(app);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// The proxies whose word on the address of a client is taken, and the header that they write; none
/// by default.
///
/// A header is believed only as far as the proxies that are named here have written it: it is read
/// from its end, and the first address that is no such proxy is the client's. What a proxy calls
/// `unknown`, or by a name of its own, is not known, and the proxy stands for it.
///
/// Name the header that the proxies write: the other one is passed on by most of them as the client
/// sent it.
///
/// ```
/// use keyferry::hermod::server::{Proxies, ServerConfig};
///
/// let mut config = ServerConfig::default();
/// config.proxies = Proxies::x_forwarded_for(["10.0.0.0/8", "2001:db8::1"])?;
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Proxies {
    header: Header,
    networks: Arc<[Network]>,
}

#[derive(Clone, Copy, Default)]
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
    /// None: the address of a client is that of the connection.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Proxies with these addresses or networks (`10.0.0.0/8`), which write `Forwarded` (RFC 7239).
    ///
    /// # Errors
    /// Class `malformed` for what is neither an address nor a network.
    pub fn forwarded<T: AsRef<str>>(networks: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        Self::new(Header::Forwarded, networks)
    }

    /// Proxies with these addresses or networks (`10.0.0.0/8`), which write `X-Forwarded-For`.
    ///
    /// # Errors
    /// Class `malformed` for what is neither an address nor a network.
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

    /// Whether this is the address of such a proxy.
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
        // Each proxy appends, so the end is what the nearest one says.
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

/// The elements of a list, the last first, without white space around them. It is read from its end
/// so that a quotation mark that a client left open reaches no further than what the client sent.
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

/// The address of `for` in an element of `Forwarded`: pairs of a token and a token or quoted
/// string, each name once.
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
            // No address has a backslash, so none needs to be undone.
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

/// What limits by address count together: an IPv4 address, or the /64 that an IPv6 address is in,
/// which one customer of a network has.
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
mod tests {
    use super::*;

    fn client(proxies: &Proxies, name: &'static str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, line.parse().unwrap());
        }
        proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn forwarded_is_believed_as_far_as_named_proxies_wrote_it() {
        let proxies = Proxies::forwarded(["10.0.0.0/8"]).unwrap();
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["for=192.0.2.43"], "192.0.2.43"),
            (&["For=192.0.2.43;proto=https;by=203.0.113.43"], "192.0.2.43"),
            (&["by=203.0.113.43 ; for=\"192.0.2.43:47011\""], "192.0.2.43"),
            (&["for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=\"[::ffff:192.0.2.1]\""], "192.0.2.1"),
            (&["for=\"192.0.2.43:_port\""], "192.0.2.43"),
            // What stands before the nearest stranger is the stranger's own word.
            (&["for=1.1.1.1, for=192.0.2.43"], "192.0.2.43"),
            (&["for=1.1.1.1", "for=192.0.2.43"], "192.0.2.43"),
            (&["for=1.1.1.1, for=192.0.2.43, for=10.0.0.2"], "192.0.2.43"),
            (&["for=10.0.0.3, for=10.0.0.2"], "10.0.0.3"),
            (&["for=\", for=192.0.2.43"], "192.0.2.43"),
            (&["for=\"a, for=192.0.2.43"], "192.0.2.43"),
            (&["host=\"a,b\";for=192.0.2.43"], "192.0.2.43"),
            (&["for=unknown"], "10.0.0.1"),
            (&["for=1.1.1.1, for=_hidden"], "10.0.0.1"),
            (&["for=1.1.1.1, for=unknown, for=10.0.0.2"], "10.0.0.2"),
            (&["proto=https"], "10.0.0.1"),
            (&["for=1.1.1.1;for=2.2.2.2"], "10.0.0.1"),
            (&["for=[::1"], "10.0.0.1"),
            (&["for"], "10.0.0.1"),
            (&["for=192.0.2.43:80x"], "10.0.0.1"),
            (&[",", "for=192.0.2.43,"], "192.0.2.43"),
        ] {
            assert_eq!(client(&proxies, "forwarded", lines), expected, "{lines:?}");
        }
        // The header that was not named says nothing.
        assert_eq!(client(&proxies, "x-forwarded-for", &["192.0.2.43"]), "10.0.0.1");
    }

    #[test]
    fn x_forwarded_for_is_read_from_its_end() {
        let proxies = Proxies::x_forwarded_for(["10.0.0.1", "fd00::/8"]).unwrap();
        for (lines, expected) in [
            (&["192.0.2.43"][..], "192.0.2.43"),
            (&["1.1.1.1, 192.0.2.43 , fd00::7"], "192.0.2.43"),
            (&["1.1.1.1", "2001:db8::1"], "2001:db8::1"),
            (&["192.0.2.43:1234"], "192.0.2.43"),
            (&["[2001:db8::1]:1234"], "2001:db8::1"),
            (&["nonsense"], "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, "x-forwarded-for", lines), expected, "{lines:?}");
        }
        assert_eq!(client(&Proxies::none(), "x-forwarded-for", &["192.0.2.43"]), "10.0.0.1");
        let elsewhere = Proxies::x_forwarded_for(["10.0.0.2"]).unwrap();
        assert_eq!(client(&elsewhere, "x-forwarded-for", &["192.0.2.43"]), "10.0.0.1");
    }

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        let contains = |network: &str, address: &str| {
            Proxies::forwarded([network]).unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("192.0.2.128/25", "192.0.2.255"));
        assert!(!contains("192.0.2.128/25", "192.0.2.127"));
        assert!(contains("::/0", "::1") && contains("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0", "a/8", "10.0.0.0/-1"] {
            assert!(Proxies::forwarded([bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_one_64_count_together() {
        let key = |address: &str| AddressKey::of(address.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
