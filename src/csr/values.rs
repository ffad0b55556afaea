//! The permitted values of the attributes of a subject and of a request.

use crate::der::{Class as TagClass, Element, Tag};
use crate::{Class, Error};

/// Name attributes whose values are not strings, with the types of their values: postalAddress and
/// registeredAddress (a SEQUENCE of strings), telexNumber, teletexTerminalIdentifier,
/// facsimileTelephoneNumber, presentationAddress, member, owner, roleOccupant, seeAlso,
/// distinguishedName and uniqueMember of X.520, x500UniqueIdentifier, and dateOfBirth of RFC 3739.
const NO_STRINGS: &[(&[u8], Tag)] = &[
    (&[0x55, 0x04, 0x10], Tag::Sequence),
    (&[0x55, 0x04, 0x1a], Tag::Sequence),
    (&[0x55, 0x04, 0x15], Tag::Sequence),
    (&[0x55, 0x04, 0x16], Tag::Sequence),
    (&[0x55, 0x04, 0x17], Tag::Sequence),
    (&[0x55, 0x04, 0x1d], Tag::Sequence),
    (&[0x55, 0x04, 0x1f], Tag::Sequence),
    (&[0x55, 0x04, 0x20], Tag::Sequence),
    (&[0x55, 0x04, 0x21], Tag::Sequence),
    (&[0x55, 0x04, 0x22], Tag::Sequence),
    (&[0x55, 0x04, 0x31], Tag::Sequence),
    (&[0x55, 0x04, 0x32], Tag::Sequence),
    (&[0x55, 0x04, 0x2d], Tag::BitString),
    (&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x09, 0x01], Tag::GeneralizedTime),
];

/// Prefixes of the attribute types whose other values are strings: X.520 (id-at), RFC 4524,
/// emailAddress, unstructuredName and unstructuredAddress of PKCS#9, RFC 3739, and the jurisdiction
/// of incorporation.
const STRINGS: &[&[u8]] = &[
    &[0x55, 0x04],
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01],
    UNSTRUCTURED_NAME,
    UNSTRUCTURED_ADDRESS,
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x09],
    &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01],
];

const UNSTRUCTURED_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02];
const CHALLENGE_PASSWORD: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07];
const UNSTRUCTURED_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x08];

/// Checks that a name may have this value. The value of an unknown type must be a string, or one of
/// the other types that programs read in a name: SEQUENCE, BIT STRING, OCTET STRING.
///
/// # Errors
/// Class `csr` for another type of element, `malformed` for a string with bytes that its type does
/// not permit, or for invalid DER inside.
pub(super) fn check_in_name(
    oid: &[u8],
    value: &Element<'_>,
    part: &'static str,
) -> Result<(), Error> {
    if is_string(value.tag) {
        return check_string(value, part);
    }
    value.check(part)?;
    let due = NO_STRINGS.iter().find(|(known, _)| *known == oid).map(|(_, tag)| *tag);
    let fits = match due {
        Some(tag) => value.tag == tag,
        None => {
            !STRINGS.iter().any(|arc| oid.starts_with(arc))
                && matches!(value.tag, Tag::Sequence | Tag::BitString | Tag::OctetString)
        }
    };
    if !fits {
        return Err(Error::new(Class::Csr, part, "a value that is no string").at(value.offset));
    }
    if value.tag == Tag::GeneralizedTime && !is_time(value.value) {
        return Err(Error::malformed(part, "a time that is not DER").at(value.offset));
    }
    check_strings_inside(value, part)
}

/// Checks that an attribute of a request may have this value: the three PKCS#9 attributes that are
/// strings must be strings. All others may hold any value.
///
/// # Errors
/// Those of [`check_in_name`].
pub(super) fn check_in_attributes(
    oid: &[u8],
    value: &Element<'_>,
    part: &'static str,
) -> Result<(), Error> {
    if is_string(value.tag) {
        return check_string(value, part);
    }
    if [UNSTRUCTURED_NAME, CHALLENGE_PASSWORD, UNSTRUCTURED_ADDRESS].contains(&oid) {
        return Err(Error::new(Class::Csr, part, "a value that is no string").at(value.offset));
    }
    value.check(part)
}

/// All string types of X.680, including TeletexString (T61String), VideotexString (21),
/// GraphicString (25) and GeneralString (27).
fn is_string(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Utf8String
            | Tag::NumericString
            | Tag::PrintableString
            | Tag::TeletexString
            | Tag::Ia5String
            | Tag::VisibleString
            | Tag::UniversalString
            | Tag::BmpString
            | Tag::Other { class: TagClass::Universal, constructed: false, number: 21 | 25 | 27 }
    )
}

/// Checks that the bytes are characters of the type. PrintableString may hold every visible ASCII
/// character, because programs write `@`, `*`, `&` and `_` in it.
fn check_string(value: &Element<'_>, part: &'static str) -> Result<(), Error> {
    let bytes = value.value;
    let fits = match value.tag {
        Tag::Utf8String => std::str::from_utf8(bytes).is_ok(),
        Tag::NumericString => bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b' '),
        Tag::PrintableString | Tag::VisibleString => {
            bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        }
        Tag::Ia5String => bytes.is_ascii(),
        Tag::UniversalString => {
            let (units, rest) = bytes.as_chunks::<4>();
            let is_character = |unit: &[u8; 4]| char::from_u32(u32::from_be_bytes(*unit)).is_some();
            rest.is_empty() && units.iter().all(is_character)
        }
        Tag::BmpString => {
            let (units, rest) = bytes.as_chunks::<2>();
            // A surrogate is not a character of the Basic Multilingual Plane.
            rest.is_empty() && !units.iter().any(|unit| matches!(unit, [0xd8..=0xdf, _]))
        }
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(Error::malformed(part, "a string with bytes that its type does not have")
            .at(value.offset))
    }
}

/// Checks the strings directly inside a SEQUENCE, such as those of postalAddress.
fn check_strings_inside(value: &Element<'_>, part: &'static str) -> Result<(), Error> {
    let mut inside = value.inside();
    while value.tag == Tag::Sequence && !inside.is_empty() {
        let element = inside.next(part)?;
        if is_string(element.tag) {
            check_string(&element, part)?;
        }
    }
    Ok(())
}

/// `YYYYMMDDHHMMSS`, an optional fraction, and `Z` (X.690 section 11.7).
fn is_time(value: &[u8]) -> bool {
    let Some((seconds, rest)) = value.split_at_checked(14) else { return false };
    let rest = match rest {
        [b'Z'] => return seconds.iter().all(u8::is_ascii_digit),
        [b'.', fraction @ .., b'Z'] => fraction,
        _ => return false,
    };
    let digits = seconds.iter().chain(rest).all(u8::is_ascii_digit);
    digits && rest.last().is_some_and(|last| *last != b'0')
}
