//! How much and how long.

use std::fmt;
use std::time::Duration;

use crate::Error;

/// Limits of a server, all ours. What stands above them is refused with the status that is named.
///
/// Time in the head of a request, and what an idle connection may take, are the business of what
/// accepts connections: see [the module](super).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Header fields of a request: 64. Above: 431.
    pub header_count: usize,
    /// Bytes of names and values of the header fields: 16 KiB. Above: 431.
    pub header_bytes: usize,
    /// Bytes of path and query: 4 KiB. Above: 414.
    pub uri_bytes: usize,
    /// Bytes of a body: 1 MiB. Above: 413.
    pub body_bytes: usize,
    /// Bytes of a body that may hold pictures, such as that of a provision command: 4 MiB. Above: 413.
    pub large_body_bytes: usize,
    /// Bytes of the body of a callback, which holds an answer and more: 2 MiB. Above: 413.
    pub callback_bytes: usize,
    /// From the gate to the last byte of the body: 30 seconds. Later: 408.
    pub body_time: Duration,
    /// How long a gate, and then a handler, may take; a long poll so much longer than it was to
    /// wait: 30 seconds. Later: 503. What changes something runs to its end all the same.
    pub handle_time: Duration,
    /// Requests that are under way, without long polls: 1024. Above: 503.
    pub concurrent: usize,
    /// Long polls that wait: 20,000. Above: 503.
    pub long_polls: usize,
    /// Requests of one tenant (the id of an API key, the user of HTTP Basic): 500 a second, 1000 at
    /// once. Above: 429.
    pub tenant_rate: Rate,
    /// Requests of one tenant that are under way: 64. Above: 429.
    pub tenant_concurrent: usize,
    /// Requests with one token of a device: 20 a second, 100 at once. Above: 429.
    pub device_rate: Rate,
    /// Requests with one token that are under way, without long polls: 8. Above: 429.
    pub device_concurrent: usize,
    /// Long polls with one token: 8. Above: 429.
    pub device_long_polls: usize,
    /// Credentials from one client address that do not fit: 1 a second, 20 at once. Above, others
    /// from there are not tried: 429. One that has fitted from there before is tried all the same.
    /// Where the address is not known ([`PeerAddr`](super::PeerAddr)), nothing is slowed.
    pub failed_rate: Rate,
    /// Lines a minute in the log about what one client address, or all whose address is not known,
    /// was refused without a proved credential: 5. The first one of the next minute has the number
    /// of those that were left out, which are logged at `debug`.
    pub refusals_logged: u32,
    /// Callers whose rate is remembered, each of which takes some 50 bytes: 65,536. One that so
    /// many others came after is forgotten, and begins anew.
    pub callers: usize,
    /// Callbacks that are remembered so that repeats can be dropped, each of which takes some 50
    /// bytes: 65,536. A repeat of one that was forgotten is handed on again.
    pub callbacks: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_count: 64,
            header_bytes: 16 * 1024,
            uri_bytes: 4 * 1024,
            body_bytes: 1024 * 1024,
            large_body_bytes: 4 * 1024 * 1024,
            callback_bytes: 2 * 1024 * 1024,
            body_time: Duration::from_secs(30),
            handle_time: Duration::from_secs(30),
            concurrent: 1024,
            long_polls: 20_000,
            tenant_rate: Rate::new(500, 1000),
            tenant_concurrent: 64,
            device_rate: Rate::new(20, 100),
            device_concurrent: 8,
            device_long_polls: 8,
            failed_rate: Rate::new(1, 20),
            refusals_logged: 5,
            callers: 65_536,
            callbacks: 65_536,
        }
    }
}

/// A rate: so many a second in the long run, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once; each at least one.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.max(1), burst: burst.max(1) }
    }

    /// No limit.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(u32::MAX, u32::MAX)
    }

    /// What the log calls it.
    fn describe(self) -> String {
        format!("{} a second, {} at once", self.per_second, self.burst)
    }

    /// The time that one takes.
    pub(crate) fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second
    }

    /// How far ahead of time somebody may be.
    pub(crate) fn ahead(self) -> Duration {
        self.interval().saturating_mul(self.burst - 1)
    }
}

/// The limit that a request met, as the source of the error that it is refused with.
#[derive(Debug)]
pub(crate) struct LimitMet {
    /// The field of [`ServerLimits`].
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) value: String,
}

impl LimitMet {
    pub(crate) fn new(name: &'static str, value: impl ToString) -> Self {
        Self { name, value: value.to_string() }
    }

    pub(crate) fn time(name: &'static str, value: Duration) -> Self {
        Self { name, value: format!("{value:?}") }
    }

    pub(crate) fn rate(name: &'static str, rate: Rate) -> Self {
        Self { name, value: rate.describe() }
    }

    /// The limit that an error names.
    pub(crate) fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl fmt::Display for LimitMet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.name, self.value)
    }
}

impl std::error::Error for LimitMet {}
