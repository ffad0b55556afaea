//! What callers prove themselves with.

use crate::Secret;

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
}

/// The credential of a device: the token of a mailbox or of one message, and, with the latter, the device's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxKey {
    /// The mailbox, as it stands in its address.
    pub bid: String,
    /// The token; a bearer token in HTTP.
    pub token: Secret,
    /// 32 random octets in base64url, chosen by the device. The first call with a message's token binds it to the claim. Absent with a mailbox's own
    /// token. `X-Claim` in HTTP.
    pub claim: Option<Secret>,
}

impl MailboxKey {
    /// The credential of a mailbox of one's own.
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
