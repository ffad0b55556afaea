//! The journey over sockets: each transport with each framework, by callbacks and by polling, and
//! over TLS with the certificate that the device saw.

use std::sync::Arc;
use std::time::Duration;

use crate::support::inbox::Inbox;
use crate::support::parties::agent;
use crate::support::pki::{Authority, provide_tls, root};
use crate::support::serve::{Framework, Late, PATIENCE, Served};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use keyferry::client::WaitPolicy;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, Provider as _, Signer};
use keyferry::csr::Template;
use keyferry::hermod::Dialect;
use keyferry::hermod::client::{CallbackSender, CommandClient, blocking, wait_for};
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::device::{Agent, DevicePolicy, Event};
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::integrator::{Enrollment, HubIdentity, Next};
use keyferry::hermod::model::{
    Callback, CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest,
};
use keyferry::hermod::proof::Verifier;
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::{AnyCallbackApi, ApiKey, BasicAuth, CommandApi as _, WebhookSecret};
use keyferry::issuer::issue;
use keyferry::keys::{KeyStore as _, MemoryKeyStore};
use keyferry::transport::{
    GuardedTransport, OnThreads, ReqwestTransport, TargetPolicy, Transport, UreqTransport,
};
use keyferry::{BaseUrl, Class, Error, Secret, SystemClock};

/// A hub at an address, and what it is known by.
struct World {
    base: String,
    hub_work: tokio::task::JoinHandle<()>,
    inbox: Option<Inbox>,
    _receiver: Option<Served>,
    attestation: Arc<dyn Signer>,
    key: ApiKey,
}

impl Drop for World {
    fn drop(&mut self) {
        self.hub_work.abort();
    }
}

impl World {
    /// Makes the hub that `late` serves at `base`.
    async fn new(framework: Framework, base: String, late: &Late, with_callbacks: bool) -> Self {
        let key = Secret::new("5ecre7");
        let mut shop = IntegratorConfig::new("shop").with_key(Digest::of(&AwsLcRs, &key));
        let (mut inbox, mut receiver) = (None, None);
        if with_callbacks {
            let taker = Inbox::default();
            inbox = Some(taker.clone());
            let gate = move |given: Option<BasicAuth>| match given {
                Some(given) if given == BasicAuth::new("hub", Secret::new("pw")) => {
                    Ok(taker.clone())
                }
                _ => Err(Error::new(
                    Class::Unauthorized,
                    "",
                    "no credential, or one that does not fit",
                )),
            };
            let service = CallbackService::builder(gate)
                .with_signature(
                    Arc::new(AwsLcRs),
                    [WebhookSecret::parse("whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==")
                        .unwrap()],
                    Duration::from_secs(300),
                )
                .build();
            let served = Served::start(framework, service).await;
            let policy = TargetPolicy::new().danger_with_plain_http().danger_with_host("127.0.0.1");
            let sender = CallbackSender::new(
                GuardedTransport::reqwest(policy).unwrap(),
                BaseUrl::parse(&served.base).unwrap(),
            )
            .unwrap();
            let sender =
                sender.with_basic_auth(BasicAuth::new("hub", Secret::new("pw"))).with_signature(
                    Arc::new(AwsLcRs),
                    [WebhookSecret::parse("whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==")
                        .unwrap()],
                );
            shop = shop.with_callback(AnyCallbackApi::new(sender));
            receiver = Some(served);
        }
        let config =
            HubConfig::new(format!("{base}/ms"), "localhost").unwrap().with_integrator(shop);
        let hub = Hub::builder(Arc::new(AwsLcRs), config).build().unwrap();
        late.set(HermodService::of_hub(&hub).unwrap());
        let hub_work = tokio::spawn(async move {
            hub.run().await;
        });
        let attestation: Arc<dyn Signer> =
            Arc::new(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
        Self {
            base,
            hub_work,
            inbox,
            _receiver: receiver,
            attestation,
            key: ApiKey::new("shop", key),
        }
    }

    fn device(&self, transport: Arc<dyn Transport>, keys: Arc<MemoryKeyStore>) -> Agent {
        let connector = HttpConnector::new(transport, Arc::new(AwsLcRs));
        agent(keys, Arc::new(connector), self.attestation.clone())
            .with_policy(
                DevicePolicy::new().danger_with_plain_hub(&format!("{}/ms", self.base)).unwrap(),
            )
            .build()
            .unwrap()
    }

    fn commands(&self) -> BaseUrl {
        BaseUrl::parse(&format!("{}/command", self.base)).unwrap()
    }

    /// What tells the integrator how a command ended: its callback, or polling.
    async fn outcome(&mut self, client: &CommandClient, enrollment: &Enrollment) -> Callback {
        if let Some(inbox) = &self.inbox {
            return tokio::time::timeout(PATIENCE, inbox.next()).await.unwrap();
        }
        let (Next::AwaitDevice { submitted: Some(submitted), .. }
        | Next::AwaitDelivery { submitted: Some(submitted), .. }) = enrollment.next()
        else {
            panic!("nothing to wait for")
        };
        wait_for(
            client,
            &submitted.command_id,
            &WaitPolicy::new(PATIENCE),
            Dialect::standard(),
            &SystemClock,
        )
        .await
        .unwrap()
    }

    /// The whole journey, and what the device has at its end. `known` is what the integrator knows
    /// of the hub.
    async fn journey(&mut self, transport: Arc<dyn Transport>, known: &HubIdentity) {
        let client = CommandClient::new(transport.clone(), self.commands(), self.key.clone());
        let keys = Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs)));
        let ca = root(Arc::new(SystemClock));
        let mut enrollment = begin();
        loop {
            // Both processes end here, and others go on with what was stored.
            enrollment = Enrollment::from_json(&enrollment.to_json()).unwrap();
            let device = self.device(transport.clone(), keys.clone());
            match enrollment.next() {
                Next::Submit(command) | Next::Deliver(command) => {
                    let command = command.clone();
                    enrollment.sending(&command).unwrap();
                    enrollment.submitted(&client.submit(command).await.unwrap()).unwrap();
                }
                Next::AwaitDevice { submitted, .. } => {
                    let events = device
                        .activate(submitted.unwrap().destinations[0].uri.expose())
                        .await
                        .unwrap();
                    assert!(matches!(events[..], [Event::Provisioned { .. }]), "{events:?}");
                    let outcome = self.outcome(&client, &enrollment).await;
                    enrollment.received(&outcome).unwrap();
                }
                Next::Prove => {
                    let verifier =
                        Verifier::pinned(AwsLcRs, [self.attestation.public_key()]).unwrap();
                    let elsewhere = HubIdentity::new().with_certificate_sha256([0; 32]);
                    assert_eq!(
                        enrollment
                            .prove_through(&verifier, &elsewhere)
                            .unwrap_err()
                            .into_refusal()
                            .unwrap()
                            .class(),
                        Class::Channel
                    );
                    let proven = enrollment.prove_through(&verifier, known).unwrap();
                    let certificate =
                        issue(&ca, proven.answer().keys()[0].request().unwrap()).await.unwrap();
                    enrollment.issued(&proven, &[("signer", &certificate)]).unwrap();
                }
                Next::AwaitDelivery { .. } => {
                    let profiles = keys.profiles().await.unwrap();
                    let events =
                        device.poll(&profiles[0].names.id, Duration::from_secs(10)).await.unwrap();
                    assert!(matches!(events[..], [Event::Answered { code: 0, .. }]), "{events:?}");
                    let outcome = self.outcome(&client, &enrollment).await;
                    enrollment.received(&outcome).unwrap();
                }
                Next::Done => break,
                other => panic!("{other:?}"),
            }
        }
        let profiles = keys.profiles().await.unwrap();
        let installed = profiles[0].key("signer").unwrap();
        installed.certificate.as_ref().unwrap().require_key(&installed.public_key).unwrap();
    }
}

fn begin() -> Enrollment {
    let mut request =
        KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
    request.cert_req =
        Some(Template::for_subject("CN=Jane,O=Acme", &AwsLcRs).unwrap().to_base64().into());
    let profile = ProfileRequest::new("Acme", "Jane", vec![request]);
    Enrollment::begin(&AwsLcRs, CommandHeader::new(300, 300), "jane@acme.example", profile).unwrap()
}

fn transports() -> [Arc<dyn Transport>; 2] {
    provide_tls();
    [Arc::new(ReqwestTransport::new().unwrap()), Arc::new(OnThreads::new(UreqTransport::new()))]
}

async fn pairs(framework: Framework) {
    for transport in transports() {
        for with_callbacks in [true, false] {
            let late = Late::default();
            let served = Served::start(framework, late.clone()).await;
            let mut world = World::new(
                framework,
                format!("{}/hermod/rest", served.base),
                &late,
                with_callbacks,
            )
            .await;
            let known = HubIdentity::new()
                .with_mailbox_base(BaseUrl::parse(&format!("{}/ms", world.base)).unwrap());
            world.journey(transport.clone(), &known).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_over_reqwest_and_ureq_with_axum() {
    pairs(Framework::Axum).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_over_reqwest_and_ureq_with_hyper() {
    pairs(Framework::Hyper).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_integrator_submits_and_waits() {
    for framework in [Framework::Axum, Framework::Hyper] {
        let late = Late::default();
        let served = Served::start(framework, late.clone()).await;
        let world =
            World::new(framework, format!("{}/hermod/rest", served.base), &late, false).await;
        let device =
            world.device(transports()[0].clone(), Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs))));
        let client =
            blocking::CommandClient::new(UreqTransport::new(), world.commands(), world.key.clone());
        let mut enrollment = begin();
        let Next::Submit(command) = enrollment.next() else { panic!("not at the beginning") };
        let command = command.clone();
        enrollment.sending(&command).unwrap();
        let submit = {
            let client = client.clone();
            move || client.submit(command)
        };
        let submitted = tokio::task::spawn_blocking(submit).await.unwrap().unwrap();
        enrollment.submitted(&submitted).unwrap();
        device.activate(submitted.destinations[0].uri.expose()).await.unwrap();
        let wait = move || client.wait(&submitted.command_id, &WaitPolicy::new(PATIENCE));
        enrollment.received(&tokio::task::spawn_blocking(wait).await.unwrap().unwrap()).unwrap();
        let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
        enrollment.prove_through(&verifier, &HubIdentity::new()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_the_signed_certificate_is_compared_with_the_hubs() {
    let authority = Authority::new("one");
    let leaf = authority.issue("localhost");
    let acceptor = leaf.acceptor();

    let late = Late::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}/hermod/rest", listener.local_addr().unwrap().port());
    let service = late.clone();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let serving = hyper::server::conn::http1::Builder::new();
                let _ = serving
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                    .await;
            });
        }
    });
    let mut world = World::new(Framework::Hyper, base, &late, true).await;
    let client = reqwest::Client::builder()
        .tls_info(true)
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_der(authority.der()).unwrap()]);
    let transport =
        ReqwestTransport::from_builder(client).unwrap().with_certificate(|extensions| {
            Some(extensions.get::<reqwest::tls::TlsInfo>()?.peer_certificate()?.to_vec())
        });
    let known = HubIdentity::new().with_certificate_sha256(AwsLcRs.sha256(&leaf.certificate));
    world.journey(Arc::new(transport), &known).await;
    serving.abort();
}
