//! Command handlers, which produce the answers.

use super::mailbox::OpenMailbox;
use super::{Action, ActivationError, Agent, Decision, DeviceError, Question};
use crate::certificate::split_chain;
use crate::hermod::model::{
    Answer, CertificateCommand, CertificateResponse, CommandBody, DeleteCommand, DeleteResponse,
    Message, PingCommand, PingResponse, ProfileInfo, Response, SUCCESS,
};
use crate::hermod::proof::Role;
use crate::json::RawJson;
use crate::keys::{CertificateInstall, KeptAnswer, KeyStoreError, MessageId, Profile};
use crate::{Certificate, Class, Error};

impl Agent {
    /// Carries out the command of a message and stores the answer.
    pub(super) async fn answer(
        &self,
        mailbox: &OpenMailbox,
        owner: Option<&Profile>,
        id: &MessageId,
        message: &Message,
    ) -> Result<KeptAnswer, DeviceError> {
        let response = match &message.body {
            CommandBody::Provision(command) => {
                return self.provision(mailbox, owner, id, message, command).await;
            }
            CommandBody::Ping(command) => Response::Ping(self.ping(command, owner)),
            CommandBody::Certificate(command) => {
                let done = self.certificate(command, owner).await;
                Response::Certificate(CertificateResponse::new(code_of(done)?))
            }
            CommandBody::Delete(command) => {
                let done = self.delete(mailbox, command, owner).await;
                Response::Delete(DeleteResponse::new(code_of(done)?))
            }
            CommandBody::Sign(command) => {
                Response::Sign(self.sign(mailbox, owner, Role::Sign, &command.params).await?)
            }
            CommandBody::Authenticate(command) => Response::Authenticate(
                self.sign(mailbox, owner, Role::Authenticate, &command.params).await?,
            ),
            CommandBody::StartPinReset(command) => {
                Response::StartPinReset(self.start_pin_reset(command, owner).await)
            }
            CommandBody::EndPinReset(command) => {
                Response::EndPinReset(self.end_pin_reset(command, owner).await)
            }
            CommandBody::Other { member, .. } => unknown(member, self.dialect.codes.unsupported)?,
        };
        let answer = Answer::new(&message.header.location, response);
        Ok(self.keys.keep_answer(id, &self.dialect.write_answer(&answer)).await?)
    }

    /// Describes the device and the answering profile, if the command asks for them.
    fn ping(&self, command: &PingCommand, owner: Option<&Profile>) -> PingResponse {
        let mut response = PingResponse::new(SUCCESS);
        if command.wants_device_info() {
            response.device_info = Some(self.info.clone().completed());
            response.profile = owner.map(|profile| ProfileInfo {
                id: Some(profile.names.id.clone()),
                user_id: Some(profile.names.user_id.clone()),
                name: Some(profile.names.name.clone()),
                server_name: Some(profile.names.server_name.clone()),
                box_url: Some(profile.channel.address.clone()),
                ..ProfileInfo::default()
            });
        }
        response
    }

    /// Installs all certificates or none. Each must be for the key that it is delivered to.
    async fn certificate(
        &self,
        command: &CertificateCommand,
        owner: Option<&Profile>,
    ) -> Result<(), ActivationError> {
        let codes = &self.dialect.codes;
        let profile =
            owner.filter(|profile| !profile.retired && profile.names.id == command.profile_id);
        let profile = profile.ok_or(ActivationError::Refuse(codes.unknown_profile))?;
        if command.certificates.is_empty() {
            return Err(ActivationError::Refuse(codes.other));
        }
        let mut installations = Vec::with_capacity(command.certificates.len());
        for delivered in &command.certificates {
            let key =
                profile.key(&delivered.key_id).ok_or(ActivationError::Refuse(codes.no_key))?;
            let (certificate, chain) = Certificate::chain_from_text(&delivered.data)
                .and_then(|certificates| split_chain(certificates, &key.public_key))
                .map_err(|_| ActivationError::Refuse(codes.bad_certificate))?;
            installations.push(
                CertificateInstall::new(
                    &delivered.key_id,
                    delivered.key_state.as_str(),
                    certificate,
                )
                .with_chain(chain),
            );
        }
        self.keys.install(&profile.names.id, installations).await.map_err(|error| {
            ActivationError::Refuse(match error {
                KeyStoreError::Refused(error) => match error.class() {
                    Class::NotFound => codes.unknown_profile,
                    Class::KeyId => codes.no_key,
                    _ => codes.bad_certificate,
                },
                _ => codes.storage,
            })
        })
    }

    /// Asks the user about an action on an existing profile.
    pub(super) async fn ask_about(
        &self,
        profile: &Profile,
        mailbox: &OpenMailbox,
        action: Action,
    ) -> Result<(), ActivationError> {
        let question = Question {
            action,
            hub: mailbox.public.clone(),
            user_id: profile.names.user_id.clone(),
            profile_name: profile.names.name.clone(),
            server_name: profile.names.server_name.clone(),
            keys: Vec::new(),
        };
        match self.consent.ask(&question).await {
            Decision::Accept => Ok(()),
            Decision::Refuse => Err(ActivationError::Refuse(self.dialect.codes.user_cancelled)),
        }
    }

    /// Retires the profile if the user agrees. It is removed once the hub has the answer.
    async fn delete(
        &self,
        mailbox: &OpenMailbox,
        command: &DeleteCommand,
        owner: Option<&Profile>,
    ) -> Result<(), ActivationError> {
        let codes = &self.dialect.codes;
        let profile = owner
            .filter(|profile| command.profile_id.as_ref().is_none_or(|id| *id == profile.names.id));
        let profile = profile.ok_or(ActivationError::Refuse(codes.unknown_profile))?;
        if profile.retired {
            return Ok(());
        }
        self.ask_about(profile, mailbox, Action::Delete { profile_id: profile.names.id.clone() })
            .await?;
        self.keys
            .retire(&profile.names.id)
            .await
            .map_err(|_| ActivationError::Refuse(codes.storage))
    }
}

fn code_of(done: Result<(), ActivationError>) -> Result<i64, DeviceError> {
    match done {
        Ok(()) => Ok(SUCCESS),
        Err(ActivationError::Refuse(code)) => Ok(code),
        Err(ActivationError::Fault(error)) => Err(error),
    }
}

/// Makes the response to an unknown command. Its member is named after the command and contains
/// only a code.
fn unknown(command_member: &str, code: i64) -> Result<Response, DeviceError> {
    let unwritable = |_| {
        DeviceError::Hub(Error::new(
            Class::Malformed,
            "message",
            "a command that no response can be made to",
        ))
    };
    let value = RawJson::new(&CertificateResponse::new(code)).map_err(unwritable)?;
    Ok(Response::Other {
        member: format!(
            "{}Response",
            command_member.strip_suffix("Command").unwrap_or(command_member)
        ),
        value,
    })
}
