//! The three parts of a compact JWS (RFC 7515 section 7.1), split and decoded.

use serde::Deserializer;

use crate::encoding::base64::decode_url_into;
use crate::json::{FromJson, Reading};
use crate::{Class, Error};

/// Maximum size of a compact JWS in bytes.
pub const MAX_JWS: usize = 256 * 1024;

/// Whether `=` at the end of a part is accepted.
///
/// RFC 7515 forbids it. Early Hermod apps wrote it, so this switch exists. The signature is then
/// verified over the text as received, including the padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// A part with `=` is malformed.
    #[default]
    Refused,
    /// A part may end with the `=` that its length requires.
    Tolerated,
}

/// A compact JWS: the signed text as received, and the three decoded parts in one buffer.
pub(crate) struct Compact<'a> {
    pub(crate) signing_input: &'a str,
    decoded: Decoded,
}

/// Header, payload and signature.
#[derive(Clone, Default)]
pub(crate) struct Decoded {
    bytes: Vec<u8>,
    payload: usize,
    signature: usize,
}

impl<'a> Compact<'a> {
    pub(crate) fn read(text: &'a str, padding: Padding) -> Result<Self, Error> {
        if text.len() > MAX_JWS {
            return Err(Error::too_large("jws", "more than 256 KiB"));
        }
        let bad = || Error::malformed("jws", "not three parts");
        let dots =
            memchr::memchr(b'.', text.as_bytes()).zip(memchr::memrchr(b'.', text.as_bytes()));
        let (first, last) = dots.filter(|(first, last)| first < last).ok_or_else(bad)?;
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
        decode(&text[..first], padding, "header", &mut bytes)?;
        let payload = bytes.len();
        // A third dot is not a base64url character, so decoding fails.
        decode(&text[first + 1..last], padding, "payload", &mut bytes)?;
        let signature = bytes.len();
        decode(&text[last + 1..], padding, "signature", &mut bytes)?;
        Ok(Self { signing_input: &text[..last], decoded: Decoded { bytes, payload, signature } })
    }

    pub(crate) fn header(&self) -> Result<&str, Error> {
        let bytes = self.decoded.header();
        std::str::from_utf8(bytes)
            .map_err(|error| Error::malformed("header", "not UTF-8").at(error.valid_up_to()))
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.decoded.payload()
    }

    pub(crate) fn signature(&self) -> &[u8] {
        self.decoded.signature()
    }

    /// Takes the decoded parts without the text, and leaves the value empty.
    pub(crate) fn take_decoded(&mut self) -> Decoded {
        std::mem::take(&mut self.decoded)
    }
}

impl Decoded {
    pub(crate) fn header(&self) -> &[u8] {
        &self.bytes[..self.payload]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.payload..self.signature]
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.bytes[self.signature..]
    }
}

fn decode(
    text: &str,
    padding: Padding,
    part: &'static str,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let unpadded = match padding {
        Padding::Refused => text,
        Padding::Tolerated => match text.trim_end_matches('=') {
            unpadded if text.len() == unpadded.len() => text,
            unpadded if text.len().is_multiple_of(4) && text.len() - unpadded.len() <= 2 => {
                unpadded
            }
            _ => return Err(Error::malformed(part, "padding that its length does not call for")),
        },
    };
    decode_url_into(unpadded, part, out)
}

/// Refuses the header member `b64` (RFC 7797) with any value. With `false`, the payload is not
/// base64url, and `crit` must name the member. This crate supports neither.
#[derive(PartialEq)]
pub(crate) enum B64 {}

impl<'de> FromJson<'de> for B64 {
    const EXPECTED: &'static str = "payloads other than base64url are not understood here";

    fn from_json<D: Deserializer<'de>>(_: D, reading: &Reading) -> Result<Self, D::Error> {
        Err(reading.fail(Class::Malformed, Self::EXPECTED))
    }
}

/// Refuses the header member `crit` with any value, because no extension that it could name is
/// supported.
#[derive(PartialEq)]
pub(crate) enum Crit {}

impl<'de> FromJson<'de> for Crit {
    const EXPECTED: &'static str = "critical extensions are not understood here";

    fn from_json<D: Deserializer<'de>>(_: D, reading: &Reading) -> Result<Self, D::Error> {
        Err(reading.fail(Class::Malformed, Self::EXPECTED))
    }
}
