//! Delete: with and without asking the device.

use std::time::Duration;

use keyferry::hermod::model::{
    Address, Answer, Command, CommandHeader, DeleteCommand, DeleteResponse, Response, Submitted,
};
use keyferry::hermod::wire::{CommandApi, MailboxApi, MailboxKey};
use keyferry::{Class, Gate};

use crate::hub::support::*;

const SECOND: &str = "22222222-0e4d-436b-a512-2e18d8afe134";

fn delete(to: Address, profile: Option<&str>, confirmation: bool) -> Command {
    let mut header = CommandHeader::new(300, 200);
    header.to = Some(vec![to]);
    Command::new(header, DeleteCommand::new(profile.map(Into::into), confirmation))
}

async fn deleted(world: &World, own: &MailboxKey, submitted: &Submitted, code: i64) {
    let to = submitted.destinations.iter().find(|to| to.bid == own.bid).unwrap();
    let mailbox = world.hub.open(own.clone()).await.unwrap();
    mailbox.fetch(&to.mid).await.unwrap();
    let answer =
        Answer::new(to.location.as_str(), Response::Delete(DeleteResponse::new(code))).to_json();
    mailbox.answer(&to.mid, &answer).await.unwrap();
    // The mailbox may be gone by now: repeating the answer still succeeds.
    world.hub.open(own.clone()).await.unwrap().answer(&to.mid, &answer).await.unwrap();
}

#[tokio::test]
async fn without_confirmation_only_the_mailbox_is_removed_and_at_once() {
    let world = World::new();
    let (one, two) = (world.provision(USER, PROFILE).await, world.provision(USER, SECOND).await);
    let waiting = world.submit(ping(&[Address::Mailbox(one.bid.clone())])).await;
    let submitted = world.submit(delete(user(USER), Some(PROFILE), false)).await;
    assert_eq!((submitted.state.as_str(), submitted.destinations.len()), ("COMPLETED", 1));
    assert_eq!(world.state(&submitted).await, "COMPLETED");
    world.step().await;
    let callbacks = world.shop.seen().into_iter().map(|delivery| delivery.callback);
    let callback =
        callbacks.into_iter().find(|callback| callback.command_id == submitted.command_id).unwrap();
    assert_eq!(
        (callback.state.as_str(), &callback.response_header, &callback.response),
        ("COMPLETED", &None, &None)
    );

    // The device hears nothing but that its mailbox is gone.
    refused(world.hub.open(one.clone()).await.unwrap().list(Duration::ZERO).await, Class::Expired);
    refused(
        world.open(&submitted, 0, 'c').await.fetch(&submitted.destinations[0].mid).await,
        Class::Expired,
    );
    refused(
        world.open(&waiting, 0, 'c').await.fetch(&waiting.destinations[0].mid).await,
        Class::Expired,
    );
    let left = world.submit(ping(&[user(USER)])).await;
    assert_eq!(left.destinations.iter().map(|to| &to.bid).collect::<Vec<_>>(), [&two.bid]);
}

#[tokio::test]
async fn with_confirmation_the_mailbox_is_removed_when_the_device_has_done_it() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let submitted = world.submit(delete(user(USER), Some(PROFILE), true)).await;
    assert_eq!(world.state(&submitted).await, "IN_PROGRESS");
    deleted(&world, &own, &submitted, 0).await;
    assert_eq!(world.state(&submitted).await, "COMPLETED");
    assert_eq!(world.refusal(ping(&[user(USER)])).await.class(), Class::NotFound);
    refused(world.hub.open(own).await.unwrap().list(Duration::ZERO).await, Class::Expired);
}

#[tokio::test]
async fn a_device_that_refuses_keeps_its_mailbox() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let submitted = world.submit(delete(user(USER), None, true)).await;
    deleted(&world, &own, &submitted, 1).await;
    assert_eq!(world.state(&submitted).await, "COMPLETED");
    assert_eq!(world.submit(ping(&[user(USER)])).await.destinations.len(), 1);
}

#[tokio::test]
async fn all_of_a_users_devices_are_asked_and_it_is_done_when_all_are() {
    let world = World::new();
    let (one, two) = (world.provision(USER, PROFILE).await, world.provision(USER, SECOND).await);
    let submitted = world.submit(delete(user(USER), None, true)).await;
    assert_eq!(submitted.destinations.len(), 2);
    deleted(&world, &one, &submitted, 0).await;
    assert_eq!(world.state(&submitted).await, "IN_PROGRESS");
    deleted(&world, &two, &submitted, 0).await;
    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!(
        (callback.state.as_str(), callback.response.unwrap().code()),
        ("COMPLETED", Some(0))
    );
    assert_eq!(world.refusal(ping(&[user(USER)])).await.class(), Class::NotFound);
}

#[tokio::test]
async fn one_device_that_refuses_is_what_is_told() {
    let world = World::new();
    let (one, two) = (world.provision(USER, PROFILE).await, world.provision(USER, SECOND).await);
    let submitted = world.submit(delete(user(USER), None, true)).await;
    deleted(&world, &one, &submitted, 8).await;
    deleted(&world, &two, &submitted, 0).await;
    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!(callback.response.unwrap().code(), Some(8));
}

#[tokio::test]
async fn one_device_that_is_silent_leaves_a_timeout_and_its_mailbox() {
    let world = World::new();
    let (one, two) = (world.provision(USER, PROFILE).await, world.provision(USER, SECOND).await);
    let submitted = world.submit(delete(user(USER), None, true)).await;
    deleted(&world, &one, &submitted, 0).await;
    world.pass(200).await;
    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!((callback.state.as_str(), callback.response), ("TIMEOUT", None));
    assert_eq!(world.submit(ping(&[user(USER)])).await.destinations[0].bid, two.bid);
}

#[tokio::test]
async fn nothing_to_delete_is_not_found() {
    let world = World::new();
    world.provision(USER, PROFILE).await;
    for confirmation in [true, false] {
        assert_eq!(
            world.refusal(delete(user(USER), Some(SECOND), confirmation)).await.class(),
            Class::NotFound
        );
        assert_eq!(
            world.refusal(delete(user("nobody"), None, confirmation)).await.class(),
            Class::NotFound
        );
        refused(
            world.integrator("rival").await.submit(delete(user(USER), None, confirmation)).await,
            Class::NotFound,
        );
    }
    assert_eq!(world.submit(ping(&[user(USER)])).await.destinations.len(), 1);
}

#[tokio::test]
async fn a_command_whose_last_open_mailbox_is_removed_ends_with_the_refusal_that_is_there() {
    let world = World::new();
    let (one, two) = (world.provision(USER, PROFILE).await, world.provision(USER, SECOND).await);
    let submitted = world.submit(ping(&[user(USER)])).await;
    let to = submitted.destinations.iter().find(|to| to.bid == one.bid).unwrap();
    world.hub.open(one).await.unwrap().answer(&to.mid, &pong(&to.location, 3)).await.unwrap();
    assert_eq!(world.state(&submitted).await, "IN_PROGRESS");
    world.hub.open(two).await.unwrap().remove().await.unwrap();
    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!(callback.response.unwrap().code(), Some(3));
}
