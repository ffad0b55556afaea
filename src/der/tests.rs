use der::asn1::{AnyRef, BitStringRef, Int, Null, ObjectIdentifier, Utf8StringRef};
use der::{Decode as _, Reader as _, SliceReader, Tagged as _};
use proptest::prelude::*;

use super::*;

fn ours(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    cursor.next("x").and_then(|element| element.check("x")).is_ok() && cursor.is_empty()
}

/// Reads the element and everything inside it with the crate `der`.
fn theirs(bytes: &[u8]) -> bool {
    use der::Tag;

    // Types with numbers above 30.
    if matches!(bytes.first(), Some(0x1f | 0x3f)) {
        return true;
    }
    let known = as_known(bytes);
    let bytes = &known[..];
    let Ok(any) = AnyRef::from_der(bytes) else { return false };
    match any.tag() {
        tag if tag.is_constructed() => {
            let mut rest = any.value();
            while !rest.is_empty() {
                let known = as_known(rest);
                let mut reader = SliceReader::new(&known).unwrap();
                if AnyRef::decode(&mut reader).is_err() {
                    return false;
                }
                let end = rest.len() - usize::try_from(reader.remaining_len()).unwrap();
                if !theirs(&rest[..end]) {
                    return false;
                }
                rest = &rest[end..];
            }
            true
        }
        Tag::Boolean => bool::from_der(bytes).is_ok(),
        Tag::Integer => Int::from_der(bytes).is_ok(),
        Tag::Null => Null::from_der(bytes).is_ok(),
        // DER permits longer identifiers and larger numbers than that crate accepts, and arcs below
        // joint-iso-itu-t (2) other than those up to 2.39.
        Tag::ObjectIdentifier
            if any.value().len() <= 4
                && any.value().first().is_none_or(|first| *first < 120 || *first == 0x80) =>
        {
            <ObjectIdentifier>::from_der(bytes).is_ok()
        }
        Tag::BitString => BitStringRef::from_der(bytes).is_ok(),
        Tag::Utf8String => Utf8StringRef::from_der(bytes).is_ok(),
        _ => true,
    }
}

/// The bytes with a type that the crate knows in the place of a first type that it does not know:
/// strings and times, then constructed types.
fn as_known(bytes: &[u8]) -> Vec<u8> {
    let mut known = bytes.to_vec();
    match known.first().copied().unwrap_or_default() {
        0x07 | 0x0e | 0x0f | 0x19 | 0x1c => known[0] = 0x04,
        0x28 | 0x2b | 0x2f | 0x3d => known[0] = 0x30,
        _ => {}
    }
    known
}

#[test]
fn a_type_that_the_crate_der_does_not_know_is_read_inside_another() {
    let bytes = [
        0x30, 0x18, 0x13, 0x01, 0x30, 0x0e, 0x13, 0x03, 0x00, 0x00, 0x00, 0x01, 0x03, 0x00, 0x00,
        0x00, 0x01, 0x02, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00,
    ];
    assert!(ours(&bytes) && theirs(&bytes));
}

/// Bytes that are often DER or nearly DER.
fn nearly_der() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop::sample::select(vec![
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x1e, 0x80, 0xa0, 0x30, 0x31, 0x1f, 0x24,
        0x00, 0x9f, 0xbf,
    ]);
    let content = prop::collection::vec(
        prop::sample::select(vec![0x00, 0x01, 0x7f, 0x80, 0x81, 0xff, 0x55]),
        0..5,
    );
    let leaf = (tag, content, -1i8..=1).prop_map(|(tag, content, off)| element(tag, &content, off));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let tag = prop::sample::select(vec![0x30, 0x31, 0xa0, 0xa3, 0x24, 0x10]);
        let off = prop::sample::select(vec![0, 0, 0, 0, 0, 1, -1]);
        (tag, prop::collection::vec(inner, 0..4), off)
            .prop_map(|(tag, parts, off)| element(tag, &parts.concat(), off))
    })
}

/// One element; `off` makes its length wrong.
fn element(tag: u8, content: &[u8], off: i8) -> Vec<u8> {
    let length = u8::try_from(content.len().min(120)).unwrap().saturating_add_signed(off);
    let mut out = vec![tag, length];
    out.extend_from_slice(content);
    out
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn inputs_that_the_crate_der_refuses_are_refused(bytes in nearly_der()) {
        prop_assert!(theirs(&bytes) || !ours(&bytes), "{bytes:02x?}");
    }

    #[test]
    fn random_bytes_that_the_crate_der_refuses_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..12)
    ) {
        prop_assert!(theirs(&bytes) || !ours(&bytes), "{bytes:02x?}");
    }
}

#[test]
fn ber_that_is_not_der_is_refused() {
    for bytes in [
        &[0x30, 0x80, 0x00, 0x00][..],         // indefinite length
        &[0x30, 0x81, 0x00],                   // a length in more bytes than it takes
        &[0x30, 0x82, 0x00, 0x02, 0x05, 0x00], // the same
        &[0x24, 0x04, 0x04, 0x02, 0x01, 0x02], // a string in pieces
        &[0x10, 0x00],                         // a sequence that is primitive
        &[0x22, 0x00],                         // an integer that is constructed
        &[0x02, 0x00],                         // an integer without bytes
        &[0x02, 0x02, 0x00, 0x7f],             // a needless zero
        &[0x02, 0x02, 0xff, 0x80],             // a needless sign
        &[0x01, 0x01, 0x01],                   // a true that is not ff
        &[0x05, 0x01, 0x00],                   // a null with content
        &[0x06, 0x00],                         // no object identifier
        &[0x06, 0x02, 0x2a, 0x80],             // one that does not end
        &[0x06, 0x03, 0x2a, 0x80, 0x01],       // one with a needless byte
        &[0x03, 0x00],                         // a bit string without its first byte
        &[0x03, 0x01, 0x01],                   // unused bits of nothing
        &[0x03, 0x02, 0x01, 0x01],             // unused bits that are not zero
        &[0x03, 0x02, 0x08, 0x00],             // more unused bits than a byte has
        &[0x0c, 0x01, 0xff],                   // not UTF-8
        &[0x1e, 0x01, 0x00],                   // half a character
        &[0x1e, 0x02, 0xd8, 0x00],             // half a pair of surrogates
        &[0x1c, 0x03, 0x00, 0x00, 0x41],       // three quarters of a character
        &[0x1c, 0x04, 0x00, 0x11, 0x00, 0x00], // a character beyond the last
        &[0x30, 0x02, 0x05, 0x00, 0x00],       // a byte after the end
        &[0x30, 0x03, 0x05, 0x00],             // cut short
        &[0x00, 0x00],                         // the end of an indefinite length
        &[0x08, 0x00],                         // an EXTERNAL that is primitive
        &[0x3c, 0x00],                         // a UniversalString in pieces
        &[0x1f, 0x1e, 0x00],                   // a long tag for a short number
        &[0x9f, 0x80, 0x1f, 0x00],             // one with a needless byte
        &[0x9f, 0x9f],                         // one that does not end
        &[0xbf, 0x1e, 0x00],                   // the same
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], // a length beyond everything
        &[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[],
    ] {
        assert!(!ours(bytes), "{bytes:02x?}");
    }
}

#[test]
fn reads_every_type_of_x680_and_every_class() {
    for bytes in [
        &[0x07, 0x01, b'a'][..],                           // ObjectDescriptor
        &[0x28, 0x00],                                     // EXTERNAL
        &[0x09, 0x00],                                     // REAL
        &[0x2b, 0x00],                                     // EMBEDDED PDV
        &[0x0e, 0x04, b'2', b'0', b'2', b'6'],             // TIME
        &[0x15, 0x00],                                     // VideotexString
        &[0x19, 0x00],                                     // GraphicString
        &[0x1b, 0x00],                                     // GeneralString
        &[0x1c, 0x04, 0x00, 0x01, 0xf6, 0x00],             // UniversalString
        &[0x3d, 0x00],                                     // CHARACTER STRING
        &[0x1f, 0x1f, 0x00],                               // DATE
        &[0x5f, 0x8f, 0xff, 0xff, 0xff, 0x7f, 0x00],       // [APPLICATION 2^32 - 1]
        &[0xdf, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00], // a longer number
        &[0xe0, 0x02, 0x05, 0x00],
    ] {
        assert!(ours(bytes), "{bytes:02x?}");
    }
}

#[test]
fn writes_the_headers_that_it_reads() {
    for tag in [Tag::Sequence, Tag::Utf8String, Tag::UniversalString, context(3)] {
        for length in [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000] {
            let mut out = Vec::new();
            write_header(&mut out, tag, length);
            assert_eq!(out.len(), header_length(length));
            assert_eq!(header(&out), Some((tag, out.len(), length)));
        }
    }
}

#[test]
fn bounds_depth() {
    let nested =
        |depth: usize| (0..depth).fold(vec![0x05, 0x00], |inside, _| element(0x30, &inside, 0));
    assert!(ours(&nested(32)));
    assert!(!ours(&nested(33)));
}
