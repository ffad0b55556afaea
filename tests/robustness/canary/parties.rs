//! The parties of a journey, over sockets, with a secret wherever one can stand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use keyferry::client::RetryPolicy;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, Provider as _, Signer};
use keyferry::hermod::client::{CallbackSender, CommandClient, ContentClient};
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::device::{
    Agent, Decision, DevicePolicy, InProcessConnector, PinNonce, PinReset, PinResetRefusal,
    Question,
};
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig, MemoryStore};
use keyferry::hermod::model::{
    Callback, ContentAnswer, ContentItem, DeviceInfo, EndPinResetCommand, KeyGenRequest,
    KeyTypePrio, KeyUsage, ProfileRequest, StartPinResetCommand,
};
use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::{
    AnyCallbackApi, AnyContentApi, ApiKey, BasicAuth, CallbackApi, ContentApi, Delivery,
    WebhookSecret,
};
use keyferry::keys::{FileKeyStore, Profile};
use keyferry::transport::{
    BlockingTransport, ExchangeLimits, GuardedTransport, OnThreads, ReqwestTransport, TargetPolicy,
    Transport, TransportError, UreqTransport,
};
use keyferry::{BaseUrl, BoxFuture, Class, Error, Secret};
use tokio::sync::mpsc;

use crate::canary::{Evidence, base64};
use crate::support::serve::{Framework, Late, Served};

pub(crate) const API_KEY: &str = "canary-api-key-93d1";
pub(crate) const CALLBACK_PASSWORD: &str = "canary-callback-password-5e02";
pub(crate) const CALLBACK_SECRET: &str = "whsec_Y2FuYXJ5LWNhbGxiYWNrLXNlY3JldC03MWFh";
pub(crate) const CALLBACK_PATH: &str = "canary-callback-path-c480";
pub(crate) const CONTENT_PASSWORD: &str = "canary-content-password-2f6b";
pub(crate) const CONTENT_PATH: &str = "canary-content-path-8d15";
pub(crate) const PICTURE: &str = "canary-picture-of-the-content-provider-44e7";
pub(crate) const SEAL_KEY: &[u8; 32] = b"canary-seal-key-of-the-hub-b3f90";
pub(crate) const CHALLENGE: &str = "canary-challenge-password-6ac3";
pub(crate) const WRONG_PASSWORD: &str = "canary-wrong-password-0b77";
pub(crate) const PANIC: &str = "canary-of-a-gate-that-panics-e219";

pub(crate) fn limits() -> ExchangeLimits {
    ExchangeLimits::new(Duration::from_secs(20), 1024 * 1024)
}

/// Notes the credentials of every request, and sends it.
#[derive(Clone)]
pub(crate) struct Watched<T>(pub(crate) T, pub(crate) Evidence);

impl<T> Watched<T> {
    fn note(&self, request: &Request<Bytes>) {
        for (name, secret) in [("authorization", "a token of a mailbox"), ("x-claim", "a claim")] {
            if let Some(value) = request.headers().get(name) {
                let value = value.to_str().unwrap();
                self.1.secret(secret, value.strip_prefix("Bearer ").unwrap_or(value));
            }
        }
    }
}

impl<T: Transport> Transport for Watched<T> {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.note(&request);
        self.0.send(request)
    }
}

impl<T: BlockingTransport> BlockingTransport for Watched<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.note(&request);
        self.0.send(request)
    }
}

/// Both transports, watched.
pub(crate) fn transports(evidence: &Evidence) -> [(&'static str, Arc<dyn Transport>); 2] {
    let (reqwest, ureq) = (ReqwestTransport::new().unwrap(), OnThreads::new(UreqTransport::new()));
    evidence.show(&(&reqwest, &ureq, UreqTransport::new()));
    [
        ("reqwest", Arc::new(Watched(reqwest, evidence.clone()))),
        ("ureq", Arc::new(Watched(ureq, evidence.clone()))),
    ]
}

pub(crate) fn guarded() -> GuardedTransport {
    GuardedTransport::reqwest(
        TargetPolicy::new().danger_with_plain_http().danger_with_host("127.0.0.1"),
    )
    .unwrap()
}

pub(crate) fn api_key() -> ApiKey {
    ApiKey::new("shop", Secret::new(API_KEY))
}

/// Hands callbacks on as they come.
#[derive(Clone)]
struct Ears(mpsc::UnboundedSender<Callback>, Evidence);

impl CallbackApi for Ears {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        self.1.show(&delivery);
        if delivery.id == PANICS {
            panic!("with {delivery:?}");
        }
        self.0
            .send(delivery.callback)
            .map_err(|_| Error::new(Class::Unavailable, "", "nobody listens"))
    }
}

/// The id of a delivery that the handler does not survive.
pub(crate) const PANICS: &str = "0191e0b4-2f0e-7f6a-8d49-8a3c5c3f2a11";

struct Pictures;

impl ContentApi for Pictures {
    async fn content(&self, _: &str) -> Result<ContentAnswer, Error> {
        Ok(ContentAnswer::new(vec![ContentItem::image(
            None,
            "image/jpeg",
            // The beginning of every JPEG image.
            base64([&[0xff, 0xd8, 0xff][..], PICTURE.as_bytes()].concat()),
        )]))
    }
}

/// A card that takes every proof.
pub(crate) struct Card(pub(crate) Evidence);

impl PinReset for Card {
    fn start<'a>(
        &'a self,
        profile: Option<&'a Profile>,
        command: &'a StartPinResetCommand,
    ) -> BoxFuture<'a, Result<PinNonce, PinResetRefusal>> {
        self.0.show(&(profile, command));
        Box::pin(async { Ok(PinNonce::new("nonce-1")) })
    }

    fn end<'a>(
        &'a self,
        profile: Option<&'a Profile>,
        command: &'a EndPinResetCommand,
    ) -> BoxFuture<'a, Result<(), PinResetRefusal>> {
        self.0.show(&(profile, command));
        Box::pin(async { Ok(()) })
    }
}

/// A hub, its integrator's receiver of callbacks, and its content provider.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) base: String,
    pub(crate) callbacks: BaseUrl,
    pub(crate) contents: BaseUrl,
    pub(crate) heard: mpsc::UnboundedReceiver<Callback>,
    pub(crate) attestation: Arc<dyn Signer>,
    pub(crate) work: tokio::task::JoinHandle<()>,
    pub(crate) served: [Served; 3],
}

impl World {
    pub(crate) async fn new(evidence: &Evidence) -> Self {
        let (ears, heard) = mpsc::unbounded_channel();
        let ears = Ears(ears, evidence.clone());
        let gate = {
            let evidence = evidence.clone();
            move |given: Option<BasicAuth>| {
                evidence.show(&given);
                match given {
                    Some(given) if given.password == Secret::new(PANIC) => panic!("with {given:?}"),
                    Some(given)
                        if given == BasicAuth::new("hub", Secret::new(CALLBACK_PASSWORD)) =>
                    {
                        Ok(ears.clone())
                    }
                    _ => Err(Error::new(
                        Class::Unauthorized,
                        "",
                        "no credential, or one that does not fit",
                    )),
                }
            }
        };
        let service = CallbackService::builder(gate)
            .with_signature(
                Arc::new(AwsLcRs),
                [WebhookSecret::parse(CALLBACK_SECRET).unwrap()],
                Duration::from_secs(300),
            )
            .build();
        evidence.show(&service);
        let receiver = Served::start(Framework::Hyper, service).await;
        let gate = |given: Option<BasicAuth>| match given {
            Some(given) if given == BasicAuth::new("hub", Secret::new(CONTENT_PASSWORD)) => {
                Ok(Pictures)
            }
            _ => {
                Err(Error::new(Class::Unauthorized, "", "no credential, or one that does not fit"))
            }
        };
        let service = HermodService::builder("").with_contents(gate).build().unwrap();
        evidence.show(&service);
        let provider = Served::start(Framework::Hyper, service).await;

        let callbacks = BaseUrl::parse(&format!("{}/{CALLBACK_PATH}", receiver.base)).unwrap();
        let contents = BaseUrl::parse(&format!("{}/{CONTENT_PATH}", provider.base)).unwrap();
        let sender = CallbackSender::new(guarded(), callbacks.clone()).unwrap();
        let sender = sender.with_basic_auth(BasicAuth::new("hub", Secret::new(CALLBACK_PASSWORD)));
        let sender = sender
            .with_signature(Arc::new(AwsLcRs), [WebhookSecret::parse(CALLBACK_SECRET).unwrap()]);
        let asker = ContentClient::new(guarded(), contents.clone())
            .unwrap()
            .with_basic_auth(BasicAuth::new("hub", Secret::new(CONTENT_PASSWORD)));
        evidence.show(&(guarded(), &sender, &asker));
        let shop = IntegratorConfig::new("shop")
            .with_key(Digest::of(&AwsLcRs, &Secret::new(API_KEY)))
            .with_callback(AnyCallbackApi::new(sender))
            .with_content(AnyContentApi::new(asker));

        let late = Late::default();
        let served = Served::start(Framework::Hyper, late.clone()).await;
        let base = format!("{}/hermod/rest", served.base);
        let mut config = HubConfig::new(format!("{base}/ms"), "localhost")
            .unwrap()
            .with_integrator(shop.clone());
        config.callbacks.attempts = 2;
        let builder =
            Hub::builder(Arc::new(AwsLcRs), config.clone()).with_seal_key((*SEAL_KEY).into());
        let store = Arc::new(MemoryStore::default());
        let builder = builder.with_store(store.clone());
        evidence.show(&(shop, config, &builder));
        let hub = builder.build().unwrap();
        let service = HermodService::of_hub(&hub).unwrap();
        evidence.show(&(&hub, hub.integrator("shop").unwrap(), &service, service.config()));
        evidence.show(&(HermodService::hub_builder(&hub), InProcessConnector(hub.clone())));
        late.set(service);
        let working = hub.clone();
        let work = tokio::spawn(async move {
            working.run().await;
        });
        let attestation: Arc<dyn Signer> =
            Arc::new(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
        Self {
            hub,
            store,
            base,
            callbacks,
            contents,
            heard,
            attestation,
            work,
            served: [served, receiver, provider],
        }
    }

    pub(crate) fn commands(&self) -> BaseUrl {
        BaseUrl::parse(&format!("{}/command", self.base)).unwrap()
    }

    pub(crate) fn client(&self, transport: &Arc<dyn Transport>, key: ApiKey) -> CommandClient {
        CommandClient::new(transport.clone(), self.commands(), key)
            .with_retry(RetryPolicy::NEVER)
            .with_limits(limits())
    }

    pub(crate) fn device(
        &self,
        transport: &Arc<dyn Transport>,
        keys: Arc<FileKeyStore>,
        evidence: &Evidence,
    ) -> Agent {
        let connector = HttpConnector::new(transport.clone(), Arc::new(AwsLcRs))
            .with_retry(RetryPolicy::NEVER)
            .with_limits(limits());
        let policy =
            DevicePolicy::new().danger_with_plain_hub(&format!("{}/ms", self.base)).unwrap();
        evidence.show(&(&keys, &connector, &policy));
        let asked = evidence.clone();
        let consent = move |question: &Question| {
            asked.show(question);
            Decision::Accept
        };
        let (attestation, info) = (self.attestation.clone(), DeviceInfo::new("Linux"));
        Agent::builder(Arc::new(AwsLcRs))
            .with_key_store(keys)
            .with_connector(Arc::new(connector))
            .with_consent(Arc::new(consent))
            .with_attestation_key(attestation)
            .with_policy(policy)
            .with_info(info)
            .with_pin_reset(Arc::new(Card(evidence.clone())))
            .build()
            .unwrap()
    }
}

/// Two keys, with a template that has a challenge password.
pub(crate) fn profile(name: &str) -> ProfileRequest {
    let key = rcgen::KeyPair::generate().unwrap();
    let password = [&[0x13, u8::try_from(CHALLENGE.len()).unwrap()], CHALLENGE.as_bytes()].concat();
    let values = [&[0x31, u8::try_from(password.len()).unwrap()], &password[..]].concat();
    let challenge = rcgen::Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values };
    let params = rcgen::CertificateParams::default();
    let template = params.serialize_request_with_attributes(&key, vec![challenge]).unwrap();
    let keys = ["signer", "other"].map(|key_id| {
        let mut request =
            KeyGenRequest::new(key_id, KeyUsage::SIG, vec![KeyTypePrio::new("EC", "256", "ES256")]);
        request.cert_req = Some(base64(template.der()).into());
        request
    });
    ProfileRequest::new("Acme", name, keys.to_vec())
}

/// A store in a folder, and what is known of its secrets.
pub(crate) struct Folder(pub(crate) String);

impl Folder {
    /// Notes the private keys, tokens and claims that the files hold.
    pub(crate) fn note(&self, evidence: &Evidence) {
        let mut keys = 0;
        for entry in std::fs::read_dir(&self.0).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "p8") {
                let der = std::fs::read(&path).unwrap();
                // The private bytes of a key on P-256 are the only string of 32.
                let at = der.windows(2).position(|pair| pair == [0x04, 0x20]).unwrap() + 2;
                evidence.secret("a private key", &der[at..at + 32]);
                evidence.secret("a file with a private key", &der);
                keys += 1;
            }
        }
        assert!(keys > 0);
        let state = std::fs::read_to_string(format!("{}/state.json", self.0)).unwrap();
        note_members(&serde_json::from_str(&state).unwrap(), evidence);
    }
}

fn note_members(value: &serde_json::Value, evidence: &Evidence) {
    match value {
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    Some(text) if name == "token" || name == "claim" => {
                        evidence.secret("what a key store holds", text)
                    }
                    _ => note_members(value, evidence),
                }
            }
        }
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| note_members(value, evidence))
        }
        _ => {}
    }
}
