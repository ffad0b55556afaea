//! Certificate commands and all other commands.

use std::time::Duration;

use crate::device::support::{P256, World, ca, certificates, delivery, key, one_key, provision};
use keyferry::hermod::device::{Agent, Decision, DeviceError, Event};
use keyferry::hermod::model::{
    AuthenticateCommand, CertificateCommand, Command, CommandBody, CommandHeader, CommandKind,
    DataFormat, DeleteCommand, Item, KeyCertificate, PingCommand, Response, SignCommand,
    SignMechanism, SignParams,
};
use keyferry::json::RawJson;
use keyferry::{Certificate, Class};

#[test]
fn a_certificate_for_another_key_leaves_the_old_one() {
    let world = World::new();
    let command = provision(vec![key("signer", &[P256]), key("login", &[P256])]);
    let (link, bid) = world.hub.post(command.clone());
    world.activate(&link).unwrap();
    let profile = world.profiles().remove(0);
    let good = certificates(&world, &command, &world.hub.answer_in(&bid).unwrap());
    let id = &*profile.names.id;
    let code = |command: CertificateCommand| {
        let Response::Certificate(response) = world.response_of(&profile, command) else {
            panic!()
        };
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

#[test]
fn a_certificate_may_be_pem_and_its_chain_is_kept() {
    let world = World::new();
    let command = one_key();
    let (link, bid) = world.hub.post(command.clone());
    world.activate(&link).unwrap();
    let profile = world.profiles().remove(0);
    let (key_id, leaf) =
        certificates(&world, &command, &world.hub.answer_in(&bid).unwrap()).remove(0);
    let roots = [ca().certificate().clone(), ca().certificate().clone()];
    let install = |data: String| {
        let delivered = vec![KeyCertificate::new(&key_id, data)];
        let command = CertificateCommand::new(&profile.names.id, delivered);
        let Response::Certificate(response) = world.response_of(&profile, command) else {
            panic!()
        };
        response.code
    };
    let kept = || {
        let key = world.profiles()[0].key(&key_id).unwrap().clone();
        (key.certificate, key.chain)
    };
    let pem = |certificates: &[&Certificate]| -> String {
        certificates.iter().map(|certificate| certificate.to_pem()).collect()
    };
    let [first, second] = &roots;
    for text in [pem(&[&leaf, first, second]), pem(&[first, &leaf, second])] {
        assert_eq!(install(text), 0);
        assert_eq!(kept(), (Some(leaf.clone()), roots.to_vec()));
    }
    // Without a certificate for the key, or with two, the old one stays.
    for text in [pem(&[first, second]), pem(&[&leaf, first, &leaf])] {
        assert_eq!(install(text), 6);
        assert_eq!(kept(), (Some(leaf.clone()), roots.to_vec()));
    }
    // A certificate without a chain replaces one with a chain.
    for text in [pem(&[&leaf]), leaf.to_base64().replace('A', "\r\nA")] {
        assert_eq!(install(text), 0);
        assert_eq!(kept(), (Some(leaf.clone()), Vec::new()));
    }
}

#[test]
fn a_ping_is_answered_with_the_requested_data() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let Response::Ping(told) = world.response_of(&profile, PingCommand::new(true)) else {
        panic!()
    };
    assert_eq!((told.code, told.device_info.unwrap().operating_system.as_str()), (0, "Linux"));
    assert_eq!(told.profile.unwrap().id, Some(profile.names.id.clone()));
    let Response::Ping(silent) = world.response_of(&profile, PingCommand::new(false)) else {
        panic!()
    };
    assert!(silent.device_info.is_none() && silent.profile.is_none());
}

#[test]
fn an_unsupported_command_is_refused_without_a_signature() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let raw = SignMechanism::from_static("CKM_RSA_PKCS");
    let sign = SignCommand::new(SignParams::new(
        vec![Item::base64("tbs", "text/plain", "eA==")],
        DataFormat::JWS,
        raw,
    ));
    let Response::Sign(response) = world.response_of(&profile, sign) else { panic!() };
    assert_eq!((response.code, response.result), (4, None));
    let unknown = CommandBody::Other {
        member: String::from("danceCommand"),
        value: RawJson::new(&1).unwrap(),
    };
    let Response::Other { member, value } = world.response_of(&profile, unknown) else { panic!() };
    assert_eq!((&*member, value.as_json()), ("danceResponse", r#"{"code":4}"#));
    let mut other_format = one_key();
    if let CommandBody::Provision(command) = &mut other_format.body {
        command.response_format = DataFormat::PKCS7;
    }
    assert_eq!(world.code_of(other_format), 4);
    // A command by link has no profile.
    assert_eq!(
        world.code_of(Command::new(CommandHeader::new(60, 60), delivery(&profile.names.id, &[]))),
        5
    );
    assert_eq!(
        world.code_of(Command::new(
            CommandHeader::new(60, 60),
            DeleteCommand::new(Some(profile.names.id.clone()), true)
        )),
        5
    );
    assert_eq!(world.profiles(), [profile]);
}

#[test]
fn an_unresolved_content_id_is_not_signed_or_shown() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let id = || Item::content_id("tbs", "AUTH:1");
    let mechanism = || SignMechanism::from_static("CKM_ECDSA_SHA256");
    let mut described = SignParams::new(
        vec![Item::base64("tbs", "text/plain", "eA==")],
        DataFormat::JWS,
        mechanism(),
    );
    described.description = Some(vec![id()]);
    for params in [SignParams::new(vec![id()], DataFormat::JWS, mechanism()), described] {
        let Response::Authenticate(response) =
            world.response_of(&profile, AuthenticateCommand::new(params))
        else {
            panic!()
        };
        assert_eq!((response.code, response.result), (4, None));
    }
    assert_eq!(world.asked.lock().unwrap().len(), 1, "that the profile was made, and nothing else");
}

#[test]
fn deletes_a_profile_only_if_the_user_agrees() {
    let mut world = World::new();
    let profile = world.provisioned(&one_key());
    world.decision = Decision::Refuse;
    let Response::Delete(response) = world.response_of(&profile, DeleteCommand::new(None, true))
    else {
        panic!()
    };
    assert_eq!(response.code, 1);
    let Response::Delete(response) =
        world.response_of(&profile, DeleteCommand::new(Some("another".into()), true))
    else {
        panic!()
    };
    assert_eq!(response.code, 5);
    assert_eq!(world.profiles(), std::slice::from_ref(&profile));
    world.decision = Decision::Accept;
    world.hub.post_to(
        &profile.channel.address,
        Command::new(CommandHeader::new(60, 60), DeleteCommand::new(None, true)),
    );
    let events = world.poll(&profile).unwrap();
    assert_eq!(events, [Event::Deleted { profile_id: profile.names.id.clone() }]);
    assert!(world.profiles().is_empty());
    assert!(
        matches!(world.poll(&profile), Err(DeviceError::Link(error)) if error.class() == Class::NotFound)
    );
}

#[test]
fn an_unreadable_message_does_not_block_the_next() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let broken = provision(Vec::new());
    let first = world.hub.post_to(&profile.channel.address, broken);
    let second = world.hub.post_to(
        &profile.channel.address,
        Command::new(CommandHeader::new(60, 60), PingCommand::new(false)),
    );
    let events = world.poll(&profile).unwrap();
    assert!(matches!(
        &events[..],
        [
            Event::Answered { code: 99, .. },
            Event::Answered { command: Some(CommandKind::Ping), code: 0, .. }
        ]
    ));
    assert!(world.hub.answer_to(&first).is_some() && world.hub.answer_to(&second).is_some());
}

#[test]
fn secrets_are_not_shown_and_futures_can_be_sent() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let shown = format!("{:?} {:?} {profile:?}", world.device(), world.asked.lock().unwrap());
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
