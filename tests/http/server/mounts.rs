//! Where services are found, and what they are made of.

use std::convert::Infallible;

use http::{Request, Response};
use keyferry::Class;
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::{ApiKey, BasicAuth, MailboxKey};
use keyferry::server::{Drain, ServerConfig};
use keyferry::transport::Body;
use keyferry::transport::{InProcess, Transport};
use tower_service::Service;

use crate::server::support::{
    COMMAND, Inbox, JSON, MS, PING, Slow, api_key, callback, claim, clock, hub,
};
use crate::support::serve::{Framework, Served};

on_both! {
    a_service_is_found_with_its_base_and_without
    paths_are_configuration
    all_wires_have_one_roof
}

async fn a_service_is_found_with_its_base_and_without(framework: Framework) {
    let key = api_key("shop", "shop-key");
    let headers = [("x-api-key", key.as_str()), JSON];
    let service = |base: &str| {
        HermodService::builder(base)
            .with_commands(hub(&clock()))
            .with_mailboxes(hub(&clock()))
            .build()
            .unwrap()
    };
    let served = Served::start(framework, service("/hermod/rest")).await;
    for path in ["/hermod/rest/command/ping", "/rest/command/ping", "/command/ping"] {
        assert_eq!(served.call("POST", path, &headers, PING).await.status, 200, "{path}");
    }
    for path in ["/hermod/rest/ms/b", "/ms/b", "/hermod/rest/ms/b/m", "/ms"] {
        let answer = served.call("GET", path, &[("authorization", "Bearer a")], "").await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let moved = Served::start(framework, service("api/v1/")).await;
    assert_eq!(moved.call("POST", "/api/v1/command/ping", &headers, PING).await.status, 200);
    assert_eq!(moved.call("POST", "/api/v2/command/ping", &headers, PING).await.status, 404);
}

async fn paths_are_configuration(framework: Framework) {
    let hub = hub(&clock());
    let service = HermodService::builder("")
        .with_commands(hub.clone())
        .with_mailboxes(hub)
        .with_paths("/orders", "/boxes/all/")
        .with_probes("/livez", "/readyz")
        .build()
        .unwrap();
    let served = Served::start(framework, service).await;
    let key = api_key("shop", "shop-key");
    let answer = served.call("POST", "/orders/ping", &[("x-api-key", &key), JSON], PING).await;
    let opened = crate::server::support::Opened::of(&answer.json());
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c'))];
    assert_eq!(
        served.call("GET", &format!("/boxes/all/{}", opened.bid), &headers, "").await.status,
        200
    );
    assert_eq!(
        served.call("POST", "/command/ping", &[("x-api-key", &key), JSON], PING).await.status,
        404
    );
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/health", 404),
        ("/ready", 404),
        ("/orders", 401),
        ("/ordersx", 404),
    ] {
        assert_eq!(served.call("GET", path, &[], "").await.status, status, "{path}");
    }
}

async fn all_wires_have_one_roof(framework: Framework) {
    let inbox = Inbox::default();
    let receiver = inbox.clone();
    let callbacks =
        CallbackService::builder(move |_: Option<BasicAuth>| Ok(receiver.clone())).build();
    let served = Served::start(
        framework,
        HermodService::hub_builder(&hub(&clock())).with_callbacks(callbacks).build().unwrap(),
    )
    .await;
    let key = api_key("shop", "shop-key");
    assert_eq!(
        served
            .call("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING)
            .await
            .status,
        200
    );
    assert_eq!(served.call("GET", &format!("{MS}/b"), &[], "").await.status, 401);
    for (id, prefix) in [("1", ""), ("2", "/any/where"), ("3", "/hermod/rest")] {
        let body = keyferry::hermod::Dialect::standard().write_callback(&callback(id, "COMPLETED"));
        assert_eq!(
            served.call("POST", &format!("{prefix}/callback/ping"), &[JSON], &body).await.status,
            204
        );
    }
    assert_eq!(inbox.seen().len(), 3);
    for path in [
        "/",
        "/hermod/rest",
        "/ping",
        "/hermod/rest/commands/ping",
        "/hermod/rest/msx/b",
        "/callback",
        "/hermod/rest/%2f",
    ] {
        assert_eq!(
            served.call("POST", path, &[("x-api-key", &key), JSON], PING).await.status,
            404,
            "{path}"
        );
    }
    // Nothing is mounted here.
    let nothing =
        Served::start(framework, HermodService::builder("/hermod/rest").build().unwrap()).await;
    for path in [
        format!("{COMMAND}/ping"),
        MS.to_owned(),
        "/callback/ping".to_owned(),
        "/getcontent".to_owned(),
    ] {
        assert_eq!(
            nothing.call("POST", &path, &[("x-api-key", &key), JSON], PING).await.status,
            404,
            "{path}"
        );
    }
}

/// No gate is a parameter of a service's type, and a service can be shared and cloned.
#[test]
fn services_can_be_stored_and_shared() {
    fn is_service<S>(service: S) -> S
    where
        S: Service<Request<axum::body::Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        service
    }
    let slow = Slow::default();
    let other = slow.clone();
    let one: HermodService = is_service(
        HermodService::builder("")
            .with_commands(move |_: ApiKey| Ok(other.clone()))
            .with_mailboxes(move |_: MailboxKey| Ok(slow.clone()))
            .build()
            .unwrap(),
    );
    let two: HermodService =
        HermodService::builder("").with_commands(hub(&clock())).build().unwrap();
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    let mut config = ServerConfig::default();
    config.drain = Drain::new();
    assert!(format!("{config:?}").contains("Drain"));
}

#[tokio::test]
async fn a_service_is_called_in_process() {
    let clock = clock();
    let transport = InProcess(HermodService::of_hub(&hub(&clock)).unwrap());
    let request = Request::post("https://hub.example/hermod/rest/command/ping")
        .header("x-api-key", api_key("shop", "shop-key"))
        .header("content-type", "application/json")
        .body(bytes::Bytes::from(PING))
        .unwrap();
    let response =
        tokio::spawn(async move { transport.send(request).await }).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
}

/// What one long poll that waits takes of our own is bounded.
#[tokio::test]
async fn a_long_poll_takes_at_most_8_kib() {
    let slow = Slow::default();
    let mut service = slow.service(ServerConfig::default());
    let request = Request::get("/ms/b?wait=60")
        .header("authorization", "Bearer a")
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let answer = service.call(request);
    let size = size_of_val(&*answer.as_ref());
    println!("{size} bytes");
    assert!(size <= 4 * 1024, "{size}");
}

#[test]
fn a_base_that_is_no_path_is_an_error_when_the_service_is_built() {
    let error = HermodService::builder("/a%zz").build().unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Malformed, "base"));
}

/// The address that devices are told has to be the one that the service is found at.
#[test]
fn a_public_address_that_does_not_fit_fails_the_build() {
    let hub = hub(&clock());
    HermodService::hub_builder(&hub).build().unwrap();
    let moved = HermodService::hub_builder(&hub).with_paths("/command", "/boxes");
    let error = moved.build().unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Malformed, "public_url"));
}
