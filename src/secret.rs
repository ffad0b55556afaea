//! Text that must stay confidential.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A confidential text: an API key, a token, a PIN, a password.
///
/// `Debug` does not show it and it has no `Display`. It compares in constant time (which does not
/// hide its length) and is wiped when dropped.
/// ```
/// let key = keyferry::Secret::new("s3cret");
/// assert_eq!(format!("{key:?}"), "Secret(…)");
/// assert_eq!(key.expose(), "s3cret");
/// ```
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps the text. The caller is responsible for other copies of it.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
