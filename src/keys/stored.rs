//! The contents of a key store, without the private keys.

use crate::crypto::{KeyKind, Provider, PublicKey};
use crate::{Certificate, Secret};

/// A message, identified by the address of its mailbox and its id. Both are external input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct MessageId {
    /// The address of the mailbox, `{public}/{bid}`.
    pub mailbox: String,
    /// The id of the message in the mailbox.
    pub mid: String,
}

impl MessageId {
    /// Creates the id of the message `mid` in the mailbox at `mailbox`.
    #[must_use]
    pub fn new(mailbox: impl Into<String>, mid: impl Into<String>) -> Self {
        Self { mailbox: mailbox.into(), mid: mid.into() }
    }

    /// SHA-256 over both texts, each after its length: a fixed 32-byte name that is safe where
    /// external text is not, for example in a file name.
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

/// Access to a mailbox: its address and its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// The address of the mailbox, `{public}/{bid}`.
    pub address: String,
    /// The token of the mailbox, or of one message in it.
    pub token: Secret,
    /// With a message's token: this device's claim to the message, 32 random bytes in base64url.
    /// Absent with a mailbox's token.
    pub claim: Option<Secret>,
}

impl Channel {
    /// Access to a profile's own mailbox.
    #[must_use]
    pub fn of_mailbox(address: impl Into<String>, token: Secret) -> Self {
        Self { address: address.into(), token, claim: None }
    }

    /// Access to one message, from its activation link.
    #[must_use]
    pub fn of_message(address: impl Into<String>, token: Secret, claim: Secret) -> Self {
        Self { address: address.into(), token, claim: Some(claim) }
    }
}

/// The names of a profile. All but the id are external input, for display only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileNames {
    /// The id of the profile, a UUID that this device generated.
    pub id: String,
    /// The id of the profile's user.
    pub user_id: String,
    /// The name of the profile.
    pub name: String,
    /// The issuer to display.
    pub server_name: String,
}

impl ProfileNames {
    /// Creates the names of a profile.
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

/// The specification of a key to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySpec {
    /// The name of the key in the profile.
    pub key_id: String,
    /// The usage of the key, a word of the protocol.
    pub usage: String,
    /// The initial state, a word of the protocol.
    pub state: String,
    /// The type and length.
    pub kind: KeyKind,
    /// The storage of the key, a word of the protocol.
    pub storage: String,
}

impl KeySpec {
    /// Creates the specification of a key that is initially active and stored in the app.
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

/// The keys to generate for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provisioning {
    /// The message that requests them.
    pub message: MessageId,
    /// SHA-256 of the command, so that keys are never used for another command with the same id.
    pub command_sha256: [u8; 32],
    /// The profile of the keys.
    pub profile: ProfileNames,
    /// The keys; each keyid occurs once.
    pub keys: Vec<KeySpec>,
}

impl Provisioning {
    /// Creates a provisioning of keys for a profile.
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

/// Generated keys that do not belong to a profile yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// The message that requested them.
    pub message: MessageId,
    /// SHA-256 of the command.
    pub command_sha256: [u8; 32],
    /// The profile of the keys.
    pub profile: ProfileNames,
    /// The public parts, in the requested order.
    pub keys: Vec<StoredKey>,
    /// The mailbox of the future profile, present once the answer is recorded.
    pub mailbox: Option<Channel>,
}

impl Pending {
    /// Creates pending keys without a recorded answer.
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
    /// The name of the key in the profile.
    pub key_id: String,
    /// The usage of the key, a word of the protocol.
    pub usage: String,
    /// The state of the key, a word of the protocol.
    pub state: String,
    /// The storage of the key, a word of the protocol, which the device states in its answer.
    /// `None` if unknown: the device then makes no statement.
    pub storage: Option<String>,
    /// The public key.
    pub public_key: PublicKey,
    /// The certificate, once it was delivered.
    pub certificate: Option<Certificate>,
    /// The certificates that were delivered with it, in the order of delivery: those of its
    /// authorities. Nobody has verified that they are its chain.
    pub chain: Vec<Certificate>,
}

impl StoredKey {
    /// Creates a key with the properties of its specification.
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
    /// The names of the profile.
    pub names: ProfileNames,
    /// The mailbox of the profile.
    pub channel: Channel,
    /// The public parts of its keys.
    pub keys: Vec<StoredKey>,
    /// Whether the profile has no keys any more and waits for its removal.
    pub retired: bool,
}

impl Profile {
    /// Creates a profile with these keys.
    #[must_use]
    pub fn new(names: ProfileNames, channel: Channel, keys: Vec<StoredKey>) -> Self {
        Self { names, channel, keys, retired: false }
    }

    /// The key with that keyid.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<&StoredKey> {
        self.keys.iter().find(|key| key.key_id == key_id)
    }
}

/// The exact bytes of an answer.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptAnswer {
    /// The message that it answers.
    pub message: MessageId,
    /// The JSON text that is sent.
    pub text: String,
    /// Whether it was delivered, as far as this device knows.
    pub sent: bool,
}

impl KeptAnswer {
    /// Creates an answer that is not sent yet.
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

/// A certificate to install.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInstall {
    /// The keyid of the certificate's key.
    pub key_id: String,
    /// The state of the key after the installation.
    pub state: String,
    /// The certificate.
    pub certificate: Certificate,
    /// The certificates that were delivered with it, in that order.
    pub chain: Vec<Certificate>,
}

impl CertificateInstall {
    /// Creates an installation that puts the key into `state`.
    #[must_use]
    pub fn new(
        key_id: impl Into<String>,
        state: impl Into<String>,
        certificate: Certificate,
    ) -> Self {
        Self { key_id: key_id.into(), state: state.into(), certificate, chain: Vec::new() }
    }

    /// Adds the certificates of its authorities, which replace those that are stored.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Certificate>) -> Self {
        self.chain = chain;
        self
    }
}
