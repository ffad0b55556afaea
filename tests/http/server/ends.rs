//! Peers that go away, and servers that end.

use keyferry::server::ServerConfig;

use crate::server::support::{COMMAND, JSON, MS, PING, Slow, World, api_key, claim};
use crate::support::serve::{Framework, PATIENCE, Served};

on_both! {
    a_handler_runs_to_completion_when_the_client_disconnects
    a_long_poll_ends_when_the_peer_goes_away
    a_drain_ends_long_polls_and_waits_for_other_requests
    a_message_wakes_a_long_poll
}

async fn a_handler_runs_to_completion_when_the_client_disconnects(framework: Framework) {
    let slow = Slow::default();
    let config = ServerConfig::default();
    let drain = config.drain.clone();
    let served = Served::start(framework, slow.service(config)).await;
    let key = api_key("shop", "");
    let mut posted = served.connect().await;
    posted.request("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING).await;
    let mut answered = served.connect().await;
    answered
        .request("POST", &format!("{MS}/b/m"), &[("authorization", "Bearer a"), JSON], "{}")
        .await;
    // What only reads is not.
    let mut polled = served.connect().await;
    polled.request("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &key)], "").await;
    slow.has_begun(3).await;
    drop((posted, answered, polled));
    slow.is_dropped(1).await;
    // Until then they count.
    assert_eq!(drain.in_flight(), 2);
    slow.go();
    slow.go();
    slow.has_ended(2).await;
    drain.begin();
    tokio::time::timeout(PATIENCE, drain.drained()).await.unwrap();
}

async fn a_long_poll_ends_when_the_peer_goes_away(framework: Framework) {
    let slow = Slow::default();
    let config = ServerConfig::default();
    let drain = config.drain.clone();
    let served = Served::start(framework, slow.service(config)).await;
    let mut raw = served.connect().await;
    raw.request("GET", &format!("{MS}/b?wait=60"), &[("authorization", "Bearer a")], "").await;
    slow.has_begun(1).await;
    assert_eq!(drain.in_flight(), 1);
    drop(raw);
    slow.is_dropped(1).await;
    drain.begin();
    tokio::time::timeout(PATIENCE, drain.drained()).await.unwrap();
}

async fn a_drain_ends_long_polls_and_waits_for_other_requests(framework: Framework) {
    let slow = Slow::default();
    let config = ServerConfig::default();
    let drain = config.drain.clone();
    let served = Served::start(framework, slow.service(config)).await;
    let key = api_key("shop", "");
    assert_eq!(served.call("GET", "/ready", &[], "").await.status, 200);
    let (mut posted, mut polled) = (served.connect().await, served.connect().await);
    posted.request("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING).await;
    polled.request("GET", &format!("{MS}/b?wait=60"), &[("authorization", "Bearer a")], "").await;
    slow.has_begun(2).await;

    drain.begin();
    let listing = polled.answer().await;
    assert_eq!((listing.status, listing.body.as_str()), (200, r#"{"messages":[]}"#));
    assert_eq!(listing.header("connection"), Some("close"));
    polled.ends().await;
    let refused =
        served.call("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING).await;
    assert_eq!(
        (refused.status, refused.code().as_str(), refused.header("connection")),
        (503, "UNAVAILABLE", Some("close"))
    );
    assert!(refused.header("retry-after").is_some());
    let ready = served.call("GET", "/ready", &[], "").await;
    assert_eq!((ready.status, ready.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(served.call("GET", "/health", &[], "").await.status, 200);
    assert_eq!(drain.in_flight(), 1);

    slow.go();
    assert_eq!(posted.answer().await.status, 200);
    tokio::time::timeout(PATIENCE, drain.drained()).await.unwrap();
    served.shutdown().await;
}

async fn a_message_wakes_a_long_poll(framework: Framework) {
    let world = World::new(framework).await;
    let answer = world.post("shop", "provision", &crate::server::support::provision(0)).await;
    let opened = crate::server::support::Opened::of(&answer.json());
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c')), JSON];
    let reserved = world.served.call("POST", MS, &headers, "{}").await.json();
    let own = format!("Bearer {}", reserved["token"].as_str().unwrap());
    let mut raw = world.served.connect().await;
    raw.request(
        "GET",
        &format!("{MS}/{}?wait=60", reserved["bid"].as_str().unwrap()),
        &[("authorization", &own)],
        "",
    )
    .await;
    while world.drain.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    // The mailbox is removed, which is news.
    let removed = world
        .served
        .call(
            "DELETE",
            &format!("{MS}/{}", reserved["bid"].as_str().unwrap()),
            &[("authorization", &own)],
            "",
        )
        .await;
    assert_eq!(removed.status, 204);
    assert_eq!(raw.answer().await.status, 410);
}
