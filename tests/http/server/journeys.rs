//! What a hub does, asked over HTTP.

use crate::server::support::{COMMAND, JSON, MS, World, api_key, claim};
use crate::support::serve::Framework;

on_both! {
    a_command_goes_to_a_device_and_back
    a_2xx_means_stored
    links_come_from_configuration_never_from_request_headers
    every_answer_has_an_id_of_its_own_and_is_not_to_be_cached
    a_mailbox_is_reserved_and_a_second_answer_is_a_conflict
}

async fn a_command_goes_to_a_device_and_back(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    assert_eq!(world.poll("shop", &opened.command).await.json()["state"], "IN_PROGRESS");
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c')), JSON];
    let listing = world.served.call("GET", &opened.list(), &headers[..2], "").await;
    assert_eq!(listing.json()["messages"][0]["mid"], opened.mid.as_str());
    let message = world.served.call("GET", &opened.message(), &headers[..2], "").await;
    assert_eq!(message.json()["header"]["location"], opened.location.as_str());
    let taken = world.served.call("POST", &opened.message(), &headers, &opened.pong()).await;
    assert_eq!((taken.status, taken.body.as_str()), (200, "{}"));
    assert_eq!(world.poll("shop", &opened.command).await.json()["state"], "COMPLETED");
    // A slash at the end does no harm.
    assert_eq!(
        world.served.call("GET", &format!("{}/", opened.list()), &headers[..2], "").await.status,
        410
    );
}

async fn a_2xx_means_stored(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c')), JSON];
    for _ in 0..2 {
        // The same bytes again succeed again.
        assert_eq!(
            world.served.call("POST", &opened.message(), &headers, &opened.pong()).await.status,
            200
        );
    }
    let handle = world.hub.integrator("shop").unwrap();
    let id = keyferry::hermod::model::CommandId::from(opened.command.as_str().to_owned());
    let stored = keyferry::hermod::wire::CommandApi::poll(&handle, &id).await.unwrap();
    assert_eq!(stored.state, keyferry::hermod::model::State::COMPLETED);
}

async fn links_come_from_configuration_never_from_request_headers(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let headers = [
        ("x-api-key", &*key),
        JSON,
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example"),
        ("x-original-url", "/evil.example"),
    ];
    let mut raw = world.served.connect().await;
    let mut text = format!("POST {COMMAND}/ping HTTP/1.1\r\nhost: evil.example\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!(
        "content-length: {}\r\n\r\n{}",
        crate::server::support::PING.len(),
        crate::server::support::PING
    );
    raw.send(text).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("evil") && !format!("{:?}", answer.headers).contains("evil"));
    assert!(
        answer.json()["destinations"][0]["location"]
            .as_str()
            .unwrap()
            .starts_with("https://hub.example/hermod/rest/ms/")
    );
}

async fn every_answer_has_an_id_of_its_own_and_is_not_to_be_cached(framework: Framework) {
    let world = World::new(framework).await;
    let key = api_key("shop", "shop-key");
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, status) in [
        ("POST", format!("{COMMAND}/ping"), 200),
        ("GET", format!("{COMMAND}/poll/1"), 404),
        ("GET", format!("{COMMAND}/ping"), 405),
        ("GET", format!("{MS}/none"), 401),
        ("GET", "/hermod/rest/none".to_owned(), 404),
        ("GET", "/health".to_owned(), 200),
        ("GET", "/ready".to_owned(), 200),
    ] {
        let body =
            if status == 200 && method == "POST" { crate::server::support::PING } else { "" };
        let answer = world.served.call(method, &path, &[("x-api-key", &key), JSON], body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(
            (answer.header("cache-control"), answer.header("x-content-type-options")),
            (Some("no-store"), Some("nosniff"))
        );
        assert_eq!(answer.header("location"), None);
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32);
        if status >= 400 {
            assert_eq!(answer.json()["error"]["requestId"], id.as_str());
        }
        assert!(ids.insert(id));
    }
}

async fn a_mailbox_is_reserved_and_a_second_answer_is_a_conflict(framework: Framework) {
    let world = World::new(framework).await;
    let answer = world.post("shop", "provision", &crate::server::support::provision(16)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let opened = crate::server::support::Opened::of(&answer.json());
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c')), JSON];
    // The router may have taken the whole path away.
    for path in [MS.to_owned(), format!("{MS}/")] {
        let reserved = world.served.call("POST", &path, &headers, "{}").await;
        assert_eq!(reserved.status, 201, "{reserved:?}");
        let own = format!("Bearer {}", reserved.json()["token"].as_str().unwrap());
        let path = format!("{MS}/{}", reserved.json()["bid"].as_str().unwrap());
        assert_eq!(
            world.served.call("GET", &path, &[("authorization", &own)], "").await.json()["messages"],
            serde_json::json!([])
        );
        let removed = world.served.call("DELETE", &path, &[("authorization", &own)], "").await;
        assert_eq!((removed.status, removed.body.as_str()), (204, ""));
    }
    let refusal = format!(
        r#"{{"responseHeader":{{"inReplyTo":"{}","status":200}},"provResponse":{{"code":1}}}}"#,
        opened.location
    );
    let garbled =
        refusal.replace("\"code\":1", r#""code":0,"result":{"contenttype":"jws","data":"a.b.c"}"#);
    let refused = world.served.call("POST", &opened.message(), &headers, &garbled).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(world.served.call("POST", &opened.message(), &headers, &refusal).await.status, 200);
    let other = refusal.replace("\"code\":1", "\"code\":3");
    let conflict = world.served.call("POST", &opened.message(), &headers, &other).await;
    assert_eq!((conflict.status, conflict.code().as_str()), (409, "CONFLICT"));
}
