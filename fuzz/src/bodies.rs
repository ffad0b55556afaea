//! The fuzz targets. Ordinary tests replay the seeds over the same functions.
//!
//! Each asserts more than the absence of a panic: a value that was read is written and read again to
//! the same value, and only signed bytes verify.
//!
//! This file has the targets for texts and bytes. Requests, addresses and the configuration of the
//! example hub have separate files.

mod address;
mod config;
mod requests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{
    Algorithm, Curve, KeyKind, PrivateKey, Provider, PublicKey, Signer, VerifyingKey,
};
use keyferry::csr::{MAX_REQUEST, Request, Template};
use keyferry::hermod::model::{
    Activation, Callback, Command, DataFormat, DeviceInfo, Item, KeyGenRequest, KeyTypePrio,
    KeyUsage, ProfileRequest, ProvisionCommand, SignCommand, SignParams, SignResponse,
};
use keyferry::hermod::proof::{
    Expectation, KnownKey, Outcome, Pinned, Report, SignatureExpectation, Unpinned, UnsignedAnswer,
    Verifier, verify_signature,
};
use keyferry::jose::{Header, Jwk, Jws, Padding, Thumbprint};
use keyferry::{Certificate, Class};
use serde_json::value::RawValue;

#[allow(unused_imports, reason = "each target takes one of all")]
pub use self::{address::callback_address, config::config_toml, requests::*};

const COMMAND: &str = include_str!("../../tests/fixtures/hermod/provision-command.json");
const CALLBACK: &str = include_str!("../../tests/fixtures/hermod/provision-callback.json");
const ATTESTATION_KEY: &str = include_str!("../../tests/fixtures/hermod/attestation-key.json");
/// RFC 7515 appendix A.3.
const P256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// The captured run.
struct Captured {
    answer: String,
    expectation: Expectation,
    key: VerifyingKey,
    pinned: Verifier<Pinned>,
    unpinned: Verifier<Unpinned>,
    lenient: Verifier<Unpinned>,
}

static CAPTURED: LazyLock<Captured> = LazyLock::new(|| {
    static PROVIDER: AwsLcRs = AwsLcRs;
    let pin = key(ATTESTATION_KEY);
    Captured {
        answer: Callback::from_json(CALLBACK).unwrap().jws().unwrap().to_owned(),
        expectation: Expectation::from_command(
            Command::from_json(COMMAND).unwrap().provision().unwrap(),
        )
        .unwrap(),
        key: VerifyingKey::new(&PROVIDER, Algorithm::Rs256, &pin).unwrap(),
        pinned: Verifier::pinned(PROVIDER, [&pin]).unwrap(),
        unpinned: Verifier::danger_unpinned(PROVIDER),
        lenient: Verifier::danger_unpinned(PROVIDER)
            .with_padding(Padding::Tolerated)
            .accept_other_key_states(),
    }
});

fn key(jwk: &str) -> PublicKey {
    Jwk::from_json(jwk).unwrap().public_key().clone()
}

/// Keys that sign the fuzzer's input, so that it reaches the later checks.
struct Own {
    attestation: Box<dyn PrivateKey>,
    device: Box<dyn PrivateKey>,
    /// The expectation of one P-256 key without a request.
    expectation: Expectation,
}

static OWN: LazyLock<Own> = LazyLock::new(|| {
    let generate = || AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let key =
        KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
    let command = ProvisionCommand::new(
        "123456789",
        "userA",
        ProfileRequest::new("nexus-cod1", "TestProfile", vec![key]),
    );
    Own {
        attestation: generate(),
        device: generate(),
        expectation: Expectation::from_command(&command).unwrap(),
    }
});

fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

fn sign(header: &str, payload: &str, signer: &dyn Signer) -> String {
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = signer.sign(Algorithm::Es256, input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature))
}

/// Any text as a compact JWS; a JSON object as the header of one.
pub fn jws(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    read_jws(text);
    if text.starts_with('{') {
        read_jws(&format!("{}.eA.{}", encode(data), encode([1; 64])));
    }
}

fn read_jws(text: &str) {
    for padding in [Padding::Refused, Padding::Tolerated] {
        let Ok(jws) = Jws::from_compact_with(text, padding) else {
            if padding == Padding::Tolerated {
                assert!(
                    Jws::from_compact(text).is_err(),
                    "the lenient reading reads what the strict one does"
                );
            }
            continue;
        };
        let header = jws.unverified_header().clone();
        let written = serde_json::to_string(&header).unwrap();
        // A key of an unknown kind is not kept.
        if header.jwk().is_ok() {
            assert_eq!(Header::from_json(&written).unwrap(), header);
        }
        assert!(jws.unverified_payload().len() <= text.len());
        if jws.verify(&CAPTURED.key).is_ok() {
            // Nobody signed the padding of the signature.
            assert_eq!(text.trim_end_matches('='), CAPTURED.answer);
        }
        let jws = Jws::from_compact_with(text, padding).unwrap();
        if let Ok(consistent) = jws.verify_embedded(&AwsLcRs, Algorithm::ALL) {
            assert_eq!(Some(consistent.public_key()), header.jwk().unwrap().map(Jwk::public_key));
        }
    }
}

/// Any text as a JWK.
pub fn jwk(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(jwk) = Jwk::from_json(text) else { return };
    let again = Jwk::from_json(&jwk.to_string()).unwrap();
    assert_eq!(again, jwk);
    assert_eq!(again.to_string(), jwk.to_string());
    let public_key = jwk.public_key();
    assert_eq!(PublicKey::from_spki_der(public_key.as_spki_der()).unwrap(), *public_key);
    assert_eq!(
        Thumbprint::of(public_key, &AwsLcRs),
        Jwk::new(public_key.clone()).thumbprint(&AwsLcRs)
    );
    assert!((255..=8192).contains(&public_key.bits()));
    assert!(PRIVATE.iter().all(|name| !members(&jwk.to_string()).contains_key(*name)));
    // Whatever the key is, it can be asked to verify.
    if let Ok(key) = VerifyingKey::new(&AwsLcRs, Algorithm::default_for(public_key), public_key) {
        assert!(key.verify(b"message", &[0; 64]).is_err());
    }
}

/// Members that a public key must not have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The members of an object with their values as text: there may be a number among them that no
/// float can hold.
fn members(object: &str) -> BTreeMap<String, String> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object).unwrap();
    members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect()
}

/// Any bytes as a template.
pub fn csr_template(data: &[u8]) {
    let Ok(template) = Template::from_der(data) else { return };
    assert_eq!(template.as_der(), data);
    assert_eq!(Template::from_base64(&template.to_base64()).unwrap(), template);
    let key = key(P256_KEY);
    let unsigned = template.with_key(&key, Algorithm::Es256).unwrap();
    let info = unsigned.to_be_signed().to_vec();
    let replaced = unsigned.assemble(&[1; 64]);
    if replaced.len() > MAX_REQUEST {
        return;
    }
    let again = Template::from_der(&replaced).unwrap();
    assert_eq!(again.subject_der(), template.subject_der());
    assert_eq!(again.attributes_der(), Some(template.attributes_der().unwrap_or(&[0xa0, 0x00])));
    assert_eq!(again.with_key(&key, Algorithm::Es256).unwrap().to_be_signed(), info);
    assert_eq!(Request::from_der(&replaced, &AwsLcRs).unwrap_err().class(), Class::Csr);
}

/// Any bytes as a finished request.
pub fn csr_request(data: &[u8]) {
    let Ok(request) = Request::from_der(data, &AwsLcRs) else { return };
    assert_eq!(request.as_der(), data);
    assert_eq!(Request::from_base64(&request.to_base64(), &AwsLcRs).unwrap(), request);
    request.matches(&Template::from_der(data).unwrap()).unwrap();
    assert!(request.algorithm().fits(request.public_key()));
    // Its last byte is one of the signature.
    let mut changed = data.to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    assert!(Request::from_der(&changed, &AwsLcRs).is_err());
}

/// Any bytes as a certificate.
pub fn certificate(data: &[u8]) {
    let Ok(certificate) = Certificate::from_der(data) else { return };
    assert_eq!(certificate.as_der(), data);
    let again = Certificate::from_base64(&certificate.to_base64()).unwrap();
    assert_eq!(again, certificate);
    let again = again.public_key();
    if let Ok(public_key) = &again {
        assert_eq!(public_key.as_spki_der(), certificate.spki_der());
        certificate.require_key(public_key).unwrap();
    }
    assert!(certificate.require_key(&key(P256_KEY)).is_err() || again.unwrap() == key(P256_KEY));
    // Whatever stands in it can be shown on one line.
    for text in [certificate.subject(), certificate.issuer(), certificate.validity().to_string()] {
        assert!(!text.contains(char::is_control));
    }
    assert_eq!(certificate.fingerprint(&AwsLcRs), AwsLcRs.sha256(data));
}

/// Bytes as a CMS that answers a sign command: whatever it is, it is over the command's content,
/// or refused. Returns whether it verifies.
pub fn signature_cms(data: &[u8]) {
    cms(data);
}

pub fn cms(data: &[u8]) -> bool {
    static CONTENT: &[u8] = include_bytes!("../../tests/fixtures/cms/content");
    static KNOWN: LazyLock<(SignatureExpectation, [KnownKey; 1])> = LazyLock::new(|| {
        let tbs =
            Item::base64("tbs", "text/plain", base64_simd::STANDARD.encode_to_string(CONTENT));
        let command = SignCommand::new(SignParams::new(
            vec![tbs],
            DataFormat::PKCS7,
            "CKM_ECDSA_SHA256".into(),
        ));
        let certificate =
            Certificate::from_der(include_bytes!("../../tests/fixtures/cms/certificate.der"))
                .unwrap();
        let known = KnownKey::of_certificate(certificate).unwrap();
        (SignatureExpectation::for_sign(&command).unwrap(), [known])
    });
    let (expectation, known) = &*KNOWN;
    let response =
        SignResponse::success(DataFormat::PKCS7, base64_simd::STANDARD.encode_to_string(data));
    let Ok(verified) = verify_signature(&AwsLcRs, expectation, &response, known) else {
        return false;
    };
    assert_eq!(verified.content(), CONTENT);
    true
}

/// Any text as the answer to the captured command; a JSON object stands in the captured answer as
/// its payload, or as its header, and in one that is signed again as its payload, or as what its
/// key says.
pub fn provision_answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    answer(text);
    if text.starts_with('{') {
        let encoded = encode(data);
        let parts: Vec<&str> = CAPTURED.answer.split('.').collect();
        answer(&format!("{}.{encoded}.{}", parts[0], parts[2]));
        answer(&format!("{encoded}.{}.{}", parts[1], parts[2]));
        signed_payload(text);
        signed_key(text);
    }
}

/// The payload of an answer that a made-up attestation key signs: the one key in it can only be the
/// captured one. Returns whether it verifies.
pub fn signed_payload(payload: &str) -> bool {
    let jwk = Jwk::new(OWN.attestation.public_key().clone());
    let text = sign(
        &format!(r#"{{"alg":"ES256","nonce":"123456789","jwk":{jwk}}}"#),
        payload,
        &OWN.attestation,
    );
    assert!(CAPTURED.pinned.verify(&CAPTURED.expectation, &text).is_err());
    match CAPTURED.unpinned.verify(&CAPTURED.expectation, &text) {
        Ok(verified) => {
            let captured =
                CAPTURED.unpinned.verify(&CAPTURED.expectation, &CAPTURED.answer).unwrap();
            assert_eq!(verified.keys()[0].public_key(), captured.keys()[0].public_key());
            assert_eq!(verified.user_id(), captured.user_id());
            assert_eq!(verified.signed_payload(), payload.as_bytes());
            true
        }
        Err(refusal) => {
            check_report(refusal.report(), Some(refusal.class()));
            false
        }
    }
}

/// The other members of a key's statement about itself. Returns whether it verifies.
pub fn signed_key(said: &str) -> bool {
    let jwk = Jwk::new(OWN.device.public_key().clone()).to_string();
    let payload = format!("{},{}", &jwk[..jwk.len() - 1], &said[1..]);
    let key = sign(r#"{"alg":"ES256","nonce":"123456789","kid":"signer"}"#, &payload, &OWN.device);
    let asked = OWN.expectation.request();
    let answer =
        UnsignedAnswer::new(asked, "id", "https://hub.example/ms/1", DeviceInfo::new("Linux"))
            .with_signed_keys([key]);
    let text = answer.sign(&*OWN.attestation).unwrap();
    match CAPTURED.unpinned.verify(&OWN.expectation, &text) {
        Ok(verified) => {
            let key = &verified.keys()[0];
            assert_eq!(key.public_key(), OWN.device.public_key());
            assert!(key.state().eq_ignore_ascii_case("ACTIVE") && key.request().is_none());
            // A reader that is not ours finds the same members.
            let members = members(&payload);
            assert!(PRIVATE.iter().all(|name| !members.contains_key(*name)));
            let text = |name: &str| serde_json::from_str::<String>(&members[name]).unwrap();
            assert_eq!((text("kid").as_str(), text("alg").as_str()), ("signer", "ES256"));
            true
        }
        Err(refusal) => {
            check_report(refusal.report(), Some(refusal.class()));
            false
        }
    }
}

fn answer(text: &str) {
    let Captured { answer, expectation, pinned, unpinned, lenient, .. } = &*CAPTURED;
    match pinned.verify(expectation, text) {
        Ok(verified) => {
            assert_eq!(text, answer);
            check_report(verified.report(), None);
        }
        Err(refusal) => check_report(refusal.report(), Some(refusal.class())),
    }
    match unpinned.verify(expectation, text) {
        Ok(_) => assert_eq!(text, answer),
        Err(refusal) => check_report(refusal.report(), Some(refusal.class())),
    }
    if lenient.verify(expectation, text).is_ok() {
        assert_eq!(text.trim_end_matches('='), answer);
    }
}

/// A report has at most one failure, nothing reached after it, and nothing left out before it.
fn check_report(report: &Report, refused: Option<Class>) {
    let outcomes: Vec<Outcome> = report.entries().map(|entry| entry.outcome).collect();
    let failed = outcomes.iter().position(|outcome| *outcome == Outcome::Failed);
    assert_eq!(failed.is_some(), refused.is_some());
    let (before, after) = outcomes.split_at(failed.unwrap_or(outcomes.len()));
    assert!(before.iter().all(|outcome| matches!(outcome, Outcome::Passed | Outcome::NotAsked)));
    assert!(after.iter().skip(1).all(|outcome| *outcome == Outcome::NotReached));
}

/// Any text as a command.
pub fn command_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(command) = Command::from_json(text) else { return };
    let written = command.to_json();
    let again = Command::from_json(&written).unwrap();
    assert_eq!(again, command);
    assert_eq!(again.to_json(), written);
    assert_eq!(serde_json::to_string(&command).unwrap(), written);
    if let Some(provision) = command.provision()
        && let Ok(expectation) = Expectation::from_command(provision)
    {
        assert!(CAPTURED.unpinned.verify(&expectation, &written).is_err());
    }
}

/// Any text as a callback.
pub fn callback_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(callback) = Callback::from_json(text) else { return };
    let written = callback.to_json();
    let again = Callback::from_json(&written).unwrap();
    assert_eq!(again, callback);
    assert_eq!(again.to_json(), written);
    assert_eq!(again.jws(), callback.jws());
    for destination in &callback.destinations {
        if destination.activation().is_ok() {
            let uri = destination.uri.expose();
            assert!(uri.len() < 24 || !format!("{callback:?}").contains(uri), "a secret is shown");
        }
    }
}

/// Any text as an activation link.
pub fn activation_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(activation) = Activation::parse(text) else { return };
    let written = activation.to_uri();
    // Escapes make it longer.
    if written.expose().len() > keyferry::json::MAX_TEXT {
        return;
    }
    let again = Activation::parse(written.expose()).unwrap();
    assert_eq!(again, activation);
    assert_eq!(again.to_uri(), written);
    if let Activation::Plugout(plugout) = &activation {
        let token = plugout.token.expose();
        assert!(
            token.len() < 24
                || plugout.url.contains(token)
                || !format!("{activation:?}").contains(token),
            "a secret is shown"
        );
    }
}
