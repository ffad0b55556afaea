//! Limits on everything.

use std::time::Duration;

use keyferry::Clock as _;
use keyferry::server::{Rate, ServerConfig};

use crate::server::support::{
    COMMAND, JSON, MS, PING, Slow, World, api_key, claim, config, provision,
};
use crate::support::serve::{Framework, Served};

on_both! {
    a_body_over_its_limit_is_413_declared_or_streamed
    headers_over_their_limits_are_431_and_an_address_414
    nesting_counts_and_numbers_over_their_limits_are_400
    every_address_has_its_methods
    a_content_type_other_than_json_is_415
    unknown_addresses_are_404_and_odd_ones_400
    a_tenant_that_comes_too_often_gets_429_and_nobody_else
    a_clock_that_is_set_changes_no_rate
    a_token_that_comes_too_often_gets_429_and_no_other
    concurrent_requests_are_limited_by_tenant_and_server
    long_polls_have_limits_of_their_own
    a_body_that_does_not_come_is_408
    a_body_that_breaks_off_is_no_command
    a_handler_that_takes_too_long_is_503_and_comes_to_its_end
    a_handler_that_panics_is_503
}

async fn a_body_over_its_limit_is_413_declared_or_streamed(framework: Framework) {
    const MIB: usize = 1024 * 1024;
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let head = |path: &str, length: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
        )
    };
    let opened = world.ping().await;
    let mailbox = format!("authorization: {}\r\nx-claim: {}\r\n", opened.bearer(), claim('c'));
    for (path, limit) in [
        (format!("{COMMAND}/ping"), MIB),
        (format!("{COMMAND}/provision"), 4 * MIB),
        (opened.message(), MIB),
    ] {
        // Nothing of it is sent, and the connection is not used again.
        let mut raw = world.served.connect().await;
        raw.send(head(&path, &format!("{mailbox}content-length: {}", limit + 1))).await;
        let answer = raw.answer().await;
        assert_eq!(
            (answer.status, answer.code().as_str(), answer.header("connection")),
            (413, "TOO_LARGE", Some("close")),
            "{path}"
        );
        raw.ends().await;
        // At the limit it is read, and is no JSON.
        let mut raw = world.served.connect().await;
        raw.send(head(&path, &format!("{mailbox}content-length: {limit}"))).await;
        raw.send(vec![b' '; limit]).await;
        assert_eq!(raw.answer().await.status, 400, "{path}");
        // In chunks, the last of which is one byte too many.
        let mut raw = world.served.connect().await;
        raw.send(head(&path, &format!("{mailbox}transfer-encoding: chunked"))).await;
        for _ in 0..limit / MIB {
            raw.send(format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB))).await;
        }
        raw.send("1\r\n \r\n").await;
        assert_eq!(raw.answer().await.status, 413, "{path}");
    }
    // Where no body belongs, there is none.
    let answer =
        world.served.call("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &key)], "x").await;
    assert_eq!(answer.status, 413);
    // Pictures are for provision commands.
    assert_eq!(world.post("shop", "provision", &provision(2 * MIB)).await.status, 200);
    assert_eq!(
        world
            .post("shop", "ping", &PING.replace("{}", &format!(r#"{{"x":"{}"}}"#, "A".repeat(MIB))))
            .await
            .status,
        413
    );
}

async fn headers_over_their_limits_are_431_and_an_address_414(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let status = async |path: &str, more: &str| {
        let mut raw = world.served.connect().await;
        let length = PING.len();
        raw.send(format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{PING}"
        ))
        .await;
        raw.answer().await
    };
    let ping = format!("{COMMAND}/ping");
    assert_eq!(status(&ping, "").await.status, 200);
    assert_eq!(status(&ping, &"x: y\r\n".repeat(60)).await.status, 200);
    let many = status(&ping, &"x: y\r\n".repeat(61)).await;
    assert_eq!((many.status, many.code().as_str()), (431, "HEADERS_TOO_LARGE"));
    let long = status(&ping, &format!("x: {}\r\n", "y".repeat(16 * 1024))).await;
    assert_eq!((long.status, long.code().as_str()), (431, "HEADERS_TOO_LARGE"));
    let address = status(&format!("{ping}?{}", "x".repeat(4096)), "").await;
    assert_eq!((address.status, address.code().as_str()), (414, "TOO_LARGE"));
    // What the framework refuses by itself is refused too.
    for more in ["x: y\r\n".repeat(1000), format!("x: {}\r\n", "y".repeat(1024 * 1024))] {
        let mut raw = world.served.connect().await;
        raw.send(format!("GET {ping} HTTP/1.1\r\nhost: h\r\n{more}\r\n")).await;
        assert!(raw.try_answer().await.is_none_or(|answer| answer.status == 431));
    }
}

async fn nesting_counts_and_numbers_over_their_limits_are_400(framework: Framework) {
    let world = World::new(framework).await;
    let header = r#""commandHeader":{"lifespan":300,"timeout":200"#;
    let many = vec!["\"@tmp\""; 65].join(",");
    let names: Vec<String> = (0..65).map(|n| format!("\"n{n}\":0")).collect();
    for body in [
        format!("{{{header}}},\"pingCommand\":{}1{}}}", "[".repeat(40), "]".repeat(40)),
        format!("{{{header}}},\"pingCommand\":{}", "[".repeat(100_000)),
        format!("{{{header}}},\"pingCommand\":{{}},\"x\":{}1{}}}", "[".repeat(40), "]".repeat(40)),
        format!("{{{header}}},\"pingCommand\":{{}},{}}}", names.join(",")),
        format!("{{{header},\"to\":[{many}]}},\"pingCommand\":{{}}}}"),
        format!("{{{header},\"to\":[]}},\"pingCommand\":{{}}}}"),
        format!("{{{header}}},\"pingCommand\":{{}},\"pingCommand\":{{}}}}"),
        format!("{{{header}}},\"pingCommand\":{{}}}}{{}}"),
        r#"{"commandHeader":{"lifespan":0,"timeout":200},"pingCommand":{}}"#.to_owned(),
        r#"{"commandHeader":{"lifespan":99999999999999999999,"timeout":200},"pingCommand":{}}"#
            .to_owned(),
        provision(0).replace("provCommand", "signCommand"),
        provision(0),
        "null".to_owned(),
        " ".to_owned(),
        "\u{0}".to_owned(),
    ] {
        let answer = world.post("shop", "ping", &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "INVALID_REQUEST"),
            "{}",
            &body[..body.len().min(200)]
        );
    }
    let opened = world.ping().await;
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c'))];
    for wait in ["wait=", "wait=-1", "wait=1.5", "wait=99999", "wait=1&wait=1", "wait=%31"] {
        assert_eq!(
            world
                .served
                .call("GET", &format!("{}?{wait}", opened.list()), &headers, "")
                .await
                .status,
            400,
            "{wait}"
        );
    }
}

async fn every_address_has_its_methods(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let (key, bearer, claimed) = (api_key("shop", "shop-key"), opened.bearer(), claim('c'));
    let headers = [("x-api-key", &*key), ("authorization", &bearer), ("x-claim", &claimed)];
    for (path, allowed) in [
        (format!("{COMMAND}/ping"), "POST"),
        (format!("{COMMAND}/poll/1"), "GET, HEAD"),
        (MS.to_owned(), "POST"),
        (opened.list(), "GET, HEAD, DELETE"),
        (opened.message(), "GET, HEAD, POST"),
        ("/health".to_owned(), "GET, HEAD"),
        ("/ready".to_owned(), "GET, HEAD"),
    ] {
        for method in
            ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
        {
            if allowed.split(", ").any(|one| one == method) {
                continue;
            }
            let mut raw = world.served.connect().await;
            raw.request(method, &path, &headers, "").await;
            let answer =
                if method == "HEAD" { raw.answer_to_head().await } else { raw.answer().await };
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(allowed)),
                "{method} {path}"
            );
            assert!(method == "HEAD" || answer.code() == "METHOD_NOT_ALLOWED");
        }
    }
}

async fn a_content_type_other_than_json_is_415(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let status = async |more: &[(&str, &str)]| {
        let headers = [&[("x-api-key", key.as_str())], more].concat();
        world.served.call("POST", &format!("{COMMAND}/ping"), &headers, PING).await
    };
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(status(&[("content-type", good)]).await.status, 200, "{good}");
    }
    let answer = status(&[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    for bad in [
        "text/plain",
        "application/json; charset",
        "application/json-seq",
        "application/xml",
        "application/json, text/plain",
    ] {
        assert_eq!(status(&[("content-type", bad)]).await.status, 415, "{bad}");
    }
    assert_eq!(status(&[JSON, JSON]).await.status, 415);
    for coding in ["gzip", "identity", ""] {
        assert_eq!(status(&[JSON, ("content-encoding", coding)]).await.status, 415, "{coding}");
    }
}

async fn unknown_addresses_are_404_and_odd_ones_400(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    for (path, status) in [
        ("/none", 404),
        ("/ping/x", 404),
        ("/PING", 404),
        ("/poll", 404),
        ("", 404),
        ("/", 404),
        ("/../command/ping", 400),
        ("/%2e%2e/ping", 400),
        ("//ping", 400),
        ("/%ff", 400),
        ("/%", 400),
        ("/p%69ng", 200),
    ] {
        let answer = world
            .served
            .call("POST", &format!("{COMMAND}{path}"), &[("x-api-key", &key), JSON], PING)
            .await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

async fn a_tenant_that_comes_too_often_gets_429_and_nobody_else(framework: Framework) {
    let world = World::with(framework, |limits| limits.tenant_rate = Rate::new(2, 3)).await;
    for _ in 0..3 {
        assert_eq!(world.poll("shop", "1").await.status, 404);
    }
    let refused = world.poll("shop", "1").await;
    assert_eq!(
        (refused.status, refused.code().as_str(), refused.header("retry-after")),
        (429, "RATE_LIMITED", Some("1"))
    );
    // A wrong key uses nothing up, and is not told of it.
    let wrong = api_key("shop", "wrong");
    assert_eq!(
        world
            .served
            .call("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &wrong)], "")
            .await
            .status,
        401
    );
    assert_eq!(world.poll("rival", "1").await.status, 404);
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(
        (world.poll("shop", "1").await.status, world.poll("shop", "1").await.status),
        (404, 429)
    );
}

async fn a_clock_that_is_set_changes_no_rate(framework: Framework) {
    const HOUR: Duration = Duration::from_secs(3600);
    for forward in [true, false] {
        let world = World::with(framework, |limits| limits.tenant_rate = Rate::new(1, 1)).await;
        assert_eq!(world.poll("shop", "1").await.status, 404);
        let now = world.clock.now();
        world.clock.set_wall(if forward { now + HOUR } else { now - HOUR });
        assert_eq!(world.poll("shop", "1").await.status, 429, "set forward: {forward}");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(world.poll("shop", "1").await.status, 404, "set forward: {forward}");
    }
}

async fn a_token_that_comes_too_often_gets_429_and_no_other(framework: Framework) {
    let world = World::with(framework, |limits| limits.device_rate = Rate::new(1, 2)).await;
    let (one, other) = (world.ping().await, world.ping().await);
    let status = async |opened: &crate::server::support::Opened| {
        let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c'))];
        world.served.call("GET", &opened.list(), &headers, "").await.status
    };
    assert_eq!((status(&one).await, status(&one).await, status(&one).await), (200, 200, 429));
    assert_eq!(status(&other).await, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&one).await, 200);
}

async fn slow(framework: Framework, config: ServerConfig) -> (Slow, Served) {
    let slow = Slow::default();
    let served = Served::start(framework, slow.service(config)).await;
    (slow, served)
}

async fn concurrent_requests_are_limited_by_tenant_and_server(framework: Framework) {
    let limits = config(|limits| (limits.tenant_concurrent, limits.concurrent) = (2, 3));
    let (slow, served) = slow(framework, limits).await;
    let (shop, rival) = (api_key("shop", ""), api_key("rival", ""));
    let ping = format!("{COMMAND}/ping");
    let mut waiting = Vec::new();
    for (count, key) in [&shop, &shop, &rival].into_iter().enumerate() {
        if count == 2 {
            let refused = served.call("POST", &ping, &[("x-api-key", &shop), JSON], PING).await;
            assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
        }
        let mut raw = served.connect().await;
        raw.request("POST", &ping, &[("x-api-key", key), JSON], PING).await;
        slow.has_begun(count + 1).await;
        waiting.push(raw);
    }
    let refused = served.call("POST", &ping, &[("x-api-key", &rival), JSON], PING).await;
    assert_eq!(
        (refused.status, refused.code().as_str(), refused.header("retry-after")),
        (503, "UNAVAILABLE", Some("1"))
    );
    // Who asks whether it is alive is answered all the same.
    assert_eq!(served.call("GET", "/health", &[], "").await.status, 200);
    slow.let_all_go().await;
    for raw in &mut waiting {
        assert_eq!(raw.answer().await.status, 200);
    }
    assert_eq!(slow.begun(), 3);
}

async fn long_polls_have_limits_of_their_own(framework: Framework) {
    let limits = config(|limits| {
        (limits.device_concurrent, limits.concurrent) = (1, 1);
        (limits.device_long_polls, limits.long_polls) = (2, 3);
    });
    let (slow, served) = slow(framework, limits).await;
    let poll = format!("{MS}/b?wait=60");
    let mut waiting = Vec::new();
    for (count, token) in ["Bearer a", "Bearer a", "Bearer b"].into_iter().enumerate() {
        let mut raw = served.connect().await;
        raw.request("GET", &poll, &[("authorization", token)], "").await;
        slow.has_begun(count + 1).await;
        waiting.push(raw);
        if count == 1 {
            assert_eq!(
                served.call("GET", &poll, &[("authorization", token)], "").await.status,
                429
            );
        }
    }
    assert_eq!(served.call("GET", &poll, &[("authorization", "Bearer b")], "").await.status, 503);
    // They do not stand in the way of what does not wait.
    assert_eq!(
        served.call("GET", &format!("{MS}/b"), &[("authorization", "Bearer a")], "").await.status,
        200
    );
    slow.let_all_go().await;
    for raw in &mut waiting {
        assert_eq!(raw.answer().await.status, 200);
    }
}

async fn a_body_that_does_not_come_is_408(framework: Framework) {
    let limits = config(|limits| limits.body_time = Duration::from_millis(50));
    let (slow, served) = slow(framework, limits).await;
    let key = api_key("shop", "");
    for (length, body) in
        [("content-length: 100", "{"), ("transfer-encoding: chunked", "1\r\n{\r\n")]
    {
        let mut raw = served.connect().await;
        raw.send(format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n{length}\r\n\r\n{body}"))
            .await;
        let answer = raw.answer().await;
        assert_eq!(
            (answer.status, answer.code().as_str(), answer.header("connection")),
            (408, "TIMEOUT", Some("close"))
        );
        raw.ends().await;
    }
    assert_eq!(slow.begun(), 0);
}

async fn a_body_that_breaks_off_is_no_command(framework: Framework) {
    let (slow, served) = slow(framework, ServerConfig::default()).await;
    let key = api_key("shop", "");
    let head = format!(
        "POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
    );
    // Bad chunks: too long a size, none, one that is not ended.
    for body in ["fffffffffffffffff\r\n", "x\r\n", "1\r\n{}", "-1\r\n"] {
        let mut raw = served.connect().await;
        raw.send(format!("{head}transfer-encoding: chunked\r\n\r\n{body}")).await;
        if body != "1\r\n{}" {
            assert!(raw.try_answer().await.is_none_or(|answer| answer.status == 400), "{body}");
        }
    }
    // Half of it, and the peer is gone.
    let mut raw = served.connect().await;
    raw.send(format!("{head}content-length: {}\r\n\r\n{}", PING.len(), &PING[..PING.len() / 2]))
        .await;
    drop(raw);
    let mut raw = served.connect().await;
    raw.request("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING).await;
    slow.has_begun(1).await;
    slow.go();
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!(slow.begun(), 1);
}

async fn a_handler_that_takes_too_long_is_503_and_comes_to_its_end(framework: Framework) {
    let limits = config(|limits| limits.handle_time = Duration::from_millis(50));
    let (slow, served) = slow(framework, limits).await;
    let key = api_key("shop", "");
    let answer =
        served.call("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
    assert!(answer.header("retry-after").is_some());
    slow.go();
    slow.has_ended(1).await;
    // What only reads is dropped.
    assert_eq!(
        served.call("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &key)], "").await.status,
        503
    );
    slow.is_dropped(1).await;
}

async fn a_handler_that_panics_is_503(framework: Framework) {
    let (_, served) = slow(framework, ServerConfig::default()).await;
    let mut raw = served.connect().await;
    for _ in 0..2 {
        raw.request("DELETE", &format!("{MS}/b"), &[("authorization", "Bearer a")], "").await;
        assert_eq!(raw.answer().await.status, 503);
    }
}

/// The time of a head is the listener's; here hyper's. A router of axum that is served by
/// `axum::serve` has no such limit.
#[tokio::test]
async fn a_head_that_does_not_come_is_cut_off() {
    let (slow, served) = slow(Framework::Hyper, ServerConfig::default()).await;
    for head in ["", "G", "POST /hermod/rest/command/ping HTTP/1.1\r\nhost: h\r\nx-api-key:"] {
        let mut raw = served.connect().await;
        raw.send(head).await;
        assert!(raw.try_answer().await.is_none_or(|answer| answer.status == 408), "{head}");
    }
    // Between two requests as well.
    let mut raw = served.connect().await;
    raw.request("GET", "/health", &[], "").await;
    assert_eq!(raw.answer().await.status, 200);
    raw.ends().await;
    assert_eq!(slow.begun(), 0);
}
