//! An open mailbox and the handling of its messages.

use std::time::Duration;

use super::{Agent, CertificateSeen, Connector, DeviceError, Event};
use crate::hermod::wire::{AnyMailboxApi, MailboxApi as _, MailboxKey};
use crate::keys::{Channel, KEPT_ANSWERS, KeptAnswer, MessageId, Profile};
use crate::{Class, Error};

/// A mailbox with an open connection.
pub(super) struct OpenMailbox {
    pub(super) channel: Channel,
    /// The hub's address without the mailbox.
    pub(super) public: String,
    pub(super) api: AnyMailboxApi,
    pub(super) certificate: CertificateSeen,
}

impl OpenMailbox {
    pub(super) async fn open(
        connector: &dyn Connector,
        channel: &Channel,
    ) -> Result<Self, DeviceError> {
        let (public, bid) = split(&channel.address).map_err(DeviceError::Link)?;
        let key = match &channel.claim {
            Some(claim) => MailboxKey::of_message(bid, channel.token.clone(), claim.clone()),
            None => MailboxKey::of_mailbox(bid, channel.token.clone()),
        };
        let connection = connector.connect(public, key).await.map_err(DeviceError::Hub)?;
        Ok(Self {
            channel: channel.clone(),
            public: public.to_owned(),
            api: connection.mailbox,
            certificate: connection.certificate,
        })
    }

    pub(super) fn message(&self, mid: &str) -> MessageId {
        MessageId::new(&self.channel.address, mid)
    }
}

/// Splits a mailbox address into `{public}` and `{bid}`.
pub(super) fn split(address: &str) -> Result<(&str, &str), Error> {
    let malformed = || Error::new(Class::Malformed, "address", "not the address of a mailbox");
    address
        .rsplit_once('/')
        .filter(|(public, bid)| !bid.is_empty() && !public.ends_with('/'))
        .ok_or_else(malformed)
}

impl Agent {
    /// Continues an activation.
    pub(super) async fn resume(&self, channel: &Channel) -> Vec<Result<Event, DeviceError>> {
        let mut events = Vec::new();
        if let Err(error) = self.resume_into(channel, &mut events).await {
            events.push(Err(error));
        }
        events
    }

    async fn resume_into(
        &self,
        channel: &Channel,
        events: &mut Vec<Result<Event, DeviceError>>,
    ) -> Result<(), DeviceError> {
        // An activation has one message, so nothing is left to fetch once an answer is stored.
        let kept = self.keys.unsent(&channel.address).await?.into_iter().next();
        let mailbox = match (self.open(channel).await, kept) {
            (Ok(mailbox), Some(kept)) => {
                events.push(self.deliver(&mailbox, None, kept).await);
                return Ok(());
            }
            (Err(DeviceError::Hub(error)), Some(kept)) if is_gone(&error) => {
                events.push(self.lost(&kept.message, error).await);
                return Ok(());
            }
            (Err(DeviceError::Hub(error)), None) => {
                return self.activation_failed(channel, error, events).await;
            }
            (opened, _) => opened?,
        };
        let listing = match mailbox.api.list(Duration::ZERO).await {
            Err(error) => return self.activation_failed(channel, error, events).await,
            Ok(listing) => listing,
        };
        if let Some(listed) = listing.messages.first() {
            match self.process(&mailbox, None, &listed.mid).await {
                Err(DeviceError::Hub(error)) => {
                    return self.activation_failed(channel, error, events).await;
                }
                done => events.push(done),
            }
        }
        Ok(())
    }

    /// Handles an error of the hub during an activation; some classes end it.
    async fn activation_failed(
        &self,
        channel: &Channel,
        error: Error,
        events: &mut Vec<Result<Event, DeviceError>>,
    ) -> Result<(), DeviceError> {
        match error.class() {
            Class::Expired => {
                self.keys.close_activation(&channel.address).await?;
                events.push(Ok(Event::Ended { message: MessageId::new(&channel.address, "") }));
                Ok(())
            }
            // A stored answer may have arrived, so the activation then stays open.
            Class::Unauthorized | Class::Conflict | Class::NotFound
                if self.keys.unsent(&channel.address).await?.is_empty() =>
            {
                self.keys.close_activation(&channel.address).await?;
                Err(DeviceError::Hub(error))
            }
            _ => Err(DeviceError::Hub(error)),
        }
    }

    /// Handles the messages in the mailbox of a profile.
    pub(super) async fn serve(
        &self,
        profile: Profile,
        wait: Duration,
    ) -> Vec<Result<Event, DeviceError>> {
        let mut events = Vec::new();
        if let Err(error) = self.serve_into(profile, wait, &mut events).await {
            events.push(Err(error));
        }
        events
    }

    async fn serve_into(
        &self,
        profile: Profile,
        wait: Duration,
        events: &mut Vec<Result<Event, DeviceError>>,
    ) -> Result<(), DeviceError> {
        let profile_id = profile.names.id.clone();
        let mailbox = match self.open(&profile.channel).await {
            Err(DeviceError::Hub(error)) => {
                return self.mailbox_failed(&profile, error, events).await;
            }
            opened => opened?,
        };
        for kept in self.keys.unsent(&profile.channel.address).await? {
            events.push(self.deliver(&mailbox, Some(&profile), kept).await);
        }
        let wait = wait.min(Duration::from_secs(self.dialect.limits.max_wait_secs));
        let listing = match mailbox.api.list(wait).await {
            Err(error) => return self.mailbox_failed(&profile, error, events).await,
            Ok(listing) => listing,
        };
        for listed in &listing.messages {
            // The previous message may have changed or removed the profile.
            let Some(profile) = self.keys.profile(&profile_id).await? else { return Ok(()) };
            // This keeps a hub that sends commands but accepts no answers from filling the key
            // store.
            if self.keys.unsent(&mailbox.channel.address).await?.len() >= KEPT_ANSWERS {
                break;
            }
            events.push(self.process(&mailbox, Some(&profile), &listed.mid).await);
        }
        match self.keys.profile(&profile_id).await? {
            Some(profile)
                if profile.retired
                    && self.keys.unsent(&profile.channel.address).await?.is_empty() =>
            {
                if let Err(error) = mailbox.api.remove().await {
                    return self.mailbox_failed(&profile, error, events).await;
                }
                self.remove(&profile, events).await
            }
            _ => Ok(()),
        }
    }

    /// Handles an error of the hub for the mailbox of a profile. A retired profile is removed if
    /// its mailbox no longer exists.
    async fn mailbox_failed(
        &self,
        profile: &Profile,
        error: Error,
        events: &mut Vec<Result<Event, DeviceError>>,
    ) -> Result<(), DeviceError> {
        match self.keys.profile(&profile.names.id).await? {
            // The profile was removed, with its mailbox, while an answer was delivered.
            None => Ok(()),
            Some(profile) if profile.retired && is_gone(&error) => {
                self.remove(&profile, events).await
            }
            Some(profile) => {
                if error.class() == Class::Expired {
                    // The mailbox no longer exists, so pending operations for it are abandoned. The
                    // profile stays, because the mailbox may have been deleted for a lost phone
                    // that was found.
                    for pending in self.keys.all_pending().await? {
                        if pending.message.mailbox == profile.channel.address {
                            self.keys.abandon(&pending.message).await?;
                        }
                    }
                }
                Err(DeviceError::Hub(error))
            }
        }
    }

    async fn remove(
        &self,
        profile: &Profile,
        events: &mut Vec<Result<Event, DeviceError>>,
    ) -> Result<(), DeviceError> {
        self.keys.remove_profile(&profile.names.id).await?;
        events.push(Ok(Event::Deleted { profile_id: profile.names.id.clone() }));
        Ok(())
    }

    /// Handles one message: fetches it unless it was answered before, carries it out, stores the
    /// answer, and sends it.
    async fn process(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        mid: &str,
    ) -> Result<Event, DeviceError> {
        let id = mailbox.message(mid);
        let kept = match self.keys.answer(&id).await? {
            Some(kept) => kept,
            None => match self.handle(mailbox, owner, &id).await {
                Err(DeviceError::Hub(error)) if error.class() == Class::Expired => {
                    return self.ended(owner, &id).await;
                }
                handled => handled?,
            },
        };
        self.deliver(mailbox, owner, kept).await
    }

    async fn handle(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        id: &MessageId,
    ) -> Result<KeptAnswer, DeviceError> {
        let message = mailbox.api.fetch(&id.mid).await.map_err(DeviceError::Hub)?;
        if message.header.mid != id.mid {
            return Err(DeviceError::Hub(Error::new(
                Class::Malformed,
                "header.mid",
                "another message than the one that was asked for",
            )));
        }
        self.answer(mailbox, owner, id, &message).await
    }
}

/// Returns whether an error says that a mailbox or its credential no longer exists.
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(error.class(), Class::Unauthorized | Class::Expired | Class::NotFound)
}
