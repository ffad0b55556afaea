//! A device: keys in a folder, consent on the terminal.
//!
//! ```text
//! device activate URI --hub URL [--yes]
//! device run --hub URL [--once] [--yes]
//! device list
//! device attestation-key
//! ```
//!
//! The folder holds `attestation.p8`, the key that vouches for the others, which is made at the
//! first start, and `keys`, a [`FileKeyStore`](keyferry::keys::FileKeyStore). One process at a time
//! has it open. The program may be killed at any point: the next start continues.

#[allow(unreachable_pub, dead_code)]
mod support {
    pub mod arguments;
    pub mod clients;
    pub mod console;
    pub mod files;
    pub mod keys;
    pub mod pem;
    pub mod program;
    pub mod serve;
}

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{PrivateKey, Provider};
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::device::{
    Agent, Consent, Decision, DeviceError, DevicePolicy, Event, Question,
};
use keyferry::hermod::model::{CommandKind, DeviceInfo};
use keyferry::jose::{Jwk, Thumbprint};
use keyferry::keys::{FileKeyStore, KeyStore};
use keyferry::{BaseUrl, BoxFuture, Class};
use lexopt::prelude::{Long, Value, ValueExt as _};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;

use support::console::{OutputFailed, complain, print, prompt};
use support::keys::{key_in, printed};
use support::program::{Failed, chain, usage};
use support::serve::asked_to_stop;

const HELP: &str = "\
device activate URI     open an activation link and do what its message asks
device run              continue interrupted work, then read the mailboxes until stopped
device list             print the profiles with their keys and certificates
device attestation-key  print the public attestation key as a JWK, for the integrator to pin

  --folder DIR          the folder with keys and state; default ./keyferry-device
  --hub URL             a hub whose links may be opened (https://hub.example/hermod/rest/ms);
                        may be given several times
  --danger-plain-http   allow http to a --hub on another machine: tokens and answers can be read
                        on the way
  --roots FILE          trust the roots in this PEM file and not the system's
  --once                with run: read each mailbox once and exit
  --yes                 consent to everything, for scripts

RUST_LOG chooses what is logged, for example RUST_LOG=info; the default is nothing";

/// The time for which a mailbox waits for a message.
const LONG_POLL: Duration = Duration::from_secs(50);
/// The pause after a round without success, doubled up to a minute.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::program::end("device", run().await)
}

#[derive(Default)]
struct Options {
    folder: Option<PathBuf>,
    hubs: Vec<String>,
    roots: Option<String>,
    danger_plain_http: bool,
    once: bool,
    yes: bool,
}

async fn run() -> Result<(), Failed> {
    let Some(mut parser) = support::program::arguments(HELP)? else { return Ok(()) };
    let (mut options, mut plain) = (Options::default(), Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("folder") => options.folder = Some(parser.value()?.into()),
            Long("hub") => options.hubs.push(parser.value()?.string()?),
            Long("roots") => options.roots = Some(parser.value()?.string()?),
            Long("danger-plain-http") => options.danger_plain_http = true,
            Long("once") => options.once = true,
            Long("yes") => options.yes = true,
            Value(text) => plain.push(text.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    support::program::log("off")?;
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    match plain.as_slice() {
        ["activate", uri] => {
            let events = agent(&options)?.activate(uri).await?;
            if events.is_empty() {
                print("the mailbox has no message")?;
            }
            for event in &events {
                print_event(event)?;
            }
            Ok(())
        }
        ["run"] => {
            let agent = agent(&options)?;
            if !options.once {
                print("waiting for messages")?;
            }
            tokio::select! {
                done = serve(&agent, options.once) => done,
                () = asked_to_stop() => Ok(()),
            }
        }
        ["list"] => list(&opened(&options)?.0).await,
        ["attestation-key"] => {
            let key = Jwk::new(opened(&options)?.1.public_key().clone());
            Ok(print(key)?)
        }
        [] => Err(usage("name a command: activate, run, list or attestation-key")),
        ["activate"] => Err(usage("activate needs a link: activate URI")),
        [command, ..] => Err(usage(format!("unknown command {}", command.escape_debug()))),
    }
}

/// The folder of a device: one that is there has to hold nothing but what this program makes, and
/// nothing is made before that is known.
fn own_folder(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return std::fs::create_dir_all(folder);
        }
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if ![KEYS, ATTESTATION, "attestation.p8.keyferry-tmp"].iter().any(|own| name == *own) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the folder holds files that are not a device's; name another with --folder",
            ));
        }
    }
    Ok(())
}

const KEYS: &str = "keys";
const ATTESTATION: &str = "attestation.p8";

/// The key store and the attestation key.
fn opened(options: &Options) -> Result<(FileKeyStore, Arc<dyn PrivateKey>), Failed> {
    let folder = options.folder.as_deref().unwrap_or(Path::new("keyferry-device"));
    own_folder(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // The store comes first: its lock keeps other processes out of the folder.
    let store = FileKeyStore::open(folder.join(KEYS), Arc::new(AwsLcRs))
        .map_err(|error| format!("{}: {}", folder.display(), chain(&error)))?;
    Ok((store, key_in(&folder.join(ATTESTATION), &AwsLcRs)?))
}

fn agent(options: &Options) -> Result<Agent, Failed> {
    support::clients::install_tls();
    let mut policy = DevicePolicy::new();
    let mut only_http = true;
    for hub in &options.hubs {
        let address = BaseUrl::parse(hub).map_err(|error| usage(format!("--hub: {error}")))?;
        only_http &= !address.is_https();
        policy = match address.is_https() {
            true => policy.with_hub(hub)?,
            // Tokens and answers travel unencrypted, so only to this machine.
            false if options.danger_plain_http || support::clients::is_this_machine(&address) => {
                policy.danger_with_plain_hub(hub)?
            }
            false => {
                return Err(usage(
                    "--hub with http on another machine shows tokens and answers to everybody on \
                     the way: use https, or add --danger-plain-http",
                ));
            }
        };
    }
    let Some(first) = options.hubs.first() else {
        return Err(usage("--hub is missing: it names the hub whose links may be opened"));
    };
    let base =
        if only_http { BaseUrl::parse(first)? } else { BaseUrl::parse("https://hub.invalid")? };
    let transport = support::clients::asynchronous(&base, options.roots.as_deref())?;
    let (store, attestation) = opened(options)?;
    let provider: Arc<dyn Provider> = Arc::new(AwsLcRs);
    let connector = HttpConnector::new(transport, provider.clone());
    let consent = Terminal { yes: options.yes, one_at_a_time: Mutex::new(()) };
    Ok(Agent::builder(provider)
        .with_key_store(Arc::new(store))
        .with_connector(Arc::new(connector))
        .with_consent(Arc::new(consent))
        .with_attestation_key(Arc::new(attestation))
        .with_policy(policy)
        .with_info(DeviceInfo::new("Linux"))
        .build()?)
}

/// Continues what was interrupted, then waits for messages at every mailbox.
async fn serve(agent: &Agent, once: bool) -> Result<(), Failed> {
    let (mut pause, mut said) = (FIRST_PAUSE, HashSet::new());
    loop {
        let mut failed = None;
        for event in agent.run_once().await {
            note(event, &mut failed, &mut said)?;
        }
        if once {
            return failed.map_or(Ok(()), |error| Err(error.into()));
        }
        let profiles = agent.key_store().profiles().await?;
        let mut waiting = JoinSet::new();
        // While the hub cannot be reached, do not poll. A mailbox that the hub does not know must
        // not stop the others from being polled.
        let passes = failed.as_ref().is_some_and(DeviceError::is_retryable);
        for profile in profiles.into_iter().filter(|_| !passes) {
            let agent = agent.clone();
            waiting.spawn(async move { agent.poll(&profile.names.id, LONG_POLL).await });
        }
        let mut idle = true;
        while let Some(polled) = waiting.join_next().await {
            match polled? {
                Ok(events) => {
                    idle = false;
                    for event in events {
                        note(Ok(event), &mut failed, &mut said)?;
                    }
                }
                Err(error) => note(Err(error), &mut failed, &mut said)?,
            }
        }
        if failed.is_none() {
            said.clear();
        }
        if idle {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        } else {
            pause = FIRST_PAUSE;
        }
    }
}

/// Prints an event. A failure is printed once until a round succeeds.
fn note(
    event: Result<Event, DeviceError>,
    failed: &mut Option<DeviceError>,
    said: &mut HashSet<String>,
) -> Result<(), OutputFailed> {
    match event {
        Ok(event) => print_event(&event)?,
        Err(error) => {
            let hint = match &error {
                error if error.is_retryable() => "; the device tries again",
                DeviceError::Hub(error) if error.class() == Class::Unauthorized => {
                    "; the hub does not know this mailbox any more"
                }
                _ => "",
            };
            let line = format!("device: {}{hint}", chain(&error));
            if !said.contains(&line) {
                complain(&line);
                said.insert(line);
            }
            *failed = Some(error);
        }
    }
    Ok(())
}

fn print_event(event: &Event) -> Result<(), OutputFailed> {
    print(match event {
        Event::Provisioned { profile_id } => {
            format!("profile {profile_id}: the keys are made, and the hub has the answer")
        }
        Event::Answered { command, code: 0, .. } => format!("{}: done", name(command.as_ref())),
        Event::Answered { command, code, .. } => {
            format!("{}: answered with code {code}", name(command.as_ref()))
        }
        Event::Deleted { profile_id } => format!("profile {profile_id}: deleted"),
        Event::Ended { .. } => String::from("the message had ended before it was answered"),
        other => format!("{other:?}"),
    })
}

fn name(command: Option<&CommandKind>) -> String {
    command
        .map_or_else(|| String::from("a command"), |command| format!("{command:?}").to_lowercase())
}

async fn list(store: &dyn KeyStore) -> Result<(), Failed> {
    for profile in store.profiles().await? {
        let names = &profile.names;
        print(format_args!(
            "profile {}: {} of {}",
            names.id,
            names.name.escape_debug(),
            names.user_id.escape_debug()
        ))?;
        for key in &profile.keys {
            let certificate =
                key.certificate.as_ref().map(|certificate| printed(&key.key_id, certificate));
            let shown = certificate.map_or_else(
                || format!("no certificate, {}", Thumbprint::of(&key.public_key, &AwsLcRs)),
                |shown| shown.to_string(),
            );
            let key_id = key.key_id.escape_debug();
            print(format_args!("  key {key_id} ({:?}): {shown}", key.public_key))?;
        }
    }
    Ok(())
}

/// Asks for consent on the terminal.
struct Terminal {
    yes: bool,
    one_at_a_time: Mutex<()>,
}

impl Consent for Terminal {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            // A question escapes texts from outside, so that none can imitate another line.
            let text = question.to_string();
            if self.yes {
                // Consent was given on the command line, even if this cannot be printed.
                let _ = print(format_args!("{text}Agree? yes (--yes)"));
                return Decision::Accept;
            }
            let _turn = self.one_at_a_time.lock().await;
            // The other mailboxes continue while the user thinks. Nothing joins this thread, so the
            // program can exit meanwhile.
            let (answered, answer) = oneshot::channel();
            std::thread::spawn(move || {
                let mut line = String::new();
                // A question that could not be shown gets no consent.
                let read = prompt(format_args!("{text}Agree? [y/N]")).is_ok()
                    && std::io::stdin().read_line(&mut line).is_ok();
                let _ = answered.send(read && matches!(line.trim(), "y" | "Y" | "yes"));
            });
            match answer.await {
                Ok(true) => Decision::Accept,
                _ => Decision::Refuse,
            }
        })
    }
}
