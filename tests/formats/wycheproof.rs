//! The test vectors of Wycheproof, through [`VerifyingKey`], with every provider that is compiled
//! in.
//!
//! What is done with the three verdicts: every `valid` signature verifies, every `invalid` one is
//! refused. `acceptable` carries one flag in the sets used here, `MissingNull`: RSA PKCS#1 v1.5
//! with a DigestInfo whose algorithm has no NULL. RFC 8017 section 9.2 has one encoding to compare
//! with, which has it: these are refused.
//!
//! Keys: all keys of the RSA sets are within the limits of [`PublicKey`] (2048 to 8192 bits,
//! exponents 3 and 65537); no set with one of our hashes has a shorter one. Sets on other curves
//! and with Ed448 are not left out silently: see `keys_of_other_kinds_are_refused`. Sets with other
//! hashes, masks or salts than our algorithms have are run as well: there nothing may verify (but
//! for one signature in two sets, which happens to be ours: `has_our_salt`).
//!
//! The ECDSA sets in DER are run in the unit tests of `crypto::ecdsa`, which turns DER into `r‖s`.

use crate::support::providers::providers;
use keyferry::Class;
use keyferry::crypto::{Algorithm, Curve, PublicKey, VerifyingKey};
use wycheproof::{HashFunction, TestResult};

/// What was run, and what came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    verified: usize,
    refused: usize,
}

const fn count(verified: usize, refused: usize) -> Count {
    Count { verified, refused }
}

impl Count {
    /// Verifies one signature, which has to have that verdict.
    fn run(
        &mut self,
        key: &VerifyingKey,
        message: &[u8],
        signature: &[u8],
        verifies: bool,
        context: &str,
    ) {
        let verdict = key.verify(message, signature);
        assert_eq!(verdict.is_ok(), verifies, "{context}");
        match verdict {
            Ok(()) => self.verified += 1,
            Err(error) => {
                assert_eq!(error.class(), Class::Signature);
                self.refused += 1;
            }
        }
    }
}

/// Runs `set` with every provider; each has to come to the same, expected, numbers.
fn each_provider(
    set: &str,
    expected: Count,
    run: impl Fn(&dyn Fn(Algorithm, &PublicKey) -> VerifyingKey, &mut Count),
) {
    for (name, provider) in providers() {
        let mut found = Count::default();
        run(&|algorithm, key| VerifyingKey::new(provider, algorithm, key).unwrap(), &mut found);
        println!("{set}, {name}: {} verified, {} refused", found.verified, found.refused);
        assert_eq!(found, expected, "{set}, {name}");
    }
}

mod rsa_pkcs1 {
    use wycheproof::rsa_pkcs1_verify::{TestFlag, TestName, TestSet};

    use super::*;

    /// `expected`: those that are valid; those that are invalid or acceptable.
    fn run(name: TestName, algorithm: Algorithm, expected: Count) {
        let set = TestSet::load(name).unwrap();
        each_provider(&format!("{name:?}"), expected, |import, found| {
            for group in &set.test_groups {
                assert_eq!(hash_of(algorithm), group.hash);
                let key = PublicKey::from_spki_der(&group.der).unwrap();
                assert_eq!(key, PublicKey::rsa(&group.key.n, &group.key.e).unwrap());
                assert_eq!(key.bits() as usize, group.key_size);
                let key = import(algorithm, &key);
                for test in &group.tests {
                    let verifies = match test.result {
                        TestResult::Valid => true,
                        TestResult::Invalid => false,
                        TestResult::Acceptable => {
                            assert_eq!(
                                test.flags,
                                [TestFlag::MissingNull],
                                "{name:?} {}",
                                test.tc_id
                            );
                            false
                        }
                    };
                    found.run(
                        &key,
                        &test.msg,
                        &test.sig,
                        verifies,
                        &format!("{name:?} {}: {}", test.tc_id, test.comment),
                    );
                }
            }
        });
    }

    #[test]
    fn sets_of_2048_bits() {
        run(TestName::Rsa2048Sha256, Algorithm::Rs256, count(9, 250));
        run(TestName::Rsa2048Sha384, Algorithm::Rs384, count(7, 251));
        run(TestName::Rsa2048Sha512, Algorithm::Rs512, count(8, 251));
    }

    #[test]
    fn sets_of_3072_bits() {
        run(TestName::Rsa3072Sha256, Algorithm::Rs256, count(8, 251));
        run(TestName::Rsa3072Sha384, Algorithm::Rs384, count(7, 252));
        run(TestName::Rsa3072Sha512, Algorithm::Rs512, count(8, 252));
    }

    #[test]
    fn sets_of_4096_bits() {
        run(TestName::Rsa4096Sha256, Algorithm::Rs256, count(7, 251));
        run(TestName::Rsa4096Sha384, Algorithm::Rs384, count(7, 252));
        run(TestName::Rsa4096Sha512, Algorithm::Rs512, count(7, 252));
    }

    #[test]
    fn sets_of_8192_bits() {
        run(TestName::Rsa8192Sha256, Algorithm::Rs256, count(7, 251));
        run(TestName::Rsa8192Sha384, Algorithm::Rs384, count(7, 252));
        run(TestName::Rsa8192Sha512, Algorithm::Rs512, count(7, 252));
    }

    /// Every set with a hash that is not ours: under each of our algorithms, nothing verifies.
    #[test]
    fn other_hashes_are_refused() {
        let mut sets = 0;
        for name in TestName::all() {
            let set = TestSet::load(name).unwrap();
            if set.test_groups.iter().any(|group| {
                [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512]
                    .map(hash_of)
                    .contains(&group.hash)
            }) {
                continue;
            }
            sets += 1;
            for (provider_name, provider) in providers() {
                for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
                    for group in &set.test_groups {
                        let key = VerifyingKey::new(
                            provider,
                            algorithm,
                            &PublicKey::rsa(&group.key.n, &group.key.e).unwrap(),
                        )
                        .unwrap();
                        for test in group.tests.iter().filter(|test| !test.result.must_fail()) {
                            assert!(
                                key.verify(&test.msg, &test.sig).is_err(),
                                "{name:?} {} {provider_name} {algorithm}",
                                test.tc_id
                            );
                        }
                    }
                }
            }
        }
        // SHA-224, SHA-512/224, SHA-512/256 and the four of SHA-3 for 2048 bits; SHA-512/256 and
        // three of SHA-3 for 3072; SHA-512/256 for 4096.
        assert_eq!((sets, TestName::all().len()), (12, 24));
    }
}

mod rsa_pss {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};

    use super::*;

    fn run(name: TestName, algorithm: Algorithm, expected: Count) {
        let set = TestSet::load(name).unwrap();
        each_provider(&format!("{name:?} as {algorithm}"), expected, |import, found| {
            for group in &set.test_groups {
                // A key whose SPKI says RSASSA-PSS is not read as one; its numbers are those of any
                // RSA key.
                let key = PublicKey::rsa(&group.key.n, &group.key.e).unwrap();
                assert_eq!(key.bits() as usize, group.key_size);
                let ours = group.hash == hash_of(algorithm)
                    && group.mgf_hash == Some(group.hash)
                    && group.salt_size == salt_of(algorithm);
                let key = import(algorithm, &key);
                for test in &group.tests {
                    assert_ne!(test.result, TestResult::Acceptable);
                    let verifies = if ours {
                        test.result == TestResult::Valid
                    } else {
                        has_our_salt(name, test.tc_id)
                    };
                    found.run(
                        &key,
                        &test.msg,
                        &test.sig,
                        verifies,
                        &format!("{name:?} {}: {}", test.tc_id, test.comment),
                    );
                }
            }
        });
    }

    /// In the sets with an empty salt, "s_len changed to 32" is invalid for its salt, which makes
    /// it a good signature of PS256.
    fn has_our_salt(name: TestName, id: usize) -> bool {
        matches!(
            name,
            TestName::RsaPss2048Sha256Mgf1SaltLen0
                | TestName::RsaPss2048Sha256Mgf1SaltLen0WithParams
        ) && id == 69
    }

    #[test]
    fn sets_with_our_parameters() {
        run(TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256, count(63, 45));
        run(TestName::RsaPss2048Sha256Mgf1SaltLen32WithParams, Algorithm::Ps256, count(63, 45));
        run(TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384, count(95, 46));
        run(TestName::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256, count(63, 45));
        run(TestName::RsaPss3072Sha256Mgf1SaltLen32WithParams, Algorithm::Ps256, count(63, 45));
        run(TestName::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256, count(63, 45));
        run(TestName::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384, count(95, 46));
        run(TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512, count(132, 47));
        run(TestName::RsaPss4096Sha512Mgf1SaltLen64WithParams, Algorithm::Ps512, count(132, 47));
    }

    /// All combinations of five hashes, five masks and six salts: one of them is each algorithm's.
    #[test]
    fn sets_with_every_combination_of_parameters() {
        for name in [TestName::RsaPssmisc, TestName::RsaPssmiscWithParams] {
            for algorithm in [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512] {
                run(name, algorithm, count(1, 149));
            }
        }
    }

    #[test]
    fn other_parameters_are_refused() {
        run(TestName::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256, count(1, 102));
        run(TestName::RsaPss2048Sha256Mgf1SaltLen0WithParams, Algorithm::Ps256, count(1, 102));
        run(TestName::RsaPss2048Sha256Mgf1Sha1_20, Algorithm::Ps256, count(0, 108));
        run(
            TestName::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
            Algorithm::Ps512,
            count(0, 178),
        );
        run(TestName::RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512, count(0, 177));
        run(TestName::RsaPss4096Sha512Mgf1SaltLen32WithParams, Algorithm::Ps512, count(0, 177));
        for algorithm in [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512] {
            run(TestName::RsaPss2048Sha1Mgf1SaltLen20, algorithm, count(0, 88));
            run(TestName::RsaPss2048Sha1Mgf1SaltLen20WithParams, algorithm, count(0, 88));
            run(TestName::RsaPss2048Sha512_224Mgf1SaltLen28, algorithm, count(0, 100));
            run(TestName::RsaPss2048Sha512_256Mgf1SaltLen32, algorithm, count(0, 115));
        }
    }
}

mod ecdsa {
    use wycheproof::ecdsa::{TestName, TestSet};

    use super::*;

    fn run(name: TestName, curve: Curve, expected: Count) {
        let set = TestSet::load(name).unwrap();
        let algorithm = Algorithm::on_curve(curve);
        each_provider(&format!("{name:?}"), expected, |import, found| {
            for group in &set.test_groups {
                let key = PublicKey::from_spki_der(&group.der).unwrap();
                let (x, y) = group.key.key[1..].split_at(curve.coordinate_length());
                assert_eq!(key, PublicKey::ec(curve, x, y).unwrap());
                // Signatures over another hash are valid under that hash only.
                let ours = group.hash == hash_of(algorithm);
                let key = import(algorithm, &key);
                for test in &group.tests {
                    assert_ne!(test.result, TestResult::Acceptable);
                    let verifies = ours && test.result == TestResult::Valid;
                    found.run(
                        &key,
                        &test.msg,
                        &test.sig,
                        verifies,
                        &format!("{name:?} {}: {}", test.tc_id, test.comment),
                    );
                }
            }
        });
    }

    #[test]
    fn sets_of_p256() {
        run(TestName::EcdsaSecp256r1Sha256P1363, Curve::P256, count(173, 89));
    }

    #[test]
    fn sets_of_p384() {
        run(TestName::EcdsaSecp384r1Sha384P1363, Curve::P384, count(193, 87));
    }

    #[test]
    fn sets_of_p521() {
        run(TestName::EcdsaSecp521r1Sha512P1363, Curve::P521, count(231, 87));
    }

    /// On our curves, but with another hash than the algorithm of the curve has.
    #[test]
    fn other_hashes_are_refused() {
        run(TestName::EcdsaSecp256r1Sha512P1363, Curve::P256, count(0, 332));
        run(TestName::EcdsaSecp256r1Shake128P1363, Curve::P256, count(0, 258));
        run(TestName::EcdsaSecp384r1Sha512P1363, Curve::P384, count(0, 318));
        run(TestName::EcdsaSecp384r1Shake256P1363, Curve::P384, count(0, 314));
        run(TestName::EcdsaSecp521r1Shake256P1363, Curve::P521, count(0, 314));
    }

    /// Every set on a curve that is not ours: none of its keys is read.
    #[test]
    fn keys_of_other_kinds_are_refused() {
        let (mut sets, mut keys) = (0, 0);
        for name in TestName::all() {
            let text = format!("{name:?}");
            if ["256r1", "384r1", "521r1"]
                .iter()
                .any(|ours| text.starts_with(&format!("EcdsaSecp{ours}")))
            {
                continue;
            }
            sets += 1;
            for group in TestSet::load(name).unwrap().test_groups {
                assert_eq!(
                    PublicKey::from_spki_der(&group.der).unwrap_err().class(),
                    Class::Algorithm,
                    "{text}"
                );
                keys += 1;
            }
        }
        assert_eq!((sets, keys, TestName::all().len()), (51, 5100, 73));
    }
}

mod eddsa {
    use wycheproof::eddsa::{TestName, TestSet};

    use super::*;

    #[test]
    fn set_of_ed25519() {
        let set = TestSet::load(TestName::Ed25519).unwrap();
        each_provider("Ed25519", count(88, 63), |import, found| {
            for group in &set.test_groups {
                let key = PublicKey::from_spki_der(&group.der).unwrap();
                assert_eq!(key, PublicKey::ed25519(&group.key.pk).unwrap());
                let key = import(Algorithm::EdDsa, &key);
                for test in &group.tests {
                    assert_ne!(test.result, TestResult::Acceptable);
                    let verifies = test.result == TestResult::Valid;
                    found.run(
                        &key,
                        &test.msg,
                        &test.sig,
                        verifies,
                        &format!("Ed25519 {}: {}", test.tc_id, test.comment),
                    );
                }
            }
        });
    }

    #[test]
    fn keys_of_ed448_are_refused() {
        let mut keys = 0;
        for group in TestSet::load(TestName::Ed448).unwrap().test_groups {
            assert_eq!(PublicKey::from_spki_der(&group.der).unwrap_err().class(), Class::Algorithm);
            keys += 1;
        }
        assert_eq!(keys, 15);
    }
}

fn hash_of(algorithm: Algorithm) -> HashFunction {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => HashFunction::Sha2_256,
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => HashFunction::Sha2_384,
        _ => HashFunction::Sha2_512,
    }
}

fn salt_of(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Ps256 => 32,
        Algorithm::Ps384 => 48,
        _ => 64,
    }
}
