//! Limits on everything, and the class of each.

use std::time::Duration;

use keyferry::hermod::hub::HubConfig;
use keyferry::hermod::model::{Address, CommandBody, OpaqueText};
use keyferry::hermod::wire::{CommandApi, MailboxApi};
use keyferry::{Class, Gate};

use crate::hub::support::*;

#[tokio::test]
async fn commands_in_progress_are_limited_and_ended_ones_make_room() {
    let world = World::with(|config| config.limits.commands_in_progress = 2);
    world.submit(ping(&[])).await;
    world.submit(ping(&[])).await;
    assert_eq!(world.refusal(ping(&[])).await.class(), Class::Rate);
    // Others do not feel it.
    world.integrator("portal").await.submit(ping(&[])).await.unwrap();
    world.pass(200).await;
    world.submit(ping(&[])).await;
}

#[tokio::test]
async fn commands_that_are_kept_are_limited() {
    let world = World::with(|config| config.limits.commands_kept = 2);
    world.submit(ping(&[])).await;
    world.submit(ping(&[])).await;
    world.pass(200).await;
    assert_eq!(world.refusal(ping(&[])).await.class(), Class::Rate);
    world.pass(7 * 86_400).await;
    world.submit(ping(&[])).await;
}

#[tokio::test]
async fn a_full_outbox_refuses_commands_and_drops_no_callback() {
    let world = World::with(|config| config.limits.outbox = 2);
    world.shop.is_now(Mood::Refuses(Class::Storage));
    for _ in 0..3 {
        world.submit(ping(&[])).await;
    }
    world.pass(200).await;
    assert_eq!(world.refusal(ping(&[])).await.class(), Class::Rate);
    world.shop.is_now(Mood::Takes);
    world.pass(3600).await;
    assert_eq!(world.shop.seen().len(), 6);
    world.submit(ping(&[])).await;
}

#[tokio::test]
async fn stored_bytes_are_limited_and_freed() {
    let world = World::with(|config| config.limits.stored_bytes = 40_000);
    let large = || {
        let mut command = ping(&[]);
        command.extra.insert("beside", &"x".repeat(10_000)).unwrap();
        command
    };
    // The bodies are freed when the commands have ended, what their messages take when they are
    // forgotten.
    for secs in [200, 8 * 86_400, 0] {
        for _ in 0..3 {
            world.submit(large()).await;
        }
        assert_eq!(world.refusal(large()).await.class(), Class::Rate);
        world.pass(secs).await;
    }
}

#[tokio::test]
async fn messages_in_one_mailbox_are_limited() {
    let world = World::with(|config| config.limits.mailbox_messages = 2);
    world.provision(USER, PROFILE).await;
    let submitted = world.submit(ping(&[user(USER)])).await;
    world.submit(ping(&[user(USER)])).await;
    assert_eq!(world.refusal(ping(&[user(USER)])).await.class(), Class::Rate);
    world.submit(ping(&[])).await;
    let to = &submitted.destinations[0];
    world.open(&submitted, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    world.submit(ping(&[user(USER)])).await;
}

#[tokio::test]
async fn mailboxes_of_one_user_are_limited() {
    let world = World::with(|config| config.limits.mailboxes_per_user = 1);
    world.provision(USER, PROFILE).await;
    let provisioning = Provisioning::begin(&world).await;
    let answer = provisioned(
        &provisioning.message,
        &provisioning.reserved.box_url,
        "11111111-0e4d-436b-a512-2e18d8afe134",
    );
    refused(provisioning.answer(&answer.to_json()).await, Class::Rate);
    assert_eq!(world.state(&provisioning.submitted).await, "IN_PROGRESS");
}

#[tokio::test]
async fn destinations_are_limited() {
    let world = World::with(|config| config.limits.destinations = 2);
    world.submit(ping(&[Address::Tmp, Address::Tmp])).await;
    assert_eq!(world.refusal(ping(&vec![Address::Tmp; 3])).await.class(), Class::TooLarge);
    assert_eq!(world.refusal(ping(&vec![Address::Tmp; 65])).await.class(), Class::TooLarge);
}

#[tokio::test]
async fn bodies_are_limited_and_a_provision_command_may_hold_pictures() {
    let limits = HubConfig::new(PUBLIC, HOST).unwrap().limits;
    assert_eq!(
        (limits.command_bytes, limits.answer_bytes, limits.provision_bytes),
        (1 << 20, 1 << 20, 4 << 20)
    );

    let world = World::new();
    let picture = |bytes: usize| {
        let mut command = provision_to(USER);
        let text =
            format!(r#"{{"profileCard":{{"front":{{"data":"/9j/{}"}}}}}}"#, "A".repeat(bytes - 4));
        if let CommandBody::Provision(provision) = &mut command.body {
            provision.profile.visual_data = Some(serde_json::from_str(&text).unwrap());
        }
        command
    };
    let submitted = world.submit(picture(3 << 20)).await;
    world.open(&submitted, 0, 'c').await.fetch(&submitted.destinations[0].mid).await.unwrap();
    assert_eq!(world.refusal(picture(4 << 20)).await.class(), Class::TooLarge);

    world.provision(USER, PROFILE).await;
    let mut big = certificate(user(USER), PROFILE);
    if let CommandBody::Certificate(command) = &mut big.body {
        command.certificates = vec![command.certificates[0].clone(); 16];
        command
            .certificates
            .iter_mut()
            .for_each(|certificate| certificate.data = OpaqueText::from("A".repeat(64 * 1024)));
    }
    assert_eq!(world.refusal(big).await.class(), Class::TooLarge);

    let submitted = world.submit(ping(&[])).await;
    let to = &submitted.destinations[0];
    let padded = |length: usize| {
        let mut text = pong(&to.location, 0);
        text.push_str(&" ".repeat(length - text.len()));
        text
    };
    let mailbox = world.open(&submitted, 0, 'c').await;
    refused(mailbox.answer(&to.mid, &padded((1 << 20) + 1)).await, Class::TooLarge);
    mailbox.answer(&to.mid, &padded(1 << 20)).await.unwrap();
}

#[tokio::test]
async fn a_command_that_no_reader_accepts_is_refused_at_submission() {
    let world = World::new();
    world.provision(USER, PROFILE).await;
    let mut command = certificate(user(USER), PROFILE);
    if let CommandBody::Certificate(command) = &mut command.body {
        command.certificates[0].data = OpaqueText::from("A".repeat(64 * 1024 + 1));
    }
    assert_eq!(world.refusal(command).await.class(), Class::TooLarge);
}

#[tokio::test]
async fn long_polls_of_one_mailbox_are_limited() {
    let world = World::with(|config| config.limits.long_polls = 2);
    let own = world.provision(USER, PROFILE).await;
    let mailbox = world.hub.open(own).await.unwrap();
    let wait = Duration::from_secs(60);
    let polls: Vec<_> = (0..2)
        .map(|_| {
            let mailbox = mailbox.clone();
            tokio::spawn(async move { mailbox.list(wait).await })
        })
        .collect();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    refused(mailbox.list(wait).await, Class::Rate);
    mailbox.list(Duration::ZERO).await.unwrap();
    // One that is dropped makes room.
    polls[0].abort();
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    world.submit(ping(&[user(USER)])).await;
    assert_eq!(mailbox.list(wait).await.unwrap().messages.len(), 1);
}
