//! A hub.
//!
//! ```text
//! hub --config hub.toml
//! hub [--listen ADDRESS] [--callback-url URL]
//! hub hash-key [CLIENT-ID]
//! ```
//!
//! `--config` names a configuration file; `hub.toml` beside this file shows every key. SIGHUP makes
//! the hub read its integrators again. SIGINT and SIGTERM stop it once the requests in progress
//! have ended. Its store is in memory.
//!
//! Without a configuration it listens on loopback and serves one integrator, whose key it makes and
//! prints. That is for a first look, not for production.
//!
//! The first line of its output is the address on which it listens. Its log goes to stderr.

#[allow(unreachable_pub, dead_code)]
mod support {
    pub mod arguments;
    pub mod clients;
    pub mod console;
    pub mod files;
    pub mod hub_checks;
    pub mod hub_config;
    pub mod pem;
    pub mod program;
    pub mod serve;
}

use std::io::{IsTerminal as _, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use keyferry::crypto::Provider;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::client::{CallbackSender, ContentClient};
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::server::HermodService;
use keyferry::hermod::wire::{AnyCallbackApi, AnyContentApi, BasicAuth};
use keyferry::server::ServerConfig;
use keyferry::transport::{GuardedTransport, TargetPolicy, TargetUrl};
use keyferry::{BaseUrl, Error, Secret};
use lexopt::prelude::{Long, Value, ValueExt as _};
use tokio::net::TcpListener;

use support::console::{complain, print, try_complain};
use support::hub_config::{HubFile, Integrator, Service};
use support::program::{Failed, usage};
use support::serve::{asked_to_stop, serve};
use support::{hub_checks, pem};

const HELP: &str = "\
hub --config FILE         serve with this configuration; examples/hub.toml shows every key
hub [--listen ADDRESS] [--callback-url URL]
                          serve one integrator on loopback, whose key is made and printed
hub hash-key [CLIENT-ID]  read a key from stdin and print its digest for the configuration;
                          without input, make a key

  --config FILE           a TOML file; SIGHUP makes the hub read its integrators again
  --listen ADDRESS        default 127.0.0.1:8080; port 0 takes a free port
  --callback-url URL      the address of callbacks; default http://127.0.0.1:8081, where the example
                          integrator listens

RUST_LOG chooses what is logged on standard error; default RUST_LOG=info";

#[tokio::main]
async fn main() -> ExitCode {
    support::program::end("hub", run().await)
}

async fn run() -> Result<(), Failed> {
    let Some(mut parser) = support::program::arguments(HELP)? else { return Ok(()) };
    let (mut config, mut listen, mut callback_url, mut plain) = (None, None, None, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => config = Some(PathBuf::from(parser.value()?)),
            Long("listen") => listen = Some(parser.value()?.string()?),
            Long("callback-url") => callback_url = Some(parser.value()?.string()?),
            Value(text) => plain.push(text.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    match (plain.as_slice(), config) {
        ([command], None) if command == "hash-key" => hash_key(None),
        ([command, client_id], None) if command == "hash-key" => hash_key(Some(client_id)),
        ([], Some(file)) if listen.is_none() && callback_url.is_none() => {
            support::clients::install_tls();
            let parsed = read(&file)?;
            let listener = TcpListener::bind(parsed.listen)
                .await
                .map_err(|error| format!("{}: {error}", parsed.listen))?;
            start(parsed, listener, Some(file), &[]).await
        }
        ([], None) => {
            support::clients::install_tls();
            let (file, listener, said) =
                demonstration(listen.as_deref(), callback_url.as_deref()).await?;
            start(file, listener, None, &said).await
        }
        _ => Err(usage("these arguments cannot be combined")),
    }
}

/// Serves until a signal stops it.
async fn start(
    file: HubFile,
    listener: TcpListener,
    path: Option<PathBuf>,
    said: &[String],
) -> Result<(), Failed> {
    support::program::log("info")?;
    let mut warnings = hub_checks::of_file(&file);
    warnings.extend(path.as_deref().and_then(hub_checks::read_by_all));
    let tls = match &file.tls {
        None => None,
        Some(files) => {
            let certificate = beside(path.as_deref(), &files.certificate);
            let key = beside(path.as_deref(), &files.key);
            let chain = pem::certificates(&certificate)?;
            let acceptor = pem::acceptor(&certificate, chain.clone(), &key)?;
            let host = BaseUrl::parse(&file.public_url)?.host().to_owned();
            warnings.extend(hub_checks::of_tls(
                &certificate,
                &chain,
                &key,
                &host,
                std::time::SystemTime::now(),
            ));
            Some(acceptor)
        }
    };
    warnings.push(String::from(hub_checks::MEMORY_STORE));
    warn(&warnings);

    let mut config = HubConfig::new(&file.public_url, &file.fqdn)?;
    (config.limits, config.callbacks) = (file.hub.clone(), file.callbacks.clone());
    config.integrators = integrators(&file)?;
    let hub = Hub::builder(Arc::new(AwsLcRs), config).build()?;

    let mut server = ServerConfig::default();
    (server.limits, server.proxies) = (file.server.clone(), file.proxies.clone());
    let drain = server.drain.clone();
    let service = HermodService::hub_builder(&hub).with_config(server).build()?;

    // Other programs read the address from this line, because the system may have chosen the port.
    print(format_args!(
        "listening on {}://{}",
        if tls.is_some() { "https" } else { "http" },
        listener.local_addr()?
    ))?;
    for line in said {
        print(line)?;
    }

    let deadlines_and_callbacks = tokio::spawn({
        let hub = hub.clone();
        async move { hub.run().await }
    });
    if let Some(path) = path {
        reload_on_signal(hub.clone(), path)?;
    }
    tokio::spawn({
        let drain = drain.clone();
        async move {
            asked_to_stop().await;
            tracing::info!(in_progress = drain.in_flight(), "stopping");
            drain.begin();
        }
    });
    let undone = serve(listener, tls, file.connections.clone(), service).await;
    deadlines_and_callbacks.abort();
    log_unfinished(&hub, undone.requests + undone.long_polls).await;
    Ok(())
}

/// Logs unfinished work: requests that were cut short, and what the store holds.
async fn log_unfinished(hub: &Hub, requests: usize) {
    if requests > 0 {
        tracing::warn!(requests, "stopped: requests were cut short when their time was over");
    }
    match hub.count_unfinished().await {
        Ok(left) if left.is_nothing() => {
            if requests == 0 {
                tracing::info!("stopped: no work is left");
            }
        }
        Ok(left) => tracing::warn!(
            commands = left.commands,
            callbacks = left.callbacks,
            "stopped: open commands and undelivered callbacks are lost with the store in memory"
        ),
        Err(error) => tracing::error!(%error, "stopped: unfinished work cannot be counted"),
    }
}

fn read(path: &Path) -> Result<HubFile, Failed> {
    let text = support::files::read_text(path)?;
    HubFile::parse(&text).map_err(|faults| format!("{}: {faults}", path.display()).into())
}

/// Prints warnings on standard error, independently of the log.
fn warn(warnings: &[String]) {
    for warning in warnings {
        complain(format_args!("hub: warning: {warning}"));
    }
}

/// The path of a file that the configuration names, relative to the configuration's folder.
fn beside(config: Option<&Path>, file: &Path) -> PathBuf {
    config.and_then(Path::parent).map_or_else(|| file.to_owned(), |folder| folder.join(file))
}

/// The integrators, each with the services that the hub calls for it.
fn integrators(file: &HubFile) -> Result<Vec<IntegratorConfig>, Failed> {
    file.integrators.iter().map(integrator).collect()
}

fn integrator(entry: &Integrator) -> Result<IntegratorConfig, Failed> {
    let mut config = IntegratorConfig::new(&entry.client_id);
    config.keys = entry.keys.clone();
    config.group = entry.group.clone();
    let services: Vec<&Service> = [&entry.callback, &entry.content].into_iter().flatten().collect();
    if services.is_empty() {
        return Ok(config);
    }
    let only_http = services.iter().all(|service| !service.url.base().is_https());
    let builder = support::clients::reqwest_builder(None, only_http)?;
    let transport = GuardedTransport::reqwest_builder(entry.targets.clone(), builder)?;
    if let Some(Service { url, basic_auth }) = &entry.callback {
        let mut sender = CallbackSender::new(transport.clone(), url.clone())?;
        if let Some(basic_auth) = basic_auth {
            sender = sender.with_basic_auth(basic_auth.clone());
        }
        if !entry.signature_secrets.is_empty() {
            let secrets = entry.signature_secrets.clone();
            sender = sender.with_signature(Arc::new(AwsLcRs), secrets);
        }
        config = config.with_callback(AnyCallbackApi::new(sender));
    }
    if let Some(Service { url, basic_auth }) = &entry.content {
        let mut client = ContentClient::new(transport, url.clone())?;
        if let Some(basic_auth) = basic_auth {
            client = client.with_basic_auth(basic_auth.clone());
        }
        config = config.with_content(AnyContentApi::new(client));
    }
    Ok(config)
}

/// Reads the integrators again at each SIGHUP. A file with faults is logged and changes nothing.
#[cfg(unix)]
fn reload_on_signal(hub: Hub, path: PathBuf) -> Result<(), Failed> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let reloaded = read(&path).and_then(|file| {
                hub.set_integrators(integrators(&file)?)?;
                Ok(hub_checks::of_integrators(&file.integrators))
            });
            match reloaded {
                Ok(warnings) => {
                    tracing::info!("the integrators were read again");
                    warn(&warnings);
                }
                Err(error) => tracing::error!(
                    "the integrators stay as they were: {}",
                    support::program::chain(&*error)
                ),
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn reload_on_signal(_: Hub, _: PathBuf) -> Result<(), Failed> {
    Ok(())
}

/// A hub on loopback with one integrator, and the lines to print: its key, and the credential of
/// its callbacks.
async fn demonstration(
    listen: Option<&str>,
    callback_url: Option<&str>,
) -> Result<(HubFile, TcpListener, Vec<String>), Failed> {
    let listen: SocketAddr = listen
        .unwrap_or("127.0.0.1:8080")
        .parse()
        .map_err(|_| usage("--listen needs an IP address with a port, such as 127.0.0.1:8080"))?;
    if !listen.ip().is_loopback() {
        return Err(usage("without --config the hub listens on loopback only"));
    }
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
    let text = format!(
        "listen = \"{listen}\"\npublic-url = \"http://{}/hermod/rest/ms\"\n",
        listener.local_addr()?
    );
    let mut file = HubFile::parse(&text)?;
    let url = TargetUrl::parse(callback_url.unwrap_or("http://127.0.0.1:8081"))
        .map_err(|error| usage(format!("--callback-url: {error}")))?;
    let targets = TargetPolicy::new().danger_with_plain_http().danger_with_host(url.base().host());
    let (key, password) = (random_key(&AwsLcRs)?, random_key(&AwsLcRs)?);
    file.integrators.push(Integrator {
        client_id: String::from("demo"),
        keys: vec![Digest::of(&AwsLcRs, &key)],
        group: None,
        callback: Some(Service { url, basic_auth: Some(BasicAuth::new("hub", password.clone())) }),
        signature_secrets: Vec::new(),
        content: None,
        targets,
    });
    let credential = base64_simd::STANDARD.encode_to_string(format!("demo:{}", key.expose()));
    let said = vec![
        format!("X-Api-Key: {credential}"),
        format!("export KEYFERRY_API_KEY=demo:{}", key.expose()),
        format!("export KEYFERRY_CALLBACK_AUTH=hub:{}", password.expose()),
    ];
    Ok((file, listener, said))
}

/// 32 random bytes as hexadecimal digits.
fn random_key(provider: &dyn Provider) -> Result<Secret, Error> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    provider.fill_random(&mut *bytes).map_err(|_| {
        Error::new(keyferry::Class::Unavailable, "key", "the random generator failed")
    })?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Secret::new(digits))
}

/// Prints the digest line for the configuration on stdout. A key that is made here goes to stderr,
/// so that redirected output does not contain it.
fn hash_key(client_id: Option<&str>) -> Result<(), Failed> {
    // Read one byte more than allowed, so that a longer key is refused and not cut off.
    const MOST: u64 = 64 * 1024;
    let mut input = zeroize::Zeroizing::new(Vec::new());
    if !std::io::stdin().is_terminal() {
        std::io::stdin()
            .take(MOST + 1)
            .read_to_end(&mut input)
            .map_err(|error| format!("standard input: {error}"))?;
    }
    if input.len() as u64 > MOST {
        return Err("standard input: longer than 64 KiB".into());
    }
    let input = support::files::text_of(std::mem::take(&mut *input))
        .map(zeroize::Zeroizing::new)
        .map_err(|why| format!("standard input: {why}"))?;
    let key = match input.trim() {
        "" => {
            let key = random_key(&AwsLcRs)?;
            // The digest of a key that was not shown would be useless.
            try_complain(format_args!(
                "export KEYFERRY_API_KEY={}:{}",
                client_id.unwrap_or("CLIENT-ID"),
                key.expose()
            ))
            .map_err(|error| format!("standard error, where the key is shown: {error}"))?;
            key
        }
        // A plain digest protects only a key that cannot be guessed.
        key if key.len() < 22 => {
            return Err("a key of fewer than 22 characters can be guessed from its digest".into());
        }
        key => Secret::new(key),
    };
    if let Some(client_id) = client_id {
        print(format_args!("client-id = {}", serde_json::json!(client_id)))?;
    }
    Ok(print(format_args!("key-digests = [\"{}\"]", Digest::of(&AwsLcRs, &key).to_hex()))?)
}
