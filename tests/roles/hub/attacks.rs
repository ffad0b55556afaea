//! A device, an integrator or another tenant against the hub.

use std::time::Duration;

use keyferry::Class;
use keyferry::hermod::hub::Mailbox;
use keyferry::hermod::model::{
    Address, Answer, Callback, Command, CommandBody, CommandHeader, PingCommand, ProvisionResponse,
    Response, State, Submitted,
};
use keyferry::hermod::wire::{CommandApi, MailboxApi};

use crate::hub::support::*;

/// The answer to a ping with more members in its envelope.
fn pong_with(location: &str, more: &str) -> String {
    format!(
        r#"{{"responseHeader":{{"inReplyTo":"{location}","status":200}},"pingResponse":{{"code":0}},{more}}}"#
    )
}

/// What a device adds to its answer is carried to the integrator, in the envelope that says whose
/// answer it is.
#[tokio::test]
async fn an_answer_says_nothing_in_the_name_of_the_hub() {
    for member in [
        r#""commandId":"1""#,
        r#""externalId":"another""#,
        r#""destinations":[]"#,
        r#""commandType":"PROV""#,
        r#""state":"TIMEOUT""#,
        r#""fqdn":"evil.example""#,
        r#""\u0073tate":"TIMEOUT""#,
    ] {
        let world = World::new();
        let submitted = world.submit(ping(&[])).await;
        let to = &submitted.destinations[0];
        let mailbox = world.open(&submitted, 0, 'c').await;
        refused(mailbox.answer(&to.mid, &pong_with(&to.location, member)).await, Class::Malformed);
        // It stays open for an answer that is one.
        mailbox.answer(&to.mid, &pong_with(&to.location, r#""beside":1"#)).await.unwrap();
        world.step().await;
        let text = world.shop.seen()[0].callback.to_json();
        assert_eq!(
            Callback::from_json(&text).unwrap().command_id,
            submitted.command_id,
            "{member}"
        );
    }
}

/// What an integrator adds to its command is carried to the device, in the envelope that says which
/// message it is.
#[tokio::test]
async fn a_command_says_nothing_in_the_name_of_the_hub() {
    let world = World::new();
    let text = r#"{"commandHeader":{"lifespan":60,"timeout":60},"pingCommand":{},"header":{"fqdn":"evil.example"}}"#;
    assert_eq!(world.refusal(Command::from_json(text).unwrap()).await.class(), Class::Malformed);
}

/// A renewal by two links and the old mailbox, of which one link is refused before the other
/// succeeds.
#[tokio::test]
async fn a_success_that_replaces_a_mailbox_is_not_overtaken_by_a_refusal() {
    let world = World::new();
    world.provision(USER, PROFILE).await;
    let mut command = provision_to(USER);
    command.header.to = Some(vec![Address::Tmp, Address::Tmp, user(USER)]);
    if let CommandBody::Provision(provision) = &mut command.body {
        provision.profile.id = Some(PROFILE.into());
    }
    let submitted = world.submit(command).await;
    let [first, second, _] = &submitted.destinations[..] else { panic!() };
    let refusal =
        Answer::new(first.location.as_str(), Response::Provision(ProvisionResponse::refusal(1)))
            .to_json();
    world.open(&submitted, 0, 'a').await.answer(&first.mid, &refusal).await.unwrap();

    let mailbox = world.open(&submitted, 1, 'b').await;
    let (message, reserved) =
        (mailbox.fetch(&second.mid).await.unwrap(), mailbox.reserve().await.unwrap());
    let answer = provisioned(&message, &reserved.box_url, PROFILE).to_json();
    mailbox.answer(&second.mid, &answer).await.unwrap();

    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!(callback.response.unwrap().code(), Some(0));
    // The new mailbox is there to stay.
    world.pass(8 * 86_400).await;
    let pinged = world.submit(ping(&[user(USER)])).await;
    assert_eq!(pinged.destinations[0].bid, reserved.bid);
    let own = keyferry::hermod::wire::MailboxKey::of_mailbox(reserved.bid, reserved.token);
    let own: Mailbox = keyferry::Gate::open(&world.hub, own).await.unwrap();
    assert_eq!(own.list(Duration::ZERO).await.unwrap().messages.len(), 1);
}

/// What stays when a command has ended counts as stored: else small commands fill the memory beside
/// the limit.
#[tokio::test]
async fn the_remains_of_ended_commands_are_limited() {
    let world = World::with(|config| config.limits.stored_bytes = 1024 * 1024);
    let mut taken = 0;
    for _ in 0..64 {
        let mut command = ping(&[]);
        command.header.external_id = Some("x".repeat(60 * 1024));
        match world.integrator("shop").await.submit(command).await {
            Ok(_) => taken += 1,
            Err(error) => assert_eq!(error.class(), Class::Rate),
        }
        world.pass(200).await;
    }
    assert!(taken < 20, "{taken} times 60 KiB in 1 MiB");
}

#[tokio::test]
async fn messages_are_stored_bytes_too() {
    let world = World::with(|config| config.limits.stored_bytes = 1024 * 1024);
    let mut taken = 0;
    for _ in 0..100 {
        match world.integrator("shop").await.submit(ping(&vec![Address::Tmp; 64])).await {
            Ok(_) => taken += 64,
            Err(error) => assert_eq!(error.class(), Class::Rate),
        }
        world.pass(200).await;
    }
    assert!(taken < 4096, "{taken} messages in 1 MiB");
}

/// Devices write into the integrator's memory as well.
#[tokio::test]
async fn answers_are_stored_bytes_too() {
    let world = World::with(|config| config.limits.stored_bytes = 1024 * 1024);
    let (mut taken, mut refused, mut waiting) = (0, None, Vec::new());
    for _ in 0..40 {
        waiting.push(world.submit(ping(&[])).await);
    }
    for submitted in waiting {
        let to = &submitted.destinations[0];
        let text = pong_with(&to.location, &format!(r#""beside":"{}""#, "x".repeat(60 * 1024)));
        match world.open(&submitted, 0, 'c').await.answer(&to.mid, &text).await {
            Ok(()) => taken += 1,
            Err(error) => {
                assert_eq!(error.class(), Class::Rate);
                refused = Some(submitted);
            }
        }
    }
    assert!(taken < 18, "{taken} times 60 KiB in 1 MiB");
    // A small answer finds room all the same, and a refusal of the hub leaves the message open.
    let submitted = refused.expect("one of them is refused");
    let to = &submitted.destinations[0];
    world.open(&submitted, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
}

/// Mailboxes are kept for good, with the ids of their users.
#[tokio::test]
async fn mailboxes_of_many_users_are_limited() {
    let world = World::with(|config| config.limits.mailboxes_per_group = 2);
    let long = world.refusal(provision_to(&"u".repeat(10_000))).await;
    assert_eq!(long.class(), Class::TooLarge);
    let own = world.provision("one", "p1").await;
    world.provision("two", "p2").await;
    let provisioning = Provisioning::begin(&world).await;
    refused(provisioning.answer(&provisioning.success()).await, Class::Rate);
    // Nor is there room for one whose profile the command names and nobody has.
    let mut command = provision_to(USER);
    if let CommandBody::Provision(provision) = &mut command.body {
        provision.profile.id = Some(String::from("p3"));
    }
    let submitted = world.submit(command).await;
    let mailbox = world.open(&submitted, 0, 'n').await;
    let mid = &submitted.destinations[0].mid;
    let (message, reserved) = (mailbox.fetch(mid).await.unwrap(), mailbox.reserve().await.unwrap());
    refused(
        mailbox.answer(mid, &provisioned(&message, &reserved.box_url, "p3").to_json()).await,
        Class::Rate,
    );
    // One that is removed makes room.
    let own: Mailbox = keyferry::Gate::open(&world.hub, own).await.unwrap();
    own.remove().await.unwrap();
    provisioning.answer(&provisioning.success()).await.unwrap();
}

/// Of what a receiver does not take, each further callback costs as much as the first.
#[tokio::test]
async fn a_full_outbox_costs_no_more_each_time() {
    async fn flood(count: u32) -> (World, Submitted) {
        let world = World::with(|config| {
            (config.limits.outbox, config.limits.commands_in_progress) = (count, count)
        });
        let mut last = None;
        for _ in 0..count {
            last = Some(
                world.submit(Command::new(CommandHeader::new(1, 1), PingCommand::new(false))).await,
            );
        }
        world.shop.is_now(Mood::Refuses(Class::TargetRefused));
        (world, last.unwrap())
    }
    // The better of two: others may be at work on this machine.
    let mut times = [Duration::MAX; 2];
    for (at, count) in [(0, 500), (1, 4000), (0, 500), (1, 4000)] {
        let (world, last) = flood(count).await;
        let start = std::time::Instant::now();
        world.pass(2).await;
        times[at] = times[at].min(start.elapsed() / count);
        assert_eq!(world.shop.seen().len(), usize::try_from(count).unwrap());
        assert_eq!(world.state(&last).await, "TIMEOUT");
    }
    // Eight times as many; if each looked at all that wait, each would take eight times as long.
    assert!(times[1] < times[0] * 4, "{times:?} for each");
}

/// An address in a value is what it is, and not what its text would mean on the wire.
#[tokio::test]
async fn an_address_is_read_as_its_text_and_nobody_elses_user_is_reached() {
    let world = World::new();
    world.provision(USER, PROFILE).await;
    for address in [
        Address::Mailbox(format!("@{USER}")),
        Address::User(format!("@{USER}")),
        Address::User(USER.to_uppercase()),
    ] {
        let mut header = CommandHeader::new(60, 60);
        header.to = Some(vec![address]);
        let refused = world
            .integrator("rival")
            .await
            .submit(Command::new(header, PingCommand::new(false)))
            .await
            .unwrap_err();
        assert_eq!(refused.class(), Class::NotFound);
    }
    assert_eq!(State::from("completed"), "completed");
}
