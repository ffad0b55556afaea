//! `Debug` shows nothing that must not be seen.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use keyferry::Secret;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::client::{
    CallbackSender, CommandClient, ContentClient, MailboxClient, blocking,
};
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::model::{ApiUser, Callback, CommandId};
use keyferry::hermod::wire::WebhookSecret;
use keyferry::hermod::wire::http::{callback, command, content, mailbox};
use keyferry::hermod::wire::{
    AnyCallbackApi, AnyCommandApi, ApiKey, BasicAuth, Delivery, MailboxKey,
};
use keyferry::transport::{GuardedTransport, PeerCertificate, TargetPolicy};

use crate::client::support::*;

const CANARY: &str = "canary-5f0c1d6e";

#[track_caller]
fn hides(shown: impl std::fmt::Debug) {
    for shown in [format!("{shown:?}"), format!("{shown:#?}")] {
        for form in [CANARY, "Y2FuYXJ5", "NhbmFyeS", "jYW5hcnkt", "63616e617279"] {
            assert!(!shown.contains(form), "{shown}");
        }
    }
}

fn secret() -> Secret {
    Secret::new(CANARY)
}

async fn nobody(_: Request<Bytes>) -> Exchanged {
    Ok(Response::new(Bytes::new()))
}

fn blocked(_: Request<Bytes>) -> Exchanged {
    Ok(Response::new(Bytes::new()))
}

#[test]
fn no_client_shows_its_credential() {
    let (api_key, mailbox_key) =
        (ApiKey::new("shop", secret()), MailboxKey::of_message("b1", secret(), secret()));
    let commands = CommandClient::new(nobody, base(COMMANDS), api_key.clone());
    // What is shown is of use.
    assert!(
        format!("{commands:?}").contains("hub.example") && format!("{commands:?}").contains("shop")
    );
    hides(AnyCommandApi::new(commands.clone()));
    hides(commands);
    hides(blocking::CommandClient::new(blocked, base(COMMANDS), api_key));
    hides(MailboxClient::new(nobody, base(PUBLIC), mailbox_key.clone()));
    hides(blocking::MailboxClient::new(blocked, base(PUBLIC), mailbox_key));
    hides(HttpConnector::new(nobody, Arc::new(AwsLcRs)));
    let guarded = GuardedTransport::danger_unguarded(TargetPolicy::new(), Arc::new(nobody));
    let (hook, basic) =
        (base(&format!("https://shop.example/{CANARY}")), BasicAuth::new("hub", secret()));
    let sender =
        CallbackSender::new(guarded.clone(), hook.clone()).unwrap().with_basic_auth(basic.clone());
    let sender = sender.with_signature(
        Arc::new(AwsLcRs),
        [keyferry::hermod::wire::WebhookSecret::parse(
            "whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==",
        )
        .unwrap()],
    );
    assert!(format!("{sender:?}").contains("shop.example"));
    hides(AnyCallbackApi::new(sender.clone()));
    hides(sender);
    hides(ContentClient::new(guarded, hook).unwrap().with_basic_auth(basic));
}

#[test]
fn no_api_user_shows_a_secret_or_an_address() {
    let mut user = ApiUser::new("idm", secret(), &*format!("https://shop.example/{CANARY}"));
    (user.callback_basic_auth, user.content_provider_basic_auth) = (Some(secret()), Some(secret()));
    user.content_provider_url = Some(CANARY.into());
    hides(user);
}

#[test]
fn no_request_shows_its_credential() {
    let dialect = Dialect::standard();
    let poll = command::Call::Poll(CommandId::from("1"));
    hides(
        command::write_call(dialect, &base(COMMANDS), &ApiKey::new("shop", secret()), &poll)
            .unwrap(),
    );
    let key = MailboxKey::of_message("b1", secret(), secret());
    for call in
        [mailbox::Call::Fetch { mid: "m1".into() }, mailbox::Call::Reserve, mailbox::Call::Remove]
    {
        hides(mailbox::write_call(dialect, &base(PUBLIC), &key, &call).unwrap());
    }
    hides(mailbox::Call::Answer { mid: "m1".into(), answer: CANARY.into() });
    let basic = BasicAuth::new("hub", secret());
    hides(content::write_call(dialect, &base(PUBLIC), Some(&basic), "c1").unwrap());
    let delivery = Delivery::new("1", Callback::from_json(COMPLETED).unwrap());
    hides(
        callback::write_call(
            dialect,
            &base(PUBLIC),
            Some(&basic),
            Some((
                &AwsLcRs,
                &[WebhookSecret::from_bytes(b"canary-5f0c1d6e-canary-5f0c1d6e").unwrap()],
            )),
            start(),
            &delivery,
        )
        .unwrap(),
    );
}

#[test]
fn no_error_shows_what_was_answered() {
    for status in [200, 302, 400, 401, 422, 500] {
        both(
            || vec![answer(status, CANARY)],
            |clients| {
                let errors = [
                    clients.submit(ping()).unwrap_err(),
                    clients.poll("1").unwrap_err(),
                    clients.fetch("m1").unwrap_err(),
                ];
                for error in &errors {
                    hides(error);
                    hides(std::error::Error::source(error).unwrap());
                    hides(error.to_string());
                }
            },
        );
    }
    assert_eq!(format!("{:?}", PeerCertificate(vec![1, 2, 3])), "PeerCertificate(3 bytes)");
}
