//! https without TLS says what is missing.

use std::net::TcpListener;

use bytes::Bytes;
use http::Request;
use keyferry::transport::{
    BlockingTransport, GuardedTransport, ReqwestTransport, TargetPolicy, Transport,
    TransportErrorKind, UreqTransport,
};

/// Whatever the library does before it finds out: it may connect, and nobody answers.
fn request(listener: &TcpListener) -> Request<Bytes> {
    let url = format!("https://localhost:{}/secret", listener.local_addr().unwrap().port());
    Request::builder().method("POST").uri(url).body(Bytes::from_static(b"{}")).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn reqwest_without_tls_says_so_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let guarded =
        GuardedTransport::reqwest(TargetPolicy::new().danger_with_host("localhost")).unwrap();
    let transports: [Box<dyn Transport>; 2] =
        [Box::new(ReqwestTransport::new().unwrap()), Box::new(guarded)];
    for transport in transports {
        let error = run(transport.send(request(&listener))).unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Tls);
        assert_eq!(
            error.to_string(),
            "no trusted connection: https needs a client with TLS: turn on reqwest's feature `rustls` or `native-tls`"
        );
    }
}

#[test]
fn ureq_without_tls_says_so_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = UreqTransport::new().send(request(&listener)).unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Tls);
    assert_eq!(
        error.to_string(),
        "no trusted connection: https needs a client with TLS: turn on ureq's feature `rustls` or `native-tls`"
    );
}
