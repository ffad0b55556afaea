//! What each fuzz target does with its input. Ordinary tests replay the seeds over the same functions.
//!
//! Each asserts more than that nothing panics: what was read is written and read again to the same, and nothing verifies but what was signed.

mod config;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, Response};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, PrivateKey, Provider, PublicKey, Signer, VerifyingKey};
use keyferry::csr::{MAX_REQUEST, Request, Template};
use keyferry::hermod::Dialect;
use keyferry::hermod::model::{
    Activation, Callback, Command, CommandId, CommandType, DataFormat, DeviceInfo, ErrorBody, Item, KeyGenRequest, KeyTypePrio, KeyUsage, Listing,
    Message, ProfileRequest, ProvisionCommand, ReservedBox, SignCommand, SignParams, SignResponse, Submitted,
};
use keyferry::hermod::proof::{
    Expectation, KnownKey, Outcome, Pinned, Report, SignatureExpectation, Unpinned, UnsignedAnswer, Verifier, verify_signature,
};
use keyferry::hermod::server::{CallbackService, HermodService, Rate, ServerConfig};
use keyferry::hermod::wire::http::{callback, command, mailbox, read_basic_auth};
use keyferry::hermod::wire::{ApiKey, BasicAuth, CallbackApi, CommandApi, Delivery, MailboxApi, MailboxKey};
use keyferry::http::{InProcess, TargetPolicy, Transport};
use keyferry::jose::{Header, Jwk, Jws, Padding, Thumbprint};
use keyferry::{BaseUrl, Certificate, Class, Error, ManualClock, Secret};
use serde_json::value::RawValue;

const COMMAND: &str = include_str!("../../tests/fixtures/hermod/provision-command.json");
const CALLBACK: &str = include_str!("../../tests/fixtures/hermod/provision-callback.json");
const ATTESTATION_KEY: &str = include_str!("../../tests/fixtures/hermod/attestation-key.json");
/// RFC 7515 appendix A.3.
const P256_KEY: &str =
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// The captured run.
struct Captured {
    answer: String,
    expectation: Expectation,
    key: VerifyingKey,
    pinned: Verifier<'static, Pinned>,
    unpinned: Verifier<'static, Unpinned>,
    lenient: Verifier<'static, Unpinned>,
}

static CAPTURED: LazyLock<Captured> = LazyLock::new(|| {
    static PROVIDER: AwsLcRs = AwsLcRs;
    let pin = key(ATTESTATION_KEY);
    Captured {
        answer: Callback::from_json(CALLBACK).unwrap().jws().unwrap().to_owned(),
        expectation: Expectation::from_command(Command::from_json(COMMAND).unwrap().provision().unwrap()).unwrap(),
        key: VerifyingKey::new(&PROVIDER, Algorithm::Rs256, &pin).unwrap(),
        pinned: Verifier::pinned(&PROVIDER, [&pin]).unwrap(),
        unpinned: Verifier::unpinned(&PROVIDER),
        lenient: Verifier::unpinned(&PROVIDER).with_padding(Padding::Tolerated).accept_other_key_states(),
    }
});

fn key(jwk: &str) -> PublicKey {
    Jwk::from_json(jwk).unwrap().public_key().clone()
}

/// Keys that a fuzzer does not have, so that what it makes up is signed and met by the later checks.
struct Own {
    attestation: Box<dyn PrivateKey>,
    device: Box<dyn PrivateKey>,
    /// Of one P-256 key without a request.
    expectation: Expectation,
}

static OWN: LazyLock<Own> = LazyLock::new(|| {
    let generate = || AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let key = KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
    let command = ProvisionCommand::new("123456789", "userA", ProfileRequest::new("nexus-cod1", "TestProfile", vec![key]));
    Own { attestation: generate(), device: generate(), expectation: Expectation::from_command(&command).unwrap() }
});

fn encode(octets: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(octets.as_ref())
}

fn sign(header: &str, payload: &str, signer: &dyn Signer) -> String {
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = signer.sign(Algorithm::Es256, input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature))
}

/// Any text as a compact JWS; a JSON object as the header of one.
pub fn jws(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    read_jws(text);
    if text.starts_with('{') {
        read_jws(&format!("{}.eA.{}", encode(data), encode([1; 64])));
    }
}

fn read_jws(text: &str) {
    for padding in [Padding::Refused, Padding::Tolerated] {
        let Ok(jws) = Jws::from_compact_with(text, padding) else {
            if padding == Padding::Tolerated {
                assert!(Jws::from_compact(text).is_err(), "the lenient reading reads what the strict one does");
            }
            continue;
        };
        let header = jws.unverified_header().clone();
        let written = serde_json::to_string(&header).unwrap();
        assert_eq!(Header::from_json(&written).unwrap(), header);
        assert!(jws.unverified_payload().len() <= text.len());
        if jws.verify(&CAPTURED.key).is_ok() {
            // Nobody signed the padding of the signature.
            assert_eq!(text.trim_end_matches('='), CAPTURED.answer);
        }
        let jws = Jws::from_compact_with(text, padding).unwrap();
        if let Ok(consistent) = jws.verify_embedded(&AwsLcRs, Algorithm::ALL) {
            assert_eq!(Some(consistent.public_key()), header.jwk.as_ref().map(Jwk::public_key));
        }
    }
}

/// Any text as a JWK.
pub fn jwk(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(jwk) = Jwk::from_json(text) else { return };
    let again = Jwk::from_json(&jwk.to_string()).unwrap();
    assert_eq!(again, jwk);
    assert_eq!(again.to_string(), jwk.to_string());
    let public_key = jwk.public_key();
    assert_eq!(PublicKey::from_spki_der(public_key.as_spki_der()).unwrap(), *public_key);
    assert_eq!(Thumbprint::of(public_key, &AwsLcRs), Jwk::new(public_key.clone()).thumbprint(&AwsLcRs));
    assert!((255..=8192).contains(&public_key.bits()));
    assert!(PRIVATE.iter().all(|name| !members(&jwk.to_string()).contains_key(*name)));
    // Whatever the key is, it can be asked to verify.
    if let Ok(key) = VerifyingKey::new(&AwsLcRs, Algorithm::default_for(public_key), public_key) {
        assert!(key.verify(b"message", &[0; 64]).is_err());
    }
}

/// Members that a public key must not have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The members of an object with their values as text: there may be a number among them that no float can hold.
fn members(object: &str) -> BTreeMap<String, String> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object).unwrap();
    members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect()
}

/// Any octets as a template.
pub fn csr_template(data: &[u8]) {
    let Ok(template) = Template::from_der(data) else { return };
    assert_eq!(template.as_der(), data);
    assert_eq!(Template::from_base64(&template.to_base64()).unwrap(), template);
    let key = key(P256_KEY);
    let unsigned = template.with_key(&key, Algorithm::Es256).unwrap();
    let info = unsigned.to_be_signed().to_vec();
    let replaced = unsigned.assemble(&[1; 64]);
    if replaced.len() > MAX_REQUEST {
        return;
    }
    let again = Template::from_der(&replaced).unwrap();
    assert_eq!(again.subject_der(), template.subject_der());
    assert_eq!(again.attributes_der(), Some(template.attributes_der().unwrap_or(&[0xa0, 0x00])));
    assert_eq!(again.with_key(&key, Algorithm::Es256).unwrap().to_be_signed(), info);
    assert_eq!(Request::from_der(&replaced, &AwsLcRs).unwrap_err().class(), Class::Csr);
}

/// Any octets as a finished request.
pub fn csr_request(data: &[u8]) {
    let Ok(request) = Request::from_der(data, &AwsLcRs) else { return };
    assert_eq!(request.as_der(), data);
    assert_eq!(Request::from_base64(&request.to_base64(), &AwsLcRs).unwrap(), request);
    request.matches(&Template::from_der(data).unwrap()).unwrap();
    assert!(request.algorithm().fits(request.public_key()));
    // Its last octet is one of the signature.
    let mut changed = data.to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    assert!(Request::from_der(&changed, &AwsLcRs).is_err());
}

/// Any octets as a certificate.
pub fn certificate(data: &[u8]) {
    let Ok(certificate) = Certificate::from_der(data) else { return };
    assert_eq!(certificate.as_der(), data);
    let again = Certificate::from_base64(&certificate.to_base64()).unwrap();
    assert_eq!(again, certificate);
    assert_eq!(PublicKey::from_spki_der(certificate.public_key().as_spki_der()).unwrap(), *certificate.public_key());
    certificate.require_key(again.public_key()).unwrap();
    assert!(certificate.require_key(&key(P256_KEY)).is_err() || *certificate.public_key() == key(P256_KEY));
    assert_eq!(certificate.fingerprint(&AwsLcRs), AwsLcRs.sha256(data));
}

/// Octets as a CMS that answers a sign command: whatever it is, it is over the command's content, or refused. Gives whether it verifies.
pub fn signature_cms(data: &[u8]) {
    cms(data);
}

pub fn cms(data: &[u8]) -> bool {
    static CONTENT: &[u8] = include_bytes!("../../tests/fixtures/cms/content");
    static KNOWN: LazyLock<(SignatureExpectation, [KnownKey; 1])> = LazyLock::new(|| {
        let tbs = Item::base64("tbs", "text/plain", base64_simd::STANDARD.encode_to_string(CONTENT));
        let command = SignCommand::new(SignParams::new(vec![tbs], DataFormat::PKCS7, "CKM_ECDSA_SHA256".into()));
        let certificate = Certificate::from_der(include_bytes!("../../tests/fixtures/cms/certificate.der")).unwrap();
        (SignatureExpectation::for_sign(&command).unwrap(), [KnownKey::of_certificate(certificate)])
    });
    let (expectation, known) = &*KNOWN;
    let response = SignResponse::success(DataFormat::PKCS7, base64_simd::STANDARD.encode_to_string(data));
    let Ok(verified) = verify_signature(&AwsLcRs, expectation, &response, known) else { return false };
    assert_eq!(verified.content(), CONTENT);
    true
}

/// Any text as the answer to the captured command; a JSON object stands in the captured answer as its payload, or as its header, and in one
/// that is signed anew as its payload, or as what its key says.
pub fn provision_answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    answer(text);
    if text.starts_with('{') {
        let encoded = encode(data);
        let parts: Vec<&str> = CAPTURED.answer.split('.').collect();
        answer(&format!("{}.{encoded}.{}", parts[0], parts[2]));
        answer(&format!("{encoded}.{}.{}", parts[1], parts[2]));
        signed_payload(text);
        signed_key(text);
    }
}

/// The payload of an answer that a made-up attestation key signs: the one key in it can only be the captured one.
/// Gives whether it verifies.
pub fn signed_payload(payload: &str) -> bool {
    let jwk = Jwk::new(OWN.attestation.public_key().clone());
    let text = sign(&format!(r#"{{"alg":"ES256","nonce":"123456789","jwk":{jwk}}}"#), payload, &OWN.attestation);
    assert!(CAPTURED.pinned.verify(&CAPTURED.expectation, &text).is_err());
    match CAPTURED.unpinned.verify(&CAPTURED.expectation, &text) {
        Ok(verified) => {
            let captured = CAPTURED.unpinned.verify(&CAPTURED.expectation, &CAPTURED.answer).unwrap();
            assert_eq!(verified.keys()[0].public_key(), captured.keys()[0].public_key());
            assert_eq!(verified.user_id(), captured.user_id());
            assert_eq!(verified.signed_payload(), payload.as_bytes());
            true
        }
        Err(refusal) => {
            check_report(refusal.report(), Some(refusal.class()));
            false
        }
    }
}

/// What a key says of itself, beside the members that make it.
/// Gives whether it verifies.
pub fn signed_key(said: &str) -> bool {
    let jwk = Jwk::new(OWN.device.public_key().clone()).to_string();
    let payload = format!("{},{}", &jwk[..jwk.len() - 1], &said[1..]);
    let key = sign(r#"{"alg":"ES256","nonce":"123456789","kid":"signer"}"#, &payload, &OWN.device);
    let asked = OWN.expectation.asked();
    let answer = UnsignedAnswer::new(asked, "id", "https://hub.example/ms/1", DeviceInfo::new("Linux")).with_signed_keys([key]);
    let text = answer.sign(&*OWN.attestation).unwrap();
    match CAPTURED.unpinned.verify(&OWN.expectation, &text) {
        Ok(verified) => {
            let key = &verified.keys()[0];
            assert_eq!(key.public_key(), OWN.device.public_key());
            assert!(key.state().eq_ignore_ascii_case("ACTIVE") && key.request().is_none());
            // A reader that is not ours finds the same members.
            let members = members(&payload);
            assert!(PRIVATE.iter().all(|name| !members.contains_key(*name)));
            let text = |name: &str| serde_json::from_str::<String>(&members[name]).unwrap();
            assert_eq!((text("kid").as_str(), text("alg").as_str()), ("signer", "ES256"));
            true
        }
        Err(refusal) => {
            check_report(refusal.report(), Some(refusal.class()));
            false
        }
    }
}

fn answer(text: &str) {
    let Captured { answer, expectation, pinned, unpinned, lenient, .. } = &*CAPTURED;
    match pinned.verify(expectation, text) {
        Ok(verified) => {
            assert_eq!(text, answer);
            check_report(verified.report(), None);
        }
        Err(refusal) => check_report(refusal.report(), Some(refusal.class())),
    }
    match unpinned.verify(expectation, text) {
        Ok(_) => assert_eq!(text, answer),
        Err(refusal) => check_report(refusal.report(), Some(refusal.class())),
    }
    if lenient.verify(expectation, text).is_ok() {
        assert_eq!(text.trim_end_matches('='), answer);
    }
}

/// One failure at most, nothing reached after it, nothing left out before it.
fn check_report(report: &Report, refused: Option<Class>) {
    let outcomes: Vec<Outcome> = report.entries().map(|entry| entry.outcome).collect();
    let failed = outcomes.iter().position(|outcome| *outcome == Outcome::Failed);
    assert_eq!(failed.is_some(), refused.is_some());
    let (before, after) = outcomes.split_at(failed.unwrap_or(outcomes.len()));
    assert!(before.iter().all(|outcome| matches!(outcome, Outcome::Passed | Outcome::NotAsked)));
    assert!(after.iter().skip(1).all(|outcome| *outcome == Outcome::NotReached));
}

/// Any text as a command.
pub fn command_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(command) = Command::from_json(text) else { return };
    let written = command.to_json();
    let again = Command::from_json(&written).unwrap();
    assert_eq!(again, command);
    assert_eq!(again.to_json(), written);
    assert_eq!(serde_json::to_string(&command).unwrap(), written);
    if let Some(provision) = command.provision()
        && let Ok(expectation) = Expectation::from_command(provision)
    {
        assert!(CAPTURED.unpinned.verify(&expectation, &written).is_err());
    }
}

/// Any text as a callback.
pub fn callback_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(callback) = Callback::from_json(text) else { return };
    let written = callback.to_json();
    let again = Callback::from_json(&written).unwrap();
    assert_eq!(again, callback);
    assert_eq!(again.to_json(), written);
    assert_eq!(again.jws(), callback.jws());
    for destination in &callback.destinations {
        if destination.activation().is_ok() {
            let uri = destination.uri.expose();
            assert!(uri.len() < 24 || !format!("{callback:?}").contains(uri), "a secret is shown");
        }
    }
}

/// Any text as an activation link.
pub fn activation_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(activation) = Activation::parse(text) else { return };
    let written = activation.to_uri();
    // Escapes make it longer.
    if written.expose().len() > keyferry::jose::MAX_TEXT {
        return;
    }
    let again = Activation::parse(written.expose()).unwrap();
    assert_eq!(again, activation);
    assert_eq!(again.to_uri(), written);
    if let Activation::Plugout(plugout) = &activation {
        let token = plugout.token.expose();
        assert!(token.len() < 24 || plugout.url.contains(token) || !format!("{activation:?}").contains(token), "a secret is shown");
    }
}

/// Any text as the address of a callback, and as the host of one; sixteen octets as what a name leads to.
pub fn callback_address(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        address(text);
        address(&format!("https://{text}/callback"));
        address(&format!("https://[{text}]:8443/callback"));
    }
    if let Some(octets) = data.first_chunk::<16>() {
        let address = IpAddr::from(*octets);
        assert!(!TargetPolicy::new().permits("hub.example", address) || !is_inside(address), "{address}");
        let address = IpAddr::from([octets[0], octets[1], octets[2], octets[3]]);
        assert!(!TargetPolicy::new().permits("hub.example", address) || !is_inside(address), "{address}");
    }
}

/// What is accepted leads to what it says, and to nothing inside, however it is read.
fn address(text: &str) {
    let policy = TargetPolicy::new();
    let Ok(base) = BaseUrl::parse(text) else { return };
    if policy.check(&base).is_err() {
        return;
    }
    assert!(base.is_https() && base.port() != 0);
    assert!(policy.check(&BaseUrl::parse(&base.to_string()).unwrap()).is_ok());
    // As it was written, and as it is sent.
    for text in [text, &base.to_string(), &base.join(&["complete"])] {
        let Ok(read) = reqwest::Url::parse(text) else { continue };
        let host = read.host_str().unwrap();
        let bare = host.trim_matches(['[', ']']);
        match bare.parse::<IpAddr>() {
            Ok(address) => {
                assert!(!is_inside(address) && policy.permits(host, address), "{text} leads to {address}");
                assert!(base.host().trim_matches(['[', ']']).parse() == Ok(address), "{text} is {address} in disguise");
            }
            Err(_) => {
                assert_eq!(host.trim_end_matches('.'), base.host(), "{text} is read in two ways");
                assert!(host.contains('.') && !host.trim_end_matches('.').ends_with(".localhost"), "{text}");
            }
        }
        assert_eq!(read.port_or_known_default(), Some(base.port()));
    }
    // What a resolver of C reads as an address: numbers, each in one of three bases.
    let is_number = |part: &str| {
        let hex = part.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|octet| octet.is_ascii_hexdigit()));
        hex || part.bytes().all(|octet| octet.is_ascii_digit())
    };
    if base.host().split('.').all(is_number) {
        assert!(base.host().parse::<Ipv4Addr>().is_ok(), "{text}");
    }
}

/// Inside by what the standard library knows, in its own words: other code than that which is tested.
fn is_inside(address: IpAddr) -> bool {
    let inside_v4 = |address: Ipv4Addr| {
        let [a, b, ..] = address.octets();
        let shared = a == 100 && b & 0xc0 == 64;
        let own = address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified() || a == 0;
        own || shared || address.is_multicast() || address.is_broadcast() || address.is_documentation() || a >= 240
    };
    match address {
        IpAddr::V4(address) => inside_v4(address),
        IpAddr::V6(address) => {
            let [a, b, .., high, low] = address.segments();
            let embedded = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
            let own = address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local() || address.is_unique_local();
            let carries = address.to_ipv4().is_some() || (a == 0x64 && b == 0xff9b);
            own || address.is_multicast() || a == 0x2002 || (a == 0x2001 && b == 0) || (carries && inside_v4(embedded))
        }
    }
}

// ---- Requests

/// A key that no fuzzer says by chance, and that no answer may repeat.
const KEY: &str = "c4n4ry-0f-4n-1nt3gr4t0r";
const TOKEN: &str = "c4n4ry-0f-4-m41lb0x";
const PASSWORD: &str = "c4n4ry-0f-4-hub";
const SECRETS: [&str; 3] = [KEY, TOKEN, PASSWORD];
/// Every status that a server of ours has.
const STATUSES: [u16; 18] = [200, 201, 204, 400, 401, 404, 405, 408, 409, 410, 413, 414, 415, 422, 429, 431, 502, 503];

/// A request from the text of one: its line, its header, an empty line, its body. Lines may end without a carriage return.
fn request(data: &[u8]) -> Option<HttpRequest<Bytes>> {
    let at = |pattern: &[u8]| data.windows(pattern.len()).position(|window| window == pattern).map(|at| (at, at + pattern.len()));
    let (head, body) = [at(b"\n\n"), at(b"\r\n\r\n")].into_iter().flatten().min().unwrap_or((data.len(), data.len()));
    let mut lines = data[..head].split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.split(|octet| *octet == b' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|octet| *octet == b':')?;
        headers.try_append(HeaderName::from_bytes(&line[..colon]).ok()?, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?).ok()?;
    }
    let mut request = HttpRequest::builder().method(method).uri(target).body(Bytes::copy_from_slice(&data[body..])).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// Hands a request to a service, and looks at the form of the answer.
fn ask(service: &HermodService, request: &HttpRequest<Bytes>) -> Response<Bytes> {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());
    let answer = RUNTIME.block_on(InProcess(service.clone()).send(request.clone())).unwrap();
    let status = answer.status().as_u16();
    assert!(STATUSES.contains(&status), "{status}");
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!((header("cache-control"), header("x-content-type-options"), header("location")), (Some("no-store"), Some("nosniff"), None));
    assert_eq!((header("allow").is_some(), header("www-authenticate").is_some()), (status == 405, status == 401));
    assert_eq!(header("retry-after").is_some(), matches!(status, 429 | 503));
    let body = std::str::from_utf8(answer.body()).unwrap();
    if status >= 400 {
        let error = ErrorBody::from_json(body).unwrap().error;
        assert_eq!(Some(error.request_id.as_str()), header("x-request-id"));
        assert!(SECRETS.iter().all(|secret| !body.contains(secret)), "a secret is repeated");
        if status == 401 {
            assert_eq!((error.code.as_str(), error.message.as_str()), ("UNAUTHORIZED", "no credential, or one that does not fit"));
        }
    }
    answer
}

fn config() -> ServerConfig {
    let mut config = ServerConfig::default();
    (config.limits.tenant_rate, config.limits.mailbox_rate) = (Rate::unlimited(), Rate::unlimited());
    config.clock = Arc::new(ManualClock::new(NOW));
    config
}

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn refuse<T>() -> Result<T, Error> {
    Err(Error::new(Class::Unauthorized, "", "no credential, or one that does not fit"))
}

/// Serves everybody who has the key or the token, and has nothing.
#[derive(Clone)]
struct Nothing;

impl CommandApi for Nothing {
    async fn submit(&self, command: Command) -> Result<Submitted, Error> {
        assert!(command.body.kind().is_some());
        Ok(Submitted::new(CommandId::from("1"), CommandType::from("PING"), Vec::new(), "hub.example"))
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
    HermodService::new("/hermod/rest")
        .with_config(config())
        .with_commands(|given: ApiKey| if given == ApiKey::new("shop", Secret::new(KEY)) { Ok(Nothing) } else { refuse() })
        .with_mailboxes(|given: MailboxKey| if given.token == Secret::new(TOKEN) { Ok(Nothing) } else { refuse() })
});

fn parts(request: &HttpRequest<Bytes>) -> (Parts, Bytes) {
    request.clone().into_parts()
}

/// Where probes are, nobody is asked for anything.
fn is_probe(request: &HttpRequest<Bytes>) -> bool {
    request.uri().path().ends_with("/health") || request.uri().path().ends_with("/ready")
}

/// Any text of a request to the commands, as it is and with a key that is good.
pub fn http_command(data: &[u8]) {
    commanded(data);
}

/// The same; gives the status of the latter.
pub fn commanded(data: &[u8]) -> Option<u16> {
    let mut request = request(data)?;
    let (head, body) = parts(&request);
    let key = ApiKey::new("shop", Secret::new(KEY));
    let given = command::read_credential(&head);
    let answer = ask(&HUB, &request);
    if given != Some(key) && !is_probe(&request) {
        assert!(!answer.status().is_success(), "done without a key");
    }
    // Whoever reads a call can write it, to the same.
    let path = request.uri().path().to_owned();
    if let Ok(call) = command::read_call(Dialect::standard(), &path, &head, &body) {
        let base = keyferry::BaseUrl::parse("https://hub.example").unwrap();
        let written = command::write_call(Dialect::standard(), &base, &ApiKey::new("shop", Secret::new(KEY)), &call).unwrap();
        let (head, body) = written.into_parts();
        assert_eq!(command::read_call(Dialect::standard(), head.uri.path(), &head, &body).unwrap(), call);
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

/// Any text of a request to a mailbox, as it is and with a token that is good.
pub fn http_mailbox(data: &[u8]) {
    posted(data);
}

/// The same; gives the status of the latter.
pub fn posted(data: &[u8]) -> Option<u16> {
    let mut request = request(data)?;
    let (head, body) = parts(&request);
    let path = request.uri().path().to_owned();
    let below = path.strip_prefix("/hermod/rest/ms").unwrap_or(&path);
    let given = mailbox::read_credential(Dialect::standard(), below, &head);
    let answer = ask(&HUB, &request);
    let may = given.is_some_and(|given| given.token == Secret::new(TOKEN)) || command::read_credential(&head).is_some() || is_probe(&request);
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

/// A receiver that counts.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl CallbackApi for Counter {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        assert!(!delivery.id.is_empty() && delivery.id.len() <= 1024 * 1024);
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Any text of a callback, as it is, and as a hub would have signed it; then the same again.
pub fn callback_request(data: &[u8]) {
    called_back(data);
}

/// The same; gives the status of the second.
pub fn called_back(data: &[u8]) -> Option<u16> {
    let mut request = request(data)?;
    let counter = Counter::default();
    let receiver = counter.clone();
    let callbacks = CallbackService::new(move |given: Option<BasicAuth>| match given {
        Some(given) if given == BasicAuth::new("hub", Secret::new(PASSWORD)) => Ok(receiver.clone()),
        _ => refuse(),
    });
    let callbacks = callbacks.with_signature(Arc::new(AwsLcRs), vec![Secret::new(KEY)], Duration::from_secs(60));
    let service = HermodService::new("").with_config(config()).with_callbacks(callbacks);

    let (head, body) = parts(&request);
    let verified = callback::verify_signature(Dialect::standard(), &AwsLcRs, &[Secret::new(KEY)], (NOW, Duration::from_secs(60)), &head, &body);
    let answer = ask(&service, &request);
    if (read_basic_auth(&head.headers).is_none() || verified.is_err()) && !is_probe(&request) {
        assert!(!answer.status().is_success(), "taken without a proof");
    }
    let mac = AwsLcRs.hmac_sha256(KEY.as_bytes(), &[b"0.", &body[..]].concat()).unwrap();
    let signature: String = mac.iter().map(|octet| format!("{octet:02x}")).collect();
    let basic = base64_simd::STANDARD.encode_to_string(format!("hub:{PASSWORD}"));
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Basic {basic}").parse().unwrap());
    headers.insert("x-delivery-timestamp", "0".parse().unwrap());
    headers.insert("x-delivery-signature", format!("v1={signature}").parse().unwrap());
    let (first, again) = (ask(&service, &request), ask(&service, &request));
    assert_eq!(first.status(), again.status());
    assert!(counter.0.load(Ordering::SeqCst) <= 1, "a repeat was handed on");
    if request.method() == Method::POST && request.uri().path().ends_with("/callback/ping") {
        assert_ne!(first.status(), 401);
    }
    Some(first.status().as_u16())
}

/// Any text as the configuration of the example hub.
pub fn config_toml(data: &[u8]) {
    config::config_toml(data);
}
