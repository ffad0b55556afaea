//! Counts wrong credentials by client address.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::AUTHORIZATION;

use super::Rate;
use super::limits::LimitMet;
use super::proxies::AddressKey;
use crate::server::two_generation_map::TwoGenerationMap;
use crate::{Class, Error, MonotonicTime};

/// The interval over which the log lines of one address are counted.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// How often credentials from each address were wrong, and how many lines were logged about it.
pub(super) struct Failures {
    rate: Rate,
    log_lines: u32,
    state: Mutex<State>,
}

struct State {
    /// When the budget of an address is full again, as in [`Callers`](crate::server::rate).
    full: TwoGenerationMap<MonotonicTime>,
    /// Valid credentials with the address that they came from. The failures of others at the same
    /// address do not delay them.
    fitting: TwoGenerationMap<()>,
    logged: TwoGenerationMap<Logged>,
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
            full: TwoGenerationMap::new(remembered),
            fitting: TwoGenerationMap::new(remembered),
            logged: TwoGenerationMap::new(remembered),
        };
        Self { rate, log_lines, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks whether a credential from this address may be tried.
    ///
    /// # Errors
    /// Class `rate` while too many from there were wrong, unless this one was valid before.
    pub(super) fn check(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        now: MonotonicTime,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let key = state.full.key(&AddressKey::of(address));
        let Some(full) = state.full.get(key).copied() else { return Ok(()) };
        let Some(pause) = self.rate.exceeded(full.saturating_duration_since(now)) else {
            return Ok(());
        };
        let fitting = state.fitting.key(&name_of(address, headers));
        if state.fitting.get(fitting).is_some() {
            return Ok(());
        }
        Err(Error::new(Class::Rate, "", "too many credentials that do not fit")
            .with_retry_after(pause)
            .with_source(LimitMet::rate("failed_rate", self.rate)))
    }

    /// Records a wrong credential.
    pub(super) fn failed(&self, address: IpAddr, now: MonotonicTime) {
        let mut state = self.state();
        let key = state.full.key(&AddressKey::of(address));
        let (interval, most) = (self.rate.interval(), self.rate.ahead() + self.rate.interval());
        let full = state.full.get(key).map_or(now, |full| (*full).max(now));
        state.full.insert(key, full.saturating_add(interval).min(now.saturating_add(most)));
    }

    /// Records a valid credential.
    pub(super) fn fitted(&self, address: IpAddr, headers: &HeaderMap) {
        let mut state = self.state();
        let key = state.fitting.key(&name_of(address, headers));
        state.fitting.insert(key, ());
    }

    /// Whether to log a refusal without a valid credential, and how many lines were left out since
    /// the last one.
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

/// Identifies a credential by the address and the headers that carry credentials.
fn name_of(address: IpAddr, headers: &HeaderMap) -> (AddressKey, Option<&[u8]>, Option<&[u8]>) {
    let header = |name: &str| headers.get(name).map(::http::HeaderValue::as_bytes);
    (AddressKey::of(address), header("x-api-key"), header(AUTHORIZATION.as_str()))
}

#[cfg(test)]
mod tests;
