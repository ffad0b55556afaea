//! What a hub sends: callbacks, and questions for content.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::client::{CallbackSender, ContentClient};
use keyferry::hermod::hub::Digest;
use keyferry::hermod::hub::integrator_config;
use keyferry::hermod::model::{ApiUser, Callback, CommandType};
use keyferry::hermod::wire::http::callback::{read_call, verify_signature};
use keyferry::hermod::wire::{
    BasicAuth, CallbackApi as _, ContentApi as _, Delivery, WebhookSecret,
};
use keyferry::transport::{
    ExchangeLimits, GuardedTransport, StatusError, TargetPolicy, TargetUrl, TransportErrorKind,
};
use keyferry::{Class, Clock as _, Error, ManualClock, Secret};

use crate::client::support::*;
use crate::support::peers;
use crate::support::world::refused;

const BASE: &str = "https://shop.example/hermod/rest";
const ID: &str = "0191e0b4-2f0e-7f6a-8d49-8a3c5c3f2a11";

fn guarded(script: &Script) -> GuardedTransport {
    GuardedTransport::danger_unguarded(TargetPolicy::new(), Arc::new(script.clone()))
}

fn sender(script: &Script) -> CallbackSender {
    CallbackSender::new(guarded(script), base(BASE)).unwrap().with_clock(Arc::new(script.clock()))
}

fn delivery() -> Delivery {
    Delivery::new(ID, Callback::from_json(COMPLETED).unwrap())
}

fn deliver(exchanged: Exchanged) -> (Script, Result<(), Error>) {
    let script = Script::new([exchanged, answer(204, "")]);
    let result = run(sender(&script).deliver(delivery()));
    (script, result)
}

#[test]
fn a_delivery_has_the_path_id_time_and_credential() {
    let script = Script::new([answer(204, "")]);
    let sender =
        sender(&script).with_basic_auth(BasicAuth::new("Aladdin", Secret::new("open sesame")));
    run(sender.deliver(delivery())).unwrap();
    let [seen] = &script.seen()[..] else { panic!() };
    assert_eq!(
        (&seen.method, seen.uri.as_str()),
        (&Method::POST, format!("{BASE}/callback/ping").as_str())
    );
    assert_eq!(seen.header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert!(seen.headers["authorization"].is_sensitive());
    assert_eq!((seen.header("webhook-id"), seen.header("webhook-timestamp")), (ID, "1700000000"));
    assert!(!seen.headers.contains_key("webhook-signature"));
    assert_eq!(seen.body, delivery().callback.to_json());
    assert_eq!(seen.limits, CallbackSender::LIMITS);
    assert!(seen.limits.is_body_optional && seen.header("accept-encoding") == "identity");
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(text).unwrap()
}

/// What was sent, signed with these secrets.
fn signed(secrets: &[WebhookSecret]) -> (Script, Seen) {
    let script = Script::new([answer(204, "")]);
    let sender = sender(&script).with_signature(Arc::new(AwsLcRs), secrets);
    run(sender.deliver(delivery())).unwrap();
    let seen = script.seen().remove(0);
    (script, seen)
}

#[test]
fn a_delivery_is_signed_so_that_its_receiver_and_openssl_agree() {
    let other = WebhookSecret::generate(&AwsLcRs).unwrap();
    let (script, seen) = signed(&[secret(SECRET), other.clone()]);
    let mut request = Request::new(());
    (*request.method_mut(), *request.headers_mut()) = (seen.method.clone(), seen.headers.clone());
    let (head, ()) = request.into_parts();
    let verify = |secret: &WebhookSecret, body: &[u8], late: u64| {
        let now = (script.clock().now() + Duration::from_secs(late), Duration::from_secs(300));
        let secrets = std::slice::from_ref(secret);
        verify_signature(Dialect::standard(), &AwsLcRs, secrets, now, &head, body)
    };
    for secret in [&secret(SECRET), &other] {
        verify(secret, &seen.body, 300).unwrap();
        refused(verify(secret, &seen.body, 301), Class::Unauthorized);
        refused(verify(secret, b"{}", 0), Class::Unauthorized);
    }
    let third = WebhookSecret::generate(&AwsLcRs).unwrap();
    refused(verify(&third, &seen.body, 0), Class::Unauthorized);
    assert_eq!(
        read_call(Dialect::standard(), "/any/prefix/callback/ping", &head, &seen.body).unwrap(),
        delivery()
    );

    let signature = seen.header("webhook-signature").split(' ').next().unwrap();
    let signature = signature.strip_prefix("v1,").unwrap();
    let Some(openssl) = peers::openssl() else { return };
    let scratch = peers::Scratch::new();
    let text = [ID.as_bytes(), b".1700000000.", &seen.body[..]].concat();
    let (text, made) = (scratch.write("signed", &text), scratch.path("mac"));
    let key = base64_simd::STANDARD.decode_to_vec(&SECRET[6..]).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("hexkey:{hex}");
    openssl.run(&[
        "dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary", "-out", &made, &text,
    ]);
    assert_eq!(base64_simd::STANDARD.encode_to_string(scratch.read("mac")), signature);
}

/// Both ways between this crate and the crate `standardwebhooks`.
#[test]
fn deliveries_are_signed_as_standard_webhooks() {
    use standardwebhooks::Webhook;

    // Its clock is the system's.
    let now = std::time::SystemTime::now();
    let clock = ManualClock::new(now);
    let script = Script::new([answer(204, "")]);
    let other = WebhookSecret::generate(&AwsLcRs).unwrap();
    let secrets = [secret(SECRET), other.clone()];
    let sender = sender(&script).with_clock(Arc::new(clock));
    run(sender.with_signature(Arc::new(AwsLcRs), secrets).deliver(delivery())).unwrap();
    let seen = script.seen().remove(0);
    for secret in [SECRET, other.expose()] {
        Webhook::new(secret).unwrap().verify(&seen.body, &seen.headers).unwrap();
    }
    let third = WebhookSecret::generate(&AwsLcRs).unwrap();
    assert!(Webhook::new(third.expose()).unwrap().verify(&seen.body, &seen.headers).is_err());

    let stamp = now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let made = Webhook::new(SECRET).unwrap();
    let made = made.sign(ID, i64::try_from(stamp).unwrap(), &seen.body).unwrap();
    let head = |signature: &str| {
        let mut request = Request::new(());
        for (name, value) in [
            ("webhook-id", ID),
            ("webhook-timestamp", &stamp.to_string()),
            ("webhook-signature", signature),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request.into_parts().0
    };
    let verify = |head: &http::request::Parts| {
        let now = (now, Duration::from_secs(300));
        let secrets = [secret(SECRET)];
        verify_signature(Dialect::standard(), &AwsLcRs, &secrets, now, head, &seen.body)
    };
    verify(&head(&made)).unwrap();
    verify(&head(&format!("v1a,AAAA v1,AAAA {made}"))).unwrap();
    for bad in
        ["", "v1,", "v1", &made[3..], &made.replace("v1,", "v1="), &made.replace("v1,", "v2,")]
    {
        refused(verify(&head(bad)), Class::Unauthorized);
    }
    // One more than is looked at.
    refused(verify(&head(&format!("{}{made}", "v1,AAAA ".repeat(16)))), Class::Unauthorized);
    for name in ["webhook-id", "webhook-timestamp"] {
        let mut head = head(&made);
        head.headers.insert(name, "1".parse().unwrap());
        refused(verify(&head), Class::Unauthorized);
        head.headers.remove(name);
        refused(verify(&head), Class::Unauthorized);
    }
}

#[test]
fn without_a_secret_to_sign_with_nothing_is_sent() {
    let script = Script::new([answer(204, "")]);
    let sender = sender(&script).with_signature(Arc::new(AwsLcRs), []);
    let error = refused(run(sender.deliver(delivery())), Class::Malformed);
    assert!(error.was_not_sent() && script.seen().is_empty());
}

#[test]
fn any_2xx_is_success_whatever_its_body() {
    for (status, body) in
        [(200, "<html>thank you</html>"), (200, ""), (201, "{}"), (202, ""), (204, ""), (299, "")]
    {
        let (script, result) = deliver(answer(status, body));
        result.unwrap();
        assert_eq!(script.seen().len(), 1);
    }
}

#[test]
fn a_2xx_is_success_also_if_its_body_is_too_long() {
    let (script, result) = deliver(answer(200, vec![b'x'; 20_000]));
    result.unwrap();
    assert_eq!(script.seen().len(), 1);
}

/// A refusal in the form of a receiver of this crate.
fn ours(code: &str) -> Bytes {
    format!(r#"{{"error":{{"code":"{code}","message":"no","requestId":"r"}}}}"#).into()
}

fn is_tried_again(class: Class) -> bool {
    matches!(class, Class::Unavailable | Class::Rate | Class::Unauthorized | Class::NotFound)
}

#[test]
fn a_delivery_is_one_exchange_and_the_outbox_retries_it() {
    let kinds = [
        TransportErrorKind::Unreachable,
        TransportErrorKind::Tls,
        TransportErrorKind::Timeout,
        TransportErrorKind::Broken,
        TransportErrorKind::AnswerTooLarge,
    ];
    let mut passing: Vec<_> = kinds.map(failure).into();
    let statuses = (300..600).filter(|status| ![410, 422].contains(status));
    passing.extend(statuses.map(|status| answer(status, "<html>")));
    // What a receiver of this crate says of itself, and not of the callback.
    passing.extend([401, 403, 404, 405, 408, 429, 503].map(|status| answer(status, ours("X"))));
    passing.push(answer(404, ours("UNKNOWN_ADDRESS")));
    // Too long to be read, and so of no form.
    passing.push(answer(400, vec![b'x'; 20_000]));
    for exchanged in passing {
        let (script, result) = deliver(exchanged.clone());
        let error = result.unwrap_err();
        assert!(is_tried_again(error.class()), "{exchanged:?}: {error}");
        assert_eq!(script.seen().len(), 1, "{exchanged:?}");
    }
    let (_, result) = deliver(later(429, 90));
    assert_eq!(refused(result, Class::Rate).retry_after(), Some(Duration::from_secs(90)));
    let (_, result) = deliver(later(404, 90));
    assert_eq!(refused(result, Class::NotFound).retry_after(), Some(Duration::from_secs(90)));
}

#[test]
fn a_final_refusal_ends_the_delivery() {
    let mut lasting = vec![failure(TransportErrorKind::TargetRefused)];
    for status in [410, 422] {
        // A receiver that says with it what would be tried again.
        lasting.extend(["STORAGE", "RATE", "NOT_FOUND"].map(|code| answer(status, ours(code))));
        lasting.extend(["", "<html>"].map(|body| answer(status, body)));
    }
    lasting.extend([400, 409, 413, 415].map(|status| answer(status, ours("X"))));
    for exchanged in lasting {
        let (script, result) = deliver(exchanged.clone());
        let error = result.unwrap_err();
        assert!(!is_tried_again(error.class()), "{exchanged:?}: {error}");
        assert_eq!(script.seen().len(), 1);
    }
    let (_, result) = deliver(answer(410, "gone"));
    assert_eq!(StatusError::of(&refused(result, Class::Expired)).unwrap().body(), b"gone");
}

#[test]
fn which_statuses_are_final_is_the_dialects() {
    let mut dialect = Dialect::default();
    dialect.callback_statuses.refused = vec![404].into();
    for (status, is_final) in [(404, true), (410, false), (422, false)] {
        let script = Script::new([answer(status, "")]);
        let sender = sender(&script).with_dialect(dialect.clone());
        let error = run(sender.deliver(delivery())).unwrap_err();
        assert_eq!(!is_tried_again(error.class()), is_final, "{status}: {error}");
    }
}

#[test]
fn a_callback_of_an_unknown_command_is_not_sent() {
    let script = Script::new([answer(204, "")]);
    let mut delivery = delivery();
    delivery.callback.command_type = CommandType::from("NEW");
    let error = refused(run(sender(&script).deliver(delivery)), Class::Malformed);
    assert!(error.was_not_sent() && script.seen().is_empty());
}

#[test]
fn a_forbidden_address_is_refused_at_registration() {
    let script = Script::new([answer(204, "")]);
    let plain = base("http://shop.example/hermod");
    refused(CallbackSender::new(guarded(&script), plain.clone()), Class::TargetRefused);
    refused(ContentClient::new(guarded(&script), plain.clone()), Class::TargetRefused);
    let lenient = GuardedTransport::danger_unguarded(
        TargetPolicy::new().danger_with_plain_http(),
        Arc::new(script),
    );
    CallbackSender::new(lenient.clone(), plain.clone()).unwrap();
    ContentClient::new(lenient, plain).unwrap();
}

/// `tests/fixtures/field/13_*`.
#[test]
fn a_query_stays_at_the_end_of_every_address_and_is_not_shown() {
    let text = include_str!("../../fixtures/field/13_callback_url_with_query.txt").trim();
    let mut user = user();
    user.callback_url = text.into();
    user.content_provider_url = Some("https://cards.example/a?sig=c4n4ry%2F&x".into());
    let echo = r#"{"error":{"code":"X","message":"no c4n4ry%2F and abc","requestId":"r"}}"#;
    let script = Script::new([answer(204, ""), answer(200, r#"{"data":[]}"#), answer(404, echo)]);
    let config = integrator_config(&user, &guarded(&script), &AwsLcRs, Dialect::default()).unwrap();
    let (callback, content) = (config.callback.clone().unwrap(), config.content.clone().unwrap());
    assert_eq!(callback.host(), Some("app.example"));
    run(callback.deliver(delivery())).unwrap();
    run(content.content("c1")).unwrap();
    let seen = script.seen();
    assert_eq!(seen[0].uri, "https://app.example/api/hook/callback/ping?code=abc");
    assert_eq!(seen[1].uri, "https://cards.example/a/getcontent?sig=c4n4ry%2F&x");
    let error = run(content.content("c1")).unwrap_err();
    let url = TargetUrl::parse(text).unwrap();
    let sender = CallbackSender::new(guarded(&script), url.clone()).unwrap();
    let shown = format!("{error} {error:?} {user:?} {config:?} {url:?} {sender:?}");
    assert!(!shown.contains("c4n4ry") && !shown.contains("abc"), "{shown}");
}

#[test]
fn an_unusable_address_is_refused_at_registration() {
    for text in [
        "https://app.example/hook?a b",
        "https://app.example/hook?%",
        "https://app.example/hook#part",
        "https://app.example/%",
        "https://app.example/%zz",
        "https://app.example/{id}",
        "https://app.example/a/../b",
        "https://user@app.example/hook?a=b",
    ] {
        let mut user = user();
        user.callback_url = text.into();
        let made =
            integrator_config(&user, &guarded(&Script::new([])), &AwsLcRs, Dialect::default());
        let error = refused(made, Class::Malformed);
        assert!(error.part().starts_with("callback-url"), "{text}: {error}");
    }
}

// ---- Content

#[test]
fn a_content_is_asked_for_by_its_id_in_one_exchange() {
    let script =
        Script::new([answer(200, r#"{"data":[{"content_type":"image/png","data":"aGVsbG8="}]}"#)]);
    let client = ContentClient::new(guarded(&script), base(BASE))
        .unwrap()
        .with_basic_auth(BasicAuth::new("hub", Secret::new("pw")));
    assert_eq!(run(client.content("c1")).unwrap().data.len(), 1);
    let [seen] = &script.seen()[..] else { panic!() };
    assert_eq!(
        (&seen.method, seen.uri.as_str()),
        (&Method::POST, format!("{BASE}/getcontent").as_str())
    );
    assert_eq!(
        (seen.header("authorization"), &seen.body),
        ("Basic aHViOnB3", &Bytes::from(r#"{"contentId":"c1"}"#))
    );
    assert_eq!(seen.limits, ExchangeLimits::new(Duration::from_secs(10), 5 * 1024 * 1024));
}

#[test]
fn a_content_that_does_not_come_is_an_error_with_what_was_said() {
    for (exchanged, class) in [
        (answer(404, "<html>"), Class::NotFound),
        (answer(401, ""), Class::Unauthorized),
        (answer(500, ""), Class::Unavailable),
        (answer(302, ""), Class::Unavailable),
        (later(429, 3), Class::Rate),
        (answer(200, "<html>"), Class::Malformed),
        (answer(200, vec![b' '; 5 * 1024 * 1024 + 1]), Class::Unavailable),
        (failure(TransportErrorKind::Timeout), Class::Unavailable),
        (failure(TransportErrorKind::TargetRefused), Class::TargetRefused),
    ] {
        let script = Script::new([exchanged]);
        let client = ContentClient::new(guarded(&script), base(BASE)).unwrap();
        assert!(std::error::Error::source(&refused(run(client.content("c1")), class)).is_some());
        assert_eq!(script.seen().len(), 1);
    }
}

// ---- Configuration

fn user() -> ApiUser {
    let mut user = ApiUser::new("idm", Secret::new("0123456789abcdef"), BASE);
    user.group = Some("acme".into());
    user.callback_basic_auth = Some(Secret::new("hub:a:b"));
    user.content_provider_url = Some("https://cards.example/hermod".into());
    user.content_provider_basic_auth = Some(Secret::new("hub:c"));
    user
}

#[test]
fn an_api_user_becomes_an_integrator_with_callbacks_and_contents() {
    let script = Script::new([answer(204, ""), answer(200, r#"{"data":[]}"#)]);
    let config =
        integrator_config(&user(), &guarded(&script), &AwsLcRs, Dialect::default()).unwrap();
    assert_eq!((config.id.as_str(), config.group.as_deref()), ("idm", Some("acme")));
    assert_eq!(config.keys, [Digest::of(&AwsLcRs, &Secret::new("0123456789abcdef"))]);
    run(config.callback.unwrap().deliver(delivery())).unwrap();
    let _ = run(config.content.unwrap().content("c1"));
    let seen = script.seen();
    assert_eq!(
        (seen[0].uri.as_str(), seen[0].header("authorization")),
        (&*format!("{BASE}/callback/ping"), "Basic aHViOmE6Yg==")
    );
    assert_eq!(
        (seen[1].uri.as_str(), seen[1].header("authorization")),
        ("https://cards.example/hermod/getcontent", "Basic aHViOmM=")
    );

    let plain = ApiUser::new("idm", Secret::new("0123456789abcdef"), BASE);
    let config =
        integrator_config(&plain, &guarded(&script), &AwsLcRs, Dialect::default()).unwrap();
    assert!(config.group.is_none() && config.content.is_none());
}

/// A change of an API user.
type Change = fn(&mut ApiUser);

#[test]
fn a_fault_in_an_api_user_is_named() {
    let changes: [(Change, Class, &str); 6] = [
        (
            |user| user.callback_url = "http://shop.example".into(),
            Class::TargetRefused,
            "callback-url",
        ),
        (|user| user.callback_url = "shop".into(), Class::Malformed, "callback-url"),
        (
            |user| user.callback_basic_auth = Some(Secret::new("hub")),
            Class::Malformed,
            "callback-basic-auth",
        ),
        (
            |user| user.content_provider_url = Some("http://shop.example".into()),
            Class::TargetRefused,
            "content-provider-url",
        ),
        (
            |user| user.content_provider_url = Some("".into()),
            Class::Malformed,
            "content-provider-url",
        ),
        (
            |user| user.content_provider_basic_auth = Some(Secret::new("hub")),
            Class::Malformed,
            "content-provider-basic-auth",
        ),
    ];
    for (change, class, member) in changes {
        let mut user = user();
        change(&mut user);
        let error = refused(
            integrator_config(&user, &guarded(&Script::new([])), &AwsLcRs, Dialect::default()),
            class,
        );
        assert!(error.part().starts_with(member), "{error}");
    }
}
