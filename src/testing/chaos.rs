//! What goes wrong, how often, and when.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::random::Random;
use super::{ChaosTransport, ChaosWire};
use crate::Clock;
use crate::transport::Transport;

/// How often each thing goes wrong, in percent of the exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// No connection: the caller knows that nothing arrived.
    pub unreachable: u8,
    /// The request never arrives; the caller does not know.
    pub lost_requests: u8,
    /// The request arrives, its answer does not.
    pub lost_answers: u8,
    /// The request waits before it is sent, so that later ones overtake it.
    pub delayed: u8,
    /// The request arrives twice: once more after its answer, before the caller's next one.
    pub repeated: u8,
    /// The answer is damaged: a byte of it, or its end. Of a wire there are no bytes; there it
    /// is lost.
    pub garbled: u8,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Each fault this often.
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

/// What went wrong so far, in exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// All exchanges.
    pub exchanges: u64,
    /// Those without a connection.
    pub unreachable: u64,
    /// Those whose request did not arrive.
    pub lost_requests: u64,
    /// Those whose answer did not arrive.
    pub lost_answers: u64,
    /// Those that waited.
    pub delayed: u64,
    /// Those that arrived twice.
    pub repeated: u64,
    /// Those whose answer was damaged.
    pub garbled: u64,
}

/// A source of faults. Its clones are the same source. With the same seed, and the same exchanges
/// in the same order, the same goes wrong.
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

/// What happens to one exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) delay: Option<Duration>,
    pub(super) unreachable: bool,
    pub(super) request_lost: bool,
    pub(super) answer_lost: bool,
    pub(super) repeated: bool,
    /// A number to make the damage from.
    pub(super) garbled: Option<u64>,
}

impl Chaos {
    /// Faults at these rates. Delays are waited for on `clock`, up to ten seconds of it.
    #[must_use]
    pub fn new(seed: u64, faults: Faults, clock: Arc<dyn Clock>) -> Self {
        let state = State { faults, random: Random::new(seed), tally: Tally::default() };
        Self(Arc::new(Inner {
            clock,
            longest_delay: Duration::from_secs(10),
            state: Mutex::new(state),
        }))
    }

    /// Other rates from now on: none, to see that everything comes to rest.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What went wrong so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    /// A transport on which this goes wrong.
    #[must_use]
    pub fn transport(&self, transport: Arc<dyn Transport>) -> ChaosTransport {
        ChaosTransport::new(self.clone(), transport)
    }

    /// A wire on which this goes wrong: a [`CommandApi`](crate::hermod::wire::CommandApi), a
    /// [`MailboxApi`](crate::hermod::wire::MailboxApi) or a
    /// [`CallbackApi`](crate::hermod::wire::CallbackApi).
    #[must_use]
    pub fn wire<W: Send + Sync>(&self, wire: W) -> ChaosWire<W> {
        ChaosWire::new(self.clone(), wire)
    }

    /// Decides about one exchange. One thing at most goes wrong with it, beside a delay.
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
            // What comes after counts from the end of this one; nothing does after a hit.
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
