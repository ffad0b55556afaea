//! Hexadecimal digits, lower case.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two digits an octet.
pub(crate) fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    push(&mut text, octets);
    text
}

/// The same, at the end of a text. By hand: the formatting machinery takes several times as long,
/// and a hub writes four ids for each command.
pub(crate) fn push(text: &mut String, octets: &[u8]) {
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
}
