//! The cases: for each group the work of keyferry, and the same primitives of aws-lc-rs on prepared
//! bytes.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, VerificationAlgorithm,
};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
#[cfg(feature = "josekit")]
use keyferry::crypto::josekit::Josekit;
use keyferry::crypto::rustcrypto::RustCrypto;
use keyferry::crypto::{
    Algorithm, Curve, KeyKind, PrivateKey, Provider, PublicKey, RsaModulusCheck, VerifyingKey,
};
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::{Callback, Command};
use keyferry::hermod::proof::{Expectation, KeyRequest, Verifier};
use keyferry::jose::{Header, Jwk, Jws, UnsignedJws};

use super::Work;

/// One group of benchmarks.
pub struct Case {
    pub group: &'static str,
    pub keyferry: Work,
    pub raw: Option<Work>,
    /// Peers: other libraries, each on the message in its name, and keyferry on another provider,
    /// by that provider's name.
    pub peers: Vec<(&'static str, Work)>,
}

pub const COMMAND: &str = include_str!("../../tests/fixtures/hermod/provision-command.json");
pub const CALLBACK: &str = include_str!("../../tests/fixtures/hermod/provision-callback.json");
pub const ATTESTATION_KEY: &str = include_str!("../../tests/fixtures/hermod/attestation-key.json");

fn work(work: impl Fn() + Send + Sync + 'static) -> Work {
    Box::new(work)
}

/// One signature with the bytes that it signs.
struct Signed {
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn from_compact(text: &str) -> Self {
        let (message, signature) = text.rsplit_once('.').unwrap();
        Self {
            message: message.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap(),
        }
    }

    fn verify(&self, key: &ParsedPublicKey) {
        key.verify_sig(&self.message, &self.signature).unwrap();
    }
}

fn import(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> ParsedPublicKey {
    ParsedPublicKey::new(algorithm, key).unwrap()
}

/// The real answer, taken apart without keyferry.
struct Captured {
    answer: Signed,
    signed_key: Signed,
    request: Signed,
    /// PKCS#1, which aws-lc-rs imports fastest.
    attestation_key: Vec<u8>,
    key: Vec<u8>,
}

fn pkcs1(spki: &[u8]) -> Vec<u8> {
    spki[24..].to_vec()
}

fn part(text: &str, index: usize) -> serde_json::Value {
    serde_json::from_slice(
        &URL_SAFE_NO_PAD.decode_to_vec(text.split('.').nth(index).unwrap()).unwrap(),
    )
    .unwrap()
}

impl Captured {
    fn new() -> Self {
        let answer = answer();
        let signed_key = part(&answer, 1)["profile"]["signedkeys"][0].as_str().unwrap().to_owned();
        let request =
            STANDARD.decode_to_vec(part(&signed_key, 1)["certreq"].as_str().unwrap()).unwrap();
        let spki = |jwk: &serde_json::Value| {
            pkcs1(Jwk::from_json(&jwk.to_string()).unwrap().public_key().as_spki_der())
        };
        let mut jwk = part(&signed_key, 1);
        jwk.as_object_mut().unwrap().remove("certreq");
        // Two headers of four bytes before the information, and 256 bytes of signature at the
        // end.
        let length = 4 + usize::from(u16::from_be_bytes([request[6], request[7]]));
        Self {
            request: Signed {
                message: request[4..4 + length].to_vec(),
                signature: request[request.len() - 256..].to_vec(),
            },
            attestation_key: spki(&part(&answer, 0)["jwk"]),
            key: spki(&jwk),
            answer: Signed::from_compact(&answer),
            signed_key: Signed::from_compact(&signed_key),
        }
    }

    /// Three verifications and two imports.
    fn verify(&self) {
        self.answer.verify(&import(&RSA_PKCS1_2048_8192_SHA256, &self.attestation_key));
        let key = import(&RSA_PKCS1_2048_8192_SHA256, &self.key);
        self.signed_key.verify(&key);
        self.request.verify(&key);
    }
}

pub fn answer() -> String {
    Callback::from_json(CALLBACK).unwrap().jws().unwrap().to_owned()
}

pub fn expectation() -> Expectation {
    Expectation::from_command(Command::from_json(COMMAND).unwrap().provision().unwrap()).unwrap()
}

/// Verifies the real answer once, without pins, with this provider.
pub fn verify_answer(provider: &'static dyn Provider, expectation: &Expectation, answer: &str) {
    black_box(Verifier::danger_unpinned(provider).verify(expectation, answer).unwrap());
}

/// Every group.
pub fn all() -> Vec<Case> {
    vec![
        answers("verify_answer", false),
        answers("verify_answer_pinned", true),
        jws_rs256(),
        jws_es256(),
        request(),
        signed_key("build_signed_key", KeyKind::Rsa { bits: 2048 }),
        signed_key("build_signed_key_p256", KeyKind::Ec(Curve::P256)),
        replace_key("replace_key", KeyKind::Rsa { bits: 2048 }),
        replace_key("replace_key_p256", KeyKind::Ec(Curve::P256)),
        parse_command(),
    ]
}

fn answers(group: &'static str, pinned: bool) -> Case {
    static PROVIDER: AwsLcRs = AwsLcRs;
    let (answer, expectation, captured) = (answer(), expectation(), Captured::new());
    let keyferry = if pinned {
        let pin = Jwk::from_json(ATTESTATION_KEY).unwrap();
        let verifier = Verifier::pinned(PROVIDER, [pin.public_key()]).unwrap();
        work(move || drop(black_box(verifier.verify(&expectation, black_box(&answer)).unwrap())))
    } else {
        let verifier = Verifier::danger_unpinned(PROVIDER);
        work(move || drop(black_box(verifier.verify(&expectation, black_box(&answer)).unwrap())))
    };
    let peers = if pinned { Vec::new() } else { other_providers() };
    Case { group, keyferry, raw: Some(work(move || captured.verify())), peers }
}

fn other_providers() -> Vec<(&'static str, Work)> {
    fn with(provider: impl Provider + 'static) -> Work {
        let (answer, expectation) = (answer(), expectation());
        let verifier = Verifier::danger_unpinned(provider);
        work(move || drop(black_box(verifier.verify(&expectation, black_box(&answer)).unwrap())))
    }
    let providers = [
        ("rustcrypto", with(RustCrypto)),
        #[cfg(feature = "josekit")]
        ("josekit", with(Josekit)),
    ];
    providers.into()
}

/// A message of the answer's shape that common libraries accept: without `nonce` and key in its
/// header.
fn plain_message(pair: &dyn PrivateKey) -> String {
    let payload = part(&answer(), 1).to_string();
    let mut header = Header::new(Algorithm::default_for(pair.public_key()));
    header.key_id = Some(String::from("attestation"));
    UnsignedJws::new(&header, payload.as_bytes()).sign(pair).unwrap()
}

fn jws_rs256() -> Case {
    let pair = AwsLcRs.generate(KeyKind::Rsa { bits: 2048 }).unwrap();
    let message = plain_message(&*pair);
    let key = VerifyingKey::new(&AwsLcRs, Algorithm::Rs256, pair.public_key()).unwrap();
    let raw_key = import(&RSA_PKCS1_2048_8192_SHA256, &pkcs1(pair.public_key().as_spki_der()));
    let signed = Signed::from_compact(&message);
    let peers = super::peers::jws(&message, pair.public_key());
    let keyferry = work(move || {
        drop(black_box(Jws::from_compact(black_box(&message)).unwrap().verify(&key).unwrap()))
    });
    Case {
        group: "verify_jws_rs256",
        keyferry,
        raw: Some(work(move || signed.verify(&raw_key))),
        peers,
    }
}

fn jws_es256() -> Case {
    let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let message = plain_message(&*pair);
    let key = VerifyingKey::new(&AwsLcRs, Algorithm::Es256, pair.public_key()).unwrap();
    let spki = pair.public_key().as_spki_der();
    let raw_key = import(&ECDSA_P256_SHA256_FIXED, &spki[spki.len() - 65..]);
    let signed = Signed::from_compact(&message);
    let peers = super::peers::jws(&message, pair.public_key());
    let keyferry = work(move || {
        drop(black_box(Jws::from_compact(black_box(&message)).unwrap().verify(&key).unwrap()))
    });
    Case {
        group: "verify_jws_es256",
        keyferry,
        raw: Some(work(move || signed.verify(&raw_key))),
        peers,
    }
}

fn request() -> Case {
    let captured = Captured::new();
    let der = {
        let signed_key =
            part(&answer(), 1)["profile"]["signedkeys"][0].as_str().unwrap().to_owned();
        STANDARD.decode_to_vec(part(&signed_key, 1)["certreq"].as_str().unwrap()).unwrap()
    };
    let keyferry =
        work(move || drop(black_box(Request::from_der(black_box(&der), &AwsLcRs).unwrap())));
    let raw =
        work(move || captured.request.verify(&import(&RSA_PKCS1_2048_8192_SHA256, &captured.key)));
    Case { group: "verify_request", keyferry, raw: Some(raw), peers: Vec::new() }
}

/// The signing half of the primitives.
enum RawSigner {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
}

impl RawSigner {
    fn new(pair: &dyn PrivateKey) -> Self {
        let pkcs8 = pair.expose_pkcs8_der().unwrap();
        match EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8) {
            Ok(pair) => Self::P256(pair),
            Err(_) => Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(&pkcs8).unwrap())),
        }
    }

    fn sign(&self, message: &[u8]) {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                black_box(signature);
            }
            Self::P256(pair) => {
                black_box(pair.sign(&random, message).unwrap());
            }
        }
    }
}

fn asked_key() -> keyferry::hermod::proof::RequestedKey {
    KeyRequest::from_command(Command::from_json(COMMAND).unwrap().provision().unwrap())
        .unwrap()
        .keys
        .remove(0)
}

/// Two signatures: of the request, and of the key's own statement.
fn signed_key(group: &'static str, kind: KeyKind) -> Case {
    let pair = AwsLcRs.generate(kind).unwrap();
    let mechanism = Algorithm::default_for(pair.public_key());
    let asked = asked_key();
    let request = asked
        .unsigned_request(pair.public_key(), mechanism)
        .unwrap()
        .unwrap()
        .to_be_signed()
        .to_vec();
    let whole = asked.sign("123456789", mechanism, None, &pair).unwrap();
    let (raw, statement) = (RawSigner::new(&*pair), Signed::from_compact(&whole).message);
    let keyferry =
        work(move || drop(black_box(asked.sign("123456789", mechanism, None, &pair).unwrap())));
    let raw = work(move || {
        raw.sign(&request);
        raw.sign(&statement);
    });
    Case { group, keyferry, raw: Some(raw), peers: Vec::new() }
}

fn replace_key(group: &'static str, kind: KeyKind) -> Case {
    let pair = AwsLcRs.generate(kind).unwrap();
    let template: Template = asked_key().template.unwrap();
    let message = template
        .with_key(pair.public_key(), Algorithm::default_for(pair.public_key()))
        .unwrap()
        .to_be_signed()
        .to_vec();
    let raw = RawSigner::new(&*pair);
    let keyferry = work(move || drop(black_box(template.replace_key(&pair).unwrap())));
    Case { group, keyferry, raw: Some(work(move || raw.sign(&message))), peers: Vec::new() }
}

fn parse_command() -> Case {
    let keyferry = work(|| drop(black_box(Command::from_json(black_box(COMMAND)).unwrap())));
    let value = work(|| {
        drop(black_box(serde_json::from_str::<serde_json::Value>(black_box(COMMAND)).unwrap()))
    });
    Case { group: "parse_command", keyferry, raw: None, peers: vec![("serde_json_value", value)] }
}

/// The optional check of an RSA modulus, beside one import and verification with a key of that
/// length. The modulus is any number that passes the check, so no signature is valid. An invalid
/// one takes the same time.
pub fn rsa_modulus_checks() -> Vec<(&'static str, Work, Work)> {
    [("rsa_modulus_check_2048", 2048), ("rsa_modulus_check_8192", 8192)]
        .map(|(name, bits)| {
            let key = key_that_passes(bits / 8);
            let raw_key = key.clone();
            let signature = vec![0x5a; bits / 8];
            let check = work(move || RsaModulusCheck::new().check(black_box(&key)).unwrap());
            let verification = work(move || {
                let spki = raw_key.as_spki_der();
                let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki).unwrap();
                assert!(black_box(key.verify_sig(b"message", black_box(&signature))).is_err());
            });
            (name, check, verification)
        })
        .into()
}

fn key_that_passes(length: usize) -> PublicKey {
    (0..=u16::MAX)
        .filter(|end| end % 2 == 1)
        .map(|end| {
            let mut modulus = vec![0xc5; length];
            modulus[length - 2..].copy_from_slice(&end.to_be_bytes());
            PublicKey::rsa(&modulus, &[1, 0, 1]).unwrap()
        })
        .find(|key| RsaModulusCheck::new().check(key).is_ok())
        .unwrap()
}
