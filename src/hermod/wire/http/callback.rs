//! Callbacks: `POST {base}/callback/{command}`, with HTTP Basic, the id of the delivery, its time
//! and its signature.

use std::time::{Duration, SystemTime};

use ::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use ::http::request::Parts;
use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use base64ct::{Base64, Encoding as _};
use bytes::Bytes;
use subtle::ConstantTimeEq;

use super::credential::write_basic_auth;
use super::refusal::is_ours;
use super::{read_refusal, write_refusal};
use crate::crypto::Provider;
use crate::hermod::Dialect;
use crate::hermod::model::CommandKind;
use crate::hermod::wire::{BasicAuth, Delivery, WebhookSecret, is_tried_again};
use crate::transport::credential::only_text;
use crate::transport::message::{read_json, write_empty, write_request};
use crate::transport::operation::{
    BodyKind, Effect, Operation, OperationMethod, PathPattern, Route, Segment, route,
};
use crate::{BaseUrl, Class, Error};

/// Most bytes of a delivery's id.
const MAX_ID: usize = 128;
/// Most signatures of one delivery that are looked at.
const MAX_SIGNATURES: usize = 16;

/// Writes a delivery. `now` is its timestamp. With secrets, it is
/// signed with each of them: see [`verify_signature`].
///
/// # Errors
/// Class `malformed` if the type of the command is not known here, and so has no path, or
/// credential, id or header names are such that no header can carry them; `unavailable` if the
/// provider fails.
pub fn write_call(
    dialect: &Dialect,
    base: &BaseUrl,
    credential: Option<&BasicAuth>,
    signing: Option<(&dyn Provider, &[WebhookSecret])>,
    now: SystemTime,
    delivery: &Delivery,
) -> Result<Request<Bytes>, Error> {
    let callback = &delivery.callback;
    let kind = dialect
        .kind_of_type(&callback.command_type)
        .ok_or_else(|| Error::malformed("commandType", "not known here"))?;
    let segments = [&*dialect.paths.callback, &*dialect.words(kind).callback_path];
    let address = base.join(if segments[0].is_empty() { &segments[1..] } else { &segments });
    let body = dialect.write_callback(callback);
    let timestamp =
        now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let signature = match signing {
        Some((_, [])) => return Err(Error::malformed("secrets", "none to sign with")),
        Some((provider, secrets)) => {
            let version = &dialect.headers.delivery_signature_version;
            let sign = |secret| {
                let mac = signature(provider, secret, &delivery.id, &timestamp, body.as_bytes())?;
                Ok(format!("{version},{mac}"))
            };
            Some(secrets.iter().map(sign).collect::<Result<Vec<_>, Error>>()?.join(" "))
        }
        None => None,
    };
    let mut request = write_request(Method::POST, address, Some(body))?;
    let headers = request.headers_mut();
    put(headers, &dialect.headers.delivery_id, &delivery.id)?;
    put(headers, &dialect.headers.delivery_timestamp, &timestamp)?;
    if let Some(signature) = signature {
        put(headers, &dialect.headers.delivery_signature, &signature)?;
    }
    if let Some(credential) = credential {
        headers.insert(AUTHORIZATION, write_basic_auth(credential)?);
    }
    Ok(request)
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Error> {
    let bad = || Error::malformed("headers", "a name or a value that is none");
    headers.insert(
        HeaderName::try_from(name).map_err(|_| bad())?,
        HeaderValue::from_str(value).map_err(|_| bad())?,
    );
    Ok(())
}

/// HMAC-SHA256 of the id, a dot, the timestamp, a dot and the body, in base64.
fn signature(
    provider: &dyn Provider,
    secret: &WebhookSecret,
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> Result<String, Error> {
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let mac = provider
        .hmac_sha256(&secret.key(), &signed)
        .map_err(|_| Error::new(Class::Unavailable, "", "the signature could not be made"))?;
    Ok(Base64::encode_string(&mac))
}

/// Whether a delivery was signed with one of these secrets, not longer ago than `max_age`, and not
/// so much later either: clocks differ. The specification recommends 5 minutes.
///
/// The form is that of Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp` in Unix seconds,
/// and `webhook-signature`, several signatures `v1,` and base64 separated by spaces, of which one
/// has to fit. At most 16 are looked at, and those of other versions are passed over.
///
/// # Errors
/// Class `unauthorized`, for every reason the same; `unavailable` if the provider fails.
pub fn verify_signature(
    dialect: &Dialect,
    provider: &dyn Provider,
    secrets: &[WebhookSecret],
    (now, max_age): (SystemTime, Duration),
    head: &Parts,
    body: &[u8],
) -> Result<(), Error> {
    let refused = || Error::new(Class::Unauthorized, "", "no credential, or one that does not fit");
    let header = |name: &str| only_text(&head.headers, name).ok_or_else(refused);
    let id = header(&dialect.headers.delivery_id)?;
    let timestamp = header(&dialect.headers.delivery_timestamp)?;
    let given = header(&dialect.headers.delivery_signature)?;
    let digits = timestamp.len() <= 12 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = timestamp.parse::<u64>().ok().filter(|_| digits).ok_or_else(refused)?;
    let sent =
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(refused)?;
    let apart = now.duration_since(sent).unwrap_or_else(|early| early.duration());
    let version = &*dialect.headers.delivery_signature_version;
    let of_version = |signature: &'_ str| -> Option<Vec<u8>> {
        Some(signature.strip_prefix(version)?.strip_prefix(',')?.as_bytes().to_vec())
    };
    let given: Vec<Vec<u8>> =
        given.split(' ').filter_map(of_version).take(MAX_SIGNATURES).collect();
    let mut fits = subtle::Choice::from(0);
    for secret in secrets {
        let expected = signature(provider, secret, id, timestamp, body)?;
        for given in &given {
            fits |= expected.as_bytes().ct_eq(given);
        }
    }
    if bool::from(fits) && apart <= max_age { Ok(()) } else { Err(refused()) }
}

/// The calls of this wire: one for each command. The id is the command.
pub(crate) fn operations(dialect: &Dialect) -> impl Iterator<Item = Operation<'_, CommandKind>> {
    CommandKind::ALL.iter().map(|kind| Operation {
        id: *kind,
        method: OperationMethod::Post,
        path: PathPattern::last(Segment::Word(&dialect.words(*kind).callback_path)),
        body: BodyKind::Callback,
        effect: Effect::Changes,
        success: StatusCode::NO_CONTENT,
    })
}

/// Reads a delivery. The last segment of `path` names the command, whatever stands before it.
///
/// Without an id (another hub's callback) it is made of the command and its state, so that a repeat
/// has the same.
///
/// # Errors
/// Class `not-found` for a path that names no command, `malformed` for all else that is wrong; a
/// method other than POST is answered with 405, a content type other than JSON with 415.
pub fn read_call(
    dialect: &Dialect,
    path: &str,
    head: &Parts,
    body: &[u8],
) -> Result<Delivery, Error> {
    read_routed(dialect, route(operations(dialect), path, &head.method)?, head, body)
}

/// The same for a request whose operation is known.
pub(crate) fn read_routed(
    dialect: &Dialect,
    route: Route<CommandKind>,
    head: &Parts,
    body: &[u8],
) -> Result<Delivery, Error> {
    let kind = route.id;
    let callback = dialect.read_callback(read_json(head, body)?)?;
    if callback.command_type != dialect.words(kind).command_type {
        return Err(Error::malformed("commandType", "not that of this address"));
    }
    let name = &*dialect.headers.delivery_id;
    let id = if head.headers.contains_key(name) {
        let id = only_text(&head.headers, name).filter(|id| !id.is_empty() && id.len() <= MAX_ID);
        id.ok_or_else(|| Error::malformed("headers.delivery_id", "not one id"))?.to_owned()
    } else {
        format!("{}/{}", callback.command_id.as_str(), callback.state.as_str())
    };
    Ok(Delivery::new(id, callback))
}

/// Writes an answer: 204, or a refusal.
#[must_use]
pub fn write_answer(
    dialect: &Dialect,
    answer: &Result<(), Error>,
    request_id: &str,
) -> Response<Bytes> {
    match answer {
        Ok(()) => write_empty(StatusCode::NO_CONTENT),
        Err(error) => write_refusal(dialect, error, request_id),
    }
}

/// Reads the answer to a delivery. Its fate hangs on the status alone:
///
/// | status | what follows |
/// |---|---|
/// | 2xx | success, whatever the body |
/// | 410, 422 | refused for good |
/// | 400, 409, 413, 415 with the body of a receiver of this crate ([`ErrorBody`]) | refused for good |
/// | every other, 3xx, 401, 403, 404, 405, 408, 425, 429 and 5xx among them | sent again |
///
/// The statuses that are final are those of [`Dialect::callback_statuses`].
///
/// # Errors
/// As [`read_refusal`], except that the class tells the fate: a delivery that is to be sent again
/// has class `unavailable`, `rate`, `unauthorized` or `not-found`, and one that was refused for
/// good any other.
///
/// [`ErrorBody`]: crate::hermod::model::ErrorBody
pub fn read_answer(dialect: &Dialect, response: &Response<Bytes>) -> Result<(), Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let statuses = &dialect.callback_statuses;
    let is_final = statuses.refused.contains(&status.as_u16())
        || statuses.refused_by_our_receiver.contains(&status.as_u16())
            && is_ours(dialect, response);
    let error = read_refusal(response);
    Err(match (is_final, is_tried_again(&error)) {
        (true, true) => error.with_class(Class::Malformed),
        (false, false) => error.with_class(Class::Unavailable),
        (true, false) | (false, true) => error,
    })
}
