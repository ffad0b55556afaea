//! Journeys that are disturbed: parties that are dropped and created again, callbacks that are lost,
//! devices that lie, commands that expire.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::support::crash::{Crash, CrashingStore, run};
use crate::support::mailboxes::Altered;
use crate::support::world::*;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind};
use keyferry::hermod::device::{Agent, Connection, Connector, Event, InProcessConnector};
use keyferry::hermod::hub::Hub;
use keyferry::hermod::integrator::{Enrollment, EventOutcome, Failure, Next};
use keyferry::hermod::model::{
    Activation, Answer, CommandBody, CommandKind, DeviceInfo, Listing, Message, Progress,
    ProvisionCommand, ProvisionResponse, ReservedBox, Response, State,
};
use keyferry::hermod::proof::{KeyRequest, UnsignedAnswer, Verifier};
use keyferry::hermod::wire::{AnyMailboxApi, CommandApi as _, MailboxApi, MailboxKey};
use keyferry::keys::KeyStore as _;
use keyferry::{BoxFuture, Class, Clock as _, Error, Gate as _, Secret};

// ---- Parties that are dropped

/// Calls of the hub that a device may not live to see the answer of, or not even to send.
struct Crashing<T>(T, Arc<Crash>);

macro_rules! calls {
    ($( fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $output:ty; )*) => {
        $( async fn $name(&self $(, $argument: $type)*) -> Result<$output, Error> {
            self.1.point().await;
            let done = self.0.$name($($argument),*).await;
            self.1.point().await;
            done
        } )*
    };
}

impl<T: MailboxApi> MailboxApi for Crashing<T> {
    calls! {
        fn list(&self, wait: Duration) -> Listing;
        fn fetch(&self, mid: &str) -> Message;
        fn answer(&self, mid: &str, answer: &str) -> ();
        fn reserve(&self) -> ReservedBox;
        fn remove(&self) -> ();
    }
}

impl Connector for Crashing<Hub> {
    fn connect<'a>(
        &'a self,
        _: &'a str,
        key: MailboxKey,
    ) -> BoxFuture<'a, Result<Connection, Error>> {
        Box::pin(async move {
            Ok(Connection::new(AnyMailboxApi::new(Crashing(
                self.0.open(key).await?,
                self.1.clone(),
            ))))
        })
    }
}

fn crashing_device(world: &World, crash: &Arc<Crash>) -> Agent {
    world.device_over(
        Arc::new(CrashingStore(world.device_store.clone(), crash.clone())),
        Arc::new(Crashing(world.hub(), crash.clone())),
    )
}

#[test]
fn a_device_that_stops_at_any_step_and_starts_again_brings_the_journey_to_its_end() {
    for during_activation in [true, false] {
        let mut step = 0;
        loop {
            let world = World::new();
            let mut enrollment = run(world.at(if during_activation { 1 } else { 4 })).unwrap();
            let crash = Crash::at(step);
            let device = crashing_device(&world, &crash);
            let finished = if during_activation {
                run(device.activate(&link(&enrollment))).map(drop)
            } else {
                run(device.run_once()).map(drop)
            };
            drop(device);
            // What a device that was started again does: continue, and, if it never took note of the
            // link, open it.
            if finished.is_none() {
                run(world.poll_device()).unwrap();
                if during_activation && run(world.profiles()).unwrap().is_empty() {
                    run(world.activate(&enrollment)).unwrap().unwrap();
                }
            }
            while enrollment.next() != Next::Done {
                restart(&mut enrollment);
                if let Next::AwaitDevice { .. } | Next::AwaitDelivery { .. } = enrollment.next() {
                    run(world.poll_device()).unwrap();
                    enrollment.received(&run(world.callback()).unwrap()).unwrap();
                } else {
                    run(world.advance(&mut enrollment)).unwrap();
                }
            }
            run(world.assert_installed(&["signer"])).unwrap();
            assert_eq!(run(world.profiles()).unwrap().len(), 1, "crashed at {step}");
            if finished.is_some() {
                assert!(step > 10, "{step} steps are too few to be all");
                break;
            }
            step += 1;
        }
    }
}

#[tokio::test]
async fn an_integrator_that_dies_while_sending_sends_a_new_command() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    let Next::Submit(command) = enrollment.next() else { panic!() };
    let command = command.clone();
    enrollment.sending(&command).unwrap();
    let stored = enrollment.to_json();
    // The hub has it; the answer never arrived, and so nobody was shown the link.
    world.commands().submit(command).await.unwrap();
    let mut enrollment = Enrollment::from_json(&stored).unwrap();
    assert!(matches!(enrollment.next(), Next::AwaitDevice { submitted: None, .. }));
    world.pass(TIMEOUT).await;
    // The callback finds its journey by the externalId.
    let callback = world.callback().await;
    assert_eq!(callback.external_id.as_deref(), Some(enrollment.id()));
    enrollment.received(&callback).unwrap();
    assert_eq!(
        enrollment.next(),
        Next::Failed(Failure::Ended {
            command: CommandKind::Provision,
            progress: Progress::TimedOut
        })
    );
    // And a new journey goes all the way.
    let mut enrollment = begin(vec![key("signer", P256)]);
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
        restart(&mut enrollment);
    }
    world.assert_installed(&["signer"]).await;
}

#[tokio::test]
async fn a_hub_that_lost_its_seal_key_still_brings_the_journey_to_its_end() {
    let mut world = World::new();
    let mut enrollment = world.at(1).await;
    // From now on it can repeat no activation token.
    world.seal_key = [8; 32];
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
        restart(&mut enrollment);
    }
    world.assert_installed(&["signer"]).await;
}

// ---- Callbacks

#[tokio::test]
async fn callbacks_that_are_lost_are_found_again_by_poll() {
    let world = World::new();
    world.inbox.is_now(Mood::Loses);
    let mut enrollment = begin(vec![key("signer", P256)]);
    while enrollment.next() != Next::Done {
        restart(&mut enrollment);
        let waits = match enrollment.next() {
            Next::AwaitDevice { submitted, .. } => submitted.cloned(),
            Next::AwaitDelivery { submitted, .. } => submitted.cloned(),
            _ => None,
        };
        let Some(submitted) = waits else {
            world.advance(&mut enrollment).await;
            continue;
        };
        let poll = async || world.commands().poll(&submitted.command_id).await.unwrap();
        assert_eq!(enrollment.received(&poll().await).unwrap(), EventOutcome::Known);
        match enrollment.next() {
            Next::AwaitDevice { .. } => drop(world.activate(&enrollment).await.unwrap()),
            _ => drop(world.poll_device().await),
        }
        world.step().await;
        assert!(world.inbox.take().is_empty());
        assert_eq!(enrollment.received(&poll().await).unwrap(), EventOutcome::New);
    }
    world.assert_installed(&["signer"]).await;
}

#[tokio::test]
async fn callbacks_wait_for_an_integrator_that_is_down() {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    world.activate(&enrollment).await.unwrap();
    world.inbox.is_now(Mood::Refuses(Class::Unavailable));
    for _ in 0..3 {
        world.pass(60).await;
    }
    world.inbox.is_now(Mood::Takes);
    world.clock.advance(Duration::from_secs(3600));
    enrollment.received(&world.callback().await).unwrap();
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
    }
}

// ---- Devices that lie

/// How an answer is wrong.
type Lie = fn(&mut ProvisionCommand);

/// A device that answers another command than the one it was given.
async fn lies(
    world: &World,
    message: &Message,
    reserved: &ReservedBox,
    lie: Lie,
    kind: KeyKind,
    mechanism: Algorithm,
) -> String {
    let CommandBody::Provision(command) = &message.body else { panic!() };
    let mut command = command.clone();
    lie(&mut command);
    let asked = KeyRequest::from_command(&command).unwrap();
    let keys: Vec<_> = asked
        .keys
        .iter()
        .map(|key| key.sign(&asked.nonce, mechanism, None, &*signer(kind)).unwrap())
        .collect();
    let answer = UnsignedAnswer::new(
        &asked,
        "3051e9f3-0e4d-436b-a512-2e18d8afe134",
        &reserved.box_url,
        DeviceInfo::new("Linux"),
    );
    let jws = answer.with_fqdn(HOST).with_signed_keys(keys).sign(&*world.attestation).unwrap();
    Answer::new(
        message.header.location.as_str(),
        Response::Provision(ProvisionResponse::success(jws)),
    )
    .to_json()
}

const EC: KeyKind = KeyKind::Ec(Curve::P256);
const LIES: &[(Lie, KeyKind, Algorithm, Class)] = &[
    (|command| command.nonce = "other".into(), EC, Algorithm::Es256, Class::Nonce),
    (|command| command.user_id = "mallory".into(), EC, Algorithm::Es256, Class::User),
    (|command| command.profile.name = "Mallory".into(), EC, Algorithm::Es256, Class::User),
    (
        |command| command.profile.key_gen_requests[0].key_id = "other".into(),
        EC,
        Algorithm::Es256,
        Class::KeyId,
    ),
    (
        |command| command.profile.key_gen_requests[0].cert_req = None,
        EC,
        Algorithm::Es256,
        Class::Csr,
    ),
    (|_| {}, KeyKind::Ec(Curve::P384), Algorithm::Es384, Class::NotAsRequested),
    (|_| {}, KeyKind::Rsa { bits: 2048 }, Algorithm::Rs256, Class::NotAsRequested),
];

#[tokio::test]
async fn a_hub_refuses_an_answer_that_lies_and_the_message_stays_open() {
    let world = World::new();
    let enrollment = &mut world.at(1).await;
    let Activation::Plugout(uri) = Activation::parse(&link(enrollment)).unwrap() else { panic!() };
    let claim = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let mailbox = world
        .hub()
        .open(MailboxKey::of_message(uri.bid().unwrap(), uri.token.clone(), claim))
        .await
        .unwrap();
    let listed = mailbox.list(Duration::ZERO).await.unwrap().messages.remove(0);
    let (message, reserved) =
        (mailbox.fetch(&listed.mid).await.unwrap(), mailbox.reserve().await.unwrap());
    for (lie, kind, mechanism, class) in LIES {
        let answer = lies(&world, &message, &reserved, *lie, *kind, *mechanism).await;
        let error = refused(mailbox.answer(&listed.mid, &answer).await, *class);
        assert!(error.part().starts_with("provResponse.result.data"), "{error}");
    }
    world.step().await;
    assert!(world.inbox.take().is_empty());
    let Next::AwaitDevice { submitted: Some(submitted), .. } = enrollment.next() else { panic!() };
    assert_eq!(
        world.commands().poll(&submitted.command_id).await.unwrap().state,
        State::IN_PROGRESS
    );

    // The truth is still taken.
    let answer = lies(&world, &message, &reserved, |_| {}, EC, Algorithm::Es256).await;
    mailbox.answer(&listed.mid, &answer).await.unwrap();
    enrollment.received(&world.callback().await).unwrap();
    world.prove(enrollment);
}

#[tokio::test]
async fn an_integrator_refuses_the_same_lies_from_a_hub_that_does_not_look() {
    for (lie, kind, mechanism, class) in LIES {
        let world = World { verifies: false, ..World::new() };
        let mut enrollment = world.at(1).await;
        let Activation::Plugout(uri) = Activation::parse(&link(&enrollment)).unwrap() else {
            panic!()
        };
        let claim = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let mailbox = world
            .hub()
            .open(MailboxKey::of_message(uri.bid().unwrap(), uri.token.clone(), claim))
            .await
            .unwrap();
        let listed = mailbox.list(Duration::ZERO).await.unwrap().messages.remove(0);
        let (message, reserved) =
            (mailbox.fetch(&listed.mid).await.unwrap(), mailbox.reserve().await.unwrap());
        let answer = lies(&world, &message, &reserved, *lie, *kind, *mechanism).await;
        mailbox.answer(&listed.mid, &answer).await.unwrap();
        enrollment.received(&world.callback().await).unwrap();
        let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
        let refusal = enrollment
            .prove(&verifier, &enrollment.expectation().unwrap())
            .unwrap_err()
            .into_refusal()
            .unwrap();
        assert_eq!(refusal.class(), *class);
        assert_eq!(enrollment.next(), Next::Prove);
    }
}

#[tokio::test]
async fn a_device_with_another_attestation_key_is_refused_by_the_integrator_alone() {
    let world = World { attestation: signer(EC), ..World::new() };
    let enrollment = world.at(2).await;
    let genuine = signer(EC);
    let verifier = Verifier::pinned(AwsLcRs, [genuine.public_key()]).unwrap();
    let refusal = enrollment
        .prove(&verifier, &enrollment.expectation().unwrap())
        .unwrap_err()
        .into_refusal()
        .unwrap();
    assert_eq!(refusal.class(), Class::Attestation);
}

// ---- Time

#[test]
fn a_device_that_comes_too_late_removes_its_keys() {
    // It stops at every step before its answer arrived.
    for step in 0.. {
        let world = World::new();
        let mut enrollment = run(world.at(1)).unwrap();
        let crash = Crash::at(step);
        let finished = run(crashing_device(&world, &crash).activate(&link(&enrollment))).is_some();
        run(world.step()).unwrap();
        if finished || !world.inbox.take().is_empty() {
            assert!(step > 10, "{step} steps are too few to be all");
            break;
        }
        run(world.pass(TIMEOUT)).unwrap();
        let events: Vec<_> =
            run(world.device().run_once()).unwrap().into_iter().map(Result::unwrap).collect();
        assert!(events.iter().all(|event| matches!(event, Event::Ended { .. })), "{events:?}");
        assert!(run(world.profiles()).unwrap().is_empty());
        run(world.assert_installed(&[])).unwrap();
        enrollment.received(&run(world.callback()).unwrap()).unwrap();
        assert_eq!(
            enrollment.next(),
            Next::Failed(Failure::Ended {
                command: CommandKind::Provision,
                progress: Progress::TimedOut
            })
        );
    }
}

#[tokio::test]
async fn a_certificate_that_comes_too_late_leaves_the_keys_and_another_journey_delivers() {
    let world = World::new();
    let mut enrollment = world.at(4).await;
    world.pass(TIMEOUT).await;
    enrollment.received(&world.callback().await).unwrap();
    assert!(matches!(enrollment.next(), Next::Failed(_)));
    assert!(world.poll_device().await.is_empty());
    let profile = world.profiles().await.remove(0);
    assert!(profile.keys[0].certificate.is_none());
    let mut enrollment = begin(vec![key("signer", P256)]);
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
    }
    assert_eq!(world.profiles().await.len(), 2);
}

// ---- Several journeys

#[tokio::test]
async fn journeys_of_one_user_side_by_side_do_not_mix() {
    let world = World::new();
    let mut journeys: Vec<_> = (0..3).map(|_| begin(vec![key("signer", P256)])).collect();
    for journey in &mut journeys {
        world.advance(journey).await;
    }
    for journey in journeys.iter().rev() {
        world
            .device_over(world.device_store.clone(), Arc::new(InProcessConnector(world.hub())))
            .activate(&link(journey))
            .await
            .unwrap();
    }
    let deliver = async |journeys: &mut [Enrollment]| {
        world.step().await;
        for delivery in world.inbox.take() {
            let taken = journeys
                .iter_mut()
                .filter_map(|journey| journey.received(&delivery.callback).ok())
                .count();
            assert_eq!(taken, 1);
        }
    };
    deliver(&mut journeys).await;
    for journey in &mut journeys {
        world.advance(journey).await;
        world.advance(journey).await;
    }
    world.poll_device().await;
    deliver(&mut journeys).await;
    for journey in &journeys {
        assert_eq!(journey.next(), Next::Done);
        let proven = world.prove(journey);
        let profile = world.device_store.profile(proven.profile_id()).await.unwrap().unwrap();
        assert_eq!(profile.keys[0].public_key, *proven.keys()[0].public_key());
        profile.keys[0]
            .certificate
            .as_ref()
            .unwrap()
            .require_key(&profile.keys[0].public_key)
            .unwrap();
    }
}

// ---- Peers

#[tokio::test]
async fn openssl_verifies_the_issued_chain() {
    let Some(openssl) = crate::support::peers::openssl() else { return };
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", RSA2048), key("login", P256)]);
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
    }
    let scratch = crate::support::peers::Scratch::new();
    let pem = |name: &str, der: &[u8]| {
        let (from, to) =
            (scratch.write(&format!("{name}.der"), der), scratch.path(&format!("{name}.pem")));
        openssl.run(&["x509", "-inform", "DER", "-in", &from, "-out", &to]);
        to
    };
    let root = pem("root", world.ca.certificate().as_der());
    let now =
        world.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let profile = world.profiles().await.remove(0);
    assert_eq!(profile.keys.len(), 2);
    for key in &profile.keys {
        let leaf = pem(&key.key_id, key.certificate.as_ref().unwrap().as_der());
        let said =
            openssl.run(&["verify", "-x509_strict", "-attime", &now, "-CAfile", &root, &leaf]);
        assert!(said.contains("OK"), "{said}");
        let subject = openssl.run(&["x509", "-in", &leaf, "-noout", "-subject"]);
        assert!(subject.contains("Jane"), "{subject}");
    }
}

/// A link is opened while another agent over the same key store looks into its mailboxes: both send the same answer, and both
/// learn that it was taken.
#[tokio::test]
async fn two_calls_that_go_on_with_one_message_do_not_give_up_the_mailbox_of_the_profile() {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    let other = world.device();
    let device = world.device_over(
        world.device_store.clone(),
        Arc::new(Altered::new(InProcessConnector(world.hub())).with_answered(move || {
            let other = other.clone();
            Box::pin(async move {
                for event in other.run_once().await {
                    event.unwrap();
                }
            })
        })),
    );
    device.activate(&link(&enrollment)).await.unwrap();
    assert_eq!(enrollment.received(&world.callback().await).unwrap(), EventOutcome::New);
    for _ in 0..3 {
        world.advance(&mut enrollment).await;
    }
    assert_eq!(enrollment.next(), Next::Done);
    world.assert_installed(&["signer"]).await;
}
