//! DER read and written by position: the octets of each element are kept, nothing is copied, nothing is allocated by a declared length.

use std::ops::Range;

use der::{Decode as _, Encode as _, Header, Length, Reader as _, SliceReader, Tag, TagNumber};

use crate::Error;

/// Deepest nesting that is walked.
const MAX_DEPTH: usize = 32;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    /// What is inside.
    pub(crate) value: &'a [u8],
    /// The whole of it, header included.
    pub(crate) octets: &'a [u8],
    /// Where its header starts in the text that the outermost cursor read.
    pub(crate) offset: usize,
}

impl<'a> Element<'a> {
    /// A cursor over what is inside.
    pub(crate) fn inside(&self) -> Cursor<'a> {
        Cursor { input: self.value, base: self.value_range().start }
    }

    /// Where the whole of it stands.
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.octets.len()
    }

    /// Where what is inside stands.
    pub(crate) fn value_range(&self) -> Range<usize> {
        let end = self.offset + self.octets.len();
        end - self.value.len()..end
    }

    /// Whether everything inside is DER as well, to a bounded depth.
    pub(crate) fn check(&self, part: &'static str) -> Result<(), Error> {
        check_within(self, part, 0)
    }
}

fn check_within(element: &Element<'_>, part: &'static str, depth: usize) -> Result<(), Error> {
    if !element.tag.is_constructed() {
        return check_primitive(element, part);
    }
    if depth >= MAX_DEPTH {
        return Err(Error::too_large(part, "nested too deep").at(element.offset));
    }
    let mut inside = element.inside();
    while !inside.is_empty() {
        check_within(&inside.next(part)?, part, depth + 1)?;
    }
    Ok(())
}

/// The few primitive types whose content has more than one spelling.
fn check_primitive(element: &Element<'_>, part: &'static str) -> Result<(), Error> {
    let bad = match (element.tag, element.value) {
        (Tag::Boolean, value) => !matches!(value, [0x00 | 0xff]),
        (Tag::Integer | Tag::Enumerated, []) => true,
        (Tag::Integer | Tag::Enumerated, [0x00, next, ..]) => *next < 0x80,
        (Tag::Integer | Tag::Enumerated, [0xff, next, ..]) => *next >= 0x80,
        (Tag::Null, value) => !value.is_empty(),
        (Tag::ObjectIdentifier, value) => value.last().is_none_or(|last| *last >= 0x80),
        (Tag::BitString, value) => value.first().is_none_or(|unused| *unused > 7 || (value.len() == 1 && *unused != 0)),
        _ => false,
    };
    if bad { Err(Error::malformed(part, "not DER").at(element.offset)) } else { Ok(()) }
}

/// Tag, length of the header and length of the content, for the headers that nearly all elements have; the rest is left to `der`, which takes
/// several times as long.
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
        [_, 0x82, high, low, ..] if high >= 1 => Some((tag, 4, usize::from(u16::from_be_bytes([high, low])))),
        _ => None,
    }
}

/// The same for every header there is.
fn header(input: &[u8]) -> Option<(Tag, usize, usize)> {
    let mut reader = SliceReader::new(input).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    Some((header.tag(), input.len() - usize::try_from(reader.remaining_len()).ok()?, usize::try_from(header.length()).ok()?))
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

    /// The tag of what comes next, if it has a readable one.
    pub(crate) fn peek(&self) -> Option<Tag> {
        Tag::peek(&SliceReader::new(self.input).ok()?).ok()
    }

    /// The next element, whatever it is.
    pub(crate) fn next(&mut self, part: &'static str) -> Result<Element<'a>, Error> {
        let Some((tag, header, length)) = short_header(self.input).or_else(|| header(self.input)) else {
            let detail = if self.input.is_empty() { "absent" } else { "not DER" };
            return Err(Error::malformed(part, detail).at(self.base));
        };
        let Some((octets, rest)) = header.checked_add(length).and_then(|length| self.input.split_at_checked(length)) else {
            return Err(Error::malformed(part, "cut short").at(self.base));
        };
        let element = Element { tag, value: &octets[header..], octets, offset: self.base };
        *self = Self { input: rest, base: self.base + octets.len() };
        Ok(element)
    }

    /// The next element, which has to have this tag.
    pub(crate) fn expect(&mut self, tag: Tag, part: &'static str) -> Result<Element<'a>, Error> {
        let element = self.next(part)?;
        if element.tag == tag { Ok(element) } else { Err(Error::malformed(part, "another type of element stands here").at(element.offset)) }
    }

    /// Refuses anything that is left.
    pub(crate) fn end(&self, part: &'static str) -> Result<(), Error> {
        if self.input.is_empty() { Ok(()) } else { Err(Error::malformed(part, "octets after the end").at(self.base)) }
    }

    /// The octets of an INTEGER that is not negative, without its leading zero.
    pub(crate) fn unsigned(&mut self, part: &'static str) -> Result<&'a [u8], Error> {
        let element = self.expect(Tag::Integer, part)?;
        match element.value {
            [0x00] => Ok(&[]),
            [0x00, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            [first, ..] if (0x01..0x80).contains(first) => Ok(element.value),
            _ => Err(Error::malformed(part, "not a number in its one form").at(element.offset)),
        }
    }

    /// A BIT STRING of whole octets, which are its value.
    pub(crate) fn bit_string(&mut self, part: &'static str) -> Result<Element<'a>, Error> {
        let element = self.expect(Tag::BitString, part)?;
        match element.value {
            [0x00, value @ ..] => Ok(Element { value, ..element }),
            _ => Err(Error::malformed(part, "not a bit string of whole octets").at(element.offset)),
        }
    }
}

/// `[number] IMPLICIT` of a constructed type.
pub(crate) const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

/// Octets of a header for a content of `length`.
pub(crate) fn header_length(length: usize) -> usize {
    match length {
        0..=0x7f => 2,
        0x80..=0xff => 3,
        0x100..=0xffff => 4,
        _ => 5,
    }
}

/// Octets of a non-negative INTEGER with these octets, which have no leading zero.
pub(crate) fn unsigned_length(octets: &[u8]) -> usize {
    let content = octets.len().max(1) + usize::from(octets.first().is_some_and(|first| *first >= 0x80));
    header_length(content) + content
}

/// Writes a header.
pub(crate) fn write_header(out: &mut Vec<u8>, tag: Tag, length: usize) {
    // Both writes go to memory, and no length here comes near what DER cannot say; below 2^28 `Length` takes any.
    let length = Length::try_from(length).unwrap_or(Length::ZERO);
    let wrote = Header::new(tag, length).encode(out);
    debug_assert!(wrote.is_ok(), "writing to memory");
}

/// Writes an element.
pub(crate) fn write(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    write_header(out, tag, value.len());
    out.extend_from_slice(value);
}

/// Writes a non-negative INTEGER from its octets without leading zeros.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, octets: &[u8]) {
    let zero = octets.first().is_none_or(|first| *first >= 0x80);
    write_header(out, Tag::Integer, octets.len() + usize::from(zero));
    if zero {
        out.push(0);
    }
    out.extend_from_slice(octets);
}
