//! An application server that enrols one device: it has the device make keys, verifies them, has
//! certificates issued, and delivers them.
//!
//! ```text
//! KEYFERRY_API_KEY=ID:KEY integrator --hub URL --attestation-key JWK.json [--state FILE]
//! ```
//!
//! It listens for callbacks and stores each one before it acknowledges it. It also polls from time
//! to time, because a callback may be lost. With `--blocking` it runs on ureq and only polls. With
//! `--state` it stores the journey in a file after each step, so that the program may be killed at
//! any point and continues at its next start.

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
    pub mod sch;
}

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use keyferry::client::{WaitError, WaitPolicy};
use keyferry::crypto::PublicKey;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::client::{CommandClient, blocking};
use keyferry::hermod::integrator::{Enrollment, EventOutcome, HubIdentity};
use keyferry::hermod::model::{CommandHeader, CommandId, ProfileRequest};
use keyferry::hermod::server::CallbackService;
use keyferry::hermod::wire::{
    ApiKey, BasicAuth, CallbackApi, CommandApi as _, Delivery, WebhookSecret, is_unknown_command,
};
use keyferry::jose::Jwk;
use keyferry::{BaseUrl, Class, Error};
use lexopt::prelude::{Long, ValueExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout};

use support::console::{complain, print};
use support::files::read_text;
use support::journey::{Journey, Step, Trust, authority, said};
use support::program::{Failed, chain, usage};
use support::sch::read_sch;

const HELP: &str = "\
KEYFERRY_API_KEY=ID:KEY integrator --hub URL [OPTIONS]

  --hub URL             the hub, for example https://hub.example/hermod/rest
  --public-url URL      the address of the mailboxes, which the device signs; default: below --hub
  --fqdn NAME           the hub's name, which the device signs; default: the host of --public-url
  --sch BASE64          SHA-256 of the hub's TLS certificate, which the device signs; may be given
                        several times, while one replaces another; default: any
  --key ID:KEY          in place of KEYFERRY_API_KEY; all users of this machine can see it
  --attestation-key JWK a file with an attestation key to trust; may be given several times
  --accept-unpinned     without --attestation-key: accept any device
  --user NAME           default userA
  --keys KEYS           rsa2048, rsa3072, rsa4096, p256, p384, p521, separated by commas;
                        default p256
  --subject NAME        the subject of the certificates; default CN=User A,O=Example
  --state FILE          store the journey there, and continue it; the authority's key is beside it,
                        in a file that ends in .ca.p8
  --listen ADDRESS      the address for callbacks; default 127.0.0.1:8081
  --blocking            poll with ureq, and do not listen
  --danger-plain-http   allow http to a --hub on another machine, and --listen beyond loopback
  --roots FILE          trust the roots in this PEM file and not the system's
  --wait-seconds N      the time for each command; default 300
  --poll-seconds N      the longest pause between polls; default 15
  --sign TEXT           afterwards have the user sign this text, and verify the signature

KEYFERRY_CALLBACK_AUTH=USER:PASSWORD is the credential that callbacks must have.
KEYFERRY_CALLBACK_SECRETS=whsec_... are secrets, one of which must have signed a callback.
RUST_LOG chooses what is logged, for example RUST_LOG=info; the default is nothing";

struct Options {
    hub: BaseUrl,
    public_url: BaseUrl,
    fqdn: Option<String>,
    sch: Vec<[u8; 32]>,
    key: ApiKey,
    pins: Vec<PublicKey>,
    accept_unpinned: bool,
    user: String,
    keys: String,
    subject: String,
    state: Option<PathBuf>,
    listen: SocketAddr,
    callback_auth: Option<BasicAuth>,
    /// The secrets one of which must have signed a callback; empty: no signature is required.
    callback_secrets: Vec<WebhookSecret>,
    blocking: bool,
    roots: Option<String>,
    wait: Duration,
    poll: Duration,
    sign: Option<String>,
}

fn main() -> ExitCode {
    support::program::end("integrator", run())
}

fn run() -> Result<(), Failed> {
    let Some(options) = options()? else { return Ok(()) };
    support::program::log("off")?;
    support::clients::install_tls();
    let journey = journey(&options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if options.blocking {
        by_polling(&options, journey, &runtime)
    } else {
        runtime.block_on(by_callbacks(&options, journey))
    }
}

// ---- Asynchronous, with callbacks

async fn by_callbacks(options: &Options, journey: Journey) -> Result<(), Failed> {
    let hub = CommandClient::new(
        support::clients::asynchronous(&options.hub, options.roots.as_deref())?,
        commands(options),
        options.key.clone(),
    );
    let inbox = Inbox { journey: Arc::new(Mutex::new(journey)), changed: Arc::new(Notify::new()) };
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| format!("{}: {error}", options.listen))?;
    print(format_args!("listening on http://{}", listener.local_addr()?))?;
    let (gate, expected) = (inbox.clone(), options.callback_auth.clone());
    let mut service =
        CallbackService::builder(move |given: Option<BasicAuth>| match given == expected {
            true => Ok(gate.clone()),
            false => Err(Error::new(Class::Unauthorized, "", "does not fit")),
        });
    if !options.callback_secrets.is_empty() {
        // Five minutes is what the specification of signed callbacks recommends.
        let (secrets, max_age) = (options.callback_secrets.clone(), Duration::from_secs(300));
        service = service.with_signature(Arc::new(AwsLcRs), secrets, max_age);
    }
    let server = tokio::spawn(
        axum::serve(listener, axum::Router::new().fallback_service(service.build())).into_future(),
    );

    loop {
        let step = inbox.journey.lock().await.step()?;
        match step {
            Step::Send(command) => {
                let result = hub.submit((*command).clone()).await;
                inbox.journey.lock().await.sent(&command, result)?;
            }
            Step::Wait(id) => wait(options, &hub, &inbox, id).await?,
            Step::Prove => inbox.journey.lock().await.prove().await?,
            Step::Done => break,
        }
    }
    said("integrator: the certificates are installed")?;
    if let Some(text) = &options.sign {
        let (command, signature) = inbox.journey.lock().await.sign(text)?;
        let submitted = hub.submit(command).await?;
        signature.verify(&hub.wait(&submitted.command_id, &policy(options)).await?)?;
    }
    server.abort();
    Ok(())
}

/// Waits until the journey has changed, by a callback or by a poll.
async fn wait(
    options: &Options,
    hub: &CommandClient,
    inbox: &Inbox,
    id: CommandId,
) -> Result<(), Failed> {
    let end = Instant::now() + options.wait;
    while Instant::now() < end {
        if timeout(options.poll, inbox.changed.notified()).await.is_ok() {
            return Ok(());
        }
        match hub.poll(&id).await {
            Ok(state) => {
                if inbox.journey.lock().await.received(&state)? == EventOutcome::New {
                    return Ok(());
                }
            }
            Err(error) if is_unknown_command(&error) => {
                return inbox.journey.lock().await.forgotten(&id);
            }
            // A callback may still arrive after any other failure to poll.
            Err(error) => complain(format_args!("integrator: {}", chain(&error))),
        }
    }
    Err("the command did not end in time".into())
}

/// Receives callbacks into the journey.
#[derive(Clone)]
struct Inbox {
    journey: Arc<Mutex<Journey>>,
    changed: Arc<Notify>,
}

impl CallbackApi for Inbox {
    /// `Ok` means that the callback is stored. The hub forgets it then.
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        match self.journey.lock().await.received(&delivery.callback) {
            Ok(EventOutcome::New) => self.changed.notify_one(),
            Ok(EventOutcome::Known) => {}
            // It is about another command.
            Err(error)
                if error
                    .downcast_ref::<Error>()
                    .is_some_and(|error| error.class() == Class::NotFound) => {}
            // It is wrong, and would be wrong again if the hub sent it again.
            Err(error) if error.is::<Error>() => {
                complain(format_args!("integrator: a callback was refused: {}", chain(&*error)))
            }
            Err(_) => {
                return Err(Error::new(Class::Storage, "", "the journey could not be stored"));
            }
        }
        Ok(())
    }
}

// ---- Blocking, with polls

fn by_polling(
    options: &Options,
    mut journey: Journey,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Failed> {
    let hub = blocking::CommandClient::new(
        support::clients::blocking(&options.hub, options.roots.as_deref())?,
        commands(options),
        options.key.clone(),
    );
    loop {
        match journey.step()? {
            Step::Send(command) => {
                let result = hub.submit((*command).clone());
                journey.sent(&command, result)?;
            }
            Step::Wait(id) => match hub.wait(&id, &policy(options)) {
                Ok(ended) => drop(journey.received(&ended)?),
                Err(WaitError::Forgotten(_)) => journey.forgotten(&id)?,
                Err(error) => return Err(error.into()),
            },
            // The authority is local, so this does not wait.
            Step::Prove => runtime.block_on(journey.prove())?,
            Step::Done => break,
        }
    }
    said("integrator: the certificates are installed")?;
    if let Some(text) = &options.sign {
        let (command, signature) = journey.sign(text)?;
        let submitted = hub.submit(command)?;
        signature.verify(&hub.wait(&submitted.command_id, &policy(options))?)?;
    }
    Ok(())
}

// ---- Shared by both

fn journey(options: &Options) -> Result<Journey, Failed> {
    let begin = || -> Result<Enrollment, Failed> {
        let keys = support::keys::key_requests(&options.keys, &options.subject, &AwsLcRs)?;
        let profile = ProfileRequest::new("Example", format!("Card of {}", options.user), keys);
        let seconds = options.wait.as_secs();
        Ok(Enrollment::begin(
            &AwsLcRs,
            CommandHeader::new(seconds, seconds),
            &*options.user,
            profile,
        )?)
    };
    let mut hub = HubIdentity::from_public_address(options.public_url.clone());
    if let Some(fqdn) = &options.fqdn {
        hub = hub.with_fqdn(fqdn);
    }
    for sha256 in &options.sch {
        hub = hub.with_certificate_sha256(*sha256);
    }
    let trust = match options.pins.as_slice() {
        [] => Trust::Unpinned { accepted: options.accept_unpinned },
        pins => Trust::Pinned(pins.to_vec()),
    };
    let authority =
        authority(options.state.as_ref().map(|state| state.with_extension("ca.p8")).as_deref())?;
    Journey::new(begin, options.state.clone(), trust, hub, authority, false)
}

fn commands(options: &Options) -> BaseUrl {
    options.hub.join(&["command"])
}

fn policy(options: &Options) -> WaitPolicy {
    let mut policy = WaitPolicy::new(options.wait);
    policy.max_pause = options.poll;
    policy
}

fn options() -> Result<Option<Options>, Failed> {
    let Some(mut parser) = support::program::arguments(HELP)? else { return Ok(None) };
    let mut texts = std::collections::HashMap::new();
    let (mut pins, mut sch) = (Vec::new(), Vec::new());
    let (mut accept_unpinned, mut blocking) = (false, false);
    let mut danger_plain_http = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("accept-unpinned") => accept_unpinned = true,
            Long("danger-plain-http") => danger_plain_http = true,
            Long("blocking") => blocking = true,
            Long("sch") => {
                let hash = read_sch(&parser.value()?.string()?);
                sch.push(hash.map_err(|error| usage(format!("--sch: {error}")))?);
            }
            Long("attestation-key") => {
                let file = parser.value()?.string()?;
                let key = Jwk::from_json(read_text(Path::new(&file))?.trim());
                let key = key.map_err(|error| format!("{file}: {error}"))?;
                pins.push(key.public_key().clone());
            }
            Long(
                name @ ("hub" | "public-url" | "fqdn" | "key" | "user" | "keys" | "subject"
                | "state" | "listen" | "roots" | "wait-seconds" | "poll-seconds" | "sign"),
            ) => {
                let name = name.to_owned();
                texts.insert(name, parser.value()?.string()?);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let mut text = |name: &str| texts.remove(name);
    let url = |name: &str, text: &str| {
        BaseUrl::parse(text).map_err(|error| usage(format!("--{name}: {error}")))
    };
    let seconds = |name: &str, text: Option<String>, default: u64| match text
        .map_or(Ok(default), |text| text.parse())
    {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(usage(format!("--{name} needs a number of seconds from 1 to 86400"))),
    };
    let hub = url(
        "hub",
        &text("hub").ok_or_else(|| usage("--hub is missing: give the address of the hub"))?,
    )?;
    let public_url = match text("public-url") {
        Some(public_url) => url("public-url", &public_url)?,
        None => hub.join(&["ms"]),
    };
    let listen: SocketAddr = text("listen")
        .as_deref()
        .unwrap_or("127.0.0.1:8081")
        .parse()
        .map_err(|_| usage("--listen needs an IP address with a port"))?;
    // Plain http can be read and changed on the way.
    if !danger_plain_http && !hub.is_https() && !support::clients::is_this_machine(&hub) {
        return Err(usage(
            "--hub with http on another machine shows the API key to everybody on the way: \
             use https, or add --danger-plain-http",
        ));
    }
    if !danger_plain_http && !blocking && !listen.ip().is_loopback() {
        return Err(usage(
            "--listen serves plain http: beyond loopback, put a proxy with TLS in front of it \
             and add --danger-plain-http",
        ));
    }
    let on_command_line = text("key").map(zeroize::Zeroizing::new);
    if on_command_line.is_some() {
        complain(
            "integrator: warning: every user of this machine can read --key; use KEYFERRY_API_KEY",
        );
    }
    let key = match on_command_line {
        Some(key) => Some(key),
        None => support::program::secret("KEYFERRY_API_KEY")?,
    };
    let key = key.ok_or_else(|| {
        usage("KEYFERRY_API_KEY=ID:KEY is missing: it identifies this integrator to the hub")
    })?;
    let key = ApiKey::parse(&key).map_err(|_| usage("an API key has the form ID:KEY"))?;
    let callback_auth = support::program::secret("KEYFERRY_CALLBACK_AUTH")?
        .map(|text| BasicAuth::parse(&text))
        .transpose()
        .map_err(|_| usage("KEYFERRY_CALLBACK_AUTH has the form USER:PASSWORD"))?;
    let secrets = support::program::secret("KEYFERRY_CALLBACK_SECRETS")?;
    let callback_secrets = secrets
        .iter()
        .flat_map(|secrets| secrets.split_ascii_whitespace())
        .map(WebhookSecret::parse)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| usage(format!("KEYFERRY_CALLBACK_SECRETS: {}", error.detail())))?;
    // A callback ends a command, so its sender has to be authenticated.
    if !blocking && callback_auth.is_none() {
        if !listen.ip().is_loopback() {
            return Err(usage("--listen beyond loopback needs KEYFERRY_CALLBACK_AUTH"));
        }
        complain(
            "integrator: warning: without KEYFERRY_CALLBACK_AUTH every program of this machine \
             can send callbacks",
        );
    }
    Ok(Some(Options {
        public_url,
        hub,
        fqdn: text("fqdn"),
        sch,
        key,
        pins,
        accept_unpinned,
        user: text("user").unwrap_or_else(|| String::from("userA")),
        keys: text("keys").unwrap_or_else(|| String::from("p256")),
        subject: text("subject").unwrap_or_else(|| String::from("CN=User A,O=Example")),
        state: text("state").map(PathBuf::from),
        listen,
        callback_auth,
        callback_secrets,
        blocking,
        roots: text("roots"),
        wait: seconds("wait-seconds", text("wait-seconds"), 300)?,
        poll: seconds("poll-seconds", text("poll-seconds"), 15)?,
        sign: text("sign"),
    }))
}
