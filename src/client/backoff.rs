//! The pause before another attempt: exponential back-off with full jitter.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A back-off: the first limit of a pause and the largest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The pause after `failures` attempts.
    ///
    /// It is drawn evenly from zero to a limit that doubles with each failure up to [`max`]
    /// (full jitter), so that callers that failed together do not return together. If the other
    /// side asked for a pause, that much is added in front of it.
    ///
    /// [`max`]: Self::max
    pub(crate) fn pause(self, failures: u32, asked: Option<Duration>) -> Duration {
        self.pause_with(failures, asked, jitter())
    }

    /// The same for a given draw, in 65,536ths of the limit.
    fn pause_with(self, failures: u32, asked: Option<Duration>, jitter: u16) -> Duration {
        let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let limit = self.first.saturating_mul(doubled).min(self.max);
        asked.unwrap_or_default().saturating_add(limit / 65_536 * u32::from(jitter))
    }
}

/// A random share of 65,536, from the keys that the standard library draws for its maps. It spreads
/// load and is no secret.
fn jitter() -> u16 {
    let [one, two, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([one, two])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_secs(2), max: Duration::from_secs(10) };

    #[test]
    fn limits_double_up_to_the_largest_and_pauses_spread_over_all_of_them() {
        for (failures, limit) in [(1, 2), (2, 4), (3, 8), (4, 10), (33, 10), (u32::MAX, 10)] {
            let limit = Duration::from_secs(limit);
            assert_eq!(BACKOFF.pause_with(failures, None, 0), Duration::ZERO);
            let longest = BACKOFF.pause_with(failures, None, u16::MAX);
            assert!(longest > limit * 9 / 10 && longest <= limit, "{longest:?}");
        }
    }

    #[test]
    fn a_pause_is_never_shorter_than_was_asked_for() {
        for jitter in [0, 1, u16::MAX] {
            let asked = Duration::from_secs(30);
            let pause = BACKOFF.pause_with(1, Some(asked), jitter);
            assert!(pause >= asked && pause <= asked + Duration::from_secs(2));
        }
        assert_eq!(BACKOFF.pause_with(1, Some(Duration::MAX), u16::MAX), Duration::MAX);
    }

    #[test]
    fn draws_are_not_all_the_same() {
        let first = jitter();
        assert!((0..64).any(|_| jitter() != first));
    }
}
