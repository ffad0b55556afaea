#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const E: &[u8] = &[0x01, 0x00, 0x01];

/// An odd number of exactly `bits` bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0x5a; bits.div_ceil(8)];
    let top = (bits - 1) % 8;
    n[0] = (n[0] & ((1 << top) - 1)) | (1 << top);
    *n.last_mut().unwrap() |= 1;
    n
}

fn class(key: Result<PublicKey, Error>) -> Option<Class> {
    key.err().map(|error| error.class())
}

#[test]
fn rsa_takes_2048_to_8192_bits_measured_on_the_number() {
    for (bits, refused) in [
        (1024, true),
        (2047, true),
        (2048, false),
        (2049, false),
        (8191, false),
        (8192, false),
        (8193, true),
        (16384, true),
    ] {
        let key = PublicKey::rsa(&modulus(bits), E);
        assert_eq!(class(key.clone()), refused.then_some(Class::WeakKey), "{bits}");
        if let Ok(key) = key {
            assert_eq!(key.bits() as usize, bits);
        }
        // Leading zeros are not counted, and do not make an oversized number acceptable.
        let padded = [&[0; 9], &modulus(bits)[..]].concat();
        assert_eq!(
            class(PublicKey::rsa(&padded, E)),
            refused.then_some(Class::WeakKey),
            "{bits}, padded"
        );
    }
}

#[test]
fn rsa_refuses_an_even_modulus_and_no_modulus() {
    let mut n = modulus(2048);
    *n.last_mut().unwrap() &= 0xfe;
    assert_eq!(class(PublicKey::rsa(&n, E)), Some(Class::WeakKey));
    for n in [&[][..], &[0], &[0; 256], &[1], &[3]] {
        assert_eq!(class(PublicKey::rsa(n, E)), Some(Class::WeakKey));
    }
}

#[test]
fn rsa_takes_odd_exponents_from_3_to_2_to_the_32() {
    let n = modulus(2048);
    let exponents: [(u64, bool); 12] = [
        (0, true),
        (1, true),
        (2, true),
        (3, false),
        (4, true),
        (17, false),
        (65536, true),
        (65537, false),
        ((1 << 32) - 2, true),
        ((1 << 32) - 1, false),
        (1 << 32, true),
        ((1 << 32) + 1, true),
    ];
    for (e, refused) in exponents {
        assert_eq!(
            class(PublicKey::rsa(&n, &e.to_be_bytes())),
            refused.then_some(Class::WeakKey),
            "{e}"
        );
    }
    assert_eq!(class(PublicKey::rsa(&n, &[])), Some(Class::WeakKey));
}

#[test]
fn leading_zeros_do_not_change_a_key() {
    for bits in [2048, 2049, 2055, 4096] {
        let plain = PublicKey::rsa(&modulus(bits), E).unwrap();
        let padded =
            PublicKey::rsa(&[&[0, 0], &modulus(bits)[..]].concat(), &[&[0; 8], E].concat())
                .unwrap();
        assert_eq!(plain, padded);
        assert_eq!(plain.as_spki_der(), padded.as_spki_der());
        let PublicKeyParts::Rsa { n, e } = padded.parts() else { panic!("not RSA") };
        assert_eq!((n, e), (&modulus(bits)[..], E));
    }
}

#[test]
fn the_subject_public_key_is_the_content_of_the_bit_string() {
    for key in examples() {
        let subject_public_key = key.as_subject_public_key();
        let mut outer = der::Cursor::new(key.as_spki_der());
        let mut fields = outer.require(Tag::Sequence, PART).unwrap().inside();
        fields.require(Tag::Sequence, PART).unwrap();
        assert_eq!(fields.bit_string(PART).unwrap().value, subject_public_key, "{key:?}");
    }
}

#[test]
fn coordinates_have_the_one_length() {
    for curve in Curve::ALL.iter().copied() {
        let length = curve.coordinate_length();
        assert_eq!(class(PublicKey::ec(curve, &vec![1; length], &vec![1; length])), None);
        for (x, y) in [
            (length - 1, length),
            (length, length - 1),
            (length + 1, length),
            (length, length + 1),
            (0, 0),
            (0, 2 * length),
        ] {
            assert_eq!(
                class(PublicKey::ec(curve, &vec![1; x], &vec![1; y])),
                Some(Class::Malformed),
                "{curve:?} {x} {y}"
            );
        }
    }
    for length in [0, 31, 33, 64] {
        assert_eq!(class(PublicKey::ed25519(&vec![9; length])), Some(Class::Malformed), "{length}");
    }
}

/// One of each shape.
fn examples() -> Vec<PublicKey> {
    let mut keys: Vec<_> = [2048, 2049, 2055, 3072, 4096, 8192]
        .map(|bits| PublicKey::rsa(&modulus(bits), E).unwrap())
        .into();
    keys.push(PublicKey::rsa(&modulus(2048), &[0x03]).unwrap());
    keys.push(PublicKey::rsa(&modulus(8192), &[0xff; 4]).unwrap());
    keys.extend(Curve::ALL.iter().map(|curve| {
        PublicKey::ec(
            *curve,
            &vec![7; curve.coordinate_length()],
            &vec![9; curve.coordinate_length()],
        )
        .unwrap()
    }));
    keys.push(PublicKey::ed25519(&[9; 32]).unwrap());
    keys
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        0..=0x7f => out.push(content.len() as u8),
        0x80..=0xff => out.extend([0x81, content.len() as u8]),
        _ => out.extend([0x82, (content.len() >> 8) as u8, content.len() as u8]),
    }
    out.extend_from_slice(content);
    out
}

fn spki(identifier: &[u8], content: &[u8]) -> Vec<u8> {
    element(0x30, &[identifier, &element(0x03, &[&[0], content].concat())].concat())
}

const RSA_OID: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

fn rsa_numbers() -> Vec<u8> {
    element(0x30, &[element(0x02, &modulus(2047 + 8)), element(0x02, E)].concat())
}

#[test]
fn an_spki_of_rsa_is_read_in_its_one_form_only() {
    let numbers = rsa_numbers();
    let good = spki(RSA_IDENTIFIER, &numbers);
    assert_eq!(PublicKey::from_spki_der(&good).unwrap().as_spki_der(), good);

    let pss = [0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let integer = |content: &[u8]| element(0x02, content);
    let n = modulus(2055);
    let with = |n: Vec<u8>, e: Vec<u8>| spki(RSA_IDENTIFIER, &element(0x30, &[n, e].concat()));
    let mut long_length = vec![0x30, 0x83, 0x00];
    long_length.extend_from_slice(&good[2..]);
    let mut unused_bits = good.clone();
    let at = good.len() - numbers.len() - 1;
    unused_bits[at] = 1;
    let mut indefinite = vec![0x30, 0x80];
    indefinite.extend_from_slice(&good[4..]);
    indefinite.extend([0, 0]);
    for (der, what) in [
        (spki(&element(0x30, RSA_OID), &numbers), "the NULL absent"),
        (
            spki(&element(0x30, &[RSA_OID, &[0x04, 0x00]].concat()), &numbers),
            "something else than NULL",
        ),
        (
            spki(&element(0x30, &[RSA_OID, &[0x05, 0x81, 0x00]].concat()), &numbers),
            "a NULL of another spelling",
        ),
        (
            spki(&element(0x30, &[RSA_OID, &[0x05, 0x00, 0x05, 0x00]].concat()), &numbers),
            "two NULLs",
        ),
        (spki(&pss, &numbers), "RSASSA-PSS"),
        ([&good[..], &[0]].concat(), "a byte after the end"),
        (element(0x30, &[&good[4..], &[0x05, 0x00]].concat()), "a third field"),
        (spki(RSA_IDENTIFIER, &[&numbers[..], &[0]].concat()), "a byte after the numbers"),
        (with(integer(&n), [integer(E), integer(E)].concat()), "a third number"),
        (with(integer(&n), vec![]), "one number"),
        (with(integer(&[&[0], &n[..]].concat()), integer(E)), "a needless zero before the modulus"),
        (with(integer(&n), integer(&[0, 1, 0, 1])), "a needless zero before the exponent"),
        (with(integer(&modulus(2048)), integer(E)), "a negative modulus"),
        (with(integer(&n), integer(&[0xff])), "a negative exponent"),
        (with(integer(&n), integer(&[])), "an empty exponent"),
        (with(integer(&n), vec![0x02, 0x81, 0x03, 1, 0, 1]), "a long length of the exponent"),
        (long_length, "a long length of the whole"),
        (indefinite, "an indefinite length"),
        (unused_bits, "unused bits"),
        (good[1..].to_vec(), "without its first byte"),
        (vec![], "nothing"),
    ] {
        let unknown = ["the NULL absent", "something else than NULL", "RSASSA-PSS"].contains(&what);
        let due = if unknown { Class::Algorithm } else { Class::Malformed };
        assert_eq!(class(PublicKey::from_spki_der(&der)), Some(due), "{what}");
    }
    // The number is wrong, not its encoding.
    assert_eq!(
        class(PublicKey::from_spki_der(&with(integer(&modulus(1023)), integer(E)))),
        Some(Class::WeakKey)
    );
    assert_eq!(
        class(PublicKey::from_spki_der(&with(integer(&n), integer(&[0])))),
        Some(Class::WeakKey)
    );
    assert_eq!(
        class(PublicKey::from_spki_der(&with(integer(&[0]), integer(E)))),
        Some(Class::WeakKey)
    );
}

#[test]
fn an_spki_of_ec_is_read_in_its_one_form_only() {
    const EC_OID: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    for curve in Curve::ALL.iter().copied() {
        let length = curve.coordinate_length();
        let point = [&[4], &vec![7; 2 * length][..]].concat();
        let good = spki(curve.identifier(), &point);
        assert_eq!(PublicKey::from_spki_der(&good).unwrap().as_spki_der(), good);
        let hybrid = [&[6], &point[1..]].concat();
        for (der, what) in [
            (
                spki(curve.identifier(), &[&[2], &vec![7; length][..]].concat()),
                "a compressed point",
            ),
            (
                spki(curve.identifier(), &[&[3], &vec![7; length][..]].concat()),
                "a compressed point, odd",
            ),
            (spki(curve.identifier(), &hybrid), "a hybrid point"),
            (spki(curve.identifier(), &[0]), "infinity"),
            (spki(curve.identifier(), &[]), "no point"),
            (spki(curve.identifier(), &point[..point.len() - 1]), "a point cut short"),
            (spki(curve.identifier(), &[&point[..], &[0]].concat()), "a longer point"),
            (spki(&element(0x30, EC_OID), &point), "no curve"),
            (spki(&element(0x30, &[EC_OID, &[0x05, 0x00]].concat()), &point), "an implicit curve"),
            // ECParameters (RFC 3279): version 1 and so on, instead of a name.
            (
                spki(
                    &element(0x30, &[EC_OID, &element(0x30, &[0x02, 0x01, 0x01])].concat()),
                    &point,
                ),
                "an explicit curve",
            ),
            (
                spki(
                    &element(0x30, &[EC_OID, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a]].concat()),
                    &point,
                ),
                "secp256k1",
            ),
            ([&good[..], &[0]].concat(), "a byte after the end"),
        ] {
            // A well-formed but unsupported form is not class `malformed`.
            let known = ["infinity", "no point", "a point cut short", "a longer point"];
            let bad = known.contains(&what) || what.starts_with("a byte");
            let due = if bad { Class::Malformed } else { Class::Algorithm };
            assert_eq!(class(PublicKey::from_spki_der(&der)), Some(due), "{curve:?}: {what}");
        }
        for other in Curve::ALL.iter().copied().filter(|other| *other != curve) {
            assert_eq!(
                class(PublicKey::from_spki_der(&spki(other.identifier(), &point))),
                Some(Class::Malformed)
            );
        }
    }
}

#[test]
fn an_spki_of_ed25519_is_read_in_its_one_form_only() {
    let good = spki(ED25519_IDENTIFIER, &[9; 32]);
    assert_eq!(PublicKey::from_spki_der(&good).unwrap().as_spki_der(), good);
    for (der, what) in [
        (spki(&[0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00], &[9; 32]), "a NULL"),
        (spki(&[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e], &[9; 32]), "X25519"),
        (spki(&[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x71], &[9; 57]), "Ed448"),
        (spki(ED25519_IDENTIFIER, &[9; 31]), "31 bytes"),
        (spki(ED25519_IDENTIFIER, &[9; 33]), "33 bytes"),
    ] {
        let due = if what.ends_with("bytes") { Class::Malformed } else { Class::Algorithm };
        assert_eq!(class(PublicKey::from_spki_der(&der)), Some(due), "{what}");
    }
    assert_eq!(
        class(PublicKey::from_spki_der(&spki(ED25519_IDENTIFIER, &[0; 32]))),
        Some(Class::WeakKey)
    );
}

/// Every key that is read is in the encoding that this crate writes, so a key has no second
/// encoding.
fn reads_as_itself_or_not_at_all(der: &[u8]) -> bool {
    match PublicKey::from_spki_der(der) {
        Ok(key) => {
            assert_eq!(key.as_spki_der(), der);
            true
        }
        Err(error) => {
            let known = [Class::Malformed, Class::WeakKey, Class::Algorithm];
            assert!(known.contains(&error.class()), "{error}");
            false
        }
    }
}

#[test]
fn every_changed_byte_gives_another_key_or_none() {
    for key in examples() {
        let der = key.as_spki_der();
        // Headers and both ends completely; of the bytes between them, a sample.
        let places = (0..der.len()).filter(|at| *at < 48 || at + 12 > der.len() || at % 61 == 0);
        for at in places {
            for byte in 0..=0xff {
                let mut changed = der.to_vec();
                changed[at] = byte;
                reads_as_itself_or_not_at_all(&changed);
            }
        }
        for end in 0..der.len() {
            assert!(!reads_as_itself_or_not_at_all(&der[..end]));
        }
    }
}

fn any_key() -> impl Strategy<Value = PublicKey> {
    let rsa = (proptest::collection::vec(any::<u8>(), 256..=1024), any::<u32>()).prop_map(
        |(mut n, e)| {
            n[0] |= 0x80;
            *n.last_mut().unwrap() |= 1;
            PublicKey::rsa(&n, &(e | 3).to_be_bytes()).unwrap()
        },
    );
    let ec = (proptest::sample::select(Curve::ALL), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(
        |(curve, x, y)| {
            let coordinate = |bytes: [u8; 32]| {
                bytes.into_iter().cycle().take(curve.coordinate_length()).collect::<Vec<_>>()
            };
            PublicKey::ec(curve, &coordinate(x), &coordinate(y)).unwrap()
        },
    );
    let ed25519 = any::<[u8; 32]>()
        .prop_filter_map("small order or too large", |x| PublicKey::ed25519(&x).ok());
    prop_oneof![rsa, ec, ed25519]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_key_is_read_back(key in any_key()) {
        let read = PublicKey::from_spki_der(key.as_spki_der()).unwrap();
        prop_assert_eq!(read.as_spki_der(), key.as_spki_der());
        prop_assert_eq!(read.parts(), key.parts());
        prop_assert_eq!(&read, &key);
        prop_assert_eq!(read.as_subject_public_key(), key.as_subject_public_key());
    }

    #[test]
    fn changed_bytes_give_another_key_or_none(
        key in any_key(),
        changes in proptest::collection::vec(
            (any::<proptest::sample::Index>(), any::<u8>()),
            1..6
        )
    ) {
        let mut der = key.as_spki_der().to_vec();
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        reads_as_itself_or_not_at_all(&der);
    }

    #[test]
    fn any_bytes_are_a_key_or_not(der in proptest::collection::vec(any::<u8>(), 0..128)) {
        reads_as_itself_or_not_at_all(&der);
    }
}

#[test]
fn knows_keys_that_share_their_private_half() {
    let mut n = vec![0xa5; 256];
    let rsa = |n: &[u8], e: &[u8]| PublicKey::rsa(n, e).unwrap();
    assert!(rsa(&n, &[3]).is_bound_to(&rsa(&n, &[1, 0, 1])));
    let one = rsa(&n, &[3]);
    n[5] ^= 1;
    assert!(!one.is_bound_to(&rsa(&n, &[3])));
    let ec = |x, y| PublicKey::ec(Curve::P256, &[x; 32], &[y; 32]).unwrap();
    assert!(ec(1, 2).is_bound_to(&ec(1, 3)));
    assert!(!ec(1, 2).is_bound_to(&ec(2, 2)));
    let okp = |first, last| {
        let mut point = [9; 32];
        (point[0], point[31]) = (first, last);
        PublicKey::ed25519(&point).unwrap()
    };
    assert!(okp(9, 0x09).is_bound_to(&okp(9, 0x89)));
    assert!(!okp(9, 0x09).is_bound_to(&okp(8, 0x09)));
    assert!(!ec(1, 2).is_bound_to(&okp(9, 9)));
}
