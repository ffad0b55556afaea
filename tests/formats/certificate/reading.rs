//! What is read as a certificate, and what is not.

use keyferry::crypto::{Curve, PublicKey};
use keyferry::{Certificate, Class, MAX_CERTIFICATE};

use crate::certificate::support::*;

macro_rules! field {
    ($name:literal) => {
        include_bytes!(concat!("../../fixtures/field/", $name)).as_slice()
    };
}

fn read(fields: &Fields) -> Certificate {
    let der = fields.der();
    let certificate = Certificate::from_der(&der).unwrap();
    assert_eq!(certificate.as_der(), der);
    certificate
}

#[test]
fn carries_names_of_universal_strings() {
    let issuer = Certificate::from_der(field!("06_cert_issuer_universalstring.der")).unwrap();
    assert_eq!(issuer.subject(), "CN=Jane,O=Acme");
    assert_eq!(issuer.issuer(), "CN=Field CA");
    let subject = field!("06_cert_subject_universalstring.der");
    let certificate = Certificate::from_der(subject).unwrap();
    assert_eq!(certificate.as_der(), subject);
    assert_eq!(certificate.issuer(), "CN=Field CA");
    assert!(certificate.subject().starts_with("CN="));
    assert_eq!(certificate.subject_der(), &subject[84..101]);
    certificate.public_key().unwrap();
}

#[test]
fn reads_dates_before_1970() {
    for (der, not_before) in [
        (field!("21_cert_utctime_1950.der"), "1950-01-01T00:00:00Z"),
        (field!("21_cert_generalizedtime_1949.der"), "1949-01-01T00:00:00Z"),
    ] {
        let validity = Certificate::from_der(der).unwrap().validity();
        assert_eq!(validity.to_string(), format!("{not_before} to 2030-01-01T00:00:00Z"));
        assert!(validity.not_before_unix_secs() < 0);
        assert!(validity.not_before().unwrap() < std::time::SystemTime::UNIX_EPOCH);
    }
    for (from, to, shown) in [
        ("00000101000000Z", "99991231235959Z", "0000-01-01T00:00:00Z to 9999-12-31T23:59:59Z"),
        ("491231235959Z", "500101000000Z", "2049-12-31T23:59:59Z to 1950-01-01T00:00:00Z"),
        ("20240229235959.5Z", "300101000000Z", "2024-02-29T23:59:59Z to 2030-01-01T00:00:00Z"),
    ] {
        let certificate = read(&Fields { validity: validity(from, to), ..Fields::new() });
        assert_eq!(certificate.validity().to_string(), shown);
    }
}

#[test]
fn carries_names_whatever_their_values() {
    for (kind, tag, value, shown) in [
        (CN, PRINTABLE, b"Jane".to_vec(), "CN=Jane"),
        (CN, UTF8, "Jané".into(), "CN=Jané"),
        (CN, TELETEX, vec![b'J', 0xe9], "CN=Jé"),
        (CN, BMP, utf16("Jané"), "CN=Jané"),
        (CN, UNIVERSAL, utf32("Jané 🎉"), "CN=Jané 🎉"),
        (CN, VISIBLE, b"Jane".to_vec(), "CN=Jane"),
        (CN, 0x12, b"4711".to_vec(), "CN=4711"),
        (DC, IA5, b"example".to_vec(), "DC=example"),
        (EMAIL, IA5, b"jane@acme.example".to_vec(), "EMAIL=jane@acme.example"),
        // Bytes that are no characters.
        (CN, UTF8, vec![0xff], "CN=#0c01ff"),
        (CN, IA5, vec![0xe9], "CN=#1601e9"),
        (CN, BMP, vec![0x00], "CN=#1e0100"),
        (CN, BMP, vec![0xd8, 0x00], "CN=#1e02d800"),
        (CN, UNIVERSAL, vec![0, 0, 0], "CN=#1c03000000"),
        (CN, UNIVERSAL, vec![0, 0x11, 0, 0], "CN=#1c0400110000"),
        // No strings.
        (CN, 0x02, vec![0x05], "CN=#020105"),
        (CN, 0x04, vec![0x05], "CN=#040105"),
        (CN, 0x19, b"Jane".to_vec(), "CN=#19044a616e65"),
        (CN, 0x80, vec![0x05], "CN=#800105"),
        (&[0x55, 0x04, 0x2d], 0x03, vec![0x00, 0xff], "2.5.4.45=#030200ff"),
        (CN, 0x30, Vec::new(), "CN=#3000"),
        // Types without a short name.
        (PRIVATE, UTF8, b"x".to_vec(), "1.3.6.1.4.1.99999.7=#0c0178"),
        (&[0x00], UTF8, b"x".to_vec(), "0.0=#0c0178"),
        (&[0x4f], UTF8, b"x".to_vec(), "1.39=#0c0178"),
        (&[0x50], UTF8, b"x".to_vec(), "2.0=#0c0178"),
        (&[0x88, 0x37, 0x03], UTF8, b"x".to_vec(), "2.999.3=#0c0178"),
        (
            // A UUID of 128 bits (X.667), all of them set.
            &[
                0x69, 0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ],
            UTF8,
            b"x".to_vec(),
            "2.25.340282366920938463463374607431768211455=#0c0178",
        ),
        (
            // A first number of more than 64 bits: 2^70 + 80.
            &[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x50],
            UTF8,
            b"x".to_vec(),
            "2.1180591620717411303424=#0c0178",
        ),
    ] {
        let subject = name(&[&[attribute(kind, tag, value)]]);
        let fields = Fields { subject: subject.clone(), issuer: subject.clone(), ..Fields::new() };
        let certificate = read(&fields);
        assert_eq!(certificate.subject(), shown);
        assert_eq!(certificate.issuer(), shown);
        assert_eq!(certificate.subject_der(), subject);
        certificate.require_key(key().public_key()).unwrap();
    }
}

#[test]
fn shows_names_as_rfc_4514_writes_them() {
    let cn = |text: &str| vec![attribute(CN, UTF8, text)];
    for (subject, shown) in [
        (name(&[]), ""),
        (
            name(&[
                &[attribute(DC, IA5, "net")],
                &[attribute(DC, IA5, "example")],
                &[attribute(OU, UTF8, "Sales"), attribute(CN, UTF8, "J.  Smith")],
            ]),
            "OU=Sales+CN=J.  Smith,DC=example,DC=net",
        ),
        (name(&[&cn("James \"Jim\" Smith, III")]), "CN=James \\\"Jim\\\" Smith\\, III"),
        (name(&[&cn("Before\rAfter")]), "CN=Before\\0dAfter"),
        (name(&[&cn(" #a# ")]), "CN=\\ #a#\\ "),
        (name(&[&cn("#a")]), "CN=\\#a"),
        (name(&[&cn(" ")]), "CN=\\ "),
        (name(&[&cn("")]), "CN="),
        (name(&[&cn("a+b;c<d>e\\f=g")]), "CN=a\\+b\\;c\\<d\\>e\\\\f=g"),
        (name(&[&cn("\0\u{7f}\u{85}")]), "CN=\\00\\7f\\c2\\85"),
        (name(&[&cn("Lučić")]), "CN=Lučić"),
    ] {
        assert_eq!(read(&Fields { subject, ..Fields::new() }).subject(), shown);
    }
}

#[test]
fn reads_every_version_serial_number_and_unique_identifier() {
    let none = Vec::new();
    let version = |number| der(0xa0, &[&[0x02, 0x01, number]]);
    let unique = [der(0x81, &[&[0, 1]]), der(0x82, &[&[4, 0xf0]])].concat();
    let constraints = extensions(&[extension(&[0x55, 0x1d, 0x13], true, &[0x30, 0x00])]);
    let all = [unique.clone(), constraints.clone()].concat();
    for (version, rest) in [
        (none.clone(), none),
        (version(1), unique),
        (version(2), all),
        (version(2), constraints),
        (version(2), extensions(&[])),
    ] {
        read(&Fields { version, rest, ..Fields::new() });
    }
    for serial in [vec![0x00], vec![0xff], vec![0x00, 0x80], vec![0x7f; 21], vec![0x55; 1000]] {
        let fields = Fields { serial: der(0x02, &[&serial]), ..Fields::new() };
        assert_eq!(read(&fields).serial_number(), serial);
    }
}

#[test]
fn ignores_extensions_that_are_not_understood() {
    let long: Vec<u8> = [&[0x2b][..], &[0xff; 60], &[0x7f]].concat();
    let mut list = vec![
        extension(PRIVATE, true, b"not DER"),
        extension(&long, false, &[]),
        // Known types with odd values: a key identifier that is none, an empty list of names.
        extension(&[0x55, 0x1d, 0x0e], false, &[0xff]),
        extension(&[0x55, 0x1d, 0x11], true, &[0x30, 0x00]),
        extension(&[0x55, 0x1d, 0x11], true, &[0x30, 0x00]),
        // An explicit default, which DER leaves out and many authorities write.
        der(0x30, &[&oid(PRIVATE), &[0x01, 0x01, 0x00], &der(0x04, &[])]),
    ];
    list.extend((0..600u16).map(|n| {
        let [high, low] = n.to_be_bytes();
        extension(&[0x2b, 0x80 | (high + 1), low & 0x7f], n % 2 == 0, &[low])
    }));
    let fields = Fields { rest: extensions(&list), ..Fields::new() };
    read(&fields).require_key(key().public_key()).unwrap();
}

#[test]
fn a_key_of_an_unknown_type_fails_when_it_is_asked_for() {
    let ec = |curve: &[u8], point: &[u8]| {
        let id = oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
        der(0x30, &[&der(0x30, &[&id, curve]), &der(0x03, &[&[0], point])])
    };
    let p256 = oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let spki = key().public_key().as_spki_der();
    let point = &spki[spki.len() - 64..];
    for (what, spki) in [
        ("secp256k1", ec(&oid(&[0x2b, 0x81, 0x04, 0x00, 0x0a]), &[&[4], point].concat())),
        ("explicit parameters", ec(&der(0x30, &[&[0x02, 0x01, 0x01]]), &[&[4], point].concat())),
        ("implicit curve", ec(&[0x05, 0x00], &[&[4], point].concat())),
        ("compressed", ec(&p256, &[&[2], &point[..32]].concat())),
        ("hybrid", ec(&p256, &[&[7], point].concat())),
        ("X25519", der(0x30, &[&der(0x30, &[&oid(&[0x2b, 0x65, 0x6e])]), &der(0x03, &[&[0; 33]])])),
        (
            "ML-DSA-65",
            der(
                0x30,
                &[
                    &der(0x30, &[&oid(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12])]),
                    &der(0x03, &[&[0; 1953]]),
                ],
            ),
        ),
        (
            "RSASSA-PSS",
            der(
                0x30,
                &[
                    &der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a])]),
                    &der(0x03, &[&[0, 0x30, 0x00]]),
                ],
            ),
        ),
        (
            "a private algorithm with parameters",
            der(0x30, &[&der(0x30, &[&oid(PRIVATE), &der(0x31, &[])]), &der(0x03, &[&[3, 0xf8]])]),
        ),
    ] {
        let certificate = read(&Fields { spki: spki.clone(), ..Fields::new() });
        assert_eq!(certificate.spki_der(), spki, "{what}");
        assert_eq!(certificate.public_key().unwrap_err().class(), Class::Algorithm, "{what}");
        let other = certificate.require_key(key().public_key()).unwrap_err();
        assert_eq!(other.class(), Class::Proof, "{what}");
    }
}

#[test]
fn a_key_of_a_known_type_that_is_bad_fails_when_it_is_asked_for() {
    let numbers = der(0x30, &[&[0x02, 0x01, 0x03], &[0x02, 0x01, 0x03]]);
    let rsa = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]);
    let spki = der(0x30, &[&der(0x30, &[&rsa, &[0x05, 0x00]]), &der(0x03, &[&[0], &numbers])]);
    let certificate = read(&Fields { spki, ..Fields::new() });
    assert_eq!(certificate.public_key().unwrap_err().class(), Class::WeakKey);
}

#[test]
fn rejects_what_is_not_one_certificate_in_der() {
    let good = Fields::new();
    let with = |change: &dyn Fn(&mut Fields)| {
        let mut fields = good.clone();
        change(&mut fields);
        fields.der()
    };
    let whole = good.der();
    let [_, _, high, low, content @ ..] = whole.as_slice() else { panic!() };
    let mut cases = vec![
        ("nothing", Vec::new()),
        ("a byte after the end", [&whole[..], &[0]].concat()),
        ("two certificates", [&whole[..], &whole].concat()),
        ("cut short", whole[..whole.len() - 1].to_vec()),
        ("an indefinite length", [&[0x30, 0x80], content, &[0, 0]].concat()),
        ("a length in more bytes", [&[0x30, 0x83, 0, *high, *low], content].concat()),
        ("a request", request(&good.subject).as_der().to_vec()),
        ("version 4", with(&|fields| fields.version = der(0xa0, &[&[0x02, 0x01, 0x03]]))),
        ("two versions", with(&|fields| fields.version = der(0xa0, &[&[2, 1, 1], &[2, 1, 1]]))),
        ("no serial number", with(&|fields| fields.serial.clear())),
        ("a serial number of no bytes", with(&|fields| fields.serial = vec![0x02, 0x00])),
        ("a needless zero", with(&|fields| fields.serial = vec![0x02, 0x02, 0x00, 0x01])),
        ("no algorithm", with(&|fields| fields.algorithm = der(0x30, &[]))),
        ("no issuer", with(&|fields| fields.issuer.clear())),
        ("an issuer that is no name", with(&|fields| fields.issuer = der(0x30, &[&[5, 0]]))),
        (
            "an attribute of three",
            with(&|fields| {
                fields.subject = name(&[&[der(0x30, &[&oid(CN), &[0x05, 0], &[0x05, 0]])]]);
            }),
        ),
        (
            "an attribute without its value",
            with(&|fields| fields.subject = name(&[&[der(0x30, &[&oid(CN)])]])),
        ),
        (
            "a value that is BER",
            with(&|fields| fields.subject = name(&[&[attribute(CN, 0x01, [0x01])]])),
        ),
        (
            "one date",
            with(&|fields| fields.validity = der(0x30, &[&der(0x17, &[b"240101000000Z"])])),
        ),
        (
            "a month 13",
            with(&|fields| fields.validity = validity("241301000000Z", "300101000000Z")),
        ),
        (
            "a day 30 of February",
            with(&|fields| {
                fields.validity = validity("240230000000Z", "300101000000Z");
            }),
        ),
        (
            "a date without seconds",
            with(&|fields| {
                fields.validity =
                    der(0x30, &[&der(0x17, &[b"2401010000Z"]), &der(0x17, &[b"300101000000Z"])]);
            }),
        ),
        (
            "a date of another zone",
            with(&|fields| {
                fields.validity = validity("20240101000000+0100", "300101000000Z");
            }),
        ),
        ("no key", with(&|fields| fields.spki.clear())),
        ("something behind the key", with(&|fields| fields.rest = vec![0x05, 0x00])),
        (
            "extensions before an identifier",
            with(&|fields| {
                fields.rest = [extensions(&[]), der(0x81, &[&[0, 1]])].concat();
            }),
        ),
        (
            "an identifier that is no bit string",
            with(&|fields| fields.rest = der(0x81, &[&[8, 1]])),
        ),
        (
            "extensions twice",
            with(&|fields| fields.rest = [extensions(&[]), extensions(&[])].concat()),
        ),
        (
            "an extension without a value",
            with(&|fields| {
                fields.rest = extensions(&[der(0x30, &[&oid(PRIVATE)])]);
            }),
        ),
        (
            "a true that is not ff",
            with(&|fields| {
                fields.rest =
                    extensions(&[der(0x30, &[&oid(PRIVATE), &[0x01, 0x01, 0x01], &[0x04, 0x00]])]);
            }),
        ),
        ("no signature", with(&|fields| fields.signature.clear())),
        ("a signature that is no bit string", with(&|fields| fields.signature = vec![0x04, 0x00])),
        ("bits that are not zero", with(&|fields| fields.signature = der(0x03, &[&[1, 1]]))),
    ];
    let mut explicit = whole.clone();
    explicit[4] = 0x31;
    cases.push(("a set in the place of a sequence", explicit));
    for (what, der) in cases {
        match Certificate::from_der(&der) {
            Err(error) => assert_eq!(error.class(), Class::Malformed, "{what}"),
            Ok(_) => panic!("{what} was read"),
        }
    }
}

#[test]
fn bounds_length_and_depth() {
    let padded = |length| {
        let rest = extensions(&[extension(PRIVATE, false, &vec![0; length])]);
        Fields { rest, ..Fields::new() }.der()
    };
    let room = MAX_CERTIFICATE - padded(0xff00).len() + 0xff00;
    assert_eq!(padded(room).len(), MAX_CERTIFICATE);
    Certificate::from_der(&padded(room)).unwrap();
    let error = Certificate::from_der(&padded(room + 1)).unwrap_err();
    assert_eq!(error.class(), Class::TooLarge);

    let nested = (0..40).fold(vec![0x05, 0x00], |inside, _| der(0x30, &[&inside]));
    let subject = name(&[&[der(0x30, &[&oid(CN), &nested])]]);
    let error = Certificate::from_der(&Fields { subject, ..Fields::new() }.der()).unwrap_err();
    assert_eq!(error.class(), Class::TooLarge);
}

#[test]
fn a_certificate_is_for_the_key_that_stands_in_it() {
    let certificate = read(&Fields::new());
    assert_eq!(certificate.public_key().unwrap(), *key().public_key());
    let spki = key().public_key().as_spki_der();
    let (x, y) = spki[spki.len() - 64..].split_at(32);
    certificate.require_key(&PublicKey::ec(Curve::P256, x, y).unwrap()).unwrap();
    let other = PublicKey::ec(Curve::P256, y, x).unwrap();
    assert_eq!(certificate.require_key(&other).unwrap_err().class(), Class::Proof);
}
