use super::*;

#[test]
fn converts_there_and_back_with_leading_zeros_and_high_bits() {
    for (r, s) in [([0x00; 32], [0xff; 32]), ([0x01; 32], [0x80; 32])] {
        let mut raw = r.to_vec();
        raw.extend_from_slice(&s);
        raw[1] = 7;
        assert_eq!(der_to_raw(Curve::P256, &raw_to_der(&raw)).unwrap(), raw);
    }
}

#[test]
fn rejects_other_spellings_of_the_same_numbers() {
    for der in [
        &[0x30, 0x07, 0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x01][..], // a needless zero
        &[0x30, 0x06, 0x02, 0x01, 0xff, 0x02, 0x01, 0x01],           // negative
        &[0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01],     // a long length
        &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x00],     // a byte after the end
        &[0x30, 0x09, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01], // a third number
    ] {
        assert!(der_to_raw(Curve::P256, der).is_err(), "{der:02x?}");
    }
}

#[test]
fn converts_any_numbers_there_and_back() {
    let seeds = proptest::collection::vec(proptest::prelude::any::<u8>(), 66);
    proptest::proptest!(|(seed in seeds, zeros in 0..66_usize)| {
        for curve in Curve::ALL {
            let mut half = seed[..curve.coordinate_length()].to_vec();
            half.iter_mut().take(zeros).for_each(|byte| *byte = 0);
            let raw = [&half[..], &seed[..curve.coordinate_length()]].concat();
            proptest::prop_assert_eq!(der_to_raw(*curve, &raw_to_der(&raw)).unwrap(), raw);
        }
    });
}

/// Runs the Wycheproof sets in DER through the conversion. It is a unit test because the conversion
/// is not public.
#[cfg(any(feature = "aws-lc-rs", feature = "rustcrypto", feature = "josekit"))]
#[test]
fn wycheproof_in_der() {
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};

    use crate::crypto::{Algorithm, Provider, PublicKey, VerifyingKey};

    let providers: [&dyn Provider; _] = [
        #[cfg(feature = "aws-lc-rs")]
        &crate::crypto::aws_lc_rs::AwsLcRs,
        #[cfg(feature = "rustcrypto")]
        &crate::crypto::rustcrypto::RustCrypto,
        #[cfg(feature = "josekit")]
        &crate::crypto::josekit::Josekit,
    ];
    for (name, curve, expected) in [
        (TestName::EcdsaSecp256r1Sha256, Curve::P256, (174, 310)),
        (TestName::EcdsaSecp384r1Sha384, Curve::P384, (194, 310)),
        (TestName::EcdsaSecp521r1Sha512, Curve::P521, (232, 310)),
    ] {
        let set = TestSet::load(name).unwrap();
        for (at, provider) in providers.iter().enumerate() {
            let (mut verified, mut refused, mut converted) = (0, 0, 0);
            for group in &set.test_groups {
                let key = PublicKey::from_spki_der(&group.der).unwrap();
                let key = VerifyingKey::new(*provider, Algorithm::on_curve(curve), &key).unwrap();
                for test in &group.tests {
                    let raw = der_to_raw(curve, &test.sig);
                    converted += usize::from(raw.is_ok());
                    let verifies = raw.and_then(|raw| key.verify(&test.msg, &raw)).is_ok();
                    assert_eq!(
                        verifies,
                        test.result == TestResult::Valid,
                        "{name:?} {}: {}",
                        test.tc_id,
                        test.comment
                    );
                    *if verifies { &mut verified } else { &mut refused } += 1;
                }
            }
            println!(
                "{name:?}, provider {at}: {verified} verified, {refused} refused, \
                 {converted} converted"
            );
            assert_eq!((verified, refused), expected, "{name:?}");
        }
    }
}
