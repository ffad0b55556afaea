//! Hubs, devices and networks that misbehave on purpose: hub and integrator detect each flaw with
//! its class.

use std::sync::Arc;
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::hub::{Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::model::{
    Activation, Command, CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest,
    ProvisionCommand, State, Submitted,
};
use keyferry::hermod::proof::{Expectation, Verifier};
use keyferry::hermod::wire::{CommandApi as _, MailboxApi as _, MailboxKey};
use keyferry::testing::{Chaos, Device, Faults, Flaw, Refusing, Served, Silent};
use keyferry::{Class, Gate as _, ManualClock, Secret};

use crate::support::time::clock;

const PUBLIC: &str = "https://hub.example/ms";
const CLAIM: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn command() -> ProvisionCommand {
    let captured =
        Command::from_json(include_str!("../fixtures/hermod/provision-command.json")).unwrap();
    let template = captured.provision().unwrap().profile.key_gen_requests[0].cert_req.clone();
    let key = |name| {
        let mut key =
            KeyGenRequest::new(name, KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
        key.cert_req = template.clone();
        key
    };
    ProvisionCommand::new(
        "n-4711",
        "userA",
        ProfileRequest::new("Acme", "Card", vec![key("signer"), key("auth")]),
    )
}

fn hub(clock: &ManualClock, verifies: bool) -> Hub {
    let mut config = HubConfig::new(PUBLIC, "hub.example")
        .unwrap()
        .with_integrator(IntegratorConfig::new("shop"));
    if !verifies {
        config = config.danger_without_verification();
    }
    Hub::builder(Arc::new(AwsLcRs), config).with_clock(Arc::new(clock.clone())).build().unwrap()
}

async fn submit(hub: &Hub) -> Submitted {
    hub.integrator("shop")
        .unwrap()
        .submit(Command::new(CommandHeader::new(60, 60), command()))
        .await
        .unwrap()
}

async fn mailbox(hub: &Hub, submitted: &Submitted) -> keyferry::hermod::hub::Mailbox {
    let Activation::Plugout(link) = submitted.destinations[0].activation().unwrap() else {
        panic!("another link")
    };
    hub.open(MailboxKey::of_message(link.bid().unwrap(), link.token.clone(), Secret::new(CLAIM)))
        .await
        .unwrap()
}

#[test]
fn a_verifier_refuses_each_flaw_with_its_class() {
    let command = command();
    let expectation = Expectation::from_command(&command)
        .unwrap()
        .with_fqdn("hub.example")
        .with_mailbox_base(PUBLIC)
        .unwrap();
    let honest = Device::new(Arc::new(AwsLcRs)).unwrap();
    let verifier = Verifier::pinned(AwsLcRs, [honest.attestation_key()]).unwrap();
    let answer = honest.provision(&command, "https://hub.example/ms/1", "hub.example").unwrap();
    verifier.verify(&expectation, &answer).unwrap();
    for flaw in Flaw::OF_ANSWERS {
        let answer = honest
            .clone()
            .with_flaw(*flaw)
            .provision(&command, "https://hub.example/ms/1", "hub.example")
            .unwrap();
        let refusal = verifier
            .verify(&expectation, &answer)
            .err()
            .unwrap_or_else(|| panic!("{flaw:?} was accepted"));
        assert_eq!(Some(refusal.class()), flaw.class(), "{flaw:?}: {:?}", refusal.error());
    }
}

#[tokio::test]
async fn a_hub_refuses_each_flaw_and_keeps_the_message_open() {
    for flaw in Flaw::OF_ANSWERS {
        let hub = hub(&clock(), true);
        let submitted = submit(&hub).await;
        let mailbox = mailbox(&hub, &submitted).await;
        let device = Device::new(Arc::new(AwsLcRs)).unwrap();
        match device.clone().with_flaw(*flaw).serve(&mailbox).await {
            Ok(served) => assert_eq!((served, *flaw), (Served::Answered, Flaw::Attestation)),
            Err(error) => {
                assert_eq!(Some(error.class()), flaw.class(), "{flaw:?}: {error}");
                assert_eq!(device.serve(&mailbox).await.unwrap(), Served::Answered, "{flaw:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_silent_device_times_out_and_a_late_one_is_told() {
    let clock = clock();
    let hub = hub(&clock, true);
    let submitted = submit(&hub).await;
    let silent = mailbox(&hub, &submitted).await;
    let device = Device::new(Arc::new(AwsLcRs)).unwrap().with_clock(Arc::new(clock.clone()));
    assert_eq!(
        device.clone().with_flaw(Flaw::Silent).serve(&silent).await.unwrap(),
        Served::Silent
    );

    let late = device.with_flaw(Flaw::Late(Duration::from_secs(61)));
    let (late, ()) = tokio::join!(late.serve(&silent), async {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(61));
    });
    assert_eq!(late.unwrap_err().class(), Class::Expired);
    hub.step().await.unwrap();
    let polled = hub.integrator("shop").unwrap().poll(&submitted.command_id).await.unwrap();
    assert_ne!(polled.state, State::COMPLETED);
}

#[tokio::test]
async fn a_chaotic_wire_fails_like_a_network_and_then_recovers() {
    let clock = clock();
    let hub = hub(&clock, true);
    let submitted = submit(&hub).await;
    let mut faults = Faults::each(20);
    faults.delayed = 0;
    let chaos = Chaos::new(11, faults, Arc::new(clock.clone()));
    let mailbox = chaos.wire(mailbox(&hub, &submitted).await);
    let (mut failed, mut worked) = (0, 0);
    for _ in 0..200 {
        match mailbox.list(Duration::ZERO).await {
            Ok(listing) => worked += listing.messages.len(),
            Err(error) => {
                assert_eq!(error.class(), Class::Unavailable);
                failed += 1;
            }
        }
    }
    assert!(failed > 0 && worked > 0, "{failed} {worked}");
    let tally = chaos.tally();
    assert_eq!(tally.exchanges, 200);
    assert_eq!(
        failed,
        tally.unreachable + tally.lost_requests + tally.lost_answers + tally.garbled
    );
    chaos.set_faults(Faults::none());
    mailbox.list(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn hubs_that_do_not_do_their_part() {
    assert_eq!(Refusing(Class::Rate).list(Duration::ZERO).await.unwrap_err().class(), Class::Rate);
    let silent = Silent.list(Duration::ZERO);
    tokio::pin!(silent);
    assert!(
        std::future::poll_fn(|context| std::task::Poll::Ready(
            silent.as_mut().poll(context).is_pending()
        ))
        .await
    );
}
