use std::net::TcpListener;
use std::sync::Mutex;

use super::*;
use crate::{Class, Error};

/// A guard whose names lead to these addresses, one list after the other.
fn guard(policy: TargetPolicy, answers: &[&[SocketAddr]]) -> GuardedTransport {
    GuardedTransport::with_lookup(policy, builder(), lookup(answers)).unwrap()
}

fn lookup(answers: &[&[SocketAddr]]) -> Lookup {
    let answers =
        Mutex::new(answers.iter().rev().map(|answer| answer.to_vec()).collect::<Vec<_>>());
    Arc::new(move |_| {
        let answer = answers.lock().unwrap().pop().unwrap();
        Box::pin(async move { Ok(answer) })
    })
}

fn builder() -> ClientBuilder {
    // The process's provider of rustls, which reqwest is built without here. It may be there
    // already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([])
}

async fn send(guard: &GuardedTransport, url: &str) -> Result<Response<Bytes>, TransportError> {
    guard.send(Request::builder().uri(url).body(Bytes::new()).unwrap()).await
}

/// A socket that nobody may connect to.
struct Inside(TcpListener);

impl Inside {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    #[track_caller]
    fn was_left_alone(&self) {
        assert_eq!(self.0.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_when_it_connects() {
    let inside = Inside::new();
    let policy = TargetPolicy::new().danger_with_plain_http();
    let url = format!("http://callback.example:{}/", inside.address().port());
    policy.check(&crate::BaseUrl::parse(&url).unwrap()).unwrap();
    let mapped = "[::ffff:127.0.0.1]:0".parse().unwrap();
    let guard = guard(policy, &[&[inside.address()], &[mapped], &[inside.address(), mapped]]);
    for _ in 0..3 {
        let error = send(&guard, &url).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::TargetRefused);
        assert!(!error.may_have_arrived());
        assert_eq!(Error::from(error).class(), Class::TargetRefused);
    }
    inside.was_left_alone();
}

/// Rebinding: what it led to before is no promise of what it leads to now.
#[tokio::test]
async fn a_name_that_led_outside_and_now_leads_inside_is_refused() {
    let inside = Inside::new();
    let outside = addresses(&["93.184.215.14"]);
    let policy = TargetPolicy::new().danger_with_plain_http();
    let lookup = lookup(&[&outside, &[inside.address()]]);
    let resolver = Resolver { policy: policy.clone(), lookup: lookup.clone() };
    let found = resolver
        .resolve("callback.example".parse().unwrap())
        .await
        .unwrap_or_else(|_| panic!("it leads outside"));
    assert_eq!(found.collect::<Vec<_>>(), outside);
    let guard = GuardedTransport::with_lookup(policy, builder(), lookup).unwrap();
    let error = send(&guard, &format!("http://callback.example:{}/", inside.address().port()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::TargetRefused);
    inside.was_left_alone();
}

#[tokio::test]
async fn of_several_addresses_those_inside_are_left_out() {
    let all = addresses(&[
        "10.0.0.1",
        "93.184.215.14",
        "::1",
        "2606:2800:21f::1",
        "169.254.169.254",
        "64:ff9b::a00:1",
    ]);
    let resolver = Resolver { policy: TargetPolicy::new(), lookup: lookup(&[&all]) };
    let found = resolver
        .resolve("callback.example".parse().unwrap())
        .await
        .unwrap_or_else(|_| panic!("some lead outside"));
    assert_eq!(found.collect::<Vec<_>>(), addresses(&["93.184.215.14", "2606:2800:21f::1"]));
}

#[tokio::test]
async fn a_host_that_is_allowed_by_name_may_lead_inside() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        stream
    });
    let policy = TargetPolicy::new().danger_with_plain_http().danger_with_host("app.internal");
    let guard = guard(policy, &[&[address], &[address]]);
    assert_eq!(
        send(&guard, &format!("http://app.internal:{}/", address.port())).await.unwrap().body(),
        "ok"
    );
    let error = send(&guard, &format!("http://app.internal.example:{}/", address.port()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::TargetRefused);
    server.await.unwrap();
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_unreachable() {
    let guard = guard(TargetPolicy::new(), &[&[]]);
    assert_eq!(
        send(&guard, "https://callback.example/").await.unwrap_err().kind(),
        TransportErrorKind::Unreachable
    );
}
