//! The protected header of a JWS.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::jwk::RawJwk;
use super::{B64, Crit, Jwk};
use crate::crypto::Algorithm;
use crate::json::{Text, UnknownMembers, json_object, read_signed};
use crate::{Class, Error};

/// A protected header (RFC 7515 section 4).
///
/// `crit` does not exist here: whatever it names is not understood, so a header with it is refused.
/// So is one with `b64` (RFC 7797).
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
    /// What `jwk` holds: a key, or why that key cannot be used here.
    jwk: Option<Result<Jwk, Error>>,
    /// Members that are not known here, as received.
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
    /// A header with an algorithm and nothing else.
    #[must_use]
    pub const fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, key_id: None, typ: None, jwk: None, extra: UnknownMembers::new() }
    }

    /// `jwk`: a key that the message brings along. It proves nothing about whose it is.
    ///
    /// A key of a kind that is not known here can be asked for only in vain, and leaves the rest
    /// of the message readable for a caller who has a key.
    ///
    /// # Errors
    /// Class `algorithm` if the key is of a type or on a curve that is not known here;
    /// `private-key` if it is symmetric (`oct`).
    pub fn jwk(&self) -> Result<Option<&Jwk>, Error> {
        self.jwk.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone)
    }

    /// The same header with a key that the message brings along.
    #[must_use]
    pub fn with_jwk(mut self, jwk: Jwk) -> Self {
        self.jwk = Some(Ok(jwk));
        self
    }

    /// Reads a header from its JSON text.
    ///
    /// A `jwk` of a kind that is not known here is no error yet: [`jwk`](Self::jwk) gives it. Such
    /// a key is not kept, and is missing when the header is written again.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` for its form, `algorithm` if `alg` is none that is known
    /// here; for a `jwk` of a known kind as [`Jwk::from_json`].
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

/// The key, or why a key of its kind cannot be used here.
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
