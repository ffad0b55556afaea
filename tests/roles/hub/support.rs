//! A hub, its clock, an integrator that remembers its callbacks, and devices that do as they are
//! told.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider};
use keyferry::hermod::hub::{Hub, HubConfig, Integrator, Mailbox, MemoryStore};
use keyferry::hermod::model::{
    Activation, Address, Answer, CertificateCommand, CertificateResponse, Command, CommandHeader,
    DeviceInfo, KeyCertificate, KeyGenRequest, KeyTypePrio, KeyUsage, Message, PingCommand,
    PingResponse, ProfileRequest, ProvisionCommand, ProvisionResponse, ReservedBox, Response,
    Submitted,
};
use keyferry::hermod::proof::{KeyRequest, UnsignedAnswer};
use keyferry::hermod::wire::{AnyCallbackApi, ApiKey, CommandApi, MailboxApi, MailboxKey};
use keyferry::{Error, Gate, ManualClock, Secret};

pub(crate) use crate::support::inbox::{Inbox, Mood};
use crate::support::parties::three_integrators;
pub(crate) use crate::support::parties::{HOST, PUBLIC, USER};
pub(crate) use crate::support::refused;
use crate::support::time;

pub(crate) const PROFILE: &str = "3051e9f3-0e4d-436b-a512-2e18d8afe134";

/// A hub with the integrators `shop` and `portal` of the group `acme`, and `rival` of none.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) clock: ManualClock,
    pub(crate) shop: Inbox,
    pub(crate) store: Arc<MemoryStore>,
}

pub(crate) fn config(shop: &Inbox) -> HubConfig {
    three_integrators(Some(AnyCallbackApi::new(shop.clone())))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut HubConfig)) -> Self {
        let shop = Inbox::default();
        let mut config = config(&shop);
        change(&mut config);
        let clock = time::clock();
        let store = Arc::new(MemoryStore::default());
        let hub = Hub::builder(Arc::new(AwsLcRs), config)
            .with_clock(Arc::new(clock.clone()))
            .with_store(store.clone())
            .build()
            .unwrap();
        Self { hub, clock, shop, store }
    }

    pub(crate) async fn integrator(&self, id: &str) -> Integrator {
        self.hub.open(ApiKey::new(id, Secret::new(format!("{id}-key")))).await.unwrap()
    }

    pub(crate) async fn submit(&self, command: Command) -> Submitted {
        self.integrator("shop").await.submit(command).await.unwrap()
    }

    pub(crate) async fn refusal(&self, command: Command) -> Error {
        self.integrator("shop").await.submit(command).await.unwrap_err()
    }

    pub(crate) async fn state(&self, submitted: &Submitted) -> String {
        self.integrator("shop").await.poll(&submitted.command_id).await.unwrap().state.to_string()
    }

    pub(crate) async fn step(&self) -> Option<SystemTime> {
        self.hub.step().await.unwrap()
    }

    pub(crate) async fn pass(&self, secs: u64) -> Option<SystemTime> {
        self.clock.advance(Duration::from_secs(secs));
        self.step().await
    }

    /// Opens the `n`th destination with a claim of that letter.
    pub(crate) async fn open(&self, submitted: &Submitted, n: usize, claim: char) -> Mailbox {
        self.hub.open(key(submitted, n, claim)).await.unwrap()
    }

    /// Provisions `user` and gives the credential of the new permanent mailbox.
    pub(crate) async fn provision(&self, user: &str, profile: &str) -> MailboxKey {
        let submitted = self.submit(provision_to(user)).await;
        let mailbox = self.open(&submitted, 0, 'p').await;
        let message = mailbox.fetch(&submitted.destinations[0].mid).await.unwrap();
        let reserved = mailbox.reserve().await.unwrap();
        let answer = provisioned(&message, &reserved.box_url, profile);
        mailbox.answer(&submitted.destinations[0].mid, &answer.to_json()).await.unwrap();
        MailboxKey::of_mailbox(reserved.bid, reserved.token)
    }
}

/// A claim, all of one letter.
pub(crate) fn claim(letter: char) -> Secret {
    Secret::new(crate::support::parties::claim(letter))
}

/// The credential in the activation link of the `n`th destination.
pub(crate) fn key(submitted: &Submitted, n: usize, letter: char) -> MailboxKey {
    let Activation::Plugout(link) = submitted.destinations[n].activation().unwrap() else {
        panic!("not a plugout link")
    };
    assert_eq!(link.url, format!("{PUBLIC}/{}", submitted.destinations[n].bid));
    MailboxKey::of_message(link.bid().unwrap(), link.token.clone(), claim(letter))
}

pub(crate) fn provision_to(user: &str) -> Command {
    let key_type = KeyTypePrio::new("EC", "256", "ES256");
    let keys = vec![KeyGenRequest::new("signer", KeyUsage::SIG, vec![key_type])];
    Command::new(
        CommandHeader::new(300, 200),
        ProvisionCommand::new("n0nce", user, ProfileRequest::new("Acme", "Jane", keys)),
    )
}

pub(crate) fn ping(to: &[Address]) -> Command {
    let mut header = CommandHeader::new(300, 200);
    header.to = (!to.is_empty()).then(|| to.to_vec());
    Command::new(header, PingCommand::new(false))
}

pub(crate) fn certificate(to: Address, profile: &str) -> Command {
    let mut header = CommandHeader::new(300, 200);
    header.to = Some(vec![to]);
    // Any certificate: the hub does not know the keys.
    let real =
        Command::from_json(include_str!("../../fixtures/hermod/certificate-command.json")).unwrap();
    let keyferry::hermod::model::CommandBody::Certificate(real) = real.body else {
        panic!("not a certificate command")
    };
    let data = real.certificates[0].data.clone();
    Command::new(
        header,
        CertificateCommand::new(profile, vec![KeyCertificate::new("signer", data)]),
    )
}

pub(crate) fn user(id: &str) -> Address {
    Address::user(id).unwrap()
}

pub(crate) fn pong(location: &str, code: i64) -> String {
    Answer::new(location, Response::Ping(PingResponse::new(code))).to_json()
}

pub(crate) fn certified(location: &str, code: i64) -> String {
    Answer::new(location, Response::Certificate(CertificateResponse::new(code))).to_json()
}

/// The answer of an honest device.
pub(crate) fn provisioned(message: &Message, box_url: &str, profile: &str) -> Answer {
    let signed = |asked: &KeyRequest| {
        UnsignedAnswer::new(asked, profile, box_url, DeviceInfo::new("Linux"))
            .with_fqdn(message.header.fqdn.as_str())
    };
    provisioned_by(message, signed)
}

/// The same with the outer part as `build` makes it.
pub(crate) fn provisioned_by(
    message: &Message,
    build: impl FnOnce(&KeyRequest) -> UnsignedAnswer,
) -> Answer {
    let keyferry::hermod::model::CommandBody::Provision(command) = &message.body else {
        panic!("not a provision command")
    };
    let asked = KeyRequest::from_command(command).unwrap();
    let (pair, attestation) = (
        AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap(),
        AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap(),
    );
    let key = asked.keys[0].sign(&asked.nonce, Algorithm::Es256, None, &*pair).unwrap();
    let jws = build(&asked).with_signed_keys([key]).sign(&*attestation).unwrap();
    Answer::new(
        message.header.location.as_str(),
        Response::Provision(ProvisionResponse::success(jws)),
    )
}

/// A message that is being provisioned, with a mailbox reserved.
pub(crate) struct Provisioning {
    pub(crate) submitted: Submitted,
    pub(crate) mailbox: Mailbox,
    pub(crate) message: Message,
    pub(crate) reserved: ReservedBox,
}

impl Provisioning {
    pub(crate) async fn begin(world: &World) -> Self {
        let submitted = world.submit(provision_to(USER)).await;
        let mailbox = world.open(&submitted, 0, 'c').await;
        let message = mailbox.fetch(&submitted.destinations[0].mid).await.unwrap();
        let reserved = mailbox.reserve().await.unwrap();
        Self { submitted, mailbox, message, reserved }
    }

    pub(crate) fn mid(&self) -> &str {
        &self.submitted.destinations[0].mid
    }

    pub(crate) fn success(&self) -> String {
        provisioned(&self.message, &self.reserved.box_url, PROFILE).to_json()
    }

    pub(crate) async fn answer(&self, text: &str) -> Result<(), Error> {
        self.mailbox.answer(self.mid(), text).await
    }
}
