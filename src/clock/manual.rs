//! A clock that stands still until it is told to move.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use super::Clock;
use crate::BoxFuture;

/// A clock that stands still until it is told to move: for tests and simulations, which then never
/// sleep. Its clones are the same clock.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use keyferry::{Clock, ManualClock};
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// let shared = clock.clone();
/// shared.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

struct Hands {
    now: SystemTime,
    sleepers: Vec<(SystemTime, Waker)>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Hands { now, sleepers: Vec::new() })))
    }

    /// Moves it forward and wakes whoever waited for that. A step beyond the last time that can be
    /// shown is not made.
    pub fn advance(&self, by: Duration) {
        let now = self.hands().now;
        self.advance_to(now.checked_add(by).unwrap_or(now));
    }

    /// Moves it forward to `time` and wakes whoever waited for that. It never goes back: an earlier
    /// time changes nothing.
    pub fn advance_to(&self, time: SystemTime) {
        let mut hands = self.hands();
        hands.now = hands.now.max(time);
        let now = hands.now;
        let (awake, asleep) =
            std::mem::take(&mut hands.sleepers).into_iter().partition(|(until, _)| *until <= now);
        hands.sleepers = asleep;
        drop(hands);
        let awake: Vec<(SystemTime, Waker)> = awake;
        awake.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.hands().now
    }

    fn sleep_until(&self, time: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(std::future::poll_fn(move |context| {
            let mut hands = self.hands();
            if hands.now >= time {
                return Poll::Ready(());
            }
            if !hands
                .sleepers
                .iter()
                .any(|(until, waker)| *until == time && waker.will_wake(context.waker()))
            {
                hands.sleepers.push((time, context.waker().clone()));
            }
            Poll::Pending
        }))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_sleepers_when_their_time_has_come_and_never_goes_back() {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let mut context = std::task::Context::from_waker(Waker::noop());
        let mut sleep = clock.sleep_until(at(10));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance(Duration::from_secs(9));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance_to(at(10));
        assert!(sleep.as_mut().poll(&mut context).is_ready());
        clock.advance_to(at(5));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), at(10));
    }
}
