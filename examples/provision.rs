//! The whole journey in one process, over HTTP on loopback, with an integrator, a hub, a device and
//! a certificate authority.
//!
//! ```text
//! provision [--keys rsa2048,p256] [--framework hyper|axum] [--transport reqwest|ureq] [--json]
//! ```
//!
//! The integrator asks the hub to have a device make keys, verifies what comes back, has
//! certificates issued, and sends them to the device. Every step is one arm of the loop in
//! `journey`. The examples `hub`, `integrator` and `device` do the same as separate programs.

#[allow(unreachable_pub, dead_code)]
mod support {
    pub mod arguments;
    pub mod clients;
    pub mod console;
    pub mod files;
    pub mod journey;
    pub mod keys;
    pub mod pem;
    pub mod program;
    pub mod serve;
}

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, Provider, Signer};
use keyferry::hermod::client::{CallbackSender, CommandClient};
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::device::{Agent, Decision, DevicePolicy, Question};
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::integrator::{Enrollment, HubIdentity};
use keyferry::hermod::model::{Callback, CommandHeader, DeviceInfo, ProfileRequest};
use keyferry::hermod::proof::Report;
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::{
    AnyCallbackApi, ApiKey, BasicAuth, CallbackApi, CommandApi as _, Delivery,
};
use keyferry::keys::MemoryKeyStore;
use keyferry::server::serve::ConnectionLimits;
use keyferry::server::{Drain, ServerConfig};
use keyferry::transport::{GuardedTransport, OnThreads, TargetPolicy, Transport};
use keyferry::{BaseUrl, Certificate, Class, Error, Secret};
use lexopt::prelude::{Long, ValueExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use support::console::{OutputFailed, print};
use support::journey::{Journey, Step, Trust, authority};
use support::keys::{key_requests, printed};
use support::program::{Failed, usage};
use support::serve::serve;

const HELP: &str = "\
provision [OPTIONS]      the whole journey in one process, over HTTP on loopback

  --keys KEYS            rsa2048, rsa3072, rsa4096, p256, p384, p521, separated by commas;
                         default rsa2048
  --framework NAME       what the servers run in: hyper or axum; default hyper
  --transport NAME       what the clients run on: reqwest or ureq; default reqwest
  --json                 print one JSON object and nothing else";

const USER: &str = "userA";
const SUBJECT: &str = "CN=User A,O=Example";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::program::end("provision", run().await)
}

/// What the servers run in.
#[derive(Clone, Copy)]
enum Framework {
    Hyper,
    Axum,
}

async fn run() -> Result<(), Failed> {
    let Some(mut parser) = support::program::arguments(HELP)? else { return Ok(()) };
    let (mut keys, mut framework, mut on_ureq, mut json) =
        (String::from("rsa2048"), Framework::Hyper, false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("keys") => keys = parser.value()?.string()?,
            Long("framework") => {
                framework = match parser.value()?.string()?.as_str() {
                    "hyper" => Framework::Hyper,
                    "axum" => Framework::Axum,
                    _ => return Err(usage("--framework is hyper or axum")),
                }
            }
            Long("transport") => {
                on_ureq = match parser.value()?.string()?.as_str() {
                    "reqwest" => false,
                    "ureq" => true,
                    _ => return Err(usage("--transport is reqwest or ureq")),
                }
            }
            Long("json") => json = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    support::clients::install_tls();
    let said = Said { json };
    let (report, certificates) = journey(&keys, framework, on_ureq, &said).await?;
    if json {
        let certificates: Vec<_> =
            certificates.iter().map(|(key_id, certificate)| printed(key_id, certificate)).collect();
        print(serde_json::json!({ "report": report, "certificates": certificates }))?;
    }
    Ok(())
}

/// A transport to a plain address.
fn transport(base: &BaseUrl, on_ureq: bool) -> Result<Arc<dyn Transport>, Failed> {
    Ok(if on_ureq {
        Arc::new(OnThreads::new(support::clients::blocking(base, None)?))
    } else {
        Arc::new(support::clients::asynchronous(base, None)?)
    })
}

/// Runs a service until the drain begins.
fn spawn(framework: Framework, listener: TcpListener, service: HermodService, drain: Drain) {
    match framework {
        Framework::Hyper => {
            tokio::spawn(serve(listener, None, ConnectionLimits::default(), service));
        }
        Framework::Axum => {
            let app = axum::Router::new().fallback_service(service);
            tokio::spawn(
                axum::serve(listener, app)
                    .with_graceful_shutdown(async move { drain.drained().await })
                    .into_future(),
            );
        }
    }
}

/// Sets up the parties and runs the journey.
async fn journey(
    keys: &str,
    framework: Framework,
    on_ureq: bool,
    said: &Said,
) -> Result<(Report, Vec<(String, Certificate)>), Failed> {
    let provider: Arc<dyn Provider> = Arc::new(AwsLcRs);
    let config = ServerConfig::default();
    let drain = config.drain.clone();

    // The integrator's server: callbacks with this credential go into its inbox.
    let (to_inbox, mut inbox) = mpsc::unbounded_channel();
    let credential = BasicAuth::new("hub", random(&*provider)?);
    let expected = credential.clone();
    let callbacks = CallbackService::builder(move |given: Option<BasicAuth>| match given {
        Some(given) if given == expected => Ok(Inbox(to_inbox.clone())),
        _ => Err(Error::new(Class::Unauthorized, "", "does not fit")),
    })
    .build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let callback_url = BaseUrl::parse(&format!("http://{}", listener.local_addr()?))?;
    spawn(
        framework,
        listener,
        HermodService::builder("").with_config(config.clone()).with_callbacks(callbacks).build()?,
        drain.clone(),
    );

    // The hub, which stores the digest of the integrator's key. Its policy names this machine and
    // plain http, because callbacks may go to neither by default.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = BaseUrl::parse(&format!("http://{}/hermod/rest", listener.local_addr()?))?;
    let public_url = base.join(&["ms"]);
    let targets = TargetPolicy::new().danger_with_plain_http().danger_with_host("127.0.0.1");
    let guarded = match on_ureq {
        // The guard cannot see which addresses ureq resolves. Only literal addresses occur here.
        true => GuardedTransport::danger_unguarded(targets, transport(&callback_url, true)?),
        false => GuardedTransport::reqwest_builder(
            targets,
            support::clients::reqwest_builder(None, true)?,
        )?,
    };
    let key = random(&*provider)?;
    let sender = CallbackSender::new(guarded, callback_url)?.with_basic_auth(credential);
    let shop = IntegratorConfig::new("shop")
        .with_key(Digest::of(&*provider, &key))
        .with_callback(AnyCallbackApi::new(sender));
    let hub = Hub::builder(
        provider.clone(),
        HubConfig::new(public_url.to_string(), public_url.host())?.with_integrator(shop),
    )
    .build()?;
    spawn(
        framework,
        listener,
        HermodService::hub_builder(&hub).with_config(config).build()?,
        drain.clone(),
    );
    let running = tokio::spawn(async move { hub.run().await });

    // The integrator's client.
    let commands = CommandClient::new(
        transport(&base, on_ureq)?,
        base.join(&["command"]),
        ApiKey::new("shop", key),
    );

    // The device, with an attestation key, a policy, and a user who agrees to one name only.
    let attestation: Arc<dyn Signer> = Arc::new(provider.generate(KeyKind::Ec(Curve::P256))?);
    let pin = attestation.public_key().clone();
    let device = Agent::builder(provider.clone())
        .with_key_store(Arc::new(MemoryKeyStore::new(provider.clone())))
        .with_connector(Arc::new(HttpConnector::new(transport(&base, on_ureq)?, provider.clone())))
        .with_consent(Arc::new(|question: &Question| {
            if question.user_id == USER { Decision::Accept } else { Decision::Refuse }
        }))
        .with_attestation_key(attestation)
        .with_policy(DevicePolicy::new().danger_with_plain_hub(&public_url.to_string())?)
        .with_info(DeviceInfo::new("Linux"))
        .build()?;

    // The integrator, with its certificate authority.
    let begin = || -> Result<Enrollment, Failed> {
        let keys = key_requests(keys, SUBJECT, &*provider)?;
        let profile = ProfileRequest::new("Example", "Card of user A", keys);
        Ok(Enrollment::begin(&*provider, CommandHeader::new(300, 300), USER, profile)?)
    };
    let mut journey = Journey::new(
        begin,
        None,
        Trust::Pinned(vec![pin]),
        HubIdentity::from_public_address(public_url),
        authority(None)?,
        said.json,
    )?;
    loop {
        match journey.step()? {
            Step::Send(command) => {
                let result = commands.submit((*command).clone()).await;
                journey.sent(&command, result)?;
            }
            Step::Wait(_) => {
                let links = journey.links();
                for link in &links {
                    for event in device.activate(link).await? {
                        said.step(&format!("device: {event:?}"))?;
                    }
                }
                if links.is_empty() {
                    for event in device.run_once().await {
                        said.step(&format!("device: {:?}", event?))?;
                    }
                }
                journey.received(&next_of(&mut inbox).await?)?;
            }
            Step::Prove => journey.prove().await?,
            Step::Done => break,
        }
    }
    drain.begin();
    running.abort();

    // The certificates that the device has installed.
    for profile in device.key_store().profiles().await? {
        for key in &profile.keys {
            let certificate = key.certificate.as_ref().ok_or("a certificate was not installed")?;
            let installed = printed(&key.key_id, certificate);
            said.step(&format!(
                "device: installed for {}: {}",
                key.key_id,
                serde_json::to_string_pretty(&installed)?
            ))?;
        }
    }
    Ok(journey.into_proof().ok_or("nothing was proven")?)
}

/// 32 random bytes as text.
fn random(provider: &dyn Provider) -> Result<Secret, Failed> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    provider.fill_random(&mut *bytes)?;
    Ok(Secret::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string(*bytes)))
}

async fn next_of(inbox: &mut mpsc::UnboundedReceiver<Callback>) -> Result<Callback, Failed> {
    let callback = tokio::time::timeout(Duration::from_secs(60), inbox.recv()).await?;
    callback.ok_or_else(|| "the hub has stopped".into())
}

/// The integrator's inbox.
struct Inbox(mpsc::UnboundedSender<Callback>);

impl CallbackApi for Inbox {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        self.0
            .send(delivery.callback)
            .map_err(|_| Error::new(Class::Unavailable, "inbox", "closed"))
    }
}

/// Prints the progress, or nothing if one JSON object is printed at the end.
struct Said {
    json: bool,
}

impl Said {
    fn step(&self, text: &str) -> Result<(), OutputFailed> {
        if self.json { Ok(()) } else { print(format_args!("* {text}")) }
    }
}
