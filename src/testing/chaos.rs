//! Decides which exchange fails, and how.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::random::Random;
use super::{ChaosTransport, ChaosWire};
use crate::Clock;
use crate::transport::Transport;

/// The rate of each fault, in percent of the exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// No connection is made; the caller knows that nothing arrived.
    pub unreachable: u8,
    /// The request is lost; the caller does not know whether it arrived.
    pub lost_requests: u8,
    /// The request arrives, but its response is lost.
    pub lost_answers: u8,
    /// The request waits before it is sent, so that later ones overtake it.
    pub delayed: u8,
    /// The request arrives twice: again after its response, before the caller's next request.
    pub repeated: u8,
    /// The response is damaged: one byte is changed, or the end is cut off. A wire has no bytes;
    /// there the response is lost.
    pub garbled: u8,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Each fault at this rate.
    #[must_use]
    pub fn each(percent: u8) -> Self {
        Self {
            unreachable: percent,
            lost_requests: percent,
            lost_answers: percent,
            delayed: percent,
            repeated: percent,
            garbled: percent,
        }
    }
}

/// The number of exchanges with each fault so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// All exchanges.
    pub exchanges: u64,
    /// Exchanges without a connection.
    pub unreachable: u64,
    /// Exchanges whose request did not arrive.
    pub lost_requests: u64,
    /// Exchanges whose response did not arrive.
    pub lost_answers: u64,
    /// Exchanges that were delayed.
    pub delayed: u64,
    /// Exchanges that arrived twice.
    pub repeated: u64,
    /// Exchanges whose response was damaged.
    pub garbled: u64,
}

/// A source of faults. Clones are the same source. The same seed and the same exchanges in the same
/// order give the same faults.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::transport::Transport;
/// use keyferry::testing::{Chaos, Faults};
/// use keyferry::{ManualClock, SystemClock};
///
/// let works = |_: Request<Bytes>| async { Ok(Response::new(Bytes::new())) };
/// let mut faults = Faults::none();
/// faults.lost_answers = 50;
/// let chaos = Chaos::new(7, faults, Arc::new(SystemClock));
/// let transport = chaos.transport(Arc::new(works));
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// for _ in 0..100 {
///     let _ = transport.send(Request::new(Bytes::new())).await;
/// }
/// # });
/// assert!((30..70).contains(&chaos.tally().lost_answers));
/// # }
/// ```
#[derive(Clone)]
pub struct Chaos(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    longest_delay: Duration,
    state: Mutex<State>,
}

struct State {
    faults: Faults,
    random: Random,
    tally: Tally,
}

/// The faults of one exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) delay: Option<Duration>,
    pub(super) unreachable: bool,
    pub(super) request_lost: bool,
    pub(super) answer_lost: bool,
    pub(super) repeated: bool,
    /// A random number that determines the damage.
    pub(super) garbled: Option<u64>,
}

impl Chaos {
    /// Creates a source with these rates. Delays take up to ten seconds of `clock`.
    #[must_use]
    pub fn new(seed: u64, faults: Faults, clock: Arc<dyn Clock>) -> Self {
        let state = State { faults, random: Random::new(seed), tally: Tally::default() };
        Self(Arc::new(Inner {
            clock,
            longest_delay: Duration::from_secs(10),
            state: Mutex::new(state),
        }))
    }

    /// Changes the rates from now on, for example to none to see that all parties settle.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The faults so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    /// A transport with these faults.
    #[must_use]
    pub fn transport(&self, transport: Arc<dyn Transport>) -> ChaosTransport {
        ChaosTransport::new(self.clone(), transport)
    }

    /// A wire with these faults: a [`CommandApi`](crate::hermod::wire::CommandApi), a
    /// [`MailboxApi`](crate::hermod::wire::MailboxApi) or a
    /// [`CallbackApi`](crate::hermod::wire::CallbackApi).
    #[must_use]
    pub fn wire<W: Send + Sync>(&self, wire: W) -> ChaosWire<W> {
        ChaosWire::new(self.clone(), wire)
    }

    /// Decides about one exchange. It has at most one fault besides a delay.
    pub(super) fn fate(&self) -> Fate {
        let mut state = self.state();
        let State { faults, random, tally } = &mut *state;
        let mut fate = Fate {
            delay: None,
            unreachable: false,
            request_lost: false,
            answer_lost: false,
            repeated: false,
            garbled: None,
        };
        tally.exchanges += 1;
        if random.happens(faults.delayed) {
            let longest = u64::try_from(self.0.longest_delay.as_millis()).unwrap_or(u64::MAX);
            fate.delay = Some(Duration::from_millis(random.below(longest)));
            tally.delayed += 1;
        }
        let mut place = random.below(100);
        let mut is_next = |percent: u8, count: &mut u64| {
            let hit = place < u64::from(percent);
            // The range of the next fault begins at the end of this one; after a hit no other fault
            // can match.
            place = if hit { u64::MAX } else { place.saturating_sub(u64::from(percent)) };
            *count += u64::from(hit);
            hit
        };
        fate.unreachable = is_next(faults.unreachable, &mut tally.unreachable);
        fate.request_lost = is_next(faults.lost_requests, &mut tally.lost_requests);
        fate.answer_lost = is_next(faults.lost_answers, &mut tally.lost_answers);
        fate.repeated = is_next(faults.repeated, &mut tally.repeated);
        if is_next(faults.garbled, &mut tally.garbled) {
            fate.garbled = Some(random.next());
        }
        fate
    }

    pub(super) async fn delay(&self, fate: &Fate) {
        if let Some(delay) = fate.delay {
            self.0.clock.sleep(delay).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("tally", &self.tally()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    #[test]
    fn the_same_seed_has_the_same_go_wrong_at_about_the_given_rates() {
        let chaos = |seed| {
            Chaos::new(
                seed,
                Faults::each(10),
                Arc::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH)),
            )
        };
        let (one, other, third) = (chaos(1), chaos(1), chaos(2));
        let fates =
            |chaos: &Chaos| (0..5000).map(|_| format!("{:?}", chaos.fate())).collect::<Vec<_>>();
        assert_eq!(fates(&one), fates(&other));
        assert_ne!(fates(&third), fates(&one));
        let tally = one.tally();
        for count in [
            tally.unreachable,
            tally.lost_requests,
            tally.lost_answers,
            tally.delayed,
            tally.repeated,
            tally.garbled,
        ] {
            assert!((800..1200).contains(&count), "{tally:?}");
        }
    }

    #[test]
    fn at_a_hundred_percent_it_always_happens_and_at_none_never() {
        let mut faults = Faults::none();
        faults.lost_requests = 100;
        let chaos =
            Chaos::new(3, faults, Arc::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH)));
        assert!((0..1000).all(|_| chaos.fate().request_lost));
        chaos.set_faults(Faults::none());
        assert!((0..1000).all(|_| !chaos.fate().request_lost));
        assert_eq!(
            chaos.tally(),
            Tally { exchanges: 2000, lost_requests: 1000, ..Tally::default() }
        );
    }
}
