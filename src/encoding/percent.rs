//! Strict query parameters and percent-encoding (RFC 3986).

use std::borrow::Cow;

use crate::Error;

/// Maximum number of parameters in one link.
const MAX_PARAMS: usize = 64;

/// The parameters of a query that begins at `after`. Empty pieces are skipped; a piece without `=`
/// has an empty value.
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
    let digit = |byte: Option<u8>| {
        byte.and_then(|byte| char::from(byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) =
            (digit(rest.next().map(|(_, byte)| byte)), digit(rest.next().map(|(_, byte)| byte)));
        match (high, low) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => {
                return Err(
                    Error::malformed("uri", "a % without two hexadecimal digits").at(after + at)
                );
            }
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::malformed("uri", "escapes that are not UTF-8").at(after))
}

/// Normalizes a path: escapes of unreserved characters are decoded, other escapes get upper-case
/// digits. Paths that are equal by RFC 3986, 6.2.2.1 and 6.2.2.2 become the same text. Invalid
/// escapes are kept.
pub(crate) fn normal_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut pieces = path.split('%');
    normal.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        let byte = Some(digits)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|_| digits.len() == 2);
        match byte {
            Some(byte) if is_unreserved(byte) => normal.push(char::from(byte)),
            Some(_) => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
            None => {
                normal.push('%');
                normal.push_str(digits);
            }
        }
        normal.push_str(rest);
    }
    Cow::Owned(normal)
}

/// Escapes every character that a path may not hold literally. Existing escapes are kept.
#[cfg(feature = "server")]
pub(crate) fn escape_path(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for (at, char) in path.char_indices() {
        if char.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(char) {
            escaped.push(char);
        } else {
            encode(path.get(at..at + char.len_utf8()).unwrap_or_default(), &mut escaped);
        }
    }
    escaped
}

/// An unreserved character (RFC 3986, 2.3), which means the same with and without an escape.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a text holds only characters of a path (RFC 3986, 3.3), or also of a query (3.4), and
/// each `%` begins an escape.
pub(crate) fn is_path_or_query(text: &str, is_query: bool) -> bool {
    let plain = |byte| is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            b'?' => is_query,
            byte => plain(byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// Decodes escapes and `+` as a blank, the encoding of forms.
pub(crate) fn decode_form(text: &str, after: usize) -> Result<String, Error> {
    // A literal plus is an escape at this point, so the replacement cannot change it. Lengths stay
    // the same.
    decode(&text.replace('+', " "), after)
}

/// Escapes everything except letters, digits and `-._~`.
pub(crate) fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(char::from(DIGITS[usize::from(half)]));
            }
        }
    }
}

/// Like [`encode`], with `+` for a blank, the encoding of forms.
pub(crate) fn encode_form(text: &str, out: &mut String) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        encode(word, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_unreserved_characters_are_those_characters() {
        for (path, normal) in [
            ("/%70ing", "/ping"),
            ("/%7Eping%2d", "/~ping-"),
            ("/a%2fb%2F", "/a%2Fb%2F"),
            ("/%c3%a9", "/%C3%A9"),
            ("/%", "/%"),
            ("/%7", "/%7"),
            ("/%zz%+1", "/%zz%+1"),
            ("/%2570", "/%2570"),
            ("/%\u{e9}", "/%\u{e9}"),
            ("/%2e%2E/", "/../"),
        ] {
            assert_eq!(normal_path(path), normal);
        }
    }
}
