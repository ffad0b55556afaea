//! PIN reset: an example of a card in memory, and what the device makes of its answers.

use std::sync::{Arc, Mutex};

use keyferry::crypto::Provider as _;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::device::{PinNonce, PinReset, PinResetRefusal};
use keyferry::hermod::model::{Driver, EndPinResetCommand, Response, StartPinResetCommand};
use keyferry::keys::Profile;
use keyferry::{BoxFuture, Secret};

use crate::signing::support::*;

/// A card whose cipher is HMAC, as the real one is not documented.
struct Card {
    id: &'static str,
    state: Mutex<State>,
}

struct State {
    admin_key: Secret,
    nonce: Option<String>,
    made: u32,
    resets: u32,
}

fn encrypted(admin_key: &Secret, nonce: &str) -> Secret {
    let tag = AwsLcRs.hmac_sha256(admin_key.expose().as_bytes(), nonce.as_bytes()).unwrap();
    Secret::new(base64(tag))
}

impl Card {
    fn new() -> Arc<Self> {
        let state = State { admin_key: Secret::new("old"), nonce: None, made: 0, resets: 0 };
        Arc::new(Self { id: "card-1", state: Mutex::new(state) })
    }
}

impl PinReset for Card {
    fn start<'a>(
        &'a self,
        profile: Option<&'a Profile>,
        command: &'a StartPinResetCommand,
    ) -> BoxFuture<'a, Result<PinNonce, PinResetRefusal>> {
        Box::pin(async move {
            if command.smart_card_id.as_deref().is_some_and(|id| id != self.id)
                || (command.smart_card_id.is_none() && profile.is_none())
            {
                return Err(PinResetRefusal::UnknownCard);
            }
            let mut state = self.state.lock().unwrap();
            state.made += 1;
            let nonce = format!("nonce-{}", state.made);
            state.nonce = Some(nonce.clone());
            Ok(PinNonce::new(nonce).with_transported_key("MIIB"))
        })
    }

    fn end<'a>(
        &'a self,
        _: Option<&'a Profile>,
        command: &'a EndPinResetCommand,
    ) -> BoxFuture<'a, Result<(), PinResetRefusal>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            // Good once.
            let nonce = state.nonce.take().ok_or(PinResetRefusal::Unproven)?;
            if encrypted(&state.admin_key, &nonce) != command.encrypted_nonce {
                return Err(PinResetRefusal::Unproven);
            }
            match &command.new_admin_key {
                Some(key) => state.admin_key = key.clone(),
                None => state.resets += 1,
            }
            Ok(())
        })
    }
}

async fn start(
    scene: &Scene,
    change: impl FnOnce(&mut StartPinResetCommand),
) -> (i64, Option<String>) {
    let mut command = StartPinResetCommand::default();
    change(&mut command);
    let Some(Response::StartPinReset(response)) = scene.send(Some(user()), command).await.response
    else {
        panic!()
    };
    (response.code, response.nonce)
}

async fn end(scene: &Scene, command: EndPinResetCommand) -> i64 {
    let Some(Response::EndPinReset(response)) = scene.send(Some(user()), command).await.response
    else {
        panic!()
    };
    response.code
}

#[tokio::test]
async fn without_a_card_both_steps_are_unsupported() {
    let scene = raw_scene().await;
    assert_eq!(start(&scene, |_| {}).await, (4, None));
    assert_eq!(end(&scene, EndPinResetCommand::new(Secret::new("x"))).await, 4);
}

#[tokio::test]
async fn a_pin_reset_proof_is_valid_once() {
    let mut scene = raw_scene().await;
    let card = Card::new();
    scene.world.pins = Some(card.clone());
    let (code, nonce) = start(&scene, |_| {}).await;
    assert_eq!(code, 0);
    let nonce = nonce.unwrap();
    assert_eq!(
        end(&scene, EndPinResetCommand::new(encrypted(&Secret::new("old"), &nonce))).await,
        0
    );
    assert_eq!(
        end(&scene, EndPinResetCommand::new(encrypted(&Secret::new("old"), &nonce))).await,
        2
    );
    assert_eq!(card.state.lock().unwrap().resets, 1);

    let (_, nonce) = start(&scene, |command| command.smart_card_id = Some("card-1".into())).await;
    let mut change = EndPinResetCommand::new(encrypted(&Secret::new("old"), &nonce.unwrap()));
    change.new_admin_key = Some(Secret::new("9f".repeat(24)));
    assert!(!format!("{change:?}").contains("9f9f"));
    assert_eq!(end(&scene, change).await, 0);
    let (_, nonce) = start(&scene, |_| {}).await;
    assert_eq!(
        end(&scene, EndPinResetCommand::new(encrypted(&Secret::new("old"), &nonce.unwrap()))).await,
        2
    );
    assert_eq!(card.state.lock().unwrap().resets, 1);
}

#[tokio::test]
async fn another_mailboxs_profile_is_refused_unless_a_card_is_named() {
    let mut scene = raw_scene().await;
    scene.world.pins = Some(Card::new());
    let own = scene.profile().await.names.id;
    let other = String::from("3051e9f3-0e4d-436b-a512-2e18d8afe134");
    // The hub finds mailboxes by the profile that a command names: only by the mailbox's id does
    // another's arrive.
    let mailbox = scene.destinations().await[2].clone();
    assert_eq!(start(&scene, |command| command.profile_id = Some(own.clone())).await.0, 0);
    assert_eq!(start(&scene, |command| command.smart_card_id = Some("card-2".into())).await.0, 5);
    for to in [None, mailbox] {
        let is_link = to.is_none();
        for (card, driver) in
            [(None, None), (Some("card-1"), None), (None, Some(Driver::default()))]
        {
            let mut command = StartPinResetCommand::default();
            (command.profile_id, command.smart_card_id, command.driver) =
                (Some(other.clone()), card.map(Into::into), driver);
            if !is_link {
                command.profile_id = Some(own.clone());
            }
            let named = command.smart_card_id.is_some();
            let drives = command.driver.is_some();
            let Some(Response::StartPinReset(response)) =
                scene.send(to.clone(), command).await.response
            else {
                panic!()
            };
            let expected = if !is_link || named { 0 } else { 5 };
            assert_eq!(response.code, expected, "link {is_link}, card {named}, driver {drives}");
        }
        let mut command = EndPinResetCommand::new(Secret::new("x"));
        command.profile_id = Some(if is_link { other.clone() } else { own.clone() });
        let Some(Response::EndPinReset(response)) = scene.send(to, command).await.response else {
            panic!()
        };
        assert_eq!(response.code, if is_link { 5 } else { 2 });
    }
}

#[tokio::test]
async fn every_refusal_has_its_code() {
    struct Refuses(PinResetRefusal);

    impl PinReset for Refuses {
        fn start<'a>(
            &'a self,
            _: Option<&'a Profile>,
            _: &'a StartPinResetCommand,
        ) -> BoxFuture<'a, Result<PinNonce, PinResetRefusal>> {
            Box::pin(async { Err(self.0) })
        }

        fn end<'a>(
            &'a self,
            _: Option<&'a Profile>,
            _: &'a EndPinResetCommand,
        ) -> BoxFuture<'a, Result<(), PinResetRefusal>> {
            Box::pin(async { Err(self.0) })
        }
    }

    let mut scene = raw_scene().await;
    for (refusal, code) in [
        (PinResetRefusal::Cancelled, 1),
        (PinResetRefusal::Unproven, 2),
        (PinResetRefusal::Unsupported, 4),
        (PinResetRefusal::UnknownCard, 5),
        (PinResetRefusal::Failed, 7),
        (PinResetRefusal::NotAllowed, 8),
    ] {
        scene.world.pins = Some(Arc::new(Refuses(refusal)));
        assert_eq!(start(&scene, |_| {}).await, (code, None));
        assert_eq!(end(&scene, EndPinResetCommand::new(Secret::new("x"))).await, code);
    }
}
