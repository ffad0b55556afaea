//! Gates that see the head of a request, and the ids that a request brings.

use std::sync::Mutex;

use http::Request;
use http_body_util::BodyExt as _;
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::server::{Caller, PeerAddr, Proxies, RequestHead, ServerConfig};
use keyferry::{Class, Error};
use tower_service::Service as _;

use crate::server::support::{
    COMMAND, Inbox, JSON, MS, PING, Slow, World, api_key, callback, config,
};
use crate::support::serve::{Framework, Served};

on_both! {
    a_gate_of_heads_opens_every_wire_without_a_credential
    callers_of_a_gate_of_heads_have_a_rate_each
    a_gate_of_heads_sees_the_method_as_it_came
    ids_are_taken_over_only_where_the_switch_allows_it
}

fn refused() -> Error {
    Error::new(Class::Unauthorized, "", "no subject")
}

/// The name that a proxy adds.
fn subject(head: &RequestHead) -> Result<String, Error> {
    let name = head.parts().headers.get("x-subject").ok_or_else(refused)?;
    Ok(name.to_str().map_err(|_| refused())?.to_owned())
}

async fn a_gate_of_heads_opens_every_wire_without_a_credential(framework: Framework) {
    let slow = Slow::default();
    let mailboxes = slow.clone();
    let inbox = Inbox::default();
    let receiver = inbox.clone();
    let commands_of = slow.clone();
    let service = HermodService::builder("/hermod/rest")
        .with_commands_by_head(move |head: RequestHead| {
            Ok(Caller::new(subject(&head)?, commands_of.clone()))
        })
        .with_mailboxes_by_head(move |head: RequestHead| {
            assert_eq!(head.path(), "/b");
            Ok(Caller::new(subject(&head)?, mailboxes.clone()))
        })
        .with_callbacks(
            CallbackService::builder_by_head(move |head: RequestHead| {
                Ok(Caller::new(subject(&head)?, receiver.clone()))
            })
            .build(),
        )
        .build()
        .unwrap();
    let served = Served::start(framework, service).await;
    let body = keyferry::hermod::Dialect::standard().write_callback(&callback("1", "COMPLETED"));
    let named = ("x-subject", "cn=portal");
    slow.go();
    for (method, path, body, status) in [
        ("POST", format!("{COMMAND}/ping"), PING, 200),
        ("GET", format!("{MS}/b"), "", 200),
        ("POST", "/callback/ping".to_owned(), body.as_str(), 204),
    ] {
        let with = [named, JSON];
        assert_eq!(served.call(method, &path, &with, body).await.status, status, "{path}");
        // Another credential is none here, and there is one answer to every cause.
        let key = api_key("shop", "shop-key");
        let answer = served.call(method, &path, &[("x-api-key", &key), JSON], body).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"), "{path}");
    }
    assert_eq!(inbox.seen().len(), 1);
}

async fn callers_of_a_gate_of_heads_have_a_rate_each(framework: Framework) {
    let slow = Slow::default();
    let limits = config(|limits| limits.tenant_concurrent = 1);
    let service = HermodService::builder("/hermod/rest")
        .with_config(limits)
        .with_commands_by_head({
            let slow = slow.clone();
            move |head: RequestHead| Ok(Caller::new(subject(&head)?, slow.clone()))
        })
        .build()
        .unwrap();
    let served = Served::start(framework, service).await;
    let path = format!("{COMMAND}/ping");
    let mut first = served.connect().await;
    first.request("POST", &path, &[("x-subject", "one"), JSON], PING).await;
    slow.has_begun(1).await;
    assert_eq!(served.call("POST", &path, &[("x-subject", "one"), JSON], PING).await.status, 429);
    let mut second = served.connect().await;
    second.request("POST", &path, &[("x-subject", "two"), JSON], PING).await;
    slow.has_begun(2).await;
    slow.let_all_go().await;
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(second.answer().await.status, 200);
}

async fn a_gate_of_heads_sees_the_method_as_it_came(framework: Framework) {
    let slow = Slow::default();
    let service = HermodService::builder("/hermod/rest")
        .with_mailboxes_by_head({
            move |head: RequestHead| match head.parts().method.as_str() {
                "HEAD" => Ok(Caller::new("any", slow.clone())),
                _ => Err(refused()),
            }
        })
        .build()
        .unwrap();
    let served = Served::start(framework, service).await;
    let mut raw = served.connect().await;
    raw.request("HEAD", &format!("{MS}/b"), &[], "").await;
    assert_eq!(raw.answer_to_head().await.status, 200);
    assert_eq!(served.call("GET", &format!("{MS}/b"), &[], "").await.status, 401);
}

/// What a layer or the acceptor of a connection puts into the extensions reaches the gate.
#[tokio::test]
async fn a_gate_of_heads_sees_extensions_and_the_address_of_the_client() {
    #[derive(Clone)]
    struct Certificate(&'static str);
    let seen = std::sync::Arc::new(Mutex::new(None));
    let slow = Slow::default();
    let mut config = ServerConfig::default();
    config.proxies = Proxies::forwarded(["10.0.0.0/8"]).unwrap();
    let mut service = HermodService::builder("")
        .with_config(config)
        .with_mailboxes_by_head({
            let seen = seen.clone();
            move |head: RequestHead| {
                let certificate =
                    head.parts().extensions.get::<Certificate>().ok_or_else(refused)?;
                assert!(!format!("{head:?}").contains("hidden"));
                *seen.lock().unwrap() = head.client();
                Ok(Caller::new(certificate.0, slow.clone()))
            }
        })
        .build()
        .unwrap();
    let request = |certificate: Option<Certificate>| {
        let mut request = Request::get("/ms/b")
            .header("host", "h")
            .header("cookie", "hidden")
            .header("forwarded", "for=192.0.2.7")
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        request.extensions_mut().insert(PeerAddr("10.1.2.3:4".parse().unwrap()));
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        request
    };
    assert_eq!(service.call(request(None)).await.unwrap().status(), 401);
    let answer = service.call(request(Some(Certificate("CN=device")))).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(*seen.lock().unwrap(), Some("192.0.2.7".parse().unwrap()));
}

async fn ids_are_taken_over_only_where_the_switch_allows_it(framework: Framework) {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let closed = World::new(framework).await;
    let given = [("x-request-id", "from-outside/1"), ("traceparent", trace)];
    let answer = closed.served.call("GET", "/nowhere", &given, "").await;
    assert_ne!(answer.header("x-request-id"), Some("from-outside/1"));
    assert_eq!(answer.header("traceparent"), None);

    let slow = Slow::default();
    let mut config = ServerConfig::default();
    config.accept_request_ids = true;
    let served = Served::start(framework, slow.service(config)).await;
    for path in ["/nowhere", "/health", "/hermod/rest/ms/b"] {
        let answer = served.call("GET", path, &given, "").await;
        assert_eq!(answer.header("x-request-id"), Some("from-outside/1"), "{path}");
        assert_eq!(answer.header("traceparent"), Some(trace), "{path}");
        if answer.status >= 400 {
            assert_eq!(answer.json()["error"]["requestId"], "from-outside/1");
        }
    }
    let long = "a".repeat(129);
    for bad in ["", "a b", "a\"b", "{}", "a,b", "<b>", &long] {
        let answer = served.call("GET", "/health", &[("x-request-id", bad)], "").await;
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id.len(), 32, "{bad}: {id}");
    }
    let twice = [("x-request-id", "a"), ("x-request-id", "b"), ("traceparent", "00-1-2-3")];
    let answer = served.call("GET", "/health", &twice, "").await;
    assert_eq!(answer.header("x-request-id").unwrap().len(), 32);
    assert_eq!(answer.header("traceparent"), None);
}
