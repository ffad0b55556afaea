//! The fuzz target of callback addresses.

use std::net::{IpAddr, Ipv4Addr};

use keyferry::BaseUrl;
use keyferry::transport::TargetPolicy;

/// Uses any text as the address and as the host of a callback, and sixteen bytes as the address to
/// which a name resolves.
pub fn callback_address(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        address(text);
        address(&format!("https://{text}/callback"));
        address(&format!("https://[{text}]:8443/callback"));
    }
    if let Some(bytes) = data.first_chunk::<16>() {
        let address = IpAddr::from(*bytes);
        assert!(
            !TargetPolicy::new().permits("hub.example", address) || !is_inside(address),
            "{address}"
        );
        let address = IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]);
        assert!(
            !TargetPolicy::new().permits("hub.example", address) || !is_inside(address),
            "{address}"
        );
    }
}

/// An accepted address leads to its host, and never to an internal one, however it is read.
fn address(text: &str) {
    let policy = TargetPolicy::new();
    let Ok(base) = BaseUrl::parse(text) else { return };
    if policy.check(&base).is_err() {
        return;
    }
    assert!(base.is_https() && base.port() != 0);
    assert!(policy.check(&BaseUrl::parse(&base.to_string()).unwrap()).is_ok());
    // The address as written, and as sent.
    for text in [text, &base.to_string(), &base.join(&["complete"]).to_string()] {
        let Ok(read) = reqwest::Url::parse(text) else { continue };
        let host = read.host_str().unwrap();
        let bare = host.trim_matches(['[', ']']);
        match bare.parse::<IpAddr>() {
            Ok(address) => {
                assert!(
                    !is_inside(address) && policy.permits(host, address),
                    "{text} leads to {address}"
                );
                assert!(
                    base.host().trim_matches(['[', ']']).parse() == Ok(address),
                    "{text} is {address} in disguise"
                );
            }
            Err(_) => {
                assert_eq!(host.trim_end_matches('.'), base.host(), "{text} is read in two ways");
                assert!(
                    host.contains('.') && !host.trim_end_matches('.').ends_with(".localhost"),
                    "{text}"
                );
            }
        }
        assert_eq!(read.port_or_known_default(), Some(base.port()));
    }
    // The forms that C resolvers read as an address: numbers, each in one of three bases.
    let is_number = |part: &str| {
        let hex = part
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        hex || part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if base.host().split('.').all(is_number) {
        assert!(base.host().parse::<Ipv4Addr>().is_ok(), "{text}");
    }
}

/// Whether an address is internal by the standard library, which is other code than the tested one.
fn is_inside(address: IpAddr) -> bool {
    let inside_v4 = |address: Ipv4Addr| {
        let [a, b, ..] = address.octets();
        let shared = a == 100 && b & 0xc0 == 64;
        let own = address.is_loopback()
            || address.is_private()
            || address.is_link_local()
            || address.is_unspecified()
            || a == 0;
        own || shared
            || address.is_multicast()
            || address.is_broadcast()
            || address.is_documentation()
            || a >= 240
    };
    match address {
        IpAddr::V4(address) => inside_v4(address),
        IpAddr::V6(address) => {
            let [a, b, .., high, low] = address.segments();
            let embedded = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
            let own = address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_unique_local();
            let carries = address.to_ipv4().is_some() || (a == 0x64 && b == 0xff9b);
            own || address.is_multicast()
                || a == 0x2002
                || (a == 0x2001 && b == 0)
                || (carries && inside_v4(embedded))
        }
    }
}
