//! The fuzz targets of requests, for the pure functions that read them and for a server without
//! content.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, Response};
use keyferry::crypto::Provider;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::model::{
    Callback, Command, CommandId, CommandType, ErrorBody, Listing, Message, ReservedBox, Submitted,
};
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::http::{callback, command, mailbox, read_basic_auth};
use keyferry::hermod::wire::{
    ApiKey, BasicAuth, CallbackApi, CommandApi, Delivery, MailboxApi, MailboxKey, WebhookSecret,
};
use keyferry::server::{Rate, ServerConfig};
use keyferry::transport::{InProcess, Transport};
use keyferry::{Class, Error, ManualClock, Secret};

/// A key that a fuzzer cannot guess, and that no response may repeat.
const KEY: &str = "c4n4ry-0f-4n-1nt3gr4t0r";
const TOKEN: &str = "c4n4ry-0f-4-m41lb0x";
const PASSWORD: &str = "c4n4ry-0f-4-hub";
const SECRETS: [&str; 3] = [KEY, TOKEN, PASSWORD];
/// Every status that a server of this crate gives.
const STATUSES: [u16; 19] =
    [200, 201, 204, 400, 401, 404, 405, 408, 409, 410, 413, 414, 415, 422, 429, 431, 501, 502, 503];

/// A request from the text of one: its line, its header, an empty line, its body. Lines may end
/// without a carriage return.
fn request(data: &[u8]) -> Option<HttpRequest<Bytes>> {
    let at = |pattern: &[u8]| {
        data.windows(pattern.len())
            .position(|window| window == pattern)
            .map(|at| (at, at + pattern.len()))
    };
    let (head, body) = [at(b"\n\n"), at(b"\r\n\r\n")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or((data.len(), data.len()));
    let mut lines = data[..head]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        headers
            .try_append(
                HeaderName::from_bytes(&line[..colon]).ok()?,
                HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?,
            )
            .ok()?;
    }
    let mut request = HttpRequest::builder()
        .method(method)
        .uri(target)
        .body(Bytes::copy_from_slice(&data[body..]))
        .ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// Gives a request to a service, and checks the form of the response.
fn ask(service: &HermodService, request: &HttpRequest<Bytes>) -> Response<Bytes> {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    });
    let answer = RUNTIME.block_on(InProcess(service.clone()).send(request.clone())).unwrap();
    let status = answer.status().as_u16();
    assert!(STATUSES.contains(&status), "{status}");
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(
        (header("cache-control"), header("x-content-type-options"), header("location")),
        (Some("no-store"), Some("nosniff"), None)
    );
    assert_eq!(
        (header("allow").is_some(), header("www-authenticate").is_some()),
        (status == 405, status == 401)
    );
    assert_eq!(header("retry-after").is_some(), matches!(status, 429 | 503));
    let body = std::str::from_utf8(answer.body()).unwrap();
    if status >= 400 {
        let error = ErrorBody::from_json(body).unwrap().error;
        assert_eq!(Some(error.request_id.as_str()), header("x-request-id"));
        assert!(SECRETS.iter().all(|secret| !body.contains(secret)), "a secret is repeated");
        if status == 401 {
            assert_eq!(
                (error.code.as_str(), error.message.as_str()),
                ("UNAUTHORIZED", "no credential, or one that does not fit")
            );
        }
    }
    answer
}

fn config() -> ServerConfig {
    let mut config = ServerConfig::default();
    (config.limits.tenant_rate, config.limits.device_rate) = (Rate::unlimited(), Rate::unlimited());
    config.clock = Arc::new(ManualClock::new(NOW));
    config
}

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn refuse<T>() -> Result<T, Error> {
    Err(Error::new(Class::Unauthorized, "", "no credential, or one that does not fit"))
}

/// Serves every caller with the key or the token, and has no content.
#[derive(Clone)]
struct Nothing;

impl CommandApi for Nothing {
    async fn submit(&self, command: Command) -> Result<Submitted, Error> {
        assert!(command.body.kind().is_some());
        Ok(Submitted::new(
            CommandId::from("1"),
            CommandType::from("PING"),
            Vec::new(),
            "hub.example",
        ))
    }

    async fn poll(&self, _: &CommandId) -> Result<Callback, Error> {
        Err(Error::new(Class::NotFound, "commandId", "no such command"))
    }
}

impl MailboxApi for Nothing {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        assert!(wait <= Duration::from_secs(60));
        Ok(Listing::default())
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        assert!(!mid.is_empty());
        Err(Error::new(Class::Expired, "mid", "the message has ended"))
    }

    async fn answer(&self, mid: &str, _: &str) -> Result<(), Error> {
        assert!(!mid.is_empty());
        Ok(())
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        Ok(ReservedBox::new("b", "https://hub.example/ms/b", Secret::new("t")))
    }

    async fn remove(&self) -> Result<(), Error> {
        Ok(())
    }
}

static HUB: LazyLock<HermodService> = LazyLock::new(|| {
    HermodService::builder("/hermod/rest")
        .with_config(config())
        .with_commands(|given: ApiKey| {
            if given == ApiKey::new("shop", Secret::new(KEY)) { Ok(Nothing) } else { refuse() }
        })
        .with_mailboxes(
            |given: MailboxKey| {
                if given.token == Secret::new(TOKEN) { Ok(Nothing) } else { refuse() }
            },
        )
        .build()
        .unwrap()
});

fn parts(request: &HttpRequest<Bytes>) -> (Parts, Bytes) {
    request.clone().into_parts()
}

/// Whether the path is a probe, which needs no credential.
fn is_probe(request: &HttpRequest<Bytes>) -> bool {
    request.uri().path().ends_with("/health") || request.uri().path().ends_with("/ready")
}

/// Any text as a request to the commands, unchanged and with a valid key.
pub fn http_command(data: &[u8]) {
    commanded(data);
}

/// The same; returns the status with the credential.
pub fn commanded(data: &[u8]) -> Option<u16> {
    let mut request = request(data)?;
    let (head, body) = parts(&request);
    let key = ApiKey::new("shop", Secret::new(KEY));
    let given = command::read_credential(&head);
    let answer = ask(&HUB, &request);
    if given != Some(key) && !is_probe(&request) {
        assert!(!answer.status().is_success(), "done without a key");
    }
    // A call that was read is written as the same request.
    let path = request.uri().path().to_owned();
    if let Ok(call) = command::read_call(Dialect::standard(), &path, &head, &body) {
        let base = keyferry::BaseUrl::parse("https://hub.example").unwrap();
        let written = command::write_call(
            Dialect::standard(),
            &base,
            &ApiKey::new("shop", Secret::new(KEY)),
            &call,
        )
        .unwrap();
        let (head, body) = written.into_parts();
        assert_eq!(
            command::read_call(Dialect::standard(), head.uri.path(), &head, &body).unwrap(),
            call
        );
        assert_eq!(command::read_credential(&head).unwrap().id, "shop");
    }
    let good = base64_simd::STANDARD.encode_to_string(format!("shop:{KEY}"));
    request.headers_mut().insert("x-api-key", good.parse().unwrap());
    let answer = ask(&HUB, &request);
    if path.starts_with("/hermod/rest/command/") {
        assert_ne!(answer.status(), 401);
    }
    Some(answer.status().as_u16())
}

/// Any text as a request to a mailbox, unchanged and with a valid token.
pub fn http_mailbox(data: &[u8]) {
    posted(data);
}

/// The same; returns the status with the credential.
pub fn posted(data: &[u8]) -> Option<u16> {
    let mut request = request(data)?;
    let (head, body) = parts(&request);
    let path = request.uri().path().to_owned();
    let below = path.strip_prefix("/hermod/rest/ms").unwrap_or(&path);
    let given = mailbox::read_credential(Dialect::standard(), below, &head);
    let answer = ask(&HUB, &request);
    let may = given.is_some_and(|given| given.token == Secret::new(TOKEN))
        || command::read_credential(&head).is_some()
        || is_probe(&request);
    assert!(may || !answer.status().is_success(), "done without a token");
    if let Ok(call) = mailbox::read_call(below, &head, &body) {
        let base = keyferry::BaseUrl::parse("https://hub.example").unwrap();
        let key = MailboxKey::of_message("b", Secret::new(TOKEN), Secret::new("claim"));
        let written = mailbox::write_call(Dialect::standard(), &base, &key, &call).unwrap();
        let (head, body) = written.into_parts();
        assert_eq!(mailbox::read_call(head.uri.path(), &head, &body).unwrap(), call);
        let again = mailbox::read_credential(Dialect::standard(), head.uri.path(), &head).unwrap();
        assert_eq!((again.token, again.claim), (key.token, key.claim));
    }
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    Some(ask(&HUB, &request).status().as_u16())
}

/// A receiver that counts callbacks.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl CallbackApi for Counter {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        assert!(!delivery.id.is_empty() && delivery.id.len() <= 1024 * 1024);
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Any text as a callback, unchanged and signed as by a hub; then both again.
pub fn callback_request(data: &[u8]) {
    called_back(data);
}

/// The secret that signs callbacks.
fn signing_secret() -> WebhookSecret {
    WebhookSecret::from_bytes(&[7; 32]).unwrap()
}

/// The same; returns the status of the signed one.
pub fn called_back(data: &[u8]) -> Option<u16> {
    let mut request = request(data)?;
    let counter = Counter::default();
    let receiver = counter.clone();
    let callbacks = CallbackService::builder(move |given: Option<BasicAuth>| match given {
        Some(given) if given == BasicAuth::new("hub", Secret::new(PASSWORD)) => {
            Ok(receiver.clone())
        }
        _ => refuse(),
    })
    .with_signature(Arc::new(AwsLcRs), [signing_secret()], Duration::from_secs(60))
    .build();
    let service =
        HermodService::builder("").with_config(config()).with_callbacks(callbacks).build().unwrap();

    let (head, body) = parts(&request);
    let verified = callback::verify_signature(
        Dialect::standard(),
        &AwsLcRs,
        &[signing_secret()],
        (NOW, Duration::from_secs(60)),
        &head,
        &body,
    );
    let answer = ask(&service, &request);
    if (read_basic_auth(&head.headers).is_none() || verified.is_err()) && !is_probe(&request) {
        assert!(!answer.status().is_success(), "taken without a proof");
    }
    let key = base64_simd::STANDARD.decode_to_vec(&signing_secret().expose()[6..]).unwrap();
    let mac = AwsLcRs.hmac_sha256(&key, &[b"d.0.", &body[..]].concat()).unwrap();
    let signature = base64_simd::STANDARD.encode_to_string(mac);
    let basic = base64_simd::STANDARD.encode_to_string(format!("hub:{PASSWORD}"));
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Basic {basic}").parse().unwrap());
    headers.insert("webhook-id", "d".parse().unwrap());
    headers.insert("webhook-timestamp", "0".parse().unwrap());
    headers.insert("webhook-signature", format!("v1,{signature}").parse().unwrap());
    let (first, again) = (ask(&service, &request), ask(&service, &request));
    assert_eq!(first.status(), again.status());
    assert!(counter.0.load(Ordering::SeqCst) <= 1, "a repeat was handed on");
    if request.method() == Method::POST && request.uri().path().ends_with("/callback/ping") {
        assert_ne!(first.status(), 401);
    }
    Some(first.status().as_u16())
}
