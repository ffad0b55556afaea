//! https, with certificates of a test CA.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use keyferry::transport::{PeerCertificate, ReqwestTransport, TransportErrorKind, UreqTransport};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use super::rules::{kind, request};
use super::server::{Reply, Server};
use super::subjects::{Send, asynchronous, blocking};
use crate::support::pki::{Authority, Leaf};

/// A server that shows this certificate, and takes only clients of `clients`.
fn serve(
    leaf: &Leaf,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> Server {
    let builder = ServerConfig::builder_with_protocol_versions(versions);
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder(Arc::new(clients.roots())).build().unwrap(),
        ),
        None => builder.with_no_client_auth(),
    };
    let config =
        builder.with_single_cert(vec![leaf.certificate.clone()], leaf.private_key()).unwrap();
    Server::start(
        Arc::new(|seen| Reply::body(seen.body.clone())),
        Some(TlsAcceptor::from(Arc::new(config))),
    )
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// Every transport that trusts `roots` and shows `client`.
fn transports(roots: &Authority, client: Option<&Leaf>) -> Vec<(&'static str, Send)> {
    let pem = |leaf: &Leaf| leaf.to_pem() + &leaf.key.serialize_pem();
    let mut builder = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_der(roots.der()).unwrap()]);
    if let Some(client) = client {
        builder = builder.identity(reqwest::Identity::from_pem(pem(client).as_bytes()).unwrap());
    }
    let identity = client.map(|client| {
        let key = ureq::tls::PrivateKey::from_pem(client.key.serialize_pem().as_bytes()).unwrap();
        ureq::tls::ClientCert::new_with_certs(
            &[ureq::tls::Certificate::from_der(&client.certificate).to_owned()],
            key,
        )
    });
    let trusted =
        ureq::tls::RootCerts::from([ureq::tls::Certificate::from_der(roots.der()).to_owned()]);
    let config = ureq::tls::TlsConfig::builder().root_certs(trusted).client_cert(identity).build();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().proxy(None).tls_config(config).build().into();
    let reqwest = asynchronous(ReqwestTransport::from_builder(builder.no_proxy()).unwrap());
    vec![("reqwest", reqwest), ("ureq", blocking(UreqTransport::from_agent(agent)))]
}

const REQUESTS: [(&str, &str); 2] = [("GET", ""), ("POST", "{}")];

#[test]
fn a_certificate_of_a_trusted_issuer_is_taken() {
    let authority = Authority::new("one");
    for version in VERSIONS {
        let server = serve(&authority.issue("localhost"), None, &[version]);
        for (name, send) in transports(&authority, None) {
            for (method, body) in REQUESTS {
                let answer = send(request(method, &server.url_at("localhost", "/"), body)).unwrap();
                assert_eq!(answer.body(), body, "{name} {version:?}");
            }
        }
        assert_eq!((server.seen().len(), server.accepted()), (4, 2), "connections are kept");
    }
}

#[test]
fn an_untrusted_certificate_is_refused_before_sending() {
    let authority = Authority::new("one");
    let (of_another, of_a_double) =
        (Authority::new("another").issue("localhost"), Authority::new("one").issue("localhost"));
    let of_another_name = authority.issue("other.example");
    let expired = authority.issue_for("localhost", 2000, 2020);
    for (leaf, words) in [
        (of_another, "issuer"),
        (of_a_double, "issuer"),
        (of_another_name, "another name"),
        (expired, "expired"),
    ] {
        for version in VERSIONS {
            let server = serve(&leaf, None, &[version]);
            for (name, send) in transports(&authority, None) {
                for (method, body) in REQUESTS {
                    let answer = send(request(method, &server.url_at("localhost", "/"), body));
                    let said = answer.as_ref().unwrap_err().to_string();
                    assert!(said.contains(words), "{name} {method}: {said}");
                    assert_eq!(kind(answer), TransportErrorKind::Tls, "{name} {method}");
                }
            }
            assert_eq!(server.seen().len(), 0);
        }
    }
}

#[test]
fn a_client_certificate_is_shown_if_there_is_one() {
    let (authority, clients) = (Authority::new("one"), Authority::new("clients"));
    let leaf = authority.issue("localhost");
    for version in VERSIONS {
        let server = serve(&leaf, Some(&clients), &[version]);
        let url = server.url_at("localhost", "/");
        for (name, send) in transports(&authority, Some(&clients.issue("client"))) {
            for (method, body) in REQUESTS {
                assert_eq!(
                    send(request(method, &url, body)).unwrap().body(),
                    body,
                    "{name} {version:?}"
                );
            }
        }
        assert_eq!(server.seen().len(), 4);
        for client in [
            None,
            Some(Authority::new("another").issue("client")),
            Some(Authority::new("clients").issue("client")),
        ] {
            for (name, send) in transports(&authority, client.as_ref()) {
                for (method, body) in REQUESTS {
                    let kind = kind(send(request(method, &url, body)));
                    // In TLS 1.3 the client's handshake ends before the server refuses, so the
                    // client may notice the closed connection before it reads why.
                    let is_late = version.version == rustls::ProtocolVersion::TLSv1_3
                        && kind == TransportErrorKind::Broken;
                    assert!(
                        is_late || kind == TransportErrorKind::Tls,
                        "{name} {version:?} {method}: {kind:?}"
                    );
                }
            }
        }
        assert_eq!(server.seen().len(), 4, "nothing of those was read");
    }
}

#[test]
fn https_where_there_is_no_tls_is_no_trusted_connection() {
    let authority = Authority::new("one");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0; 5];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(first[0], 22, "a handshake");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    for (name, send) in transports(&authority, None) {
        assert_eq!(kind(send(request("POST", &url, "{}"))), TransportErrorKind::Tls, "{name}");
    }
    server.join().unwrap();
}

#[test]
fn http_where_there_is_tls_is_broken() {
    let authority = Authority::new("one");
    let server = serve(&authority.issue("localhost"), None, &VERSIONS);
    let url = server.url_at("localhost", "/").replace("https:", "http:");
    for (name, send) in transports(&authority, None) {
        assert_eq!(kind(send(request("POST", &url, "{}"))), TransportErrorKind::Broken, "{name}");
    }
}

#[test]
fn the_certificate_of_the_other_side_comes_with_each_answer() {
    let authority = Authority::new("one");
    let leaf = authority.issue("localhost");
    let server = serve(&leaf, None, &VERSIONS);
    let builder = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_der(authority.der()).unwrap()])
        .tls_info(true);
    let transport = ReqwestTransport::from_builder(builder).unwrap();
    let find = |extensions: &http::Extensions| {
        Some(extensions.get::<reqwest::tls::TlsInfo>()?.peer_certificate()?.to_vec())
    };
    let send = asynchronous(transport.clone().with_certificate(find));
    for _ in 0..2 {
        let answer = send(request("GET", &server.url_at("localhost", "/"), "")).unwrap();
        assert_eq!(
            answer.extensions().get::<PeerCertificate>(),
            Some(&PeerCertificate(leaf.certificate.to_vec()))
        );
    }
    assert_eq!(server.accepted(), 1, "on a connection that was kept, too");
    let answer =
        asynchronous(transport)(request("GET", &server.url_at("localhost", "/"), "")).unwrap();
    assert_eq!(answer.extensions().get::<PeerCertificate>(), None);
}
