//! The captured run of 2018: it verifies, everything in it comes out again, and no bit of it can be
//! changed.

use crate::support::answer::{self, Answer, SignedKey, assert_refused, refuse_result};
use crate::support::*;
use keyferry::crypto::Algorithm;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::{Callback, Command, CommandBody};
use keyferry::hermod::proof::{Attested, Check, Outcome, Refusal, Verified, Verifier};
use keyferry::{Certificate, Class};
use serde_json::Value;

const FQDN: &str = "ext-cod1.test.nexusgroup.com";
const MAILBOX_BASE: &str = "https://ext-cod1.test.nexusgroup.com:20400/hermod/rest/ms";

fn verify_captured(text: &str) -> Result<Verified<Attested>, Refusal> {
    Verifier::pinned(AwsLcRs, [&captured_pin()]).unwrap().verify(&captured_expectation(), text)
}

#[test]
fn the_captured_run_verifies_with_its_attestation_key_pinned() {
    let sch: [u8; 32] =
        from_standard(part(&captured_answer(), 0)["sch"].as_str().unwrap()).try_into().unwrap();
    let envelope = Callback::from_json(CALLBACK).unwrap().fqdn.unwrap();
    let expectation = captured_expectation()
        .with_fqdn(FQDN)
        .with_envelope_fqdn(envelope)
        .with_sch(sch)
        .with_mailbox_base(MAILBOX_BASE)
        .unwrap();
    let verifier =
        Verifier::pinned(AwsLcRs, [&captured_pin()]).unwrap().with_algorithms(&[Algorithm::Rs256]);
    let verified: Verified<Attested> = verifier.verify(&expectation, &captured_answer()).unwrap();
    for entry in verified.report().entries() {
        assert_eq!(entry.outcome, Outcome::Passed, "{}", entry.check);
        assert_eq!(entry.detail, None, "{}", entry.check);
    }
    assert_eq!(verified.report().entries().count(), Check::OUTER.len() + Check::PER_KEY.len());
}

#[test]
fn unconfigured_checks_are_reported_as_not_asked() {
    let verified = Verifier::danger_unpinned(AwsLcRs)
        .verify(&captured_expectation(), &captured_answer())
        .unwrap();
    let not_asked: Vec<Check> = verified
        .report()
        .entries()
        .filter(|entry| entry.outcome == Outcome::NotAsked)
        .map(|entry| entry.check)
        .collect();
    assert_eq!(
        not_asked,
        [Check::Pin, Check::Fqdn, Check::FqdnEnvelope, Check::Sch, Check::BoxUrl]
    );
}

#[test]
fn every_field_of_the_captured_run_appears_in_the_result() {
    let text = captured_answer();
    let verified = verify_captured(&text).unwrap();
    assert_eq!(verified.profile_id(), "3051e9f3-0e4d-436b-a512-2e18d8afe134");
    assert_eq!(verified.user_id(), "userA");
    assert_eq!(verified.name(), "TestProfile");
    assert_eq!(verified.server_name(), "nexus-cod1");
    assert_eq!(
        verified.mailbox(),
        "https://ext-cod1.test.nexusgroup.com:20400/hermod/rest/ms/d07292df-f75c-4534-8567-642953b6d887"
    );
    assert_eq!(verified.fqdn(), Some(FQDN));
    assert_eq!(verified.device().operating_system, "iOS (11.2.6)");
    assert_eq!(verified.device().name.as_deref(), Some("Anders\u{2019}s iPhone"));
    assert_eq!(verified.device().model.as_deref(), Some("iPhone"));
    assert_eq!(verified.device().apn_device_token, None);
    assert_eq!(*verified.attestation_key(), captured_pin());
    assert_eq!(verified.signed_header(), from_url(text.split('.').next().unwrap()));
    assert_eq!(verified.signed_payload(), from_url(text.split('.').nth(1).unwrap()));

    let [key] = verified.keys() else { panic!("one key") };
    assert_eq!(
        (key.key_id(), key.mechanism(), key.state(), key.priority()),
        ("signer", Algorithm::Rs256, "active", 0)
    );
    assert_eq!(key.public_key().bits(), 2048);
    let inner = part(&captured_signed_key(), 1);
    assert_eq!(jwk(key.public_key())["n"], inner["n"]);
    assert_eq!(jwk(key.public_key())["e"], "AQAB");
    let jwk = key.to_jwk();
    let said = (jwk.algorithm.as_deref(), jwk.usage.as_deref(), jwk.key_id.as_deref());
    assert_eq!(said, (Some("RS256"), Some("SIG"), Some("signer")));
    assert_eq!(jwk.extra.get("n#len"), Some(r#""2048""#));

    let canonical = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{}"}}"#, inner["n"].as_str().unwrap());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    assert_eq!(key.thumbprint(&AwsLcRs).as_bytes(), digest.as_ref());

    let request = key.request().unwrap();
    assert_eq!(request.as_der(), captured_request());
    assert_eq!(request.public_key(), key.public_key());
    let template = Template::from_der(&captured_template()).unwrap();
    assert_eq!(request.subject_der(), template.subject_der());
    assert_eq!(Some(request.attributes_der()), template.attributes_der());
    assert_eq!(verified.key("signer").unwrap().key_id(), "signer");
    assert!(verified.key("other").is_none());
}

/// The certificate that came two minutes later is for the key that was proven.
#[test]
fn the_certificate_of_the_captured_run_is_for_the_proven_key() {
    let verified = verify_captured(&captured_answer()).unwrap();
    let CommandBody::Certificate(command) = Command::from_json(CERTIFICATE_COMMAND).unwrap().body
    else {
        panic!("a certificate command")
    };
    assert_eq!(command.profile_id, verified.profile_id());
    let certificate = Certificate::from_base64(&command.certificates[0].data).unwrap();
    certificate
        .require_key(verified.key(&command.certificates[0].key_id).unwrap().public_key())
        .unwrap();
    assert_eq!(
        certificate.require_key(verified.attestation_key()).unwrap_err().class(),
        Class::Proof
    );
}

/// The real key has a needless zero byte at the front, and its `n#len` counts it.
#[test]
fn the_pin_is_compared_without_the_leading_zero_of_the_modulus() {
    let received = part(&captured_answer(), 0)["jwk"].clone();
    assert_eq!(from_url(received["n"].as_str().unwrap()).len(), 257);
    assert_eq!(captured_pin().bits(), 2048);
    let mut normal = received.clone();
    normal["n"] = url(&from_url(received["n"].as_str().unwrap())[1..]).into();
    let pin = keyferry::jose::Jwk::from_json(&normal.to_string()).unwrap();
    Verifier::pinned(AwsLcRs, [pin.public_key()])
        .unwrap()
        .verify(&captured_expectation(), &captured_answer())
        .unwrap();
}

/// Every bit of `bytes`, changed, with its number.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len() * 8).map(move |bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        (bit, changed)
    })
}

fn with_part(text: &str, index: usize, bytes: &[u8]) -> String {
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    parts[index] = url(bytes);
    parts.join(".")
}

fn has_texts(value: &Value, paths: &[&str]) -> bool {
    paths.iter().all(|path| value.pointer(path).is_some_and(Value::is_string))
}

#[test]
fn each_bit_of_the_outer_signature_counts() {
    let text = captured_answer();
    for (_, changed) in flips(&from_url(text.split('.').nth(2).unwrap())) {
        refuse_result(
            verify_captured(&with_part(&text, 2, &changed)),
            Class::Signature,
            Check::Signature,
        );
    }
}

#[test]
fn each_bit_of_the_outer_header_counts() {
    let text = captured_answer();
    let original = part(&text, 0);
    for (bit, changed) in flips(&from_url(text.split('.').next().unwrap())) {
        let refusal = verify_captured(&with_part(&text, 0, &changed))
            .map(drop)
            .expect_err("a changed header");
        let failed = refusal.report().failed().unwrap().check;
        let Ok(value) = serde_json::from_slice::<Value>(&changed) else {
            assert_eq!((refusal.class(), failed), (Class::Malformed, Check::Form), "bit {bit}");
            continue;
        };
        if value["alg"] == original["alg"] && value["jwk"] == original["jwk"] {
            assert_eq!(
                (refusal.class(), failed),
                (Class::Signature, Check::Signature),
                "bit {bit}"
            );
        } else {
            let expected = [
                (Class::Malformed, Check::Form),
                (Class::Algorithm, Check::Algorithm),
                (Class::Algorithm, Check::AttestationKey),
                // `e` is one bit away from `d`.
                (Class::PrivateKey, Check::AttestationKey),
                (Class::Malformed, Check::AttestationKey),
                (Class::WeakKey, Check::AttestationKey),
                (Class::Signature, Check::Signature),
            ];
            assert!(
                expected.contains(&(refusal.class(), failed)),
                "bit {bit}: {} by {failed}",
                refusal.class()
            );
        }
    }
}

#[test]
fn each_bit_of_the_outer_payload_counts() {
    let text = captured_answer();
    let required = [
        "/profile/id",
        "/profile/userid",
        "/profile/name",
        "/profile/servername",
        "/profile/boxurl",
        "/deviceinfo/operatingsystem",
    ];
    let bytes = from_url(text.split('.').nth(1).unwrap());
    // The long text of the signed key is sampled: seven of eight bits in it say the same.
    let (start, end) = (bytes.len() / 8, bytes.len() * 7 / 8);
    for (bit, changed) in
        flips(&bytes).filter(|(bit, _)| !(start..end).contains(&(bit / 8)) || bit % 37 == 0)
    {
        let refusal = verify_captured(&with_part(&text, 1, &changed))
            .map(drop)
            .expect_err("a changed payload");
        let failed = refusal.report().failed().unwrap().check;
        let readable = serde_json::from_slice::<Value>(&changed).ok();
        let whole = readable.is_some_and(|value| {
            has_texts(&value, &required) && value["profile"]["signedkeys"].is_array()
        });
        let due = if whole {
            (Class::Signature, Check::Signature)
        } else {
            (Class::Malformed, Check::Form)
        };
        assert_eq!((refusal.class(), failed), due, "bit {bit}");
    }
}

/// The text itself, not what it decodes to: spare bits and other alphabets would show here.
#[test]
fn no_character_of_the_text_can_be_changed() {
    let text = captured_answer();
    for at in (0..text.len()).step_by(13).chain(text.len() - 3..text.len()) {
        for replacement in ["A", "-", "=", ".", "+", "\n", "", "\u{e9}"] {
            if &text[at..=at] != replacement {
                let mut changed = text.clone();
                changed.replace_range(at..=at, replacement);
                assert!(verify_captured(&changed).is_err(), "{at} {replacement:?}");
            }
        }
    }
}

/// The inner objects of the captured run under an attestation key of our own, so that the inner
/// checks are reached.
fn captured_inner(text: String) -> Result<Verified<keyferry::hermod::proof::Consistent>, Refusal> {
    let mut answer =
        Answer::new(vec![SignedKey { text: Some(text), ..SignedKey::new("signer", p256()) }]);
    let captured = captured_answer();
    answer.payload = part(&captured, 1);
    answer.payload["profile"].as_object_mut().unwrap().remove("signedkeys");
    answer.header["nonce"] = part(&captured, 0)["nonce"].clone();
    Verifier::danger_unpinned(AwsLcRs).verify(&captured_expectation(), &answer.to_text())
}

#[test]
fn each_bit_of_the_inner_signature_counts() {
    let text = captured_signed_key();
    captured_inner(text.clone()).unwrap();
    for (_, changed) in flips(&from_url(text.split('.').nth(2).unwrap())) {
        refuse_result(
            captured_inner(with_part(&text, 2, &changed)),
            Class::Proof,
            Check::KeySignature,
        );
    }
}

#[test]
fn each_bit_of_the_inner_header_counts() {
    let text = captured_signed_key();
    for (bit, changed) in flips(&from_url(text.split('.').next().unwrap())) {
        let refusal =
            captured_inner(with_part(&text, 0, &changed)).map(drop).expect_err("a changed header");
        let got = (refusal.class(), refusal.report().failed().unwrap().check);
        let due: &[(Class, Check)] = match serde_json::from_slice::<Value>(&changed) {
            Err(_) => &[(Class::Malformed, Check::KeyForm)],
            Ok(value) if !has_texts(&value, &["/alg", "/kid"]) => {
                &[(Class::Malformed, Check::KeyForm)]
            }
            Ok(value) if value["kid"] != "signer" => &[(Class::KeyId, Check::KeyIds)],
            Ok(value) if value["nonce"] != "123456789" => {
                &[(Class::Nonce, Check::KeyNonce), (Class::Algorithm, Check::KeyForm)]
            }
            Ok(value) if value["alg"] != "RS256" => {
                &[(Class::Algorithm, Check::KeyForm), (Class::NotAsRequested, Check::KeyType)]
            }
            Ok(_) => &[(Class::Proof, Check::KeySignature)],
        };
        assert!(due.contains(&got), "bit {bit}: {got:?}, not {due:?}");
    }
}

#[test]
fn each_bit_of_the_inner_payload_counts() {
    let text = captured_signed_key();
    let original = part(&text, 1);
    let bytes = from_url(text.split('.').nth(1).unwrap());
    for (bit, changed) in flips(&bytes).filter(|(bit, _)| bit / 8 < 80 || bit % 11 == 0) {
        let refusal =
            captured_inner(with_part(&text, 1, &changed)).map(drop).expect_err("a changed payload");
        let got = (refusal.class(), refusal.report().failed().unwrap().check);
        let Ok(value) = serde_json::from_slice::<Value>(&changed) else {
            assert_eq!(got, (Class::Malformed, Check::KeyForm), "bit {bit}");
            continue;
        };
        let same = |name: &str| value[name] == original[name];
        if ["kty", "n", "e", "alg", "use", "kid", "keystate"].into_iter().all(same) {
            assert_eq!(got, (Class::Proof, Check::KeySignature), "bit {bit}");
        } else if !["kty", "alg", "use", "kid", "keystate"]
            .iter()
            .all(|name| value[*name].is_string())
        {
            assert_eq!(got, (Class::Malformed, Check::KeyForm), "bit {bit}");
        } else {
            let due = [
                (Class::Malformed, Check::KeyForm),
                (Class::KeyId, Check::KeyKid),
                (Class::WeakKey, Check::KeyType),
                (Class::Algorithm, Check::KeyType),
                (Class::NotAsRequested, Check::KeyType),
                (Class::NotAsRequested, Check::KeyState),
                (Class::Proof, Check::KeySignature),
            ];
            assert!(due.contains(&got), "bit {bit}: {got:?}");
        }
    }
}

#[test]
fn sampled_bits_of_the_captured_request_count() {
    let der = captured_request();
    Request::from_der(&der, &AwsLcRs).unwrap();
    for (bit, changed) in flips(&der).step_by(3) {
        assert!(Request::from_der(&changed, &AwsLcRs).is_err(), "bit {bit}");
    }
}

/// Both JWS are signed again after each change, so that only the request's own check can see it.
#[test]
fn each_bit_of_a_request_counts_in_an_answer() {
    let (command, mut answer) = answer::simple();
    answer::verify(&command, &answer).unwrap();
    let der = answer::request(&captured_template(), p256());
    let signature = der.len() - 73;
    for (bit, changed) in flips(&der) {
        answer.keys[0].payload["certreq"] = standard(&changed).into();
        let refusal = answer::verify(&command, &answer).map(drop).expect_err("a changed request");
        let got = (refusal.class(), refusal.report().failed().unwrap().check);
        assert!(
            [(Class::Csr, Check::KeyRequest), (Class::Malformed, Check::KeyRequest)].contains(&got),
            "bit {bit}: {got:?}"
        );
        // Inside the information every change that leaves DER is one of key, subject, attributes or
        // signature.
        if bit / 8 < signature && Template::from_der(&changed).is_ok() {
            assert_eq!(got.0, Class::Csr, "bit {bit}");
        }
    }
}

/// The same for RSA, where the device's key signs with its own algorithm.
#[test]
fn sampled_bits_of_an_rsa_request_count_in_an_answer() {
    let template = captured_template();
    let command = answer::command(vec![answer::key_gen_request(
        "signer",
        vec![answer::priority("RSA", "2048", "RS256")],
        Some(&template),
    )]);
    let mut answer = Answer::new(vec![SignedKey::new("signer", rsa2048()).with_request(&template)]);
    answer::verify(&command, &answer).unwrap();
    let der = answer::request(&template, rsa2048());
    for (bit, changed) in flips(&der).step_by(61) {
        answer.keys[0].payload["certreq"] = standard(&changed).into();
        let refusal = answer::verify(&command, &answer).map(drop).expect_err("a changed request");
        assert!(matches!(refusal.class(), Class::Csr | Class::Malformed), "bit {bit}");
        assert_eq!(refusal.report().failed().unwrap().check, Check::KeyRequest, "bit {bit}");
    }
}

#[test]
fn the_captured_answer_is_refused_under_every_other_expectation() {
    let base: Value = json(COMMAND)["provCommand"].clone();
    let cases: [(&str, Value, Class, Check); 6] = [
        ("/nonce", "123456788".into(), Class::Nonce, Check::Nonce),
        ("/userid", "userB".into(), Class::User, Check::User),
        ("/profile/name", "testprofile".into(), Class::User, Check::Profile),
        ("/profile/servername", "nexus".into(), Class::User, Check::Profile),
        ("/profile/keygenrequests/0/keyid", "Signer".into(), Class::KeyId, Check::KeyIds),
        (
            "/profile/keygenrequests/0/certreq",
            standard(answer::request(&other_subject(), p256())).into(),
            Class::Csr,
            Check::KeyRequest,
        ),
    ];
    for (path, value, class, check) in cases {
        let mut command = base.clone();
        *command.pointer_mut(path).unwrap() = value;
        let key = (check == Check::KeyRequest).then_some("signer");
        let result = Verifier::danger_unpinned(AwsLcRs)
            .verify(&answer::expectation(&command), &captured_answer());
        assert_refused(result, class, check, key);
    }
    let pinned = Verifier::pinned(AwsLcRs, [other_attestation().public_key()]).unwrap();
    refuse_result(
        pinned.verify(&captured_expectation(), &captured_answer()),
        Class::Attestation,
        Check::Pin,
    );
    let none = Verifier::pinned(AwsLcRs, []).unwrap();
    refuse_result(
        none.verify(&captured_expectation(), &captured_answer()),
        Class::Attestation,
        Check::Pin,
    );
}

/// The template with one letter of its subject changed.
fn other_subject() -> Vec<u8> {
    let mut der = captured_template();
    let at = der.windows(6).position(|window| window == b"Anders").unwrap();
    der[at] = b'B';
    der
}
