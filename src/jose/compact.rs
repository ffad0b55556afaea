//! The three parts of a compact JWS (RFC 7515 section 7.1), taken apart and decoded.

use serde::Deserializer;

use super::decode_url;
use super::json::{FromJson, Reading};
use crate::{Class, Error};

/// Most octets of a compact JWS.
pub const MAX_JWS: usize = 256 * 1024;

/// Whether `=` at the end of a part is tolerated.
///
/// RFC 7515 forbids it. Apps of Hermod's earlier years wrote it, so there is this one switch; the signature is then verified over the text as
/// received, padding included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// A part with `=` is malformed.
    #[default]
    Refused,
    /// A part may end in the `=` that its length calls for.
    Tolerated,
}

/// A compact JWS: the text that was signed, as received, and the three parts decoded.
pub(crate) struct Compact<'a> {
    pub(crate) signing_input: &'a str,
    pub(crate) header: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(crate) fn read(text: &'a str, padding: Padding) -> Result<Self, Error> {
        if text.len() > MAX_JWS {
            return Err(Error::too_large("jws", "more than 256 KiB"));
        }
        let bad = || Error::malformed("jws", "not three parts");
        let mut dots = memchr::memchr_iter(b'.', text.as_bytes());
        let (first, second) = dots.next().zip(dots.next()).ok_or_else(bad)?;
        if dots.next().is_some() {
            return Err(bad());
        }
        let header = decode(&text[..first], padding, "header")?;
        let header = String::from_utf8(header).map_err(|error| Error::malformed("header", "not UTF-8").at(error.utf8_error().valid_up_to()))?;
        let payload = decode(&text[first + 1..second], padding, "payload")?;
        let signature = decode(&text[second + 1..], padding, "signature")?;
        Ok(Self { signing_input: &text[..second], header, payload, signature })
    }
}

fn decode(text: &str, padding: Padding, part: &'static str) -> Result<Vec<u8>, Error> {
    let unpadded = match padding {
        Padding::Refused => text,
        Padding::Tolerated => match text.trim_end_matches('=') {
            unpadded if text.len() == unpadded.len() => text,
            unpadded if text.len().is_multiple_of(4) && text.len() - unpadded.len() <= 2 => unpadded,
            _ => return Err(Error::malformed(part, "padding that its length does not call for")),
        },
    };
    decode_url(unpadded, part)
}

/// The header member `crit`: nothing that it could name is understood here, so it is refused, whatever it holds.
#[derive(PartialEq)]
pub(crate) enum Crit {}

impl<'de> FromJson<'de> for Crit {
    const EXPECTED: &'static str = "critical extensions are not understood here";

    fn from_json<D: Deserializer<'de>>(_: D, reading: &Reading) -> Result<Self, D::Error> {
        Err(reading.fail(Class::Malformed, Self::EXPECTED))
    }
}
