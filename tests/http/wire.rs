//! The HTTP form of each wire: what is sent, byte by byte where the protocol says so, and what is
//! refused.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::model::{
    Callback, Command, CommandId, CommandKind, ContentAnswer, Listing, Submitted,
};
use keyferry::hermod::wire::http::{
    callback, command, content, mailbox, read_refusal, write_refusal,
};
use keyferry::hermod::wire::{ApiKey, BasicAuth, Delivery, MailboxKey, WebhookSecret};
use keyferry::transport::StatusError;
use keyferry::{BaseUrl, Class, Error, Secret};

const COMMAND: &str = include_str!("../fixtures/hermod/provision-command.json");
const CALLBACK: &str = include_str!("../fixtures/hermod/provision-callback.json");

fn dialect() -> &'static Dialect {
    Dialect::standard()
}

fn base(text: &str) -> BaseUrl {
    BaseUrl::parse(text).unwrap()
}

fn key() -> ApiKey {
    ApiKey::new("shop", Secret::new("s3:cret"))
}

/// A request as text: method, address, headers that the wire sets (sorted), body. Every one asks
/// for an answer as it is, which is not shown.
fn shown(request: &Request<Bytes>) -> String {
    assert_eq!(request.headers()["accept-encoding"], "identity");
    let mut headers: Vec<String> = request
        .headers()
        .iter()
        .filter(|(name, _)| *name != "accept-encoding")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = std::str::from_utf8(request.body()).unwrap();
    format!("{} {}\n{}\n\n{body}", request.method(), request.uri(), headers.join("\n"))
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

#[test]
fn bodies_may_begin_with_a_byte_order_mark() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let read = |text: &str| {
        let (head, body) = post("/provision", text).into_parts();
        command::read_call(dialect(), "/provision", &head, &body)
    };
    assert_eq!(read(&marked(COMMAND)).unwrap(), read(COMMAND).unwrap());
    let (head, body) = post("/", &marked("{}")).into_parts();
    assert_eq!(mailbox::read_call("/", &head, &body).unwrap(), mailbox::Call::Reserve);

    let list = mailbox::Call::List { wait: Duration::ZERO };
    let listing =
        mailbox::read_answer(dialect(), &list, &answer(200, &marked(r#"{"messages":[]}"#)));
    assert_eq!(listing.unwrap(), mailbox::Answer::Listing(Listing::default()));
    let sent = mailbox::Call::Answer { mid: "m".into(), answer: "{}".into() };
    assert!(mailbox::read_answer(dialect(), &sent, &answer(200, &marked("{}"))).is_ok());
    let refusal = r#"{"error":{"code":"NONCE","message":"m","requestId":"r"}}"#;
    assert_eq!(read_refusal(&answer(422, &marked(refusal))).class(), Class::Nonce);
}

/// A request to `address` with the headers and the body of JSON.
fn post(address: &str, body: &str) -> Request<Bytes> {
    Request::post(address)
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

#[test]
fn a_command_is_posted_to_its_path_with_the_key_in_base64() {
    let command = Command::from_json(COMMAND).unwrap();
    for base_text in
        ["https://hub.example:20400/hermod/rest/command", "https://hub.example/command"]
    {
        let call = command::Call::Submit(command.clone());
        let request = command::write_call(dialect(), &base(base_text), &key(), &call).unwrap();
        let expected = format!(
            "POST {base_text}/provision\ncontent-type: application/json\nx-api-key: c2hvcDpzMzpjcmV0\n\n{}",
            dialect().write_command(&command)
        );
        assert_eq!(shown(&request), expected);
        assert!(!format!("{request:?}").contains("c2hvcDpz"), "the key is marked sensitive");
        let (head, body) = request.into_parts();
        assert_eq!(command::read_credential(&head).unwrap(), key());
        assert_eq!(command::read_call(dialect(), "/provision", &head, &body).unwrap(), call);
    }
}

#[test]
fn a_poll_names_the_command_in_its_path_escaped() {
    let poll = |id: &str| {
        command::write_call(
            dialect(),
            &base("https://hub.example/command"),
            &key(),
            &command::Call::Poll(CommandId::from(id.to_owned())),
        )
    };
    let request = poll("18092").unwrap();
    assert_eq!(
        shown(&request),
        "GET https://hub.example/command/poll/18092\nx-api-key: c2hvcDpzMzpjcmV0\n\n"
    );
    assert_eq!(poll("../1?x").unwrap().uri(), "https://hub.example/command/poll/..%2F1%3Fx");
    let (head, body) = request.into_parts();
    assert_eq!(
        command::read_call(dialect(), "poll/18092", &head, &body).unwrap(),
        command::Call::Poll(CommandId::from("18092".to_owned()))
    );
}

#[test]
fn every_command_has_a_path_and_only_its_own() {
    for kind in CommandKind::ALL {
        let path = &dialect().words(*kind).path;
        let (head, body) =
            post(&format!("https://hub.example/command/{path}"), COMMAND).into_parts();
        let read = command::read_call(dialect(), &format!("/{path}"), &head, &body);
        assert_eq!(read.is_ok(), *kind == CommandKind::Provision, "{path}");
    }
}

#[test]
fn what_is_no_call_is_refused_with_its_own_status() {
    let status = |request: Request<Bytes>, path: &str| {
        let (head, body) = request.into_parts();
        let error = command::read_call(dialect(), path, &head, &body).unwrap_err();
        write_refusal(dialect(), &error, "r").status().as_u16()
    };
    let with = |name: &'static str, value: &str| {
        let mut request = post("https://h/provision", COMMAND);
        request.headers_mut().remove(name);
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        request
    };
    assert_eq!(status(post("https://h/nothing", COMMAND), "/nothing"), 404);
    assert_eq!(status(post("https://h/provision/x", COMMAND), "/provision/x"), 404);
    assert_eq!(status(post("https://h/poll/1", COMMAND), "/poll/1"), 405);
    let mut get = post("https://h/provision", COMMAND);
    *get.method_mut() = Method::GET;
    assert_eq!(status(get, "/provision"), 405);
    for content_type in [
        "text/plain",
        "application/json; charset",
        "application/json; q=1 2",
        "application/jsonx",
        "",
    ] {
        assert_eq!(status(with("content-type", content_type), "/provision"), 415, "{content_type}");
    }
    assert_eq!(status(with("content-encoding", "gzip"), "/provision"), 415);
    let mut twice = post("https://h/provision", COMMAND);
    twice.headers_mut().append("content-type", HeaderValue::from_static("application/json"));
    assert_eq!(status(twice, "/provision"), 415);
    assert_eq!(status(post("https://h/provision", "{"), "/provision"), 400);
    assert_eq!(status(post("https://h/ping", COMMAND), "/ping"), 400);
    let mut binary = post("https://h/provision", "");
    *binary.body_mut() = Bytes::from_static(b"{\"\xff\":1}");
    assert_eq!(status(binary, "/provision"), 400);
    for content_type in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/json; charset=latin1",
        "application/json; q=1",
    ] {
        let (head, body) = with("content-type", content_type).into_parts();
        command::read_call(dialect(), "/provision", &head, &body).unwrap();
    }
}

#[test]
fn a_foreign_refusal_keeps_status_and_body() {
    for (status, class) in [
        (400, Class::Malformed),
        (401, Class::Unauthorized),
        (404, Class::NotFound),
        (410, Class::Expired),
        (500, Class::Unavailable),
    ] {
        let response = answer(status, "<html>Whitelabel Error Page</html>");
        let call = command::Call::Poll(CommandId::from("1".to_owned()));
        let error = command::read_answer(dialect(), &call, &response).unwrap_err();
        assert_eq!(error.class(), class);
        let foreign = StatusError::of(&error).unwrap();
        assert_eq!((foreign.status().as_u16(), foreign.body()), (status, &response.body()[..]));
        assert!(!format!("{error} {error:?} {foreign} {foreign:?}").contains("Whitelabel"));
    }
    let long = answer(503, &"x".repeat(100_000));
    let error = read_refusal(&long);
    let foreign = StatusError::of(&error).unwrap();
    assert_eq!((foreign.body().len(), foreign.body_bytes()), (65_536, 100_000));
}

#[test]
fn an_unreadable_success_names_the_fault_and_keeps_the_answer() {
    let call = command::Call::Submit(Command::from_json(COMMAND).unwrap());
    let error =
        command::read_answer(dialect(), &call, &answer(200, r#"{"commandId":1}"#)).unwrap_err();
    assert_eq!(error.class(), Class::Malformed);
    assert!(!error.part().is_empty());
    assert_eq!(StatusError::of(&error).unwrap().body(), br#"{"commandId":1}"#);
}

#[test]
fn answers_to_commands_come_back_as_they_were() {
    let callback = Callback::from_json(CALLBACK).unwrap();
    let state =
        command::write_answer(dialect(), &Ok(command::Answer::State(callback.clone())), "r");
    let poll = command::Call::Poll(callback.command_id.clone());
    assert_eq!(
        command::read_answer(dialect(), &poll, &state).unwrap(),
        command::Answer::State(callback.clone())
    );
    let submitted = Submitted::new(
        callback.command_id.clone(),
        callback.command_type.clone(),
        callback.destinations.clone(),
        "hub.example",
    );
    let taken =
        command::write_answer(dialect(), &Ok(command::Answer::Submitted(submitted.clone())), "r");
    let submit = command::Call::Submit(Command::from_json(COMMAND).unwrap());
    assert_eq!(
        command::read_answer(dialect(), &submit, &taken).unwrap(),
        command::Answer::Submitted(submitted)
    );
}

fn mailbox_key() -> MailboxKey {
    MailboxKey::of_message("b1", Secret::new("t0ken"), Secret::new("cla1m"))
}

#[test]
fn the_calls_of_a_mailbox_have_these_forms() {
    use mailbox::Call;
    let public = base("https://hub.example/ms");
    let auth = "authorization: Bearer t0ken";
    for (call, path, expected) in [
        (
            Call::List { wait: Duration::from_secs(30) },
            "/b1",
            format!("GET https://hub.example/ms/b1?wait=30\n{auth}\nx-claim: cla1m\n\n"),
        ),
        (
            Call::Fetch { mid: "m/1".into() },
            "/b1/m%2F1",
            format!("GET https://hub.example/ms/b1/m%2F1\n{auth}\nx-claim: cla1m\n\n"),
        ),
        (
            Call::Answer { mid: "m1".into(), answer: " {\"a\":1} ".into() },
            "/b1/m1",
            format!(
                "POST https://hub.example/ms/b1/m1\n{auth}\ncontent-type: application/json\nx-claim: cla1m\n\n {{\"a\":1}} "
            ),
        ),
        (
            Call::Reserve,
            "",
            format!(
                "POST https://hub.example/ms\n{auth}\ncontent-type: application/json\nx-claim: cla1m\n\n{{}}"
            ),
        ),
        (
            Call::Remove,
            "/b1/",
            format!("DELETE https://hub.example/ms/b1\n{auth}\nx-claim: cla1m\n\n"),
        ),
    ] {
        let request = mailbox::write_call(dialect(), &public, &mailbox_key(), &call).unwrap();
        assert_eq!(shown(&request), expected);
        let (head, body) = request.into_parts();
        let read = mailbox::read_credential(dialect(), path, &head).unwrap();
        assert_eq!(read.bid, if call == Call::Reserve { "" } else { "b1" });
        assert_eq!((read.token, read.claim), (mailbox_key().token, mailbox_key().claim));
        assert_eq!(mailbox::read_call(path, &head, &body).unwrap(), call);
        assert!(!format!("{head:?}").contains("t0ken") && !format!("{head:?}").contains("cla1m"));
    }
}

#[test]
fn a_wait_is_a_number_of_seconds_once() {
    let wait = |query: &str| {
        let (head, body) =
            Request::get(format!("https://h/b1?{query}")).body(Bytes::new()).unwrap().into_parts();
        mailbox::read_call("/b1", &head, &body)
    };
    assert_eq!(wait("wait=60&x=1").unwrap(), mailbox::Call::List { wait: Duration::from_secs(60) });
    assert_eq!(wait("x=1").unwrap(), mailbox::Call::List { wait: Duration::ZERO });
    for bad in
        ["wait=", "wait=-1", "wait=+1", "wait=1.5", "wait=99999", "wait=1&wait=2", "wait=%31"]
    {
        assert_eq!(wait(bad).unwrap_err().class(), Class::Malformed, "{bad}");
    }
}

#[test]
fn an_answer_from_between_never_names_a_fault_of_the_device() {
    let calls = [
        mailbox::Call::List { wait: Duration::ZERO },
        mailbox::Call::Fetch { mid: "m1".into() },
        mailbox::Call::Answer { mid: "m1".into(), answer: "{}".into() },
        mailbox::Call::Reserve,
        mailbox::Call::Remove,
    ];
    for call in &calls {
        for (status, body) in [
            (200, "<html>Log in</html>"),
            (302, ""),
            (400, "Bad Request"),
            (401, ""),
            (403, "no"),
            (404, "x"),
            (410, "{}"),
            (413, ""),
            (502, ""),
        ] {
            if *call == (mailbox::Call::Fetch { mid: "m1".into() }) && status == 200 {
                continue;
            }
            let error = mailbox::read_answer(dialect(), call, &answer(status, body)).unwrap_err();
            assert_eq!(error.class(), Class::Unavailable, "{call:?} {status}");
            assert_eq!(StatusError::of(&error).unwrap().status().as_u16(), status);
        }
        // Another server of this crate, that has no mailboxes, is between as well.
        let (head, body) = Request::get("https://h/b1").body(Bytes::new()).unwrap().into_parts();
        let no_such_address = command::read_call(dialect(), "/b1", &head, &body).unwrap_err();
        let astray = write_refusal(dialect(), &no_such_address, "r");
        assert_eq!(
            mailbox::read_answer(dialect(), call, &astray).unwrap_err().class(),
            Class::Unavailable
        );
        let unknown =
            write_refusal(dialect(), &Error::new(Class::NotFound, "mid", "no such message"), "r");
        assert_eq!(
            mailbox::read_answer(dialect(), call, &unknown).unwrap_err().class(),
            Class::NotFound
        );
        let gone =
            write_refusal(dialect(), &Error::new(Class::Expired, "mid", "it has ended"), "r");
        assert_eq!(
            mailbox::read_answer(dialect(), call, &gone).unwrap_err().class(),
            Class::Expired
        );
    }
    let error = mailbox::read_answer(dialect(), &calls[0], &answer(429, "slow down")).unwrap_err();
    assert_eq!(error.class(), Class::Rate);
    assert_eq!(
        mailbox::read_answer(dialect(), &calls[0], &answer(200, r#"{"messages":[]}"#)).unwrap(),
        mailbox::Answer::Listing(Listing::new(vec![]))
    );
}

#[test]
fn a_callback_is_signed_over_its_id_time_and_body() {
    let callback = Callback::from_json(CALLBACK).unwrap();
    let delivery = Delivery::new("0b8f2e0c-1111-4222-8333-444455556666", callback.clone());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let secret = WebhookSecret::from_bytes(&[7; 32]).unwrap();
    let old = WebhookSecret::from_bytes(&[8; 32]).unwrap();
    let basic = BasicAuth::parse("idm:pa:ss").unwrap();
    let write = |base_text: &str, dialect: &Dialect| {
        callback::write_call(
            dialect,
            &base(base_text),
            Some(&basic),
            Some((&AwsLcRs, std::slice::from_ref(&secret))),
            now,
            &delivery,
        )
        .unwrap()
    };
    let request = write("http://localhost:20400/hermod/rest", dialect());
    assert_eq!(request.uri(), "http://localhost:20400/hermod/rest/callback/provision");
    assert_eq!(request.headers()["webhook-id"], delivery.id.as_str());
    assert_eq!(request.headers()["webhook-timestamp"], "1700000000");
    assert_eq!(request.headers()["authorization"], "Basic aWRtOnBhOnNz");
    let mut bare = Dialect::default();
    bare.paths.callback = "".into();
    assert_eq!(write("https://idm.example/ws", &bare).uri(), "https://idm.example/ws/provision");

    let (head, body) = request.into_parts();
    let verify =
        |secrets: &[WebhookSecret], seconds: i64, head: &http::request::Parts, body: &[u8]| {
            let now = SystemTime::UNIX_EPOCH
                + Duration::from_secs(1_700_000_000u64.saturating_add_signed(seconds));
            callback::verify_signature(
                dialect(),
                &AwsLcRs,
                secrets,
                (now, Duration::from_secs(300)),
                head,
                body,
            )
        };
    verify(&[old.clone(), secret.clone()], 0, &head, &body).unwrap();
    verify(std::slice::from_ref(&secret), 300, &head, &body).unwrap();
    verify(std::slice::from_ref(&secret), -300, &head, &body).unwrap();
    let refused = verify(std::slice::from_ref(&secret), 301, &head, &body).unwrap_err();
    assert_eq!(refused.class(), Class::Unauthorized);
    assert_eq!(verify(std::slice::from_ref(&secret), -301, &head, &body).unwrap_err(), refused);
    assert_eq!(verify(&[old], 0, &head, &body).unwrap_err(), refused);
    assert_eq!(verify(&[], 0, &head, &body).unwrap_err(), refused);
    assert_eq!(verify(std::slice::from_ref(&secret), 0, &head, &body[1..]).unwrap_err(), refused);
    for (name, value) in [
        ("webhook-timestamp", "1700000001"),
        ("webhook-signature", "v1,AA=="),
        ("webhook-signature", "v2,"),
    ] {
        let mut forged = head.clone();
        forged.headers.insert(name, HeaderValue::from_static(value));
        assert_eq!(
            verify(std::slice::from_ref(&secret), 0, &forged, &body).unwrap_err(),
            refused,
            "{name} {value}"
        );
    }
    for path in ["/callback/provision", "/prime_explorer/ws/hermod/callback/provision", "provision"]
    {
        assert_eq!(callback::read_call(dialect(), path, &head, &body).unwrap(), delivery);
    }
    assert_eq!(
        callback::read_call(dialect(), "/callback/ping", &head, &body).unwrap_err().part(),
        "commandType"
    );
    assert_eq!(
        callback::read_call(dialect(), "/callback/x", &head, &body).unwrap_err().class(),
        Class::NotFound
    );
    // Another hub gives no id: a repeat still has the same.
    let mut foreign = head.clone();
    foreign.headers.remove("webhook-id");
    assert_eq!(
        callback::read_call(dialect(), "provision", &foreign, &body).unwrap().id,
        format!("{}/COMPLETED", callback.command_id.as_str())
    );
}

#[test]
fn any_2xx_takes_a_callback_and_nothing_else_does() {
    for status in [200, 201, 202, 204, 299] {
        callback::read_answer(dialect(), &answer(status, "whatever")).unwrap();
    }
    for (status, class) in [
        (301, Class::Unavailable),
        (400, Class::Unavailable),
        (401, Class::Unauthorized),
        (404, Class::NotFound),
        (410, Class::Expired),
        (422, Class::Malformed),
        (408, Class::Unavailable),
        (425, Class::Unavailable),
    ] {
        assert_eq!(
            callback::read_answer(dialect(), &answer(status, "")).unwrap_err().class(),
            class
        );
    }
    assert_eq!(callback::write_answer(dialect(), &Ok(()), "r").status(), 204);
}

#[test]
fn a_content_is_asked_for_by_its_id() {
    let request = content::write_call(
        dialect(),
        &base("https://content.example/api"),
        Some(&BasicAuth::parse("hub:pw").unwrap()),
        "PROV:1",
    )
    .unwrap();
    assert_eq!(
        shown(&request),
        "POST https://content.example/api/getcontent\nauthorization: Basic aHViOnB3\ncontent-type: application/json\n\n{\"contentId\":\"PROV:1\"}"
    );
    let (head, body) = request.into_parts();
    assert_eq!(
        content::read_call(dialect(), "/any/prefix/getcontent", &head, &body).unwrap(),
        "PROV:1"
    );
    assert_eq!(
        content::read_call(dialect(), "/getcontents", &head, &body).unwrap_err().class(),
        Class::NotFound
    );
    let text = r#"{"data":[{"content_encoding":"base64","content_type":"image/jpeg","key":"front","data":"AAAA"}]}"#;
    let read = content::read_answer(&answer(200, text)).unwrap();
    assert_eq!(read, ContentAnswer::from_json(text).unwrap());
    assert_eq!(content::write_answer(dialect(), &Ok(read), "r").body(), text);
    assert_eq!(content::read_answer(&answer(404, "")).unwrap_err().class(), Class::NotFound);
    assert_eq!(content::read_answer(&answer(200, "{}")).unwrap_err().class(), Class::Malformed);
}
