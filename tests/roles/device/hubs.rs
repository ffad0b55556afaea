//! Rule 1: check the hub's identity before sending anything; open only hosts it was set up for. And
//! the journey where all is well.

use crate::device::support::{
    P256, RSA2048, World, certificates, delivery, key, one_key, provision,
};
use crate::support::fake_hub::PUBLIC;
use keyferry::Class;
use keyferry::hermod::device::{Action, DeviceError, DevicePolicy, Event};
use keyferry::hermod::model::Response;

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
        assert_eq!(
            (verified.key_id(), verified.public_key()),
            (&*stored.key_id, &stored.public_key)
        );
    }
    let question = &world.asked.lock().unwrap()[0];
    assert_eq!(
        (&question.action, &*question.hub, &*question.user_id),
        (&Action::Create, PUBLIC, "userA")
    );
    assert_eq!(
        (&*question.profile_name, &*question.server_name, question.keys.len()),
        ("Profile", "Example", 2)
    );

    let certificates = certificates(&world, &command, &answer);
    let Response::Certificate(response) =
        world.response_of(profile, delivery(&profile.names.id, &certificates))
    else {
        panic!()
    };
    assert_eq!(response.code, 0);
    for (key_id, certificate) in &certificates {
        assert_eq!(
            world.profiles()[0].key(key_id).unwrap().certificate.as_ref(),
            Some(certificate)
        );
    }
    world.nothing_is_left_over();
}

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
        let link = format!(
            "com.nexusgroup.plugout:///?url={}&token=t",
            url.replace(':', "%3A").replace('/', "%2F")
        );
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
    assert_eq!(
        DevicePolicy::new().with_hub("http://127.0.0.1/ms").unwrap_err().class(),
        Class::TargetRefused
    );
    let policy = DevicePolicy::new().danger_with_plain_hub("http://127.0.0.1:8080/ms").unwrap();
    assert!(policy.check_address("http://127.0.0.1:8080/ms/b1").is_ok());
    assert!(policy.check_address("http://127.0.0.1:8081/ms/b1").is_err());
}

#[test]
fn takes_no_mailbox_elsewhere() {
    for elsewhere in
        ["https://evil.example/ms", "https://hub.example/admin", "http://hub.example/ms"]
    {
        // Also where the policy would open it: a link to one hub gives no mailbox at another.
        let mut world = World::new();
        world.policy = world
            .policy
            .clone()
            .with_hub("https://evil.example")
            .unwrap()
            .with_hub("https://hub.example")
            .unwrap();
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
    assert!(
        matches!(world.poll(&profile), Err(DeviceError::Link(error)) if error.class() == Class::TargetRefused)
    );
    assert_eq!(world.hub.state().calls, calls);
}
