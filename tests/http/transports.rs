//! One suite for every transport, on loopback.

mod rules;
pub(crate) mod server;
mod subjects;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyferry::hermod::client::CallbackSender;
use keyferry::hermod::model::Callback;
use keyferry::hermod::wire::{CallbackApi as _, Delivery};
use keyferry::transport::{
    GuardedTransport, OnThreads, ReqwestTransport, TargetPolicy, Transport, TransportErrorKind,
    UreqTransport,
};
use keyferry::{BaseUrl, Class};
use server::{Reply, Server};
use subjects::{asynchronous, blocking, provide};

macro_rules! suite {
    ([$( $subject:ident )*] $rules:tt) => { $( suite! { @ $subject $rules } )* };
    (@ $subject:ident { $( $rule:ident )* }) => {
        mod $subject {
            $(
                #[test]
                fn $rule() {
                    crate::transports::rules::$rule(crate::transports::subjects::$subject);
                }
            )*
        }
    };
}

suite! {
    [reqwest_of_ours reqwest_of_a_builder reqwest_of_the_caller ureq_of_ours ureq_of_the_caller ureq_on_threads closure]
    {
        sends_any_method answers_with_any_status keeps_headers_both_ways keeps_bodies_both_ways says_the_length_of_a_body_itself
        refuses_an_answer_that_is_too_long refuses_an_answer_that_grows_too_long refuses_headers_that_are_too_long keeps_exchanges_apart gives_up_when_the_time_is_up says_that_nobody_listens says_that_it_is_no_http
        says_that_the_connection_broke keeps_connections follows_no_redirect waits_for_no_body_that_is_optional
    }
}

// What needs no socket.
suite! {
    [in_process]
    { sends_any_method answers_with_any_status keeps_headers_both_ways keeps_bodies_both_ways refuses_an_answer_that_is_too_long keeps_exchanges_apart }
}

/// What a client that follows redirects brings from elsewhere is not the answer of whom was asked.
#[test]
fn an_answer_from_where_a_redirect_led_is_not_taken() {
    provide();
    let elsewhere = Server::new(|_| Reply::body("elsewhere"));
    let location = elsewhere.url("/").into_bytes();
    let server = Server::new(move |_| Reply::Answer {
        status: 307,
        headers: vec![("Location", location.clone())],
        body: Vec::new(),
    });
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let send = asynchronous(ReqwestTransport::from_client(client));
    assert_eq!(
        rules::kind(send(rules::request("GET", &server.url("/"), ""))),
        TransportErrorKind::Broken
    );
    assert_eq!(elsewhere.accepted(), 1, "it does follow");
}

#[test]
fn our_clients_add_no_header_that_tells_what_they_are() {
    provide();
    let server = Server::new(|_| Reply::status(200));
    for send in [asynchronous(ReqwestTransport::new().unwrap()), blocking(UreqTransport::new())] {
        send(rules::request("GET", &server.url("/"), "")).unwrap();
        let seen = server.seen().pop().unwrap();
        let mut names: Vec<String> =
            seen.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        assert_eq!(names, ["accept", "host", "x-api-key"]);
    }
}

/// Runs [`child_of_the_proxies`] where the environment names a proxy.
#[test]
fn our_clients_use_no_proxy_of_the_environment() {
    let proxy = Server::new(|_| Reply::status(200));
    let server = Server::new(|_| Reply::status(200));
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        child.env(name, proxy.url(""));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy").env("KEYFERRY_TEST_URL", server.url("/"));
    let output =
        child.args(["--ignored", "--exact", "transports::child_of_the_proxies"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        server.seen().iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(),
        ["GET", "POST"],
        "ours"
    );
    assert_eq!(proxy.accepted(), 1, "an agent that asks the environment");
}

#[test]
#[ignore = "for the test of the proxies, which runs it"]
fn child_of_the_proxies() {
    provide();
    let url = std::env::var("KEYFERRY_TEST_URL").unwrap();
    asynchronous(ReqwestTransport::new().unwrap())(rules::request("GET", &url, "")).unwrap();
    blocking(UreqTransport::new())(rules::request("POST", &url, "{}")).unwrap();
    // Whatever becomes of it: it goes to the proxy.
    let _ = blocking(UreqTransport::from_agent(ureq::Agent::new_with_defaults()))(rules::request(
        "PUT", &url, "{}",
    ));
}

/// A connection that stands is used again, and if it has ended meanwhile, another is made: nothing
/// is lost by that.
#[test]
fn a_connection_that_ended_meanwhile_is_made_again() {
    provide();
    for send in [asynchronous(ReqwestTransport::new().unwrap()), blocking(UreqTransport::new())] {
        let server = Server::start(
            Arc::new(|_| Reply::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec())),
            None,
        );
        for count in 1..=3 {
            assert_eq!(send(rules::request("POST", &server.url("/"), "{}")).unwrap().body(), "ok");
            wait_until(|| server.ended() == count);
            // The client has to hear of it too.
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!((server.seen().len(), server.accepted()), (3, 3));
    }
}

#[test]
fn dropping_the_future_ends_the_exchange() {
    provide();
    let server = Server::new(|_| {
        Reply::Drops(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec())
    });
    let transport = ReqwestTransport::new().unwrap();
    subjects::run(async {
        let exchange = transport.send(rules::request("GET", &server.url("/"), ""));
        assert!(tokio::time::timeout(Duration::from_millis(200), exchange).await.is_err());
    });
    // The server notices when it continues to send.
    wait_until(|| server.ended() == 1);
}

/// Waits for what another thread does. It fails if that takes far too long.
#[track_caller]
fn wait_until(is_done: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(start.elapsed() < Duration::from_secs(30), "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `tests/fixtures/field/12_*`: receivers that answer 200, and send a long body or not all of it.
#[test]
fn a_callback_answered_with_2xx_is_delivered_without_its_body() {
    provide();
    let head = |status: &str, rest: &str| format!("HTTP/1.1 {status}\r\n{rest}\r\n");
    let taken: Vec<Reply> = vec![
        Reply::Cut(include_bytes!("../fixtures/field/12_callback_200_20kB.http").to_vec()),
        Reply::Cut(include_bytes!("../fixtures/field/12_callback_200_cut_short.http").to_vec()),
        Reply::Silence(head("200 OK", "Content-Length: 100\r\n").into()),
        Reply::Drops(head("201 Created", "Content-Length: 1000000\r\n").into()),
        Reply::Cut(head("202 Accepted", "Transfer-Encoding: chunked\r\n").into_bytes()),
        Reply::Cut((head("200 OK", "Transfer-Encoding: chunked\r\n") + "zz\r\n").into_bytes()),
        Reply::Bytes(head("200 OK", "Content-Encoding: gzip\r\nContent-Length: 0\r\n").into()),
        Reply::Bytes(head("204 No Content", "").into_bytes()),
    ];
    let lost: Vec<(Reply, Class)> = vec![
        (Reply::Cut(head("503 Busy", "Content-Length: 100\r\n").into_bytes()), Class::Unavailable),
        (Reply::Silence(head("410 Gone", "Content-Length: 100\r\n").into()), Class::Expired),
        (Reply::Cut(head("429 Slow", "Content-Length: 20000\r\n").into_bytes()), Class::Rate),
        (Reply::Drops(head("404 None", "Content-Length: 20000\r\n").into()), Class::NotFound),
    ];
    let replies = taken.into_iter().map(|reply| (reply, None));
    for (reply, class) in replies.chain(lost.into_iter().map(|(reply, class)| (reply, Some(class))))
    {
        let transports: [Arc<dyn Transport>; 2] = [
            Arc::new(ReqwestTransport::new().unwrap()),
            Arc::new(OnThreads::new(UreqTransport::new())),
        ];
        for transport in transports {
            let served = reply.clone();
            let server = Server::new(move |_| served.clone());
            let policy = TargetPolicy::new().danger_with_plain_http().danger_with_host("127.0.0.1");
            let transport = GuardedTransport::danger_unguarded(policy, transport);
            let base = BaseUrl::parse(&server.url("/hermod")).unwrap();
            let sender = CallbackSender::new(transport, base).unwrap();
            let callback =
                r#"{"commandId":"1","destinations":[],"commandType":"PING","state":"COMPLETED"}"#;
            let delivery = Delivery::new("d1", Callback::from_json(callback).unwrap());
            let result = subjects::run(async move { sender.deliver(delivery).await });
            assert_eq!(result.err().map(|error| error.class()), class, "{reply:?}");
            assert_eq!(server.seen().len(), 1);
        }
    }
}
