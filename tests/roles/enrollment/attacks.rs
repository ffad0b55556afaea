//! Attacks on an enrollment by a writer of its store, a hub or a device.

use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::integrator::{Enrollment, EventOutcome, Next};
use keyferry::hermod::model::{
    Callback, Command, CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest,
    ProvisionCommand,
};
use keyferry::hermod::proof::{Expectation, Verifier};
use keyferry::json::UnknownMembers;
use serde_json::{Value, json};

const COMMAND: &str = include_str!("../../fixtures/hermod/provision-command.json");
const CALLBACK: &str = include_str!("../../fixtures/hermod/provision-callback.json");

/// The captured journey with its answer.
fn captured() -> Enrollment {
    let mut enrollment = Enrollment::from_command(Command::from_json(COMMAND).unwrap()).unwrap();
    enrollment.sending(&Command::from_json(COMMAND).unwrap()).unwrap();
    assert_eq!(enrollment.received(&Callback::from_json(CALLBACK).unwrap()), Ok(EventOutcome::New));
    enrollment
}

/// The stored form of the journey with a change.
fn stored(change: impl FnOnce(&mut Value)) -> String {
    let mut stored: Value = serde_json::from_str(&captured().to_json()).unwrap();
    change(&mut stored);
    stored.to_string()
}

#[test]
fn a_stored_enrollment_delivers_certificates_and_nothing_else() {
    assert!(matches!(Enrollment::from_json(&stored(|_| {})).unwrap().next(), Next::Prove));
    let header = json!({"lifespan": 60, "timeout": 60, "externalId": "my-id", "to": ["@userA"]});
    let certificate = json!({"profileid": "p", "certificates": [{"keyid": "signer", "keystate": "ACTIVE", "data": "MIID"}]});
    for command in [
        json!({"commandHeader": header, "deleteCommand": {}}),
        json!({"commandHeader": header, "provCommand": serde_json::from_str::<Value>(COMMAND).unwrap()["provCommand"]}),
        // The commands are of another journey, for another user, for a temporary mailbox, for a key
        // that was not requested, and without a valid certificate.
        json!({"commandHeader": {"lifespan": 60, "timeout": 60, "externalId": "other", "to": header["to"]}, "certCommand": certificate}),
        json!({"commandHeader": {"lifespan": 60, "timeout": 60, "externalId": "my-id", "to": ["@other"]}, "certCommand": certificate}),
        json!({"commandHeader": {"lifespan": 60, "timeout": 60, "externalId": "my-id"}, "certCommand": certificate}),
        json!({"commandHeader": header, "certCommand": {"profileid": "p", "certificates": []}}),
        json!({"commandHeader": header, "certCommand": certificate}),
    ] {
        let text = stored(|stored| {
            stored["certificate"] = json!({"command": command.to_string(), "sent": false})
        });
        let error = Enrollment::from_json(&text).expect_err(&command.to_string());
        assert_eq!(error.class(), Class::Malformed, "{error}");
    }
}

fn key(id: &str) -> KeyGenRequest {
    KeyGenRequest::new(id, KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")])
}

/// A journey that could be stored and not be read again would be lost with the process.
#[test]
fn whatever_an_enrollment_takes_survives_being_stored() {
    let begin = |profile: ProfileRequest| {
        Enrollment::begin(&AwsLcRs, CommandHeader::new(60, 60), "userA", profile)
    };
    let image = json!({"data": "x".repeat(3 * 1024 * 1024)});
    let mut pictures = ProfileRequest::new("Example", "A", vec![key("signer")]);
    pictures.visual_data = Some(
        serde_json::from_value(json!({"profileCard": {"front": image, "back": image}})).unwrap(),
    );
    let many = (0..17).map(|at| key(&format!("k{at}"))).collect();
    let long = ProfileRequest::new("Example", "A".repeat(100_000), vec![key("signer")]);
    let mut twice = ProfileRequest::new("Example", "A", vec![key("signer")]);
    twice.extra.insert("name", &"B").unwrap();
    for profile in [pictures, ProfileRequest::new("Example", "A", many), long, twice] {
        match begin(profile) {
            Ok(enrollment) => drop(
                Enrollment::from_json(&enrollment.to_json())
                    .expect("what was taken can be read again"),
            ),
            Err(error) => {
                assert!(matches!(error.class(), Class::Malformed | Class::TooLarge), "{error}")
            }
        }
    }

    // A callback of a hub in the same process is not parsed from text.
    let mut enrollment = Enrollment::from_command(Command::from_json(COMMAND).unwrap()).unwrap();
    let mut callback = Callback::from_json(CALLBACK).unwrap();
    let mut extra = UnknownMembers::new();
    extra.insert("commandId", &"1").unwrap();
    callback.extra = extra;
    assert_eq!(enrollment.received(&callback).unwrap_err().class(), Class::Malformed);
    assert!(Enrollment::from_json(&enrollment.to_json()).is_ok());
}

/// Nonces should be fresh; if they are not, the command decides.
#[test]
fn an_expectation_of_another_command_proves_nothing() {
    let enrollment = captured();
    let mut weaker = Command::from_json(COMMAND).unwrap();
    let keyferry::hermod::model::CommandBody::Provision(provision) = &mut weaker.body else {
        panic!()
    };
    let provision: &mut ProvisionCommand = provision;
    provision.profile.key_gen_requests[0]
        .key_type_prios
        .push(KeyTypePrio::new("EC", "256", "ES256"));
    let weaker = Expectation::from_command(provision).unwrap();
    let verifier = Verifier::danger_unpinned(AwsLcRs);
    assert!(enrollment.prove(&verifier, &weaker).is_err());
    assert!(enrollment.prove(&verifier, &enrollment.expectation().unwrap()).is_ok());
}

/// A callback may come before the answer to the POST; both name one and the same command.
#[test]
fn an_answer_and_its_callback_name_one_command() {
    let mut enrollment = captured();
    let text = r#"{"commandId":"1","externalId":"my-id","destinations":[],"commandType":"PROV","state":"IN_PROGRESS","fqdn":"h"}"#;
    let submitted = keyferry::hermod::model::Submitted::from_json(text).unwrap();
    assert_eq!(enrollment.submitted(&submitted).unwrap_err().class(), Class::Conflict);
    assert!(Enrollment::from_json(&enrollment.to_json()).is_ok());
}
