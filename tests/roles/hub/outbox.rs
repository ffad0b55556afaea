//! Callbacks: at least once, with a stable id, and never lost in silence.

use std::time::Duration;

use keyferry::hermod::hub::{DeliveryState, IntegratorConfig};
use keyferry::hermod::model::Submitted;
use keyferry::hermod::wire::{AnyCallbackApi, CommandApi, MailboxApi};
use keyferry::{Class, Clock};

use crate::hub::support::*;

async fn answered(world: &World) -> Submitted {
    let submitted = world.submit(ping(&[])).await;
    let to = &submitted.destinations[0];
    world.open(&submitted, 0, 'c').await.answer(&to.mid, &pong(&to.location, 0)).await.unwrap();
    submitted
}

#[tokio::test]
async fn callbacks_back_off_and_end_visibly() {
    let world = World::new();
    world.shop.is_now(Mood::Refuses(Class::Storage));
    let submitted = answered(&world).await;
    let mut next = world.step().await;
    for (tries, pause) in [(1, 30), (2, 60), (3, 120), (4, 240)] {
        assert_eq!(world.shop.seen().len(), tries);
        let due = next.unwrap().duration_since(world.clock.now()).unwrap();
        assert!(
            due >= Duration::from_secs(30) && due <= Duration::from_secs(30 + pause),
            "{tries}: {due:?}"
        );
        // Not a moment before.
        world.clock.advance(due - Duration::from_millis(1));
        world.step().await;
        assert_eq!(world.shop.seen().len(), tries);
        assert!(world.hub.failed_deliveries(None, None, 10).await.unwrap().is_empty());
        world.clock.advance(Duration::from_millis(1));
        next = world.step().await;
    }
    let seen = world.shop.seen();
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|delivery| delivery == &seen[0]));
    assert_eq!(seen[0].id.len(), 36);

    world.pass(86_400).await;
    assert_eq!(world.shop.seen().len(), 5);
    let failed = world.hub.failed_deliveries(Some("shop"), None, 10).await.unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].id.as_str(), failed[0].state, failed[0].attempts, failed[0].last_error),
        (seen[0].id.as_str(), DeliveryState::Failed, 5, Some(Class::Storage))
    );
    assert_eq!(failed[0].command.to_string(), submitted.command_id.as_str());
    assert!(world.hub.failed_deliveries(Some("portal"), None, 10).await.unwrap().is_empty());
    assert!(world.hub.failed_deliveries(None, Some(&failed[0].id), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_callback_that_was_given_up_can_be_queued_again() {
    let world = World::new();
    world.shop.is_now(Mood::Refuses(Class::TargetRefused));
    answered(&world).await;
    // An address that must not be called is not called again.
    world.step().await;
    world.pass(3600).await;
    assert_eq!(world.shop.seen().len(), 1);
    let failed = world.hub.failed_deliveries(None, None, 10).await.unwrap().remove(0);
    world.shop.is_now(Mood::Takes);
    world.hub.requeue(&failed.id).await.unwrap();
    world.step().await;
    let seen = world.shop.seen();
    assert_eq!((seen.len(), &seen[1]), (2, &seen[0]));
    assert!(world.hub.failed_deliveries(None, None, 10).await.unwrap().is_empty());
    refused(world.hub.requeue(&failed.id).await, Class::NotFound);
    refused(world.hub.requeue("nothing").await, Class::NotFound);
}

#[tokio::test]
async fn a_callback_that_was_taken_is_not_sent_again() {
    let world = World::new();
    answered(&world).await;
    world.step().await;
    world.pass(86_400).await;
    assert_eq!(world.shop.seen().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_up_in_time_and_tried_again() {
    let world = World::new();
    world.shop.is_now(Mood::Hangs);
    answered(&world).await;
    let clock = world.clock.clone();
    let ((), next) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(30));
        },
        world.step()
    );
    world.shop.is_now(Mood::Takes);
    world.clock.advance_to(next.unwrap());
    world.step().await;
    assert_eq!(world.shop.seen().len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_neither_ends_nor_doubles_a_try() {
    const HOUR: Duration = Duration::from_secs(3600);
    for forward in [true, false] {
        let world = World::new();
        world.shop.is_now(Mood::Hangs);
        answered(&world).await;
        let (clock, hub, shop) = (world.clock.clone(), world.hub.clone(), world.shop.clone());
        let ((), next) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                assert_eq!(shop.seen().len(), 1);
                // Past the lease, which is stored; the receiver still has it.
                let now = clock.now();
                clock.set_wall(if forward { now + HOUR } else { now - HOUR });
                hub.step().await.unwrap();
                assert_eq!(shop.seen().len(), 1);
                clock.advance(Duration::from_secs(29));
                hub.step().await.unwrap();
                assert_eq!(shop.seen().len(), 1);
                // Its own time is up.
                clock.advance(Duration::from_secs(1));
            },
            world.step()
        );
        world.shop.is_now(Mood::Takes);
        world.clock.advance_to(next.unwrap());
        world.step().await;
        let seen = world.shop.seen();
        assert_eq!((seen.len(), &seen[1]), (2, &seen[0]), "{forward}");
    }
}

#[tokio::test]
async fn a_try_that_was_cut_off_is_made_again_when_its_time_is_up() {
    let world = World::new();
    world.shop.is_now(Mood::Hangs);
    answered(&world).await;
    // The run loop is dropped in the middle of a delivery.
    let step = tokio::time::timeout(Duration::ZERO, world.hub.step()).await;
    assert!(step.is_err());
    world.shop.is_now(Mood::Takes);
    world.pass(59).await;
    assert_eq!(world.shop.seen().len(), 1);
    world.pass(1).await;
    let seen = world.shop.seen();
    assert_eq!((seen.len(), &seen[1]), (2, &seen[0]));
}

#[tokio::test]
async fn a_receiver_that_hangs_does_not_delay_others() {
    let (slow, quick) = (Inbox::default(), Inbox::default());
    slow.is_now(Mood::Hangs);
    let world = World::with(|config| {
        config.callbacks.in_flight = 4;
        config.callbacks.per_integrator = 2;
        config
            .integrators
            .push(IntegratorConfig::new("slow").with_callback(AnyCallbackApi::new(slow.clone())));
        config
            .integrators
            .push(IntegratorConfig::new("quick").with_callback(AnyCallbackApi::new(quick.clone())));
    });
    for (id, number) in [("slow", 8), ("quick", 8)] {
        for _ in 0..number {
            world.hub.integrator(id).unwrap().submit(ping(&[])).await.unwrap();
        }
    }
    world.clock.advance(Duration::from_secs(200));
    let runner = tokio::spawn({
        let hub = world.hub.clone();
        async move { hub.run().await }
    });
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    assert_eq!((slow.seen().len(), quick.seen().len()), (2, 8));
    runner.abort();
}

#[tokio::test]
async fn an_integrator_without_callback_polls() {
    let world = World::new();
    let portal = world.integrator("portal").await;
    let submitted = portal.submit(ping(&[])).await.unwrap();
    world.pass(200).await;
    assert_eq!(portal.poll(&submitted.command_id).await.unwrap().state, "TIMEOUT");
    assert!(world.hub.failed_deliveries(None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn callbacks_of_an_integrator_that_is_gone_wait_for_it() {
    let world = World::new();
    answered(&world).await;
    world.hub.set_integrators(Vec::new()).unwrap();
    world.step().await;
    assert!(world.shop.seen().is_empty());
    world.hub.set_integrators(config(&world.shop).integrators).unwrap();
    world.pass(3600).await;
    assert_eq!(world.shop.seen().len(), 1);
}

#[tokio::test]
async fn a_receiver_is_not_called_before_its_retry_after() {
    for (asked, waited) in [(7200, 7200), (1, 30), (10_000_000, 86_400)] {
        let world = World::new();
        world.shop.is_now(Mood::RefusesFor(Class::Rate, Duration::from_secs(asked)));
        answered(&world).await;
        let due = world.step().await.unwrap().duration_since(world.clock.now()).unwrap();
        assert!(due >= Duration::from_secs(waited), "{asked}: {due:?}");
        assert!(due <= Duration::from_secs(waited + 30), "{asked}: {due:?}");
        world.shop.is_now(Mood::Takes);
        world.clock.advance(due - Duration::from_millis(1));
        world.step().await;
        assert_eq!(world.shop.seen().len(), 1, "{asked}");
        world.clock.advance(Duration::from_millis(1));
        world.step().await;
        assert_eq!(world.shop.seen().len(), 2, "{asked}");
    }
}

#[tokio::test]
async fn a_receiver_that_knows_no_address_or_credential_for_a_while_gets_its_callback() {
    for class in [Class::NotFound, Class::Unauthorized, Class::Storage, Class::Rate] {
        let world = World::new();
        world.shop.is_now(Mood::Refuses(class));
        answered(&world).await;
        world.step().await;
        world.shop.is_now(Mood::Takes);
        world.pass(60).await;
        assert_eq!(world.shop.seen().len(), 2, "{class}");
        assert!(world.hub.failed_deliveries(None, None, 10).await.unwrap().is_empty());
    }
    for class in [Class::Expired, Class::Malformed, Class::Signature, Class::TargetRefused] {
        let world = World::new();
        world.shop.is_now(Mood::Refuses(class));
        answered(&world).await;
        world.step().await;
        assert_eq!(world.hub.failed_deliveries(None, None, 10).await.unwrap().len(), 1, "{class}");
    }
}
