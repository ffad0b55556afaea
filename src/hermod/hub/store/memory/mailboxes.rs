//! The transitions of mailboxes and of the messages in them.

use super::super::{
    Claim, Claimed, MailboxRecord, MailboxState, MessageState, Registration, Reserve,
};
use super::{Purged, State, TokenRecord, ended, no_message, quota};
use crate::hermod::hub::UnixMillis;
use crate::{Class, Error};

/// The maximum numbers of permanent mailboxes, including a new one.
#[derive(Clone, Copy)]
pub(super) struct MailboxLimits {
    pub(super) of_user: u32,
    pub(super) of_group: u32,
}

impl State {
    pub(super) fn mailboxes_of(&self, group: &str, user: &str) -> Vec<MailboxRecord> {
        let bids = self.users.get(&(group.to_owned(), user.to_owned()));
        bids.into_iter().flatten().filter_map(|bid| self.mailboxes.get(bid)).cloned().collect()
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Claimed, Error> {
        let &(id, place) = self.messages.get(&claim.mid).ok_or_else(no_message)?;
        let command = self.commands.get_mut(&id).ok_or_else(no_message)?;
        let open = command.is_open(claim.now);
        let message = command
            .messages
            .get_mut(place)
            .filter(|message| message.bid == claim.bid)
            .ok_or_else(no_message)?;
        let open = open && message.is_open();
        // A claim binds an open message once; another claim conflicts, even after the end.
        match (&claim.claim, &message.claim) {
            (Some(given), Some(bound)) if given != bound => {
                return Err(Error::new(
                    Class::Conflict,
                    "claim",
                    "somebody else has claimed the message",
                ));
            }
            (Some(given), None) if open => message.claim = Some(*given),
            _ => {}
        }
        if open && claim.fetched {
            message.state = MessageState::Fetched;
        }
        let message = message.clone();
        let mut head = command.to_head();
        head.body = command.body.clone();
        Ok(Claimed { message, command: head })
    }

    pub(super) fn open_messages(&self, bid: &str, now: UnixMillis, limit: u32) -> Vec<Claimed> {
        let queue = self.queues.get(bid).into_iter().flatten();
        let messages = queue.filter_map(|(id, place)| {
            let command = self.commands.get(id).filter(|command| command.is_open(now))?;
            Some(Claimed {
                message: command.messages.get(*place)?.clone(),
                command: command.to_head(),
            })
        });
        messages.take(limit as usize).collect()
    }

    pub(super) fn reserve(&mut self, reserve: Reserve) -> Result<(), Error> {
        let Reserve { mailbox, at_most, now } = reserve;
        let &(id, place) = self.messages.get(&mailbox.reserved_by).ok_or_else(no_message)?;
        let command = self.commands.get(&id).ok_or_else(no_message)?;
        if !command.is_open(now)
            || !command.messages.get(place).is_some_and(super::super::MessageRecord::is_open)
        {
            return Err(ended());
        }
        let reserved = self.reserved.entry(mailbox.reserved_by.clone()).or_default();
        if reserved.len() >= at_most as usize {
            return Err(quota("too many mailboxes are reserved"));
        }
        reserved.push(mailbox.bid.clone());
        let token =
            TokenRecord { token: mailbox.token, bid: mailbox.bid.clone(), mid: None, until: None };
        self.tokens.insert(*mailbox.token.as_bytes(), token);
        self.mailboxes.insert(mailbox.bid.clone(), mailbox);
        Ok(())
    }

    /// Checks that a reserved mailbox can be registered. Returns the mailbox that it replaces.
    pub(super) fn may_register(
        &self,
        group: &str,
        mid: &str,
        registration: &Registration,
        limits: MailboxLimits,
    ) -> Result<Option<String>, Error> {
        let Registration { bid, user, pid, replaces } = registration;
        let reserved = self.mailboxes.get(bid).is_some_and(|mailbox| {
            mailbox.state == MailboxState::Reserved && mailbox.reserved_by == mid
        });
        if !reserved {
            return Err(Error::new(
                Class::Channel,
                "boxurl",
                "not a mailbox that was reserved for this message",
            ));
        }
        let taken = self.profiles.get(&profile_key(group, pid));
        let same_user = taken
            .and_then(|bid| self.mailboxes.get(bid))
            .is_some_and(|mailbox| mailbox.user.as_ref() == Some(user));
        if taken.is_some() && !(*replaces && same_user) {
            return Err(Error::new(
                Class::User,
                "profile.id",
                "the profile exists and is not the one asked for",
            ));
        }
        let mailboxes = self.users.get(&(group.to_owned(), user.clone())).map_or(0, Vec::len);
        if taken.is_none() && mailboxes >= limits.of_user as usize {
            return Err(quota("the user has too many mailboxes"));
        }
        if taken.is_none() && self.groups.get(group).is_some_and(|count| *count >= limits.of_group)
        {
            return Err(quota("the group has too many mailboxes"));
        }
        Ok(taken.cloned())
    }

    pub(super) fn register(&mut self, group: String, registration: Registration) {
        let Registration { bid, user, pid, .. } = registration;
        let Some(mailbox) = self.mailboxes.get_mut(&bid) else { return };
        mailbox.state = MailboxState::Permanent;
        self.profiles.insert(profile_key(&group, &pid), bid.clone());
        mailbox.user = Some(user.clone());
        mailbox.pid = Some(pid);
        *self.groups.entry(group.clone()).or_default() += 1;
        self.users.entry((group, user)).or_default().push(bid);
    }

    pub(super) fn remove_mailbox(&mut self, bid: &str, now: UnixMillis) {
        let Some(mailbox) =
            self.mailboxes.get_mut(bid).filter(|mailbox| mailbox.state != MailboxState::Removed)
        else {
            return;
        };
        // Mark the mailbox as removed; its token stays known until the purge.
        mailbox.state = MailboxState::Removed;
        let forget_at = UnixMillis(now.0.saturating_add(mailbox.known_millis));
        mailbox.forget_at = Some(forget_at);
        if let Some(token) = self.tokens.get_mut(mailbox.token.as_bytes()) {
            token.until = Some(forget_at);
        }
        // Take a registered mailbox out of the indexes of its group.
        if let (Some(user), Some(pid)) = (&mailbox.user, &mailbox.pid) {
            let (user, profile) =
                ((mailbox.group.clone(), user.clone()), profile_key(&mailbox.group, pid));
            if let Some(bids) = self.users.get_mut(&user) {
                bids.retain(|other| other != bid);
                if bids.is_empty() {
                    self.users.remove(&user);
                }
            }
            if let Some(count) = self.groups.get_mut(&mailbox.group) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.groups.remove(&mailbox.group);
                }
            }
            if self.profiles.get(&profile).is_some_and(|other| other == bid) {
                self.profiles.remove(&profile);
            }
        }
        self.purges.insert((forget_at, Purged::Mailbox(bid.to_owned())));
        self.planned = true;
        self.changed.push(bid.to_owned());
        // Withdraw its open messages, which may complete their commands.
        for (id, place) in self.queues.get(bid).cloned().unwrap_or_default() {
            self.close(id, place, MessageState::Withdrawn);
            self.complete_if_done(id, now);
        }
    }
}

fn profile_key(group: &str, pid: &str) -> (String, String) {
    (group.to_owned(), pid.to_ascii_lowercase())
}
