//! Commands that go the whole way.

use base64_simd::STANDARD;
use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::device::{Action, Decision, ShownContent};
use keyferry::hermod::model::{
    CommandKind, CommandType, ContentEncoding, DataFormat, DeleteCommand, Item, PingCommand,
    Response, SignCommand, SignMechanism, State,
};
use keyferry::hermod::proof::{KnownKey, SignatureExpectation, verify_signature};

use crate::signing::support::*;
use crate::support::world;

#[tokio::test]
async fn every_kind_of_key_signs_in_every_format() {
    let scene = scene().await;
    for to in scene.destinations().await {
        for (key_id, mechanism) in KEYS {
            for format in [DataFormat::JWS, DataFormat::PKCS7] {
                let command = sign(format, mechanism);
                let expectation = SignatureExpectation::for_sign(&command).unwrap();
                let callback = scene.send(to.clone(), command).await;
                assert_eq!(
                    (&callback.state, callback.command_type.as_ref()),
                    (&State::COMPLETED, "SIGN")
                );
                let Some(Response::Sign(response)) = callback.response else { panic!() };
                let verified =
                    verify_signature(&AwsLcRs, &expectation, &response, &scene.known().await)
                        .unwrap();
                assert_eq!(
                    (verified.key_id(), verified.kind(), verified.content()),
                    (Some(key_id), CommandKind::Sign, CONTENT)
                );
                assert_eq!(*verified.public_key(), scene.public_key(key_id).await);
                let Action::Sign(signing) = scene.question().action else { panic!() };
                assert_eq!((signing.key_id.as_str(), signing.tbs_bytes), (key_id, CONTENT.len()));
            }
        }
    }
}

#[tokio::test]
async fn a_signer_may_write_the_name_of_the_issuer_in_another_way() {
    let scene = scene().await;
    let command = sign(DataFormat::PKCS7, P256);
    let expectation = SignatureExpectation::for_sign(&command).unwrap();
    let response = scene.response(Some(user()), command).await;
    let mut der = STANDARD.decode_to_vec(&*response.result.as_ref().unwrap().data).unwrap();
    // The name of the signer comes behind the certificates, and is not signed.
    let last = |der: &[u8], text: &[u8]| {
        der.windows(text.len()).rposition(|window| window == text).unwrap()
    };
    for (name, is_same) in [(b"ROOT", true), (b"Boot", false)] {
        let at = last(&der, if is_same { b"Root" } else { b"ROOT" });
        der[at..at + 4].copy_from_slice(name);
        let mut changed = response.clone();
        changed.result.as_mut().unwrap().data = STANDARD.encode_to_string(&der).into();
        let verified = verify_signature(&AwsLcRs, &expectation, &changed, &scene.known().await);
        let expected = if is_same { Ok(()) } else { Err(Class::KeyId) };
        assert_eq!(verified.map(|_| ()).map_err(|error| error.class()), expected);
    }
}

#[tokio::test]
async fn every_kind_of_key_authenticates_with_a_fresh_nonce() {
    let scene = scene().await;
    for to in scene.destinations().await {
        for (key_id, mechanism) in KEYS {
            for format in [DataFormat::JWS, DataFormat::PKCS7] {
                let mechanism = SignMechanism::from_static(mechanism);
                let (command, expectation) =
                    SignatureExpectation::fresh_authentication(&AwsLcRs, format, mechanism)
                        .unwrap();
                // What is kept of it is enough.
                let kept =
                    keyferry::hermod::model::AuthenticateCommand::from_json(&command.to_json())
                        .unwrap();
                assert_eq!(
                    SignatureExpectation::for_authenticate(&kept).unwrap().content(),
                    expectation.content()
                );
                let callback = scene.send(to.clone(), command).await;
                assert_eq!(callback.command_type, CommandType::from("AUTH"));
                let Some(Response::Authenticate(response)) = callback.response else { panic!() };
                let verified =
                    verify_signature(&AwsLcRs, &expectation, &response, &scene.known().await)
                        .unwrap();
                assert_eq!(
                    (verified.key_id(), verified.kind()),
                    (Some(key_id), CommandKind::Authenticate)
                );
                let Action::Authenticate(signing) = scene.question().action else { panic!() };
                assert_eq!((signing.tbs, signing.tbs_bytes), (None, expectation.content().len()));
            }
        }
    }
}

#[tokio::test]
async fn a_raw_key_signs_without_a_certificate() {
    let scene = raw_scene().await;
    let command = sign(DataFormat::JWS, P256);
    let expectation = SignatureExpectation::for_sign(&command).unwrap();
    let response = scene.response(Some(user()), command).await;
    let known = [KnownKey::new(scene.public_key("p256").await)];
    assert_eq!(verify_signature(&AwsLcRs, &expectation, &response, &known).unwrap().key_id(), None);
}

#[tokio::test]
async fn the_user_is_shown_requester_content_and_key_each_time() {
    let mut scene = scene().await;
    let mut params = params(DataFormat::JWS, P256);
    params.tbs = vec![Item::base64("tbs", "text/plain; charset=utf-8", base64("Grüße"))];
    params.tbs[0].description = Some("Contract".into());
    let mut hidden = Item::base64("requester", "text/plain", base64("hidden"));
    hidden.visible = Some(false);
    let mut unsaid = Item::base64("auth_image", "image/jpeg", base64([0xff, 0xd8, 0xff]));
    (unsaid.visible, unsaid.content_encoding) = (None, None);
    params.description =
        Some(vec![Item::base64("requester", "text/plain", base64("Acme")), hidden, unsaid]);
    assert_eq!(scene.code(params.clone()).await, 0);
    let question = scene.question();
    let profile = scene.profile().await;
    assert_eq!(
        (question.hub.as_str(), question.user_id.as_str(), question.profile_name.as_str()),
        (world::PUBLIC, world::USER, "Jane")
    );
    assert!(!format!("{question:?}").contains("Grüße"));
    let Action::Sign(signing) = question.action else { panic!() };
    assert_eq!((&signing.profile_id, signing.key_id.as_str()), (&profile.names.id, "p256"));
    let tbs = signing.tbs.unwrap();
    assert_eq!(
        (tbs.label.as_deref(), &tbs.content),
        (Some("Contract"), &ShownContent::Text("Grüße".into()))
    );
    let shown: Vec<_> =
        signing.description.iter().map(|shown| (shown.role.as_str(), &shown.content)).collect();
    assert_eq!(
        shown,
        [
            ("requester", &ShownContent::Text("Acme".into())),
            ("auth_image", &ShownContent::Bytes(vec![0xff, 0xd8, 0xff]))
        ]
    );

    assert_eq!(scene.code(params.clone()).await, 0);
    assert_eq!(scene.world.asked.lock().unwrap().len(), 1);
    scene.world.decision = Decision::Refuse;
    assert_eq!(scene.code(params).await, 1);
}

#[tokio::test]
async fn pings_wherever_they_go() {
    let scene = raw_scene().await;
    for to in scene.destinations().await {
        let is_link = to.is_none();
        let callback = scene.send(to, PingCommand::new(true)).await;
        let Some(Response::Ping(told)) = callback.response else { panic!() };
        assert_eq!((told.code, told.device_info.unwrap().operating_system.as_str()), (0, "Linux"));
        // Through a link there is no profile to speak of.
        assert_eq!(told.profile.is_none(), is_link);
    }
}

#[tokio::test]
async fn deletes_by_user_and_by_mailbox() {
    for by_mailbox in [false, true] {
        let scene = raw_scene().await;
        let [user, _, mailbox] = scene.destinations().await;
        let callback = scene
            .send(if by_mailbox { mailbox } else { user }, DeleteCommand::new(None, true))
            .await;
        assert_eq!(
            (callback.state, callback.response.unwrap().code()),
            (State::COMPLETED, Some(0))
        );
        assert!(scene.world.profiles().await.is_empty());
    }
}

#[tokio::test]
async fn a_signature_over_an_image_is_over_its_bytes() {
    let scene = scene().await;
    let mut bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    bytes[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    let mut params = params(DataFormat::PKCS7, RSA);
    params.tbs = vec![Item::base64("tbs", "image/jpeg", base64(&bytes))];
    params.tbs[0].content_encoding = Some(ContentEncoding::from("BASE64"));
    let command = SignCommand::new(params);
    let response = scene.response(Some(user()), command.clone()).await;
    let expectation = SignatureExpectation::for_sign(&command).unwrap();
    assert_eq!(
        verify_signature(&AwsLcRs, &expectation, &response, &scene.known().await)
            .unwrap()
            .content(),
        bytes
    );
}
