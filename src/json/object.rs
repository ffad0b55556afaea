//! Objects: one visitor each fills a slot per known member, refuses duplicates, and keeps unknown
//! members.

use serde::de::MapAccess;

use super::{FromJson, Reading, Seed};
use crate::Class;

/// The slot for the value of one known member.
pub(crate) struct Slot<T> {
    value: Option<T>,
    /// One bit per spelling.
    seen: u8,
}

impl<T> Slot<T> {
    pub(crate) const fn new() -> Self {
        Self { value: None, seen: 0 }
    }

    /// Reads the next value of `map`. A second spelling of the same member must have the same
    /// value.
    pub(crate) fn fill<'de, A>(
        &mut self,
        name: &'static str,
        spelling: u8,
        optional: bool,
        map: &mut A,
        reading: &Reading,
    ) -> Result<(), A::Error>
    where
        A: MapAccess<'de>,
        T: FromJson<'de> + PartialEq,
    {
        if self.seen & (1 << spelling) != 0 {
            return Err(reading.in_member(
                name,
                T::EXPECTED,
                reading.fail(Class::Malformed, "given twice"),
            ));
        }
        let value = if optional && reading.null_is_absent() {
            map.next_value_seed(OrNull(Seed::<T>::new(reading)))
        } else {
            map.next_value_seed(Seed::<T>::new(reading)).map(Some)
        };
        let value = value.map_err(|error| reading.in_member(name, T::EXPECTED, error))?;
        if self.seen != 0 && self.value != value {
            return Err(reading.in_member(
                name,
                T::EXPECTED,
                reading.fail(Class::Malformed, "two spellings that do not say the same"),
            ));
        }
        self.value = value;
        self.seen |= 1 << spelling;
        Ok(())
    }

    pub(crate) fn required<E: serde::de::Error>(
        self,
        name: &'static str,
        reading: &Reading,
    ) -> Result<T, E> {
        self.value
            .ok_or_else(|| reading.in_member(name, "", reading.fail(Class::Malformed, "absent")))
    }

    pub(crate) fn optional(self) -> Option<T> {
        self.value
    }
}

/// A value, or `null`.
pub(crate) struct OrNull<S>(pub(crate) S);

impl<'de, S: serde::de::DeserializeSeed<'de>> serde::de::DeserializeSeed<'de> for OrNull<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        struct V<S>(S);
        impl<'de, S: serde::de::DeserializeSeed<'de>> serde::de::Visitor<'de> for V<S> {
            type Value = Option<S::Value>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value or null")
            }

            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_some<D: serde::Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                self.0.deserialize(deserializer).map(Some)
            }
        }
        deserializer.deserialize_option(V(self.0))
    }
}

/// Declares an object.
///
/// ```text
/// json_object! {
///     /// Docs.
///     pub struct Name {
///         /// Docs.
///         required pub field: Type = "name" | "other spelling",      // at most one other
///         optional pub other: Type = "other",      // the field is an Option<Type>
///     }
/// }
/// ```
///
/// `exposed` and `optional_exposed` are `required` and `optional` for a [`Secret`](crate::Secret),
/// and the only way to write one as JSON. `struct Name at_most 16` limits the number of such
/// objects in an array.
///
/// The struct gets a last field `extra` with the unknown members. An owned struct gets
/// [`FromJson`], `Serialize`, `Deserialize`; a struct with a lifetime (`struct Name<'a>`) borrows
/// from the document and gets [`FromJson`] only. Fields are read by the [`FromJson`] and written by
/// the `Serialize` of their types. Derives are added as attributes; owned structs always have
/// `Clone, Debug, PartialEq`.
macro_rules! json_object {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(at_most $max:literal)? {
            $( $(#[$field_meta:meta])* $need:ident $field_vis:vis $field:ident : $type:ty = $wire:literal $(| $alias:literal)?, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        $vis struct $name {
            $(
                $(#[$field_meta])*
                $field_vis $field: $crate::json::json_object!(@type $need $type),
            )*
            /// Unknown members, kept as received and written again.
            pub extra: $crate::json::UnknownMembers,
        }

        impl<'de> $crate::json::FromJson<'de> for $name {
            $( const MAX_COUNT: usize = $max; )?
            $crate::json::json_object!(@read 'de, $crate::json::UnknownMembers, $name, $name, {
                $( $need $field : $type = $wire $(| $alias)?, )*
            });
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $( $crate::json::json_object!(@write $need map, $wire, &self.$field); )*
                self.extra.write_into(&mut map)?;
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let reading = $crate::json::Reading::new($crate::json::Nulls::AreAbsent);
                <Self as $crate::json::FromJson<'de>>::from_json(deserializer, &reading)
                    .map_err(|error| reading.foreign_error(error))
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident<$lt:lifetime> {
            $( $(#[$field_meta:meta])* $need:ident $field_vis:vis $field:ident : $type:ty = $wire:literal $(| $alias:literal)?, )*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name<$lt> {
            $(
                $(#[$field_meta])*
                $field_vis $field: $crate::json::json_object!(@type $need $type),
            )*
            /// Unknown members.
            #[allow(dead_code)]
            pub(crate) extra: $crate::json::UnknownMembersRef<$lt>,
        }

        impl<$lt> $crate::json::FromJson<$lt> for $name<$lt> {
            $crate::json::json_object!(
                @read $lt, $crate::json::UnknownMembersRef::<$lt>, $name<$lt>, $name, {
                    $( $need $field : $type = $wire $(| $alias)?, )*
                }
            );
        }
    };
    (@read $lt:lifetime, $kept:ty, $value:ty, $name:ident, { $( $need:ident $field:ident : $type:ty = $wire:literal $(| $alias:literal)?, )* }) => {
        const EXPECTED: &'static str = "not an object";

        fn from_json<D: serde::Deserializer<$lt>>(
            deserializer: D,
            reading: &$crate::json::Reading,
        ) -> Result<Self, D::Error> {
            struct Members<'r>(&'r $crate::json::Reading);

            impl<$lt> serde::de::Visitor<$lt> for Members<'_> {
                type Value = $value;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<$lt>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    use $crate::json::{MAX_NAMES, Seed, Slot, Text, json_object};
                    let reading = self.0;
                    reading.enter()?;
                    $( let mut $field = Slot::<$type>::new(); )*
                    let mut extra = <$kept>::default();
                    let mut names = 0;
                    while let Some(name) = map.next_key_seed(Seed::<Text<$lt>>::new(reading))? {
                        names += 1;
                        if names > MAX_NAMES {
                            return Err(reading.fail($crate::Class::TooLarge, "more than 64 names in one object"));
                        }
                        match &*name {
                            $(
                                $wire => $field.fill($wire, 0, json_object!(@is_optional $need), &mut map, reading)?,
                                $( $alias => $field.fill($wire, 1, json_object!(@is_optional $need), &mut map, reading)?, )?
                            )*
                            _ => extra.read(name, &mut map, reading)?,
                        }
                    }
                    reading.leave();
                    Ok($name { $( $field: json_object!(@take $need $field, $wire, reading), )* extra })
                }
            }

            deserializer.deserialize_map(Members(reading))
        }
    };
    (@type required $type:ty) => { $type };
    (@type optional $type:ty) => { Option<$type> };
    (@type exposed $type:ty) => { $type };
    (@type optional_exposed $type:ty) => { Option<$type> };
    (@is_optional required) => { false };
    (@is_optional optional) => { true };
    (@is_optional exposed) => { false };
    (@is_optional optional_exposed) => { true };
    (@take required $slot:ident, $wire:literal, $reading:expr) => { $slot.required($wire, $reading)? };
    (@take optional $slot:ident, $wire:literal, $reading:expr) => { $slot.optional() };
    (@take exposed $slot:ident, $wire:literal, $reading:expr) => { $slot.required($wire, $reading)? };
    (@take optional_exposed $slot:ident, $wire:literal, $reading:expr) => { $slot.optional() };
    (@write exposed $map:ident, $wire:literal, $value:expr) => { $map.serialize_entry($wire, $value.expose())?; };
    (@write optional_exposed $map:ident, $wire:literal, $value:expr) => {
        if let Some(value) = $value {
            $map.serialize_entry($wire, value.expose())?;
        }
    };
    (@write required $map:ident, $wire:literal, $value:expr) => { $map.serialize_entry($wire, $value)?; };
    (@write optional $map:ident, $wire:literal, $value:expr) => {
        if let Some(value) = $value {
            $map.serialize_entry($wire, value)?;
        }
    };
}

pub(crate) use json_object;
