//! The ends of messages: too late, refused, claimed by another device, forgotten.

use std::time::Duration;

use crate::device::support::{World, one_key, renewal};
use crate::support::crash::{Crash, run};
use keyferry::Class;
use keyferry::hermod::device::{DeviceError, Event};

#[test]
fn an_answer_that_comes_too_late_removes_the_new_keys() {
    let world = World::new();
    let (link, _) = world.hub.post(one_key());
    world.hub.state().failing.insert("answer", Class::Unavailable);
    assert!(world.activate(&link).is_err());
    assert_eq!(run(world.store.all_pending()).unwrap().unwrap().len(), 1);
    world.hub.state().failing.insert("answer", Class::Expired);
    let events = run(world.device().run_once()).unwrap();
    assert!(matches!(&events[..], [Ok(Event::Ended { .. })]), "{events:?}");
    world.nothing_is_left_over();
    assert!(world.profiles().is_empty());
}

#[test]
fn a_renewal_that_comes_too_late_keeps_the_old_keys() {
    let mut world = World::new();
    world.policy = world.policy.clone().danger_allow_overwriting();
    let profile = world.provisioned(&one_key());
    world.hub.post_to(&profile.channel.address, renewal(&profile.names.id));
    world.hub.state().failing.insert("answer", Class::Expired);
    assert!(matches!(&world.poll(&profile).unwrap()[..], [Event::Ended { .. }]));
    assert_eq!(world.profiles(), [profile]);
    world.nothing_is_left_over();
}

#[test]
fn an_answer_refused_by_the_hub_removes_the_new_keys() {
    let world = World::new();
    let (link, _) = world.hub.post(one_key());
    world.hub.state().failing.insert("answer", Class::Attestation);
    assert!(
        matches!(world.activate(&link), Err(DeviceError::Rejected(error)) if error.class() == Class::Attestation)
    );
    world.nothing_is_left_over();
    assert!(world.profiles().is_empty());
}

#[test]
fn a_link_that_the_hub_forgot_is_settled_by_the_new_mailbox() {
    for accepted in [true, false] {
        let world = World::new();
        let (link, bid) = world.hub.post(one_key());
        if accepted {
            // The hub has the answer; the device does not know that yet.
            for at in 0.. {
                let crash = Crash::at(at);
                let _ = run(world.device_until(&crash).activate(&link));
                if world.hub.answer_in(&bid).is_some() {
                    break;
                }
            }
        } else {
            world.hub.state().failing.insert("answer", Class::Unavailable);
            assert!(world.activate(&link).is_err());
            world.hub.state().failing.clear();
            world.hub.state().mailboxes.clear();
        }
        world.hub.state().mailboxes.remove(&bid);
        run(world.device().run_once()).unwrap();
        assert_eq!(world.profiles().len(), usize::from(accepted));
        world.nothing_is_left_over();
    }
}

#[test]
fn a_renewal_ends_with_its_mailbox_and_the_profile_stays() {
    let mut world = World::new();
    world.policy = world.policy.clone().danger_allow_overwriting();
    let profile = world.provisioned(&one_key());
    world.hub.post_to(&profile.channel.address, renewal(&profile.names.id));
    // The device stopped between keys and answer, and the integrator deletes the mailbox meanwhile.
    for at in 0.. {
        let _ = run(world.device_until(&Crash::at(at)).poll(&profile.names.id, Duration::ZERO));
        if !run(world.store.all_pending()).unwrap().unwrap().is_empty() {
            break;
        }
    }
    for call in ["list", "answer", "fetch"] {
        world.hub.state().failing.insert(call, Class::Expired);
    }
    assert!(
        matches!(world.poll(&profile), Err(DeviceError::Hub(error)) if error.class() == Class::Expired)
    );
    world.nothing_is_left_over();
    assert_eq!(world.profiles(), [profile]);
}

#[test]
fn a_message_that_another_device_claimed_is_left_alone() {
    let (world, other) = (World::new(), World::new());
    let (link, bid) = world.hub.post(one_key());
    world.hub.state().failing.insert("fetch", Class::Unavailable);
    assert!(world.activate(&link).is_err());
    world.hub.state().failing.clear();
    let other = World { hub: world.hub.clone(), ..other };
    assert!(
        matches!(other.activate(&link), Err(DeviceError::Hub(error)) if error.class() == Class::Conflict)
    );
    other.nothing_is_left_over();
    run(world.device().run_once()).unwrap();
    assert_eq!(world.profiles().len(), 1);
    assert!(world.hub.answer_in(&bid).is_some());
}

#[test]
fn a_link_that_has_ended_leaves_nothing() {
    let world = World::new();
    let (link, bid) = world.hub.post(one_key());
    world.hub.state().mailboxes.get_mut(&bid).unwrap().messages[0].ended = true;
    assert!(matches!(&world.activate(&link).unwrap()[..], [Event::Ended { .. }]));
    assert!(matches!(
        world.activate(
            "com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fnone&token=t"
        ),
        Err(DeviceError::Hub(_))
    ));
    world.nothing_is_left_over();
}
