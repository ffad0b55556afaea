//! A user with one profile of several keys, a device that remembers what it asked, and the
//! commands.

use std::sync::Arc;

use base64_simd::STANDARD;
use keyferry::crypto::{Algorithm, PublicKey, Signer};
use keyferry::hermod::device::{InProcessConnector, Question};
use keyferry::hermod::integrator::Next;
use keyferry::hermod::model::{
    Address, AuthenticateCommand, Callback, CertificateCommand, Command, CommandBody,
    CommandHeader, DataFormat, Item, KeyCertificate, KeyGenRequest, Response, SignCommand,
    SignMechanism, SignParams, SignResponse,
};
use keyferry::hermod::proof::KnownKey;
use keyferry::hermod::wire::CommandApi as _;
use keyferry::keys::{KeyStore as _, Profile};

use crate::support::mailboxes::Altered;
use crate::support::world::{self, USER, World, begin};

pub(crate) const RSA: &str = "CKM_SHA256_RSA_PKCS";
pub(crate) const P256: &str = "CKM_ECDSA_SHA256";
pub(crate) const P384: &str = "CKM_ECDSA_SHA384";
pub(crate) const ED25519: &str = "CKM_EDDSA";
pub(crate) const OKP: (&str, &str, Algorithm) = ("OKP", "256", Algorithm::EdDsa);

/// The keys that most tests have, and the mechanism of each.
pub(crate) const KEYS: [(&str, &str); 4] =
    [("rsa", RSA), ("p256", P256), ("p384", P384), ("ed25519", ED25519)];

/// A world in which a user has a profile.
pub(crate) struct Scene {
    pub(crate) world: World,
}

/// A user whose profile has a key of each kind, each with a certificate.
pub(crate) async fn scene() -> Scene {
    let kinds =
        [("rsa", world::RSA2048), ("p256", world::P256), ("p384", world::P384), ("ed25519", OKP)];
    Scene::with(kinds.map(|(key_id, kind)| world::key(key_id, kind)).to_vec()).await
}

/// The same with one key of P-256, without a certificate.
pub(crate) async fn raw_scene() -> Scene {
    Scene::with(vec![world::raw_key("p256", world::P256)]).await
}

impl Scene {
    pub(crate) async fn with(keys: Vec<KeyGenRequest>) -> Self {
        let scene = Self { world: World::new() };
        scene.provision(keys).await;
        scene
    }

    /// One more profile of the same user.
    pub(crate) async fn provision(&self, keys: Vec<KeyGenRequest>) {
        let mut enrollment = begin(keys);
        while enrollment.next() != Next::Done {
            self.world.advance(&mut enrollment).await;
        }
        self.world.asked.lock().unwrap().clear();
    }

    /// The profile that was made first.
    pub(crate) async fn profile(&self) -> Profile {
        self.world.profiles().await.remove(0)
    }

    /// Where a command can go: to the user, to a new temporary mailbox, to the mailbox of the
    /// profile.
    pub(crate) async fn destinations(&self) -> [Option<Address>; 3] {
        let bid = self.profile().await.channel.address.rsplit('/').next().unwrap().to_owned();
        [Some(user()), None, Some(Address::Mailbox(bid))]
    }

    /// The code of the response to a sign command from a hub that checks nothing.
    pub(crate) async fn code_without_checks(&self, params: SignParams) -> i64 {
        let good = SignCommand::new(self::params(params.format.clone(), P256));
        let mut header = CommandHeader::new(300, 200);
        header.to = Some(vec![user()]);
        let command = Command::new(header, good);
        let submitted = self.world.commands().submit(command).await.unwrap();
        let device = self.world.device_over(
            self.world.device_store.clone(),
            Arc::new(Altered::new(InProcessConnector(self.world.hub())).with_fetched(
                move |mut message| {
                    message.body = SignCommand::new(params.clone()).into();
                    message
                },
            )),
        );
        for event in device.run_once().await {
            event.unwrap();
        }
        let callback = self.world.callback().await;
        assert_eq!(callback.command_id, submitted.command_id);
        let Some(Response::Sign(response)) = callback.response else { panic!() };
        response.code
    }

    /// Sends a command, has the device deal with it, and gives the callback.
    pub(crate) async fn send(&self, to: Option<Address>, body: impl Into<CommandBody>) -> Callback {
        let mut header = CommandHeader::new(300, 200);
        header.to = to.map(|to| vec![to]);
        let submitted = self.world.commands().submit(Command::new(header, body)).await.unwrap();
        let (destination, device) = (&submitted.destinations[0], self.world.device());
        let events = if destination.pid.is_none() {
            device.activate(destination.uri.expose()).await.unwrap()
        } else {
            device.run_once().await.into_iter().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(events.len(), 1, "{events:?}");
        let callback = self.world.callback().await;
        assert_eq!(callback, self.world.commands().poll(&submitted.command_id).await.unwrap());
        callback
    }

    /// The response to a sign or an authenticate command.
    pub(crate) async fn response(
        &self,
        to: Option<Address>,
        body: impl Into<CommandBody>,
    ) -> SignResponse {
        match self.send(to, body).await.response {
            Some(Response::Sign(response) | Response::Authenticate(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The code of the response to a sign command for the user.
    pub(crate) async fn code(&self, params: SignParams) -> i64 {
        let response = self.response(Some(user()), SignCommand::new(params)).await;
        assert_eq!(response.code == 0, response.result.is_some());
        response.code
    }

    /// The last question, and forgets them all.
    pub(crate) fn question(&self) -> Question {
        std::mem::take(&mut *self.world.asked.lock().unwrap()).pop().unwrap()
    }

    pub(crate) async fn public_key(&self, key_id: &str) -> PublicKey {
        self.profile().await.key(key_id).unwrap().public_key.clone()
    }

    /// What the integrator knows of the user's keys.
    pub(crate) async fn known(&self) -> Vec<KnownKey> {
        let known = |key: &keyferry::keys::StoredKey| match &key.certificate {
            Some(certificate) => {
                KnownKey::of_certificate(certificate.clone()).unwrap().with_key_id(&key.key_id)
            }
            None => KnownKey::new(key.public_key.clone()).with_key_id(&key.key_id),
        };
        self.profile().await.keys.iter().map(known).collect()
    }

    /// A key of the profile, to do with it what the device does not.
    pub(crate) async fn signer(&self, key_id: &str) -> Arc<dyn Signer> {
        let profile = self.profile().await;
        self.world.device_store.signer(&profile.names.id, key_id).await.unwrap().unwrap()
    }

    /// Puts a key's certificate in again, with another state of the key.
    pub(crate) async fn set_state(&self, key_id: &str, state: &str) {
        let profile = self.profile().await;
        let mut delivered = KeyCertificate::new(
            key_id,
            profile.key(key_id).unwrap().certificate.as_ref().unwrap().to_base64(),
        );
        delivered.key_state = state.into();
        let callback = self
            .send(Some(user()), CertificateCommand::new(&profile.names.id, vec![delivered]))
            .await;
        assert_eq!(callback.response.unwrap().code(), Some(0));
    }
}

pub(crate) fn user() -> Address {
    Address::user(USER).unwrap()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode_to_string(bytes.as_ref())
}

pub(crate) fn tbs(bytes: impl AsRef<[u8]>) -> Item {
    Item::base64("tbs", "application/octet-stream", base64(bytes))
}

pub(crate) const CONTENT: &[u8] = b"I owe you 100 EUR and a nonce: 4f1c";

pub(crate) fn params(format: DataFormat, mechanism: &'static str) -> SignParams {
    SignParams::new(vec![tbs(CONTENT)], format, SignMechanism::from_static(mechanism))
}

pub(crate) fn sign(format: DataFormat, mechanism: &'static str) -> SignCommand {
    SignCommand::new(params(format, mechanism))
}

pub(crate) fn authenticate(format: DataFormat, mechanism: &'static str) -> AuthenticateCommand {
    AuthenticateCommand::new(params(format, mechanism))
}
