//! What must not be seen, is not.

use keyferry::hermod::hub::{Digest, Store};
use keyferry::hermod::model::{Address, Command, CommandHeader, EndPinResetCommand};
use keyferry::hermod::wire::{ApiKey, CommandApi, MailboxApi};
use keyferry::{Gate, Secret, crypto::aws_lc_rs::AwsLcRs};

use crate::hub::support::*;

#[tokio::test]
async fn no_secret_is_shown_by_debug() {
    let world = World::new();
    let mut header = CommandHeader::new(60, 60);
    header.to = Some(vec![Address::Tmp]);
    let shop = world.hub.open(ApiKey::new("shop", Secret::new("shop-key"))).await.unwrap();
    let submitted = shop
        .submit(Command::new(header, EndPinResetCommand::new(Secret::new("canary-nonce"))))
        .await
        .unwrap();
    let key = key(&submitted, 0, 'c');
    let token = key.token.expose().to_owned();
    let mailbox = world.hub.open(key.clone()).await.unwrap();
    let message = mailbox.fetch(&submitted.destinations[0].mid).await.unwrap();
    let id: u64 = submitted.command_id.as_str().parse().unwrap();
    let record = world.store.command("shop", id).await.unwrap().unwrap();
    let found = world.store.find_token(&Digest::of(&AwsLcRs, &key.token)).await.unwrap().unwrap();
    let mut seen = format!(
        "{:?}{shop:?}{mailbox:?}{submitted:?}{message:?}{key:?}{record:?}{found:?}{:?}",
        world.hub, world.store
    );
    seen.push_str(&format!("{:?}", shop.poll(&submitted.command_id).await.unwrap()));
    let digest = Digest::of(&AwsLcRs, &Secret::new("shop-key")).to_hex();
    for secret in ["shop-key", "canary-nonce", &token, claim('c').expose(), &digest] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_store_has_no_token_in_clear() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let id: u64 = submitted.command_id.as_str().parse().unwrap();
    let record = world.store.command("shop", id).await.unwrap().unwrap();
    let token = key(&submitted, 0, 'c').token;
    let bytes: Vec<u8> = {
        let hex: String = token.expose().chars().filter(|character| *character != '-').collect();
        (0..16).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    assert_eq!(record.messages[0].token, Digest::of(&AwsLcRs, &token));
    assert_ne!(record.messages[0].masked_token[..], bytes[..]);
    assert!(!record.body.as_str().contains(token.expose()));
}

#[tokio::test]
async fn the_command_is_wiped_when_it_has_ended() {
    let world = World::new();
    let submitted = world.submit(provision_to(USER)).await;
    world.pass(200).await;
    let id: u64 = submitted.command_id.as_str().parse().unwrap();
    assert!(world.store.command("shop", id).await.unwrap().unwrap().body.is_empty());
}

#[tokio::test]
async fn tokens_and_ids_are_uuids_that_differ() {
    let world = World::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let submitted = world.submit(ping(&[])).await;
        let to = &submitted.destinations[0];
        for id in
            [to.bid.clone(), to.mid.clone(), key(&submitted, 0, 'c').token.expose().to_owned()]
        {
            assert_eq!((id.len(), &id[14..15]), (36, "4"));
            assert!(seen.insert(id));
        }
    }
}
