//! Scalar member values and arrays.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize as _, Serialize, Serializer};

use super::number::{Number, NumberOrText, all_digits};
use super::{FromJson, MAX_TEXT, Reading, Seed};
use crate::Class;

/// A text of at most [`MAX_TEXT`] bytes, borrowed from the document where it has no escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// A text without a length limit; its reader sets the limit: a JWS, an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BigText<'a>(pub(crate) Cow<'a, str>);

struct TextVisitor<'r> {
    reading: &'r Reading,
    limit: usize,
}

impl<'de> Visitor<'de> for TextVisitor<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        if text.len() > self.limit {
            return Err(self.reading.fail(Class::TooLarge, "a text that is too long"));
        }
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.len() > self.limit {
            return Err(self.reading.fail(Class::TooLarge, "a text that is too long"));
        }
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl<'de> FromJson<'de> for Text<'de> {
    const EXPECTED: &'static str = "not a text";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor { reading, limit: MAX_TEXT }).map(Self)
    }
}

impl<'de> FromJson<'de> for BigText<'de> {
    const EXPECTED: &'static str = "not a text";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor { reading, limit: usize::MAX }).map(Self)
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for BigText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> FromJson<'de> for String {
    const EXPECTED: &'static str = "not a text";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        Text::from_json(deserializer, reading).map(|text| text.0.into_owned())
    }
}

impl<'de> FromJson<'de> for crate::Secret {
    const EXPECTED: &'static str = "not a text";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        Text::from_json(deserializer, reading).map(|text| Self::new(text.0))
    }
}

/// A non-negative whole number, also as a text of decimal digits: `lifespan` and `timeout`, the
/// only members of this type, occur in both forms.
impl<'de> FromJson<'de> for u64 {
    const EXPECTED: &'static str = Number::EXPECTED;

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        let wrong = || reading.fail(Class::Malformed, Self::EXPECTED);
        match Number::or_text(deserializer, reading)? {
            NumberOrText::Number(number) => number.number(reading),
            NumberOrText::Text(text) if all_digits(&text) => text.parse().map_err(|_| wrong()),
            NumberOrText::Text(_) => Err(wrong()),
        }
    }
}

/// A whole number, possibly negative.
impl<'de> FromJson<'de> for i64 {
    const EXPECTED: &'static str = Number::EXPECTED;

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        Number::from_json(deserializer, reading)?.number(reading)
    }
}

/// `true` or `false`, also as a text. It is used only for members for which a document shows such a
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> FromJson<'de> for Flag {
    const EXPECTED: &'static str = "neither true nor false";

    fn from_json<D: Deserializer<'de>>(deserializer: D, _: &Reading) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<bool, E> {
                Ok(flag)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
                text.parse().map_err(|_| E::custom("neither true nor false"))
            }
        }
        deserializer.deserialize_any(V).map(Self)
    }
}

impl<'de> FromJson<'de> for bool {
    const EXPECTED: &'static str = Flag::EXPECTED;

    fn from_json<D: Deserializer<'de>>(deserializer: D, _: &Reading) -> Result<Self, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

/// Any value; only its presence is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skipped;

impl<'de> FromJson<'de> for Skipped {
    const EXPECTED: &'static str = "not JSON";

    fn from_json<D: Deserializer<'de>>(deserializer: D, _: &Reading) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// An array of at most `MAX` elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T, const MAX: usize>(pub(crate) Vec<T>);

impl<'de, T: FromJson<'de>, const MAX: usize> FromJson<'de> for List<T, MAX> {
    const EXPECTED: &'static str = "not an array";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        read_list(deserializer, reading, MAX).map(Self)
    }
}

/// An array with the maximum length that its element type states.
impl<'de, T: FromJson<'de>> FromJson<'de> for Vec<T> {
    const EXPECTED: &'static str = "not an array";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        read_list(deserializer, reading, T::MAX_COUNT)
    }
}

fn read_list<'de, T: FromJson<'de>, D: Deserializer<'de>>(
    deserializer: D,
    reading: &Reading,
    max: usize,
) -> Result<Vec<T>, D::Error> {
    struct V<'r, T>(&'r Reading, usize, std::marker::PhantomData<T>);
    impl<'de, T: FromJson<'de>> Visitor<'de> for V<'_, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
            self.0.enter()?;
            let mut list = Vec::new();
            loop {
                let next = elements.next_element_seed(Seed::<T>::new(self.0));
                let Some(element) =
                    next.map_err(|error| self.0.in_element(list.len(), T::EXPECTED, error))?
                else {
                    break;
                };
                if list.len() == self.1 {
                    return Err(self.0.fail(Class::TooLarge, "too many elements"));
                }
                list.push(element);
            }
            self.0.leave();
            Ok(list)
        }
    }
    deserializer.deserialize_seq(V(reading, max, std::marker::PhantomData))
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Serialize for BigText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}
