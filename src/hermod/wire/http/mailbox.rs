//! Mailboxes: `{public}/{bid}` and `{public}/{bid}/{mid}`, with `Authorization: Bearer` and, with
//! the token of a message, `X-Claim`. The form is ours.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, HeaderName};
use ::http::request::Parts;
use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use serde::de::IgnoredAny;

use super::refusal::is_ours;
use super::{read_refusal, write_refusal};
use crate::hermod::Dialect;
use crate::hermod::model::{Listing, Message, ReservedBox};
use crate::hermod::wire::MailboxKey;
use crate::transport::StatusError;
use crate::transport::credential::{only_text, read_bearer, sensitive, write_bearer};
use crate::transport::message::{
    answer_text, read_json, split_path, write_empty, write_request, write_response,
};
use crate::transport::operation::{
    BodyKind, Effect, Operation, OperationMethod, PathPattern, Route, Segment, route,
};
use crate::{BaseUrl, Class, Error, Secret};

/// What a device asks; the mailbox is the credential's. `Debug` shows of an answer only its length.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// `GET {public}/{bid}?wait={seconds}`.
    List {
        /// How long to wait for a message, in whole seconds.
        wait: Duration,
    },
    /// `GET {public}/{bid}/{mid}`.
    Fetch {
        /// The message.
        mid: String,
    },
    /// `POST {public}/{bid}/{mid}`.
    Answer {
        /// The message.
        mid: String,
        /// The JSON, kept byte by byte.
        answer: String,
    },
    /// `POST {public}` with `{}`.
    Reserve,
    /// `DELETE {public}/{bid}`.
    Remove,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List { wait } => f.debug_struct("List").field("wait", wait).finish(),
            Self::Fetch { mid } => f.debug_struct("Fetch").field("mid", mid).finish(),
            Self::Answer { mid, answer } => {
                f.debug_struct("Answer").field("mid", mid).field("bytes", &answer.len()).finish()
            }
            Self::Reserve => f.write_str("Reserve"),
            Self::Remove => f.write_str("Remove"),
        }
    }
}

/// What the hub answers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one at a time, and seldom moved")]
pub enum Answer {
    /// 200, to list.
    Listing(Listing),
    /// 200, to fetch.
    Message(Message),
    /// 200 with `{}`: the answer is stored.
    Taken,
    /// 201: a mailbox was reserved.
    Reserved(ReservedBox),
    /// 204: the mailbox is gone.
    Removed,
}

/// Writes a call. `public` is the hub's address without the mailbox.
///
/// # Errors
/// Class `malformed` for a credential that no header can carry, or without a mailbox where the
/// address has one.
pub fn write_call(
    dialect: &Dialect,
    public: &BaseUrl,
    key: &MailboxKey,
    call: &Call,
) -> Result<Request<Bytes>, Error> {
    if key.bid.is_empty() && *call != Call::Reserve {
        return Err(Error::malformed("bid", "no mailbox"));
    }
    let (operation, mid, body) = match call {
        Call::List { .. } => (MailboxOperation::List, "", None),
        Call::Fetch { mid } => (MailboxOperation::Fetch, &**mid, None),
        Call::Answer { mid, answer } => (MailboxOperation::Answer, &**mid, Some(answer.clone())),
        Call::Reserve => (MailboxOperation::Reserve, "", Some("{}".to_owned())),
        Call::Remove => (MailboxOperation::Remove, "", None),
    };
    let operation = operation.operation();
    let mut address = operation.path.address(public, &[&key.bid, mid]).to_string();
    if let Call::List { wait } = call {
        address.push_str(&format!("?wait={}", wait.as_secs()));
    }
    let mut request = write_request(operation.method.to_method(), address, body)?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, write_bearer(&key.token)?);
    if let Some(claim) = &key.claim {
        headers.insert(claim_header(dialect)?, sensitive(claim.expose())?);
    }
    Ok(request)
}

fn claim_header(dialect: &Dialect) -> Result<HeaderName, Error> {
    HeaderName::try_from(&*dialect.headers.claim)
        .map_err(|_| Error::malformed("headers.claim", "not the name of a header"))
}

/// The credential of a call: token and claim from the headers, the mailbox from the path. `None` if
/// there is no token, not exactly one, or it cannot be read.
#[must_use]
pub fn read_credential(dialect: &Dialect, path: &str, head: &Parts) -> Option<MailboxKey> {
    let bid = split_path(path).ok()?.into_iter().next().unwrap_or_default();
    let name = claim_header(dialect).ok()?;
    let claim = if head.headers.contains_key(&name) {
        Some(Secret::new(only_text(&head.headers, &name)?.trim()))
    } else {
        None
    };
    Some(MailboxKey { bid, token: read_bearer(&head.headers)?, claim })
}

/// Reads a call. `path` is what is left of the path below the public address: `/b1/m1`.
///
/// # Errors
/// Class `not-found` for an unknown path, `malformed` for all else that is wrong; a method that the
/// path does not have is answered with 405, a content type other than JSON with 415. What an answer
/// says is not looked at.
pub fn read_call(path: &str, head: &Parts, body: &[u8]) -> Result<Call, Error> {
    read_routed(route(operations(), path, &head.method)?, head, body)
}

/// The same for a request whose operation is known.
pub(crate) fn read_routed(
    route: Route<MailboxOperation>,
    head: &Parts,
    body: &[u8],
) -> Result<Call, Error> {
    // The first value is the mailbox, which the credential has.
    let mid = route.values.into_iter().nth(1).unwrap_or_default();
    Ok(match route.id {
        MailboxOperation::List => {
            Call::List { wait: read_wait(head.uri.query().unwrap_or_default())? }
        }
        MailboxOperation::Fetch => Call::Fetch { mid },
        MailboxOperation::Answer => Call::Answer { mid, answer: read_json(head, body)?.to_owned() },
        MailboxOperation::Reserve => {
            let body = read_json(head, body)?;
            let empty = serde_json::from_str::<HashMap<String, IgnoredAny>>(body)
                .is_ok_and(|map| map.is_empty());
            if !empty {
                return Err(Error::malformed("", "not an empty object"));
            }
            Call::Reserve
        }
        MailboxOperation::Remove => Call::Remove,
    })
}

/// Which call of this wire it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailboxOperation {
    List,
    Fetch,
    Answer,
    Reserve,
    Remove,
}

/// The calls of this wire.
pub(crate) fn operations<'a>() -> impl Iterator<Item = Operation<'a, MailboxOperation>> {
    use MailboxOperation::{Answer, Fetch, List, Remove, Reserve};
    [List, Fetch, Answer, Reserve, Remove].into_iter().map(MailboxOperation::operation)
}

impl MailboxOperation {
    fn operation<'a>(self) -> Operation<'a, Self> {
        const MAILBOX: PathPattern<'_> = PathPattern::one(Segment::Parameter);
        const MESSAGE: PathPattern<'_> = PathPattern::two(Segment::Parameter, Segment::Parameter);
        use OperationMethod::{Delete, Get, Post};
        let (method, path, body, effect, success) = match self {
            Self::List => (Get, MAILBOX, BodyKind::Empty, Effect::Waits, StatusCode::OK),
            // A fetch marks the message as fetched, and may claim it.
            Self::Fetch => (Get, MESSAGE, BodyKind::Empty, Effect::Changes, StatusCode::OK),
            Self::Answer => (Post, MESSAGE, BodyKind::Ordinary, Effect::Changes, StatusCode::OK),
            Self::Reserve => {
                (Post, PathPattern::BASE, BodyKind::Ordinary, Effect::Changes, StatusCode::CREATED)
            }
            Self::Remove => {
                (Delete, MAILBOX, BodyKind::Empty, Effect::Changes, StatusCode::NO_CONTENT)
            }
        };
        Operation { id: self, method, path, body, effect, success }
    }
}

/// `wait` in a query: whole seconds, once. What else is there is passed over.
fn read_wait(query: &str) -> Result<Duration, Error> {
    let mut waits = query.split('&').filter_map(|piece| piece.strip_prefix("wait="));
    let Some(wait) = waits.next() else { return Ok(Duration::ZERO) };
    let digits =
        !wait.is_empty() && wait.len() <= 4 && wait.bytes().all(|byte| byte.is_ascii_digit());
    match wait.parse() {
        Ok(seconds) if digits && waits.next().is_none() => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::malformed("wait", "not a number of seconds, once")),
    }
}

/// Writes an answer.
#[must_use]
pub fn write_answer(
    dialect: &Dialect,
    answer: &Result<Answer, Error>,
    request_id: &str,
) -> Response<Bytes> {
    match answer {
        Ok(Answer::Listing(listing)) => write_response(StatusCode::OK, listing.to_json()),
        Ok(Answer::Message(message)) => {
            write_response(StatusCode::OK, dialect.write_message(message))
        }
        Ok(Answer::Taken) => write_response(StatusCode::OK, "{}".to_owned()),
        Ok(Answer::Reserved(reserved)) => write_response(StatusCode::CREATED, reserved.to_json()),
        Ok(Answer::Removed) => write_empty(StatusCode::NO_CONTENT),
        Err(error) => write_refusal(dialect, error, request_id),
    }
}

/// Reads the answer to a call.
///
/// # Errors
/// What the hub refused it with, as [`read_refusal`]. A refusal or a success that does not have the
/// hub's form comes from something between (a proxy, a portal), and a device must not give up keys
/// for that: class `unavailable`, with the answer as its source. A message that is one and cannot
/// be read is `malformed` or `too-large`.
pub fn read_answer(
    dialect: &Dialect,
    call: &Call,
    response: &Response<Bytes>,
) -> Result<Answer, Error> {
    let kept = || StatusError::new(response.status(), response.body(), None);
    let between =
        || Error::new(Class::Unavailable, "", "not an answer of the hub").with_source(kept());
    if !response.status().is_success() {
        let error = read_refusal(response);
        let says_it = is_ours(dialect, response) || error.class() == Class::Rate;
        return Err(if says_it { error } else { error.with_class(Class::Unavailable) });
    }
    let text = answer_text(response).map_err(|error| match error.part() {
        // A coding is named.
        "" => between(),
        _ => error.with_class(Class::Unavailable).with_source(kept()),
    })?;
    let answer = match call {
        Call::List { .. } => Listing::from_json(text).map(Answer::Listing),
        Call::Fetch { .. } => {
            let message = dialect.read_message(text);
            return message.map(Answer::Message).map_err(|error| {
                if is_message(text) { error.with_source(kept()) } else { between() }
            });
        }
        Call::Answer { .. } if text.trim() == "{}" => Ok(Answer::Taken),
        Call::Answer { .. } => return Err(between()),
        Call::Reserve => ReservedBox::from_json(text).map(Answer::Reserved),
        Call::Remove if response.status() == StatusCode::NO_CONTENT => Ok(Answer::Removed),
        Call::Remove => return Err(between()),
    };
    answer.map_err(|_| between())
}

/// Whether a text is meant as a message: an object with a header.
fn is_message(text: &str) -> bool {
    // Nothing is built of what is not looked at: it may be 6 MiB of whatever.
    serde_json::from_str::<HashMap<String, IgnoredAny>>(text)
        .is_ok_and(|map| map.contains_key("header"))
}
