//! A hub that is just enough for a device, follows the rules of our device protocol, and does what
//! a test tells it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use keyferry::hermod::Dialect;
use keyferry::hermod::model::{
    Activation, Answer, Command, ListedMessage, Listing, Message, MessageHeader, Plugout,
    ReservedBox, Response,
};
use keyferry::hermod::wire::{MailboxApi, MailboxKey};
use keyferry::{Class, Error, Gate, Secret};

use super::crash::Crash;

pub(crate) const PUBLIC: &str = "https://hub.example/ms";

#[derive(Clone)]
pub(crate) struct FakeHub {
    state: Arc<Mutex<State>>,
    crash: Arc<Crash>,
}

#[derive(Default)]
pub(crate) struct State {
    made: u32,
    pub(crate) mailboxes: HashMap<String, Mailbox>,
    /// Calls that fail, as often as they come.
    pub(crate) failing: HashMap<&'static str, Class>,
    /// Every answer that arrived, accepted or not.
    pub(crate) posted: Vec<(String, String)>,
    /// Where reserved mailboxes are said to be; `PUBLIC` if not said.
    pub(crate) reserves_at: Option<&'static str>,
    /// What is reserved, where a test says so.
    pub(crate) reserves: Option<ReservedBox>,
    pub(crate) calls: usize,
}

#[derive(Default)]
pub(crate) struct Mailbox {
    /// Absent for a temporary one.
    token: Option<String>,
    pub(crate) registered: bool,
    pub(crate) messages: Vec<Posted>,
}

pub(crate) struct Posted {
    pub(crate) mid: String,
    token: String,
    claim: Option<String>,
    pub(crate) command: Command,
    pub(crate) answer: Option<String>,
    pub(crate) ended: bool,
    reserved: Vec<String>,
}

impl FakeHub {
    pub(crate) fn new(crash: Arc<Crash>) -> Self {
        Self { state: Arc::default(), crash }
    }

    /// The same hub, seen by a device that may crash elsewhere.
    pub(crate) fn with_crash(&self, crash: Arc<Crash>) -> Self {
        Self { state: Arc::clone(&self.state), crash }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Posts a command to a new temporary mailbox; gives the link and the mailbox.
    pub(crate) fn post(&self, command: Command) -> (String, String) {
        let mut state = self.state();
        let bid = state.name("b");
        let posted = state.posted(command);
        let link = Activation::Plugout(Plugout::new(
            format!("{PUBLIC}/{bid}"),
            Secret::new(posted.token.clone()),
        ));
        state
            .mailboxes
            .insert(bid.clone(), Mailbox { messages: vec![posted], ..Mailbox::default() });
        (link.to_uri().expose().to_owned(), bid)
    }

    /// Posts a command to the mailbox at this address; gives the message's id.
    pub(crate) fn post_to(&self, address: &str, command: Command) -> String {
        let mut state = self.state();
        let posted = state.posted(command);
        let mid = posted.mid.clone();
        let bid = address.rsplit('/').next().unwrap();
        state.mailboxes.get_mut(bid).unwrap().messages.push(posted);
        mid
    }

    /// The answer to the only message of a mailbox.
    pub(crate) fn answer_in(&self, bid: &str) -> Option<String> {
        self.state().mailboxes[bid].messages[0].answer.clone()
    }

    /// The answer to a message.
    pub(crate) fn answer_to(&self, mid: &str) -> Option<Answer> {
        let state = self.state();
        let posted = state
            .mailboxes
            .values()
            .flat_map(|mailbox| &mailbox.messages)
            .find(|posted| posted.mid == mid)
            .unwrap();
        posted.answer.as_deref().map(|text| Answer::from_json(text).unwrap())
    }

    async fn call<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut State) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.crash.point().await;
        let done = {
            let mut state = self.state();
            state.calls += 1;
            match state.failing.get(name) {
                Some(class) => Err(Error::new(*class, "test", "told to")),
                None => act(&mut state),
            }
        };
        self.crash.point().await;
        done
    }
}

impl State {
    fn name(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    fn posted(&mut self, command: Command) -> Posted {
        Posted {
            mid: self.name("m"),
            token: self.name("t"),
            claim: None,
            command,
            answer: None,
            ended: false,
            reserved: Vec::new(),
        }
    }

    /// What the key opens: all of its mailbox (`None`), or one message in it.
    fn check(&mut self, key: &MailboxKey, binds: bool) -> Result<Option<usize>, Error> {
        let unauthorized = || Error::new(Class::Unauthorized, "", "does not fit");
        let mailbox = self.mailboxes.get_mut(&key.bid).ok_or_else(unauthorized)?;
        if mailbox.token.as_deref() == Some(key.token.expose()) {
            assert!(key.claim.is_none(), "a claim with a mailbox's own token");
            return Ok(None);
        }
        let place = mailbox
            .messages
            .iter()
            .position(|posted| posted.token == key.token.expose())
            .ok_or_else(unauthorized)?;
        let posted = &mut mailbox.messages[place];
        let claim = key.claim.as_ref().expect("a claim").expose();
        assert_eq!(claim.len(), 43, "32 bytes in base64url");
        if posted.claim.is_none() && binds {
            posted.claim = Some(claim.to_owned());
        }
        match posted.claim.as_deref() {
            Some(bound) if bound != claim => Err(Error::new(Class::Conflict, "", "claimed")),
            _ => Ok(Some(place)),
        }
    }

    fn list(&mut self, key: &MailboxKey) -> Result<Listing, Error> {
        let only = self.check(key, true)?;
        let mailbox = &self.mailboxes[&key.bid];
        if only.is_some_and(|only| {
            mailbox.messages[only].ended || mailbox.messages[only].answer.is_some()
        }) {
            return Err(Error::new(Class::Expired, "", "ended"));
        }
        let waiting = mailbox.messages.iter().enumerate().filter(|(place, posted)| {
            only.is_none_or(|only| only == *place) && posted.answer.is_none() && !posted.ended
        });
        Ok(Listing::new(waiting.map(|(_, posted)| listed(&key.bid, posted)).collect()))
    }

    fn fetch(&mut self, key: &MailboxKey, mid: &str) -> Result<Message, Error> {
        let place = self.place(key, mid, true)?;
        let posted = &self.mailboxes[&key.bid].messages[place];
        if posted.ended || posted.answer.is_some() {
            return Err(Error::new(Class::Expired, "", "ended"));
        }
        Ok(Message::new(
            MessageHeader::new(listed(&key.bid, posted), "2026-01-01T00:00:00Z", "hub.example"),
            posted.command.clone(),
        ))
    }

    fn place(&mut self, key: &MailboxKey, mid: &str, binds: bool) -> Result<usize, Error> {
        let only = self.check(key, binds)?;
        let place = self.mailboxes[&key.bid].messages.iter().position(|posted| posted.mid == mid);
        place
            .filter(|place| only.is_none_or(|only| only == *place))
            .ok_or_else(|| Error::new(Class::NotFound, "", "no such message"))
    }

    fn answer(&mut self, key: &MailboxKey, mid: &str, text: &str) -> Result<(), Error> {
        self.posted.push((mid.to_owned(), text.to_owned()));
        let place = self.place(key, mid, false)?;
        let posted = &mut self.mailboxes.get_mut(&key.bid).unwrap().messages[place];
        match &posted.answer {
            Some(stored) if stored == text => return Ok(()),
            Some(_) => return Err(Error::new(Class::Conflict, "", "another answer")),
            None if posted.ended => return Err(Error::new(Class::Expired, "", "ended")),
            None => {}
        }
        let answer = Answer::from_json(text)?;
        assert_eq!(answer.response_header.in_reply_to, format!("{PUBLIC}/{}/{mid}", key.bid));
        posted.answer = Some(text.to_owned());
        let reserved = std::mem::take(&mut posted.reserved);
        let named = match &answer.response {
            Response::Provision(response) => {
                response.result.as_ref().map(|result| boxurl(&result.data))
            }
            _ => None,
        };
        for bid in reserved {
            if named.as_deref() == Some(&format!("{PUBLIC}/{bid}")) {
                self.mailboxes.get_mut(&bid).unwrap().registered = true;
            } else {
                self.mailboxes.remove(&bid);
            }
        }
        if matches!(&answer.response, Response::Delete(response) if response.code == 0) {
            self.mailboxes.remove(&key.bid);
        }
        Ok(())
    }

    fn reserve(&mut self, key: &MailboxKey) -> Result<ReservedBox, Error> {
        let place = self
            .check(key, false)?
            .ok_or_else(|| Error::new(Class::Unauthorized, "", "not an activation"))?;
        if self.mailboxes[&key.bid].messages[place].ended {
            return Err(Error::new(Class::Expired, "", "ended"));
        }
        if let Some(reserved) = &self.reserves {
            return Ok(reserved.clone());
        }
        let (bid, token) = (self.name("b"), self.name("t"));
        self.mailboxes.get_mut(&key.bid).unwrap().messages[place].reserved.push(bid.clone());
        self.mailboxes
            .insert(bid.clone(), Mailbox { token: Some(token.clone()), ..Mailbox::default() });
        let public = self.reserves_at.unwrap_or(PUBLIC);
        Ok(ReservedBox::new(&bid, format!("{public}/{bid}"), Secret::new(token)))
    }
}

/// The mailbox that an answer names.
fn boxurl(jws: &str) -> String {
    let payload = keyferry::jose::Jws::from_compact(jws).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(payload.unverified_payload()).unwrap();
    payload["profile"]["boxurl"].as_str().unwrap().to_owned()
}

fn listed(bid: &str, posted: &Posted) -> ListedMessage {
    let kind = posted.command.body.kind();
    let command_type = kind.map_or_else(
        || "UNKNOWN".into(),
        |kind| Dialect::standard().words(kind).command_type.clone(),
    );
    ListedMessage::new(
        &posted.mid,
        format!("{PUBLIC}/{bid}/{}", posted.mid),
        command_type,
        "2026-01-01T00:01:00Z",
    )
}

pub(crate) struct Handle {
    hub: FakeHub,
    key: MailboxKey,
}

impl Gate<MailboxKey> for FakeHub {
    type Handle = Handle;

    async fn open(&self, key: MailboxKey) -> Result<Handle, Error> {
        // A gate refuses what does not fit, as a hub's does.
        self.call("open", |state| {
            state
                .check(&key, false)
                .map(|_| ())
                .or_else(|error| if error.class() == Class::Conflict { Ok(()) } else { Err(error) })
        })
        .await?;
        Ok(Handle { hub: self.clone(), key })
    }
}

impl MailboxApi for Handle {
    async fn list(&self, _: Duration) -> Result<Listing, Error> {
        self.hub.call("list", |state| state.list(&self.key)).await
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        self.hub.call("fetch", |state| state.fetch(&self.key, mid)).await
    }

    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.hub.call("answer", |state| state.answer(&self.key, mid, answer)).await
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        self.hub.call("reserve", |state| state.reserve(&self.key)).await
    }

    async fn remove(&self) -> Result<(), Error> {
        let remove = |state: &mut State| {
            state.check(&self.key, false)?;
            state.mailboxes.remove(&self.key.bid);
            Ok(())
        };
        self.hub.call("remove", remove).await
    }
}
