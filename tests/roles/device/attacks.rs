//! A hub, and whoever makes links, against a device.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyferry::crypto::{Curve, KeyKind, PrivateKey, Provider, Signer, aws_lc_rs::AwsLcRs};
use keyferry::hermod::device::{Agent, Decision, DeviceError, DevicePolicy, Event, Question};
use keyferry::hermod::model::{
    Command, CommandHeader, DeviceInfo, KeyGenRequest, KeyTypePrio, KeyUsage, Listing, Message,
    PingCommand, ProfileRequest, ProvisionCommand, ReservedBox,
};
use keyferry::hermod::wire::{AnyMailboxApi, MailboxApi, MailboxKey};
use keyferry::keys::{KEPT_ANSWERS, KeyStore, MemoryKeyStore, Profile};
use keyferry::{Class, Error, Gate, Secret};

use crate::support::crash::{Crash, run};
use crate::support::fake_hub::{FakeHub, Handle, PUBLIC};

/// A device and its hub, which says of each mailbox that it reserves what the test says.
struct World {
    hub: FakeHub,
    store: Arc<MemoryKeyStore>,
    attestation: Arc<dyn Signer>,
    reserves: Arc<Mutex<Option<ReservedBox>>>,
}

struct Liar(Handle, Arc<Mutex<Option<ReservedBox>>>);

impl MailboxApi for Liar {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        self.0.list(wait).await
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        self.0.fetch(mid).await
    }

    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.0.answer(mid, answer).await
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        let lie = self.1.lock().unwrap().clone();
        match lie {
            Some(lie) => Ok(lie),
            None => self.0.reserve().await,
        }
    }

    async fn remove(&self) -> Result<(), Error> {
        self.0.remove().await
    }
}

impl World {
    fn new() -> Self {
        let attestation: Arc<dyn PrivateKey> =
            Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
        let store = Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs)));
        Self {
            hub: FakeHub::new(Crash::never()),
            store,
            attestation: Arc::new(attestation),
            reserves: Arc::default(),
        }
    }

    fn device(&self) -> Agent {
        let (hub, reserves) = (self.hub.clone(), Arc::clone(&self.reserves));
        Agent::builder(Arc::new(AwsLcRs))
            .with_key_store(Arc::clone(&self.store) as Arc<dyn KeyStore>)
            .with_connector(Arc::new(move |_: &str, key: MailboxKey| {
                let handle = run(hub.open(key)).unwrap()?;
                Ok(AnyMailboxApi::new(Liar(handle, Arc::clone(&reserves))))
            }))
            .with_consent(Arc::new(|_: &Question| Decision::Accept))
            .with_attestation_key(Arc::clone(&self.attestation))
            .with_policy(DevicePolicy::new().with_hub(PUBLIC).unwrap())
            .with_info(DeviceInfo::new("Linux"))
            .build()
            .unwrap()
    }

    fn activate(&self, link: &str) -> Result<Vec<Event>, DeviceError> {
        run(self.device().activate(link)).unwrap()
    }

    fn provisioned(&self) -> Profile {
        let (link, _) = self.hub.post(provision());
        let events = self.activate(&link).unwrap();
        let [Event::Provisioned { profile_id }] = &events[..] else { panic!("{events:?}") };
        run(self.store.profile(profile_id)).unwrap().unwrap().unwrap()
    }
}

fn provision() -> Command {
    let key =
        KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
    let profile = ProfileRequest::new("Example", "Profile", vec![key]);
    Command::new(CommandHeader::new(60, 60), ProvisionCommand::new("nonce", "userA", profile))
}

/// A hub that asks and never takes an answer does not fill the device.
#[test]
fn answers_that_nobody_takes_are_limited() {
    let world = World::new();
    let profile = world.provisioned();
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
    // When it takes them again, all are answered.
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
    // One that is kept can be opened again.
    assert!(
        matches!(world.activate(&link(0)), Err(DeviceError::Hub(error)) if error.class() == Class::Unavailable)
    );
}

#[test]
fn a_mailbox_is_the_same_in_every_spelling_of_its_address() {
    let world = World::new();
    let profile = world.provisioned();
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

/// Two profiles of one mailbox would take each other's messages, and its answers with them when one
/// of them goes.
#[test]
fn a_new_profile_gets_no_mailbox_that_is_in_use() {
    let world = World::new();
    let profile = world.provisioned();
    let bid = profile.channel.address.rsplit('/').next().unwrap();
    for address in [
        profile.channel.address.clone(),
        profile.channel.address.replace("hub.example", "hub.example:443"),
    ] {
        *world.reserves.lock().unwrap() =
            Some(ReservedBox::new(bid, address, profile.channel.token.clone()));
        let (link, _) = world.hub.post(provision());
        let events = world.activate(&link).unwrap();
        assert!(matches!(&events[..], [Event::Answered { code: 8, .. }]), "{events:?}");
    }
    assert_eq!(run(world.store.profiles()).unwrap().unwrap().len(), 1);
    assert!(run(world.store.all_pending()).unwrap().unwrap().is_empty());
}
