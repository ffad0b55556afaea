//! Rules 2 and 3: the device's policy decides on key types, lengths, storage and overwriting,
//! whatever the hub asks; outside names never become file names or paths unchanged.

use std::sync::Arc;

use crate::device::support::{P256, RSA2048, World, key, one_key, provision, renewal};
use crate::support::crash::{Crash, run};
use crate::support::fake_hub::FakeHub;
use keyferry::Class;
use keyferry::crypto::{Curve, aws_lc_rs::AwsLcRs};
use keyferry::hermod::device::{
    Action, Agent, Decision, DevicePolicy, Event, InProcessConnector, Question,
};
use keyferry::hermod::model::{
    Answer, Command, CommandBody, CommandHeader, PingCommand, Response, Storage,
};
use keyferry::keys::MemoryKeyStore;

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
    assert!(
        world.asked.lock().unwrap().is_empty(),
        "the user is not asked for what is not done anyway"
    );
    // The first accepted type is chosen, and one refused key refuses the command.
    let profile = world.provisioned(&provision(vec![key(
        "signer",
        &[RSA2048, P256, ("EC", "384", "ES384"), ("RSA", "3072", "RS256")],
    )]));
    assert_eq!(profile.keys[0].public_key.bits(), 384);
    assert_eq!(
        world.code_of(provision(vec![key("one", &[("EC", "384", "ES384")]), key("two", &[P256])])),
        8
    );
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
fn a_device_says_in_its_answer_where_it_keeps_each_key() {
    let world = World::new();
    let mut request = key("signer", &[P256]);
    request.storage_prios = vec![Storage::from("TPM"), Storage::APP];
    let command = provision(vec![request]);
    let (link, bid) = world.hub.post(command.clone());
    world.activate(&link).unwrap();
    let answer = world.hub.answer_in(&bid).unwrap();
    assert_eq!(world.verify(&command, &answer).keys()[0].claimed_storage(), Some("APP"));
}

#[test]
fn policy_decides_on_overwriting() {
    let mut world = World::new();
    let profile = world.provisioned(&one_key());
    assert_eq!(world.code_of(renewal(&profile.names.id)), 8);
    assert_eq!(world.code_of(renewal("another")), 5);
    let Response::Provision(response) =
        world.response_of(&profile, renewal(&profile.names.id).body)
    else {
        panic!()
    };
    assert_eq!(response.code, 8);
    assert_eq!(world.profiles(), std::slice::from_ref(&profile));

    world.policy = world.policy.clone().danger_allow_overwriting();
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
    world.policy = world.policy.clone().danger_allow_overwriting();
    let old = world.provisioned(&one_key());
    for command in [renewal(&old.names.id), one_key()] {
        let Response::Provision(response) = world.response_of(&old, command.body.clone()) else {
            panic!()
        };
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
fn a_renewal_by_link_moves_the_profile_to_a_new_mailbox() {
    let mut world = World::new();
    world.policy = world.policy.clone().danger_allow_overwriting();
    let old = world.provisioned(&one_key());
    let new = world.provisioned(&renewal(&old.names.id));
    assert_eq!(world.profiles().len(), 1);
    assert_eq!(new.names.id, old.names.id);
    assert_ne!(new.channel, old.channel);
    assert!(
        !world.hub.state().mailboxes.contains_key(old.channel.address.rsplit('/').next().unwrap())
    );
}

#[test]
fn keys_that_nothing_will_ever_ask_for_are_removed() {
    let mut world = World::new();
    world.policy = world.policy.clone().danger_allow_overwriting();
    let old = world.provisioned(&one_key());
    // A renewal waits in the old mailbox while another one, by link, moves the profile to a new
    // mailbox.
    world.hub.post_to(&old.channel.address, renewal(&old.names.id));
    world.hub.state().failing.insert("answer", Class::Unavailable);
    assert!(world.poll(&old).is_err());
    world.hub.state().failing.clear();
    let new = world.provisioned(&renewal(&old.names.id));
    assert_eq!(run(world.store.all_pending()).unwrap().unwrap().len(), 1);
    run(world.device().run_once()).unwrap();
    world.nothing_is_left_over();
    assert_eq!(world.profiles(), [new]);
}

#[test]
fn a_link_to_a_known_mailbox_uses_the_stored_token() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let mid = world.hub.post_to(
        &profile.channel.address,
        Command::new(CommandHeader::new(60, 60), PingCommand::new(false)),
    );
    let url = profile.channel.address.replace(':', "%3A").replace('/', "%2F");
    let events = world
        .activate(&format!("com.nexusgroup.plugout:///?url={url}&token=of-the-message"))
        .unwrap();
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

#[test]
fn outside_names_are_data_and_profile_ids_are_local() {
    let world = World::new();
    let mut command = provision(vec![key("../../etc/passwd", &[P256]), key("a\0b/\\..", &[P256])]);
    if let CommandBody::Provision(provision) = &mut command.body {
        provision.profile.name = String::from("../profile");
    }
    let profile = world.provisioned(&command);
    assert_eq!(profile.keys[0].key_id, "../../etc/passwd");
    assert_eq!(profile.names.id.len(), 36);
    assert!(profile.names.id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()));
    assert_eq!(&profile.names.id[14..15], "4");
}

#[test]
fn a_builder_names_the_missing_value() {
    let parts = ["key_store", "connector", "consent", "attestation_key", "policy"];
    for missing in parts {
        let mut builder = Agent::builder(Arc::new(AwsLcRs));
        for part in parts.iter().filter(|part| **part != missing) {
            builder = match *part {
                "key_store" => {
                    builder.with_key_store(Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs))))
                }
                "connector" => builder
                    .with_connector(Arc::new(InProcessConnector(FakeHub::new(Crash::never())))),
                "consent" => builder.with_consent(Arc::new(|_: &Question| Decision::Refuse)),
                "policy" => builder.with_policy(DevicePolicy::new()),
                _ => builder.with_attestation_key(World::new().attestation),
            };
        }
        let error = builder.build().unwrap_err();
        assert_eq!((error.class(), error.part()), (Class::Malformed, missing));
    }
}
