//! What the device does not sign, and the code it says so with.

use keyferry::Secret;
use keyferry::crypto::{Algorithm, Curve, KeyKind};
use keyferry::hermod::device::{Action, DevicePolicy};
use keyferry::hermod::model::{
    AuthenticateCommand, ContentEncoding, DataFormat, Filter, Item, KeyUsage, SignCommand,
    SignParams,
};
use keyferry::hermod::proof::{MAX_TBS_JWS, MAX_TBS_PKCS7};
use keyferry::keys::{Channel, KeySpec, KeyStore as _, MessageId, ProfileNames, Provisioning};

use crate::signing::support::*;
use crate::support::world::{self, PUBLIC};

fn with(change: impl FnOnce(&mut SignParams)) -> SignParams {
    let mut params = params(DataFormat::JWS, P256);
    change(&mut params);
    params
}

fn with_tbs(bytes: Vec<u8>, format: DataFormat) -> SignParams {
    with(|params| (params.tbs, params.format) = (vec![tbs(bytes)], format))
}

#[tokio::test]
async fn unknown_or_ambiguous_commands_are_unsupported() {
    let scene = scene().await;
    for (params, why) in [
        (with(|params| params.format = "xmldsig".into()), "format"),
        (with(|params| params.mechanism = "CKM_SHA1_RSA_PKCS".into()), "mechanism"),
        (with(|params| params.mechanism = "CKM_RSA_PKCS".into()), "raw mechanism"),
        (
            with(|params| params.mechanism = "CKM_ECDSA_SHA512".into()),
            "a mechanism that no key is one for",
        ),
        (with(|params| params.tbs.clear()), "nothing to sign"),
        (with(|params| params.tbs.push(tbs("b"))), "two things to sign"),
        (
            with(|params| params.tbs[0].content_encoding = Some(ContentEncoding::from("hex"))),
            "encoding",
        ),
        (
            with(|params| params.tbs = vec![Item::base64("tbs", "text/plain", base64([0xff]))]),
            "a text that is none",
        ),
        (
            with(|params| {
                params.description =
                    Some(vec![Item::base64("requester", "text/plain", base64([0xc0, 0x80]))])
            }),
            "a description that is none",
        ),
        (with_tbs(vec![0; MAX_TBS_JWS + 1], DataFormat::JWS), "too long for a JWS"),
        (with_tbs(vec![0; MAX_TBS_PKCS7 + 1], DataFormat::PKCS7), "too long for a CMS"),
    ] {
        assert_eq!(scene.code_without_checks(params).await, 4, "{why}");
    }
    assert!(scene.world.asked.lock().unwrap().is_empty(), "nobody is asked about what is not done");
    assert_eq!(scene.code(with_tbs(vec![0; MAX_TBS_JWS], DataFormat::JWS)).await, 0);
    assert_eq!(scene.code(with_tbs(vec![0; MAX_TBS_PKCS7], DataFormat::PKCS7)).await, 0);
    assert_eq!(scene.code(with_tbs(Vec::new(), DataFormat::JWS)).await, 0);
}

#[tokio::test]
async fn an_unreadable_message_is_not_unsupported() {
    let scene = raw_scene().await;
    for data in ["SGVsbG8", "SGVsbG9=", "SGVsbG8=!", "SGVsbG8-"] {
        assert_eq!(
            scene.code_without_checks(with(|params| params.tbs[0].data = data.into())).await,
            99,
            "{data}"
        );
        let described = with(|params| {
            params.description = Some(vec![Item::base64("requester", "text/plain", data)])
        });
        assert_eq!(scene.code_without_checks(described).await, 99, "{data}");
    }
}

#[tokio::test]
async fn only_active_keys_sign_and_never_those_for_encryption() {
    let scene = scene().await;
    scene.set_state("p256", "inactive").await;
    assert_eq!(
        scene.code(params(DataFormat::JWS, P256)).await,
        4,
        "other keys are there, of other kinds"
    );
    scene.set_state("p256", "active").await;
    assert_eq!(scene.code(params(DataFormat::JWS, P256)).await, 0);

    let mut encryption = world::raw_key("p256", world::P256);
    encryption.usage = "enc".into();
    let scene = Scene::with(vec![encryption]).await;
    assert_eq!(scene.code(params(DataFormat::JWS, P256)).await, 3);
}

#[tokio::test]
async fn a_key_without_a_certificate_makes_no_cms() {
    let scene = raw_scene().await;
    assert_eq!(scene.code(params(DataFormat::PKCS7, P256)).await, 3);
    assert_eq!(scene.code(params(DataFormat::JWS, P256)).await, 0);
}

#[tokio::test]
async fn the_policy_decides_about_mechanisms() {
    let mut scene = scene().await;
    scene.world.policy =
        DevicePolicy::new().with_hub(PUBLIC).unwrap().with_mechanisms(&[Algorithm::Rs256]);
    assert_eq!(scene.code(params(DataFormat::JWS, P256)).await, 8);
    assert_eq!(scene.code(params(DataFormat::JWS, RSA)).await, 0);
}

#[tokio::test]
async fn a_key_of_the_commands_own_usage_goes_first() {
    let mut login = world::raw_key("login", world::P256);
    login.usage = KeyUsage::from("auth");
    let scene = Scene::with(vec![login, world::raw_key("signer", world::P256)]).await;
    assert_eq!(
        scene.response(Some(user()), SignCommand::new(params(DataFormat::JWS, P256))).await.code,
        0
    );
    let Action::Sign(signing) = scene.question().action else { panic!() };
    assert_eq!(signing.key_id, "signer");
    assert_eq!(
        scene
            .response(Some(user()), AuthenticateCommand::new(params(DataFormat::JWS, P256)))
            .await
            .code,
        0
    );
    let Action::Authenticate(signing) = scene.question().action else { panic!() };
    assert_eq!(signing.key_id, "login");
}

#[tokio::test]
async fn through_a_link_only_the_profiles_of_that_hub_sign() {
    let scene = Scene::with(vec![world::raw_key("rsa", world::RSA2048)]).await;
    // A profile at another hub on the same host.
    let store = &scene.world.device_store;
    let message = MessageId::new("https://hub.example/other/ms/b0", "m0");
    let names = ProfileNames::new("9e0c2f46-6b1d-4b0e-9a53-0d9a3e4f5a11", "jane", "Other", "Other");
    let spec = KeySpec::new("p256", "SIG", KeyKind::Ec(Curve::P256));
    store
        .begin(Provisioning::new(message.clone(), [0; 32], names.clone(), vec![spec]))
        .await
        .unwrap();
    store
        .record_answer(
            &message,
            Channel::of_mailbox("https://hub.example/other/ms/b1", Secret::new("t")),
            "{}",
        )
        .await
        .unwrap();
    store.commit(&message).await.unwrap();

    let mut asked = params(DataFormat::JWS, P256);
    assert_eq!(
        scene.response(None, SignCommand::new(asked.clone())).await.code,
        4,
        "the key of the profile that is here is no such one"
    );
    asked.filter = Some(Filter::eq("profile.id".into(), &names.id));
    assert_eq!(scene.response(None, SignCommand::new(asked)).await.code, 3);
    assert!(scene.world.asked.lock().unwrap().is_empty());
}
