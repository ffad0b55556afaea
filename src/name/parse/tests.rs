use proptest::prelude::*;

use super::super::{Likeness, compare, to_text};
use super::*;

#[test]
fn a_name_that_was_read_is_displayed_the_same() {
    for (text, shown) in [
        ("", ""),
        ("CN=", "CN="),
        ("CN=A", "CN=A"),
        ("cn=A,commonName=B", "CN=A,CN=B"),
        ("CN=\\\\\\,,O=Org", "CN=\\\\\\,,O=Org"),
        ("UID=jsmith,DC=example,DC=net", "UID=jsmith,DC=example,DC=net"),
        ("OU=Sales+CN=J.  Smith,DC=example", "OU=Sales+CN=J.  Smith,DC=example"),
        ("CN=James \\\"Jim\\\" Smith\\, III", "CN=James \\\"Jim\\\" Smith\\, III"),
        ("CN=Before\\0dAfter", "CN=Before\\0dAfter"),
        ("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=#04024869"),
        ("CN=Lu\\C4\\8Di\\C4\\87", "CN=Lučić"),
        ("CN=a=b#c\u{1}", "CN=a=b#c\\01"),
        ("CN=\\#a\\=\\ ", "CN=\\#a=\\ "),
        ("CN=\\00", "CN=\\00"),
        ("2.5.4.3=A", "CN=A"),
        ("CN=#0c0141", "CN=A"),
        (
            "2.25.340282366920938463463374607431768211455=#0c0141",
            "2.25.340282366920938463463374607431768211455=#0c0141",
        ),
        ("0.39=#0500,1.0=#0500,2.999=#0500", "0.39=#0500,1.0=#0500,2.999=#0500"),
        ("1.2.3=text", "1.2.3=#0c0474657874"),
        ("C=SE", "C=SE"),
        ("C=Åland", "C=Åland"),
    ] {
        assert_eq!(to_text(&parse(text).unwrap()), shown, "{text}");
    }
}

#[test]
fn text_outside_the_grammar_is_refused() {
    for text in [
        " ",
        ",",
        "CN",
        "=A",
        "CN=A,",
        ",CN=A",
        "CN=A+",
        "CN=A,,O=B",
        "CN=A, O=B",
        "CN =A",
        "CN= A",
        "CN=A ",
        "CN=A ,O=B",
        "CN=A;O=B",
        "CN=A\\",
        "CN=\\2",
        "CN=\\2g",
        "CN=\\a",
        "CN=\\x",
        "CN=A<B>",
        "CN=a\"b",
        "CN=\"A\"",
        "CN=\0",
        "CN=\\ff",
        "CN=#",
        "CN=#0",
        "CN=#0c",
        "CN=#0c0141 ",
        "CN=#0c0141ff",
        "CN=#0c024g",
        "CN=#zz",
        "CN=\\é",
        "OID.2.5.4.3=A",
        "2.5.4.03=A",
        "2.5..3=A",
        "2.=A",
        "2=A",
        "3.1=A",
        "1.40=A",
        "0.100=A",
        "1.02=A",
        "2.5.4.=A",
        "-A=B",
        "NOSUCHTYPE=A",
        "CN\n=A",
        "\u{feff}CN=A",
        "CN=A\\",
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!((error.class(), error.part()), (crate::Class::Malformed, "subject"));
    }
}

/// A string of any type with unusual text.
fn string() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof!["[ -~]{0,6}", "\\PC{0,6}", "[ #\\\\,+;<>\"=]{0,6}", any::<String>(),];
    (text, 0..5).prop_map(|(text, kind)| match kind {
        0 => element(Tag::BmpString, &[text.encode_utf16().flat_map(u16::to_be_bytes).collect()]),
        1 => element(
            Tag::UniversalString,
            &[text.chars().flat_map(|character| u32::from(character).to_be_bytes()).collect()],
        ),
        2 if text.is_ascii() => element(Tag::PrintableString, &[text.into_bytes()]),
        3 => element(Tag::TeletexString, &[text.into_bytes()]),
        _ => element(Tag::Utf8String, &[text.into_bytes()]),
    })
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let oid = prop_oneof![
        prop::sample::select(SHORT_NAMES).prop_map(|(oid, _)| oid.to_vec()),
        prop::collection::vec(0_u8..0x80, 1..6),
        prop::collection::vec(0x81_u8..=0xff, 1..20).prop_map(|mut oid| {
            oid.push(1);
            oid
        }),
    ];
    let pair = (oid, string()).prop_map(|(oid, value)| {
        element(Tag::Sequence, &[element(Tag::ObjectIdentifier, &[oid]), value])
    });
    let set = prop::collection::vec(pair, 1..3).prop_map(|mut pairs| {
        pairs.sort();
        element(Tag::Set, &pairs)
    });
    prop::collection::vec(set, 0..4).prop_map(|sets| element(Tag::Sequence, &sets))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn reads_every_name_that_is_shown(name in name()) {
        let text = to_text(&name);
        let read = parse(&text);
        prop_assert!(read.is_ok(), "{text:?} {read:?}");
        let read = read.unwrap();
        prop_assert_ne!(compare(&name, &read), Likeness::Different, "{}", text);
    }

    #[test]
    fn never_panics_on_any_text(text in any::<String>()) {
        let _ = parse(&text);
    }
}
