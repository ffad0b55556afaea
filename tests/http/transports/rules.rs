//! What every transport keeps.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use keyferry::transport::{ExchangeLimits, TransportError, TransportErrorKind};

use super::server::{Reply, Seen, Server};
use super::subjects::{Make, Subject};

/// What no error may say.
const SECRET: &str = "c4n4ry";
/// Enough for a machine that has much else to do.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(700);

pub fn request(method: &str, url: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .header("x-api-key", SECRET)
        .body(body.into())
        .unwrap();
    request.extensions_mut().insert(ExchangeLimits::new(LONG, 4 * 1024 * 1024));
    request
}

pub fn limited(
    mut request: Request<Bytes>,
    timeout: Duration,
    answer_bytes: usize,
) -> Request<Bytes> {
    request.extensions_mut().insert(ExchangeLimits::new(timeout, answer_bytes));
    request
}

/// The kind of a failure, which tells nothing of the request.
#[track_caller]
pub fn kind(answer: Result<Response<Bytes>, TransportError>) -> TransportErrorKind {
    let error = answer.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", keyferry::Error::from(error.clone()));
    assert!(
        !shown.contains(SECRET) && !shown.contains("127.0.0.1") && !shown.contains("localhost"),
        "{shown}"
    );
    println!("{error}");
    error.kind()
}

fn get(subject: &Subject) -> Request<Bytes> {
    request("GET", &subject.url(&format!("/{SECRET}")), "")
}

fn post(subject: &Subject) -> Request<Bytes> {
    request("POST", &subject.url(&format!("/{SECRET}")), "{}")
}

fn peer(make: Make, behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Subject {
    make(Arc::new(behaviour))
}

pub fn sends_any_method(make: Make) {
    let subject = peer(make, |seen| Reply::body(seen.body.clone()));
    for (method, bodies) in [
        ("GET", &[""][..]),
        ("POST", &["", "said"]),
        ("PUT", &["", "said"]),
        ("PATCH", &["", "said"]),
        ("DELETE", &["", "said"]),
        ("OPTIONS", &[""]),
        ("PURGE", &["", "said"]),
    ] {
        for body in bodies {
            let url = subject.url("/a/b%2Fc?d=e%20f&g");
            let answer = subject.send(request(method, &url, *body)).unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.body().as_ref()),
                (200, body.as_bytes()),
                "{method}"
            );
            let seen = subject.seen().pop().unwrap();
            assert_eq!((seen.method.as_str(), seen.body.as_slice()), (method, body.as_bytes()));
            assert!(seen.target.starts_with("/a/b%2Fc"), "{}", seen.target);
        }
    }
    let seen = subject.seen();
    assert!(
        seen[0].header("content-length").is_empty(),
        "a request without a body says nothing of one"
    );
}

pub fn answers_with_any_status(make: Make) {
    for status in [
        200, 201, 202, 204, 299, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 407, 409,
        410, 413, 422, 425, 429, 500, 502, 503, 599,
    ] {
        let subject = peer(make, move |_| {
            let body = if matches!(status, 204 | 304) { Vec::new() } else { b"why".to_vec() };
            Reply::Answer {
                status,
                headers: vec![("Location", b"/elsewhere".to_vec()), ("Retry-After", b"7".to_vec())],
                body,
            }
        });
        for request in [get(&subject), post(&subject)] {
            let answer = subject.send(request).unwrap();
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!(answer.headers()["retry-after"], "7");
            assert_eq!(
                answer.body().as_ref(),
                if matches!(status, 204 | 304) { &b""[..] } else { b"why" }
            );
        }
        assert_eq!(subject.seen().len(), 2, "{status}: one request, one exchange");
    }
}

pub fn keeps_headers_both_ways(make: Make) {
    let subject = peer(make, |_| Reply::Answer {
        status: 200,
        headers: vec![
            ("X-Twice", b"one".to_vec()),
            ("X-Odd", b"\xe4\xff".to_vec()),
            ("X-Twice", b"two".to_vec()),
            ("X-Empty", Vec::new()),
        ],
        body: Vec::new(),
    });
    let mut request = post(&subject);
    request.headers_mut().append("x-twice", HeaderValue::from_static("one"));
    request.headers_mut().append("x-twice", HeaderValue::from_static("two"));
    request.headers_mut().append("x-odd", HeaderValue::from_bytes(b"\xe4\xff").unwrap());
    request.headers_mut().append("content-type", HeaderValue::from_static("application/json"));
    let answer = subject.send(request).unwrap();

    let seen = subject.seen().pop().unwrap();
    assert_eq!(seen.header("x-api-key"), [SECRET.as_bytes()]);
    assert_eq!(seen.header("x-twice"), [b"one", b"two"]);
    assert_eq!(seen.header("x-odd"), [b"\xe4\xff"]);
    assert_eq!(seen.header("content-type"), [b"application/json"]);
    let values =
        |name| answer.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    assert_eq!(values("x-twice"), [b"one", b"two"]);
    assert_eq!(values("x-odd"), [b"\xe4\xff"]);
    assert_eq!(values("x-empty"), [b""]);
}

pub fn keeps_bodies_both_ways(make: Make) {
    let subject = peer(make, |seen| Reply::body(seen.body.clone()));
    let every: Vec<u8> = (0..=255).collect();
    for body in
        [Vec::new(), vec![0], every.clone(), every.repeat(4096), b"\xff\xfe not text".to_vec()]
    {
        let answer = subject.send(request("POST", &subject.url("/"), body.clone())).unwrap();
        assert!(
            answer.body() == &body && subject.seen().pop().unwrap().body == body,
            "{} bytes",
            body.len()
        );
    }
}

/// Whatever the caller says of the length of a body.
pub fn says_the_length_of_a_body_itself(make: Make) {
    let subject = peer(make, |seen| Reply::body(seen.body.clone()));
    let mut request = post(&subject);
    request.headers_mut().append("content-length", HeaderValue::from_static("7"));
    request.headers_mut().append("transfer-encoding", HeaderValue::from_static("chunked"));
    assert_eq!(subject.send(request).unwrap().body(), "{}");
    assert_eq!(subject.seen().pop().unwrap().header("content-length"), [b"2"]);
}

pub fn refuses_an_answer_that_is_too_long(make: Make) {
    let subject = peer(make, |_| Reply::body(vec![b'x'; 1000]));
    for (limit, fits) in [(1000, true), (999, false), (0, false)] {
        let answer = subject.send(limited(post(&subject), LONG, limit));
        match fits {
            true => assert_eq!(answer.unwrap().body().len(), 1000),
            false => assert_eq!(kind(answer), TransportErrorKind::AnswerTooLarge),
        }
    }
}

/// One that does not say how long it is, or says it and sends nothing.
pub fn refuses_an_answer_that_grows_too_long(make: Make) {
    let part = b"3e8\r\n".iter().copied().chain([b'x'; 1000]).chain(*b"\r\n").collect::<Vec<u8>>();
    let chunked = [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
        &part.repeat(3),
        b"0\r\n\r\n",
    ]
    .concat();
    let closed = [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[b'x'; 3000]].concat();
    for reply in [Reply::Bytes(chunked.clone()), Reply::Cut(closed)] {
        let subject = peer(make, move |_| reply.clone());
        assert_eq!(subject.send(limited(get(&subject), LONG, 3000)).unwrap().body().len(), 3000);
        assert_eq!(
            kind(subject.send(limited(get(&subject), LONG, 2999))),
            TransportErrorKind::AnswerTooLarge
        );
    }
    // Nobody waits for what will not be taken.
    let endless = chunked[..chunked.len() - 5].to_vec();
    for reply in
        [endless, b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n".to_vec()]
    {
        let subject = peer(make, move |_| Reply::Silence(reply.clone()));
        assert_eq!(
            kind(subject.send(limited(get(&subject), LONG, 2000))),
            TransportErrorKind::AnswerTooLarge
        );
    }
}

/// Where the status alone decides, a body that is too long, ends early or never comes is no error.
pub fn waits_for_no_body_that_is_optional(make: Make) {
    let answer = |status: u16, rest: &str| {
        [format!("HTTP/1.1 {status} Said\r\n{rest}\r\n").into_bytes(), b"why".to_vec()].concat()
    };
    let length = "Content-Length: 1000\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for status in [200, 404] {
        for reply in [
            Reply::Cut(answer(status, length)),
            Reply::Silence(answer(status, length)),
            Reply::Drops(answer(status, length)),
            Reply::Cut(answer(status, chunked)),
            Reply::Bytes(answer(status, "Retry-After: 7\r\nContent-Length: 3\r\n")),
        ] {
            let served = reply.clone();
            let subject = peer(make, move |_| served.clone());
            let mut request = post(&subject);
            let limits = ExchangeLimits::new(LONG, 8).with_optional_body();
            request.extensions_mut().insert(limits);
            let answer = subject.send(request).unwrap();
            assert_eq!(answer.status().as_u16(), status, "{reply:?}");
            assert!(answer.body().len() <= 8, "{reply:?}");
            if matches!(reply, Reply::Bytes(_)) && status == 404 {
                assert_eq!(
                    (answer.body().as_ref(), &answer.headers()["retry-after"]),
                    (&b"why"[..], &HeaderValue::from_static("7"))
                );
            }
        }
    }
}

pub fn refuses_headers_that_are_too_long(make: Make) {
    let subject = peer(make, |_| {
        Reply::Silence([b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec(), vec![b'x'; 1 << 20]].concat())
    });
    assert_eq!(kind(subject.send(get(&subject))), TransportErrorKind::AnswerTooLarge);
}

pub fn keeps_exchanges_apart(make: Make) {
    let subject = peer(make, |seen| Reply::body(seen.body.clone()));
    std::thread::scope(|scope| {
        for index in 0..8 {
            let subject = &subject;
            scope.spawn(move || {
                for round in 0..20 {
                    let body = format!("{index} {round}");
                    assert_eq!(
                        subject
                            .send(request("POST", &subject.url("/"), body.clone()))
                            .unwrap()
                            .body(),
                        &body
                    );
                }
            });
        }
    });
    assert_eq!(subject.seen().len(), 160);
}

/// The time is that of the whole exchange: one that comes drop by drop is given up too.
pub fn gives_up_when_the_time_is_up(make: Make) {
    let silence = |said: &str| Reply::Silence(said.into());
    let replies = [
        silence(""),
        silence("HTTP/1.1 200 OK\r\nContent-Le"),
        silence("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"),
        silence("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Reply::Drops("HTTP/1.1 200 OK\r\nX-Long: ".into()),
        Reply::Drops("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".into()),
    ];
    std::thread::scope(|scope| {
        for reply in replies {
            scope.spawn(move || {
                let shown = format!("{reply:?}");
                let subject = peer(make, move |_| reply.clone());
                for request in [get(&subject), post(&subject)] {
                    assert_eq!(
                        kind(subject.send(limited(request, SHORT, 100_000))),
                        TransportErrorKind::Timeout,
                        "{shown}"
                    );
                }
                assert_eq!(subject.seen().len(), 2, "nothing is sent twice");
            });
        }
    });
}

pub fn says_that_nobody_listens(make: Make) {
    let subject = peer(make, |_| Reply::status(200));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // A label that is too long for DNS is not asked for.
    let nowhere = format!("http://{}.example/{SECRET}", "x".repeat(64));
    for url in [format!("http://{free}/{SECRET}"), nowhere] {
        for (method, body) in [("GET", ""), ("POST", "{}")] {
            assert_eq!(
                kind(subject.send(request(method, &url, body))),
                TransportErrorKind::Unreachable,
                "{method} {url}"
            );
        }
    }
}

pub fn says_that_it_is_no_http(make: Make) {
    for said in [
        &b"220 mail.example ESMTP\r\n"[..],
        b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
        b"HTTP/1.1 9 ?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        let subject = peer(make, move |_| Reply::Cut(said.to_vec()));
        for request in [get(&subject), post(&subject)] {
            assert_eq!(kind(subject.send(request)), TransportErrorKind::Broken, "{said:?}");
        }
    }
}

pub fn says_that_the_connection_broke(make: Make) {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nCon",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsome",
    ] {
        let subject = peer(make, move |_| Reply::Cut(said.into()));
        for request in [get(&subject), post(&subject)] {
            assert_eq!(kind(subject.send(request)), TransportErrorKind::Broken, "{said:?}");
        }
        assert_eq!(subject.seen().len(), 2, "nothing is sent twice");
    }
}

pub fn keeps_connections(make: Make) {
    let subject = peer(make, |seen| Reply::body(seen.body.clone()));
    for index in 0..5 {
        assert_eq!(
            subject.send(request("POST", &subject.url("/"), format!("{index}"))).unwrap().body(),
            &format!("{index}")
        );
    }
    assert_eq!((subject.seen().len(), subject.server().accepted()), (5, 1));
}

pub fn follows_no_redirect(make: Make) {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Server::new(|_| Reply::status(200));
        let location = elsewhere.url("/").into_bytes();
        let subject = peer(make, move |_| Reply::Answer {
            status,
            headers: vec![("Location", location.clone())],
            body: Vec::new(),
        });
        for request in [get(&subject), post(&subject)] {
            assert_eq!(subject.send(request).unwrap().status().as_u16(), status);
        }
        assert_eq!(elsewhere.accepted(), 0, "{status}");
    }
}
