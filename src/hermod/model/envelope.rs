//! Envelopes: objects of which one member, named by the dialect, tells what they are about.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::Class;
use crate::hermod::Dialect;
use crate::json::{FromJson, MAX_NAMES, OrNull, RawJson, Reading, Seed, Text, UnknownMembers};

/// The member that tells what an envelope is about: a command or a response.
pub(super) trait Body<'de>: Sized {
    /// How the names of such members end, also of those that are not known here.
    const SUFFIX: &'static str;
    /// What is said of more than one.
    const TWO: &'static str;

    /// Reads the value of the next member, if `name` is one of the dialect's; `null` counts as
    /// absent.
    fn read<A: MapAccess<'de>>(
        dialect: &Dialect,
        name: &str,
        map: &mut A,
        reading: &Reading,
    ) -> Result<Member<Self>, A::Error>;

    fn other(member: String, value: RawJson) -> Self;

    fn write<M: SerializeMap>(&self, dialect: &Dialect, map: &mut M) -> Result<(), M::Error>;
}

pub(super) enum Member<B> {
    Unknown,
    /// The place of its name in the dialect, for duplicates; the value, if it is not `null`.
    Known(u16, Option<B>),
}

/// The value of the member `name`, or `null`.
pub(super) fn read_value<'de, T, A>(
    name: &str,
    map: &mut A,
    reading: &Reading,
) -> Result<Option<T>, A::Error>
where
    T: FromJson<'de>,
    A: MapAccess<'de>,
{
    map.next_value_seed(OrNull(Seed::<T>::new(reading)))
        .map_err(|error| reading.in_member(name.to_owned(), T::EXPECTED, error))
}

/// An object with a [`Body`].
pub(super) trait Envelope<'de>: Sized {
    /// The slots of the other members.
    type Slots: Default;
    type Body: Body<'de>;

    /// Fills the slot of `name`, if there is one.
    fn fill<A: MapAccess<'de>>(
        slots: &mut Self::Slots,
        name: &str,
        map: &mut A,
        reading: &Reading,
    ) -> Result<bool, A::Error>;

    fn finish<E: serde::de::Error>(
        slots: Self::Slots,
        body: Option<Self::Body>,
        extra: UnknownMembers,
        reading: &Reading,
    ) -> Result<Self, E>;
}

/// Reads an envelope.
pub(super) fn read_envelope<'de, T: Envelope<'de>, D: Deserializer<'de>>(
    deserializer: D,
    dialect: &Dialect,
    reading: &Reading,
) -> Result<T, D::Error> {
    struct Members<'r, T>(&'r Dialect, &'r Reading, std::marker::PhantomData<T>);

    impl<'de, T: Envelope<'de>> Visitor<'de> for Members<'_, T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let Self(dialect, reading, _) = self;
            reading.enter()?;
            let (mut slots, mut body, mut extra) =
                (T::Slots::default(), None, UnknownMembers::new());
            let (mut names, mut seen) = (0, 0u16);
            while let Some(name) = map.next_key_seed(Seed::<Text<'de>>::new(reading))? {
                names += 1;
                if names > MAX_NAMES {
                    return Err(reading.fail(Class::TooLarge, "more than 64 names in one object"));
                }
                if T::fill(&mut slots, &name, &mut map, reading)? {
                    continue;
                }
                match T::Body::read(dialect, &name, &mut map, reading)? {
                    Member::Unknown => extra.read(name, &mut map, reading)?,
                    Member::Known(place, value) => {
                        if seen & (1 << place) != 0 {
                            return Err(reading.in_member(
                                name.0.into_owned(),
                                "",
                                reading.fail(Class::Malformed, "given twice"),
                            ));
                        }
                        seen |= 1 << place;
                        if value.is_some() && body.is_some() {
                            return Err(reading.fail(Class::Malformed, T::Body::TWO));
                        }
                        body = value.or(body);
                    }
                }
            }
            let body = match take_other::<T::Body>(&mut extra) {
                None => body,
                Some(other) if body.is_none() => Some(other),
                Some(_) => return Err(reading.fail(Class::Malformed, T::Body::TWO)),
            };
            if body.is_some() && take_other::<T::Body>(&mut extra).is_some() {
                return Err(reading.fail(Class::Malformed, T::Body::TWO));
            }
            reading.leave();
            T::finish(slots, body, extra, reading)
        }
    }

    deserializer.deserialize_map(Members(dialect, reading, std::marker::PhantomData))
}

/// Takes out a member that is not known but looks like a body.
fn take_other<'de, B: Body<'de>>(extra: &mut UnknownMembers) -> Option<B> {
    let name = extra
        .iter()
        .find(|(name, value)| name.ends_with(B::SUFFIX) && *value != "null")
        .map(|(name, _)| name.to_owned())?;
    let value = extra.remove(&name)?;
    Some(B::other(name, RawJson::from_raw(value)))
}

/// Something that is written in a dialect.
pub(super) trait WriteIn {
    fn write_in<M: SerializeMap>(&self, dialect: &Dialect, map: &mut M) -> Result<(), M::Error>;
}

/// A value with the dialect that it is written in.
pub(super) struct Written<'a, T>(pub(super) &'a T, pub(super) &'a Dialect);

impl<T: WriteIn> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write_in(self.1, &mut map)?;
        map.end()
    }
}

/// Declares the enum of all bodies of one kind, in the order of
/// [`CommandKind`](super::CommandKind).
macro_rules! bodies {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$variant_meta:meta])* $kind:ident($type:ty), )* }
        member: $member:ident, suffix: $suffix:literal, two: $two:literal,
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "one at a time, and seldom moved: a box would only be in the way of those who match")]
        pub enum $name {
            $( $(#[$variant_meta])* $kind($type), )*
            /// One that is not known here, kept as received.
            Other {
                /// The name of the member; it ends as those of the others do.
                member: String,
                /// Its value.
                value: $crate::json::RawJson,
            },
        }

        impl $name {
            /// Which command this belongs to; `None` for one that is not known here.
            #[must_use]
            pub fn kind(&self) -> Option<$crate::hermod::model::CommandKind> {
                match self {
                    $( Self::$kind(_) => Some($crate::hermod::model::CommandKind::$kind), )*
                    Self::Other { .. } => None,
                }
            }
        }

        impl<'de> $crate::hermod::model::envelope::Body<'de> for $name {
            const SUFFIX: &'static str = $suffix;
            const TWO: &'static str = $two;

            fn read<A: serde::de::MapAccess<'de>>(
                dialect: &$crate::hermod::Dialect,
                name: &str,
                map: &mut A,
                reading: &$crate::json::Reading,
            ) -> Result<$crate::hermod::model::envelope::Member<Self>, A::Error> {
                use $crate::hermod::model::{CommandKind, envelope::{Member, read_value}};
                for kind in CommandKind::ALL {
                    let member = &dialect.words(*kind).$member;
                    if member == name {
                        let value = match kind {
                            $( CommandKind::$kind => read_value(member, map, reading)?.map(Self::$kind), )*
                        };
                        return Ok(Member::Known(*kind as u16, value));
                    }
                }
                Ok(Member::Unknown)
            }

            fn other(member: String, value: $crate::json::RawJson) -> Self {
                Self::Other { member, value }
            }

            fn write<M: serde::ser::SerializeMap>(&self, dialect: &$crate::hermod::Dialect, map: &mut M) -> Result<(), M::Error> {
                match self {
                    $( Self::$kind(body) => map.serialize_entry(&*dialect.words($crate::hermod::model::CommandKind::$kind).$member, body), )*
                    Self::Other { member, value } => map.serialize_entry(member, value),
                }
            }
        }
    };
}

/// Implements reading and writing of an envelope in the default or a given dialect, and its serde
/// traits.
macro_rules! envelope_text {
    ($name:ident, $read:ident, $write:ident, $what:literal) => {
        impl $name {
            #[doc = concat!("Reads ", $what, " in the default dialect.")]
            ///
            /// # Errors
            /// `malformed` or `too-large`, with the path of the member at fault and the offset in
            /// `text`.
            pub fn from_json(text: &str) -> Result<Self, $crate::Error> {
                $crate::hermod::Dialect::standard().$read(text)
            }

            #[doc = concat!("Writes ", $what, " in the default dialect.")]
            #[must_use]
            pub fn to_json(&self) -> String {
                $crate::hermod::Dialect::standard().$write(self)
            }
        }

        impl $crate::hermod::Dialect {
            #[doc = concat!("Reads ", $what, " in this dialect.")]
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($name), "::from_json`].")]
            pub fn $read(&self, text: &str) -> Result<$name, $crate::Error> {
                use $crate::json::{Nulls, read_by};
                read_by(text, Nulls::AreAbsent, |deserializer, reading| {
                    $crate::hermod::model::envelope::read_envelope(deserializer, self, reading)
                })
            }

            #[doc = concat!("Writes ", $what, " in this dialect.")]
            #[must_use]
            pub fn $write(&self, value: &$name) -> String {
                $crate::json::write(&$crate::hermod::model::envelope::Written(value, self))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::hermod::model::envelope::Written(self, $crate::hermod::Dialect::standard())
                    .serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let reading = $crate::json::Reading::new($crate::json::Nulls::AreAbsent);
                $crate::hermod::model::envelope::read_envelope(
                    deserializer,
                    $crate::hermod::Dialect::standard(),
                    &reading,
                )
                .map_err(|error| reading.foreign_error(error))
            }
        }
    };
}

pub(super) use {bodies, envelope_text};
