//! An integrator at the hub.

use std::fmt;
use std::sync::Arc;

use super::{CommandRecord, CommandState, Digest, Inner, IntegratorConfig, MessageRecord};
use crate::hermod::model::{
    Address, Callback, Command, CommandId, CommandType, Destination, Plugout, State, Submitted,
};
use crate::hermod::wire::reason;
use crate::hermod::wire::{AnyContentApi, CommandApi};
use crate::{Class, Error, Secret};

/// The handle of one integrator: its commands, and the mailboxes of its group.
/// [`Hub`](super::Hub) opens to it.
#[derive(Clone)]
pub struct Integrator {
    pub(super) inner: Arc<Inner>,
    pub(super) id: String,
    pub(super) group: String,
    pub(super) calls_back: bool,
    pub(super) content: Option<AnyContentApi>,
}

impl Integrator {
    pub(super) fn new(inner: Arc<Inner>, config: &IntegratorConfig) -> Self {
        Self {
            inner,
            id: config.id.clone(),
            group: config.group_key(),
            calls_back: config.callback.is_some(),
            content: config.content.clone(),
        }
    }

    /// The integrator's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl CommandApi for Integrator {
    /// Stores a command and its messages. `Ok` means stored.
    ///
    /// Contents that the command names by id (`visualData.contentId`, items of the type
    /// `application/hermod+content-id`) are first fetched from the integrator's content
    /// provider, each once; no device sees an id.
    ///
    /// A command to delete mailboxes without asking the device completes at once: its state is
    /// `COMPLETED` already, and its callback follows.
    ///
    /// # Errors
    /// - `malformed`: header out of range, no destination; a provision command whose keys or
    ///   templates cannot be, whose user id is empty or `tmp`, or not that of the mailbox it goes
    ///   to; a delete command to a temporary mailbox; a command that is not known here.
    /// - `too-large`: its JSON, with the contents or without; the number of its destinations; more
    ///   than 16 contents.
    /// - `not-found`: a destination that is not there, or another group's. Nothing has been stored
    ///   then.
    /// - `rate`: over one of the [`HubLimits`](super::HubLimits).
    /// - `storage`, if the store failed.
    /// - `unavailable`, if the random generator failed. With the part `contentProvider`, whose HTTP
    ///   status is 502: a content is not to be had within 10 seconds, or is not what it has to be,
    ///   or there is no provider.
    async fn submit(&self, command: Command) -> Result<Submitted, Error> {
        let record = self.store(command).await?;
        Ok(self.inner.submitted(&record))
    }

    /// The envelope of a command in its current state: what the callback says, or will say.
    ///
    /// # Errors
    /// `not-found` if there is none with this id, or it is another integrator's, or it ended too
    /// long ago; `storage`.
    async fn poll(&self, id: &CommandId) -> Result<Callback, Error> {
        let unknown = || {
            Error::new(Class::NotFound, "commandId", "no such command")
                .answered(reason::UNKNOWN_COMMAND)
        };
        let number = id
            .as_str()
            .parse::<u64>()
            .ok()
            .filter(|number| number.to_string() == id.as_str())
            .ok_or_else(unknown)?;
        let record = self.inner.store.command(&self.id, number).await?.ok_or_else(unknown)?;
        self.inner.callback(&record)
    }
}

impl Inner {
    /// The immediate response to a command.
    fn submitted(&self, command: &CommandRecord) -> Submitted {
        let destinations =
            command.messages.iter().map(|message| self.destination(message)).collect();
        let (id, command_type) = (
            CommandId::from(command.id.to_string()),
            CommandType::from(command.command_type.as_str()),
        );
        let mut submitted =
            Submitted::new(id, command_type, destinations, self.config.fqdn.as_str());
        submitted.external_id.clone_from(&command.external_id);
        submitted.state = match command.state {
            CommandState::InProgress => State::IN_PROGRESS,
            CommandState::Completed => State::COMPLETED,
            CommandState::TimedOut => self.config.dialect.timeout_state.clone(),
        };
        submitted
    }

    /// The envelope of a command in its current state.
    pub(super) fn callback(&self, command: &CommandRecord) -> Result<Callback, Error> {
        let mut callback = Callback::from(self.submitted(command));
        if let Some(answer) =
            command.answer.as_ref().filter(|_| command.state == CommandState::Completed)
        {
            let unreadable =
                |_| Error::new(Class::Storage, "answer", "the stored answer cannot be read");
            let answer = self.config.dialect.read_answer(answer.as_str()).map_err(unreadable)?;
            (callback.response_header, callback.response, callback.extra) =
                (Some(answer.response_header), Some(answer.response), answer.extra);
        }
        Ok(callback)
    }

    fn destination(&self, message: &MessageRecord) -> Destination {
        let to = if message.pid.is_some() {
            Address::Mailbox(message.bid.clone())
        } else {
            Address::Tmp
        };
        let token = self
            .seal
            .apply(&*self.provider, &message.mid, &message.masked_token)
            .map(|bytes| Secret::new(crate::encoding::uuid::text(&bytes)));
        // A token that was masked with another key does not match its digest. The URI then has an
        // empty token, as if the mask could not be removed.
        let token = token
            .ok()
            .filter(|token| Digest::of(&*self.provider, token) == message.token)
            .unwrap_or_else(|| Secret::new(""));
        let uri = Plugout::new(self.box_url(&message.bid), token).to_uri();
        let mut destination = Destination::new(
            to,
            message.bid.as_str(),
            message.mid.as_str(),
            self.location(message),
            uri,
        );
        destination.pid.clone_from(&message.pid);
        destination
    }
}

impl fmt::Debug for Integrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Integrator").field("id", &self.id).finish_non_exhaustive()
    }
}
