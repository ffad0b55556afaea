//! A parser for names in the form of RFC 4514, strictly by its grammar.

use super::SHORT_NAMES;
use crate::Error;
use crate::der::{self, Cursor, Tag};

const PART: &str = "subject";

/// Maximum size of a text in bytes. A name in DER takes at most a third of the size of its text.
const MAX_TEXT: usize = 256 * 1024;
/// Maximum number of characters in an object identifier: the length of the longest that is
/// displayed with dots.
const MAX_DOTTED: usize = 2304;

/// Types whose values are PrintableString (RFC 5280 appendix A.1): serialNumber, countryName,
/// dnQualifier.
const PRINTABLE: &[&[u8]] = &[&[0x55, 0x04, 0x05], &[0x55, 0x04, 0x06], &[0x55, 0x04, 0x2e]];
/// Types whose values are IA5String: domainComponent, mail (RFC 4524), emailAddress.
const IA5: &[&[u8]] = &[
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19],
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x03],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01],
];

/// Reads a name and returns it as DER. Types are short names or dotted object identifiers. A text
/// value becomes a UTF8String, or the string type that RFC 5280 gives its attribute type if its
/// characters permit. A value after `#` is used unchanged.
///
/// # Errors
/// Class `malformed`, with the offset in the text; `too-large`.
/// Class `malformed`, with the place in the text; `too-large`.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::too_large(PART, "more than 256 KiB"));
    }
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    // The last set of the DER comes first in the text (RFC 4514 section 2.1).
    let mut sets = Vec::new();
    if !text.is_empty() {
        loop {
            let (set, more) = reader.set()?;
            sets.push(set);
            if !more {
                break;
            }
        }
    }
    sets.reverse();
    Ok(element(Tag::Sequence, &sets))
}

/// The position in the text.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn bad(&self, detail: &'static str) -> Error {
        Error::malformed(PART, detail).at(self.at)
    }

    /// Reads `relativeDistinguishedName`; returns whether another follows.
    fn set(&mut self) -> Result<(Vec<u8>, bool), Error> {
        let mut attributes = Vec::new();
        loop {
            let oid = self.attribute_type()?;
            let value =
                if self.peek() == Some(b'#') { self.hex_value()? } else { self.text_value(&oid)? };
            let oid = element(Tag::ObjectIdentifier, &[oid]);
            attributes.push(element(Tag::Sequence, &[oid, value]));
            match self.next() {
                Some(b'+') => {}
                end => {
                    // DER orders the elements of a SET OF (X.690 section 11.6).
                    attributes.sort();
                    return Ok((element(Tag::Set, &attributes), end == Some(b',')));
                }
            }
        }
    }

    /// Reads `attributeType EQUALS`; returns the content of the object identifier.
    fn attribute_type(&mut self) -> Result<Vec<u8>, Error> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        {
            self.at += 1;
        }
        let kind = self.text.get(start..self.at).unwrap_or_default();
        if self.peek() != Some(b'=') {
            return Err(self.bad(match (kind, self.peek()) {
                ([], None) => "a type is missing at the end",
                (_, None) => "a type without a value",
                _ => "a character that no type has, or no equals sign after the type",
            }));
        }
        let at_start = |detail| Err(Error::malformed(PART, detail).at(start));
        let oid = match kind.first() {
            None => return at_start("a value without a type"),
            Some(first) if first.is_ascii_digit() => match object_identifier(kind) {
                Some(oid) => oid,
                None => return at_start("not an object identifier"),
            },
            Some(_) => {
                let known = SHORT_NAMES.iter().find(|(_, names)| {
                    names.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(kind))
                });
                match known {
                    Some((oid, _)) => oid.to_vec(),
                    None => return at_start("a type whose name is unknown here"),
                }
            }
        };
        self.at += 1;
        Ok(oid)
    }

    /// Reads `hexstring`: the DER of one value.
    fn hex_value(&mut self) -> Result<Vec<u8>, Error> {
        let start = self.at;
        self.at += 1;
        let mut der = Vec::new();
        while !matches!(self.peek(), None | Some(b',' | b'+')) {
            der.push(self.hex_pair()?);
        }
        let mut cursor = Cursor::new(&der);
        match cursor.next(PART) {
            Ok(value) if cursor.is_empty() && value.check_structure(PART).is_ok() => Ok(der),
            _ => Err(Error::malformed(PART, "a value behind # that is not DER").at(start)),
        }
    }

    fn hex_pair(&mut self) -> Result<u8, Error> {
        let digit = |reader: &mut Self| {
            let digit = reader.peek().and_then(|byte| char::from(byte).to_digit(16));
            match digit.and_then(|digit| u8::try_from(digit).ok()) {
                Some(digit) => {
                    reader.at += 1;
                    Ok(digit)
                }
                None => Err(reader.bad("not two hexadecimal digits")),
            }
        };
        Ok(digit(self)? << 4 | digit(self)?)
    }

    /// Reads `string`; returns the DER of a string.
    fn text_value(&mut self, oid: &[u8]) -> Result<Vec<u8>, Error> {
        let start = self.at;
        let mut value = Vec::new();
        let mut ends_with_space = false;
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'+' => break,
                b'"' | b';' | b'<' | b'>' => {
                    return Err(self.bad("a character that has to be escaped"));
                }
                0 => return Err(self.bad("a NUL that is not escaped")),
                b' ' if self.at == start => {
                    return Err(self.bad("a space at the start that is not escaped"));
                }
                b'\\' => {
                    self.at += 1;
                    value.push(self.escaped()?);
                    ends_with_space = false;
                }
                _ => {
                    self.at += 1;
                    value.push(byte);
                    ends_with_space = byte == b' ';
                }
            }
        }
        if ends_with_space {
            return Err(self.bad("a space at the end that is not escaped"));
        }
        let Ok(text) = std::str::from_utf8(&value) else {
            return Err(Error::malformed(PART, "a value that is not UTF-8").at(start));
        };
        let tag = if PRINTABLE.contains(&oid) && text.bytes().all(is_printable) {
            Tag::PrintableString
        } else if IA5.contains(&oid) && text.is_ascii() {
            Tag::Ia5String
        } else {
            Tag::Utf8String
        };
        Ok(element(tag, &[value]))
    }

    /// Reads the characters after a backslash.
    fn escaped(&mut self) -> Result<u8, Error> {
        match self.peek() {
            Some(byte @ (b'\\' | b'"' | b'+' | b',' | b';' | b'<' | b'>' | b' ' | b'#' | b'=')) => {
                self.at += 1;
                Ok(byte)
            }
            Some(byte) if byte.is_ascii_hexdigit() => self.hex_pair(),
            Some(_) => Err(self.bad("an escape of a character that has none")),
            None => Err(self.bad("a backslash at the end")),
        }
    }
}

/// The alphabet of PrintableString (X.680 section 41.4).
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// The content of an object identifier from `numericoid` of RFC 4512 section 1.4: two or more
/// numbers, without leading zeros.
fn object_identifier(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_DOTTED {
        return None;
    }
    let mut arcs = text.split(|byte| *byte == b'.');
    let first = match arcs.next()? {
        [digit @ b'0'..=b'2'] => digit - b'0',
        _ => return None,
    };
    let second = arcs.next()?;
    // The first number is 40 times the first arc plus the second (X.690 section 8.19.4).
    if first < 2 && !(second.len() == 1 || matches!(second, [b'1'..=b'3', _])) {
        return None;
    }
    let mut oid = base_128(second, first * 40)?;
    for arc in arcs {
        oid.extend(base_128(arc, 0)?);
    }
    Some(oid)
}

/// Converts a decimal number plus `more` to base 128, with the continuation bit on all digits but
/// the last.
fn base_128(decimal: &[u8], more: u8) -> Option<Vec<u8>> {
    if matches!(decimal, [] | [b'0', _, ..]) || !decimal.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // The lowest digit comes first.
    let mut digits = vec![0_u8];
    let steps = decimal.iter().map(|digit| (10, digit - b'0')).chain([(1, more)]);
    for (factor, add) in steps {
        let mut carry = u32::from(add);
        for digit in &mut digits {
            let number = u32::from(*digit) * factor + carry;
            // The mask makes the value fit.
            *digit = (number & 0x7f) as u8;
            carry = number >> 7;
        }
        if carry > 0 {
            // Multiplying by ten grows a number by less than one digit.
            digits.push((carry & 0x7f) as u8);
        }
    }
    digits.iter_mut().skip(1).for_each(|digit| *digit |= 0x80);
    digits.reverse();
    Some(digits)
}

fn element(tag: Tag, parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    der::element(tag, &parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
