//! The signature algorithms of requests: what OpenSSL and others write, with every provider.

use std::path::Path;

use keyferry::crypto::{
    Algorithm, CryptoError, Curve, DigestAlgorithm, KeyKind, PrivateKey, Provider, PublicKey,
    SignatureAlgorithm, VerifyKey,
};
use keyferry::csr::{Request, Template};
use keyferry::{Class, Error};
use zeroize::Zeroizing;

use crate::csr::{Pieces, SHA256_RSA, ecdsa_der, oid};
use crate::support::peers::{Scratch, openssl};
use crate::support::providers::providers;
use crate::support::*;

fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "der"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn digest_of(name: &str) -> DigestAlgorithm {
    match name {
        "sha256" => DigestAlgorithm::Sha256,
        "sha384" => DigestAlgorithm::Sha384,
        "sha512" => DigestAlgorithm::Sha512,
        _ => panic!("{name}"),
    }
}

/// What the name of a fixture says of it.
fn stated(name: &str) -> SignatureAlgorithm {
    let parts: Vec<&str> = name.split('-').filter(|part| *part != "2049").collect();
    match parts[..] {
        ["ed25519"] => SignatureAlgorithm::Ed25519,
        ["rsa", digest] => SignatureAlgorithm::RsaPkcs1 { digest: digest_of(digest) },
        ["p256", digest] => {
            SignatureAlgorithm::Ecdsa { curve: Curve::P256, digest: digest_of(digest) }
        }
        ["p384", digest] => {
            SignatureAlgorithm::Ecdsa { curve: Curve::P384, digest: digest_of(digest) }
        }
        ["p521", digest] => {
            SignatureAlgorithm::Ecdsa { curve: Curve::P521, digest: digest_of(digest) }
        }
        ["pss", digest, .., salt] => {
            let digest = digest_of(digest);
            let mgf1 = parts.iter().find_map(|part| part.strip_prefix("mgf1")).map(digest_of);
            let salt_length = match salt.strip_prefix("salt").unwrap() {
                // emLen - hLen - 2, where emLen is 256 for both lengths of key.
                "max" => 256 - digest.output_length() - 2,
                length => length.parse().unwrap(),
            };
            SignatureAlgorithm::RsaPss { digest, mgf1: mgf1.unwrap_or(digest), salt_length }
        }
        _ => panic!("{name}"),
    }
}

#[test]
fn every_provider_verifies_what_openssl_signs_a_request_with() {
    let mut count = 0;
    for (name, der) in fixtures("csr").into_iter().filter(|(name, _)| !name.starts_with("refused"))
    {
        for (provider_name, provider) in providers() {
            let request = Request::from_der(&der, provider)
                .unwrap_or_else(|error| panic!("{name}, {provider_name}: {error}"));
            assert_eq!(request.algorithm(), stated(&name), "{name}");
            // One changed bit of what is signed, and of the signature.
            for at in [60, der.len() - 20] {
                let mut changed = der.clone();
                changed[at] ^= 1;
                let error = Request::from_der(&changed, provider).unwrap_err();
                assert!(
                    matches!(error.class(), Class::Csr | Class::Malformed | Class::WeakKey),
                    "{name}, {provider_name}: {error}"
                );
            }
            count += 1;
        }
    }
    assert_eq!(count, 31 * providers().len());
}

#[test]
fn refuses_weak_digests_and_names_them() {
    for (name, cause) in [
        ("refused-rsa-sha1", "SHA-1, which is broken"),
        ("refused-rsa-md5", "MD5, which is broken"),
        ("refused-rsa-sha224", "SHA-224, which is not accepted here"),
        ("refused-p256-sha1", "SHA-1, which is broken"),
        ("refused-p256-sha3-256", "SHA3-256, which is not accepted here"),
        (
            "refused-pss-defaults",
            "RSASSA-PSS whose parameters name no digest, which states SHA-1, which is broken",
        ),
        (
            "refused-pss-mgf1-sha1",
            "RSASSA-PSS whose parameters name no mask generation function, which states MGF1 with \
             SHA-1, which is not accepted here",
        ),
    ] {
        let (_, der) =
            fixtures("csr").into_iter().find(|(fixture, _)| fixture == name).expect(name);
        for (_, provider) in providers() {
            let error = Request::from_der(&der, provider).unwrap_err();
            assert_eq!(
                (error.class(), error.part(), error.detail()),
                (Class::Csr, "signatureAlgorithm", cause),
                "{name}"
            );
        }
    }
}

#[test]
fn takes_rsa_with_absent_parameters() {
    let (_, request) =
        fixtures("field").into_iter().find(|(name, _)| name.starts_with("07_")).unwrap();
    for (_, provider) in providers() {
        assert_eq!(Request::from_der(&request, provider).unwrap().algorithm(), Algorithm::Rs256);
    }
    for (digest, algorithm) in
        [(0x0b, Algorithm::Rs256), (0x0c, Algorithm::Rs384), (0x0d, Algorithm::Rs512)]
    {
        let kind = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, digest]);
        let request =
            Pieces { algorithm: der(0x30, &[&kind]), ..Pieces::new() }.sign(rsa2048(), algorithm);
        for (_, provider) in providers() {
            assert_eq!(Request::from_der(&request, provider).unwrap().algorithm(), algorithm);
        }
    }
}

const NULL: &[u8] = &[0x05, 0x00];
const ID_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

fn digest_identifier(last: u8, null: bool) -> Vec<u8> {
    let kind = oid(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]);
    der(0x30, &[&kind, if null { NULL } else { &[] }])
}

fn mgf1(digest: &[u8]) -> Vec<u8> {
    der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08]), digest])
}

fn pss(members: &[(u8, &[u8])]) -> Vec<u8> {
    let members: Vec<Vec<u8>> =
        members.iter().map(|(number, inside)| der(0xa0 + number, &[inside])).collect();
    let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
    der(0x30, &[&oid(ID_PSS), &der(0x30, &members)])
}

fn read(algorithm: Vec<u8>, signing: Algorithm) -> Result<Request, Error> {
    let signer: &dyn PrivateKey = if signing.is_rsa() { rsa2048() } else { p256() };
    let pieces =
        Pieces { key: signer.public_key().as_spki_der().to_vec(), algorithm, ..Pieces::new() };
    Request::from_der(&pieces.sign(signer, signing), crate::csr::PROVIDER)
}

#[test]
fn pss_parameters_are_read_in_every_der_form() {
    for null in [false, true] {
        let sha256 = digest_identifier(1, null);
        for members in [
            &[(0, &sha256[..]), (1, &mgf1(&sha256)), (2, &[0x02, 0x01, 0x20])][..],
            // The default, written out.
            &[(0, &sha256), (1, &mgf1(&sha256)), (2, &[2, 1, 0x20]), (3, &[2, 1, 1])],
        ] {
            let request = read(pss(members), Algorithm::Ps256).unwrap();
            assert_eq!(request.algorithm(), Algorithm::Ps256);
        }
    }
}

#[test]
fn refuses_odd_parameters_with_the_cause() {
    let sha256 = digest_identifier(1, true);
    let (sha224, sha1) =
        (digest_identifier(4, true), der(0x30, &[&oid(&[0x2b, 0x0e, 3, 2, 0x1a]), NULL]));
    let mask = mgf1(&sha256);
    let salt: &[u8] = &[0x02, 0x01, 0x20];
    let rsa = |parameters: &[u8]| der(0x30, &[&SHA256_RSA[2..13], parameters]);
    let ecdsa = |parameters: &[u8]| der(0x30, &[&crate::csr::ECDSA_SHA256[2..], parameters]);
    for (cause, algorithm, signing) in [
        ("neither NULL nor absent", rsa(&[0x30, 0x00]), Algorithm::Rs256),
        ("neither NULL nor absent", rsa(&[0x02, 0x01, 0x00]), Algorithm::Rs256),
        ("ECDSA with parameters", ecdsa(NULL), Algorithm::Es256),
        (
            "Ed25519 with parameters",
            der(0x30, &[&oid(&[0x2b, 0x65, 0x70]), NULL]),
            Algorithm::Es256,
        ),
        ("Ed448", der(0x30, &[&oid(&[0x2b, 0x65, 0x71])]), Algorithm::Es256),
        ("unknown", der(0x30, &[&oid(&[0x2a, 0x03])]), Algorithm::Es256),
        (
            "names no digest",
            der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), NULL]),
            Algorithm::Rs256,
        ),
        ("without its parameters", der(0x30, &[&oid(ID_PSS)]), Algorithm::Ps256),
        ("of another type", der(0x30, &[&oid(ID_PSS), NULL]), Algorithm::Ps256),
        ("SHA-1", pss(&[(1, &mask), (2, salt)]), Algorithm::Ps256),
        ("SHA-1", pss(&[(0, &sha256), (2, salt)]), Algorithm::Ps256),
        ("SHA-1", pss(&[(0, &sha1), (1, &mask), (2, salt)]), Algorithm::Ps256),
        ("SHA-1", pss(&[(0, &sha256), (1, &mgf1(&sha1)), (2, salt)]), Algorithm::Ps256),
        ("SHA-224", pss(&[(0, &sha224), (1, &mask), (2, salt)]), Algorithm::Ps256),
        (
            "another mask",
            pss(&[(0, &sha256), (1, &der(0x30, &[&oid(&[0x2a]), &sha256])), (2, salt)]),
            Algorithm::Ps256,
        ),
        ("room", pss(&[(0, &sha256), (1, &mask), (2, &[2, 2, 0x00, 0xdf])]), Algorithm::Ps256),
        ("room", pss(&[(0, &sha256), (1, &mask), (2, &[2, 3, 1, 0, 0])]), Algorithm::Ps256),
        ("RFC 4055", pss(&[(0, &sha256), (1, &mask), (2, &[2, 1, 0x80])]), Algorithm::Ps256),
        ("trailer", pss(&[(0, &sha256), (1, &mask), (2, salt), (3, &[2, 1, 2])]), Algorithm::Ps256),
        // In another order, the first member is not there.
        ("name no digest", pss(&[(1, &mask), (0, &sha256)]), Algorithm::Ps256),
        ("RFC 4055", pss(&[(0, &sha256), (1, &mask), (4, salt)]), Algorithm::Ps256),
        ("does not fit", SHA256_RSA.to_vec(), Algorithm::Es256),
        ("does not fit", crate::csr::ECDSA_SHA256.to_vec(), Algorithm::Rs256),
        ("does not fit", der(0x30, &[&oid(&[0x2b, 0x65, 0x70])]), Algorithm::Es256),
    ] {
        let error = read(algorithm, signing).expect_err(cause);
        assert_eq!((error.class(), error.part()), (Class::Csr, "signatureAlgorithm"));
        assert!(error.detail().contains(cause), "{cause}: {error}");
    }
    // Another salt length than the signature has does not verify.
    let error = read(pss(&[(0, &sha256), (1, &mask), (2, &[0x02, 0x01, 0x1f])]), Algorithm::Ps256)
        .unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Csr, "signature"));
}

/// A provider that verifies what JOSE has and nothing else, as one of somebody else's may, or none
/// at all.
struct Limited(Option<CryptoError>);

impl Provider for Limited {
    fn import(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Box<dyn VerifyKey>, CryptoError> {
        match self.0 {
            Some(error) => Err(error),
            None => crate::csr::PROVIDER.import(algorithm, key),
        }
    }

    fn generate(&self, kind: KeyKind) -> Result<Box<dyn PrivateKey>, CryptoError> {
        crate::csr::PROVIDER.generate(kind)
    }

    fn private_key_from_pkcs8_der(&self, _: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        Err(CryptoError::Unsupported)
    }

    fn sha256(&self, message: &[u8]) -> [u8; 32] {
        crate::csr::PROVIDER.sha256(message)
    }

    fn sha384(&self, message: &[u8]) -> [u8; 48] {
        crate::csr::PROVIDER.sha384(message)
    }

    fn sha512(&self, message: &[u8]) -> [u8; 64] {
        crate::csr::PROVIDER.sha512(message)
    }

    fn hmac_sha256(&self, _: &[u8], _: &[u8]) -> Result<[u8; 32], CryptoError> {
        Err(CryptoError::Failed)
    }

    fn fill_random(&self, _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError::Failed)
    }
}

#[test]
fn an_unsupported_algorithm_is_not_a_bad_signature() {
    for (name, der) in fixtures("csr").into_iter().filter(|(name, _)| !name.starts_with("refused"))
    {
        let read = Request::from_der(&der, &Limited(None));
        if stated(&name).to_jose().is_some() {
            read.unwrap();
        } else {
            let error = read.unwrap_err();
            assert_eq!(
                (error.class(), error.part(), error.detail()),
                (
                    Class::Algorithm,
                    "signatureAlgorithm",
                    "the provider does not verify this algorithm"
                ),
                "{name}"
            );
        }
    }
}

#[test]
fn a_provider_that_fails_does_not_make_a_key_weak() {
    let der = Template::from_der(&captured_template()).unwrap().replace_key(p256()).unwrap();
    for (answer, class) in [
        (CryptoError::Failed, Class::Unavailable),
        (CryptoError::BadKey, Class::WeakKey),
        (CryptoError::Unsupported, Class::Algorithm),
    ] {
        let error = Request::from_der(&der, &Limited(Some(answer))).unwrap_err();
        assert_eq!(error.class(), class, "{error}");
    }
}

#[test]
fn openssl_and_every_provider_agree_on_each_digest_and_curve() {
    let Some(openssl) = openssl() else { return };
    let scratch = Scratch::new();
    let out = scratch.path("request.der");
    let key = |private_key: &dyn PrivateKey| -> String {
        let pkcs8: Zeroizing<Vec<u8>> = private_key.expose_pkcs8_der().unwrap();
        let name = format!("{:?}.der", private_key.public_key().bits());
        scratch.write(&name, &pkcs8)
    };
    let mut cases: Vec<(String, Vec<String>)> = Vec::new();
    for private_key in [p256(), p384(), p521()] {
        for digest in ["-sha256", "-sha384", "-sha512"] {
            cases.push((key(private_key), vec![digest.into()]));
        }
    }
    for digest in ["-sha256", "-sha384", "-sha512"] {
        cases.push((key(rsa2048()), vec![digest.into()]));
        for salt in ["0", "1", "20", "48", "100", "max"] {
            for mask in ["sha256", "sha384", "sha512"] {
                cases.push((
                    key(rsa2048()),
                    vec![
                        digest.into(),
                        "-sigopt".into(),
                        "rsa_padding_mode:pss".into(),
                        "-sigopt".into(),
                        format!("rsa_pss_saltlen:{salt}"),
                        "-sigopt".into(),
                        format!("rsa_mgf1_md:{mask}"),
                    ],
                ));
            }
        }
    }
    for (key, options) in cases {
        let mut arguments = vec!["req", "-new", "-keyform", "DER", "-key", &key, "-subj", "/CN=A"];
        arguments.extend(["-outform", "DER", "-out", &out]);
        arguments.extend(options.iter().map(String::as_str));
        openssl.run(&arguments);
        let der = scratch.read("request.der");
        for (name, provider) in providers() {
            Request::from_der(&der, provider)
                .unwrap_or_else(|error| panic!("{options:?}, {name}: {error}"));
        }
    }
}

#[test]
fn a_cut_or_zero_ecdsa_signature_is_refused() {
    for (name, der) in fixtures("csr").into_iter().filter(|(name, _)| !name.starts_with("refused"))
    {
        let SignatureAlgorithm::Ecdsa { curve, .. } = stated(&name) else { continue };
        let request = Request::from_der(&der, crate::csr::PROVIDER).unwrap();
        for (provider_name, provider) in providers() {
            let key = provider.import_for(request.algorithm(), request.public_key()).unwrap();
            for signature in [
                vec![],
                vec![0; 2 * curve.coordinate_length()],
                vec![1; 2 * curve.coordinate_length() - 1],
                vec![0xff; 2 * curve.coordinate_length()],
                ecdsa_der(&vec![1; 2 * curve.coordinate_length()]),
            ] {
                assert_eq!(
                    key.verify(b"message", &signature),
                    Err(CryptoError::BadSignature),
                    "{name}, {provider_name}"
                );
            }
        }
    }
}
