//! A key store in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Channel, Installation, KeptAnswer, KeyStore, KeyStoreError, MessageId, Pending, Profile, Provisioning, StoredKey};
use crate::crypto::{KeyKind, PrivateKey, Provider, Signer};
use crate::{BoxFuture, Class, Error};

/// How many answers that were sent are kept for each mailbox, so that a message that comes again gets the same one: the newest 64.
pub const KEPT_ANSWERS: usize = 64;

/// A key store in memory: for tests, and for devices whose keys need not outlive the program.
///
/// Keys are made by the provider, RSA of 2048, 3072 and 4096 bits, EC and Ed25519, all of them in the storage `APP`. Private keys are never written out;
/// they are wiped, by their provider, when the store and whoever got them as a [`Signer`] let go of them. Making an RSA key takes a while and blocks.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use keyferry::Secret;
/// use keyferry::crypto::{Curve, KeyKind, aws_lc_rs::AwsLcRs};
/// use keyferry::keys::{Channel, KeyStore, KeyWish, MemoryKeyStore, MessageId, ProfileNames, Provisioning};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryKeyStore::new(Arc::new(AwsLcRs));
/// let message = MessageId::new("https://hub.example/ms/b1", "m1");
/// let names = ProfileNames::new("3051e9f3-0e4d-436b-a512-2e18d8afe134", "userA", "Profile", "Example");
/// let wish = KeyWish::new("signer", "SIG", KeyKind::Ec(Curve::P256));
/// store.begin(Provisioning::new(message.clone(), [0; 32], names, vec![wish])).await?;
/// assert!(store.profiles().await?.is_empty());
///
/// store.seal(&message, Channel::of_mailbox("https://hub.example/ms/b2", Secret::new("t")), "{}").await?;
/// let profile = store.commit(&message).await?.unwrap();
/// assert_eq!(profile.keys[0].key_id, "signer");
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(run())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryKeyStore {
    provider: Arc<dyn Provider>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    activations: Vec<Channel>,
    pending: Vec<PendingKeys>,
    profiles: Vec<ProfileKeys>,
    /// Oldest first.
    answers: Vec<KeptAnswer>,
}

struct PendingKeys {
    public: Pending,
    private: HashMap<String, Arc<dyn PrivateKey>>,
}

struct ProfileKeys {
    public: Profile,
    private: HashMap<String, Arc<dyn PrivateKey>>,
}

impl MemoryKeyStore {
    /// An empty store, whose keys this provider makes.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half changed: each checks first, and changes then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, provisioning: Provisioning) -> Result<PendingKeys, KeyStoreError> {
        let mut private = HashMap::with_capacity(provisioning.keys.len());
        let mut public = Vec::with_capacity(provisioning.keys.len());
        for wish in &provisioning.keys {
            let key: Arc<dyn PrivateKey> = Arc::from(self.provider.generate(wish.kind).map_err(KeyStoreError::Crypto)?);
            public.push(StoredKey::new(wish, key.public_key().clone()));
            if private.insert(wish.key_id.clone(), key).is_some() {
                return Err(refused(Class::KeyId, "keyid", "asked for twice"));
            }
        }
        Ok(PendingKeys { public: Pending::new(provisioning, public), private })
    }
}

impl State {
    fn pending(&self, message: &MessageId) -> Option<&PendingKeys> {
        self.pending.iter().find(|pending| pending.public.message == *message)
    }

    /// What is pending for a message that may still be begun.
    fn begun(&self, message: &MessageId) -> Result<Option<Pending>, KeyStoreError> {
        match self.pending(message) {
            Some(pending) => Ok(Some(pending.public.clone())),
            None if self.answers.iter().any(|kept| kept.message == *message) => Err(refused(Class::Conflict, "message", "answered already")),
            None => Ok(None),
        }
    }

    fn profile(&mut self, profile_id: &str) -> Option<&mut ProfileKeys> {
        self.profiles.iter_mut().find(|profile| profile.public.names.id == profile_id)
    }

    fn keep(&mut self, message: &MessageId, answer: &str) -> KeptAnswer {
        if let Some(kept) = self.answers.iter().find(|kept| kept.message == *message) {
            return kept.clone();
        }
        let kept = KeptAnswer::new(message.clone(), answer);
        self.answers.push(kept.clone());
        kept
    }

    fn mark_sent(&mut self, message: &MessageId) {
        self.answers.iter_mut().filter(|kept| kept.message == *message).for_each(|kept| kept.sent = true);
        let of_mailbox = |kept: &KeptAnswer| kept.sent && kept.message.mailbox == message.mailbox;
        let mut too_many = self.answers.iter().filter(|kept| of_mailbox(kept)).count().saturating_sub(KEPT_ANSWERS);
        self.answers.retain(|kept| {
            let goes = too_many > 0 && of_mailbox(kept);
            too_many -= usize::from(goes);
            !goes
        });
    }

    /// Forgets what is pending or answered in a mailbox.
    fn forget(&mut self, mailbox: &str) {
        self.pending.retain(|pending| pending.public.message.mailbox != mailbox);
        self.answers.retain(|kept| kept.message.mailbox != mailbox);
    }

    fn commit(&mut self, message: &MessageId) -> Result<Option<Profile>, KeyStoreError> {
        let Some(place) = self.pending.iter().position(|pending| pending.public.message == *message) else { return Ok(None) };
        let Some(channel) = self.pending[place].public.mailbox.clone() else {
            return Err(refused(Class::Conflict, "message", "its answer was not kept"));
        };
        let PendingKeys { public, private } = self.pending.remove(place);
        let profile = match self.profiles.iter_mut().find(|profile| profile.public.names.id == public.profile.id) {
            Some(profile) => {
                profile.public.names = public.profile;
                profile.public.channel = channel;
                profile.public.keys.retain(|key| !private.contains_key(&key.key_id));
                profile.public.keys.extend(public.keys);
                profile.private.extend(private);
                profile.public.clone()
            }
            None => {
                let profile = Profile::new(public.profile, channel, public.keys);
                self.profiles.push(ProfileKeys { public: profile.clone(), private });
                profile
            }
        };
        self.mark_sent(message);
        if self.activations.iter().any(|activation| activation.address == message.mailbox) {
            self.activations.retain(|activation| activation.address != message.mailbox);
            self.forget(&message.mailbox);
        }
        Ok(Some(profile))
    }

    fn install(&mut self, profile_id: &str, certificates: Vec<Installation>) -> Result<(), KeyStoreError> {
        let profile = self.profile(profile_id).ok_or_else(|| refused(Class::NotFound, "profileid", "no such profile"))?;
        for (index, new) in certificates.iter().enumerate() {
            if certificates[..index].iter().any(|other| other.key_id == new.key_id) {
                return Err(refused(Class::KeyId, "keyid", "given twice"));
            }
            let key = profile.public.key(&new.key_id).ok_or_else(|| refused(Class::KeyId, "keyid", "no such key"))?;
            new.certificate.require_key(&key.public_key).map_err(KeyStoreError::Refused)?;
        }
        for new in certificates {
            if let Some(key) = profile.public.keys.iter_mut().find(|key| key.key_id == new.key_id) {
                key.certificate = Some(new.certificate);
                key.state = new.state;
            }
        }
        Ok(())
    }

    fn retire(&mut self, profile_id: &str) {
        if let Some(profile) = self.profile(profile_id) {
            profile.public.keys.clear();
            profile.private.clear();
            profile.public.retired = true;
        }
        let (gone, pending) = std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.public.profile.id == profile_id);
        self.pending = pending;
        let gone: Vec<PendingKeys> = gone;
        self.answers.retain(|kept| kept.sent || !gone.iter().any(|pending| pending.public.message == kept.message));
    }

    fn remove_profile(&mut self, profile_id: &str) {
        self.retire(profile_id);
        if let Some(place) = self.profiles.iter().position(|profile| profile.public.names.id == profile_id) {
            let profile = self.profiles.remove(place);
            self.forget(&profile.public.channel.address);
        }
    }
}

fn refused(class: Class, part: &'static str, detail: &'static str) -> KeyStoreError {
    KeyStoreError::Refused(Error::new(class, part, detail))
}

impl KeyStore for MemoryKeyStore {
    fn takes(&self, kind: KeyKind, storage: &str) -> bool {
        let kind = match kind {
            KeyKind::Rsa { bits } => matches!(bits, 2048 | 3072 | 4096),
            KeyKind::Ec(_) | KeyKind::Ed25519 => true,
        };
        kind && storage == "APP"
    }

    fn open_activation(&self, channel: Channel) -> BoxFuture<'_, Result<Channel, KeyStoreError>> {
        Box::pin(async move {
            let mut state = self.state();
            if let Some(kept) = state.activations.iter().find(|kept| kept.address == channel.address) {
                return Ok(kept.clone());
            }
            state.activations.push(channel.clone());
            Ok(channel)
        })
    }

    fn activations(&self) -> BoxFuture<'_, Result<Vec<Channel>, KeyStoreError>> {
        Box::pin(async { Ok(self.state().activations.clone()) })
    }

    fn close_activation<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<(), KeyStoreError>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.activations.iter().any(|activation| activation.address == address) {
                state.activations.retain(|activation| activation.address != address);
                state.forget(address);
            }
            Ok(())
        })
    }

    fn begin(&self, provisioning: Provisioning) -> BoxFuture<'_, Result<Pending, KeyStoreError>> {
        Box::pin(async move {
            // Twice, as making keys takes a while, and others are not to wait for it.
            if let Some(pending) = self.state().begun(&provisioning.message)? {
                return Ok(pending);
            }
            let made = self.make(provisioning)?;
            let mut state = self.state();
            if let Some(pending) = state.begun(&made.public.message)? {
                return Ok(pending);
            }
            let public = made.public.clone();
            state.pending.push(made);
            Ok(public)
        })
    }

    fn all_pending(&self) -> BoxFuture<'_, Result<Vec<Pending>, KeyStoreError>> {
        Box::pin(async { Ok(self.state().pending.iter().map(|pending| pending.public.clone()).collect()) })
    }

    fn pending<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<Option<Pending>, KeyStoreError>> {
        Box::pin(async move { Ok(self.state().pending(message).map(|pending| pending.public.clone())) })
    }

    fn pending_signer<'a>(&'a self, message: &'a MessageId, key_id: &'a str) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>> {
        Box::pin(async move { Ok(self.state().pending(message).and_then(|pending| as_signer(&pending.private, key_id))) })
    }

    fn seal<'a>(&'a self, message: &'a MessageId, mailbox: Channel, answer: &'a str) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>> {
        Box::pin(async move {
            let mut state = self.state();
            let answered = state.answers.iter().any(|kept| kept.message == *message);
            let Some(pending) = state.pending.iter_mut().find(|pending| pending.public.message == *message) else {
                return Err(refused(Class::NotFound, "message", "nothing is pending for it"));
            };
            if answered && pending.public.mailbox.is_none() {
                return Err(refused(Class::Conflict, "message", "answered in another way"));
            }
            pending.public.mailbox.get_or_insert(mailbox);
            Ok(state.keep(message, answer))
        })
    }

    fn commit<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>> {
        Box::pin(async move { self.state().commit(message) })
    }

    fn abandon<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<(), KeyStoreError>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.pending(message).is_some() {
                state.pending.retain(|pending| pending.public.message != *message);
                state.answers.retain(|kept| kept.message != *message);
            }
            Ok(())
        })
    }

    fn keep_answer<'a>(&'a self, message: &'a MessageId, answer: &'a str) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>> {
        Box::pin(async move { Ok(self.state().keep(message, answer)) })
    }

    fn answer<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<Option<KeptAnswer>, KeyStoreError>> {
        Box::pin(async move { Ok(self.state().answers.iter().find(|kept| kept.message == *message).cloned()) })
    }

    fn unsent<'a>(&'a self, mailbox: &'a str) -> BoxFuture<'a, Result<Vec<KeptAnswer>, KeyStoreError>> {
        Box::pin(async move {
            let state = self.state();
            Ok(state.answers.iter().filter(|kept| !kept.sent && kept.message.mailbox == mailbox).cloned().collect())
        })
    }

    fn mark_sent<'a>(&'a self, message: &'a MessageId) -> BoxFuture<'a, Result<(), KeyStoreError>> {
        Box::pin(async move {
            self.state().mark_sent(message);
            Ok(())
        })
    }

    fn profiles(&self) -> BoxFuture<'_, Result<Vec<Profile>, KeyStoreError>> {
        Box::pin(async { Ok(self.state().profiles.iter().map(|profile| profile.public.clone()).collect()) })
    }

    fn profile<'a>(&'a self, profile_id: &'a str) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>> {
        Box::pin(async move { Ok(self.state().profile(profile_id).map(|profile| profile.public.clone())) })
    }

    fn signer<'a>(&'a self, profile_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>> {
        Box::pin(async move { Ok(self.state().profile(profile_id).and_then(|profile| as_signer(&profile.private, key_id))) })
    }

    fn install<'a>(&'a self, profile_id: &'a str, certificates: Vec<Installation>) -> BoxFuture<'a, Result<(), KeyStoreError>> {
        Box::pin(async move { self.state().install(profile_id, certificates) })
    }

    fn retire<'a>(&'a self, profile_id: &'a str) -> BoxFuture<'a, Result<(), KeyStoreError>> {
        Box::pin(async move {
            self.state().retire(profile_id);
            Ok(())
        })
    }

    fn remove_profile<'a>(&'a self, profile_id: &'a str) -> BoxFuture<'a, Result<(), KeyStoreError>> {
        Box::pin(async move {
            self.state().remove_profile(profile_id);
            Ok(())
        })
    }
}

fn as_signer(keys: &HashMap<String, Arc<dyn PrivateKey>>, key_id: &str) -> Option<Arc<dyn Signer>> {
    let key: Arc<dyn PrivateKey> = Arc::clone(keys.get(key_id)?);
    Some(key)
}

impl fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryKeyStore").field("profiles", &state.profiles.len()).field("pending", &state.pending.len()).finish_non_exhaustive()
    }
}
