//! What is signed in one role is nothing in another.

use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::{
    AuthenticateCommand, DataFormat, SignCommand, SignMechanism, SignParams, SignResponse,
};
use keyferry::hermod::proof::{Check, KnownKey, SignatureExpectation, verify_signature};

use crate::signing::support::*;
use crate::support::answer::{self, refuse};
use crate::support::world::refused;
use crate::support::{attestation, captured_template, from_standard, p256};

#[test]
fn the_verifier_refuses_signature_types_in_every_header() {
    for typ in [
        "hermod-sign+jws",
        "hermod-auth+jws",
        "application/hermod-sign+jws",
        "APPLICATION/Hermod-Auth+JWS",
    ] {
        let (_, mut outer) = answer::simple();
        outer.header["typ"] = typ.into();
        refuse(&outer, Class::Malformed, Check::Form);
        let (_, mut inner) = answer::simple();
        inner.keys[0].header["typ"] = typ.into();
        refuse(&inner, Class::Malformed, Check::KeyForm);
    }
}

/// Has a key of the device sign `content` in every role as a JWS.
async fn signed_as_jws(scene: &Scene, content: &str) -> Vec<String> {
    let params =
        || SignParams::new(vec![tbs(content)], DataFormat::JWS, SignMechanism::from_static(P256));
    let sign = scene.response(Some(user()), SignCommand::new(params())).await;
    let authenticate = scene.response(Some(user()), AuthenticateCommand::new(params())).await;
    [sign, authenticate]
        .into_iter()
        .map(|response| response.result.unwrap().data.into_string())
        .collect()
}

#[tokio::test]
async fn a_user_signature_is_not_a_proof_of_possession() {
    let scene =
        Scene::with(vec![crate::support::world::raw_key("signer", crate::support::world::P256)])
            .await;
    let key = scene.public_key("signer").await;
    // All that the payload of a proof has, for the very key that signs it.
    let (command, mut honest) = answer::simple();
    let mut payload = crate::support::jwk(&key);
    payload["alg"] = "ES256".into();
    payload["use"] = "SIG".into();
    payload["kid"] = "signer".into();
    payload["keystate"] = "active".into();
    for text in signed_as_jws(&scene, &payload.to_string()).await {
        honest.keys[0].text = Some(text);
        let refusal = answer::verify(&command, &honest).unwrap_err();
        assert_eq!(
            (refusal.class(), refusal.error().part()),
            (Class::Malformed, "signedkeys[0].header.typ")
        );
    }
}

#[tokio::test]
async fn a_signature_over_the_payload_of_an_answer_is_no_answer() {
    let scene = raw_scene().await;
    let (command, honest) = answer::simple();
    for text in signed_as_jws(&scene, &honest.to_payload().to_string()).await {
        let verifier = keyferry::hermod::proof::Verifier::danger_unpinned(AwsLcRs);
        let refusal = verifier.verify(&answer::expectation(&command), &text).unwrap_err();
        // It has no key in its header either.
        assert_eq!(refusal.class(), Class::Malformed);
    }
}

#[test]
fn a_proof_or_an_answer_is_no_signature_of_the_user() {
    let (_, honest) = answer::simple();
    let signed_key = honest.keys[0].to_text();
    let payload = honest.keys[0].payload.to_string();
    for (text, payload, signer) in [
        (signed_key, payload, p256()),
        (honest.to_text(), honest.to_payload().to_string(), attestation()),
    ] {
        let params =
            SignParams::new(vec![tbs(&payload)], DataFormat::JWS, SignMechanism::from_static(P256));
        let known = [KnownKey::new(signer.public_key().clone())];
        let response = SignResponse::success(DataFormat::JWS, text);
        let sign = SignatureExpectation::for_sign(&SignCommand::new(params.clone())).unwrap();
        let error =
            refused(verify_signature(&AwsLcRs, &sign, &response, &known), Class::NotAsRequested);
        assert_eq!(error.part(), "header.typ");
        let authenticate =
            SignatureExpectation::for_authenticate(&AuthenticateCommand::new(params)).unwrap();
        refused(
            verify_signature(&AwsLcRs, &authenticate, &response, &known),
            Class::NotAsRequested,
        );
    }
}

#[tokio::test]
async fn authentication_and_document_signatures_are_distinct() {
    let scene = scene().await;
    for format in [DataFormat::JWS, DataFormat::PKCS7] {
        let (sign, authenticate) = (sign(format.clone(), P256), authenticate(format, P256));
        let (signed, authenticated) = (
            scene.response(Some(user()), sign.clone()).await,
            scene.response(Some(user()), authenticate.clone()).await,
        );
        let (sign, authenticate) = (
            SignatureExpectation::for_sign(&sign).unwrap(),
            SignatureExpectation::for_authenticate(&authenticate).unwrap(),
        );
        let known = scene.known().await;
        verify_signature(&AwsLcRs, &sign, &signed, &known).unwrap();
        verify_signature(&AwsLcRs, &authenticate, &authenticated, &known).unwrap();
        refused(verify_signature(&AwsLcRs, &sign, &authenticated, &known), Class::NotAsRequested);
        refused(verify_signature(&AwsLcRs, &authenticate, &signed, &known), Class::NotAsRequested);
    }
}

#[tokio::test]
async fn a_user_signature_over_request_info_signs_no_request() {
    let scene = scene().await;
    let signer = scene.signer("rsa").await;
    let template = Template::from_der(&captured_template()).unwrap();
    let unsigned =
        || template.with_key(signer.public_key(), keyferry::crypto::Algorithm::Rs256).unwrap();
    // What the device is asked to sign is the very text that a request's signature is over.
    for format in [DataFormat::PKCS7, DataFormat::JWS] {
        let params = SignParams::new(
            vec![tbs(unsigned().to_be_signed())],
            format.clone(),
            SignMechanism::from_static(RSA),
        );
        let data =
            scene.response(Some(user()), SignCommand::new(params)).await.result.unwrap().data;
        // An RSA signature is the end of either: 256 bytes.
        let bytes = if format == DataFormat::PKCS7 {
            from_standard(&data)
        } else {
            crate::support::from_url(data.rsplit('.').next().unwrap())
        };
        let signature = &bytes[bytes.len() - 256..];
        let error =
            refused(Request::from_der(&unsigned().assemble(signature), &AwsLcRs), Class::Csr);
        assert!(error.part().contains("signature"), "{error}");
    }
    let real = signer.sign(keyferry::crypto::Algorithm::Rs256, unsigned().to_be_signed()).unwrap();
    Request::from_der(&unsigned().assemble(&real), &AwsLcRs).unwrap();
}

#[tokio::test]
async fn a_signature_over_the_signing_input_of_a_jws_signs_no_jws() {
    let scene = scene().await;
    let header = crate::support::url(r#"{"alg":"RS256","kid":"rsa","nonce":"n-4711"}"#);
    let input = format!("{header}.{}", crate::support::url("{}"));
    let params =
        SignParams::new(vec![tbs(&input)], DataFormat::PKCS7, SignMechanism::from_static(RSA));
    let data = from_standard(
        &scene.response(Some(user()), SignCommand::new(params)).await.result.unwrap().data,
    );
    let forged = format!("{input}.{}", crate::support::url(&data[data.len() - 256..]));
    let key = keyferry::crypto::VerifyingKey::new(
        &AwsLcRs,
        keyferry::crypto::Algorithm::Rs256,
        &scene.public_key("rsa").await,
    )
    .unwrap();
    refused(keyferry::jose::Jws::from_compact(&forged).unwrap().verify(&key), Class::Signature);
}
