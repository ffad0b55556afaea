//! What RFC 9110 and RFC 9112 want of a server, and frameworks leave to the service.

use keyferry::hermod::server::HermodService;
use keyferry::server::ServerConfig;

use crate::server::support::{COMMAND, JSON, MS, PING, Slow, World, api_key, claim, hub};
use crate::support::serve::{Answer, Framework, Served};

on_both! {
    head_is_answered_as_get_without_a_body
    a_head_claims_no_message_and_fetches_none
    a_head_of_what_cannot_be_peeked_at_has_no_length
    readiness_answers_head_with_503_while_draining
    other_methods_are_405_with_those_that_are_allowed
    http_1_1_without_one_valid_host_is_400
    an_absolute_address_wants_a_host_too
    an_unknown_transfer_coding_is_501
    parameters_of_a_content_type_have_no_effect
    a_body_that_is_not_utf_8_is_refused_by_its_bytes
    escaped_unreserved_characters_are_the_same_in_every_segment
    an_escaped_slash_is_no_slash
}

const HEAD_OF_HEALTH: &str = include_str!("../../fixtures/field/08_head_health.http");
const WITHOUT_HOST: &str = include_str!("../../fixtures/field/09_no_host.http");
const CONTENT_TYPES: &str = include_str!("../../fixtures/field/10_content_types.txt");

/// A fixture with the line ends of HTTP, whatever a checkout made of them.
fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// What `HEAD` answers, and that `GET` on the same connection has the same head and comes whole.
async fn head_and_get(served: &Served, path: &str, headers: &[(&str, &str)]) -> (Answer, Answer) {
    let mut raw = served.connect().await;
    raw.request("HEAD", path, headers, "").await;
    let head = raw.answer_to_head().await;
    // If the first answer had a body, it would be taken for the beginning of this one.
    raw.request("GET", path, headers, "").await;
    let get = raw.answer().await;
    (head, get)
}

fn same_headers(head: &Answer, get: &Answer) {
    assert_eq!(head.status, get.status);
    let names = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for differs in ["x-request-id", "date"] {
            assert!(headers.remove(differs).is_some(), "{differs}");
        }
        headers
    };
    assert_eq!(names(head), names(get));
    assert!(get.header("content-length").is_some_and(|length| length != "0"));
}

async fn head_is_answered_as_get_without_a_body(framework: Framework) {
    let world = World::new(framework).await;
    let mut raw = world.served.connect().await;
    raw.send(with_crlf(HEAD_OF_HEALTH)).await;
    let answer = raw.answer_to_head().await;
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("2")));
    let opened = world.ping().await;
    let key = api_key("shop", "shop-key");
    let (bearer, claim) = (opened.bearer(), claim('a'));
    let device = [("authorization", bearer.as_str()), ("x-claim", claim.as_str())];
    let integrator = [("x-api-key", key.as_str())];
    for (path, headers, status) in [
        ("/health".to_owned(), &[][..], 200),
        ("/ready".to_owned(), &[], 200),
        ("/hermod/rest/health".to_owned(), &[], 200),
        (format!("{COMMAND}/poll/{}", opened.command), &integrator, 200),
        (format!("{COMMAND}/poll/none"), &integrator, 404),
        (format!("{COMMAND}/poll/{}", opened.command), &[], 401),
        ("/nowhere".to_owned(), &[], 404),
        (opened.list(), &device, 200),
        (opened.message(), &device, 200),
        (format!("{MS}/{}/none", opened.bid), &device, 404),
        (opened.message(), &[], 401),
    ] {
        let (head, get) = head_and_get(&world.served, &path, headers).await;
        assert_eq!(get.status, status, "{path}");
        same_headers(&head, &get);
    }
}

async fn a_head_claims_no_message_and_fetches_none(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let (bearer, first, second) = (opened.bearer(), claim('a'), claim('b'));
    let call = async |method: &str, path: &str, claim: &str| {
        let headers = [("authorization", bearer.as_str()), ("x-claim", claim)];
        let mut raw = world.served.connect().await;
        raw.request(method, path, &headers, "").await;
        raw.answer_to_head().await.status
    };
    // A HEAD of a list does not wait either.
    for path in [opened.list(), opened.message(), format!("{}?wait=60", opened.list())] {
        assert_eq!(call("HEAD", &path, &first).await, 200);
        assert_eq!(call("HEAD", &path, &second).await, 200);
    }
    // Nobody has claimed it yet, so another device can; then it is told apart.
    assert_eq!(call("GET", &opened.message(), &second).await, 200);
    for method in ["HEAD", "GET"] {
        assert_eq!(call(method, &opened.message(), &first).await, 409, "{method}");
        assert_eq!(call(method, &opened.list(), &first).await, 409, "{method}");
    }
    assert_eq!(call("HEAD", &opened.message(), &second).await, 200);
}

async fn a_head_of_what_cannot_be_peeked_at_has_no_length(framework: Framework) {
    let slow = Slow::default();
    let served = Served::start(framework, slow.service(ServerConfig::default())).await;
    let mut raw = served.connect().await;
    for path in [format!("{MS}/b?wait=60"), format!("{MS}/b/m")] {
        raw.request("HEAD", &path, &[("authorization", "Bearer t")], "").await;
        let answer = raw.answer_to_head().await;
        assert_eq!((answer.status, answer.header("content-length")), (200, None));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_eq!(slow.begun(), 0);
}

async fn readiness_answers_head_with_503_while_draining(framework: Framework) {
    let world = World::new(framework).await;
    let mut raw = world.served.connect().await;
    raw.request("HEAD", "/ready", &[], "").await;
    assert_eq!(raw.answer_to_head().await.status, 200);
    world.drain.begin();
    raw.request("HEAD", "/ready", &[], "").await;
    let head = raw.answer_to_head().await;
    let get = world.served.call("GET", "/ready", &[], "").await;
    same_headers(&head, &get);
    assert_eq!((head.status, head.header("retry-after").is_some()), (503, true));
    assert_eq!(world.served.call("GET", "/health", &[], "").await.status, 200);
}

async fn other_methods_are_405_with_those_that_are_allowed(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let key = api_key("shop", "shop-key");
    let (bearer, claim) = (opened.bearer(), claim('a'));
    let device = [("authorization", bearer.as_str()), ("x-claim", claim.as_str())];
    let integrator = [("x-api-key", key.as_str())];
    for (path, headers, allowed) in [
        ("/health".to_owned(), &[][..], "GET, HEAD"),
        ("/ready".to_owned(), &[], "GET, HEAD"),
        (format!("{COMMAND}/ping"), &integrator, "POST"),
        (format!("{COMMAND}/poll/1"), &integrator, "GET, HEAD"),
        (opened.list(), &device, "GET, HEAD, DELETE"),
        (opened.message(), &device, "GET, HEAD, POST"),
        (MS.to_owned(), &device, "POST"),
    ] {
        for method in ["OPTIONS", "PUT", "PATCH", "TRACE", "PROPFIND"] {
            let answer = world.served.call(method, &path, headers, "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        }
        // HEAD is allowed where GET is, and nowhere else.
        let mut raw = world.served.connect().await;
        raw.request("HEAD", &path, headers, "").await;
        let status = raw.answer_to_head().await.status;
        assert_eq!(status == 405, !allowed.contains("HEAD"), "{path}: {status}");
    }
}

async fn http_1_1_without_one_valid_host_is_400(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let without = with_crlf(WITHOUT_HOST).replace("KEY", &key);
    let lines = |host: &str| without.replacen("\r\n", &format!("\r\n{host}"), 1);
    let send = async |text: String| {
        let mut raw = world.served.connect().await;
        raw.send(text).await;
        raw.answer().await.status
    };
    assert_eq!(send(without.clone()).await, 400);
    for bad in [
        "host: a\r\nhost: a\r\n",
        "host: a\r\nhost: b\r\n",
        "host: a b\r\n",
        "host: user@h\r\n",
        "host: h/\r\n",
        "host: h:port\r\n",
        "host: [::1\r\n",
        "host: caf\u{e9}\r\n",
    ] {
        assert_eq!(send(lines(bad)).await, 400, "{bad}");
        assert_eq!(send(lines(bad).replace("HTTP/1.1", "HTTP/1.0")).await, 400, "{bad}");
    }
    for good in ["host: h\r\n", "Host:h:443\r\n", "host: [::1]:80\r\n", "host:\r\n"] {
        assert_eq!(send(lines(good)).await, 200, "{good}");
    }
    assert_eq!(send(without.replace("HTTP/1.1", "HTTP/1.0")).await, 200);
    // For every path and every caller.
    for path in ["/health", "/ready", "/nowhere", MS, "/callback/ping", "/getcontent"] {
        let head = format!("GET {path} HTTP/1.1\r\n");
        assert_eq!(send(format!("{head}\r\n")).await, 400, "{path}");
        assert_eq!(send(format!("{head}host: a\r\nhost: a\r\n\r\n")).await, 400, "{path}");
    }
    assert_eq!(send("GET /health HTTP/1.0\r\n\r\n".to_owned()).await, 200);
}

async fn an_absolute_address_wants_a_host_too(framework: Framework) {
    let world = World::new(framework).await;
    for (host, status) in [("", 400), ("host: h\r\n", 200), ("host: other\r\n", 200)] {
        let mut raw = world.served.connect().await;
        raw.send(format!("GET http://h/health HTTP/1.1\r\n{host}\r\n")).await;
        assert_eq!(raw.answer().await.status, status, "{host}");
    }
}

async fn an_unknown_transfer_coding_is_501(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let chunks = format!("{:x}\r\n{PING}\r\n0\r\n\r\n", PING.len());
    for (lines, statuses) in [
        ("transfer-encoding: chunked", &[200][..]),
        ("transfer-encoding: Chunked", &[200]),
        ("transfer-encoding: gzip, chunked", &[501]),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked", &[501]),
        ("transfer-encoding: identity, chunked", &[501]),
        // Where it ends cannot be told: RFC 9112, 6.3, wants 400.
        ("transfer-encoding: identity", &[400]),
        ("transfer-encoding: gzip", &[400]),
    ] {
        let mut raw = world.served.connect().await;
        raw.send(format!(
            "POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n{lines}\r\n\r\n{chunks}"
        ))
        .await;
        let answer = raw.answer().await;
        assert!(statuses.contains(&answer.status), "{lines}: {answer:?}");
        if answer.status == 501 {
            assert_eq!(answer.code(), "NOT_IMPLEMENTED");
            raw.ends().await;
        }
    }
}

async fn parameters_of_a_content_type_have_no_effect(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let more = [
        "APPLICATION/JSON",
        "application/json; charset=utf-16",
        "application/json; charset=\"x;\\\"y\"; p=1",
        "application/json;",
    ];
    let status = async |content_type: &str| {
        let headers = [("x-api-key", key.as_str()), ("content-type", content_type)];
        world.served.call("POST", &format!("{COMMAND}/ping"), &headers, PING).await
    };
    let lines = CONTENT_TYPES.lines().filter(|line| !line.is_empty());
    assert_eq!(lines.clone().count(), 6);
    for good in lines.chain(more) {
        assert_eq!(status(good).await.status, 200, "{good}");
    }
    for bad in ["application/json; charset", "application/json; p=\"open", "text/json"] {
        let answer = status(bad).await;
        assert_eq!(answer.status, 415, "{bad}");
        assert_eq!(answer.header("accept"), Some("application/json"));
    }
}

async fn a_body_that_is_not_utf_8_is_refused_by_its_bytes(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let utf_16 = |mark: &[u16]| -> Vec<u8> {
        mark.iter().copied().chain(PING.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let latin_1 = PING.replace("@tmp", "caf#").into_bytes();
    let latin_1 = latin_1.iter().map(|byte| if *byte == b'#' { 0xe9 } else { *byte }).collect();
    for (charset, body) in
        [("utf-16", utf_16(&[0xfeff])), ("utf-16le", utf_16(&[])), ("iso-8859-1", latin_1)]
    {
        for content_type in
            [format!("application/json; charset={charset}"), "application/json".to_owned()]
        {
            let mut raw = world.served.connect().await;
            raw.send(format!(
                "POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            ))
            .await;
            raw.send(&body).await;
            assert_eq!(raw.answer().await.status, 400, "{content_type}");
        }
    }
}

async fn escaped_unreserved_characters_are_the_same_in_every_segment(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let key = api_key("shop", "shop-key");
    let (bearer, claim) = (opened.bearer(), claim('a'));
    for path in [
        "/hermod/rest/command/%70ing",
        "/hermod/rest/c%6fmmand/pin%67",
        "/%68ermod/rest/command/ping",
        "/hermod/%72%65st/command/ping",
    ] {
        let answer = world.served.call("POST", path, &[("x-api-key", &key), JSON], PING).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    for path in [
        format!("/hermod/rest/%6d%73/{}", opened.bid),
        format!("{MS}/{}?wait=0", escaped(&opened.bid)),
        format!("{MS}/{}/{}", escaped(&opened.bid), escaped(&opened.mid).to_uppercase()),
    ] {
        let headers = [("authorization", bearer.as_str()), ("x-claim", claim.as_str())];
        assert_eq!(world.served.call("GET", &path, &headers, "").await.status, 200, "{path}");
    }
    for path in ["/%68ealth", "/read%79", "/hermod/rest/%68ealth"] {
        assert_eq!(world.served.call("GET", path, &[], "").await.status, 200, "{path}");
    }
    let path = format!("{COMMAND}/p%6fll/{}", escaped(&opened.command));
    assert_eq!(world.served.call("GET", &path, &[("x-api-key", &key)], "").await.status, 200);
    // A base that is configured with escapes is the same base.
    let service = HermodService::of_hub(&world.hub).unwrap();
    let config = service.config().clone();
    let elsewhere = HermodService::builder("/caf\u{e9} a/%72")
        .with_config(config)
        .with_commands(hub(&world.clock))
        .build()
        .unwrap();
    let served = Served::start(framework, elsewhere).await;
    for path in ["/caf%C3%A9%20a/r/command/ping", "/caf%c3%a9%20%61/%72/command/ping"] {
        let answer = served.call("POST", path, &[("x-api-key", &key), JSON], PING).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

async fn an_escaped_slash_is_no_slash(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    for (path, statuses) in [
        ("/hermod/rest/command%2Fping", &[404][..]),
        ("/hermod%2frest/command/ping", &[404]),
        ("/hermod/rest/command/%2Fping", &[404]),
        ("/hermod/rest/command/ping%2F", &[404]),
        ("/hermod/rest/command/%2570ing", &[404]),
        ("/hermod/rest/command/%zzping", &[400, 404]),
        ("/hermod/rest/command/ping%", &[400, 404]),
        ("/hermod/rest/command/%ff", &[400, 404]),
        ("/hermod/rest/command/%2e%2e/command/ping", &[400]),
    ] {
        let answer = world.served.call("POST", path, &[("x-api-key", &key), JSON], PING).await;
        assert!(statuses.contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(world.served.call("GET", "/%2Fhealth", &[], "").await.status, 404);
}
