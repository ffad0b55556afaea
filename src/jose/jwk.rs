//! Public keys as JSON (RFC 7517, 7518 section 6, 8037).

use std::fmt;
use std::str::FromStr;

use serde::de::Deserializer;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Thumbprint;
use crate::crypto::{Algorithm, Curve, Provider, PublicKey, PublicKeyParts, VerifyingKey};
use crate::encoding::base64::decode_url_within;
use crate::encoding::base64::{decode_url, encode_url};
use crate::json::{FromJson, Nulls, Reading, Text, UnknownMembers, read};
use crate::{Class, Error};

/// A public key in JSON form, with its metadata. Unknown members are kept.
///
/// Two values are equal if their keys and all their members are equal. Unknown members are compared
/// as text and in order.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::{crypto::aws_lc_rs::AwsLcRs, jose::Jwk};
///
/// // RFC 8037, appendix A.2 and A.3
/// let jwk = Jwk::from_json(
///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// assert_eq!(jwk.thumbprint(&AwsLcRs).to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jwk {
    public_key: PublicKey,
    /// `alg`: the algorithm that the key is intended for, as received.
    pub algorithm: Option<String>,
    /// `use`: `sig` or `enc` in RFC 7517; Hermod writes `SIG` as well.
    pub usage: Option<String>,
    /// `key_ops`: the operations that the key is intended for (RFC 7517 section 4.3), as received.
    /// A key for verification must list `verify`.
    pub key_ops: Option<Vec<String>>,
    /// `kid`.
    pub key_id: Option<String>,
    /// Unknown members, as received.
    pub extra: UnknownMembers,
}

/// `key_ops`: each operation at most once (RFC 7517 section 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyOps<'a>(Vec<Text<'a>>);

impl KeyOps<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|operation| &**operation)
    }
}

impl<'de> FromJson<'de> for KeyOps<'de> {
    const EXPECTED: &'static str = "not an array of texts";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        let operations = Vec::<Text<'de>>::from_json(deserializer, reading)?;
        let mut seen = operations.iter().enumerate();
        if seen.any(|(at, operation)| operations.iter().take(at).any(|other| other == operation)) {
            return Err(reading.fail(Class::Malformed, "an operation twice"));
        }
        Ok(Self(operations))
    }
}

/// Declares an object that is a JWK with more members: the members of a public key, the names of
/// the private ones, and the additional members.
macro_rules! jwk_object {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$lt:lifetime> { $($more:tt)* }) => {
        $crate::json::json_object! {
            $(#[$meta])*
            $vis struct $name<$lt> {
                required kty: $crate::json::Text<$lt> = "kty",
                optional crv: $crate::json::Text<$lt> = "crv",
                optional n: $crate::json::Text<$lt> = "n",
                optional e: $crate::json::Text<$lt> = "e",
                optional x: $crate::json::Text<$lt> = "x",
                optional y: $crate::json::Text<$lt> = "y",
                // Private members are detected and never kept.
                optional d: $crate::json::Skipped = "d",
                optional p: $crate::json::Skipped = "p",
                optional q: $crate::json::Skipped = "q",
                optional dp: $crate::json::Skipped = "dp",
                optional dq: $crate::json::Skipped = "dq",
                optional qi: $crate::json::Skipped = "qi",
                optional oth: $crate::json::Skipped = "oth",
                optional k: $crate::json::Skipped = "k",
                optional pub(crate) key_ops: $crate::jose::KeyOps<$lt> = "key_ops",
                $($more)*
            }
        }

        impl<$lt> $name<$lt> {
            pub(crate) fn members(&self) -> $crate::jose::JwkMembers<'_> {
                $crate::jose::JwkMembers {
                    kty: &self.kty,
                    crv: self.crv.as_deref(),
                    n: self.n.as_deref(),
                    e: self.e.as_deref(),
                    x: self.x.as_deref(),
                    y: self.y.as_deref(),
                    private: [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth, &self.k].iter().any(|member| member.is_some()),
                }
            }
        }
    };
}
pub(crate) use jwk_object;

jwk_object! {
    pub(crate) struct RawJwk<'a> {
        optional alg: Text<'a> = "alg",
        optional usage: Text<'a> = "use",
        optional kid: Text<'a> = "kid",
    }
}

impl PartialEq for RawJwk<'_> {
    /// Only called when two spellings of one member meet, and `jwk` has only one spelling.
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

/// The members of a JWK that define its key.
pub(crate) struct JwkMembers<'a> {
    pub(crate) kty: &'a str,
    pub(crate) crv: Option<&'a str>,
    pub(crate) n: Option<&'a str>,
    pub(crate) e: Option<&'a str>,
    pub(crate) x: Option<&'a str>,
    pub(crate) y: Option<&'a str>,
    pub(crate) private: bool,
}

impl JwkMembers<'_> {
    /// Refuses private members with class `private-key`.
    pub(crate) fn refuse_private(&self) -> Result<(), Error> {
        if self.private {
            Err(Error::new(Class::PrivateKey, "", "a private member stands in a public key"))
        } else {
            Ok(())
        }
    }

    /// The key.
    pub(crate) fn to_public_key(&self) -> Result<PublicKey, Error> {
        let absent = |part| Error::malformed(part, "absent");
        let number =
            |member: Option<&str>, part| decode_url(member.ok_or_else(|| absent(part))?, part);
        let foreign = |members: &[Option<&str>]| {
            if members.iter().any(Option::is_some) {
                Err(Error::malformed("", "a member of another type of key"))
            } else {
                Ok(())
            }
        };
        match self.kty {
            "RSA" => {
                foreign(&[self.crv, self.x, self.y])?;
                let (mut n, mut e) = ([0; 1056], [0; 32]);
                let n = decode_url_within(self.n.ok_or_else(|| absent("n"))?, "n", &mut n)?;
                let e = decode_url_within(self.e.ok_or_else(|| absent("e"))?, "e", &mut e)?;
                PublicKey::rsa(&n, &e)
            }
            "EC" => {
                foreign(&[self.n, self.e])?;
                let curve = self.crv.ok_or_else(|| absent("crv"))?;
                let curve = Curve::named(curve).ok_or_else(|| {
                    Error::new(Class::Algorithm, "crv", "a curve that is unknown here")
                })?;
                PublicKey::ec(curve, &number(self.x, "x")?, &number(self.y, "y")?)
            }
            "OKP" => {
                foreign(&[self.n, self.e, self.y])?;
                match self.crv {
                    Some("Ed25519") => PublicKey::ed25519(&number(self.x, "x")?),
                    Some(_) => {
                        Err(Error::new(Class::Algorithm, "crv", "a curve that is unknown here"))
                    }
                    None => Err(absent("crv")),
                }
            }
            _ => Err(Error::new(
                Class::Algorithm,
                "kty",
                "not a type of public key that is known here",
            )),
        }
    }
}

/// Refuses a key whose `alg`, `use` or `key_ops` do not agree with the algorithm it is to verify.
pub(crate) fn agree<'a>(
    algorithm: Algorithm,
    alg: Option<&str>,
    usage: Option<&str>,
    key_ops: Option<impl Iterator<Item = &'a str>>,
) -> Result<(), Error> {
    if alg.is_some_and(|alg| alg != algorithm.name()) {
        return Err(Error::new(
            Class::Algorithm,
            "jwk.alg",
            "the key is meant for another algorithm",
        ));
    }
    if usage.is_some_and(|usage| !usage.eq_ignore_ascii_case("sig")) {
        return Err(Error::new(Class::Algorithm, "jwk.use", "the key is not meant for signatures"));
    }
    may_verify(usage, key_ops).map_err(|detail| Error::new(Class::Algorithm, "jwk.key_ops", detail))
}

/// Checks that the operations of a key, if stated, include `verify` and agree with its `use`, if
/// that is stated too: they "MUST be consistent" (RFC 7517 section 4.3). Returns the fault, if any.
pub(crate) fn may_verify<'a>(
    usage: Option<&str>,
    key_ops: Option<impl Iterator<Item = &'a str>>,
) -> Result<(), &'static str> {
    const OF_ENCRYPTION: [&str; 6] =
        ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];
    let Some(key_ops) = key_ops else { return Ok(()) };
    let (mut verifies, mut encrypts) = (false, false);
    for operation in key_ops {
        verifies |= operation == "verify";
        encrypts |= OF_ENCRYPTION.contains(&operation);
    }
    if !verifies {
        return Err("the key is not meant to verify");
    }
    if encrypts && usage.is_some_and(|usage| !usage.eq_ignore_ascii_case("enc")) {
        return Err("operations that do not agree with the use of the key");
    }
    Ok(())
}

impl Jwk {
    /// Creates the JWK of this key without metadata.
    #[must_use]
    pub const fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            algorithm: None,
            usage: None,
            key_ops: None,
            key_id: None,
            extra: UnknownMembers::new(),
        }
    }

    /// Reads a public key of type `RSA`, `EC` or `OKP` (Ed25519) from its JSON text. Leading zeros
    /// of `n` and `e` are stripped.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` for its form, `private-key` if it has a private member (the
    /// `k` of an `oct` key is one), `algorithm` for another type or curve, `weak-key` as in
    /// [`PublicKey`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let jwk = read(text, Nulls::AreWrong).and_then(|raw: RawJwk<'_>| Self::from_raw(raw));
        jwk.map_err(|error| if error.part().is_empty() { error.within("jwk") } else { error })
    }

    pub(crate) fn from_raw(raw: RawJwk<'_>) -> Result<Self, Error> {
        let members = raw.members();
        members.refuse_private()?;
        let public_key = members.to_public_key()?;
        let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
        Ok(Self {
            public_key,
            algorithm: owned(raw.alg),
            usage: owned(raw.usage),
            key_ops: raw.key_ops.map(|KeyOps(operations)| {
                operations.into_iter().map(|operation| operation.0.into_owned()).collect()
            }),
            key_id: owned(raw.kid),
            extra: raw.extra.to_owned_members(),
        })
    }

    /// The key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Checks that the key's metadata permits verifying with `algorithm`.
    pub(crate) fn agree(&self, algorithm: Algorithm) -> Result<(), Error> {
        let key_ops = self.key_ops.as_ref().map(|key_ops| key_ops.iter().map(String::as_str));
        agree(algorithm, self.algorithm.as_deref(), self.usage.as_deref(), key_ops)
    }

    /// The thumbprint (RFC 7638, SHA-256) of the key. It is computed at each call.
    #[must_use]
    pub fn thumbprint(&self, provider: &dyn Provider) -> Thumbprint {
        Thumbprint::of(&self.public_key, provider)
    }
}

impl VerifyingKey {
    /// Binds the key of a JWK to `algorithm` and imports it for verification. The metadata of the
    /// JWK is enforced: its `alg`, if present, must be `algorithm`, its `use` must be `sig` in
    /// either case, its `key_ops` must include `verify`, and the last two must agree.
    ///
    /// The caller chooses the algorithm, as for [`new`](Self::new). If nothing else is known about
    /// the key, use its `alg` or the [default](Algorithm::default_for).
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// use keyferry::crypto::{Algorithm, VerifyingKey, aws_lc_rs::AwsLcRs};
    /// use keyferry::jose::Jwk;
    ///
    /// // RFC 8037, appendix A.2
    /// let jwk = r#"{"kty":"OKP","crv":"Ed25519","key_ops":["verify"],
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = VerifyingKey::from_jwk(&AwsLcRs, Algorithm::EdDsa, &Jwk::from_json(jwk)?)?;
    ///
    /// let other = Jwk::from_json(&jwk.replace("verify", "deriveKey"))?;
    /// let error = VerifyingKey::from_jwk(&AwsLcRs, Algorithm::EdDsa, &other).unwrap_err();
    /// assert_eq!((error.class().as_str(), error.part()), ("algorithm", "jwk.key_ops"));
    /// # }
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    ///
    /// # Errors
    /// Class `algorithm` if the JWK is not intended for this use, and as [`new`](Self::new).
    pub fn from_jwk(
        provider: &dyn Provider,
        algorithm: Algorithm,
        jwk: &Jwk,
    ) -> Result<Self, Error> {
        jwk.agree(algorithm)?;
        Self::new(provider, algorithm, jwk.public_key())
    }
}

impl FromStr for Jwk {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_json(text)
    }
}

impl fmt::Display for Jwk {
    /// The JSON text that `to_string` returns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("public_key", &self.public_key)
            .field("algorithm", &self.algorithm)
            .field("usage", &self.usage)
            .field("key_ops", &self.key_ops)
            .field("key_id", &self.key_id)
            .field("extra", &self.extra)
            .finish()
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write_key(&mut map, &self.public_key)?;
        for (name, value) in [("alg", &self.algorithm), ("use", &self.usage)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(key_ops) = &self.key_ops {
            map.serialize_entry("key_ops", key_ops)?;
        }
        if let Some(key_id) = &self.key_id {
            map.serialize_entry("kid", key_id)?;
        }
        self.extra.write_into(&mut map)?;
        map.end()
    }
}

/// Writes the members that define the key.
pub(crate) fn write_key<M: SerializeMap>(map: &mut M, key: &PublicKey) -> Result<(), M::Error> {
    match key.parts() {
        PublicKeyParts::Rsa { n, e } => {
            map.serialize_entry("kty", "RSA")?;
            map.serialize_entry("n", &encode_url(n))?;
            map.serialize_entry("e", &encode_url(e))
        }
        PublicKeyParts::Ec { curve, x, y } => {
            map.serialize_entry("kty", "EC")?;
            map.serialize_entry("crv", curve.name())?;
            map.serialize_entry("x", &encode_url(x))?;
            map.serialize_entry("y", &encode_url(y))
        }
        PublicKeyParts::Ed25519 { x } => {
            map.serialize_entry("kty", "OKP")?;
            map.serialize_entry("crv", "Ed25519")?;
            map.serialize_entry("x", &encode_url(x))
        }
    }
}
