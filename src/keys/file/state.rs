//! The state as JSON, and the key files.

use std::collections::HashSet;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::folder::{Folder, TEMPORARY};
use super::{FileStoreError, is_key_file, key_files};
use crate::crypto::{PrivateKey, Provider, PublicKey};
use crate::encoding::base64::{decode_standard, decode_url, encode_standard, encode_url};
use crate::encoding::hex;
use crate::json::{Nulls, Opaque, json_object, read};
use crate::keys::steps::{PendingKeys, ProfileKeys, Ring, State};
use crate::keys::{Channel, KeptAnswer, MessageId, Pending, Profile, ProfileNames, StoredKey};
use crate::{Certificate, Class, Error, Secret};

pub(super) const FILE: &str = "state.json";
pub(super) const KEY_SUFFIX: &str = ".p8";

/// Maximum size of the state: 64 MiB.
pub(super) const MAX_STATE: usize = 64 * 1024 * 1024;
/// Maximum size of a private key in bytes, more than that of an RSA-8192 key.
const MAX_KEY: usize = 16 * 1024;
/// The version of the format that is written; other versions are refused.
const VERSION: u64 = 1;

/// A text of the state that is not shown: at most 4 MiB.
type StoredText = Opaque<{ 4 * 1024 * 1024 }>;

json_object! {
    struct Stored {
        required version: u64 = "version",
        required activations: Vec<StoredChannel> = "activations",
        required pending: Vec<StoredPending> = "pending",
        required profiles: Vec<StoredProfile> = "profiles",
        required answers: Vec<StoredAnswer> = "answers",
    }
}

json_object! {
    struct StoredChannel at_most 1_000_000 {
        required address: String = "address",
        exposed token: Secret = "token",
        optional_exposed claim: Secret = "claim",
    }
}

json_object! {
    struct StoredMessage {
        required mailbox: String = "mailbox",
        required mid: String = "mid",
    }
}

json_object! {
    struct StoredNames {
        required id: String = "id",
        required user_id: String = "userid",
        required name: String = "name",
        required server_name: String = "servername",
    }
}

json_object! {
    struct StoredPublicKey at_most 1_000_000 {
        required key_id: String = "keyid",
        required usage: String = "usage",
        required state: String = "state",
        optional storage: String = "storage",
        required spki: String = "spki",
        optional certificate: StoredText = "certificate",
        optional chain: Vec<StoredText> = "chain",
    }
}

json_object! {
    struct StoredPending at_most 1_000_000 {
        required message: StoredMessage = "message",
        required command_sha256: String = "commandSha256",
        required profile: StoredNames = "profile",
        required keys: Vec<StoredPublicKey> = "keys",
        optional mailbox: StoredChannel = "mailbox",
    }
}

json_object! {
    struct StoredProfile at_most 1_000_000 {
        required profile: StoredNames = "profile",
        required mailbox: StoredChannel = "mailbox",
        required keys: Vec<StoredPublicKey> = "keys",
        required retired: bool = "retired",
    }
}

json_object! {
    struct StoredAnswer at_most 1_000_000 {
        required message: StoredMessage = "message",
        required text: StoredText = "text",
        required sent: bool = "sent",
    }
}

/// The file name of a key.
pub(super) fn key_file(key: &PublicKey, provider: &dyn Provider) -> String {
    hex::encode(&provider.sha256(key.as_spki_der())) + KEY_SUFFIX
}

/// The text of a state, after checking that it will be readable again with the same content.
pub(super) fn write(state: &State) -> Result<Zeroizing<String>, FileStoreError> {
    let stored = Stored::of(state);
    // Measure first: a buffer that grows leaves copies behind.
    let mut bytes = Bytes(0);
    let text = serde_json::to_writer(&mut bytes, &stored).and_then(|()| {
        let mut text = Zeroizing::new(Vec::with_capacity(bytes.0));
        serde_json::to_writer(&mut *text, &stored).map(|()| text)
    });
    let text = text
        .ok()
        .and_then(|mut text| String::from_utf8(std::mem::take(&mut *text)).ok())
        .map(Zeroizing::new);
    let text = text.ok_or_else(|| {
        FileStoreError::Unstorable(Error::malformed("", "not what can be written as JSON"))
    })?;
    if text.len() > MAX_STATE {
        return Err(FileStoreError::Unstorable(Error::too_large("", "more than 64 MiB")));
    }
    match read::<Stored>(&text, Nulls::AreWrong) {
        Ok(again) if again == stored => Ok(text),
        Ok(_) => Err(FileStoreError::Unstorable(Error::malformed(
            "",
            "not what is read again after it was written",
        ))),
        Err(error) => Err(FileStoreError::Unstorable(error)),
    }
}

/// Counts the bytes that are written.
struct Bytes(usize);

impl std::io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads the contents of a folder, and removes the leftovers of a power failure. An empty folder
/// gets an empty state.
pub(super) fn load(folder: &Folder, provider: &dyn Provider) -> Result<State, FileStoreError> {
    let names = folder.names()?;
    let state = match folder.read(FILE, MAX_STATE)? {
        Some(text) => parse(&text).and_then(Stored::into_state).map_err(damaged(FILE))?,
        // A store writes its state first, so keys without a state mean that the state was lost.
        None if names.iter().any(|name| is_key_file(name)) => {
            return Err(lost());
        }
        None => {
            let state = State::default();
            // This file was not finished.
            folder.remove(&format!("{FILE}{TEMPORARY}"))?;
            folder.put(FILE, write(&state)?.as_bytes())?;
            state
        }
    };
    let state = with_keys(state, folder, provider)?;
    // The state must be durable before it is acted on. It was not if the power failed before the
    // folder was synced.
    folder.sync()?;
    let known = key_files(&state, provider);
    let left_over = |name: &&String| match name.strip_suffix(TEMPORARY) {
        Some(name) => name == FILE || is_key_file(name),
        None => is_key_file(name) && !known.contains(*name),
    };
    let left_over: HashSet<&String> = names.iter().filter(left_over).collect();
    if !left_over.is_empty() {
        left_over.into_iter().try_for_each(|name| folder.remove(name))?;
        folder.sync()?;
    }
    Ok(state)
}

/// Whether a text is a state. A file that disappeared meanwhile is handled later.
pub(super) fn check(text: Option<&Vec<u8>>) -> Result<(), FileStoreError> {
    let Some(text) = text else { return Ok(()) };
    parse(text).and_then(Stored::into_state).map(drop).map_err(damaged(FILE))
}

/// The error for keys without the state that names them.
pub(super) fn lost() -> FileStoreError {
    damaged(FILE)(Error::new(Class::NotFound, "", "not there, but keys are"))
}

fn damaged(file: &str) -> impl FnOnce(Error) -> FileStoreError {
    move |source| FileStoreError::Damaged { file: file.to_owned(), source }
}

fn parse(bytes: &[u8]) -> Result<Stored, Error> {
    if bytes.len() > MAX_STATE {
        return Err(Error::too_large("", "more than 64 MiB"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::malformed("", "not UTF-8").at(error.valid_up_to()))?;
    let stored: Stored = read(text, Nulls::AreWrong)?;
    if stored.version == VERSION {
        Ok(stored)
    } else {
        Err(Error::malformed("version", "not one that is known here"))
    }
}

/// Adds the private keys to the state.
fn with_keys(
    mut state: State,
    folder: &Folder,
    provider: &dyn Provider,
) -> Result<State, FileStoreError> {
    let ring = |keys: &[StoredKey]| -> Result<Ring, FileStoreError> {
        keys.iter()
            .map(|key| Ok((key.key_id.clone(), private_key(&key.public_key, folder, provider)?)))
            .collect()
    };
    for pending in &mut state.pending {
        pending.private = ring(&pending.public.keys)?;
    }
    for profile in &mut state.profiles {
        profile.private = ring(&profile.public.keys)?;
    }
    Ok(state)
}

fn private_key(
    public: &PublicKey,
    folder: &Folder,
    provider: &dyn Provider,
) -> Result<Arc<dyn PrivateKey>, FileStoreError> {
    let name = key_file(public, provider);
    let Some(pkcs8) = folder.read(&name, MAX_KEY)? else {
        return Err(damaged(&name)(Error::new(
            Class::NotFound,
            "",
            "not there, but the state names it",
        )));
    };
    let key = provider
        .private_key_from_pkcs8_der(&pkcs8)
        .map_err(|_| damaged(&name)(Error::malformed("", "not a private key in PKCS#8")))?;
    if key.public_key() != public {
        return Err(damaged(&name)(Error::malformed("", "another key than its name says")));
    }
    Ok(Arc::from(key))
}

impl Stored {
    fn of(state: &State) -> Self {
        Self {
            version: VERSION,
            activations: state.activations.iter().map(StoredChannel::of).collect(),
            pending: state
                .pending
                .iter()
                .map(|pending| StoredPending::of(&pending.public))
                .collect(),
            profiles: state
                .profiles
                .iter()
                .map(|profile| StoredProfile::of(&profile.public))
                .collect(),
            answers: state.answers.iter().map(StoredAnswer::of).collect(),
            extra: Default::default(),
        }
    }

    /// The state without its private keys.
    fn into_state(self) -> Result<State, Error> {
        let pending: Result<Vec<_>, Error> =
            self.pending.into_iter().map(StoredPending::into_pending).collect();
        let profiles: Result<Vec<_>, Error> =
            self.profiles.into_iter().map(StoredProfile::into_profile).collect();
        Ok(State {
            activations: self.activations.into_iter().map(StoredChannel::into_channel).collect(),
            pending: pending?
                .into_iter()
                .map(|public| PendingKeys { public, private: Ring::new() })
                .collect(),
            profiles: profiles?
                .into_iter()
                .map(|public| ProfileKeys { public, private: Ring::new() })
                .collect(),
            answers: self.answers.into_iter().map(StoredAnswer::into_answer).collect(),
        })
    }
}

impl StoredChannel {
    fn of(channel: &Channel) -> Self {
        Self {
            address: channel.address.clone(),
            token: channel.token.clone(),
            claim: channel.claim.clone(),
            extra: Default::default(),
        }
    }

    fn into_channel(self) -> Channel {
        Channel { address: self.address, token: self.token, claim: self.claim }
    }
}

impl StoredMessage {
    fn of(message: &MessageId) -> Self {
        Self {
            mailbox: message.mailbox.clone(),
            mid: message.mid.clone(),
            extra: Default::default(),
        }
    }

    fn into_message(self) -> MessageId {
        MessageId::new(self.mailbox, self.mid)
    }
}

impl StoredNames {
    fn of(names: &ProfileNames) -> Self {
        let ProfileNames { id, user_id, name, server_name } = names.clone();
        Self { id, user_id, name, server_name, extra: Default::default() }
    }

    fn into_names(self) -> ProfileNames {
        ProfileNames::new(self.id, self.user_id, self.name, self.server_name)
    }
}

impl StoredPublicKey {
    fn of(key: &StoredKey) -> Self {
        Self {
            key_id: key.key_id.clone(),
            usage: key.usage.clone(),
            state: key.state.clone(),
            storage: key.storage.clone(),
            spki: encode_standard(key.public_key.as_spki_der()),
            certificate: key.certificate.as_ref().map(|certificate| certificate.to_base64().into()),
            // Absent in states of earlier versions.
            chain: (!key.chain.is_empty())
                .then(|| key.chain.iter().map(|one| one.to_base64().into()).collect()),
            extra: Default::default(),
        }
    }

    fn into_key(self) -> Result<StoredKey, Error> {
        Ok(StoredKey {
            key_id: self.key_id,
            usage: self.usage,
            state: self.state,
            storage: self.storage,
            public_key: PublicKey::from_spki_der(&decode_standard(&self.spki, "spki")?)?,
            certificate: self.certificate.as_deref().map(Certificate::from_base64).transpose()?,
            chain: self
                .chain
                .iter()
                .flatten()
                .map(|one| Certificate::from_base64(one))
                .collect::<Result<_, _>>()?,
        })
    }

    fn list_of(keys: &[StoredKey]) -> Vec<Self> {
        keys.iter().map(Self::of).collect()
    }

    fn into_keys(list: Vec<Self>) -> Result<Vec<StoredKey>, Error> {
        let keys: Vec<StoredKey> =
            list.into_iter().map(Self::into_key).collect::<Result<_, _>>()?;
        let names: HashSet<&str> = keys.iter().map(|key| key.key_id.as_str()).collect();
        if names.len() == keys.len() {
            Ok(keys)
        } else {
            Err(Error::malformed("keys", "a keyid twice"))
        }
    }
}

impl StoredPending {
    fn of(pending: &Pending) -> Self {
        Self {
            message: StoredMessage::of(&pending.message),
            command_sha256: encode_url(&pending.command_sha256),
            profile: StoredNames::of(&pending.profile),
            keys: StoredPublicKey::list_of(&pending.keys),
            mailbox: pending.mailbox.as_ref().map(StoredChannel::of),
            extra: Default::default(),
        }
    }

    fn into_pending(self) -> Result<Pending, Error> {
        let command_sha256 = decode_url(&self.command_sha256, "commandSha256")?;
        Ok(Pending {
            message: self.message.into_message(),
            command_sha256: command_sha256
                .try_into()
                .map_err(|_| Error::malformed("commandSha256", "not 32 bytes"))?,
            profile: self.profile.into_names(),
            keys: StoredPublicKey::into_keys(self.keys)?,
            mailbox: self.mailbox.map(StoredChannel::into_channel),
        })
    }
}

impl StoredProfile {
    fn of(profile: &Profile) -> Self {
        Self {
            profile: StoredNames::of(&profile.names),
            mailbox: StoredChannel::of(&profile.channel),
            keys: StoredPublicKey::list_of(&profile.keys),
            retired: profile.retired,
            extra: Default::default(),
        }
    }

    fn into_profile(self) -> Result<Profile, Error> {
        Ok(Profile {
            names: self.profile.into_names(),
            channel: self.mailbox.into_channel(),
            keys: StoredPublicKey::into_keys(self.keys)?,
            retired: self.retired,
        })
    }
}

impl StoredAnswer {
    fn of(kept: &KeptAnswer) -> Self {
        Self {
            message: StoredMessage::of(&kept.message),
            text: kept.text.as_str().into(),
            sent: kept.sent,
            extra: Default::default(),
        }
    }

    fn into_answer(self) -> KeptAnswer {
        KeptAnswer {
            message: self.message.into_message(),
            text: self.text.into_string(),
            sent: self.sent,
        }
    }
}
