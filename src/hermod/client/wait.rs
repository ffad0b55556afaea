//! Waiting for a command to end.

use std::time::Duration;

use super::retry::{may_pass, pause, random_share};
use crate::first::first;
use crate::hermod::Dialect;
use crate::hermod::model::{Callback, CommandId, Progress};
use crate::hermod::wire::CommandApi;
use crate::{Clock, Error, MonotonicTime};

/// How long and how often to ask for a command's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitPolicy {
    /// How long to wait in all.
    pub timeout: Duration,
    /// The first pause between two polls: 1 second. Each doubles, and each is made shorter by up to
    /// its half, at random.
    pub first_pause: Duration,
    /// The longest pause, unless the hub asks for a longer one: 15 seconds.
    pub max_pause: Duration,
}

impl WaitPolicy {
    /// How long the last poll may take, which begins when the time is up: 10 seconds.
    pub const LAST_POLL: Duration = Duration::from_secs(10);

    /// Waits so long: as long as the command lives, and a little more.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, first_pause: Duration::from_secs(1), max_pause: Duration::from_secs(15) }
    }
}

/// Why waiting ended before the command did. The command is not touched by it: wait again with the
/// same id.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The time was up, or the hub asked to be left alone for longer than there is.
    #[error("the command has not ended in time")]
    TimedOut {
        /// What the last poll that succeeded said, if one did.
        last: Option<Box<Callback>>,
        /// What the last poll ended with, if it did not succeed.
        #[source]
        error: Option<Error>,
    },
    /// A poll ended with an error that does not pass: class `not-found`, `unauthorized`, …
    #[error("the command cannot be polled")]
    Refused(#[source] Error),
}

/// Polls until a command has ended, and gives its last state: the device has answered (also if it
/// refused), nobody did in time, or it was withdrawn. A state that the dialect does not know counts
/// as none of these.
///
/// The first poll is made at once, the last when the time is up, with [`WaitPolicy::LAST_POLL`] for
/// itself. Errors that may pass are waited out, and `Retry-After` is kept. To go on later, or after
/// a restart, call it again with the same id; dropping the future ends it.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use keyferry::hermod::Dialect;
/// use keyferry::hermod::client::{WaitError, WaitPolicy, wait_for};
/// use keyferry::hermod::model::{Callback, Command, CommandId, CommandType, Submitted};
/// use keyferry::hermod::wire::CommandApi;
/// use keyferry::{Error, ManualClock};
///
/// struct Idle;
///
/// impl CommandApi for Idle {
///     async fn submit(&self, _: Command) -> Result<Submitted, Error> {
///         Ok(Submitted::new(CommandId::from("1"), CommandType::PROV, vec![], "hub.example"))
///     }
///
///     async fn poll(&self, id: &CommandId) -> Result<Callback, Error> {
///         Ok(Submitted::new(id.clone(), CommandType::PROV, vec![], "hub.example").into())
///     }
/// }
///
/// # async fn run() {
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// let waited = wait_for(&Idle, &CommandId::from("1"), &WaitPolicy::new(Duration::ZERO), Dialect::standard(), &clock).await;
/// assert!(matches!(waited, Err(WaitError::TimedOut { last: Some(_), .. })));
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run());
/// ```
///
/// # Errors
/// [`WaitError::TimedOut`] with what was last heard; [`WaitError::Refused`] with a poll's error
/// that does not pass.
pub async fn wait_for(
    commands: &impl CommandApi,
    id: &CommandId,
    policy: &WaitPolicy,
    dialect: &Dialect,
    clock: &dyn Clock,
) -> Result<Callback, WaitError> {
    let mut waiting = Waiting::begin(policy, dialect, clock.monotonic());
    loop {
        let Some(polled) = before(commands.poll(id), clock, waiting.deadline()).await else {
            return Err(waiting.timed_out());
        };
        match waiting.heard(polled, clock.monotonic()) {
            Heard::End(result) => return result,
            Heard::Pause(until) => clock.sleep_until(until).await,
        }
    }
}

/// What a future gives, unless the time is up first.
async fn before<T>(
    future: impl Future<Output = T>,
    clock: &dyn Clock,
    deadline: MonotonicTime,
) -> Option<T> {
    // The clock is not asked to wake anybody before there is something to wait for.
    first(future, async { clock.sleep_until(deadline).await }).await
}

/// What was heard so far, without the waiting.
pub(super) struct Waiting<'a> {
    policy: &'a WaitPolicy,
    dialect: &'a Dialect,
    started: MonotonicTime,
    polls: u32,
    is_last: bool,
    last: Option<Box<Callback>>,
    error: Option<Error>,
}

/// What follows from a poll.
#[allow(clippy::large_enum_variant, reason = "one at a time, and not kept")]
pub(super) enum Heard {
    End(Result<Callback, WaitError>),
    /// Poll again then.
    Pause(MonotonicTime),
}

impl<'a> Waiting<'a> {
    pub(super) fn begin(policy: &'a WaitPolicy, dialect: &'a Dialect, now: MonotonicTime) -> Self {
        Self {
            policy,
            dialect,
            started: now,
            polls: 0,
            is_last: policy.timeout.is_zero(),
            last: None,
            error: None,
        }
    }

    /// From the start until the next poll is given up.
    fn whole(&self) -> Duration {
        self.policy.timeout.saturating_add(if self.is_last {
            WaitPolicy::LAST_POLL
        } else {
            Duration::ZERO
        })
    }

    /// When the next poll is given up.
    fn deadline(&self) -> MonotonicTime {
        self.started.saturating_add(self.whole())
    }

    /// How long a poll may take that begins now.
    pub(super) fn left(&self, now: MonotonicTime) -> Duration {
        self.whole().saturating_sub(now.saturating_duration_since(self.started))
    }

    pub(super) fn heard(&mut self, polled: Result<Callback, Error>, now: MonotonicTime) -> Heard {
        self.polls = self.polls.saturating_add(1);
        let mut asked = None;
        match polled {
            Ok(callback) => match self.dialect.progress(&callback.state) {
                Progress::Answered | Progress::TimedOut | Progress::Cancelled => {
                    return Heard::End(Ok(callback));
                }
                Progress::Waiting | Progress::Unknown => {
                    (self.last, self.error) = (Some(Box::new(callback)), None)
                }
            },
            Err(error) if may_pass(&error) => {
                asked = error.retry_after();
                self.error = Some(error);
            }
            Err(error) => return Heard::End(Err(WaitError::Refused(error))),
        }
        let left = self.policy.timeout.saturating_sub(now.saturating_duration_since(self.started));
        if self.is_last || left.is_zero() {
            return Heard::End(Err(self.timed_out()));
        }
        let pause = pause(
            (self.policy.first_pause, self.policy.max_pause),
            self.polls,
            asked,
            random_share(),
        );
        // Who asks for more time than there is, is not asked again before that.
        if asked.is_some_and(|asked| asked > left) {
            return Heard::End(Err(self.timed_out()));
        }
        self.is_last = pause >= left;
        Heard::Pause(now.saturating_add(pause.min(left)))
    }

    pub(super) fn timed_out(&mut self) -> WaitError {
        WaitError::TimedOut { last: self.last.take(), error: self.error.take() }
    }
}
