//! Addresses that must not be called, in every spelling, when they are registered and when they are
//! called.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::transports::server::{Reply, Server};
use bytes::Bytes;
use http::{Request, Response};
use keyferry::transport::{
    GuardedTransport, TargetPolicy, Transport, TransportError, TransportErrorKind,
};
use keyferry::{BaseUrl, Class, Error};

/// Hosts that lead inside, or that some resolver reads as something that does.
const INSIDE: &[&str] = &[
    // Loopback, as `inet_aton` and browsers read it.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0177.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "127.0.0.0x1",
    "127.0.0.01",
    "00000127.0.0.1",
    "127.0.0.1.",
    "127.0.0.1..",
    "1.2.3.4.5",
    "256.256.256.256",
    "0",
    "0x",
    "0.0.0.0",
    "0.1.2.3",
    "127。0。0。1",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::FFFF:10.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::1%25lo]",
    "[::1%lo]",
    "[fe80::1%25eth0]",
    "[::1",
    "::1",
    "[127.0.0.1]",
    "[v1.x]",
    "[9.9.9.9]",
    "[hub.example]",
    "[2606:4700::1111]x",
    "2606:4700::1111",
    "[]",
    // Private, shared, link-local, special.
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fdff::1]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    // IPv4 that a gateway takes out of IPv6.
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::1]",
    "[2002:c0a8:1::]",
    "[2001:0:7f00:1::]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:2::1]",
    // Names.
    "localhost",
    "LOCALHOST",
    "localhost.",
    "app.localhost",
    "ip6-localhost",
    "localhost.localdomain",
    "printer.local",
    "metadata.google.internal",
    "metadata.google.internal.",
    "router.home.arpa",
    "home.arpa",
    "wiki.corp",
    "nas.lan",
    "router.home",
    "hub.intranet",
    "hub.private",
    "intranet",
    "hub",
    "loc\u{ad}alhost.example",
    "ｌocalhost",
    "a..example",
    "hub.example..",
    ".example",
    "hub.example%00.internal",
    "hub.example\u{0}",
    "hub,example",
    "hub.example:80:81",
    "user@hub.example",
];

/// Hosts that are neither, some of them close to one that is.
const OUTSIDE: &[&str] = &[
    "hub.example",
    "HUB.Example.",
    "hub.example.com",
    "a-b.c_d.example",
    "xn--bcher-kva.example",
    "localhost.example",
    "local.example",
    "notlocal.example",
    "mylocalhost.example",
    "127.0.0.1.example",
    "0x7f.example",
    "1e1.x1",
    "9.9.9.9",
    "1.1.1.1",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "169.253.255.255",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "[2606:4700::1111]",
    "[2a00::1]",
    "[2001:4860::8888]",
    "[2003::1]",
    "[::ffff:9.9.9.9]",
];

fn refusal(policy: &TargetPolicy, url: &str) -> Result<(), Class> {
    BaseUrl::parse(url).and_then(|address| policy.check(&address)).map_err(|error| error.class())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn callback_addresses_inside_are_refused_in_every_spelling() {
    let policy = TargetPolicy::new();
    for host in INSIDE {
        for url in [
            format!("https://{host}/callback"),
            format!("https://{host}:8443/"),
            format!("HTTPS://{host}"),
        ] {
            // What is no address at all is not even read.
            assert!(
                matches!(refusal(&policy, &url), Err(Class::TargetRefused | Class::Malformed)),
                "{url:?}"
            );
        }
    }
    for host in OUTSIDE {
        assert_eq!(refusal(&policy, &format!("https://{host}/callback")), Ok(()), "{host}");
        assert_eq!(refusal(&policy, &format!("https://{host}:8443/callback")), Ok(()), "{host}");
    }
}

/// What reqwest would connect to, were it let.
#[test]
fn what_is_accepted_is_what_a_client_reads() {
    for host in OUTSIDE {
        let url = BaseUrl::parse(&format!("https://{host}/")).unwrap();
        let read = reqwest::Url::parse(&url.to_string()).unwrap();
        let read = read.host_str().unwrap();
        assert!(
            read == url.host()
                || read.trim_matches(['[', ']']).parse::<IpAddr>()
                    == url.host().trim_matches(['[', ']']).parse(),
            "{host}"
        );
    }
}

#[test]
fn http_is_refused_unless_it_is_allowed() {
    assert_eq!(refusal(&TargetPolicy::new(), "http://hub.example/"), Err(Class::TargetRefused));
    let policy = TargetPolicy::new().danger_with_plain_http();
    assert_eq!(refusal(&policy, "http://hub.example/"), Ok(()));
    assert_eq!(refusal(&policy, "http://127.0.0.1/"), Err(Class::TargetRefused));
}

#[test]
fn every_port_but_0_may_be_called() {
    let policy = TargetPolicy::new();
    for port in ["", ":443", ":1", ":80", ":8443", ":20400", ":65535"] {
        assert_eq!(refusal(&policy, &format!("https://hub.example{port}/")), Ok(()), "{port}");
    }
    assert_eq!(refusal(&policy, "https://hub.example:0/"), Err(Class::TargetRefused));
    assert_eq!(
        refusal(&policy.danger_with_host("hub.example"), "https://hub.example:0/"),
        Err(Class::TargetRefused)
    );
}

#[test]
fn a_host_allowed_by_name_does_not_allow_its_subdomains() {
    let policy = TargetPolicy::new()
        .danger_with_host("App.Internal.")
        .danger_with_host("10.1.2.3")
        .danger_with_host("[fd00::1]")
        .danger_with_host("fd00::2");
    // Another spelling of an address is the same address once an address of a service was read.
    assert_eq!(refusal(&policy, "https://[fd00:0::1]/"), Ok(()));
    for host in ["app.internal", "APP.internal.", "10.1.2.3", "[fd00::1]", "[FD00::1]", "[fd00::2]"]
    {
        assert_eq!(refusal(&policy, &format!("https://{host}/")), Ok(()), "{host}");
        assert!(policy.permits(host, ip("127.0.0.1")), "{host}");
    }
    for host in
        ["x.app.internal", "internal", "10.1.2.4", "167838211", "[fd00::3]", "[::ffff:10.1.2.3]"]
    {
        assert_eq!(
            refusal(&policy, &format!("https://{host}/")),
            Err(Class::TargetRefused),
            "{host}"
        );
        assert!(!policy.permits(host, ip("127.0.0.1")), "{host}");
    }
}

#[test]
fn what_a_name_leads_to_is_judged_by_the_same_ranges() {
    let policy = TargetPolicy::new();
    let literal = |host: &&str| match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    };
    let literals = |hosts: &[&str]| -> Vec<IpAddr> { hosts.iter().filter_map(literal).collect() };
    let (inside, outside) = (literals(INSIDE), literals(OUTSIDE));
    assert!(inside.len() > 50 && outside.len() > 15);
    for address in inside {
        assert!(!policy.permits("hub.example", address), "{address}");
    }
    for address in outside {
        assert!(policy.permits("hub.example", address), "{address}");
    }
}

/// The standard library knows some of these ranges too.
#[test]
fn addresses_special_in_the_standard_library_are_refused() {
    let policy = TargetPolicy::new();
    let mut permitted = 0;
    for index in 0..=u32::from(u16::MAX) {
        for low in [0, 1, 0xa9fe, 0xffff] {
            let IpAddr::V4(address) = IpAddr::from((index << 16 | low).to_be_bytes()) else {
                unreachable!()
            };
            let special = address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified();
            assert!(!(special && policy.permits("", address.into())), "{address}");
            assert_eq!(
                policy.permits("", address.into()),
                policy.permits("", address.to_ipv6_mapped().into()),
                "{address}"
            );
            permitted += u32::from(policy.permits("", address.into()));
        }
    }
    // 32 of 256 are multicast and reserved, and not many more are special.
    assert!(permitted > 4 * 65536 * 85 / 100, "{permitted}");
}

fn request(url: &str) -> Request<Bytes> {
    Request::builder().uri(url).body(Bytes::new()).unwrap()
}

fn guard(policy: TargetPolicy) -> GuardedTransport {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    GuardedTransport::reqwest_builder(policy, reqwest::Client::builder().tls_certs_only([]))
        .unwrap()
}

/// A transport that would send anything, and how often it was asked to.
fn anything() -> (Arc<dyn Transport>, Arc<AtomicUsize>) {
    let count = Arc::<AtomicUsize>::default();
    let counted = count.clone();
    let transport = move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok::<_, TransportError>(Response::new(Bytes::new())))
    };
    (Arc::new(transport), count)
}

#[tokio::test]
async fn addresses_inside_are_refused_again_when_they_are_called() {
    let (transport, count) = anything();
    let guards = [
        guard(TargetPolicy::new()),
        GuardedTransport::danger_unguarded(TargetPolicy::new(), transport),
    ];
    let mut called = 0;
    for guard in &guards {
        for host in INSIDE {
            // What is no address of the crate `http` cannot be asked for.
            let Ok(uri) = format!("https://{host}/callback?a=b").parse::<http::Uri>() else {
                continue;
            };
            called += 1;
            let mut request = request("/");
            *request.uri_mut() = uri;
            let error = guard.send(request).await.unwrap_err();
            assert_eq!(error.kind(), TransportErrorKind::TargetRefused, "{host}");
            assert!(!error.to_string().contains(host) || *host == "0" || *host == "0x", "{error}");
            assert_eq!(Error::from(error).class(), Class::TargetRefused);
        }
        for url in [
            "http://hub.example/",
            "https://user@hub.example/",
            "https://hub.example:0/",
            "ftp://hub.example/",
            "/relative",
            "hub.example:443",
        ] {
            assert_eq!(
                guard.send(request(url)).await.unwrap_err().kind(),
                TransportErrorKind::TargetRefused,
                "{url}"
            );
        }
    }
    assert!(called > 100, "{called}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

/// Nothing of it is there to be connected to: a refused connection would be of another kind, and so
/// would one that is made.
#[tokio::test]
async fn nothing_inside_is_connected_to() {
    let server = Server::new(|_| Reply::status(200));
    let guard = guard(TargetPolicy::new().danger_with_plain_http());
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "localhost.",
        "app.localhost",
    ] {
        let error = guard.send(request(&server.url_at(host, "/"))).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::TargetRefused, "{host}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_host_allowed_by_name_is_called_without_its_redirects() {
    let inside = Server::new(|_| Reply::status(200));
    for status in [301, 302, 303, 307, 308] {
        let location = inside.url("/").into_bytes();
        let server = Server::new(move |_| Reply::Answer {
            status,
            headers: vec![("Location", location.clone())],
            body: Vec::new(),
        });
        // Even one that leads to what may be called.
        let guard =
            guard(TargetPolicy::new().danger_with_plain_http().danger_with_host("127.0.0.1"));
        assert_eq!(guard.send(request(&server.url("/"))).await.unwrap().status().as_u16(), status);
        assert_eq!(server.seen().len(), 1);
    }
    assert_eq!(inside.accepted(), 0);
}

/// A builder of the caller's cannot undo it.
#[tokio::test]
async fn redirects_proxy_and_resolver_of_a_builder_are_replaced() {
    let server = Server::new(|_| Reply::Answer {
        status: 302,
        headers: vec![("Location", b"/again".to_vec())],
        body: Vec::new(),
    });
    let proxy = Server::new(|_| Reply::status(200));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::limited(5))
        .proxy(reqwest::Proxy::all(proxy.url("/")).unwrap())
        .dns_resolver(Arc::new(NeverAsked));
    let policy = TargetPolicy::new()
        .danger_with_plain_http()
        .danger_with_host("127.0.0.1")
        .danger_with_host("localhost");
    let guard = GuardedTransport::reqwest_builder(policy, builder).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(
            guard.send(request(&server.url_at(host, "/"))).await.unwrap().status().as_u16(),
            302
        );
    }
    assert_eq!((server.seen().len(), proxy.accepted()), (2, 0));
}

struct NeverAsked;

impl reqwest::dns::Resolve for NeverAsked {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        panic!("the resolver of the builder was asked")
    }
}
