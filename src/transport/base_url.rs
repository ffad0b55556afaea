//! Base addresses of services in a normal form.

use std::fmt;
use std::net::Ipv6Addr;

use crate::Error;

use crate::encoding::percent::{encode, is_path_or_query, normal_path};

/// The address of a service: absolute, http or https, without query, fragment, user and dot
/// segments, in a form that can be compared and that paths can be put below. Escapes of unreserved
/// characters are decoded (RFC 3986 section 6.2.2); empty segments inside a path are kept.
///
/// ```
/// use keyferry::BaseUrl;
///
/// let base = BaseUrl::parse("HTTPS://Hub.Example:443/hermod/rest/command/")?;
/// assert_eq!(base.to_string(), "https://hub.example/hermod/rest/command");
/// let poll = base.join(&["poll", "1/2"]);
/// assert_eq!(poll.to_string(), "https://hub.example/hermod/rest/command/poll/1%2F2");
/// assert!(base.contains(&poll));
/// assert!(base.contains(&BaseUrl::parse("https://hub.example./hermod/rest/command/ping")?));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    is_https: bool,
    /// Lower case, without a trailing dot; an IPv6 address in brackets.
    host: String,
    port: u16,
    /// Without a trailing slash.
    path: String,
}

impl BaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Class `malformed` for a text that is not such an address by RFC 3986, and for an address
    /// that some server could read differently: one with dot segments or escaped separators.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |detail| Err(Error::malformed("address", detail));
        if !text.bytes().all(|byte| byte.is_ascii_graphic())
            || text.contains(['\\', '?', '#', '"', '<', '>'])
        {
            return bad("characters that an address without query and fragment does not have");
        }
        let Some((scheme, rest)) = text.split_once("://") else { return bad("not absolute") };
        let (is_https, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (true, "443"),
            "http" => (false, "80"),
            _ => return bad("neither http nor https"),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains(['@', '%']) {
            return bad("no host, or a user before it");
        }
        let (host, port) = match authority.rsplit_once(':') {
            // The colon is not inside an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => {
                (host, if port.is_empty() { default_port } else { port })
            }
            _ => (authority, default_port),
        };
        // `parse` alone accepts a plus sign as well.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let Some(port) = port.parse::<u16>().ok().filter(|_| digits) else {
            return bad("not a port");
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]")),
            None => Some(host).filter(|host| is_name(host)),
        };
        let Some(host) = host else { return bad("no host") };
        let lower = path.to_ascii_lowercase();
        // Some servers decode twice, so an escaped percent sign is refused too.
        let disguised = ["%2e", "%2f", "%5c", "%25"].iter().any(|escape| lower.contains(escape));
        if disguised || path.split('/').any(is_dot_segment) {
            return bad("dot segments, or separators in disguise");
        }
        if !is_path_or_query(path, false) {
            return bad("characters or escapes that a path does not have");
        }
        let path = normal_path(path.trim_end_matches('/')).into_owned();
        Ok(Self { is_https, host, port, path })
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host, lower case: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; that of the scheme if none was given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, without a slash at its end: empty, or beginning with one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The address with these segments appended. Each segment is escaped, so that it cannot lead
    /// elsewhere; empty segments are left out.
    ///
    /// The result may contain what [`parse`](Self::parse) refuses, such as an escaped slash.
    #[must_use]
    pub fn join(&self, segments: &[&str]) -> Self {
        let mut joined = self.clone();
        for segment in segments.iter().filter(|segment| !segment.is_empty()) {
            joined.path.push('/');
            match *segment {
                // Escapes do not protect dot segments: `%2e` is one too.
                dots @ ("." | "..") => dots.bytes().for_each(|_| joined.path.push_str("%252E")),
                segment => encode(segment, &mut joined.path),
            }
        }
        joined
    }

    /// Whether `other` is below this address: the same host, and at least one more segment of path.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let same_origin =
            self.is_https == other.is_https && self.host == other.host && self.port == other.port;
        same_origin
            && other
                .path
                .strip_prefix(&self.path)
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
    }
}

/// Writes the normal form: without the default port and without a trailing slash.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default_port) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != default_port {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = Error;

    /// # Errors
    /// As [`BaseUrl::parse`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Whether a host consists of the characters of a name or an IPv4 address: a registered name of RFC
/// 3986 without escapes.
fn is_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    !host.is_empty() && host.bytes().all(plain)
}

/// Whether two texts are the same address.
#[cfg(feature = "device")]
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    matches!((BaseUrl::parse(one), BaseUrl::parse(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether some server reads a segment as a dot segment: many remove a semicolon and the text after
/// it before they check for dots.
pub(crate) fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.split_once(';').map_or(segment, |(name, _)| name), "." | "..")
}

#[cfg(test)]
mod tests;
