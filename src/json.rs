//! Strict JSON: duplicate members are errors, depth, counts and text are limited, unknown members
//! are kept unchanged, and errors name the member.
//!
//! Objects are declared with the macro `json_object!`; each is read by one visitor, on top of
//! serde_json.

mod number;
mod object;
mod opaque;
mod reading;
mod scalar;
mod unknown;

pub(crate) use number::{Number, NumberOrText};
pub(crate) use object::{OrNull, Slot, json_object};
pub use opaque::Opaque;
#[cfg(feature = "http")]
pub(crate) use reading::without_mark;
pub(crate) use reading::{FromJson, Nulls, Reading, Seed, read, read_by, read_signed, write};
pub(crate) use scalar::{BigText, Flag, List, Skipped, Text};
pub(crate) use unknown::UnknownMembersRef;
pub use unknown::{RawJson, UnknownMembers};

/// Maximum nesting of objects and arrays.
pub const MAX_DEPTH: u16 = 32;
/// Maximum number of names in one object.
pub const MAX_NAMES: usize = 64;
/// Maximum number of unknown members that are kept in one document, including those inside kept
/// objects.
pub const MAX_KEPT: u16 = 1024;
/// Maximum size of a text member in bytes. Compact JWS and images have separate limits.
pub const MAX_TEXT: usize = 64 * 1024;

#[cfg(test)]
mod tests;
