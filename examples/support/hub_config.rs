//! The configuration of the hub in TOML. Reading it reports all faults at once, each with its line
//! and its key. Errors never repeat the text, because it contains secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use keyferry::hermod::hub::{CallbackPolicy, Digest, HubLimits};
use keyferry::hermod::wire::{BasicAuth, WebhookSecret};
use keyferry::server::serve::ConnectionLimits;
use keyferry::server::{Proxies, Rate, ServerLimits};
use keyferry::transport::{TargetPolicy, TargetUrl};
use keyferry::{BaseUrl, Secret};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest configuration: 1 MiB.
pub const MAX_TEXT: usize = 1024 * 1024;

/// A configuration that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct HubFile {
    /// Where connections are accepted.
    pub listen: SocketAddr,
    /// The address of the mailboxes, as devices know it.
    pub public_url: String,
    /// The name of this host, which devices sign.
    pub fqdn: String,
    /// Certificate and key; without them, plain http.
    pub tls: Option<TlsFiles>,
    /// Whether plain http may be served to other machines.
    pub danger_plain_http: bool,
    /// The proxies whose header with the client's address counts.
    pub proxies: Proxies,
    /// Limits on connections.
    pub connections: ConnectionLimits,
    /// Limits of the hub.
    pub hub: HubLimits,
    /// Limits of the server.
    pub server: ServerLimits,
    /// How callbacks are tried.
    pub callbacks: CallbackPolicy,
    /// The integrators.
    pub integrators: Vec<Integrator>,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, with the server's certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An integrator.
#[derive(Clone, Debug, PartialEq)]
pub struct Integrator {
    /// The part of its API key before the colon.
    pub client_id: String,
    /// Digests of the part after it: one or two.
    pub keys: Vec<Digest>,
    /// The group with which it shares mailboxes.
    pub group: Option<String>,
    /// The receiver of its callbacks.
    pub callback: Option<Service>,
    /// The secrets that sign its callbacks: several while one replaces another.
    pub signature_secrets: Vec<WebhookSecret>,
    /// The server with the contents that its commands name by id.
    pub content: Option<Service>,
    /// The addresses that may be called for it.
    pub targets: TargetPolicy,
}

/// A service that the hub calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its address.
    pub url: TargetUrl,
    /// The credential with which the hub calls it.
    pub basic_auth: Option<BasicAuth>,
}

impl HubFile {
    /// Reads a configuration.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let mut reading = Reading { text, faults: Vec::new() };
        if text.len() > MAX_TEXT {
            reading.fault(0, "", "more than 1 MiB");
            return Err(Faults(reading.faults));
        }
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(error) => {
                // The message has the parser's words only. `Display` would show the line as well.
                reading.fault(
                    error.span().map_or(0, |span| span.start),
                    "",
                    format!("not TOML: {}", error.message()),
                );
                return Err(Faults(reading.faults));
            }
        };
        let file = reading.file(Table::of(String::new(), 0, root.get_ref()));
        reading.faults.sort_by_key(|fault| fault.line);
        match file {
            Some(file) if reading.faults.is_empty() => Ok(file),
            _ => Err(Faults(reading.faults)),
        }
    }
}

/// All faults of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// The key, such as `integrators[0].callback-url`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub what: String,
}

impl Faults {
    /// The faults in the order of their lines; at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The state of reading one text.
struct Reading<'t> {
    text: &'t str,
    faults: Vec<Fault>,
}

type Value<'v> = Spanned<DeValue<'v>>;

/// A table, with the members that have not been read yet.
struct Table<'v> {
    /// The prefix of its members' keys.
    path: String,
    /// The byte at which it begins.
    at: usize,
    left: BTreeMap<&'v str, (usize, &'v Value<'v>)>,
}

impl<'v> Table<'v> {
    fn of(path: String, at: usize, members: &'v DeTable<'v>) -> Self {
        Self {
            path,
            at,
            left: members
                .iter()
                .map(|(name, value)| (&**name.get_ref(), (name.span().start, value)))
                .collect(),
        }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl Reading<'_> {
    fn fault(&mut self, at: usize, key: impl Into<String>, what: impl Into<String>) {
        let before = self.text.as_bytes().iter().take(at);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        self.faults.push(Fault { line, key: key.into(), what: what.into() });
    }

    fn file(&mut self, mut root: Table<'_>) -> Option<HubFile> {
        let listen = self.listen(&mut root);
        let public_url = self
            .required_text(&mut root, "public-url")
            .and_then(|(url, at)| self.public_url(&url, at));
        let fqdn = match self.text(&mut root, "fqdn") {
            Some((fqdn, at)) => self.fqdn(fqdn, at),
            None => public_url.as_ref().map(|url| url.host().to_owned()),
        };
        let tls = self.table(&mut root, "tls").map(|table| self.tls(table));
        let danger_plain_http = self.flag(&mut root, "danger-plain-http");
        if let Some((listen, at)) = listen
            && !listen.ip().is_loopback()
            && tls.is_none()
            && !danger_plain_http
        {
            self.fault(
                at,
                "listen",
                "other machines could connect without TLS: add [tls], or, with a TLS proxy in \
                 front, danger-plain-http = true",
            );
        }
        let proxies = self
            .table(&mut root, "proxies")
            .map_or_else(Proxies::none, |table| self.proxies(table));
        let connections = self
            .table(&mut root, "connections")
            .map_or_else(ConnectionLimits::default, |table| self.connections(table));
        let (hub, server) = self
            .table(&mut root, "limits")
            .map_or_else(Default::default, |table| self.limits(table));
        let callbacks = self
            .table(&mut root, "callbacks")
            .map_or_else(CallbackPolicy::default, |table| self.callbacks(table));
        let integrators = self.integrators(&mut root);
        self.no_others(&root);
        let tls = match tls {
            Some(tls) => Some(tls?),
            None => None,
        };
        let public_url = public_url?.to_string();
        Some(HubFile {
            listen: listen?.0,
            public_url,
            fqdn: fqdn?,
            tls,
            danger_plain_http,
            proxies,
            connections,
            hub,
            server,
            callbacks,
            integrators,
        })
    }

    /// The address, and the byte at which it begins.
    fn listen(&mut self, root: &mut Table<'_>) -> Option<(SocketAddr, usize)> {
        let (text, at) = self.required_text(root, "listen")?;
        let listen = text.parse().ok();
        if listen.is_none() {
            self.fault(at, "listen", "not an IP address with a port, such as 127.0.0.1:8080");
        }
        Some((listen?, at))
    }

    fn public_url(&mut self, text: &str, at: usize) -> Option<BaseUrl> {
        let url: BaseUrl = self.url("public-url", text, at)?;
        if !url.path().ends_with("/ms") {
            self.fault(at, "public-url", "does not end in /ms");
            return None;
        }
        Some(url)
    }

    fn fqdn(&mut self, text: String, at: usize) -> Option<String> {
        let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            self.fault(at, "fqdn", "not a host name");
        }
        is_name.then_some(text)
    }

    fn tls(&mut self, mut table: Table<'_>) -> Option<TlsFiles> {
        let certificate = self.required_text(&mut table, "certificate");
        let key = self.required_text(&mut table, "key");
        self.no_others(&table);
        Some(TlsFiles { certificate: certificate?.0.into(), key: key?.0.into() })
    }

    /// The header with the client's address, and the proxies from which it counts.
    fn proxies(&mut self, mut table: Table<'_>) -> Proxies {
        let header = self.text(&mut table, "header");
        let (header, at) = header.unwrap_or_else(|| (String::from("Forwarded"), table.at));
        let is_known = |name: &str| header.eq_ignore_ascii_case(name);
        let is_forwarded = is_known("Forwarded");
        if !is_forwarded && !is_known("X-Forwarded-For") {
            self.fault(at, table.key("header"), "neither Forwarded nor X-Forwarded-For");
        }
        let read = if is_forwarded { Proxies::forwarded } else { Proxies::x_forwarded_for };
        let mut networks = Vec::new();
        let list = self.list(&mut table, "addresses");
        if list.is_empty() {
            self.fault(table.at, table.key("addresses"), "absent or empty");
        }
        for (value, key) in list {
            match value.get_ref().as_str() {
                Some(network) if read(vec![network]).is_ok() => networks.push(network),
                _ => self.fault(
                    value.span().start,
                    key,
                    "neither an IP address nor a network, such as 10.0.0.0/8",
                ),
            }
        }
        self.no_others(&table);
        read(networks).unwrap_or_default()
    }

    fn connections(&mut self, mut table: Table<'_>) -> ConnectionLimits {
        let mut limits = ConnectionLimits::default();
        let total = limits.total;
        self.count(&mut table, "max", &mut limits.total);
        if limits.total != total {
            // The defaults of the other limits follow: a quarter, a half and a half.
            limits.per_address = (limits.total / 4).max(1);
            (limits.half_open, limits.idle) =
                ((limits.total / 2).max(1), (limits.total / 2).max(1));
        }
        let max = limits.total as u64;
        self.number(&mut table, "max-per-address", 1..=max, &mut limits.per_address);
        self.number(&mut table, "max-half-open", 1..=max, &mut limits.half_open);
        self.number(&mut table, "max-idle", 1..=max, &mut limits.idle);
        self.seconds(&mut table, "head-seconds", &mut limits.head_time);
        self.seconds(&mut table, "write-seconds", &mut limits.write_time);
        self.seconds(&mut table, "drain-seconds", &mut limits.drain_time);
        self.no_others(&table);
        limits
    }

    fn limits(&mut self, mut table: Table<'_>) -> (HubLimits, ServerLimits) {
        let (mut hub, mut server) = (HubLimits::default(), ServerLimits::default());
        let table = &mut table;
        self.count(table, "commands-in-progress", &mut hub.commands_in_progress);
        self.count(table, "commands-kept", &mut hub.commands_kept);
        self.count(table, "outbox", &mut hub.outbox);
        self.count(table, "stored-bytes", &mut hub.stored_bytes);
        self.count(table, "mailboxes-per-user", &mut hub.mailboxes_per_user);
        self.count(table, "mailboxes-per-group", &mut hub.mailboxes_per_group);
        self.number(table, "mailbox-messages", 1..=1024, &mut hub.mailbox_messages);
        self.number(table, "destinations", 1..=1024, &mut hub.destinations);
        self.days(table, "retention-days", &mut hub.retention);
        // The hub and its server share these limits.
        self.count(table, "command-bytes", &mut hub.command_bytes);
        self.count(table, "provision-bytes", &mut hub.provision_bytes);
        self.count(table, "answer-bytes", &mut hub.answer_bytes);
        self.count(table, "long-polls-per-mailbox", &mut hub.long_polls);
        server.body_bytes = hub.command_bytes.max(hub.answer_bytes);
        server.large_body_bytes = hub.provision_bytes;
        server.device_long_polls = usize::try_from(hub.long_polls).unwrap_or(usize::MAX);
        self.count(table, "long-polls", &mut server.long_polls);
        self.count(table, "requests", &mut server.concurrent);
        self.count(table, "requests-per-integrator", &mut server.tenant_concurrent);
        self.rate(table, "integrator-rate", &mut server.tenant_rate);
        self.rate(table, "mailbox-rate", &mut server.device_rate);
        self.rate(table, "failed-rate", &mut server.failed_rate);
        self.count(table, "refusals-logged", &mut server.refusals_logged);
        self.seconds(table, "body-seconds", &mut server.body_time);
        self.seconds(table, "handle-seconds", &mut server.handle_time);
        self.no_others(table);
        (hub, server)
    }

    fn callbacks(&mut self, mut table: Table<'_>) -> CallbackPolicy {
        let mut callbacks = CallbackPolicy::default();
        self.number(&mut table, "attempts", 1..=100, &mut callbacks.attempts);
        self.seconds(&mut table, "first-delay-seconds", &mut callbacks.first_delay);
        self.seconds(&mut table, "max-delay-seconds", &mut callbacks.max_delay);
        self.seconds(&mut table, "timeout-seconds", &mut callbacks.timeout);
        self.count(&mut table, "in-flight", &mut callbacks.in_flight);
        self.count(&mut table, "per-integrator", &mut callbacks.per_integrator);
        if callbacks.max_delay < callbacks.first_delay {
            self.fault(table.at, "callbacks", "max-delay-seconds is less than first-delay-seconds");
        }
        self.no_others(&table);
        callbacks
    }

    fn integrators(&mut self, root: &mut Table<'_>) -> Vec<Integrator> {
        let mut integrators: Vec<Integrator> = Vec::new();
        for (value, key) in self.list(root, "integrators") {
            let at = value.span().start;
            let Some(members) = value.get_ref().as_table() else {
                self.fault(at, key, "not a table");
                continue;
            };
            let Some(integrator) = self.integrator(Table::of(key.clone(), at, members)) else {
                continue;
            };
            if integrators.iter().any(|other| other.client_id == integrator.client_id) {
                self.fault(at, key, "another integrator has this client-id");
            }
            integrators.push(integrator);
        }
        integrators
    }

    fn integrator(&mut self, mut table: Table<'_>) -> Option<Integrator> {
        let table = &mut table;
        let client_id = self.required_text(table, "client-id").and_then(|(id, at)| {
            let is_id = !id.is_empty() && !id.contains(':');
            if !is_id {
                self.fault(at, table.key("client-id"), "empty, or with a colon");
            }
            is_id.then_some(id)
        });
        let keys = self.keys(table);
        let group = self.text(table, "group").and_then(|(group, at)| {
            if group.is_empty() {
                self.fault(at, table.key("group"), "empty");
            }
            (!group.is_empty()).then_some(group)
        });
        let mut targets = TargetPolicy::new();
        if self.flag(table, "allow-plain-http-callbacks") {
            targets = targets.danger_with_plain_http();
        }
        for (value, key) in self.list(table, "allow-callback-hosts") {
            match value.get_ref().as_str() {
                Some(host) if !host.is_empty() => targets = targets.danger_with_host(host),
                _ => self.fault(value.span().start, key, "not a host"),
            }
        }
        let callback = self.service(table, ["callback-url", "callback-basic-auth"], &targets);
        let content =
            self.service(table, ["content-provider-url", "content-provider-basic-auth"], &targets);
        let mut signature_secrets = Vec::new();
        if let Some((secrets, at)) = self.text(table, "callback-signature-secret") {
            let secrets = Secret::new(secrets);
            let key = table.key("callback-signature-secret");
            for secret in secrets.expose().split_ascii_whitespace() {
                match WebhookSecret::parse(secret) {
                    Ok(secret) => signature_secrets.push(secret),
                    Err(error) => self.fault(at, key.clone(), error.detail()),
                }
            }
            if secrets.expose().trim().is_empty() {
                self.fault(at, key.clone(), "empty");
            }
            if callback.is_none() && !signature_secrets.is_empty() {
                self.fault(at, key, "needs a callback-url");
            }
        }
        self.no_others(table);
        Some(Integrator {
            client_id: client_id?,
            keys,
            group,
            callback,
            signature_secrets,
            content,
            targets,
        })
    }

    fn keys(&mut self, table: &mut Table<'_>) -> Vec<Digest> {
        let at = table.left.get("key-digests").map_or(table.at, |(at, _)| *at);
        let mut digests = Vec::new();
        let list = self.list(table, "key-digests");
        if !(1..=2).contains(&list.len()) {
            self.fault(
                at,
                table.key("key-digests"),
                "needs one digest, or two while one replaces another",
            );
        }
        for (value, key) in list {
            match value.get_ref().as_str().map(Digest::from_hex) {
                Some(Ok(digest)) => digests.push(digest),
                _ => self.fault(
                    value.span().start,
                    key,
                    "not 64 hexadecimal digits; `hub hash-key` makes them",
                ),
            }
        }
        digests
    }

    /// An address with a credential for it.
    fn service(
        &mut self,
        table: &mut Table<'_>,
        [url, basic_auth]: [&str; 2],
        targets: &TargetPolicy,
    ) -> Option<Service> {
        let address = self.text(table, url);
        let is_there = address.is_some();
        let address = address.and_then(|(text, at)| {
            let address: TargetUrl = self.url(&table.key(url), &text, at)?;
            if targets.check(address.base()).is_err() {
                self.fault(
                    at,
                    table.key(url),
                    "not https, or internal: see allow-plain-http-callbacks and allow-callback-hosts",
                );
                return None;
            }
            Some(address)
        });
        let basic_auth = match self.text(table, basic_auth) {
            Some((text, at)) => {
                let parsed = BasicAuth::parse(&text).ok();
                if parsed.is_none() {
                    self.fault(at, table.key(basic_auth), "not user:password");
                }
                if !is_there {
                    self.fault(at, table.key(basic_auth), format!("needs {url}"));
                }
                parsed
            }
            None => None,
        };
        Some(Service { url: address?, basic_auth })
    }

    fn url<T: FromStr<Err = keyferry::Error>>(
        &mut self,
        key: &str,
        text: &str,
        at: usize,
    ) -> Option<T> {
        match text.parse() {
            Ok(url) => Some(url),
            Err(error) => {
                self.fault(at, key, error.detail());
                None
            }
        }
    }

    // ---- Values

    fn required_text(&mut self, table: &mut Table<'_>, name: &str) -> Option<(String, usize)> {
        if !table.left.contains_key(name) {
            self.fault(table.at, table.key(name), "absent");
        }
        self.text(table, name)
    }

    /// A text, and the byte at which it begins.
    fn text(&mut self, table: &mut Table<'_>, name: &str) -> Option<(String, usize)> {
        let (_, value) = table.left.remove(name)?;
        let at = value.span().start;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.fault(at, table.key(name), "not a text");
        }
        text.map(|text| (text.to_owned(), at))
    }

    fn flag(&mut self, table: &mut Table<'_>, name: &str) -> bool {
        let Some((_, value)) = table.left.remove(name) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.fault(value.span().start, table.key(name), "neither true nor false");
        }
        flag.unwrap_or(false)
    }

    /// The elements of a list, each with its key.
    fn list<'v>(&mut self, table: &mut Table<'v>, name: &str) -> Vec<(&'v Value<'v>, String)> {
        let Some((_, value)) = table.left.remove(name) else { return Vec::new() };
        let key = table.key(name);
        let Some(list) = value.get_ref().as_array() else {
            self.fault(value.span().start, key, "not a list");
            return Vec::new();
        };
        list.iter()
            .enumerate()
            .map(|(index, element)| (element, format!("{key}[{index}]")))
            .collect()
    }

    fn table<'v>(&mut self, table: &mut Table<'v>, name: &str) -> Option<Table<'v>> {
        let (at, value) = table.left.remove(name)?;
        let members = value.get_ref().as_table();
        if members.is_none() {
            self.fault(at, table.key(name), "not a table");
        }
        members.map(|members| Table::of(table.key(name), at, members))
    }

    /// A number of at least one, if it is given.
    fn count<N: TryFrom<u64>>(&mut self, table: &mut Table<'_>, name: &str, into: &mut N) {
        self.number(table, name, 1..=u64::MAX, into);
    }

    fn seconds(&mut self, table: &mut Table<'_>, name: &str, into: &mut Duration) {
        let mut seconds = into.as_secs();
        self.number(table, name, 1..=86_400, &mut seconds);
        *into = Duration::from_secs(seconds);
    }

    fn days(&mut self, table: &mut Table<'_>, name: &str, into: &mut Duration) {
        let mut days = into.as_secs() / 86_400;
        self.number(table, name, 1..=3650, &mut days);
        *into = Duration::from_secs(days * 86_400);
    }

    /// `[per second, at once]`.
    fn rate(&mut self, table: &mut Table<'_>, name: &str, into: &mut Rate) {
        let Some((at, _)) = table.left.get(name).copied() else { return };
        let (list, key) = (self.list(table, name), table.key(name));
        let numbers: Option<Vec<u32>> = list
            .iter()
            .map(|(value, _)| integer(value).and_then(|number| u32::try_from(number).ok()))
            .collect();
        match numbers.as_deref() {
            Some([per_second, at_once]) if *per_second > 0 && *at_once > 0 => {
                *into = Rate::new(*per_second, *at_once)
            }
            _ => self.fault(
                at,
                key,
                "not two numbers: how many a second in the long run, and how many at once",
            ),
        }
    }

    fn number<N: TryFrom<u64>>(
        &mut self,
        table: &mut Table<'_>,
        name: &str,
        range: RangeInclusive<u64>,
        into: &mut N,
    ) {
        let Some((_, value)) = table.left.remove(name) else { return };
        let number = integer(value)
            .filter(|number| range.contains(number))
            .and_then(|number| N::try_from(number).ok());
        match number {
            Some(number) => *into = number,
            None => {
                let (least, most) = range.into_inner();
                let most = if most == u64::MAX { String::from("on") } else { format!("to {most}") };
                self.fault(
                    value.span().start,
                    table.key(name),
                    format!("not a whole number from {least} {most} that fits"),
                );
            }
        }
    }

    /// Refuses members that nothing has read. Their names are not repeated: they may be secrets.
    fn no_others(&mut self, table: &Table<'_>) {
        for (at, _) in table.left.values() {
            self.fault(*at, table.path.clone(), "an unknown key");
        }
    }
}

fn integer(value: &Value<'_>) -> Option<u64> {
    let integer = value.get_ref().as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
