//! Activation links, which tell a device that a message waits for it.

use std::fmt;

use crate::encoding::percent::{decode, decode_form, encode, encode_form, split_params};
use crate::json::MAX_TEXT;
use crate::transport::base_url::is_dot_segment;
use crate::{Error, Secret};

/// The scheme of plugout URIs.
pub const PLUGOUT_SCHEME: &str = "com.nexusgroup.plugout";

/// An activation link of any form.
///
/// Every form may contain a credential, so the text is returned as a [`Secret`] and `Debug` does
/// not show it.
///
/// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning" (plugout) and "Set
/// up Smart ID Mobile App to start on same device" (the others).
///
/// ```
/// use keyferry::hermod::model::Activation;
///
/// let text = "com.nexusgroup.plugout:///?url=https%3a%2f%2Fhub.example%2Fms%2Fb1&token=2dff6242";
/// let Activation::Plugout(plugout) = Activation::parse(text)? else { unreachable!() };
/// assert_eq!(plugout.url, "https://hub.example/ms/b1");
/// assert_eq!(plugout.token.expose(), "2dff6242");
///
/// let Activation::Message(link) = Activation::parse("personal://hub.example/hermod/rest/ms/b1/m1?title=My+title")? else { unreachable!() };
/// assert_eq!(link.location(), "https://hub.example/hermod/rest/ms/b1/m1");
/// assert_eq!(link.title.as_deref(), Some("My title"));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `com.nexusgroup.plugout:///?url=…&token=…`: a mailbox and a token.
    Plugout(Plugout),
    /// `personal://host/hermod/rest/ms/{bid}/{mid}?…`: one message.
    Message(MessageLink),
    /// `personal://start?…`: opens the app and nothing else.
    Start(StartLink),
}

impl Activation {
    /// Reads a link. White space, line ends and a byte order mark around it are passed over, as a
    /// link is often pasted. Escapes are decoded strictly: `%` and two hexadecimal digits of either
    /// case, and the result must be UTF-8.
    ///
    /// A plugout URI is read with or without its empty authority and with an empty path, which is
    /// the same as `/` (RFC 3986 section 6.2.3): `:///?`, `://?` and `:/?`.
    ///
    /// # Errors
    /// `malformed` or `too-large`, with the part at fault (`uri`, `uri.url`, `uri.token`, …) and
    /// the offset in `text`. The text is never repeated.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let around = |character: char| character.is_whitespace() || character == '\u{feff}';
        let blanks = text.len() - text.trim_start_matches(around).len();
        Self::parse_bare(text.trim_matches(around)).map_err(|error| match error.offset() {
            Some(offset) => error.at(offset + blanks),
            None => error,
        })
    }

    fn parse_bare(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::too_large("uri", "longer than 64 KiB"));
        }
        if let Some(at) = text.bytes().position(|byte| {
            !byte.is_ascii_graphic()
                || matches!(
                    byte,
                    b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
                )
        }) {
            return Err(Error::malformed("uri", "a character that no such link has").at(at));
        }
        let (scheme, rest) =
            text.split_once(':').ok_or_else(|| Error::malformed("uri", "no scheme"))?;
        let letters = scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !letters || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(Error::malformed("uri", "not a scheme"));
        }
        let (scheme, after) = (scheme.to_ascii_lowercase(), scheme.len() + 1);
        if scheme == PLUGOUT_SCHEME {
            return Plugout::parse(rest, after).map(Self::Plugout);
        }
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(Error::malformed("uri", "no // after the scheme").at(after));
        };
        let after = after + 2;
        match &*scheme {
            "http" | "https" => {
                Err(Error::malformed("uri", "a web address, not an activation link"))
            }
            _ => {
                let (path, query) = match rest.split_once('?') {
                    Some((path, query)) => (path, Some((query, after + path.len() + 1))),
                    None => (rest, None),
                };
                let shown = Shown::parse(query)?;
                // A host in either case, and an empty path or `/` (RFC 3986 section 6.2).
                if path.strip_suffix('/').unwrap_or(path).eq_ignore_ascii_case("start") {
                    return Ok(Self::Start(StartLink {
                        scheme,
                        title: shown.title,
                        redirect: shown.redirect,
                        params: shown.params,
                    }));
                }
                MessageLink::parse(scheme, path, after, shown).map(Self::Message)
            }
        }
    }

    /// The text of the link, in the documented form.
    #[must_use]
    pub fn to_uri(&self) -> Secret {
        match self {
            Self::Plugout(plugout) => plugout.to_uri(),
            Self::Message(link) => link.to_uri(),
            Self::Start(link) => link.to_uri(),
        }
    }
}

/// A mailbox and the token that opens it: what a device gets by QR code or by link.
///
/// `com.nexusgroup.plugout:///?url=<box URL>&token=<token>`; [`Activation::parse`] reads other ways
/// to write it too.
///
/// ```
/// use keyferry::{Secret, hermod::model::Plugout};
///
/// let plugout = Plugout::new("https://hub.example/ms/b1", Secret::new("t0ken"));
/// assert_eq!(plugout.to_uri().expose(), "com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fb1&token=t0ken");
/// assert_eq!(plugout.bid(), Some("b1"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plugout {
    /// The URL of the mailbox, `{public}/{bid}`, decoded. Which hosts may be opened is the device's
    /// policy, not checked here.
    pub url: String,
    /// The token of the message, a UUID in every example.
    pub token: Secret,
    /// Other parameters than those above, decoded, in order.
    pub params: Vec<(String, String)>,
}

impl Plugout {
    /// A link to the mailbox at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>, token: Secret) -> Self {
        Self { url: url.into(), token, params: Vec::new() }
    }

    /// The id of the mailbox: the last segment of its URL, if there is one.
    #[must_use]
    pub fn bid(&self) -> Option<&str> {
        let (_, rest) = self.url.split_once("://")?;
        let (_, bid) = rest.rsplit_once('/')?;
        (!bid.is_empty()).then_some(bid)
    }

    /// The text of the link.
    #[must_use]
    pub fn to_uri(&self) -> Secret {
        let mut text = format!("{PLUGOUT_SCHEME}:///?url=");
        encode(&self.url, &mut text);
        text.push_str("&token=");
        encode(self.token.expose(), &mut text);
        for (name, value) in &self.params {
            push_param(&mut text, '&', name, value, encode);
        }
        Secret::new(text)
    }

    fn parse(rest: &str, after: usize) -> Result<Self, Error> {
        // One old listing has the third slash and no question mark.
        let forms = ["///?", "//?", "/?", "///"];
        let found = forms.iter().find_map(|form| Some((form.len(), rest.strip_prefix(form)?)));
        let Some((length, query)) = found else {
            return Err(Error::malformed("uri", "not ///? after the scheme").at(after));
        };
        let after = after + length;
        let (mut url, mut token, mut params) = (None, None, Vec::new());
        for (name, value) in split_params(query, after, decode)? {
            match &*name {
                "url" => set(&mut url, value, "uri.url")?,
                "token" => set(&mut token, value, "uri.token")?,
                _ => params.push((name, value)),
            }
        }
        let url = url
            .filter(|url| !url.is_empty())
            .ok_or_else(|| Error::malformed("uri.url", "absent"))?;
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| Error::malformed("uri.token", "absent"))?;
        Ok(Self { url, token: Secret::new(token), params })
    }
}

impl fmt::Debug for Plugout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plugout(…)")
    }
}

/// A link that opens one message: `<scheme>://<host><prefix>/<bid>/<mid>?title=…&redirect=…`. The
/// message is fetched by https.
///
/// Where no token is asked for, the path is the secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageLink {
    /// The app's scheme in lower case: `personal`, or a branded app's own.
    pub scheme: String,
    /// Host and port, as in a URL.
    pub host: String,
    /// The path before the mailbox, as in a URL, with escapes: `/hermod/rest/ms`. May be empty.
    pub prefix: String,
    /// The mailbox.
    pub bid: String,
    /// The message.
    pub mid: String,
    /// What the app shows above it, decoded; absent: nothing.
    pub title: Option<String>,
    /// Where the app goes afterwards, decoded; absent: nowhere. It comes from the author of the
    /// link.
    pub redirect: Option<String>,
    /// Other parameters than those above, decoded, in order.
    pub params: Vec<(String, String)>,
}

impl MessageLink {
    /// A link to the message at `location`, an https URL `{public}/{bid}/{mid}`.
    ///
    /// # Errors
    /// `malformed`, if either is not of that form.
    ///
    /// ```
    /// use keyferry::hermod::model::MessageLink;
    ///
    /// let mut link = MessageLink::new("personal", "https://hub.example/hermod/rest/ms/b1/m1")?;
    /// link.redirect = Some("my-app://".into());
    /// assert_eq!(link.to_uri().expose(), "personal://hub.example/hermod/rest/ms/b1/m1?redirect=my-app%3A%2F%2F");
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    pub fn new(scheme: &str, location: &str) -> Result<Self, Error> {
        let Some(rest) = location.strip_prefix("https://").filter(|rest| !rest.contains('?'))
        else {
            return Err(Error::malformed("location", "not an https URL without a query"));
        };
        match Activation::parse(&format!("{scheme}://{rest}"))? {
            Activation::Message(link) => Ok(link),
            _ => Err(Error::malformed("uri", "not the scheme of an app")),
        }
    }

    /// The URL of the message, `{public}/{bid}/{mid}`.
    #[must_use]
    pub fn location(&self) -> String {
        format!("{}/{}", self.box_url(), self.mid)
    }

    /// The URL of the mailbox, `{public}/{bid}`.
    #[must_use]
    pub fn box_url(&self) -> String {
        format!("https://{}{}/{}", self.host, self.prefix, self.bid)
    }

    /// The text of the link.
    #[must_use]
    pub fn to_uri(&self) -> Secret {
        let mut text =
            format!("{}://{}{}/{}/{}", self.scheme, self.host, self.prefix, self.bid, self.mid);
        push_shown(&mut text, self.title.as_deref(), self.redirect.as_deref(), &self.params);
        Secret::new(text)
    }

    fn parse(scheme: String, path: &str, after: usize, shown: Shown) -> Result<Self, Error> {
        let malformed =
            || Error::malformed("uri", "not a host and the path of a message").at(after);
        let (host, path) =
            path.split_at_checked(path.find('/').ok_or_else(malformed)?).ok_or_else(malformed)?;
        let host_like = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']')
        };
        if host.is_empty() || !host.bytes().all(host_like) {
            return Err(malformed());
        }
        let (front, mid) = path.rsplit_once('/').ok_or_else(malformed)?;
        let (prefix, bid) = front.rsplit_once('/').ok_or_else(malformed)?;
        let id_like =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        for id in [bid, mid] {
            if matches!(id, "" | "." | "..") || !id.bytes().all(id_like) {
                return Err(malformed());
            }
        }
        for segment in prefix.split('/').skip(1) {
            let decoded = decode(segment, after)?;
            if decoded.is_empty()
                || is_dot_segment(&decoded)
                || decoded.contains(['/', '\\', '%'])
                || segment.contains(['[', ']'])
            {
                return Err(malformed());
            }
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            prefix: prefix.to_owned(),
            bid: bid.to_owned(),
            mid: mid.to_owned(),
            title: shown.title,
            redirect: shown.redirect,
            params: shown.params,
        })
    }
}

impl fmt::Debug for MessageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageLink(…)")
    }
}

/// A link that opens the app: `<scheme>://start?title=…&redirect=…`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartLink {
    /// The app's scheme in lower case: `personal`, or a branded app's own.
    pub scheme: String,
    /// What the app shows, decoded; absent: nothing.
    pub title: Option<String>,
    /// Where the app goes afterwards, decoded; absent: nowhere. It comes from the author of the
    /// link.
    pub redirect: Option<String>,
    /// Other parameters than those above, decoded, in order.
    pub params: Vec<(String, String)>,
}

impl StartLink {
    /// A link that opens the app with this scheme.
    ///
    /// # Errors
    /// `malformed`, if that is not a scheme, or not an app's.
    pub fn new(scheme: &str) -> Result<Self, Error> {
        match Activation::parse(&format!("{scheme}://start"))? {
            Activation::Start(link) => Ok(link),
            _ => Err(Error::malformed("uri", "not the scheme of an app")),
        }
    }

    /// The text of the link.
    #[must_use]
    pub fn to_uri(&self) -> Secret {
        let mut text = format!("{}://start", self.scheme);
        push_shown(&mut text, self.title.as_deref(), self.redirect.as_deref(), &self.params);
        Secret::new(text)
    }
}

impl fmt::Debug for StartLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StartLink(…)")
    }
}

/// The parameters of a link that an app opens.
#[derive(Default)]
struct Shown {
    title: Option<String>,
    redirect: Option<String>,
    params: Vec<(String, String)>,
}

impl Shown {
    fn parse(query: Option<(&str, usize)>) -> Result<Self, Error> {
        let mut shown = Self::default();
        let Some((query, after)) = query else { return Ok(shown) };
        for (name, value) in split_params(query, after, decode_form)? {
            match &*name {
                "title" => set(&mut shown.title, value, "uri.title")?,
                "redirect" => set(&mut shown.redirect, value, "uri.redirect")?,
                _ => shown.params.push((name, value)),
            }
        }
        Ok(shown)
    }
}

fn push_shown(
    text: &mut String,
    title: Option<&str>,
    redirect: Option<&str>,
    params: &[(String, String)],
) {
    let known = [("title", title), ("redirect", redirect)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let others = params.iter().map(|(name, value)| (&**name, &**value));
    let mut mark = '?';
    for (name, value) in known.chain(others) {
        push_param(text, mark, name, value, encode_form);
        mark = '&';
    }
}

fn push_param(
    text: &mut String,
    mark: char,
    name: &str,
    value: &str,
    encode: fn(&str, &mut String),
) {
    text.push(mark);
    encode(name, text);
    text.push('=');
    encode(value, text);
}

fn set(slot: &mut Option<String>, value: String, part: &'static str) -> Result<(), Error> {
    if slot.replace(value).is_some() { Err(Error::malformed(part, "given twice")) } else { Ok(()) }
}
