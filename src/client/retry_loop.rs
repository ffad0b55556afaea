//! The attempts of one call. [`Attempts`] decides what to send, what a response means and when to
//! try again; [`call`] and [`call_blocking`] send and wait.

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, Request, Response};
use base64ct::{Base64, Encoding as _};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::retry_policy::Idempotency;
use super::{Settings, Timer};
use crate::transport::protocol::Protocol;
use crate::transport::{
    BlockingTransport, ExchangeLimits, ReceivedAt, StatusError, Transport, TransportError,
    TransportErrorKind,
};
use crate::{Clock, Error, MonotonicTime};

/// The client's end of a wire: writes calls and reads answers.
pub(crate) trait Endpoint: Sync {
    type Protocol: Protocol;
    type Call: Sync;
    type Answer: Send;

    fn idempotency(call: &Self::Call) -> Idempotency;

    /// How long the server is asked to wait for an event before it answers.
    fn wait(_: &Self::Call) -> Duration {
        Duration::ZERO
    }

    /// `wait` is the rest of the time that the server may wait for an event.
    fn write(
        &self,
        settings: &Settings<Self::Protocol>,
        call: &Self::Call,
        wait: Duration,
    ) -> Result<Request<Bytes>, Error>;

    fn read(
        &self,
        settings: &Settings<Self::Protocol>,
        call: &Self::Call,
        response: &Response<Bytes>,
    ) -> Result<Self::Answer, Error>;
}

pub(crate) struct Attempts<'a, E: Endpoint> {
    settings: &'a Settings<E::Protocol>,
    endpoint: &'a E,
    call: &'a E::Call,
    started: MonotonicTime,
    failures: u32,
    /// The headers of the last request, for the credentials in them.
    sent: HeaderMap,
}

impl<'a, E: Endpoint> Attempts<'a, E> {
    pub(crate) fn begin(
        settings: &'a Settings<E::Protocol>,
        endpoint: &'a E,
        call: &'a E::Call,
        now: MonotonicTime,
    ) -> Self {
        Self { settings, endpoint, call, started: now, failures: 0, sent: HeaderMap::new() }
    }

    /// Writes the next request. The first attempt always has its whole time.
    pub(crate) fn write(&mut self, now: MonotonicTime) -> Result<Request<Bytes>, Error> {
        let elapsed = match self.failures {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.started),
        };
        let wait = E::wait(self.call).saturating_sub(elapsed);
        let mut limits = self.settings.limits;
        limits.timeout = limits.timeout.saturating_add(wait);
        if self.failures > 0 {
            limits.timeout = limits.timeout.min(self.budget().saturating_sub(elapsed));
        }
        let request = self.endpoint.write(self.settings, self.call, wait);
        let request = request.map_err(unsendable)?;
        self.sent.clone_from(request.headers());
        Ok(limited(request, limits))
    }

    /// Reads the result of an attempt at `now`.
    pub(crate) fn read(
        &self,
        exchanged: Result<Response<Bytes>, TransportError>,
        now: SystemTime,
    ) -> Result<E::Answer, Error> {
        let response = checked(exchanged, self.settings.limits, now)?;
        let answer = self.endpoint.read(self.settings, self.call, &response);
        answer
            .map_err(|error| without_credentials(&*self.settings.protocol, &self.sent, None, error))
    }

    /// When to retry after this error; `None` if there is no further attempt.
    pub(crate) fn again(&mut self, error: &Error, now: MonotonicTime) -> Option<MonotonicTime> {
        let policy = &self.settings.retry;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= policy.attempts || !E::idempotency(self.call).allows(error) {
            return None;
        }
        let pause = policy.backoff().pause(self.failures, error.retry_after());
        let begins = now.saturating_duration_since(self.started).saturating_add(pause);
        (begins < self.budget()).then(|| now.saturating_add(pause))
    }

    fn budget(&self) -> Duration {
        self.settings.retry.budget.saturating_add(E::wait(self.call))
    }
}

/// Makes all attempts of a call.
pub(crate) async fn call<E: Endpoint>(
    transport: &dyn Transport,
    clock: &dyn Clock,
    settings: &Settings<E::Protocol>,
    endpoint: &E,
    call: &E::Call,
) -> Result<E::Answer, Error> {
    let mut attempts = Attempts::begin(settings, endpoint, call, clock.monotonic());
    loop {
        let request = attempts.write(clock.monotonic())?;
        let exchanged = transport.send(request).await;
        let error = match attempts.read(exchanged, clock.now()) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match attempts.again(&error, clock.monotonic()) {
            Some(time) => clock.sleep_until(time).await,
            None => return Err(error),
        }
    }
}

/// The blocking counterpart of [`call`].
pub(crate) fn call_blocking<E: Endpoint>(
    transport: &dyn BlockingTransport,
    timer: &dyn Timer,
    settings: &Settings<E::Protocol>,
    endpoint: &E,
    call: &E::Call,
) -> Result<E::Answer, Error> {
    let mut attempts = Attempts::begin(settings, endpoint, call, timer.monotonic());
    loop {
        let request = attempts.write(timer.monotonic())?;
        let exchanged = transport.send(request);
        let error = match attempts.read(exchanged, timer.now()) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match attempts.again(&error, timer.monotonic()) {
            Some(time) => timer.sleep_until(time),
            None => return Err(error),
        }
    }
}

/// A request with its limits.
pub(crate) fn limited(mut request: Request<Bytes>, limits: ExchangeLimits) -> Request<Bytes> {
    request.extensions_mut().insert(limits);
    request
}

/// An error on this side, before anything was sent.
pub(crate) fn unsendable(error: Error) -> Error {
    error.permanent().with_source(TransportError::new(TransportErrorKind::Unsendable, ""))
}

/// Checks the length of a response, even if the transport did so, and adds the time at which it was
/// received.
pub(crate) fn checked(
    exchanged: Result<Response<Bytes>, TransportError>,
    limits: ExchangeLimits,
    now: SystemTime,
) -> Result<Response<Bytes>, Error> {
    let mut response = exchanged?;
    if response.body().len() > limits.answer_bytes {
        if !limits.is_body_optional {
            return Err(TransportError::new(TransportErrorKind::AnswerTooLarge, "").into());
        }
        response.body_mut().truncate(limits.answer_bytes);
    }
    response.extensions_mut().insert(ReceivedAt(now));
    Ok(response)
}

/// Removes the server's text from an error if it repeats a credential that was sent, in a header or
/// in the query.
pub(crate) fn without_credentials(
    protocol: &dyn Protocol,
    sent: &HeaderMap,
    query: Option<&str>,
    error: Error,
) -> Error {
    let Some(answer) = StatusError::of(&error) else { return error };
    let body = String::from_utf8_lossy(answer.body());
    let said = protocol
        .read_error(&body)
        .map(|said| [said.code, said.message, said.request_id].join("\n"))
        .unwrap_or_default();
    let shows = |secret: &str| {
        // Shorter secrets occur in too many words.
        secret.len() >= 4
            && [&*body, &said, error.detail()].iter().any(|text| text.contains(secret))
    };
    let repeats = sent.values().filter(|value| value.is_sensitive()).any(|value| {
        let Ok(text) = value.to_str() else { return false };
        let bare = text.split_once(' ').map_or(text, |(_, bare)| bare);
        let pair = Base64::decode_vec(bare).ok().and_then(|pair| String::from_utf8(pair).ok());
        let pair = Zeroizing::new(pair.unwrap_or_default());
        let secret = pair.split_once(':').map_or("", |(_, secret)| secret);
        shows(bare) || shows(secret)
    });
    let mut values =
        query.unwrap_or_default().split('&').map(|piece| match piece.split_once('=') {
            Some((_, value)) => value,
            None => piece,
        });
    if repeats || values.any(shows) {
        let status = answer.status().as_u16();
        return error
            .with_detail(format!("answered with status {status}, and words that are not shown"));
    }
    error
}
