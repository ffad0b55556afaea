//! When something is sent again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::Error;
use crate::transport::{StatusError, TransportError, TransportErrorKind};

/// How often and how long a call is tried. What may be sent again at all stands with [the
/// clients](super).
///
/// ```
/// use std::time::Duration;
/// use keyferry::hermod::client::RetryPolicy;
///
/// let mut patient = RetryPolicy::default();
/// patient.budget = Duration::from_secs(300);
/// patient.attempts = 10;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Most attempts, the first included: 4. Nought is one.
    pub attempts: u32,
    /// The first pause: half a second. Each doubles, and each is made shorter by up to its half, at
    /// random, so that those who failed together do not come back together.
    pub first_pause: Duration,
    /// The longest pause, unless the other side asks for a longer one: 10 seconds.
    pub max_pause: Duration,
    /// From the first step to the last: 60 seconds. An attempt that would begin later is not made,
    /// and one that is made has what is left. The first has its whole time, whatever this says; the
    /// time that a long poll is to wait comes on top.
    pub budget: Duration,
}

impl RetryPolicy {
    /// The default.
    pub const DEFAULT: Self = Self {
        attempts: 4,
        first_pause: Duration::from_millis(500),
        max_pause: Duration::from_secs(10),
        budget: Duration::from_secs(60),
    };
    /// One attempt.
    pub const NEVER: Self = Self { attempts: 1, ..Self::DEFAULT };
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a call may be sent again after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Only after an attempt that certainly sent nothing: twice would be two.
    IfNotSent,
    /// After whatever may pass: twice is the same as once.
    Always,
}

impl Repeat {
    pub(super) fn allows(self, error: &Error) -> bool {
        match self {
            Self::IfNotSent => TransportError::of(error)
                .is_some_and(|failure| failure.kind() == TransportErrorKind::Unreachable),
            Self::Always => may_pass(error),
        }
    }
}

/// Whether the same request may fare better a little later.
pub(super) fn may_pass(error: &Error) -> bool {
    if let Some(failure) = TransportError::of(error) {
        return matches!(
            failure.kind(),
            TransportErrorKind::Unreachable
                | TransportErrorKind::Timeout
                | TransportErrorKind::Broken
        );
    }
    let redirected = StatusError::of(error).is_some_and(|answer| answer.status().is_redirection());
    error.is_retryable() && !redirected
}

/// The pause after so many failures: doubled each time up to `most`, `share` of its second half (in
/// 65,536ths), and never less than was asked for.
pub(super) fn pause(
    (first, most): (Duration, Duration),
    failures: u32,
    asked: Option<Duration>,
    share: u16,
) -> Duration {
    let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let half = first.saturating_mul(doubled).min(most) / 2;
    half.max(asked.unwrap_or_default()).saturating_add(half / 65_536 * u32::from(share))
}

/// A share of 65,536: from the keys that the standard library draws for its maps.
pub(super) fn random_share() -> u16 {
    let [one, two, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([one, two])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

    #[test]
    fn pauses_double_up_to_the_cap_and_differ_by_up_to_the_half() {
        for (failures, whole) in [(1, 2), (2, 4), (3, 8), (4, 10), (33, 10), (u32::MAX, 10)] {
            let whole = Duration::from_secs(whole);
            assert_eq!(pause(SECONDS, failures, None, 0), whole / 2);
            let longest = pause(SECONDS, failures, None, u16::MAX);
            assert!(longest > whole * 9 / 10 && longest <= whole, "{longest:?}");
        }
    }

    #[test]
    fn a_pause_is_never_shorter_than_was_asked_for() {
        for share in [0, 1, u16::MAX] {
            let asked = Duration::from_secs(30);
            let pause = pause(SECONDS, 1, Some(asked), share);
            assert!(pause >= asked && pause <= asked + Duration::from_secs(1));
        }
        assert_eq!(super::pause(SECONDS, 1, Some(Duration::MAX), u16::MAX), Duration::MAX);
    }

    #[test]
    fn shares_are_not_all_the_same() {
        let first = random_share();
        assert!((0..64).any(|_| random_share() != first));
    }
}
