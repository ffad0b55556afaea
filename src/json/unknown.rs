//! Unknown members: kept unchanged, and checked for everything that no object may hold.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess};
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::{FromJson, MAX_NAMES, MAX_TEXT, Reading, Text};
use crate::Class;

/// The unknown members of an object in their original order, each value exactly as it was written.
///
/// They are written again with the object. `Debug` shows only their names, because the values could
/// be secret.
#[derive(Clone, Default)]
pub struct UnknownMembers(Vec<(String, Box<RawValue>)>);

impl UnknownMembers {
    /// Creates an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there are no unknown members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and JSON texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }

    /// The JSON text of the member `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Adds a member, or replaces its value. `name` must not be a member that the object knows.
    ///
    /// # Errors
    /// Those of serializing `value`.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: &impl serde::Serialize,
    ) -> Result<(), serde_json::Error> {
        let (name, value) = (name.into(), serde_json::value::to_raw_value(value)?);
        self.remove(&name);
        self.0.push((name, value));
        Ok(())
    }

    /// Removes a member and returns its JSON text.
    pub fn remove(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    /// Refuses members with these names: members of an enclosing envelope, which the author of
    /// these members may not set.
    #[cfg(feature = "hub")]
    pub(crate) fn refuse(&self, names: &[&'static str]) -> Result<(), crate::Error> {
        match names.iter().find(|name| self.get(name).is_some()) {
            Some(name) => {
                Err(crate::Error::malformed(*name, "not for the writer of this object to set"))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn write_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
    }
}

impl PartialEq for UnknownMembers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UnknownMembers {}

impl fmt::Debug for UnknownMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// An unknown JSON value, exactly as it was written.
///
/// `Debug` shows only its length, because the value could be secret.
#[derive(Clone)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Creates a value from anything that can be written as JSON.
    ///
    /// ```
    /// let value = keyferry::json::RawJson::new(&["RSA", "EC"])?;
    /// assert_eq!(value.as_json(), r#"["RSA","EC"]"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of serializing `value`.
    pub fn new(value: &impl serde::Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The value, if it is a text.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        serde_json::from_str(self.0.get()).ok()
    }

    pub(crate) fn from_raw(value: Box<RawValue>) -> Self {
        Self(value)
    }
}

impl PartialEq for RawJson {
    /// The same JSON text, borrowed.
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.as_json().len())
    }
}

impl serde::Serialize for RawJson {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> FromJson<'de> for RawJson {
    const EXPECTED: &'static str = "not JSON";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        let value: Box<RawValue> = serde::Deserialize::deserialize(deserializer)?;
        check(&value, reading)?;
        Ok(Self(value))
    }
}

/// [`UnknownMembers`] borrowed from the document.
#[derive(Default)]
pub(crate) struct UnknownMembersRef<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> UnknownMembersRef<'a> {
    /// Reads the value of the next member and keeps it under `name`.
    pub(crate) fn read<A: MapAccess<'a>>(
        &mut self,
        name: Text<'a>,
        map: &mut A,
        reading: &Reading,
    ) -> Result<(), A::Error> {
        if self.0.iter().any(|(other, _)| *other == name) {
            return Err(reading.fail(Class::Malformed, "a member twice"));
        }
        reading.count_kept()?;
        let value = map.next_value::<&RawValue>()?;
        check(value, reading)?;
        self.0.push((name, value));
        Ok(())
    }

    /// The value of the member `name`, if present.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| **other == *name).map(|(_, value)| *value)
    }

    pub(crate) fn to_owned_members(&self) -> UnknownMembers {
        if self.0.is_empty() {
            return UnknownMembers::new();
        }
        UnknownMembers(
            self.0
                .iter()
                .map(|(name, value)| (String::from(&**name), (*value).to_owned()))
                .collect(),
        )
    }
}

impl UnknownMembers {
    /// Like [`UnknownMembersRef::read`], owned.
    pub(crate) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        name: Text<'de>,
        map: &mut A,
        reading: &Reading,
    ) -> Result<(), A::Error> {
        if self.get(&name).is_some() {
            return Err(reading.fail(Class::Malformed, "a member twice"));
        }
        reading.count_kept()?;
        let value = map.next_value::<Box<RawValue>>()?;
        check(&value, reading)?;
        self.0.push((name.0.into_owned(), value));
        Ok(())
    }
}

/// Checks a kept value in one pass: no duplicate member, no excessive depth or count, no oversized
/// text, no lone surrogate.
///
/// The value is already well-formed JSON.
fn check<E: serde::de::Error>(value: &RawValue, reading: &Reading) -> Result<(), E> {
    let text = value.get();
    // The open containers: the names of an object, nothing for an array.
    let mut open: Vec<Option<Vec<Cow<'_, str>>>> = Vec::new();
    let mut name_is_due = false;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'{' | b'[' => {
                reading.enter()?;
                name_is_due = *byte == b'{';
                open.push(name_is_due.then(Vec::new));
            }
            b'}' | b']' => {
                reading.leave();
                open.pop();
                name_is_due = false;
            }
            b',' => name_is_due = open.last().is_some_and(Option::is_some),
            b'"' => {
                let Quoted { end, escaped } = quoted(text, at + 1).ok_or_else(|| {
                    reading.fail(Class::Malformed, "not the JSON that is due here")
                })?;
                match open.last_mut() {
                    Some(Some(names)) if name_is_due => {
                        let name = match escaped {
                            false => Cow::Borrowed(&text[at + 1..end]),
                            true => Cow::Owned(
                                serde_json::from_str(&text[at..=end]).map_err(E::custom)?,
                            ),
                        };
                        add_name(names, name, reading)?;
                        name_is_due = false;
                    }
                    _ if end - at > MAX_TEXT + 1 => {
                        return Err(reading.fail(Class::TooLarge, "a text of more than 64 KiB"));
                    }
                    _ => {}
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

fn add_name<'a, E: serde::de::Error>(
    names: &mut Vec<Cow<'a, str>>,
    name: Cow<'a, str>,
    reading: &Reading,
) -> Result<(), E> {
    if name.len() > MAX_TEXT {
        return Err(reading.fail(Class::TooLarge, "a text that is too long"));
    }
    if names.contains(&name) {
        return Err(reading.fail(Class::Malformed, "a member twice"));
    }
    if names.len() == MAX_NAMES {
        return Err(reading.fail(Class::TooLarge, "more than 64 names in one object"));
    }
    reading.count_kept()?;
    names.push(name);
    Ok(())
}

/// The end of a text, and whether it has escapes.
struct Quoted {
    end: usize,
    escaped: bool,
}

/// The text that begins at `start`, after its quotation mark; `None` if it holds a lone surrogate,
/// which other readers interpret differently.
fn quoted(text: &str, start: usize) -> Option<Quoted> {
    let bytes = text.as_bytes();
    let unit = |at: usize| u32::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let (mut at, mut escaped) = (start, false);
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(Quoted { end: at, escaped });
        }
        escaped = true;
        if bytes.get(at + 1) != Some(&b'u') {
            at += 2;
            continue;
        }
        at += match unit(at + 2)? {
            0xd800..=0xdbff => match text.get(at + 6..at + 8)? {
                "\\u" if matches!(unit(at + 8)?, 0xdc00..=0xdfff) => 12,
                _ => return None,
            },
            0xdc00..=0xdfff => return None,
            _ => 6,
        };
    }
}
