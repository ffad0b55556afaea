//! The steps of a key store as transitions of one value, and a [`KeyStore`](super::KeyStore)
//! implementation based on them, so that all stores share the same rules.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    CertificateInstall, Channel, KeptAnswer, KeyStoreError, MessageId, Pending, Profile,
    Provisioning, StoredKey,
};
use crate::crypto::{KeyKind, PrivateKey, Provider, Signer};
use crate::{Class, Error};

/// The number of sent answers that are kept for each mailbox, so that a repeated message gets the
/// same answer: the newest 64.
pub const KEPT_ANSWERS: usize = 64;

/// Private keys by keyid.
pub(super) type Ring = HashMap<String, Arc<dyn PrivateKey>>;

/// The complete state of a store. No step leaves it half changed: each step first checks, then
/// changes.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) activations: Vec<Channel>,
    pub(super) pending: Vec<PendingKeys>,
    pub(super) profiles: Vec<ProfileKeys>,
    /// Oldest first.
    pub(super) answers: Vec<KeptAnswer>,
}

#[derive(Clone)]
pub(super) struct PendingKeys {
    pub(super) public: Pending,
    pub(super) private: Ring,
}

#[derive(Clone)]
pub(super) struct ProfileKeys {
    pub(super) public: Profile,
    pub(super) private: Ring,
}

impl PendingKeys {
    /// Generates the keys of a provisioning, all or none.
    pub(super) fn make(
        provisioning: Provisioning,
        provider: &dyn Provider,
    ) -> Result<Self, KeyStoreError> {
        let mut private = HashMap::with_capacity(provisioning.keys.len());
        let mut public = Vec::with_capacity(provisioning.keys.len());
        for spec in &provisioning.keys {
            let key: Arc<dyn PrivateKey> =
                Arc::from(provider.generate(spec.kind).map_err(KeyStoreError::Crypto)?);
            public.push(StoredKey::new(spec, key.public_key().clone()));
            if private.insert(spec.key_id.clone(), key).is_some() {
                return Err(refused(Class::KeyId, "keyid", "asked for twice"));
            }
        }
        Ok(Self { public: Pending::new(provisioning, public), private })
    }
}

impl State {
    /// Stores an activation, or returns the stored one.
    pub(super) fn open_activation(&mut self, channel: Channel) -> Channel {
        if let Some(kept) = self.activations.iter().find(|kept| kept.address == channel.address) {
            return kept.clone();
        }
        self.activations.push(channel.clone());
        channel
    }

    pub(super) fn close_activation(&mut self, address: &str) {
        if self.activations.iter().any(|activation| activation.address == address) {
            self.activations.retain(|activation| activation.address != address);
            self.forget(address);
        }
    }

    pub(super) fn pending(&self, message: &MessageId) -> Option<&PendingKeys> {
        self.pending.iter().find(|pending| pending.public.message == *message)
    }

    /// The pending keys of a message that has not been answered.
    pub(super) fn begun(&self, message: &MessageId) -> Result<Option<Pending>, KeyStoreError> {
        match self.pending(message) {
            Some(pending) => Ok(Some(pending.public.clone())),
            None if self.answer(message).is_some() => {
                Err(refused(Class::Conflict, "message", "answered already"))
            }
            None => Ok(None),
        }
    }

    /// Stores generated keys, or returns those that are pending.
    pub(super) fn begin(&mut self, made: PendingKeys) -> Result<Pending, KeyStoreError> {
        if let Some(pending) = self.begun(&made.public.message)? {
            return Ok(pending);
        }
        let public = made.public.clone();
        self.pending.push(made);
        Ok(public)
    }

    pub(super) fn record_answer(
        &mut self,
        message: &MessageId,
        mailbox: Channel,
        answer: &str,
    ) -> Result<KeptAnswer, KeyStoreError> {
        let answered = self.answer(message).is_some();
        let Some(pending) =
            self.pending.iter_mut().find(|pending| pending.public.message == *message)
        else {
            return Err(refused(Class::NotFound, "message", "nothing is pending for it"));
        };
        if answered && pending.public.mailbox.is_none() {
            return Err(refused(Class::Conflict, "message", "answered in another way"));
        }
        pending.public.mailbox.get_or_insert(mailbox);
        Ok(self.keep(message, answer))
    }

    pub(super) fn abandon(&mut self, message: &MessageId) {
        if self.pending(message).is_some() {
            self.pending.retain(|pending| pending.public.message != *message);
            self.answers.retain(|kept| kept.message != *message);
        }
    }

    pub(super) fn answer(&self, message: &MessageId) -> Option<&KeptAnswer> {
        self.answers.iter().find(|kept| kept.message == *message)
    }

    pub(super) fn profile(&self, profile_id: &str) -> Option<&ProfileKeys> {
        self.profiles.iter().find(|profile| profile.public.names.id == profile_id)
    }

    fn profile_mut(&mut self, profile_id: &str) -> Option<&mut ProfileKeys> {
        self.profiles.iter_mut().find(|profile| profile.public.names.id == profile_id)
    }

    pub(super) fn keep(&mut self, message: &MessageId, answer: &str) -> KeptAnswer {
        if let Some(kept) = self.answer(message) {
            return kept.clone();
        }
        let kept = KeptAnswer::new(message.clone(), answer);
        self.answers.push(kept.clone());
        kept
    }

    pub(super) fn mark_sent(&mut self, message: &MessageId) {
        self.answers
            .iter_mut()
            .filter(|kept| kept.message == *message)
            .for_each(|kept| kept.sent = true);
        let of_mailbox = |kept: &KeptAnswer| kept.sent && kept.message.mailbox == message.mailbox;
        let mut too_many = self
            .answers
            .iter()
            .filter(|kept| of_mailbox(kept))
            .count()
            .saturating_sub(KEPT_ANSWERS);
        self.answers.retain(|kept| {
            let goes = too_many > 0 && of_mailbox(kept);
            too_many -= usize::from(goes);
            !goes
        });
    }

    /// Removes the pending keys and the answers of a mailbox.
    fn forget(&mut self, mailbox: &str) {
        self.pending.retain(|pending| pending.public.message.mailbox != mailbox);
        self.answers.retain(|kept| kept.message.mailbox != mailbox);
    }

    pub(super) fn commit(&mut self, message: &MessageId) -> Result<Option<Profile>, KeyStoreError> {
        let Some(place) =
            self.pending.iter().position(|pending| pending.public.message == *message)
        else {
            return Ok(None);
        };
        let Some(channel) = self.pending[place].public.mailbox.clone() else {
            return Err(refused(Class::Conflict, "message", "its answer was not kept"));
        };
        let PendingKeys { public, private } = self.pending.remove(place);
        let profile = match self
            .profiles
            .iter_mut()
            .find(|profile| profile.public.names.id == public.profile.id)
        {
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

    pub(super) fn install(
        &mut self,
        profile_id: &str,
        certificates: Vec<CertificateInstall>,
    ) -> Result<(), KeyStoreError> {
        let profile = self
            .profile_mut(profile_id)
            .ok_or_else(|| refused(Class::NotFound, "profileid", "no such profile"))?;
        for (index, new) in certificates.iter().enumerate() {
            if certificates[..index].iter().any(|other| other.key_id == new.key_id) {
                return Err(refused(Class::KeyId, "keyid", "given twice"));
            }
            let key = profile
                .public
                .key(&new.key_id)
                .ok_or_else(|| refused(Class::KeyId, "keyid", "no such key"))?;
            new.certificate.require_key(&key.public_key).map_err(KeyStoreError::Refused)?;
        }
        for new in certificates {
            if let Some(key) = profile.public.keys.iter_mut().find(|key| key.key_id == new.key_id) {
                key.certificate = Some(new.certificate);
                key.chain = new.chain;
                key.state = new.state;
            }
        }
        Ok(())
    }

    pub(super) fn retire(&mut self, profile_id: &str) {
        if let Some(profile) = self.profile_mut(profile_id) {
            profile.public.keys.clear();
            profile.private.clear();
            profile.public.retired = true;
        }
        let (gone, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|pending| pending.public.profile.id == profile_id);
        self.pending = pending;
        let gone: Vec<PendingKeys> = gone;
        self.answers.retain(|kept| {
            kept.sent || !gone.iter().any(|pending| pending.public.message == kept.message)
        });
    }

    pub(super) fn remove_profile(&mut self, profile_id: &str) {
        self.retire(profile_id);
        if let Some(place) =
            self.profiles.iter().position(|profile| profile.public.names.id == profile_id)
        {
            let profile = self.profiles.remove(place);
            self.forget(&profile.public.channel.address);
        }
    }
}

/// Whether keys of this kind can be generated in this storage.
pub(super) fn takes(kind: KeyKind, storage: &str) -> bool {
    let kind = match kind {
        KeyKind::Rsa { bits } => matches!(bits, 2048 | 3072 | 4096),
        KeyKind::Ec(_) | KeyKind::Ed25519 => true,
    };
    kind && storage == "APP"
}

pub(super) fn as_signer(keys: &Ring, key_id: &str) -> Option<Arc<dyn Signer>> {
    let key: Arc<dyn PrivateKey> = Arc::clone(keys.get(key_id)?);
    Some(key)
}

fn refused(class: Class, part: &'static str, detail: &'static str) -> KeyStoreError {
    KeyStoreError::Refused(Error::new(class, part, detail))
}

/// Implements [`KeyStore`](super::KeyStore) for a type that has:
///
/// - `provider`: an `Arc<dyn Provider>`,
/// - `fn look<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, KeyStoreError>`,
/// - `fn step<T>(&self, change: impl FnOnce(&mut State) -> Result<T, KeyStoreError>) -> Result<T,
///   KeyStoreError>`, which stores the whole change or none of it.
macro_rules! key_store_of_steps {
    ($store:ty) => {
        impl $crate::keys::KeyStore for $store {
            fn takes(&self, kind: KeyKind, storage: &str) -> bool {
                steps::takes(kind, storage)
            }

            fn open_activation(
                &self,
                channel: Channel,
            ) -> BoxFuture<'_, Result<Channel, KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.open_activation(channel))) })
            }

            fn activations(&self) -> BoxFuture<'_, Result<Vec<Channel>, KeyStoreError>> {
                Box::pin(async { self.look(|state| state.activations.clone()) })
            }

            fn close_activation<'a>(
                &'a self,
                address: &'a str,
            ) -> BoxFuture<'a, Result<(), KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.close_activation(address))) })
            }

            fn begin(
                &self,
                provisioning: Provisioning,
            ) -> BoxFuture<'_, Result<Pending, KeyStoreError>> {
                Box::pin(async move {
                    // Checked twice, before and after generating the keys, because generation takes
                    // a while and must not hold the lock.
                    if let Some(pending) =
                        self.look(|state| state.begun(&provisioning.message))??
                    {
                        return Ok(pending);
                    }
                    let made = PendingKeys::make(provisioning, &*self.provider)?;
                    self.step(|state| state.begin(made))
                })
            }

            fn all_pending(&self) -> BoxFuture<'_, Result<Vec<Pending>, KeyStoreError>> {
                Box::pin(async {
                    self.look(|state| {
                        state.pending.iter().map(|pending| pending.public.clone()).collect()
                    })
                })
            }

            fn pending<'a>(
                &'a self,
                message: &'a MessageId,
            ) -> BoxFuture<'a, Result<Option<Pending>, KeyStoreError>> {
                Box::pin(async move {
                    self.look(|state| state.pending(message).map(|pending| pending.public.clone()))
                })
            }

            fn pending_signer<'a>(
                &'a self,
                message: &'a MessageId,
                key_id: &'a str,
            ) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>> {
                Box::pin(async move {
                    self.look(|state| {
                        state
                            .pending(message)
                            .and_then(|pending| as_signer(&pending.private, key_id))
                    })
                })
            }

            fn record_answer<'a>(
                &'a self,
                message: &'a MessageId,
                mailbox: Channel,
                answer: &'a str,
            ) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>> {
                Box::pin(
                    async move { self.step(|state| state.record_answer(message, mailbox, answer)) },
                )
            }

            fn commit<'a>(
                &'a self,
                message: &'a MessageId,
            ) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>> {
                Box::pin(async move { self.step(|state| state.commit(message)) })
            }

            fn abandon<'a>(
                &'a self,
                message: &'a MessageId,
            ) -> BoxFuture<'a, Result<(), KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.abandon(message))) })
            }

            fn keep_answer<'a>(
                &'a self,
                message: &'a MessageId,
                answer: &'a str,
            ) -> BoxFuture<'a, Result<KeptAnswer, KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.keep(message, answer))) })
            }

            fn answer<'a>(
                &'a self,
                message: &'a MessageId,
            ) -> BoxFuture<'a, Result<Option<KeptAnswer>, KeyStoreError>> {
                Box::pin(async move { self.look(|state| state.answer(message).cloned()) })
            }

            fn unsent<'a>(
                &'a self,
                mailbox: &'a str,
            ) -> BoxFuture<'a, Result<Vec<KeptAnswer>, KeyStoreError>> {
                Box::pin(async move {
                    self.look(|state| {
                        state
                            .answers
                            .iter()
                            .filter(|kept| !kept.sent && kept.message.mailbox == mailbox)
                            .cloned()
                            .collect()
                    })
                })
            }

            fn mark_sent<'a>(
                &'a self,
                message: &'a MessageId,
            ) -> BoxFuture<'a, Result<(), KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.mark_sent(message))) })
            }

            fn profiles(&self) -> BoxFuture<'_, Result<Vec<Profile>, KeyStoreError>> {
                Box::pin(async {
                    self.look(|state| {
                        state.profiles.iter().map(|profile| profile.public.clone()).collect()
                    })
                })
            }

            fn profile<'a>(
                &'a self,
                profile_id: &'a str,
            ) -> BoxFuture<'a, Result<Option<Profile>, KeyStoreError>> {
                Box::pin(async move {
                    self.look(|state| {
                        state.profile(profile_id).map(|profile| profile.public.clone())
                    })
                })
            }

            fn signer<'a>(
                &'a self,
                profile_id: &'a str,
                key_id: &'a str,
            ) -> BoxFuture<'a, Result<Option<Arc<dyn Signer>>, KeyStoreError>> {
                Box::pin(async move {
                    self.look(|state| {
                        state
                            .profile(profile_id)
                            .and_then(|profile| as_signer(&profile.private, key_id))
                    })
                })
            }

            fn install<'a>(
                &'a self,
                profile_id: &'a str,
                certificates: Vec<CertificateInstall>,
            ) -> BoxFuture<'a, Result<(), KeyStoreError>> {
                Box::pin(async move { self.step(|state| state.install(profile_id, certificates)) })
            }

            fn retire<'a>(
                &'a self,
                profile_id: &'a str,
            ) -> BoxFuture<'a, Result<(), KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.retire(profile_id))) })
            }

            fn remove_profile<'a>(
                &'a self,
                profile_id: &'a str,
            ) -> BoxFuture<'a, Result<(), KeyStoreError>> {
                Box::pin(async move { self.step(|state| Ok(state.remove_profile(profile_id))) })
            }
        }
    };
}

pub(super) use key_store_of_steps;
