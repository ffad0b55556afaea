//! Addresses under a base.

use crate::Error;

/// An absolute http or https address without query, fragment, user and dot segments, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    /// Lower case, with the port always there: `https://host:443`.
    origin: String,
    /// Without a slash at the end.
    path: String,
}

impl BaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let bad = |detail| Err(Error::malformed("address", detail));
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) || text.contains(['\\', '?', '#', '"', '<', '>']) {
            return bad("characters that an address without query and fragment does not have");
        }
        let Some((scheme, rest)) = text.split_once("://") else { return bad("not absolute") };
        let default_port = match scheme.to_ascii_lowercase().as_str() {
            "https" => "443",
            "http" => "80",
            _ => return bad("neither http nor https"),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains(['@', '%']) {
            return bad("no host, or a user before it");
        }
        let (host, port) = match authority.rsplit_once(':') {
            // Not a colon inside of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, if port.is_empty() { default_port } else { port }),
            _ => (authority, default_port),
        };
        // `parse` alone takes a plus sign as well.
        let digits = port.bytes().all(|octet| octet.is_ascii_digit());
        let Some(port) = port.parse::<u16>().ok().filter(|_| digits) else { return bad("not a port") };
        if host.is_empty() {
            return bad("no host");
        }
        let lower = path.to_ascii_lowercase();
        // Escapes of an escape are for servers that decode twice.
        let disguised = ["%2e", "%2f", "%5c", "%25"].iter().any(|escape| lower.contains(escape));
        if disguised || path.split('/').any(is_dot_segment) {
            return bad("dot segments, or separators in disguise");
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        Ok(Self { origin: format!("{}://{host}:{port}", scheme.to_ascii_lowercase()), path: path.trim_end_matches('/').to_owned() })
    }

    #[cfg(feature = "device")]
    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether `other` is below this address: the same host, and at least one more segment of path.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.origin == other.origin && other.path.strip_prefix(&self.path).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
    }
}

/// Whether two texts are one address.
#[cfg(feature = "device")]
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    matches!((BaseUrl::parse(one), BaseUrl::parse(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether a segment of a path means another one to some server: many take away what follows a semicolon before they look at the dots.
pub(crate) fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.split_once(';').map_or(segment, |(name, _)| name), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_under(base: &str, other: &str) -> bool {
        BaseUrl::parse(other).is_ok_and(|other| BaseUrl::parse(base).unwrap().contains(&other))
    }

    #[test]
    fn finds_what_is_under_a_base_in_every_spelling_of_the_same_host() {
        for other in ["https://hub.example/ms/1", "HTTPS://Hub.Example:443/ms/1", "https://hub.example./ms/1/2"] {
            assert!(is_under("https://hub.example/ms", other), "{other}");
            assert!(is_under("https://hub.example:443/ms/", other), "{other}");
        }
    }

    #[test]
    fn rejects_other_hosts_other_paths_and_ways_around() {
        for other in [
            "http://hub.example/ms/1",
            "https://hub.example.evil/ms/1",
            "https://hub.example@evil/ms/1",
            "https://evil/https://hub.example/ms/1",
            "https://hub.example:8443/ms/1",
            "https://hub.example:+443/ms/1",
            "https://hub.example:-/ms/1",
            "https://hub.example/msx/1",
            "https://hub.example/ms",
            "https://hub.example/ms/",
            "https://hub.example/ms/../admin",
            "https://hub.example/ms/%2e%2E/admin",
            "https://hub.example/ms/..%2fadmin",
            "https://hub.example\\@evil/ms/1",
            "https://hub.example/ms/1?x",
            "https://hub.example/ms/1#x",
            "https://hub.example/ms/ 1",
            "//hub.example/ms/1",
            "",
        ] {
            assert!(!is_under("https://hub.example/ms", other), "{other}");
        }
    }
}
