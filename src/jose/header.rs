//! The protected header of a JWS.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::jwk::RawJwk;
use super::{B64, Crit, Jwk};
use crate::crypto::Algorithm;
use crate::json::{Text, UnknownMembers, json_object, read_signed};
use crate::{Class, Error};

/// A protected header (RFC 7515 section 4).
///
/// `crit` is not supported: this crate understands no extension that it could name, so a header
/// with it is refused. A header with `b64` (RFC 7797) is refused too. Members without a field here
/// are kept in `extra`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
    /// The value of `jwk`: a key, or the reason why that key cannot be used.
    jwk: Option<Result<Jwk, Error>>,
    /// Unknown members, as received.
    pub extra: UnknownMembers,
}

json_object! {
    struct RawHeader<'a> {
        required alg: Text<'a> = "alg",
        optional kid: Text<'a> = "kid",
        optional typ: Text<'a> = "typ",
        optional jwk: RawJwk<'a> = "jwk",
        optional _crit: Crit = "crit",
        optional _b64: B64 = "b64",
    }
}

impl Header {
    /// Creates a header with an algorithm and nothing else.
    #[must_use]
    pub const fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, key_id: None, typ: None, jwk: None, extra: UnknownMembers::new() }
    }

    /// `jwk`: a key inside the message. It proves nothing about the key's owner.
    ///
    /// A key of an unsupported kind is an error only here. The rest of the message stays readable
    /// for a caller who has a key.
    ///
    /// # Errors
    /// Class `algorithm` if the key has an unsupported type or curve; `private-key` if it is
    /// symmetric (`oct`).
    pub fn jwk(&self) -> Result<Option<&Jwk>, Error> {
        self.jwk.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone)
    }

    /// Adds a key to the header.
    #[must_use]
    pub fn with_jwk(mut self, jwk: Jwk) -> Self {
        self.jwk = Some(Ok(jwk));
        self
    }

    /// Reads a header from its JSON text.
    ///
    /// A `jwk` of an unsupported kind is not an error yet; [`jwk`](Self::jwk) returns it. Such a
    /// key is not kept, and is missing when the header is written again.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` for its form, `algorithm` if `alg` is not supported; for a
    /// `jwk` of a supported kind as [`Jwk::from_json`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let raw: RawHeader<'_> = read_signed(text).map_err(|error| error.within("header"))?;
        Ok(Self {
            algorithm: raw.alg.parse().map_err(|error: Error| error.within("header"))?,
            key_id: raw.kid.map(|text| text.0.into_owned()),
            typ: raw.typ.map(|text| text.0.into_owned()),
            jwk: raw
                .jwk
                .map(read_jwk)
                .transpose()
                .map_err(|error| error.within("header.jwk"))?
                .map(|jwk| jwk.map_err(|error| error.within("header.jwk"))),
            extra: raw.extra.to_owned_members(),
        })
    }
}

/// The key, or the reason why a key of its kind cannot be used.
fn read_jwk(raw: RawJwk<'_>) -> Result<Result<Jwk, Error>, Error> {
    let is_symmetric = raw.members().kty == "oct";
    match Jwk::from_raw(raw) {
        Ok(jwk) => Ok(Ok(jwk)),
        Err(error) if is_symmetric || error.class() == Class::Algorithm => Ok(Err(error)),
        Err(error) => Err(error),
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
        if let Some(Ok(jwk)) = &self.jwk {
            map.serialize_entry("jwk", jwk)?;
        }
        self.extra.write_into(&mut map)?;
        map.end()
    }
}
