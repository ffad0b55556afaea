//! Receivers of callbacks, and providers of contents.

use std::sync::Arc;
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::model::{Address, ContentAnswer, ContentItem, Destination};
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::http::callback::write_call;
use keyferry::hermod::wire::{BasicAuth, CallbackApi, ContentApi, Delivery, WebhookSecret};
use keyferry::server::ServerConfig;
use keyferry::{BaseUrl, Class, Clock, Error, ManualClock, Secret};

use crate::server::support::{Inbox, JSON, Mood, Slow, SlowInbox, callback, clock, config};
use crate::support::serve::{Answer, Framework, Served};

on_both! {
    a_callback_is_taken_below_any_path
    a_callback_arrives_below_every_base_that_can_be_registered
    forged_callbacks_get_the_same_401
    replayed_callbacks_are_dropped
    a_hub_that_restarts_its_command_ids_sends_no_repeat
    a_repeat_is_not_answered_before_the_first_has_succeeded
    a_handlers_failure_says_whether_to_come_again
    callbacks_that_are_none_are_refused
    contents_are_given_to_authorized_callers_only
}

fn hub() -> BasicAuth {
    BasicAuth::new("hub", Secret::new("pa55word"))
}

/// The secret of this name.
fn secret(name: &str) -> WebhookSecret {
    WebhookSecret::from_bytes(format!("{name:-<32}").as_bytes()).unwrap()
}

/// A caller that proves to be the hub.
fn gate<H: Clone + Send + Sync + 'static>(
    handle: &H,
) -> impl Fn(Option<BasicAuth>) -> Result<H, Error> + Send + Sync + use<H> {
    let handle = handle.clone();
    move |given| match given {
        Some(given) if given == hub() => Ok(handle.clone()),
        Some(given) if given == BasicAuth::new("other", Secret::new("pa55word")) => {
            Ok(handle.clone())
        }
        _ => Err(Error::new(Class::Unauthorized, "user", "a reason that is not told")),
    }
}

struct Receiver {
    inbox: Inbox,
    clock: ManualClock,
    served: Served,
}

impl Receiver {
    async fn new(framework: Framework, signed: bool) -> Self {
        let inbox = Inbox::default();
        Self::with(framework, signed, inbox.clone(), inbox).await
    }

    /// `handler` handles the callbacks, and hands them on to `inbox`.
    async fn with<H: CallbackApi + Clone + Send + Sync + 'static>(
        framework: Framework,
        signed: bool,
        handler: H,
        inbox: Inbox,
    ) -> Self {
        let (clock, mut config) = (clock(), ServerConfig::default());
        config.clock = Arc::new(clock.clone());
        let mut service = CallbackService::builder(gate(&handler)).with_config(config);
        if signed {
            let secrets = [secret("new-secret"), secret("old-secret")];
            service = service.with_signature(Arc::new(AwsLcRs), secrets, Duration::from_secs(300));
        }
        let served = Served::start(framework, service.build()).await;
        Self { inbox, clock, served }
    }

    /// The request of a hub, as text.
    fn request(
        &self,
        delivery: &Delivery,
        secret: Option<&str>,
        credential: Option<&BasicAuth>,
    ) -> http::Request<bytes::Bytes> {
        let base = BaseUrl::parse(&format!("{}/some/where", self.served.base)).unwrap();
        let secret = secret.map(|name| [self::secret(name)]);
        let signing = secret
            .as_ref()
            .map(|secrets| (&AwsLcRs as &dyn keyferry::crypto::Provider, &secrets[..]));
        write_call(Dialect::standard(), &base, credential, signing, self.clock.now(), delivery)
            .unwrap()
    }

    async fn send(&self, request: &http::Request<bytes::Bytes>) -> Answer {
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let body = std::str::from_utf8(request.body()).unwrap();
        self.served.call(request.method().as_str(), request.uri().path(), &headers, body).await
    }

    fn seen(&self) -> usize {
        self.inbox.seen().len()
    }
}

async fn a_callback_is_taken_below_any_path(framework: Framework) {
    let receiver = Receiver::new(framework, false).await;
    let delivery = Delivery::new("d1", callback("688", "COMPLETED"));
    let request = receiver.request(&delivery, None, Some(&hub()));
    assert_eq!(request.uri().path(), "/some/where/callback/ping");
    let answer = receiver.send(&request).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(receiver.inbox.seen(), [delivery]);
    // A hub that gives no id, and posts elsewhere.
    let mut request =
        receiver.request(&Delivery::new("-", callback("689", "COMPLETED")), None, Some(&hub()));
    request.headers_mut().remove("webhook-id");
    *request.uri_mut() = "/ping".parse().unwrap();
    assert_eq!(receiver.send(&request).await.status, 204);
    assert_eq!(receiver.inbox.seen()[1].id, "689/COMPLETED");
}

/// `tests/fixtures/field/17_*`, and others that are registered.
async fn a_callback_arrives_below_every_base_that_can_be_registered(framework: Framework) {
    let field = include_str!("../../fixtures/field/17_callback_base_double_slash.txt");
    let more = [
        "https://app.example/hook//",
        "https://app.example/a%20b",
        "https://app.example/a;v=1",
        "https://app.example/callback",
        "https://app.example/a%7Eb/%41",
        "https://app.example/%2A/%ff%FE/",
        "https://app.example///",
    ];
    for mounted in [false, true] {
        for (at, text) in field.lines().chain(more).enumerate() {
            let (inbox, core) = (Inbox::default(), ServerConfig::default());
            let service = CallbackService::builder(gate(&inbox)).with_config(core).build();
            let base = BaseUrl::parse(text).unwrap();
            let served = if mounted {
                Served::start(
                    framework,
                    HermodService::builder("").with_callbacks(service).build().unwrap(),
                )
                .await
            } else {
                Served::start(framework, service).await
            };
            let receiver = Receiver { inbox, clock: clock(), served };
            let delivery = Delivery::new("d1", callback(&at.to_string(), "COMPLETED"));
            let request = write_call(
                Dialect::standard(),
                &base,
                Some(&hub()),
                None,
                receiver.clock.now(),
                &delivery,
            );
            let answer = receiver.send(&request.unwrap()).await;
            assert_eq!((answer.status, receiver.seen()), (204, 1), "{text}");
        }
    }
}

async fn forged_callbacks_get_the_same_401(framework: Framework) {
    let receiver = Receiver::new(framework, true).await;
    let delivery = Delivery::new("d1", callback("688", "COMPLETED"));
    let good = receiver.request(&delivery, Some("new-secret"), Some(&hub()));
    let changed = |change: &dyn Fn(&mut http::Request<bytes::Bytes>)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let signature = good.headers()["webhook-signature"].to_str().unwrap().to_owned();
    let upper = signature.to_ascii_uppercase();
    let mut answers = Vec::new();
    for request in [
        receiver.request(&delivery, Some("new-secret"), None),
        receiver.request(
            &delivery,
            Some("new-secret"),
            Some(&BasicAuth::new("hub", Secret::new("wrong"))),
        ),
        receiver.request(&delivery, Some("another"), Some(&hub())),
        receiver.request(&delivery, None, Some(&hub())),
        changed(&|request| {
            *request.body_mut() =
                String::from_utf8(request.body().to_vec()).unwrap().replace("688", "689").into()
        }),
        changed(&|request| *request.body_mut() = "not JSON".into()),
        changed(&|request| {
            drop(request.headers_mut().insert("webhook-timestamp", "1700000001".parse().unwrap()))
        }),
        changed(&|request| drop(request.headers_mut().remove("webhook-timestamp"))),
        changed(&|request| {
            drop(
                request
                    .headers_mut()
                    .insert("webhook-timestamp", "99999999999999999999".parse().unwrap()),
            )
        }),
        changed(&|request| {
            assert!(request.headers_mut().append("webhook-signature", "v1,AA==".parse().unwrap()))
        }),
        changed(&|request| {
            drop(request.headers_mut().insert("webhook-signature", signature[3..].parse().unwrap()))
        }),
        changed(&|request| {
            drop(request.headers_mut().insert("webhook-signature", upper.parse().unwrap()))
        }),
        changed(&|request| {
            drop(
                request.headers_mut().insert("webhook-signature", signature[..20].parse().unwrap()),
            )
        }),
        changed(&|request| {
            assert!(
                request.headers_mut().append("authorization", "Basic aHViOng=".parse().unwrap())
            )
        }),
    ] {
        let answer = receiver.send(&request).await;
        assert_eq!(answer.status, 401, "{request:?}");
        answers.push(answer.without_request_id());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    // Too old, and as far ahead.
    receiver.clock.advance(Duration::from_secs(301));
    assert_eq!(receiver.send(&good).await.status, 401);
    assert_eq!(receiver.seen(), 0);
    // Either secret is good.
    for (id, secret) in [("690", "new-secret"), ("691", "old-secret")] {
        let delivery = Delivery::new(id, callback(id, "COMPLETED"));
        assert_eq!(
            receiver.send(&receiver.request(&delivery, Some(secret), Some(&hub()))).await.status,
            204
        );
    }
    assert_eq!(receiver.seen(), 2);
}

async fn replayed_callbacks_are_dropped(framework: Framework) {
    let receiver = Receiver::new(framework, true).await;
    let request = receiver.request(
        &Delivery::new("d1", callback("688", "COMPLETED")),
        Some("new-secret"),
        Some(&hub()),
    );
    for _ in 0..3 {
        assert_eq!(receiver.send(&request).await.status, 204);
    }
    // The signature covers the id.
    let mut replayed = request.clone();
    replayed.headers_mut().insert("webhook-id", "d2".parse().unwrap());
    assert_eq!(receiver.send(&replayed).await.status, 401);
    // Signed again.
    receiver.clock.advance(Duration::from_secs(3600));
    let again = receiver.request(
        &Delivery::new("d3", callback("688", "COMPLETED")),
        Some("old-secret"),
        Some(&hub()),
    );
    assert_eq!(receiver.send(&again).await.status, 204);
    assert_eq!(receiver.seen(), 1);
    // Another's with the same id is not one: it would be lost.
    let other = receiver.request(
        &Delivery::new("d1", callback("689", "COMPLETED")),
        Some("new-secret"),
        Some(&hub()),
    );
    assert_eq!(receiver.send(&other).await.status, 204);
    // Nor is another state, or another hub's.
    let timeout = receiver.request(
        &Delivery::new("d4", callback("688", "TIMEOUT")),
        Some("new-secret"),
        Some(&hub()),
    );
    assert_eq!(receiver.send(&timeout).await.status, 204);
    let mut elsewhere = callback("688", "COMPLETED");
    elsewhere.fqdn = Some("other.example".to_owned());
    let elsewhere =
        receiver.request(&Delivery::new("d1", elsewhere), Some("new-secret"), Some(&hub()));
    assert_eq!(receiver.send(&elsewhere).await.status, 204);
    // One sender cannot speak for another.
    let user = BasicAuth::new("other", Secret::new("pa55word"));
    let by_another = receiver.request(
        &Delivery::new("d1", callback("688", "COMPLETED")),
        Some("new-secret"),
        Some(&user),
    );
    assert_eq!(receiver.send(&by_another).await.status, 204);
    assert_eq!(receiver.seen(), 5);
}

async fn a_hub_that_restarts_its_command_ids_sends_no_repeat(framework: Framework) {
    let receiver = Receiver::new(framework, true).await;
    let of = |mid: &str, external_id: Option<&str>| {
        let mut callback = callback("688", "TIMEOUT");
        let location = format!("https://hub.example/ms/b1/{mid}");
        callback.destinations =
            vec![Destination::new(Address::Tmp, "b1", mid, location, Secret::new("uri"))];
        callback.external_id = external_id.map(String::from);
        callback
    };
    for (seen, callback) in [
        (1, of("m1", None)),
        (1, of("m1", None)),
        (2, of("m2", None)),
        (3, of("m2", Some("e1"))),
        (3, of("m2", Some("e1"))),
    ] {
        let request =
            receiver.request(&Delivery::new("d1", callback), Some("new-secret"), Some(&hub()));
        assert_eq!(receiver.send(&request).await.status, 204);
        assert_eq!(receiver.seen(), seen);
    }
}

async fn a_repeat_is_not_answered_before_the_first_has_succeeded(framework: Framework) {
    let slow = Slow::default();
    let inbox = Inbox::default();
    let handler = SlowInbox(slow.clone(), inbox.clone());
    let receiver = Receiver::with(framework, false, handler, inbox).await;
    let request =
        receiver.request(&Delivery::new("d1", callback("688", "COMPLETED")), None, Some(&hub()));
    receiver.inbox.is_now(Mood::Refuses(Class::Storage));
    let first = async {
        let answer = receiver.send(&request).await;
        assert_eq!(answer.status, 503);
    };
    let second = async {
        slow.has_begun(1).await;
        let answer = receiver.send(&request).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        slow.go();
    };
    tokio::join!(first, second);
    // The first has failed, so this one is no repeat.
    receiver.inbox.is_now(Mood::Takes);
    slow.go();
    assert_eq!(receiver.send(&request).await.status, 204);
    assert_eq!(receiver.send(&request).await.status, 204);
    assert_eq!(receiver.seen(), 2);
}

async fn a_handlers_failure_says_whether_to_come_again(framework: Framework) {
    let receiver = Receiver::new(framework, false).await;
    for (class, status, again) in [
        (Class::Storage, 503, true),
        (Class::Rate, 429, true),
        (Class::NotFound, 404, false),
        (Class::Conflict, 409, false),
        (Class::Signature, 422, false),
    ] {
        receiver.inbox.is_now(Mood::Refuses(class));
        let answer = receiver
            .send(&receiver.request(
                &Delivery::new("d", callback("1", "COMPLETED")),
                None,
                Some(&hub()),
            ))
            .await;
        assert_eq!((answer.status, answer.header("retry-after").is_some()), (status, again));
    }
}

async fn callbacks_that_are_none_are_refused(framework: Framework) {
    let receiver = Receiver::new(framework, false).await;
    let good =
        receiver.request(&Delivery::new("d1", callback("688", "COMPLETED")), None, Some(&hub()));
    let changed = |change: &dyn Fn(&mut http::Request<bytes::Bytes>)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let long = "x".repeat(2 * 1024 * 1024 + 1);
    for (request, status) in [
        (changed(&|request| *request.uri_mut() = "/callback/none".parse().unwrap()), 404),
        (changed(&|request| *request.uri_mut() = "/".parse().unwrap()), 404),
        (changed(&|request| *request.uri_mut() = "/callback/sign".parse().unwrap()), 400),
        (changed(&|request| *request.method_mut() = http::Method::GET), 405),
        (changed(&|request| drop(request.headers_mut().remove("content-type"))), 415),
        (changed(&|request| *request.body_mut() = "{}".into()), 400),
        (changed(&|request| *request.body_mut() = bytes::Bytes::from_static(b"\"\\ud800\"")), 400),
        (changed(&|request| *request.body_mut() = long.clone().into()), 413),
        (
            changed(&|request| {
                assert!(request.headers_mut().append("webhook-id", "d2".parse().unwrap()))
            }),
            400,
        ),
        (
            changed(&|request| {
                drop(request.headers_mut().insert("webhook-id", "d".repeat(129).parse().unwrap()))
            }),
            400,
        ),
    ] {
        let answer = receiver.send(&request).await;
        assert_eq!(answer.status, status, "{} {}", request.method(), request.uri());
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"));
    }
    assert_eq!(receiver.seen(), 0);
}

#[derive(Clone)]
struct Pictures;

impl ContentApi for Pictures {
    async fn content(&self, content_id: &str) -> Result<ContentAnswer, Error> {
        match content_id {
            "PROV:1" => {
                Ok(ContentAnswer::new(vec![ContentItem::image(None, "image/jpeg", "AAAA")]))
            }
            _ => Err(Error::new(Class::NotFound, "contentId", "no such content")),
        }
    }
}

async fn contents_are_given_to_authorized_callers_only(framework: Framework) {
    let alone = Served::start(
        framework,
        HermodService::builder("")
            .with_contents(gate(&Pictures))
            .with_config(config(|_| {}))
            .build()
            .unwrap(),
    )
    .await;
    let mounted = Served::start(
        framework,
        HermodService::builder("/hermod/rest").with_contents(gate(&Pictures)).build().unwrap(),
    )
    .await;
    let basic = format!("Basic {}", base64_simd::STANDARD.encode_to_string("hub:pa55word"));
    let headers = [("authorization", basic.as_str()), JSON];
    for served in [alone, mounted] {
        for path in ["/getcontent", "/any/where/getcontent", "/hermod/rest/getcontent"] {
            let answer = served.call("POST", path, &headers, r#"{"contentId":"PROV:1"}"#).await;
            assert_eq!(
                (answer.status, &answer.json()["data"][0]["data"]),
                (200, &serde_json::json!("AAAA"))
            );
        }
        let call = async |method, path, headers: &[(&str, &str)], body| {
            served.call(method, path, headers, body).await.status
        };
        assert_eq!(call("POST", "/getcontent", &headers, r#"{"contentId":"PROV:2"}"#).await, 404);
        assert_eq!(call("POST", "/getcontent", &headers, "{}").await, 400);
        assert_eq!(call("GET", "/getcontent", &headers, "").await, 405);
        assert_eq!(call("POST", "/getcontent", &[JSON], r#"{"contentId":"PROV:1"}"#).await, 401);
        assert_eq!(call("POST", "/getcontents", &headers, r#"{"contentId":"PROV:1"}"#).await, 404);
    }
}
