//! The secrets that callbacks are signed with.

use std::fmt;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::crypto::Provider;
use crate::{Class, Error, Secret};

/// A secret that callbacks are signed with, as the Standard Webhooks specification (1.0) has it:
/// `whsec_` and the base64, with padding, of 24 to 64 random bytes. Sender and receiver have the
/// same; each delivery may be signed with several while one replaces another.
///
/// ```
/// use keyferry::hermod::wire::WebhookSecret;
///
/// let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// assert_eq!(secret.expose(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
/// assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
/// assert!(WebhookSecret::parse("hush").is_err());
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Secret);

impl WebhookSecret {
    /// What the text of a secret begins with.
    pub const PREFIX: &'static str = "whsec_";
    /// The least length of a secret before it is encoded, in bytes.
    pub const MIN_BYTES: usize = 24;
    /// The greatest length of a secret before it is encoded, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Reads the text of a secret. White space around it is passed over.
    ///
    /// # Errors
    /// Class `malformed`: it does not begin with `whsec_`, what follows is not base64 with padding,
    /// or there are fewer than 24 or more than 64 bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |detail| Error::malformed("secret", detail);
        let encoded = text.trim().strip_prefix(Self::PREFIX);
        let encoded = encoded.ok_or_else(|| bad("does not begin with whsec_"))?;
        let key = Base64::decode_vec(encoded)
            .map(Zeroizing::new)
            .map_err(|_| bad("not base64 with padding after whsec_"))?;
        Self::from_bytes(&key)
    }

    /// A secret of these bytes, which have to be random.
    ///
    /// # Errors
    /// Class `malformed` for fewer than 24 or more than 64 bytes.
    pub fn from_bytes(key: &[u8]) -> Result<Self, Error> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&key.len()) {
            return Err(Error::malformed("secret", "not 24 to 64 bytes"));
        }
        let encoded = Zeroizing::new(Base64::encode_string(key));
        Ok(Self(Secret::new(format!("{}{}", Self::PREFIX, *encoded))))
    }

    /// A new secret of 32 random bytes.
    ///
    /// # Errors
    /// Class `storage` if the random generator fails.
    pub fn generate(provider: &dyn Provider) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        provider
            .fill_random(&mut *key)
            .map_err(|_| Error::new(Class::Storage, "", "the random generator failed"))?;
        Self::from_bytes(&*key)
    }

    /// The text of the secret, for the one place that has to have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The key of the HMAC.
    #[cfg(feature = "http")]
    pub(crate) fn key(&self) -> Zeroizing<Vec<u8>> {
        let encoded = self.0.expose().get(Self::PREFIX.len()..).unwrap_or_default();
        // It was encoded here.
        Zeroizing::new(Base64::decode_vec(encoded).unwrap_or_default())
    }
}

impl std::str::FromStr for WebhookSecret {
    type Err = Error;

    /// # Errors
    /// As [`WebhookSecret::parse`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_secret_is_refused_with_what_is_wrong_and_never_repeated() {
        let of = |length: usize| format!("whsec_{}", Base64::encode_string(&vec![7; length]));
        for (text, detail) in [
            (String::new(), "whsec_"),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), "whsec_"),
            ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), "whsec_"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS".into(), "base64"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_".into(), "base64"),
            ("whsec_not base64 at all".into(), "base64"),
            ("whsec_".into(), "24 to 64"),
            (of(23), "24 to 64"),
            (of(65), "24 to 64"),
        ] {
            let error = WebhookSecret::parse(&text).unwrap_err();
            assert_eq!(error.class(), Class::Malformed);
            assert!(error.detail().contains(detail), "{text}: {error}");
            assert!(!error.to_string().contains("MfKQ"));
        }
        for length in [24, 32, 64] {
            let secret = WebhookSecret::parse(&format!(" {}\r\n", of(length))).unwrap();
            assert_eq!(secret.expose(), of(length));
        }
    }
}
