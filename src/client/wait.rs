//! Polls until something that another party does has ended.

use std::fmt;
use std::time::Duration;

use super::backoff::Backoff;
use super::retry_policy::may_pass;
use crate::clock::or_deadline;
use crate::{Clock, Error, MonotonicTime};

/// How long and how often to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitPolicy {
    /// How long to wait in total.
    pub timeout: Duration,
    /// The longest first pause between two polls: 1 second. The limit doubles with each poll, and
    /// each pause is drawn evenly between zero and its limit.
    pub first_pause: Duration,
    /// The longest pause, unless the other side asks for a longer one: 15 seconds.
    pub max_pause: Duration,
}

impl WaitPolicy {
    /// How long the last poll may take, which begins when the time is up: 10 seconds.
    pub const LAST_POLL: Duration = Duration::from_secs(10);

    /// Waits for `timeout`: as long as a command lives, and a little more.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, first_pause: Duration::from_secs(1), max_pause: Duration::from_secs(15) }
    }
}

/// Why waiting stopped early. `T` is the last known state. The error changes nothing: unless it is
/// [`Forgotten`](Self::Forgotten), you can wait again with the same id.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError<T: fmt::Debug> {
    /// The time was up, or the other side asked for a pause that is longer than the time left.
    #[error("it has not ended in time")]
    TimedOut {
        /// The result of the last successful poll, if there was one.
        last: Option<Box<T>>,
        /// The error of the last poll, if it failed.
        #[source]
        error: Option<Error>,
    },
    /// The server itself says that it does not know the object, so waiting longer is of no use.
    #[error(
        "the other side does not know it: it has lost what it stored, or it ended longer ago than \
         it is kept; begin again"
    )]
    Forgotten(#[source] Error),
    /// A poll failed with another error that does not pass, for example with class `unauthorized`.
    #[error("it cannot be polled")]
    Refused(#[source] Error),
}

/// The output of a future, unless the deadline comes first.
pub(crate) async fn before<T>(
    future: impl Future<Output = T>,
    clock: &dyn Clock,
    deadline: MonotonicTime,
) -> Option<T> {
    // The clock is used only when there is something to wait for.
    or_deadline(future, async { clock.sleep_until(deadline).await }).await
}

/// The results of the polls so far, without the waiting.
pub(crate) struct Waiting<'a, T> {
    policy: &'a WaitPolicy,
    started: MonotonicTime,
    polls: u32,
    is_last: bool,
    last: Option<Box<T>>,
    error: Option<Error>,
}

/// The next step after a poll.
#[allow(clippy::large_enum_variant, reason = "one at a time, and not kept")]
pub(crate) enum PollOutcome<T: fmt::Debug> {
    End(Result<T, WaitError<T>>),
    /// Poll again at this time.
    Pause(MonotonicTime),
}

impl<'a, T: fmt::Debug> Waiting<'a, T> {
    pub(crate) fn begin(policy: &'a WaitPolicy, now: MonotonicTime) -> Self {
        Self {
            policy,
            started: now,
            polls: 0,
            is_last: policy.timeout.is_zero(),
            last: None,
            error: None,
        }
    }

    /// The time from the start until the next poll is given up.
    fn whole(&self) -> Duration {
        self.policy.timeout.saturating_add(if self.is_last {
            WaitPolicy::LAST_POLL
        } else {
            Duration::ZERO
        })
    }

    /// When the next poll is given up.
    pub(crate) fn deadline(&self) -> MonotonicTime {
        self.started.saturating_add(self.whole())
    }

    /// How long a poll that begins now may take.
    pub(crate) fn left(&self, now: MonotonicTime) -> Duration {
        self.whole().saturating_sub(now.saturating_duration_since(self.started))
    }

    /// Handles the result of a poll. `is_over` tells whether a state is final, and `is_forgotten`
    /// whether an error is the server's own statement that it does not know the object.
    pub(crate) fn polled(
        &mut self,
        polled: Result<T, Error>,
        is_over: impl FnOnce(&T) -> bool,
        is_forgotten: impl FnOnce(&Error) -> bool,
        now: MonotonicTime,
    ) -> PollOutcome<T> {
        self.polls = self.polls.saturating_add(1);
        let mut asked = None;
        match polled {
            Ok(state) if is_over(&state) => return PollOutcome::End(Ok(state)),
            Ok(state) => (self.last, self.error) = (Some(Box::new(state)), None),
            Err(error) if may_pass(&error) => {
                asked = error.retry_after();
                self.error = Some(error);
            }
            Err(error) if is_forgotten(&error) => {
                return PollOutcome::End(Err(WaitError::Forgotten(error)));
            }
            Err(error) => return PollOutcome::End(Err(WaitError::Refused(error))),
        }
        let left = self.policy.timeout.saturating_sub(now.saturating_duration_since(self.started));
        if self.is_last || left.is_zero() {
            return PollOutcome::End(Err(self.timed_out()));
        }
        let backoff = Backoff { first: self.policy.first_pause, max: self.policy.max_pause };
        let pause = backoff.pause(self.polls, asked);
        // If `Retry-After` exceeds the time left, give up now.
        if asked.is_some_and(|asked| asked > left) {
            return PollOutcome::End(Err(self.timed_out()));
        }
        self.is_last = pause >= left;
        PollOutcome::Pause(now.saturating_add(pause.min(left)))
    }

    pub(crate) fn timed_out(&mut self) -> WaitError<T> {
        WaitError::TimedOut { last: self.last.take(), error: self.error.take() }
    }
}
