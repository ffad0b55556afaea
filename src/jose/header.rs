//! The protected header of a JWS.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json::{Kept, Text, json_object, read_signed};
use super::jwk::RawJwk;
use super::{Crit, Jwk};
use crate::Error;
use crate::crypto::Algorithm;

/// A protected header (RFC 7515 section 4).
///
/// `crit` does not exist here: whatever it names is not understood, so a header with it is refused.
/// Members without a field of their own are kept in `extra`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
    /// `jwk`: a key that the message brings along. It proves nothing about whose it is.
    pub jwk: Option<Jwk>,
    /// Members that are not known here, as received.
    pub extra: Kept,
}

json_object! {
    struct RawHeader<'a> {
        required alg: Text<'a> = "alg",
        optional kid: Text<'a> = "kid",
        optional typ: Text<'a> = "typ",
        optional jwk: RawJwk<'a> = "jwk",
        optional _crit: Crit = "crit",
    }
}

impl Header {
    /// A header with an algorithm and nothing else.
    #[must_use]
    pub const fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, key_id: None, typ: None, jwk: None, extra: Kept::new() }
    }

    /// Reads a header from its JSON text.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` for its form, `algorithm` if `alg` is none that is known
    /// here; for a `jwk` as [`Jwk::from_json`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let raw: RawHeader<'_> = read_signed(text).map_err(|error| error.within("header"))?;
        Ok(Self {
            algorithm: raw.alg.parse().map_err(|error: Error| error.within("header"))?,
            key_id: raw.kid.map(|text| text.0.into_owned()),
            typ: raw.typ.map(|text| text.0.into_owned()),
            jwk: raw
                .jwk
                .map(Jwk::from_raw)
                .transpose()
                .map_err(|error| error.within("header.jwk"))?,
            extra: raw.extra.to_kept(),
        })
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("alg", self.algorithm.name())?;
        if let Some(key_id) = &self.key_id {
            map.serialize_entry("kid", key_id)?;
        }
        if let Some(typ) = &self.typ {
            map.serialize_entry("typ", typ)?;
        }
        if let Some(jwk) = &self.jwk {
            map.serialize_entry("jwk", jwk)?;
        }
        self.extra.write_into(&mut map)?;
        map.end()
    }
}
