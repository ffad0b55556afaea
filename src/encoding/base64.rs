//! The two alphabets of RFC 4648, which are never mixed.

use std::borrow::Cow;

use base64_simd::{Out, STANDARD, URL_SAFE_NO_PAD};

use crate::Error;

/// Decodes base64url without padding. Spare bits must be zero.
pub(crate) fn decode_url(text: &str, part: &'static str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .map_err(|_| Error::malformed(part, "not base64url without padding"))
}

/// Appends the decoded bytes to `out`.
pub(crate) fn decode_url_into(
    text: &str,
    part: &'static str,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    URL_SAFE_NO_PAD
        .decode_append(text, out)
        .map_err(|_| Error::malformed(part, "not base64url without padding"))
}

/// Decodes into `buffer` if it is large enough, otherwise into a new allocation.
pub(crate) fn decode_url_within<'o>(
    text: &str,
    part: &'static str,
    buffer: &'o mut [u8],
) -> Result<Cow<'o, [u8]>, Error> {
    if text.len() / 4 * 3 + 2 > buffer.len() {
        return decode_url(text, part).map(Cow::Owned);
    }
    match URL_SAFE_NO_PAD.decode(text.as_bytes(), Out::from_slice(buffer)) {
        Ok(decoded) => Ok(Cow::Borrowed(decoded)),
        Err(_) => Err(Error::malformed(part, "not base64url without padding")),
    }
}

/// Encodes as base64url without padding.
pub(crate) fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Decodes standard base64 with padding. Blanks and line breaks are removed first, because some
/// senders wrap their lines.
pub(crate) fn decode_standard(text: &str, part: &'static str) -> Result<Vec<u8>, Error> {
    let blank = |character: char| matches!(character, ' ' | '\t' | '\r' | '\n');
    // Blanks are rare, so they are searched for only after a decoding error.
    let decoded =
        STANDARD.decode_to_vec(text).or_else(|_| STANDARD.decode_to_vec(text.replace(blank, "")));
    decoded.map_err(|_| Error::malformed(part, "not standard base64 with padding"))
}

/// Decodes standard base64 with padding and nothing else: the form in data that a program wrote and
/// signed.
pub(crate) fn decode_standard_exact(text: &str, part: &'static str) -> Result<Vec<u8>, Error> {
    STANDARD
        .decode_to_vec(text)
        .map_err(|_| Error::malformed(part, "not standard base64 with padding on one line"))
}

/// Encodes as standard base64 with padding, on one line.
pub(crate) fn encode_standard(bytes: &[u8]) -> String {
    STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_padding_spare_bits_and_the_other_alphabet() {
        assert_eq!(decode_url("-_8", "x").unwrap(), [0xfb, 0xff]);
        for text in ["-_8=", "-_9", "+/8", "-", "-_ 8", "-_8\n"] {
            assert!(decode_url(text, "x").is_err(), "{text:?}");
        }
        for text in ["+/8", "+/9=", "-_8=", "+/8==", "=+/8"] {
            assert!(decode_standard(text, "x").is_err(), "{text:?}");
        }
    }

    #[test]
    fn drops_blanks_and_line_breaks_from_standard_base64() {
        assert_eq!(decode_standard(" +/\r\n8=\t", "x").unwrap(), [0xfb, 0xff]);
    }
}
