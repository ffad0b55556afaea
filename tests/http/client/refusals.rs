//! What the clients make of what a hub refuses, asks to wait for, or cannot be read.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use keyferry::Class;
use keyferry::hermod::client::{CallbackSender, ContentClient};
use keyferry::hermod::wire::http::read_refusal;
use keyferry::hermod::wire::{BasicAuth, CallbackApi as _, ContentApi as _, Delivery};
use keyferry::transport::{GuardedTransport, TargetPolicy};
use keyferry::{Clock as _, Error, Secret};
use std::sync::Arc;

use crate::client::support::*;
use crate::support::world::refused;

/// An answer as it is on the wire.
fn read_http(text: &str) -> Response<Bytes> {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    response.body(Bytes::from(body.to_owned())).unwrap()
}

fn with(exchanged: Exchanged, headers: &[(&'static str, &str)]) -> Exchanged {
    let mut response = exchanged?;
    for (name, value) in headers {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    Ok(response)
}

/// `tests/fixtures/field/03_*`.
#[test]
fn a_retry_after_that_is_a_date_is_kept() {
    let answered = read_http(include_str!("../../fixtures/field/03_retry_after_date.http"));
    let asked = Duration::from_secs(4);
    assert_eq!(read_refusal(&answered).retry_after(), Some(asked));
    for (name, call, success) in REPEATABLE {
        // Relative to the date of the answer; without one, to the clock: 22:13:20.
        let mut undated = answered.clone();
        undated.headers_mut().remove("date");
        for date in [
            "Tue, 14 Nov 2023 22:13:24 GMT",
            "Tuesday, 14-Nov-23 22:13:24 GMT",
            "Tue Nov 14 22:13:24 2023",
        ] {
            undated.headers_mut().insert("retry-after", date.parse().unwrap());
            for answered in [answered.clone(), undated.clone()] {
                both(
                    || vec![Ok(answered.clone()), success()],
                    |clients| {
                        call(&clients).unwrap();
                        let seen = clients.script.seen();
                        assert!(seen[1].at >= asked, "{name}: {:?}", seen[1].at);
                        assert!(seen[1].at <= asked + Duration::from_secs(1), "{name}");
                    },
                );
            }
        }
    }
}

#[test]
fn clients_repeat_what_the_hub_says_on_one_line() {
    let said = r#"{"error":{"code":"UNKNOWN_COMMAND","message":"commandId: not\nknown \u202e here","requestId":"7f3a"}}"#;
    let shown = "refused with status 404, UNKNOWN_COMMAND: \"commandId: not\\nknown \\u{202e} here\" (request 7f3a)";
    for (name, call, _) in REPEATABLE.iter().chain(ONCE) {
        both(
            || vec![answer(404, said)],
            |clients| {
                let error = call(&clients).unwrap_err();
                assert_eq!(error.detail(), shown, "{name}");
                assert!(error.to_string().contains(shown), "{name}");
            },
        );
    }
    let long = said.replace("here", &"x".repeat(10_000));
    let error = read_refusal(&answer(404, long).unwrap());
    assert!(error.detail().len() < 1000 && error.detail().contains("…"), "{error}");
    // Without the form there is the id of a header, if that.
    let other = with(answer(502, "<html>"), &[("x-request-id", "9")]).unwrap();
    assert_eq!(read_refusal(&other).detail(), "refused with status 502 (request 9)");
    assert_eq!(read_refusal(&answer(502, "<html>").unwrap()).detail(), "refused with status 502");
}

#[test]
fn words_of_the_hub_that_repeat_a_credential_are_not_shown() {
    let echo = |secret: &str| {
        answer(
            401,
            format!(r#"{{"error":{{"code":"X","message":"bad {secret}","requestId":"r"}}}}"#),
        )
    };
    // The key of the integrator, encoded and bare, and the token of the device.
    for (call, secrets) in [
        (&REPEATABLE[0], vec!["c2hvcDpzM2NyZXQ=", "s3cret", "\\u00733cret"]),
        (&REPEATABLE[1], vec!["t0ken"]),
    ] {
        for secret in secrets {
            both(
                || vec![echo(secret)],
                |clients| {
                    let error = (call.1)(&clients).unwrap_err();
                    let shown = format!("{error} {error:?}");
                    assert!(shown.contains("401") && !shown.contains("bad"), "{shown}");
                    assert_eq!(error.class(), Class::Unauthorized);
                },
            );
        }
    }
    let script = Script::new([echo("open sesame")]);
    let guard = GuardedTransport::danger_unguarded(TargetPolicy::new(), Arc::new(script.clone()));
    let auth = || BasicAuth::new("Aladdin", Secret::new("open sesame"));
    let url = || base("https://shop.example/hermod");
    let sender = CallbackSender::new(guard.clone(), url()).unwrap().with_basic_auth(auth());
    let callback = keyferry::hermod::model::Callback::from_json(COMPLETED).unwrap();
    let error = run(sender.deliver(Delivery::new("d", callback))).unwrap_err();
    assert!(!error.to_string().contains("sesame"), "{error}");
    let client = ContentClient::new(guard, url()).unwrap().with_basic_auth(auth());
    let error = run(client.content("c")).unwrap_err();
    assert!(!error.to_string().contains("sesame"), "{error}");
    let _ = script.clock().now();
}

/// `tests/fixtures/field/14_*`.
#[test]
fn an_answer_in_a_coding_is_named_and_none_is_asked_for() {
    let packed: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for (name, call, success) in REPEATABLE.iter().chain(ONCE) {
        if *name == "remove" {
            // Its answer has no body.
            continue;
        }
        for (codings, named) in [
            (&[("content-encoding", "gzip")][..], "coding gzip"),
            (&[("content-encoding", "BR")], "coding br"),
            (&[("content-encoding", "identity, zstd")], "coding zstd"),
            (
                &[("content-encoding", "identity"), ("content-encoding", "deflate")],
                "coding deflate",
            ),
            (&[("transfer-encoding", "gzip, chunked")], "coding gzip"),
            (&[("content-encoding", "x\"<y>")], "coding x??y?"),
        ] {
            both(
                || vec![with(answer(200, packed), codings)],
                |clients| {
                    let error: Error = call(&clients).unwrap_err();
                    assert!(error.detail().contains(named), "{name}: {error}");
                    assert_eq!(clients.script.seen()[0].header("accept-encoding"), "identity");
                },
            );
            let refusal = read_refusal(&with(answer(404, packed), codings).unwrap());
            assert!(refusal.detail().contains(named), "{refusal}");
            assert_eq!(refusal.class(), Class::NotFound);
        }
        for codings in [
            &[("content-encoding", "identity")][..],
            &[("content-encoding", "Identity, identity")],
            &[("content-encoding", "")],
            &[("transfer-encoding", "chunked")],
        ] {
            both(
                || vec![with(success(), codings)],
                |clients| call(&clients).unwrap_or_else(|error| panic!("{name}: {error}")),
            );
        }
    }
    let script = Script::new([with(answer(200, packed), &[("content-encoding", "gzip")])]);
    let guard = GuardedTransport::danger_unguarded(TargetPolicy::new(), Arc::new(script.clone()));
    let client = ContentClient::new(guard, base("https://shop.example/hermod")).unwrap();
    let error = refused(run(client.content("c")), Class::Malformed);
    assert!(error.detail().contains("coding gzip"), "{error}");
    assert_eq!(script.seen()[0].header("accept-encoding"), "identity");
}

#[test]
fn an_answer_with_a_byte_order_mark_is_read() {
    let marked = |exchanged: Exchanged| {
        let response = exchanged.unwrap();
        let body = [b"\xef\xbb\xbf", &response.body()[..]].concat();
        answer(response.status().as_u16(), body)
    };
    for (name, call, success) in REPEATABLE.iter().chain(ONCE) {
        if *name != "remove" {
            both(
                || vec![marked(success())],
                |clients| call(&clients).unwrap_or_else(|error| panic!("{name}: {error}")),
            );
        }
    }
    let refused = read_refusal(&marked(refusal(404)).unwrap());
    assert_eq!(refused.detail(), "refused with status 404, X: \"no\" (request r)");
}
