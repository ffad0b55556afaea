//! Which key a filter lets answer.

use keyferry::hermod::device::Action;
use keyferry::hermod::model::{DataFormat, Filter, SignCommand};

use crate::signing::support::*;
use crate::support::world;

/// The key that signs with that filter, or the code of the refusal.
async fn chosen(scene: &Scene, mechanism: &'static str, filter: &str) -> Result<String, i64> {
    let mut params = params(DataFormat::JWS, mechanism);
    params.filter = Some(read_filter(filter));
    match scene.code(params).await {
        0 => match scene.question().action {
            Action::Sign(signing) => Ok(signing.key_id),
            other => panic!("{other:?}"),
        },
        code => Err(code),
    }
}

/// Reads a filter by way of the command that it stands in.
fn read_filter(filter: &str) -> Filter {
    let command =
        format!(r#"{{"params":{{"tbs":[],"format":"jws","mechanism":"m","filter":{filter}}}}}"#);
    SignCommand::from_json(&command).unwrap().params.filter.unwrap()
}

fn eq(param: &str, value: &str) -> String {
    format!(r#"{{"op":"eq","param":"{param}","value":"{value}"}}"#)
}

#[tokio::test]
async fn each_parameter_is_looked_at() {
    let scene =
        Scene::with(vec![world::key("a", world::P256), world::raw_key("b", world::P256)]).await;
    let profile = scene.profile().await;
    let certificate = profile.key("a").unwrap().certificate.clone().unwrap();
    let serial: String =
        certificate.serial_number().iter().map(|byte| format!("{byte:02X}:")).collect();
    let upper = profile.names.id.to_ascii_uppercase();
    for (param, value, expected) in [
        ("key.id", "b", Ok("b")),
        ("key.id", "B", Err(3)),
        ("key.type", "EC", Ok("a")),
        ("key.type", "RSA", Err(3)),
        ("key.usage", "sig", Ok("a")),
        ("key.usage", "AUTH", Err(3)),
        ("key.state", "active", Ok("a")),
        ("key.state", "INACTIVE", Err(3)),
        ("profile.id", &upper, Ok("a")),
        ("profile.id", "3051e9f3-0e4d-436b-a512-2e18d8afe134", Err(3)),
        ("cert.issuer", "CN=Root,O=Acme", Ok("a")),
        ("cert.issuer", "cn=root, o=acme", Ok("a")),
        ("cert.issuer", "CN=Root", Err(3)),
        ("cert.issuer", "O=Acme,CN=Root", Err(3)),
        ("cert.issuer", "commonName=Root,2.5.4.10=Acme", Ok("a")),
        // A UniversalString, and blanks that do not count.
        ("cert.issuer", "CN=#1c0800000052,O=Acme", Err(3)),
        ("cert.issuer", "CN=#1c10000000520000006f0000006f00000074,O=Acme", Ok("a")),
        ("cert.subject", "CN=\\\\20Jane\\\\20\\\\20,  O=ACME", Ok("a")),
        ("cert.subject", "CN=Jane\\\\, O=Acme", Err(3)),
        ("cert.subject", "CN=Jane,O=Acme", Ok("a")),
        ("cert.subject", "CN=Joe,O=Acme", Err(3)),
        ("cert.serial", serial.trim_end_matches(':'), Ok("a")),
        ("cert.serial", "00", Err(3)),
        ("key.colour", "red", Err(3)),
    ] {
        assert_eq!(
            chosen(&scene, P256, &eq(param, value)).await,
            expected.map(String::from),
            "{param} {value}"
        );
    }
}

#[tokio::test]
async fn operators_combine_and_unknown_terms_match_nothing() {
    let scene = scene().await;
    let id = |id| eq("key.id", id);
    let odd = r#"{"op":"like","param":"key.id","value":"p%"}"#;
    let raw = eq("key.colour", "red");
    for (filter, expected) in [
        (r#"{"op":"ne","param":"key.id","value":"rsa"}"#.to_owned(), Ok("p256")),
        (r#"{"op":"ne","param":"key.id","value":"p256"}"#.to_owned(), Err(4)),
        (r#"{"op":"in","param":"key.id","value":["rsa","p256"]}"#.to_owned(), Ok("p256")),
        (r#"{"op":"in","param":"key.id","value":[]}"#.to_owned(), Err(3)),
        (r#"{"op":"ne","param":"cert.issuer","value":"no name"}"#.to_owned(), Err(3)),
        (r#"{"op":"in","param":"key.id","value":"p256"}"#.to_owned(), Err(3)),
        (r#"{"op":"in","param":"key.id","value":["p256",1]}"#.to_owned(), Err(3)),
        (format!(r#"{{"op":"and","args":[{},{}]}}"#, id("p256"), eq("key.type", "EC")), Ok("p256")),
        (format!(r#"{{"op":"and","args":[{},{}]}}"#, id("p256"), eq("key.type", "RSA")), Err(3)),
        (format!(r#"{{"op":"or","args":[{},{}]}}"#, id("nobody"), id("p256")), Ok("p256")),
        (format!(r#"{{"op":"not","args":[{}]}}"#, id("rsa")), Ok("p256")),
        (format!(r#"{{"op":"not","args":[{},{}]}}"#, id("rsa"), id("p384")), Err(3)),
        (r#"{"op":"and","args":[]}"#.to_owned(), Err(3)),
        (r#"{"op":"or"}"#.to_owned(), Err(3)),
        // What is not known matches nothing, negated or not.
        (odd.to_owned(), Err(3)),
        (format!(r#"{{"op":"not","args":[{odd}]}}"#), Err(3)),
        (format!(r#"{{"op":"not","args":[{raw}]}}"#), Err(3)),
        (r#"{"op":"ne","param":"key.colour","value":"red"}"#.to_owned(), Err(3)),
        (format!(r#"{{"op":"and","args":[{},{odd}]}}"#, id("p256")), Err(3)),
        (format!(r#"{{"op":"or","args":[{},{odd}]}}"#, id("p256")), Ok("p256")),
        (
            format!(r#"{{"op":"not","args":[{{"op":"and","args":[{},{odd}]}}]}}"#, id("rsa")),
            Ok("p256"),
        ),
        (r#"{"op":"eq","param":"key.id"}"#.to_owned(), Err(3)),
        (r#"{"op":"eq","param":"key.id","value":7}"#.to_owned(), Err(3)),
        (r#"{"op":"eq","value":"p256"}"#.to_owned(), Err(3)),
    ] {
        assert_eq!(chosen(&scene, P256, &filter).await, expected.map(String::from), "{filter}");
    }
}

#[tokio::test]
async fn a_property_that_a_key_lacks_matches_nothing() {
    let scene = raw_scene().await;
    for op in ["eq", "ne"] {
        let filter = format!(r#"{{"op":"{op}","param":"cert.subject","value":"CN=Jane"}}"#);
        assert_eq!(chosen(&scene, P256, &filter).await, Err(3), "{op}");
    }
}

#[tokio::test]
async fn a_link_searches_all_profiles_and_the_filter_may_name_one() {
    let scene = raw_scene().await;
    scene.provision(vec![world::raw_key("second", world::P256)]).await;
    let profiles = scene.world.profiles().await;
    let sign = |filter: Option<&str>| {
        let mut params = params(DataFormat::JWS, P256);
        params.filter = filter.map(read_filter);
        SignCommand::new(params)
    };
    for (filter, expected) in [
        (None, &profiles[0]),
        (Some(eq("profile.id", &profiles[1].names.id)), &profiles[1]),
        (Some(eq("key.id", "second")), &profiles[1]),
    ] {
        assert_eq!(scene.response(None, sign(filter.as_deref())).await.code, 0);
        let question = scene.question();
        let Action::Sign(signing) = question.action else { panic!() };
        assert_eq!(
            (&signing.profile_id, question.user_id.as_str()),
            (&expected.names.id, world::USER)
        );
    }
    // The mailbox of a profile is about that profile.
    let mailbox = scene.destinations().await[2].clone();
    assert_eq!(
        scene.response(mailbox, sign(Some(&eq("profile.id", &profiles[1].names.id)))).await.code,
        3
    );
}
