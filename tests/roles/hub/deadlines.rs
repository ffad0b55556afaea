//! Time: commands end, tokens and records are forgotten, and the hub knows when it is needed next.

use std::sync::Arc;
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::hub::Hub;
use keyferry::hermod::model::{Activation, Command, CommandHeader, PingCommand, State};
use keyferry::hermod::wire::{CommandApi, MailboxApi};
use keyferry::{Class, Clock, Gate};

use crate::hub::support::*;
use crate::support::log::Log;

fn ping_for(lifespan: u64, timeout: u64) -> Command {
    Command::new(CommandHeader::new(lifespan, timeout), PingCommand::new(false))
}

#[tokio::test]
async fn expires_at_the_earlier_of_lifespan_and_timeout() {
    for (lifespan, timeout) in [(100, 300), (300, 100), (100, 100)] {
        let world = World::new();
        let submitted = world.submit(ping_for(lifespan, timeout)).await;
        let to = &submitted.destinations[0];
        let mailbox = world.open(&submitted, 0, 'c').await;
        let start = world.clock.now();
        assert_eq!(world.step().await, Some(start + Duration::from_secs(100)));
        world.clock.advance(Duration::from_millis(99_999));
        world.step().await;
        mailbox.fetch(&to.mid).await.unwrap();
        assert_eq!(world.state(&submitted).await, "IN_PROGRESS");

        // From that moment on, whether the hub has noticed or not.
        world.clock.advance(Duration::from_millis(1));
        for _ in 0..2 {
            refused(mailbox.list(Duration::ZERO).await, Class::Expired);
            refused(mailbox.fetch(&to.mid).await, Class::Expired);
            refused(mailbox.answer(&to.mid, &pong(&to.location, 0)).await, Class::Expired);
            world.step().await;
        }
        assert_eq!(world.state(&submitted).await, "TIMEOUT");
        let seen = world.shop.seen();
        assert_eq!(seen.len(), 1);
        let callback = &seen[0].callback;
        assert_eq!(
            (callback.state.as_str(), &callback.response_header, &callback.response),
            ("TIMEOUT", &None, &None)
        );
        assert_eq!(callback.destinations, submitted.destinations);
    }
}

#[tokio::test]
async fn a_state_only_moves_forward() {
    let world = World::new();
    let submitted = world.submit(ping_for(100, 100)).await;
    let to = &submitted.destinations[0];
    world.open(&submitted, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    world.pass(100).await;
    world.pass(1000).await;
    assert_eq!(world.state(&submitted).await, "COMPLETED");
    assert_eq!(world.shop.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_in_the_last_moment_counts_and_a_late_one_registers_nothing() {
    let world = World::new();
    let (in_time, late) = (Provisioning::begin(&world).await, Provisioning::begin(&world).await);
    world.clock.advance(Duration::from_millis(199_999));
    in_time.answer(&in_time.success()).await.unwrap();
    world.clock.advance(Duration::from_millis(1));
    refused(late.answer(&late.success()).await, Class::Expired);
    world.step().await;
    assert_eq!(world.submit(ping(&[user(USER)])).await.destinations.len(), 1);
}

#[tokio::test]
async fn a_permanent_mailbox_does_not_list_what_has_expired() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    world.submit(ping(&[user(USER)])).await;
    let mailbox = world.hub.open(own).await.unwrap();
    assert_eq!(mailbox.list(Duration::ZERO).await.unwrap().messages.len(), 1);
    world.clock.advance(Duration::from_secs(200));
    assert!(mailbox.list(Duration::ZERO).await.unwrap().messages.is_empty());
    world.step().await;
    assert!(mailbox.list(Duration::ZERO).await.unwrap().messages.is_empty());
}

#[tokio::test]
async fn a_token_is_known_until_24_hours_after_the_deadline() {
    let world = World::new();
    let submitted = world.submit(ping_for(100, 100)).await;
    world.pass(100 + 86_399).await;
    refused(world.open(&submitted, 0, 'c').await.list(Duration::ZERO).await, Class::Expired);
    world.clock.advance(Duration::from_secs(1));
    refused(world.hub.open(key(&submitted, 0, 'c')).await, Class::Unauthorized);
}

#[tokio::test]
async fn a_command_is_kept_for_its_retention_and_forgotten_then() {
    let world = World::new();
    let submitted = world.submit(ping_for(100, 100)).await;
    let next = world.pass(100).await;
    // Nothing is due before it is to be forgotten.
    assert_eq!(next, Some(world.clock.now() + Duration::from_secs(7 * 86_400)));
    world.pass(7 * 86_400 - 1).await;
    assert_eq!(world.state(&submitted).await, "TIMEOUT");
    assert_eq!(world.pass(1).await, None);
    refused(world.integrator("shop").await.poll(&submitted.command_id).await, Class::NotFound);
    assert_eq!(
        format!("{:?}", world.store),
        "MemoryStore { commands: 0, mailboxes: 0, entries: 0 }"
    );
}

#[tokio::test]
async fn a_callback_that_is_still_tried_is_not_forgotten() {
    let world = World::with(|config| {
        config.limits.retention = Duration::from_secs(1);
        config.callbacks.first_delay = Duration::from_secs(50 * 86_400);
        config.callbacks.max_delay = config.callbacks.first_delay;
    });
    world.shop.is_now(Mood::Refuses(Class::Storage));
    let submitted = world.submit(ping_for(100, 100)).await;
    world.pass(100).await;
    world.pass(10 * 86_400).await;
    assert_eq!(world.state(&submitted).await, "TIMEOUT");
    world.shop.is_now(Mood::Takes);
    world.pass(100 * 86_400).await;
    assert_eq!(world.shop.seen().len(), 2);
}

#[tokio::test]
async fn runs_by_itself_until_it_is_dropped() {
    let world = World::new();
    let submitted = world.submit(ping_for(100, 100)).await;
    let runner = tokio::spawn({
        let hub = world.hub.clone();
        async move { hub.run().await }
    });
    let settle = async || {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    // New work wakes it.
    let answered = world.submit(ping_for(1000, 1000)).await;
    let to = &answered.destinations[0];
    world.open(&answered, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    settle().await;
    assert_eq!(world.shop.seen().len(), 1);
    // Time does.
    world.clock.advance(Duration::from_secs(100));
    settle().await;
    assert_eq!(world.state(&submitted).await, "TIMEOUT");
    assert_eq!(world.shop.seen().len(), 2);
    runner.abort();
    let _ = runner.await;
    let dropped = world.submit(ping_for(100, 100)).await;
    world.clock.advance(Duration::from_secs(100));
    settle().await;
    assert_eq!(world.state(&dropped).await, "IN_PROGRESS");
}

#[tokio::test]
async fn two_hubs_on_one_store_are_one() {
    let world = World::new();
    let second = Hub::builder(Arc::new(AwsLcRs), config(&world.shop))
        .with_clock(Arc::new(world.clock.clone()))
        .with_store(world.store.clone())
        .build()
        .unwrap();
    let submitted = world.submit(ping_for(100, 100)).await;
    let to = &submitted.destinations[0];
    let mailbox = second.open(key(&submitted, 0, 'c')).await.unwrap();
    mailbox.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    assert_eq!(world.state(&submitted).await, "COMPLETED");
    let (one, two) = tokio::join!(world.hub.step(), second.step());
    one.unwrap();
    two.unwrap();
    assert_eq!(world.shop.seen().len(), 1);
    // Without the key of the masks it can tell all but the token.
    let callback = second.integrator("shop").unwrap().poll(&submitted.command_id).await.unwrap();
    assert_eq!(callback.state, State::COMPLETED);
    assert!(callback.destinations[0].uri.expose().ends_with("&token="));
}

#[tokio::test]
async fn a_command_that_times_out_is_logged_with_its_integrator_and_kind() {
    let log = Log::default();
    let _listening = log.listen();
    let world = World::new();
    let (late, answered) = (world.submit(ping(&[])).await, world.submit(ping(&[])).await);
    let to = &answered.destinations[0];
    world.open(&answered, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    world.pass(200).await;
    world.pass(200).await;
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("timed out")).collect();
    let [line] = lines[..] else { panic!("{text}") };
    let command = format!("command={}", late.command_id.as_str());
    for part in ["integrator=shop", &*command, "kind=\"PING\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let Activation::Plugout(link) = late.destinations[0].activation().unwrap() else { panic!() };
    assert!(!text.contains(link.token.expose()));
}

#[tokio::test]
async fn unfinished_are_commands_in_progress_and_callbacks_not_yet_delivered() {
    let world = World::new();
    let count = async || {
        let left = world.hub.count_unfinished().await.unwrap();
        (left.commands, left.callbacks)
    };
    assert!(world.hub.count_unfinished().await.unwrap().is_nothing());
    let submitted = world.submit(ping(&[])).await;
    world.submit(ping(&[])).await;
    assert_eq!(count().await, (2, 0));
    world.shop.is_now(Mood::Refuses(Class::Storage));
    let to = &submitted.destinations[0];
    world.open(&submitted, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    assert_eq!(count().await, (1, 1));
    // It was tried and waits for the next try.
    world.step().await;
    assert_eq!(count().await, (1, 1));
    world.shop.is_now(Mood::Takes);
    world.pass(199).await;
    assert_eq!(count().await, (1, 0));
    world.pass(1).await;
    assert_eq!(count().await, (0, 0));
}
