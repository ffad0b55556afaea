//! No secret is shown: a run over sockets with everything logged at trace level and a canary in
//! every place that holds a secret, in which nothing of what was logged, of the errors and of what
//! `Debug` shows has one of them, in whatever form.

mod capture;
mod failures;
mod forms;
mod parties;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use keyferry::client::WaitPolicy;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider as _, Signer as _};
use keyferry::hermod::Dialect;
use keyferry::hermod::client::{CommandClient, blocking, wait_for};
use keyferry::hermod::device::{Agent, Event};
use keyferry::hermod::hub::StoredJson;
use keyferry::hermod::integrator::{Enrollment, HubIdentity, Next};
use keyferry::hermod::model::{
    Activation, Address, Answer, AuthenticateCommand, Callback, Command, CommandBody,
    CommandHeader, DataFormat, DeleteCommand, DeviceInfo, EndPinResetCommand, Item, PingCommand,
    ProvisionCommand, Response, SignCommand, SignMechanism, SignParams, StartPinResetCommand,
};
use keyferry::hermod::proof::{
    KeyRequest, KnownKey, SignatureExpectation, UnsignedAnswer, Verifier, verify_signature,
};
use keyferry::hermod::qr::ActivationQr;
use keyferry::hermod::wire::http::{command, mailbox};
use keyferry::hermod::wire::{AnyCommandApi, ApiKey, CommandApi as _};
use keyferry::issuer::{LocalCa, issue};
use keyferry::jose::Jws;
use keyferry::keys::{FileKeyStore, KeptAnswer, KeyStore as _, MessageId};
use keyferry::transport::{ReqwestTransport, Transport, UreqTransport};
use keyferry::{BaseUrl, Secret, SystemClock};

use crate::support::serve::PATIENCE;
use forms::Canaries;
use parties::{Folder, Watched, World, limits};

const TBS: &str = "canary-of-what-is-to-be-signed-51f3";
const ENCRYPTED_NONCE: &str = "canary-encrypted-nonce-a0d9";
/// 24 bytes in hexadecimal, as the protocol has it.
const ADMIN_KEY: &str = "ca4a12ad317ce1f00d5ec2e7ca4a12ad317ce1f00d5ec2e7";

/// What a library logs that cannot be prevented from here: by whom, which secrets, and why. Nothing
/// else is excepted, and nothing that does not happen.
const EXCEPTED: [(&str, &str, &str); 2] = [
    (
        "ureq_proto::util",
        "",
        "at trace level, ureq logs every byte that it sends and receives, whatever a header's value is marked as",
    ),
    (
        "ureq::run",
        "the address of a redirect",
        "at trace level, ureq logs the Location of an answer",
    ),
];

fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(bytes.as_ref())
}

/// Secrets, and what was shown: by the name of its type, or that of an error.
#[derive(Default)]
struct UnknownMembers {
    secrets: Canaries,
    shown: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct Evidence(Arc<Mutex<UnknownMembers>>);

impl Evidence {
    fn secret(&self, name: &str, secret: impl AsRef<[u8]>) {
        self.0.lock().unwrap().secrets.add(name, secret);
    }

    fn keep(&self, of: &str, text: &str) {
        let mut kept = self.0.lock().unwrap();
        let shown = kept.shown.entry(of.to_owned()).or_default();
        shown.push_str(text);
        shown.push('\n');
    }

    /// What `Debug` shows of something.
    fn show<T: Debug + ?Sized>(&self, value: &T) {
        self.keep(std::any::type_name::<T>(), &format!("{value:?}\n{value:#?}"));
    }

    /// What an error says, and those that it came from.
    fn fault(&self, error: &(dyn std::error::Error + 'static)) {
        for error in std::iter::successors(Some(error), |error| error.source()) {
            self.keep("an error", &format!("{error}\n{error:#}\n{error:?}\n{error:#?}"));
        }
    }

    /// The same of what has to fail.
    #[track_caller]
    fn failed<T, E: std::error::Error + 'static>(&self, result: Result<T, E>) -> E {
        let Err(error) = result else { panic!("it did not fail") };
        self.fault(&error);
        error
    }
}

#[test]
fn what_is_logged_on_purpose_is_heard() {
    capture::listen();
    let secret = "canary-of-the-control-c7a4";
    let mut canaries = Canaries::default();
    canaries.add("control", secret);
    tracing::trace!(target: "control-event", secret, "words");
    let span = tracing::trace_span!(target: "control-span", "span", secret = tracing::field::Empty);
    span.record("secret", secret);
    drop(tracing::trace_span!(target: "control-new-span", "span", secret));
    log::trace!(target: "control-log", "{:?}", secret.as_bytes());
    let _ = std::thread::Builder::new()
        .name("tokio-control".into())
        .spawn(|| panic!("{}", base64("canary-of-the-control-c7a4")))
        .unwrap()
        .join();
    let said = capture::said();
    for target in ["control-event", "a span", "control-new-span", "control-log", "panic"] {
        assert!(!canaries.found(&said[target]).is_empty(), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_or_shown_in_any_form() {
    capture::listen();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let evidence = Evidence::default();
    for (name, secret) in [
        ("the API key", parties::API_KEY),
        ("the password of callbacks", parties::CALLBACK_PASSWORD),
        ("the secret of callbacks", parties::CALLBACK_SECRET),
        ("the path of callbacks", parties::CALLBACK_PATH),
        ("the password of the content provider", parties::CONTENT_PASSWORD),
        ("the path of the content provider", parties::CONTENT_PATH),
        ("a picture", parties::PICTURE),
        ("the challenge password", parties::CHALLENGE),
        ("a wrong password", parties::WRONG_PASSWORD),
        ("the password that a gate panics at", parties::PANIC),
        ("what is signed", TBS),
        ("an encrypted nonce", ENCRYPTED_NONCE),
        ("an admin key", ADMIN_KEY),
    ] {
        evidence.secret(name, secret);
    }
    evidence.secret("the seal key", parties::SEAL_KEY);

    let mut world = World::new(&evidence).await;
    for (name, transport) in parties::transports(&evidence) {
        journey(&mut world, name, &transport, &evidence).await;
        failures::of_peers(&world, &transport, &evidence).await;
    }
    by_threads(&world, &evidence).await;
    failures::of_a_device(&world, &evidence).await;
    failures::of_callbacks_and_contents(&world, &evidence).await;
    failures::of_texts(&evidence);
    evidence.show(&(&world.hub, &world.store));
    world.work.abort();
    for served in world.served {
        served.shutdown().await;
    }

    let kept = evidence.0.lock().unwrap();
    for name in
        ["a token of a mailbox", "a claim", "a private key", "what a key store holds", "a link"]
    {
        assert!(kept.secrets.has(name), "{name} was not looked for");
    }
    let said = capture::said();
    for target in [
        "keyferry::server::exchange",
        "reqwest::connect",
        "ureq::run",
        "ureq_proto::client",
        "hyper_util::client::legacy::pool",
        "rustls::client::hs",
        "panic",
    ] {
        assert!(said.contains_key(target), "{target} was not heard, but {:?}", said.keys());
    }
    let mut leaks = BTreeMap::new();
    for (of, text) in said.iter().chain(&kept.shown) {
        let text = if of == "ureq_proto::util" { bytes_of_rows(text) } else { text.clone() };
        let found = kept.secrets.found(&text);
        if !found.is_empty() {
            leaks.insert(of.clone(), found);
        }
    }
    for (target, secret, why) in EXCEPTED {
        let excepted = leaks.get_mut(target).is_some_and(|found| {
            let before = found.len();
            found.retain(|found| !found.starts_with(secret));
            found.len() < before
        });
        assert!(excepted, "{target} is excepted for nothing: {why}");
    }
    leaks.retain(|_, found| !found.is_empty());
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// The text in a dump of ureq: rows of up to 16 bytes in hexadecimal, with the readable ones
/// beside them.
fn bytes_of_rows(text: &str) -> String {
    let rows = text.lines().map(|row| row.split(' ').take(8).collect::<String>().replace('-', ""));
    let bytes = |row: String| {
        (0..row.len() / 2)
            .map(|at| u8::from_str_radix(&row[2 * at..2 * at + 2], 16).unwrap())
            .collect::<Vec<_>>()
    };
    String::from_utf8_lossy(&rows.flat_map(bytes).collect::<Vec<_>>()).into_owned()
}

fn mechanism() -> SignMechanism {
    SignMechanism::from_static("CKM_ECDSA_SHA256")
}

fn user(name: &str) -> String {
    format!("{name}@acme.example")
}

/// Sends a command to the user, has the device deal with it, and gives what the integrator hears.
async fn send(
    world: &mut World,
    client: &CommandClient,
    device: &Agent,
    name: &str,
    body: impl Into<CommandBody>,
    evidence: &Evidence,
) -> Callback {
    let mut header = CommandHeader::new(300, 200);
    header.to = Some(vec![Address::user(user(name)).unwrap()]);
    let command = Command::new(header, body);
    evidence.show(&command);
    let submitted = client.submit(command).await.unwrap();
    evidence.show(&submitted);
    let events: Vec<Event> = device.run_once().await.into_iter().map(Result::unwrap).collect();
    assert!(!events.is_empty());
    evidence.show(&events);
    heard(world, client, evidence).await
}

/// The next callback, and the same by polling.
async fn heard(world: &mut World, client: &CommandClient, evidence: &Evidence) -> Callback {
    let callback = tokio::time::timeout(PATIENCE, world.heard.recv()).await.unwrap().unwrap();
    evidence.show(&callback);
    let policy = WaitPolicy::new(PATIENCE);
    let polled = wait_for(client, &callback.command_id, &policy, Dialect::standard(), &SystemClock)
        .await
        .unwrap();
    assert_eq!(polled.response, callback.response);
    evidence.show(&(policy, polled));
    callback
}

/// All commands, from the first link to the deletion.
async fn journey(
    world: &mut World,
    name: &str,
    transport: &Arc<dyn Transport>,
    evidence: &Evidence,
) {
    let scratch = crate::support::peers::Scratch::new();
    let folder = Folder(scratch.path("keys"));
    let keys = Arc::new(FileKeyStore::open(&folder.0, Arc::new(AwsLcRs)).unwrap());
    let device = world.device(transport, keys.clone(), evidence);
    let client = world.client(transport, parties::api_key());
    evidence.show(&(&device, &client, AnyCommandApi::new(client.clone()), parties::api_key()));
    let root = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    evidence.secret("the key of the authority", &root.expose_pkcs8_der().unwrap()[36..68]);
    let ca = LocalCa::new_root(
        "CN=Root",
        Arc::new(root),
        Arc::new(AwsLcRs),
        Arc::new(SystemClock),
        Duration::from_secs(365 * 86_400),
    )
    .unwrap();
    let mut enrollment = Enrollment::begin(
        &AwsLcRs,
        CommandHeader::new(300, 300),
        user(name),
        parties::profile(name),
    )
    .unwrap();
    evidence.show(&ca);
    loop {
        evidence.show(&(&enrollment, enrollment.next()));
        enrollment = Enrollment::from_json(&enrollment.to_json()).unwrap();
        match enrollment.next() {
            Next::Submit(command) | Next::Deliver(command) => {
                let command = command.clone();
                let call = command::Call::Submit(command.clone());
                let request = command::write_call(
                    Dialect::standard(),
                    &world.commands(),
                    &parties::api_key(),
                    &call,
                )
                .unwrap();
                evidence.show(&(&call, head(request)));
                enrollment.sending(&command).unwrap();
                let submitted = client.submit(command).await.unwrap();
                evidence.show(&(&submitted, command::Answer::Submitted(submitted.clone())));
                enrollment.submitted(&submitted).unwrap();
            }
            Next::AwaitDevice { submitted, .. } => {
                let destination = &submitted.unwrap().destinations[0];
                let link = destination.activation().unwrap();
                let Activation::Plugout(plugout) = &link else { panic!() };
                evidence.secret("a link", plugout.token.expose());
                evidence.show(&(&link, plugout, link.to_uri(), ActivationQr::new(&link).unwrap()));
                let events = device.activate(destination.uri.expose()).await.unwrap();
                assert!(matches!(events[..], [Event::Provisioned { .. }]), "{events:?}");
                evidence.show(&events);
                let callback = heard(world, &client, evidence).await;
                answered(&callback, evidence);
                enrollment.received(&callback).unwrap();
            }
            Next::Prove => {
                let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
                let elsewhere = HubIdentity::new().with_fqdn("elsewhere");
                evidence.show(&(&verifier, &elsewhere, enrollment.expectation().unwrap()));
                let refusal = enrollment
                    .prove_through(&verifier, &elsewhere)
                    .unwrap_err()
                    .into_refusal()
                    .unwrap();
                evidence.show(&refusal);
                evidence.fault(&refusal);
                let proven = enrollment.prove_through(&verifier, &HubIdentity::new()).unwrap();
                evidence.show(&(&proven, proven.answer(), proven.answer().report()));
                let mut issued = Vec::new();
                for key in proven.answer().keys() {
                    evidence.show(&(key, key.request()));
                    issued.push((
                        key.key_id().to_owned(),
                        issue(&ca, key.request().unwrap()).await.unwrap().into_certificate(),
                    ));
                }
                evidence.show(&issued);
                let named: Vec<_> = issued
                    .iter()
                    .map(|(key_id, certificate)| (key_id.as_str(), certificate))
                    .collect();
                enrollment.issued(&proven, &named).unwrap();
            }
            Next::AwaitDelivery { .. } => {
                let events: Vec<Event> =
                    device.run_once().await.into_iter().map(Result::unwrap).collect();
                assert!(matches!(events[..], [Event::Answered { code: 0, .. }]), "{events:?}");
                let callback = heard(world, &client, evidence).await;
                enrollment.received(&callback).unwrap();
            }
            Next::Done => break,
            other => panic!("{other:?}"),
        }
    }
    folder.note(evidence);
    evidence.show(&(keys.all_pending().await.unwrap(), keys.activations().await.unwrap()));
    let profile = keys.profiles().await.unwrap().remove(0);
    evidence.show(&(&profile, &profile.channel));

    // What the device does with its keys.
    let mut params = SignParams::new(
        vec![Item::base64("tbs", "text/plain", base64(TBS))],
        DataFormat::JWS,
        mechanism(),
    );
    params.description = Some(vec![Item::content_id("auth_image", "AUTH:1")]);
    let (sign, authenticate) = (SignCommand::new(params.clone()), AuthenticateCommand::new(params));
    let known: Vec<_> = profile
        .keys
        .iter()
        .map(|key| KnownKey::of_certificate(key.certificate.clone().unwrap()).unwrap())
        .collect();
    evidence.show(&known);
    for (expectation, body) in [
        (SignatureExpectation::for_sign(&sign).unwrap(), CommandBody::from(sign)),
        (
            SignatureExpectation::for_authenticate(&authenticate).unwrap(),
            CommandBody::from(authenticate),
        ),
    ] {
        let callback = send(world, &client, &device, name, body, evidence).await;
        let Some(Response::Sign(response) | Response::Authenticate(response)) = &callback.response
        else {
            panic!("{callback:?}")
        };
        evidence.show(&(
            &expectation,
            verify_signature(&AwsLcRs, &expectation, response, &known).unwrap(),
        ));
        evidence.failed(verify_signature(&AwsLcRs, &expectation, response, &[]));
    }
    send(world, &client, &device, name, PingCommand::new(true), evidence).await;
    send(world, &client, &device, name, StartPinResetCommand::default(), evidence).await;
    let mut end = EndPinResetCommand::new(Secret::new(ENCRYPTED_NONCE));
    end.new_admin_key = Some(Secret::new(ADMIN_KEY));
    send(world, &client, &device, name, end, evidence).await;
    send(world, &client, &device, name, DeleteCommand::new(None, true), evidence).await;
    assert!(keys.profiles().await.unwrap().is_empty());
}

/// What a device says, as its parts are shown.
fn answered(callback: &Callback, evidence: &Evidence) {
    let jws = callback.jws().unwrap();
    let command = ProvisionCommand::new("n0nce", "userA", parties::profile("shown"));
    let asked = KeyRequest::from_command(&command).unwrap();
    evidence.show(&(&command, &asked));
    let inner: serde_json::Value = serde_json::from_slice(
        &base64_simd::URL_SAFE_NO_PAD.decode_to_vec(jws.split('.').nth(1).unwrap()).unwrap(),
    )
    .unwrap();
    let signed = inner["profile"]["signedkeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap().to_owned());
    let device = DeviceInfo::new("Linux");
    let unsigned = UnsignedAnswer::new(&asked, "p1", "https://hub.example/ms/b1", device)
        .with_signed_keys(signed);
    let key = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let key = key.public_key().clone();
    evidence.show(&(
        &unsigned,
        unsigned.to_jws(&key, Algorithm::Es256),
        Jws::from_compact(jws).unwrap(),
    ));
    let template = asked.keys[0].template.as_ref().unwrap();
    evidence.show(&(template, template.with_key(&key, Algorithm::Es256).unwrap()));
    let answer = Answer::new("https://hub.example/ms/b/m", callback.response.clone().unwrap());
    evidence.show(&(
        KeptAnswer::new(MessageId::new("b1", "m1"), answer.to_json()),
        StoredJson::from(answer.to_json()),
    ));
    evidence.show(&(&answer, mailbox::Call::Answer { mid: "m1".into(), answer: answer.to_json() }));
}

/// The head of a request. Its body is bytes of another crate, which shows them.
fn head(request: Request<Bytes>) -> http::request::Parts {
    request.into_parts().0
}

/// An integrator that blocks.
async fn by_threads(world: &World, evidence: &Evidence) {
    let transport = Watched(UreqTransport::new(), evidence.clone());
    let client = blocking::CommandClient::new(transport, world.commands(), parties::api_key())
        .with_limits(limits());
    evidence.show(&client);
    let evidence = evidence.clone();
    tokio::task::spawn_blocking(move || {
        let submitted = client
            .submit(Command::new(CommandHeader::new(60, 60), PingCommand::new(true)))
            .unwrap();
        evidence.show(&(client.poll(&submitted.command_id).unwrap(), &submitted));
        let Activation::Plugout(link) = submitted.destinations[0].activation().unwrap() else {
            panic!()
        };
        evidence.secret("a link", link.token.expose());
    })
    .await
    .unwrap();
}

/// A program that has reqwest log its connections has it log secrets: the search finds
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_told_to_log_its_connections_logs_secrets() {
    capture::listen();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut canaries = Canaries::default();
    canaries.add("control", "canary-of-a-verbose-client-1d0c");
    let builder = reqwest::Client::builder().no_proxy().connection_verbose(true);
    let transport = ReqwestTransport::from_builder(builder).unwrap();
    let base = failures::says(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let key = ApiKey::new("shop", Secret::new("canary-of-a-verbose-client-1d0c"));
    let client = CommandClient::new(transport, BaseUrl::parse(&base).unwrap(), key);
    client
        .submit(Command::new(CommandHeader::new(60, 60), PingCommand::new(true)))
        .await
        .unwrap_err();
    assert!(
        capture::said()
            .iter()
            .any(|(target, text)| target.starts_with("reqwest::")
                && !canaries.found(text).is_empty())
    );
}
