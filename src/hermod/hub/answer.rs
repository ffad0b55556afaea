//! Judges and stores the answer of a device.

use super::mailbox::ended;
use super::{AcceptAnswer, AfterAnswer, Claimed, Digest, Inner, Mailbox, Registration, StoredJson};
use crate::error::HttpAnswer;
use crate::hermod::model::{
    Answer, AuthenticateCommand, Callback, Command, CommandBody, DataFormat, ProvisionCommand,
    ProvisionResponse, Response, SUCCESS, SignCommand, SignParams, SignResponse,
};
use crate::hermod::proof::{Expectation, Verifier, unverified_profile};
use crate::{Class, Error};

/// The member that holds what the device signed. The parts of errors in it are below this path.
const DATA: &str = "provResponse.result.data";
/// The maximum length of a profile id in bytes; a UUID has 36.
const MAX_PROFILE_ID: usize = 128;

/// Adds the member's path to an error in what the device signed.
fn in_signed(error: Error) -> Error {
    let is_ours = error.is_retryable();
    let error = error.within(DATA);
    if is_ours { error } else { error.answered(HttpAnswer::Status(422)) }
}

impl Mailbox {
    pub(super) async fn take_answer(&self, mid: &str, text: &str) -> Result<(), Error> {
        let inner = &*self.inner;
        let limits = &inner.config.limits;
        if text.len() > limits.answer_bytes {
            return Err(Error::too_large("", "an answer that is too long"));
        }
        let claimed = self.claim(mid, false).await?;
        let digest = Digest::of_text(&*inner.provider, text);
        match &claimed.message.answer {
            Some(stored) if *stored == digest => return Ok(()),
            Some(_) => return Err(Error::new(Class::Conflict, "", "another answer is stored")),
            None if !claimed.is_open(inner.now()) => return Err(ended()),
            None => {}
        }
        let answer = inner.config.dialect.read_answer(text)?;
        answer.extra.refuse(Callback::OF_THE_HUB)?;
        if answer.response_header.in_reply_to != inner.location(&claimed.message) {
            return Err(Error::malformed(
                "responseHeader.inReplyTo",
                "not the location of the message",
            ));
        }
        let command = inner.read_command(&claimed)?;
        let (success, after) = inner.judge(&claimed, &command, &answer)?;
        let accept = AcceptAnswer {
            mid: mid.to_owned(),
            digest,
            answer: StoredJson::from(text),
            success,
            after,
            mailboxes_at_most: limits.mailboxes_per_user,
            group_mailboxes_at_most: limits.mailboxes_per_group,
            stored_bytes: limits.stored_bytes,
            now: inner.now(),
        };
        inner.store.accept_answer(accept).await.map_err(|error| match error.class() {
            Class::Channel | Class::User => in_signed(error.within("payload")),
            _ => error,
        })
    }
}

impl Inner {
    /// Checks that an answer fits its command. Returns whether the answer is a success, and what it
    /// does to a mailbox.
    fn judge(
        &self,
        claimed: &Claimed,
        command: &Command,
        answer: &Answer,
    ) -> Result<(bool, AfterAnswer), Error> {
        if answer.response.kind().is_none() || answer.response.kind() != command.body.kind() {
            return Err(Error::malformed("", "not a response to this kind of command"));
        }
        let success = answer.response.code() == Some(SUCCESS);
        let after = match (&command.body, &answer.response) {
            (CommandBody::Provision(command), Response::Provision(response)) if success => {
                self.provisioned(claimed, command, response)?
            }
            (CommandBody::Delete(_), _) if success => AfterAnswer::Remove,
            (CommandBody::Sign(SignCommand { params, .. }), Response::Sign(response))
            | (
                CommandBody::Authenticate(AuthenticateCommand { params, .. }),
                Response::Authenticate(response),
            ) if success => {
                self.check_signed(command, params, response)?;
                AfterAnswer::Nothing
            }
            _ => AfterAnswer::Nothing,
        };
        Ok((success, after))
    }

    /// Checks that a signature is present, in the requested format. The integrator, who knows the
    /// key, verifies it.
    fn check_signed(
        &self,
        command: &Command,
        params: &SignParams,
        response: &SignResponse,
    ) -> Result<(), Error> {
        let fault = match &response.result {
            Some(result) if result.content_type == params.format => return Ok(()),
            Some(_) => Error::malformed("result.contenttype", "not the format of the command"),
            None => Error::malformed("result", "absent"),
        };
        let kind = command.body.kind();
        Err(kind.map_or(fault.clone(), |kind| {
            fault.within(&self.config.dialect.words(kind).response_member)
        }))
    }

    /// Returns what a successful answer to a provision command does to a mailbox.
    fn provisioned(
        &self,
        claimed: &Claimed,
        command: &ProvisionCommand,
        response: &ProvisionResponse,
    ) -> Result<AfterAnswer, Error> {
        let result = response
            .result
            .as_ref()
            .ok_or_else(|| Error::malformed("provResponse.result", "absent"))?;
        if result.content_type != DataFormat::JWS {
            return Err(Error::malformed("provResponse.result.contenttype", "not jws"));
        }
        let (pid, mailbox) = self.profile(command, &result.data).map_err(in_signed)?;
        let refuse = |class, part, detail| {
            Err(in_signed(Error::new(class, part, detail).within("payload.profile")))
        };
        if pid.is_empty() || pid.len() > MAX_PROFILE_ID {
            return refuse(Class::Malformed, "id", "not the id of a profile");
        }
        let own = &claimed.message;
        match (
            &own.pid,
            mailbox.strip_prefix(&*self.config.public_url).and_then(|bid| bid.strip_prefix('/')),
        ) {
            (Some(_), Some(bid)) if bid != own.bid => {
                refuse(Class::Channel, "boxurl", "not the mailbox of the message")
            }
            (Some(own), Some(_)) if !own.eq_ignore_ascii_case(&pid) => {
                refuse(Class::User, "id", "not the profile of the mailbox")
            }
            (Some(_), Some(_)) => Ok(AfterAnswer::Nothing),
            (None, Some(bid)) => {
                let (bid, user, replaces) =
                    (bid.to_owned(), command.user_id.clone(), command.profile.id.is_some());
                Ok(AfterAnswer::Register(Registration { bid, user, pid, replaces }))
            }
            (_, None) => refuse(Class::Channel, "boxurl", "not a mailbox of this hub"),
        }
    }

    /// Reads the profile and its mailbox from what the device signed. The proof is verified first,
    /// unless the configuration turns that off.
    fn profile(&self, command: &ProvisionCommand, data: &str) -> Result<(String, String), Error> {
        if !self.config.verify_answers {
            return unverified_profile(data, self.config.padding);
        }
        let expectation = Expectation::from_command_in(command, &self.config.dialect)?
            .with_fqdn(self.config.fqdn.as_str());
        let verifier =
            Verifier::danger_unpinned(self.provider.clone()).with_padding(self.config.padding);
        let verified =
            verifier.verify(&expectation, data).map_err(|refusal| refusal.error().clone())?;
        Ok((verified.profile_id().to_owned(), verified.mailbox().to_owned()))
    }
}
