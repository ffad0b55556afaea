//! Parameters and their escapes (RFC 3986), strictly.

use crate::Error;

/// Most parameters in one link.
const MAX_PARAMS: usize = 64;

/// The parameters of a query that begins at `after`; empty pieces are passed over, a piece without
/// `=` has an empty value.
pub(crate) fn split_params(
    query: &str,
    after: usize,
    decode: fn(&str, usize) -> Result<String, Error>,
) -> Result<Vec<(String, String)>, Error> {
    let (mut params, mut at) = (Vec::new(), after);
    for piece in query.split('&') {
        if !piece.is_empty() {
            if params.len() == MAX_PARAMS {
                return Err(Error::too_large("uri", "too many parameters").at(at));
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            params.push((decode(name, at)?, decode(value, at + name.len() + 1)?));
        }
        at += piece.len() + 1;
    }
    Ok(params)
}

/// Decodes the escapes of a text that begins at `after`.
pub(crate) fn decode(text: &str, after: usize) -> Result<String, Error> {
    let digit = |octet: Option<u8>| {
        octet
            .and_then(|octet| char::from(octet).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes().enumerate();
    while let Some((at, octet)) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let (high, low) = (
            digit(rest.next().map(|(_, octet)| octet)),
            digit(rest.next().map(|(_, octet)| octet)),
        );
        match (high, low) {
            (Some(high), Some(low)) => octets.push(high << 4 | low),
            _ => {
                return Err(
                    Error::malformed("uri", "a % without two hexadecimal digits").at(after + at)
                );
            }
        }
    }
    String::from_utf8(octets)
        .map_err(|_| Error::malformed("uri", "escapes that are not UTF-8").at(after))
}

/// The same with `+` for a blank, as in forms.
pub(crate) fn decode_form(text: &str, after: usize) -> Result<String, Error> {
    // A literal plus is an escape at this point, so the replacement cannot touch it; lengths stay
    // the same.
    decode(&text.replace('+', " "), after)
}

/// Escapes everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(octet));
        } else {
            out.push('%');
            for half in [octet >> 4, octet & 15] {
                out.push(char::from(DIGITS[usize::from(half)]));
            }
        }
    }
}

/// The same with `+` for a blank, as in forms.
pub(crate) fn encode_form(text: &str, out: &mut String) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        encode(word, out);
    }
}
