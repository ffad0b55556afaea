//! What the integrator refuses, and as what.

use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Signer};
use keyferry::hermod::Dialect;
use keyferry::hermod::model::{
    AuthenticateCommand, DataFormat, Item, SignCommand, SignMechanism, SignResponse,
};
use keyferry::hermod::proof::{
    KnownKey, MAX_TBS_JWS, MAX_TBS_PKCS7, SignatureExpectation, VerifiedSignature, verify_signature,
};
use keyferry::jose::{Header, UnsignedJws};
use keyferry::{Certificate, Error};

use crate::signing::support::*;
use crate::support::world::refused;
use crate::support::{from_standard, other_p256, p256, p384, rsa2048};

fn expectation() -> SignatureExpectation {
    SignatureExpectation::for_sign(&sign(DataFormat::JWS, P256)).unwrap()
}

fn header(change: impl FnOnce(&mut Header)) -> Header {
    let mut header = Header::new(Algorithm::Es256);
    (header.key_id, header.typ) = (Some("p256".into()), Some("hermod-sign+jws".into()));
    change(&mut header);
    header
}

fn jws(header: &Header, payload: &[u8], signer: &dyn Signer) -> SignResponse {
    SignResponse::success(DataFormat::JWS, UnsignedJws::new(header, payload).sign(signer).unwrap())
}

fn verify(response: &SignResponse, known: &[KnownKey]) -> Result<VerifiedSignature, Error> {
    verify_signature(&AwsLcRs, &expectation(), response, known)
}

fn known(signer: &dyn Signer) -> KnownKey {
    KnownKey::new(signer.public_key().clone())
}

#[test]
fn a_jws_is_taken_only_as_it_was_asked_for() {
    let ours = known(p256()).with_key_id("p256");
    let good = jws(&header(|_| {}), CONTENT, p256());
    assert_eq!(verify(&good, std::slice::from_ref(&ours)).unwrap().key_id(), Some("p256"));
    for typ in ["application/hermod-sign+jws", "Application/HERMOD-SIGN+JWS", "hermod-sign+JWS"] {
        verify(
            &jws(&header(|header| header.typ = Some(typ.into())), CONTENT, p256()),
            std::slice::from_ref(&ours),
        )
        .unwrap();
    }
    for (response, class) in [
        (jws(&header(|_| {}), b"something else", p256()), Class::NotAsRequested),
        (jws(&header(|_| {}), b"", p256()), Class::NotAsRequested),
        (jws(&header(|header| header.typ = None), CONTENT, p256()), Class::NotAsRequested),
        (
            jws(&header(|header| header.typ = Some("hermod-auth+jws".into())), CONTENT, p256()),
            Class::NotAsRequested,
        ),
        (
            jws(&header(|header| header.typ = Some("JOSE".into())), CONTENT, p256()),
            Class::NotAsRequested,
        ),
        (
            jws(&header(|header| header.key_id = Some("other".into())), CONTENT, p256()),
            Class::KeyId,
        ),
        (jws(&header(|header| header.key_id = None), CONTENT, p256()), Class::KeyId),
        (jws(&header(|_| {}), CONTENT, other_p256()), Class::Signature),
        (
            jws(&header(|header| header.algorithm = Algorithm::Es384), CONTENT, p384()),
            Class::Algorithm,
        ),
        (
            jws(&header(|header| header.algorithm = Algorithm::Rs256), CONTENT, rsa2048()),
            Class::Algorithm,
        ),
        (SignResponse::success(DataFormat::JWS, "a.b"), Class::Malformed),
        (
            SignResponse::success(
                DataFormat::JWS,
                format!("{}=", &*good.result.clone().unwrap().data),
            ),
            Class::Malformed,
        ),
        (SignResponse::success(DataFormat::JWS, "a".repeat(256 * 1024 + 1)), Class::TooLarge),
        (
            SignResponse::success(DataFormat::PKCS7, good.result.clone().unwrap().data),
            Class::NotAsRequested,
        ),
        (SignResponse::refusal(1), Class::NotAsRequested),
        (SignResponse::refusal(0), Class::Malformed),
    ] {
        refused(verify(&response, std::slice::from_ref(&ours)), class);
    }
    // A key with another name, and none at all.
    refused(verify(&good, &[known(p256()).with_key_id("other")]), Class::KeyId);
    refused(verify(&good, &[]), Class::Algorithm);
    refused(verify(&good, &[known(rsa2048())]), Class::Algorithm);
    assert_eq!(verify(&good, &[known(p256())]).unwrap().key_id(), None);
}

#[test]
fn the_header_cannot_choose_the_key_or_leave_the_algorithm_out() {
    let embedded = |header: &mut Header| {
        let jwk = keyferry::jose::Jwk::new(other_p256().public_key().clone());
        *header = header.clone().with_jwk(jwk);
    };
    refused(
        verify(&jws(&header(embedded), CONTENT, other_p256()), &[known(p256())]),
        Class::Signature,
    );
    for alg in ["none", "HS256", "ES256K"] {
        let text = format!(
            "{}.{}.",
            crate::support::url(format!(r#"{{"alg":"{alg}","typ":"hermod-sign+jws"}}"#)),
            crate::support::url(CONTENT)
        );
        refused(
            verify(&SignResponse::success(DataFormat::JWS, text), &[known(p256())]),
            Class::Algorithm,
        );
    }
}

#[test]
fn the_signing_key_is_named_among_several_known_keys() {
    let keys = [
        known(rsa2048()).with_key_id("rsa"),
        known(other_p256()).with_key_id("p256"),
        known(p256()).with_key_id("p256"),
    ];
    let verified = verify(&jws(&header(|_| {}), CONTENT, p256()), &keys).unwrap();
    assert_eq!(verified.public_key(), p256().public_key());
    // One key under two names.
    let keys = [known(p256()).with_key_id("old"), known(p256()).with_key_id("p256")];
    assert_eq!(
        verify(&jws(&header(|_| {}), CONTENT, p256()), &keys).unwrap().key_id(),
        Some("p256")
    );
}

#[test]
fn a_command_that_no_device_answers_gives_no_expectation() {
    let with = |change: &dyn Fn(&mut SignCommand)| {
        let mut command = sign(DataFormat::JWS, P256);
        change(&mut command);
        SignatureExpectation::for_sign(&command)
    };
    for (result, class, part) in [
        (
            with(&|command| command.params.format = "xmldsig".into()),
            Class::NotAsRequested,
            "signCommand.params.format",
        ),
        (
            with(&|command| command.params.mechanism = "CKM_SHA1_RSA_PKCS".into()),
            Class::Algorithm,
            "signCommand.params.mechanism",
        ),
        (
            with(&|command| command.params.tbs.clear()),
            Class::NotAsRequested,
            "signCommand.params.tbs",
        ),
        (
            with(&|command| command.params.tbs.push(tbs("b"))),
            Class::NotAsRequested,
            "signCommand.params.tbs",
        ),
        (
            with(&|command| command.params.tbs[0].data = "!".into()),
            Class::Malformed,
            "signCommand.params.tbs[0].data",
        ),
        (
            with(&|command| command.params.tbs = vec![Item::content_id("tbs", "AUTH:1")]),
            Class::NotAsRequested,
            "signCommand.params.tbs[0].content_type",
        ),
        (
            with(&|command| command.params.tbs = vec![tbs(vec![0; MAX_TBS_JWS + 1])]),
            Class::TooLarge,
            "signCommand.params.tbs[0].data",
        ),
    ] {
        let error = refused(result, class);
        assert_eq!(error.part(), part);
    }
    let mut long = sign(DataFormat::PKCS7, P256);
    long.params.tbs = vec![tbs(vec![0; MAX_TBS_PKCS7 + 1])];
    refused(SignatureExpectation::for_sign(&long), Class::TooLarge);
    let mut stale = authenticate(DataFormat::JWS, P256);
    stale.params.tbs = vec![tbs("15 bytes, no n")];
    assert_eq!(
        refused(SignatureExpectation::for_authenticate(&stale), Class::Nonce).part(),
        "authCommand.params.tbs[0].data"
    );
}

#[test]
fn a_fresh_authentication_is_never_the_same() {
    let fresh = || {
        SignatureExpectation::fresh_authentication(&AwsLcRs, DataFormat::JWS, P256.into())
            .unwrap()
            .0
    };
    assert_ne!(fresh().params.tbs[0].data, fresh().params.tbs[0].data);
    refused(
        SignatureExpectation::fresh_authentication(&AwsLcRs, "xml".into(), P256.into()),
        Class::NotAsRequested,
    );
}

#[test]
fn the_dialect_names_mechanisms_and_types() {
    let mut dialect = Dialect::default();
    dialect.mechanisms.ecdsa_sha256 = SignMechanism::from_static("ES256");
    dialect.signature_types.sign = "x-sign+jws".into();
    let command = sign(DataFormat::JWS, "ES256");
    refused(SignatureExpectation::for_sign(&command), Class::Algorithm);
    let expectation = SignatureExpectation::for_sign_in(&command, &dialect).unwrap();
    let response =
        |typ: &str| jws(&header(|header| header.typ = Some(typ.into())), CONTENT, p256());
    verify_signature(&AwsLcRs, &expectation, &response("x-sign+jws"), &[known(p256())]).unwrap();
    refused(
        verify_signature(&AwsLcRs, &expectation, &response("hermod-sign+jws"), &[known(p256())]),
        Class::NotAsRequested,
    );
}

#[test]
fn debug_shows_no_signed_content() {
    let expectation = expectation();
    let verified = verify(&jws(&header(|_| {}), CONTENT, p256()), &[known(p256())]).unwrap();
    let shown = format!("{expectation:?} {verified:?}");
    assert!(
        !shown.contains("I owe")
            && !shown.contains(&base64(CONTENT))
            && !shown.contains("73, 32, 111"),
        "{shown}"
    );
}

// ---- CMS

/// A CMS that the device made, with its expectation and the certificate.
async fn cms(
    scene: &Scene,
    key_id: &str,
    mechanism: &'static str,
) -> (SignatureExpectation, Vec<u8>, Certificate) {
    let command = sign(DataFormat::PKCS7, mechanism);
    let response = scene.response(Some(user()), command.clone()).await;
    let certificate = scene.profile().await.key(key_id).unwrap().certificate.clone().unwrap();
    (
        SignatureExpectation::for_sign(&command).unwrap(),
        from_standard(&response.result.unwrap().data),
        certificate,
    )
}

fn pkcs7(der: &[u8]) -> SignResponse {
    SignResponse::success(DataFormat::PKCS7, base64(der))
}

#[tokio::test]
async fn a_cms_is_taken_only_from_the_known_key_and_certificate() {
    let scene = scene().await;
    let (expectation, der, certificate) = cms(&scene, "p256", P256).await;
    let verify = |der: &[u8], known: KnownKey| {
        verify_signature(&AwsLcRs, &expectation, &pkcs7(der), &[known])
    };
    let verified = verify(&der, KnownKey::of_certificate(certificate.clone()).unwrap()).unwrap();
    assert_eq!(verified.certificate(), Some(&certificate));
    verify(&der, KnownKey::new(certificate.public_key().unwrap())).unwrap();
    refused(verify(&der, known(other_p256())), Class::Signature);
    refused(verify(&der, known(p384())), Class::Algorithm);

    // Another certificate for the same key.
    let signer = scene.signer("p256").await;
    let template = keyferry::csr::Template::for_subject("CN=Jane,O=Acme", &AwsLcRs).unwrap();
    let request =
        keyferry::csr::Request::from_der(&template.replace_key(&*signer).unwrap(), &AwsLcRs)
            .unwrap();
    let other =
        keyferry::issuer::issue(&scene.world.ca, &request).await.unwrap().into_certificate();
    refused(verify(&der, KnownKey::of_certificate(other.clone()).unwrap()), Class::KeyId);
    let both = [
        KnownKey::of_certificate(other).unwrap(),
        KnownKey::of_certificate(certificate.clone()).unwrap(),
    ];
    assert_eq!(
        verify_signature(&AwsLcRs, &expectation, &pkcs7(&der), &both).unwrap().certificate(),
        Some(&certificate)
    );

    // Another content, another mechanism, a signature of the other role.
    let mut command = sign(DataFormat::PKCS7, P256);
    command.params.tbs = vec![tbs("something else")];
    let known = [KnownKey::of_certificate(certificate).unwrap()];
    refused(
        verify_signature(
            &AwsLcRs,
            &SignatureExpectation::for_sign(&command).unwrap(),
            &pkcs7(&der),
            &known,
        ),
        Class::NotAsRequested,
    );
    let rsa = SignatureExpectation::for_sign(&sign(DataFormat::PKCS7, RSA)).unwrap();
    refused(verify_signature(&AwsLcRs, &rsa, &pkcs7(&der), &known), Class::Algorithm);
    let role = SignatureExpectation::for_authenticate(&AuthenticateCommand::new(params(
        DataFormat::PKCS7,
        P256,
    )))
    .unwrap();
    refused(verify_signature(&AwsLcRs, &role, &pkcs7(&der), &known), Class::NotAsRequested);
}

#[tokio::test]
async fn no_changed_byte_of_a_cms_gives_a_valid_signature() {
    let scene = scene().await;
    for (key_id, mechanism) in [("p256", P256), ("rsa", RSA)] {
        let (expectation, der, certificate) = cms(&scene, key_id, mechanism).await;
        let known = [KnownKey::of_certificate(certificate.clone()).unwrap()];
        let certificate_place = der
            .windows(certificate.as_der().len())
            .position(|window| window == certificate.as_der())
            .unwrap();
        let signer_place = certificate_place + certificate.as_der().len();
        for place in 0..der.len() {
            let mut changed = der.clone();
            changed[place] ^= [0x01, 0x80][place % 2];
            if let Ok(verified) = verify_signature(&AwsLcRs, &expectation, &pkcs7(&changed), &known)
            {
                assert_eq!(verified.content(), CONTENT);
                // What is not looked at: the versions, the set of digest algorithms, the
                // certificates that came along.
                assert!(
                    place < signer_place || der[place - 2..place] == [0x02, 0x01],
                    "byte {place} of {}",
                    der.len()
                );
            }
        }
        for length in 0..der.len() {
            assert!(
                verify_signature(&AwsLcRs, &expectation, &pkcs7(&der[..length]), &known).is_err()
            );
        }
        refused(
            verify_signature(&AwsLcRs, &expectation, &pkcs7(&[&der[..], &[0]].concat()), &known),
            Class::Malformed,
        );
        refused(
            verify_signature(
                &AwsLcRs,
                &expectation,
                &SignResponse::success(DataFormat::PKCS7, "!"),
                &known,
            ),
            Class::Malformed,
        );
        refused(
            verify_signature(&AwsLcRs, &expectation, &pkcs7(&vec![0x30; 1024 * 1024 + 1]), &known),
            Class::TooLarge,
        );
    }
}

/// Made with OpenSSL and kept, so that reading it does not depend on the program.
#[test]
fn stored_signatures_are_verified() {
    let content = include_bytes!("../../fixtures/cms/content");
    let certificate =
        Certificate::from_der(include_bytes!("../../fixtures/cms/certificate.der")).unwrap();
    let mut command = sign(DataFormat::PKCS7, P256);
    command.params.tbs = vec![tbs(content)];
    let expectation = SignatureExpectation::for_sign(&command).unwrap();
    for der in [
        &include_bytes!("../../fixtures/cms/attached.der")[..],
        include_bytes!("../../fixtures/cms/detached.der"),
    ] {
        let verified = verify_signature(
            &AwsLcRs,
            &expectation,
            &pkcs7(der),
            &[KnownKey::of_certificate(certificate.clone()).unwrap()],
        )
        .unwrap();
        assert_eq!(verified.content(), content);
    }
}
