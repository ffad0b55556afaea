//! Texts that are carried but not displayed.

use std::fmt;
use std::ops::Deref;

use serde::{Deserializer, Serialize, Serializer};

use super::{BigText, FromJson, Reading};
use crate::Class;

/// A text that is carried as received and that `Debug` does not show, because it may hold content
/// that does not belong in a log: a JWS, a certificate request with its challenge password, or
/// content to sign.
///
/// `LIMIT` is the maximum number of bytes when reading; a text that a program creates is not
/// limited. It is not treated as a secret: it is neither wiped nor compared in constant time (see
/// [`Secret`](crate::Secret)).
///
/// ```
/// use keyferry::hermod::model::OpaqueText;
///
/// let request = OpaqueText::from("MIIC2zCCAcMCAQAw");
/// assert_eq!(format!("{request:?}"), "Opaque(16 bytes)");
/// assert!(request.starts_with("MII"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Opaque<const LIMIT: usize>(String);

impl<const LIMIT: usize> Opaque<LIMIT> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text by value.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const LIMIT: usize> Deref for Opaque<LIMIT> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const LIMIT: usize> From<String> for Opaque<LIMIT> {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl<const LIMIT: usize> From<&str> for Opaque<LIMIT> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<const LIMIT: usize> fmt::Debug for Opaque<LIMIT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({} bytes)", self.0.len())
    }
}

impl<const LIMIT: usize> Serialize for Opaque<LIMIT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const LIMIT: usize> FromJson<'de> for Opaque<LIMIT> {
    const EXPECTED: &'static str = "not a text";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        let text = BigText::from_json(deserializer, reading)?;
        if text.len() > LIMIT {
            return Err(reading.fail(Class::TooLarge, "a text that is too long"));
        }
        Ok(Self(text.0.into_owned()))
    }
}
