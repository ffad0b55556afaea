//! The policy for addresses that a hub may call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{BaseUrl, Class, Error};

/// Which addresses a hub may call for an integrator: https, and no internal or special address
/// unless it is allowed by name.
///
/// [`check`](Self::check) judges the text of an address, at registration and again before each
/// exchange; [`permits`](Self::permits) judges the resolved address, at each connection. Refused
/// are:
///
/// - http, unless [`danger_with_plain_http`](Self::danger_with_plain_http) says otherwise;
/// - internal names: names without a dot, `localhost`, and names below `localhost`, `local`,
///   `internal`, `home.arpa` and other suffixes of internal networks;
/// - hosts that some resolvers read as an address although they do not have its standard form:
///   `2130706433`, `0x7f000001`, `0177.0.0.1`, `127.1`;
/// - internal and special addresses, which [`permits`](Self::permits) lists;
/// - port 0. Every other port is allowed: the ports of callbacks differ between sites, and internal
///   addresses are refused on every port.
///
/// ```
/// use keyferry::BaseUrl;
/// use keyferry::transport::TargetPolicy;
///
/// let policy = TargetPolicy::new().danger_with_host("hub.internal");
/// policy.check(&BaseUrl::parse("https://app.example:8443/callback")?)?;
/// policy.check(&BaseUrl::parse("https://hub.internal/callback")?)?;
/// assert!(policy.check(&BaseUrl::parse("https://169.254.169.254/")?).is_err());
/// assert!(!policy.permits("app.example", "10.0.0.1".parse().unwrap()));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    plain_http: bool,
    hosts: Vec<String>,
}

impl TargetPolicy {
    /// Allows https only, and no internal or special address.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows http too: for development.
    ///
    /// # Security
    /// Everyone on the network path can read callbacks and the credentials sent with them.
    #[must_use]
    pub fn danger_with_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Allows this host, a name or an IP address as it is written in addresses, wherever it leads.
    /// It is not a pattern: subdomains stay refused.
    ///
    /// # Security
    /// The host may resolve to any address, including internal ones, so an integrator that can name
    /// it in an address reaches the services there.
    #[must_use]
    pub fn danger_with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(normal(&host.into()));
        self
    }

    /// Checks whether an address may be registered. Nothing is resolved.
    ///
    /// # Errors
    /// Class `target-refused`.
    pub fn check(&self, address: &BaseUrl) -> Result<(), Error> {
        // The one trailing dot that a name may have is already removed.
        let checked = match address.host().ends_with('.') {
            true => Err("neither a name nor an address"),
            false => self.check_parts(address.is_https(), address.host(), address.port()),
        };
        checked.map_err(|detail| Error::new(Class::TargetRefused, "address", detail))
    }

    /// Whether a connection may be made to `address`, to which `host` resolved. A host that is
    /// allowed by name may resolve to any address.
    ///
    /// Refused are loopback, private, shared, link-local and unique local addresses, multicast,
    /// broadcast, documentation, benchmarking, every other address that the special-purpose
    /// registries of IANA list as not global, IPv6 addresses that embed an IPv4 address for a
    /// gateway (6to4, Teredo, NAT64), and all of IPv6 that is not assigned for global unicast. An
    /// IPv4 address that is mapped into IPv6 counts as that IPv4 address.
    #[must_use]
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        self.names(host) || is_outside(address)
    }

    /// The fault in an address, if there is one.
    pub(super) fn check_parts(
        &self,
        is_https: bool,
        host: &str,
        port: u16,
    ) -> Result<(), &'static str> {
        if !is_https && !self.plain_http {
            return Err("not https");
        }
        if port == 0 {
            return Err("not a port that can be called");
        }
        if self.names(host) {
            return Ok(());
        }
        if let Some(host) = host.strip_prefix('[') {
            let address = host
                .strip_suffix(']')
                .and_then(|host| host.parse::<Ipv6Addr>().ok())
                .ok_or("neither a name nor an address")?;
            return if is_outside(address.into()) {
                Ok(())
            } else {
                Err("an address that is inside or special")
            };
        }
        let host = normal(host);
        // A name in another script is written in ASCII (`xn--`).
        let plain = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if !host.split('.').all(plain) {
            return Err("neither a name nor an address");
        }
        let Some((_, last)) = host.rsplit_once('.') else { return Err("a name that is inside") };
        if is_number(last) {
            // The parser of the standard library accepts only four decimal numbers without leading
            // zeros.
            let address = host.parse::<Ipv4Addr>().map_err(|_| "an address in disguise")?;
            return if is_outside(address.into()) {
                Ok(())
            } else {
                Err("an address that is inside or special")
            };
        }
        if INSIDE.iter().any(|name| {
            host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }) {
            return Err("a name that is inside");
        }
        Ok(())
    }

    /// Whether a host is allowed by name.
    fn names(&self, host: &str) -> bool {
        !self.hosts.is_empty() && self.hosts.contains(&normal(host))
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn allows_plain_http(&self) -> bool {
        self.plain_http
    }
}

/// Lower case, without a trailing dot and without the brackets of an IPv6 address.
fn normal(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .filter(|host| host.contains(':'));
    bare.or(host.strip_suffix('.')).unwrap_or(host).to_ascii_lowercase()
}

/// Whether a host that ends in this label is read as an IPv4 address, by the WHATWG URL standard
/// (and mostly by `inet_aton`).
fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
        || label
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether an address is neither internal nor special.
fn is_outside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !V4.iter().any(|(network, length)| is_in_v4(address, *network, *length))
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_outside(address.into()),
            None => {
                is_in_v6(address, GLOBAL.0, GLOBAL.1)
                    && !V6.iter().any(|(network, length)| is_in_v6(address, *network, *length))
            }
        },
    }
}

fn is_in_v4(address: Ipv4Addr, network: [u8; 4], length: u32) -> bool {
    (address.to_bits() ^ u32::from_be_bytes(network)) >> (32 - length) == 0
}

/// Comparing the first 64 bits is enough: no network here has a longer prefix.
fn is_in_v6(address: Ipv6Addr, network: [u16; 4], length: u32) -> bool {
    let first = |segments: [u16; 4]| {
        segments.iter().fold(0, |bits, segment| bits << 16 | u64::from(*segment))
    };
    let [a, b, c, d, ..] = address.segments();
    (first([a, b, c, d]) ^ first(network)) >> (64 - length) == 0
}

/// Internal names: RFC 6761 (`localhost`), RFC 6762 with its appendix G (`local` and its
/// substitutes), RFC 8375 (`home.arpa`), and `internal`, which ICANN reserves for private use.
const INSIDE: [&str; 10] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
];

/// IANA IPv4 Special-Purpose Address Registry, and RFC 5771 for multicast.
const V4: [([u8; 4], u32); 18] = [
    ([0, 0, 0, 0], 8),        // this network, RFC 791
    ([10, 0, 0, 0], 8),       // private, RFC 1918
    ([100, 64, 0, 0], 10),    // shared by the customers of a carrier, RFC 6598
    ([127, 0, 0, 0], 8),      // loopback, RFC 1122
    ([168, 63, 129, 16], 32), // not in the registry: the host's own services on a machine in Azure, which documents it
    ([169, 254, 0, 0], 16),   // link-local, RFC 3927; the metadata of cloud machines
    ([172, 16, 0, 0], 12),    // private, RFC 1918
    ([192, 0, 0, 0], 24),     // protocol assignments, RFC 6890
    ([192, 0, 2, 0], 24),     // documentation, RFC 5737
    ([192, 88, 99, 0], 24),   // relays of 6to4, RFC 7526
    ([192, 168, 0, 0], 16),   // private, RFC 1918
    ([192, 175, 48, 0], 24),  // answers for private addresses, RFC 7534
    ([192, 31, 196, 0], 24),  // the same, RFC 7535
    ([198, 18, 0, 0], 15),    // benchmarking, RFC 2544
    ([198, 51, 100, 0], 24),  // documentation, RFC 5737
    ([203, 0, 113, 0], 24),   // documentation, RFC 5737
    ([224, 0, 0, 0], 4),      // multicast, RFC 5771
    ([240, 0, 0, 0], 4),      // reserved, RFC 1112, with the broadcast address, RFC 919
];

/// Global unicast, RFC 4291. Outside of it are loopback, the unspecified address, compatible
/// addresses (`::/96`), NAT64 (`64:ff9b::/96`, RFC 6052; `64:ff9b:1::/48`, RFC 8215), discard
/// (`100::/64`, RFC 6666), segment routing (`5f00::/16`, RFC 9602), unique local (`fc00::/7`, RFC
/// 4193), link-local (`fe80::/10`), site-local (`fec0::/10`, RFC 3879) and multicast (`ff00::/8`).
const GLOBAL: ([u16; 4], u32) = ([0x2000, 0, 0, 0], 3);

/// Special networks inside of it: IANA IPv6 Special-Purpose Address Registry.
const V6: [([u16; 4], u32); 5] = [
    ([0x2001, 0, 0, 0], 23), // protocol assignments, RFC 2928: Teredo, benchmarking, ORCHID and others
    ([0x2001, 0xdb8, 0, 0], 32), // documentation, RFC 3849
    ([0x2002, 0, 0, 0], 16), // 6to4, RFC 3056
    ([0x2620, 0x4f, 0x8000, 0], 48), // answers for private addresses, RFC 7534
    ([0x3fff, 0, 0, 0], 20), // documentation, RFC 9637
];
