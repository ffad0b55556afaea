//! Delivery of stored answers, and the handling of the hub's response.

use std::time::Duration;

use super::mailbox::{OpenMailbox, is_gone};
use super::{Agent, DeviceError, Event};
use crate::hermod::model::{Answer, CommandKind, ProvisionResponse, Response, SUCCESS};
use crate::hermod::wire::MailboxApi as _;
use crate::keys::{KeptAnswer, MessageId, Pending, Profile};
use crate::transport::base_url::is_same;
use crate::{Class, Error};

/// The outcome of sending an answer.
enum SendOutcome {
    /// The hub accepted it.
    Accepted,
    /// The command ended before the answer arrived.
    Ended,
    /// The hub already has a different answer.
    Other(Error),
    /// The hub rejected it permanently.
    Rejected(Error),
    /// The hub no longer knows the mailbox or its credential.
    Lost(Error),
    /// Whether the hub has it is not known; send it again later.
    Unknown(Error),
}

impl Agent {
    /// Sends a stored answer. Each attempt sends the same bytes.
    pub(super) async fn deliver(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        kept: KeptAnswer,
    ) -> Result<Event, DeviceError> {
        let id = &kept.message;
        let pending = self.keys.pending(id).await?.filter(|pending| pending.mailbox.is_some());
        match (send(mailbox, &kept).await, pending) {
            (SendOutcome::Accepted, Some(pending)) => self.provisioned(owner, pending).await,
            (SendOutcome::Accepted, None) => self.answered(owner, &kept).await,
            (SendOutcome::Ended, _) => self.ended(owner, id).await,
            (SendOutcome::Rejected(error), Some(_)) => {
                self.refuse_instead(mailbox, owner, &kept, error).await
            }
            (SendOutcome::Rejected(error), None) => {
                self.complete_if_done(owner, id).await?;
                Err(DeviceError::Rejected(error))
            }
            (SendOutcome::Other(error), _) => {
                self.keys.abandon(id).await?;
                self.complete_if_done(owner, id).await?;
                Err(DeviceError::Hub(error))
            }
            (SendOutcome::Lost(error), _) if owner.is_none() => self.lost(id, error).await,
            (SendOutcome::Lost(error) | SendOutcome::Unknown(error), _) => {
                Err(DeviceError::Hub(error))
            }
        }
    }

    /// Handles an accepted provision answer: the keys become the profile's.
    async fn provisioned(
        &self,
        owner: Option<&Profile>,
        pending: Pending,
    ) -> Result<Event, DeviceError> {
        let profile_id = pending.profile.id;
        if owner.is_none() {
            // The profile moves to the mailbox that was reserved for it; the one it had is given
            // up. If it has that one already, somebody else was here first: another call that went
            // on with the same message.
            let moved = |old: &Profile| {
                pending
                    .mailbox
                    .as_ref()
                    .is_some_and(|new| !is_same(&new.address, &old.channel.address))
            };
            if let Some(old) = self.keys.profile(&profile_id).await?.filter(moved) {
                let given_up = match self.open(&old.channel).await {
                    Ok(old) => old.api.remove().await.map_err(DeviceError::Hub),
                    Err(error) => Err(error),
                };
                match given_up {
                    Err(DeviceError::Hub(error)) if !is_gone(&error) => {
                        return Err(DeviceError::Hub(error));
                    }
                    _ => {}
                }
            }
        }
        self.keys.commit(&pending.message).await?;
        Ok(Event::Provisioned { profile_id })
    }

    /// The hub has any other answer.
    async fn answered(
        &self,
        owner: Option<&Profile>,
        kept: &KeptAnswer,
    ) -> Result<Event, DeviceError> {
        let id = &kept.message;
        let response = self.dialect.read_answer(&kept.text).ok().map(|answer| answer.response);
        let command = response.as_ref().and_then(Response::kind);
        let code =
            response.as_ref().and_then(Response::code).unwrap_or(self.dialect.codes.unsupported);
        self.complete_if_done(owner, id).await?;
        if let Some(owner) =
            owner.filter(|_| command == Some(CommandKind::Delete) && code == SUCCESS)
        {
            let profile_id = owner.names.id.clone();
            if self.keys.profile(&profile_id).await?.is_some_and(|profile| profile.retired) {
                self.keys.remove_profile(&profile_id).await?;
                return Ok(Event::Deleted { profile_id });
            }
        }
        Ok(Event::Answered { message: id.clone(), command, code })
    }

    /// Handles a message that ended: abandons the keys that were made for it.
    pub(super) async fn ended(
        &self,
        owner: Option<&Profile>,
        id: &MessageId,
    ) -> Result<Event, DeviceError> {
        self.keys.abandon(id).await?;
        self.complete_if_done(owner, id).await?;
        Ok(Event::Ended { message: id.clone() })
    }

    /// Records that nothing more is to be sent for a message.
    async fn complete_if_done(
        &self,
        owner: Option<&Profile>,
        id: &MessageId,
    ) -> Result<(), DeviceError> {
        match owner {
            Some(_) => self.keys.mark_sent(id).await?,
            None => self.keys.close_activation(&id.mailbox).await?,
        }
        Ok(())
    }

    /// Handles a rejected provision answer: deletes the keys and sends the integrator a refusal.
    async fn refuse_instead(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        kept: &KeptAnswer,
        rejected: Error,
    ) -> Result<Event, DeviceError> {
        let location = self
            .dialect
            .read_answer(&kept.text)
            .map_err(DeviceError::Hub)?
            .response_header
            .in_reply_to;
        let refusal = Answer::new(
            location,
            Response::Provision(ProvisionResponse::refusal(self.dialect.codes.other)),
        );
        self.keys.abandon(&kept.message).await?;
        let refusal =
            self.keys.keep_answer(&kept.message, &self.dialect.write_answer(&refusal)).await?;
        match send(mailbox, &refusal).await {
            SendOutcome::Unknown(_) => {}
            _ => self.complete_if_done(owner, &kept.message).await?,
        }
        Err(DeviceError::Rejected(rejected))
    }

    /// Handles a link that the hub no longer knows while an answer was being delivered; the hub
    /// deletes a link a day after its command ends. If the hub knows the new mailbox, it accepted
    /// the answer: a mailbox without an answer is removed when the command ends.
    pub(super) async fn lost(&self, id: &MessageId, error: Error) -> Result<Event, DeviceError> {
        let recorded = self
            .keys
            .pending(id)
            .await?
            .and_then(|pending| Some((pending.mailbox.clone()?, pending)));
        let Some((channel, pending)) = recorded else {
            self.complete_if_done(None, id).await?;
            return Err(DeviceError::Hub(error));
        };
        let listed = match self.open(&channel).await {
            Ok(mailbox) => mailbox.api.list(Duration::ZERO).await.map_err(DeviceError::Hub),
            Err(error) => Err(error),
        };
        match listed {
            Ok(_) => self.provisioned(None, pending).await,
            Err(DeviceError::Hub(error)) if is_gone(&error) => self.ended(None, id).await,
            Err(error) => Err(error),
        }
    }
}

async fn send(mailbox: &OpenMailbox, kept: &KeptAnswer) -> SendOutcome {
    let Err(error) = mailbox.api.answer(&kept.message.mid, &kept.text).await else {
        return SendOutcome::Accepted;
    };
    match error.class() {
        Class::Expired | Class::NotFound => SendOutcome::Ended,
        Class::Conflict => SendOutcome::Other(error),
        Class::Unauthorized => SendOutcome::Lost(error),
        Class::Storage | Class::Unavailable | Class::Rate | Class::TargetRefused => {
            SendOutcome::Unknown(error)
        }
        Class::Malformed
        | Class::TooLarge
        | Class::Algorithm
        | Class::WeakKey
        | Class::PrivateKey
        | Class::Signature
        | Class::Proof
        | Class::Nonce
        | Class::Replay
        | Class::KeyId
        | Class::NotAsRequested
        | Class::Csr
        | Class::Attestation
        | Class::Channel
        | Class::User => SendOutcome::Rejected(error),
    }
}
