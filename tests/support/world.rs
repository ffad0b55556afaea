//! All parties in one process, with a clock that only the tests move. Each is made again whenever
//! a test asks for it: only the stores last.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider, PublicKey, Signer};
use keyferry::csr::Template;
use keyferry::hermod::device::{
    Agent, Connector, Decision, DeviceError, DevicePolicy, Event, InProcessConnector, PinReset,
    Question,
};
use keyferry::hermod::hub::{Hub, HubConfig, Integrator, IntegratorConfig, MemoryStore};
use keyferry::hermod::integrator::{Enrollment, EventOutcome, Next, Proven};
use keyferry::hermod::model::{
    Callback, CommandHeader, DeviceInfo, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest,
};
use keyferry::hermod::proof::{Attested, Verifier};
use keyferry::hermod::wire::{AnyCallbackApi, CallbackApi, CommandApi as _, Delivery};
use keyferry::issuer::{LocalCa, issue};
use keyferry::keys::{KeyStore, MemoryKeyStore, Profile};
use keyferry::{Certificate, Class, Error, ManualClock};

pub(crate) use super::inbox::{Inbox, Mood};
use super::parties::agent;
pub(crate) use super::parties::{HOST, PUBLIC, USER};
use super::{pki, time};
pub(crate) use super::{refused, signer};

pub(crate) const LIFESPAN: u64 = 300;
pub(crate) const TIMEOUT: u64 = 200;

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) hub_store: Arc<MemoryStore>,
    pub(crate) device_store: Arc<MemoryKeyStore>,
    pub(crate) inbox: Inbox,
    pub(crate) decision: Decision,
    pub(crate) policy: DevicePolicy,
    pub(crate) pins: Option<Arc<dyn PinReset>>,
    /// What the device has asked its user.
    pub(crate) asked: Arc<Mutex<Vec<Question>>>,
    pub(crate) verifies: bool,
    pub(crate) seal_key: [u8; 32],
    pub(crate) attestation: Arc<dyn Signer>,
    pub(crate) ca: LocalCa,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = time::clock();
        Self {
            ca: pki::root(Arc::new(clock.clone())),
            clock,
            hub_store: Arc::default(),
            device_store: Arc::new(MemoryKeyStore::new(Arc::new(AwsLcRs))),
            inbox: Inbox::default(),
            decision: Decision::Accept,
            policy: DevicePolicy::new().with_hub(PUBLIC).unwrap(),
            pins: None,
            asked: Arc::default(),
            verifies: true,
            seal_key: [7; 32],
            attestation: signer(KeyKind::Ec(Curve::P256)),
        }
    }

    pub(crate) fn hub(&self) -> Hub {
        let shop =
            IntegratorConfig::new("shop").with_callback(AnyCallbackApi::new(self.inbox.clone()));
        let mut config = HubConfig::new(PUBLIC, HOST).unwrap().with_integrator(shop);
        if !self.verifies {
            config = config.danger_without_verification();
        }
        let hub = Hub::builder(Arc::new(AwsLcRs), config)
            .with_clock(Arc::new(self.clock.clone()))
            .with_store(self.hub_store.clone());
        hub.with_seal_key(self.seal_key.into()).build().unwrap()
    }

    pub(crate) fn commands(&self) -> Integrator {
        self.hub().integrator("shop").unwrap()
    }

    pub(crate) fn device(&self) -> Agent {
        self.device_over(self.device_store.clone(), Arc::new(InProcessConnector(self.hub())))
    }

    pub(crate) fn device_over(
        &self,
        keys: Arc<dyn KeyStore>,
        connector: Arc<dyn Connector>,
    ) -> Agent {
        let (asked, decision) = (Arc::clone(&self.asked), self.decision);
        let agent = agent(keys, connector, self.attestation.clone())
            .with_policy(self.policy.clone())
            .with_consent(Arc::new(move |question: &Question| {
                asked.lock().unwrap().push(question.clone());
                decision
            }));
        match &self.pins {
            Some(pins) => agent.with_pin_reset(pins.clone()),
            None => agent,
        }
        .build()
        .unwrap()
    }

    /// Opens the link of a journey that waits for its device.
    pub(crate) async fn activate(
        &self,
        enrollment: &Enrollment,
    ) -> Result<Vec<Event>, DeviceError> {
        self.device().activate(&link(enrollment)).await
    }

    /// The device looks into its mailboxes.
    pub(crate) async fn poll_device(&self) -> Vec<Event> {
        self.device().run_once().await.into_iter().collect::<Result<_, _>>().unwrap()
    }

    pub(crate) async fn profiles(&self) -> Vec<Profile> {
        self.device_store.profiles().await.unwrap()
    }

    pub(crate) async fn step(&self) {
        self.hub().step().await.unwrap();
    }

    pub(crate) async fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
        self.step().await;
    }

    /// The one callback that has come.
    pub(crate) async fn callback(&self) -> Callback {
        self.step().await;
        let mut deliveries = self.inbox.take();
        assert_eq!(deliveries.len(), 1);
        deliveries.remove(0).callback
    }

    pub(crate) fn prove(&self, enrollment: &Enrollment) -> Proven<Attested> {
        prove(enrollment, self.attestation.public_key())
    }

    /// A certificate for each request.
    pub(crate) async fn issue(&self, proven: &Proven<Attested>) -> Vec<(String, Certificate)> {
        let mut issued = Vec::new();
        for key in proven.keys() {
            if let Some(request) = key.request() {
                issued.push((
                    key.key_id().to_owned(),
                    issue(&self.ca, request).await.unwrap().into_certificate(),
                ));
            }
        }
        issued
    }

    /// Does what the journey says is next, and waits for nothing that has not come.
    pub(crate) async fn advance(&self, enrollment: &mut Enrollment) {
        match enrollment.next() {
            Next::Submit(command) | Next::Deliver(command) => {
                let command = command.clone();
                enrollment.sending(&command).unwrap();
                let submitted = self.commands().submit(command).await.unwrap();
                assert_eq!(enrollment.submitted(&submitted).unwrap(), EventOutcome::New);
            }
            Next::AwaitDevice { .. } => {
                self.activate(enrollment).await.unwrap();
                assert_eq!(enrollment.received(&self.callback().await).unwrap(), EventOutcome::New);
            }
            Next::Prove => {
                let proven = self.prove(enrollment);
                let issued = self.issue(&proven).await;
                assert_eq!(enrollment.issued(&proven, &named(&issued)).unwrap(), EventOutcome::New);
            }
            Next::AwaitDelivery { .. } => {
                self.poll_device().await;
                assert_eq!(enrollment.received(&self.callback().await).unwrap(), EventOutcome::New);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Continues until the journey is at the `n`th of: to be submitted, waiting for the device, to be
    /// proven, to be delivered, waiting for delivery, done.
    pub(crate) async fn at(&self, n: usize) -> Enrollment {
        let mut enrollment = begin(vec![key("signer", P256)]);
        for _ in 0..n {
            self.advance(&mut enrollment).await;
        }
        enrollment
    }

    /// Every key that was to have a certificate has one that the root signed, and nothing is left
    /// over.
    pub(crate) async fn assert_installed(&self, with_certificate: &[&str]) {
        let profiles = self.profiles().await;
        let keys: Vec<_> = profiles.iter().flat_map(|profile| &profile.keys).collect();
        for key_id in with_certificate {
            let key = keys.iter().find(|key| key.key_id == *key_id).unwrap();
            let certificate = key.certificate.as_ref().unwrap();
            certificate.require_key(&key.public_key).unwrap();
            assert_eq!(certificate.issuer(), self.ca.certificate().subject());
        }
        assert_eq!(
            keys.iter().filter(|key| key.certificate.is_some()).count(),
            with_certificate.len()
        );
        assert!(self.device_store.all_pending().await.unwrap().is_empty());
        assert!(self.device_store.activations().await.unwrap().is_empty());
    }
}

pub(crate) const RSA2048: (&str, &str, Algorithm) = ("RSA", "2048", Algorithm::Rs256);
pub(crate) const P256: (&str, &str, Algorithm) = ("EC", "256", Algorithm::Es256);
pub(crate) const P384: (&str, &str, Algorithm) = ("EC", "384", Algorithm::Es384);

/// A key without a template.
pub(crate) fn raw_key(
    key_id: &str,
    (kind, length, mechanism): (&str, &str, Algorithm),
) -> KeyGenRequest {
    KeyGenRequest::new(
        key_id,
        KeyUsage::SIG,
        vec![KeyTypePrio::new(kind, length, mechanism.name())],
    )
}

/// A key that is to have a certificate.
pub(crate) fn key(key_id: &str, kind: (&str, &str, Algorithm)) -> KeyGenRequest {
    let mut request = raw_key(key_id, kind);
    request.cert_req =
        Some(Template::for_subject("CN=Jane,O=Acme", &AwsLcRs).unwrap().to_base64().into());
    request
}

pub(crate) fn begin(keys: Vec<KeyGenRequest>) -> Enrollment {
    Enrollment::begin(
        &AwsLcRs,
        CommandHeader::new(LIFESPAN, TIMEOUT),
        USER,
        ProfileRequest::new("Acme", "Jane", keys),
    )
    .unwrap()
}

pub(crate) fn link(enrollment: &Enrollment) -> String {
    let Next::AwaitDevice { submitted: Some(submitted), .. } = enrollment.next() else {
        panic!("{:?}", enrollment.next())
    };
    submitted.destinations[0].uri.expose().to_owned()
}

pub(crate) fn prove(enrollment: &Enrollment, pin: &PublicKey) -> Proven<Attested> {
    let expectation =
        enrollment.expectation().unwrap().with_fqdn(HOST).with_mailbox_base(PUBLIC).unwrap();
    enrollment.prove(&Verifier::pinned(AwsLcRs, [pin]).unwrap(), &expectation).unwrap()
}

pub(crate) fn named(certificates: &[(String, Certificate)]) -> Vec<(&str, &Certificate)> {
    certificates.iter().map(|(key_id, certificate)| (key_id.as_str(), certificate)).collect()
}

/// The process ends here, and another continues with what was stored.
pub(crate) fn restart(enrollment: &mut Enrollment) {
    let stored = enrollment.to_json();
    let read = Enrollment::from_json(&stored).unwrap();
    assert_eq!(read.to_json(), stored);
    assert_eq!(read.next(), enrollment.next());
    assert_eq!(read.id(), enrollment.id());
    *enrollment = read;
}
