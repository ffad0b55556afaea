//! The rules for the device client, each with a test named after it, against a hub that does what the test says.
#![cfg(all(feature = "device", feature = "ca", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/crash.rs"]
mod crash;
#[path = "support/fake_hub.rs"]
mod fake_hub;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crash::{Crash, CrashingStore, run};
use fake_hub::{FakeHub, PUBLIC};
use keyferry::crypto::{Curve, KeyKind, PrivateKey, Provider, Signer, aws_lc_rs::AwsLcRs};
use keyferry::hermod::device::{Action, Agent, Decision, DeviceError, DevicePolicy, Event, Question, Through};
use keyferry::hermod::model::{
    Answer, CertificateCommand, Command, CommandBody, CommandHeader, CommandKind, DataFormat, DeleteCommand, DeviceInfo, Item, KeptValue,
    KeyCertificate, KeyGenRequest, KeyTypePrio, KeyUsage, PingCommand, ProfileRequest, ProvisionCommand, Response, SignCommand, SignMechanism,
    SignParams, Storage,
};
use keyferry::hermod::proof::{Attested, Expectation, Verified, Verifier};
use keyferry::issuer::{LocalCa, issue};
use keyferry::keys::{KeyStore, MemoryKeyStore, Profile};
use keyferry::{BoxFuture, Certificate, Class, Clock};

// ---- A device, its hub and its integrator

struct World {
    hub: FakeHub,
    store: Arc<MemoryKeyStore>,
    attestation: Arc<dyn Signer>,
    policy: DevicePolicy,
    decision: Decision,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl World {
    fn new() -> Self {
        let attestation: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
        Self {
            hub: FakeHub::new(Crash::never()),
            store: Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs))),
            attestation: Arc::new(attestation),
            policy: DevicePolicy::new().with_hub(PUBLIC).unwrap(),
            decision: Decision::Accept,
            asked: Arc::default(),
        }
    }

    /// A device that has just started, and stops at a step.
    fn device_until(&self, crash: &Arc<Crash>) -> Agent {
        let (asked, decision) = (Arc::clone(&self.asked), self.decision);
        Agent::new(
            Arc::new(AwsLcRs),
            Arc::new(CrashingStore(Arc::clone(&self.store), Arc::clone(crash))),
            Arc::new(Through(self.hub.with_crash(Arc::clone(crash)))),
            Arc::new(move |question: &Question| {
                asked.lock().unwrap().push(question.clone());
                decision
            }),
            Arc::clone(&self.attestation),
            self.policy.clone(),
            DeviceInfo::new("Linux"),
        )
    }

    fn device(&self) -> Agent {
        self.device_until(&Crash::never())
    }

    fn activate(&self, link: &str) -> Result<Vec<Event>, DeviceError> {
        run(self.device().activate(link)).unwrap()
    }

    fn poll(&self, profile: &Profile) -> Result<Vec<Event>, DeviceError> {
        run(self.device().poll(&profile.names.id, Duration::ZERO)).unwrap()
    }

    fn profiles(&self) -> Vec<Profile> {
        run(self.store.profiles()).unwrap().unwrap()
    }

    fn nothing_is_left_over(&self) {
        assert!(run(self.store.all_pending()).unwrap().unwrap().is_empty());
        assert!(run(self.store.activations()).unwrap().unwrap().is_empty());
        for profile in self.profiles() {
            assert!(run(self.store.unsent(&profile.channel.address)).unwrap().unwrap().is_empty());
        }
    }

    /// Provisions a profile and gives it.
    fn provisioned(&self, command: &Command) -> Profile {
        let (link, _) = self.hub.post(command.clone());
        let events = self.activate(&link).unwrap();
        let [Event::Provisioned { profile_id }] = &events[..] else { panic!("{events:?}") };
        self.profiles().into_iter().find(|profile| profile.names.id == *profile_id).unwrap()
    }

    fn verify(&self, command: &Command, answer: &str) -> Verified<Attested> {
        let Response::Provision(response) = Answer::from_json(answer).unwrap().response else { panic!() };
        let expectation = Expectation::from_command(command.provision().unwrap()).unwrap();
        let expectation = expectation.with_fqdn("hub.example").with_mailbox_base(PUBLIC).unwrap();
        let verifier = Verifier::pinned(&AwsLcRs, [self.attestation.public_key()]).unwrap();
        verifier.verify(&expectation, &response.result.unwrap().data).unwrap()
    }

    /// The code of the answer in a temporary mailbox.
    fn code_in(&self, bid: &str) -> i64 {
        Answer::from_json(&self.hub.answer_in(bid).unwrap()).unwrap().response.code().unwrap()
    }

    /// Posts a command, opens the link, and gives the code that was answered.
    fn code_of(&self, command: Command) -> i64 {
        let (link, bid) = self.hub.post(command);
        self.activate(&link).unwrap();
        self.nothing_is_left_over();
        self.code_in(&bid)
    }

    /// Posts a command to a profile, and gives the response.
    fn response_of(&self, profile: &Profile, command: impl Into<CommandBody>) -> Response {
        let mid = self.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), command));
        self.poll(profile).unwrap();
        self.hub.answer_to(&mid).unwrap().response
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn sleep_until(&self, _: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn ca() -> LocalCa {
    let key: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    LocalCa::new_root("CN=Root", Arc::new(key), Arc::new(AwsLcRs), Arc::new(Fixed), Duration::from_secs(1_000_000)).unwrap()
}

fn template() -> String {
    let command: serde_json::Value = serde_json::from_str(include_str!("fixtures/hermod/provision-command.json")).unwrap();
    command["provCommand"]["profile"]["keygenrequests"][0]["certreq"].as_str().unwrap().to_owned()
}

fn key(key_id: &str, prios: &[(&str, &str, &str)]) -> KeyGenRequest {
    let prios = prios.iter().map(|(kind, length, mechanism)| KeyTypePrio::new(*kind, *length, *mechanism)).collect();
    let mut request = KeyGenRequest::new(key_id, KeyUsage::SIG, prios);
    request.cert_req = Some(template().into());
    request
}

const P256: (&str, &str, &str) = ("EC", "256", "ES256");
const RSA2048: (&str, &str, &str) = ("RSA", "2048", "RS256");

static NONCES: AtomicUsize = AtomicUsize::new(0);

fn provision(keys: Vec<KeyGenRequest>) -> Command {
    let nonce = format!("nonce-{}", NONCES.fetch_add(1, Ordering::SeqCst));
    Command::new(CommandHeader::new(60, 60), ProvisionCommand::new(nonce, "userA", ProfileRequest::new("Example", "Profile", keys)))
}

fn one_key() -> Command {
    provision(vec![key("signer", &[P256])])
}

/// The same for a profile that is there.
fn renewal(profile_id: &str) -> Command {
    let mut command = one_key();
    if let CommandBody::Provision(provision) = &mut command.body {
        provision.profile.id = Some(profile_id.to_owned());
    }
    command
}

fn certificates(world: &World, command: &Command, answer: &str) -> Vec<(String, Certificate)> {
    let (verified, ca) = (world.verify(command, answer), ca());
    let issued = verified.keys().iter().map(|key| (key.key_id().to_owned(), run(issue(&ca, key.request().unwrap())).unwrap().unwrap()));
    issued.collect()
}

fn delivery(profile_id: &str, certificates: &[(String, Certificate)]) -> CertificateCommand {
    let certificates = certificates.iter().map(|(key_id, certificate)| KeyCertificate::new(key_id, certificate.to_base64())).collect();
    CertificateCommand::new(profile_id, certificates)
}

// ---- The journey

#[test]
fn makes_rsa_and_ec_keys_that_the_verifier_accepts_and_takes_their_certificates() {
    let world = World::new();
    let command = provision(vec![key("signer", &[RSA2048]), key("login", &[P256])]);
    let (link, bid) = world.hub.post(command.clone());
    assert!(matches!(&world.activate(&link).unwrap()[..], [Event::Provisioned { .. }]));
    world.nothing_is_left_over();

    let answer = world.hub.answer_in(&bid).unwrap();
    let verified = world.verify(&command, &answer);
    let profile = &world.profiles()[0];
    assert_eq!(verified.profile_id(), profile.names.id);
    assert_eq!(verified.mailbox(), profile.channel.address);
    for (verified, stored) in verified.keys().iter().zip(&profile.keys) {
        assert_eq!((verified.key_id(), verified.public_key()), (&*stored.key_id, &stored.public_key));
    }
    let question = &world.asked.lock().unwrap()[0];
    assert_eq!((&question.action, &*question.hub, &*question.user_id), (&Action::Create, PUBLIC, "userA"));
    assert_eq!((&*question.profile_name, &*question.server_name, question.keys.len()), ("Profile", "Example", 2));

    let certificates = certificates(&world, &command, &answer);
    let Response::Certificate(response) = world.response_of(profile, delivery(&profile.names.id, &certificates)) else { panic!() };
    assert_eq!(response.code, 0);
    for (key_id, certificate) in &certificates {
        assert_eq!(world.profiles()[0].key(key_id).unwrap().certificate.as_ref(), Some(certificate));
    }
    world.nothing_is_left_over();
}

// ---- Rule 1: Check the hub's identity before sending anything. Open only hosts it was set up for.

#[test]
fn opens_only_hubs_it_was_set_up_for() {
    let world = World::new();
    for url in [
        "https://evil.example/ms/b1",
        "https://hub.example.evil/ms/b1",
        "https://hub.example:8443/ms/b1",
        "http://hub.example/ms/b1",
        "https://hub.example/other/b1",
        "https://hub.example/ms/../b1",
        "https://hub.example/ms",
    ] {
        let link = format!("com.nexusgroup.plugout:///?url={}&token=t", url.replace(':', "%3A").replace('/', "%2F"));
        let Err(DeviceError::Link(error)) = world.activate(&link) else { panic!("{url}") };
        assert!(matches!(error.class(), Class::TargetRefused | Class::Malformed), "{url}");
    }
    for link in ["personal://hub.example/ms/b1/m1", "personal://start", "nonsense", ""] {
        assert!(matches!(world.activate(link), Err(DeviceError::Link(_))), "{link}");
    }
    assert_eq!(world.hub.state().calls, 0);
    world.nothing_is_left_over();
}

#[test]
fn opens_plain_http_only_if_that_was_said_by_name() {
    assert_eq!(DevicePolicy::new().with_hub("http://127.0.0.1/ms").unwrap_err().class(), Class::TargetRefused);
    let policy = DevicePolicy::new().danger_with_plain_hub("http://127.0.0.1:8080/ms").unwrap();
    assert!(policy.check_address("http://127.0.0.1:8080/ms/b1").is_ok());
    assert!(policy.check_address("http://127.0.0.1:8081/ms/b1").is_err());
}

#[test]
fn takes_no_mailbox_elsewhere() {
    for elsewhere in ["https://evil.example/ms", "https://hub.example/admin", "http://hub.example/ms"] {
        // Also where the policy would open it: a link to one hub gives no mailbox at another.
        let mut world = World::new();
        world.policy = world.policy.clone().with_hub("https://evil.example").unwrap().with_hub("https://hub.example").unwrap();
        world.hub.state().reserves_at = Some(elsewhere);
        assert_eq!(world.code_of(one_key()), 8, "{elsewhere}");
        assert!(world.profiles().is_empty());
    }
}

#[test]
fn a_hub_that_is_no_longer_named_is_no_longer_opened() {
    let mut world = World::new();
    let profile = world.provisioned(&one_key());
    world.policy = DevicePolicy::new().with_hub("https://other.example").unwrap();
    let calls = world.hub.state().calls;
    assert!(matches!(world.poll(&profile), Err(DeviceError::Link(error)) if error.class() == Class::TargetRefused));
    assert_eq!(world.hub.state().calls, calls);
}

// ---- Rule 2: Own policy on key types, lengths, storage and overwriting; the hub can ask, not decide.

#[test]
fn policy_decides_on_types_and_lengths() {
    let mut world = World::new();
    for (prio, code) in [
        (("RSA", "1024", "RS256"), 4),
        (("RSA", "2047", "RS256"), 4),
        (("RSA", "512", "RS256"), 4),
        (("DSA", "2048", "RS256"), 4),
        (("RSA", "2048", "HS256"), 4),
        (("RSA", "2048", "none"), 4),
        (("EC", "256", "RS256"), 4),
        (("EC", "192", "ES256"), 4),
    ] {
        assert_eq!(world.code_of(provision(vec![key("signer", &[prio])])), code, "{prio:?}");
    }
    world.policy = world.policy.clone().with_min_rsa_bits(3072).with_curves(&[Curve::P384], false);
    for prio in [RSA2048, P256, ("OKP", "256", "EdDSA")] {
        assert_eq!(world.code_of(provision(vec![key("signer", &[prio])])), 8, "{prio:?}");
    }
    assert!(world.profiles().is_empty());
    assert!(world.asked.lock().unwrap().is_empty(), "the user is not asked for what is not done anyway");
    // The first that is taken, and one refused key refuses all.
    let profile = world.provisioned(&provision(vec![key("signer", &[RSA2048, P256, ("EC", "384", "ES384"), ("RSA", "3072", "RS256")])]));
    assert_eq!(profile.keys[0].public_key.bits(), 384);
    assert_eq!(world.code_of(provision(vec![key("one", &[("EC", "384", "ES384")]), key("two", &[P256])])), 8);
    assert_eq!(world.profiles().len(), 1);
}

#[test]
fn policy_decides_on_storage() {
    let world = World::new();
    let stored_in = |storages: &[&str]| {
        let mut request = key("signer", &[P256]);
        request.storage_prios = storages.iter().map(|storage| Storage::from(*storage)).collect();
        provision(vec![request])
    };
    assert_eq!(world.code_of(stored_in(&["TPM"])), 4);
    assert_eq!(world.code_of(stored_in(&[])), 4);
    assert_eq!(world.code_of(stored_in(&["TPM", "APP"])), 0);
    let mut strict = World::new();
    strict.policy = strict.policy.clone().with_storages(["TPM"]);
    assert_eq!(strict.code_of(stored_in(&["APP"])), 8);
}

#[test]
fn policy_decides_on_overwriting() {
    let mut world = World::new();
    let profile = world.provisioned(&one_key());
    assert_eq!(world.code_of(renewal(&profile.names.id)), 8);
    assert_eq!(world.code_of(renewal("another")), 5);
    let Response::Provision(response) = world.response_of(&profile, renewal(&profile.names.id).body) else { panic!() };
    assert_eq!(response.code, 8);
    assert_eq!(world.profiles(), std::slice::from_ref(&profile));

    world.policy = world.policy.clone().allow_overwriting();
    let mut somebody_elses = renewal(&profile.names.id);
    if let CommandBody::Provision(command) = &mut somebody_elses.body {
        command.user_id = String::from("userB");
    }
    assert_eq!(world.code_of(somebody_elses), 5);
    assert_eq!(world.profiles(), [profile]);
}

#[test]
fn a_renewal_by_the_profiles_own_mailbox_keeps_the_mailbox() {
    let mut world = World::new();
    world.policy = world.policy.clone().allow_overwriting();
    let old = world.provisioned(&one_key());
    for command in [renewal(&old.names.id), one_key()] {
        let Response::Provision(response) = world.response_of(&old, command.body.clone()) else { panic!() };
        assert_eq!(response.code, 0);
        let text = Answer::new("x", Response::Provision(response)).to_json();
        assert_eq!(world.verify(&command, &text).mailbox(), old.channel.address);
    }
    let [new] = &world.profiles()[..] else { panic!() };
    assert_eq!((&new.names.id, &new.channel), (&old.names.id, &old.channel));
    assert_ne!(new.keys[0].public_key, old.keys[0].public_key);
    assert!(matches!(world.asked.lock().unwrap()[1].action, Action::Overwrite { .. }));
}

#[test]
fn a_renewal_by_a_link_moves_the_profile_and_gives_the_old_mailbox_up() {
    let mut world = World::new();
    world.policy = world.policy.clone().allow_overwriting();
    let old = world.provisioned(&one_key());
    let new = world.provisioned(&renewal(&old.names.id));
    assert_eq!(world.profiles().len(), 1);
    assert_eq!(new.names.id, old.names.id);
    assert_ne!(new.channel, old.channel);
    assert!(!world.hub.state().mailboxes.contains_key(old.channel.address.rsplit('/').next().unwrap()));
}

#[test]
fn keys_that_nothing_will_ever_ask_for_are_removed() {
    let mut world = World::new();
    world.policy = world.policy.clone().allow_overwriting();
    let old = world.provisioned(&one_key());
    // A renewal hangs in the old mailbox while another one, by a link, moves the profile away from it.
    world.hub.post_to(&old.channel.address, renewal(&old.names.id));
    world.hub.state().failing.insert("answer", Class::Storage);
    assert!(world.poll(&old).is_err());
    world.hub.state().failing.clear();
    let new = world.provisioned(&renewal(&old.names.id));
    assert_eq!(run(world.store.all_pending()).unwrap().unwrap().len(), 1);
    run(world.device().run_once()).unwrap();
    world.nothing_is_left_over();
    assert_eq!(world.profiles(), [new]);
}

#[test]
fn a_link_into_a_mailbox_of_ones_own_reads_it_with_its_own_token() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let mid = world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), PingCommand::new(false)));
    let url = profile.channel.address.replace(':', "%3A").replace('/', "%2F");
    let events = world.activate(&format!("com.nexusgroup.plugout:///?url={url}&token=of-the-message")).unwrap();
    assert!(matches!(&events[..], [Event::Answered { code: 0, .. }]));
    assert!(world.hub.answer_to(&mid).is_some());
    world.nothing_is_left_over();
}

#[test]
fn without_the_users_consent_nothing_is_made() {
    let mut world = World::new();
    world.decision = Decision::Refuse;
    assert_eq!(world.code_of(one_key()), 1);
    assert!(world.profiles().is_empty());
}

// ---- Rule 3: Names from outside never become file names or paths as they are.

#[test]
fn names_from_outside_are_data_and_the_profiles_name_is_our_own() {
    let world = World::new();
    let mut command = provision(vec![key("../../etc/passwd", &[P256]), key("a\0b/\\..", &[P256])]);
    if let CommandBody::Provision(provision) = &mut command.body {
        provision.profile.name = String::from("../profile");
    }
    let profile = world.provisioned(&command);
    assert_eq!(profile.keys[0].key_id, "../../etc/passwd");
    assert_eq!(profile.names.id.len(), 36);
    assert!(profile.names.id.bytes().all(|octet| octet == b'-' || octet.is_ascii_hexdigit()));
    assert_eq!(&profile.names.id[14..15], "4");
}

// ---- Rule 4: Survive power loss at any point without a lost or orphaned key and without doing a command twice.

/// Runs `step` with a crash at every point, starts again until it is through, and checks.
fn crash_at_every_step(
    setting: impl Fn() -> World,
    first: impl Fn(&World) -> String,
    step: impl AsyncFn(&Agent, &str),
    check: impl Fn(&World),
) -> usize {
    for at in 0..500 {
        let world = setting();
        let what = first(&world);
        let crashed = run(step(&world.device_until(&Crash::at(at)), &what)).is_none();
        if crashed {
            // The second start may crash as well, somewhere.
            let _ = run(world.device_until(&Crash::at(at / 2)).run_once());
            for _ in 0..3 {
                let _ = run(world.device().run_once()).unwrap();
            }
            // A link that was not kept yet is opened again by the user; one that is done says so.
            if what.starts_with("com.") {
                let _ = world.activate(&what);
            }
        }
        world.nothing_is_left_over();
        check(&world);
        if !crashed {
            return at;
        }
    }
    panic!("no end");
}

/// Each message was answered with one text, however often it was sent.
fn answers_are_identical(world: &World) {
    let state = world.hub.state();
    for (mid, text) in &state.posted {
        assert!(state.posted.iter().all(|(other, repeat)| other != mid || repeat == text), "another answer to {mid}");
    }
}

#[test]
fn survives_power_loss_while_provisioning() {
    let steps = crash_at_every_step(
        World::new,
        |world| world.hub.post(one_key()).0,
        async |agent, link| drop(agent.activate(link).await),
        |world| {
            answers_are_identical(world);
            let [profile] = &world.profiles()[..] else { panic!("{:?}", world.profiles()) };
            assert_eq!(profile.keys.len(), 1);
            let state = world.hub.state();
            let command = state.mailboxes["b1"].messages[0].command.clone();
            let answer = state.mailboxes["b1"].messages[0].answer.clone().unwrap();
            let registered: Vec<_> = state.mailboxes.iter().filter(|(_, mailbox)| mailbox.registered).collect();
            assert_eq!(registered.len(), 1);
            assert!(profile.channel.address.ends_with(registered[0].0));
            drop(state);
            assert_eq!(world.verify(&command, &answer).keys()[0].public_key(), &profile.keys[0].public_key);
        },
    );
    assert!(steps > 20, "{steps}");
}

#[test]
fn survives_power_loss_while_refusing() {
    crash_at_every_step(
        || World { decision: Decision::Refuse, ..World::new() },
        |world| world.hub.post(one_key()).0,
        async |agent, link| drop(agent.activate(link).await),
        |world| {
            answers_are_identical(world);
            assert_eq!(world.code_in("b1"), 1);
            assert!(world.profiles().is_empty());
        },
    );
}

#[test]
fn survives_power_loss_while_installing_a_certificate() {
    crash_at_every_step(
        World::new,
        |world| {
            let command = one_key();
            let (link, bid) = world.hub.post(command.clone());
            world.activate(&link).unwrap();
            let profile = &world.profiles()[0];
            let certificates = certificates(world, &command, &world.hub.answer_in(&bid).unwrap());
            let delivery = delivery(&profile.names.id, &certificates);
            world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), delivery));
            profile.names.id.clone()
        },
        async |agent, profile_id| drop(agent.poll(profile_id, Duration::ZERO).await),
        |world| {
            answers_are_identical(world);
            assert!(world.profiles()[0].keys[0].certificate.is_some());
        },
    );
}

#[test]
fn survives_power_loss_while_overwriting() {
    for by_link in [true, false] {
        crash_at_every_step(
            || {
                let mut world = World::new();
                world.policy = world.policy.clone().allow_overwriting();
                world
            },
            |world| {
                let profile = world.provisioned(&one_key());
                if by_link {
                    return world.hub.post(renewal(&profile.names.id)).0;
                }
                world.hub.post_to(&profile.channel.address, renewal(&profile.names.id));
                profile.names.id
            },
            async |agent, what| {
                if what.starts_with("com.") { drop(agent.activate(what).await) } else { drop(agent.poll(what, Duration::ZERO).await) }
            },
            |world| {
                answers_are_identical(world);
                let [profile] = &world.profiles()[..] else { panic!() };
                let last = world.hub.state().posted.last().unwrap().1.clone();
                let Response::Provision(response) = Answer::from_json(&last).unwrap().response else { panic!() };
                let jws = response.result.unwrap().data;
                let payload = keyferry::jose::Jws::from_compact(&jws).unwrap();
                let payload: serde_json::Value = serde_json::from_slice(payload.unverified_payload()).unwrap();
                let own = keyferry::jose::Jws::from_compact(payload["profile"]["signedkeys"][0].as_str().unwrap()).unwrap();
                let jwk = keyferry::jose::Jwk::from_json(std::str::from_utf8(own.unverified_payload()).unwrap()).unwrap();
                assert_eq!(*jwk.public_key(), profile.keys[0].public_key, "the keys that the hub knows are those that are there");
                assert_eq!(payload["profile"]["boxurl"], *profile.channel.address);
                assert_eq!(profile.keys.len(), 1);
            },
        );
    }
}

#[test]
fn survives_power_loss_while_deleting_from_either_side() {
    for local in [true, false] {
        crash_at_every_step(
            World::new,
            |world| {
                let profile = world.provisioned(&one_key());
                if !local {
                    world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), DeleteCommand::new(None, true)));
                }
                profile.names.id
            },
            async |agent, profile_id| {
                if local { drop(agent.delete_profile(profile_id).await) } else { drop(agent.poll(profile_id, Duration::ZERO).await) }
            },
            |world| {
                if let [profile] = &world.profiles()[..] {
                    // Stopped before the first step: nothing has happened.
                    assert!(local && !profile.retired);
                } else {
                    assert!(world.hub.state().mailboxes.values().all(|mailbox| !mailbox.registered));
                }
            },
        );
    }
}

#[test]
fn a_repeat_sends_the_same_octets_and_does_nothing_again() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let mid = world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), PingCommand::new(true)));
    world.hub.state().failing.insert("answer", Class::Storage);
    assert!(world.poll(&profile).is_err_and(|error| error.is_retryable()));
    world.hub.state().failing.clear();
    let bid = profile.channel.address.rsplit('/').next().unwrap();
    // The command changes under the same id; what was answered stays answered.
    world.hub.state().mailboxes.get_mut(bid).unwrap().messages[0].command.body = DeleteCommand::new(None, true).into();
    world.poll(&profile).unwrap();
    assert!(matches!(world.hub.answer_to(&mid).unwrap().response, Response::Ping(_)));
    // And again, as if the hub had lost it.
    world.hub.state().mailboxes.get_mut(bid).unwrap().messages[0].answer = None;
    world.poll(&profile).unwrap();
    answers_are_identical(&world);
    assert_eq!(world.profiles().len(), 1);
}

#[test]
fn pending_keys_are_not_used_for_another_command_under_the_same_id() {
    let mut for_somebody_else = one_key();
    if let CommandBody::Provision(command) = &mut for_somebody_else.body {
        command.user_id = String::from("userB");
    }
    for other in [for_somebody_else, provision(vec![key("other", &[P256])])] {
        let world = World::new();
        let (link, bid) = world.hub.post(one_key());
        world.hub.state().failing.insert("reserve", Class::Storage);
        assert!(world.activate(&link).is_err());
        let before = run(world.store.all_pending()).unwrap().unwrap();
        world.hub.state().failing.clear();
        world.hub.state().mailboxes.get_mut(&bid).unwrap().messages[0].command = other.clone();
        run(world.device().run_once()).unwrap();
        assert_eq!(world.asked.lock().unwrap().len(), 2, "the user is asked for what is done");
        let verified = world.verify(&other, &world.hub.answer_in(&bid).unwrap());
        assert_ne!(verified.keys()[0].public_key(), &before[0].keys[0].public_key);
        world.nothing_is_left_over();
    }
}

// ---- Ends

#[test]
fn an_answer_that_comes_too_late_removes_the_new_keys() {
    let world = World::new();
    let (link, _) = world.hub.post(one_key());
    world.hub.state().failing.insert("answer", Class::Storage);
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
    world.policy = world.policy.clone().allow_overwriting();
    let profile = world.provisioned(&one_key());
    world.hub.post_to(&profile.channel.address, renewal(&profile.names.id));
    world.hub.state().failing.insert("answer", Class::Expired);
    assert!(matches!(&world.poll(&profile).unwrap()[..], [Event::Ended { .. }]));
    assert_eq!(world.profiles(), [profile]);
    world.nothing_is_left_over();
}

#[test]
fn an_answer_that_the_hub_refuses_removes_the_new_keys_and_says_so() {
    let world = World::new();
    let (link, _) = world.hub.post(one_key());
    world.hub.state().failing.insert("answer", Class::Attestation);
    assert!(matches!(world.activate(&link), Err(DeviceError::Rejected(error)) if error.class() == Class::Attestation));
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
            world.hub.state().failing.insert("answer", Class::Storage);
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
    world.policy = world.policy.clone().allow_overwriting();
    let profile = world.provisioned(&one_key());
    world.hub.post_to(&profile.channel.address, renewal(&profile.names.id));
    // Stopped between keys and answer, and meanwhile the integrator deletes the mailbox.
    for at in 0.. {
        let _ = run(world.device_until(&Crash::at(at)).poll(&profile.names.id, Duration::ZERO));
        if !run(world.store.all_pending()).unwrap().unwrap().is_empty() {
            break;
        }
    }
    for call in ["list", "answer", "fetch"] {
        world.hub.state().failing.insert(call, Class::Expired);
    }
    assert!(matches!(world.poll(&profile), Err(DeviceError::Hub(error)) if error.class() == Class::Expired));
    world.nothing_is_left_over();
    assert_eq!(world.profiles(), [profile]);
}

#[test]
fn a_message_that_another_device_claimed_is_left_alone() {
    let (world, other) = (World::new(), World::new());
    let (link, bid) = world.hub.post(one_key());
    world.hub.state().failing.insert("fetch", Class::Storage);
    assert!(world.activate(&link).is_err());
    world.hub.state().failing.clear();
    let other = World { hub: world.hub.clone(), ..other };
    assert!(matches!(other.activate(&link), Err(DeviceError::Hub(error)) if error.class() == Class::Conflict));
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
    assert!(matches!(world.activate("com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fnone&token=t"), Err(DeviceError::Hub(_))));
    world.nothing_is_left_over();
}

// ---- Certificates

#[test]
fn a_certificate_is_stored_only_if_it_carries_the_key_it_is_for_and_the_old_one_stays_until_then() {
    let world = World::new();
    let command = provision(vec![key("signer", &[P256]), key("login", &[P256])]);
    let (link, bid) = world.hub.post(command.clone());
    world.activate(&link).unwrap();
    let profile = world.profiles().remove(0);
    let good = certificates(&world, &command, &world.hub.answer_in(&bid).unwrap());
    let id = &*profile.names.id;
    let code = |command: CertificateCommand| {
        let Response::Certificate(response) = world.response_of(&profile, command) else { panic!() };
        response.code
    };
    assert_eq!(code(delivery(id, &good)), 0);
    let installed = world.profiles();

    let other = good[1].1.clone();
    let swapped = [(String::from("signer"), other.clone())];
    let half = [good[1].clone(), (String::from("signer"), other.clone())];
    assert_eq!(code(delivery(id, &swapped)), 6);
    assert_eq!(code(delivery(id, &half)), 6);
    assert_eq!(code(delivery(id, &[(String::from("nobody"), other)])), 3);
    assert_eq!(code(delivery("3051e9f3-0e4d-436b-a512-2e18d8afe134", &good)), 5);
    assert_eq!(code(CertificateCommand::new(id, vec![KeyCertificate::new("signer", "MIIB")])), 6);
    assert_eq!(code(CertificateCommand::new(id, Vec::new())), 99);
    assert_eq!(world.profiles(), installed);

    let mut inactive = delivery(id, &good[..1]);
    inactive.certificates[0].key_state = "INACTIVE".into();
    assert_eq!(code(inactive), 0);
    assert_eq!(world.profiles()[0].key("signer").unwrap().state, "INACTIVE");
}

// ---- Other commands

#[test]
fn answers_a_ping_with_what_was_asked() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let Response::Ping(told) = world.response_of(&profile, PingCommand::new(true)) else { panic!() };
    assert_eq!((told.code, told.device_info.unwrap().operating_system.as_str()), (0, "Linux"));
    assert_eq!(told.profile.unwrap().id, Some(profile.names.id.clone()));
    let Response::Ping(silent) = world.response_of(&profile, PingCommand::new(false)) else { panic!() };
    assert!(silent.device_info.is_none() && silent.profile.is_none());
}

#[test]
fn refuses_what_it_does_not_do_and_signs_nothing_for_it() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let sign =
        SignCommand::new(SignParams::new(vec![Item::base64("tbs", "text/plain", "eA==")], DataFormat::JWS, SignMechanism::CKM_SHA256_RSA_PKCS));
    let Response::Sign(response) = world.response_of(&profile, sign) else { panic!() };
    assert_eq!((response.code, response.result), (4, None));
    let unknown = CommandBody::Other { member: String::from("danceCommand"), value: KeptValue::new(&1).unwrap() };
    let Response::Other { member, value } = world.response_of(&profile, unknown) else { panic!() };
    assert_eq!((&*member, value.as_json()), ("danceResponse", r#"{"code":4}"#));
    let mut other_format = one_key();
    if let CommandBody::Provision(command) = &mut other_format.body {
        command.response_format = DataFormat::PKCS7;
    }
    assert_eq!(world.code_of(other_format), 4);
    // Through a link there is no profile to speak for.
    assert_eq!(world.code_of(Command::new(CommandHeader::new(60, 60), delivery(&profile.names.id, &[]))), 5);
    assert_eq!(world.code_of(Command::new(CommandHeader::new(60, 60), DeleteCommand::new(Some(profile.names.id.clone()), true))), 5);
    assert_eq!(world.profiles(), [profile]);
}

#[test]
fn deletes_a_profile_only_if_the_user_agrees() {
    let mut world = World::new();
    let profile = world.provisioned(&one_key());
    world.decision = Decision::Refuse;
    let Response::Delete(response) = world.response_of(&profile, DeleteCommand::new(None, true)) else { panic!() };
    assert_eq!(response.code, 1);
    let Response::Delete(response) = world.response_of(&profile, DeleteCommand::new(Some("another".into()), true)) else { panic!() };
    assert_eq!(response.code, 5);
    assert_eq!(world.profiles(), std::slice::from_ref(&profile));
    world.decision = Decision::Accept;
    world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), DeleteCommand::new(None, true)));
    let events = world.poll(&profile).unwrap();
    assert_eq!(events, [Event::Deleted { profile_id: profile.names.id.clone() }]);
    assert!(world.profiles().is_empty());
    assert!(matches!(world.poll(&profile), Err(DeviceError::Link(error)) if error.class() == Class::NotFound));
}

#[test]
fn one_message_that_cannot_be_read_does_not_keep_the_next_from_being_answered() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let broken = provision(Vec::new());
    let first = world.hub.post_to(&profile.channel.address, broken);
    let second = world.hub.post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), PingCommand::new(false)));
    let events = world.poll(&profile).unwrap();
    assert!(matches!(&events[..], [Event::Answered { code: 99, .. }, Event::Answered { command: Some(CommandKind::Ping), code: 0, .. }]));
    assert!(world.hub.answer_to(&first).is_some() && world.hub.answer_to(&second).is_some());
}

#[test]
fn secrets_are_not_shown_and_futures_can_be_sent() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let shown = format!("{:?} {:?} {:?} {profile:?}", world.device(), world.store, world.asked.lock().unwrap());
    assert!(!shown.contains(profile.channel.token.expose()));
    fn sendable<T: Send>(_: T) {}
    let agent = world.device();
    sendable(agent.activate(""));
    sendable(agent.run_once());
    sendable(agent.poll("", Duration::ZERO));
    fn shared<T: Send + Sync + 'static>() {}
    shared::<DeviceError>();
    shared::<Agent>();
}
