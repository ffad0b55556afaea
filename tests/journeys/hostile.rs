//! Two thousand journeys over a network that loses, delays, repeats, overtakes and garbles, in
//! simulated time: every party continues until it has what it needs, and at the end nobody believes
//! what is not so. (Bytes that change on the way are TLS's business; here they may cost a journey,
//! but never its truth.)

use std::sync::Arc;
use std::time::Duration;

use crate::support::inbox::Inbox;
use crate::support::parties::{PUBLIC, agent};
use crate::support::pki::root;
use crate::support::signer;
use crate::support::time::SimClock;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, Signer};
use keyferry::csr::Template;
use keyferry::hermod::client::{CallbackSender, CommandClient};
use keyferry::hermod::device::Agent;
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::integrator::{Enrollment, EventOutcome, Next};
use keyferry::hermod::model::{
    CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest, State,
};
use keyferry::hermod::proof::Verifier;
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::{
    AnyCallbackApi, ApiKey, BasicAuth, CommandApi as _, Delivery, MailboxApi as _, MailboxKey,
    WebhookSecret,
};
use keyferry::issuer::{LocalCa, issue};
use keyferry::keys::{KeyStore as _, MemoryKeyStore};
use keyferry::server::{Rate, ServerConfig};
use keyferry::testing::{Chaos, Faults};
use keyferry::transport::{GuardedTransport, InProcess, TargetPolicy, Transport};
use keyferry::{BaseUrl, Certificate, Class, Clock, Error, Gate as _, Secret};

const COMMANDS: &str = "https://hub.example/hermod/rest/command";
const CALLBACKS: &str = "https://shop.example/ws/hermod";
const LIFESPAN: u64 = 120;
const JOURNEYS: usize = 2000;
const AT_A_TIME: usize = 100;

#[derive(Clone)]
struct World {
    clock: Arc<dyn Clock>,
    chaos: Chaos,
    hub: Hub,
    /// The network to the hub, and the hub at its end.
    to_hub: Arc<dyn Transport>,
    inbox: Inbox,
    key: Secret,
    attestation: Arc<dyn Signer>,
    ca: Arc<LocalCa>,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new());
        let chaos = Chaos::new(seed, faults, clock.clone());
        let inbox = Inbox::default();

        let basic = BasicAuth::parse("hub:pw").unwrap();
        let taker = inbox.clone();
        let gate = move |given: Option<BasicAuth>| match given {
            Some(given) if given == BasicAuth::parse("hub:pw").unwrap() => Ok(taker.clone()),
            _ => {
                Err(Error::new(Class::Unauthorized, "", "no credential, or one that does not fit"))
            }
        };
        let mut config = ServerConfig::default();
        config.clock = clock.clone();
        // Nobody here is too fast: time stands still while they work.
        (config.limits.tenant_rate, config.limits.device_rate) =
            (Rate::unlimited(), Rate::unlimited());
        (config.limits.tenant_concurrent, config.limits.device_concurrent) = (1024, 1024);
        let receiver = CallbackService::builder(gate).with_config(config.clone());
        let receiver = receiver.with_signature(
            Arc::new(AwsLcRs),
            [WebhookSecret::parse("whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==").unwrap()],
            Duration::from_secs(300),
        );
        let receiver = receiver.build();
        let to_shop = GuardedTransport::danger_unguarded(
            TargetPolicy::new(),
            Arc::new(chaos.transport(Arc::new(InProcess(receiver)))),
        );
        let sender = CallbackSender::new(to_shop, BaseUrl::parse(CALLBACKS).unwrap()).unwrap();
        let sender = sender
            .with_basic_auth(basic)
            .with_signature(
                Arc::new(AwsLcRs),
                [WebhookSecret::parse("whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==")
                    .unwrap()],
            )
            .with_clock(clock.clone());

        let key = Secret::new("3f2a");
        let shop = IntegratorConfig::new("shop")
            .with_key(Digest::of(&AwsLcRs, &key))
            .with_callback(AnyCallbackApi::new(sender));
        let mut hub_config = HubConfig::new(PUBLIC, "hub.example").unwrap().with_integrator(shop);
        hub_config.callbacks.attempts = 20;
        hub_config.callbacks.max_delay = Duration::from_secs(60);
        let hub =
            Hub::builder(Arc::new(AwsLcRs), hub_config).with_clock(clock.clone()).build().unwrap();
        let service = HermodService::hub_builder(&hub).with_config(config).build().unwrap();
        let to_hub: Arc<dyn Transport> = Arc::new(chaos.transport(Arc::new(InProcess(service))));

        let ca = root(clock.clone());
        let attestation = signer(KeyKind::Ec(Curve::P256));
        Self { clock, chaos, hub, to_hub, inbox, key, attestation, ca: Arc::new(ca) }
    }

    async fn sleep(&self, secs: u64) {
        self.clock.sleep(Duration::from_secs(secs)).await;
    }

    fn client(&self) -> CommandClient {
        let key = ApiKey::new("shop", self.key.clone());
        CommandClient::new(self.to_hub.clone(), BaseUrl::parse(COMMANDS).unwrap(), key)
            .with_clock(self.clock.clone())
    }

    fn device(&self, keys: Arc<MemoryKeyStore>) -> Agent {
        let connector = HttpConnector::new(self.to_hub.clone(), Arc::new(AwsLcRs))
            .with_clock(self.clock.clone());
        agent(keys, Arc::new(connector), self.attestation.clone()).build().unwrap()
    }

    /// Waits for the callback of a command in a journey; `None` if its time is up for good.
    async fn hear(&self, enrollment: &mut Enrollment) -> Option<()> {
        // The callback of a command that timed out needs its time too.
        for _ in 0..LIFESPAN * 2 {
            // Refused is what is told of a delivery that was sent again since, or of a command
            // whose id was garbled.
            if self
                .inbox
                .of(enrollment.id())
                .iter()
                .any(|callback| enrollment.received(callback) == Ok(EventOutcome::New))
            {
                return Some(());
            }
            self.sleep(3).await;
        }
        None
    }

    /// One person gets a card. Gives how many journeys that took.
    async fn enroll(&self, number: usize) -> usize {
        let user = format!("user-{number}");
        let keys = Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs)));
        // The device polls its mailboxes all the time, each time as a new process.
        let device = tokio::spawn({
            let (world, keys) = (self.clone(), keys.clone());
            async move {
                loop {
                    world.device(keys.clone()).run_once().await;
                    world.sleep(5).await;
                }
            }
        });
        let mut journeys = 0;
        let proven = loop {
            journeys += 1;
            assert!(journeys < 50, "a journey has to succeed some time");
            if let Some(done) = self.journey(&user, &keys).await {
                break done;
            }
        };
        // Whatever was begun and not ended goes, and what was installed stays.
        for _ in 0..LIFESPAN {
            if keys.all_pending().await.unwrap().is_empty()
                && keys.activations().await.unwrap().is_empty()
            {
                break;
            }
            self.sleep(5).await;
        }
        device.abort();
        assert!(keys.all_pending().await.unwrap().is_empty(), "keys that nobody knows of");
        assert!(keys.activations().await.unwrap().is_empty());
        for profile in keys.profiles().await.unwrap() {
            let bid = profile.channel.address.rsplit_once('/').unwrap().1;
            match self.hub.open(MailboxKey::of_mailbox(bid, profile.channel.token.clone())).await {
                Ok(mailbox) => {
                    drop(mailbox.list(Duration::ZERO).await.expect("a profile has a mailbox"))
                }
                // A token that was garbled when the device was told it opens nothing; nothing else
                // may keep it from its mailbox.
                Err(error) => assert!(
                    error.class() == Class::Unauthorized && self.chaos.tally().garbled > 0,
                    "{error}"
                ),
            }
        }
        let (profile_id, issued) = proven;
        let profile = keys
            .profile(&profile_id)
            .await
            .unwrap()
            .expect("the profile that the integrator knows of");
        let installed = profile.key("signer").unwrap();
        let certificate = installed.certificate.as_ref().unwrap();
        certificate.require_key(&installed.public_key).unwrap();
        // A device has nothing to hold a certificate against but its key; that no byte of the rest
        // changes is for TLS to see to.
        assert!(certificate.as_der() == issued.as_der() || self.chaos.tally().garbled > 0);
        issued.require_key(&installed.public_key).unwrap();
        journeys
    }

    /// One try: the profile and the certificate that the device says it has installed; `None` if it
    /// came to nothing.
    async fn journey(
        &self,
        user: &str,
        keys: &Arc<MemoryKeyStore>,
    ) -> Option<(String, Certificate)> {
        let mut request = KeyGenRequest::new(
            "signer",
            KeyUsage::SIG,
            vec![KeyTypePrio::new("EC", "256", "ES256")],
        );
        request.cert_req =
            Some(Template::for_subject("CN=Jane,O=Acme", &AwsLcRs).unwrap().to_base64().into());
        let profile = ProfileRequest::new("Acme", "Jane", vec![request]);
        let mut enrollment =
            Enrollment::begin(&AwsLcRs, CommandHeader::new(LIFESPAN, LIFESPAN), user, profile)
                .unwrap();
        let (mut proven, mut issued) = (None, None);
        loop {
            // The process ends here, and another continues from what was stored.
            enrollment = Enrollment::from_json(&enrollment.to_json()).unwrap();
            match enrollment.next() {
                Next::Submit(command) | Next::Deliver(command) => {
                    let command = command.clone();
                    enrollment.sending(&command).unwrap();
                    match self.client().submit(command.clone()).await {
                        // Refused only if it was garbled; then it is as if there was none.
                        Ok(submitted) => drop(enrollment.submitted(&submitted)),
                        Err(error) if error.was_not_sent() => {
                            enrollment.not_sent(&command).unwrap();
                        }
                        // Taken or not: to deliver twice is to deliver once.
                        Err(error) if command.provision().is_none() => {
                            assert!(
                                error.is_retryable() || self.chaos.tally().garbled > 0,
                                "{error}"
                            );
                            enrollment.deliver_again().unwrap();
                        }
                        // A callback tells, or nobody.
                        Err(_) => {}
                    }
                }
                Next::AwaitDevice { submitted, .. } => {
                    if let Some(submitted) = submitted {
                        // What fails is gone on with by the device's own loop.
                        let _ = self
                            .device(keys.clone())
                            .activate(submitted.destinations[0].uri.expose())
                            .await;
                    }
                    self.hear(&mut enrollment).await?;
                }
                Next::Prove => {
                    let expectation =
                        enrollment.expectation().unwrap().with_mailbox_base(PUBLIC).unwrap();
                    let verifier =
                        Verifier::pinned(AwsLcRs, [self.attestation.public_key()]).unwrap();
                    let proof = enrollment.prove(&verifier, &expectation).unwrap();
                    let certificate = issue(&*self.ca, proof.keys()[0].request().unwrap())
                        .await
                        .unwrap()
                        .into_certificate();
                    enrollment.issued(&proof, &[("signer", &certificate)]).unwrap();
                    (proven, issued) =
                        (Some(proof.answer().profile_id().to_owned()), Some(certificate));
                }
                Next::AwaitDelivery { .. } => {
                    self.hear(&mut enrollment).await?;
                }
                Next::Done => return Some((proven.unwrap(), issued.unwrap())),
                Next::Failed(_) => return None,
                other => panic!("{other:?}"),
            }
        }
    }
}

async fn run(seed: u64, faults: Faults, people: usize) -> (World, usize) {
    let world = World::new(seed, faults);
    let hub = tokio::spawn({
        let hub = world.hub.clone();
        async move { hub.run().await }
    });
    let mut journeys = 0;
    for batch in 0..people.div_ceil(AT_A_TIME) {
        let mut at_work = tokio::task::JoinSet::new();
        for number in batch * AT_A_TIME..people.min((batch + 1) * AT_A_TIME) {
            let world = world.clone();
            at_work.spawn(async move { world.enroll(number).await });
        }
        while let Some(done) = at_work.join_next().await {
            journeys += done.unwrap();
        }
    }
    // The last callbacks arrive, and none was given up.
    world.sleep(3600).await;
    hub.abort();
    assert!(
        world.hub.failed_deliveries(None, None, 10).await.unwrap().is_empty(),
        "an answer was lost"
    );
    for Delivery { callback, .. } in world.inbox.seen() {
        let polled =
            world.hub.integrator("shop").unwrap().poll(&callback.command_id).await.unwrap();
        assert_eq!(polled.state, callback.state, "what was told is what is");
        assert_ne!(polled.state, State::IN_PROGRESS);
    }
    (world, journeys)
}

#[tokio::test(start_paused = true)]
async fn two_thousand_hostile_journeys_end_right_and_lose_no_answer() {
    let mut faults = Faults::each(5);
    faults.garbled = 0;
    let (world, journeys) = run(20_261_122, faults, JOURNEYS).await;
    let tally = world.chaos.tally();
    println!("{JOURNEYS} people, {journeys} journeys, {tally:?}");
    let least = tally.exchanges / 40;
    for count in
        [tally.unreachable, tally.lost_requests, tally.lost_answers, tally.delayed, tally.repeated]
    {
        assert!(count > least, "{tally:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_network_that_works_every_journey_succeeds_at_once() {
    let (world, journeys) = run(1, Faults::none(), 50).await;
    assert_eq!(journeys, 50);
    assert_eq!(world.chaos.tally().lost_answers, 0);
}

#[tokio::test(start_paused = true)]
async fn garbled_answers_never_make_a_party_believe_a_falsehood() {
    let (world, journeys) = run(4711, Faults::each(5), 300).await;
    println!("300 people, {journeys} journeys, {:?}", world.chaos.tally());
    assert!(world.chaos.tally().garbled > 50);
}
