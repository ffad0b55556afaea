//! Distinguished names (RFC 5280 section 4.1.2.4): read by position, displayed in the form of RFC
//! 4514, compared by the rules of RFC 5280 section 7.1.

mod parse;

use std::borrow::Cow;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub(crate) use self::parse::parse;
use crate::Error;
use crate::der::{Cursor, Element, Tag};

/// Attribute types with a short name: the content of the object identifier, the name to display,
/// and its known aliases. The names are those of RFC 4514 section 3, RFC 4519, RFC 4524 and RFC
/// 3280, in upper case; they are compared without regard to case.
pub(crate) const SHORT_NAMES: &[(&[u8], &[&str])] = &[
    (&[0x55, 0x04, 0x03], &["CN", "COMMONNAME"]),
    (&[0x55, 0x04, 0x04], &["SN", "SURNAME"]),
    (&[0x55, 0x04, 0x05], &["SERIALNUMBER"]),
    (&[0x55, 0x04, 0x06], &["C", "COUNTRYNAME"]),
    (&[0x55, 0x04, 0x07], &["L", "LOCALITYNAME"]),
    (&[0x55, 0x04, 0x08], &["ST", "STATEORPROVINCENAME", "S"]),
    (&[0x55, 0x04, 0x09], &["STREET", "STREETADDRESS"]),
    (&[0x55, 0x04, 0x0a], &["O", "ORGANIZATIONNAME"]),
    (&[0x55, 0x04, 0x0b], &["OU", "ORGANIZATIONALUNITNAME"]),
    (&[0x55, 0x04, 0x0c], &["TITLE", "T"]),
    (&[0x55, 0x04, 0x0d], &["DESCRIPTION"]),
    (&[0x55, 0x04, 0x0f], &["BUSINESSCATEGORY"]),
    (&[0x55, 0x04, 0x11], &["POSTALCODE"]),
    (&[0x55, 0x04, 0x12], &["POSTOFFICEBOX"]),
    (&[0x55, 0x04, 0x14], &["TELEPHONENUMBER"]),
    (&[0x55, 0x04, 0x29], &["NAME"]),
    (&[0x55, 0x04, 0x2a], &["GN", "GIVENNAME"]),
    (&[0x55, 0x04, 0x2b], &["INITIALS"]),
    (&[0x55, 0x04, 0x2c], &["GENERATIONQUALIFIER"]),
    (&[0x55, 0x04, 0x2e], &["DNQUALIFIER"]),
    (&[0x55, 0x04, 0x41], &["PSEUDONYM"]),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01], &["UID", "USERID"]),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x03], &["MAIL", "RFC822MAILBOX"]),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19], &["DC", "DOMAINCOMPONENT"]),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], &["EMAIL", "EMAILADDRESS", "E"]),
];

/// Prefixes of the attribute types whose texts are compared without regard to case: those of X.520
/// (id-at), of RFC 4524, emailAddress, unstructuredName and unstructuredAddress of PKCS#9, the
/// personal data of RFC 3739, and the three of the jurisdiction of incorporation (EV guidelines
/// section 9.2.4).
const CASE_IGNORED: &[&[u8]] = &[
    &[0x55, 0x04],
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x08],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x09],
    &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01],
];

/// Maximum size in bytes of an object identifier that is displayed with dots. The time for the
/// conversion grows with the square of the length.
const MAX_DOTTED: usize = 512;

/// The result of comparing two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// The names are the same bytes.
    Identical,
    /// The names are equal but encoded differently.
    Equal,
    /// The names differ.
    Different,
}

/// An attribute: a type and a value.
#[derive(Clone, Copy)]
pub(crate) struct Attribute<'a> {
    /// The content of the object identifier.
    pub(crate) oid: &'a [u8],
    pub(crate) value: Element<'a>,
}

/// Reads the attributes of a Name in DER: one list for each of its sets, in their order. Types and
/// values are not checked.
///
/// # Errors
/// Class `malformed` if it is not structured like a Name.
fn read<'a>(name: &Element<'a>, part: &'static str) -> Result<Vec<Vec<Attribute<'a>>>, Error> {
    let mut sets = Vec::new();
    each_set(name, part, |set| {
        let mut attributes = Vec::new();
        each_attribute(set, part, |attribute| attributes.push(attribute))?;
        sets.push(attributes);
        Ok(())
    })?;
    Ok(sets)
}

/// Checks that the DER is structured like a Name.
///
/// # Errors
/// Class `malformed`.
pub(crate) fn check(name: &Element<'_>, part: &'static str) -> Result<(), Error> {
    each_set(name, part, |set| each_attribute(set, part, |_| ()))
}

fn each_set<'a>(
    name: &Element<'a>,
    part: &'static str,
    mut each: impl FnMut(&Element<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut sets = name.inside();
    while !sets.is_empty() {
        each(&sets.require(Tag::Set, part)?)?;
    }
    Ok(())
}

fn each_attribute<'a>(
    set: &Element<'a>,
    part: &'static str,
    mut each: impl FnMut(Attribute<'a>),
) -> Result<(), Error> {
    let mut pairs = set.inside();
    while !pairs.is_empty() {
        let mut pair = pairs.require(Tag::Sequence, part)?.inside();
        let oid = pair.require(Tag::ObjectIdentifier, part)?.value;
        let value = pair.next(part)?;
        pair.end(part)?;
        each(Attribute { oid, value });
    }
    Ok(())
}

/// The RFC 4514 form of a Name in DER, whose structure was checked.
///
/// A value is shown as text if its type has a short name and it is a readable string, and as `#`
/// and the hexadecimal DER otherwise (section 2.4).
pub(crate) fn to_text(name: &[u8]) -> String {
    // Measure first: a growing string would take several times its final length.
    let mut length = Length(0);
    let mut text = String::new();
    if write_name(&mut length, name).is_ok() {
        text.reserve_exact(length.0);
        // Writing to memory cannot fail, and the structure was already checked.
        let _ = write_name(&mut text, name);
    }
    text
}

/// Compares two Names in DER by the rules of RFC 5280 section 7.1.
///
/// Sets must have the same order, and hold the same attributes in any order. Texts of the types
/// that X.520 and related standards define are prepared by RFC 4518: case, insignificant blanks and
/// the string type are ignored. For texts of other types, only the string type is ignored. Values
/// that are not text must be the same bytes.
pub(crate) fn compare(one: &[u8], other: &[u8]) -> Likeness {
    if one == other {
        return Likeness::Identical;
    }
    match (canonical(one), canonical(other)) {
        (Ok(one), Ok(other)) if one == other => Likeness::Equal,
        _ => Likeness::Different,
    }
}

/// The comparison form of a value: equal values have equal forms.
fn canonical(name: &[u8]) -> Result<Vec<Vec<Canonical<'_>>>, Error> {
    const PART: &str = "name";
    let mut outer = Cursor::new(name);
    let name = outer.require(Tag::Sequence, PART)?;
    outer.end(PART)?;
    let sets = read(&name, PART)?.into_iter().map(|set| {
        let mut set: Vec<Canonical<'_>> = set.iter().map(Canonical::of).collect();
        set.sort();
        set
    });
    Ok(sets.collect())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Canonical<'a> {
    oid: &'a [u8],
    value: Value<'a>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    /// Text prepared for caseIgnoreMatch.
    Prepared(String),
    /// Unprepared text.
    Exact(Cow<'a, str>),
    /// DER.
    Bytes(&'a [u8]),
}

impl<'a> Canonical<'a> {
    fn of(attribute: &Attribute<'a>) -> Self {
        let value = match text_of(&attribute.value) {
            None => Value::Bytes(attribute.value.bytes),
            Some(text) if CASE_IGNORED.iter().any(|arc| attribute.oid.starts_with(arc)) => {
                prepare(&text).map_or(Value::Exact(text), Value::Prepared)
            }
            Some(text) => Value::Exact(text),
        };
        Self { oid: attribute.oid, value }
    }
}

/// The characters of a string of any type that a name may have; `None` if the value is not a string
/// or has bytes that are not characters. TeletexString is read as Latin-1, because that is how
/// programs write it.
pub(crate) fn text_of<'a>(value: &Element<'a>) -> Option<Cow<'a, str>> {
    let bytes = value.value;
    match value.tag {
        Tag::Utf8String => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString
            if bytes.is_ascii() =>
        {
            std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
        }
        Tag::TeletexString => Some(Cow::Owned(bytes.iter().copied().map(char::from).collect())),
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
            let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
            text.filter(|_| rest.is_empty()).map(Cow::Owned)
        }
        Tag::UniversalString => {
            let (units, rest) = bytes.as_chunks::<4>();
            let text: Option<String> =
                units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect();
            text.filter(|_| rest.is_empty()).map(Cow::Owned)
        }
        _ => None,
    }
}

/// Prepares a text for caseIgnoreMatch (RFC 4518): `None` if it has a character that RFC 4518
/// prohibits (section 2.4).
fn prepare(text: &str) -> Option<String> {
    let mapped = text.chars().filter_map(mapped).flat_map(folded);
    let text: String = if text.is_ascii() {
        mapped.collect()
    } else {
        // Normalization may produce characters that have another case (RFC 3454 appendix B.2).
        mapped.nfkc().flat_map(folded).nfkc().collect()
    };
    if text.chars().any(is_prohibited) {
        return None;
    }
    Some(without_insignificant_spaces(&text))
}

/// The mapping of RFC 4518 section 2.2 without case folding: `None` for characters that are mapped
/// to nothing.
fn mapped(character: char) -> Option<char> {
    match character {
        '\t'..='\r' | '\u{85}' => Some(' '),
        // Controls; soft hyphens, joiners and variation selectors; direction and format marks; the
        // object replacement character; ZERO WIDTH SPACE; tags.
        '\0'..='\u{8}'
        | '\u{e}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{1806}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2063}'
        | '\u{206a}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}' => None,
        // Separators.
        '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Some(' '),
        character => Some(character),
    }
}

/// Case folding by lower, upper and lower case, which gives the result of RFC 3454 appendix B.2
/// (`ß` is `ss`, both small sigmas are one). The dotless i remains distinct from `i`.
fn folded(character: char) -> impl Iterator<Item = char> {
    const DOTLESS_I: char = '\u{131}';
    let plain = character.is_ascii() || character == DOTLESS_I;
    let simple = plain.then_some(character.to_ascii_lowercase());
    let full = (!plain).then_some(character).into_iter().flat_map(|character| {
        character.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
    });
    simple.into_iter().chain(full)
}

/// The prohibited characters of RFC 4518 section 2.4, except those that were unassigned when it was
/// written.
fn is_prohibited(character: char) -> bool {
    matches!(
        character,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fffd}' | '\u{fdd0}'..='\u{fdef}'
    ) || u32::from(character) & 0xfffe == 0xfffe
}

/// RFC 4518 section 2.6.1: leading and trailing spaces and the number of spaces between words are
/// insignificant. A space with a combining mark is not such a space.
fn without_insignificant_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut pending = false;
    while let Some(character) = characters.next() {
        let carries = characters.peek().copied().is_some_and(is_combining_mark);
        if character == ' ' && !carries {
            pending = !out.is_empty();
        } else {
            if std::mem::take(&mut pending) {
                out.push(' ');
            }
            out.push(character);
        }
    }
    out
}

/// Counts the bytes that are written.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

fn write_name(out: &mut impl fmt::Write, der: &[u8]) -> fmt::Result {
    const PART: &str = "name";
    let wrong = |_| fmt::Error;
    let name = Cursor::new(der).require(Tag::Sequence, PART).map_err(wrong)?;
    // Offsets of the sets in compact form, because the last set is displayed first (section 2.1).
    let mut count = 0;
    each_set(&name, PART, |_| {
        count += 1;
        Ok(())
    })
    .map_err(wrong)?;
    let mut places = Vec::with_capacity(count);
    each_set(&name, PART, |set| {
        places.push(u32::try_from(set.offset).unwrap_or(u32::MAX));
        Ok(())
    })
    .map_err(wrong)?;
    for (index, place) in places.iter().rev().enumerate() {
        if index > 0 {
            out.write_char(',')?;
        }
        let start = usize::try_from(*place).unwrap_or(usize::MAX);
        let set = der.get(start..).ok_or(fmt::Error)?;
        let set = &Cursor::new(set).require(Tag::Set, PART).map_err(wrong)?;
        let (mut first, mut wrote) = (true, Ok(()));
        each_attribute(set, PART, |attribute| {
            if wrote.is_ok() {
                let plus = if std::mem::take(&mut first) { "" } else { "+" };
                wrote = out.write_str(plus).and_then(|()| write_attribute(out, &attribute));
            }
        })
        .map_err(wrong)?;
        wrote?;
    }
    Ok(())
}

fn write_attribute(out: &mut impl fmt::Write, attribute: &Attribute<'_>) -> fmt::Result {
    let short = SHORT_NAMES
        .iter()
        .find(|(oid, _)| *oid == attribute.oid)
        .and_then(|(_, names)| names.first());
    match (short, text_of(&attribute.value)) {
        (Some(short), Some(text)) => {
            out.write_str(short)?;
            out.write_char('=')?;
            return write_escaped(out, &text);
        }
        (Some(short), None) => out.write_str(short)?,
        (None, _) if attribute.oid.len() <= MAX_DOTTED => write_oid(out, attribute.oid)?,
        (None, _) => {
            out.write_char('#')?;
            write_hex(out, attribute.oid)?;
        }
    }
    out.write_str("=#")?;
    write_hex(out, attribute.value.bytes)
}

fn write_hex(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// Escapes a value by RFC 4514 section 2.4. Control characters are escaped too, so that a name is
/// one line.
fn write_escaped(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
    for (at, character) in text.char_indices() {
        match character {
            '#' if at == 0 => out.write_str("\\#")?,
            ' ' if at == 0 || at == last => out.write_str("\\ ")?,
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => {
                out.write_char('\\')?;
                out.write_char(character)?;
            }
            character if character.is_control() => {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    write!(out, "\\{byte:02x}")?;
                }
            }
            character => out.write_char(character)?,
        }
    }
    Ok(())
}

/// The dotted form of an object identifier with this DER content.
fn write_oid(out: &mut impl fmt::Write, oid: &[u8]) -> fmt::Result {
    for (index, arc) in oid.split_inclusive(|byte| *byte < 0x80).enumerate() {
        let mut digits = decimal(arc);
        if index == 0 {
            // The first number is 40 times the first arc plus the second (X.690 section 8.19.4).
            let first = match digits[..] {
                [low] if low < 80 => low / 40,
                _ => 2,
            };
            write!(out, "{first}.")?;
            subtract(&mut digits, first * 40);
        } else {
            out.write_char('.')?;
        }
        let mut digits = digits.iter().rev();
        write!(out, "{}", digits.next().unwrap_or(&0))?;
        digits.try_for_each(|digit| write!(out, "{digit:09}"))?;
    }
    Ok(())
}

/// A limb of a decimal number holds nine digits.
const LIMB: u64 = 1_000_000_000;

/// Converts a number of any length from base 128 to limbs of nine decimal digits, lowest first.
fn decimal(arc: &[u8]) -> Vec<u64> {
    let mut limbs = vec![0];
    // Four base-128 digits at a time.
    for chunk in arc.chunks(4) {
        let mut carry = chunk.iter().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
        for limb in &mut limbs {
            let number = (*limb << (7 * chunk.len())) + carry;
            (*limb, carry) = (number % LIMB, number / LIMB);
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    limbs
}

/// Subtracts `less`, which must not exceed the number.
fn subtract(limbs: &mut Vec<u64>, mut less: u64) {
    for limb in limbs.iter_mut() {
        if *limb >= less {
            *limb -= less;
            break;
        }
        *limb = *limb + LIMB - less;
        less = 1;
    }
    while limbs.len() > 1 && limbs.last() == Some(&0) {
        limbs.pop();
    }
}
