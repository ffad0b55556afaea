//! Attacks on a device by a hub or by the author of a link.

use std::time::Duration;

use keyferry::hermod::device::{DeviceError, Event};
use keyferry::hermod::model::{
    Command, CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, PingCommand, ProfileRequest,
    ProvisionCommand, ReservedBox,
};
use keyferry::keys::KEPT_ANSWERS;
use keyferry::{Class, Secret};

use crate::device::support::World;
use crate::support::crash::run;

fn provision() -> Command {
    let key =
        KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
    let profile = ProfileRequest::new("Example", "Profile", vec![key]);
    Command::new(CommandHeader::new(60, 60), ProvisionCommand::new("nonce", "userA", profile))
}

/// A hub that sends commands but never accepts an answer does not fill the device.
#[test]
fn answers_that_nobody_takes_are_limited() {
    let world = World::new();
    let profile = world.provisioned(&provision());
    world.hub.state().failing.insert("answer", Class::Unavailable);
    for _ in 0..3 {
        for _ in 0..KEPT_ANSWERS {
            world.hub.post_to(
                &profile.channel.address,
                Command::new(CommandHeader::new(60, 60), PingCommand::new(true)),
            );
        }
        let _ = run(world.device().poll(&profile.names.id, Duration::ZERO)).unwrap();
    }
    let unsent = || run(world.store.unsent(&profile.channel.address)).unwrap().unwrap().len();
    assert!(unsent() <= KEPT_ANSWERS, "{}", unsent());
    // All commands are answered once it accepts answers again.
    world.hub.state().failing.clear();
    for _ in 0..4 {
        let _ = run(world.device().poll(&profile.names.id, Duration::ZERO)).unwrap();
    }
    assert_eq!(unsent(), 0);
    let bid = profile.channel.address.rsplit('/').next().unwrap();
    assert!(
        world.hub.state().mailboxes[bid].messages.iter().all(|message| message.answer.is_some())
    );
}

/// Any page on the web can make links, and a device that is offline keeps them.
#[test]
fn links_that_are_kept_are_limited() {
    let world = World::new();
    world.hub.state().failing.insert("open", Class::Unavailable);
    let link = |at: usize| {
        format!("com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fx{at}&token=t")
    };
    let mut last = None;
    for at in 0..100 {
        last = world.activate(&link(at)).err();
    }
    let kept = run(world.store.activations()).unwrap().unwrap().len();
    assert!(kept <= 64, "{kept}");
    assert!(matches!(last, Some(DeviceError::Link(error)) if error.class() == Class::Rate));
    // A stored link can be opened again.
    assert!(
        matches!(world.activate(&link(0)), Err(DeviceError::Hub(error)) if error.class() == Class::Unavailable)
    );
}

#[test]
fn a_mailbox_is_the_same_in_every_spelling_of_its_address() {
    let world = World::new();
    let profile = world.provisioned(&provision());
    let mid = world.hub.post_to(
        &profile.channel.address,
        Command::new(CommandHeader::new(60, 60), PingCommand::new(true)),
    );
    let other =
        profile.channel.address.replace("https://hub.example/", "HTTPS://HUB.example.:443/");
    let link = keyferry::hermod::model::Plugout::new(other, Secret::new("whatever"));
    world.activate(link.to_uri().expose()).unwrap();
    assert!(world.hub.answer_to(&mid).is_some());
    assert!(run(world.store.activations()).unwrap().unwrap().is_empty());
}

/// Two profiles with one mailbox would take each other's messages, and removing one would remove
/// the answers of both.
#[test]
fn a_new_profile_gets_no_mailbox_that_is_in_use() {
    let world = World::new();
    let profile = world.provisioned(&provision());
    let bid = profile.channel.address.rsplit('/').next().unwrap();
    for address in [
        profile.channel.address.clone(),
        profile.channel.address.replace("hub.example", "hub.example:443"),
    ] {
        world.hub.state().reserves =
            Some(ReservedBox::new(bid, address, profile.channel.token.clone()));
        let (link, _) = world.hub.post(provision());
        let events = world.activate(&link).unwrap();
        assert!(matches!(&events[..], [Event::Answered { code: 8, .. }]), "{events:?}");
    }
    assert_eq!(run(world.store.profiles()).unwrap().unwrap().len(), 1);
    assert!(run(world.store.all_pending()).unwrap().unwrap().is_empty());
}
