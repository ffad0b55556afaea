//! A device with its hub and its integrator, and the commands that they exchange.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::crash::{Crash, CrashingStore, run};
use crate::support::fake_hub::{FakeHub, PUBLIC};
use crate::support::parties::agent;
use crate::support::{pki, signer, time};
use keyferry::Certificate;
use keyferry::crypto::{Curve, KeyKind, Signer, aws_lc_rs::AwsLcRs};
use keyferry::hermod::device::{
    Agent, Decision, DeviceError, DevicePolicy, Event, InProcessConnector, Question,
};
use keyferry::hermod::model::{
    Answer, CertificateCommand, Command, CommandBody, CommandHeader, KeyCertificate, KeyGenRequest,
    KeyTypePrio, KeyUsage, ProfileRequest, ProvisionCommand, Response,
};
use keyferry::hermod::proof::{Attested, Expectation, Verified, Verifier};
use keyferry::issuer::{LocalCa, issue};
use keyferry::keys::{KeyStore, MemoryKeyStore, Profile};

pub(crate) struct World {
    pub(crate) hub: FakeHub,
    pub(crate) store: Arc<dyn KeyStore>,
    pub(crate) attestation: Arc<dyn Signer>,
    pub(crate) policy: DevicePolicy,
    pub(crate) decision: Decision,
    pub(crate) asked: Arc<Mutex<Vec<Question>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            hub: FakeHub::new(Crash::never()),
            store: Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs))),
            attestation: signer(KeyKind::Ec(Curve::P256)),
            policy: DevicePolicy::new().with_hub(PUBLIC).unwrap(),
            decision: Decision::Accept,
            asked: Arc::default(),
        }
    }

    /// A device that has just started and stops at a step.
    pub(crate) fn device_until(&self, crash: &Arc<Crash>) -> Agent {
        let (asked, decision) = (Arc::clone(&self.asked), self.decision);
        let keys = CrashingStore(Arc::clone(&self.store), Arc::clone(crash));
        let hub = InProcessConnector(self.hub.with_crash(Arc::clone(crash)));
        agent(Arc::new(keys), Arc::new(hub), Arc::clone(&self.attestation))
            .with_policy(self.policy.clone())
            .with_consent(Arc::new(move |question: &Question| {
                asked.lock().unwrap().push(question.clone());
                decision
            }))
            .build()
            .unwrap()
    }

    pub(crate) fn device(&self) -> Agent {
        self.device_until(&Crash::never())
    }

    pub(crate) fn activate(&self, link: &str) -> Result<Vec<Event>, DeviceError> {
        run(self.device().activate(link)).unwrap()
    }

    pub(crate) fn poll(&self, profile: &Profile) -> Result<Vec<Event>, DeviceError> {
        run(self.device().poll(&profile.names.id, Duration::ZERO)).unwrap()
    }

    pub(crate) fn profiles(&self) -> Vec<Profile> {
        run(self.store.profiles()).unwrap().unwrap()
    }

    pub(crate) fn nothing_is_left_over(&self) {
        assert!(run(self.store.all_pending()).unwrap().unwrap().is_empty());
        assert!(run(self.store.activations()).unwrap().unwrap().is_empty());
        for profile in self.profiles() {
            assert!(run(self.store.unsent(&profile.channel.address)).unwrap().unwrap().is_empty());
        }
    }

    /// Provisions a profile and returns it.
    pub(crate) fn provisioned(&self, command: &Command) -> Profile {
        let (link, _) = self.hub.post(command.clone());
        let events = self.activate(&link).unwrap();
        let [Event::Provisioned { profile_id }] = &events[..] else { panic!("{events:?}") };
        self.profiles().into_iter().find(|profile| profile.names.id == *profile_id).unwrap()
    }

    pub(crate) fn verify(&self, command: &Command, answer: &str) -> Verified<Attested> {
        let Response::Provision(response) = Answer::from_json(answer).unwrap().response else {
            panic!()
        };
        let expectation = Expectation::from_command(command.provision().unwrap()).unwrap();
        let expectation = expectation.with_fqdn("hub.example").with_mailbox_base(PUBLIC).unwrap();
        let verifier = Verifier::pinned(AwsLcRs, [self.attestation.public_key()]).unwrap();
        verifier.verify(&expectation, &response.result.unwrap().data).unwrap()
    }

    /// The code of the answer in a temporary mailbox.
    pub(crate) fn code_in(&self, bid: &str) -> i64 {
        Answer::from_json(&self.hub.answer_in(bid).unwrap()).unwrap().response.code().unwrap()
    }

    /// Posts a command, opens the link, and returns the code of the answer.
    pub(crate) fn code_of(&self, command: Command) -> i64 {
        let (link, bid) = self.hub.post(command);
        self.activate(&link).unwrap();
        self.nothing_is_left_over();
        self.code_in(&bid)
    }

    /// Posts a command to a profile and returns the response.
    pub(crate) fn response_of(
        &self,
        profile: &Profile,
        command: impl Into<CommandBody>,
    ) -> Response {
        let mid = self
            .hub
            .post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), command));
        self.poll(profile).unwrap();
        self.hub.answer_to(&mid).unwrap().response
    }
}

/// The authority of these tests.
pub(crate) fn ca() -> LocalCa {
    pki::root(Arc::new(time::clock()))
}

pub(crate) fn template() -> String {
    let command: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/hermod/provision-command.json")).unwrap();
    command["provCommand"]["profile"]["keygenrequests"][0]["certreq"].as_str().unwrap().to_owned()
}

pub(crate) fn key(key_id: &str, prios: &[(&str, &str, &str)]) -> KeyGenRequest {
    let prios = prios
        .iter()
        .map(|(kind, length, mechanism)| KeyTypePrio::new(*kind, *length, *mechanism))
        .collect();
    let mut request = KeyGenRequest::new(key_id, KeyUsage::SIG, prios);
    request.cert_req = Some(template().into());
    request
}

pub(crate) const P256: (&str, &str, &str) = ("EC", "256", "ES256");
pub(crate) const RSA2048: (&str, &str, &str) = ("RSA", "2048", "RS256");

static NONCES: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn provision(keys: Vec<KeyGenRequest>) -> Command {
    let nonce = format!("nonce-{}", NONCES.fetch_add(1, Ordering::SeqCst));
    Command::new(
        CommandHeader::new(60, 60),
        ProvisionCommand::new(nonce, "userA", ProfileRequest::new("Example", "Profile", keys)),
    )
}

pub(crate) fn one_key() -> Command {
    provision(vec![key("signer", &[P256])])
}

/// A command for an existing profile.
pub(crate) fn renewal(profile_id: &str) -> Command {
    let mut command = one_key();
    if let CommandBody::Provision(provision) = &mut command.body {
        provision.profile.id = Some(profile_id.to_owned());
    }
    command
}

pub(crate) fn certificates(
    world: &World,
    command: &Command,
    answer: &str,
) -> Vec<(String, Certificate)> {
    let (verified, ca) = (world.verify(command, answer), ca());
    let issued = verified.keys().iter().map(|key| {
        (
            key.key_id().to_owned(),
            run(issue(&ca, key.request().unwrap())).unwrap().unwrap().into_certificate(),
        )
    });
    issued.collect()
}

pub(crate) fn delivery(
    profile_id: &str,
    certificates: &[(String, Certificate)],
) -> CertificateCommand {
    let certificates = certificates
        .iter()
        .map(|(key_id, certificate)| KeyCertificate::new(key_id, certificate.to_base64()))
        .collect();
    CertificateCommand::new(profile_id, certificates)
}

/// Provisions a profile and posts its certificate; returns the id of the profile.
pub(crate) fn installing(world: &World) -> String {
    let command = one_key();
    let (link, bid) = world.hub.post(command.clone());
    world.activate(&link).unwrap();
    let profile = &world.profiles()[0];
    let certificates = certificates(world, &command, &world.hub.answer_in(&bid).unwrap());
    let delivery = delivery(&profile.names.id, &certificates);
    world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), delivery));
    profile.names.id.clone()
}

/// Checks that each message was always answered with the same text.
pub(crate) fn answers_are_identical(world: &World) {
    let state = world.hub.state();
    for (mid, text) in &state.posted {
        assert!(
            state.posted.iter().all(|(other, repeat)| other != mid || repeat == text),
            "another answer to {mid}"
        );
    }
}
