//! A certificate's subject against its request's: RFC 5280 section 7.1.

use keyferry::Remark;
use keyferry::{Certificate, Class};

use crate::certificate::support::*;

fn compare(asked: &[u8], issued: &[u8]) -> Result<Vec<Remark>, keyferry::Error> {
    let fields = Fields { subject: issued.to_vec(), ..Fields::new() };
    Certificate::from_der(&fields.der()).unwrap().matches(&request(asked))
}

fn same(asked: &[u8], issued: &[u8]) {
    assert_eq!(compare(asked, issued).unwrap(), [Remark::SubjectEncoding]);
    assert_eq!(compare(issued, asked).unwrap(), [Remark::SubjectEncoding]);
    assert_eq!(compare(asked, asked).unwrap(), []);
}

fn different(asked: &[u8], issued: &[u8]) {
    for result in [compare(asked, issued), compare(issued, asked)] {
        let error = result.unwrap_err();
        assert_eq!((error.class(), error.part()), (Class::Csr, "certificate.subject"));
    }
}

fn cn(tag: u8, text: impl AsRef<[u8]>) -> Vec<u8> {
    name(&[&[attribute(CN, tag, text)]])
}

#[test]
fn a_name_is_the_same_in_every_type_of_string() {
    same(&cn(UTF8, "Jane"), &cn(PRINTABLE, "Jane"));
    same(&cn(UTF8, "Jane"), &cn(VISIBLE, "Jane"));
    same(&cn(UTF8, "Jane"), &cn(IA5, "Jane"));
    same(&cn(UTF8, "Jané"), &cn(BMP, utf16("Jané")));
    same(&cn(UTF8, "Jané"), &cn(UNIVERSAL, utf32("Jané")));
    same(&cn(UTF8, "Jané"), &cn(TELETEX, [b'J', b'a', b'n', 0xe9]));
    same(
        &name(&[&[attribute(C, PRINTABLE, "SE")], &[attribute(CN, UTF8, "Jane")]]),
        &name(&[&[attribute(C, UTF8, "SE")], &[attribute(CN, PRINTABLE, "Jane")]]),
    );
    different(&cn(UTF8, "Jane"), &cn(UTF8, "Jana"));
    different(&cn(UTF8, "Jané"), &cn(UTF8, "Jane"));
}

#[test]
fn case_and_insignificant_blanks_do_not_count() {
    for (one, other) in [
        ("Jane Doe", "JANE DOE"),
        ("Jane Doe", "  jane   doe "),
        ("Jane Doe", "Jane\u{a0}Doe"),
        ("Jane Doe", "Jane\tDoe\r\n"),
        ("", "  "),
        // Folded to more than one character, or by another rule than lower case.
        ("Straße", "STRASSE"),
        ("STRAẞE", "strasse"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("Ωμέγα", "\u{2126}ΜΈΓΑ"),
        ("Å", "\u{212b}"),
        // Composed and decomposed, full width, ligatures.
        ("Jané", "Jane\u{301}"),
        ("JANÉ", "jane\u{301}"),
        ("Acme", "Ａｃｍｅ"),
        ("office", "oﬃce"),
        ("ТОВ Київ", "тов київ"),
        // Characters that are mapped to nothing.
        ("Jane", "Ja\u{ad}ne"),
        ("Jane", "\u{feff}Jane\u{200d}"),
        ("Jane", "Ja\u{200b}ne"),
        ("Jane", "Ja\0ne"),
    ] {
        same(&cn(UTF8, one), &cn(UTF8, other));
    }
    for (one, other) in [
        ("JaneDoe", "Jane Doe"),
        ("Jane", "Jane."),
        ("ı", "i"),
        ("0", "O"),
        ("а", "a"),
        ("Jané", "Jane"),
        // A space that carries a combining mark counts.
        ("Jane \u{301}", "Jane\u{301}"),
        // Characters that must not be compared are the same only as they are.
        ("Jane\u{e000}", "JANE\u{e000}"),
        ("Jane\u{fffd}", "jane\u{fffd}"),
    ] {
        different(&cn(UTF8, one), &cn(UTF8, other));
    }
    same(&cn(UTF8, "\u{e000}"), &cn(BMP, utf16("\u{e000}")));
}

#[test]
fn domain_components_and_mail_addresses_have_no_case() {
    for kind in [DC, EMAIL] {
        let one = name(&[&[attribute(kind, IA5, "jane@Acme.Example")]]);
        same(&one, &name(&[&[attribute(kind, IA5, "JANE@acme.example")]]));
        same(&one, &name(&[&[attribute(kind, UTF8, "jane@acme.example")]]));
        different(&one, &name(&[&[attribute(kind, IA5, "jane@acme.test")]]));
    }
}

#[test]
fn attributes_of_one_set_have_no_order_and_sets_have_one() {
    let (c, o, u) = (attribute(CN, UTF8, "a"), attribute(O, UTF8, "b"), attribute(OU, UTF8, "c"));
    let upper = attribute(O, PRINTABLE, "B");
    let one = name(&[&[c.clone(), o.clone()], std::slice::from_ref(&u)]);
    same(&one, &name(&[&[o.clone(), c.clone()], std::slice::from_ref(&u)]));
    same(&one, &name(&[&[upper, c.clone()], std::slice::from_ref(&u)]));
    for other in [
        name(&[std::slice::from_ref(&u), &[c.clone(), o.clone()]]),
        name(&[std::slice::from_ref(&c), std::slice::from_ref(&o), std::slice::from_ref(&u)]),
        name(&[std::slice::from_ref(&c), std::slice::from_ref(&u)]),
        name(&[&[c.clone(), o.clone()]]),
        name(&[&[c.clone(), o.clone(), o.clone()], std::slice::from_ref(&u)]),
        name(&[&[c.clone(), o.clone()], std::slice::from_ref(&u), std::slice::from_ref(&u)]),
        name(&[]),
    ] {
        different(&one, &other);
    }
    // The same value of another type is another attribute.
    different(&cn(UTF8, "a"), &name(&[&[attribute(O, UTF8, "a")]]));
}

#[test]
fn values_without_a_known_rule_are_compared_bytewise() {
    let private = |tag, text: &[u8]| name(&[&[attribute(PRIVATE, tag, text)]]);
    same(&private(UTF8, b"4711-ab"), &private(PRINTABLE, b"4711-ab"));
    different(&private(UTF8, b"4711-ab"), &private(UTF8, b"4711-AB"));
    different(&private(UTF8, b"a b"), &private(UTF8, b"a  b"));
    // Values that are no text: other bytes are another value.
    different(&private(0x04, b"Jane"), &private(0x04, b"JANE"));
    different(&private(0x04, b"Jane"), &private(UTF8, b"Jane"));
}
