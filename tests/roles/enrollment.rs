//! The integrator's journey, by its rules, with a real hub, a device and an authority in one
//! process.

mod attacks;

use std::time::Duration;

use crate::support::world::*;
use keyferry::Remark;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind};
use keyferry::csr::{Request, Template};
use keyferry::hermod::device::Decision;
use keyferry::hermod::integrator::{Enrollment, EventOutcome, Failure, HubIdentity, Next};
use keyferry::hermod::model::{
    Answer, Callback, CertificateResponse, Command, CommandBody, CommandHeader, CommandId,
    CommandKind, CommandType, KeyCertificate, PingCommand, ProfileRequest, Progress,
    ProvisionCommand, Response, State, Submitted,
};
use keyferry::hermod::proof::Verifier;
use keyferry::hermod::wire::{CommandApi as _, MailboxApi as _, MailboxKey, is_unknown_command};
use keyferry::issuer::issue;
use keyferry::{BaseUrl, Certificate, Class, Gate as _};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

// ---- Complete journeys

async fn goes_the_whole_way(
    keys: Vec<keyferry::hermod::model::KeyGenRequest>,
    with_certificate: &[&str],
) {
    let world = World::new();
    let mut enrollment = begin(keys);
    let mut steps = 0;
    restart(&mut enrollment);
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
        restart(&mut enrollment);
        steps += 1;
    }
    assert_eq!(steps, if with_certificate.is_empty() { 2 } else { 5 });
    world.assert_installed(with_certificate).await;
    // The evidence is kept.
    assert_eq!(world.prove(&enrollment).user_id(), USER);
}

#[tokio::test]
async fn a_p256_journey_survives_a_restart_after_every_event() {
    goes_the_whole_way(vec![key("signer", P256)], &["signer"]).await;
}

#[tokio::test]
async fn an_rsa_2048_journey_survives_a_restart_after_every_event() {
    goes_the_whole_way(vec![key("signer", RSA2048)], &["signer"]).await;
}

#[tokio::test]
async fn of_several_keys_those_with_a_template_have_certificates() {
    goes_the_whole_way(
        vec![key("signer", P256), raw_key("box", P384), key("login", P384)],
        &["signer", "login"],
    )
    .await;
}

#[tokio::test]
async fn raw_keys_end_as_done() {
    goes_the_whole_way(vec![raw_key("signer", P256), raw_key("login", P256)], &[]).await;
}

#[tokio::test]
async fn nothing_is_delivered_for_raw_keys() {
    let world = World::new();
    let mut enrollment = begin(vec![raw_key("signer", P256)]);
    world.advance(&mut enrollment).await;
    world.advance(&mut enrollment).await;
    let proven = world.prove(&enrollment);
    assert_eq!(enrollment.issued(&proven, &[]).unwrap(), EventOutcome::Known);
    assert_eq!(enrollment.next(), Next::Done);
    restart(&mut enrollment);
}

#[tokio::test]
async fn the_certificate_command_names_user_profile_key_and_journey() {
    let world = World::new();
    let enrollment = world.at(3).await;
    let Next::Deliver(command) = enrollment.next() else { panic!() };
    let CommandBody::Certificate(body) = &command.body else { panic!() };
    assert_eq!(command.header.external_id.as_deref(), Some(enrollment.id()));
    assert_eq!(command.header.recipients()[0].to_string(), format!("@{USER}"));
    assert_eq!((command.header.lifespan, command.header.timeout), (LIFESPAN, TIMEOUT));
    assert_eq!(body.profile_id, world.prove(&enrollment).profile_id());
    let [KeyCertificate { key_id, key_state, .. }] = &body.certificates[..] else { panic!() };
    assert_eq!((key_id.as_str(), key_state.as_str()), ("signer", "ACTIVE"));
}

// ---- Events in any order, lost, and more than once

#[tokio::test]
async fn a_callback_may_come_before_the_answer_to_the_command() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    for kind in [CommandKind::Provision, CommandKind::Certificate] {
        let (Next::Submit(command) | Next::Deliver(command)) = enrollment.next() else { panic!() };
        let command = command.clone();
        enrollment.sending(&command).unwrap();
        restart(&mut enrollment);
        let submitted = world.commands().submit(command).await.unwrap();
        if kind == CommandKind::Provision {
            assert!(matches!(enrollment.next(), Next::AwaitDevice { submitted: None, .. }));
            world.device().activate(submitted.destinations[0].uri.expose()).await.unwrap();
        } else {
            assert!(matches!(enrollment.next(), Next::AwaitDelivery { submitted: None, .. }));
            world.poll_device().await;
        }
        let callback = world.callback().await;
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::New);
        restart(&mut enrollment);
        // The answer to the command arrives late or never, and an answer with another id is not
        // accepted.
        let mut other = submitted.clone();
        other.command_id = CommandId::from("4711");
        refused(enrollment.submitted(&other), Class::Conflict);
        assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::New);
        assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::Known);
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::Known);
        restart(&mut enrollment);
        if kind == CommandKind::Provision {
            world.advance(&mut enrollment).await;
        }
    }
    assert_eq!(enrollment.next(), Next::Done);
}

#[tokio::test]
async fn a_callback_with_another_command_id_is_never_accepted() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    let Next::Submit(command) = enrollment.next() else { panic!() };
    let submitted = world.commands().submit(command.clone()).await.unwrap();
    world.device().activate(submitted.destinations[0].uri.expose()).await.unwrap();
    let callback = world.callback().await;
    enrollment.received(&callback).unwrap();
    let mut other = callback;
    other.command_id = CommandId::from("4711");
    refused(enrollment.received(&other), Class::NotFound);
}

#[tokio::test]
async fn every_event_may_come_twice() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    for kind in [CommandKind::Provision, CommandKind::Certificate] {
        let (Next::Submit(command) | Next::Deliver(command)) = enrollment.next() else { panic!() };
        let command = command.clone();
        assert_eq!(enrollment.sending(&command).unwrap(), EventOutcome::New);
        assert_eq!(enrollment.sending(&command).unwrap(), EventOutcome::Known);
        let submitted = world.commands().submit(command).await.unwrap();
        assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::New);
        assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::Known);
        let waiting = world.commands().poll(&submitted.command_id).await.unwrap();
        assert_eq!(enrollment.received(&waiting).unwrap(), EventOutcome::Known);
        match kind {
            CommandKind::Provision => drop(world.activate(&enrollment).await.unwrap()),
            _ => drop(world.poll_device().await),
        }
        let callback = world.callback().await;
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::New);
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::Known);
        // A poll reports the same, and an earlier report arrives late.
        assert_eq!(
            enrollment
                .received(&world.commands().poll(&submitted.command_id).await.unwrap())
                .unwrap(),
            EventOutcome::Known
        );
        assert_eq!(enrollment.received(&waiting).unwrap(), EventOutcome::Known);
        assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::Known);
        if kind == CommandKind::Provision {
            let proven = world.prove(&enrollment);
            let issued = world.issue(&proven).await;
            assert_eq!(enrollment.issued(&proven, &named(&issued)).unwrap(), EventOutcome::New);
            assert_eq!(enrollment.issued(&proven, &named(&issued)).unwrap(), EventOutcome::Known);
            // Certificates issued again differ, and replace only those that were not sent.
            let others = world.issue(&proven).await;
            assert_eq!(enrollment.issued(&proven, &named(&others)).unwrap(), EventOutcome::New);
            assert_eq!(enrollment.issued(&proven, &named(&others)).unwrap(), EventOutcome::Known);
            let mut sent = enrollment.clone();
            sent.sending(&to_send(&enrollment)).unwrap();
            refused(sent.issued(&proven, &named(&issued)), Class::Conflict);
            assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::Known);
        }
        restart(&mut enrollment);
    }
    assert_eq!(enrollment.next(), Next::Done);
}

#[tokio::test]
async fn a_command_is_repeated_only_if_it_certainly_was_not_sent() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    let provision = to_send(&enrollment);
    enrollment.sending(&provision).unwrap();
    restart(&mut enrollment);
    assert!(matches!(enrollment.next(), Next::AwaitDevice { submitted: None, .. }));
    assert_eq!(enrollment.not_sent(&provision).unwrap(), EventOutcome::New);
    assert_eq!(enrollment.not_sent(&provision).unwrap(), EventOutcome::Known);
    restart(&mut enrollment);
    assert!(matches!(enrollment.next(), Next::Submit(_)));
    // A command that was answered counts as sent.
    world.advance(&mut enrollment).await;
    assert_eq!(enrollment.not_sent(&provision).unwrap(), EventOutcome::Known);
    restart(&mut enrollment);
    assert!(matches!(enrollment.next(), Next::AwaitDevice { submitted: Some(_), .. }));

    let mut enrollment = world.at(3).await;
    let delivery = to_send(&enrollment);
    enrollment.sending(&delivery).unwrap();
    restart(&mut enrollment);
    assert!(matches!(enrollment.next(), Next::AwaitDelivery { submitted: None, .. }));
    enrollment.not_sent(&delivery).unwrap();
    restart(&mut enrollment);
    assert!(matches!(enrollment.next(), Next::Deliver(_)));
    world.advance(&mut enrollment).await;
    assert_eq!(enrollment.not_sent(&delivery).unwrap(), EventOutcome::Known);
    assert!(matches!(enrollment.next(), Next::AwaitDelivery { submitted: Some(_), .. }));
}

/// Returns the command that is to be sent.
fn to_send(enrollment: &Enrollment) -> Command {
    match enrollment.next() {
        Next::Submit(command) | Next::Deliver(command) => command.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_report_on_one_command_does_not_change_another() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    let provision = to_send(&enrollment);
    refused(enrollment.sending(&to_send(&begin(vec![key("signer", P256)]))), Class::NotFound);
    world.advance(&mut enrollment).await;
    world.advance(&mut enrollment).await;
    let proven = world.prove(&enrollment);
    enrollment.issued(&proven, &named(&world.issue(&proven).await)).unwrap();
    let replaced = to_send(&enrollment);
    // A late report on the first command does not concern the second.
    assert_eq!(enrollment.sending(&provision).unwrap(), EventOutcome::Known);
    assert!(matches!(enrollment.next(), Next::Deliver(_)));
    // A report on certificates that were replaced is not accepted either.
    enrollment.issued(&proven, &named(&world.issue(&proven).await)).unwrap();
    let delivery = to_send(&enrollment);
    refused(enrollment.sending(&replaced), Class::NotFound);
    enrollment.sending(&delivery).unwrap();
    refused(enrollment.not_sent(&replaced), Class::NotFound);
    assert_eq!(enrollment.not_sent(&provision).unwrap(), EventOutcome::Known);
    restart(&mut enrollment);
    assert!(matches!(enrollment.next(), Next::AwaitDelivery { submitted: None, .. }));
}

#[tokio::test]
async fn an_event_of_another_journey_is_not_found() {
    let world = World::new();
    let (mut enrollment, other) = (world.at(1).await, world.at(1).await);
    let Next::AwaitDevice { submitted: Some(foreign), .. } = other.next() else { panic!() };
    let foreign = foreign.clone();
    let Next::AwaitDevice { submitted: Some(own), .. } = enrollment.next() else { panic!() };
    let own = own.clone();
    world.activate(&other).await.unwrap();
    let callback = world.callback().await;
    let before = enrollment.to_json();

    refused(enrollment.submitted(&foreign), Class::NotFound);
    refused(enrollment.received(&callback), Class::NotFound);
    for external_id in [None, Some(String::new()), Some(format!("{} ", enrollment.id()))] {
        let mut callback = callback.clone();
        callback.external_id = external_id;
        refused(enrollment.received(&callback), Class::NotFound);
    }
    // The answer of the other journey has this journey's name but the other command id.
    let mut forged = callback.clone();
    forged.external_id = Some(enrollment.id().to_owned());
    refused(enrollment.received(&forged), Class::NotFound);
    for command_type in [CommandType::CERT, CommandType::SIGN, CommandType::from("NEW")] {
        let (mut submitted, mut callback) = (own.clone(), forged.clone());
        (submitted.command_type, callback.command_type) = (command_type.clone(), command_type);
        callback.command_id = own.command_id.clone();
        refused(enrollment.submitted(&submitted), Class::NotFound);
        refused(enrollment.received(&callback), Class::NotFound);
    }
    assert_eq!(enrollment.to_json(), before);

    // With the right id it is accepted, but it fails verification.
    forged.command_id = own.command_id;
    enrollment.received(&forged).unwrap();
    let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
    let refusal = enrollment
        .prove(&verifier, &enrollment.expectation().unwrap())
        .unwrap_err()
        .into_refusal()
        .unwrap();
    assert_eq!(refusal.class(), Class::Nonce);
    // It also fails with the expectation of the other journey.
    assert!(enrollment.prove(&verifier, &other.expectation().unwrap()).is_err());
}

#[tokio::test]
async fn another_answer_than_the_one_that_is_known_conflicts() {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    let Next::AwaitDevice { submitted: Some(submitted), .. } = enrollment.next() else { panic!() };
    let mut other = submitted.clone();
    other.command_id = CommandId::from("4711");
    refused(enrollment.submitted(&other), Class::Conflict);

    world.activate(&enrollment).await.unwrap();
    let callback = world.callback().await;
    enrollment.received(&callback).unwrap();
    let stored = enrollment.to_json();
    let changed = |change: fn(&mut Callback)| {
        let mut callback = callback.clone();
        change(&mut callback);
        callback
    };
    for other in [
        changed(|callback| {
            let Some(Response::Provision(response)) = &mut callback.response else { panic!() };
            response.result.as_mut().unwrap().data = "e30.e30.AA".into();
        }),
        changed(|callback| {
            let Some(Response::Provision(response)) = &mut callback.response else { panic!() };
            response.code = 1;
        }),
        changed(|callback| (callback.state, callback.response) = (State::from("TIMEOUT"), None)),
    ] {
        refused(enrollment.received(&other), Class::Conflict);
        assert_eq!(enrollment.to_json(), stored);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_there_is_malformed() {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    world.activate(&enrollment).await.unwrap();
    let callback = world.callback().await;
    let stored = enrollment.to_json();
    for change in [
        (|callback| callback.response = None) as fn(&mut Callback),
        |callback| {
            callback.response = Some(Response::Ping(keyferry::hermod::model::PingResponse::new(0)))
        },
        |callback| {
            let Some(Response::Provision(response)) = &mut callback.response else { panic!() };
            response.result = None;
        },
    ] {
        let mut callback = callback.clone();
        change(&mut callback);
        refused(enrollment.received(&callback), Class::Malformed);
        assert_eq!(enrollment.to_json(), stored);
    }
    // A callback without progress changes nothing.
    for state in [State::IN_PROGRESS, State::from("PAUSED")] {
        let mut callback = callback.clone();
        callback.state = state;
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::Known);
    }
    assert_eq!(enrollment.to_json(), stored);
    enrollment.received(&callback).unwrap();
}

// ---- Ends without success

#[tokio::test]
async fn a_device_that_refuses_ends_the_journey() {
    let mut world = World::new();
    world.decision = Decision::Refuse;
    let mut enrollment = world.at(2).await;
    restart(&mut enrollment);
    assert_eq!(
        enrollment.next(),
        Next::Failed(Failure::Refused { command: CommandKind::Provision, code: 1 })
    );
    let verifier = Verifier::danger_unpinned(AwsLcRs);
    assert!(enrollment.prove(&verifier, &enrollment.expectation().unwrap()).is_err());
}

#[tokio::test]
async fn a_refusal_proves_nothing_even_with_an_answer() {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    world.activate(&enrollment).await.unwrap();
    let mut callback = world.callback().await;
    let Some(Response::Provision(response)) = &mut callback.response else { panic!() };
    response.code = 7;
    enrollment.received(&callback).unwrap();
    assert_eq!(
        enrollment.next(),
        Next::Failed(Failure::Refused { command: CommandKind::Provision, code: 7 })
    );
    assert!(
        enrollment
            .prove(&Verifier::danger_unpinned(AwsLcRs), &enrollment.expectation().unwrap())
            .is_err()
    );
}

#[tokio::test]
async fn a_device_that_refuses_its_certificate_ends_the_journey() {
    let world = World::new();
    let mut enrollment = world.at(4).await;
    let profile = world.profiles().await.remove(0);
    let hub = world.hub();
    let (_, bid) = profile.channel.address.rsplit_once('/').unwrap();
    let mailbox =
        hub.open(MailboxKey::of_mailbox(bid, profile.channel.token.clone())).await.unwrap();
    let listed = mailbox.list(Duration::ZERO).await.unwrap().messages.remove(0);
    let refusal =
        Answer::new(listed.location.as_str(), Response::Certificate(CertificateResponse::new(5)));
    mailbox.answer(&listed.mid, &refusal.to_json()).await.unwrap();
    enrollment.received(&world.callback().await).unwrap();
    restart(&mut enrollment);
    assert_eq!(
        enrollment.next(),
        Next::Failed(Failure::Refused { command: CommandKind::Certificate, code: 5 })
    );
}

#[tokio::test]
async fn a_command_that_nobody_answers_ends_the_journey() {
    let world = World::new();
    for (n, command) in [(1, CommandKind::Provision), (4, CommandKind::Certificate)] {
        let mut enrollment = world.at(n).await;
        world.pass(TIMEOUT).await;
        let callback = world.callback().await;
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::New);
        assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::Known);
        restart(&mut enrollment);
        assert_eq!(
            enrollment.next(),
            Next::Failed(Failure::Ended { command, progress: Progress::TimedOut })
        );
    }
}

#[tokio::test]
async fn a_command_that_the_hub_does_not_know_ends_the_journey() {
    let world = World::new();
    for (n, command) in [(1, CommandKind::Provision), (4, CommandKind::Certificate)] {
        let mut enrollment = world.at(n).await;
        let (Next::AwaitDevice { submitted: Some(submitted), .. }
        | Next::AwaitDelivery { submitted: Some(submitted), .. }) = enrollment.next()
        else {
            panic!()
        };
        let id = submitted.command_id.clone();
        // This is the answer of a hub with an empty store.
        let error = World::new().commands().poll(&id).await.unwrap_err();
        assert!(is_unknown_command(&error));
        refused(enrollment.forgotten(&CommandId::from("4711")), Class::NotFound);
        let before = enrollment.revision();
        assert_eq!(enrollment.forgotten(&id).unwrap(), EventOutcome::New);
        assert_eq!(enrollment.forgotten(&id).unwrap(), EventOutcome::Known);
        assert_eq!(enrollment.revision(), before + 1);
        restart(&mut enrollment);
        assert_eq!(enrollment.next(), Next::Failed(Failure::Forgotten { command }));
        let words = Failure::Forgotten { command }.to_string();
        assert!(words.contains("begin another journey"), "{words}");
    }
}

#[tokio::test]
async fn an_answer_counts_after_the_hub_forgot_its_command() {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    let Next::AwaitDevice { submitted: Some(submitted), .. } = enrollment.next() else { panic!() };
    let id = submitted.command_id.clone();
    world.activate(&enrollment).await.unwrap();
    let callback = world.callback().await;
    enrollment.forgotten(&id).unwrap();
    restart(&mut enrollment);
    assert_eq!(enrollment.received(&callback).unwrap(), EventOutcome::New);
    restart(&mut enrollment);
    assert_eq!(enrollment.next(), Next::Prove);
    assert_eq!(enrollment.forgotten(&id).unwrap(), EventOutcome::Known);
    world.prove(&enrollment);
}

#[tokio::test]
async fn a_journey_that_is_given_up_stays_so_whatever_comes_later() {
    let world = World::new();
    for steps in 0..=4 {
        let mut enrollment = world.at(steps).await;
        let (waits, sends) = (
            matches!(enrollment.next(), Next::AwaitDevice { .. }),
            matches!(enrollment.next(), Next::Submit(_) | Next::Deliver(_)),
        );
        let command = sends.then(|| to_send(&enrollment));
        let link = waits.then(|| link(&enrollment));
        assert_eq!(enrollment.give_up("the user has left").unwrap(), EventOutcome::New);
        let failed = Failure::GivenUp { reason: "the user has left".into() };
        restart(&mut enrollment);
        assert_eq!(enrollment.next(), Next::Failed(failed.clone()));
        // The first reason stays.
        assert_eq!(enrollment.give_up("another").unwrap(), EventOutcome::Known);
        assert_eq!(enrollment.next(), Next::Failed(failed.clone()));
        if let Some(command) = command {
            refused(enrollment.sending(&command), Class::Conflict);
        }
        if let Some(link) = link {
            world.device().activate(&link).await.unwrap();
            assert_eq!(enrollment.received(&world.callback().await).unwrap(), EventOutcome::New);
            let proven = world.prove(&enrollment);
            refused(
                enrollment.issued(&proven, &named(&world.issue(&proven).await)),
                Class::Conflict,
            );
        }
        restart(&mut enrollment);
        assert_eq!(enrollment.next(), Next::Failed(failed));
    }
}

#[tokio::test]
async fn a_journey_that_has_ended_is_not_given_up() {
    let mut world = World::new();
    let mut done = world.at(5).await;
    refused(done.give_up("too late"), Class::Conflict);
    assert_eq!(done.next(), Next::Done);
    // A journey with raw keys is done without a proof, so a failed proof has to end it.
    let mut raw = begin(vec![raw_key("signer", P256)]);
    world.advance(&mut raw).await;
    world.advance(&mut raw).await;
    assert_eq!(raw.next(), Next::Done);
    assert_eq!(raw.give_up("not attested").unwrap(), EventOutcome::New);
    world.decision = Decision::Refuse;
    let mut failed = world.at(2).await;
    assert_eq!(failed.give_up("no").unwrap(), EventOutcome::Known);
    assert_eq!(
        failed.next(),
        Next::Failed(Failure::Refused { command: CommandKind::Provision, code: 1 })
    );
    // A reason that could not be read again is not stored.
    refused(begin(vec![key("signer", P256)]).give_up("x".repeat(1025)), Class::TooLarge);
}

// ---- Proofs and certificates

#[tokio::test]
async fn an_answer_must_match_the_hub_identity() {
    let world = World::new();
    let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
    let base = |text| BaseUrl::parse(text).unwrap();
    assert!(world.at(1).await.prove_through(&verifier, &HubIdentity::new()).is_err());
    let enrollment = world.at(2).await;
    let known = HubIdentity::new().with_fqdn(HOST).with_mailbox_base(base(PUBLIC));
    assert_eq!(enrollment.prove_through(&verifier, &known).unwrap().user_id(), USER);
    for other in [
        HubIdentity::new().with_fqdn("other.example"),
        HubIdentity::new().with_mailbox_base(base("https://other.example/ms")),
        // The device saw no certificate.
        HubIdentity::new().with_certificate_sha256([7; 32]),
    ] {
        assert_eq!(
            enrollment
                .prove_through(&verifier, &other)
                .unwrap_err()
                .into_refusal()
                .unwrap()
                .class(),
            Class::Channel
        );
    }
}

#[tokio::test]
async fn the_proof_of_another_journey_or_answer_is_refused() {
    let world = World::new();
    let (mut enrollment, other) = (world.at(2).await, world.at(2).await);
    let foreign = world.prove(&other);
    let issued = world.issue(&foreign).await;
    refused(enrollment.issued(&foreign, &named(&issued)), Class::NotFound);
    assert_eq!(enrollment.next(), Next::Prove);

    // These are the journey before it had an answer, and one with another answer under the same id.
    let own = world.prove(&enrollment);
    let issued = world.issue(&own).await;
    let twin = begin(vec![key("signer", P256)]);
    let Next::Submit(command) = twin.next() else { panic!() };
    let mut twin = command.clone();
    twin.header.external_id = Some(enrollment.id().to_owned());
    let mut twin = Enrollment::from_command(twin).unwrap();
    refused(twin.issued(&own, &named(&issued)), Class::NotFound);
    world.advance(&mut twin).await;
    world.advance(&mut twin).await;
    refused(twin.issued(&own, &named(&issued)), Class::NotFound);
    assert_eq!(twin.next(), Next::Prove);
    enrollment.issued(&own, &named(&issued)).unwrap();
}

#[tokio::test]
async fn each_key_with_a_request_has_exactly_one_certificate() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256), key("login", P256), raw_key("box", P256)]);
    world.advance(&mut enrollment).await;
    world.advance(&mut enrollment).await;
    let proven = world.prove(&enrollment);
    let issued = world.issue(&proven).await;
    let (signer, login) = (&issued[0].1, &issued[1].1);
    let elsewhere = issue(&world.ca, &other_request("CN=Jane,O=Acme")).await.unwrap();
    for (given, class) in [
        (vec![], Class::KeyId),
        (vec![("signer", signer)], Class::KeyId),
        (vec![("signer", signer), ("login", login), ("login", login)], Class::KeyId),
        (vec![("signer", signer), ("login", login), ("other", login)], Class::KeyId),
        (vec![("signer", signer), ("login", login), ("box", login)], Class::KeyId),
        (vec![("signer", signer), ("Login", login)], Class::KeyId),
        (vec![("signer", login), ("login", signer)], Class::Proof),
        (vec![("signer", signer), ("login", signer)], Class::Proof),
        (vec![("signer", signer), ("login", &elsewhere)], Class::Proof),
    ] {
        refused(enrollment.issued(&proven, &given), class);
        assert_eq!(enrollment.next(), Next::Prove);
    }
    // The certificates may be in any order.
    enrollment.issued(&proven, &[("login", login), ("signer", signer)]).unwrap();
    assert!(matches!(enrollment.next(), Next::Deliver(_)));
}

/// A request with an unrelated key.
fn other_request(subject: &str) -> Request {
    let template = Template::for_subject(subject, &AwsLcRs).unwrap();
    let der = template.replace_key(&*signer(KeyKind::Ec(Curve::P256))).unwrap();
    Request::from_der(&der, &AwsLcRs).unwrap()
}

#[tokio::test]
async fn a_certificate_of_another_subject_is_refused() {
    let world = World::new();
    let mut enrollment = world.at(2).await;
    let proven = world.prove(&enrollment);
    let other = renamed(&world.issue(&proven).await[0].1, b"June");
    other.require_key(proven.keys()[0].public_key()).unwrap();
    refused(enrollment.issued(&proven, &[("signer", &other)]), Class::Csr);
    assert_eq!(enrollment.next(), Next::Prove);
}

#[tokio::test]
async fn a_subject_in_another_encoding_is_delivered_and_reported() {
    let world = World::new();
    let mut enrollment = world.at(2).await;
    let proven = world.prove(&enrollment);
    let same = renamed(&world.issue(&proven).await[0].1, b"JANE");
    assert_eq!(enrollment.remarks(), []);
    assert_eq!(enrollment.issued(&proven, &[("signer", &same)]).unwrap(), EventOutcome::New);
    assert_eq!(enrollment.remarks(), [("signer", Remark::SubjectEncoding)]);
    let again = Enrollment::from_json(&enrollment.to_json()).unwrap();
    assert_eq!(again.remarks(), [("signer", Remark::SubjectEncoding)]);
    let Next::Deliver(command) = again.next() else { panic!() };
    let CommandBody::Certificate(body) = &command.body else { panic!() };
    assert_eq!(Certificate::from_base64(&body.certificates[0].data).unwrap(), same);
}

#[tokio::test]
async fn a_chain_is_delivered_with_its_leaf_first() {
    let world = World::new();
    let mut enrollment = world.at(2).await;
    let proven = world.prove(&enrollment);
    let (leaf, root) = (world.issue(&proven).await.remove(0).1, world.ca.certificate().clone());
    enrollment.issued(&proven, &[("signer", &root), ("signer", &leaf)]).unwrap();
    let again = Enrollment::from_json(&enrollment.to_json()).unwrap();
    let Next::Deliver(command) = again.next() else { panic!() };
    let CommandBody::Certificate(body) = &command.body else { panic!() };
    let delivered = Certificate::chain_from_text(&body.certificates[0].data).unwrap();
    assert_eq!(delivered, [leaf.clone(), root.clone()]);
    // A chain without a leaf and two leaves are refused.
    let mut other = world.at(2).await;
    let proven = world.prove(&other);
    refused(other.issued(&proven, &[("signer", &root)]), Class::Proof);
    let leaf = &world.issue(&proven).await.remove(0).1;
    refused(other.issued(&proven, &[("signer", leaf), ("signer", leaf)]), Class::KeyId);
}

/// The same certificate with another name instead of `Jane`; its signature is not checked here.
fn renamed(certificate: &Certificate, name: &[u8; 4]) -> Certificate {
    let mut der = certificate.as_der().to_vec();
    let at = der.windows(4).position(|window| window == b"Jane").unwrap();
    der[at..at + 4].copy_from_slice(name);
    Certificate::from_der(&der).unwrap()
}

#[tokio::test]
async fn an_unattested_answer_is_delivered_only_by_the_danger_method() {
    let world = World::new();
    let mut enrollment = world.at(2).await;
    let other = signer(KeyKind::Ec(Curve::P256));
    let pinned = Verifier::pinned(AwsLcRs, [other.public_key()]).unwrap();
    let refusal = enrollment
        .prove(&pinned, &enrollment.expectation().unwrap())
        .unwrap_err()
        .into_refusal()
        .unwrap();
    assert_eq!(refusal.class(), Class::Attestation);
    let issued = world.issue(&world.prove(&enrollment)).await;
    let proven = enrollment
        .prove(&Verifier::danger_unpinned(AwsLcRs), &enrollment.expectation().unwrap())
        .unwrap();
    enrollment.danger_issue_unattested(&proven, &named(&issued)).unwrap();
    while enrollment.next() != Next::Done {
        world.advance(&mut enrollment).await;
    }
}

// ---- Stored journeys

fn changed(enrollment: &Enrollment, change: impl FnOnce(&mut Value)) -> String {
    let mut stored: Value = serde_json::from_str(&enrollment.to_json()).unwrap();
    change(&mut stored);
    stored.to_string()
}

/// A change of a JSON value.
type Change<'a> = &'a dyn Fn(&mut Value);

/// Changes a JSON text nested in the stored JSON.
fn inner(stored: &mut Value, exchange: &str, member: &str, change: impl FnOnce(&mut Value)) {
    let text = &mut stored[exchange][member];
    let mut value: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    change(&mut value);
    *text = value.to_string().into();
}

#[tokio::test]
async fn a_stored_journey_with_a_changed_answer_is_not_proven() {
    let world = World::new();
    let (enrollment, other) = (world.at(2).await, world.at(2).await);
    let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
    let data = |enrollment: &Enrollment| -> String {
        let stored: Value = serde_json::from_str(&enrollment.to_json()).unwrap();
        let ended: Value =
            serde_json::from_str(stored["provision"]["ended"].as_str().unwrap()).unwrap();
        ended["provResponse"]["result"]["data"].as_str().unwrap().to_owned()
    };
    let (own, foreign) = (data(&enrollment), data(&other));
    let parts: Vec<&str> = own.split('.').collect();
    let foreign_parts: Vec<&str> = foreign.split('.').collect();
    for (answer, class) in [
        (foreign.clone(), Class::Nonce),
        (format!("{}.{}.{}", parts[0], foreign_parts[1], parts[2]), Class::Signature),
        (format!("{}.{}.{}", parts[0], parts[1], foreign_parts[2]), Class::Signature),
    ] {
        let stored = changed(&enrollment, |stored| {
            inner(stored, "provision", "ended", |ended| {
                ended["provResponse"]["result"]["data"] = answer.into()
            });
        });
        let loaded = Enrollment::from_json(&stored).unwrap();
        let refusal = loaded
            .prove(&verifier, &loaded.expectation().unwrap())
            .unwrap_err()
            .into_refusal()
            .unwrap();
        assert_eq!(refusal.class(), class);
        // The proof of the original answer is not accepted either.
        let proven = world.prove(&enrollment);
        let issued = world.issue(&proven).await;
        refused(loaded.clone().issued(&proven, &named(&issued)), Class::NotFound);
    }
}

#[tokio::test]
async fn a_stored_journey_with_a_changed_command_is_not_proven() {
    let world = World::new();
    let enrollment = world.at(2).await;
    let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
    let template = Template::for_subject("CN=Mallory", &AwsLcRs).unwrap().to_base64();
    let changes: [(Change<'_>, Class); 9] = [
        (&|command| command["nonce"] = "other".into(), Class::Nonce),
        (&|command| command["userid"] = "mallory".into(), Class::User),
        (&|command| command["profile"]["name"] = "Mallory".into(), Class::User),
        (
            &|command| command["profile"]["id"] = "3051e9f3-0e4d-436b-a512-2e18d8afe134".into(),
            Class::User,
        ),
        (
            &|command| command["profile"]["keygenrequests"][0]["keyid"] = "other".into(),
            Class::KeyId,
        ),
        (
            &|command| {
                command["profile"]["keygenrequests"][0]["keytypeprios"][0]["keylength"] =
                    "384".into()
            },
            Class::NotAsRequested,
        ),
        (
            &|command| command["profile"]["keygenrequests"][0]["usage"] = "ENC".into(),
            Class::NotAsRequested,
        ),
        (
            &|command| {
                command["profile"]["keygenrequests"][0]["certreq"] = template.as_str().into()
            },
            Class::Csr,
        ),
        (
            &|command| {
                drop(
                    command["profile"]["keygenrequests"][0]
                        .as_object_mut()
                        .unwrap()
                        .remove("certreq"),
                )
            },
            Class::Csr,
        ),
    ];
    for (change, class) in changes {
        let stored = changed(&enrollment, |stored| {
            inner(stored, "provision", "command", |command| change(&mut command["provCommand"]))
        });
        let loaded = Enrollment::from_json(&stored).unwrap();
        let refusal = loaded
            .prove(&verifier, &loaded.expectation().unwrap())
            .unwrap_err()
            .into_refusal()
            .unwrap();
        assert_eq!(refusal.class(), class, "{}", refusal.report());
    }
}

#[tokio::test]
async fn another_version_than_1_is_refused() {
    let enrollment = begin(vec![key("signer", P256)]);
    for version in [json!(0), json!(2), json!(-1), json!("2"), json!(1.5), Value::Null] {
        refused(
            Enrollment::from_json(&changed(&enrollment, |stored| stored["version"] = version)),
            Class::Malformed,
        );
    }
    refused(
        Enrollment::from_json(&changed(&enrollment, |stored| {
            drop(stored.as_object_mut().unwrap().remove("version"))
        })),
        Class::Malformed,
    );
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"version\":1}",
        &enrollment.to_json()[1..],
        &format!("{}x", enrollment.to_json()),
    ] {
        refused(Enrollment::from_json(text), Class::Malformed);
    }
}

#[tokio::test]
async fn loading_accepts_only_events_that_the_journey_would_accept() {
    let world = World::new();
    let (done, early) = (world.at(5).await, world.at(4).await);
    let ping = Command::new(CommandHeader::new(1, 1), PingCommand::new(false)).to_json();
    let changes: &[Change<'_>] = &[
        &|stored| stored["id"] = "other".into(),
        &|stored| stored["provision"]["command"] = ping.as_str().into(),
        &|stored| stored["provision"]["command"] = "".into(),
        &|stored| stored["certificate"]["command"] = ping.as_str().into(),
        &|stored| stored["certificate"]["command"] = stored["provision"]["command"].clone(),
        &|stored| drop(stored["provision"].as_object_mut().unwrap().remove("ended")),
        &|stored| stored["certificate"]["ended"] = stored["provision"]["ended"].clone(),
        &|stored| stored["certificate"]["submitted"] = stored["provision"]["submitted"].clone(),
        // A hub can only forget a command that it reported.
        &|stored| {
            stored["certificate"]["forgotten"] = true.into();
            drop(stored["certificate"].as_object_mut().unwrap().remove("submitted"));
        },
    ];
    let assert_refused = |name: &dyn std::fmt::Debug, text: &str| match Enrollment::from_json(text)
    {
        Ok(_) => panic!("{name:?} was taken"),
        Err(error) => assert_eq!(error.class(), Class::Malformed, "{name:?}: {error}"),
    };
    for (n, change) in changes.iter().enumerate() {
        assert_refused(&n, &changed(&done, change));
    }
    // Each case has the exchange, the text in it, the member of that text, and its new value; null
    // removes it.
    for (exchange, text, member, value) in [
        ("certificate", "command", "/commandHeader/externalId", json!("other")),
        ("certificate", "command", "/commandHeader/to", json!(["@mallory"])),
        ("certificate", "command", "/commandHeader/to", Value::Null),
        ("provision", "ended", "/state", json!("IN_PROGRESS")),
        ("provision", "ended", "/state", json!("PAUSED")),
        ("provision", "ended", "/state", json!("TIMEOUT")),
        ("provision", "ended", "/externalId", json!("other")),
        ("provision", "ended", "/commandId", json!("4711")),
        ("provision", "ended", "/commandType", json!("CERT")),
        ("provision", "ended", "/provResponse/code", json!(1)),
        ("provision", "ended", "/provResponse/result", Value::Null),
        ("provision", "ended", "/provResponse", Value::Null),
        ("provision", "submitted", "/externalId", json!("other")),
        ("provision", "submitted", "/commandId", json!("4711")),
        ("certificate", "ended", "/certResponse", Value::Null),
    ] {
        let stored = changed(&done, |stored| {
            inner(stored, exchange, text, |object| {
                let (parent, name) = member.rsplit_once('/').unwrap();
                let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                if value.is_null() {
                    parent.remove(name).unwrap();
                } else {
                    parent.insert(name.to_owned(), value.clone()).unwrap();
                }
            })
        });
        assert_refused(&(exchange, text, member, &value), &stored);
    }
    // Unknown members are ignored.
    Enrollment::from_json(&changed(&early, |stored| stored["later"] = json!({"x": 1}))).unwrap();
}

#[test]
fn a_journey_that_could_not_go_all_the_way_is_not_begun() {
    let profile = |keys| ProfileRequest::new("Acme", "Jane", keys);
    let one = || vec![key("signer", P256)];
    let begin = |user: &str, profile| {
        Enrollment::begin(&AwsLcRs, CommandHeader::new(60, 60), user, profile)
    };
    // No certificate could be sent to this user.
    for user in ["", "tmp"] {
        assert_eq!(
            refused(begin(user, profile(one())), Class::Malformed).part(),
            "provCommand.userid"
        );
    }
    refused(begin(USER, profile(vec![])), Class::Malformed);
    refused(begin(USER, profile(vec![key("signer", P256), key("signer", P256)])), Class::Malformed);
    // These values could be stored but not read again.
    refused(begin(&"u".repeat(65 * 1024), profile(one())), Class::TooLarge);
    let command = |external_id: Option<&str>| {
        let mut header = CommandHeader::new(60, 60);
        header.external_id = external_id.map(Into::into);
        Command::new(header, ProvisionCommand::new("n", USER, profile(one())))
    };
    for external_id in [None, Some("")] {
        refused(Enrollment::from_command(command(external_id)), Class::Malformed);
    }
    assert_eq!(Enrollment::from_command(command(Some("mine"))).unwrap().id(), "mine");
    refused(
        Enrollment::from_command(Command::new(CommandHeader::new(0, 60), PingCommand::new(false))),
        Class::Malformed,
    );
    let mut ping = Command::new(CommandHeader::new(60, 60), PingCommand::new(false));
    ping.header.external_id = Some("mine".into());
    refused(Enrollment::from_command(ping), Class::Malformed);
}

#[test]
fn every_journey_has_a_fresh_id_and_nonce() {
    let of = |enrollment: &Enrollment| {
        let Next::Submit(command) = enrollment.next() else { panic!() };
        (command.header.external_id.clone().unwrap(), command.provision().unwrap().nonce.clone())
    };
    let (one, two) = (of(&begin(vec![key("signer", P256)])), of(&begin(vec![key("signer", P256)])));
    assert_eq!((one.0.len(), one.1.len()), (22, 22));
    assert!(one.0 != two.0 && one.1 != two.1 && one.0 != one.1);
}

#[tokio::test]
async fn debug_shows_neither_token_nor_answer() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    world.advance(&mut enrollment).await;
    let token = link(&enrollment).rsplit_once("token=").unwrap().1.to_owned();
    let mut shown = String::new();
    let mut answer = String::new();
    while enrollment.next() != Next::Done {
        shown += &format!("{enrollment:?} {:?} ", enrollment.next());
        if enrollment.next() == Next::Prove {
            shown +=
                &format!("{:?} {:?}", world.prove(&enrollment), enrollment.expectation().unwrap());
        }
        world.advance(&mut enrollment).await;
        let stored: Value = serde_json::from_str(&enrollment.to_json()).unwrap();
        answer = stored["provision"]["ended"].as_str().unwrap_or_default().to_owned();
    }
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let jws = answer["provResponse"]["result"]["data"].as_str().unwrap();
    // The whole evidence must be stored.
    assert!(enrollment.to_json().contains(&token) && enrollment.to_json().contains(jws));
    assert!(token.len() >= 32 && !shown.contains(&token), "{shown}");
    for part in jws.split('.') {
        assert!(!shown.contains(&part[..part.len().min(40)]), "{shown}");
    }
}

// ---- Crashes at any point, and repeated deliveries

/// Stops the process with the journey after this many steps, and continues from the stored journey
/// in another. Returns the total number of steps.
async fn is_interrupted_after(steps_before: usize) -> usize {
    let world = World::new();
    let mut stored = begin(vec![key("signer", P256)]).to_json();
    let mut steps = 0;
    // Returns whether the process survives this step.
    let mut lives = move |total: &mut usize| {
        *total += 1;
        steps += 1;
        steps != steps_before
    };
    let mut total = 0;
    // Each iteration of this loop is the life of one process.
    'process: loop {
        let mut enrollment = Enrollment::from_json(&stored).unwrap();
        match enrollment.next() {
            Next::AwaitDelivery { submitted: None, .. } => {
                assert_eq!(enrollment.deliver_again().unwrap(), EventOutcome::New);
            }
            // The link is lost, so another journey begins.
            Next::AwaitDevice { submitted: None, .. } => {
                enrollment = begin(vec![key("signer", P256)]);
            }
            _ => {}
        }
        loop {
            match enrollment.next() {
                Next::Submit(command) | Next::Deliver(command) => {
                    let command = command.clone();
                    enrollment.sending(&command).unwrap();
                    stored = enrollment.to_json();
                    if !lives(&mut total) {
                        continue 'process;
                    }
                    let submitted = world.commands().submit(command).await.unwrap();
                    if !lives(&mut total) {
                        continue 'process;
                    }
                    enrollment.submitted(&submitted).unwrap();
                }
                Next::AwaitDevice { .. } | Next::AwaitDelivery { .. } => {
                    // The device works whether or not the integrator runs.
                    if let Next::AwaitDevice { .. } = enrollment.next() {
                        // The hub refuses a link that was opened before.
                        let _ = world.activate(&enrollment).await;
                    } else {
                        world.poll_device().await;
                    }
                    world.step().await;
                    if !lives(&mut total) {
                        continue 'process;
                    }
                    let (Next::AwaitDevice { submitted: Some(submitted), .. }
                    | Next::AwaitDelivery { submitted: Some(submitted), .. }) = enrollment.next()
                    else {
                        panic!("{:?}", enrollment.next())
                    };
                    let polled = world.commands().poll(&submitted.command_id).await.unwrap();
                    enrollment.received(&polled).unwrap();
                }
                Next::Prove => {
                    let proven = world.prove(&enrollment);
                    let issued = world.issue(&proven).await;
                    if !lives(&mut total) {
                        continue 'process;
                    }
                    enrollment.issued(&proven, &named(&issued)).unwrap();
                }
                Next::Done => {
                    world.assert_installed(&["signer"]).await;
                    return total;
                }
                other => panic!("{other:?}"),
            }
            if !lives(&mut total) {
                continue 'process;
            }
            stored = enrollment.to_json();
            if !lives(&mut total) {
                continue 'process;
            }
        }
    }
}

#[tokio::test]
async fn an_interrupted_journey_still_installs_its_certificate() {
    let steps = is_interrupted_after(usize::MAX).await;
    assert!(steps >= 15, "{steps}");
    for step in 1..=steps {
        is_interrupted_after(step).await;
    }
}

#[tokio::test]
async fn a_delivery_can_be_asked_for_again_until_it_has_succeeded() {
    refused(World::new().at(2).await.deliver_again(), Class::NotFound);
    let world = World::new();
    let mut enrollment = world.at(3).await;
    let delivery = to_send(&enrollment);
    assert_eq!(enrollment.deliver_again().unwrap(), EventOutcome::Known, "it is to be sent anyway");
    enrollment.sending(&delivery).unwrap();
    let first = world.commands().submit(delivery.clone()).await.unwrap();
    // The answer is lost in a crash.
    restart(&mut enrollment);
    let Next::AwaitDelivery { command, submitted: None } = enrollment.next() else { panic!() };
    assert_eq!(*command, delivery);
    assert_eq!(enrollment.deliver_again().unwrap(), EventOutcome::New);
    assert_eq!(enrollment.deliver_again().unwrap(), EventOutcome::Known);
    restart(&mut enrollment);
    assert_eq!(enrollment.next(), Next::Deliver(&delivery));
    world.advance(&mut enrollment).await;
    restart(&mut enrollment);
    // The device installs both deliveries, and the end of either ends the journey.
    world.poll_device().await;
    let polled = world.commands().poll(&first.command_id).await.unwrap();
    assert_eq!(enrollment.received(&polled).unwrap(), EventOutcome::New);
    restart(&mut enrollment);
    assert_eq!(enrollment.next(), Next::Done);
    assert_eq!(enrollment.received(&polled).unwrap(), EventOutcome::Known);
    world.step().await;
    for delivery in world.inbox.take() {
        assert_eq!(enrollment.received(&delivery.callback).unwrap(), EventOutcome::Known);
    }
    assert_eq!(enrollment.deliver_again().unwrap(), EventOutcome::Known);
    assert_eq!(enrollment.next(), Next::Done);
    world.assert_installed(&["signer"]).await;
}

#[tokio::test]
async fn a_failed_earlier_delivery_does_not_end_a_later_one() {
    let world = World::new();
    let mut enrollment = world.at(4).await;
    world.pass(TIMEOUT + 1).await;
    let timed_out = world.callback().await;
    assert_eq!(enrollment.received(&timed_out).unwrap(), EventOutcome::New);
    let Next::Failed(Failure::Ended { command: CommandKind::Certificate, .. }) = enrollment.next()
    else {
        panic!("{:?}", enrollment.next())
    };
    restart(&mut enrollment);
    // Keys and certificates exist, so delivery may be tried again.
    assert_eq!(enrollment.deliver_again().unwrap(), EventOutcome::New);
    restart(&mut enrollment);
    assert_eq!(enrollment.received(&timed_out).unwrap(), EventOutcome::Known);
    assert!(matches!(enrollment.next(), Next::Deliver(_)));
    let delivery = to_send(&enrollment);
    enrollment.sending(&delivery).unwrap();
    assert_eq!(enrollment.received(&timed_out).unwrap(), EventOutcome::Known);
    assert!(matches!(enrollment.next(), Next::AwaitDelivery { submitted: None, .. }));
    let submitted = world.commands().submit(delivery).await.unwrap();
    assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::New);
    assert_eq!(enrollment.received(&timed_out).unwrap(), EventOutcome::Known);
    restart(&mut enrollment);
    world.advance(&mut enrollment).await;
    assert_eq!(enrollment.next(), Next::Done);
    world.assert_installed(&["signer"]).await;
    enrollment.give_up("too late").unwrap_err();

    let mut given_up = world.at(4).await;
    given_up.give_up("no more").unwrap();
    refused(given_up.deliver_again(), Class::Conflict);
}

// ---- Revisions

#[tokio::test]
async fn the_revision_grows_with_each_change_and_with_nothing_else() {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    assert_eq!(enrollment.revision(), 0);
    let provision = to_send(&enrollment);
    assert_eq!(enrollment.sending(&provision).unwrap(), EventOutcome::New);
    assert_eq!(enrollment.sending(&provision).unwrap(), EventOutcome::Known);
    assert_eq!(enrollment.revision(), 1);
    let mut last = 1;
    let submitted = world.commands().submit(provision).await.unwrap();
    enrollment.submitted(&submitted).unwrap();
    while enrollment.next() != Next::Done {
        assert!(enrollment.revision() > last);
        last = enrollment.revision();
        restart(&mut enrollment);
        assert_eq!(enrollment.revision(), last, "it is stored");
        world.advance(&mut enrollment).await;
    }
    // Known and refused events change nothing.
    last = enrollment.revision();
    assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::Known);
    refused(enrollment.give_up("x"), Class::Conflict);
    assert_eq!(enrollment.revision(), last);
    let stored: Value = serde_json::from_str(&enrollment.to_json()).unwrap();
    assert_eq!(stored["revision"], json!(last));
}

// ---- Any events in any order

/// The events of one journey.
struct Recorded {
    begun: String,
    command: Command,
    delivery: Command,
    submitted: Submitted,
    waiting: Callback,
    callback: Callback,
    proven: keyferry::hermod::integrator::Proven<keyferry::hermod::proof::Attested>,
    issued: Vec<(String, Certificate)>,
    delivery_submitted: Submitted,
    delivery_callback: Callback,
}

static RECORDED: OnceCell<Recorded> = OnceCell::const_new();

async fn record() -> Recorded {
    let world = World::new();
    let mut enrollment = begin(vec![key("signer", P256)]);
    let begun = enrollment.to_json();
    let command = to_send(&enrollment);
    world.advance(&mut enrollment).await;
    let Next::AwaitDevice { submitted: Some(submitted), .. } = enrollment.next() else { panic!() };
    let submitted = submitted.clone();
    let waiting = world.commands().poll(&submitted.command_id).await.unwrap();
    world.advance(&mut enrollment).await;
    let callback = world.commands().poll(&submitted.command_id).await.unwrap();
    let proven = world.prove(&enrollment);
    let issued = world.issue(&proven).await;
    enrollment.issued(&proven, &named(&issued)).unwrap();
    let delivery = to_send(&enrollment);
    world.advance(&mut enrollment).await;
    let Next::AwaitDelivery { submitted: Some(submitted_delivery), .. } = enrollment.next() else {
        panic!()
    };
    let delivery_submitted = submitted_delivery.clone();
    world.advance(&mut enrollment).await;
    let delivery_callback = world.commands().poll(&delivery_submitted.command_id).await.unwrap();
    Recorded {
        begun,
        command,
        delivery,
        submitted,
        waiting,
        callback,
        proven,
        issued,
        delivery_submitted,
        delivery_callback,
    }
}

/// The progress of a journey.
fn rank(next: &Next<'_>) -> u8 {
    match next {
        Next::Submit(_) => 0,
        Next::AwaitDevice { .. } => 1,
        Next::Prove => 2,
        Next::Deliver(_) => 3,
        Next::AwaitDelivery { .. } => 4,
        _ => 5,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn storing_is_lossless_and_progress_is_monotonic(events in prop::collection::vec(0u8..12, 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let recorded = runtime.block_on(RECORDED.get_or_init(record));
        let mut enrollment = Enrollment::from_json(&recorded.begun).unwrap();
        for event in events {
            let (before, was) = (rank(&enrollment.next()), enrollment.to_json());
            let result = match event {
                0 => enrollment.sending(&recorded.command),
                1 => enrollment.sending(&recorded.delivery),
                2 => enrollment.not_sent(&recorded.command),
                3 => enrollment.submitted(&recorded.submitted),
                4 => enrollment.received(&recorded.waiting),
                5 | 6 => enrollment.received(&recorded.callback),
                7 | 8 => enrollment.issued(&recorded.proven, &named(&recorded.issued)),
                9 => enrollment.submitted(&recorded.delivery_submitted),
                10 => enrollment.deliver_again(),
                _ => enrollment.received(&recorded.delivery_callback),
            };
            if result != Ok(EventOutcome::New) {
                prop_assert_eq!(enrollment.to_json(), was, "an event that is not new changes nothing");
            }
            prop_assert!(matches!(event, 2 | 10) || rank(&enrollment.next()) >= before, "{} after {:?}", event, enrollment.next());
            restart(&mut enrollment);
        }
        // After any events, the remaining ones complete the journey.
        enrollment.received(&recorded.callback).unwrap();
        enrollment.issued(&recorded.proven, &named(&recorded.issued)).unwrap();
        enrollment.received(&recorded.delivery_callback).unwrap();
        prop_assert_eq!(enrollment.next(), Next::Done);
        restart(&mut enrollment);
    }
}
