//! One suite for every provider: what [`Provider`] promises, and that each of them verifies and
//! reads what the others make.

use std::sync::OnceLock;

use crate::support::providers::providers;
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use keyferry::Class;
use keyferry::crypto::{
    Algorithm, CryptoError, Curve, KeyKind, PrivateKey, Provider, PublicKey, PublicKeyParts,
    VerifyingKey,
};

const KINDS: [KeyKind; 5] = [
    KeyKind::Rsa { bits: 2048 },
    KeyKind::Ec(Curve::P256),
    KeyKind::Ec(Curve::P384),
    KeyKind::Ec(Curve::P521),
    KeyKind::Ed25519,
];
const MESSAGE: &[u8] = b"what is signed";

/// A provider and one key of each kind, made by it once.
struct Made {
    name: &'static str,
    provider: &'static dyn Provider,
    keys: Vec<Box<dyn PrivateKey>>,
}

fn made() -> &'static [Made] {
    static MADE: OnceLock<Vec<Made>> = OnceLock::new();
    MADE.get_or_init(|| {
        let make = |(name, provider): (_, &'static dyn Provider)| Made {
            name,
            provider,
            keys: KINDS.iter().map(|kind| provider.generate(*kind).unwrap()).collect(),
        };
        providers().into_iter().map(make).collect()
    })
}

impl Made {
    fn key_for(&self, algorithm: Algorithm) -> &dyn PrivateKey {
        &**self.keys.iter().find(|key| algorithm.fits(key.public_key())).unwrap()
    }
}

fn verifies(
    provider: &dyn Provider,
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    match provider.import(algorithm, key).unwrap().verify(message, signature) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, CryptoError::BadSignature);
            false
        }
    }
}

fn signature_length(key: &PublicKey) -> usize {
    match key.parts() {
        PublicKeyParts::Rsa { n, .. } => n.len(),
        PublicKeyParts::Ec { curve, .. } => 2 * curve.coordinate_length(),
        _ => 64,
    }
}

/// `Ecdsa-Sig-Value` of `r‖s`.
fn der_of(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut numbers = Vec::new();
    for number in [r, s] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut number = number[zeros..].to_vec();
        if number.first().is_none_or(|first| *first >= 0x80) {
            number.insert(0, 0);
        }
        numbers.extend_from_slice(&[0x02, number.len().try_into().unwrap()]);
        numbers.extend_from_slice(&number);
    }
    let mut der = vec![0x30];
    if numbers.len() > 0x7f {
        der.push(0x81);
    }
    der.push(numbers.len().try_into().unwrap());
    der.extend_from_slice(&numbers);
    der
}

mod signatures {
    use super::*;

    #[test]
    fn every_provider_verifies_every_other_with_all_algorithms() {
        let mut pairs = 0;
        for signing in made() {
            for algorithm in Algorithm::ALL.iter().copied() {
                let key = signing.key_for(algorithm);
                let signature = key.sign(algorithm, MESSAGE).unwrap();
                assert_eq!(
                    signature.len(),
                    signature_length(key.public_key()),
                    "{} {algorithm}",
                    signing.name
                );
                for verifying in made() {
                    let context =
                        format!("{} signs, {} verifies {algorithm}", signing.name, verifying.name);
                    assert!(
                        verifies(
                            verifying.provider,
                            algorithm,
                            key.public_key(),
                            MESSAGE,
                            &signature
                        ),
                        "{context}"
                    );
                    let empty = key.sign(algorithm, &[]).unwrap();
                    assert!(
                        verifies(verifying.provider, algorithm, key.public_key(), &[], &empty),
                        "{context}, nothing"
                    );
                    pairs += 1;
                }
            }
        }
        assert_eq!(pairs, made().len() * made().len() * 10);
    }

    #[test]
    fn one_changed_bit_is_refused() {
        for signing in made() {
            for algorithm in Algorithm::ALL.iter().copied() {
                let key = signing.key_for(algorithm);
                let signature = key.sign(algorithm, MESSAGE).unwrap();
                for verifying in made() {
                    let context =
                        format!("{} signs, {} verifies {algorithm}", signing.name, verifying.name);
                    let imported = verifying.provider.import(algorithm, key.public_key()).unwrap();
                    assert_eq!(imported.verify(MESSAGE, &signature), Ok(()), "{context}");
                    // Every byte, another bit of it each time; the first and the last byte
                    // wholly.
                    let last = signature.len() - 1;
                    let bits = (0..signature.len())
                        .map(|byte| (byte, byte % 8))
                        .chain((0..8).flat_map(|bit| [(0, bit), (last, bit)]));
                    for (byte, bit) in bits {
                        let mut changed = signature.clone();
                        changed[byte] ^= 1 << bit;
                        assert_eq!(
                            imported.verify(MESSAGE, &changed),
                            Err(CryptoError::BadSignature),
                            "{context}, byte {byte}, bit {bit}"
                        );
                    }
                    for byte in 0..MESSAGE.len() {
                        let mut changed = MESSAGE.to_vec();
                        changed[byte] ^= 1 << (byte % 8);
                        assert_eq!(
                            imported.verify(&changed, &signature),
                            Err(CryptoError::BadSignature),
                            "{context}, message {byte}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn another_length_is_refused() {
        for made in made() {
            for algorithm in Algorithm::ALL.iter().copied() {
                let key = made.key_for(algorithm);
                let signature = key.sign(algorithm, MESSAGE).unwrap();
                let longer = |before: &[u8], after: &[u8]| [before, &signature, after].concat();
                let mut others = vec![
                    vec![],
                    vec![0],
                    signature[1..].to_vec(),
                    signature[..signature.len() - 1].to_vec(),
                ];
                others.extend([
                    longer(&[0], &[]),
                    longer(&[], &[0]),
                    longer(&[0, 0], &[]),
                    longer(&signature, &[]),
                    vec![0; 4096],
                ]);
                if algorithm.curve().is_some() {
                    // Each half with a leading zero.
                    let (r, s) = signature.split_at(signature.len() / 2);
                    others.push([&[0], r, &[0], s].concat());
                }
                for other in others {
                    assert!(
                        !verifies(made.provider, algorithm, key.public_key(), MESSAGE, &other),
                        "{} {algorithm}",
                        made.name
                    );
                }
            }
        }
    }

    #[test]
    fn der_and_numbers_out_of_range_are_refused_for_ecdsa() {
        for made in made() {
            for curve in Curve::ALL.iter().copied() {
                let algorithm = Algorithm::on_curve(curve);
                let key = made.key_for(algorithm);
                let signature = key.sign(algorithm, MESSAGE).unwrap();
                let refused = |other: &[u8], what| {
                    assert!(
                        !verifies(made.provider, algorithm, key.public_key(), MESSAGE, other),
                        "{} {algorithm} {what}",
                        made.name
                    );
                };
                refused(&der_of(&signature), "DER");
                let (r, s) = signature.split_at(curve.coordinate_length());
                let zero = vec![0; curve.coordinate_length()];
                let order = order(curve);
                for (r, s, what) in [
                    (&zero[..], s, "r = 0"),
                    (r, &zero[..], "s = 0"),
                    (&zero[..], &zero[..], "both 0"),
                    (&order[..], s, "r = n"),
                    (r, &order[..], "s = n"),
                    (s, r, "halves the wrong way round"),
                ] {
                    refused(&[r, s].concat(), what);
                }
            }
        }
    }

    fn order(curve: Curve) -> Vec<u8> {
        let hex = match curve {
            Curve::P256 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
            Curve::P384 => {
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
            }
            _ => {
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
            }
        };
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn an_algorithm_that_does_not_fit_is_a_mismatch() {
        let mut mismatches = 0;
        for made in made() {
            for key in &made.keys {
                for algorithm in Algorithm::ALL
                    .iter()
                    .copied()
                    .filter(|algorithm| !algorithm.fits(key.public_key()))
                {
                    assert_eq!(
                        made.provider.import(algorithm, key.public_key()).err(),
                        Some(CryptoError::Mismatch),
                        "{} {algorithm}",
                        made.name
                    );
                    assert_eq!(
                        key.sign(algorithm, MESSAGE),
                        Err(CryptoError::Mismatch),
                        "{} {algorithm}",
                        made.name
                    );
                    let refusal =
                        VerifyingKey::new(made.provider, algorithm, key.public_key()).unwrap_err();
                    assert_eq!(refusal.class(), Class::Algorithm);
                    mismatches += 1;
                }
            }
        }
        assert_eq!(mismatches, made().len() * (4 + 4 * 9));
    }

    #[test]
    fn a_signature_counts_for_its_algorithm_and_key_only() {
        for made in made() {
            let rsa = Algorithm::ALL.iter().copied().filter(|algorithm| algorithm.is_rsa());
            for algorithm in rsa.clone() {
                let key = made.key_for(algorithm);
                let signature = key.sign(algorithm, MESSAGE).unwrap();
                for other in rsa.clone().filter(|other| *other != algorithm) {
                    assert!(
                        !verifies(made.provider, other, key.public_key(), MESSAGE, &signature),
                        "{} {algorithm} as {other}",
                        made.name
                    );
                }
            }
            for kind in KINDS.iter().skip(1) {
                let (one, another) = (
                    made.provider.generate(*kind).unwrap(),
                    made.provider.generate(*kind).unwrap(),
                );
                assert_ne!(one.public_key(), another.public_key());
                let algorithm = Algorithm::default_for(one.public_key());
                let signature = one.sign(algorithm, MESSAGE).unwrap();
                assert!(
                    !verifies(made.provider, algorithm, another.public_key(), MESSAGE, &signature),
                    "{} {kind:?}",
                    made.name
                );
            }
        }
    }

    #[test]
    fn pss_salts_differ() {
        for made in made() {
            let key = made.key_for(Algorithm::Ps256);
            assert_ne!(
                key.sign(Algorithm::Ps256, MESSAGE),
                key.sign(Algorithm::Ps256, MESSAGE),
                "{}",
                made.name
            );
        }
    }
}

mod keys {
    use super::*;

    #[test]
    fn each_provider_reads_the_private_keys_of_each() {
        for from in made() {
            for key in &from.keys {
                let pkcs8 = key.expose_pkcs8_der().unwrap();
                for into in made() {
                    let context =
                        format!("{} into {}: {:?}", from.name, into.name, key.public_key());
                    let read = into
                        .provider
                        .private_key_from_pkcs8_der(&pkcs8)
                        .unwrap_or_else(|error| panic!("{context}: {error}"));
                    assert_eq!(read.public_key(), key.public_key(), "{context}");
                    for algorithm in Algorithm::ALL
                        .iter()
                        .copied()
                        .filter(|algorithm| algorithm.fits(key.public_key()))
                    {
                        let signature = read.sign(algorithm, MESSAGE).unwrap();
                        assert!(
                            verifies(
                                from.provider,
                                algorithm,
                                key.public_key(),
                                MESSAGE,
                                &signature
                            ),
                            "{context} {algorithm}"
                        );
                    }
                    let again = into
                        .provider
                        .private_key_from_pkcs8_der(&read.expose_pkcs8_der().unwrap())
                        .unwrap();
                    assert_eq!(again.public_key(), key.public_key(), "{context}, written again");
                }
            }
        }
    }

    #[test]
    fn both_versions_of_pkcs8_are_read() {
        // RFC 8410 section 10.3: without and with attributes and public key.
        let first =
            Base64::decode_vec("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC")
                .unwrap();
        let second = Base64::decode_vec(
            "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\
             Z9w7lshQhqowtrbLDFw4rXAxZuE=",
        )
        .unwrap();
        let public_key = PublicKey::ed25519(&second[second.len() - 32..]).unwrap();
        for made in made() {
            for pkcs8 in [&first, &second] {
                let key = made
                    .provider
                    .private_key_from_pkcs8_der(pkcs8)
                    .unwrap_or_else(|error| panic!("{}: {error}", made.name));
                assert_eq!(key.public_key(), &public_key, "{}", made.name);
            }
            let mut other = second.clone();
            *other.last_mut().unwrap() ^= 1;
            let refusal = made.provider.private_key_from_pkcs8_der(&other).err();
            assert_eq!(
                refusal,
                Some(CryptoError::BadKey),
                "{}: another public key beside the private one",
                made.name
            );
        }
    }

    #[test]
    fn input_that_is_not_a_private_key_is_refused() {
        for made in made() {
            let refused = |pkcs8: &[u8], what: &str| {
                assert_eq!(
                    made.provider.private_key_from_pkcs8_der(pkcs8).err(),
                    Some(CryptoError::BadKey),
                    "{}: {what}",
                    made.name
                );
            };
            refused(&[], "nothing");
            refused(&[0x30, 0x00], "an empty sequence");
            refused(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02], "a length without content");
            refused(include_bytes!("../fixtures/crypto/rsa1024.pkcs8.der"), "RSA of 1024 bits");
            for key in &made.keys {
                let what = format!("{:?}", key.public_key());
                let pkcs8 = key.expose_pkcs8_der().unwrap();
                refused(key.public_key().as_spki_der(), &format!("{what}, a public key"));
                refused(&[&pkcs8, &[0][..]].concat(), &format!("{what}, a byte after the end"));
                for end in (0..pkcs8.len()).step_by(pkcs8.len().div_ceil(64)) {
                    refused(&pkcs8[..end], &format!("{what}, cut at {end}"));
                }
            }
        }
    }

    #[test]
    fn private_keys_with_mismatched_halves_are_refused() {
        for from in made() {
            for algorithm in
                [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::Es512]
            {
                let pkcs8 = from.key_for(algorithm).expose_pkcs8_der().unwrap();
                let mut changed = pkcs8.to_vec();
                if algorithm.is_rsa() {
                    // Inside the private exponent: behind the modulus of 256 bytes, and before the
                    // primes.
                    changed[500] ^= 1;
                } else {
                    // The public point stands at the end.
                    *changed.last_mut().unwrap() ^= 1;
                }
                for into in made() {
                    let refusal = into.provider.private_key_from_pkcs8_der(&changed).err();
                    assert_eq!(
                        refusal,
                        Some(CryptoError::BadKey),
                        "{} into {} {algorithm}",
                        from.name,
                        into.name
                    );
                }
            }
        }
    }

    #[test]
    fn longer_rsa_keys_are_made_as_promised() {
        let reference = made().first().unwrap();
        for made in made() {
            for bits in [3072, 4096] {
                let key = made.provider.generate(KeyKind::Rsa { bits }).unwrap();
                assert_eq!(key.public_key().bits(), u32::from(bits), "{}", made.name);
                assert!(
                    matches!(key.public_key().parts(), PublicKeyParts::Rsa { e: [1, 0, 1], .. }),
                    "{}",
                    made.name
                );
                let signature = key.sign(Algorithm::Ps512, MESSAGE).unwrap();
                assert!(
                    verifies(
                        reference.provider,
                        Algorithm::Ps512,
                        key.public_key(),
                        MESSAGE,
                        &signature
                    ),
                    "{} {bits}",
                    made.name
                );
            }
            for bits in [0, 512, 1024, 2047, 2049, 8191, 8193, u16::MAX] {
                let refusal = made.provider.generate(KeyKind::Rsa { bits }).err();
                assert_eq!(refusal, Some(CryptoError::Unsupported), "{} {bits}", made.name);
            }
        }
    }

    #[test]
    fn points_that_are_not_on_their_curve_are_refused_on_import() {
        for made in made() {
            for curve in Curve::ALL.iter().copied() {
                let algorithm = Algorithm::on_curve(curve);
                let PublicKeyParts::Ec { x, y, .. } = made.key_for(algorithm).public_key().parts()
                else {
                    panic!("not an EC key")
                };
                let mut beside = y.to_vec();
                *beside.last_mut().unwrap() ^= 1;
                let zero = vec![0; x.len()];
                let most = vec![0xff; x.len()];
                for (x, y) in [
                    (x, &beside[..]),
                    (y, x),
                    (&zero[..], &zero[..]),
                    (x, &zero[..]),
                    (&most[..], y),
                    (x, &most[..]),
                ] {
                    let key = PublicKey::ec(curve, x, y).unwrap();
                    assert_eq!(
                        made.provider.import(algorithm, &key).err(),
                        Some(CryptoError::BadKey),
                        "{} {curve:?}",
                        made.name
                    );
                    assert_eq!(
                        VerifyingKey::new(made.provider, algorithm, &key).unwrap_err().class(),
                        Class::WeakKey
                    );
                }
            }
        }
    }

    /// Some libraries decode an Ed25519 point on import, others on verification; with what is no
    /// point, nothing verifies in either.
    #[test]
    fn bytes_that_are_no_ed25519_point_never_verify() {
        for made in made() {
            let signature = made.key_for(Algorithm::EdDsa).sign(Algorithm::EdDsa, MESSAGE).unwrap();
            for y in 2..=40 {
                let mut bytes = [0; 32];
                bytes[0] = y;
                let key = PublicKey::ed25519(&bytes).unwrap();
                match made.provider.import(Algorithm::EdDsa, &key) {
                    Err(error) => assert_eq!(error, CryptoError::BadKey),
                    Ok(key) => {
                        for signature in
                            [signature.clone(), vec![0; 64], [&bytes[..], &[0; 32]].concat()]
                        {
                            assert_eq!(
                                key.verify(MESSAGE, &signature),
                                Err(CryptoError::BadSignature),
                                "{} {y}",
                                made.name
                            );
                        }
                    }
                }
            }
        }
    }

    #[cfg(feature = "rustcrypto")]
    #[test]
    fn ed25519_keys_of_small_order_are_refused() {
        let refused = |bytes: &[u8; 32]| PublicKey::ed25519(bytes).err().map(|error| error.class());
        // A point of order 8: its multiples are all points whose order divides 8.
        let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        let order_8: Vec<_> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&order_8[at..at + 2], 16).unwrap())
            .collect();
        let generator = ed25519_dalek::VerifyingKey::try_from(&order_8[..]).unwrap().to_edwards();
        let mut point = generator;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..8 {
            let bytes = point.compress().to_bytes();
            assert!(ed25519_dalek::VerifyingKey::from_bytes(&bytes).unwrap().is_weak());
            assert_eq!(refused(&bytes), Some(Class::WeakKey), "{bytes:02x?}");
            seen.insert(bytes);
            point += generator;
        }
        assert_eq!(seen.len(), 8);
        // Every other spelling of a y coordinate: at or above the prime, 2^255 - 19.
        for low in 0xed..=0xff {
            for top in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                (bytes[0], bytes[31]) = (low, top);
                let weak =
                    ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok_and(|key| key.is_weak());
                let class = refused(&bytes).unwrap();
                assert!(
                    class == Class::WeakKey || (class == Class::Malformed && !weak),
                    "{low:02x} {top:02x}"
                );
            }
        }
        // And no more than that is refused.
        for made in made() {
            for _ in 0..100 {
                assert!(made.provider.generate(KeyKind::Ed25519).is_ok());
            }
        }
        let mut below = [0xff; 32];
        (below[0], below[31]) = (0xeb, 0x7f);
        assert_eq!(refused(&below), None);
    }
}

mod primitives {
    use super::*;

    #[test]
    fn sha256_gives_the_known_answers() {
        // FIPS 180-4 examples, as base64.
        for (message, digest) in [
            (&b""[..], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            (b"abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=",
            ),
        ] {
            for (name, provider) in providers() {
                assert_eq!(Base64::encode_string(&provider.sha256(message)), digest, "{name}");
            }
        }
    }

    #[test]
    fn sha384_and_sha512_give_the_known_answers() {
        // FIPS 180-4 examples, the first bytes.
        for (name, provider) in providers() {
            assert_eq!(
                provider.sha384(b"abc")[..8],
                [0xcb, 0x00, 0x75, 0x3f, 0x45, 0xa3, 0x5e, 0x8b],
                "{name}"
            );
            assert_eq!(
                provider.sha384(b"")[..8],
                [0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38],
                "{name}"
            );
            assert_eq!(
                provider.sha512(b"abc")[..8],
                [0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba],
                "{name}"
            );
            assert_eq!(
                provider.sha512(b"")[..8],
                [0xcf, 0x83, 0xe1, 0x35, 0x7e, 0xef, 0xb8, 0xbd],
                "{name}"
            );
        }
    }

    #[test]
    fn fill_random_fills() {
        for (name, provider) in providers() {
            let (mut one, mut another) = ([0; 32], [0; 32]);
            provider.fill_random(&mut one).unwrap();
            provider.fill_random(&mut another).unwrap();
            assert_ne!(one, another, "{name}");
            assert!(one.iter().any(|byte| *byte != 0) && another[16..] != [0; 16], "{name}");
            assert_eq!(provider.fill_random(&mut []), Ok(()), "{name}");
        }
    }
}

/// Somebody else's values.
mod vectors {
    use super::*;

    const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    fn decode(text: &str) -> Vec<u8> {
        Base64UrlUnpadded::decode_vec(text).unwrap()
    }

    fn check(algorithm: Algorithm, key: &PublicKey, signed: &str, signature: &str) {
        for (name, provider) in providers() {
            let key = VerifyingKey::new(provider, algorithm, key).unwrap();
            assert!(
                key.verify(signed.as_bytes(), &decode(signature)).is_ok(),
                "{name} {algorithm}"
            );
            assert_eq!(
                key.verify(b"another", &decode(signature)).unwrap_err().class(),
                Class::Signature
            );
        }
    }

    #[test]
    fn rfc7515_a2_rs256() {
        let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_\
                 YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxv\
                 b3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ\
                         cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e\
                         OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let key = PublicKey::rsa(&decode(n), &decode("AQAB")).unwrap();
        check(Algorithm::Rs256, &key, &format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}"), signature);
    }

    #[test]
    fn rfc7515_a3_es256() {
        let (x, y) = (
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        );
        let key = PublicKey::ec(Curve::P256, &decode(x), &decode(y)).unwrap();
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        check(Algorithm::Es256, &key, &format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}"), signature);
    }

    #[test]
    fn rfc7515_a4_es512() {
        let x = "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk";
        let y = "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2";
        let key = PublicKey::ec(Curve::P521, &decode(x), &decode(y)).unwrap();
        let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3\
                         xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
        check(Algorithm::Es512, &key, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", signature);
    }

    #[test]
    fn rfc8037_a4_a5_eddsa() {
        let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let key =
            PublicKey::ed25519(&decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap();
        check(Algorithm::EdDsa, &key, signed, signature);
        // A.4: the signature is the only one that this key makes.
        let mut pkcs8 = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        pkcs8.extend(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
        for (name, provider) in providers() {
            let private_key = provider.private_key_from_pkcs8_der(&pkcs8).unwrap();
            assert_eq!(private_key.public_key(), &key, "{name}");
            assert_eq!(
                private_key.sign(Algorithm::EdDsa, signed.as_bytes()),
                Ok(decode(signature)),
                "{name}"
            );
        }
    }

    #[test]
    fn openssl_rsa_of_8192_bits_with_the_largest_exponent() {
        let key = PublicKey::from_spki_der(include_bytes!("../fixtures/crypto/rsa8192.spki.der"))
            .unwrap();
        assert_eq!(key.bits(), 8192);
        assert!(matches!(key.parts(), PublicKeyParts::Rsa { e: [0xff, 0xff, 0xff, 0xff], .. }));
        openssl(
            &key,
            include_bytes!("../fixtures/crypto/rsa8192.rs256.sig"),
            include_bytes!("../fixtures/crypto/rsa8192.ps512.sig"),
        );
    }

    #[test]
    fn openssl_rsa_of_2049_bits() {
        let key = PublicKey::from_spki_der(include_bytes!("../fixtures/crypto/rsa2049.spki.der"))
            .unwrap();
        assert_eq!(key.bits(), 2049);
        openssl(
            &key,
            include_bytes!("../fixtures/crypto/rsa2049.rs256.sig"),
            include_bytes!("../fixtures/crypto/rsa2049.ps512.sig"),
        );
    }

    fn openssl(key: &PublicKey, rs256: &[u8], ps512: &[u8]) {
        for (name, provider) in providers() {
            for (algorithm, signature) in [(Algorithm::Rs256, rs256), (Algorithm::Ps512, ps512)] {
                assert!(
                    verifies(provider, algorithm, key, b"message", signature),
                    "{name} {algorithm}"
                );
                assert!(
                    !verifies(provider, algorithm, key, b"another", signature),
                    "{name} {algorithm}"
                );
            }
        }
    }
}

/// RFC 4231, test cases 1, 2 and 6; and a key of no bytes, which is one of zeros.
#[test]
fn hmac_sha_256_is_that_of_rfc_4231_with_a_key_of_any_length() {
    let cases: [(&[u8], &[u8], &str); 5] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (b"", b"", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        (&[0; 64], b"", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ];
    for (name, provider) in providers() {
        for (key, message, expected) in cases {
            let mac = provider.hmac_sha256(key, message).unwrap();
            assert_eq!(
                mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
                expected,
                "{name}"
            );
        }
    }
}
