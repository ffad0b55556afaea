//! A hub that is served, and handlers that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::hub::{Digest, Hub};
use keyferry::hermod::model::{
    Callback, Command, CommandId, CommandType, Listing, Message, ReservedBox, Submitted,
};
use keyferry::hermod::server::HermodService;
use keyferry::hermod::wire::{ApiKey, CallbackApi, CommandApi, Delivery, MailboxApi, MailboxKey};
use keyferry::server::{Drain, ServerConfig, ServerLimits};
use keyferry::{Class, Error, ManualClock, Secret};
use tokio::sync::Notify;

use crate::support::serve::{Answer, Framework, Served};

/// Runs each test in both frameworks.
macro_rules! on_both {
    ($( $name:ident )*) => {
        mod on_axum { $(
            #[tokio::test]
            async fn $name() {
                super::$name(crate::support::serve::Framework::Axum).await;
            }
        )* }
        mod on_hyper { $(
            #[tokio::test]
            async fn $name() {
                super::$name(crate::support::serve::Framework::Hyper).await;
            }
        )* }
    };
}

pub(crate) use crate::support::inbox::{Inbox, Mood};
pub(crate) use crate::support::parties::claim;
use crate::support::parties::three_integrators;
pub(crate) use crate::support::time::clock;

pub(crate) const COMMAND: &str = "/hermod/rest/command";
pub(crate) const MS: &str = "/hermod/rest/ms";
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const PING: &str =
    r#"{"commandHeader":{"lifespan":300,"timeout":200,"to":["@tmp"]},"pingCommand":{}}"#;

pub(crate) fn digest(key: &str) -> Digest {
    Digest::of(&AwsLcRs, &Secret::new(key))
}

/// The value of `X-Api-Key`.
pub(crate) fn api_key(id: &str, key: &str) -> String {
    base64_simd::STANDARD.encode_to_string(format!("{id}:{key}"))
}

/// A hub with the integrators `shop` and `portal` of the group `acme`, and `rival` of none, which
/// is served.
pub(crate) struct World {
    pub(crate) hub: Hub,
    /// Of hub and server.
    pub(crate) clock: ManualClock,
    pub(crate) drain: Drain,
    pub(crate) served: Served,
}

pub(crate) fn hub(clock: &ManualClock) -> Hub {
    Hub::builder(Arc::new(AwsLcRs), three_integrators(None))
        .with_clock(Arc::new(clock.clone()))
        .build()
        .unwrap()
}

/// A configuration with the system's clock and these limits.
pub(crate) fn config(change: impl FnOnce(&mut ServerLimits)) -> ServerConfig {
    let mut config = ServerConfig::default();
    change(&mut config.limits);
    config
}

impl World {
    pub(crate) async fn new(framework: Framework) -> Self {
        Self::with(framework, |_| {}).await
    }

    pub(crate) async fn with(framework: Framework, change: impl FnOnce(&mut ServerLimits)) -> Self {
        let clock = clock();
        let hub = hub(&clock);
        let service = HermodService::hub_builder(&hub);
        let mut config = ServerConfig::default();
        change(&mut config.limits);
        config.clock = Arc::new(clock.clone());
        let drain = config.drain.clone();
        let served = Served::start(framework, service.with_config(config).build().unwrap()).await;
        Self { hub, clock, drain, served }
    }

    /// A command of this integrator.
    pub(crate) async fn post(&self, id: &str, command: &str, body: &str) -> Answer {
        let key = api_key(id, &format!("{id}-key"));
        self.served
            .call("POST", &format!("{COMMAND}/{command}"), &[("x-api-key", &key), JSON], body)
            .await
    }

    pub(crate) async fn poll(&self, id: &str, command: &str) -> Answer {
        let key = api_key(id, &format!("{id}-key"));
        self.served
            .call("GET", &format!("{COMMAND}/poll/{command}"), &[("x-api-key", &key)], "")
            .await
    }

    /// A ping to a temporary mailbox.
    pub(crate) async fn ping(&self) -> Opened {
        let answer = self.post("shop", "ping", PING).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Opened::of(&answer.json())
    }
}

/// What an activation link says.
pub(crate) struct Opened {
    pub(crate) command: String,
    pub(crate) bid: String,
    pub(crate) mid: String,
    pub(crate) location: String,
    pub(crate) token: String,
}

impl Opened {
    pub(crate) fn of(submitted: &serde_json::Value) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let destination = &submitted["destinations"][0];
        let token = destination["uri"].as_str().unwrap().split("token=").nth(1).unwrap().to_owned();
        Self {
            command: text(&submitted["commandId"]),
            bid: text(&destination["bid"]),
            mid: text(&destination["mid"]),
            location: text(&destination["location"]),
            token,
        }
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(crate) fn list(&self) -> String {
        format!("{MS}/{}", self.bid)
    }

    pub(crate) fn message(&self) -> String {
        format!("{MS}/{}/{}", self.bid, self.mid)
    }

    pub(crate) fn pong(&self) -> String {
        format!(
            r#"{{"responseHeader":{{"inReplyTo":"{}","status":200}},"pingResponse":{{"code":0}}}}"#,
            self.location
        )
    }
}

/// A handler that waits until it is let go, and counts what it did.
#[derive(Clone, Default)]
pub(crate) struct Slow(Arc<State>);

#[derive(Default)]
struct State {
    begun: AtomicUsize,
    ended: AtomicUsize,
    dropped: AtomicUsize,
    changed: Notify,
    go: Notify,
}

/// Counts a handler that is dropped before its end.
struct Running(Arc<State>, bool);

impl Drop for Running {
    fn drop(&mut self) {
        let count = if self.1 { &self.0.ended } else { &self.0.dropped };
        count.fetch_add(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl Slow {
    async fn work(&self) {
        let mut running = Running(self.0.clone(), false);
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
        self.0.go.notified().await;
        running.1 = true;
    }

    /// Lets one go.
    pub(crate) fn go(&self) {
        self.0.go.notify_one();
    }

    /// Lets go all that have begun.
    pub(crate) async fn let_all_go(&self) {
        for count in 1..=self.begun() {
            self.go();
            self.has_ended(count).await;
        }
    }

    async fn reaches(&self, count: impl Fn(&State) -> usize, least: usize) {
        let wait = async {
            loop {
                let changed = self.0.changed.notified();
                if count(&self.0) >= least {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(crate::support::serve::PATIENCE, wait)
            .await
            .expect("it does not happen");
    }

    pub(crate) async fn has_begun(&self, least: usize) {
        self.reaches(|state| state.begun.load(Ordering::SeqCst), least).await;
    }

    pub(crate) async fn has_ended(&self, least: usize) {
        self.reaches(|state| state.ended.load(Ordering::SeqCst), least).await;
    }

    pub(crate) async fn is_dropped(&self, least: usize) {
        self.reaches(|state| state.dropped.load(Ordering::SeqCst), least).await;
    }

    pub(crate) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// Serves it to everybody.
    pub(crate) fn service(&self, config: ServerConfig) -> HermodService {
        let (commands, mailboxes) = (self.clone(), self.clone());
        HermodService::builder("/hermod/rest")
            .with_config(config)
            .with_commands(move |_: ApiKey| Ok(commands.clone()))
            .with_mailboxes(move |_: MailboxKey| Ok(mailboxes.clone()))
            .build()
            .unwrap()
    }
}

impl CommandApi for Slow {
    async fn submit(&self, _: Command) -> Result<Submitted, Error> {
        self.work().await;
        Ok(Submitted::new(
            CommandId::from("1"),
            CommandType::from("PING"),
            Vec::new(),
            "hub.example",
        ))
    }

    async fn poll(&self, _: &CommandId) -> Result<Callback, Error> {
        self.work().await;
        Err(Error::new(Class::NotFound, "commandId", "no such command"))
    }
}

/// Waits, and then hands the callback on.
#[derive(Clone)]
pub(crate) struct SlowInbox(pub(crate) Slow, pub(crate) Inbox);

impl CallbackApi for SlowInbox {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        self.0.work().await;
        self.1.deliver(delivery).await
    }
}

impl MailboxApi for Slow {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        if !wait.is_zero() {
            self.work().await;
        }
        Ok(Listing::default())
    }

    async fn fetch(&self, _: &str) -> Result<Message, Error> {
        Err(Error::new(Class::NotFound, "mid", "no such message"))
    }

    async fn answer(&self, _: &str, _: &str) -> Result<(), Error> {
        self.work().await;
        Ok(())
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        Err(Error::new(Class::Unauthorized, "", ""))
    }

    async fn remove(&self) -> Result<(), Error> {
        panic!("on purpose")
    }
}

/// A callback of this command in this state.
pub(crate) fn callback(id: &str, state: &str) -> Callback {
    let mut callback = Callback::from(Submitted::new(
        CommandId::from(id),
        CommandType::from("PING"),
        Vec::new(),
        "hub.example",
    ));
    callback.state = state.to_owned().into();
    callback
}

/// The body of a provision command whose card has a picture of about so many characters, which
/// begins as every JPEG image does.
pub(crate) fn provision(picture: usize) -> String {
    let key = r#"{"keyid":"signer","usage":"SIG","keytypeprios":[{"keytype":"EC","keylength":"256","responsemechanism":"ES256"}],"storageprios":["APP"],"keystate":"ACTIVE"}"#;
    let card = format!(
        r#"{{"profileCard":{{"front":{{"type":"IMAGE","data":"{}"}}}}}}"#,
        format_args!("/9j/{}", "A".repeat(picture / 4 * 4))
    );
    format!(
        r#"{{"commandHeader":{{"lifespan":300,"timeout":200}},"provCommand":{{"nonce":"n0nce","userid":"jane","responsesignaturekey":"ATTESTATION","responseformat":"jws","profile":{{"servername":"Acme","name":"Jane","keygenrequests":[{key}],"visualData":{card}}}}}}}"#
    )
}
