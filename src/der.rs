//! DER read and written by position: elements keep their bytes, reading copies nothing and never
//! allocates by a declared length.

use std::ops::Range;

use crate::Error;

/// Maximum nesting depth.
const MAX_DEPTH: usize = 32;

/// The type of an element. Types without a name here can be read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Boolean,
    Integer,
    BitString,
    OctetString,
    Null,
    ObjectIdentifier,
    Enumerated,
    Utf8String,
    RelativeOid,
    Sequence,
    Set,
    NumericString,
    PrintableString,
    TeletexString,
    Ia5String,
    UtcTime,
    GeneralizedTime,
    VisibleString,
    UniversalString,
    BmpString,
    ContextSpecific {
        constructed: bool,
        number: u32,
    },
    /// Any other type. A number beyond 32 bits is represented by `u32::MAX`.
    Other {
        class: Class,
        constructed: bool,
        number: u32,
    },
}

/// The class of a tag without a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Universal,
    Application,
    Private,
}

impl Tag {
    /// Reads a tag and returns it with its length; `None` if it is not DER.
    fn read(input: &[u8]) -> Option<(Self, usize)> {
        let first = *input.first()?;
        let (number, length) = match first & 0x1f {
            0x1f => {
                let (number, length) = long_number(&input[1..])?;
                (number, 1 + length)
            }
            number => (u32::from(number), 1),
        };
        let constructed = first & 0x20 != 0;
        let tag = match first >> 6 {
            0 => Self::universal(number, constructed)?,
            1 => Self::Other { class: Class::Application, constructed, number },
            2 => Self::ContextSpecific { constructed, number },
            _ => Self::Other { class: Class::Private, constructed, number },
        };
        Some((tag, length))
    }

    /// A tag of X.680. DER permits either the primitive or the constructed form for each type.
    fn universal(number: u32, constructed: bool) -> Option<Self> {
        let tag = match number {
            // The end of an indefinite length, which does not exist in DER.
            0 => return None,
            1 => Self::Boolean,
            2 => Self::Integer,
            3 => Self::BitString,
            4 => Self::OctetString,
            5 => Self::Null,
            6 => Self::ObjectIdentifier,
            10 => Self::Enumerated,
            12 => Self::Utf8String,
            13 => Self::RelativeOid,
            16 => Self::Sequence,
            17 => Self::Set,
            18 => Self::NumericString,
            19 => Self::PrintableString,
            20 => Self::TeletexString,
            22 => Self::Ia5String,
            23 => Self::UtcTime,
            24 => Self::GeneralizedTime,
            26 => Self::VisibleString,
            28 => Self::UniversalString,
            30 => Self::BmpString,
            _ => Self::Other { class: Class::Universal, constructed, number },
        };
        let due = match number {
            // EXTERNAL, EMBEDDED PDV, SEQUENCE, SET, CHARACTER STRING.
            8 | 11 | 16 | 17 | 29 => true,
            // Reserved for future types.
            15 | 37.. => constructed,
            _ => false,
        };
        (constructed == due).then_some(tag)
    }

    pub(crate) fn is_constructed(self) -> bool {
        match self {
            Self::Sequence | Self::Set => true,
            Self::ContextSpecific { constructed, .. } | Self::Other { constructed, .. } => {
                constructed
            }
            _ => false,
        }
    }

    /// The first byte of a tag with a number below 31, which includes every tag that is written.
    fn to_byte(self) -> u8 {
        let (class, constructed, number) = match self {
            Self::Boolean => (0, false, 1),
            Self::Integer => (0, false, 2),
            Self::BitString => (0, false, 3),
            Self::OctetString => (0, false, 4),
            Self::Null => (0, false, 5),
            Self::ObjectIdentifier => (0, false, 6),
            Self::Enumerated => (0, false, 10),
            Self::Utf8String => (0, false, 12),
            Self::RelativeOid => (0, false, 13),
            Self::Sequence => (0, true, 16),
            Self::Set => (0, true, 17),
            Self::NumericString => (0, false, 18),
            Self::PrintableString => (0, false, 19),
            Self::TeletexString => (0, false, 20),
            Self::Ia5String => (0, false, 22),
            Self::UtcTime => (0, false, 23),
            Self::GeneralizedTime => (0, false, 24),
            Self::VisibleString => (0, false, 26),
            Self::UniversalString => (0, false, 28),
            Self::BmpString => (0, false, 30),
            Self::ContextSpecific { constructed, number } => (2, constructed, number),
            Self::Other { class, constructed, number } => (
                match class {
                    Class::Universal => 0,
                    Class::Application => 1,
                    Class::Private => 3,
                },
                constructed,
                number,
            ),
        };
        debug_assert!(number < 31, "nothing with a long tag is written");
        class << 6 | u8::from(constructed) << 5 | (number & 0x1f) as u8
    }
}

/// A tag number above 30 in the fewest bytes, and the count of these bytes.
fn long_number(input: &[u8]) -> Option<(u32, usize)> {
    let length = input.iter().position(|byte| *byte < 0x80)? + 1;
    let bytes = input.get(..length)?;
    if bytes.first() == Some(&0x80) {
        return None;
    }
    let number = bytes.iter().try_fold(0u32, |number, byte| {
        number.checked_mul(128).map(|number| number | u32::from(byte & 0x7f))
    });
    let number = number.unwrap_or(u32::MAX);
    (number >= 31).then_some((number, length))
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    /// The content.
    pub(crate) value: &'a [u8],
    /// The whole element, including its header.
    pub(crate) bytes: &'a [u8],
    /// Offset of the header in the text that the outermost cursor reads.
    pub(crate) offset: usize,
}

impl<'a> Element<'a> {
    /// A cursor over the content.
    pub(crate) fn inside(&self) -> Cursor<'a> {
        Cursor { input: self.value, base: self.value_range().start }
    }

    /// The range of the whole element.
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes.len()
    }

    /// The range of the content.
    pub(crate) fn value_range(&self) -> Range<usize> {
        let end = self.offset + self.bytes.len();
        end - self.value.len()..end
    }

    /// Whether this is the content of a BIT STRING, whatever its tag.
    pub(crate) fn check_bit_string(&self, part: &'static str) -> Result<(), Error> {
        if is_bit_string(self.value) {
            Ok(())
        } else {
            Err(Error::malformed(part, "not DER").at(self.offset))
        }
    }

    /// Whether everything inside is DER too, to a bounded depth.
    pub(crate) fn check(&self, part: &'static str) -> Result<(), Error> {
        check_within(self, part, 0, true)
    }

    /// Like [`check`](Self::check), for an element that is only carried: strings may hold bytes
    /// that are not characters of their type.
    pub(crate) fn check_structure(&self, part: &'static str) -> Result<(), Error> {
        check_within(self, part, 0, false)
    }
}

fn check_within(
    element: &Element<'_>,
    part: &'static str,
    depth: usize,
    texts: bool,
) -> Result<(), Error> {
    if !element.tag.is_constructed() {
        let is_text =
            matches!(element.tag, Tag::Utf8String | Tag::BmpString | Tag::UniversalString);
        return if is_text && !texts { Ok(()) } else { check_primitive(element, part) };
    }
    if depth >= MAX_DEPTH {
        return Err(Error::too_large(part, "nested too deep").at(element.offset));
    }
    let mut inside = element.inside();
    while !inside.is_empty() {
        check_within(&inside.next(part)?, part, depth + 1, texts)?;
    }
    Ok(())
}

/// Checks the few primitive types whose content could have more than one encoding.
fn check_primitive(element: &Element<'_>, part: &'static str) -> Result<(), Error> {
    let bad = match (element.tag, element.value) {
        (Tag::Boolean, value) => !matches!(value, [0x00 | 0xff]),
        (Tag::Integer | Tag::Enumerated, []) => true,
        (Tag::Integer | Tag::Enumerated, [0x00, next, ..]) => *next < 0x80,
        (Tag::Integer | Tag::Enumerated, [0xff, next, ..]) => *next >= 0x80,
        (Tag::Null, value) => !value.is_empty(),
        (Tag::ObjectIdentifier | Tag::RelativeOid, value) => !is_oid(value),
        (Tag::BitString, value) => !is_bit_string(value),
        // Libraries compare names by their characters, and refuse a name with an undecodable
        // string.
        (Tag::Utf8String, value) => std::str::from_utf8(value).is_err(),
        (Tag::BmpString, value) => {
            !value.len().is_multiple_of(2)
                || value.chunks(2).any(|unit| matches!(unit, [0xd8..=0xdf, _]))
        }
        (Tag::UniversalString, value) => {
            let (units, rest) = value.as_chunks::<4>();
            !rest.is_empty()
                || units.iter().any(|unit| char::from_u32(u32::from_be_bytes(*unit)).is_none())
        }
        _ => false,
    };
    if bad { Err(Error::malformed(part, "not DER").at(element.offset)) } else { Ok(()) }
}

/// Tag, header length and content length, for the most common headers. Other headers use `der`,
/// which takes several times as long.
#[inline]
fn short_header(input: &[u8]) -> Option<(Tag, usize, usize)> {
    let tag = match input.first()? {
        0x01 => Tag::Boolean,
        0x02 => Tag::Integer,
        0x03 => Tag::BitString,
        0x04 => Tag::OctetString,
        0x05 => Tag::Null,
        0x06 => Tag::ObjectIdentifier,
        0x0c => Tag::Utf8String,
        0x13 => Tag::PrintableString,
        0x16 => Tag::Ia5String,
        0x30 => Tag::Sequence,
        0x31 => Tag::Set,
        _ => return None,
    };
    match *input {
        [_, length @ 0..=0x7f, ..] => Some((tag, 2, usize::from(length))),
        [_, 0x81, length, ..] if length >= 0x80 => Some((tag, 3, usize::from(length))),
        [_, 0x82, high, low, ..] if high >= 1 => {
            Some((tag, 4, usize::from(u16::from_be_bytes([high, low]))))
        }
        _ => None,
    }
}

/// Like `short_header`, for every header. A length beyond any memory is invalid.
fn header(input: &[u8]) -> Option<(Tag, usize, usize)> {
    let (tag, start) = Tag::read(input)?;
    let first = *input.get(start)?;
    let count = match first {
        0x00..=0x7f => return Some((tag, start + 1, usize::from(first))),
        // 0x80 would be an indefinite length.
        _ => usize::from(first & 0x7f),
    };
    let bytes = input.get(start + 1..(start + 1).checked_add(count)?)?;
    // The length must be in the fewest bytes.
    if matches!(bytes, [] | [0, ..] | [0x00..=0x7f]) {
        return None;
    }
    let length = bytes.iter().try_fold(0usize, |length, byte| {
        length.checked_mul(256).map(|length| length | usize::from(*byte))
    })?;
    Some((tag, start + 1 + count, length))
}

/// Each number must be in the fewest bytes.
fn is_oid(value: &[u8]) -> bool {
    let starts = std::iter::once(&0)
        .chain(value)
        .zip(value)
        .filter(|(before, _)| **before < 0x80)
        .map(|(_, first)| first);
    value.last().is_some_and(|last| *last < 0x80) && starts.into_iter().all(|first| *first != 0x80)
}

/// The unused bits must exist and be zero.
fn is_bit_string(value: &[u8]) -> bool {
    match value {
        [0] => true,
        [unused @ 0..=7, .., last] => last & ((1 << unused) - 1) == 0,
        _ => false,
    }
}

/// Reads one element after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    input: &'a [u8],
    base: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { input, base: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.input.is_empty()
    }

    /// The tag of the next element, if it has a readable one.
    pub(crate) fn peek(&self) -> Option<Tag> {
        Tag::read(self.input).map(|(tag, _)| tag)
    }

    /// The next element, of any type.
    pub(crate) fn next(&mut self, part: &'static str) -> Result<Element<'a>, Error> {
        let Some((tag, header, length)) = short_header(self.input).or_else(|| header(self.input))
        else {
            let detail = if self.input.is_empty() { "absent" } else { "not DER" };
            return Err(Error::malformed(part, detail).at(self.base));
        };
        let Some((bytes, rest)) =
            header.checked_add(length).and_then(|length| self.input.split_at_checked(length))
        else {
            return Err(Error::malformed(part, "cut short").at(self.base));
        };
        let element = Element { tag, value: &bytes[header..], bytes, offset: self.base };
        *self = Self { input: rest, base: self.base + bytes.len() };
        Ok(element)
    }

    /// The next element, which must have this tag.
    pub(crate) fn require(&mut self, tag: Tag, part: &'static str) -> Result<Element<'a>, Error> {
        let element = self.next(part)?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(Error::malformed(part, "another type of element stands here").at(element.offset))
        }
    }

    /// Fails if anything is left.
    pub(crate) fn end(&self, part: &'static str) -> Result<(), Error> {
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(Error::malformed(part, "bytes after the end").at(self.base))
        }
    }

    /// The bytes of a non-negative INTEGER, without its leading zero.
    pub(crate) fn unsigned(&mut self, part: &'static str) -> Result<&'a [u8], Error> {
        let element = self.require(Tag::Integer, part)?;
        match element.value {
            [0x00] => Ok(&[]),
            [0x00, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            [first, ..] if (0x01..0x80).contains(first) => Ok(element.value),
            _ => Err(Error::malformed(part, "not a number in its one form").at(element.offset)),
        }
    }

    /// The value of a BIT STRING of whole bytes.
    pub(crate) fn bit_string(&mut self, part: &'static str) -> Result<Element<'a>, Error> {
        let element = self.require(Tag::BitString, part)?;
        match element.value {
            [0x00, value @ ..] => Ok(Element { value, ..element }),
            _ => Err(Error::malformed(part, "not a bit string of whole bytes").at(element.offset)),
        }
    }
}

/// The tag `[number] IMPLICIT` of a constructed type.
pub(crate) const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number }
}

/// Length in bytes of the header for a content of `length` bytes, under a tag with a number below
/// 31.
pub(crate) fn header_length(length: usize) -> usize {
    match length {
        0..=0x7f => 2,
        0x80..=0xff => 3,
        0x100..=0xffff => 4,
        0x1_0000..=0xff_ffff => 5,
        _ => 6,
    }
}

/// Length in bytes of a non-negative INTEGER with these bytes, which have no leading zero.
pub(crate) fn unsigned_length(bytes: &[u8]) -> usize {
    let content =
        bytes.len().max(1) + usize::from(bytes.first().is_some_and(|first| *first >= 0x80));
    header_length(content) + content
}

/// Writes a header.
pub(crate) fn write_header(out: &mut Vec<u8>, tag: Tag, length: usize) {
    out.push(tag.to_byte());
    // No length here comes close to 4 GiB.
    let bytes = (length as u32).to_be_bytes();
    match header_length(length) - 2 {
        0 => out.push(bytes[3]),
        count => {
            out.push(0x80 | count as u8);
            out.extend_from_slice(&bytes[4 - count..]);
        }
    }
}

/// Writes a non-negative INTEGER from its bytes without leading zeros.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, bytes: &[u8]) {
    let zero = bytes.first().is_none_or(|first| *first >= 0x80);
    write_header(out, Tag::Integer, bytes.len() + usize::from(zero));
    if zero {
        out.push(0);
    }
    out.extend_from_slice(bytes);
}

/// One element whose content is the concatenation of these parts.
pub(crate) fn element(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(header_length(length) + length);
    write_header(&mut out, tag, length);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
