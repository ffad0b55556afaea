//! A clock that moves only when told to.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use super::{Clock, MonotonicTime};
use crate::BoxFuture;

/// A clock that moves only when told to, so that tests and simulations never sleep. Clones share
/// the same time.
///
/// [`advance`](Self::advance) lets time pass and moves both times. [`set_wall`](Self::set_wall)
/// sets the clock as an administrator would: the wall time moves and the monotonic time does not.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use keyferry::{Clock, ManualClock, MonotonicTime};
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(3600));
/// let shared = clock.clone();
/// shared.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(3660));
///
/// shared.set_wall(SystemTime::UNIX_EPOCH);
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
/// assert_eq!(clock.monotonic(), MonotonicTime::since_start(Duration::from_secs(60)));
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

struct Hands {
    wall: SystemTime,
    monotonic: MonotonicTime,
    sleepers: Vec<(Until, Waker)>,
}

/// The time at which a sleeper wakes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Wall(SystemTime),
    Monotonic(MonotonicTime),
}

impl Hands {
    fn has_come(&self, until: Until) -> bool {
        match until {
            Until::Wall(time) => self.wall >= time,
            Until::Monotonic(time) => self.monotonic >= time,
        }
    }
}

impl ManualClock {
    /// Creates a clock whose wall time is `now` and whose monotonic time is at its start.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            wall: now,
            monotonic: MonotonicTime::default(),
            sleepers: Vec::new(),
        })))
    }

    /// Advances both times by `duration` and wakes the sleepers whose time has come. Does nothing
    /// if the result is not representable.
    pub fn advance(&self, by: Duration) {
        self.change(|hands| {
            let monotonic = hands.monotonic.duration_since_start().checked_add(by);
            if let (Some(wall), Some(monotonic)) = (hands.wall.checked_add(by), monotonic) {
                hands.wall = wall;
                hands.monotonic = MonotonicTime::since_start(monotonic);
            }
        });
    }

    /// Advances both times until the wall time is `time`. Does nothing if `time` is in the past.
    pub fn advance_to(&self, time: SystemTime) {
        let left = time.duration_since(self.hands().wall).unwrap_or_default();
        self.advance(left);
    }

    /// Sets the wall time, forward or back, as an administrator of a computer does. The monotonic
    /// time does not change.
    pub fn set_wall(&self, time: SystemTime) {
        self.change(|hands| hands.wall = time);
    }

    fn change(&self, change: impl FnOnce(&mut Hands)) {
        let mut hands = self.hands();
        change(&mut hands);
        let sleepers = std::mem::take(&mut hands.sleepers);
        let (awake, asleep): (Vec<_>, Vec<_>) =
            sleepers.into_iter().partition(|(until, _)| hands.has_come(*until));
        hands.sleepers = asleep;
        drop(hands);
        awake.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, until: Until) -> BoxFuture<'_, ()> {
        Box::pin(std::future::poll_fn(move |context| {
            let mut hands = self.hands();
            if hands.has_come(until) {
                return Poll::Ready(());
            }
            if !hands
                .sleepers
                .iter()
                .any(|(other, waker)| *other == until && waker.will_wake(context.waker()))
            {
                hands.sleepers.push((until, context.waker().clone()));
            }
            Poll::Pending
        }))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.hands().wall
    }

    fn monotonic(&self) -> MonotonicTime {
        self.hands().monotonic
    }

    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()> {
        self.wait(Until::Monotonic(time))
    }

    /// Wakes as soon as the wall time is set or advanced to `time`.
    fn sleep_until_wall(&self, time: SystemTime) -> BoxFuture<'_, ()> {
        self.wait(Until::Wall(time))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hands = self.hands();
        f.debug_struct("ManualClock")
            .field("wall", &hands.wall)
            .field("monotonic", &hands.monotonic)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
