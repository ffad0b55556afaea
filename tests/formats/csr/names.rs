//! The names of templates and requests: which values they have, and how they are written.

use keyferry::Class;
use keyferry::csr::{Request, Template};

use crate::csr::{PROVIDER, Pieces, oid, pair};
use crate::support::*;

/// CN.
const CN: &[u8] = &[0x55, 4, 3];
/// 1.3.6.1.4.1.188.7.1.1.2, a private type.
const PRIVATE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0x3c, 0x07, 0x01, 0x01, 0x02];
const CHALLENGE_PASSWORD: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07];
const DATE_OF_BIRTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x09, 0x01];

fn with_value(kind: &[u8], value: &[u8]) -> Pieces {
    Pieces { subject: der(0x30, &[&pair(kind, value)]), ..Pieces::new() }
}

fn with_attribute(kind: &[u8], value: &[u8]) -> Pieces {
    let attribute = der(0x30, &[&oid(kind), &der(0x31, &[value])]);
    Pieces { attributes: Some(der(0xa0, &[&attribute])), ..Pieces::new() }
}

fn strings() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("UTF8String", der(0x0c, &["Zo\u{eb}".as_bytes()])),
        ("NumericString", der(0x12, &[b"12 34"])),
        ("PrintableString", der(0x13, &[b"Zoe"])),
        ("PrintableString with an at sign", der(0x13, &[b"zoe@example.com *&_"])),
        ("TeletexString", der(0x14, &[b"Zo\xeb"])),
        ("VideotexString", der(0x15, &[b"Zoe"])),
        ("IA5String", der(0x16, &[b"Zoe"])),
        ("GraphicString", der(0x19, &[b"Zoe"])),
        ("VisibleString", der(0x1a, &[b"Zoe"])),
        ("GeneralString", der(0x1b, &[b"Zoe"])),
        ("UniversalString", der(0x1c, &[&[0, 0, 0, 0x5a, 0, 1, 0xf6, 0]])),
        ("BMPString", der(0x1e, &[&[0, 0x5a, 0, 0xeb]])),
        ("an empty string", der(0x0c, &[])),
    ]
}

/// The template is read, and becomes a request that keeps its names. The crate x509-cert is not
/// asked, as it does not know all of these types.
fn check(name: &str, der: &[u8]) {
    let template = Template::from_der(der).unwrap_or_else(|error| panic!("{name}: {error}"));
    let request = template.replace_key(p256()).unwrap();
    let request = Request::from_der(&request, PROVIDER);
    let request = request.unwrap_or_else(|error| panic!("{name}: {error}"));
    request.matches(&template).unwrap();
    assert_eq!(request.subject_der(), template.subject_der(), "{name}");
}

#[test]
fn takes_values_of_every_string_type() {
    for (name, value) in strings() {
        for kind in [CN, PRIVATE] {
            let template = with_value(kind, &value).to_der();
            check(name, &template);
            Request::from_der(&with_value(kind, &value).signed(), PROVIDER).unwrap();
        }
        let template = with_attribute(CHALLENGE_PASSWORD, &value).to_der();
        check(name, &template);
    }
}

#[test]
fn takes_the_templates_with_universal_strings() {
    for template in [
        &include_bytes!("../../fixtures/field/06_template_subject_universalstring.der")[..],
        include_bytes!("../../fixtures/field/06_template_attribute_universalstring.der"),
    ] {
        check("universal", template);
    }
}

#[test]
fn refuses_values_of_a_name_that_are_no_strings() {
    for (name, value) in [
        ("BOOLEAN", vec![0x01, 0x01, 0xff]),
        ("INTEGER", vec![0x02, 0x01, 0x05]),
        ("NULL", vec![0x05, 0x00]),
        ("OBJECT IDENTIFIER", vec![0x06, 0x01, 0x2a]),
        ("ENUMERATED", vec![0x0a, 0x01, 0x05]),
        ("UTCTime", der(0x17, &[b"230101000000Z"])),
        ("SET", vec![0x31, 0x00]),
        ("[0], primitive", der(0x80, &[b"Zoe"])),
        ("[0], constructed", der(0xa0, &[&der(0x0c, &[b"Zoe"])])),
        ("[APPLICATION 1]", der(0x41, &[b"Zoe"])),
        ("[PRIVATE 1]", der(0xc1, &[b"Zoe"])),
    ] {
        for kind in [CN, PRIVATE] {
            let error = Template::from_der(&with_value(kind, &value).to_der()).expect_err(name);
            assert_eq!((error.class(), error.part()), (Class::Csr, "subject"), "{name}");
            let error = Request::from_der(&with_value(kind, &value).signed(), PROVIDER);
            let error = error.expect_err(name);
            assert_eq!((error.class(), error.part()), (Class::Csr, "subject"), "{name}");
        }
        let template = with_attribute(CHALLENGE_PASSWORD, &value).to_der();
        let error = Template::from_der(&template).expect_err(name);
        assert_eq!((error.class(), error.part()), (Class::Csr, "attributes"), "{name}");
    }
    // Of a type that is a string.
    for (name, value) in [
        ("SEQUENCE", der(0x30, &[&der(0x0c, &[b"Zoe"])])),
        ("OCTET STRING", der(0x04, &[b"Zoe"])),
        ("BIT STRING", vec![0x03, 0x02, 0x00, 0x55]),
        ("GeneralizedTime", der(0x18, &[b"20230101000000Z"])),
    ] {
        let error = Template::from_der(&with_value(CN, &value).to_der()).expect_err(name);
        assert_eq!((error.class(), error.part()), (Class::Csr, "subject"), "{name}");
    }
    // The second of two pairs in one set.
    let set = der(
        0x31,
        &[
            &der(0x30, &[&oid(CN), &der(0x0c, &[b"a"])]),
            &der(0x30, &[&oid(&[0x55, 4, 5]), &[0x02, 0x01, 0x05]]),
        ],
    );
    let template = Pieces { subject: der(0x30, &[&set]), ..Pieces::new() }.to_der();
    assert_eq!(Template::from_der(&template).unwrap_err().part(), "subject");
}

#[test]
fn takes_other_values_of_the_types_that_have_them() {
    let lines = der(0x30, &[&der(0x0c, &[b"Street 1"]), &der(0x13, &[b"Town"])]);
    for (kind, value) in [
        (DATE_OF_BIRTH, der(0x18, &[b"19801231120000Z"])),
        (&[0x55, 4, 45], vec![0x03, 0x02, 0x00, 0x55]),
        (&[0x55, 4, 16], lines),
        (PRIVATE, der(0x30, &[&[0x02, 0x01, 0x05]])),
        (PRIVATE, der(0x04, &[b"x"])),
    ] {
        Template::from_der(&with_value(kind, &value).to_der()).unwrap();
    }
    for (kind, value, class) in [
        (DATE_OF_BIRTH, der(0x18, &[b"198012311200Z"]), Class::Malformed),
        (DATE_OF_BIRTH, der(0x18, &[b"19801231120000+0100"]), Class::Malformed),
        (DATE_OF_BIRTH, vec![0x03, 0x02, 0x00, 0x55], Class::Csr),
        (&[0x55, 4, 45], der(0x18, &[b"19801231120000Z"]), Class::Csr),
        (&[0x55, 4, 16], der(0x30, &[&der(0x0c, &[&[0xff]])]), Class::Malformed),
    ] {
        let error = Template::from_der(&with_value(kind, &value).to_der()).unwrap_err();
        assert_eq!((error.class(), error.part()), (class, "subject"));
    }
}

#[test]
fn refuses_strings_with_bytes_that_their_type_does_not_have() {
    for (name, value) in [
        ("UTF8String", der(0x0c, &[&[0xff]])),
        ("NumericString", der(0x12, &[b"12a"])),
        ("PrintableString", der(0x13, &[&[0xe5]])),
        ("PrintableString with a control", der(0x13, &[&[0x00]])),
        ("IA5String", der(0x16, &[&[0x80]])),
        ("VisibleString", der(0x1a, &[b"\n"])),
        ("UniversalString of 3 bytes", der(0x1c, &[&[0, 0, 0x5a]])),
        ("UniversalString beyond Unicode", der(0x1c, &[&[0, 0x11, 0, 0]])),
        ("UniversalString of a surrogate", der(0x1c, &[&[0, 0, 0xd8, 0]])),
        ("BMPString of 3 bytes", der(0x1e, &[&[0, 0x5a, 0]])),
        ("BMPString of a surrogate", der(0x1e, &[&[0xd8, 0x3d, 0xde, 0x00]])),
    ] {
        for template in [with_value(CN, &value).to_der(), with_value(PRIVATE, &value).to_der()] {
            let error = Template::from_der(&template).expect_err(name);
            assert_eq!((error.class(), error.part()), (Class::Malformed, "subject"), "{name}");
        }
        let template = with_attribute(CHALLENGE_PASSWORD, &value).to_der();
        let error = Template::from_der(&template).expect_err(name);
        assert_eq!((error.class(), error.part()), (Class::Malformed, "attributes"), "{name}");
    }
}

#[test]
fn reads_the_names_of_rfc_4514_and_nothing_else() {
    let cases = include_str!("../../fixtures/field/20_rfc4514.tsv");
    let (mut accepted, mut refused) = (0, 0);
    for line in cases.lines() {
        let (text, verdict) = line.split_once('\t').unwrap();
        let read = Template::for_subject(text, PROVIDER);
        if verdict.starts_with("accept") {
            read.unwrap_or_else(|error| panic!("{text}: {error}"));
            accepted += 1;
        } else {
            let error = read.expect_err(text);
            assert_eq!((error.class(), error.part()), (Class::Malformed, "subject"), "{text}");
            assert!(error.offset().is_some(), "{text}");
            refused += 1;
        }
    }
    assert_eq!((accepted, refused), (2, 5));
    // The examples of RFC 4514 section 4.
    for text in [
        "UID=jsmith,DC=example,DC=net",
        "OU=Sales+CN=J.  Smith,DC=example,DC=net",
        "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net",
        "CN=Before\\0dAfter,DC=example,DC=net",
        "1.3.6.1.4.1.1466.0=#04024869",
        "CN=Lu\\C4\\8Di\\C4\\87",
    ] {
        Template::for_subject(text, PROVIDER).unwrap();
    }
}

#[test]
fn writes_a_subject_as_rfc_5280_has_it() {
    let template =
        Template::for_subject("CN=\\\\\\,,emailAddress=a@b+C=SE,dc=example", PROVIDER).unwrap();
    let country = der(0x30, &[&oid(&[0x55, 4, 6]), &der(0x13, &[b"SE"])]);
    let email = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]);
    let email = der(0x30, &[&email, &der(0x16, &[b"a@b"])]);
    let domain = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];
    let subject = der(
        0x30,
        &[
            &pair(&domain, &der(0x16, &[b"example"])),
            &der(0x31, &[&country, &email]),
            &pair(CN, &der(0x0c, &[b"\\,"])),
        ],
    );
    assert_eq!(template.subject_der(), subject);
    let empty = Template::for_subject("", PROVIDER).unwrap();
    assert_eq!(empty.subject_der(), [0x30, 0x00]);
    // A value that is given in DER has to be one that a name has.
    let error = Template::for_subject("CN=#020105", PROVIDER).unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Csr, "subject"));
}
