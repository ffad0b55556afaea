//! The form of each call, and what comes back.

use std::time::Duration;

use http::Method;
use keyferry::hermod::model::{
    CertificateCommand, Command, CommandBody, CommandHeader, CommandKind, PingCommand,
    ProfileRequest, ProvisionCommand,
};
use keyferry::transport::{ExchangeLimits, StatusError, TransportError, TransportErrorKind};
use keyferry::{Class, Secret};

use crate::client::support::*;
use crate::support::world::{P256, key, refused};

fn bodies() -> Vec<(&'static str, CommandBody)> {
    let read = |member: &str, params: &str| {
        let text =
            format!(r#"{{"commandHeader":{{"lifespan":60,"timeout":60}},"{member}":{params}}}"#);
        Command::from_json(&text).unwrap().body
    };
    let params = r#"{"params":{"tbs":[],"format":"jws","mechanism":"m"}}"#;
    let bodies = vec![
        (
            "provision",
            ProvisionCommand::new(
                "n",
                "userA",
                ProfileRequest::new("Acme", "Jane", vec![key("signer", P256)]),
            )
            .into(),
        ),
        ("certificate", CertificateCommand::new("p", vec![]).into()),
        ("authenticate", read("authCommand", params)),
        ("sign", read("signCommand", params)),
        ("ping", PingCommand::new(true).into()),
        ("startpinreset", read("spinCommand", "{}")),
        ("endpinreset", read("epinCommand", r#"{"encryptednonce":"x"}"#)),
        ("delete", read("deleteCommand", "{}")),
    ];
    // The list is whole.
    for kind in CommandKind::ALL {
        assert!(
            bodies.iter().any(|(_, body): &(_, CommandBody)| body.kind() == Some(*kind)),
            "{kind:?}"
        );
    }
    bodies
}

#[test]
fn every_command_is_posted_to_its_path_with_the_key() {
    for (path, body) in bodies() {
        both(
            || vec![answer(200, SUBMITTED)],
            |clients| {
                let command = Command::new(CommandHeader::new(60, 60), body.clone());
                let submitted = clients.submit(command.clone()).unwrap();
                assert_eq!(submitted.command_id, "688");
                let [seen] = &clients.script.seen()[..] else { panic!() };
                assert_eq!(
                    (&seen.method, seen.uri.as_str()),
                    (&Method::POST, format!("{COMMANDS}/{path}").as_str())
                );
                assert_eq!(seen.header("x-api-key"), "c2hvcDpzM2NyZXQ=");
                assert!(seen.headers["x-api-key"].is_sensitive());
                assert_eq!(seen.header("content-type"), "application/json");
                assert_eq!(seen.body, command.to_json());
                assert_eq!(seen.limits, ExchangeLimits::default());
            },
        );
    }
}

#[test]
fn a_poll_gets_the_command_by_its_id_and_no_other_path() {
    for (id, path) in [("688", "688"), ("a/b?c", "a%2Fb%3Fc"), ("..", "%252E%252E")] {
        both(
            || vec![answer(200, COMPLETED)],
            |clients| {
                assert_eq!(clients.poll(id).unwrap().state.as_str(), "COMPLETED");
                let [seen] = &clients.script.seen()[..] else { panic!() };
                assert_eq!(
                    (&seen.method, seen.uri.as_str()),
                    (&Method::GET, format!("{COMMANDS}/poll/{path}").as_str())
                );
                assert_eq!(seen.header("x-api-key"), "c2hvcDpzM2NyZXQ=");
            },
        );
    }
}

#[test]
fn the_calls_of_a_device_have_their_form_with_token_and_claim() {
    for (at, (call, answered, method, path, body)) in [
        ("list", r#"{"messages":[]}"#, Method::GET, "/b1?wait=0", ""),
        ("fetch", MESSAGE, Method::GET, "/b1/m1", ""),
        ("answer", "{}", Method::POST, "/b1/m1", ANSWER),
        ("reserve", RESERVED, Method::POST, "", "{}"),
        ("remove", "", Method::DELETE, "/b1", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let status = [200, 200, 200, 201, 204][at];
        both(
            || vec![answer(status, answered)],
            |clients| {
                let (_, made, _) =
                    REPEATABLE.iter().chain(ONCE).find(|(name, ..)| *name == call).unwrap();
                made(&clients).unwrap();
                let [seen] = &clients.script.seen()[..] else { panic!() };
                assert_eq!(
                    (&seen.method, seen.uri.as_str()),
                    (&method, format!("{PUBLIC}{path}").as_str()),
                    "{call}"
                );
                assert_eq!(
                    (seen.header("authorization"), seen.header("x-claim")),
                    ("Bearer t0ken", "c1aim")
                );
                assert!(
                    seen.headers["authorization"].is_sensitive()
                        && seen.headers["x-claim"].is_sensitive()
                );
                assert_eq!(seen.body, body);
            },
        );
    }
}

#[test]
fn a_name_from_outside_leads_to_no_other_address() {
    both(
        || vec![answer(200, MESSAGE)],
        |clients| {
            clients.fetch("../../command/ping?x=").unwrap();
            assert_eq!(
                clients.script.seen()[0].uri,
                format!("{PUBLIC}/b1/..%2F..%2Fcommand%2Fping%3Fx%3D")
            );
        },
    );
}

#[test]
fn what_comes_back_is_what_was_sent() {
    both(
        || vec![answer(200, MESSAGE)],
        |clients| {
            let message = clients.fetch("m1").unwrap();
            assert_eq!(
                (message.header.mid.as_str(), message.body.kind()),
                ("m1", Some(CommandKind::Ping))
            );
        },
    );
    both(
        || vec![answer(201, RESERVED)],
        |clients| {
            let reserved = clients.reserve().unwrap();
            assert_eq!((reserved.bid.as_str(), reserved.token), ("b2", Secret::new("t2")));
        },
    );
}

// ---- Refusals

#[test]
fn a_foreign_refusal_keeps_status_and_body_whatever_that_is() {
    let long: Vec<u8> = (0..100_000u32).map(|at| at.to_le_bytes()[0] | 0x80).collect();
    let bodies: [(Vec<u8>, usize); 4] = [
        (Vec::new(), 0),
        (b"<html>no</html>".to_vec(), 15),
        (br#"{"detail":"no"}"#.to_vec(), 15),
        (long, 64 * 1024),
    ];
    for (status, class) in [
        (400, Class::Malformed),
        (401, Class::Unauthorized),
        (404, Class::NotFound),
        (418, Class::Malformed),
        (501, Class::Unavailable),
    ] {
        for (body, kept) in &bodies {
            both(
                || vec![answer(status, body.clone())],
                |mut clients| {
                    clients.retry.attempts = 1;
                    for error in [
                        refused(clients.submit(ping()), class),
                        refused(clients.poll("688"), class),
                    ] {
                        let said = StatusError::of(&error).unwrap();
                        assert_eq!(
                            (said.status().as_u16(), said.body(), said.body_bytes()),
                            (status, &body[..*kept], body.len())
                        );
                        assert!(!format!("{error:?} {error} {said:?}").contains("html"));
                    }
                },
            );
        }
    }
}

#[test]
fn an_unreadable_success_is_malformed_and_keeps_its_body() {
    both(
        || vec![answer(200, "<html>welcome</html>")],
        |clients| {
            for error in [
                refused(clients.submit(ping()), Class::Malformed),
                refused(clients.poll("688"), Class::Malformed),
            ] {
                assert_eq!(StatusError::of(&error).unwrap().body(), b"<html>welcome</html>");
            }
        },
    );
}

#[test]
fn an_unreadable_message_is_malformed_and_other_text_unavailable() {
    for (body, class) in [
        (MESSAGE.replace("\"mid\":\"m1\",", ""), Class::Malformed),
        (MESSAGE.replace("pingCommand\":{}", "pingCommand\":[]"), Class::Malformed),
        ("<html>".to_owned(), Class::Unavailable),
        (r#"{"ok":true}"#.to_owned(), Class::Unavailable),
    ] {
        both(
            || vec![answer(200, body.clone())],
            |clients| {
                let error = refused(clients.fetch("m1"), class);
                assert_eq!(StatusError::of(&error).unwrap().body(), body.as_bytes());
            },
        );
    }
}

#[test]
fn an_answer_that_is_too_long_is_refused_by_the_client_too() {
    both(
        || vec![answer(200, COMPLETED)],
        |mut clients| {
            clients.limits = ExchangeLimits::new(Duration::from_secs(5), COMPLETED.len());
            clients.poll("688").unwrap();
            clients.limits.answer_bytes -= 1;
            let error = refused(clients.poll("688"), Class::Unavailable);
            assert_eq!(
                TransportError::of(&error).unwrap().kind(),
                TransportErrorKind::AnswerTooLarge
            );
            assert_eq!(clients.script.seen().len(), 2);
            assert_eq!(clients.script.seen()[1].limits, clients.limits);
        },
    );
}

#[test]
fn what_cannot_be_written_was_certainly_not_sent() {
    both(
        || vec![answer(200, SUBMITTED)],
        |clients| {
            let unknown = Command::from_json(
                r#"{"commandHeader":{"lifespan":60,"timeout":60},"newCommand":{}}"#,
            )
            .unwrap();
            let error = refused(clients.submit(unknown), Class::Malformed);
            assert!(error.was_not_sent());
            assert!(clients.script.seen().is_empty());
        },
    );
}
