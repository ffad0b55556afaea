//! Waiting for a command to end.

use crate::Clock;
use crate::client::wait::{PollOutcome, Waiting, before};
use crate::client::{WaitError, WaitPolicy};
use crate::hermod::Dialect;
use crate::hermod::model::{Callback, CommandId, Progress};
use crate::hermod::wire::{CommandApi, is_unknown_command};

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
/// use keyferry::client::{WaitError, WaitPolicy};
/// use keyferry::hermod::client::wait_for;
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
/// [`WaitError::TimedOut`] with what was last heard; [`WaitError::Forgotten`] if the hub does not
/// know the command ([`is_unknown_command`]); [`WaitError::Refused`] with another error of a poll
/// that does not pass.
pub async fn wait_for(
    commands: &impl CommandApi,
    id: &CommandId,
    policy: &WaitPolicy,
    dialect: &Dialect,
    clock: &dyn Clock,
) -> Result<Callback, WaitError<Callback>> {
    let mut waiting = Waiting::begin(policy, clock.monotonic());
    loop {
        let Some(polled) = before(commands.poll(id), clock, waiting.deadline()).await else {
            return Err(waiting.timed_out());
        };
        let is_over = |state: &Callback| is_over(dialect, state);
        match waiting.polled(polled, is_over, is_unknown_command, clock.monotonic()) {
            PollOutcome::End(result) => return result,
            PollOutcome::Pause(until) => clock.sleep_until(until).await,
        }
    }
}

/// Whether a command in this state has ended.
pub(super) fn is_over(dialect: &Dialect, callback: &Callback) -> bool {
    match dialect.progress(&callback.state) {
        Progress::Answered | Progress::TimedOut | Progress::Cancelled => true,
        Progress::Waiting | Progress::Unknown => false,
    }
}
