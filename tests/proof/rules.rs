//! The rules for signed objects, one test a rule: each answer is wrong in one way, and is refused
//! by the check of that rule and no other.

use crate::support::answer::*;
use crate::support::*;
use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, PrivateKey, Provider, RsaModulusCheck};
use keyferry::csr::Template;
use keyferry::hermod::model::ProvisionCommand;
use keyferry::hermod::proof::{
    Attested, Check, Consistent, Expectation, KeyRequest, Outcome, Refusal, UnsignedAnswer,
    Verified, VerifiedKey, Verifier,
};
use keyferry::jose::Padding;
use serde_json::{Value, json};

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name).unwrap();
}

/// A command for one key without a template, and the expectation of it.
fn asking(priorities: Vec<Value>) -> Expectation {
    expectation(&command(vec![key_gen_request("signer", priorities, None)]))
}

fn verify_with(
    expectation: &Expectation,
    answer: &Answer,
) -> Result<Verified<Consistent>, Refusal> {
    Verifier::danger_unpinned(AwsLcRs).verify(expectation, &answer.to_text())
}

/// One key that says to be this.
fn one_key(signer: &'static dyn PrivateKey, algorithm: Algorithm) -> Answer {
    Answer::new(vec![SignedKey::with_algorithm("signer", signer, algorithm)])
}

fn accepted(result: Result<Verified<Consistent>, Refusal>) -> Verified<Consistent> {
    result.unwrap_or_else(|refusal| panic!("{:?}\n{}", refusal.error(), refusal.report()))
}

// The answers that the rest is measured against.

#[test]
fn correct_answers_are_accepted() {
    let (command, answer) = simple();
    accepted(verify(&command, &answer));
    let (command, answer) = double();
    let verified = accepted(verify(&command, &answer));
    let ids: Vec<&str> = verified.keys().iter().map(VerifiedKey::key_id).collect();
    assert_eq!(ids, ["signer", "auth"], "in the order of the command, whatever the answer's");
    assert!(is_key(verified.key("auth").unwrap().public_key(), rsa2048()));
    assert!(is_key(verified.attestation_key(), attestation()));
}

#[test]
fn accepts_every_type_of_key() {
    let cases: [(Value, &'static dyn PrivateKey, Algorithm); 9] = [
        (priority("RSA", "2048", "RS256"), rsa2048(), Algorithm::Rs256),
        (priority("RSA", "2048", "RS384"), rsa2048(), Algorithm::Rs384),
        (priority("RSA", "2048", "RS512"), rsa2048(), Algorithm::Rs512),
        (priority("RSA", "2048", "PS256"), rsa2048(), Algorithm::Ps256),
        (priority("RSA", "2048", "PS512"), rsa2048(), Algorithm::Ps512),
        (priority("EC", "256", "ES256"), p256(), Algorithm::Es256),
        (priority("EC", "384", "ES384"), p384(), Algorithm::Es384),
        (priority("EC", "521", "ES512"), p521(), Algorithm::Es512),
        (priority("OKP", "256", "EdDSA"), ed25519(), Algorithm::EdDsa),
    ];
    for (priority, signer, algorithm) in cases {
        let verified = accepted(verify_with(&asking(vec![priority]), &one_key(signer, algorithm)));
        assert_eq!(
            (verified.keys()[0].mechanism(), is_key(verified.keys()[0].public_key(), signer)),
            (algorithm, true)
        );
    }
}

#[test]
fn accepts_every_algorithm_of_the_attestation_key() {
    let (command, mut answer) = simple();
    for signer in [attestation(), p384(), p521(), ed25519(), rsa2048()] {
        answer.attest_with(signer);
        accepted(verify(&command, &answer));
    }
    for algorithm in
        [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512]
    {
        answer.attest_with(rsa2048());
        answer.algorithm = algorithm;
        answer.header["alg"] = algorithm.name().into();
        accepted(verify(&command, &answer));
        let pinned = Verifier::pinned(AwsLcRs, [rsa2048().public_key()]).unwrap();
        pinned.verify(&expectation(&command), &answer.to_text()).unwrap();
    }
}

#[test]
fn answers_of_the_device_side_are_accepted() {
    let (command, _) = double();
    let asked =
        KeyRequest::from_command(&ProvisionCommand::from_json(&command.to_string()).unwrap())
            .unwrap();
    let signed = [
        asked.keys[0].sign(NONCE, Algorithm::Es256, None, p256()).unwrap(),
        asked.keys[1].sign(NONCE, Algorithm::Rs256, None, rsa2048()).unwrap(),
    ];
    let device = keyferry::hermod::model::DeviceInfo::new("Linux");
    let answer = UnsignedAnswer::new(&asked, PROFILE_ID, BOX, device)
        .with_fqdn(FQDN)
        .with_sch([7; 32])
        .with_signed_keys(signed)
        .sign(attestation())
        .unwrap();
    let expectation = expectation(&command)
        .with_fqdn(FQDN)
        .with_sch([7; 32])
        .with_mailbox_base("https://hub.example/hermod/rest/ms")
        .unwrap();
    Verifier::pinned(AwsLcRs, [attestation().public_key()])
        .unwrap()
        .verify(&expectation, &answer)
        .unwrap();
}

// Form.

#[test]
fn input_that_is_not_one_compact_jws_is_refused() {
    let (command, answer) = simple();
    let text = answer.to_text();
    let expectation = expectation(&command);
    let (start, _) = text.rsplit_once('.').unwrap();
    for wrong in [
        String::new(),
        String::from(".."),
        format!(" {text}"),
        format!("{text}\n"),
        format!("{text}="),
        format!("{text}."),
        format!("{text}.e30"),
        start.to_owned(),
        format!("{{\"payload\":\"{text}\"}}"),
    ] {
        refuse_text(&expectation, &wrong, Class::Malformed, Check::Form);
    }
    // Well-formed, and of nothing: the signature fails.
    refuse_text(&expectation, &format!("{start}."), Class::Signature, Check::Signature);
}

#[test]
fn an_answer_over_256_kib_is_refused() {
    let answer = changed(|answer| answer.payload["more"] = vec!["x".repeat(60_000); 4].into());
    refuse(&answer, Class::TooLarge, Check::Form);
}

#[test]
fn rejects_absent_members_and_members_of_another_type() {
    for path in [
        "/header/alg",
        "/header/jwk",
        "/header/jwk/kty",
        "/header/fqdn",
        "/header/sch",
        "/header/nonce",
    ] {
        for value in [Value::Null, json!(1), json!(true), json!(["x"])] {
            let answer = changed(|answer| {
                *answer.header.pointer_mut(path.trim_start_matches("/header")).unwrap() = value
            });
            refuse(&answer, Class::Malformed, Check::Form);
        }
    }
    for path in [
        "/profile",
        "/profile/id",
        "/profile/userid",
        "/profile/name",
        "/profile/servername",
        "/profile/boxurl",
        "/deviceinfo",
    ] {
        for value in [Value::Null, json!(1), json!(false), json!("")] {
            if value == "" && path != "/profile" && path != "/deviceinfo" {
                continue;
            }
            let answer = changed(|answer| {
                answer.payload["profile"]["signedkeys"] = json!([]);
                *answer.payload.pointer_mut(path).unwrap() = value;
                if answer.payload["profile"].is_object() {
                    remove(&mut answer.payload["profile"], "signedkeys");
                }
            });
            let text = compact(
                answer.header.to_string(),
                answer.payload.to_string(),
                answer.algorithm,
                answer.signer,
            );
            refuse_text(&expectation(&simple().0), &text, Class::Malformed, Check::Form);
        }
    }
    for name in ["alg", "jwk"] {
        refuse_changed(Class::Malformed, Check::Form, |answer| remove(&mut answer.header, name));
    }
    for name in ["id", "userid", "name", "servername", "boxurl"] {
        refuse_changed(Class::Malformed, Check::Form, |answer| {
            remove(&mut answer.payload["profile"], name)
        });
    }
    refuse_changed(Class::Malformed, Check::Form, |answer| {
        remove(&mut answer.payload, "deviceinfo")
    });
    for keys in [json!("x"), json!([1]), json!([null]), json!({"0": "x"})] {
        refuse_changed(Class::Malformed, Check::Form, |answer| {
            answer.payload["profile"]["signedkeys"] = keys
        });
    }
}

#[test]
fn rejects_a_member_twice_at_any_depth() {
    let answer = simple().1;
    let (header, payload) = (answer.header.to_string(), answer.to_payload().to_string());
    let expectation = expectation(&simple().0);
    let twice = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let headers = [
        twice(&header, r#""nonce":"#, r#""nonce":"n-4711","nonce":"#),
        twice(&header, r#""nonce":"#, r#""n\u006fnce":"other","nonce":"#),
        twice(&header, r#""kty":"#, r#""kty":"EC","kty":"#),
        twice(&header, r#""nonce":"#, r#""new":{"a":[{"b":1,"\u0062":2}]},"nonce":"#),
        twice(&header, r#""nonce":"#, r#""new":1,"new":1,"nonce":"#),
    ];
    for header in headers {
        let text = compact(header, &payload, answer.algorithm, answer.signer);
        refuse_text(&expectation, &text, Class::Malformed, Check::Form);
    }
    let payloads = [
        twice(&payload, r#""userid":"#, r#""userid":"userA","userid":"#),
        twice(&payload, r#""userid":"#, r#""us\u0065rid":"userB","userid":"#),
        twice(&payload, r#""signedkeys":"#, r#""signedkeys":[],"signedkeys":"#),
        twice(&payload, r#""profile":"#, r#""profile":{},"profile":"#),
        twice(&payload, r#""model":"#, r#""model":"x","model":"#),
        twice(&payload, r#""userid":"#, r#""new":[[{"a":{"b":1,"b":1}}]],"userid":"#),
    ];
    for payload in payloads {
        let text = compact(&header, payload, answer.algorithm, answer.signer);
        refuse_text(&expectation, &text, Class::Malformed, Check::Form);
    }
}

#[test]
fn rejects_a_member_twice_in_an_inner_object() {
    let key = simple().1.keys.remove(0);
    let (header, payload) = (key.header.to_string(), key.payload.to_string());
    for (header, payload) in [
        (header.replacen(r#""kid":"#, r#""kid":"signer","kid":"#, 1), payload.clone()),
        (header.replacen(r#""nonce":"#, r#""n\u006fnce":"n-4711","nonce":"#, 1), payload.clone()),
        (header.clone(), payload.replacen(r#""x":"#, r#""\u0078":"AA","x":"#, 1)),
        (header.clone(), payload.replacen(r#""kid":"#, r#""kid":"signer","kid":"#, 1)),
        (header.clone(), payload.replacen(r#""kid":"#, r#""new":{"a":1,"a":1},"kid":"#, 1)),
        (header.clone(), payload.replacen(r#""certreq":"#, r#""certreq":"","certreq":"#, 1)),
    ] {
        let text = compact(header, payload, key.algorithm, key.signer);
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| key.text = Some(text));
    }
}

#[test]
fn rejects_crit_in_outer_and_inner_header() {
    for crit in [json!([]), json!(["exp"]), Value::Null, json!("")] {
        refuse_changed(Class::Malformed, Check::Form, |answer| {
            answer.header["crit"] = crit.clone()
        });
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| key.header["crit"] = crit);
    }
}

#[test]
fn rejects_b64_in_outer_and_inner_header() {
    for b64 in [json!(false), json!(true), Value::Null] {
        refuse_changed(Class::Malformed, Check::Form, |answer| answer.header["b64"] = b64.clone());
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| key.header["b64"] = b64);
    }
}

#[test]
fn rejects_keys_whose_operations_do_not_include_verifying() {
    for key_ops in [json!(["verify"]), json!(["sign", "verify"]), json!(["verify", "made-up"])] {
        let answer = changed(|answer| {
            answer.header["jwk"]["key_ops"] = key_ops.clone();
            answer.keys[0].payload["key_ops"] = key_ops.clone();
        });
        let verified = accepted(verify(&simple().0, &answer));
        let jwk = verified.keys()[0].to_jwk();
        assert_eq!(json!(jwk.key_ops), key_ops);
    }
    for key_ops in [json!([]), json!(["sign"]), json!(["encrypt"]), json!(["VERIFY"])] {
        refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
            answer.header["jwk"]["key_ops"] = key_ops.clone()
        });
        refuse_changed_key(Class::NotAsRequested, Check::KeyType, |key| {
            key.payload["key_ops"] = key_ops
        });
    }
    // The two say different things of one key.
    let both = json!(["verify", "encrypt"]);
    refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
        answer.header["jwk"]["use"] = "sig".into();
        answer.header["jwk"]["key_ops"] = both.clone();
    });
    refuse_changed_key(Class::NotAsRequested, Check::KeyType, |key| key.payload["key_ops"] = both);
    for key_ops in
        [json!("verify"), json!(["verify", "verify"]), json!([1]), Value::Null, json!({})]
    {
        refuse_changed(Class::Malformed, Check::Form, |answer| {
            answer.header["jwk"]["key_ops"] = key_ops.clone()
        });
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| {
            key.payload["key_ops"] = key_ops
        });
    }
}

#[test]
fn rejects_more_than_16_signed_keys() {
    let answer = changed(|answer| answer.keys = vec![answer.keys[0].clone(); 17]);
    refuse(&answer, Class::TooLarge, Check::Form);
    let answer = changed(|answer| answer.keys = vec![answer.keys[0].clone(); 16]);
    refuse(&answer, Class::KeyId, Check::KeyIds);
}

#[test]
fn padding_is_refused_unless_tolerated_and_then_verified() {
    let (command, mut answer) = simple();
    let expectation = expectation(&command);
    let padded = |text: String| format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    let key = answer.keys[0].clone();
    // The length of one member decides whether there is any padding at all.
    for blanks in 0..3 {
        let header = format!("{}{}", key.header, " ".repeat(blanks));
        let inner = sign_parts(
            &padded(url(header)),
            &padded(url(key.payload.to_string())),
            key.algorithm,
            key.signer,
        );
        let (input, signature) = inner.rsplit_once('.').unwrap();
        answer.keys[0].text = Some(format!("{input}.{}", padded(signature.to_owned())));
        let header = padded(url(format!("{}{}", answer.header, " ".repeat(blanks))));
        let text = sign_parts(
            &header,
            &padded(url(answer.to_payload().to_string())),
            answer.algorithm,
            answer.signer,
        );
        Verifier::danger_unpinned(AwsLcRs)
            .with_padding(Padding::Tolerated)
            .verify(&expectation, &text)
            .unwrap();
        // 64 bytes of signature always have padding.
        let (class, check, id) = if header.ends_with('=') || text.contains("=.") {
            (Class::Malformed, Check::Form, None)
        } else {
            (Class::Malformed, Check::KeyForm, Some("signer"))
        };
        assert_refused(
            Verifier::danger_unpinned(AwsLcRs).verify(&expectation, &text),
            class,
            check,
            id,
        );
        // Taking the padding away afterwards is a change of what was signed.
        if text.contains("=.") {
            let stripped = text.replace('=', "");
            refuse_result(
                Verifier::danger_unpinned(AwsLcRs)
                    .with_padding(Padding::Tolerated)
                    .verify(&expectation, &stripped),
                Class::Signature,
                Check::Signature,
            );
        }
    }
}

// Algorithm.

#[test]
fn rejects_none_and_symmetric_algorithms() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "hs256", "HS384", "HS512", "rs256", "ES256K",
        "RSA-OAEP", "RS256 ", "RS1",
    ] {
        refuse_changed(Class::Algorithm, Check::Algorithm, |answer| {
            answer.header["alg"] = alg.into()
        });
        refuse_changed_key(Class::Algorithm, Check::KeyForm, |key| key.header["alg"] = alg.into());
    }
}

/// The classic confusion: the public key as the secret of an HMAC.
#[test]
fn rejects_an_hmac_with_the_public_key() {
    let mut answer = simple().1;
    answer.header["alg"] = "HS256".into();
    let input =
        format!("{}.{}", url(answer.header.to_string()), url(answer.to_payload().to_string()));
    let secret = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA256,
        attestation().public_key().as_spki_der(),
    );
    let text = format!("{input}.{}", url(aws_lc_rs::hmac::sign(&secret, input.as_bytes())));
    refuse_text(&expectation(&simple().0), &text, Class::Algorithm, Check::Algorithm);
}

#[test]
fn rejects_an_algorithm_that_is_not_allowed() {
    let (command, answer) = simple();
    let verifier =
        Verifier::danger_unpinned(AwsLcRs).with_algorithms(&[Algorithm::Rs256, Algorithm::Ps256]);
    refuse_result(
        verifier.verify(&expectation(&command), &answer.to_text()),
        Class::Algorithm,
        Check::Algorithm,
    );
    let verifier = Verifier::danger_unpinned(AwsLcRs).with_algorithms(&[Algorithm::Es256]);
    verifier.verify(&expectation(&command), &answer.to_text()).unwrap();
    let verifier = Verifier::danger_unpinned(AwsLcRs).with_algorithms(&[]);
    refuse_result(
        verifier.verify(&expectation(&command), &answer.to_text()),
        Class::Algorithm,
        Check::Algorithm,
    );
}

// The attestation key.

#[test]
fn rejects_an_algorithm_that_does_not_fit_the_attestation_key() {
    for alg in ["RS256", "PS512", "ES384", "ES512", "EdDSA"] {
        refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
            answer.header["alg"] = alg.into()
        });
    }
}

#[test]
fn rejects_an_attestation_key_that_is_meant_for_something_else() {
    refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
        answer.header["jwk"]["alg"] = "ES384".into()
    });
    refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
        answer.header["jwk"]["alg"] = "es256".into()
    });
    refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
        answer.header["jwk"]["use"] = "enc".into()
    });
    for usage in ["sig", "SIG", "Sig"] {
        accepted(verify(
            &simple().0,
            &changed(|answer| answer.header["jwk"]["use"] = usage.into()),
        ));
    }
}

#[test]
fn private_members_in_the_attestation_key_have_their_class() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("c2VjcmV0"), json!(""), Value::Null, json!([{"r": "x"}])] {
            refuse_changed(Class::PrivateKey, Check::AttestationKey, |answer| {
                answer.header["jwk"][name] = value
            });
        }
    }
    let answer = changed(|answer| answer.header["jwk"] = json!({"kty": "oct", "k": "c2VjcmV0"}));
    refuse(&answer, Class::PrivateKey, Check::AttestationKey);
}

#[test]
fn rejects_weak_attestation_keys() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() &= 0xfe;
    let good = modulus(2048);
    let cases = [
        rsa_jwk(&modulus(1024), &[1, 0, 1]),
        rsa_jwk(&modulus(2047), &[1, 0, 1]),
        // The zeros at the front make nothing longer.
        rsa_jwk(&[vec![0; 128], modulus(1024)].concat(), &[1, 0, 1]),
        rsa_jwk(&modulus(8193), &[1, 0, 1]),
        rsa_jwk(&even, &[1, 0, 1]),
        rsa_jwk(&good, &[1]),
        rsa_jwk(&good, &[0]),
        rsa_jwk(&good, &[]),
        rsa_jwk(&good, &[2]),
        rsa_jwk(&good, &[1, 0, 0]),
        rsa_jwk(&good, &[1, 0, 0, 0, 1]),
        rsa_jwk(&[], &[1, 0, 1]),
        rsa_jwk(&[0; 256], &[1, 0, 1]),
    ];
    for key in cases {
        let answer = changed(|answer| {
            answer.header["alg"] = "RS256".into();
            answer.header["jwk"] = key;
        });
        refuse(&answer, Class::WeakKey, Check::AttestationKey);
    }
}

#[test]
fn the_length_of_a_modulus_is_measured_on_the_number() {
    let answer = changed(|answer| {
        answer.header["alg"] = "RS256".into();
        answer.header["jwk"] = rsa_jwk(&modulus(1024), &[1, 0, 1]);
        answer.header["jwk"]["n#len"] = "2048".into();
    });
    refuse(&answer, Class::WeakKey, Check::AttestationKey);
    let mut answer = simple().1;
    answer.attest_with(rsa2048());
    let n = [vec![0; 3], from_url(answer.header["jwk"]["n"].as_str().unwrap())].concat();
    answer.header["jwk"]["n"] = url(n).into();
    answer.header["jwk"]["n#len"] = "512".into();
    accepted(verify(&simple().0, &answer));
}

#[test]
fn rejects_points_that_are_not_on_their_curve() {
    let off = changed(|answer| {
        let mut y = from_url(answer.header["jwk"]["y"].as_str().unwrap());
        y[31] ^= 1;
        answer.header["jwk"]["y"] = url(y).into();
    });
    refuse(&off, Class::WeakKey, Check::AttestationKey);
    let zero = changed(|answer| {
        answer.header["jwk"]["x"] = url([0; 32]).into();
        answer.header["jwk"]["y"] = url([0; 32]).into();
    });
    refuse(&zero, Class::WeakKey, Check::AttestationKey);
    let beyond = changed(|answer| answer.header["jwk"]["x"] = url([0xff; 32]).into());
    refuse(&beyond, Class::WeakKey, Check::AttestationKey);
    let other_curve = changed(|answer| {
        let key = jwk(p384().public_key());
        let mut y = from_url(key["y"].as_str().unwrap());
        y[0] ^= 1;
        answer.header["alg"] = "ES384".into();
        answer.header["jwk"] = key;
        answer.header["jwk"]["y"] = url(y).into();
    });
    refuse(&other_curve, Class::WeakKey, Check::AttestationKey);
}

#[test]
fn wrong_coordinates_and_members_of_other_keys_are_refused() {
    let x = from_url(jwk(attestation().public_key())["x"].as_str().unwrap());
    for x in [x[1..].to_vec(), [vec![0], x.clone()].concat(), Vec::new()] {
        refuse_changed(Class::Malformed, Check::AttestationKey, |answer| {
            answer.header["jwk"]["x"] = url(x).into()
        });
    }
    for (name, value) in [("n", "AQAB"), ("e", "AQAB")] {
        refuse_changed(Class::Malformed, Check::AttestationKey, |answer| {
            answer.header["jwk"][name] = value.into()
        });
    }
    for (name, class) in
        [("crv", Class::Malformed), ("x", Class::Malformed), ("y", Class::Malformed)]
    {
        refuse_changed(class, Check::AttestationKey, |answer| {
            remove(&mut answer.header["jwk"], name)
        });
    }
    for curve in ["P-384", "P-521"] {
        refuse_changed(Class::Malformed, Check::AttestationKey, |answer| {
            answer.header["jwk"]["crv"] = curve.into()
        });
    }
    for curve in ["secp256k1", "p-256", "Ed25519", ""] {
        refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
            answer.header["jwk"]["crv"] = curve.into()
        });
    }
    for kind in ["ec", "AKP", ""] {
        refuse_changed(Class::Algorithm, Check::AttestationKey, |answer| {
            answer.header["jwk"]["kty"] = kind.into()
        });
    }
}

#[test]
fn rsa_keys_below_the_configured_length_are_refused() {
    let (command, mut answer) = simple();
    answer.attest_with(rsa2048());
    let verifier = Verifier::danger_unpinned(AwsLcRs).with_min_rsa_bits(3072);
    refuse_result(
        verifier.verify(&expectation(&command), &answer.to_text()),
        Class::WeakKey,
        Check::AttestationKey,
    );
    let pinned =
        Verifier::pinned(AwsLcRs, [rsa2048().public_key()]).unwrap().with_min_rsa_bits(2049);
    refuse_result(
        pinned.verify(&expectation(&command), &answer.to_text()),
        Class::WeakKey,
        Check::AttestationKey,
    );
    let answer = one_key(rsa2048(), Algorithm::Rs256);
    let result =
        verifier.verify(&asking(vec![priority("RSA", "2048", "RS256")]), &answer.to_text());
    refuse_result(result, Class::WeakKey, Check::KeyType);
    // Less than the least means the least.
    Verifier::danger_unpinned(AwsLcRs)
        .with_min_rsa_bits(0)
        .verify(&asking(vec![priority("RSA", "2048", "RS256")]), &answer.to_text())
        .unwrap();
}

#[test]
fn rejects_weak_rsa_moduli_where_the_verifier_checks_them() {
    // 256 is one more than a multiple of three: so is each byte worth its value.
    let mut n = modulus(2048);
    while n.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 3 != 0 {
        *n.last_mut().unwrap() -= 2;
    }
    let verifier =
        || Verifier::danger_unpinned(AwsLcRs).with_rsa_modulus_check(RsaModulusCheck::new());
    let (command, mut answer) = simple();
    answer.attest_with(rsa2048());
    verifier().verify(&expectation(&command), &answer.to_text()).unwrap();
    answer.header["jwk"] = rsa_jwk(&n, &[1, 0, 1]);
    let text = answer.to_text();
    let refused = verifier().verify(&expectation(&command), &text);
    refuse_result(refused, Class::WeakKey, Check::AttestationKey);
    // Without the switch such a key is like any other.
    let refused = Verifier::danger_unpinned(AwsLcRs).verify(&expectation(&command), &text);
    refuse_result(refused, Class::Signature, Check::Signature);

    let mut answer = one_key(rsa2048(), Algorithm::Rs256);
    let asked = asking(vec![priority("RSA", "2048", "RS256")]);
    verifier().verify(&asked, &answer.to_text()).unwrap();
    answer.keys[0].payload["n"] = url(&n).into();
    let refused = verifier().verify(&asked, &answer.to_text());
    refuse_result(refused, Class::WeakKey, Check::KeyType);
}

// Signature and pin.

#[test]
fn rejects_an_answer_that_another_key_signed() {
    refuse_changed(Class::Signature, Check::Signature, |answer| {
        answer.signer = other_attestation()
    });
    refuse_changed(Class::Signature, Check::Signature, |answer| {
        answer.header["jwk"] = jwk(other_attestation().public_key())
    });
}

#[test]
fn signatures_in_nonstandard_encodings_are_refused() {
    let (command, answer) = simple();
    let text = answer.to_text();
    let (input, signature) = text.rsplit_once('.').unwrap();
    let raw = from_url(signature);
    let (r, s) = raw.split_at(32);
    let number = |half: &[u8]| der(0x02, &[&[0x00], half]);
    let forms = [
        der(0x30, &[&number(r), &number(s)]),
        [s, r].concat(),
        raw[..63].to_vec(),
        [&raw[..], &[0]].concat(),
        [&[0], r, &[0], s].concat(),
        vec![0; 64],
        Vec::new(),
    ];
    for form in forms {
        let text = format!("{input}.{}", url(form));
        refuse_text(&expectation(&command), &text, Class::Signature, Check::Signature);
    }
}

#[test]
fn rejects_an_attestation_key_that_is_not_pinned() {
    let (command, answer) = simple();
    let expectation = expectation(&command);
    let pinned =
        Verifier::pinned(AwsLcRs, [other_attestation().public_key(), rsa2048().public_key()])
            .unwrap();
    refuse_result(pinned.verify(&expectation, &answer.to_text()), Class::Attestation, Check::Pin);
    let empty = Verifier::pinned(AwsLcRs, []).unwrap();
    refuse_result(empty.verify(&expectation, &answer.to_text()), Class::Attestation, Check::Pin);
    // A pin does not lend its name: the signature has to be the pinned key's.
    let mut stolen = answer.clone();
    stolen.signer = other_attestation();
    let pinned = Verifier::pinned(AwsLcRs, [attestation().public_key()]).unwrap();
    refuse_result(
        pinned.verify(&expectation, &stolen.to_text()),
        Class::Signature,
        Check::Signature,
    );
    pinned.verify(&expectation, &answer.to_text()).unwrap();
}

/// What the types say is shown by the doctests of `Verified`; here that the verifiers give those
/// types and no other.
#[test]
fn pinned_and_unpinned_give_different_types() {
    fn attested(_: &Verified<Attested>) {}
    fn consistent(_: &Verified<Consistent>) {}
    let (command, answer) = simple();
    let expectation = expectation(&command);
    let pinned = Verifier::pinned(AwsLcRs, [attestation().public_key()])
        .unwrap()
        .verify(&expectation, &answer.to_text())
        .unwrap();
    attested(&pinned);
    assert_eq!(pinned.report().outcome(Check::Pin, None), Some(Outcome::Passed));
    let unpinned =
        Verifier::danger_unpinned(AwsLcRs).verify(&expectation, &answer.to_text()).unwrap();
    consistent(&unpinned);
    assert_eq!(unpinned.report().outcome(Check::Pin, None), Some(Outcome::NotAsked));
}

// Nonce.

#[test]
fn rejects_a_nonce_that_is_missing_or_another() {
    refuse_changed(Class::Nonce, Check::Nonce, |answer| remove(&mut answer.header, "nonce"));
    for nonce in ["", "n-4712", "N-4711", "n-4711 ", "n-47110"] {
        refuse_changed(Class::Nonce, Check::Nonce, |answer| answer.header["nonce"] = nonce.into());
        refuse_changed_key(Class::Nonce, Check::KeyNonce, |key| key.header["nonce"] = nonce.into());
    }
    refuse_changed_key(Class::Nonce, Check::KeyNonce, |key| remove(&mut key.header, "nonce"));
    // One in the payload does not count.
    let answer = changed_key(|key| {
        remove(&mut key.header, "nonce");
        key.payload["nonce"] = NONCE.into();
    });
    refuse(&answer, Class::Nonce, Check::KeyNonce);
}

#[test]
fn rejects_another_nonce_in_any_of_the_inner_headers() {
    let (command, answer) = double();
    for (index, id) in [(0, "auth"), (1, "signer")] {
        let mut answer = answer.clone();
        answer.keys[index].header["nonce"] = "other".into();
        assert_refused(verify(&command, &answer), Class::Nonce, Check::KeyNonce, Some(id));
    }
}

// Channel.

#[test]
fn rejects_another_host_name() {
    let (command, answer) = simple();
    let verify = |expectation: Expectation, answer: &Answer| verify_with(&expectation, answer);
    for name in ["hub.example", "HUB.example", "hub.example."] {
        accepted(verify(expectation(&command).with_fqdn(name).with_envelope_fqdn(name), &answer));
    }
    for name in ["evil.example", "hub.example.evil", "xhub.example", "hub.example..", ""] {
        refuse_with(&expectation(&command).with_fqdn(name), &answer, Class::Channel, Check::Fqdn);
        refuse_with(
            &expectation(&command).with_envelope_fqdn(name),
            &answer,
            Class::Channel,
            Check::FqdnEnvelope,
        );
    }
    let mut silent = answer.clone();
    remove(&mut silent.header, "fqdn");
    refuse_with(&expectation(&command).with_fqdn(FQDN), &silent, Class::Channel, Check::Fqdn);
    refuse_with(
        &expectation(&command).with_envelope_fqdn(FQDN),
        &silent,
        Class::Channel,
        Check::FqdnEnvelope,
    );
    accepted(verify(expectation(&command), &silent));
}

#[test]
fn rejects_another_certificate_hash_or_none() {
    let (command, answer) = simple();
    accepted(verify_with(&expectation(&command).with_sch([7; 32]), &answer));
    refuse_with(&expectation(&command).with_sch([8; 32]), &answer, Class::Channel, Check::Sch);
    let hex = "07".repeat(32);
    for sch in ["", "Bw==", "!", &url([7; 32]), &hex, &standard([7; 33]), &standard([7; 31])] {
        let answer = changed(|answer| answer.header["sch"] = sch.into());
        refuse_with(&expectation(&command).with_sch([7; 32]), &answer, Class::Channel, Check::Sch);
    }
    let silent = changed(|answer| remove(&mut answer.header, "sch"));
    refuse_with(&expectation(&command).with_sch([7; 32]), &silent, Class::Channel, Check::Sch);
    accepted(verify_with(&expectation(&command), &silent));
}

#[test]
fn rejects_a_mailbox_outside_of_the_trusted_base() {
    let expectation =
        expectation(&simple().0).with_mailbox_base("https://hub.example/hermod/rest/ms").unwrap();
    for address in [
        BOX,
        "https://HUB.example:443/hermod/rest/ms/1",
        "https:\\/\\/hub.example\\/hermod\\/rest\\/ms\\/1",
    ] {
        let mut answer = simple().1;
        answer.payload["profile"]["boxurl"] = "@@".into();
        let payload = answer.to_payload().to_string().replace("@@", address);
        let text = compact(answer.header.to_string(), payload, answer.algorithm, answer.signer);
        Verifier::danger_unpinned(AwsLcRs).verify(&expectation, &text).unwrap();
    }
    for address in [
        "",
        "hub.example/hermod/rest/ms/1",
        "http://hub.example/hermod/rest/ms/1",
        "https://evil.example/hermod/rest/ms/1",
        "https://hub.example.evil/hermod/rest/ms/1",
        "https://hub.example@evil.example/hermod/rest/ms/1",
        "https://hub.example:444/hermod/rest/ms/1",
        "https://hub.example:+443/hermod/rest/ms/1",
        "https://hub.example/hermod/rest/ms",
        "https://hub.example/hermod/rest/ms/",
        "https://hub.example/hermod/rest/msx/1",
        "https://hub.example/hermod/rest/ms/../../admin",
        "https://hub.example/hermod/rest/ms/%2E%2e/admin",
        "https://hub.example/hermod/rest/ms/1?x=1",
        "https://hub.example/hermod/rest/ms/1#x",
        "https://hub.example/hermod/rest/ms/1\n",
        "https://hub.example\\@evil.example/hermod/rest/ms/1",
        "https://h\u{fc}b.example/hermod/rest/ms/1",
        "javascript:alert(1)",
    ] {
        let answer = changed(|answer| answer.payload["profile"]["boxurl"] = address.into());
        refuse_with(&expectation, &answer, Class::Channel, Check::BoxUrl);
    }
}

// User and profile.

#[test]
fn rejects_another_user_or_profile() {
    for user in ["userB", "usera", "userA ", ""] {
        refuse_changed(Class::User, Check::User, |answer| {
            answer.payload["profile"]["userid"] = user.into()
        });
    }
    for name in ["name", "servername"] {
        for text in ["other", ""] {
            refuse_changed(Class::User, Check::Profile, |answer| {
                answer.payload["profile"][name] = text.into()
            });
        }
    }
}

#[test]
fn rejects_another_profile_id_where_the_command_names_one() {
    let (mut command, answer) = simple();
    command["profile"]["id"] = PROFILE_ID.into();
    accepted(verify(&command, &answer));
    command["profile"]["id"] = "99678846-836a-42f2-99e4-1de31bca857f".into();
    refuse_with(&expectation(&command), &answer, Class::User, Check::Profile);
}

// The set of keyids.

#[test]
fn rejects_keyids_that_are_unknown_missing_or_doubled() {
    refuse_changed_key(Class::KeyId, Check::KeyIds, |key| key.header["kid"] = "other".into());
    refuse_changed_key(Class::KeyId, Check::KeyIds, |key| key.header["kid"] = "SIGNER".into());
    refuse_changed(Class::KeyId, Check::KeyIds, |answer| answer.keys.clear());
    refuse_changed(Class::KeyId, Check::KeyIds, |answer| answer.keys.push(answer.keys[0].clone()));
    refuse_changed(Class::KeyId, Check::KeyIds, |answer| {
        answer.keys.push(SignedKey::new("extra", other_p256()))
    });

    let (command, answer) = double();
    for change in [
        (|answer: &mut Answer| drop(answer.keys.pop())) as fn(&mut Answer),
        |answer| answer.keys[0] = answer.keys[1].clone(),
        |answer| answer.keys[0].header["kid"] = "signer".into(),
        |answer| answer.keys.push(SignedKey::new("third", other_p256())),
        |answer| answer.keys.clear(),
    ] {
        let mut answer = answer.clone();
        change(&mut answer);
        refuse_with(&expectation(&command), &answer, Class::KeyId, Check::KeyIds);
    }
}

#[test]
fn rejects_a_keyid_that_header_and_payload_do_not_share() {
    refuse_changed_key(Class::KeyId, Check::KeyKid, |key| key.payload["kid"] = "other".into());
    // Two right keys with their names exchanged in the payload.
    let (command, mut answer) = double();
    answer.keys[0].payload["kid"] = "signer".into();
    answer.keys[1].payload["kid"] = "auth".into();
    refuse_with(&expectation(&command), &answer, Class::KeyId, Check::KeyKid);
}

// Each key.

#[test]
fn rejects_an_inner_object_that_cannot_be_read() {
    for text in ["", "garbage", "a.b", "a.b.c.d", "e30.e30.", "....", "\u{e9}.\u{e9}.\u{e9}"] {
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| {
            key.text = Some(text.to_owned())
        });
    }
    let text = format!(" {}", simple().1.keys[0].to_text());
    refuse_changed_key(Class::Malformed, Check::KeyForm, |key| key.text = Some(text));
    for name in ["kty", "alg", "use", "kid", "keystate", "crv", "x", "y"] {
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| remove(&mut key.payload, name));
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| key.payload[name] = json!(1));
    }
    for name in ["alg", "kid"] {
        refuse_changed_key(Class::Malformed, Check::KeyForm, |key| remove(&mut key.header, name));
    }
    refuse_changed_key(Class::Malformed, Check::KeyForm, |key| {
        key.payload["certreq"] = json!(["x"])
    });
    refuse_changed_key(Class::Malformed, Check::KeyForm, |key| {
        key.payload["certreq"] = Value::Null
    });
}

/// What cannot be read is a key all the same, and one more than was asked for.
#[test]
fn rejects_garbage_beyond_the_keys_that_were_asked_for() {
    for text in ["", "garbage", "e30.e30."] {
        let garbage = SignedKey { text: Some(text.to_owned()), ..simple().1.keys.remove(0) };
        refuse_changed(Class::KeyId, Check::KeyIds, |answer| answer.keys.push(garbage.clone()));
        refuse_changed(Class::KeyId, Check::KeyIds, |answer| answer.keys.insert(0, garbage));
    }
}

/// One object that cannot be read stands for the key that nobody else is, and the report says so.
#[test]
fn rejects_garbage_beside_a_right_key_as_the_form_of_the_other() {
    let (command, mut answer) = double();
    answer.keys[0].text = Some(String::from("garbage"));
    assert_refused(verify(&command, &answer), Class::Malformed, Check::KeyForm, Some("auth"));
    let (command, mut answer) = double();
    answer.keys[1].text = Some(String::from("garbage"));
    refuse_with(&expectation(&command), &answer, Class::Malformed, Check::KeyForm);
}

#[test]
fn private_members_in_a_signed_key_have_their_class() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("c2VjcmV0"), Value::Null, json!({"a": 1})] {
            refuse_changed_key(Class::PrivateKey, Check::KeyPrivate, |key| {
                key.payload[name] = value
            });
        }
    }
}

#[test]
fn rejects_a_key_that_is_not_of_the_type_asked_for() {
    let asked = asking(vec![priority("RSA", "2048", "RS256")]);
    let refuse =
        |answer: &Answer| refuse_with(&asked, answer, Class::NotAsRequested, Check::KeyType);
    refuse(&one_key(p256(), Algorithm::Es256));
    refuse(&one_key(ed25519(), Algorithm::EdDsa));
    // Another mechanism of the right type.
    refuse(&one_key(rsa2048(), Algorithm::Ps256));
    refuse(&one_key(rsa2048(), Algorithm::Rs512));
    let asked = asking(vec![priority("EC", "256", "ES256")]);
    for (signer, algorithm) in [
        (p384(), Algorithm::Es384),
        (p521(), Algorithm::Es512),
        (ed25519(), Algorithm::EdDsa),
        (rsa2048(), Algorithm::Rs256),
    ] {
        refuse_with(&asked, &one_key(signer, algorithm), Class::NotAsRequested, Check::KeyType);
    }
}

#[test]
fn rejects_a_key_that_is_shorter_than_asked_for() {
    let asked = asking(vec![priority("RSA", "3072", "RS256")]);
    refuse_with(
        &asked,
        &one_key(rsa2048(), Algorithm::Rs256),
        Class::NotAsRequested,
        Check::KeyType,
    );
    // Neither the claimed length nor zeros at the front make it longer.
    let mut answer = one_key(rsa2048(), Algorithm::Rs256);
    let n = [vec![0; 128], from_url(answer.keys[0].payload["n"].as_str().unwrap())].concat();
    answer.keys[0].payload["n"] = url(n).into();
    answer.keys[0].payload["n#len"] = "3072".into();
    refuse_with(&asked, &answer, Class::NotAsRequested, Check::KeyType);
}

#[test]
fn a_longer_rsa_key_is_accepted_and_reported_if_enabled() {
    let asked = asking(vec![priority("RSA", "2048", "RS256")]);
    let answer = one_key(rsa3072(), Algorithm::Rs256);
    refuse_with(&asked, &answer, Class::NotAsRequested, Check::KeyType);
    let lenient = Verifier::danger_unpinned(AwsLcRs).accept_longer_keys();
    let verified = accepted(lenient.verify(&asked, &answer.to_text()));
    let entry = verified.report().entries().find(|entry| entry.check == Check::KeyType).unwrap();
    assert_eq!(
        (entry.outcome, entry.detail),
        (Outcome::Passed, Some("3072 bits, 2048 asked for; accepted as the verifier was told to"))
    );
    // Longer is not another mechanism, nor shorter.
    for (asked, answer) in [
        (("RSA", "2048", "PS256"), one_key(rsa3072(), Algorithm::Rs256)),
        (("RSA", "3072", "RS256"), one_key(rsa2048(), Algorithm::Rs256)),
        (("EC", "256", "ES384"), one_key(p384(), Algorithm::Es384)),
    ] {
        let asked = asking(vec![priority(asked.0, asked.1, asked.2)]);
        refuse_result(
            lenient.verify(&asked, &answer.to_text()),
            Class::NotAsRequested,
            Check::KeyType,
        );
    }
    // With the exact length there is nothing to say.
    let verified = accepted(verify_with(
        &asking(vec![priority("RSA", "3072", "RS256")]),
        &one_key(rsa3072(), Algorithm::Rs256),
    ));
    assert!(verified.report().entries().all(|entry| entry.detail.is_none()));
}

#[test]
fn the_priority_of_the_exact_length_is_preferred() {
    let asked = asking(vec![priority("RSA", "2048", "RS256"), priority("RSA", "3072", "RS256")]);
    let answer = one_key(rsa3072(), Algorithm::Rs256);
    let lenient = Verifier::danger_unpinned(AwsLcRs).accept_longer_keys();
    for verified in [verify_with(&asked, &answer), lenient.verify(&asked, &answer.to_text())] {
        let verified = accepted(verified);
        assert_eq!(verified.keys()[0].priority(), 1);
        assert!(verified.report().entries().all(|entry| entry.detail.is_none()));
    }
}

#[test]
fn rejects_a_key_that_mixes_two_priorities() {
    let asked = asking(vec![
        priority("RSA", "2048", "RS256"),
        priority("RSA", "3072", "PS256"),
        priority("EC", "256", "ES256"),
    ]);
    let mixed = one_key(rsa2048(), Algorithm::Ps256);
    refuse_with(&asked, &mixed, Class::NotAsRequested, Check::KeyType);
    let lenient = Verifier::danger_unpinned(AwsLcRs).accept_longer_keys();
    for (signer, algorithm, place) in [
        (rsa2048(), Algorithm::Rs256, 0),
        (rsa3072(), Algorithm::Rs256, 0),
        (rsa3072(), Algorithm::Ps256, 1),
        (p256(), Algorithm::Es256, 2),
    ] {
        let verified = lenient.verify(&asked, &one_key(signer, algorithm).to_text());
        assert_eq!(accepted(verified).keys()[0].priority(), place);
    }
}

#[test]
fn rejects_every_key_where_no_priority_is_known() {
    let none = asking(vec![]);
    let unknown = asking(vec![
        priority("RSA", "long", "RS256"),
        priority("DSA", "2048", "RS256"),
        priority("RSA", "2048", "CKM_RSA"),
    ]);
    let impossible = asking(vec![priority("EC", "256", "ES384"), priority("EC", "256", "RS256")]);
    for asked in [none, unknown, impossible] {
        for (signer, algorithm) in [(rsa2048(), Algorithm::Rs256), (p256(), Algorithm::Es256)] {
            refuse_with(&asked, &one_key(signer, algorithm), Class::NotAsRequested, Check::KeyType);
        }
    }
}

#[test]
fn rejects_an_algorithm_that_header_and_payload_do_not_share() {
    for alg in ["ES384", "es256", "none", ""] {
        refuse_changed_key(Class::NotAsRequested, Check::KeyType, |key| {
            key.payload["alg"] = alg.into()
        });
    }
    refuse_changed_key(Class::NotAsRequested, Check::KeyType, |key| {
        key.header["alg"] = "RS256".into()
    });
}

#[test]
fn rejects_another_usage() {
    for usage in ["ENC", "AUTH", "", "SIGN"] {
        refuse_changed_key(Class::NotAsRequested, Check::KeyType, |key| {
            key.payload["use"] = usage.into()
        });
    }
    for usage in ["SIG", "sig", "Sig"] {
        accepted(verify(&simple().0, &changed_key(|key| key.payload["use"] = usage.into())));
    }
}

#[test]
fn rejects_another_state_unless_told_to_report_it() {
    for state in ["INACTIVE", "", "ACTIVE "] {
        refuse_changed_key(Class::NotAsRequested, Check::KeyState, |key| {
            key.payload["keystate"] = state.into()
        });
    }
    for state in ["ACTIVE", "active", "Active"] {
        accepted(verify(&simple().0, &changed_key(|key| key.payload["keystate"] = state.into())));
    }
    let (command, answer) =
        (simple().0, changed_key(|key| key.payload["keystate"] = "INACTIVE".into()));
    let verified = Verifier::danger_unpinned(AwsLcRs)
        .accept_other_key_states()
        .verify(&expectation(&command), &answer.to_text())
        .unwrap();
    let entry = verified.report().entries().find(|entry| entry.check == Check::KeyState).unwrap();
    assert_eq!(
        (entry.outcome, entry.detail.is_some(), verified.keys()[0].state()),
        (Outcome::Passed, true, "INACTIVE")
    );
    let verified = Verifier::danger_unpinned(AwsLcRs)
        .accept_other_key_states()
        .verify(&expectation(&command), &simple().1.to_text())
        .unwrap();
    assert!(verified.report().entries().all(|entry| entry.detail.is_none()));
}

#[test]
fn rejects_weak_keys_of_the_device() {
    let asked = asking(vec![priority("RSA", "1024", "RS256"), priority("EC", "256", "ES256")]);
    let mut even = modulus(2048);
    *even.last_mut().unwrap() &= 0xfe;
    for (n, e) in [
        (modulus(1024), vec![1, 0, 1]),
        (modulus(2047), vec![1, 0, 1]),
        (modulus(8193), vec![1, 0, 1]),
        (even, vec![1, 0, 1]),
        (modulus(2048), vec![1]),
        (modulus(2048), vec![4]),
        (modulus(2048), vec![1, 0, 0, 0, 1]),
    ] {
        let mut answer = one_key(rsa2048(), Algorithm::Rs256);
        answer.keys[0].payload["n"] = url(n).into();
        answer.keys[0].payload["e"] = url(e).into();
        refuse_with(&asked, &answer, Class::WeakKey, Check::KeyType);
    }
    let mut answer = one_key(p256(), Algorithm::Es256);
    let mut y = from_url(answer.keys[0].payload["y"].as_str().unwrap());
    y[31] ^= 1;
    answer.keys[0].payload["y"] = url(y).into();
    refuse_with(&asked, &answer, Class::WeakKey, Check::KeyType);
}

#[test]
fn rejects_keys_of_other_types_than_exist_here() {
    let cases = [
        json!({"kty": "DSA"}),
        json!({"kty": "EC", "crv": "secp256k1"}),
        json!({"kty": "OKP", "crv": "X25519"}),
        json!({"kty": "oct"}),
    ];
    for key in cases {
        let answer = changed_key(|signed| {
            for name in ["crv", "x", "y"] {
                remove(&mut signed.payload, name);
            }
            signed.payload.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        });
        refuse(&answer, Class::Algorithm, Check::KeyType);
    }
    // Small order: with such a point anything verifies.
    let mut answer = one_key(ed25519(), Algorithm::EdDsa);
    answer.keys[0].payload["x"] = url([[1].as_slice(), &[0; 31]].concat()).into();
    let asked = asking(vec![priority("OKP", "256", "EdDSA")]);
    refuse_with(&asked, &answer, Class::WeakKey, Check::KeyType);
}

#[test]
fn rejects_a_key_that_does_not_prove_itself() {
    refuse_changed_key(Class::Proof, Check::KeySignature, |key| key.signer = other_p256());
    refuse_changed_key(Class::Proof, Check::KeySignature, |key| key.signer = attestation());
}

#[test]
fn rejects_the_attestation_key_as_a_provisioned_key() {
    let (command, mut answer) = simple();
    answer.attest_with(p256());
    refuse_with(&expectation(&command), &answer, Class::Proof, Check::KeyReuse);
    // Spelled with a zero at the front it is the same key.
    let asked = asking(vec![priority("RSA", "2048", "RS256")]);
    let mut answer = one_key(rsa2048(), Algorithm::Rs256);
    answer.attest_with(rsa2048());
    let n = [vec![0], from_url(answer.keys[0].payload["n"].as_str().unwrap())].concat();
    answer.keys[0].payload["n"] = url(n).into();
    refuse_with(&asked, &answer, Class::Proof, Check::KeyReuse);
}

#[test]
fn rejects_one_key_used_twice() {
    let template = captured_template();
    let one = |id| key_gen_request(id, vec![priority("EC", "256", "ES256")], Some(&template));
    let command = command(vec![one("a"), one("b")]);
    let key = |id| SignedKey::new(id, p256()).with_request(&template);
    assert_refused(
        verify(&command, &Answer::new(vec![key("a"), key("b")])),
        Class::Proof,
        Check::KeyReuse,
        Some("b"),
    );
    let other = SignedKey::new("b", other_p256()).with_request(&template);
    accepted(verify(&command, &Answer::new(vec![key("a"), other])));
}

/// The negative of a point is another key with the same private half, all but for its sign.
#[test]
fn rejects_the_negative_of_a_key_as_the_same_key() {
    let template = captured_template();
    let one = |id| key_gen_request(id, vec![priority("EC", "256", "ES256")], Some(&template));
    let command = command(vec![one("a"), one("b")]);
    let keys = vec![
        SignedKey::new("a", p256()).with_request(&template),
        SignedKey::new("b", negative_p256()).with_request(&template),
    ];
    assert_refused(verify(&command, &Answer::new(keys)), Class::Proof, Check::KeyReuse, Some("b"));
    let mut answer = simple().1;
    answer.attest_with(negative_p256());
    refuse(&answer, Class::Proof, Check::KeyReuse);
}

/// The key with `n - d` for the `d` of [`p256`].
fn negative_p256() -> &'static dyn PrivateKey {
    static KEY: std::sync::OnceLock<Box<dyn PrivateKey>> = std::sync::OnceLock::new();
    &**KEY.get_or_init(|| {
        let number = |hex: &str| num_bigint::BigUint::parse_bytes(hex.as_bytes(), 16).unwrap();
        let order = number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        let field = number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
        let mut pkcs8 = p256().expose_pkcs8_der().unwrap().to_vec();
        let mut negate = |at: usize, modulus: &num_bigint::BigUint| {
            let bytes =
                (modulus - num_bigint::BigUint::from_bytes_be(&pkcs8[at..at + 32])).to_bytes_be();
            pkcs8[at..at + 32].fill(0);
            pkcs8[at + 32 - bytes.len()..at + 32].copy_from_slice(&bytes);
        };
        let secret = p256()
            .expose_pkcs8_der()
            .unwrap()
            .windows(2)
            .position(|window| window == [0x04, 0x20])
            .unwrap()
            + 2;
        negate(secret, &order);
        let point = from_url(jwk(p256().public_key())["y"].as_str().unwrap());
        let y = p256()
            .expose_pkcs8_der()
            .unwrap()
            .windows(32)
            .position(|window| window == point)
            .unwrap();
        negate(y, &field);
        AwsLcRs.private_key_from_pkcs8_der(&pkcs8).unwrap()
    })
}

// The request.

#[test]
fn an_absent_or_unrequested_request_is_refused() {
    refuse_changed_key(Class::Csr, Check::KeyRequest, |key| remove(&mut key.payload, "certreq"));
    refuse_changed_key(Class::Csr, Check::KeyRequest, |key| key.payload["certreq"] = "".into());
    let asked = asking(vec![priority("EC", "256", "ES256")]);
    refuse_with(&asked, &simple().1, Class::Csr, Check::KeyRequest);
    // Neither asked for nor there.
    let mut answer = one_key(p256(), Algorithm::Es256);
    for certreq in [None, Some("")] {
        if let Some(certreq) = certreq {
            answer.keys[0].payload["certreq"] = certreq.into();
        }
        let verified = accepted(verify_with(&asked, &answer));
        assert_eq!(
            verified.report().outcome(Check::KeyRequest, Some("signer")),
            Some(Outcome::NotAsked)
        );
        assert!(verified.keys()[0].request().is_none());
    }
}

#[test]
fn a_request_for_an_empty_template_is_refused() {
    let (mut command, answer) = simple();
    command["profile"]["keygenrequests"][0]["certreq"] = "".into();
    refuse_with(&expectation(&command), &answer, Class::Csr, Check::KeyRequest);
}

#[test]
fn rejects_a_request_for_another_key() {
    let template = captured_template();
    for signer in [other_p256(), attestation(), rsa2048()] {
        let certreq = standard(request(&template, signer));
        refuse_changed_key(Class::Csr, Check::KeyRequest, |key| {
            key.payload["certreq"] = certreq.into()
        });
    }
    // The template itself, unchanged.
    refuse_changed_key(Class::Csr, Check::KeyRequest, |key| {
        key.payload["certreq"] = standard(&template).into()
    });
}

/// The proven key signs a request in which another stands: its signature verifies, and the
/// certificate would be for the other.
#[test]
fn rejects_a_request_that_the_proven_key_signed_for_another_key() {
    let template = Template::from_der(&captured_template()).unwrap();
    for other in [other_p256(), attestation()] {
        let unsigned = template.with_key(other.public_key(), Algorithm::Es256).unwrap();
        let signature = p256().sign(Algorithm::Es256, unsigned.to_be_signed()).unwrap();
        let certreq = standard(unsigned.assemble(&signature));
        let refusal = refuse_changed_key(Class::Csr, Check::KeyRequest, |key| {
            key.payload["certreq"] = certreq.into()
        });
        assert_eq!(refusal.error().part(), "signedkeys[0].payload.certreq.subjectPKInfo");
    }
}

/// A template with another subject or attributes, for the same key.
fn request_of(change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut template = captured_template();
    change(&mut template);
    standard(request(&template, p256())).into()
}

#[test]
fn rejects_a_request_with_another_subject() {
    let certreq = request_of(|template| {
        let at = template.windows(6).position(|window| window == b"Anders").unwrap();
        template[at] = b'B';
    });
    refuse_changed_key(Class::Csr, Check::KeyRequest, |key| key.payload["certreq"] = certreq);
    // The same text in another type of string is another subject.
    let certreq = request_of(|template| {
        let at = template.windows(5).position(|window| window == b"\x0c\x03Sto").unwrap();
        template[at] = 0x13;
    });
    refuse_changed_key(Class::Csr, Check::KeyRequest, |key| key.payload["certreq"] = certreq);
}

/// Subject and key of the captured template under attributes of a test's own.
fn template_with(attributes: Option<&[u8]>) -> Vec<u8> {
    let captured = Template::from_der(&captured_template()).unwrap();
    let mut parts =
        vec![&[0x02, 0x01, 0x00][..], captured.subject_der(), rsa2048().public_key().as_spki_der()];
    parts.extend(attributes);
    let info = der(0x30, &parts);
    let identifier =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];
    der(0x30, &[&info, &identifier, &der(0x03, &[&[0; 17]])])
}

/// `[0] { challengePassword }`.
fn challenge(text: &str) -> Vec<u8> {
    let oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07];
    let values = der(0x31, &[&der(0x13, &[text.as_bytes()])]);
    der(0xa0, &[&der(0x30, &[&oid, &values])])
}

#[test]
fn rejects_a_request_with_other_attributes() {
    let sent = template_with(Some(&challenge("one")));
    let command =
        command(vec![key_gen_request("signer", vec![priority("EC", "256", "ES256")], Some(&sent))]);
    let answer = |attributes: Option<&[u8]>| {
        Answer::new(vec![SignedKey::new("signer", p256()).with_request(&template_with(attributes))])
    };
    accepted(verify(&command, &answer(Some(&challenge("one")))));
    for other in [Some(challenge("two")), Some(vec![0xa0, 0x00]), None] {
        refuse_with(
            &expectation(&command),
            &answer(other.as_deref()),
            Class::Csr,
            Check::KeyRequest,
        );
    }
}

#[test]
fn accepts_the_empty_set_for_a_template_without_attributes() {
    let sent = template_with(None);
    let command =
        command(vec![key_gen_request("signer", vec![priority("EC", "256", "ES256")], Some(&sent))]);
    let verified = accepted(verify(
        &command,
        &Answer::new(vec![SignedKey::new("signer", p256()).with_request(&sent)]),
    ));
    assert_eq!(verified.keys()[0].request().unwrap().attributes_der(), [0xa0, 0x00]);
}

#[test]
fn rejects_a_request_whose_signature_is_bad_or_weak() {
    let template = Template::from_der(&captured_template()).unwrap();
    let unsigned = || template.with_key(p256().public_key(), Algorithm::Es256).unwrap();
    let info = unsigned().to_be_signed().to_vec();
    let by_another = unsigned().assemble(&other_p256().sign(Algorithm::Es256, &info).unwrap());
    let of_nothing = unsigned().assemble(&[0; 64]);
    for certreq in [by_another, of_nothing] {
        refuse_changed_key(Class::Csr, Check::KeyRequest, |key| {
            key.payload["certreq"] = standard(certreq).into()
        });
    }
    // ecdsa-with-SHA1 around a good signature.
    let good = unsigned().sign(p256()).unwrap();
    let signature = &good[good.len() - (good.len() - 4 - info.len() - 12)..];
    let sha1 = [0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
    let weak = der(0x30, &[&info, &sha1, signature]);
    let refusal = refuse_changed_key(Class::Csr, Check::KeyRequest, |key| {
        key.payload["certreq"] = standard(weak).into()
    });
    assert_eq!(refusal.error().part(), "signedkeys[0].payload.certreq.signatureAlgorithm");
}

#[test]
fn rejects_a_request_that_is_not_one() {
    let good = request(&captured_template(), p256());
    let long = [&good[..], &[0]].concat();
    for certreq in [
        "*".to_owned(),
        url(&good).trim_end_matches('=').to_owned() + "-",
        standard(&long),
        standard(&good[..200]),
        String::from("MAA="),
    ] {
        refuse_changed_key(Class::Malformed, Check::KeyRequest, |key| {
            key.payload["certreq"] = certreq.into()
        });
    }
    refuse_changed_key(Class::Malformed, Check::KeyRequest, |key| {
        key.payload["certreq"] = " ".into()
    });
}

#[test]
fn rejects_a_request_in_pem_or_in_lines_inside_an_answer() {
    let good = request(&captured_template(), p256());
    let text = standard(&good);
    let pem = Template::from_der(&good).unwrap().to_pem();
    for certreq in [
        format!("{}\r\n{}", &text[..64], &text[64..]),
        format!("{text}\n"),
        format!(" {text}"),
        format!("\u{feff}{text}"),
        pem,
    ] {
        refuse_changed_key(Class::Malformed, Check::KeyRequest, |key| {
            key.payload["certreq"] = certreq.into()
        });
    }
}

/// A request for the key of the answer, signed over the same content by another algorithm.
fn request_by(signer: &dyn PrivateKey, identifier: &[u8], signature: &[u8]) -> Vec<u8> {
    let template = Template::from_der(&captured_template()).unwrap();
    let unsigned = template
        .with_key(signer.public_key(), Algorithm::default_for(signer.public_key()))
        .unwrap();
    der(0x30, &[unsigned.to_be_signed(), identifier, &der(0x03, &[&[0], signature])])
}

#[test]
fn accepts_a_request_whose_rsa_algorithm_has_no_parameters() {
    let template = captured_template();
    let command = command(vec![key_gen_request(
        "signer",
        vec![priority("RSA", "2048", "RS256")],
        Some(&template),
    )]);
    let mut answer = one_key(rsa2048(), Algorithm::Rs256);
    let unsigned = Template::from_der(&template)
        .unwrap()
        .with_key(rsa2048().public_key(), Algorithm::Rs256)
        .unwrap();
    let signature = rsa2048().sign(Algorithm::Rs256, unsigned.to_be_signed()).unwrap();
    let identifier = [0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    let certreq = request_by(rsa2048(), &identifier, &signature);
    answer.keys[0].payload["certreq"] = standard(certreq).into();
    let verified = accepted(verify(&command, &answer));
    assert_eq!(verified.keys()[0].request().unwrap().algorithm(), Algorithm::Rs256);
}

#[test]
fn a_request_may_use_another_digest_than_its_curves() {
    let Some(openssl) = crate::support::peers::openssl() else { return };
    let scratch = crate::support::peers::Scratch::new();
    for (signer, length, mechanism) in [(p384(), "384", "ES384"), (p521(), "521", "ES512")] {
        // OpenSSL signs the content; the request is put together here.
        let template = captured_template();
        let unsigned = Template::from_der(&template)
            .unwrap()
            .with_key(signer.public_key(), Algorithm::default_for(signer.public_key()))
            .unwrap();
        let key = scratch.write("key.der", &signer.expose_pkcs8_der().unwrap());
        let content = scratch.write("content", unsigned.to_be_signed());
        let out = scratch.path("signature");
        openssl.run(&["dgst", "-sha256", "-sign", &key, "-keyform", "DER", "-out", &out, &content]);
        let identifier = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        let certreq = request_by(signer, &identifier, &scratch.read("signature"));
        let command = command(vec![key_gen_request(
            "signer",
            vec![priority("EC", length, mechanism)],
            Some(&template),
        )]);
        let mut answer = one_key(signer, mechanism.parse().unwrap());
        answer.keys[0].payload["certreq"] = standard(certreq).into();
        let verified = accepted(verify(&command, &answer));
        let algorithm = verified.keys()[0].request().unwrap().algorithm();
        assert_eq!(algorithm.to_jose(), None);
        assert!(algorithm.to_string().ends_with("SHA-256"), "{algorithm}");
    }
}

#[test]
fn a_request_may_use_another_strong_algorithm_of_its_key() {
    let template = captured_template();
    let command = command(vec![key_gen_request(
        "signer",
        vec![priority("RSA", "2048", "RS256")],
        Some(&template),
    )]);
    let mut answer = one_key(rsa2048(), Algorithm::Rs256);
    for algorithm in [Algorithm::Rs512, Algorithm::Ps256] {
        let certreq = Template::from_der(&template)
            .unwrap()
            .with_key(rsa2048().public_key(), algorithm)
            .unwrap()
            .sign(rsa2048())
            .unwrap();
        answer.keys[0].payload["certreq"] = standard(certreq).into();
        let verified = accepted(verify(&command, &answer));
        assert_eq!(verified.keys()[0].request().unwrap().algorithm(), algorithm);
    }
}

// What documented clients really send.

#[test]
fn accepts_both_spellings_only_if_they_say_the_same() {
    let spelled = |first: Value, second: Option<Value>| {
        changed(|answer| {
            answer.payload["profile"]["signed_keys"] = first;
            if let Some(second) = second {
                answer.payload["profile"]["signedkeys"] = second;
            }
        })
    };
    let keys = json!([simple().1.keys[0].to_text()]);
    accepted(verify(&simple().0, &spelled(keys.clone(), None)));
    accepted(verify(&simple().0, &spelled(keys.clone(), Some(keys.clone()))));
    refuse(&spelled(keys.clone(), Some(json!([]))), Class::Malformed, Check::Form);
    refuse(&spelled(json!([]), Some(keys)), Class::Malformed, Check::Form);

    let state = |keystate: Option<&str>, key_state: &str| {
        changed_key(|key| {
            remove(&mut key.payload, "keystate");
            if let Some(keystate) = keystate {
                key.payload["keystate"] = keystate.into();
            }
            key.payload["key_state"] = key_state.into();
        })
    };
    accepted(verify(&simple().0, &state(None, "ACTIVE")));
    accepted(verify(&simple().0, &state(Some("ACTIVE"), "ACTIVE")));
    refuse(&state(Some("ACTIVE"), "INACTIVE"), Class::Malformed, Check::KeyForm);
    refuse(&state(Some("ACTIVE"), "active"), Class::Malformed, Check::KeyForm);
    refuse(&state(None, "INACTIVE"), Class::NotAsRequested, Check::KeyState);
}

#[test]
fn keeps_unknown_members_as_they_were_signed() {
    let answer = changed(|answer| {
        answer.header["new"] = json!({"a": [1, {"b": null}]});
        answer.payload["deviceinfo"]["new"] = json!("kept");
        answer.keys[0].payload["new"] = json!([1.5]);
        answer.keys[0].header["typ"] = "JOSE".into();
    });
    let verified = accepted(verify(&simple().0, &answer));
    assert_eq!(
        serde_json::from_slice::<Value>(verified.signed_header()).unwrap()["new"],
        json!({"a": [1, {"b": null}]})
    );
    assert_eq!(verified.device().extra.get("new"), Some(r#""kept""#));
    assert_eq!(verified.keys()[0].to_jwk().extra.get("new"), Some("[1.5]"));
}

#[test]
fn accepts_escaped_slashes_and_escaped_letters() {
    let answer = simple().1;
    let payload =
        answer.to_payload().to_string().replace('/', "\\/").replace("userA", "us\\u0065rA");
    let header = answer.header.to_string().replace('/', "\\/").replace("n-4711", "n\\u002d4711");
    let text = compact(header, payload, answer.algorithm, answer.signer);
    let verified = Verifier::danger_unpinned(AwsLcRs)
        .verify(&expectation(&simple().0).with_mailbox_base("https://hub.example/").unwrap(), &text)
        .unwrap();
    assert_eq!((verified.mailbox(), verified.user_id()), (BOX, USER));
}

/// Signed members count, those of the envelope or of an unsigned place do not: an answer inside an
/// answer changes nothing.
#[test]
fn decides_on_signed_members_only() {
    let answer = changed(|answer| {
        answer.payload["userid"] = "userB".into();
        answer.payload["nonce"] = "other".into();
        answer.header["userid"] = "userB".into();
        answer.payload["profile"]["nonce"] = "other".into();
    });
    accepted(verify(&simple().0, &answer));
    let answer = changed(|answer| {
        answer.payload["profile"]["userid"] = "userB".into();
        answer.header["userid"] = USER.into();
        answer.payload["userid"] = USER.into();
    });
    refuse(&answer, Class::User, Check::User);
}

// The order of the checks.

#[test]
fn the_earlier_of_two_faults_names_the_class() {
    type Fault = (fn(&mut Answer), Class, Check);
    let faults: [Fault; 18] = [
        (|a| a.header["crit"] = json!([]), Class::Malformed, Check::Form),
        (|a| a.header["alg"] = "none".into(), Class::Algorithm, Check::Algorithm),
        (|a| a.header["jwk"]["d"] = "AA".into(), Class::PrivateKey, Check::AttestationKey),
        (|a| a.signer = other_attestation(), Class::Signature, Check::Signature),
        (|a| a.header["nonce"] = "x".into(), Class::Nonce, Check::Nonce),
        (|a| a.header["fqdn"] = "x".into(), Class::Channel, Check::Fqdn),
        (|a| a.header["sch"] = "x".into(), Class::Channel, Check::Sch),
        (|a| a.payload["profile"]["boxurl"] = "x".into(), Class::Channel, Check::BoxUrl),
        (|a| a.payload["profile"]["userid"] = "x".into(), Class::User, Check::User),
        (|a| a.payload["profile"]["name"] = "x".into(), Class::User, Check::Profile),
        (|a| a.keys.push(SignedKey::new("x", other_p256())), Class::KeyId, Check::KeyIds),
        (|a| a.keys[0].payload["keystate"] = json!(1), Class::Malformed, Check::KeyForm),
        (|a| a.keys[0].payload["kid"] = "x".into(), Class::KeyId, Check::KeyKid),
        (|a| a.keys[0].header["nonce"] = "x".into(), Class::Nonce, Check::KeyNonce),
        (|a| a.keys[0].payload["d"] = "x".into(), Class::PrivateKey, Check::KeyPrivate),
        (|a| a.keys[0].payload["use"] = "x".into(), Class::NotAsRequested, Check::KeyType),
        (|a| a.keys[0].signer = other_p256(), Class::Proof, Check::KeySignature),
        (|a| a.keys[0].payload["certreq"] = "x".into(), Class::Malformed, Check::KeyRequest),
    ];
    let expectation = expectation(&simple().0)
        .with_fqdn(FQDN)
        .with_sch([7; 32])
        .with_mailbox_base("https://hub.example/hermod/rest/ms")
        .unwrap();
    for (at, (first, class, check)) in faults.iter().enumerate() {
        for (second, _, other) in &faults[at..] {
            let mut answer = simple().1;
            second(&mut answer);
            if check != other {
                first(&mut answer);
            }
            // Shown if it fails.
            println!("{check} before {other}");
            refuse_with(&expectation, &answer, *class, *check);
        }
    }
}

#[test]
fn the_first_key_of_the_command_that_fails_names_the_class() {
    let (command, mut answer) = double();
    answer.keys[0].header["nonce"] = "x".into();
    answer.keys[1].payload["certreq"] = "x".into();
    // The answer has them the other way round; the command's order counts.
    refuse_with(&expectation(&command), &answer, Class::Malformed, Check::KeyRequest);
}

// What may be shown.

#[test]
fn nothing_of_an_answer_is_shown_by_what_verification_gives() {
    const CANARY: &str = "c4n4ry";
    let canary = |answer: &mut Answer, path: &str| {
        let (object, path) = match path.split_once(':').unwrap() {
            ("header", path) => (&mut answer.header, path),
            ("payload", path) => (&mut answer.payload, path),
            ("key-header", path) => (&mut answer.keys[0].header, path),
            (_, path) => (&mut answer.keys[0].payload, path),
        };
        let (parent, name) = path.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[name] = format!("{CANARY}-\n\u{1b}[31m").into();
    };
    let places = [
        "header:/alg",
        "header:/nonce",
        "header:/fqdn",
        "header:/sch",
        "header:/jwk/kty",
        "header:/jwk/x",
        "header:/jwk/crv",
        "header:/jwk/alg",
        "header:/jwk/use",
        "header:/jwk/d",
        "header:/crit",
        "header:/c4n4ry",
        "header:/jwk/c4n4ry",
        "header:/jwk",
        "payload:/deviceinfo",
        "payload:/deviceinfo/c4n4ry",
        "payload:/deviceinfo/operatingsystem",
        "payload:/deviceinfo/name",
        "payload:/profile/userid",
        "payload:/profile/name",
        "payload:/profile/servername",
        "payload:/profile/boxurl",
        "payload:/profile/id",
        "payload:/profile/c4n4ry",
        "payload:/profile/signedkeys",
        "key-header:/alg",
        "key-header:/kid",
        "key-header:/nonce",
        "key-header:/crit",
        "key-header:/c4n4ry",
        "key:/kty",
        "key:/crv",
        "key:/x",
        "key:/d",
        "key:/alg",
        "key:/use",
        "key:/kid",
        "key:/keystate",
        "key:/certreq",
        "key:/c4n4ry",
    ];
    let expectation = expectation(&simple().0);
    let verifier = Verifier::danger_unpinned(AwsLcRs).accept_other_key_states();
    for place in places {
        let answer = changed(|answer| canary(answer, place));
        let shown = match verifier.verify(&expectation, &answer.to_text()) {
            Ok(verified) => {
                format!(
                    "{verified:?} {:?} {:?} {} {:?}",
                    verified.keys(),
                    verified.report(),
                    verified.report(),
                    verified.device()
                ) + &serde_json::to_string(verified.report()).unwrap()
            }
            Err(refusal) => {
                format!(
                    "{refusal:?} {refusal} {} {:?} {}",
                    refusal.error(),
                    refusal.report(),
                    refusal.report()
                ) + &serde_json::to_string(refusal.report()).unwrap()
            }
        };
        // What the owner calls the device may be shown by the model of it, which is no part of this
        // rule.
        let shown = if place.starts_with("payload:/deviceinfo/") {
            shown.split("DeviceInfo").next().unwrap().to_owned()
        } else {
            shown
        };
        assert!(!shown.contains(CANARY), "{place}: {shown}");
        assert!(!shown.contains('\u{1b}'), "{place}: {shown}");
    }
    for text in ["c4n4ry", "c4n4ry.c4n4ry.c4n4ry", "\u{1b}.c4n4ry"] {
        let refusal = verifier.verify(&expectation, text).map(drop).unwrap_err();
        assert!(
            !format!("{refusal:?} {refusal} {} {}", refusal.error(), refusal.report())
                .contains(CANARY)
        );
    }
}

/// Models can be read by any format of serde; its own errors would repeat what they did not expect.
#[test]
fn nothing_of_a_message_is_shown_by_errors_of_models() {
    use keyferry::hermod::model::{Callback, Command};
    for text in [
        r#""c4n4ry""#,
        r#"["c4n4ry"]"#,
        r#"{"c4n4ry":1,"c4n4ry":2}"#,
        r#"{"commandHeader":"c4n4ry"}"#,
        r#"{"commandHeader":{"lifespan":"c4n4ry"}}"#,
        r#"{"commandHeader":{"lifespan":1,"timeout":1,"to":["c4n4ry c4n4ry"]},"pingCommand":{"deviceinfo":["c4n4ry"]}}"#,
        r#"{"commandId":{"c4n4ry":1}}"#,
        r#"{"provResponse":{"code":"c4n4ry"}}"#,
        r#"{"destinations":[{"to":"@tmp","uri":["c4n4ry"]}]}"#,
        r#"{"provCommand":{},"c4n4ryCommand":{}}"#,
        r#"{"c4n4ry"#,
    ] {
        let ours = [Command::from_json(text).map(drop), Callback::from_json(text).map(drop)];
        for error in ours.into_iter().filter_map(Result::err) {
            assert!(!format!("{error} {error:?}").contains("c4n4ry"), "{error}");
        }
        let theirs = [
            serde_json::from_str::<Command>(text).map(drop),
            serde_json::from_str::<Callback>(text).map(drop),
        ];
        for error in theirs.into_iter().filter_map(Result::err) {
            assert!(!format!("{error} {error:?}").contains("c4n4ry"), "{error}");
        }
    }
}

// Commands.

#[test]
fn commands_that_no_answer_can_satisfy_are_refused() {
    let refuse = |command: Value| {
        let command = ProvisionCommand::from_json(&command.to_string()).unwrap();
        Expectation::from_command(&command).map(drop).unwrap_err()
    };
    let mut empty_nonce = simple().0;
    empty_nonce["nonce"] = "".into();
    assert_eq!(refuse(empty_nonce).part(), "provCommand.nonce");
    let mut none = simple().0;
    none["profile"]["keygenrequests"] = json!([]);
    assert_eq!(refuse(none).part(), "provCommand.profile.keygenrequests");
    let mut twice = double().0;
    twice["profile"]["keygenrequests"][1]["keyid"] = "signer".into();
    assert_eq!(refuse(twice).part(), "provCommand.profile.keygenrequests[1].keyid");
    let mut unnamed = simple().0;
    unnamed["profile"]["keygenrequests"][0]["keyid"] = "".into();
    assert_eq!(refuse(unnamed).part(), "provCommand.profile.keygenrequests[0].keyid");
    let mut many = ProvisionCommand::from_json(&simple().0.to_string()).unwrap();
    let one = many.profile.key_gen_requests[0].clone();
    many.profile.key_gen_requests = (0..17)
        .map(|at| {
            let mut request = one.clone();
            request.key_id = format!("k{at}");
            request
        })
        .collect();
    assert_eq!(Expectation::from_command(&many).map(drop).unwrap_err().class(), Class::TooLarge);
    let mut odd = simple().0;
    odd["profile"]["keygenrequests"][0]["certreq"] = "MAA=".into();
    let error = refuse(odd);
    assert_eq!(error.class(), Class::Malformed);
    assert!(error.part().starts_with("provCommand.profile.keygenrequests[0].certreq"), "{error}");
}

#[test]
fn a_provider_is_an_argument() {
    let (command, answer) = simple();
    let (expectation, answer) = (expectation(&command), answer.to_text());
    let borrowed: &'static dyn Provider = &AwsLcRs;
    let shared: std::sync::Arc<dyn Provider> = std::sync::Arc::new(AwsLcRs);
    for verifier in [
        Verifier::danger_unpinned(AwsLcRs),
        Verifier::danger_unpinned(borrowed),
        Verifier::danger_unpinned(shared.clone()),
    ] {
        // It owns its provider, so it can go to another thread, and there can be a second one.
        let (again, expectation, answer) = (verifier.clone(), expectation.clone(), answer.clone());
        std::thread::spawn(move || again.verify(&expectation, &answer).unwrap()).join().unwrap();
    }
    let pinned = Verifier::pinned(shared, [attestation().public_key()]).unwrap();
    pinned.verify(&expectation, &answer).unwrap();
}
