//! Mailboxes: the device's wire, served.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;

use crate::hermod::Dialect;
use crate::hermod::wire::http::mailbox::{self, Answer, Call, MailboxOperation};
use crate::hermod::wire::{AnyMailboxApi, MailboxApi, MailboxKey};
use crate::server::erased_gate::Entrance;
use crate::server::wire::{Admitted, CallNames, CallerName, Handled, Wire};
use crate::transport::message::method_not_allowed;
use crate::transport::operation::{Operation, Route};
use crate::{Error, Secret};

pub(super) struct Mailboxes {
    pub(super) dialect: Arc<Dialect>,
    pub(super) entrance: Entrance<MailboxKey, AnyMailboxApi>,
}

impl Wire for Mailboxes {
    type Credential = MailboxKey;
    type Handle = AnyMailboxApi;
    type Operation = MailboxOperation;
    type Call = Call;
    type Answer = Answer;

    const NAME: &'static str = "mailbox";
    const CHALLENGE: &'static str = "Bearer";

    fn entrance(&self) -> &Entrance<MailboxKey, AnyMailboxApi> {
        &self.entrance
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_, MailboxOperation>> {
        mailbox::operations()
    }

    fn read_credential(&self, path: &str, head: &Parts) -> Option<(CallerName, MailboxKey)> {
        let key = mailbox::read_credential(&self.dialect, path, head)?;
        Some((CallerName::Token(key.token.clone()), key))
    }

    fn caller_name(name: String) -> CallerName {
        CallerName::Token(Secret::new(name))
    }

    fn read_call(
        &self,
        route: Route<MailboxOperation>,
        head: &Parts,
        body: &Bytes,
        _: SystemTime,
    ) -> Result<Call, Error> {
        let call = mailbox::read_routed(route, head, body)?;
        Ok(match call {
            Call::List { wait } => {
                let most = Duration::from_secs(self.dialect.limits.max_wait_secs);
                Call::List { wait: wait.min(most) }
            }
            call => call,
        })
    }

    fn names<'a>(&'a self, call: &'a Call) -> CallNames<'a> {
        let command = match call {
            Call::List { .. } => "list",
            Call::Fetch { .. } => "fetch",
            Call::Answer { .. } => "answer",
            Call::Reserve => "reserve",
            Call::Remove => "remove",
        };
        CallNames { command: Some(command), ..CallNames::default() }
    }

    fn wait(call: &Call) -> Duration {
        match call {
            Call::List { wait } => *wait,
            _ => Duration::ZERO,
        }
    }

    fn without_wait(call: Call) -> Call {
        match call {
            Call::List { .. } => Call::List { wait: Duration::ZERO },
            call => call,
        }
    }

    async fn handle(
        self: Arc<Self>,
        admitted: Admitted<AnyMailboxApi, Call>,
    ) -> Result<Handled<Answer>, Error> {
        let Admitted { handle, call, is_head, .. } = admitted;
        if is_head {
            return peek(&handle, call).await;
        }
        Ok(match call {
            Call::List { wait } => Handled::new(Answer::Listing(handle.list(wait).await?)),
            Call::Fetch { mid } => Handled::new(Answer::Message(handle.fetch(&mid).await?)),
            Call::Answer { mid, answer } => {
                handle.answer(&mid, &answer).await?;
                Handled::new(Answer::Taken).done("answer taken")
            }
            Call::Reserve => {
                Handled::new(Answer::Reserved(handle.reserve().await?)).done("mailbox reserved")
            }
            Call::Remove => {
                handle.remove().await?;
                Handled::new(Answer::Removed).done("mailbox removed")
            }
        })
    }

    fn write(&self, answer: &Result<Answer, Error>, request_id: &str) -> Response<Bytes> {
        mailbox::write_answer(&self.dialect, answer, request_id)
    }
}

/// Answers a `HEAD`, which claims no message and marks none as fetched.
async fn peek(handle: &AnyMailboxApi, call: Call) -> Result<Handled<Answer>, Error> {
    let peeked = match call {
        Call::List { .. } => handle.peek_list().await?.map(Answer::Listing),
        Call::Fetch { mid } => handle.peek(&mid).await?.map(Answer::Message),
        // No other call is a GET.
        _ => return Err(method_not_allowed()),
    };
    // An answer that only a change would tell has the same head, but for its length.
    let is_length_known = peeked.is_some();
    Ok(Handled { is_length_known, ..Handled::new(peeked.unwrap_or(Answer::Taken)) })
}
