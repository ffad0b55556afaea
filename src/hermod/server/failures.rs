//! Credentials that did not fit, by the address that they came from.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::AUTHORIZATION;

use super::Rate;
use super::generations::Generations;
use super::limits::LimitMet;
use super::proxies::AddressKey;
use crate::{Class, Error, MonotonicTime};

/// How long the lines of one address are counted together.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// How often credentials from one address have failed, and what of it was logged.
pub(super) struct Failures {
    rate: Rate,
    log_lines: u32,
    state: Mutex<State>,
}

struct State {
    /// When the budget of an address will be full again, as in [`Callers`](super::callers).
    full: Generations<MonotonicTime>,
    /// Credentials that fitted, each with the address that it came from: those are not slowed by
    /// the failures of others at the same address.
    fitting: Generations<()>,
    logged: Generations<Logged>,
}

/// The lines of one address in the current interval.
struct Logged {
    since: MonotonicTime,
    lines: u32,
    left_out: u64,
}

impl Failures {
    pub(super) fn new(rate: Rate, log_lines: u32, remembered: usize) -> Self {
        let state = State {
            full: Generations::new(remembered),
            fitting: Generations::new(remembered),
            logged: Generations::new(remembered),
        };
        Self { rate, log_lines, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a credential from this address may be tried.
    ///
    /// # Errors
    /// Class `rate` while too many have failed, unless this one has fitted before.
    pub(super) fn check(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        now: MonotonicTime,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let key = state.full.key(&AddressKey::of(address));
        let Some(full) = state.full.get(key).copied() else { return Ok(()) };
        let (ahead, early) = (self.rate.ahead(), full.saturating_duration_since(now));
        if early <= ahead {
            return Ok(());
        }
        let fitting = state.fitting.key(&name_of(address, headers));
        if state.fitting.get(fitting).is_some() {
            return Ok(());
        }
        Err(Error::new(Class::Rate, "", "too many credentials that do not fit")
            .with_retry_after(early - ahead)
            .with_source(LimitMet::rate("failed_rate", self.rate)))
    }

    /// One did not fit.
    pub(super) fn failed(&self, address: IpAddr, now: MonotonicTime) {
        let mut state = self.state();
        let key = state.full.key(&AddressKey::of(address));
        let (interval, most) = (self.rate.interval(), self.rate.ahead() + self.rate.interval());
        let full = state.full.get(key).map_or(now, |full| (*full).max(now));
        state.full.insert(key, full.saturating_add(interval).min(now.saturating_add(most)));
    }

    /// One fitted.
    pub(super) fn fitted(&self, address: IpAddr, headers: &HeaderMap) {
        let mut state = self.state();
        let key = state.fitting.key(&name_of(address, headers));
        state.fitting.insert(key, ());
    }

    /// Whether a refusal of what has proved nothing is logged, and how many were left out since the
    /// last that was.
    pub(super) fn log(&self, address: Option<IpAddr>, now: MonotonicTime) -> Option<u64> {
        let mut state = self.state();
        let key = state.logged.key(&address.map(AddressKey::of));
        match state.logged.get(key) {
            Some(logged) if now.saturating_duration_since(logged.since) < LOG_INTERVAL => {
                if logged.lines < self.log_lines {
                    logged.lines += 1;
                    return Some(0);
                }
                logged.left_out += 1;
                None
            }
            Some(logged) => {
                let left_out = std::mem::take(&mut logged.left_out);
                (logged.since, logged.lines) = (now, 1);
                Some(left_out)
            }
            None => {
                state.logged.insert(key, Logged { since: now, lines: 1, left_out: 0 });
                Some(0)
            }
        }
    }
}

/// What tells one credential from another: an address and the headers that carry one.
fn name_of(address: IpAddr, headers: &HeaderMap) -> (AddressKey, Option<&[u8]>, Option<&[u8]>) {
    let header = |name: &str| headers.get(name).map(::http::HeaderValue::as_bytes);
    (AddressKey::of(address), header("x-api-key"), header(AUTHORIZATION.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> MonotonicTime {
        MonotonicTime::since_start(Duration::from_secs(secs))
    }

    fn with_key(key: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", key.parse().unwrap());
        headers
    }

    #[test]
    fn failures_slow_their_address_and_no_other() {
        let failures = Failures::new(Rate::new(1, 3), 2, 64);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let (good, wrong) = (with_key("good"), with_key("wrong"));
        failures.fitted(one, &good);
        for _ in 0..3 {
            failures.check(one, &wrong, at(0)).unwrap();
            failures.failed(one, at(0));
        }
        let error = failures.check(one, &wrong, at(0)).unwrap_err();
        assert_eq!(
            (error.class(), error.retry_after()),
            (Class::Rate, Some(Duration::from_secs(1)))
        );
        failures.check(other, &wrong, at(0)).unwrap();
        // What fitted before is not slowed, and only where it did.
        failures.check(one, &good, at(0)).unwrap();
        assert!(failures.check("2001:db8::1".parse().unwrap(), &good, at(0)).is_ok());
        failures.check(one, &wrong, at(1)).unwrap();
        failures.failed(one, at(1));
        assert!(failures.check(one, &wrong, at(1)).is_err());
    }

    #[test]
    fn the_lines_of_one_address_are_bounded_and_counted() {
        let failures = Failures::new(Rate::new(1, 3), 2, 64);
        let one = Some("192.0.2.1".parse().unwrap());
        let lines: Vec<_> = (0..100).map(|_| failures.log(one, at(0))).collect();
        assert_eq!(lines.iter().flatten().count(), 2);
        assert_eq!(failures.log(Some("192.0.2.2".parse().unwrap()), at(0)), Some(0));
        assert_eq!(failures.log(None, at(0)), Some(0));
        assert_eq!(failures.log(one, at(59)), None);
        assert_eq!(failures.log(one, at(60)), Some(99));
        assert_eq!(failures.log(one, at(60)), Some(0));
        assert_eq!(failures.log(one, at(60)), None);
    }
}
