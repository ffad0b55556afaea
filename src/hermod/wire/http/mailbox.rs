//! Mailboxes: `{public}/{bid}` and `{public}/{bid}/{mid}`, with `Authorization: Bearer` and, with
//! the token of a message, `X-Claim`. The form is ours.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, HeaderName};
use ::http::request::Parts;
use ::http::{Method, Request, Response, StatusCode};
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
    answer_text, method_not_allowed, no_such_address, read_json, split_path, write_empty,
    write_request, write_response,
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
        /// The JSON, kept octet by octet.
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
                f.debug_struct("Answer").field("mid", mid).field("octets", &answer.len()).finish()
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
    let mut request = match call {
        Call::List { wait } => {
            let address = format!("{}?wait={}", public.join(&[&key.bid]), wait.as_secs());
            write_request(Method::GET, address, None)?
        }
        Call::Fetch { mid } => write_request(Method::GET, public.join(&[&key.bid, mid]), None)?,
        Call::Answer { mid, answer } => {
            write_request(Method::POST, public.join(&[&key.bid, mid]), Some(answer.clone()))?
        }
        Call::Reserve => write_request(Method::POST, public.to_string(), Some("{}".to_owned()))?,
        Call::Remove => write_request(Method::DELETE, public.join(&[&key.bid]), None)?,
    };
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

/// Most octets of a body that a call at this address may have, if there is such an address:
/// `limit`, or none at all.
///
/// # Errors
/// Class `not-found` if there is no such address, `malformed` with status 405 if it has not this
/// method.
pub fn body_limit(path: &str, method: &Method, limit: usize) -> Result<usize, Error> {
    Ok(match target(path, method)? {
        Target::Answer(_) | Target::Reserve => limit,
        Target::List | Target::Fetch(_) | Target::Remove => 0,
    })
}

/// Reads a call. `path` is what is left of the path below the public address: `/b1/m1`.
///
/// # Errors
/// Class `not-found` for an unknown path, `malformed` for all else that is wrong; a method that the
/// path does not have is answered with 405, a content type other than JSON with 415. What an answer
/// says is not looked at.
pub fn read_call(path: &str, head: &Parts, body: &[u8]) -> Result<Call, Error> {
    Ok(match target(path, &head.method)? {
        Target::List => Call::List { wait: read_wait(head.uri.query().unwrap_or_default())? },
        Target::Fetch(mid) => Call::Fetch { mid },
        Target::Answer(mid) => Call::Answer { mid, answer: read_json(head, body)?.to_owned() },
        Target::Reserve => {
            let body = read_json(head, body)?;
            let empty = serde_json::from_str::<HashMap<String, IgnoredAny>>(body)
                .is_ok_and(|map| map.is_empty());
            if !empty {
                return Err(Error::malformed("", "not an empty object"));
            }
            Call::Reserve
        }
        Target::Remove => Call::Remove,
    })
}

enum Target {
    List,
    Fetch(String),
    Answer(String),
    Reserve,
    Remove,
}

fn target(path: &str, method: &Method) -> Result<Target, Error> {
    let mut segments = split_path(path)?.into_iter();
    let (bid, mid) = (segments.next(), segments.next());
    if segments.next().is_some() {
        return Err(no_such_address());
    }
    match (bid, mid, method) {
        (None, _, &Method::POST) => Ok(Target::Reserve),
        (Some(_), None, &Method::GET) => Ok(Target::List),
        (Some(_), None, &Method::DELETE) => Ok(Target::Remove),
        (Some(_), Some(mid), &Method::GET) => Ok(Target::Fetch(mid)),
        (Some(_), Some(mid), &Method::POST) => Ok(Target::Answer(mid)),
        _ => Err(method_not_allowed()),
    }
}

/// `wait` in a query: whole seconds, once. What else is there is passed over.
fn read_wait(query: &str) -> Result<Duration, Error> {
    let mut waits = query.split('&').filter_map(|piece| piece.strip_prefix("wait="));
    let Some(wait) = waits.next() else { return Ok(Duration::ZERO) };
    let digits =
        !wait.is_empty() && wait.len() <= 4 && wait.bytes().all(|octet| octet.is_ascii_digit());
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
/// for that: class `unavailable`, with the answer as its source. A message that is one and cannot be
/// read is `malformed` or `too-large`.
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
