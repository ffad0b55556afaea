//! Mailboxes.

use std::time::Duration;

use ::http::request::Parts;
use ::http::{Method, Response};
use bytes::Bytes;

use super::door::Entrance;
use super::exchange::{Exchange, Wire};
use super::service::service;
use super::{Caller, RequestHead};
use crate::hermod::Dialect;
use crate::hermod::wire::http::mailbox::{self, Answer, Call};
use crate::hermod::wire::{AnyMailboxApi, MailboxApi, MailboxKey};
use crate::transport::message::method_not_allowed;
use crate::{Error, Gate, Secret};

service! {
    /// Serves a [`MailboxApi`]: `{base}/{bid}` and `{base}/{bid}/{mid}`, with a bearer token.
    ///
    /// Its base path is `/hermod/rest/ms`; below another it is found by
    /// [`with_base_path`](Self::with_base_path).
    MailboxService(Mailboxes, "/hermod/rest/ms")
}

impl MailboxService {
    /// Serves what this gate opens to, to whoever has a token.
    #[must_use]
    pub fn new<G>(gate: G) -> Self
    where
        G: Gate<MailboxKey> + 'static,
        G::Handle: MailboxApi + 'static,
    {
        Self::of(Mailboxes::new(gate))
    }

    /// Serves what this gate opens to, which is asked with the whole head of a request: single
    /// sign-on, a client's certificate or the identity that a proxy adds opens it without a
    /// credential of this wire. See [`RequestHead`].
    #[must_use]
    pub fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: MailboxApi + 'static,
    {
        Self::of(Mailboxes::by_head(gate))
    }
}

pub(super) struct Mailboxes(Entrance<MailboxKey, AnyMailboxApi>);

impl Mailboxes {
    pub(super) fn new<G>(gate: G) -> Self
    where
        G: Gate<MailboxKey> + 'static,
        G::Handle: MailboxApi + 'static,
    {
        Self(Entrance::by_credential(gate, AnyMailboxApi::new))
    }

    pub(super) fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: MailboxApi + 'static,
    {
        Self(Entrance::by_head(gate, AnyMailboxApi::new))
    }
}

impl Wire for Mailboxes {
    type Answer = Answer;
    const NAME: &'static str = "mailbox";
    const CHALLENGE: &'static str = "Bearer";

    async fn answer(&self, exchange: &mut Exchange, path: &str) -> Result<Answer, Error> {
        let core = exchange.core.clone();
        let (dialect, limits) = (&core.config.dialect, &core.config.limits);
        let read = |head: &Parts| {
            let key = mailbox::read_credential(dialect, path, head)?;
            Some((key.token.clone(), key))
        };
        let (token, handle) = exchange.enter(&self.0, path, read, Secret::new).await?;
        // Each token for itself: who has that of one message cannot use up what is the mailbox's.
        let mut permit = exchange.permit(&core.mailboxes, &token.expose())?;
        drop(token);
        let limit = mailbox::body_limit(path, &exchange.head.method, limits.body_octets)?;
        let body = exchange.body(limit).await?;
        let call = mailbox::read_call(path, &exchange.head, &body)?;
        drop(body);
        let now = Duration::ZERO;
        if exchange.is_head {
            exchange.forget_head();
            let peeked = match call {
                Call::List { .. } => {
                    exchange.note("command", "list");
                    exchange.within(now, handle.peek_list()).await?.map(Answer::Listing)
                }
                Call::Fetch { mid } => {
                    exchange.note("command", "fetch");
                    exchange.within(now, handle.peek(&mid)).await?.map(Answer::Message)
                }
                // No other call is a GET.
                _ => return Err(method_not_allowed()),
            };
            // One that cannot be told without a change has the same head, but for its length.
            exchange.is_length_known = peeked.is_some();
            return Ok(peeked.unwrap_or(Answer::Taken));
        }
        match call {
            Call::List { wait } => {
                exchange.note("command", "list");
                let wait = wait.min(Duration::from_secs(dialect.limits.max_wait_secs));
                let listing = if wait.is_zero() {
                    exchange.forget_head();
                    exchange.within(now, handle.list(now)).await
                } else {
                    exchange.wait(&mut permit, wait, handle.list(wait), handle.list(now)).await
                };
                listing.map(Answer::Listing)
            }
            Call::Fetch { mid } => {
                exchange.note("command", "fetch");
                exchange
                    .bring_about(permit, async move { handle.fetch(&mid).await })
                    .await
                    .map(Answer::Message)
            }
            Call::Answer { mid, answer } => {
                exchange.note("command", "answer");
                exchange
                    .bring_about(permit, async move { handle.answer(&mid, &answer).await })
                    .await?;
                exchange.done("answer taken");
                Ok(Answer::Taken)
            }
            Call::Reserve => {
                exchange.note("command", "reserve");
                let reserved =
                    exchange.bring_about(permit, async move { handle.reserve().await }).await?;
                exchange.done("mailbox reserved");
                Ok(Answer::Reserved(reserved))
            }
            Call::Remove => {
                exchange.note("command", "remove");
                exchange.bring_about(permit, async move { handle.remove().await }).await?;
                exchange.done("mailbox removed");
                Ok(Answer::Removed)
            }
        }
    }

    fn write(
        dialect: &Dialect,
        answer: &Result<Answer, Error>,
        request_id: &str,
    ) -> Response<Bytes> {
        mailbox::write_answer(dialect, answer, request_id)
    }

    fn check_address(_: &Dialect, path: &str, method: &Method) -> Result<(), Error> {
        mailbox::body_limit(path, method, 0).map(drop)
    }
}
