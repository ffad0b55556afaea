//! What a key store holds, without the private keys.

use crate::crypto::{KeyKind, Provider, PublicKey};
use crate::{Certificate, Secret};

/// A message: the address of its mailbox, and its id in there. Both come from outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct MessageId {
    /// The address of the mailbox, `{public}/{bid}`.
    pub mailbox: String,
    /// The id of the message in it.
    pub mid: String,
}

impl MessageId {
    /// The message `mid` of the mailbox at `mailbox`.
    #[must_use]
    pub fn new(mailbox: impl Into<String>, mid: impl Into<String>) -> Self {
        Self { mailbox: mailbox.into(), mid: mid.into() }
    }

    /// SHA-256 over both, each after its length: a name of 32 bytes that is safe wherever text
    /// from outside is not, in a file name for one.
    #[must_use]
    pub fn digest(&self, provider: &dyn Provider) -> [u8; 32] {
        let mut bytes = Vec::with_capacity(self.mailbox.len() + self.mid.len() + 16);
        for text in [&self.mailbox, &self.mid] {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        provider.sha256(&bytes)
    }
}

/// The way to a mailbox: its address and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// The address of the mailbox, `{public}/{bid}`.
    pub address: String,
    /// The mailbox's token, or that of one message in it.
    pub token: Secret,
    /// With a message's token: what this device claimed it with, 32 random bytes in base64url.
    /// Absent with a mailbox's own token.
    pub claim: Option<Secret>,
}

impl Channel {
    /// The way to a mailbox of one's own.
    #[must_use]
    pub fn of_mailbox(address: impl Into<String>, token: Secret) -> Self {
        Self { address: address.into(), token, claim: None }
    }

    /// The way to one message, from its activation link.
    #[must_use]
    pub fn of_message(address: impl Into<String>, token: Secret, claim: Secret) -> Self {
        Self { address: address.into(), token, claim: Some(claim) }
    }
}

/// What a profile is called. All but the id come from outside and are shown, not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileNames {
    /// The profile, a UUID that this device made.
    pub id: String,
    /// Its user.
    pub user_id: String,
    /// Its name.
    pub name: String,
    /// The issuer shown with it.
    pub server_name: String,
}

impl ProfileNames {
    /// The names of a profile.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        user_id: impl Into<String>,
        name: impl Into<String>,
        server_name: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            user_id: user_id.into(),
            name: name.into(),
            server_name: server_name.into(),
        }
    }
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySpec {
    /// Its name in the profile.
    pub key_id: String,
    /// What it is for, a word of the protocol.
    pub usage: String,
    /// The state it starts in, a word of the protocol.
    pub state: String,
    /// Type and length.
    pub kind: KeyKind,
    /// Where it is to be kept, a word of the protocol.
    pub storage: String,
}

impl KeySpec {
    /// A key that is active from the start and kept inside of the app.
    #[must_use]
    pub fn new(key_id: impl Into<String>, usage: impl Into<String>, kind: KeyKind) -> Self {
        Self {
            key_id: key_id.into(),
            usage: usage.into(),
            state: String::from("ACTIVE"),
            kind,
            storage: String::from("APP"),
        }
    }
}

/// The keys to be made for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provisioning {
    /// The message that asks for them.
    pub message: MessageId,
    /// SHA-256 of what it asks for, so that keys are never used for something else that comes under
    /// the same id.
    pub command_sha256: [u8; 32],
    /// The profile they are for.
    pub profile: ProfileNames,
    /// The keys; each keyid once.
    pub keys: Vec<KeySpec>,
}

impl Provisioning {
    /// Keys for a profile.
    #[must_use]
    pub fn new(
        message: MessageId,
        command_sha256: [u8; 32],
        profile: ProfileNames,
        keys: Vec<KeySpec>,
    ) -> Self {
        Self { message, command_sha256, profile, keys }
    }
}

/// Keys that are no profile's yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// The message that asked for them.
    pub message: MessageId,
    /// SHA-256 of what it asked for.
    pub command_sha256: [u8; 32],
    /// The profile they are for.
    pub profile: ProfileNames,
    /// Their public parts, in the order in which they were asked for.
    pub keys: Vec<StoredKey>,
    /// The mailbox of the profile to be; there once the answer is.
    pub mailbox: Option<Channel>,
}

impl Pending {
    /// Keys that were made and not yet answered for.
    #[must_use]
    pub fn new(provisioning: Provisioning, keys: Vec<StoredKey>) -> Self {
        let Provisioning { message, command_sha256, profile, .. } = provisioning;
        Self { message, command_sha256, profile, keys, mailbox: None }
    }
}

/// The public parts of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredKey {
    /// Its name in the profile.
    pub key_id: String,
    /// What it is for, a word of the protocol.
    pub usage: String,
    /// Its state, a word of the protocol.
    pub state: String,
    /// Where it is kept, a word of the protocol; the device says so in its answer. `None` if that
    /// is not known: the device then claims nothing.
    pub storage: Option<String>,
    /// The key.
    pub public_key: PublicKey,
    /// The certificate for it, once there is one.
    pub certificate: Option<Certificate>,
    /// The certificates that came with it: those of its authorities, in the order in which they
    /// were delivered. Nobody has verified that they are its chain.
    pub chain: Vec<Certificate>,
}

impl StoredKey {
    /// A key as it was asked for.
    #[must_use]
    pub fn new(spec: &KeySpec, public_key: PublicKey) -> Self {
        Self {
            key_id: spec.key_id.clone(),
            usage: spec.usage.clone(),
            state: spec.state.clone(),
            storage: Some(spec.storage.clone()),
            public_key,
            certificate: None,
            chain: Vec::new(),
        }
    }
}

/// A profile: keys, and the mailbox where messages for them arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// What it is called.
    pub names: ProfileNames,
    /// Its mailbox.
    pub channel: Channel,
    /// The public parts of its keys.
    pub keys: Vec<StoredKey>,
    /// Whether it only waits to be removed. It has no keys then.
    pub retired: bool,
}

impl Profile {
    /// A profile with these keys.
    #[must_use]
    pub fn new(names: ProfileNames, channel: Channel, keys: Vec<StoredKey>) -> Self {
        Self { names, channel, keys, retired: false }
    }

    /// The key of that name.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&StoredKey> {
        self.keys.iter().find(|key| key.key_id == key_id)
    }
}

/// An answer, byte by byte.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptAnswer {
    /// The message that it answers.
    pub message: MessageId,
    /// The JSON text that is sent.
    pub text: String,
    /// Whether it arrived, as far as this device knows.
    pub sent: bool,
}

impl KeptAnswer {
    /// An answer that was not sent.
    #[must_use]
    pub fn new(message: MessageId, text: impl Into<String>) -> Self {
        Self { message, text: text.into(), sent: false }
    }
}

impl std::fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptAnswer")
            .field("message", &self.message)
            .field("bytes", &self.text.len())
            .field("sent", &self.sent)
            .finish()
    }
}

/// A certificate to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInstall {
    /// The key that it is for.
    pub key_id: String,
    /// The state of the key afterwards.
    pub state: String,
    /// The certificate.
    pub certificate: Certificate,
    /// The certificates that came with it, in their order.
    pub chain: Vec<Certificate>,
}

impl CertificateInstall {
    /// A certificate for a key, which is in that state afterwards.
    #[must_use]
    pub fn new(
        key_id: impl Into<String>,
        state: impl Into<String>,
        certificate: Certificate,
    ) -> Self {
        Self { key_id: key_id.into(), state: state.into(), certificate, chain: Vec::new() }
    }

    /// The same with the certificates of its authorities, in the place of those that are kept.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Certificate>) -> Self {
        self.chain = chain;
        self
    }
}
