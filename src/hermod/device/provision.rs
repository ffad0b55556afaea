//! Provisioning: makes keys, proves possession of them, and answers.

use super::mailbox::{OpenMailbox, split};
use super::plan::Plan;
use super::{ActivationError, Agent, Decision, DeviceError};
use crate::crypto::CryptoError;
use crate::encoding::uuid;
use crate::hermod::model::{Answer, Message, ProvisionCommand, ProvisionResponse, Response};
use crate::hermod::proof::UnsignedAnswer;
use crate::hermod::wire::MailboxApi as _;
use crate::keys::{
    Channel, KeptAnswer, KeyStoreError, MessageId, Pending, Profile, ProfileNames, Provisioning,
};
use crate::transport::base_url::{BaseUrl, is_same};
use crate::{Class, Error};

impl Agent {
    /// Carries out a provision command and stores the answer.
    pub(super) async fn provision(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        id: &MessageId,
        message: &Message,
        command: &ProvisionCommand,
    ) -> Result<KeptAnswer, DeviceError> {
        match self.try_provision(mailbox, owner, id, message, command).await {
            Ok(kept) => Ok(kept),
            Err(ActivationError::Fault(error)) => Err(error),
            Err(ActivationError::Refuse(code)) => {
                self.keys.abandon(id).await?;
                let answer = Answer::new(
                    &message.header.location,
                    Response::Provision(ProvisionResponse::refusal(code)),
                );
                Ok(self.keys.keep_answer(id, &self.dialect.write_answer(&answer)).await?)
            }
        }
    }

    async fn try_provision(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        id: &MessageId,
        message: &Message,
        command: &ProvisionCommand,
    ) -> Result<KeptAnswer, ActivationError> {
        let plan = self.plan(command, owner).await?;
        let command_sha256 = self.provider.sha256(command.to_json().as_bytes());
        let pending = self.make(mailbox, id, &plan, command_sha256).await?;
        let channel = match owner {
            Some(owner) => owner.channel.clone(),
            None => self.reserve(mailbox).await?,
        };
        let mut answer = UnsignedAnswer::new(
            &plan.asked,
            &pending.profile.id,
            &channel.address,
            self.info.clone(),
        );
        if !message.header.fqdn.is_empty() {
            answer = answer.with_fqdn(&message.header.fqdn);
        }
        if let Some(sha256) = mailbox.certificate.sha256() {
            answer = answer.with_sch(sha256);
        }
        let answer = answer.with_signed_keys(self.prove(id, &plan, &pending).await?);
        let jws = answer.sign(&*self.attestation).map_err(DeviceError::Crypto)?;
        let answer = Answer::new(
            &message.header.location,
            Response::Provision(ProvisionResponse::success(jws)),
        );
        Ok(self.keys.record_answer(id, channel, &self.dialect.write_answer(&answer)).await?)
    }

    /// Returns the keys that are pending for this command or, if the user agrees, makes new ones.
    async fn make(
        &self,
        mailbox: &OpenMailbox,
        id: &MessageId,
        plan: &Plan,
        command_sha256: [u8; 32],
    ) -> Result<Pending, ActivationError> {
        let codes = &self.dialect.codes;
        match self.keys.pending(id).await? {
            Some(pending)
                if pending.command_sha256 == command_sha256 && plan.is_met_by(&pending) =>
            {
                return Ok(pending);
            }
            // The command or the policy has changed since these keys were made, so they do not fit.
            Some(_) => self.keys.abandon(id).await?,
            None => {}
        }
        if self.consent.ask(&plan.question(&mailbox.public)).await == Decision::Refuse {
            return Err(ActivationError::Refuse(codes.user_cancelled));
        }
        let profile_id = match &plan.existing {
            Some(profile) => profile.names.id.clone(),
            None => uuid::new(&*self.provider).map_err(DeviceError::Crypto)?,
        };
        let names = ProfileNames::new(
            profile_id,
            &plan.asked.user_id,
            &plan.asked.name,
            &plan.asked.server_name,
        );
        let specs = plan.keys.iter().map(|(_, spec)| spec.clone()).collect();
        let made =
            self.keys.begin(Provisioning::new(id.clone(), command_sha256, names, specs)).await;
        match made {
            Ok(pending) if pending.command_sha256 == command_sha256 && plan.is_met_by(&pending) => {
                Ok(pending)
            }
            Ok(_) => Err(ActivationError::Fault(
                KeyStoreError::failed("other keys became pending for the same message").into(),
            )),
            Err(KeyStoreError::Crypto(CryptoError::Unsupported)) => {
                Err(ActivationError::Refuse(codes.unsupported))
            }
            Err(_) => Err(ActivationError::Refuse(codes.storage)),
        }
    }

    /// Reserves the mailbox of the new profile. It must be at the hub of the link and not be in
    /// use.
    async fn reserve(&self, mailbox: &OpenMailbox) -> Result<Channel, ActivationError> {
        let reserved = mailbox.api.reserve().await.map_err(DeviceError::Hub)?;
        let is_here = || -> Result<bool, Error> {
            let below =
                BaseUrl::parse(&mailbox.public)?.contains(&BaseUrl::parse(&reserved.box_url)?);
            Ok(below && split(&reserved.box_url)?.1 == reserved.bid)
        };
        let in_use = self
            .keys
            .profiles()
            .await?
            .iter()
            .any(|profile| is_same(&profile.channel.address, &reserved.box_url))
            || self
                .keys
                .activations()
                .await?
                .iter()
                .any(|channel| is_same(&channel.address, &reserved.box_url));
        match is_here() {
            Ok(true) if !in_use && self.policy.check_address(&reserved.box_url).is_ok() => {
                Ok(Channel::of_mailbox(reserved.box_url, reserved.token))
            }
            _ => Err(ActivationError::Refuse(self.dialect.codes.not_allowed)),
        }
    }

    /// Makes the proofs of possession in the order of the command. Each states the storage of its
    /// key.
    async fn prove(
        &self,
        id: &MessageId,
        plan: &Plan,
        pending: &Pending,
    ) -> Result<Vec<String>, ActivationError> {
        let mut signed = Vec::with_capacity(plan.keys.len());
        let keys = plan.asked.keys.iter().zip(&plan.keys).zip(&pending.keys);
        for ((asked, (priority, _)), key) in keys {
            let signer = self.keys.pending_signer(id, &key.key_id).await?;
            let signer = signer.ok_or_else(|| {
                KeyStoreError::Refused(Error::new(
                    Class::NotFound,
                    "keyid",
                    "no such key is pending",
                ))
            })?;
            signed.push(
                asked
                    .sign(&plan.asked.nonce, priority.mechanism, key.storage.as_deref(), &*signer)
                    .map_err(DeviceError::Crypto)?,
            );
        }
        Ok(signed)
    }
}
