//! Heads that two servers could read differently: whatever is hidden behind one is not done.

use keyferry::server::ServerConfig;

use crate::server::support::{COMMAND, PING, Slow, World, api_key};
use crate::support::serve::{Framework, Served};

on_both! {
    request_smuggling_shapes_are_refused_or_end_the_connection
    bad_heads_are_refused
}

/// A request that must not be done, hidden in another.
fn hidden() -> String {
    let key = api_key("shop", "");
    format!(
        "POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{PING}",
        PING.len()
    )
}

async fn request_smuggling_shapes_are_refused_or_end_the_connection(framework: Framework) {
    let slow = Slow::default();
    let served = Served::start(framework, slow.service(ServerConfig::default())).await;
    let hidden = hidden();
    let length = hidden.len();
    for (lines, body) in [
        (format!("content-length: 0\r\ncontent-length: {length}"), ""),
        (format!("content-length: {length}\r\ncontent-length: 0"), ""),
        (format!("content-length: 0, {length}"), ""),
        (format!("content-length: 0\r\ntransfer-encoding: chunked\r\nx: {length}"), "0\r\n\r\n"),
        (format!("content-length: {length}\r\ntransfer-encoding: chunked"), "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ncontent-length: 5".to_owned(), "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity".to_owned(), "0\r\n\r\n"),
        ("transfer-encoding: chunked, identity".to_owned(), "0\r\n\r\n"),
        ("transfer-encoding: xchunked".to_owned(), "0\r\n\r\n"),
        ("transfer-encoding:\u{b}chunked".to_owned(), "0\r\n\r\n"),
        ("transfer-encoding : chunked".to_owned(), "0\r\n\r\n"),
        ("content-length : 0".to_owned(), ""),
        ("content-length: +0".to_owned(), ""),
        ("content-length: 0x0".to_owned(), ""),
        ("content-length: -1".to_owned(), ""),
        ("content-length: 18446744073709551616".to_owned(), ""),
        ("x: y\r\n content-length: 0".to_owned(), ""),
        ("x: y\r\n\tz".to_owned(), ""),
    ] {
        // Of nobody, and of somebody whose body is read: whatever comes of the outer one, it is not
        // done.
        for credential in [
            String::new(),
            format!("x-api-key: {}\r\ncontent-type: application/json\r\n", api_key("shop", "")),
        ] {
            let mut raw = served.connect().await;
            raw.send(format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\n{credential}{lines}\r\n\r\n{body}{hidden}")).await;
            if let Some(answer) = raw.try_answer().await {
                assert!(matches!(answer.status, 400 | 401 | 501), "{lines}: {answer:?}");
                raw.ends().await;
            }
            assert_eq!(slow.begun(), 0, "{lines}");
        }
    }
    // HTTP/1.0 has no chunks.
    let mut raw = served.connect().await;
    raw.send(format!("POST {COMMAND}/ping HTTP/1.0\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}")).await;
    if let Some(answer) = raw.try_answer().await {
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    }
    assert_eq!(slow.begun(), 0);
    // What is said properly is done: the two requests of one connection.
    let mut raw = served.connect().await;
    raw.send(format!("GET /health HTTP/1.1\r\nhost: h\r\n\r\n{hidden}")).await;
    assert_eq!(raw.answer().await.status, 200);
    slow.has_begun(1).await;
    slow.go();
    assert_eq!(raw.answer().await.status, 200);
}

async fn bad_heads_are_refused(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let tail = format!(
        "x-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{PING}",
        PING.len()
    );
    let mut first = true;
    for head in [
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\n"),
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nhost: h\r\n"),
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx y: z\r\n"),
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\n: z\r\n"),
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx: \u{0}\r\n"),
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx: y\r z\r\n"),
        format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\n folded\r\n"),
        format!("POST {COMMAND}/ping HTTP/9.9\r\nhost: h\r\n"),
        format!("POST {COMMAND}/ping\r\nhost: h\r\n"),
        format!("POST {COMMAND}/pi ng HTTP/1.1\r\nhost: h\r\n"),
        format!("PO ST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\n"),
        "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(),
    ] {
        let mut raw = world.served.connect().await;
        raw.send(format!("{head}{tail}")).await;
        let status = raw.try_answer().await.map(|answer| answer.status);
        if std::mem::take(&mut first) {
            assert_eq!(status, Some(200));
        } else {
            assert!(matches!(status, None | Some(400)), "{head}: {status:?}");
        }
    }
}
