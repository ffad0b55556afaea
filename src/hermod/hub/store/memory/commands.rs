//! The transitions of commands: creation, answer, end and purge.

use super::super::{
    AcceptAnswer, AfterAnswer, CommandRecord, CommandState, Completion, DeliveryRecord,
    DeliveryState, MailboxState, MessageState, NewCommand, StoredJson,
};
use super::mailboxes::MailboxLimits;
use super::{Purged, State, TokenRecord, ended, no_message, quota};
use crate::hermod::hub::UnixMillis;
use crate::{Class, Error};

/// How long the purge of a command is postponed while its delivery is unfinished.
const LATER_MILLIS: u64 = 3_600_000;

impl State {
    pub(super) fn create(&mut self, new: NewCommand) -> Result<u64, Error> {
        let NewCommand { mut command, gap, quota: limits, removes_mailboxes } = new;
        // Check the quota and the mailboxes first, so that a refusal changes nothing.
        let in_progress = command.state == CommandState::InProgress;
        let bytes = command.body.len() as u64 + command.kept_bytes();
        if let Some(usage) = self.usage.get(&command.integrator) {
            if in_progress && usage.in_progress >= limits.commands_in_progress {
                return Err(quota("too many commands in progress"));
            }
            if usage.kept >= limits.commands_kept {
                return Err(quota("too many commands that are kept"));
            }
            if usage.outbox >= limits.outbox {
                return Err(quota("too many callbacks that are not delivered"));
            }
            if usage.bytes.saturating_add(bytes) > limits.stored_bytes {
                return Err(quota("too much that is stored"));
            }
        }
        for message in command.messages.iter().filter(|message| message.pid.is_some()) {
            let here = self.mailboxes.get(&message.bid);
            if !here.is_some_and(|mailbox| {
                mailbox.state == MailboxState::Permanent && mailbox.group == command.group
            }) {
                return Err(Error::new(Class::NotFound, "commandHeader.to", "no such mailbox"));
            }
            let waiting = self.queues.get(&message.bid).map_or(0, std::collections::BTreeSet::len);
            if message.is_open() && waiting >= limits.mailbox_messages as usize {
                return Err(quota("too many messages wait in a mailbox"));
            }
        }

        // Assign the id, then enter the messages, tokens and queues.
        let id = self.last_id.saturating_add(gap.max(1));
        self.last_id = id;
        command.id = id;
        let usage = self.usage.entry(command.integrator.clone()).or_default();
        usage.kept += 1;
        usage.bytes += bytes;
        for (place, message) in command.messages.iter().enumerate() {
            self.messages.insert(message.mid.clone(), (id, place));
            let (bid, mid) = (message.bid.clone(), Some(message.mid.clone()));
            let record =
                TokenRecord { token: message.token, bid, mid, until: Some(command.tokens_until) };
            self.tokens.insert(*message.token.as_bytes(), record);
            if message.is_open() {
                self.queues.entry(message.bid.clone()).or_default().insert((id, place));
                self.changed.push(message.bid.clone());
            }
        }
        // Plan the deadline, or the purge of a command that has already ended.
        let (created, mailboxes) = (
            command.created,
            command.messages.iter().map(|message| message.bid.clone()).collect::<Vec<_>>(),
        );
        if in_progress {
            usage.in_progress += 1;
            self.deadlines.insert((command.ends, id));
            self.planned = true;
        }
        self.commands.insert(id, command);
        if !in_progress {
            self.schedule_purge(id, created);
        }
        if removes_mailboxes {
            mailboxes.iter().for_each(|bid| self.remove_mailbox(bid, created));
        }
        Ok(id)
    }

    pub(super) fn accept(&mut self, answer: AcceptAnswer) -> Result<(), Error> {
        let AcceptAnswer {
            mid,
            digest,
            answer,
            success,
            after,
            mailboxes_at_most,
            group_mailboxes_at_most,
            stored_bytes,
            now,
        } = answer;
        // Find the message, and handle a repeated, conflicting or late answer.
        let &(id, place) = self.messages.get(&mid).ok_or_else(no_message)?;
        let command = self.commands.get(&id).ok_or_else(no_message)?;
        let message = command.messages.get(place).ok_or_else(no_message)?;
        match &message.answer {
            Some(stored) if *stored == digest => return Ok(()),
            Some(_) => return Err(Error::new(Class::Conflict, "", "another answer is stored")),
            None if !message.is_open() || !command.is_open(now) => return Err(ended()),
            None => {}
        }
        let (group, bid, completion) =
            (command.group.clone(), message.bid.clone(), command.completion);
        // A success that ends the command replaces its body.
        let freed =
            if success && completion == Completion::FirstSuccess { command.body.len() } else { 0 }
                as u64;
        let stored = self.usage.get(&command.integrator).map_or(0, |usage| usage.bytes);
        if stored.saturating_sub(freed).saturating_add(answer.len() as u64) > stored_bytes {
            return Err(quota("too much that is stored"));
        }
        let replaced = match &after {
            AfterAnswer::Register(registration) => {
                let limits =
                    MailboxLimits { of_user: mailboxes_at_most, of_group: group_mailboxes_at_most };
                self.may_register(&group, &mid, registration, limits)?
            }
            _ => None,
        };

        // From here on nothing is refused: all changes are applied.
        self.close(id, place, MessageState::Answered);
        if let Some(message) =
            self.commands.get_mut(&id).and_then(|command| command.messages.get_mut(place))
        {
            message.answer = Some(digest);
        }
        // Apply the change to the mailbox.
        let removed = match after {
            AfterAnswer::Nothing => None,
            AfterAnswer::Register(registration) => {
                self.register(group, registration);
                replaced
            }
            AfterAnswer::Remove => Some(bid),
        };
        // The command ends before the mailbox is removed: the removal withdraws messages, possibly
        // of this command, and must not end it with another answer.
        if success && completion == Completion::FirstSuccess {
            self.end(id, CommandState::Completed, Some(answer), now);
        } else {
            self.record_answer(id, answer, success);
            self.complete_if_done(id, now);
        }
        if let Some(removed) = removed {
            self.remove_mailbox(&removed, now);
        }
        Ok(())
    }

    pub(super) fn expire(&mut self, now: UnixMillis, limit: u32) -> Vec<CommandRecord> {
        let mut ended = Vec::new();
        while ended.len() < limit as usize
            && let Some(&(ends, id)) = self.deadlines.first()
            && ends <= now
        {
            self.deadlines.remove(&(ends, id));
            self.end(id, CommandState::TimedOut, None, now);
            ended.extend(self.commands.get(&id).map(CommandRecord::to_head));
        }
        ended
    }

    pub(super) fn purge(&mut self, now: UnixMillis, limit: u32) -> u32 {
        let mut purged = 0;
        while purged < limit
            && let Some((time, kept)) = self.purges.first().cloned()
            && time <= now
        {
            self.purges.remove(&(time, kept.clone()));
            match kept {
                Purged::Command(id) if self.is_waiting_for_delivery(id) => {
                    self.purges.insert((
                        UnixMillis(now.0.saturating_add(LATER_MILLIS)),
                        Purged::Command(id),
                    ));
                }
                Purged::Command(id) => self.forget_command(id),
                Purged::Mailbox(bid) => {
                    if let Some(mailbox) = self.mailboxes.remove(&bid) {
                        self.tokens.remove(mailbox.token.as_bytes());
                    }
                }
            }
            purged += 1;
        }
        purged
    }

    pub(super) fn next_due(&self, except: &[String]) -> Option<UnixMillis> {
        let deadline = self.deadlines.first().map(|(time, _)| *time);
        let purge = self.purges.first().map(|(time, _)| *time);
        let free = self.due.iter().filter(|(integrator, _)| !except.contains(integrator));
        let delivery = free.filter_map(|(_, due)| due.first()).map(|(time, _)| *time).min();
        [deadline, purge, delivery].into_iter().flatten().min()
    }

    /// Removes a message from its queue for good.
    pub(super) fn close(&mut self, id: u64, place: usize, state: MessageState) {
        let Some(message) =
            self.commands.get_mut(&id).and_then(|command| command.messages.get_mut(place))
        else {
            return;
        };
        message.state = state;
        if let Some(queue) = self.queues.get_mut(&message.bid) {
            queue.remove(&(id, place));
            if queue.is_empty() {
                self.queues.remove(&message.bid);
            }
        }
        self.changed.push(message.bid.clone());
    }

    /// Records an answer that does not end its command: the first refusal, and the last success.
    fn record_answer(&mut self, id: u64, answer: StoredJson, success: bool) {
        let Some(command) = self.commands.get_mut(&id) else { return };
        let slot = if success { &mut command.answer } else { &mut command.refusal };
        if !success && slot.is_some() {
            return;
        }
        let (more, less) = (answer.len() as u64, slot.as_ref().map_or(0, StoredJson::len) as u64);
        *slot = Some(answer);
        if let Some(usage) = self.usage.get_mut(&command.integrator) {
            usage.bytes = usage.bytes.saturating_add(more).saturating_sub(less);
        }
    }

    /// Ends a command that has no open message left, if it has an answer to end with.
    pub(super) fn complete_if_done(&mut self, id: u64, now: UnixMillis) {
        let Some(command) = self.commands.get(&id) else { return };
        if command.messages.iter().any(super::super::MessageRecord::is_open) {
            return;
        }
        if let Some(answer) = command.refusal.clone().or_else(|| command.answer.clone()) {
            self.end(id, CommandState::Completed, Some(answer), now);
        }
    }

    fn end(&mut self, id: u64, state: CommandState, answer: Option<StoredJson>, now: UnixMillis) {
        let Some(command) =
            self.commands.get_mut(&id).filter(|command| command.state == CommandState::InProgress)
        else {
            return;
        };
        // Move the state and release the bytes of what is no longer needed.
        command.state = state;
        command.ended = Some(now);
        let before = [
            Some(std::mem::take(&mut command.body)),
            command.refusal.take(),
            command.answer.take(),
        ];
        let freed: usize = before.iter().flatten().map(StoredJson::len).sum();
        if let Some(usage) = self.usage.get_mut(&command.integrator) {
            usage.in_progress = usage.in_progress.saturating_sub(1);
            usage.bytes = usage
                .bytes
                .saturating_add(answer.as_ref().map_or(0, StoredJson::len) as u64)
                .saturating_sub(freed as u64);
        }
        command.answer = answer;
        self.deadlines.remove(&(command.ends, id));
        // Close the open messages and remove the mailboxes that they reserved.
        let messages: Vec<(String, bool)> = command
            .messages
            .iter()
            .map(|message| (message.mid.clone(), message.is_open()))
            .collect();
        let closed = if state == CommandState::TimedOut {
            MessageState::Expired
        } else {
            MessageState::Withdrawn
        };
        for (place, (mid, open)) in messages.into_iter().enumerate() {
            if open {
                self.close(id, place, closed);
            }
            for bid in self.reserved.remove(&mid).unwrap_or_default() {
                if self
                    .mailboxes
                    .get(&bid)
                    .is_some_and(|mailbox| mailbox.state == MailboxState::Reserved)
                {
                    self.remove_mailbox(&bid, now);
                }
            }
        }
        self.schedule_purge(id, now);
    }

    /// Queues the callback of an ended command and schedules its purge.
    fn schedule_purge(&mut self, id: u64, now: UnixMillis) {
        let Some(command) = self.commands.get(&id) else { return };
        if let Some(time) = command.kept_until() {
            self.purges.insert((time, Purged::Command(id)));
        }
        if let Some(delivery) = command.delivery.clone() {
            if let Some(usage) = self.usage.get_mut(&command.integrator) {
                usage.outbox += 1;
            }
            let integrator = command.integrator.clone();
            self.plan(&integrator, now, delivery.clone());
            let record = DeliveryRecord {
                id: delivery.clone(),
                command: id,
                integrator,
                state: DeliveryState::Pending,
                attempts: 0,
                due: now,
                last_error: None,
            };
            self.deliveries.insert(delivery, record);
        }
        self.planned = true;
    }

    fn is_waiting_for_delivery(&self, id: u64) -> bool {
        let delivery = self
            .commands
            .get(&id)
            .and_then(|command| self.deliveries.get(command.delivery.as_ref()?));
        delivery.is_some_and(|delivery| {
            matches!(delivery.state, DeliveryState::Pending | DeliveryState::InFlight)
        })
    }

    fn forget_command(&mut self, id: u64) {
        let Some(command) = self.commands.remove(&id) else { return };
        let bytes =
            command.kept_bytes() + command.answer.as_ref().map_or(0, StoredJson::len) as u64;
        for message in &command.messages {
            self.messages.remove(&message.mid);
            self.tokens.remove(message.token.as_bytes());
        }
        let delivery = command.delivery.and_then(|delivery| self.deliveries.remove(&delivery));
        if let Some(usage) = self.usage.get_mut(&command.integrator) {
            usage.kept = usage.kept.saturating_sub(1);
            usage.bytes = usage.bytes.saturating_sub(bytes);
            if delivery.is_some_and(|delivery| delivery.state == DeliveryState::Failed) {
                usage.outbox = usage.outbox.saturating_sub(1);
            }
            if usage.kept == 0 {
                self.usage.remove(&command.integrator);
            }
        }
    }
}
