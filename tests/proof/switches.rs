//! What a verifier is told beside the command: what it accepts though it was not asked for, what it
//! refuses though the command does not say so, and the report that tells of both.

use std::sync::{Arc, Mutex};

use crate::support::answer::*;
use crate::support::*;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, PublicKey, PublicKeyParts, Signer};
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::ProvisionCommand;
use keyferry::hermod::proof::{Check, Consistent, Expectation, Outcome, Report, Verifier};
use keyferry::{Class, Error};
use serde_json::{Value, json};

fn verifier() -> Verifier<keyferry::hermod::proof::Unpinned> {
    Verifier::danger_unpinned(AwsLcRs)
}

fn detail_of(report: &Report, check: Check) -> Option<String> {
    report.entries().find(|entry| entry.check == check)?.detail.map(String::from)
}

// The version of a request.

/// The captured template in another version.
fn template(version: u8) -> Vec<u8> {
    let captured = Template::from_der(&captured_template()).unwrap();
    let parts = [
        &[0x02, 0x01, version][..],
        captured.subject_der(),
        p256().public_key().as_spki_der(),
        &[0xa0, 0x00],
    ];
    let info = der(0x30, &parts);
    let raw = p256().sign(Algorithm::Es256, &info).unwrap();
    let number = |bytes: &[u8]| {
        let bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        let zero: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
        der(0x02, &[zero, &bytes])
    };
    let signature = der(0x30, &[&number(&raw[..32]), &number(&raw[32..])]);
    let identifier = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    der(0x30, &[&info, &identifier, &der(0x03, &[&[0], &signature])])
}

/// A command with a template of this version, and an answer with a request of that.
fn versions(asked: u8, answered: u8) -> (Expectation, String) {
    let command = command(vec![key_gen_request(
        "signer",
        vec![priority("EC", "256", "ES256")],
        Some(&template(asked)),
    )]);
    let mut key = SignedKey::new("signer", p256());
    key.payload["certreq"] = standard(template(answered)).into();
    (expectation(&command), Answer::new(vec![key]).to_text())
}

#[test]
fn the_template_version_is_accepted_and_reported_if_enabled() {
    for version in [1, 2] {
        let (expectation, answer) = versions(version, version);
        refuse_result(verifier().verify(&expectation, &answer), Class::Csr, Check::KeyRequest);
        let told = verifier().accept_template_versions();
        let verified = told.verify(&expectation, &answer).unwrap();
        assert_eq!(
            detail_of(verified.report(), Check::KeyRequest).as_deref(),
            Some("the version of the template; accepted as the verifier was told to")
        );
        // Version 0 is right in any case, and there is nothing to say of it.
        let (expectation, answer) = versions(version, 0);
        for verifier in [verifier(), told.clone()] {
            let verified = verifier.verify(&expectation, &answer).unwrap();
            assert_eq!(detail_of(verified.report(), Check::KeyRequest), None);
        }
        // Any other is not the template's.
        let (expectation, answer) = versions(version, 3 - version);
        refuse_result(told.verify(&expectation, &answer), Class::Csr, Check::KeyRequest);
        assert_eq!(
            Request::from_der(&template(version), &AwsLcRs).unwrap_err().class(),
            Class::Csr
        );
    }
}

// The certificate of the channel.

#[test]
fn accepts_one_of_several_certificates_of_the_channel() {
    let (command, answer) = simple();
    let seen = [7; 32];
    let verify = |hashes: &[[u8; 32]]| {
        let expectation =
            hashes.iter().fold(expectation(&command), |known, hash| known.with_sch(*hash));
        verifier().verify(&expectation, &answer.to_text())
    };
    for hashes in [&[seen][..], &[[8; 32], seen], &[seen, [8; 32]]] {
        let report = verify(hashes).unwrap().report().clone();
        assert_eq!(report.outcome(Check::Sch, None), Some(Outcome::Passed));
    }
    for hashes in [&[[8; 32]][..], &[[8; 32], [9; 32]]] {
        assert_refused(verify(hashes), Class::Channel, Check::Sch, None);
    }
    assert_eq!(verify(&[]).unwrap().report().outcome(Check::Sch, None), Some(Outcome::NotAsked));
}

// Keys that the caller refuses.

#[test]
fn refuses_keys_that_the_caller_lists() {
    let (command, answer) = simple();
    let listing = |listed: PublicKey| {
        verifier().with_key_check(move |key| {
            if *key == listed {
                return Err(Error::new(Class::WeakKey, "", "a key that is listed"));
            }
            Ok(())
        })
    };
    let verify = |listed: &dyn Signer| {
        listing(listed.public_key().clone()).verify(&expectation(&command), &answer.to_text())
    };
    verify(other_p256()).unwrap();
    let refusal = assert_refused(verify(p256()), Class::WeakKey, Check::KeyType, Some("signer"));
    assert_eq!(refusal.error().detail(), "a key that is listed");
    let refusal =
        assert_refused(verify(attestation()), Class::WeakKey, Check::AttestationKey, None);
    assert_eq!(refusal.error().part(), "header.jwk");
}

#[test]
fn refuses_keys_that_were_seen_in_another_answer() {
    type Seen = Arc<Mutex<Vec<([u8; 32], String)>>>;
    let (command, answer) = simple();
    let (expectation, answer) = (expectation(&command), answer.to_text());
    let seen = Seen::default();
    let record = seen.clone();
    let verifier = verifier().with_seen_keys(move |key: &PublicKey, nonce: &str| {
        let digest = key.private_half_digest(&AwsLcRs);
        Ok(record.lock().unwrap().iter().any(|(one, of)| *one == digest && of != nonce))
    });
    let verified = verifier.verify(&expectation, &answer).unwrap();
    for key in verified.keys() {
        let digest = key.public_key().private_half_digest(&AwsLcRs);
        seen.lock().unwrap().push((digest, NONCE.to_owned()));
    }
    // The same answer can be verified again; a key of another command is refused.
    verifier.verify(&expectation, &answer).unwrap();
    seen.lock().unwrap()[0].1 = String::from("another");
    refuse_result(verifier.verify(&expectation, &answer), Class::Proof, Check::KeyReuse);
    // A record that cannot be asked is no permission.
    let broken = Verifier::danger_unpinned(AwsLcRs).with_seen_keys(|_: &PublicKey, _: &str| {
        Err(Error::new(Class::Storage, "keys", "the record cannot be read"))
    });
    refuse_result(broken.verify(&expectation, &answer), Class::Storage, Check::KeyReuse);
}

#[test]
fn keys_with_the_same_private_half_have_the_same_digest() {
    let digest = |signer: &dyn Signer| signer.public_key().private_half_digest(&AwsLcRs);
    let PublicKeyParts::Rsa { n, .. } = rsa2048().public_key().parts() else { panic!() };
    let other_exponent = PublicKey::rsa(n, &[3]).unwrap();
    assert_eq!(digest(rsa2048()), other_exponent.private_half_digest(&AwsLcRs));
    let PublicKeyParts::Ec { curve, x, y } = p256().public_key().parts() else { panic!() };
    let prime = num_bigint::BigUint::parse_bytes(
        b"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        16,
    );
    let y = (prime.unwrap() - num_bigint::BigUint::from_bytes_be(y)).to_bytes_be();
    let negative = PublicKey::ec(curve, x, &[vec![0; 32 - y.len()], y].concat()).unwrap();
    assert_eq!(digest(p256()), negative.private_half_digest(&AwsLcRs));
    let all = [
        digest(p256()),
        digest(other_p256()),
        digest(p384()),
        digest(rsa2048()),
        digest(ed25519()),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one));
    }
}

// Where a key is kept.

#[test]
fn claimed_storage_is_reported_and_required_if_enabled() {
    let (command, answer) = simple();
    let claiming = |claim: Option<Value>| {
        let mut answer = answer.clone();
        if let Some(claim) = claim {
            answer.keys[0].payload["storage"] = claim;
        }
        answer.to_text()
    };
    let expectation = expectation(&command);
    let strict = verifier().require_claimed_storage();
    for (claim, fits) in [(None, false), (Some("APP"), true), (Some("TPM"), false)] {
        let answer = claiming(claim.map(Value::from));
        let verified = verifier().verify(&expectation, &answer).unwrap();
        assert_eq!(verified.keys()[0].claimed_storage(), claim);
        match strict.verify(&expectation, &answer) {
            Ok(_) => assert!(fits, "{claim:?}"),
            refused => {
                assert!(!fits, "{claim:?}");
                refuse_result(refused, Class::NotAsRequested, Check::KeyType);
            }
        }
    }
    refuse_result(
        verifier().verify(&expectation, &claiming(Some(json!(1)))),
        Class::Malformed,
        Check::KeyForm,
    );
}

// The report.

#[test]
fn a_report_that_was_written_reads_as_the_same() {
    let (command, answer) = double();
    let mut odd = answer.clone();
    odd.keys[0].payload["keystate"] = "in\u{e4}ctive\n".into();
    let (expectation, answer) = (expectation(&command), answer.to_text());
    let reports = [
        verifier().verify(&expectation, &answer).unwrap().report().clone(),
        verifier()
            .accept_other_key_states()
            .verify(&expectation, &odd.to_text())
            .unwrap()
            .report()
            .clone(),
        verifier().verify(&expectation, &odd.to_text()).unwrap_err().report().clone(),
        verifier().verify(&expectation, "").unwrap_err().report().clone(),
    ];
    for (at, report) in reports.iter().enumerate() {
        let text = serde_json::to_string(report).unwrap();
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(read, *report);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(serde_json::from_value::<Report>(json(&text)).unwrap(), *report);
        assert!(reports[..at].iter().all(|other| other != report));
    }

    let whole: Value = serde_json::to_value(&reports[1]).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut entries = whole.as_array().unwrap().clone();
        change(&mut entries);
        serde_json::from_value::<Report>(entries.into())
    };
    assert!(changed(&|entries| entries[0]["new"] = json!(1)).is_ok());
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, Change); 10] = [
        ("unknown check", |entries| entries[3]["check"] = "new".into()),
        ("unknown outcome", |entries| entries[3]["outcome"] = "skipped".into()),
        ("no outcome", |entries| drop(entries[3].as_object_mut().unwrap().remove("outcome"))),
        ("a check less", |entries| drop(entries.pop())),
        ("a check less inside", |entries| drop(entries.remove(2))),
        ("a check twice", |entries| entries.push(entries[0].clone())),
        ("another order", |entries| entries.swap(0, 1)),
        ("a key where none is due", |entries| entries[0]["key"] = "signer".into()),
        ("no key where one is due", |entries| {
            drop(entries.last_mut().unwrap().as_object_mut().unwrap().remove("key"))
        }),
        ("another key", |entries| entries.last_mut().unwrap()["key"] = "other".into()),
    ];
    for (name, change) in changes {
        assert!(changed(&change).is_err(), "{name}");
    }
}

#[test]
fn classes_checks_and_outcomes_read_as_they_are_written() {
    for class in Class::ALL {
        assert_eq!(class.to_string().parse::<Class>(), Ok(*class));
    }
    for check in Check::OUTER.iter().chain(Check::PER_KEY) {
        assert_eq!(check.to_string().parse::<Check>(), Ok(*check));
        let text = serde_json::to_string(check).unwrap();
        assert_eq!(serde_json::from_str::<Check>(&text).unwrap(), *check);
    }
    for outcome in [Outcome::Passed, Outcome::Failed, Outcome::NotAsked, Outcome::NotReached] {
        assert_eq!(outcome.to_string().parse::<Outcome>(), Ok(outcome));
    }
    for text in ["", "PASSED", "passed ", "unknown"] {
        assert_eq!(text.parse::<Class>().unwrap_err().class(), Class::Malformed);
        assert_eq!(text.parse::<Check>().unwrap_err().class(), Class::Malformed);
        assert_eq!(text.parse::<Outcome>().unwrap_err().class(), Class::Malformed);
    }
}

#[test]
fn a_request_for_a_key_is_made_from_its_kind() {
    use keyferry::crypto::{Curve, KeyKind};
    use keyferry::hermod::model::{KeyGenRequest, ProfileRequest};

    let template = Template::from_der(&captured_template()).unwrap();
    for (kind, signer) in [
        (KeyKind::Rsa { bits: 2048 }, rsa2048()),
        (KeyKind::Ec(Curve::P256), p256()),
        (KeyKind::Ec(Curve::P384), p384()),
        (KeyKind::Ec(Curve::P521), p521()),
        (KeyKind::Ed25519, ed25519()),
    ] {
        let request = KeyGenRequest::of_kind("signer", kind).with_template(&template);
        let command = ProvisionCommand::new(
            NONCE,
            USER,
            ProfileRequest::new("nexus", "TestProfile", vec![request]),
        );
        let expectation = Expectation::from_command(&command).unwrap();
        let asked = &expectation.request().keys[0];
        assert_eq!(asked.priorities[0].unwrap().kind, kind);
        assert_eq!(asked.template.as_ref(), Some(&template));
        let key = SignedKey::new("signer", signer).with_request(&captured_template());
        let verified: keyferry::hermod::proof::Verified<Consistent> =
            verifier().verify(&expectation, &Answer::new(vec![key]).to_text()).unwrap();
        assert_eq!(verified.keys()[0].priority(), 0);
    }
}
