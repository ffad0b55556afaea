//! The wire form of the signed objects of an answer.

use crate::crypto::Algorithm;
use crate::hermod::model::DeviceInfo;
use crate::jose::{B64, Compact, Crit, jwk_object};
use crate::json::{BigText, List, Text, json_object, read_signed};
use crate::{Class, Error};

/// The maximum number of keys in one answer.
pub(super) const MAX_KEYS: usize = 16;

json_object! {
    /// The protected header of the answer.
    pub(super) struct AnswerHeader<'a> {
        required pub(super) alg: Text<'a> = "alg",
        required pub(super) jwk: AttestationJwk<'a> = "jwk",
        optional pub(super) nonce: Text<'a> = "nonce",
        optional pub(super) fqdn: Text<'a> = "fqdn",
        optional pub(super) sch: Text<'a> = "sch",
        optional pub(super) typ: Text<'a> = "typ",
        optional _crit: Crit = "crit",
        optional _b64: B64 = "b64",
    }
}

jwk_object! {
    /// The attestation key in it.
    pub(super) struct AttestationJwk<'a> {
        optional pub(super) alg: Text<'a> = "alg",
        optional pub(super) usage: Text<'a> = "use",
    }
}

json_object! {
    /// The payload of the answer.
    pub(super) struct AnswerPayload<'a> {
        required pub(super) profile: SignedProfile<'a> = "profile",
        required pub(super) deviceinfo: DeviceInfo = "deviceinfo",
    }
}

json_object! {
    /// The profile in it.
    pub(super) struct SignedProfile<'a> {
        required pub(super) id: Text<'a> = "id",
        required pub(super) userid: Text<'a> = "userid",
        required pub(super) name: Text<'a> = "name",
        required pub(super) servername: Text<'a> = "servername",
        required pub(super) boxurl: Text<'a> = "boxurl",
        required pub(super) signedkeys: List<BigText<'a>, MAX_KEYS> = "signedkeys" | "signed_keys",
    }
}

json_object! {
    /// The protected header of a signed key.
    pub(super) struct KeyHeader<'a> {
        required pub(super) alg: Text<'a> = "alg",
        required pub(super) kid: Text<'a> = "kid",
        optional pub(super) nonce: Text<'a> = "nonce",
        optional pub(super) typ: Text<'a> = "typ",
        optional _crit: Crit = "crit",
        optional _b64: B64 = "b64",
    }
}

jwk_object! {
    /// The payload of a signed key: a JWK with more in it.
    pub(super) struct KeyPayload<'a> {
        required pub(super) alg: Text<'a> = "alg",
        required pub(super) usage: Text<'a> = "use",
        required pub(super) kid: Text<'a> = "kid",
        required pub(super) keystate: Text<'a> = "keystate" | "key_state",
        optional pub(super) certreq: Text<'a> = "certreq",
    }
}

/// These members have only one spelling, so two spellings are never compared.
macro_rules! never_equal {
    ($($name:ident)*) => { $(
        impl PartialEq for $name<'_> {
            fn eq(&self, _: &Self) -> bool {
                false
            }
        }
    )* };
}
never_equal! { AttestationJwk SignedProfile }

/// Reads a header.
pub(super) fn header<'a, T: crate::json::FromJson<'a>>(
    compact: &'a Compact<'_>,
) -> Result<T, Error> {
    read_signed(compact.header()?).map_err(|error| error.within("header"))
}

/// Reads a payload.
pub(super) fn payload<'a, T: crate::json::FromJson<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::malformed("payload", "not UTF-8").at(error.valid_up_to()))?;
    read_signed(text).map_err(|error| error.within("payload"))
}

/// Returns the unverified profile id and mailbox address of an answer.
#[cfg(feature = "hub")]
pub(crate) fn unverified_profile(
    answer: &str,
    padding: crate::jose::Padding,
) -> Result<(String, String), Error> {
    let compact = Compact::read(answer, padding)?;
    let payload: AnswerPayload<'_> = payload(compact.payload())?;
    Ok((payload.profile.id.0.into_owned(), payload.profile.boxurl.0.into_owned()))
}

/// Parses the `alg` of a header.
pub(super) fn algorithm(alg: &str) -> Result<Algorithm, Error> {
    alg.parse().map_err(|error: Error| error.with_class(Class::Algorithm).within("header"))
}
