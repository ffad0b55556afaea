//! Turns a command into a record with its messages.

use std::time::Duration;

use super::check::check;
use super::ids::{gap, uuid, uuid_bytes};
use super::{
    CommandRecord, CommandState, Completion, Digest, Inner, Integrator, MailboxRecord,
    MailboxState, MessageRecord, MessageState, NewCommand, Quota, StoredJson,
};
use crate::hermod::model::{Address, Command, CommandBody, CommandKind, Message};
use crate::hermod::proof::KeyRequest;
use crate::hermod::wire::reason;
use crate::{Class, Error, Secret};

/// The maximum number of elements of `to`, which is also the reader's limit.
const MAX_TO: usize = 64;
/// The maximum number of destinations that an answer can list.
const MAX_DESTINATIONS: usize = 1024;

/// The maximum length of a user id in bytes; it is kept with each mailbox.
const MAX_USER_ID: usize = 1024;

/// A mailbox that a command is sent to.
struct Target {
    bid: String,
    /// Its profile; `None` for a temporary mailbox.
    pid: Option<String>,
}

impl Integrator {
    /// Stores a command and returns it as it was stored.
    pub(super) async fn store(&self, command: Command) -> Result<CommandRecord, Error> {
        let inner = &*self.inner;
        let (command, body) = inner.check_command(&command)?;
        let (command, body) = match self.resolve_contents(&command).await? {
            Some(resolved) => inner.check_command(&resolved)?,
            None => (command, body),
        };
        let kind = command
            .body
            .kind()
            .ok_or_else(|| Error::malformed("", "a command that is not known here"))?;
        let targets = self.resolve(&command, kind).await?;
        let deletes_silently =
            matches!(&command.body, CommandBody::Delete(delete) if !delete.asks_device());

        let (provider, limits) = (&*inner.provider, &inner.config.limits);
        let now = inner.now();
        let state = if deletes_silently { MessageState::Withdrawn } else { MessageState::Pending };
        let messages = targets
            .into_iter()
            .map(|target| inner.new_message(target, state))
            .collect::<Result<Vec<_>, _>>()?;
        let ends =
            now.plus(Duration::from_secs(command.header.lifespan.min(command.header.timeout)));
        let mut record = CommandRecord {
            id: 0,
            integrator: self.id.clone(),
            group: self.group.clone(),
            external_id: command.header.external_id,
            command_type: inner.config.dialect.words(kind).command_type.to_string(),
            created: now,
            ends,
            state: if deletes_silently {
                CommandState::Completed
            } else {
                CommandState::InProgress
            },
            ended: deletes_silently.then_some(now),
            body: if deletes_silently { StoredJson::default() } else { body },
            completion: if kind == CommandKind::Delete {
                Completion::Every
            } else {
                Completion::FirstSuccess
            },
            refusal: None,
            answer: None,
            delivery: if self.calls_back { Some(uuid(provider)?) } else { None },
            tokens_until: ends
                .plus(Duration::from_secs(inner.config.dialect.limits.ended_token_secs)),
            keep_millis: u64::try_from(limits.retention.as_millis()).unwrap_or(u64::MAX),
            messages,
        };
        let quota = Quota {
            commands_in_progress: limits.commands_in_progress,
            commands_kept: limits.commands_kept,
            outbox: limits.outbox,
            stored_bytes: limits.stored_bytes,
            mailbox_messages: limits.mailbox_messages.min(1024),
        };
        let new = NewCommand {
            command: record.clone(),
            gap: gap(provider)?,
            quota,
            removes_mailboxes: deletes_silently,
        };
        record.id = inner.store.create_command(new).await.map_err(|error| match error.class() {
            // The mailbox was removed after it had been found.
            Class::NotFound => error.answered(reason::NO_DESTINATION),
            _ => error,
        })?;
        Ok(record)
    }

    /// Returns the mailboxes that a command is sent to, without duplicates. An address that matches
    /// no mailbox refuses the command.
    async fn resolve(&self, command: &Command, kind: CommandKind) -> Result<Vec<Target>, Error> {
        let inner = &*self.inner;
        let recipients = command.header.recipients();
        if recipients.len() > MAX_TO {
            return Err(Error::too_large("commandHeader.to", "too many destinations"));
        }
        let profile = profile_of(&command.body);
        let fits = |mailbox: &MailboxRecord| {
            let pid = mailbox.pid.as_deref().unwrap_or_default();
            profile.is_none_or(|profile| profile.eq_ignore_ascii_case(pid))
        };
        let mut targets: Vec<Target> = Vec::with_capacity(recipients.len());
        for recipient in recipients {
            let mailboxes = match recipient {
                Address::Tmp if kind == CommandKind::Delete => {
                    return Err(Error::malformed(
                        "commandHeader.to",
                        "a temporary mailbox has nothing to delete",
                    ));
                }
                Address::Tmp => {
                    targets.push(Target { bid: uuid(&*inner.provider)?, pid: None });
                    continue;
                }
                Address::User(user) => inner.store.mailboxes_of_user(&self.group, user).await?,
                Address::Mailbox(bid) => {
                    let mailbox = inner.store.mailbox(bid).await?;
                    mailbox
                        .into_iter()
                        .filter(|mailbox| {
                            mailbox.state == MailboxState::Permanent && mailbox.group == self.group
                        })
                        .collect()
                }
            };
            let found: Vec<MailboxRecord> = mailboxes.into_iter().filter(fits).collect();
            if found.is_empty() {
                return Err(Error::new(
                    Class::NotFound,
                    "commandHeader.to",
                    "a destination without a mailbox",
                )
                .answered(reason::NO_DESTINATION));
            }
            if let CommandBody::Provision(provision) = &command.body
                && found.iter().any(|mailbox| mailbox.user.as_ref() != Some(&provision.user_id))
            {
                return Err(Error::malformed(
                    "provCommand.userid",
                    "not the user of the mailbox that the command goes to",
                ));
            }
            for mailbox in found {
                if !targets.iter().any(|target| target.bid == mailbox.bid) {
                    targets.push(Target { bid: mailbox.bid, pid: mailbox.pid });
                }
            }
        }
        if targets.len() > inner.config.limits.destinations.min(MAX_DESTINATIONS) {
            return Err(Error::too_large("commandHeader.to", "too many mailboxes"));
        }
        Ok(targets)
    }
}

impl Inner {
    /// Checks a command. Returns it as a device will read it, and its text.
    fn check_command(&self, command: &Command) -> Result<(Command, StoredJson), Error> {
        let (dialect, limits) = (&self.config.dialect, &self.config.limits);
        let text = dialect.write_command(command);
        let limit = if command.provision().is_some() {
            limits.provision_bytes
        } else {
            limits.command_bytes
        };
        if text.len() > limit {
            return Err(Error::too_large("", "a command that is too long"));
        }
        // A command that was built in this process has not passed the reader and its limits yet.
        let command = dialect.read_command(&text)?;
        command.extra.refuse(Message::OF_THE_HUB)?;
        dialect.check_header(&command.header)?;
        if let CommandBody::Provision(provision) = &command.body {
            if provision.user_id.len() > MAX_USER_ID {
                return Err(Error::too_large("provCommand.userid", "more than 1024 bytes"));
            }
            Address::user(provision.user_id.as_str()).map_err(|_| {
                Error::malformed("provCommand.userid", "not an id that can be addressed")
            })?;
            KeyRequest::from_command_in(provision, dialect)?;
        }
        check(&command, dialect)?;
        Ok((command, StoredJson::from(text)))
    }

    fn new_message(&self, target: Target, state: MessageState) -> Result<MessageRecord, Error> {
        let provider = &*self.provider;
        let (mid, bytes) = (uuid(provider)?, uuid_bytes(provider)?);
        Ok(MessageRecord {
            token: Digest::of(provider, &Secret::new(crate::encoding::uuid::text(&bytes))),
            masked_token: *self.seal.apply(provider, &mid, &bytes)?,
            mid,
            bid: target.bid,
            pid: target.pid,
            claim: None,
            state,
            answer: None,
        })
    }
}

/// The profile that a command names, if it names one.
fn profile_of(body: &CommandBody) -> Option<&str> {
    match body {
        CommandBody::Provision(command) => command.profile.id.as_deref(),
        CommandBody::Certificate(command) => Some(&command.profile_id),
        CommandBody::StartPinReset(command) => command.profile_id.as_deref(),
        CommandBody::EndPinReset(command) => command.profile_id.as_deref(),
        CommandBody::Delete(command) => command.profile_id.as_deref(),
        _ => None,
    }
}
