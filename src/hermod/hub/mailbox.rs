//! The device's handle at the hub.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::ids::{token, uuid};
use super::{
    Claim, Claimed, Digest, Inner, MailboxRecord, MailboxState, Reserve, Topic, unauthorized,
};
use crate::clock::or_deadline;
use crate::hermod::model::{
    CommandType, ListedMessage, Listing, Message, MessageHeader, ReservedBox,
};
use crate::hermod::wire::MailboxApi;
use crate::{Class, Error};

/// One mailbox at the hub, or one message in it, depending on the token. [`Hub`](super::Hub) opens
/// to it.
///
/// The **token of a message**, from its activation link, opens that message and no other. The first
/// call binds the token to the device's claim; a call with another claim is a `conflict`, and the
/// first claim stays valid. The message can be read and answered until its command ends. From then
/// on, until 24 hours after the deadline, reading is `expired`, repeating the same answer succeeds,
/// and another answer is a `conflict`.
///
/// The **token of the mailbox** opens every message in it, including those that another device
/// claimed. A reserved mailbox is empty. After the mailbox was removed, every call is `expired`,
/// except for repeating an answer or the removal.
#[derive(Clone)]
pub struct Mailbox {
    pub(super) inner: Arc<Inner>,
    bid: String,
    scope: Scope,
}

/// What the token opens.
#[derive(Clone)]
pub(super) enum Scope {
    Mailbox,
    Message { mid: String, claim: Digest },
}

impl Mailbox {
    pub(super) fn new(inner: Arc<Inner>, bid: String, scope: Scope) -> Self {
        Self { inner, bid, scope }
    }

    /// The mailbox id.
    #[must_use]
    pub fn bid(&self) -> &str {
        &self.bid
    }

    /// Returns a message and claims it.
    pub(super) async fn claim(&self, mid: &str, fetched: bool) -> Result<Claimed, Error> {
        let claim = self.claim_on(mid)?;
        self.look(mid, claim, fetched).await
    }

    /// The claim for calls about this message; `None` with the mailbox's own token.
    fn claim_on(&self, mid: &str) -> Result<Option<Digest>, Error> {
        match &self.scope {
            Scope::Mailbox => Ok(None),
            Scope::Message { mid: own, claim } if own == mid => Ok(Some(*claim)),
            Scope::Message { .. } => Err(Error::new(Class::NotFound, "mid", "no such message")),
        }
    }

    async fn look(
        &self,
        mid: &str,
        claim: Option<Digest>,
        fetched: bool,
    ) -> Result<Claimed, Error> {
        let claim = Claim {
            bid: self.bid.clone(),
            mid: mid.to_owned(),
            claim,
            fetched,
            now: self.inner.now(),
        };
        self.inner.store.claim(claim).await
    }

    /// Claims a message that has not ended.
    async fn claim_open(&self, mid: &str, fetched: bool) -> Result<Claimed, Error> {
        let claimed = self.claim(mid, fetched).await?;
        if claimed.is_open(self.inner.now()) { Ok(claimed) } else { Err(ended()) }
    }

    /// Returns a message that has not ended, for a `HEAD`. Its errors are those of
    /// [`claim_open`](Self::claim_open), but it claims nothing.
    async fn peek_open(&self, mid: &str) -> Result<Claimed, Error> {
        let claim = self.claim_on(mid)?;
        // The store changes nothing when it is given no claim, so the claim is compared here. The
        // comparison comes before the check for the end: another device's claim is a conflict even
        // after the end.
        let claimed = self.look(mid, None, false).await?;
        if let (Some(given), Some(bound)) = (claim, claimed.message.claim)
            && given != bound
        {
            return Err(Error::new(
                Class::Conflict,
                "claim",
                "somebody else has claimed the message",
            ));
        }
        if claimed.is_open(self.inner.now()) { Ok(claimed) } else { Err(ended()) }
    }

    /// The open messages of a mailbox that exists.
    async fn open_messages(&self) -> Result<Vec<Claimed>, Error> {
        self.check_mailbox().await?;
        let inner = &*self.inner;
        let limit = inner.config.limits.mailbox_messages;
        inner.store.open_messages(&self.bid, inner.now(), limit).await
    }

    /// Checks that the mailbox of this token exists.
    async fn check_mailbox(&self) -> Result<(), Error> {
        let mailbox = self.inner.store.mailbox(&self.bid).await?;
        if mailbox.is_none_or(|mailbox| mailbox.state == MailboxState::Removed) {
            return Err(Error::new(Class::Expired, "bid", "the mailbox is gone"));
        }
        Ok(())
    }

    /// Builds the message for the device.
    fn message(&self, claimed: &Claimed) -> Result<Message, Error> {
        let inner = &*self.inner;
        let command = inner.read_command(claimed)?;
        let header = MessageHeader::new(
            inner.listed(claimed),
            claimed.command.created.to_string(),
            inner.config.fqdn.as_str(),
        );
        Ok(Message::new(header, command))
    }

    /// The messages that the token can list.
    async fn waiting(&self) -> Result<Listing, Error> {
        let messages = match &self.scope {
            Scope::Message { mid, .. } => vec![self.claim_open(mid, false).await?],
            Scope::Mailbox => self.open_messages().await?,
        };
        Ok(self.listing(&messages))
    }

    fn listing(&self, messages: &[Claimed]) -> Listing {
        Listing::new(messages.iter().map(|claimed| self.inner.listed(claimed)).collect())
    }
}

impl MailboxApi for Mailbox {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        let inner = &*self.inner;
        let wait = wait.min(Duration::from_secs(inner.config.dialect.limits.max_wait_secs));
        let listing = self.waiting().await?;
        if wait.is_zero() || !listing.messages.is_empty() {
            return Ok(listing);
        }
        let _listener = inner.listeners.enter(&self.bid, inner.config.limits.long_polls)?;
        let deadline = inner.clock.monotonic().saturating_add(wait);
        loop {
            // The watch starts before the listing, so that no message is missed in between.
            let watch = inner.store.watch(Topic::Mailbox(self.bid.clone()));
            let listing = self.waiting().await?;
            if !listing.messages.is_empty() || inner.clock.monotonic() >= deadline {
                return Ok(listing);
            }
            if or_deadline(watch, inner.clock.sleep_until(deadline)).await.is_none() {
                return self.waiting().await;
            }
        }
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        self.message(&self.claim_open(mid, true).await?)
    }

    async fn peek_list(&self) -> Result<Option<Listing>, Error> {
        let messages = match &self.scope {
            Scope::Message { mid, .. } => vec![self.peek_open(mid).await?],
            Scope::Mailbox => self.open_messages().await?,
        };
        Ok(Some(self.listing(&messages)))
    }

    async fn peek(&self, mid: &str) -> Result<Option<Message>, Error> {
        self.message(&self.peek_open(mid).await?).map(Some)
    }

    /// Stores an answer. Storing the same bytes again succeeds.
    ///
    /// `responseHeader.inReplyTo` has to be the location of the message as text, and the response
    /// has to be one to this kind of command. A provision answer with code 0 has to name a mailbox
    /// that was reserved for this message (or, in a permanent mailbox, that one, and its profile)
    /// and a profile that has no mailbox yet, unless the command named it; and it has to be
    /// consistent with the command, unless the hub was configured [without
    /// verification](super::HubConfig::danger_without_verification). A refused answer leaves the
    /// message open.
    ///
    /// # Errors
    /// - `malformed`, `too-large`: the envelope, the response or the signed data is invalid; the
    ///   part of an error in the signed data begins with `provResponse.result.data`.
    /// - the classes of [`proof`](crate::hermod::proof): the signed data is not a valid proof;
    ///   `channel` for the mailbox, `user` for the profile.
    /// - `conflict`: another answer is stored, or another device claimed the message; `expired`:
    ///   the message has ended.
    /// - `not-found`: the mailbox has no such message; `rate`: the user has too many mailboxes, or
    ///   the integrator has too many stored bytes; `storage`.
    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.take_answer(mid, answer).await
    }

    /// # Errors
    /// Class `unauthorized` unless the credential is the token of a provision command's message in
    /// a temporary mailbox; `expired` if it has ended, `conflict` if another device claimed it,
    /// `rate` after 8 reservations, `storage`, `unavailable` if the random generator fails.
    async fn reserve(&self) -> Result<ReservedBox, Error> {
        let inner = &*self.inner;
        let Scope::Message { mid, .. } = &self.scope else { return Err(unauthorized()) };
        let claimed = self.claim(mid, false).await?;
        let limits = &inner.config.dialect.limits;
        if inner.config.dialect.provision.command_type != claimed.command.command_type.as_str()
            || claimed.message.pid.is_some()
        {
            return Err(unauthorized());
        }
        if !claimed.is_open(inner.now()) {
            return Err(ended());
        }
        let (bid, token) =
            (uuid(&*inner.provider)?, token(&*inner.provider, limits.mailbox_token_bytes)?);
        let mailbox = MailboxRecord {
            bid: bid.clone(),
            state: MailboxState::Reserved,
            group: claimed.command.group,
            token: Digest::of(&*inner.provider, &token),
            reserved_by: mid.clone(),
            user: None,
            pid: None,
            known_millis: limits.ended_token_secs.saturating_mul(1000),
            forget_at: None,
        };
        inner
            .store
            .reserve(Reserve { mailbox, at_most: limits.max_reserved_mailboxes, now: inner.now() })
            .await?;
        Ok(ReservedBox::new(bid.as_str(), inner.box_url(&bid), token))
    }

    async fn remove(&self) -> Result<(), Error> {
        match self.scope {
            Scope::Mailbox => self.inner.store.remove_mailbox(&self.bid, self.inner.now()).await,
            Scope::Message { .. } => Err(unauthorized()),
        }
    }
}

impl Inner {
    fn listed(&self, claimed: &Claimed) -> ListedMessage {
        let command_type = CommandType::from(claimed.command.command_type.as_str());
        ListedMessage::new(
            claimed.message.mid.as_str(),
            self.location(&claimed.message),
            command_type,
            claimed.command.ends.to_string(),
        )
    }

    /// Reads the command of an open message.
    pub(super) fn read_command(
        &self,
        claimed: &Claimed,
    ) -> Result<crate::hermod::model::Command, Error> {
        let unreadable =
            |_| Error::new(Class::Storage, "command", "the stored command cannot be read");
        self.config.dialect.read_command(claimed.command.body.as_str()).map_err(unreadable)
    }
}

pub(super) fn ended() -> Error {
    Error::new(Class::Expired, "mid", "the message has ended")
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("bid", &self.bid).finish_non_exhaustive()
    }
}

/// The number of long polls per mailbox.
#[derive(Default)]
pub(super) struct Listeners(Mutex<HashMap<String, u32>>);

/// One long poll; dropping it ends the count.
struct Listener<'a> {
    listeners: &'a Listeners,
    bid: &'a str,
}

impl Listeners {
    fn enter<'a>(&'a self, bid: &'a str, at_most: u32) -> Result<Listener<'a>, Error> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(bid).copied().unwrap_or_default();
        if count >= at_most {
            return Err(Error::new(Class::Rate, "", "too many wait at this mailbox"));
        }
        counts.insert(bid.to_owned(), count + 1);
        Ok(Listener { listeners: self, bid })
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut counts = self.listeners.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(self.bid) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(self.bid)),
        }
    }
}
