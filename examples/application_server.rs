//! An application server on axum and SQLite that survives a restart.
//!
//! ```text
//! KEYFERRY_API_KEY=ID:KEY KEYFERRY_CALLBACK_AUTH=USER:PASSWORD \
//!     application_server --hub URL --attestation-key JWK.json --database FILE
//! ```
//!
//! `POST /enrollments/USER` begins to enrol a device of that user, and `GET /enrollments/ID` says
//! how far it is. The guide `docs/application-server.md` explains the program part by part.

#[allow(unreachable_pub, dead_code)]
mod support {
    pub mod arguments;
    pub mod clients;
    pub mod console;
    pub mod files;
    pub mod keys;
    pub mod pem;
    pub mod program;
}

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract;
use axum::http::StatusCode;
use axum::routing::post;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, Provider, PublicKey};
use keyferry::csr::Template;
use keyferry::hermod::client::CommandClient;
use keyferry::hermod::integrator::{Enrollment, EventOutcome, HubIdentity, Next, NotProven};
use keyferry::hermod::model::{Command, CommandHeader, KeyGenRequest, ProfileRequest};
use keyferry::hermod::proof::Verifier;
use keyferry::hermod::server::CallbackService;
use keyferry::hermod::wire::{ApiKey, BasicAuth, CallbackApi, CommandApi as _, Delivery};
use keyferry::issuer::{LocalCa, issue};
use keyferry::jose::Jwk;
use keyferry::{BaseUrl, Certificate, Class, Error, SystemClock};
use lexopt::prelude::{Long, ValueExt as _};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::Notify;

use support::console::{complain, print};
use support::program::{Failed, chain, usage};

const HELP: &str = "\
KEYFERRY_API_KEY=ID:KEY KEYFERRY_CALLBACK_AUTH=USER:PASSWORD application_server [OPTIONS]

  --hub URL              the hub, for example https://hub.example/hermod/rest
  --public-url URL       the address of the mailboxes; default: the hub's, with /ms
  --attestation-key FILE the attestation key to trust, as a JWK
  --database FILE        where journeys are stored; the authority's key is beside it (.ca.p8)
  --listen ADDRESS       loopback only; default 127.0.0.1:8081
  --poll-seconds N       how often the hub is asked for a lost callback; default 15

POST /enrollments/USER   begins an enrolment and answers with its id
GET /enrollments/ID      answers with its state, and the activation link while it is open";

#[tokio::main]
async fn main() -> ExitCode {
    support::program::end("application_server", run().await)
}

// region: table
/// The journeys in SQLite. `is_open` marks those that still have a next step.
struct Journeys(Mutex<Connection>);

impl Journeys {
    fn open(file: &Path) -> Result<Self, Failed> {
        // Journeys contain activation tokens, so nobody else may read the file. SQLite gives the
        // files that it makes beside it the same permissions.
        let mut options = std::fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.create(true).append(true).open(file)?;
        let database = Connection::open(file)?;
        // A journey must be on the disk before a command is sent or a callback acknowledged.
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS journeys (
                 id TEXT PRIMARY KEY,
                 revision INTEGER NOT NULL,
                 is_open INTEGER NOT NULL,
                 json TEXT NOT NULL
             ) STRICT",
        )?;
        Ok(Self(Mutex::new(database)))
    }

    fn insert(&self, journey: &Enrollment) -> Result<(), Error> {
        self.write("INSERT INTO journeys VALUES (?1, ?2, ?3, ?4)", journey, None).map(drop)
    }

    /// Writes `changed` unless another task has written the journey since it was loaded.
    fn compare_and_set(&self, loaded: u64, changed: &Enrollment) -> Result<bool, Error> {
        let update = "UPDATE journeys SET revision = ?2, is_open = ?3, json = ?4 \
                      WHERE id = ?1 AND revision = ?5";
        self.write(update, changed, Some(loaded))
    }
    // endregion

    fn write(&self, sql: &str, journey: &Enrollment, loaded: Option<u64>) -> Result<bool, Error> {
        let is_open = !matches!(journey.next(), Next::Done | Next::Failed(_));
        let (id, json) = (journey.id(), journey.to_json());
        // SQLite's integers are signed.
        let revision = journey.revision().cast_signed();
        let loaded = loaded.map(u64::cast_signed);
        let database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = match loaded {
            None => database.execute(sql, params![id, revision, is_open, json]),
            Some(loaded) => database.execute(sql, params![id, revision, is_open, json, loaded]),
        };
        Ok(rows.map_err(stored)? == 1)
    }

    fn load(&self, id: &str) -> Result<Enrollment, Error> {
        let database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let json: Option<String> = database
            .query_row("SELECT json FROM journeys WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .map_err(stored)?;
        Enrollment::from_json(&json.ok_or_else(|| Error::new(Class::NotFound, "id", "unknown"))?)
    }

    fn open_ids(&self) -> Result<Vec<String>, Error> {
        let database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut select =
            database.prepare("SELECT id FROM journeys WHERE is_open").map_err(stored)?;
        let rows = select.query_map([], |row| row.get(0)).map_err(stored)?;
        rows.collect::<Result<_, _>>().map_err(stored)
    }

    // region: change
    /// Applies an event to a journey and stores it. If another task stored a change meanwhile, the
    /// event is applied to the changed journey, which is safe because every event may come twice.
    fn change(
        &self,
        id: &str,
        event: impl Fn(&mut Enrollment) -> Result<EventOutcome, Error>,
    ) -> Result<EventOutcome, Error> {
        loop {
            let mut journey = self.load(id)?;
            let loaded = journey.revision();
            if event(&mut journey)? == EventOutcome::Known {
                return Ok(EventOutcome::Known);
            }
            if self.compare_and_set(loaded, &journey)? {
                return Ok(EventOutcome::New);
            }
        }
    }
    // endregion
}

fn stored(error: rusqlite::Error) -> Error {
    Error::new(Class::Storage, "database", "the statement failed").with_source(error)
}

/// Everything that the tasks of this program share.
struct Server {
    journeys: Journeys,
    hub: CommandClient,
    identity: HubIdentity,
    pin: PublicKey,
    authority: LocalCa,
    changed: Notify,
}

impl Server {
    /// Stores a new journey. The driver sends its command.
    fn begin(&self, user: &str) -> Result<String, Error> {
        let template = Template::for_subject("CN=Card,O=Example", &AwsLcRs)?;
        let key = KeyGenRequest::of_kind("signer", KeyKind::Ec(Curve::P256));
        let profile = ProfileRequest::new("Example", "Card", vec![key.with_template(&template)]);
        let journey = Enrollment::begin(&AwsLcRs, CommandHeader::new(300, 300), user, profile)?;
        self.journeys.insert(&journey)?;
        self.changed.notify_one();
        Ok(journey.id().to_owned())
    }

    // region: resume
    /// Continues the journeys that an earlier process left open. Whether it sent a delivery of
    /// certificates is unknown, so that is sent again: installing them twice changes nothing.
    fn resume(&self) -> Result<(), Error> {
        for id in self.journeys.open_ids()? {
            let journey = self.journeys.load(&id)?;
            match journey.next() {
                Next::AwaitDelivery { submitted: None, .. } => {
                    self.journeys.change(&id, Enrollment::deliver_again)?;
                }
                // A provision command must not be sent twice, and its activation link is lost.
                Next::AwaitDevice { submitted: None, .. } => {
                    self.journeys.change(&id, |journey| journey.give_up("the link was lost"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
    // endregion

    // region: advance
    /// Does what a journey needs next, until it waits for the device. With `poll` it also asks the
    /// hub once, because a callback may have been lost.
    async fn advance(&self, id: &str, mut poll: bool) -> Result<(), Failed> {
        loop {
            let journey = self.journeys.load(id)?;
            match journey.next() {
                Next::Submit(command) | Next::Deliver(command) => {
                    // Stored first: of two tasks that get here, only one sends the command.
                    let sending = self.journeys.change(id, |journey| journey.sending(command))?;
                    if sending == EventOutcome::New {
                        self.send(id, command).await?;
                    }
                }
                Next::Prove => self.prove(&journey).await?,
                Next::AwaitDevice { submitted: Some(submitted), .. }
                | Next::AwaitDelivery { submitted: Some(submitted), .. }
                    if poll =>
                {
                    poll = false;
                    let state = self.hub.poll(&submitted.command_id).await?;
                    self.journeys.change(id, |journey| journey.received(&state))?;
                }
                _ => return Ok(()),
            }
        }
    }

    async fn send(&self, id: &str, command: &Command) -> Result<(), Failed> {
        let error = match self.hub.submit(command.clone()).await {
            Ok(submitted) => {
                self.journeys.change(id, |journey| journey.submitted(&submitted))?;
                return Ok(());
            }
            Err(error) => error,
        };
        if error.was_not_taken() {
            // The hub does not have it: the next round sends it.
            self.journeys.change(id, |journey| journey.not_sent(command))?;
        } else if command.provision().is_none() {
            // The hub may have it. Installing the same certificates twice changes nothing.
            self.journeys.change(id, Enrollment::deliver_again)?;
        }
        Err(error.into())
    }
    // endregion

    // region: prove
    /// Verifies the answer, has certificates issued, and stores them for delivery.
    async fn prove(&self, journey: &Enrollment) -> Result<(), Failed> {
        let verifier = Verifier::pinned(AwsLcRs, [&self.pin])?;
        let proven = match journey.prove_through(&verifier, &self.identity) {
            Ok(proven) => proven,
            Err(NotProven::Refused(refusal)) => {
                let reason = refusal.error().to_string();
                self.journeys.change(journey.id(), |journey| journey.give_up(&*reason))?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let mut certificates: Vec<(&str, Certificate)> = Vec::new();
        for key in proven.answer().keys() {
            if let Some(request) = key.request() {
                let issued = issue(&self.authority, request).await?;
                certificates.push((key.key_id(), issued.into_certificate()));
            }
        }
        let issued: Vec<_> = certificates.iter().map(|(id, issued)| (*id, issued)).collect();
        self.journeys.change(journey.id(), |journey| journey.issued(&proven, &issued))?;
        Ok(())
    }
    // endregion

    // region: drive
    /// Advances every open journey when something has changed, and every `pause` asks the hub.
    async fn drive(&self, pause: Duration) {
        let mut poll = true;
        loop {
            if let Err(error) = self.round(poll).await {
                complain(format_args!("the database: {}", chain(&error)));
            }
            poll = tokio::time::timeout(pause, self.changed.notified()).await.is_err();
        }
    }

    async fn round(&self, poll: bool) -> Result<(), Error> {
        for id in self.journeys.open_ids()? {
            if let Err(error) = self.advance(&id, poll).await {
                complain(format_args!("journey {id}: {}", chain(&*error)));
            }
        }
        Ok(())
    }
    // endregion

    /// How far a journey is, for the users of this server.
    fn state(&self, id: &str) -> Result<String, Error> {
        let journey = self.journeys.load(id)?;
        Ok(match journey.next() {
            Next::AwaitDevice { submitted: Some(submitted), .. } => {
                let link = submitted.destinations.first().map(|first| first.uri.expose());
                format!("open this link on the device: {}", link.unwrap_or("none"))
            }
            Next::AwaitDelivery { .. } | Next::Deliver(_) => String::from("being delivered"),
            Next::Done => String::from("installed"),
            Next::Failed(failure) => format!("failed: {failure:?}"),
            _ => String::from("in progress"),
        })
    }
}

// region: callbacks
/// Receives callbacks. `Ok` tells the hub that the journey is stored, and the hub forgets it then.
struct Callbacks(Arc<Server>);

impl CallbackApi for Callbacks {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        // The id of a journey is the `externalId` of its commands.
        let Some(id) = delivery.callback.external_id.as_deref() else { return Ok(()) };
        match self.0.journeys.change(id, |journey| journey.received(&delivery.callback)) {
            Ok(_) => self.0.changed.notify_one(),
            // The hub sends it again later.
            Err(error) if error.class() == Class::Storage => return Err(error),
            // Sending it again would not help.
            Err(error) => complain(format_args!("a callback was refused: {}", chain(&error))),
        }
        Ok(())
    }
}
// endregion

/// A response about one journey.
fn respond(result: Result<String, Error>) -> (StatusCode, String) {
    match result {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => {
            let status = StatusCode::from_u16(error.http_status());
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_string())
        }
    }
}

// region: serve
async fn serve(
    server: Arc<Server>,
    listen: SocketAddr,
    expected: BasicAuth,
    poll: Duration,
) -> Result<(), Failed> {
    server.resume()?;
    let (begin, state) = (server.clone(), server.clone());
    let callbacks =
        CallbackService::builder_with_basic_auth(expected, Callbacks(server.clone())).build();
    let begin = async move |extract::Path(user): extract::Path<String>| respond(begin.begin(&user));
    let state = async move |extract::Path(id): extract::Path<String>| respond(state.state(&id));
    let app = axum::Router::new()
        .route("/enrollments/{name}", post(begin).get(state))
        .fallback_service(callbacks);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    print(format_args!("listening on http://{}", listener.local_addr()?))?;
    tokio::select! {
        served = axum::serve(listener, app).into_future() => Ok(served?),
        () = server.drive(poll) => Ok(()),
    }
}
// endregion

async fn run() -> Result<(), Failed> {
    let Some(mut parser) = support::program::arguments(HELP)? else { return Ok(()) };
    let (mut hub, mut public_url, mut pin, mut database) = (None, None, None, None);
    let (mut listen, mut poll) = (SocketAddr::from(([127, 0, 0, 1], 8081)), 15);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("hub") => hub = Some(BaseUrl::parse(&parser.value()?.string()?)?),
            Long("public-url") => public_url = Some(BaseUrl::parse(&parser.value()?.string()?)?),
            Long("attestation-key") => {
                let text = support::files::read_text(Path::new(&parser.value()?))?;
                pin = Some(Jwk::from_json(text.trim())?.public_key().clone());
            }
            Long("database") => database = Some(PathBuf::from(parser.value()?)),
            Long("listen") => listen = parser.value()?.parse()?,
            Long("poll-seconds") => poll = parser.value()?.parse()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let hub = hub.ok_or_else(|| usage("--hub is missing"))?;
    let database = database.ok_or_else(|| usage("--database is missing"))?;
    let secret = |variable| {
        support::program::secret(variable)?
            .ok_or_else(|| usage(format!("the environment variable {variable} is missing")))
    };
    if !listen.ip().is_loopback() {
        return Err(usage("--listen must be on loopback: put a proxy with TLS in front"));
    }
    let api_key = ApiKey::parse(&secret("KEYFERRY_API_KEY")?)?;
    let callback_auth = BasicAuth::parse(&secret("KEYFERRY_CALLBACK_AUTH")?)?;

    support::clients::install_tls();
    let provider: Arc<dyn Provider> = Arc::new(AwsLcRs);
    let year = Duration::from_secs(365 * 24 * 3600);
    let ca_key = support::keys::key_in(&database.with_extension("ca.p8"), &*provider)?;
    let clock = Arc::new(SystemClock);
    let server = Server {
        journeys: Journeys::open(&database)?,
        hub: CommandClient::new(
            support::clients::asynchronous(&hub, None)?,
            hub.join(&["command"]),
            api_key,
        ),
        identity: HubIdentity::from_public_address(public_url.unwrap_or_else(|| hub.join(&["ms"]))),
        pin: pin.ok_or_else(|| usage("--attestation-key is missing"))?,
        authority: LocalCa::new_root("CN=Example root", Arc::new(ca_key), provider, clock, year)?,
        changed: Notify::new(),
    };
    serve(Arc::new(server), listen, callback_auth, Duration::from_secs(poll)).await
}
