//! The destinations of a command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserializer, Serialize, Serializer};

use crate::Error;
use crate::json::{FromJson, Reading, Text};

/// A destination: the elements of `commandHeader.to`, and `to` of a destination in an answer.
///
/// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning"; that a mailbox can
/// be named directly is seen in answers only.
///
/// ```
/// use keyferry::hermod::model::Address;
///
/// // Exactly one leading `@` is the mark; the rest is the user id.
/// let address: Address = "@john.doe@nexusgroup.com".parse()?;
/// assert_eq!(address, Address::User("john.doe@nexusgroup.com".into()));
/// assert_eq!(address.to_string(), "@john.doe@nexusgroup.com");
/// assert_eq!("@tmp".parse(), Ok(Address::Tmp));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A temporary mailbox made for this command, opened with its activation URI; `@tmp`.
    Tmp,
    /// Every mailbox registered for this user id; `@` and the id. The id `tmp` cannot be named this
    /// way: its text is that of [`Self::Tmp`].
    User(String),
    /// One mailbox; its id `bid`.
    Mailbox(String),
}

impl Address {
    /// Every mailbox of a user.
    ///
    /// # Errors
    /// `malformed` if the id is empty, or `tmp`, which no address can name.
    pub fn user(user_id: impl Into<String>) -> Result<Self, Error> {
        let user_id = user_id.into();
        match &*user_id {
            "" => Err(Error::malformed("to", "an empty user id")),
            "tmp" => Err(Error::malformed("to", "a user id that means the temporary mailbox")),
            _ => Ok(Self::User(user_id)),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// # Errors
    /// `malformed` if there is nothing, or nothing after the `@`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix('@') {
            Some("tmp") => Ok(Self::Tmp),
            Some("") => Err(Error::malformed("to", EMPTY)),
            Some(user_id) => Ok(Self::User(user_id.to_owned())),
            None if text.is_empty() => Err(Error::malformed("to", EMPTY)),
            None => Ok(Self::Mailbox(text.to_owned())),
        }
    }
}

const EMPTY: &str = "an empty address";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tmp => f.write_str("@tmp"),
            Self::User(user_id) => write!(f, "@{user_id}"),
            Self::Mailbox(bid) => f.write_str(bid),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> FromJson<'de> for Address {
    const EXPECTED: &'static str = "not a text";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        let text = Text::from_json(deserializer, reading)?;
        text.parse().map_err(|_| reading.fail(crate::Class::Malformed, EMPTY))
    }
}
