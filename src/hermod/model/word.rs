//! Words of the protocol: texts with known values, and room for every other.

/// Declares a type for a word: a text as received, with its known values as constants.
macro_rules! word {
    ($(#[$meta:meta])* $name:ident { $( $(#[$value_meta:meta])* $value:ident = $text:literal, )* }) => {
        $(#[$meta])*
        ///
        /// Any other text is kept exactly as it was received. `==` compares exactly; `same_as`
        /// ignores ASCII case.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(std::borrow::Cow<'static, str>);

        impl $name {
            $( $(#[$value_meta])* pub const $value: Self = Self::from_static($text); )*

            /// The word `text`.
            #[must_use]
            pub const fn from_static(text: &'static str) -> Self {
                Self(std::borrow::Cow::Borrowed(text))
            }

            /// The text as received.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns whether the two words are equal, ignoring ASCII case.
            #[must_use]
            pub fn same_as(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        $crate::hermod::model::word::word!(@traits $name);

        impl<'de> $crate::json::FromJson<'de> for $name {
            const EXPECTED: &'static str = "not a text";

            fn from_json<D: serde::Deserializer<'de>>(
                deserializer: D,
                reading: &$crate::json::Reading,
            ) -> Result<Self, D::Error> {
                String::from_json(deserializer, reading).map(Self::from)
            }
        }
    };
    (@traits $name:ident) => {
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(std::borrow::Cow::Owned(text.to_owned()))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(std::borrow::Cow::Owned(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use word;
