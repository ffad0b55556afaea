//! The whole journey in one process: an integrator, a hub, a device and a certificate authority.
//!
//! ```text
//! provision [--keys rsa2048,p256] [--json]
//! ```
//!
//! The integrator asks the hub to have a device make keys, verifies what comes back, has certificates issued, and sends them to the device. Every
//! step is one arm of the loop in `journey`.

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, Signer};
use keyferry::csr::Template;
use keyferry::hermod::device::{Agent, Decision, DevicePolicy, Question, Through};
use keyferry::hermod::hub::{Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::integrator::{Enrollment, KnownHub, Next};
use keyferry::hermod::model::{Callback, CommandHeader, DeviceInfo, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest};
use keyferry::hermod::proof::{Report, Verifier};
use keyferry::hermod::qr::{ActivationQr, Background};
use keyferry::hermod::wire::{AnyCallbackApi, CallbackApi, CommandApi, Delivery};
use keyferry::issuer::{LocalCa, issue};
use keyferry::keys::MemoryKeyStore;
use keyferry::{BaseUrl, Certificate, Class, Error, SystemClock};
use tokio::sync::mpsc;

use support::arguments::{Argument, Arguments};

const HOST: &str = "hub.example";
const PUBLIC: &str = "https://hub.example/ms";
const USER: &str = "userA";
const SUBJECT: &str = "CN=User A,O=Example";

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("provision: {error}");
            let mut source = error.source();
            while let Some(error) = source {
                eprint!(": {error}");
                source = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failed> {
    let (mut keys, mut json) = (String::from("rsa2048"), false);
    let mut arguments = Arguments::of_program()?;
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Option(name) if name == "keys" => keys = arguments.value(&name)?,
            Argument::Option(name) if name == "json" => json = true,
            _ => return Err("usage: provision [--keys rsa2048,p256] [--json]".into()),
        }
    }
    let said = Said { json };
    let (report, certificates) = journey(&keys, &said).await?;
    if json {
        let certificates: Vec<_> = certificates.iter().map(|(key_id, certificate)| printed(key_id, certificate)).collect();
        println!("{}", serde_json::json!({ "report": report, "certificates": certificates }));
    }
    Ok(())
}

/// The parties, and what passes between them.
async fn journey(keys: &str, said: &Said) -> Result<(Report, Vec<(String, Certificate)>), Failed> {
    let provider: Arc<dyn Provider> = Arc::new(AwsLcRs);
    let clock = Arc::new(SystemClock);

    // The hub, which brings callbacks to the integrator's inbox.
    let (to_inbox, mut inbox) = mpsc::unbounded_channel();
    let shop = IntegratorConfig::new("shop").with_callback(AnyCallbackApi::new(Inbox(to_inbox)));
    let hub = Hub::builder(provider.clone(), HubConfig::new(PUBLIC, HOST)?.with_integrator(shop)).build()?;
    let running = tokio::spawn({
        let hub = hub.clone();
        async move { hub.run().await }
    });
    let commands = hub.integrator("shop")?;

    // The device: its own attestation key, its own policy, and a user who agrees to one name only.
    let attestation: Arc<dyn Signer> = Arc::new(provider.generate(KeyKind::Ec(Curve::P256))?);
    let pin = attestation.public_key().clone();
    let device = Agent::new(
        provider.clone(),
        Arc::new(MemoryKeyStore::new(provider.clone())),
        Arc::new(Through(hub.clone())),
        Arc::new(|question: &Question| if question.user_id == USER { Decision::Accept } else { Decision::Refuse }),
        attestation,
        DevicePolicy::new().with_hub(PUBLIC)?,
        DeviceInfo::new("Linux"),
    );

    // The certificate authority.
    let root_key: Arc<dyn Signer> = Arc::new(provider.generate(KeyKind::Ec(Curve::P256))?);
    let authority = LocalCa::new_root("CN=Example root,O=Example", root_key, provider.clone(), clock, Duration::from_secs(365 * 24 * 3600))?;

    // The integrator.
    let verifier = Verifier::pinned(&*provider, [&pin])?;
    let known = KnownHub::new().with_fqdn(HOST).with_mailbox_base(BaseUrl::parse(PUBLIC)?);
    let profile = ProfileRequest::new("Example", "Card of user A", key_requests(keys, &*provider)?);
    let mut enrollment = Enrollment::begin(&*provider, CommandHeader::new(300, 300), USER, profile)?;
    let mut certificates: Vec<(String, Certificate)> = Vec::new();
    let mut report = None;
    loop {
        match enrollment.next() {
            Next::Submit(command) => {
                let command = command.clone();
                enrollment.sending(&command)?;
                let submitted = commands.submit(command).await?;
                enrollment.submitted(&submitted)?;
                let link = submitted.destinations.first().ok_or("no destination")?.activation()?;
                said.step(&format!("integrator: command {} is with the hub; activation link:", submitted.command_id.as_str()));
                said.text(link.to_uri().expose());
                said.text(&ActivationQr::new(&link)?.to_terminal(Background::Dark));
            }
            Next::AwaitDevice(submitted) => {
                let link = submitted.and_then(|submitted| submitted.destinations.first()).ok_or("no destination")?.uri.clone();
                for event in device.activate(link.expose()).await? {
                    said.step(&format!("device: {event:?}"));
                }
                enrollment.received(&next_of(&mut inbox).await?)?;
                said.step("integrator: the answer is here");
            }
            Next::Prove => {
                let proven = match enrollment.prove_through(&verifier, &known).ok_or("no answer")? {
                    Ok(proven) => proven,
                    Err(refusal) => {
                        enrollment.give_up(refusal.to_string())?;
                        return Err(refusal.into());
                    }
                };
                said.step("integrator: the answer proves itself:");
                said.text(&proven.report().to_string());
                for key in proven.keys() {
                    if let Some(request) = key.request() {
                        certificates.push((key.key_id().to_owned(), issue(&authority, request).await?));
                        said.step(&format!("authority: a certificate for {}", key.key_id()));
                    }
                }
                let named: Vec<(&str, &Certificate)> = certificates.iter().map(|(key_id, certificate)| (key_id.as_str(), certificate)).collect();
                enrollment.issued(&proven, &named)?;
                report = Some(proven.report().clone());
            }
            Next::Deliver(command) => {
                let command = command.clone();
                enrollment.sending(&command)?;
                enrollment.submitted(&commands.submit(command).await?)?;
                said.step("integrator: the certificates are with the hub");
            }
            Next::AwaitDelivery(_) => {
                for event in device.run_once().await {
                    said.step(&format!("device: {:?}", event?));
                }
                enrollment.received(&next_of(&mut inbox).await?)?;
            }
            Next::Done => break,
            Next::Failed(failure) => return Err(format!("the journey ended: {failure:?}").into()),
            _ => return Err("a step that is not known here".into()),
        }
        // What a process that may die would do after each step.
        enrollment = Enrollment::from_json(&enrollment.to_json())?;
    }
    running.abort();

    // What the device has now.
    for profile in device.key_store().profiles().await? {
        for key in &profile.keys {
            let certificate = key.certificate.as_ref().ok_or("a certificate was not installed")?;
            let installed = printed(&key.key_id, certificate);
            said.step(&format!("device: installed for {}: {}", key.key_id, serde_json::to_string_pretty(&installed)?));
        }
    }
    Ok((report.ok_or("nothing was proven")?, certificates))
}

/// The keys to ask for: `rsa2048`, `rsa3072`, `rsa4096`, `p256`, `p384`, `p521`, comma between.
fn key_requests(keys: &str, provider: &dyn Provider) -> Result<Vec<KeyGenRequest>, Failed> {
    let template = Template::for_subject(SUBJECT, provider)?.to_base64();
    let request = |name: &str| {
        let (key_type, length, mechanism) = match name {
            "rsa2048" => ("RSA", "2048", Algorithm::Rs256),
            "rsa3072" => ("RSA", "3072", Algorithm::Rs256),
            "rsa4096" => ("RSA", "4096", Algorithm::Rs256),
            "p256" => ("EC", "256", Algorithm::Es256),
            "p384" => ("EC", "384", Algorithm::Es384),
            "p521" => ("EC", "521", Algorithm::Es512),
            _ => return Err(Failed::from(format!("{name} is no key that is known here"))),
        };
        let mut request = KeyGenRequest::new(name, KeyUsage::SIG, vec![KeyTypePrio::new(key_type, length, mechanism.name())]);
        request.cert_req = Some(template.as_str().into());
        Ok(request)
    };
    keys.split(',').map(|name| request(name.trim())).collect()
}

fn printed(key_id: &str, certificate: &Certificate) -> serde_json::Value {
    let fingerprint: Vec<String> = certificate.fingerprint(&AwsLcRs).iter().map(|octet| format!("{octet:02x}")).collect();
    serde_json::json!({
        "keyid": key_id,
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "key": format!("{:?}", certificate.public_key()),
        "fingerprint": fingerprint.concat(),
    })
}

async fn next_of(inbox: &mut mpsc::UnboundedReceiver<Callback>) -> Result<Callback, Failed> {
    let callback = tokio::time::timeout(Duration::from_secs(60), inbox.recv()).await?;
    callback.ok_or_else(|| "the hub is gone".into())
}

/// The integrator's inbox.
struct Inbox(mpsc::UnboundedSender<Callback>);

impl CallbackApi for Inbox {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        self.0.send(delivery.callback).map_err(|_| Error::new(Class::Storage, "inbox", "closed"))
    }
}

/// What is printed on the way; nothing if one JSON object is to come.
struct Said {
    json: bool,
}

impl Said {
    fn step(&self, text: &str) {
        if !self.json {
            println!("* {text}");
        }
    }

    fn text(&self, text: &str) {
        if !self.json {
            println!("{text}\n");
        }
    }
}
