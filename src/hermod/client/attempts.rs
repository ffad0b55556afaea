//! The attempts of one call, without the waiting: both kinds of client ask what to send, tell what
//! came of it, and ask whether to go on.

use std::time::{Duration, SystemTime};

use ::http::{Request, Response};
use bytes::Bytes;

use super::retry::{Repeat, elapsed, pause, random_share};
use super::settings::Settings;
use crate::http::{ExchangeLimits, Transport, TransportError, TransportErrorKind};
use crate::{Clock, Error};

/// One end of a wire: writes calls and reads answers.
pub(super) trait Party: Sync {
    type Call: Sync;
    type Answer: Send;

    fn repeat(call: &Self::Call) -> Repeat;

    /// How long the other side is asked to wait before it answers.
    fn wait(_: &Self::Call) -> Duration {
        Duration::ZERO
    }

    /// `wait` is what is left of the time that the other side is to wait.
    fn write(
        &self,
        settings: &Settings,
        call: &Self::Call,
        wait: Duration,
    ) -> Result<Request<Bytes>, Error>;

    fn read(
        &self,
        settings: &Settings,
        call: &Self::Call,
        response: &Response<Bytes>,
    ) -> Result<Self::Answer, Error>;
}

pub(super) struct Attempts<'a, P: Party> {
    settings: &'a Settings,
    party: &'a P,
    call: &'a P::Call,
    started: SystemTime,
    failures: u32,
}

impl<'a, P: Party> Attempts<'a, P> {
    pub(super) fn begin(
        settings: &'a Settings,
        party: &'a P,
        call: &'a P::Call,
        now: SystemTime,
    ) -> Self {
        Self { settings, party, call, started: now, failures: 0 }
    }

    /// What to send. The first attempt has its whole time, however long it took to get here.
    pub(super) fn write(&self, now: SystemTime) -> Result<Request<Bytes>, Error> {
        let elapsed = if self.failures == 0 { Duration::ZERO } else { elapsed(self.started, now) };
        let wait = P::wait(self.call).saturating_sub(elapsed);
        let mut limits = self.settings.limits;
        limits.timeout = limits.timeout.saturating_add(wait);
        if self.failures > 0 {
            limits.timeout = limits.timeout.min(self.budget().saturating_sub(elapsed));
        }
        let request = self.party.write(self.settings, self.call, wait);
        request.map(|request| limited(request, limits)).map_err(unsendable)
    }

    /// What came of it.
    pub(super) fn read(
        &self,
        exchanged: Result<Response<Bytes>, TransportError>,
    ) -> Result<P::Answer, Error> {
        self.party.read(self.settings, self.call, &checked(exchanged, self.settings.limits)?)
    }

    /// When to try again after this error; `None` if that is not to be.
    pub(super) fn again(&mut self, error: &Error, now: SystemTime) -> Option<SystemTime> {
        let policy = &self.settings.retry;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= policy.attempts || !P::repeat(self.call).allows(error) {
            return None;
        }
        let pause = pause(
            (policy.first_pause, policy.max_pause),
            self.failures,
            error.retry_after(),
            random_share(),
        );
        let begins = elapsed(self.started, now).checked_add(pause)?;
        if begins < self.budget() { now.checked_add(pause) } else { None }
    }

    fn budget(&self) -> Duration {
        self.settings.retry.budget.saturating_add(P::wait(self.call))
    }
}

/// Makes all attempts of a call.
pub(super) async fn call<P: Party>(
    transport: &dyn Transport,
    clock: &dyn Clock,
    settings: &Settings,
    party: &P,
    call: &P::Call,
) -> Result<P::Answer, Error> {
    let mut attempts = Attempts::begin(settings, party, call, clock.now());
    loop {
        let request = attempts.write(clock.now())?;
        let error = match attempts.read(transport.send(request).await) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match attempts.again(&error, clock.now()) {
            Some(time) => clock.sleep_until(time).await,
            None => return Err(error),
        }
    }
}

/// A request with its limits.
pub(super) fn limited(mut request: Request<Bytes>, limits: ExchangeLimits) -> Request<Bytes> {
    request.extensions_mut().insert(limits);
    request
}

/// An error of ours, before anything was sent.
pub(super) fn unsendable(error: Error) -> Error {
    error.with_source(TransportError::new(TransportErrorKind::Unsendable, ""))
}

/// An answer that is not longer than it may be, whatever the transport looked at.
pub(super) fn checked(
    exchanged: Result<Response<Bytes>, TransportError>,
    limits: ExchangeLimits,
) -> Result<Response<Bytes>, Error> {
    match exchanged {
        Ok(response) if response.body().len() > limits.answer_octets => {
            Err(TransportError::new(TransportErrorKind::AnswerTooLarge, "").into())
        }
        exchanged => Ok(exchanged?),
    }
}
