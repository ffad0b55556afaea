//! Hexadecimal digits in lower case.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Encodes with two digits per byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push(&mut text, bytes);
    text
}

/// Appends the digits to a string. Formatting with `write!` takes several times as long, and a hub
/// writes four ids for each command.
pub(crate) fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
