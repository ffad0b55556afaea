//! What callers prove themselves with.

use crate::{Error, Secret};

/// The credential of an integrator; `X-Api-Key: base64(id:key)` in HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// Names the integrator; has no `:`.
    pub id: String,
    /// Its secret.
    pub key: Secret,
}

impl ApiKey {
    /// A credential.
    #[must_use]
    pub fn new(id: impl Into<String>, key: Secret) -> Self {
        Self { id: id.into(), key }
    }

    /// Reads `id:key`, as a person keeps it: in the environment, in a file. White space and line
    /// ends around each of the two are passed over, as the example `hub hash-key` passes over those
    /// around the key. The colon that splits is the first.
    ///
    /// ```
    /// use keyferry::hermod::wire::ApiKey;
    ///
    /// let key = ApiKey::parse("shop:f00d\r\n")?;
    /// assert_eq!((key.id.as_str(), key.key.expose()), ("shop", "f00d"));
    /// assert!(ApiKey::parse("f00d").is_err());
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    ///
    /// # Errors
    /// Class `malformed` if there is no colon, or nothing before or behind it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match text.split_once(':').map(|(id, key)| (id.trim(), key.trim())) {
            Some((id, key)) if !id.is_empty() && !key.is_empty() => {
                Ok(Self::new(id, Secret::new(key)))
            }
            _ => Err(Error::malformed("api-key", "not id:key")),
        }
    }
}

/// The credential of a device: the token of a mailbox or of one message, and, with the latter, the
/// device's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxKey {
    /// The mailbox, as it stands in its address. Empty where the address has none, as that of
    /// [`reserve`](super::MailboxApi::reserve): then it is the one that the token is for.
    pub bid: String,
    /// The token; a bearer token in HTTP.
    pub token: Secret,
    /// 32 random bytes in base64url, chosen by the device. The first call with a message's token
    /// binds it to the claim. Absent with a mailbox's own token. `X-Claim` in HTTP.
    pub claim: Option<Secret>,
}

impl MailboxKey {
    /// The credential of a registered mailbox.
    #[must_use]
    pub fn of_mailbox(bid: impl Into<String>, token: Secret) -> Self {
        Self { bid: bid.into(), token, claim: None }
    }

    /// The credential of one message, from its activation link.
    #[must_use]
    pub fn of_message(bid: impl Into<String>, token: Secret, claim: Secret) -> Self {
        Self { bid: bid.into(), token, claim: Some(claim) }
    }
}

/// User and password of HTTP Basic (RFC 7617): what a hub proves itself with to a callback receiver
/// and to a content provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BasicAuth {
    /// The user; has no `:`.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl BasicAuth {
    /// A credential.
    #[must_use]
    pub fn new(user: impl Into<String>, password: Secret) -> Self {
        Self { user: user.into(), password }
    }

    /// Reads `username:password`, as it stands in a hub's configuration.
    ///
    /// # Errors
    /// Class `malformed` if there is no colon.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (user, password) = text
            .split_once(':')
            .ok_or_else(|| Error::malformed("basic-auth", "not username:password"))?;
        Ok(Self::new(user, Secret::new(password)))
    }
}
